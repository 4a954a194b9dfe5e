"""Operators that move numbers: node tests of ONNX beyond the named ones, TensorFlow Lite's micro runtime."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from sensorai.errors import ConfigError
from sensorai.graph import interpret
from sensorai.importers import onnx as onnx_package
from sensorai.importers import tflite as tflite_package
from tests.conftest import shared_dir
from tests.nd import onnx_nodes
from tests.nd.test_elementwise_tflite import compare, net_of, q8, q16
from tests.nd.tflite_file import FileTensor, constant, single
from tests.nd.tflite_models import mismatches

T = FileTensor

#: Operators whose every node test is run, also those that the list of the reference material does not name.
KINDS = (
    "Compress", "Concat", "ConstantOfShape", "Expand", "EyeLike", "Flatten", "Gather", "GatherElements",
    "GatherND", "NonZero", "OneHot", "Pad", "Range", "Reshape", "ReverseSequence", "ScatterElements",
    "ScatterND", "Shape", "Size", "Slice", "Split", "Squeeze", "Tile", "Transpose", "Trilu", "Unsqueeze",
)  # fmt: skip


def nodes_of(kind: str) -> list[str]:
    """Tests of one operator alone; there are no numbers of 16 bits with the exponents of float32 here."""
    return sorted(n for n in onnx_nodes.tests() if onnx_nodes.operators(n) == (kind,) and "bfloat16" not in n)


@pytest.mark.parametrize("kind", KINDS)
def test_nodes(kind: str) -> None:
    names = nodes_of(kind)
    assert names
    assert {name: said for name in names if (said := onnx_nodes.fault(name))} == {}
    assert onnx_nodes.c_differences(names) == []


ANY = {
    "float32": T((2, 3, 4)),
    "int8": q8((2, 3, 4)),
    "int16": q16((2, 3, 4)),
    "int32": T((2, 3, 4), "int32"),
}


def like(x: FileTensor, shape: Sequence[int]) -> FileTensor:
    return T(tuple(shape), x.dtype, x.scale, x.zero)


def ints(*values: Any) -> FileTensor:
    return constant(np.array(values if len(values) != 1 else values[0], np.int32), "int32")


@pytest.mark.parametrize("dtype", ANY)
def test_orders_and_parts(dtype: str) -> None:
    x = ANY[dtype]
    if dtype != "int32":
        compare(single("TRANSPOSE", [x, ints(2, 0, 1)], [like(x, (4, 2, 3))], "TransposeOptions"))
    halves = [like(x, (2, 3, 2))] * 2
    compare(single("SPLIT", [ints(2), x], halves, "SplitOptions", NumSplits=2))
    sizes = [like(x, (2, n, 4)) for n in (1, 2)]
    compare(single("SPLIT_V", [x, ints([1, 2]), ints(1)], sizes, "SplitVOptions", NumSplits=2))
    compare(single("SLICE", [x, ints(0, 1, 1), ints(2, -1, 2)], [like(x, (2, 2, 2))], "SliceOptions"))
    if dtype != "int32":
        compare(single("REVERSE_V2", [x, ints([2])], [x], "ReverseV2Options"))


@pytest.mark.parametrize("dtype", ANY)
@pytest.mark.parametrize(
    ("begin", "end", "step", "masks", "shape"),
    [
        ((0, 1, 0), (2, 3, 4), (1, 1, 2), {}, (2, 2, 2)),
        ((-1, 0, -1), (0, 3, 0), (-1, 1, -2), {}, (1, 3, 2)),
        ((1, 1, 1), (0, 2, 3), (1, 1, 1), {"BeginMask": 4, "EndMask": 1}, (1, 1, 3)),
        ((1, 0, 3), (2, 3, 0), (1, 1, -1), {"ShrinkAxisMask": 1, "EndMask": 4}, (3, 4)),
        ((0, -2, 0), (2, 9, 99), (1, 1, 1), {"ShrinkAxisMask": 2}, (2, 4)),
    ],
)
def test_strided_slice(
    dtype: str, begin: Any, end: Any, step: Any, masks: dict[str, int], shape: Any
) -> None:
    x = ANY[dtype]
    data = single(
        "STRIDED_SLICE",
        [x, ints(begin), ints(end), ints(step)],
        [like(x, shape)],
        "StridedSliceOptions",
        **masks,
    )
    compare(data)


@pytest.mark.parametrize(
    ("masks", "begin", "want"),
    [
        ({"EllipsisMask": 1}, (0, 1), np.s_[..., 1:3]),
        ({"EllipsisMask": 2}, (1, 0), np.s_[1:3, ...]),
        ({"NewAxisMask": 1}, (0, 1), np.s_[np.newaxis, 1:3]),
        ({"EllipsisMask": 1, "ShrinkAxisMask": 2}, (0, 2), np.s_[..., 2]),
        ({"NewAxisMask": 2, "ShrinkAxisMask": 1}, (1, 0), np.s_[1, np.newaxis]),
    ],
)
def test_masks_that_the_micro_runtime_does_not_have(masks: dict[str, int], begin: Any, want: Any) -> None:
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    y = x[want]
    inputs = [T(x.shape), ints(begin), ints([b + 2 for b in begin]), ints(1, 1)]
    graph = net_of(single("STRIDED_SLICE", inputs, [T(y.shape)], "StridedSliceOptions", **masks))
    np.testing.assert_array_equal(interpret.output(graph, x), y)


@pytest.mark.parametrize("dtype", ["float32", "int8", "int16"])
def test_margins(dtype: str) -> None:
    x = ANY[dtype]
    pads, grown = ints((1, 0), (0, 2), (1, 1)), like(x, (3, 5, 6))
    compare(single("PAD", [x, pads], [grown], "PadOptions"))
    if dtype != "int16":
        value = constant(7, dtype, scale=x.scale, zero=x.zero)
        compare(single("PADV2", [x, pads, value], [grown], "PadV2Options"))
    for mode, most in ((0, 1), (1, 2)):
        pads, grown = ints((1, most - 1), (0, most), (2, 2)), like(x, (2 + most, 3 + most, 8))
        if dtype != "int16":
            compare(single("MIRROR_PAD", [x, pads], [grown], "MirrorPadOptions", Mode=mode))


@pytest.mark.parametrize("dtype", ANY)
@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_together(dtype: str, axis: int) -> None:
    x = ANY[dtype]
    joined, stacked = list(x.shape), list(x.shape)
    joined[axis] *= 2
    stacked.insert(axis if axis >= 0 else 3, 2)
    compare(single("CONCATENATION", [x, x], [like(x, joined)], "ConcatenationOptions", Axis=axis))
    if dtype != "int16":
        compare(single("PACK", [x, x], [like(x, stacked)], "PackOptions", Axis=axis, ValuesCount=2))
    rest = [n for k, n in enumerate(x.shape) if k != axis % 3]
    rows, count = [like(x, rest)] * x.shape[axis], x.shape[axis]
    if dtype != "int16":
        compare(single("UNPACK", [x], rows, "UnpackOptions", Axis=axis, Num=count))


def test_scales_that_differ() -> None:
    """The micro runtime refuses them; the numbers come to the scale of the output."""
    a, b, out = q8((1, 4), 0.5, 3), q8((1, 4), 0.25, -3), q8((1, 8), 0.5, 3)
    graph = net_of(single("CONCATENATION", [a, b], [out], "ConcatenationOptions", Axis=1))
    x = np.array([[3, 5, 7, 127]], np.int8)
    y = interpret.run(graph, dict(zip(graph.inputs, (x, x - np.int8(6)), strict=True)))[graph.outputs[0]]
    assert y.tolist() == [[3, 5, 7, 127, 3, 4, 5, 65]]


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_gather(dtype: str) -> None:
    x = ANY[dtype]
    compare(single("GATHER", [x, ints([2, 0, 2])], [like(x, (2, 3, 4))], "GatherOptions", Axis=1))
    compare(single("GATHER", [x, ints(1)], [like(x, (2, 4))], "GatherOptions", Axis=1))
    compare(single("GATHER", [x, ints([[3, 1], [2, 2]])], [like(x, (2, 3, 2, 2))], "GatherOptions", Axis=2))
    pair = ints([[1, 0], [2, 2]])
    compare(single("GATHER", [x, pair], [like(x, (2, 2, 4))], "GatherOptions", Axis=1, BatchDims=1))
    compare(single("GATHER_ND", [x, ints([[1, 2], [0, 1]])], [like(x, (2, 4))], "GatherNdOptions"))


def test_embedding() -> None:
    table = constant(np.arange(12).reshape(3, 4))
    data = single("EMBEDDING_LOOKUP", [T((3,), "int32"), table], [T((3, 4))])
    compare(data, [{"t0": np.array([2, 0, 1], np.int32)}])


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_shapes(dtype: str) -> None:
    x = ANY[dtype]
    compare(single("RESHAPE", [x, ints(4, 6)], [like(x, (4, 6))], "ReshapeOptions"))
    one = like(x, (2, 1, 3))
    compare(single("SQUEEZE", [one], [like(x, (2, 3))], "SqueezeOptions"))
    compare(single("EXPAND_DIMS", [like(x, (2, 3)), ints([1])], [one], "ExpandDimsOptions"))
    compare(single("BROADCAST_TO", [one, ints(2, 5, 3)], [like(x, (2, 5, 3))], "BroadcastToOptions"))


def test_blocks() -> None:
    """Without margins, which the micro runtime fills with what it finds, but crops; then with margins."""
    x, y, block = q8((1, 4, 6, 2)), q8((4, 2, 3, 2)), ints(2, 2)
    compare(single("SPACE_TO_BATCH_ND", [x, block, ints((0, 0), (0, 0))], [y], "SpaceToBatchNDOptions"))
    y, edges = q8((4, 3, 4, 2)), ints((1, 1), (0, 2))
    compare(single("BATCH_TO_SPACE_ND", [y, block, edges], [x], "BatchToSpaceNDOptions"))
    graph = net_of(single("SPACE_TO_BATCH_ND", [x, block, edges], [y], "SpaceToBatchNDOptions"))
    a = np.arange(48, dtype=np.int8).reshape(1, 4, 6, 2)
    padded = np.pad(a, ((0, 0), (1, 1), (0, 2), (0, 0)), constant_values=3)
    want = padded.reshape(3, 2, 4, 2, 2).transpose(1, 3, 0, 2, 4).reshape(4, 3, 4, 2)
    np.testing.assert_array_equal(interpret.output(graph, a), want)


def test_constants() -> None:
    """What is known beforehand; a net needs an input and a node that reads it."""
    x = T((2, 3))
    graph = net_of(single("SHAPE", [x], [T((2,), "int32")], "ShapeOptions"))
    assert np.asarray(graph.tensors[graph.outputs[0]].data).tolist() == [2, 3]
    graph = net_of(single("BROADCAST_ARGS", [ints(2, 1, 3), ints(4, 1), x], [T((3,), "int32")]))
    assert np.asarray(graph.tensors[graph.outputs[0]].data).tolist() == [2, 4, 3]
    with pytest.raises(ConfigError, match="do not go together"):
        net_of(single("BROADCAST_ARGS", [ints(2, 3), ints(4, 1, 2), x], [T((3,), "int32")]))
    graph = net_of(single("FILL", [ints(2, 3), T(())], [T((2, 3))], "FillOptions"))
    assert interpret.output(graph, np.float32(1.5)).tolist() == [[1.5] * 3] * 2
    graph = net_of(
        single(
            "ONE_HOT",
            [T((3,), "int32"), ints(4), constant(5.0), constant(-1.0)],
            [T((3, 4))],
            "OneHotOptions",
            Axis=-1,
        )
    )
    y = interpret.output(graph, np.array([1, -1, 3], np.int32))
    assert y.tolist() == [[-1, 5, -1, -1], [-1] * 4, [-1, -1, -1, 5]]
    graph = net_of(single("TILE", [x, ints(1, 2)], [T((2, 6))], "TileOptions"))
    z = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(interpret.output(graph, z), np.tile(z, (1, 2)))


def test_what_is_outside_is_refused() -> None:
    x = T((2, 3))
    for kind, inputs, options, values in [
        ("SLICE", [x, ints(0, 2), ints(2, 2)], "SliceOptions", {}),
        ("GATHER", [x, ints([5])], "GatherOptions", {"Axis": 1}),
        ("PAD", [x, ints((-1, 0), (0, 0))], "PadOptions", {}),
        ("MIRROR_PAD", [x, ints((5, 0), (0, 0))], "MirrorPadOptions", {}),
        ("TRANSPOSE", [x, ints(0, 0)], "TransposeOptions", {}),
        ("CONCATENATION", [x, x], "ConcatenationOptions", {"Axis": 7}),
        ("TILE", [x, ints(-1, 2)], "TileOptions", {}),
    ]:
        with pytest.raises(ConfigError):
            net_of(single(kind, inputs, [x], options, **values))


@pytest.mark.parametrize("kind", ["pad", "strided_slice"])
def test_seanet(kind: str, shared: Path) -> None:
    files = sorted((shared / "data" / "models" / "tflm").rglob(f"seanet/{kind}/*.tflite"))
    assert files, shared_dir()
    assert {path.name: said for path in files if (said := mismatches(path))} == {}


@pytest.mark.parametrize("package", [onnx_package, tflite_package])
def test_every_operator_has_one_rule(package: ModuleType) -> None:
    found: dict[str, str] = {}
    for one in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{one.name}")
        for kind in () if one.name == "table" else getattr(module, "RULES", {}):
            if module.RULES is not importlib.import_module(f"{package.__name__}.table").RULES:
                assert kind not in found, (kind, one.name, found[kind])
                found[kind] = one.name
