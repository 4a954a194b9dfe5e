"""A float net becomes one that says by pairs of quantise and dequantise what is to be integer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sensorai.graph.graph import Graph, Node
from sensorai.graph.operator import Operator
from sensorai.graph.quant import Affine
from sensorai.graph.spec import check
from sensorai.graph.tensor import Array, Tensor, free
from sensorai.nets import dictionaries, integer_forms, recurrent_pairs
from sensorai.nets.calibrating import ROOM, Held, scale_for, together
from sensorai.nets.integer_forms import alike, known_scale
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.conv_transpose import ConvTranspose
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.quantize import Dequantize, Quantize
from sensorai.ops.nd.recurrent import Recurrent
from sensorai.ops.nd.where import Where

#: Types of activations by the scheme; "" where they stay float.
SCHEMES: Mapping[str, str] = {"int8": "int8", "int16x8": "int16", "weights-int8": "", "float32": ""}
#: Scheme that leaves everything float: weights may go into dictionaries.
FLOATS = "float32"


def products(graph: Graph, scheme: str = "int8") -> tuple[Node, ...]:
    """Layers of weighted sums in float32 whose weights are known, and that a scheme has a form for."""
    kinds: tuple[type[Operator], ...] = (Conv, FullyConnected)
    if SCHEMES[scheme]:
        kinds = (*kinds, ConvTranspose)
    return tuple(
        node
        for node in graph.nodes
        if isinstance(node.op, kinds)
        and graph.tensors[node.inputs[0]].dtype == "float32"
        and graph.tensors[node.inputs[1]].dtype == "float32"
        and graph.tensors[node.inputs[1]].data is not None
        and all(graph.tensors[n].data is not None for n in node.inputs[2:] if n)
    )


def layers(graph: Graph, scheme: str) -> tuple[Node, ...]:
    """Layers that a scheme has a form for, in their order: products, and recurrent ones where all is int8."""
    found = {node.output for node in products(graph, scheme)}
    if scheme == "int8":
        found |= {node.output for node in recurrent_pairs.recurrent(graph)}
    return tuple(node for node in graph.nodes if node.output in found)


def heads(graph: Graph, scheme: str) -> frozenset[str]:
    """Layers with a form in integers that no layer with weights stands before, by their outputs."""
    if not SCHEMES[scheme]:
        return frozenset()
    behind = {node.output for node in layers(graph, scheme)}
    found = set()
    for node in graph.nodes:
        if node.output in behind or not behind.isdisjoint(node.inputs):
            behind |= set(node.outputs)
        elif integer_forms.formed(graph, node, SCHEMES[scheme]):
            found.add(node.output)
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be integer.

    Attributes
    ----------
    scheme : str
        Of ``SCHEMES``.
    method : str
        Of ``calibrating.METHODS``.
    left : frozenset of str
        Products that stay as they are, by their outputs.
    dictionary : int
        Bits of a weight's place in a dictionary, 0 for none.
    floats : frozenset of str
        Other layers that stay as they are, by their outputs.
    """

    scheme: str
    method: str
    left: frozenset[str] = frozenset()
    dictionary: int = 0
    floats: frozenset[str] = frozenset()

    def rounded(self, w: Array) -> Array:
        """Weights as the scheme has them, as float32 numbers."""
        if self.scheme == FLOATS:
            return self.few(w)
        q, scale = weights_of(w, None, 0.0, self.dictionary)
        return np.asarray(q * np.asarray(scale).reshape(-1, *(1,) * (w.ndim - 1)), np.float32)

    def few(self, w: Array) -> Array:
        """float32 weights from a dictionary, where there is one."""
        return dictionaries.real(w, self.dictionary) if self.dictionary else w


def paired(graph: Graph, held: Mapping[str, Held], plan: Plan) -> Graph:
    """Put the pairs in."""
    return check(_Pairing(graph, held, plan).graph())


class _Pairing:
    def __init__(self, graph: Graph, held: Mapping[str, Held], plan: Plan) -> None:
        self.old, self.held, self.plan = graph, held, plan
        self.dtype = SCHEMES[plan.scheme]
        self.products = {
            node.output: node for node in products(graph, plan.scheme) if node.output not in plan.left
        }
        every = layers(graph, plan.scheme)
        self.recurrent = {
            node.output: node
            for node in every
            if isinstance(node.op, Recurrent) and node.output not in plan.left
        }
        self.kinds: dict[str, str] = {}
        self.tensors = dict(graph.tensors)
        self.nodes: list[Node] = []
        self.read: dict[str, str] = {}
        self.scales = self._scales() if self.dtype else {}

    def graph(self) -> Graph:
        """The new net."""
        for name in self.old.given:
            if name in self.scales:
                self.read[name] = self._pair(name, name)
        for node in self.old.nodes:
            self._node(node)
        return replace(self.old, tensors=self.tensors, nodes=tuple(self.nodes))

    # -- which tensors, with which scales

    def _scales(self) -> dict[str, Affine]:
        chosen = {name for node in self.products.values() for name in (node.inputs[0], node.output)}
        same: list[set[str]] = []
        found = self._states(chosen, same)
        self._spread(chosen)
        for node in self.old.nodes:
            if alike(node) and node.output in chosen:
                # what a mask puts in place of numbers is in the output, where it counts
                known = set() if isinstance(node.op, Where) else self._constants(node)
                _join(same, {*self._floats(node.inputs), *known, node.output})
        for name in sorted(chosen):
            group = next((one for one in same if name in one), {name})
            found[name] = self._scale(group)
        return found

    def _spread(self, chosen: set[str]) -> None:
        """Choose what layers make of chosen tensors, and what they make chosen ones of."""
        made = {name: node for node in self.old.nodes for name in node.outputs}
        integer = self.products.keys() | self.recurrent.keys()

        def reachable(name: str) -> bool:
            """Whether a tensor that is quantised has no float layer before it that need not be there."""
            node = made.get(name)
            return node is None or name in integer or alike(node) or self._formed(node)

        before = -1
        while len(chosen) != before:
            before = len(chosen)
            for node in self.old.nodes:
                if node.output in integer or not (alike(node) or self._formed(node)):
                    continue
                computed = self._floats(node.inputs)
                whole = bool(computed) and computed <= chosen
                if whole or (node.output in chosen and (alike(node) or all(map(reachable, computed)))):
                    chosen |= {*computed, node.output}

    def _formed(self, node: Node) -> bool:
        if node.output in self.plan.floats or self.old.tensors[node.output].dtype != "float32":
            return False
        return integer_forms.formed(self.old, node, self.dtype)

    def _scale(self, group: set[str]) -> Affine:
        """One scale for tensors: that of layers with ends of their own where all have it."""
        made = {name: node for node in self.old.nodes for name in node.outputs if name in group}
        # what only moves numbers has no ends of its own
        own = [n for n in group if n not in made or not alike(made[n])]
        ends = {known_scale(made[n], self.dtype) if n in made else None for n in own}
        for one in ends if len(ends) == 1 else ():
            if one is not None:
                return one
        held = together([self._held(n) for n in sorted(group)])
        room = ROOM if self.dtype == "int16" else 1.0
        return scale_for(held, self.dtype, self.plan.method, room)

    def _held(self, name: str) -> Held:
        data = self.old.tensors[name].data
        return self.held[name] if data is None else _of_constant(data)

    def _constants(self, node: Node) -> set[str]:
        """Constants of real numbers that a layer reads."""
        tensors = self.old.tensors
        return {n for n in node.inputs if n and tensors[n].data is not None and tensors[n].dtype == "float32"}

    def _states(self, chosen: set[str], same: list[set[str]]) -> dict[str, Affine]:
        """Choose what recurrent layers read and make; scales of their cells."""
        cells: list[set[str]] = []
        for node in self.recurrent.values():
            own = recurrent_pairs.states(node)
            chosen |= {node.inputs[0], *own.outputs}
            _join(same, set(own.outputs))
            if own.cells:
                _join(cells, set(own.cells))
        found: dict[str, Affine] = {}
        for group in cells:
            scale = recurrent_pairs.cell_scale(together([self.held[n] for n in sorted(group)]))
            found |= dict.fromkeys(group, scale)
            self.kinds |= dict.fromkeys(group, "int16")
        return found

    def _floats(self, names: Iterable[str]) -> set[str]:
        return {
            n
            for n in names
            if n and self.old.tensors[n].data is None and self.old.tensors[n].dtype == "float32"
        }

    # -- nodes

    def _node(self, node: Node) -> None:
        inputs = tuple(self.read.get(n, n) for n in node.inputs)
        if node.output in self.products:
            inputs = self._weights(node, inputs)
        elif node.output in self.recurrent:
            inputs = self._recurrent(node, inputs)
        elif node.output in self.scales and alike(node):
            known = self._constants(node)
            inputs = tuple(self._known(n, self.scales[node.output]) if n in known else n for n in inputs)
        elif node.output in self.scales and integer_forms.whole_constants(node):
            inputs = tuple(self._operand(node, n) for n in inputs)
        outputs = list(node.outputs)
        paired = [k for k, n in enumerate(outputs) if n in self.scales]
        for k in paired:
            name = outputs[k]
            if name in self.old.kept:
                outputs[k] = self._add(f"{name}.free", self.tensors[name])
        self.nodes.append(replace(node, inputs=inputs, outputs=tuple(outputs)))
        for k in paired:
            name = node.outputs[k]
            self.read[name] = self._pair(name, outputs[k])

    def _pair(self, name: str, source: str) -> str:
        """Quantise and dequantise what a node made; the result has the name of an output of the net."""
        tensor, quant = self.tensors[source], self.scales[name]
        dtype = self.kinds.get(name, self.dtype)
        q = self._add(f"{name}.integer", replace(tensor, dtype=dtype, quant=quant))
        real = name if source != name else self._add(f"{name}.real", tensor)
        self.nodes += [Node(Quantize(dtype), (source,), (q,)), Node(Dequantize(), (q,), (real,))]
        return real

    def _operand(self, node: Node, name: str) -> str:
        """Quantise what a layer takes where it is known, but for what integers would lose."""
        data = self.tensors[name].data if name else None
        if data is None or not integer_forms.even(node, data, self.dtype):
            return name
        return self._known(name)

    def _known(self, name: str, quant: Affine | None = None) -> str:
        """Quantise a constant, with one scale: its own where none is given."""
        data = _known(self.tensors[name])
        quant = quant or scale_for(_of_constant(data), self.dtype, "minmax")
        info = np.iinfo(self.dtype)
        with np.errstate(over="ignore"):
            q = np.clip(np.rint(data / quant.scale[0]) + quant.zero[0], info.min, info.max)
        return self._meant(name, q.astype(self.dtype), quant)

    def _weights(self, node: Node, inputs: tuple[str, ...]) -> tuple[str, ...]:
        w = _known(self.tensors[inputs[1]])
        if self.plan.scheme == FLOATS:
            few = self._add(f"{inputs[1]}.few", Tensor("", w.shape, "float32", None, self.plan.few(w)))
            return (inputs[0], few, *inputs[2:])
        bias = _known(self.tensors[inputs[2]]) if len(inputs) > 2 and inputs[2] else None
        unit = self.scales[node.inputs[0]].scale[0] if self.dtype else 0.0
        q, scale = weights_of(w, bias, unit, self.plan.dictionary)
        made = [inputs[0], self._meant(inputs[1], q, Affine(scale, (0,) * len(scale), 0))]
        if bias is not None and not self.dtype:
            made.append(inputs[2])
        elif bias is not None:
            own = np.asarray(scale) * unit
            whole = np.rint(bias.astype(np.float64) / own).astype(np.int32)
            quant = Affine(tuple(float(np.float32(s)) for s in own), (0,) * len(scale), 0)
            made.append(self._meant(inputs[2], whole, quant))
        return tuple(made)

    def _recurrent(self, node: Node, inputs: tuple[str, ...]) -> tuple[str, ...]:
        """Weights and biases of a recurrent layer, and first states, which carry the scales of all states."""
        op: Any = node.op
        own = recurrent_pairs.states(node)
        given: list[str] = [*inputs, *[""] * (7 - len(inputs))]
        units = self.scales[node.inputs[0]].scale[0], self.scales[own.outputs[0]].scale[0]
        w, r = (_known(self.tensors[n]) for n in given[1:3])
        bias = _known(self.tensors[given[3]]).astype(np.float64) if given[3] else None
        rows, scales = w.shape[1], []
        for k, (data, unit) in enumerate(zip((w, r), units, strict=True)):
            part = None if bias is None else bias[:, k * rows : (k + 1) * rows]
            q, quant = recurrent_pairs.numbers(
                op, data, part if part is not None and part.size else None, unit
            )
            scales += [s * unit for s in quant.scale]
            given[1 + k] = self._meant(given[1 + k], q, quant)
        if bias is not None:
            count = bias.shape[1]
            scale = tuple(float(np.float32(s)) for s in scales[:count])
            whole = np.rint(bias / np.asarray(scales[:count])).astype(np.int32)
            given[3] = self._meant(given[3], whole, Affine(scale, (0,) * count, 1))
        for place, names in ((5, own.outputs), (6, own.cells)):
            if names and not given[place]:
                quant = self.scales[names[0]]
                dtype = self.kinds.get(names[0], self.dtype)
                shape = self.old.tensors[names[-1]].shape
                nothing = np.full(shape, quant.zero[0], dtype)
                given[place] = self._meant(f"{node.output}.first{place}", nothing, quant)
        while not given[-1]:
            given.pop()
        return tuple(given)

    def _meant(self, name: str, q: Array, quant: Affine) -> str:
        integers = self._add(f"{name}.integer", Tensor("", q.shape, q.dtype.name, quant, q))
        real = self._add(f"{name}.real", Tensor("", q.shape))
        self.nodes.append(Node(Dequantize(), (integers,), (real,)))
        return real

    def _add(self, wish: str, tensor: Tensor) -> str:
        name = free(wish, self.tensors)
        self.tensors[name] = replace(tensor, name=name)
        return name


def weights_of(w: Array, bias: Array | None, unit: float, bits: int = 0) -> tuple[Array, tuple[float, ...]]:
    """Weights of each output as int8 with scales (float32 numbers), so that a bias in their unit is int32.

    ``bits``: of a place in a dictionary, 0 for none.
    """
    rows = w.reshape(len(w), -1).astype(np.float64)
    scale = np.abs(rows).max(axis=1, initial=0) / 127
    if bias is not None and unit:
        scale = np.maximum(scale, np.abs(bias.astype(np.float64)) / (unit * 2.0**30))
    scale = np.where(scale > 1e-30, scale, 1.0).astype(np.float32)
    q = np.clip(np.rint(rows / scale.astype(np.float64)[:, None]), -127, 127).astype(np.int8)
    q = dictionaries.whole(q, scale, bits) if bits else q
    return q.reshape(w.shape), tuple(map(float, scale))


def _of_constant(data: Array) -> Held:
    flat = data.reshape(-1)
    return Held(min(0.0, float(flat.min(initial=0))), max(0.0, float(flat.max(initial=0))), flat)


def _known(tensor: Tensor) -> Array:
    if tensor.data is None:
        raise TypeError(tensor.name)
    return tensor.data


def _join(groups: list[set[str]], names: set[str]) -> None:
    """Join groups that have a member in common."""
    apart: Callable[[set[str]], bool] = names.isdisjoint
    for one in [g for g in groups if not apart(g)]:
        names |= one
        groups.remove(one)
    groups.append(names)
