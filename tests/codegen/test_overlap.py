"""Overlapping windows: what the generated C joins from panes equals the reference of every window."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from sensorai.codegen.panes import MAX_PANES, MIN_STRIDE, overlap
from sensorai.codegen.project import emit_project
from sensorai.features.catalogue import IntFeature, table
from sensorai.features.filters import IntFilter, butterworth, run_filters
from sensorai.model.ensemble import build
from sensorai.model.forest import Tree
from sensorai.model.pipeline import Pipeline, windows
from sensorai.toolchain.arm import build_elf
from sensorai.toolchain.cpu import cpu
from sensorai.toolchain.emulator import Emulator
from sensorai.toolchain.host import build_program, build_shared
from tests.codegen.test_features import CORES, built
from tests.features.samples import edge_windows, every_feature
from tests.verify.pipelines import CLASSES, channels

Int16 = npt.NDArray[np.int16]

#: Features that need sums only.
JOINED = (
    IntFeature("MEAN", (0,)),
    IntFeature("CREST_FACTOR", (1,)),
    IntFeature("VARIANCE", (2,)),
    IntFeature("MAXIMUM", (2,)),
    IntFeature("JERK_RMS", (0,)),
    IntFeature("JERK_PEAK", (1,)),
    IntFeature("JERK_MEAN", (2,)),
    IntFeature("NORM_MINIMUM", (0, 1, 2)),
    IntFeature("NORM_JERK_VARIANCE", (2, 2, 0)),
    IntFeature("CORRELATION", (0, 1)),
    IntFeature("CORRELATION", (2, 1)),
)


def pipeline(
    features: Sequence[IntFeature], window: int, stride: int, filters: tuple[IntFilter, ...] = ()
) -> Pipeline:
    tree = Tree.from_nodes([(0, 100.5, ~0, ~1)])
    ensemble = build([tree], np.array([[1, 0, 0], [0, 1, 0]]), CLASSES, len(features), total=1)
    return Pipeline("m", channels(), 52.0, window, stride, filters, tuple(features), None, ensemble, CLASSES)


DRIVE = """
#include "m.h"

int32_t *probed;

uint32_t drive(const int16_t *samples, uint32_t count, int32_t *out, uint32_t fresh, m_t *ctx);
uint32_t drive(const int16_t *samples, uint32_t count, int32_t *out, uint32_t fresh, m_t *ctx)
{
    m_result_t result;
    uint32_t i;
    uint32_t made = 0;

    if (fresh != 0U) {
        (void)m_init(ctx);
    }
    for (i = 0; i < count; i++) {
        probed = out + made * M_INPUTS;
        if (m_push(ctx, &samples[i * M_CHANNELS], &result) == 1) {
            made++;
        }
    }
    return made;
}
"""


def probed(one: Pipeline) -> dict[str, str]:
    """Sources of a pipeline that hand out the features of every window."""
    files = emit_project(one).sources()
    call = "    m_prepare(ctx, &input);\n"
    assert call in files["m.c"]
    show = "    for (i = 0; i < M_INPUTS; i++) {\n        probed[i] = input.value[i];\n    }\n"
    files["m.c"] = files["m.c"].replace(call, call + show)
    files["m.c"] = files["m.c"].replace('#include "m.h"\n', '#include "m.h"\nextern int32_t *probed;\n', 1)
    return {**files, "drive.c": DRIVE}


def reference(one: Pipeline, samples: Int16) -> npt.NDArray[np.int32]:
    filtered = run_filters(one.filters, samples) if one.filters else samples
    return table(one.features, windows(filtered, one.window, one.stride))


def log(window: int) -> Int16:
    """Edge windows one after the other, and a part of one at the end."""
    return np.concatenate([*edge_windows(window), edge_windows(window)[10][: window // 2 + 1]])


PLANS = [
    (every_feature(64)[::2], 64, 32),
    (every_feature(64)[1::2], 64, 16),
    (JOINED, 64, 32),
    (JOINED, 96, 32),
    (JOINED, 256, 16),
    (JOINED[:1], 32, 16),
    ([IntFeature("NORM_PEAKS", (0, 1, 2)), IntFeature("NORM_JERK_PEAKS", (2, 0, 1))], 64, 16),
    ([IntFeature("ENVELOPE_RMS", (0,)), IntFeature("CORRELATION", (0, 2))], 64, 32),
    ([IntFeature("JERK_BAND_ENERGY", (1,)), IntFeature("KURTOSIS", (1,))], 2048, 512),
]


@pytest.mark.parametrize(
    ("features", "window", "stride"), PLANS, ids=lambda v: len(v) if not isinstance(v, int) else v
)
def test_host_with_sanitizers(features: Sequence[IntFeature], window: int, stride: int) -> None:
    one = pipeline(features, window, stride)
    assert "m_panes_t panes;" in emit_project(one).files["m.h"]
    main = """
#include <stdio.h>
uint32_t drive(const int16_t *samples, uint32_t count, int32_t *out, uint32_t fresh, m_t *ctx);
int main(void)
{
    static m_t ctx;
    int16_t sample[M_CHANNELS];
    int32_t out[M_INPUTS];
    uint32_t fresh = 1;

    while (fread(sample, sizeof sample, 1, stdin) == 1) {
        if (drive(sample, 1, out, fresh, &ctx) == 1U) {
            (void)fwrite(out, sizeof out, 1, stdout);
        }
        fresh = 0;
    }
    return 0;
}
"""
    sources = probed(one)
    sources["main.c"] = '#include "m.h"\n' + main
    program = built(lambda: build_program(sources, opt="-O1", sanitize=True))
    samples = log(window)
    got = np.frombuffer(program.run(samples.tobytes()), np.int32).reshape(-1, len(features))
    want = reference(one, samples)
    assert len(want) == (len(samples) - window) // stride + 1
    assert got.tolist() == want.tolist()


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("held", [True, False])
def test_cortex_m(core: str, held: bool) -> None:
    """Two contexts, in pieces of odd lengths, with a filter before."""
    features = [*JOINED, IntFeature("NORM_PEAKS", (0, 1, 2), 50)] if held else JOINED
    filters = (IntFilter(1, butterworth(2, 9.0, 52.0)),)
    one = pipeline(features, 64, 16, filters)
    image = built(lambda: build_elf(probed(one), cpu(core)))
    assert image.library_calls == ()
    emulator = built(lambda: Emulator(image))
    samples = log(64)
    want = reference(one, samples)
    contexts = [emulator.buffer(np.full(2048, 0x5A, np.uint8)) for _ in range(2)]
    got: list[list[npt.NDArray[np.int32]]] = [[], []]
    at = [0, 0]
    pieces = [1, 15, 17, 200, 3, 64, 29]
    for turn in range(400):
        who = turn % 2
        piece = samples[at[who] : at[who] + pieces[(turn // 2 + who) % len(pieces)]]
        out = np.zeros((len(piece) // 16 + 1, len(features)), np.int32)
        call = emulator.call(
            "drive",
            np.ascontiguousarray(piece),
            len(piece),
            out,
            int(at[who] == 0),
            contexts[who],
            returns="uint32",
        )
        got[who].append(out[: int(call.value)])
        at[who] += len(piece)
    assert at == [len(samples)] * 2
    for mine in got:
        assert np.concatenate(mine).tolist() == want.tolist()


def test_when_windows_share_work() -> None:
    def plan(features: Sequence[IntFeature], window: int, stride: int) -> object:
        return overlap(features, window, stride, 3)

    assert plan(JOINED, 64, 64) is None
    assert plan(JOINED, 64, 24) is None
    assert plan(JOINED, 2 * MIN_STRIDE - 2, MIN_STRIDE - 1) is None
    assert plan(JOINED, (MAX_PANES + 1) * 32, 32) is None
    assert plan([IntFeature("PEAKS", (0,))], 64, 32) is None
    assert plan([IntFeature("ENVELOPE_MEAN", (0,))], 64, 32) is None
    assert plan((), 64, 32) is None
    kept = overlap(JOINED, 64, 32, 3)
    assert kept is not None
    assert (kept.held, kept.samples, kept.norms, kept.width) == (False, 32, ((0, 1, 2), (2, 2, 0)), 5)
    for name in ("KURTOSIS", "MEAN_CROSSING", "DOMINANT_BIN", "JERK_PEAKS"):
        more = overlap([*JOINED, IntFeature(name, (0,))], 64, 32, 3)
        assert more is not None
        assert (more.held, more.samples) == (True, 64)


def test_memory() -> None:
    """Sums in place of samples: one stride of them is kept."""
    header = emit_project(pipeline(JOINED, 256, 64)).files["m.h"]
    assert "int16_t window[M_STRIDE * 5U];" in header
    # MEAN; CREST_FACTOR and both correlations; the same with limits ... in words of four panes
    words = sum(2 if f.name == "CORRELATION" else 0 for f in JOINED)
    words += 3 + 4 + 4  # axes: sum and squares for the correlations, limits of the second and third
    words += (
        (2 + 1) + (2 + 1) + (1 + 1) + 1 + (3 + 1)
    )  # differences with their edges, the norm, its differences
    assert int(re.search(r"word\[(\d+)\]", header)[1]) == 4 * words  # type: ignore[index]


MUTATIONS = (
    ("sa_panes.h", "sum += (int32_t)*from++;", "sum = (int32_t)*from++;"),
    ("sa_panes.h", "if (i == oldest) {", "if (i == 0U) {"),
    ("sa_panes.h", "(uint32_t)(s->squares.lo < square)", "0U"),
    ("sa_panes.h", "(low < min) ? low", "(low < min) ? high"),
    ("sa_panes.h", "v > s->max", "v > 0"),
    ("m.c", "panes->at + 1U <", "panes->at + 2U <"),
    ("m.c", "*last = x[", "*last = x[3 + "),
    ("m.c", "panes->at + 1U : 0U", "panes->at + 1U : 1U"),
)


@pytest.mark.parametrize(("file", "right", "wrong"), MUTATIONS, ids=lambda text: text[:24])
def test_mutations_are_seen(file: str, right: str, wrong: str) -> None:
    one = pipeline(JOINED, 64, 16)
    sources = probed(one)
    assert right in sources[file]
    sources[file] = sources[file].replace(right, wrong, 1)
    library = built(lambda: build_shared(sources, flags=("-std=c99",), opt="-O0"))
    samples = log(64)
    want = reference(one, samples)
    out = np.zeros_like(want)
    call = library.call("drive", samples, len(samples), out, 1, np.zeros(4096, np.uint8), returns="uint32")
    assert call.value == len(want)
    assert (out != want).any()
