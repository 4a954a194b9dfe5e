"""What floats of a net stand for: integers that were dequantised."""

from __future__ import annotations

from sensorai.graph.tensor import Tensor
from sensorai.ops.nd.quantize import Dequantize
from sensorai.passes.edit import Edit


def meant(edit: Edit, name: str) -> Tensor | None:
    """Integer tensor whose meaning is the tensor ``name``, None where a float is computed."""
    node = edit.producer(name) if name else None
    return edit.tensors[node.inputs[0]] if node is not None and isinstance(node.op, Dequantize) else None
