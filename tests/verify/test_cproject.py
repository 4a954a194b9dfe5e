"""Whole C projects: the reference, C on this machine, and Cortex-M code agree, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from sensorai.codegen.project import emit_project
from sensorai.cproject import runs as cproject
from sensorai.errors import InternalError
from sensorai.model import detector as detectors
from sensorai.model.pipeline import Pipeline, from_dict, run, to_dict
from sensorai.toolchain.cpu import cpu
from sensorai.toolchain.host import build_program
from tests.need import need
from tests.verify.pipelines import detector, forest, net, samples

KINDS = {
    "forest": forest(),
    "forest, no overlap, no filter": forest(stride=26, wins=0, filtered=False),
    "forest, a result every sample": forest(window=7, stride=1, wins=15),
    "mlp int8": net(),
    "mlp binary": net(precision="binary"),
    "cnn int8": net(raw=True),
    "cnn binary": net(precision="binary", raw=True),
    **{kind: detector(kind) for kind in detectors.KINDS},
}
kinds = pytest.mark.parametrize("pipeline", KINDS.values(), ids=KINDS.keys())


def agree(pipeline: Pipeline, sources: dict[str, str]) -> bool:
    """Whether the C on this machine gives what the reference gives."""
    logs = [samples(1), samples(2), samples(3, 10)]
    results = cproject.on_host(pipeline, sources, logs)
    _, found = cproject.compare(pipeline, list("abc"), [run(pipeline, x) for x in logs], results)
    return found is None


@kinds
def test_host_equals_reference(pipeline: Pipeline) -> None:
    need("gcc")
    assert agree(pipeline, emit_project(pipeline).sources())


@pytest.mark.parametrize("core", ["m0plus", "m3", "m4", "m7"])
@kinds
def test_cortex_m_equals_reference(pipeline: Pipeline, core: str) -> None:
    need("arm-none-eabi-gcc", "unicorn")
    logs = [samples(4), samples(5, 60)]
    results, cost = cproject.emulated(pipeline, emit_project(pipeline).sources(), logs, cpu(core))
    windows, found = cproject.compare(pipeline, ["a", "b"], [run(pipeline, x) for x in logs], results)
    assert found is None
    assert windows == sum(len(run(pipeline, x)) for x in logs)
    assert 0 < cost.instructions_mean <= cost.instructions_most
    assert 0 < cost.stack < 4096
    assert cost.flash > 200


@pytest.mark.parametrize("core", ["m0plus", "m4", "m33"])
@kinds
def test_counts_and_results_are_those_of_qemu(pipeline: Pipeline, core: str) -> None:
    """The second opinion: the same project in QEMU gives the same bytes and counts, push by push."""
    need("arm-none-eabi-gcc", "unicorn", "qemu-system-arm")
    logs, sources = [samples(6, 160), samples(7, 10), samples(8, 300)], emit_project(pipeline).sources()
    want, cost = cproject.emulated(pipeline, sources, logs, cpu(core))
    other = replace(cpu(core), unicorn="")
    got, again = cproject.emulated(pipeline, sources, logs, other)
    assert [x.tobytes() for x in got] == [x.tobytes() for x in want]
    assert len(want[0]) > 2
    # QEMU's marks take some stack themselves
    assert cost.stack <= again.stack <= cost.stack + 64
    assert again == replace(cost, stack=again.stack, cycles=None, source="emulated, QEMU")


@pytest.mark.parametrize("opt", ["-O2", "-O3", "-Os"])
@kinds
def test_m55_equals_reference(pipeline: Pipeline, opt: str) -> None:
    """The core that Unicorn lacks, with the vector instructions that the compiler finds a use for."""
    need("arm-none-eabi-gcc", "qemu-system-arm")
    logs = [samples(4), samples(5, 60), samples(6, 10)]
    sources = emit_project(pipeline).sources()
    results, cost = cproject.emulated(pipeline, sources, logs, cpu("m55"), opt)
    windows, found = cproject.compare(pipeline, list("abc"), [run(pipeline, x) for x in logs], results)
    assert found is None
    assert windows > 10
    assert (cost.core, cost.source, cost.cycles) == ("cortex-m55", "emulated, QEMU", None)
    assert cost.instructions_most >= cost.instructions_mean > 0
    assert 0 < cost.stack < 4096


@kinds
def test_m0plus_needs_no_helper(pipeline: Pipeline) -> None:
    need("arm-none-eabi-gcc")
    from sensorai.toolchain.arm import build_elf

    project = emit_project(pipeline)
    image = build_elf(
        project.sources(),
        cpu("m0plus"),
        keep=(f"{pipeline.name}_push", f"{pipeline.name}_run", f"{pipeline.name}_init"),
    )
    assert image.library_calls == ()


@kinds
def test_same_bytes_and_store(pipeline: Pipeline) -> None:
    again = from_dict(to_dict(pipeline))
    assert emit_project(again).files == emit_project(pipeline).files
    x = samples(6)
    assert np.array_equal(run(again, x).scores, run(pipeline, x).scores)


@pytest.mark.parametrize("value", [511, -511, 512, -512, 32767, -32768])
def test_prepared_inputs_beyond_the_grid_are_refused(value: int) -> None:
    """Their sums could overflow."""
    need("gcc")
    from sensorai.toolchain.host import build_shared

    one = detector("mahalanobis")
    head = "int32_t run(const int16_t *input, int32_t *score)"
    text = f"""#include "watch.h"
{head};
{head}
{{
    static watch_t ctx;
    watch_in_t in = {{{{input[0], input[1], input[2], input[3]}}}};
    watch_out_t out = {{{{0, 0}}, 0}};
    int32_t result = watch_init(&ctx) + watch_run(&ctx, &in, &out);

    score[0] = out.score[0];
    score[1] = out.score[1];
    return result;
}}
"""
    library = build_shared({**emit_project(one).sources(), "run.c": text})
    row, score = np.array([3, 0, value, -7], np.int16), np.zeros(2, np.int32)
    got = library.call("run", row, score).value
    if abs(value) > 511:
        assert got == -1
        assert not score.any()
    else:
        assert got == 0
        assert isinstance(one.model, detectors.Detector)
        assert np.array_equal(score, one.model.scores(row[None])[0])


TWO = """#include <stdio.h>
#include "first.h"
#include "second.h"

int main(void)
{
    static first_t a;
    static first_t b;
    static second_t other;
    first_result_t one;
    first_result_t two;
    second_result_t third;
    int16_t sample[3];
    int16_t turned[3];

    (void)first_init(&a);
    (void)first_init(&b);
    (void)second_init(&other);
    while (fread(sample, sizeof sample, 1, stdin) == 1) {
        int got;
        int more;

        turned[0] = sample[2];
        turned[1] = sample[0];
        turned[2] = sample[1];
        got = first_push(&a, sample, &one);
        more = first_push(&b, turned, &two);
        (void)second_push(&other, sample, &third);
        if (got != more) {
            return 1;
        }
        if (got == 1) {
            (void)fwrite(&one, sizeof one, 1, stdout);
            (void)fwrite(&two, sizeof two, 1, stdout);
        }
    }
    return 0;
}
"""


PAIRS = {
    "forest": lambda: (forest("first"), net("second")),
    **{
        kind: partial(lambda kind: (detector(kind, "first"), forest("second")), kind)
        for kind in detectors.KINDS
    },
}


@pytest.mark.parametrize("make", PAIRS.values(), ids=PAIRS.keys())
def test_two_instances_and_two_models_in_one_program(make: Callable[[], tuple[Pipeline, Pipeline]]) -> None:
    need("gcc")
    first, second = make()
    sources = {**emit_project(first).sources(), **emit_project(second).sources(), "main.c": TWO}
    x = samples(7)
    out = build_program(sources, sanitize=True).run(x.tobytes())
    pairs = np.frombuffer(out, cproject.record(first)).reshape(-1, 2)
    for place, log in ((0, x), (1, np.ascontiguousarray(x[:, [2, 0, 1]]))):
        got = np.ascontiguousarray(pairs[:, place])
        _, found = cproject.compare(first, ["log"], [run(first, log)], [got])
        assert found is None


@pytest.mark.parametrize(
    ("pipeline", "file", "old", "new"),
    [
        # two trees with one vote each: ties are the rule
        (forest(hard=True), "demo.c", "score[i] > score[best]", "score[i] >= score[best]"),
        (forest(), "demo.c", "if (input[0] <= 100)", "if (input[0] < 100)"),
        (forest(), "demo.c", "ctx->counter[i] > 0U", "ctx->counter[i] > 1U"),
        (forest(), "demo.c", ">= DEMO_WINS", "> DEMO_WINS"),
        (forest(), "demo.c", "ends & 0x8000U", "ends & 0x4000U"),
        (forest(), "demo.c", "sample[i] >> 15", "sample[i] >> 14"),
        (forest(), "demo.c", "ctx->saturated++", "ctx->saturated += 2"),
        (net(), "net.c", "(d >> (shift - 1U)) & 1", "(d >> (shift - 1U)) & 0"),
        (net(), "net.c", "d > 127 ? 127", "d > 126 ? 126"),
        # the threshold is a score that occurs
        *(
            (detector(kind), "watch.c", "score[i] > score[best]", "score[i] >= score[best]")
            for kind in detectors.KINDS
        ),
        (detector("mahalanobis"), "watch.c", "(d >> (shift - 1)) & 1", "(d >> (shift - 1)) & 0"),
        (detector("mahalanobis"), "watch.c", "(1U << -shift)", "(2U << -shift)"),
        (detector("prototypes"), "watch.c", "d > 511 ? 511", "d > 510 ? 510"),
        (detector("prototypes"), "watch.c", "d < -511 ? -511", "d < -512 ? -512"),
        (detector("isolation-forest"), "watch.c", "sums[1]", "sums[0]"),
        (detector("gmm"), "sa_gaussian.h", "(acc + (int32_t)((1U << shift) >> 1)) >> shift", "acc >> shift"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else value.name,
)
def test_a_changed_rule_is_seen(pipeline: Pipeline, file: str, old: str, new: str) -> None:
    need("gcc")
    sources = emit_project(pipeline).sources()
    if "input[0] <= 100" in old:
        # the threshold itself must occur: a constant whose sum is the threshold
        flat = replace(pipeline, filters=(), features=pipeline.features)
        sources = emit_project(flat).sources()
        x = np.zeros((52, 3), np.int16)
        x[:25:1, 0], x[0, 0] = 4, 4
        assert old in sources[file]
        changed = {**sources, file: sources[file].replace(old, new)}
        same = [cproject.on_host(flat, s, [x])[0]["score"].tolist() for s in (sources, changed)]
        assert same[0] != same[1]
        return
    assert old in sources[file]
    changed = {**sources, file: sources[file].replace(old, new)}
    assert agree(pipeline, sources)
    assert not agree(pipeline, changed)


def test_saturated_samples_are_counted_to_the_end_of_the_counter() -> None:
    """INT16_MIN and INT16_MAX alone, once a sample, from the first on; the counter stays at its end."""
    need("gcc")
    from sensorai.model.pipeline import saturated
    from sensorai.toolchain.host import build_shared

    head = "uint32_t count(const int16_t *samples, uint32_t from, uint32_t rows)"
    text = f"""#include "demo.h"
{head};
{head}
{{
    static demo_t ctx;
    demo_result_t result;
    uint32_t i;

    (void)demo_init(&ctx);
    ctx.saturated = from;
    for (i = 0; i < rows; i++) {{
        (void)demo_push(&ctx, &samples[3U * i], &result);
    }}
    return ctx.saturated;
}}
"""
    library = build_shared({**emit_project(forest()).sources(), "count.c": text})
    values = [-32768, 32767, -32767, 32766, 0, -1, 1, 16383, -16384, 21845, -21846, 4096]
    x = np.array([[a, b, c] for a in values for b in values for c in (0, 32767, -3)], np.int16)
    wanted = sum(-32768 in row or 32767 in row for row in x.tolist())
    assert library.call("count", x, 0, len(x), returns="uint32").value == wanted
    assert saturated(x)[-1] == wanted
    assert library.call("count", x, 2**32 - 2, len(x), returns="uint32").value == 2**32 - 1


def test_a_tampered_table_is_named() -> None:
    need("gcc")
    pipeline = net()
    sources = emit_project(pipeline).sources()
    data = sources["net_data.c"]
    head, _, rest = data.partition("net_bias0")
    assert rest
    import re

    changed = re.sub(r"\{\s*-?\d+", "{ 12345", rest, count=1)
    results = cproject.on_host(
        pipeline, {**sources, "net_data.c": head + "net_bias0" + changed}, [samples(1)]
    )
    _, found = cproject.compare(pipeline, ["log"], [run(pipeline, samples(1))], results)
    assert found is not None
    assert found.column.startswith("score")


def test_instructions_of_an_autoencoders_layers() -> None:
    need("arm-none-eabi-gcc", "unicorn")
    one = detector("autoencoder")
    project = emit_project(one)
    found = cproject.layer_instructions(one, project.sources(), project, samples(1), cpu("m4"))
    assert found is not None
    assert len(found) == 2
    assert all(50 < count < 2000 for count in found)


@pytest.mark.parametrize(("precision", "small"), [("int8", False), ("int8", True), ("binary", False)])
def test_instructions_of_layers_with_margins_and_without_code(precision: str, small: bool) -> None:
    """Zeroing counts to the layer that reads it, and a flatten that moves nothing is no reason to give up."""
    need("arm-none-eabi-gcc", "unicorn")
    one = net(precision=precision, raw=True)
    project = emit_project(one, small=small)
    found = cproject.layer_instructions(one, project.sources(), project, samples(1), cpu("m4"))
    assert found is not None
    for layer, count in zip(project.layers, found, strict=True):
        assert count > 50 or layer.name.startswith("flatten"), layer
    # a window without features: what it costs is its layers
    _, cost = cproject.emulated(one, project.sources(), [samples(1)], cpu("m4"))
    assert 0.5 * cost.instructions_mean < sum(found) < 1.2 * cost.instructions_mean


def test_layers_of_another_project_are_no_layers() -> None:
    one = net(raw=True)
    source = emit_project(net(name="other", raw=True)).sources()
    with pytest.raises(InternalError):
        cproject.layer_instructions(
            one, {"net.c": source["other.c"]}, emit_project(one), samples(1), cpu("m4")
        )
