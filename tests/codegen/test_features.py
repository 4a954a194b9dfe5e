"""C of integer features and filters: equal to the references on the host and on Cortex-M, bit for bit."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pytest

from sensorai import runtime
from sensorai.codegen.features import emit_features, emit_filters
from sensorai.codegen.parts import CodeParts
from sensorai.errors import ConfigError, ToolMissing
from sensorai.features import spectrum
from sensorai.features.catalogue import IntFeature, table
from sensorai.features.filters import IntFilter, butterworth, resonator, run_filters
from sensorai.toolchain.arm import build_elf
from sensorai.toolchain.cpu import cpu
from sensorai.toolchain.emulator import Emulator
from sensorai.toolchain.host import build_program, build_shared
from tests.features.samples import edge_windows, every_feature

CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33")

LENGTHS = (1, 3, 4, 52, 65, 1025, 4096)

T = TypeVar("T")


def built(build: Callable[[], T]) -> T:
    """Build; without the compiler skip, but fail in CI."""
    try:
        return build()
    except ToolMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


def sources(parts: CodeParts, entry: str) -> dict[str, str]:
    """Return a program of the parts and `entry`, with the runtime files that they name and no others."""
    includes = "".join(f'#include "{file.rpartition("/")[2]}"\n' for file in parts.runtime)
    text = f"#include <stdint.h>\n{includes}\n{parts.header}\n{parts.data}\n\n{parts.source}\n\n{entry}"
    return {"m.c": text, **{file.rpartition("/")[2]: runtime.text(file) for file in parts.runtime}}


RUN = """void run(const int16_t *window, int32_t *out, uint8_t *arena);
void run(const int16_t *window, int32_t *out, uint8_t *arena)
{
    m_features(window, out, arena);
}
"""

#: Windows from stdin to features on stdout, each read into memory of its exact size.
PROGRAM = """
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    int16_t *window = malloc(WINDOW * sizeof *window);
    int32_t *out = malloc(OUTPUTS * sizeof *out);
    uint8_t *arena = malloc(ARENA);

    while (window && out && arena && fread(window, sizeof *window, WINDOW, stdin) == WINDOW) {
        m_features(window, out, arena);
        fwrite(out, sizeof *out, OUTPUTS, stdout);
    }
    free(window);
    free(out);
    free(arena);
    return 0;
}
"""


def compare(features: Sequence[IntFeature], want: npt.NDArray[np.int32], got: npt.NDArray[np.int32]) -> None:
    for at in np.argwhere(got != want)[:1]:
        row, column = at.tolist()
        pytest.fail(f"window {row}, {features[column]}: C {got[row, column]}, reference {want[row, column]}")


@cache
def expected(n: int) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int32]]:
    """Return the windows of n samples and all their features."""
    windows = np.stack(edge_windows(n))
    windows.flags.writeable = False
    return windows, table(every_feature(n), windows)


@pytest.mark.parametrize("n", LENGTHS)
def test_host_with_sanitizers(n: int) -> None:
    some = slice(None, None, 1 if n == 52 else 3)  # the sanitizers make long work for the compiler
    windows, want = expected(n)
    features, want = every_feature(n)[some], want[:, some]
    parts = emit_features(features, n, 3, "m")
    entry = PROGRAM.replace("WINDOW", f"{3 * n}U").replace("OUTPUTS", f"{len(features)}U")
    entry = entry.replace("ARENA", f"{max(parts.arena_bytes, 1)}U")
    program = built(lambda: build_program(sources(parts, entry), opt="-O0", sanitize=True))
    out = program.run(stdin=windows.tobytes())
    compare(features, want, np.frombuffer(out, np.int32).reshape(len(windows), -1))


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("n", [4, 52])
def test_cortex_m(core: str, n: int) -> None:
    features = every_feature(n)
    windows, want = expected(n)
    parts = emit_features(features, n, 3, "m")
    # the usual window as it is delivered, the shortest one as it is written
    opt = "-O2" if n == 52 else "-O0"
    image = built(lambda: build_elf(sources(parts, RUN), cpu(core), opt=opt))
    assert image.library_calls == () or opt == "-O0"
    emulator = built(lambda: Emulator(image))
    got = np.zeros((len(windows), len(features)), np.int32)
    arena = np.zeros((parts.arena_bytes + 3) // 4, np.uint32)
    for window, row in zip(windows, got, strict=True):
        emulator.call("run", window, row, arena, returns="void")
    compare(features, want, got)


@pytest.mark.parametrize(
    ("core", "opt"),
    [("cortex-m0plus", "-Os"), ("cortex-m0plus", "-O1"), ("cortex-m0plus", "-O3"), ("cortex-m55", "-O2")],
)
def test_no_helpers(core: str, opt: str) -> None:
    parts = emit_features(every_feature(52), 52, 3, "m")
    image = built(lambda: build_elf(sources(parts, RUN), cpu(core), opt=opt))
    assert image.library_calls == ()


EACH = {(f.name, f.threshold, f.band): f for f in every_feature(8)}.values()


@pytest.mark.parametrize("feature", EACH, ids=lambda f: f.label())
def test_each_alone(feature: IntFeature) -> None:
    """Every feature brings what it needs: runtime files, tables, arena."""
    parts = emit_features([feature], 8, 3, "m")
    library = built(lambda: build_shared(sources(parts, RUN), opt="-O0"))
    windows = np.stack(edge_windows(8))
    got = np.zeros((len(windows), 1), np.int32)
    for window, row in zip(windows, got, strict=True):
        library.call("run", window, row, np.zeros(64, np.uint32), returns="void")
    compare([feature], table([feature], windows), got)


def test_shared_work_is_done_once() -> None:
    names = ("MEAN", "VARIANCE", "ENERGY", "MINIMUM", "PEAK_TO_PEAK", "MEAN_CROSSING", "DOMINANT_BIN")
    features = [IntFeature(name, (i,)) for name in names for i in range(3)]
    features.append(IntFeature("BAND_ENERGY", (0,), band=(1, 3)))
    features += [
        IntFeature(f"NORM_{name}", (0, 1, 2)) for name in ("MEAN", "PEAKS", "JERK_RMS", "JERK_PEAKS")
    ]
    text = emit_features(features, 52, 3, "m").source
    assert text.count("sa_norm(") == 1
    assert text.count("sa_jerk(") == 1
    assert text.count("sa_scan(") == 4  # channel 0, channels 1 and 2 together, norm, its jerk
    assert text.count("sa_fft(") == 2
    assert len(re.findall(r"m_signal1\(window \+ [12], ", text)) == 2


def test_only_what_is_used() -> None:
    parts = emit_features([IntFeature("MEAN", (0,))], 52, 1, "m")
    assert parts.runtime == ("features/sa_scan.h", "features/sa_wide.h")
    assert (parts.data, parts.arena_bytes) == ("", 0)
    with pytest.raises(ConfigError, match="no features"):
        emit_features([], 52, 3, "m")
    with pytest.raises(ConfigError, match="takes 1 of the channels"):
        emit_features([IntFeature("MEAN", (1,))], 52, 1, "m")


#: Faults that the comparison above must see: file, what it says, what it would say.
MUTATIONS = (
    ("sa_scan.h", "sum += v;", "sum += v + 1;"),
    ("sa_scan.h", "(v < min) ? v : min", "(v < max) ? v : min"),
    (
        "sa_scan.h",
        "(want & SA_SQUARES) != 0U) {\n            squares +=",
        "(want & SA_SQUARES) != 0U) {\n squares =",
    ),
    ("sa_scan.h", "v <= above &&", "v < above &&"),
    ("sa_scan.h", "&& v >= below", "&& v > below"),
    ("sa_scan.h", "v >= below);", "v > below);"),
    ("sa_scan.h", "v <= above);", "v < above);"),
    ("sa_scan.h", "extreme - v <= threshold", "extreme - v < threshold"),
    ("sa_scan.h", "v - extreme <= threshold", "v - extreme < threshold"),
    ("sa_wide.h", "- (uint32_t)(a.lo < b.lo)", ""),
    ("sa_wide.h", "carry != 0U || a >= b", "a >= b"),
    ("sa_wide.h", "(int32_t)(n << 15)) + n", "(int32_t)(n << 15))"),
    ("sa_wide.h", "(x > 32767) ? 32767", "(x > 32766) ? 32766"),
    ("sa_scan.h", "(bits - 31U) >> 1", "(bits - 29U) >> 1"),
    ("sa_moments.h", "(up > down) ? up", "(up < down) ? up"),
    ("sa_moments.h", "while (above >= d.root)", "while (above > d.root)"),
    ("sa_moments.h", "((uint32_t)1 << down_by) >> 1", "0U"),
    ("sa_moments.h", "+ 4096U", ""),
    ("sa_moments.h", "(exact < 0) ? -cube", "(exact < 0) ? cube"),
    ("sa_moments.h", "(exponent <= 0)", "(exponent <= 10)"),
    ("sa_moments.h", "m->negative != 0) ? -r", "m->negative != 0) ? r"),
    ("sa_moments.h", "(have > bits)", "(have > bits + 1U)"),
    ("sa_signal.h", "(size > 32767U) ? 32767U", "(size > 65534U) ? 32767U"),
    ("sa_signal.h", "(sum << 3) - falling", "(sum << 3) + falling"),
    ("sa_correlation.h", "(sx->sum < 0) != (sy->sum < 0)", "(sx->sum < 0)"),
    ("sa_correlation.h", "size >= below", "size > below"),
    ("sa_signal.h", "s >= 0x3FFF0001UL", "s >= 0x7FFF0001UL"),
    ("sa_signal.h", "i + 1U < n", "i + 2U < n"),
    ("sa_signal.h", "rest > 2U * r", "rest > 2U * r + 1U"),
    ("sa_spectrum.h", "(1U << down_by) >> 1", "0U"),
    ("sa_spectrum.h", "* 32768 + 32768;", "* 32768;"),
    ("sa_spectrum.h", "sa_re(u) - sa_re(v) + 1) >> 1", "sa_re(u) - sa_re(v)) >> 1"),
    ("sa_spectrum.h", "* 16384 + 32768;", "* 16384;"),
    ("sa_spectrum.h", "bins[low] > best", "bins[low] >= best"),
)


@pytest.mark.parametrize(("file", "right", "wrong"), MUTATIONS, ids=lambda text: text[:24])
def test_mutations_are_seen(file: str, right: str, wrong: str) -> None:
    n = 52
    features = every_feature(n)
    windows, want = expected(n)
    text = sources(emit_features(features, n, 3, "m"), RUN)
    assert right in text[file]
    text[file] = text[file].replace(right, wrong)
    library = built(lambda: build_shared(text, flags=("-std=c99",), opt="-O0"))
    got = np.zeros((len(windows), len(features)), np.int32)
    for window, row in zip(windows, got, strict=True):
        library.call("run", window, row, np.zeros(128, np.uint32), returns="void")
    assert (got != want).any()


WIDE = """#include "sa_signal.h"
void wide(uint32_t *v);
void wide(uint32_t *v)
{
    sa_wide a;
    sa_wide b;

    a.lo = v[0];
    a.hi = v[1];
    b.lo = v[2];
    b.hi = v[3];
    sa_wide r = sa_wide_times(a, v[2] & 0xFFFFU);
    v[4] = r.lo;
    v[5] = r.hi;
    r = sa_wide_product(v[0], v[2]);
    v[6] = r.lo;
    v[7] = r.hi;
    r = sa_wide_less(a, b);
    v[8] = r.lo;
    v[9] = r.hi;
    v[10] = sa_wide_right(a, v[3] & 63U);
    v[11] = sa_bits(v[0]);
    v[12] = sa_sqrt(v[0]);
    a.hi &= 0xFFU;
    v[13] = sa_wide_sqrt(a);
    v[14] = (v[0] == 0U) ? 0U : sa_root(v[0]);
}
"""


def wide_differs(call: Callable[..., object]) -> bool:
    """Whether the 64-bit helpers give anything but what whole numbers give."""
    rng = np.random.default_rng(6)
    edges = np.array([0, 1, 2, 3, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFE0001, 0xFFFFFFFF], np.uint32)
    some = [rng.choice(edges, 4) for _ in range(400)]
    some += [np.full(4, r * r + d, np.uint32) for r in (255, 181, 46341, 65535, 40000) for d in (-1, 0, 1)]
    some += [rng.integers(0, 2**32, 4, np.uint32) >> rng.integers(0, 32, 4, np.uint32) for _ in range(400)]
    for words in some:
        v = np.concatenate([words, np.zeros(11, np.uint32)]).astype(np.uint32)
        call("wide", v, returns="void")
        lo, hi, low, high = words.tolist()
        a = lo + (hi << 32)
        want = [a * (low & 0xFFFF), lo * low, a - low - (high << 32)]
        got = [int(v[i]) + (int(v[i + 1]) << 32) for i in (4, 6, 8)] + v[10:].tolist()
        want += [
            (a >> (high & 63)) % 2**32,
            lo.bit_length(),
            math.isqrt(lo),
            math.isqrt(a % 2**40),
            math.isqrt(lo),
        ]
        if got != [w % 2**64 for w in want]:
            return True
    return False


@pytest.mark.parametrize("core", ["host", "cortex-m0plus", "cortex-m4"])
def test_wide(core: str) -> None:
    text = {"m.c": WIDE, **{name: runtime.text(f"features/{name}") for name in ("sa_wide.h", "sa_signal.h")}}
    if core == "host":
        assert not wide_differs(built(lambda: build_shared(text)).call)
    else:
        image = built(lambda: build_elf(text, cpu(core)))
        assert not wide_differs(built(lambda: Emulator(image)).call)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("(uint32_t)(r.lo < low)", "0U"),
        ("+ (mid2 >> 16)", ""),
        ("+ (low >> 16);", ";"),
        ("s >= 32U", "s > 32U"),
    ],
)
def test_wide_mutations_are_seen(right: str, wrong: str) -> None:
    header = runtime.text("features/sa_wide.h")
    assert right in header
    text = {"m.c": WIDE, "sa_wide.h": header.replace(right, wrong)}
    text["sa_signal.h"] = runtime.text("features/sa_signal.h")
    assert wide_differs(built(lambda: build_shared(text, flags=("-std=c99",), opt="-O0")).call)


SEARCH = """#include "sa_spectrum.h"
int32_t peak_bin(const uint32_t *bins, uint32_t low, uint32_t high, uint32_t rank);
int32_t peak_bin(const uint32_t *bins, uint32_t low, uint32_t high, uint32_t rank)
{
    return sa_peak_bin(bins, low, high, rank);
}
"""


def search_differs(call: Callable[..., Any]) -> bool:
    """Whether the search for peaks finds others than the reference, in spectra full of equal bins."""
    rng = np.random.default_rng(8)
    for _ in range(300):
        bins = rng.integers(0, rng.choice([2, 3, 2**31]), 9, np.uint32)
        low, high = sorted(rng.integers(0, 8, 2).tolist())
        for rank in (1, 2, 3):
            want = spectrum.peak_bin(bins[None].astype(np.int64), low, high, rank)
            got = call("peak_bin", bins, low, high, rank)
            if getattr(got, "value", got) != want[0]:
                return True
    return False


@pytest.mark.parametrize("core", ["host", "cortex-m0plus", "cortex-m4"])
def test_peaks_of_the_spectrum(core: str) -> None:
    text = {"m.c": SEARCH, **{n: runtime.text(f"features/{n}") for n in ("sa_wide.h", "sa_spectrum.h")}}
    if core == "host":
        assert not search_differs(built(lambda: build_shared(text)).call)
    else:
        image = built(lambda: build_elf(text, cpu(core)))
        assert not search_differs(built(lambda: Emulator(image)).call)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("now >= bins[low + 1U]", "now > bins[low + 1U]"),
        ("now > before &&", "now >= before &&"),
        ("now > power[i] &&", "now >= power[i] &&"),
        ("now > power[i - 1U]", "now >= power[i - 1U]"),
        ("low == high ||", ""),
        ("at[i] = at[i - 1U];", ""),
    ],
)
def test_peak_mutations_are_seen(right: str, wrong: str) -> None:
    header = runtime.text("features/sa_spectrum.h")
    assert right in header
    text = {"m.c": SEARCH, "sa_spectrum.h": header.replace(right, wrong)}
    text["sa_wide.h"] = runtime.text("features/sa_wide.h")
    assert search_differs(built(lambda: build_shared(text, flags=("-std=c99",), opt="-O0")).call)


FILTER = """void start(m_filter_t *state);
void start(m_filter_t *state)
{
    m_filter_init(state);
}

void step(m_filter_t *state, int16_t *sample);
void step(m_filter_t *state, int16_t *sample)
{
    m_filter(state, sample);
}
"""

FILTERS = (
    IntFilter(0, butterworth(4, 2.0, 104.0)),
    IntFilter(2, butterworth(2, 0.5, 104.0, "highpass")),
    IntFilter(0, resonator(10.0, 4.0, 104.0)),
    IntFilter(1, butterworth(4, 2.0, 104.0)),
)


def recording() -> npt.NDArray[np.int16]:
    rng = np.random.default_rng(5)
    steps = (rng.random((150, 3)) < 0.1).cumsum(axis=0) % 2 * 65535 - 32768
    return np.concatenate([steps, rng.integers(-32768, 32768, (100, 3)), steps // 4000]).astype(np.int16)


@pytest.mark.parametrize("core", ["host", *CORES])
def test_filters(core: str) -> None:
    """Two instances, one a sample behind the other, give what the reference gives from the start."""
    parts = emit_filters(FILTERS, 3, "m")
    text = sources(parts, FILTER)
    samples = recording()
    want = run_filters(FILTERS, samples)
    call: Callable[..., object]
    if core == "host":
        call = built(lambda: build_shared(text)).call
    else:
        image = built(lambda: build_elf(text, cpu(core)))
        assert image.library_calls == ()
        call = built(lambda: Emulator(image)).call
    states = [np.full(6 * 3, 0x55555555, np.int32) for _ in range(2)]
    assert "#define M_SECTIONS 6 " in parts.header
    for state in states:
        call("start", state, returns="void")
    for i in range(len(samples)):
        for state, at in zip(states, (i, i - 1), strict=True):
            if at >= 0:
                sample = samples[at].copy()
                call("step", state, sample, returns="void")
                assert sample.tolist() == want[at].tolist()


FILTER_MUTATIONS = (
    ("sa_biquad.h", "((1 << c[5]) >> 1)", "0"),
    ("sa_biquad.h", "(1 - q) >> 1", "-q >> 1"),
    ("sa_biquad.h", "p += *rest;", ""),
    ("sa_biquad.h", "4096", "0"),
    ("sa_biquad.h", "past[3] = past[2];", ""),
    ("sa_wide.h", "-32768 : x", "-32767 : x"),
)


@pytest.mark.parametrize(("file", "right", "wrong"), FILTER_MUTATIONS)
def test_filter_mutations_are_seen(file: str, right: str, wrong: str) -> None:
    text = sources(emit_filters(FILTERS, 3, "m"), FILTER)
    assert right in text[file]
    text[file] = text[file].replace(right, wrong)
    library = built(lambda: build_shared(text, flags=("-std=c99",), opt="-O0"))
    state = np.zeros(6 * 3, np.int32)
    library.call("start", state, returns="void")
    got = recording()
    for sample in got:
        library.call("step", state, sample, returns="void")
    assert (got != run_filters(FILTERS, recording())).any()


def test_filters_refused() -> None:
    with pytest.raises(ConfigError, match="no filters"):
        emit_filters([], 3, "m")
    with pytest.raises(ConfigError, match="above 1"):
        emit_filters(FILTERS, 2, "m")
    parts = emit_filters(FILTERS, 3, "m")
    assert "m_biquad[24]" in parts.data  # four different sections in six places
