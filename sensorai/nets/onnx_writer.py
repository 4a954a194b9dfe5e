"""An ONNX file while it is written: names, numbers, nodes, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph, Node
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array, Tensor, free
from sensorai.importers.libraries import library
from sensorai.importers.onnx.types import TYPES
from sensorai.ops.nd import affine

#: Version of the operators; with integers of 16 bits, which came later.
OPSET, OPSET_16 = 17, 21


class OnnxWriter:
    """The file while it is written."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.onnx = graph, library("onnx")
        self.nodes: list[Any] = []
        self.initialisers: list[Any] = []
        self.names = set(graph.tensors)
        self.reals: dict[str, str] = {}
        if graph.states:
            raise ConfigError("nets that keep states have no form in ONNX that is known here")

    def model(self, layer: Callable[[OnnxWriter, Node], None]) -> Any:
        """The whole model; ``layer`` writes a node."""
        helper, graph = self.onnx.helper, self.graph
        for name, tensor in graph.tensors.items():
            if tensor.data is not None:
                self._initialiser(name, tensor.data, tensor.dtype)
        for node in graph.nodes:
            layer(self, node)
        ends = [[self._declared(graph.tensors[n]) for n in names] for names in (graph.inputs, graph.outputs)]
        read = {name for node in self.nodes for name in node.input} | set(graph.outputs)
        kept = [one for one in self.initialisers if one.name in read]
        made = helper.make_graph(self.nodes, "net", *ends, kept)
        wide = any(
            t.dtype in ("int16", "uint16") and isinstance(t.quant, Affine) for t in graph.tensors.values()
        )
        opset = [helper.make_opsetid("", OPSET_16 if wide else OPSET)]
        model = helper.make_model(
            made, opset_imports=opset, ir_version=10 if wide else 8, producer_name="sensorai"
        )
        self.onnx.checker.check_model(model)
        return model

    def fresh(self, wish: str) -> str:
        """Name that nothing has yet."""
        name = free(wish, self.names)
        self.names.add(name)
        return name

    def constant(self, wish: str, data: Array) -> str:
        """Add numbers and return their name."""
        return self._initialiser(self.fresh(wish), np.asarray(data), "")

    def integers(self, wish: str, data: Array, like: Tensor | None = None) -> str:
        """Add integers that are dequantised later, with the scale of another tensor."""
        name = self.constant(wish, data)
        made = Tensor(name, data.shape, data.dtype.name, None if like is None else like.quant, data)
        self.graph = self.graph.with_tensors((made,))
        return name

    def add(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Append a node and return what it makes."""
        node = self.onnx.helper.make_node(kind, list(inputs), [output], name=output, **attributes)
        self.nodes.append(node)
        return output

    def tensor(self, name: str) -> Tensor:
        """Tensor of the net."""
        return self.graph.tensors[name]

    def real(self, name: str) -> str:
        """Real numbers that a tensor means."""
        tensor = self.tensor(name)
        if not affine.scaled(tensor):
            return name
        if name not in self.reals:
            self.reals[name] = self.dequantised(name, tensor.quant, self.fresh(f"{name}.real"))
        return self.reals[name]

    def dequantised(self, name: str, quant: Any, output: str) -> str:
        """Dequantise, by a scale or by one for each index of an axis."""
        return self._scaled("DequantizeLinear", name, self.tensor(name).dtype, quant, output)

    def dequantised_like(self, name: str, like: Tensor) -> str:
        """Dequantise what was moved of a tensor."""
        return self._scaled("DequantizeLinear", name, like.dtype, like.quant, self.fresh(f"{name}.real"))

    def quantised(self, name: str, tensor: Tensor) -> str:
        """Quantise into a tensor."""
        return self._scaled("QuantizeLinear", name, tensor.dtype, tensor.quant, tensor.name)

    def finish(self, made: Callable[[str], str], node: Node) -> None:
        """Let ``made`` write real numbers under a name, and bring them to the type of the node's output."""
        out = self.tensor(node.output)
        if affine.scaled(out):
            self.quantised(made(self.fresh(f"{out.name}.float")), out)
        else:
            made(out.name)

    def held(self, op: Any, made: Callable[[str], str], output: str) -> str:
        """Hold numbers between the ends that an operator has."""
        lo, hi = op.lo, op.hi
        if lo is None and hi is None:
            return made(output)
        x = made(self.fresh(f"{output}.free"))
        if lo == 0 and hi is None:
            return self.add("Relu", [x], output)
        ends = [
            "" if v is None else self.constant(f"{output}.end", np.asarray(v, np.float32)) for v in (lo, hi)
        ]
        return self.add("Clip", [x, *ends] if ends[1] else [x, ends[0]], output)

    def turned(self, name: str, perm: Sequence[int], output: str) -> str:
        """Transpose."""
        return self.add("Transpose", [name], output, perm=list(perm))

    # -- parts

    def _scaled(self, kind: str, name: str, dtype: str, quant: Any, output: str) -> str:
        if not isinstance(quant, Affine):
            raise ConfigError(f"tensor {name} has no scale that ONNX can say")
        scale, zero = np.asarray(quant.scale, np.float32), np.asarray(quant.zero, np.dtype(dtype))
        axis = {} if quant.axis is None else {"axis": quant.axis}
        shape = () if quant.axis is None else scale.shape
        given = [self.constant(f"{output}.scale", scale.reshape(shape))]
        given.append(self.constant(f"{output}.zero", zero.reshape(shape)))
        return self.add(kind, [name, *given], output, **axis)

    def _initialiser(self, name: str, data: Array, dtype: str) -> str:
        if dtype in ("int4", "uint4", "int2", "uint2", "binary"):
            raise ConfigError(f"the constant {name} is {dtype}, which is not written as ONNX")
        self.initialisers.append(
            self.onnx.numpy_helper.from_array(np.ascontiguousarray(data).reshape(data.shape), name)
        )
        return name

    def _declared(self, tensor: Tensor) -> Any:
        number = next((n for n, dtype in TYPES.items() if dtype == tensor.dtype), None)
        if number is None:
            raise ConfigError(f"tensor {tensor.name} is {tensor.dtype}, which ONNX does not have")
        return self.onnx.helper.make_tensor_value_info(tensor.name, number, list(tensor.shape))
