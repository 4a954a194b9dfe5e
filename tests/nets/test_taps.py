"""Layers of a framework beside those of the reference."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sensorai.graph import interpret
from sensorai.graph.tensor import Array
from sensorai.nets import taps
from sensorai.nets.inputs import spread
from sensorai.nets.model import open_model
from sensorai.nets.port import ports
from sensorai.nets.references import one_by_one
from tests.cli.call import call, refused
from tests.nd import test_recurrent_tflite as tflite_nets
from tests.nets.test_cores import integer
from tests.nets.test_counting import dense

__all__ = ["integer"]


def test_layers_of_onnxruntime(integer: Path) -> None:
    pytest.importorskip("onnxruntime")
    found = json.loads(call("validate", integer, "--count", "2", "--layers", "--json").out)["inside"]
    assert found["library"] == "onnxruntime"
    assert found["first_to_part"] is None
    assert {row["type"] for row in found["layers"]} >= {"int8", "float32"}
    assert {row["layer"] for row in found["layers"]} >= {"y"}
    refused(call("validate", integer.parent, "--layers"), "--layers")


@pytest.mark.parametrize("change", [0.0, 1e-6, 0.5])
def test_the_first_layer_that_parts(change: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real numbers may differ in their last bits; beyond that layer and element are named."""
    pytest.importorskip("onnxruntime")
    model = open_model(dense(tmp_path / "d.onnx"))
    given = spread(ports(model.read, model.read.inputs), 2)

    def answer(*_: object) -> tuple[dict[str, Array], str]:
        calls = [interpret.run(model.read, {"x": given.arrays[0][k]}) for k in range(2)]
        made = {n: np.stack([one[n] for one in calls]) for n in ("h", "r", "y")}
        made["r"][1, 0, 5] += change
        made["y"][1] += 10 * change
        return made, ""

    monkeypatch.setattr(taps, "_asked", answer)
    found = taps.inside(model, given)
    assert [row["layer"] for row in found.rows] == ["h", "r", "y"]
    assert [row["equal"] for row in found.rows] == [True, change == 0, change == 0]
    assert found.first.startswith("r (clip): call 1, [5] is") if change > 0.1 else not found.first


def test_integers_must_be_equal(integer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = open_model(integer)
    given = spread(ports(model.read, model.read.inputs), 1)
    whole = next(
        n for node in model.read.nodes for n in node.outputs if model.read.tensors[n].dtype == "int8"
    )
    values = interpret.run(model.read, {model.read.inputs[0]: given.arrays[0][0]})
    changed = np.asarray(values[whole])[None].copy()
    changed.reshape(-1)[3] ^= 1
    monkeypatch.setattr(taps, "_asked", lambda *_: ({whole: changed}, ""))
    assert taps.inside(model, given).first.startswith(f"{whole} (")
    assert "[3] is" in taps.inside(model, given).first


def test_states_go_on_from_call_to_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s.tflite").write_bytes(tflite_nets.svdf("float32", 2))
    model = open_model(tmp_path / "s.tflite")
    assert model.read.states
    given = spread(ports(model.read, model.read.inputs), 3)
    (name,) = model.read.outputs
    column = np.stack([call[0] for call in one_by_one(model.read, given)])
    monkeypatch.setattr(taps, "_asked", lambda *_: ({name: column}, ""))
    found = taps.inside(model, given)
    assert not found.failure
    assert [row["equal"] for row in found.rows if row["layer"] == name] == [True]
    # each call by itself is another one
    alone = [one_by_one(model.read, spread(ports(model.read, model.read.inputs), 3))[0][0]] * 3
    monkeypatch.setattr(taps, "_asked", lambda *_: ({name: np.stack(alone)}, ""))
    assert taps.inside(model, given).first.startswith(f"{name} (svdf): call 1")


class _Model:
    """What is used of a model of Keras: layers with outputs, and a model of some of them."""

    def __init__(self, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        self.inputs, self.outputs, self.calls = inputs, outputs, 0

    def __call__(self, x: Any, training: bool) -> list[Any]:
        assert not training
        self.calls += 1
        return [np.full((1, 2), self.calls + len(one)) + x for one in self.outputs]


class _Twice:
    name = "c"

    @property
    def output(self) -> None:
        raise AttributeError("has several")


def test_layers_of_keras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a layer with several results the first; of one that is called twice nobody knows which."""
    layers = [SimpleNamespace(name="a", output="aa"), SimpleNamespace(name="b", output=["bbb", "state"])]
    layers += [_Twice(), SimpleNamespace(name="z", output="other")]  # type: ignore[list-item]
    asked: dict[str, Any] = {}

    def load(path: str, **how: Any) -> Any:
        asked.update(how, path=path)
        return SimpleNamespace(layers=layers, inputs=["x"])

    fake = SimpleNamespace(models=SimpleNamespace(load_model=load), Model=_Model)
    monkeypatch.setitem(sys.modules, "keras", fake)
    calls = [{"x": np.zeros((1, 2))}, {"x": np.ones((1, 2))}]
    found = taps._RUNNERS["Keras"](tmp_path / "n.keras", calls, ["a", "b", "c"])
    assert asked == {"path": str(tmp_path / "n.keras"), "compile": False, "safe_mode": True}
    assert [{n: v[0, 0] for n, v in one.items()} for one in found] == [{"a": 3, "b": 4}, {"a": 5, "b": 6}]
    assert taps._RUNNERS["Keras"](tmp_path / "n.keras", calls, ["q"]) == [{}, {}]
