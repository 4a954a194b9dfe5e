"""Descriptions, settings and model files with one thing changed: explained or refused, never a crash."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.call import call, refused, unchanged

#: What a value is replaced by.
ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 255, 256, 65536, 10**30, -0.5, 1e308, "", "x", "0x", "0xFFFFF", "NaN", "-inf"),
    *([], {}, [[]], [None], {"": 0}, ["acc", "acc"], "Ⅷ", "²"),
)
MANY = settings(
    max_examples=150,
    deadline=3000,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a JSON value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key)
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield (*path, i)
            yield from places(inner, (*path, i))


def changed(value: Any, path: tuple[str | int, ...], new: object, drop: bool) -> Any:
    """Return a copy with the value at ``path`` replaced or removed."""
    out = copy.deepcopy(value)
    inner = out
    for step in path[:-1]:
        inner = inner[step]
    if drop:
        del inner[path[-1]]
    else:
        inner[path[-1]] = new
    return out


CHANGES = st.tuples(st.integers(0, 1 << 20), st.sampled_from(range(len(ODD))), st.booleans())


@pytest.fixture(scope="module")
def description(trained: Path) -> Any:
    result = call("decode", trained / "toy.json", "--as", "json")
    return json.loads(result.out)


@MANY
@given(changes=st.lists(CHANGES, min_size=1, max_size=2))
def test_description(changes: list[tuple[int, int, bool]], description: Any, tmp_path: Path) -> None:
    value = description
    for at, odd, drop in changes:
        every = list(places(value))
        value = changed(value, every[at % len(every)], ODD[odd], drop)
    path, out = tmp_path / "desc.json", tmp_path / "out.ucf"
    path.write_text(json.dumps(value))
    out.unlink(missing_ok=True)
    result = call("encode", path, "--out", out)
    if result.code == 0:
        assert call("decode", out).code == 0
    else:
        refused(result)
        assert not out.exists()


@MANY
@given(changes=st.lists(CHANGES, min_size=1, max_size=2))
def test_settings(changes: list[tuple[int, int, bool]], trained: Path, tmp_path: Path) -> None:
    value = json.loads((trained / "mlc_settings.json").read_text())
    for at, odd, drop in changes:
        every = list(places(value))
        value = changed(value, every[at % len(every)], ODD[odd], drop)
    (tmp_path / "tree_1.txt").write_bytes((trained / "tree_1.txt").read_bytes())
    path = tmp_path / "mlc_settings.json"
    path.write_text(json.dumps(value))
    result = call("generate", path, "--type", "config", "--out", tmp_path / "made")
    if result.code != 0:
        refused(result)


@MANY
@given(change=CHANGES)
def test_register_json(change: tuple[int, int, bool], trained: Path, tmp_path: Path) -> None:
    value = json.loads((trained / "toy.json").read_text())
    at, odd, drop = change
    every = list(places(value))
    path = tmp_path / "toy.json"
    path.write_text(json.dumps(changed(value, every[at % len(every)], ODD[odd], drop), indent=2))
    result = call("decode", path)
    if result.code != 0:
        refused(result, "where: ")


@MANY
@given(change=CHANGES)
def test_model_file(change: tuple[int, int, bool], trained: Path, log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    folder.mkdir(exist_ok=True)
    for path in trained.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    value = json.loads((folder / "model.sai").read_text())
    at, odd, drop = change
    every = list(places(value))
    (folder / "model.sai").write_text(json.dumps(changed(value, every[at % len(every)], ODD[odd], drop)))
    result = call("validate", folder, log)
    if result.code == 2:
        refused(result)
    else:
        # 3: the model file means something else than the registers
        assert result.code in (0, 3)
        assert "Traceback" not in result.err


def test_deeply_nested_json(trained: Path, tmp_path: Path, log: Path) -> None:
    path = tmp_path / "deep.json"
    path.write_text("[" * 100_000)
    with unchanged(tmp_path):
        refused(call("encode", path, "--out", tmp_path / "x.ucf"), "deep.json")
        refused(call("decode", path), "deep.json")
        refused(call("generate", path, "--type", "config"), "deep.json")


def test_model_file_with_a_tree_in_a_circle(trained: Path, log: Path, tmp_path: Path) -> None:
    """Found by the test above: it ran for ever."""
    folder = tmp_path / "toy"
    folder.mkdir()
    for path in trained.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    value = json.loads((folder / "model.sai").read_text())
    value["config"]["trees"][0]["nodes"][0]["right"] = {"node": 0}
    (folder / "model.sai").write_text(json.dumps(value))
    refused(call("validate", folder, log), "model.sai", "two branches lead to node 0")


# -- too much for the device ---------------------------------------------------------------------------


def chain(nodes: int) -> list[dict[str, Any]]:
    """A tree that is one long path."""
    return [
        {
            "feature": 1,
            "threshold": {"value": "0.5", "half": "0x3800"},
            "left": {"result": 1},
            "right": {"node": k + 1} if k + 1 < nodes else {"result": 4},
        }
        for k in range(nodes)
    ]


def test_too_many_nodes(description: Any, tmp_path: Path) -> None:
    """256 nodes in one path fit the LSM6DSOX, 257 do not."""
    path, out = tmp_path / "desc.json", tmp_path / "out.ucf"
    value = copy.deepcopy(description)
    value["trees"][0]["nodes"] = chain(256)
    path.write_text(json.dumps(value))
    assert call("encode", path, "--out", out).code == 0
    again = json.loads(call("decode", out, "--as", "json").out)
    assert again["trees"][0]["nodes"] == value["trees"][0]["nodes"]
    out.unlink()
    value["trees"][0]["nodes"] = chain(257)
    path.write_text(json.dumps(value))
    with unchanged(tmp_path):
        refused(
            call("encode", path, "--out", out),
            "257 tree nodes are more than the 256 of LSM6DSOX",
            "prune to 256",
        )


def test_very_deep_tree(description: Any, tmp_path: Path) -> None:
    value = copy.deepcopy(description)
    value["trees"][0]["nodes"] = chain(20_000)
    path = tmp_path / "desc.json"
    path.write_text(json.dumps(value))
    with unchanged(tmp_path):
        refused(call("encode", path, "--out", tmp_path / "out.ucf"), "20000 tree nodes")


def test_tree_in_a_circle(description: Any, tmp_path: Path) -> None:
    value = copy.deepcopy(description)
    nodes = chain(3)
    nodes[2]["right"] = {"node": 0}
    value["trees"][0]["nodes"] = nodes
    path = tmp_path / "desc.json"
    path.write_text(json.dumps(value))
    with unchanged(tmp_path):
        refused(call("encode", path, "--out", tmp_path / "out.ucf"), "tree 1", "two branches lead to node 0")


def test_too_many_features_trees_and_results(description: Any, tmp_path: Path) -> None:
    path = tmp_path / "desc.json"
    feature, tree = description["features"][0], description["trees"][0]
    for key, values, said in (
        (
            "features",
            [{**feature, "name": f"F{k + 1}_X"} for k in range(32)],
            "32 features are more than the 31",
        ),
        ("trees", [tree] * 9, "9 trees are not possible on LSM6DSOX"),
        ("trees", [], "0 trees are not possible on LSM6DSOX"),
        ("features", [], "there are no features"),
    ):
        value = copy.deepcopy(description)
        value[key] = values
        if key == "features" and values:
            for one in value["features"]:
                one.pop("name")
        path.write_text(json.dumps(value))
        with unchanged(tmp_path):
            refused(call("encode", path, "--out", tmp_path / "out.ucf"), said)
    value = copy.deepcopy(description)
    value["trees"][0]["nodes"][0]["left"] = {"result": 16}
    path.write_text(json.dumps(value))
    with unchanged(tmp_path):
        refused(call("encode", path, "--out", tmp_path / "out.ucf"), "result 16 is not possible", "0 to 15")
