"""Layers of a framework beside those of the reference."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sensorai.graph import interpret
from sensorai.graph.tensor import Array
from sensorai.nets import taps
from sensorai.nets.inputs import spread
from sensorai.nets.model import open_model
from sensorai.nets.port import ports
from tests.cli.call import call, refused
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
