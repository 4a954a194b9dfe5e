"""C of detectors: the reference, the host and the emulated cores give the same scores, at every edge."""

from __future__ import annotations

import numpy as np
import pytest

from sensorai import runtime
from sensorai.codegen.detector import emit_detector
from sensorai.model.detector import Detector
from sensorai.toolchain.arm import build_elf
from sensorai.toolchain.cpu import cpu
from sensorai.toolchain.emulator import Emulator
from sensorai.toolchain.host import build_program, build_shared
from tests.codegen.detectors import C_MAIN, DETECTORS, TOP, largest, rows_of, stream, unit
from tests.need import need

NAMES = list(DETECTORS)
ALL = list(DETECTORS.values())


def test_host_equals_reference() -> None:
    need("gcc")
    rows = [rows_of(one) for one in ALL]
    out = build_program(unit(ALL, tail=C_MAIN), sanitize=True).run(stream(ALL, rows))
    got = np.frombuffer(out, np.int32).reshape(-1, 2)
    at = 0
    for name, one, block in zip(NAMES, ALL, rows, strict=True):
        part = got[at : at + len(block)]
        at += len(block)
        assert np.array_equal(part, one.scores(block)), name
    assert at == len(got)


@pytest.mark.parametrize("core", ["m0plus", "m3", "m4", "m7"])
def test_emulator_equals_reference(core: str) -> None:
    need("arm-none-eabi-gcc", "unicorn")
    image = build_elf(unit(ALL), cpu(core), keep=[f"run{i}" for i in range(len(ALL))])
    # no 64-bit, float, division or memory function of a library
    assert image.library_calls == ()
    emulator = Emulator(image)
    for i, (name, one) in enumerate(DETECTORS.items()):
        rows = rows_of(one, 6)
        arena = np.full(-(-emit_detector(one, "m").arena_bytes // 4) + 1, 0xA55A5AA5, np.uint32)
        got = np.zeros((len(rows), 2), np.int32)
        for row, score in zip(rows, got, strict=True):
            emulator.call(f"run{i}", row, score, arena, returns="void")
        assert np.array_equal(got, one.scores(rows)), name
        # the planned arena is enough: the word behind it is untouched
        assert arena[-1] == 0xA55A5AA5


def test_the_edges_are_reached() -> None:
    """What the cases claim to reach, they reach."""
    saturates = DETECTORS["saturates"].core
    assert saturates.whitened(rows_of(DETECTORS["saturates"])).max() == 32767  # type: ignore[union-attr]
    lowest = DETECTORS["many_components"].core.whitened(rows_of(DETECTORS["many_components"]))  # type: ignore[union-attr]
    assert lowest.min() == -32768
    assert DETECTORS["saturates"].distances(rows_of(DETECTORS["saturates"])).max() == TOP
    row = np.full((1, 32), 511, np.int16)
    core = largest(32, 30)
    acc = (core.weight[0].astype(np.int64) @ (row[0].astype(np.int64) - core.mean[0])).max()
    assert acc + 2**29 < 2**31
    assert acc == 32 * 32767 * 1022 < 2**30
    assert core.whitened(row)[0, 0].tolist()[-1] == 1
    assert DETECTORS["one_point"].distances(np.array([[511]], np.int16))[0] > 0


def test_points_take_8_bits_where_they_fit() -> None:
    for name, kind in (
        ("points_of_8_bits", "int8_t"),
        ("usual_points", "int8_t"),
        ("most_points", "int16_t"),
    ):
        assert f"static const {kind} m_points" in emit_detector(DETECTORS[name], "m").data


def test_difference_saturates() -> None:
    """65025 fits 33025 times into int32, not 33026 times."""
    need("gcc")
    head = "int32_t run(const int8_t *x, const int32_t *y, uint32_t n)"
    text = f'#include "sa_difference.h"\n{head};\n{head}\n{{\n    return sa_difference(x, y, n);\n}}\n'
    library = build_shared({"m.c": text, "sa_difference.h": runtime.text("anomaly/sa_difference.h")})
    x, y = np.full(40000, -128, np.int8), np.full(40000, 127, np.int32)
    for n, expected in ((0, 0), (1, 65025), (33025, 33025 * 65025), (33026, TOP), (40000, TOP)):
        assert library.call("run", x, y, n).value == expected


GAUSSIANS = [
    "one_feature",
    "row_at_the_end",
    "row_beyond",
    "usual",
    "saturates",
    "diagonal",
    "mixture",
    "many_components",
    "bias_at_the_end",
]
#: Cases, and a fault that one of them shows.
MUTANTS = [
    (GAUSSIANS, "(acc + (int32_t)((1U << shift) >> 1)) >> shift", "acc >> shift"),
    (GAUSSIANS, "(1U << shift) >> 1", "(1U << shift) >> 2"),
    (GAUSSIANS, "y > 32767", "y > 32768"),
    (GAUSSIANS, "y = 32767", "y = 32766"),
    (GAUSSIANS, "y < -32768", "y < -46000"),
    (
        GAUSSIANS,
        "if (sum >= (uint32_t)best) {\n            return best;",
        "if (sum == 0xFFFFFFFFU) {\n            return best;",
    ),
    (GAUSSIANS, "sum >= (uint32_t)best", "sum > 0x7FFFFFFFU"),
    (GAUSSIANS, "= (uint32_t)bias", "= 0"),
    (GAUSSIANS, "z[i] - mean[i]", "z[i] + mean[i]"),
    (GAUSSIANS, "end = weight + i", "end = weight + i - (i > 1U)"),
    (["usual_points", "most_points"], "sum < worst;", "sum < worst - 9;"),
    (["most_points", "points_of_8_bits"], "nearest[i - 1U] > sum", "nearest[i - 1U] < sum"),
    (["most_points", "all_are_neighbours"], "nearest[i] = nearest[i - 1U]", "nearest[i - 1U] = nearest[i]"),
    (["usual_points", "one_point"], "z[i] - points[i]", "z[i] + points[i]"),
    (["isolation"], "score[1] = sums[1]", "score[1] = sums[0]"),
    (["autoencoder"], "input[i] - made[i]", "input[i] + made[i]"),
    (["autoencoder"], "sum += (uint32_t)(u * u)", "sum = (uint32_t)(u * u)"),
    (["autoencoder", "usual", "isolation"], "score[0] = ", "score[0] = 1 + "),
]


@pytest.mark.parametrize(("names", "old", "new"), MUTANTS, ids=[new[:30] for _, _, new in MUTANTS])
def test_a_changed_rule_is_seen(names: list[str], old: str, new: str) -> None:
    need("gcc")
    chosen: list[Detector] = [DETECTORS[name] for name in names]
    rows = [rows_of(one) for one in chosen]
    clean = unit(chosen, tail=C_MAIN)
    assert any(old in str(text) for text in clean.values())
    broken = unit(chosen, lambda text: text.replace(old, new), tail=C_MAIN)
    # only warnings that the fault itself causes are let through
    flags = ("-std=c99",)
    expected = np.concatenate([one.scores(block) for one, block in zip(chosen, rows, strict=True)])
    for sources, equal in ((clean, True), (broken, False)):
        out = build_program(sources, flags, opt="-O1").run(stream(chosen, rows))
        assert np.array_equal(np.frombuffer(out, np.int32).reshape(-1, 2), expected) == equal
