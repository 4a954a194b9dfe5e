"""Nets as JSON: the same net back, and nothing odd accepted."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorai.errors import UserError
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.model.store import from_dict, to_dict
from sensorai.ops import _testing
from sensorai.ops.table import OPERATORS
from tests.codegen.nets import random_net

CASES = [(name, graph) for op in OPERATORS.values() for name, graph in list(op.cases())[:4]]
CASES += [(p, random_net(5, p)) for p in ("int8", "multiplier", "binary")]


@pytest.mark.parametrize(("name", "graph"), CASES, ids=[name for name, _ in CASES])
def test_round_trip(name: str, graph: Graph) -> None:
    text = json.dumps(to_dict(graph), allow_nan=False)
    again = from_dict(json.loads(text))
    assert json.dumps(to_dict(again)) == text
    x = _testing.inputs(graph, 3)
    assert interpret.output(again, x).tobytes() == interpret.output(graph, x).tobytes()


def change(path: list[Any], value: Any) -> Callable[[dict[str, Any]], None]:
    def apply(data: dict[str, Any]) -> None:
        at: Any = data
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value

    return apply


def weights(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def apply(data: dict[str, Any]) -> None:
        next(t for t in data["tensors"] if t["name"].endswith(".weights"))[key] = value

    return apply


FAULTS = {
    "version": change(["version"], 1),
    "unknown key": change(["more"], 1),
    "operator": change(["nodes", 0, "op"], "os"),
    "base64": weights("data", "*"),
    "too short": weights("data", "AAAA"),
    "shape": weights("shape", [1, 1]),
    "negative shape": change(["tensors", 0, "shape"], [-1]),
    "list as type": change(["tensors", 0, "dtype"], []),
    "bool as shape": change(["tensors", 0, "shape"], [True]),
    "object type": weights("dtype", "object"),
    "no data": weights("data", None),
    "setting": change(["nodes", 0, "settings", "signs"], 1),
    "way out": change(["nodes", 0, "settings", "requant", "lo"], [1]),
    "kind of way out": change(["nodes", 0, "settings", "requant", "kind"], "threshold"),
    "unknown setting": change(["nodes", 0, "settings", "more"], 1),
    "no constants": change(["nodes", 0, "inputs"], ["input"]),
    "too many constants": change(["nodes", 0, "inputs"], ["input"] * 9),
    "states": change(["states"], {}),
    "state": change(["states"], [{"read": "input", "write": "input"}]),
    "half a state": change(["states"], [{"read": "input"}]),
    "makes nothing": change(["nodes", 0, "outputs"], []),
    "places": change(["tensors", -1, "quant"], {"kind": "pow2", "places": 101}),
    "axis": change(["tensors", -1, "quant"], {"kind": "affine", "scale": [1.0], "zero": [0], "axis": 9}),
    "inputs": change(["inputs"], []),
    "lost tensor": change(["outputs"], ["nowhere"]),
    "nodes": change(["nodes"], {}),
    "scale": change(["tensors", 0, "quant"], 1.5),
    "stride": change(["nodes", 0, "settings", "stride"], 0),
    "padding": change(["nodes", 0, "settings", "padding"], "none"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_told(name: str) -> None:
    data = copy.deepcopy(to_dict(random_net(1, "int8")))
    FAULTS[name](data)
    with pytest.raises(UserError) as error:
        from_dict(data)
    assert error.value.message


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_damage_never_ends_in_a_traceback(data: st.DataObject) -> None:
    net = to_dict(random_net(2, "int8"))
    places: list[list[Any]] = []

    def walk(value: Any, path: list[Any]) -> None:
        if path:
            places.append(path)
        items = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        for key, inner in items:
            walk(inner, [*path, key])

    walk(net, [])
    odd: st.SearchStrategy[Any] = st.sampled_from([None, 0, -1, 10**9, 1.5, "", "x", [], {}, True, "same"])
    change(data.draw(st.sampled_from(places)), data.draw(odd))(net)
    with contextlib.suppress(UserError):
        from_dict(net)
