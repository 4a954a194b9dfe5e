"""From a scikit-learn tree to halves and result codes: no decision moves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorai.learn import select
from sensorai.learn.convert import to_tree, used
from sensorai.mlc import half


def halves(bits: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    """Finite halves from any bit patterns."""
    out: npt.NDArray[np.float32] = bits.view(np.float16).astype(np.float32)
    out[~np.isfinite(out)] = 0.0
    return out


def neighbours(value: float) -> list[float]:
    """The halves next to a threshold, on both sides, and the two it lies between."""
    low = half.to_float(half.floor(value))
    below = np.nextafter(np.float16(low), np.float16(-np.inf))
    above = np.nextafter(np.float16(low), np.float16(np.inf))
    return [float(v) for v in (below, np.float16(low), above) if np.isfinite(v)]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    features=st.integers(1, 4),
    classes=st.integers(2, 6),
    spread=st.sampled_from([0.0, 1e-7, 1.0, 3e4]),
)
def test_no_decision_moves(seed: int, features: int, classes: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    if spread:
        x = (
            np.clip(rng.normal(0, spread, (120, features)), -65504, 65504)
            .astype(np.float16)
            .astype(np.float32)
        )
    else:
        # any bit pattern at all, subnormal ones and the largest among them
        x = halves(rng.integers(0, 1 << 16, (120, features), dtype=np.uint16))
    y = rng.integers(0, classes, 120)
    codes = tuple(int(c) for c in rng.permutation(256)[:classes])
    fitted = select.new_tree(33, 0).fit(x, y)
    tree = to_tree(fitted, codes)
    assert len(tree) <= max(1, fitted.tree_.n_leaves - 1)
    # no test is left whose answer does not matter
    assert len(tree) == 1 or all(low != high for _, _, low, high in tree.rows())
    assert [half.to_float(half.nearest(t)) for t in tree.threshold] == tree.threshold.tolist()
    # values of the data, any halves, and the closest to every threshold
    more = halves(rng.integers(0, 1 << 16, (300, features), dtype=np.uint16))
    near = []
    for f, t, _, _ in tree.rows():
        for v in neighbours(t):
            row = x[int(rng.integers(len(x)))].copy()
            row[f] = v
            near.append(row)
    every = np.concatenate([x, more, np.array(near, np.float32).reshape(-1, features)])
    wanted = np.array(codes)[fitted.predict(every)]
    assert np.array_equal(tree.predict(every), wanted)


def test_threshold_is_the_half_below_the_middle() -> None:
    # halves 1 and 1 + 1/1024 are neighbours: scikit-learn splits between them, where no half is
    x = np.array([[1.0], [1.0 + 2**-10]] * 5, np.float32)
    tree = to_tree(select.new_tree(2, 0).fit(x, [0, 1] * 5), (7, 9))
    assert tree.threshold.tolist() == [1.0]
    assert tree.predict(x).tolist() == [7, 9] * 5


def test_threshold_below_zero_is_rounded_down() -> None:
    x = np.array([[-1.0], [-1.0 + 2**-11]] * 5, np.float32)
    tree = to_tree(select.new_tree(2, 0).fit(x, [0, 1] * 5), (7, 9))
    assert tree.threshold.tolist() == [-1.0]
    assert tree.predict(x).tolist() == [7, 9] * 5


def test_smallest_halves_on_both_sides_of_zero() -> None:
    # scikit-learn does not split values closer than 1e-7; these are subnormal halves nonetheless
    tiny = 2.0**-22
    x = np.array([[-tiny], [0.0], [tiny]] * 5, np.float32)
    fitted = select.new_tree(3, 0).fit(x, [0, 1, 2] * 5)
    tree = to_tree(fitted, (1, 2, 3))
    assert tree.predict(x).tolist() == [1, 2, 3] * 5
    assert tree.predict(np.array([[-0.0]])).tolist() == [2]


@pytest.mark.parametrize("classes", [[4, 4, 4, 4, 4, 4]])
def test_single_leaf_becomes_one_test_with_the_same_result(classes: list[int]) -> None:
    x = np.arange(6, dtype=np.float32)[:, None]
    tree = to_tree(select.new_tree(8, 0).fit(x, classes), (0, 0, 0, 0, 11))
    assert len(tree) == 1
    assert tree.leaves == [11, 11]
    assert tree.predict(x).tolist() == [11] * 6


def test_class_without_a_window_keeps_its_place() -> None:
    x = np.array([[0.0], [1.0]] * 5, np.float32)
    # classes 0 and 2 of three: codes go by class, not by position among those seen
    tree = to_tree(select.new_tree(4, 0).fit(x, [0, 2] * 5), (1, 4, 8))
    assert tree.predict(x).tolist() == [1, 8] * 5


def test_a_test_below_which_all_leaves_answer_alike_is_left_out_with_its_feature() -> None:
    # feature 1 tells only how sure the answer is
    x = np.array([[a, b] for a in (0.0, 1.0) for b in (0.0, 1.0) for _ in range(10)], np.float32)
    y = [0] * 20 + [1] * 10 + [1] * 7 + [0] * 3
    fitted = select.new_tree(9, 0).fit(x, y)
    assert fitted.tree_.n_leaves == 3
    assert used(fitted) == {0}
    assert list(to_tree(fitted, (7, 9)).rows()) == [(0, 0.5, ~7, ~9)]
