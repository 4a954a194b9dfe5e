"""The definition of the core's arithmetic against the test vectors, and the kernel against the definition."""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sensorai.errors import ConfigError
from sensorai.mlc import half, kernel


def vectors(shared: Path, name: str) -> Iterator[dict[str, str]]:
    with (shared / "facts" / "vectors" / name).open() as file:
        yield from csv.DictReader(file)


def bits(x: float) -> int:
    return int(half.values_to_bits(np.array([x]))[0])


@pytest.mark.conformance
@pytest.mark.parametrize(
    ("name", "op", "keys"),
    [
        ("half_add.csv", "add", ("a", "b", "sum")),
        ("half_mul.csv", "multiply", ("a", "b", "product")),
        ("rsqrt.csv", "reciprocal_root", ("q", "rsqrt")),
        ("sqrt.csv", "square_root", ("q", "sqrt")),
    ],
)
def test_vectors(shared: Path, name: str, op: str, keys: tuple[str, ...]) -> None:
    rows = [[int(row[k], 16) for k in keys] for row in vectors(shared, name)]
    assert len(rows) > 500
    for *operands, expected in rows:
        assert getattr(half, op)(*operands) == expected
        compiled = getattr(kernel, op)(*(half.to_float(o) for o in operands))
        assert bits(compiled) == expected


@pytest.mark.conformance
def test_window_reciprocal_vectors(shared: Path) -> None:
    rows = list(vectors(shared, "window_reciprocal.csv"))
    assert len(rows) == 255
    for row in rows:
        assert half.window_reciprocal(int(row["window"])) == int(row["reciprocal"], 16)
        assert bits(kernel.window_reciprocal(int(row["window"]))) == int(row["reciprocal"], 16)


@pytest.mark.conformance
def test_input_vectors(shared: Path) -> None:
    old = [(float(r["mg"]), int(r["half"], 16)) for r in vectors(shared, "input_old.csv")]
    new = [(float(r["mg"]), int(r["half"], 16)) for r in vectors(shared, "input_new.csv")]
    assert len(old) >= 300
    assert len(new) >= 300
    out = np.empty(len(old))
    kernel.convert_truncating(np.array([mg for mg, _ in old]), 1000.0, out)
    assert half.values_to_bits(out).tolist() == [b for _, b in old]
    assert [half.toward_zero(mg / 1000) for mg, _ in old] == [b for _, b in old]
    out = np.empty(len(new))
    kernel.convert_lsb_grid(np.array([mg for mg, _ in new]), 0.061, out)
    assert half.values_to_bits(out).tolist() == [b for _, b in new]


@pytest.mark.conformance
def test_text_vectors(shared: Path) -> None:
    for row in vectors(shared, "print_half.csv"):
        assert half.arff_text(half.to_float(int(row["half"], 16))) == row["text"]


EDGES = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x07FF, 0x3BFF, 0x3C00, 0xBC00, 0x3C01]
EDGES += [0x7BFF, 0xFBFF, 0x7BFE, 0x7C00, 0xFC00, 0x7E00]


def same(a: float, b: int) -> bool:
    """Equal bits, any NaN being as good as another."""
    return (math.isnan(a) and math.isnan(half.to_float(b))) or bits(a) == b


@pytest.mark.parametrize("op", ["add", "multiply"])
def test_kernel_equals_definition_on_edges_and_random_pairs(op: str) -> None:
    rng = random.Random(1)
    pairs = [(a, b) for a in EDGES for b in EDGES]
    for _ in range(4000):
        a = rng.randrange(0x10000)
        near = (a + rng.randrange(-0x0800, 0x0800)) ^ (rng.getrandbits(1) << 15)
        pairs.append((a, near & 0xFFFF if rng.random() < 0.7 else rng.randrange(0x10000)))
    define, compiled = getattr(half, op), getattr(kernel, op)
    for a, b in pairs:
        expected = define(a, b)
        assert same(compiled(half.to_float(a), half.to_float(b)), expected), (hex(a), hex(b))


def test_roots_of_every_positive_half() -> None:
    for q in range(1, 0x7C00, 7):
        assert bits(kernel.reciprocal_root(half.to_float(q))) == half.reciprocal_root(q), hex(q)
        assert bits(kernel.square_root(half.to_float(q))) == half.square_root(q), hex(q)
    assert half.square_root(0) == 0


def test_addition_is_not_ieee() -> None:
    # 1 + 1.5 * 2^-11: no guard bit, the small operand becomes one whole step
    assert half.add(0x3C00, half.nearest(1.5 * 2.0**-11)) == 0x3C01
    # 1 + 2^-12 rounds to nothing in IEEE and here; 1 + 2^-11 is a tie: up here, to even (down) in IEEE
    assert half.add(0x3C00, half.nearest(2.0**-12)) == 0x3C00
    assert half.add(0x3C00, half.nearest(2.0**-11)) == 0x3C01
    assert float(np.float16(1) + np.float16(2.0**-11)) == 1.0
    assert half.subtract(0x3C00, 0x3C00) == 0


@pytest.mark.parametrize(
    "value", [0.0, 1.0, -1.0, 0.1, -0.1, 65504.0, 6e-8, 5.9604645e-8, 1e-9, -1e-9, 1 / 3]
)
def test_narrowing_directions(value: float) -> None:
    down = half.to_float(half.floor(value))
    assert down <= value
    assert half.to_float(half.toward_zero(value)) == pytest.approx(value, rel=1e-3, abs=6e-8)
    assert abs(half.to_float(half.toward_zero(value))) <= abs(value)
    out = np.empty(1)
    kernel.convert_truncating(np.array([value]), 1.0, out)
    assert bits(float(out[0])) == half.toward_zero(value)
    assert bits(kernel.round_away(value)) == half.nearest_away(value)


def test_below_steps_through_zero() -> None:
    assert half.below(0x0001) == 0x0000
    assert half.below(0x0000) == 0x8001
    assert half.below(0x8000) == 0x8001
    assert half.below(0xBC00) == 0xBC01


def test_exact_bits_refuses_what_is_not_a_half() -> None:
    assert half.exact_bits(0.5) == 0x3800
    with pytest.raises(ConfigError, match="not a half-precision number"):
        half.exact_bits(0.1)


def test_text_ties_go_away_from_zero() -> None:
    assert half.arff_text(0.3203125) == "0.320313"
    assert f"{0.3203125:.6g}" == "0.320312"
    assert half.arff_text(-0.3203125) == "-0.320313"
    assert half.arff_text(2.0**-24) == "5.96046e-08"
    assert half.arff_text(-0.0) == "0"
