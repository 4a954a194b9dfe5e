"""Names for result codes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sensorai.errors import ConfigError
from sensorai.mlc.artifact import Artifact, open_artifact
from sensorai.mlc.classnames import codes, shown_codes, with_names, with_numbers

FOLDER = "data/mlc-reference/st-mems-machine-learning-core/examples/activity_recognition_for_mobile/lsm6dsox"


@pytest.fixture(scope="module")
def st(shared: Path) -> Artifact:
    return open_artifact(shared / FOLDER / "lsm6dsox_activity_recognition_for_mobile.json")


def trees(artifact: Artifact, *labels: dict[int, str]) -> Artifact:
    """As many copies of the first tree as there are labels."""
    (tree, *_) = artifact.config.trees
    config = replace(artifact.config, trees=tuple(replace(tree, labels=one) for one in labels))
    return replace(artifact, decoded=replace(artifact.decoded, config=config))


def test_numbers_where_there_are_no_names(st: Artifact) -> None:
    have = codes(st.config.trees[0])
    assert len(have) == 5
    named = with_numbers(trees(st, {}, {have[1]: "walk"}))
    assert named.config.trees[0].labels == {code: str(code) for code in have}
    assert named.config.trees[1].labels == {code: "walk" if code == have[1] else str(code) for code in have}
    assert shown_codes(named.config.trees[1]).startswith(f"{have[0]}, {have[1]} (walk), ")
    assert with_numbers(st).config == st.config


def test_names(st: Artifact) -> None:
    first, second, *_ = codes(st.config.trees[0])
    one = with_names(trees(st, {}), {str(first): "rest", f"1:{second}": "walk"})
    assert one.config.trees[0].labels == {first: "rest", second: "walk"}
    two = with_names(trees(st, {}, {}), {f"2:{first}": "rest"})
    assert [dict(dt.labels) for dt in two.config.trees] == [{}, {first: "rest"}]
    assert with_names(st, {}).config == st.config
    assert with_names(st, {str(first): "other"}).config.trees[0].labels[first] == "other"


def test_a_code_of_several_trees(st: Artifact) -> None:
    first = codes(st.config.trees[0])[0]
    with pytest.raises(ConfigError, match=f"trees 1, 2 give the code {first}") as caught:
        with_names(trees(st, {}, {}), {str(first): "rest"})
    assert caught.value.hint == f"say which, as in --class 1:{first}=NAME"
    with pytest.raises(ConfigError, match="no tree gives the code 99"):
        with_names(trees(st, {}, {}), {"2:99": "rest"})
