"""Trees of other tools come in as they decide there, or are refused with the line."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, export_text

from sensorai.errors import ConfigError, DataError
from sensorai.importers import parse_tree, read_tree, tree_kind
from sensorai.importers.sklearn_tree import from_sklearn
from sensorai.mlc import half
from sensorai.mlc.thresholds import narrow

WEKA = """=== Run information ===

Scheme:       weka.classifiers.trees.J48 -C 0.25 -M 2
Relation:     MLC
Attributes:   4
              F1_MEAN_ACC_Z
              other
              F3_VAR_ACC_V
              class
Test mode:    10-fold cross-validation

=== Classifier model (full training set) ===

J48 pruned tree
------------------

F3_VAR_ACC_V <= 0.00293
|   F1_MEAN_ACC_Z <= -0.844238: face_down (66.0)
|   F1_MEAN_ACC_Z > -0.844238: face_up (73.0/1.0)
F3_VAR_ACC_V > 0.00293: shaking (51.0)

Number of Leaves  : \t3

Size of the tree : \t5

=== Confusion Matrix ===

  a  b  c   <-- classified as
 73  0  0 |  a = face_up
  1 65  0 |  b = face_down
  0  0 51 |  c = shaking
"""

VIEW = """
Decision tree for classification
1  if x3<0.26953 then node 2 elseif x3>=0.26953 then node 3 else still
2  class = still
3  if x1<-1.5 then node 4 else node 5
4  class = walking
5  class = running
"""


def iris_tree(**options: object) -> tuple[DecisionTreeClassifier, np.ndarray]:
    x, y = load_iris(return_X_y=True)
    x = x.astype(np.float16).astype(np.float64)
    return DecisionTreeClassifier(random_state=1, **options).fit(x, y), x


def test_weka_console_output_with_names_of_its_header() -> None:
    text = parse_tree(WEKA)
    assert tree_kind(WEKA) == "weka"
    assert text.features == ("F1_MEAN_ACC_Z", "other", "F3_VAR_ACC_V")
    assert text.classes == ("face_up", "face_down", "shaking")
    assert list(text.tree.rows()) == [(2, 0.00293, 1, ~2), (0, -0.844238, ~1, ~0)]
    assert text.lines == (17, 18)


def test_weka_single_leaf_and_other_trees() -> None:
    leaf = parse_tree("J48 pruned tree\n------------------\n: walking (12.0/1.0)\n\nNumber of Leaves  : 1\n")
    assert (leaf.tree.root, leaf.classes, len(leaf.tree)) == (~0, ("walking",), 0)
    rep = parse_tree(
        "REPTree\n============\n\nF1_a < 2 : x (12/0) [6/1]\nF1_a >= 2 : y (3/0) [1/0]\n\nSize : 3\n"
    )
    assert rep.strict
    assert rep.classes == ("x", "y")


def test_matlab_view_goes_left_below_the_threshold() -> None:
    text = parse_tree(VIEW)
    assert tree_kind(VIEW) == "matlab"
    assert text.strict
    assert list(text.tree.rows()) == [(2, 0.26953, ~0, 1), (0, -1.5, ~1, ~2)]
    x = np.zeros((2, 3))
    x[:, 2] = 0.3
    x[0, 0] = -1.5
    x[1, 0] = np.nextafter(-1.5, -2)
    assert text.exact().predict(x).tolist() == [2, 1]


def test_matlab_script_of_st() -> None:
    text = parse_tree("F2_VAR_on_ACC_V < 0.5\n|   F1_a < 0: s\n|   F1_a >= 0: m\nF2_VAR_on_ACC_V >= 0.5: h\n")
    assert text.strict
    moved = narrow(text).moved
    assert [(m.rounded, m.goes_left) for m in moved] == [(0.5, True), (0.0, True)]
    assert narrow(text, "keep").moved == ()
    kept = narrow(text, "keep").tree.threshold
    assert kept[0] == half.to_float(half.below(half.nearest(0.5)))
    assert kept[1] == -(2.0**-24)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("1  if x1<0.5 then node 2 else node 3\n2  class = a\n", 1, "node 3 is missing"),
        ("1  if x1<0.5 then node 2 else node 2\n2  class = a\n", 1, "more than one branch leads to node 2"),
        ("1  if x1<0.5 then node 1 else node 2\n2  class = a\n", 1, "more than one branch leads to node 1"),
        ("1  if x1<1,5 then node 2 else node 3\n2  class = a\n3  class = b\n", 1, "not a number"),
        ("1  class = a\n1  class = b\n", 2, "twice"),
        ("1  if x1 in {1 2} then node 2 else node 3\n", 1, "not a node"),
        ("1  if x1<1 then node 2 elseif x2>=1 then node 3 else a\n", 1, "differ"),
        ("Decision tree for regression\n1  fit = 3.2\n", 1, "not a node"),
        ("1  class = a\n4  if x1<1 then node 5 else node 6\n", 0, ""),
    ],
)
def test_matlab_refusals(text: str, line: int, message: str) -> None:
    if not line:
        assert (
            parse_tree(text).tree.root == ~0
        )  # the first node is the root; what it does not reach is unused
        return
    with pytest.raises(DataError, match=message) as caught:
        parse_tree(text, "v.txt")
    assert caught.value.where == f"v.txt:{line}"


def test_sklearn_object_decides_alike() -> None:
    model, x = iris_tree()
    text = from_sklearn(model)
    assert text.classes == ("0", "1", "2")
    assert np.array_equal(text.tree.predict(x), model.predict(x))
    kept = narrow(text, "keep")
    assert kept.changed(x).size == 0
    assert np.array_equal(kept.tree.predict(x), model.predict(x))
    at = x[:, text.tree.feature[0]] = text.tree.threshold[0]
    assert np.array_equal(text.tree.predict(x), model.predict(x)), at


def test_sklearn_export_text() -> None:
    model, x = iris_tree(max_depth=3)
    for weights in (False, True):
        text = parse_tree(export_text(model, decimals=9, show_weights=weights))
        assert np.array_equal(text.tree.predict(x), from_sklearn(model).tree.predict(x))
        assert text.notes == ()
    names = ["a", "b", "c", "d"]
    text = parse_tree(export_text(model, feature_names=names), features=names)
    assert text.features == ("a", "b", "c", "d")
    assert "2 decimals" in text.notes[0]


def test_sklearn_single_leaf() -> None:
    model = DecisionTreeClassifier().fit([[1.0], [1.0], [1.0]], ["a", "b", "b"])
    assert from_sklearn(model).tree.root == ~1
    assert parse_tree(export_text(model)).classes == ("b",)


def test_sklearn_refusals() -> None:
    model, x = iris_tree()
    with pytest.raises(DataError, match="left a part"):
        parse_tree(export_text(model, max_depth=1))
    with pytest.raises(DataError, match="regression"):
        parse_tree(export_text(DecisionTreeRegressor().fit(x, x[:, 0])))
    with pytest.raises(DataError, match="no branch leads") as caught:
        parse_tree("|--- f <= 1\n|   |--- class: a\n|   |--- class: b\n", "e.txt")
    assert caught.value.where == "e.txt:3"
    for bad in (DecisionTreeRegressor(), DecisionTreeClassifier(), object()):
        with pytest.raises(ConfigError):
            from_sklearn(bad)
    two = DecisionTreeClassifier().fit(x, np.stack([x[:, 0] > 5, x[:, 1] > 3], axis=1))
    with pytest.raises(ConfigError, match="2 outputs"):
        from_sklearn(two)
    with pytest.raises(ConfigError, match="3 feature names"):
        from_sklearn(model, ["a", "b", "c"])


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "tree.txt"
    with pytest.raises(DataError, match="cannot read"):
        read_tree(path)
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(DataError, match="binary file") as caught:
        read_tree(path)
    assert "from_sklearn" in caught.value.hint
    path.write_text("\ufeff" + WEKA.replace("\n", "\r\n"), encoding="utf-8")
    assert read_tree(path) == read_tree(path)
    assert read_tree(path).classes == parse_tree(WEKA).classes
    path.write_text("")
    with pytest.raises(DataError, match="no tree"):
        read_tree(path)


EXPORTED = "|--- f <= 0.80\n|   |--- class: 0\n|--- f >  0.80\n|   |--- class: 1\n"


@given(st.sampled_from([WEKA, VIEW, EXPORTED]), st.data())
def test_changed_text_is_read_or_refused(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 40))
    put = data.draw(st.sampled_from(["", "\n", "|", "1", "node 1", "<", "class: ", "|--- ", "x3<1 "]))
    where = "read"
    try:
        narrow(parse_tree(text[:at] + put + text[at + cut :], "t.txt"))
    except DataError as error:
        where = error.where
    assert where == "read" or where.startswith("t.txt")
