"""Models that nobody here made: the suites within ONNX's own package, and nets as exporters write them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorai.errors import ConfigError
from sensorai.graph import interpret
from sensorai.importers.onnx.reader import read_model
from sensorai.importers.open import read_net
from sensorai.passes.imported import simplify
from tests.nd import nets, onnx_nodes, tflite_file

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnx.reference")

SUITES = ("pytorch-converted", "pytorch-operator", "simple")
#: Tests that hold what no motion sensor's net holds, by the beginning of their names.
OUT_OF_SCOPE = ("test_strnorm", "test_sequence", "test_gradient")


@cache
def suite(kind: str) -> Mapping[str, Any]:
    """Return the tests of a suite by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.loader import load_model_tests

        return {f"{kind} {one.name}": one for one in load_model_tests(kind=kind)}


def cases(one: Any) -> list[onnx_nodes.Case]:
    """Read the net of a test with each of its data sets."""
    if one.model is not None:
        return [onnx_nodes.case(one.model, given, wanted) for given, wanted in one.data_sets]
    model = onnx.load(str(Path(one.model_dir) / "model.onnx"))
    made = []
    for folder in sorted(Path(one.model_dir).glob("test_data_set_*")):
        sides: list[list[Any]] = []
        for side in ("input", "output"):
            count = len(list(folder.glob(f"{side}_*.pb")))
            sides.append([tensor(folder / f"{side}_{k}.pb") for k in range(count)])
        made.append(onnx_nodes.case(model, sides[0], sides[1]))
    return made


def tensor(path: Path) -> Any:
    """Read a stored tensor."""
    made = onnx.TensorProto()
    made.ParseFromString(path.read_bytes())
    return made


@pytest.mark.parametrize("kind", SUITES)
def test_suites(kind: str) -> None:
    """As read, after the passes, and as C."""
    from sensorai.toolchain import host

    samples = []
    for name, one in suite(kind).items():
        if name.partition(" ")[2].startswith(OUT_OF_SCOPE):
            continue
        for case in cases(one):
            graph, _ = simplify(case.graph)
            for net in (case.graph, graph):
                with np.errstate(all="ignore"):
                    got = interpret.run(net, case.x)
                for output, want in zip(net.outputs, case.wanted.values(), strict=True):
                    np.testing.assert_allclose(
                        got[output].astype(float), want.astype(float), one.rtol, one.atol, err_msg=name
                    )
            if onnx_nodes.has_c(graph):
                samples.append(nets.sample_of(name, graph, [case.x]))
    assert samples
    for at in range(0, len(samples), onnx_nodes.CHUNK):
        chunk = samples[at : at + onnx_nodes.CHUNK]
        program = host.build_program(nets.unit(chunk), opt="-O1", harness=True)
        assert nets.differences(chunk, program.run(nets.stream(chunk))) == []


def test_variables(tmp_path: Path) -> None:
    """Sums of all calls: a variable of TensorFlow Lite is a state."""
    tensors = [
        tflite_file.FileTensor((1, 4)),
        tflite_file.FileTensor((), "resource"),
        tflite_file.FileTensor((1, 4)),
        tflite_file.FileTensor((1, 4)),
    ]
    operators = [
        tflite_file.FileOperator("VAR_HANDLE", [], [1]),
        tflite_file.FileOperator("READ_VARIABLE", [1], [2]),
        tflite_file.FileOperator("ADD", [0, 2], [3], "AddOptions"),
        tflite_file.FileOperator("ASSIGN_VARIABLE", [1, 3], []),
    ]
    path = tmp_path / "sums.tflite"
    path.write_bytes(tflite_file.model(tensors, operators, [0], [3]))
    graph, _ = simplify(read_net(path))
    state, total = None, np.zeros((1, 4), np.float32)
    for x in np.random.default_rng(1).normal(size=(5, 1, 4)).astype(np.float32):
        values = interpret.run(graph, {graph.inputs[0]: x}, state)
        state = interpret.following(graph, values)
        total = x + total
        np.testing.assert_array_equal(values[graph.outputs[0]], total)
    path.write_bytes(tflite_file.model(tensors, operators[:3], [0], [3]))
    with pytest.raises(ConfigError, match="nothing assigns"):
        read_net(path)


def branches(kind: str) -> Any:
    """Net that squeezes an axis where it has one number, as scripted PyTorch writes it."""
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    value = helper.make_tensor_value_info
    axes = helper.make_tensor("axes", onnx.TensorProto.INT64, [1], [1])
    then = helper.make_graph(
        [helper.make_node("Squeeze", ["x", "axes"], ["then_y"])],
        "then",
        [],
        [value("then_y", floats, None)],
        [axes],
    )
    other = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["else_y"])], "else", [], [value("else_y", floats, None)]
    )
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "one"], ["extent"]),
        helper.make_node("Equal", ["extent", "one"], ["same"]),
        helper.make_node(
            "If", ["same" if kind == "known" else "open"], ["s"], then_branch=then, else_branch=other
        ),
        helper.make_node("Relu", ["s"], ["y"]),
    ]
    one = helper.make_tensor("one", onnx.TensorProto.INT64, [], [1])
    inputs = [value("x", floats, [1, "N", 6])]
    if kind != "known":
        inputs.append(value("open", onnx.TensorProto.BOOL, []))
    graph = helper.make_graph(nodes, "g", inputs, [value("y", floats, None)], [one])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


@pytest.mark.parametrize(("extent", "shape"), [(1, (1, 6)), (3, (1, 3, 6))])
def test_branches(extent: int, shape: tuple[int, ...]) -> None:
    """A branch is taken while reading where its condition is known by then."""
    from onnx.reference import ReferenceEvaluator

    model = branches("known")
    graph = read_model(model, {"x": (1, extent, 6)})
    x = np.random.default_rng(2).normal(size=(1, extent, 6)).astype(np.float32)
    got = interpret.run(graph, {"x": x})["y"]
    assert got.shape == shape
    np.testing.assert_array_equal(got, ReferenceEvaluator(model).run(None, {"x": x})[0])


def test_open_branches() -> None:
    with pytest.raises(ConfigError, match=r"node s \(If\)"):
        read_model(branches("open"), {"x": (1, 1, 6)})
    frozen = {"open": np.asarray(True)}
    assert read_model(branches("open"), {"x": (1, 1, 6)}, frozen).tensors["y"].shape == (1, 6)


def test_margins_of_averages() -> None:
    """Margins that an average counts are real zeros, whatever integer means 0."""
    helper = onnx.helper
    value, numbers = helper.make_tensor_value_info, onnx.TensorProto
    nodes = []
    for name, after in (("x", "a"), ("p", "y")):
        nodes += [
            helper.make_node("QuantizeLinear", [name, "scale", "zero"], [f"{name}q"]),
            helper.make_node("DequantizeLinear", [f"{name}q", "scale", "zero"], [after]),
        ]
    pool = helper.make_node(
        "AveragePool", ["a"], ["p"], kernel_shape=[4], strides=[4], pads=[2, 2], count_include_pad=1
    )
    nodes.insert(2, pool)
    constants = [
        helper.make_tensor("scale", numbers.FLOAT, [], [0.05]),
        helper.make_tensor("zero", numbers.INT8, [], [-100]),
    ]
    ends = [value("x", numbers.FLOAT, [1, 3, 12])], [value("y", numbers.FLOAT, [1, 3, 4])]
    model = helper.make_model(
        helper.make_graph(nodes, "g", *ends, constants), opset_imports=[helper.make_opsetid("", 19)]
    )
    graph = read_model(model)
    x = np.random.default_rng(3).uniform(0, 10, (1, 3, 12)).astype(np.float32)
    (want,) = onnx.reference.ReferenceEvaluator(model).run(None, {"x": x})
    for net in (graph, simplify(graph)[0]):
        np.testing.assert_allclose(interpret.run(net, {"x": x})["y"], want, atol=0.0501)


def test_integers_of_onnxruntime() -> None:
    """Operators that onnxruntime's quantiser writes: as that computes them, within one step."""
    ort = pytest.importorskip("onnxruntime")
    helper, numbers = onnx.helper, onnx.TensorProto
    rng = np.random.default_rng(4)
    constants = {
        "s": np.float32(0.04),
        "z": np.uint8(120),
        "t": np.float32(0.1),
        "v": np.uint8(130),
        "o": rng.integers(0, 255, (1, 8), dtype=np.uint8),
        "w": rng.integers(-90, 90, (3, 8), dtype=np.int8),
        "ws": rng.uniform(0.005, 0.01, 3).astype(np.float32),
        "wz": np.zeros(3, np.int8),
        "b": rng.integers(-900, 900, 3, dtype=np.int32),
    }
    own = {"domain": "com.microsoft"}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("QLinearAdd", ["q", "s", "z", "o", "s", "z", "t", "v"], ["a"], **own),
        helper.make_node("QLinearLeakyRelu", ["a", "t", "v", "t", "v"], ["l"], alpha=0.1, **own),
        helper.make_node("QGemm", ["l", "t", "v", "w", "ws", "wz", "b", "t", "v"], ["g"], transB=1, **own),
        helper.make_node("DequantizeLinear", ["g", "t", "v"], ["y"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "g",
        [value("x", numbers.FLOAT, [1, 8])],
        [value("y", numbers.FLOAT, [1, 3])],
        [onnx.numpy_helper.from_array(np.asarray(data), name) for name, data in constants.items()],
    )
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=sets, ir_version=8)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    read = read_model(model)
    for net in (read, simplify(read)[0]):
        x = rng.normal(0, 2, (1, 8)).astype(np.float32)
        (want,) = session.run(None, {"x": x})
        np.testing.assert_allclose(interpret.run(net, {"x": x})["y"], want, atol=0.1001)
