"""QONNX: each operator against NumPy, written from ``qonnx/custom_op/general``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorai.errors import ConfigError
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array
from sensorai.importers.onnx.reader import read_model
from sensorai.importers.onnx.table import RULES
from sensorai.importers.open import read_net
from sensorai.passes.imported import simplify
from tests.nd import nets
from tests.nd.models import LEVELS, QUICK, as_c
from tests.need import need

MODEL = "data/models/binary_qonnx/fastmachinelearning+qonnx/src/qonnx/data/onnx/mnist-conv"


def model(op: str, x: Array, constants: Sequence[Any], **attributes: Any) -> Any:
    """Model of one node whose other inputs are constants."""
    from onnx import TensorProto, helper, numpy_helper

    names = [f"c{k}" for k in range(len(constants))]
    domain = "qonnx.custom_op.general"
    one = helper.make_node(op, ["x", *names], ["y"], domain=domain, **attributes)
    known = [
        numpy_helper.from_array(np.asarray(c, np.float32), n) for n, c in zip(names, constants, strict=True)
    ]
    graph = helper.make_graph(
        [one],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        known,
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid(domain, 1)]
    )


def ends(bits: int, signed: int, narrow: int) -> tuple[int, int]:
    if signed:
        return -(2 ** (bits - 1)) + narrow, 2 ** (bits - 1) - 1
    return 0, 2**bits - 1 - narrow


def same_as_c(graph: Graph) -> None:
    nets.in_c_later(nets.sample("net", graph))


def numbers(*shape: int) -> Array:
    return np.random.default_rng(3).normal(0, 1.5, shape).astype(np.float32)


ROUND: dict[str, Any] = {"ROUND": np.round, "CEIL": np.ceil, "FLOOR": np.floor}


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12])
@pytest.mark.parametrize(("signed", "narrow"), [(1, 0), (1, 1), (0, 0), (0, 1)])
@pytest.mark.parametrize(("zero", "mode"), [(0.0, "ROUND"), (3.0, "ROUND"), (0.0, "FLOOR"), (0.0, "CEIL")])
def test_quant(bits: int, signed: int, narrow: int, zero: float, mode: str) -> None:
    x = numbers(2, 3, 4)
    for scale in (np.float32(0.25), np.array([0.1, 0.25, 0.3], np.float32).reshape(1, 3, 1)):
        proto = model("Quant", x, [scale, zero, bits], signed=signed, narrow=narrow, rounding_mode=mode)
        v = x / scale + np.float32(zero)
        if bits == 1 and signed:
            q = np.where(v >= 0, np.float32(1), np.float32(-1))
        else:
            low, high = ends(bits, signed, narrow)
            q = ROUND[mode](np.clip(v, low, high))
        want = (q - np.float32(zero)) * scale
        graph = read_model(proto)
        np.testing.assert_array_equal(interpret.output(graph, x), want.astype(np.float32))
    same_as_c(graph)


def test_weights_stay_integers() -> None:
    """A constant that is quantised is a constant of integers, with its scale."""
    from onnx import TensorProto, helper, numpy_helper

    domain = "qonnx.custom_op.general"
    w = numbers(3, 4)
    quant = helper.make_node("Quant", ["w", "s", "z", "b"], ["q"], domain=domain, signed=1, narrow=1)
    add = helper.make_node("Add", ["x", "q"], ["y"])
    values = {"w": w, "s": np.full((3, 1), 0.5, np.float32), "z": np.float32(0), "b": np.float32(4)}
    graph = helper.make_graph(
        [quant, add],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (3, 4))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(v, np.float32), n) for n, v in values.items()],
    )
    read = read_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]))
    found = [t for t in read.tensors.values() if t.data is not None]
    assert [t.dtype for t in found] == ["int8"]
    assert found[0].data is not None
    assert found[0].data.tolist() == np.clip(np.round(w / 0.5), -7, 7).tolist()


def test_bipolar_quant() -> None:
    x = numbers(2, 5)
    graph = read_model(model("BipolarQuant", x, [np.float32(0.3)]))
    want = np.where(x >= 0, np.float32(1), np.float32(-1)) * np.float32(0.3)
    np.testing.assert_array_equal(interpret.output(graph, x), want)
    same_as_c(graph)


@pytest.mark.parametrize("mode", list(ROUND))
def test_trunc(mode: str) -> None:
    x = (np.arange(-20, 20) * 0.25).astype(np.float32).reshape(4, 10)
    graph = read_model(model("Trunc", x, [np.float32(0.25), np.float32(0), 8, 5], rounding_mode=mode))
    want = ROUND[mode](np.round(x / np.float32(0.25)) / np.float32(8)) * np.float32(0.25)
    np.testing.assert_array_equal(interpret.output(graph, x), want.astype(np.float32))
    same_as_c(graph)
    given: list[Any] = [np.float32(0.25), np.float32(0), 8, np.float32(1), np.float32(0), 4]
    graph = read_model(model("Trunc", x, given, rounding_mode=mode, signed=1, narrow=0))
    want = ROUND[mode](np.clip(np.round(x / np.float32(0.25)) / np.float32(4), -8, 7))
    np.testing.assert_array_equal(interpret.output(graph, x), want.astype(np.float32))


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("rows", [1, 3])
def test_multi_threshold(layout: str, rows: int) -> None:
    x = numbers(2, 3, 4, 5) if layout == "NCHW" else numbers(2, 4, 5, 3)
    t = np.sort(numbers(rows, 7), axis=1)
    last = np.moveaxis(x, 1, -1) if layout == "NCHW" else x
    count = np.count_nonzero(last[..., None] >= t, axis=-1).astype(np.float32)
    want = np.float32(0.5) * count + np.float32(-1)
    want = np.moveaxis(want, -1, 1) if layout == "NCHW" else want
    graph = read_model(model("MultiThreshold", x, [t], out_scale=0.5, out_bias=-1.0, data_layout=layout))
    np.testing.assert_array_equal(interpret.output(graph, x), want)
    same_as_c(graph)


def test_float_quant_is_refused() -> None:
    x = numbers(2, 2)
    with pytest.raises(ConfigError, match="floating point of few bits"):
        read_model(model("FloatQuant", x, [np.float32(1)]))


def test_model_of_qonnx(shared: Path) -> None:
    """Its example of a convolutional net, with its own data."""
    import onnx

    folder = shared / MODEL
    if "MaxPool" not in RULES:
        pytest.skip("MaxPool has no rule")
    proto = [onnx.load_tensor(str(folder / "test_data_set_0" / f"{n}_0.pb")) for n in ("input", "output")]
    x, want = (onnx.numpy_helper.to_array(one) for one in proto)
    np.testing.assert_allclose(
        interpret.output(read_net(folder / "model.onnx"), x), want, rtol=1e-4, atol=1e-3
    )


def test_whole_net(tmp_path: Path) -> None:
    """Convolution of 4 bits by 2, thresholds, a product by signs, as Brevitas writes them; as C everywhere.

    Scales are powers of two, so that sums are exact in any order.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    need("gcc", "arm-none-eabi-gcc", "qemu-system-arm")
    domain, rng = "qonnx.custom_op.general", np.random.default_rng(11)
    w, signs = numbers(4, 2, 3, 3), rng.normal(size=(144, 5)).astype(np.float32)
    thresholds = np.sort(numbers(4, 3), axis=1)
    half, quarter, zero = np.float32(0.5), np.float32(0.25), np.float32(0)
    known = {"half": half, "quarter": quarter, "zero": zero, "four": 4, "two": 2, "w": w, "t": thresholds}
    nodes = [
        helper.make_node(
            "Quant", ["x", "quarter", "zero", "four"], ["xq"], domain=domain, signed=1, narrow=0
        ),
        helper.make_node("Quant", ["w", "half", "zero", "two"], ["wq"], domain=domain, signed=1, narrow=1),
        helper.make_node("Conv", ["xq", "wq"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("MultiThreshold", ["c", "t"], ["m"], domain=domain, out_scale=1.0, out_bias=-1.0),
        helper.make_node("Flatten", ["m"], ["f"]),
        helper.make_node("BipolarQuant", ["signs", "quarter"], ["sq"], domain=domain),
        helper.make_node("MatMul", ["f", "sq"], ["d"]),
        helper.make_node("BipolarQuant", ["d", "half"], ["y"], domain=domain),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 2, 6, 6))],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, (1, 5)) for n in ("y", "d")],
        [numpy_helper.from_array(np.asarray(v, np.float32), n) for n, v in {**known, "signs": signs}.items()],
    )
    imports = [helper.make_opsetid("", 18), helper.make_opsetid(domain, 1)]
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=9), str(path))

    x = numbers(1, 2, 6, 6)
    xq = np.clip(np.round(x / quarter), -8, 7) * quarter
    wq = np.clip(np.round(w / half), -1, 1) * half
    panes = np.lib.stride_tricks.sliding_window_view(np.pad(xq[0], ((0, 0), (1, 1), (1, 1))), (3, 3), (1, 2))
    sums = np.einsum("cijkl,ockl->oij", panes, wq)
    steps = (sums[..., None] >= thresholds[:, None, None]).sum(-1) - 1
    want = steps.reshape(1, -1) @ np.where(signs >= 0, 0.25, -0.25)
    assert len(set(steps.reshape(-1).tolist())) == 4
    values = interpret.run(simplify(read_net(path))[0], {"x": x})
    np.testing.assert_array_equal(values["d"], want)
    np.testing.assert_array_equal(values["y"], np.where(want >= 0, 0.5, -0.5))
    assert as_c(path, {**QUICK, "ispu": LEVELS["ispu"]}) == ""
