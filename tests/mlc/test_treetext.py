"""Tree text in and out, and thresholds narrowed to halves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorai.errors import ConfigError, DataError
from sensorai.mlc import half
from sensorai.mlc.thresholds import narrow
from sensorai.mlc.treetext import parse_tree_text, read_tree_text, threshold_text, write_tree_text
from sensorai.model.forest import Tree

OLD = """F3_VAR_on_ACC_V <= 0.00293
|   F1_MEAN_on_ACC_Z <= -0.844238: face_down (66.0)
|   F1_MEAN_on_ACC_Z > -0.844238: face_up (73.0/2.0)
F3_VAR_on_ACC_V > 0.00293: shaking (51.0)

Number of Leaves  : \t3

Size of the tree : \t5

class:
 => face_up, face_down, shaking,
features:
 => F1_MEAN_on_ACC_Z, F3_VAR_on_ACC_V,
"""

SHORT = """
F1_A <= 11.16\r
|   F2_B <= -0.00: stationary\r
|   F2_B >  -0.00: cycling\r
F1_A >  11.16: walking fast\r
"""


def test_old_style_with_lists() -> None:
    text = parse_tree_text(OLD)
    assert text.classes == ("face_up", "face_down", "shaking")
    assert text.features == ("F1_MEAN_on_ACC_Z", "", "F3_VAR_on_ACC_V")
    assert list(text.tree.rows()) == [(2, 0.00293, 1, ~2), (0, -0.844238, ~1, ~0)]
    assert text.lines == (1, 2)


def test_short_style_keeps_the_negative_zero() -> None:
    text = parse_tree_text(SHORT)
    assert text.classes == ("stationary", "cycling", "walking fast")
    assert np.signbit(text.tree.threshold[1])
    assert narrow(text).moved == ()  # 11.16 lies above its nearest half, and no half lies between
    assert half.nearest(float(narrow(text).tree.threshold[1])) == 0x8000


def test_codes_take_the_place_of_classes() -> None:
    text = parse_tree_text(OLD)
    coded = text.coded({"face_up": 0, "face_down": 4, "shaking": 8})
    assert coded.tree.leaves == [4, 0, 8]
    with pytest.raises(ConfigError, match="'face_down', which has no result code") as caught:
        text.coded({"face_up": 0, "face_dwn": 4, "shaking": 8})
    assert "face_dwn" in caught.value.hint


def test_names_can_be_given() -> None:
    names = {"accX": 4}
    assert parse_tree_text("accX <= 1: a\naccX > 1: b\n", features=names).tree.feature[0] == 4
    assert parse_tree_text("b <= 1: a\nb > 1: b\n", features=["a", "b"]).features == ("a", "b")
    assert parse_tree_text("q <= 1: a\nq > 1: b\n").features == ("q",)


def test_a_listed_class_may_look_like_counts() -> None:
    text = parse_tree_text("F1_A <= 1: walk (2)\nF1_A > 1: rest (3)\n\nClasses:\n=> walk (2), rest\n")
    assert text.classes == ("walk (2)", "rest")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("F1_A <= 1\n|   |   F1_A <= 0: a\n", 2, "2 deep where 1 is expected"),
        ("F1_A <= 1: a\n", 1, "ends inside the branches of F1_A"),
        ("F1_A <= 1\n", 1, "ends inside the branches of F1_A"),
        ("F1_A <= 1\nF1_A > 1: b\n", 2, "before its <= branch"),
        ("F1_A <= 1: a\nF1_A > 2: b\n", 2, "expected the branch 'F1_A > 1'"),
        ("F1_A <= 1: a\nF2_A > 1: b\n", 2, "belongs to line 1"),
        ("F1_A <= 1: a\nF1_A <= 1: b\n", 2, "expected the branch"),
        ("F1_A <= 1: a\n|   F1_A > 1: b\n", 2, "expected the branch"),
        ("F1_A <= 1: a\nF1_A > 1: b\nF1_A > 1: b\n", 3, "complete before this line"),
        ("F1_A <= 1: a\nF1_A > 1\n|   F1_A < 2: b\n", 3, "mixes"),
        ("F1_A <= 1,5: a\nF1_A > 1,5: b\n", 1, "'1,5' is not a number"),
        ("F1_A <= nan: a\nF1_A > nan: b\n", 1, "'nan' is not a number"),
        ("F1_A <= : a\nF1_A > : b\n", 1, "'' is not a number"),
        ("F1_A <= 1:\nF1_A > 1: b\n", 1, "without a class"),
        ("F1_A = red: a\n", 1, "not a branch"),
        ("{json}\n", 1, "not a branch"),
        (": a (3)\n: b\n", 2, "nothing can follow"),
        ("F5000_A <= 1: a\nF5000_A > 1: b\n", None, "beyond 1024"),
        ("\n\n", None, "no tree"),
    ],
)
def test_refusals_name_the_line(text: str, line: int | None, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        parse_tree_text(text, "t.txt")
    assert caught.value.where == (f"t.txt:{line}" if line else "t.txt")


def test_unknown_feature_with_a_suggestion() -> None:
    with pytest.raises(DataError, match="unknown feature 'F1_MEAN_on_ACC_Z'") as caught:
        parse_tree_text(OLD, "t.txt", ["F1_MEAN_ACC_Z", "F2", "F3_VAR_on_ACC_V"])
    assert caught.value.where == "t.txt:2"
    assert "F1_MEAN_ACC_Z" in caught.value.hint


def test_not_a_text_file(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes(b"\0\1")
    with pytest.raises(DataError, match="not a text file"):
        read_tree_text(path)
    with pytest.raises(DataError, match="cannot read"):
        read_tree_text(tmp_path)


def deep_tree(depth: int) -> Tree:
    return Tree.from_nodes([(0, float(-i), ~0 if i + 1 == depth else i + 1, ~1) for i in range(depth)])


def test_a_deep_tree_hits_no_recursion_limit() -> None:
    tree = deep_tree(1500)
    text = write_tree_text(tree, ["F1_A"], ["a", "b"])
    assert parse_tree_text(text).tree == tree


def test_written_form() -> None:
    tree = Tree.from_nodes([(1, 0.5, 1, ~1), (0, 2.0**-14, ~0, ~1)])
    assert write_tree_text(tree, ["F1_A", "F2_B"], ["x", "y"], {0: "353/3.0", 2: "8"}) == (
        "F2_B <= 0.500000\n"
        "|   F1_A <= 0.000061 : x (353/3.0)\n"
        "|   F1_A > 0.000061 : y\n"
        "F2_B > 0.500000 : y (8)\n"
        "\n"
        "Number of Leaves: 3\n"
        "Size of the tree: 5\n"
        "\n"
        "Classes:\n=> x, y\n\nFeatures:\n=> F1_A, F2_B\n"
    ).replace("0.000061", "0.0000610352")
    leaf = write_tree_text(Tree.from_nodes([], ~1), ["F1_A"], ["x", "y"])
    assert leaf.startswith(": y\n")
    assert parse_tree_text(leaf).tree.root == ~1


def test_every_half_survives_its_text() -> None:
    for bits in [*range(0x7C00), *range(0x8000, 0xFC00)]:
        text = threshold_text(half.to_float(bits))
        assert half.nearest(float(text)) == bits
        assert half.arff_text(float(text)) == half.arff_text(half.to_float(bits))
        assert "e" not in text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_survives_its_text(x: float) -> None:
    if half.to_float(half.nearest(x)) != x:
        assert float(threshold_text(x)) == x


@given(st.floats(-65504, 65504), st.integers(0, 0x7BFF), st.booleans(), st.booleans())
def test_moved_nodes_are_exactly_those_that_decide_otherwise(
    x: float, bits: int, strict: bool, neg: bool
) -> None:
    value = half.to_float(bits | (half.SIGN if neg else 0))
    op, other = ("<", ">=") if strict else ("<=", ">")
    text = parse_tree_text(f"F1_A {op} {x!r}: a\nF1_A {other} {x!r}: b\n")
    for rounding in ("nearest", "keep"):
        result = narrow(text, rounding)
        threshold = float(result.tree.threshold[0])
        assert half.to_float(half.nearest(threshold)) == threshold
        meant = float(half.arff_text(threshold)) == x and not strict
        by_text = value < x if strict else value <= (threshold if meant else x)
        changed = by_text != (value <= threshold)
        assert (result.changed(np.array([[value]])).size > 0) == changed
        inside = any(m.first <= value <= m.last for m in result.moved)
        assert inside == changed
        assert rounding == "nearest" or not result.moved
        for move in result.moved:
            assert move.goes_left == (move.rounded >= move.last)


def test_a_move_says_what_happens() -> None:
    text = parse_tree_text("F1_A <= 0.505737: a\nF1_A > 0.505737: b\n", "t.txt")
    (move,) = narrow(text).moved
    assert str(move) == "F1_A: threshold 0.505737 becomes 0.505859375; 0.505859 now goes left"
    assert move.where == "t.txt:1"
    with pytest.raises(DataError, match="beyond the largest") as caught:
        narrow(parse_tree_text("F1_A <= 65520: a\nF1_A > 65520: b\n", "t.txt"))
    assert caught.value.where == "t.txt:1"
    assert narrow(parse_tree_text("F1_A <= 65519: a\nF1_A > 65519: b\n")).tree.threshold[0] == 65504.0


def test_six_digits_of_a_half_mean_that_half() -> None:
    text = parse_tree_text("F1_A <= 1.01563: a\nF1_A > 1.01563: b\n")
    assert narrow(text).moved == ()
    assert narrow(text).tree.threshold[0] == 1.015625


PIECES = st.sampled_from(
    ["|   ", "F1_A", " <= ", " > ", "1.5", ": ", "x", "\n", "(3.0)", "\t", "<", ">= ", "=>"]
)


@given(st.integers(0, len(OLD)), st.lists(PIECES, max_size=6).map("".join), st.integers(0, 30))
def test_changed_text_is_read_or_refused(at: int, put: str, cut: int) -> None:
    where = "read"
    try:
        narrow(parse_tree_text(OLD[:at] + put + OLD[at + cut :], "t.txt"))
    except DataError as error:
        where = error.where
    assert where == "read" or where.startswith("t.txt")
