"""Small model files, made here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def save(
    path: Path,
    nodes: Sequence[Any],
    inputs: Sequence[tuple[str, Sequence[int | str]]],
    outputs: Sequence[tuple[str, Sequence[int | str]]],
    constants: dict[str, Any] | None = None,
    kind: int = TensorProto.FLOAT,
) -> Path:
    """Write an ONNX file."""
    values = [
        [helper.make_tensor_value_info(n, kind, list(s)) for n, s in some] for some in (inputs, outputs)
    ]
    known = [numpy_helper.from_array(np.asarray(v), n) for n, v in (constants or {}).items()]
    graph = helper.make_graph(list(nodes), "net", values[0], values[1], known)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    return path


def reshape(
    path: Path, name: str = "x", kind: int = TensorProto.FLOAT, shape: tuple[int, ...] = (1, 4, 3)
) -> Path:
    """A net that gives its numbers in one row."""
    nodes = [helper.make_node("Reshape", [name, "s"], ["y"])]
    row = (1, int(np.prod(shape)))
    return save(path, nodes, [(name, shape)], [("y", row)], {"s": np.array([1, -1])}, kind)


def two(path: Path) -> Path:
    """Two inputs, three outputs, one of them an input."""
    nodes = [helper.make_node("Reshape", ["a", "s"], ["y"]), helper.make_node("Reshape", ["b", "s"], ["z"])]
    return save(
        path,
        nodes,
        [("a", (2, 3)), ("b", (1, 6))],
        [("y", (6,)), ("z", (6,)), ("b", (1, 6))],
        {"s": np.array([6])},
    )


def unknown(path: Path) -> Path:
    """A net with two operators that nobody knows."""
    nodes = [helper.make_node("Strange", ["x"], ["a"]), helper.make_node("Stranger", ["a"], ["y"])]
    return save(path, nodes, [("x", (1, 4))], [("y", (1, 4))])
