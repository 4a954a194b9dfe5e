"""What an ONNX file says of tensors that its nodes make, or what follows for them by ONNX's own rules."""

from __future__ import annotations

from typing import Any

from sensorai.graph.tensor import Shape, Tensor
from sensorai.importers.libraries import library
from sensorai.importers.onnx.types import TYPES
from sensorai.importers.onnx.values import Known

#: Bytes of a model above which its shapes are not inferred to say more of what is wrong with it.
LARGEST = 1 << 26


class Said:
    """Types and shapes by name; asked only where a node was refused, so nothing is done before.

    Parameters
    ----------
    model : onnx.ModelProto
    known : mapping of str to value
        Inputs, whose shapes say what the names of open axes stand for.
    """

    def __init__(self, model: Any, known: Known) -> None:
        self.model = model
        self._inputs = [(one, known[one.name]) for one in model.graph.input if one.name in known]
        self._found: dict[str, Any] | None = None
        self._extents: dict[str, int] = {}

    def __call__(self, name: str) -> tuple[str, Shape] | None:
        """Type and shape of a tensor; None where they are not said in full."""
        if self._found is None:
            self._found = self._infer()
        kind = self._found.get(name)
        if kind is None or kind.elem_type not in TYPES or not kind.HasField("shape"):
            return None
        shape = []
        for extent in kind.shape.dim:
            known = int(extent.dim_value) if extent.HasField("dim_value") else -1
            shape.append(self._extents.get(extent.dim_param, known))
        return (TYPES[kind.elem_type], tuple(shape)) if min(shape, default=0) >= 0 else None

    def _infer(self) -> dict[str, Any]:
        """Look at what stands in the file, and at what ONNX infers."""
        onnx, model = library("onnx"), self.model
        for one, value in self._inputs:
            if isinstance(value, Tensor):
                for extent, size in zip(one.type.tensor_type.shape.dim, value.shape, strict=False):
                    if extent.dim_param:
                        self._extents[extent.dim_param] = size
        if model.ByteSize() < LARGEST:
            try:
                model = onnx.shape_inference.infer_shapes(model)
            except Exception:  # what cannot be inferred is not said
                model = self.model
        return {
            one.name: one.type.tensor_type
            for one in (*model.graph.value_info, *model.graph.output)
            if one.type.HasField("tensor_type")
        }
