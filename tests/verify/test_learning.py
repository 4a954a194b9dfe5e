"""Learning on the device: reference, C on this machine and Cortex-M agree, blobs byte for byte."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from zlib import crc32

import numpy as np
import pytest

from sensorai.codegen.project import emit_project
from sensorai.cproject import learning as verify
from sensorai.cproject import runs as cproject
from sensorai.cproject.learning import Command, Outcome
from sensorai.model import knowledge, learner
from sensorai.model.pipeline import Pipeline, from_dict, run, to_dict
from sensorai.model.scaling import Scaling
from sensorai.model.session import Session
from sensorai.toolchain.compilers import RunError
from sensorai.toolchain.cpu import cpu
from tests.need import need
from tests.verify.learning import commands, learning, signal

PIPELINES = {
    "8 features": learning(),
    "16 features, filter": learning(16, filtered=True),
    "1 feature, no overlap": learning(1, stride=16, wins=0),
    "5 features from nothing": learning(5, started=False),
    "one stride kept": learning(8, window=64, stride=16),
    "norms once a sample": learning(12, window=48, stride=16, filtered=True),
}
#: A step of a feature is 16 of z.
SCALE = Scaling((0,) * 6, (-4,) * 6, "int16")
pipelines = pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES.keys())


@pipelines
def test_host_equals_reference(pipeline: Pipeline) -> None:
    need("gcc")
    sources = emit_project(pipeline).sources()
    for seed in (1, 2, 3):
        script = commands(seed)
        expected = verify.reference(pipeline, script)
        assert verify.first_difference(expected, verify.on_host(pipeline, sources, script)) == ""
        assert sum(len(one.results) for one in expected) > 50
        assert {one.code for one in expected} >= {0, -2} or pipeline.inputs == 1


#: The smallest core and that with instructions for signals run every pipeline; the M3 and the M7, whose
#: code is that of an M4 with fewer or other of them, share them.
ON_CORES = [
    pytest.param(pipeline, core, id=f"{name}-{core}")
    for k, (name, pipeline) in enumerate(PIPELINES.items())
    for core in ("m0plus", "m4", ("m3", "m7")[k % 2])
]


@pytest.mark.parametrize(("pipeline", "core"), ON_CORES)
def test_cortex_m_equals_reference(pipeline: Pipeline, core: str) -> None:
    need("arm-none-eabi-gcc", "unicorn")
    sources = emit_project(pipeline).sources()
    script = [*commands(4, 1500), *verify.exercise(pipeline, signal(9, 900))]
    got, cost = verify.emulated(pipeline, sources, script, cpu(core))
    assert verify.first_difference(verify.reference(pipeline, script), got) == ""
    assert 0 < cost.learn < cost.freeze
    assert cost.blob == knowledge.blob_bytes(pipeline.inputs)
    assert 0 < cost.knowledge < cost.ram < 4096
    assert cost.blob + 2000 < cost.flash < 12000
    assert 0 < cost.stack < 1024


@pipelines
def test_m0plus_needs_no_helper(pipeline: Pipeline) -> None:
    """No 64-bit, float or division helper, and no division: roots and quotients shift and subtract."""
    need("arm-none-eabi-gcc")
    from sensorai.toolchain.arm import build_elf

    verbs = ("init", "push", "detect", "learn", "freeze", "forget", "save", "restore", "run")
    keep = tuple(f"{pipeline.name}_{verb}" for verb in verbs)
    for opt in ("-O2", "-Os"):
        image = build_elf(emit_project(pipeline).sources(), cpu("m0plus"), opt=opt, keep=keep)
        assert image.library_calls == ()


@pipelines
def test_push_before_learning_is_the_plain_pipeline(pipeline: Pipeline) -> None:
    """What a device does before it learns is what `run` and every other level say."""
    need("gcc")
    logs = [signal(4, 600), signal(5, 30)]
    results = cproject.on_host(pipeline, emit_project(pipeline).sources(), logs)
    traces = [run(pipeline, x) for x in logs]
    assert cproject.compare(pipeline, ["a", "b"], traces, results)[1] is None
    session = Session(pipeline).detect(logs[0])
    assert session.scores.tolist() == traces[0].scores.tolist()


@pipelines
def test_same_bytes_and_store(pipeline: Pipeline) -> None:
    again = from_dict(to_dict(pipeline))
    assert emit_project(again).files == emit_project(pipeline).files
    assert again.learn == pipeline.learn
    plain = replace(pipeline, learn=None)
    assert from_dict(to_dict(plain)).learn is None
    assert "learn" not in emit_project(plain).files[f"{plain.name}.h"]


@pytest.mark.parametrize(("start", "pieces"), [(5000, 40), (100, 7)])
def test_samples_in_pieces(start: int, pieces: int) -> None:
    pipeline = learning(4, filtered=True)
    x = signal(start, 800)
    whole, parts = Session(pipeline), Session(pipeline)
    learnt = whole.learn(x[:500])
    assert sum(parts.learn(piece) for piece in np.array_split(x[:500], pieces)) == learnt
    expected = whole.detect(x[500:])
    got = [parts.detect(piece) for piece in np.array_split(x[500:], pieces)]
    for name in ("features", "scores", "answer", "decided", "end"):
        joined = np.concatenate([getattr(one, name) for one in got])
        assert joined.tolist() == getattr(expected, name).tolist()


def ends(pipeline: Pipeline) -> dict[str, bytes]:
    """Knowledge whose counters stand near their ends."""
    d = pipeline.inputs
    full = learner.FULL - 1
    diagonal = {learner.triangle(i + 1) - 1 for i in range(d)}
    top = full * 511**2

    def blob(windows: int, sums: int, products: int) -> bytes:
        signs = [1 if k in diagonal else (-1) ** k for k in range(learner.triangle(d))]
        moments = learner.Moments(
            windows, full, (sums,) * d, tuple(abs(products) if s > 0 else -products for s in signs)
        )
        now = knowledge.start(pipeline)
        return knowledge.pack(knowledge.Knowledge(moments, now.tables, False, now.model))

    return {
        "all at the top": blob(2**32 - 2, full * 511 * 256, top),
        "sums at the bottom": blob(2**32 - 1, -full * 511 * 256, top),
        "10^9 windows": blob(10**9, 123456, 98765432),
    }


@pytest.mark.parametrize("core", ["", "m0plus", "m4"])
@pytest.mark.parametrize("level", [32767, -32768, 0])
def test_counters_near_their_ends(level: int, core: str) -> None:
    """Restored just before a halving, then fed what adds most; on the host a sanitizer watches every sum."""
    need(*(("arm-none-eabi-gcc", "unicorn") if core else ("gcc",)))
    pipeline = learning(6)
    sources = emit_project(pipeline).sources()
    loud = np.full((400, 3), level, np.int16)
    loud[::2] = -loud[::2] - 1 if level else 0
    script = []
    for blob in ends(pipeline).values():
        script += [Command("restore", blob=blob), Command("freeze"), Command("detect", loud[:32])]
        script += [Command("learn", loud), Command("freeze"), Command("save"), Command("detect", loud[:64])]
    expected = verify.reference(pipeline, script)
    if core:
        got, _ = verify.emulated(pipeline, sources, script, cpu(core))
    else:
        got = verify.on_host(pipeline, sources, script)
    assert verify.first_difference(expected, got) == ""
    last = [knowledge.unpack(one.blob) for one in expected if one.blob]
    assert [one.moments.windows for one in last] == [2**32 - 1, 2**32 - 1, 10**9 + 400 // 8]
    assert all(2048 <= one.moments.count < 4096 and one.frozen for one in last)


def test_every_flipped_bit_is_refused() -> None:
    """Each of them, in C and in the reference; the context is what it was before."""
    need("gcc")
    pipeline = learning(5)
    sources = emit_project(pipeline).sources()
    session = Session(pipeline)
    session.learn(signal(8, 900))
    session.freeze()
    good = session.save()
    session.learn(signal(9, 300))
    kept = session.save()
    script = [Command("restore", blob=kept)]
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        script.append(Command("restore", blob=bytes(bad)))
    script += [Command("save"), Command("restore", blob=good), Command("save")]
    got = verify.on_host(pipeline, sources, script)
    assert verify.first_difference(verify.reference(pipeline, script), got) == ""
    codes = [one.code for one in got[1:-3]]
    assert set(codes) == {-3, -4, -5}
    assert codes[:40] == [-3] * 40
    assert (got[-3].blob, got[-1].blob) == (kept, good)


def test_impossible_numbers_with_a_right_crc_are_refused() -> None:
    import struct

    need("gcc")
    pipeline = learning(3)
    good = knowledge.pack(knowledge.start(pipeline))
    n = knowledge.unpack(good).moments.count

    def changed(at: int, form: str, value: int) -> bytes:
        size = struct.calcsize(form)
        body = good[:at] + struct.pack(form, value) + good[at + size : -4]
        return body + struct.pack("<I", crc32(body))

    bad = {
        "flags": changed(6, "<B", 2),
        "reserved": changed(7, "<B", 1),
        "count of 4096": changed(16, "<I", 4096),
        "count of 2^32 - 1": changed(16, "<I", 2**32 - 1),
        "fewer windows than count": changed(12, "<I", n - 1),
        "sum": changed(20, "<i", n * 511 * 256 + 1),
        "sum below": changed(24, "<i", -n * 511 * 256 - 1),
        "smallest sum": changed(24, "<i", -(2**31)),
        "product": changed(36, "<i", -n * 511**2 - 1),
        "negative square": changed(32, "<i", -1),
        "second square": changed(40, "<i", n * 511**2 + 1),
        "mean": changed(56, "<h", 512),
        "mean below": changed(58, "<h", -512),
        "weight": changed(62, "<h", -32768),
        "shift": changed(74, "<B", 31),
    }
    fine = [changed(32, "<i", n * 511**2), changed(36, "<i", -n * 511**2), changed(56, "<h", -511)]
    script = [Command("restore", blob=blob) for blob in bad.values()] + [Command("save")]
    script += [Command("restore", blob=blob) for blob in fine] + [Command("freeze"), Command("save")]
    got = verify.on_host(pipeline, emit_project(pipeline).sources(), script)
    assert verify.first_difference(verify.reference(pipeline, script), got) == ""
    assert [one.code for one in got[: len(bad)]] == [-5] * len(bad)
    assert got[len(bad)].blob == good
    assert [one.code for one in got[len(bad) + 1 :]] == [0] * 5


def test_any_bytes_with_a_right_crc() -> None:
    """Numbers that no windows add up to are refused, or frozen without an overflow; never half restored."""
    need("gcc")
    pipeline = learning(7)
    good = knowledge.pack(knowledge.start(pipeline))
    rng = np.random.default_rng(12)
    script = []
    for k in range(300):
        body = bytearray(good[:-4])
        if k % 3:
            # within the bounds, far from any real state
            n = int(rng.choice([28, 100, 2048, 4095]))
            body[16:20] = n.to_bytes(4, "little")
            body[12:16] = (n + int(rng.integers(0, 9))).to_bytes(4, "little")
            sums = rng.integers(-n * 511 * 256, n * 511 * 256 + 1, 7)
            products = np.where(rng.random(28) < 0.3, n * 511**2, rng.integers(0, n * 511**2 + 1, 28))
            body[20 : 20 + 4 * 35] = np.concatenate([sums, products]).astype("<i4").tobytes()
        else:
            body[int(rng.integers(6, 20)) :] = rng.bytes(len(body))[: len(body)]
            del body[len(good) - 4 :]
            body += bytes(len(good) - 4 - len(body))
        blob = bytes(body) + crc32(bytes(body)).to_bytes(4, "little")
        script += [Command("restore", blob=blob), Command("freeze"), Command("save")]
    expected = verify.reference(pipeline, script)
    got = verify.on_host(pipeline, emit_project(pipeline).sources(), script)
    assert verify.first_difference(expected, got) == ""
    assert {one.code for one in got[::3]} == {0, -4, -5}
    assert sum(one.code == 0 for one in got[::3]) == 200


def test_knowledge_of_another_model_is_refused() -> None:
    need("gcc")
    pipeline = learning(5)
    others = [learning(5, window=20), learning(5, seed=2), learning(5, lsb=0.244), learning(5, filtered=True)]
    same = [learning(5, wins=7, name="other"), learning(5, stride=4)]
    # the stride and the rest do not change what numbers mean; the scaling must be that of the first
    same = [replace(one, scaling=pipeline.scaling) for one in same]
    script = [Command("restore", blob=Session(one).save()) for one in (*others, *same)]
    got = verify.on_host(pipeline, emit_project(pipeline).sources(), script)
    assert verify.first_difference(verify.reference(pipeline, script), got) == ""
    assert [one.code for one in got] == [-4] * len(others) + [0] * len(same)


TWO = """#include <string.h>
#include "lrn.h"
#include "harness.h"

int main(void)
{
    static lrn_t a;
    static lrn_t b;
    static uint8_t one[LRN_BLOB_BYTES];
    static uint8_t two[LRN_BLOB_BYTES];
    int16_t sample[3];
    uint32_t i = 0;

    (void)lrn_init(&a);
    (void)lrn_init(&b);
    while (harness_read(sample, sizeof sample) == sizeof sample) {
        int16_t turned[3];

        turned[0] = sample[2];
        turned[1] = sample[0];
        turned[2] = sample[1];
        if (lrn_learn(&a, sample) != lrn_learn(&b, turned)) {
            return 1;
        }
        if (++i == 700U && lrn_freeze(&a) != 0) {
            return 2;
        }
    }
    if (lrn_learn(0, sample) != -1 || lrn_learn(&a, 0) != -1 || lrn_freeze(0) != -1 || lrn_forget(0) != -1) {
        return 3;
    }
    if (lrn_save(0, one) != -1 || lrn_save(&a, 0) != -1 || lrn_restore(0, one) != -1 ||
        lrn_restore(&a, 0) != -1) {
        return 4;
    }
    (void)lrn_save(&a, one);
    (void)lrn_save(&b, two);
    harness_write(one, sizeof one);
    harness_write(two, sizeof two);
    lrn_deinit(&a);
    (void)lrn_save(&a, one);
    harness_write(one, sizeof one);
    return 0;
}
"""


def test_two_instances_and_null_pointers() -> None:
    need("gcc")
    from sensorai.toolchain.host import build_program

    pipeline = learning()
    x = signal(6, 1200)
    program = build_program({**emit_project(pipeline).sources(), "main.c": TWO}, sanitize=True, harness=True)
    first, second = Session(pipeline), Session(pipeline)
    first.learn(x[:700])
    first.freeze()
    first.learn(x[700:])
    second.learn(np.ascontiguousarray(x[:, [2, 0, 1]]))
    assert program.run(x.tobytes()) == first.save() + second.save() + Session(pipeline).save()


# one change each; every one must be seen
MUTANTS = [
    ("sa_learn.h", "*to++ += z[i] * 256;", "*to++ += z[i] * 255;"),
    ("sa_learn.h", "while (other <= end)", "while (other < end)"),
    ("sa_learn.h", "*to = (*to >> 1) + (*to & 1);", "*to = *to >> 1;"),
    ("sa_learn.h", "if (*windows != 0xFFFFFFFFU) {", "if (*windows != 0) {"),
    ("sa_learn.h", "x.hi += (uint32_t)(x.lo < half);", ""),
    ("sa_learn.h", "+ (unit >> 1);", ";"),
    ("sa_learn.h", "count << (8U + least[i]))", "count << 8U)"),
    ("sa_learn.h", "((row[j] >> (bits - 16U)) & 1)", "0"),
    ("sa_learn.h", "count < SA_LEARN_LEAST * d", "count <= SA_LEARN_LEAST * d"),
    ("sa_learn.h", "variance = floor_of;", ""),
    ("sa_learn.h", "*to++ = -sa_learn_ratio(", "*to++ = sa_learn_ratio("),
    ("sa_wide.h", "root <<= 1;", "root = (root << 1) & 0xFFFFFFFCU;"),
    ("lrn.c", "know->frozen = 1;", "know->frozen = 0;"),
    ("lrn.c", "    ctx->windows++;\n    lrn_advance", "    lrn_advance"),
    ("lrn.c", "    ctx->knowledge.count = 0;\n", ""),
    ("lrn.c", "    found = sa_blob_check(", "    found = 0 * sa_blob_check("),
    ("sa_blob.h", "good = blob[6] <= 1U", "good = blob[6] <= 2U"),
    ("sa_blob.h", "value = (value << 8) | from[bytes];", "value = (value << 8) | (from[bytes] & 0x7FU);"),
]


@cache
def proven() -> list[tuple[Pipeline, dict[str, str], list[Command], list[Outcome]]]:
    """Projects, commands and results; what is not changed gives them."""
    pipeline = learning(6)
    # features of which a step is worth 16 of z, so that floors are more than one
    scaling = replace(SCALE, offset=pipeline.scaling.offset[:1] * 6) if pipeline.scaling else SCALE
    fine = replace(pipeline, scaling=scaling, learn=learner.empty(6))
    still = np.zeros((400, 3), np.int16)
    still[::7, 1], still[::11, 0] = 1, -1
    least = (learner.LEAST * 6 - 1) * pipeline.stride + pipeline.window
    script = [
        *commands(3),
        *(
            Command("init"),
            Command("forget"),
            Command("learn", signal(7, least)),
            Command("freeze"),
            Command("save"),
        ),
        *(Command("forget"), Command("learn", still), Command("freeze"), Command("save")),
    ]
    flags = bytearray(Session(pipeline).save())
    flags[6] = 2
    flags[-4:] = crc32(bytes(flags[:-4])).to_bytes(4, "little")
    for blob in (*ends(pipeline).values(), bytes(flags)):
        script += [Command("restore", blob=blob), Command("learn", still), Command("freeze"), Command("save")]
    found = []
    for one in (pipeline, fine):
        sources = dict(emit_project(one).sources())
        steps = script if one is pipeline else [c for c in script if c.kind != "restore"]
        expected = verify.reference(one, steps)
        assert verify.first_difference(expected, verify.on_host(one, sources, steps)) == ""
        found.append((one, sources, steps, expected))
    return found


@pytest.mark.parametrize(("file", "old", "new"), MUTANTS, ids=[f"{m[0]} {m[1].strip()}" for m in MUTANTS])
def test_a_changed_rule_is_seen(file: str, old: str, new: str) -> None:
    need("gcc")
    seen = False
    for one, sources, steps, expected in proven():
        assert old in sources[file]
        changed = {**sources, file: sources[file].replace(old, new)}
        try:
            seen |= verify.first_difference(expected, verify.on_host(one, changed, steps)) != ""
        except RunError:
            seen = True
        if seen:
            break
    assert seen
