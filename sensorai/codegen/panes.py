"""Windows that overlap: what is computed once and kept, instead of once for every window.

A window of P strides is P panes. Sums, extremes and products of two axes are kept per pane and joined, so a
window scans its newest stride only; the norm of three axes is computed when a sample arrives and kept beside
it. What depends on the mean or the scale of the whole window, or on its order (crossings, peaks, powers of
deviations, spectrum), is computed from its samples as before. Where no feature needs these, only one stride
of samples is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sensorai.features import catalogue
from sensorai.features.catalogue import IntFeature, Quantity, Signal
from sensorai.writing import clang

#: Most panes of a window, and shortest pane in samples: beyond them, joining costs as much as it saves, and
#: sums more memory than samples.
MAX_PANES = 16
MIN_STRIDE = 16

#: Signals that are a part of the window as it lies there.
THIRDS = ("START_", "END_")

#: Words that a pane keeps of each sum.
WORDS = {"SA_SUM": 1, "SA_SQUARES": 2, "SA_LIMITS": 1}


@dataclass(frozen=True, slots=True)
class Overlap:
    """How samples of overlapping windows are kept.

    Attributes
    ----------
    window, stride : int
        Samples.
    channels : int
    norms : tuple of tuple of int
        Axes of each norm that is kept beside the channels.
    held : bool
        Whether the whole window is kept, or the newest stride only.
    """

    window: int
    stride: int
    channels: int
    norms: tuple[tuple[int, ...], ...]
    held: bool

    @property
    def panes(self) -> int:
        """Panes of a window."""
        return self.window // self.stride

    @property
    def width(self) -> int:
        """Counts from one sample to the next."""
        return self.channels + len(self.norms)

    @property
    def samples(self) -> int:
        """Samples that are kept."""
        return self.window if self.held else self.stride

    def place(self, kind: str, inputs: tuple[int, ...]) -> int:
        """Index, within a sample, of an axis or a norm."""
        return self.channels + self.norms.index(inputs) if kind.startswith("NORM_") else inputs[0]


def overlap(features: Sequence[IntFeature], window: int, stride: int, channels: int) -> Overlap | None:
    """Return how windows share work; None where each is computed for itself.

    That is: where the window is no multiple of the stride, has more than `MAX_PANES` of it, where the stride
    is shorter than `MIN_STRIDE`, or where no feature has anything to share.
    """
    if window % stride or not 2 <= window // stride <= MAX_PANES or stride < MIN_STRIDE:
        return None
    rows = [(feature, *catalogue.row(feature)) for feature in features]
    norms = tuple(dict.fromkeys(f.inputs for f, signal, _ in rows if signal.prefix.startswith("NORM_")))
    if not norms and not any(q.needs and paned(signal.prefix) for _, signal, q in rows):
        return None
    held = any(reads_samples(signal, quantity) for _, signal, quantity in rows)
    return Overlap(window, stride, channels, norms, held)


def paned(kind: str) -> bool:
    """Whether the sums of this kind of signal are joined from panes."""
    return kind != "ENVELOPE_" and kind not in THIRDS


def reads_samples(signal: Signal, quantity: Quantity) -> bool:
    """Whether a quantity needs more than sums."""
    beyond = bool(quantity.takes) or not quantity.needs or bool({"THIRD", "FOURTH"} & {*quantity.needs})
    return not paned(signal.prefix) or beyond


def words(flags: str) -> int:
    """Words that a pane keeps of the sums in `flags` (C)."""
    return sum(WORDS[flag] for flag in flags.split(" | ") if flag)


@dataclass(frozen=True, slots=True)
class Part:
    """The words of one signal in the state: those of all panes, then the differences between panes.

    Attributes
    ----------
    kind : str
        Prefix of the signal.
    channel : int
        Where its axis or norm lies in a sample.
    flags : str
        Sums, as C.
    start : int
        First word.
    """

    kind: str
    channel: int
    flags: str
    start: int

    @property
    def differences(self) -> bool:
        """Whether it has a difference between panes."""
        return self.kind.endswith("JERK_")

    def edges(self, panes: int) -> int:
        """Words before the differences between panes."""
        return words(self.flags) * panes

    def size(self, panes: int) -> int:
        """All of its words."""
        return self.edges(panes) + (panes if self.differences else 0)


def emit_panes(
    plan: Overlap, parts: Sequence[Part], products: Sequence[tuple[int, int, int]], prefix: str
) -> tuple[str, str, int]:
    """Emit the state of the panes and the functions that fill it.

    Parameters
    ----------
    products : sequence of (int, int, int)
        First word, and the two channels whose products are summed there.

    Returns
    -------
    header : str
        ``PREFIX_panes_t``.
    source : str
        ``PREFIX_panes_init``, ``PREFIX_pane`` for the newest stride, ``PREFIX_norms`` for a new sample.
    arena_bytes : int
    """
    last = [part for part in parts if part.differences]
    total = sum(part.size(plan.panes) for part in parts) + 2 * plan.panes * len(products)
    fields = [f"    uint32_t word[{total}];"] if total else []
    fields += [f"    int16_t last[{len(last)}]; /* of the pane before */"] if last else []
    fields += ["    uint8_t at;   /* the oldest pane, which the next replaces */"]
    fields += ["    uint8_t made; /* panes so far */"]
    header = "/* What windows share */\ntypedef struct {\n" + "\n".join(fields) + f"\n}} {prefix}_panes_t;\n"
    helpers: dict[tuple[str, str], str] = {}
    calls = []
    for part in parts:
        to = f"&panes->word[{part.start}U + {words(part.flags)}U * at]"
        source = offset("x", part.channel)
        if part.differences:
            name = helpers.setdefault((_JERKS, part.flags), f"{prefix}_jerks{len(helpers)}")
            edge = f"&panes->word[{part.start + part.edges(plan.panes)}U + at]"
            calls.append(f"{name}({source}, signal, {to}, {edge}, &panes->last[{last.index(part)}]);")
        else:
            name = helpers.setdefault((_SUMS, part.flags), f"{prefix}_sums{len(helpers)}")
            calls.append(f"{name}({source}, {to});")
    for start, a, b in products:
        name = helpers.setdefault((_PRODUCTS, ""), f"{prefix}_products")
        calls.append(f"{name}({offset('x', a)}, {offset('x', b)}, &panes->word[{start}U + 2U * at]);")
    sizes = {"STRIDE": f"{plan.stride}U", "WIDTH": f"{plan.width}U", "INNER": f"{plan.stride - 1}U"}
    sources = [clang.filled(body, NAME=name, FLAGS=flags, **sizes) for (body, flags), name in helpers.items()]
    zero = [f"panes->last[{i}] = 0;" for i in range(len(last))]
    head = f"static void {prefix}_panes_init({prefix}_panes_t *panes)"
    sources.append(function(head, ["panes->at = 0;", "panes->made = 0;", *zero]))
    declared = ["uint32_t at = panes->at;"] if calls else []
    declared += ["int16_t *signal = (int16_t *)(void *)arena;"] if last else []
    unused = ([] if last else ["(void)arena;"]) + ([] if calls else ["(void)x;"])
    step = [
        f"panes->at = (uint8_t)((panes->at + 1U < {plan.panes}U) ? panes->at + 1U : 0U);",
        f"if (panes->made < {plan.panes}U) {{",
        "    panes->made++;",
        "}",
    ]
    head = f"static void {prefix}_pane({prefix}_panes_t *panes, const int16_t *x, uint8_t *arena)"
    body_lines = [*declared, *([""] if declared else []), *unused, *calls, *step]
    sources.append("/* Sums of the newest stride */\n" + function(head, body_lines))
    if plan.norms:
        lines = [
            f"sa_norm({', '.join(offset('sample', i) for i in axes)}, 1U, 1U, sample + {plan.channels + k});"
            for k, axes in enumerate(plan.norms)
        ]
        head = f"static void {prefix}_norms(int16_t *sample)"
        sources.append("/* The norms of a new sample, behind its channels */\n" + function(head, lines))
    code = "\n\n".join(sources)
    return header, code, 2 * plan.stride if last else 0


def offset(pointer: str, count: int) -> str:
    """Pointer to the element `count`, as C."""
    return f"{pointer} + {count}" if count else pointer


def function(head: str, lines: Sequence[str]) -> str:
    """Return a C function of these lines."""
    body = "\n".join(f"    {line}" if line else "" for line in lines)
    return f"{head}\n{{\n{body}\n}}"


_SUMS = """static void NAME(const int16_t *x, uint32_t *to)
{
    sa_stats s;

    sa_scan(x, STRIDE, WIDTH, FLAGS, &s);
    sa_pane_put(to, FLAGS, &s);
}"""

_JERKS = """static void NAME(const int16_t *x, int16_t *signal, uint32_t *to, uint32_t *edge, int16_t *last)
{
    sa_stats s;

    sa_jerk(x, STRIDE, WIDTH, signal);
    sa_scan(signal, INNER, 1U, FLAGS, &s);
    sa_pane_put(to, FLAGS, &s);
    *edge = (uint32_t)sa_saturate16(*x - *last);
    *last = x[INNER * WIDTH];
}"""

_PRODUCTS = """static void NAME(const int16_t *x, const int16_t *y, uint32_t *to)
{
    sa_wide sum = sa_products(x, y, STRIDE, WIDTH);

    to[0] = sum.lo;
    to[1] = sum.hi;
}"""
