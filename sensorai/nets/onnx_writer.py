"""An ONNX file while it is written: names, numbers, nodes, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sensorai.errors import ConfigError, Problem, Refused
from sensorai.graph.graph import Graph, Node
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array, Tensor, free
from sensorai.importers.libraries import library
from sensorai.importers.onnx.reader import LAYERS
from sensorai.importers.onnx.types import TYPES
from sensorai.nets.keeping import without_states
from sensorai.nets.onnx_turns import fewer_turns
from sensorai.ops.nd import affine
from sensorai.writing import jsontext

#: Version of the operators; of integers with a scale, which ONNX's own reference runs from there on; and of
#: such with 16 bits, which came later.
OPSET, OPSET_SCALED, OPSET_16 = 17, 19, 21
#: What there is to do about a layer that is not written.
REMEDY = (
    "docs/operators.md says what is written as ONNX; 'generate --target' makes C of the net as it is: "
    "quantise where it is trained, or give a net that ends before such layers"
)
#: Version of files with operators up to a version.
_FILES = ((17, 8), (18, 8), (20, 9), (22, 10))


class OnnxWriter:
    """The file while it is written."""

    def __init__(self, graph: Graph, opset: int = OPSET) -> None:
        self.graph, self.onnx = graph, library("onnx")
        self.nodes: list[Any] = []
        self.initialisers: list[Any] = []
        self.names = set(graph.tensors)
        self.reals: dict[str, str] = {}
        scaled = {t.dtype for t in graph.tensors.values() if isinstance(t.quant, Affine)}
        wide = not scaled.isdisjoint(("int16", "uint16"))
        self.opset = max(opset, OPSET_16 if wide else OPSET_SCALED if scaled else OPSET)
        without_states(graph, "ONNX")

    def model(self, layer: Callable[[OnnxWriter, Node], None]) -> Any:
        """The whole model; ``layer`` writes a node.

        Raises
        ------
        Refused
            Layers have no counterpart: all of them.
        """
        helper, graph = self.onnx.helper, self.graph
        if problems := self.problems(layer):
            raise Refused(problems)
        ends = [[self._declared(graph.tensors[n]) for n in names] for names in (graph.inputs, graph.outputs)]
        shapes = {name: tensor.shape for name, tensor in self.graph.tensors.items()}
        outputs = list(graph.outputs)
        nodes = fewer_turns(self.onnx, self.nodes, self.initialisers, shapes, outputs, self.fresh)
        read = {name for node in nodes for name in node.input} | set(outputs)
        kept = [one for one in self.initialisers if one.name in read]
        made = helper.make_graph(nodes, "net", *ends, kept)
        opset = [helper.make_opsetid("", self.opset)]
        version = next(file for last, file in _FILES if self.opset <= last)
        model = helper.make_model(made, opset_imports=opset, ir_version=version, producer_name="sensorai")
        layers = sorted({self.graph.called(n.output) for n in self.graph.nodes} & self.graph.names)
        if layers:
            helper.set_model_props(model, {LAYERS: jsontext.document(layers, indent=None)})
        self.onnx.checker.check_model(model)
        return model

    def problems(self, layer: Callable[[OnnxWriter, Node], None]) -> list[Problem]:
        """Write every layer; what cannot be written comes back."""
        found: list[Problem] = []
        for name, tensor in self.graph.tensors.items():
            if tensor.data is not None:
                self._initialiser(name, tensor.data, tensor.dtype)
        for node in self.graph.nodes:
            try:
                layer(self, node)
            except ConfigError as error:
                hint = "" if found else REMEDY
                found.append(Problem(f"layer {node.output} ({node.op.NAME}): {error.message}", hint=hint))
        return found

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
        return self.add_all(kind, inputs, [output], **attributes)

    def add_all(self, kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> str:
        """Append a node of several outputs, "" where one is not wanted, and return the first."""
        name = next(one for one in outputs if one)
        node = self.onnx.helper.make_node(kind, list(inputs), list(outputs), name=name, **attributes)
        self.nodes.append(node)
        return name

    def reduced(self, kind: str, name: str, axes: Sequence[int], output: str, *, keep: bool = True) -> str:
        """Take numbers of axes together; from version 18 on axes are an input of all, not of sums alone."""
        said: dict[str, Any] = {"keepdims": int(keep)}
        if kind == "ReduceSum" or self.opset >= 18:
            given = self.constant(f"{output}.axes", np.asarray(list(axes), np.int64))
            return self.add(kind, [name, given], output, **said)
        return self.add(kind, [name], output, axes=list(axes), **said)

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

    def bring(self, made: str, name: str) -> None:
        """Bring real numbers that were written to the type of a tensor."""
        if affine.scaled(self.tensor(name)):
            self.quantised(made, self.tensor(name))
        else:
            self.add("Identity", [made], name)

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

    def reshaped(self, name: str, shape: Sequence[int], output: str) -> str:
        """Numbers in another shape."""
        said = self.constant(f"{output}.shape", np.asarray(list(shape), np.int64))
        # an extent of 0 would be that of the input
        zero = {"allowzero": 1} if 0 in shape else {}
        return self.add("Reshape", [name, said], output, **zero)

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
