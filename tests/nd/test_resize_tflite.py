"""Resized images of TensorFlow Lite files against its micro runtime, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from sensorai.graph import interpret
from tests.nd.test_elementwise_tflite import net_of, rows
from tests.nd.tflite_file import FileTensor, constant, invoke, single

KINDS = {
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "int8"])
@pytest.mark.parametrize("corners,half", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("size", [(7, 9), (2, 3), (1, 1), (5, 4), (33, 20)])
def test_resized_images(kind: str, dtype: str, corners: bool, half: bool, size: tuple[int, int]) -> None:
    scale = {"scale": (0.05,), "zero": (-3,)} if dtype == "int8" else {}
    x = FileTensor((1, 5, 4, 3), dtype, **scale)  # type: ignore[arg-type]
    y = FileTensor((1, *size, 3), dtype, **scale)  # type: ignore[arg-type]
    said = {"AlignCorners": corners, "HalfPixelCenters": half}
    data = single(kind, [x, constant(size, "int32")], [y], KINDS[kind], 3, **said)
    graph = net_of(data)
    for row in rows(graph, 4):
        (name,) = graph.inputs
        got = interpret.run(graph, {name: row[name][None]})[graph.outputs[0]][0]
        (want,) = invoke(data, row[name])
        assert np.array_equal(got, want)


@pytest.mark.parametrize("dtype", ["float32", "int8"])
@pytest.mark.parametrize("kind", ["SPACE_TO_DEPTH", "DEPTH_TO_SPACE"])
def test_blocks(kind: str, dtype: str) -> None:
    scale = {"scale": (0.05,), "zero": (-3,)} if dtype == "int8" else {}
    wide, deep = (1, 4, 6, 2), (1, 2, 3, 8)
    shapes = (wide, deep) if kind == "SPACE_TO_DEPTH" else (deep, wide)
    x, y = (FileTensor(shape, dtype, **scale) for shape in shapes)  # type: ignore[arg-type]
    options = "SpaceToDepthOptions" if kind == "SPACE_TO_DEPTH" else "DepthToSpaceOptions"
    data = single(kind, [x], [y], options, BlockSize=2)
    graph = net_of(data)
    for row in rows(graph, 3):
        (name,) = graph.inputs
        got = interpret.run(graph, {name: row[name][None]})[graph.outputs[0]][0]
        assert np.array_equal(got, invoke(data, row[name])[0])


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_batches_become_blocks(dtype: str) -> None:
    """Not the other way: the runtime's margins of ``SPACE_TO_BATCH_ND`` change from run to run."""
    scale = {"scale": (0.05,), "zero": (-3,)} if dtype == "int8" else {}
    x, y = (FileTensor(s, dtype, **scale) for s in ((4, 2, 3, 2), (1, 3, 5, 2)))  # type: ignore[arg-type]
    sizes = constant([2, 2], "int32"), constant([[0, 1], [1, 0]], "int32")
    data = single("BATCH_TO_SPACE_ND", [x, *sizes], [y], "BatchToSpaceNDOptions")
    graph = net_of(data)
    for row in rows(graph, 3):
        (name,) = graph.inputs
        got = interpret.run(graph, {name: row[name][None]})[graph.outputs[0]][0]
        assert np.array_equal(got, invoke(data, row[name])[0])
