"""Fewer Transposes in the list of nodes that an ONNX file gets.

Our layers have their channels last, those of ONNX first, so that every layer is written between two
Transposes. Here they wander behind what computes each number alone, meet, and cancel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sensorai.graph.tensor import Array

#: Operators of one tensor that compute each number alone; further inputs are single numbers.
_ALONE = frozenset(
    [
        "Abs",
        "Acos",
        "Acosh",
        "Asin",
        "Asinh",
        "Atan",
        "Atanh",
        "BitwiseNot",
        "Cast",
        "Ceil",
        "Celu",
        "Clip",
        "Cos",
        "Cosh",
        "DequantizeLinear",
        "Elu",
        "Erf",
        "Exp",
        "Floor",
        "Gelu",
        "HardSigmoid",
        "HardSwish",
        "Identity",
        "IsInf",
        "IsNaN",
        "LeakyRelu",
        "Log",
        "Mish",
        "Neg",
        "Not",
        "QuantizeLinear",
        "Reciprocal",
        "Relu",
        "Round",
        "Selu",
        "Shrink",
        "Sigmoid",
        "Sign",
        "Sin",
        "Sinh",
        "Softplus",
        "Softsign",
        "Sqrt",
        "Tan",
        "Tanh",
        "ThresholdedRelu",
    ]
)
#: Operators of several tensors that do so.
_TOGETHER = frozenset(
    [
        "Add",
        "And",
        "BitShift",
        "BitwiseAnd",
        "BitwiseOr",
        "BitwiseXor",
        "Concat",
        "Div",
        "Equal",
        "Greater",
        "GreaterOrEqual",
        "Less",
        "LessOrEqual",
        "Max",
        "Min",
        "Mod",
        "Mul",
        "Or",
        "PRelu",
        "Pow",
        "Sub",
        "Where",
        "Xor",
    ]
)

Perm = tuple[int, ...]


def fewer_turns(
    onnx: Any,
    nodes: Sequence[Any],
    constants: list[Any],
    shapes: Mapping[str, tuple[int, ...]],
    outputs: Sequence[str],
    fresh: Callable[[str], str],
) -> list[Any]:
    """Let Transposes cancel.

    Parameters
    ----------
    onnx : module
        The library.
    nodes : sequence of NodeProto
        In the order in which they run.
    constants : list of TensorProto
        Initialisers; turned ones are appended.
    shapes : mapping
        Extents of the tensors of the net.
    outputs : sequence of str
        What the net makes; these names stay.
    fresh : callable
        Makes a name that nothing has.

    Returns
    -------
    list of NodeProto
        The nodes as they were where it would not make fewer Transposes.
    """
    walk = _Walk(onnx, constants, shapes, outputs, fresh)
    for node in nodes:
        walk.take(node)
    made = walk.finish()
    return made if _turns(made) < _turns(nodes) else list(nodes)


def _turns(nodes: Iterable[Any]) -> int:
    return sum(node.op_type == "Transpose" for node in nodes)


def _ones_only(shape: Sequence[int], perm: Perm) -> bool:
    """Whether no axis passes another one but those of extent 1; ``shape`` is that before."""
    moved = [k for k in perm if shape[k] != 1]
    return moved == sorted(moved)


class _Walk:
    """Every tensor that is another one turned, by its name: that one, and the order of its axes."""

    def __init__(
        self,
        onnx: Any,
        constants: list[Any],
        shapes: Mapping[str, tuple[int, ...]],
        outputs: Sequence[str],
        fresh: Callable[[str], str],
    ) -> None:
        self.onnx, self.constants, self.fresh = onnx, constants, fresh
        self.outputs, self.shapes = tuple(outputs), dict(shapes)
        self.values = {one.name: one for one in constants}
        self.views: dict[str, tuple[str, Perm]] = {}
        self.makers: dict[str, Any] = {}
        self.turned: dict[tuple[str, Perm], str] = {}
        self.flat: dict[str, tuple[str, Array]] = {}
        self.nodes: list[Any] = []

    def take(self, node: Any) -> None:
        """Write a node, behind no Transpose if that can be."""
        output = node.output[0]
        if node.op_type in _ALONE | {"Transpose"} and node.input[0] in self.shapes:
            shape = self.shapes[node.input[0]]
            axes = self._perm(node) if node.op_type == "Transpose" else tuple(range(len(shape)))
            self.shapes.setdefault(output, tuple(shape[k] for k in axes))
        if node.op_type == "Transpose":
            self._transpose(node)
        elif not self._flattened(node) and not self._moved(node):
            self._append(node, [self._plain(name) for name in node.input], list(node.output))

    def finish(self) -> list[Any]:
        """Nodes that something reads, outputs under their names."""
        renamed: dict[str, str] = {}
        produced = {name for node in self.nodes for name in node.output}
        for name in self.outputs:
            found = self._plain(name)
            if found == name:
                continue
            if found in produced and found not in renamed and found not in self.outputs:
                renamed[found] = name
            else:
                node = self.onnx.helper.make_node("Identity", [found], [name], name=name)
                self.nodes.append(node)
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = [renamed.get(name, name) for name in names]
            # no two have the same name
            node.name = next(name for name in node.output if name)
        read, kept = set(self.outputs), []
        for node in reversed(self.nodes):
            if read.intersection(node.output):
                kept.append(node)
                read.update(name for name in node.input if name)
        return kept[::-1]

    # -- parts

    def _perm(self, node: Any) -> Perm:
        return tuple(next(a.ints for a in node.attribute if a.name == "perm"))

    def _append(self, node: Any, inputs: Sequence[str], outputs: Sequence[str]) -> Any:
        made = type(node)()
        made.CopyFrom(node)
        made.input[:], made.output[:] = inputs, outputs
        self.nodes.append(made)
        for name in outputs:
            self.makers[name] = made
        return made

    def _view(self, name: str) -> tuple[str, Perm] | None:
        """What a tensor is that stands turned; None of others."""
        found = self.views.get(name)
        return None if found is None or found[1] == tuple(range(len(found[1]))) else found

    def _plain(self, name: str) -> str:
        """Name under which the numbers of a tensor stand in their order."""
        if name not in self.views:
            return name
        source, perm = self.views[name]
        if self._view(name) is None:
            return source
        if (source, perm) in self.turned:
            return self.turned[source, perm]
        self.turned[source, perm] = name
        maker = self.makers.get(name)
        if maker is not None:
            # integers are what moves
            self._append(maker, [self._plain(n) for n in maker.input], [name])
            return name
        shape = self.shapes.get(name)
        helper = self.onnx.helper
        if shape is not None and _ones_only([shape[k] for k in np.argsort(perm)], perm):
            to = self._constant(f"{name}.shape", np.asarray(shape, np.int64))
            self.nodes.append(helper.make_node("Reshape", [source, to], [name], name=name))
        else:
            self.nodes.append(helper.make_node("Transpose", [source], [name], name=name, perm=list(perm)))
        return name

    def _constant(self, wish: str, data: Array) -> str:
        one = self.onnx.numpy_helper.from_array(np.ascontiguousarray(data), self.fresh(wish))
        self.constants.append(one)
        self.values[one.name] = one
        return str(one.name)

    def _transpose(self, node: Any) -> None:
        name, perm = node.input[0], self._perm(node)
        constant = self._turned_constant(name, perm)
        if constant is not None:
            self.views[node.output[0]] = (constant, tuple(range(len(perm))))
            return
        source, before = self.views.get(name, (name, tuple(range(len(perm)))))
        self.views[node.output[0]] = (source, tuple(before[k] for k in perm))

    def _turned_constant(self, name: str, perm: Perm) -> str | None:
        """A constant, or one that is dequantised, turned in the file; axes of 1 come before those it has."""
        if name in self.values:
            data = self.onnx.numpy_helper.to_array(self.values[name])
            data = data.reshape((1,) * (len(perm) - data.ndim) + data.shape)
            return self._constant(f"{name}.turned", data.transpose(perm))
        maker = self.makers.get(name)
        if maker is None or maker.op_type != "DequantizeLinear" or maker.input[0] not in self.values:
            return None
        rank = len(self.values[maker.input[0]].dims)
        inner = self._turned_constant(maker.input[0], perm)
        if inner is None:
            return None
        made = self._append(maker, [inner, *maker.input[1:]], [self.fresh(f"{name}.turned")])
        for one in made.attribute:
            if one.name == "axis":
                one.i = perm.index(one.i + len(perm) - rank)
        return str(made.output[0])

    def _moved(self, node: Any) -> bool:
        """Write a node in front of the Transposes of its inputs; False where it cannot stand there."""
        kind = node.op_type
        view = next((v for v in map(self._view, node.input) if v is not None), None)
        if view is None:
            return False
        if kind == "Reshape":
            shape, perm = self.shapes.get(node.input[0]), view[1]
            if shape is None or not _ones_only([shape[k] for k in np.argsort(perm)], perm):
                return False
            self._append(node, [view[0], node.input[1]], node.output)
            return True
        if kind.startswith("Reduce"):
            return self._reduced(node, view)
        if kind in _ALONE and self._view(node.input[0]) is not None:
            inputs: list[str] | None = [view[0], *map(self._plain, node.input[1:])]
        else:
            inputs = self._alike(node, view[1]) if kind in _TOGETHER else None
        if inputs is None:
            return False
        name, output = self.fresh(f"{node.output[0]}.turned"), node.output[0]
        made = self._append(node, inputs, [name])
        for one in made.attribute:
            if one.name == "axis" and kind in ("Concat", "DequantizeLinear", "QuantizeLinear"):
                one.i = view[1][one.i]
        self.views[output] = (name, view[1])
        if kind == "DequantizeLinear":
            self.makers[output] = node
        return True

    def _flattened(self, node: Any) -> bool:
        """Let weights of a dense layer take columns as they stand before a Transpose; False of others.

        Nodes between are written twice, and what nothing reads goes.
        """
        name, output = node.input[0] if node.input else "", node.output[0]
        view, shape = self._view(name), self.shapes.get(name)
        if node.op_type == "Reshape" and view is not None and shape is not None:
            source, perm = view
            if perm[0] == 0 and self.shapes.get(output) == (shape[0], int(np.prod(shape[1:]))):
                before = [shape[k] for k in np.argsort(perm)]
                places = np.arange(int(np.prod(shape[1:]))).reshape(1, *before[1:]).transpose(perm)
                made = self._append(node, [source, node.input[1]], [self.fresh(f"{output}.flat")])
                self.flat[output] = made.output[0], np.argsort(places.reshape(-1))
        elif node.op_type == "DequantizeLinear" and name in self.flat and not node.attribute:
            inner, order = self.flat[name]
            made = self._append(node, [inner, *node.input[1:]], [self.fresh(f"{output}.flat")])
            self.flat[output] = made.output[0], order
        elif node.op_type == "Gemm" and name in self.flat and [a.name for a in node.attribute] == ["transB"]:
            inner, order = self.flat[name]
            weights = self._columns(node.input[1], order)
            if weights is not None:
                self._append(node, [inner, weights, *node.input[2:]], node.output)
                return True
        return False

    def _columns(self, name: str, order: Array) -> str | None:
        """Constant weights of a dense layer, dequantised or not, with their columns in another order."""
        if name in self.values:
            data = self.onnx.numpy_helper.to_array(self.values[name])
            return self._constant(f"{name}.columns", data[:, order])
        maker = self.makers.get(name)
        if maker is None or maker.op_type != "DequantizeLinear" or maker.input[0] not in self.values:
            return None
        if any(one.name == "axis" and one.i == 1 for one in maker.attribute):
            return None
        inner = self._columns(maker.input[0], order)
        if inner is None:
            return None
        made = self._append(maker, [inner, *maker.input[1:]], [self.fresh(f"{name}.columns")])
        return str(made.output[0])

    def _reduced(self, node: Any, view: tuple[str, Perm]) -> bool:
        """Take axes together where they stand; in the order in which they stood, since sums are rounded."""
        source, perm = view
        said = {one.name: one for one in node.attribute}
        if len(node.input) > 1 and node.input[1] in self.values:
            axes = self.onnx.numpy_helper.to_array(self.values[node.input[1]]).tolist()
        else:
            axes = list(said["axes"].ints) if "axes" in said else []
        there = [perm[k] for k in sorted(axes)]
        if not there or there != sorted(there):
            return False
        keep = bool(said["keepdims"].i)
        left = [k for k in perm if k not in there]
        order = perm if keep else tuple(sorted(left).index(k) for k in left)
        output = node.output[0]
        name = self.fresh(f"{output}.turned")
        inputs = [source]
        if len(node.input) > 1:
            inputs.append(self._constant(f"{name}.axes", np.asarray(there, np.int64)))
        made = self._append(node, inputs, [name])
        for one in made.attribute:
            if one.name == "axes":
                one.ints[:] = there
        self.views[output] = (name, order)
        return True

    def _alike(self, node: Any, perm: Perm) -> list[str] | None:
        """Inputs that are all turned alike, or constants that are turned back."""
        back = tuple(int(k) for k in np.argsort(perm))
        made = []
        for name in node.input:
            view = self._view(name)
            if view is not None:
                found = view[0] if view[1] == perm else None
            else:
                found = self._turned_constant(self._plain(name), back)
            if found is None:
                return None
            made.append(found)
        return made
