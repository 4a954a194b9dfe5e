"""All that a file is refused for is one message, and names of a file stay within their line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sensorai import cli
from sensorai.errors import SHOWN, Problem, Refused, UserError
from sensorai.importers.known import NeedsConstant
from sensorai.importers.onnx import versions
from sensorai.importers.onnx.reader import read_model
from sensorai.importers.open import read_net
from sensorai.nets.model import open_model
from tests.nd import keras_file, tflite_file
from tests.nd.keras_file import Layer, given
from tests.nd.tflite_file import FileOperator, FileTensor


def made(nodes: list[Any], outputs: list[str], opset: int = 17, kind: int = TensorProto.FLOAT) -> Any:
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", kind, [1, 4, 8])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs],
        [numpy_helper.from_array(np.zeros((1, 8, 4), np.float32), "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def refused(model: Any) -> list[str]:
    with pytest.raises(UserError) as found:
        read_model(model)
    error = found.value
    return [p.message for p in error.problems] if isinstance(error, Refused) else [error.message]


def test_onnx_goes_on_behind_what_it_refuses(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("NonMaxSuppression", ["x", "x"], ["boxes"], name="nms"),
        helper.make_node("Relu", ["boxes"], ["r"], name="follows"),
        helper.make_node("AveragePool", ["x"], ["a"], name="pool", kernel_shape=[2], ceil_mode=3),
        helper.make_node("Softsign", ["x"], ["s"], name="good"),
        # what the refused one makes has a shape that ONNX knows
        helper.make_node("MaxPool", ["x"], ["m"], name="max", kernel_shape=[2], auto_pad="SOMEHOW"),
        helper.make_node("Gather", ["s", "s"], ["g"], name="places"),
        helper.make_node("Strange", ["g"], ["y"], name="odd"),
    ]
    model = made(nodes, ["y"])
    said = refused(model)
    assert [text.partition(":")[0] for text in said] == [
        "node nms (NonMaxSuppression)",
        "node pool (AveragePool)",
        "node max (MaxPool)",
        "node places (Gather)",
        "node odd (Strange)",
    ]
    onnx.save(model, str(tmp_path / "m.onnx"))
    with pytest.raises(Refused) as found:
        open_model(tmp_path / "m.onnx")
    # what has no rule comes first, and once
    assert [p.message for p in found.value.problems] == [said[-1], *said[:-1]]


def test_what_stands_in_is_read_on() -> None:
    nodes = [
        helper.make_node("Resize", ["x", "", "w"], ["a"], name="first", mode="other"),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("LpPool", ["b"], ["y"], name="second", kernel_shape=[2], p=0),
    ]
    model = made(nodes, ["y"])
    for name in ("a", "b"):
        model.graph.value_info.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4, 8]))
    assert [text.split()[1] for text in refused(model)] == ["first", "second"]
    # whether a number would be known is not said of what stands in
    model.graph.node[2].CopyFrom(helper.make_node("Reshape", ["x", "b"], ["y"], name="second"))
    assert [text.split()[1] for text in refused(model)] == ["first"]


def test_functions_go_on_too() -> None:
    body = [
        helper.make_node("LpPool", ["p"], ["q"], name="one", kernel_shape=[2], p=0),
        helper.make_node("LpPool", ["p"], ["r"], name="two", kernel_shape=[2], p=-1),
        helper.make_node("Add", ["q", "r"], ["s"]),
    ]
    model = made([helper.make_node("Own", ["x"], ["y"], domain="mine")], ["y"])
    own = helper.make_opsetid("", 17)
    model.functions.append(helper.make_function("mine", "Own", ["p"], ["s"], body, [own]))
    assert [text.split()[1].rpartition(".")[2] for text in refused(model)] == ["one", "two"]


def test_tflite_goes_on(tmp_path: Path) -> None:
    tensors = [FileTensor((1, 4)), *(FileTensor((1, 4)) for _ in range(3))]
    steps = [
        FileOperator("ADD", [0], [1], "AddOptions"),
        FileOperator("RELU", [1], [2]),
        FileOperator("MUL", [2], [3], "MulOptions"),
    ]
    path = tmp_path / "m.tflite"
    path.write_bytes(tflite_file.model(tensors, steps, [0], [3]))
    with pytest.raises(Refused) as found:
        read_net(path)
    assert [p.message.split()[2] for p in found.value.problems] == ["(ADD):", "(MUL):"]


@pytest.mark.parametrize("kind", ["Sequential", "Functional"])
def test_keras_goes_on(kind: str, tmp_path: Path) -> None:
    wrong = {"pool_size": 2, "padding": "odd"}
    layers = [
        given("x", (8, 4)),
        Layer("MaxPooling1D", "one", wrong),
        Layer("AveragePooling1D", "two", wrong),
    ]
    if kind == "Functional":
        beside = [Layer(one.kind, one.name, one.config, reads=["x"]) for one in layers[1:]]
        layers = [layers[0], *beside, Layer("Add", "y", reads=["one", "two"])]
    path = keras_file.write_keras(tmp_path / "m.keras", kind, layers)
    with pytest.raises(UserError) as found:
        read_net(path)
    error = found.value
    said = [p.message for p in error.problems] if isinstance(error, Refused) else [error.message]
    # a row says nothing of what lies between its layers here
    assert [text.split()[1] for text in said] == (["one"] if kind == "Sequential" else ["one", "two"])


def test_operators_speak_of_the_node_in_every_format(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    tensors = [FileTensor((2, 3)), FileTensor((4, 5)), FileTensor((2, 3))]
    path.write_bytes(
        tflite_file.model(tensors, [FileOperator("ADD", [0, 1], [2], "AddOptions")], [0, 1], [2])
    )
    with pytest.raises(UserError, match=r"^operator t2 \(ADD\)[: ]"):
        read_net(path)
    layers = [given("x", (4,)), given("z", (5,)), Layer("Add", "sum", reads=["x", "z"])]
    path = keras_file.write_keras(tmp_path / "m.keras", "Functional", layers)
    with pytest.raises(UserError, match=r"^layer sum \(Add\)[: ]"):
        read_net(path)


def test_names_stand_for_one_tensor() -> None:
    relu, tanh = helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Tanh", ["x"], ["y"])
    assert "makes y, which there is before" in refused(made([relu, tanh], ["y"]))[0]
    assert "two outputs of the net have the name y" in refused(made([relu], ["y", "y"]))[0]
    with pytest.raises(UserError, match="no input q to freeze"):
        read_model(made([relu], ["y"]), frozen={"q": np.zeros(1)})


def test_versions_that_nobody_knows() -> None:
    newest = max(one.since_version for one in onnx.defs.get_all_schemas() if one.domain == "")
    # with a newer library: see what changed, then raise the number
    assert newest <= versions.NEWEST[""]
    relu = helper.make_node("Relu", ["x"], ["y"])
    assert "99 of ai.onnx" in refused(made([relu], ["y"], 99))[0]
    assert read_model(made([relu], ["y"], newest)).outputs == ("y",)


def test_an_operator_that_changed_since(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "NEWEST", {"": 12})
    nodes = [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("Selu", ["r"], ["y"])]
    # Relu takes more types from 14 on
    said = refused(made(nodes, ["y"], 17))
    assert len(said) == 1
    assert "(Relu) is of version 17" in said[0]


def test_types_of_inputs_are_named() -> None:
    with pytest.raises(UserError, match=r"x is of a type .*\(complex64\)") as found:
        read_model(made([helper.make_node("Relu", ["x"], ["y"])], ["y"], kind=TensorProto.COMPLEX64))
    assert "two real numbers" in found.value.hint


def test_names_stay_in_their_line(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "a\n\x1b[31merror: good\tb"
    net = read_model(made([helper.make_node("Relu", ["x"], [evil])], [evil]))
    assert net.outputs == ("a␊␛[31merror: good␉b",)
    cli._complain(Refused([Problem(f"node {evil}", evil, "say"), Problem(evil, evil)]))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in lines] == ["error:", "also:", "where:", "hint:"]


def test_a_message_lists_so_many() -> None:
    error = Refused([Problem(f"p{k}", hint="h") for k in range(SHOWN + 7)])
    assert error.message.splitlines()[-1] == "  also: and 7 more"
    assert len(error.message.splitlines()) == SHOWN + 1
    assert len(error.problems) == SHOWN + 7


def test_freezing_is_said_of_onnx(tmp_path: Path) -> None:
    model = made([helper.make_node("Reshape", ["x", "n"], ["y"])], ["y"])
    model.graph.input.append(helper.make_tensor_value_info("n", TensorProto.INT64, [2]))
    onnx.save(model, str(tmp_path / "m.onnx"))
    with pytest.raises(NeedsConstant) as found:
        open_model(tmp_path / "m.onnx")
    assert found.value.hint.startswith("say --freeze n=VALUE")
