"""C for integer features and filters: calls into ``runtime/features``, specialised to the window.

Every signal is scanned once for all sums its features share; signals with the same features share one
function. Where windows overlap, sums are joined from those of their panes (``codegen/panes.py``). Only what
is called is compiled: the runtime consists of static inline functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sensorai.codegen import panes
from sensorai.codegen.panes import Overlap, Part, function, offset
from sensorai.codegen.parts import CodeParts, Table
from sensorai.errors import ConfigError
from sensorai.features import catalogue, spectrum
from sensorai.features.catalogue import IntFeature, Quantity
from sensorai.features.filters import IntFilter
from sensorai.features.integer import log2_ceil
from sensorai.writing import clang

#: What a feature is in C, from the stats ``s`` of a signal ``x`` of n samples and its spectrum ``bins``.
_EXPRESSION: dict[str, Callable[[_Signal, IntFeature], str]] = {
    "MEAN": lambda g, f: "s->sum",
    "VARIANCE": lambda g, f: f"sa_variance(s, {g.n}U, {log2_ceil(g.n)}U)",
    "ENERGY": lambda g, f: f"sa_energy(s, {log2_ceil(g.n)}U)",
    "RMS": lambda g, f: f"sa_rms(s, {log2_ceil(g.n)}U)",
    "STD": lambda g, f: f"sa_std(s, {g.n}U, {log2_ceil(g.n)}U)",
    "MINIMUM": lambda g, f: "s->min",
    "MAXIMUM": lambda g, f: "s->max",
    "PEAK_TO_PEAK": lambda g, f: "s->max - s->min",
    "PEAK": lambda g, f: f"sa_peak(s, {g.n}U)",
    "CREST_FACTOR": lambda g, f: f"sa_crest_factor(s, {g.n}U)",
    "SKEWNESS": lambda g, f: f"sa_skewness(s, &m, {g.n}U)",
    "KURTOSIS": lambda g, f: f"sa_kurtosis(s, &m, {g.n}U)",
    "ZERO_CROSSING": lambda g, f: f"sa_zero_crossings(x, {g.n}U, {g.stride}U, {f.threshold})",
    "MEAN_CROSSING": lambda g, f: f"sa_mean_crossings(x, {g.n}U, {g.stride}U, s->sum, {f.threshold})",
    "PEAKS": lambda g, f: f"sa_peaks(x, {g.n}U, {g.stride}U, {f.threshold})",
    "TREND": lambda g, f: f"sa_trend(x, {g.n}U, {g.stride}U)",
    "DOMINANT_BIN": lambda g, f: f"sa_dominant_bin(bins, {g.edges(f)})",
    "DOMINANT_BIN_2": lambda g, f: f"sa_peak_bin(bins, {g.edges(f)}, 2U)",
    "DOMINANT_BIN_3": lambda g, f: f"sa_peak_bin(bins, {g.edges(f)}, 3U)",
    "BAND_ENERGY": lambda g, f: f"sa_band_energy(bins, {g.edges(f)}, left)",
    "BAND_RMS": lambda g, f: f"sa_band_rms(bins, {g.edges(f)}, left)",
    "BAND_LOG": lambda g, f: f"sa_band_log(bins, {g.edges(f)}, left)",
}

_FLAGS = {"SUM": "SA_SUM", "SQUARES": "SA_SQUARES", "LIMITS": "SA_LIMITS"}

_POWERS = {"THIRD": "SA_THIRD", "FOURTH": "SA_FOURTH"}

_FILES = {
    "sa_scan(": "features/sa_scan.h",
    "sa_norm(": "features/sa_signal.h",
    "sa_jerk(": "features/sa_signal.h",
    "sa_envelope(": "features/sa_signal.h",
    "sa_peak(": "features/sa_moments.h",
    "sa_crest_factor(": "features/sa_moments.h",
    "sa_moments_of(": "features/sa_moments.h",
    "sa_zero_crossings(": "features/sa_scan.h",
    "sa_peaks(": "features/sa_scan.h",
    "sa_trend(": "features/sa_scan.h",
    "sa_correlation(": "features/sa_correlation.h",
    "sa_pane_": "features/sa_panes.h",
    "sa_fft(": "features/sa_spectrum.h",
    "sa_band_log(": "features/sa_log.h",
}


@dataclass(slots=True)
class _Signal:
    """One signal of the window with its features and the places of their results."""

    key: tuple[str, tuple[int, ...]]
    n: int
    stride: int
    outputs: list[tuple[int, IntFeature, Quantity]] = field(default_factory=list)
    correlated: bool = False
    panes: int = 0  # that its sums are joined from
    skip: int = 0  # samples of the window before its first

    @property
    def length(self) -> int:
        return spectrum.spectrum_length(self.n)

    @property
    def spectral(self) -> bool:
        return any(quantity.takes == "band" for _, _, quantity in self.outputs)

    @property
    def joined(self) -> bool:
        """Whether its sums come from panes."""
        return self.panes > 0 and bool(self.flags())

    @property
    def read(self) -> bool:
        """Whether its samples are needed."""
        kind = next(signal for signal in catalogue.SIGNALS if signal.prefix == self.key[0])
        return not self.joined or any(panes.reads_samples(kind, quantity) for _, _, quantity in self.outputs)

    @property
    def base(self) -> int:
        """Where the first result goes."""
        return min((place for place, _, _ in self.outputs), default=0)

    def edges(self, feature: IntFeature) -> str:
        low, high = feature.band or (1, self.length // 2)
        return f"{low}U, {high}U"

    def flags(self, known: Mapping[str, str] = _FLAGS) -> str:
        """Sums that a pass over the signal must make, as C."""
        needs = {need for _, _, quantity in self.outputs for need in quantity.needs}
        needs |= {"SUM", "SQUARES"} if self.correlated else set()
        return " | ".join(flag for need, flag in known.items() if need in needs)

    def arguments(self, pointer: str, stats: str, part: Part | None) -> str:
        """Arguments of a call of the function whose `parameters` these are."""
        out = f"out + {self.base}" if self.base else "out"
        parts = [pointer if self.read else "", out if self.outputs else "", "bins" if self.spectral else ""]
        parts.append(stats if self.correlated else "")
        if part is not None:
            parts.append(offset("panes->word", part.start))
            parts.append("panes->at" if part.differences else "")
        return ", ".join(one for one in parts if one)

    def parameters(self) -> str:
        parts = ["const int16_t *x" if self.read else "", "int32_t *out" if self.outputs else ""]
        parts += ["uint32_t *bins" if self.spectral else "", "sa_stats *s" if self.correlated else ""]
        if self.joined:
            parts.append("const uint32_t *pane")
            parts.append("uint32_t oldest" if self.key[0].endswith("JERK_") else "")
        return ", ".join(part for part in parts if part)

    def body(self, sine: str, quarter: int) -> list[str]:
        """Return the lines of the function; equal lines mean that one function serves two signals."""
        lines, declared = [], []
        flags = self.flags()
        stats = "s"
        if flags and not self.correlated:
            declared.append("sa_stats stats;")
            declared.append("sa_stats *s = &stats;")
        if self.joined:
            lines.append(f"sa_pane_join(pane, {self.panes}U, {flags}, s);")
            if self.key[0].endswith("JERK_"):
                edges = offset("pane", panes.words(flags) * self.panes)
                lines.append(f"sa_pane_edges({edges}, {self.panes}U, oldest, {flags}, s);")
        elif flags:
            lines.append(f"sa_scan(x, {self.n}U, {self.stride}U, {flags}, s);")
        if powers := self.flags(_POWERS):
            declared.append("sa_moments m;")
            lines.append(f"sa_moments_of(x, {self.n}U, {self.stride}U, {powers}, s, &m);")
        if self.spectral:
            n, first, points = min(self.n, self.length), "x", self.length // 2
            if n < self.n:
                declared.append("sa_stats newest;")
                first, stats = f"x + {(self.n - n) * self.stride}", "newest"
                lines.append(f"sa_scan({first}, {n}U, {self.stride}U, SA_SUM | SA_LIMITS, &newest);")
            mark = "->" if stats == "s" else "."
            sums = ", ".join(f"{stats}{mark}{name}" for name in ("sum", "min", "max"))
            energy = any(quantity.name.startswith("BAND_") for _, _, quantity in self.outputs)
            if energy:
                declared.append("int32_t left;")
            target = "left = " if energy else "(void)"
            lines.append(f"{target}sa_fft_load({first}, {n}U, {self.stride}U, {sums}, bins, {points}U);")
            lines.append(f"sa_fft(bins, {points}U, {sine}, {quarter}U);")
            lines.append(f"sa_fft_power(bins, {points}U, {sine}, {quarter}U);")
        for place, feature, quantity in sorted(self.outputs, key=lambda output: output[0]):
            expression = _EXPRESSION[quantity.name](self, feature)
            lines.append(f"out[{place - self.base}] = {expression};")
        return [*declared, "", *lines] if declared else lines


def emit_features(
    features: Sequence[IntFeature], window: int, channels: int, prefix: str, shared: Overlap | None = None
) -> CodeParts:
    """Emit the C function that computes features of a window.

    ``static void PREFIX_features(const int16_t *window, int32_t *out, uint8_t *arena)``: the window holds
    ``window * channels`` counts, oldest sample first; results are in the order of `features`, equal to
    `catalogue.table`.

    With `shared`, a context also holds ``PREFIX_panes_t panes`` (in the header), and ``&panes`` comes before
    ``out``. ``PREFIX_panes_init(&panes)`` comes first; ``PREFIX_norms(sample)`` (where there are norms) adds
    to every sample what lies behind its channels; ``PREFIX_pane(&panes, newest, arena)`` follows every whole
    stride. The window is not passed where the plan does not hold it.

    Parameters
    ----------
    features : sequence of IntFeature
        At least one.
    window : int
        Samples.
    channels : int
    prefix : str
        C identifier.
    shared : Overlap, optional
        Of the same features, window and channels.

    Raises
    ------
    ConfigError
        No features, or one that `catalogue.check` refuses.
    """
    if not features:
        raise ConfigError("there are no features to emit", where="features")
    signals, pairs = _plan(features, window, channels, shared)
    parts, products = _parts(signals, pairs, shared)
    longest = max((g.length for g in signals if g.spectral), default=4)
    derived = -(-2 * max((_room(g, window, shared) for g in signals), default=0) // 4) * 4
    arena = derived + max((4 * (g.length // 2 + 1) for g in signals if g.spectral), default=0)
    functions: dict[tuple[str, ...], str] = {}
    text, calls = [], []
    for before, signal in zip([None, *signals], signals, strict=False):
        body = (signal.parameters(), *signal.body(f"{prefix}_sine", longest // 4))
        if body not in functions:
            functions[body] = f"{prefix}_signal{len(functions)}"
            text.append(function(f"static void {functions[body]}({body[0]})", body[1:]))
        calls += _derive(signal, before, window, channels, shared)
        arguments = signal.arguments(_pointer(signal, shared), f"&s{signal.key[1][0]}", parts.get(signal.key))
        calls.append(f"{functions[body]}({arguments});")
    declared = [f"sa_stats s{g.key[1][0]};" for g in signals if g.correlated]
    declared += [f"sa_deviation d{g.key[1][0]};" for g in signals if g.correlated]
    if derived:
        declared.append("int16_t *signal = (int16_t *)(void *)arena;")
    if arena > derived:
        declared.append(f"uint32_t *bins = (uint32_t *)(void *)({offset('arena', derived)});")
    calls += [
        f"sa_deviation_of(&s{g.key[1][0]}, {window}U, &d{g.key[1][0]});" for g in signals if g.correlated
    ]
    for k, (place, (a, b)) in enumerate(pairs):
        if shared is None:
            data = f"sa_products({offset('window', a)}, {offset('window', b)}, {window}U, {channels}U)"
        else:
            data = f"sa_pane_products({offset('panes->word', products[k][0])}, {shared.panes}U)"
        calls.append(f"out[{place}] = sa_correlation({data}, {window}U, &s{a}, &s{b}, &d{a}, &d{b});")
    if not arena:
        calls.append("(void)arena;")
    passed = ["const int16_t *window"] if shared is None or shared.held else []
    passed += [f"const {prefix}_panes_t *panes"] if shared else []
    if shared and not parts and not products:
        calls.append("(void)panes;")
    head = f"static void {prefix}_features({', '.join(passed)}, int32_t *out, uint8_t *arena)"
    text.append(function(head, [*declared, "", *calls] if declared else calls))
    header = ""
    if shared:
        header, more, needed = panes.emit_panes(shared, list(parts.values()), products, prefix)
        text.insert(0, more)
        arena = max(arena, needed)
    source = "\n\n".join(text)
    return CodeParts(
        header=header,
        source=source,
        definitions=(_sine(prefix, longest),) if any(g.spectral for g in signals) else (),
        runtime=_runtime(source),
        arena_bytes=arena,
        arena_align=4 if any(g.spectral for g in signals) else 2,
    )


def _plan(
    features: Sequence[IntFeature], window: int, channels: int, shared: Overlap | None
) -> tuple[list[_Signal], list[tuple[int, tuple[int, int]]]]:
    """Sort features by signal: axes first, then each norm before its jerk, so that it is computed once."""
    found: dict[tuple[str, tuple[int, ...]], _Signal] = {}
    pairs = []

    def signal_of(prefix: str, inputs: tuple[int, ...], n: int) -> _Signal:
        stride = channels if prefix in ("", *panes.THIRDS) else 1
        if shared and prefix in ("", "NORM_", *panes.THIRDS):
            stride = shared.width
        count = shared.panes if shared and panes.paned(prefix) else 0
        skip = window - n if prefix == "END_" else 0
        return found.setdefault(
            (prefix, inputs), _Signal((prefix, inputs), n, stride, panes=count, skip=skip)
        )

    for place, feature in enumerate(features):
        catalogue.check(feature, window, channels)
        kind, quantity = catalogue.row(feature)
        if quantity.inputs == 2:
            a, b = feature.inputs
            pairs.append((place, (a, b)))
            for channel in (a, b):
                signal_of("", (channel,), window).correlated = True
        else:
            group = signal_of(kind.prefix, feature.inputs, catalogue.samples(feature, window))
            group.outputs.append((place, feature, quantity))
    order = {"": 0, "START_": 0, "END_": 0, "JERK_": 1, "ENVELOPE_": 1, "NORM_": 2, "NORM_JERK_": 2}
    return sorted(found.values(), key=lambda g: (order[g.key[0]], g.key[1], g.key[0])), pairs


def _parts(
    signals: Sequence[_Signal], pairs: Sequence[tuple[int, tuple[int, int]]], shared: Overlap | None
) -> tuple[dict[tuple[str, tuple[int, ...]], Part], list[tuple[int, int, int]]]:
    """Return the words of each signal in the state of the panes, and behind them those of each product."""
    parts: dict[tuple[str, tuple[int, ...]], Part] = {}
    products: list[tuple[int, int, int]] = []
    if shared is None:
        return parts, products
    start = 0
    for signal in signals:
        if signal.joined:
            kind, inputs = signal.key
            parts[signal.key] = Part(kind, shared.place(kind, inputs), signal.flags(), start)
            start += parts[signal.key].size(shared.panes)
    for _, (a, b) in pairs:
        products.append((start, a, b))
        start += 2 * shared.panes
    return parts, products


def _room(signal: _Signal, window: int, shared: Overlap | None) -> int:
    """Samples of the arena that a derived signal takes."""
    kind = signal.key[0]
    if kind in ("", *panes.THIRDS) or not signal.read or (shared and kind == "NORM_"):
        return 0
    # a norm lies there whole before its differences take its place
    return window if kind.startswith("NORM_") and shared is None else signal.n


def _pointer(signal: _Signal, shared: Overlap | None) -> str:
    """Where the samples of a signal begin."""
    kind, inputs = signal.key
    if kind in panes.THIRDS:
        return offset("window", inputs[0] + signal.skip * signal.stride)
    if shared and kind == "NORM_":
        return offset("window", shared.place(kind, inputs))
    return "signal" if kind else offset("window", inputs[0])


def _derive(
    signal: _Signal, before: _Signal | None, window: int, channels: int, shared: Overlap | None
) -> list[str]:
    """Return the lines that put a derived signal into the arena; `before` is what lies there."""
    prefix, inputs = signal.key
    if prefix in panes.THIRDS:
        return []
    if shared is not None:
        if prefix in ("", "NORM_") or not signal.read:
            return []
        source = offset("window", shared.place(prefix, inputs))
        call = "sa_envelope" if prefix == "ENVELOPE_" else "sa_jerk"
        return [f"{call}({source}, {window}U, {shared.width}U, signal);"]
    lines = []
    axes = ", ".join(offset("window", i) for i in inputs)
    if prefix.startswith("NORM_") and (before is None or before.key != ("NORM_", inputs)):
        lines.append(f"sa_norm({axes}, {window}U, {channels}U, signal);")
    if prefix == "NORM_JERK_":
        lines.append(f"sa_jerk(signal, {window}U, 1U, signal);")
    if prefix in ("JERK_", "ENVELOPE_"):
        lines.append(f"sa_{prefix[:-1].lower()}({axes}, {window}U, {channels}U, signal);")
    return lines


def _sine(prefix: str, length: int) -> Table:
    table = spectrum.sine_table(length).tolist()
    rows = [", ".join(map(str, table[i : i + 12])) for i in range(0, len(table), 12)]
    values = ",\n    ".join(rows)
    return Table(f"const int16_t {prefix}_sine[{len(table)}]", f"{{\n    {values}\n}}")


def _runtime(source: str) -> tuple[str, ...]:
    """Files of the runtime for a source, those that they include too."""
    used = {file for call, file in _FILES.items() if call in source}
    if used & {"features/sa_correlation.h", "features/sa_moments.h", "features/sa_panes.h"}:
        used.add("features/sa_scan.h")
    return tuple(sorted(used | {"features/sa_wide.h"}))


def emit_filters(filters: Sequence[IntFilter], channels: int, prefix: str) -> CodeParts:
    """Emit the integer filters that run on every sample, equal to `filters.run_filters`.

    The header has ``PREFIX_filter_t``, the state of a section, and ``PREFIX_SECTIONS``; a context holds an
    array of that many. The source has ``static void PREFIX_filter_init(PREFIX_filter_t *state)`` and
    ``static void PREFIX_filter(PREFIX_filter_t *state, int16_t *sample)``, which replaces the counts of a
    sample by the filtered ones.

    Parameters
    ----------
    filters : sequence of IntFilter
        At least one.
    channels : int
    prefix : str

    Raises
    ------
    ConfigError
        No filters, or a channel that there is not.
    """
    if not filters:
        raise ConfigError("there are no filters to emit", where="filter")
    if any(one.channel >= channels for one in filters):
        raise ConfigError(f"a filter names a channel above {channels - 1}", where="filter")
    steps = [(one.channel, section) for one in filters for section in one.sections]
    rows = list(dict.fromkeys(section for _, section in steps))
    values = ",\n    ".join(", ".join(map(str, (*row.b, *row.a, row.shift))) for row in rows)
    count, macro = len(steps), prefix.upper()
    index = ", ".join(str(6 * rows.index(section)) for _, section in steps)
    channel = ", ".join(str(c) for c, _ in steps)
    return CodeParts(
        header=(
            f"#define {macro}_SECTIONS {count} /* of filters */\n\n"
            "/* State of a section: what the last output dropped, inputs and outputs */\n"
            f"typedef struct {{\n    int32_t rest;\n    int16_t past[4];\n}} {prefix}_filter_t;\n"
        ),
        source=clang.filled(_FILTER, PREFIX=prefix, COUNT=f"{macro}_SECTIONS"),
        definitions=(
            Table(f"const int16_t {prefix}_biquad[{6 * len(rows)}]", f"{{\n    {values}\n}}"),
            Table(f"const uint16_t {prefix}_section[{count}]", f"{{{index}}}"),
            Table(f"const uint8_t {prefix}_filtered[{count}]", f"{{{channel}}}"),
        ),
        runtime=("features/sa_biquad.h", "features/sa_wide.h"),
        arena_align=1,
    )


_FILTER = """static void PREFIX_filter_init(PREFIX_filter_t *state)
{
    uint32_t i;

    for (i = 0; i < COUNT; i++) {
        state[i].rest = SA_BIQUAD_REST;
        state[i].past[0] = 0;
        state[i].past[1] = 0;
        state[i].past[2] = 0;
        state[i].past[3] = 0;
    }
}

/* One sample through all sections, in place */
static void PREFIX_filter(PREFIX_filter_t *state, int16_t *sample)
{
    uint32_t i;

    for (i = 0; i < COUNT; i++) {
        int16_t *value = &sample[PREFIX_filtered[i]];

        *value = sa_biquad(&PREFIX_biquad[PREFIX_section[i]], state[i].past, &state[i].rest, *value);
    }
}"""
