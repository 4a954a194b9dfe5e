"""From a float net whose tensors have scales to the integer net that is emitted.

Scales are powers of two: a tensor of p places holds ``value * 2**p``. Weights are symmetric int8 per
output channel; batch normalisation, ReLU and max pooling go into the layer before them. Layers followed by
``sign`` give bits: their batch normalisation becomes one integer threshold per channel (rows whose scale is
negative are negated first, so that all compare the same way). The last products stay int32 accumulators
with one scale for all classes, so their order is that of the scores.

Every number follows from the float net and the places by float64 arithmetic and rounding half up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph, Node, node_of
from sensorai.graph.operator import Applied, Operator
from sensorai.graph.quant import Pow2, Quant, Sign
from sensorai.graph.spec import Level
from sensorai.graph.tensor import Array, Tensor, constant
from sensorai.ops import sign
from sensorai.ops.add import Add
from sensorai.ops.argmax import Argmax
from sensorai.ops.products import Product
from sensorai.ops.quantize import Quantize as Cast
from sensorai.ops.requant import KEEP, Requant, relu_clamp
from sensorai.passes import weights as as_int8
from sensorai.passes.change import Changed
from sensorai.passes.fuse import Chain, chains, members

#: What is said of nets with states.
STATELESS = "only nets without states can be quantised"


@dataclass(frozen=True, slots=True)
class Quantize:
    """Make every tensor int8, int32 or bits.

    Attributes
    ----------
    requant : {"shift", "multiplier"}
    scores : bool
        Whether the last products stay int32 accumulators.
    """

    requant: str = "shift"
    scores: bool = True
    level: Level = Level.INTEGER

    def __post_init__(self) -> None:
        if self.requant not in ("shift", "multiplier"):
            raise ConfigError(f"requant is 'shift' or 'multiplier', not {self.requant!r}")

    def run(self, graph: Graph) -> Changed:
        """Walk the float net once."""
        return _Walk(graph, self.requant, self.scores).run()


@dataclass(slots=True)
class _Layer:
    """A product of the float net in float64: what it sums, what normalisation makes of the sums."""

    chain: Chain
    x: Tensor
    op: Product
    w: Array
    bias: Array
    scale: Array
    offset: Array

    def along(self, per_channel: Array) -> Array:
        """Values per channel in the shape of the weights."""
        shape = [1] * self.w.ndim
        shape[self.op.CHANNELS] = -1
        return per_channel.reshape(shape)


@dataclass(slots=True)
class _Walk:
    graph: Graph
    requant: str
    scores: bool
    tensors: dict[str, Tensor] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    #: From tensors of the float net to those of the integer net.
    name: dict[str, str] = field(default_factory=dict)

    def run(self) -> Changed:
        g = self.graph
        if g.states:
            raise ConfigError(f"the net keeps {g.states[0].read} between calls", hint=STATELESS)
        for name in g.inputs:
            self._tensor(name, Tensor(name, g.tensors[name].shape, "int8", Pow2(self._places(name))))
        found, done, said = chains(g), set[str](), []
        for node in g.nodes:
            if node.output in done:
                continue
            chain = found.get(node.output)
            if chain is None:
                self._other(node)
                continue
            done.update(inside := members(g, chain))
            said += [f"{node.output} takes in {', '.join(inside)}"] if inside else []
            if isinstance(node.op, Product):
                self._product(chain, node.op)
            else:
                self._add(chain)
        outputs = tuple(self.name[n] for n in g.outputs)
        return Changed(Graph(g.inputs, outputs, self.tensors, tuple(self.nodes)), tuple(said))

    # -- bookkeeping

    def _places(self, name: str) -> int:
        quant = self.graph.tensors[name].quant
        if not isinstance(quant, Pow2):
            raise ConfigError(f"no scale is known for tensor {name}", hint="calibrate the net first")
        return quant.places

    def _tensor(self, name: str, tensor: Tensor) -> None:
        self.tensors[tensor.name] = tensor
        self.name[name] = tensor.name

    def _make(
        self,
        op: Operator,
        reads: tuple[str, ...],
        made: str,
        end: str,
        dtype: str,
        quant: Quant,
        constants: Mapping[str, Array] | None = None,
    ) -> None:
        """Append a node that makes ``made``, which stands for ``end`` of the float net."""
        held = {role: constant(f"{made}.{role}", data) for role, data in (constants or {}).items()}
        self.tensors.update({tensor.name: tensor for tensor in held.values()})
        self._tensor(end, Tensor(made, self.graph.tensors[end].shape, dtype, quant))
        roles = {role: tensor.name for role, tensor in held.items()}
        self.nodes.append(node_of(op, reads, (made,), roles))

    def _int8(self, name: str) -> Tensor:
        """Tensor ``name`` as int8; bits become +1 and -1 once."""
        tensor = self.tensors[self.name[name]]
        if tensor.dtype != "binary":
            return tensor
        wide = f"{tensor.name}_int8"
        if wide not in self.tensors:
            self.tensors[wide] = Tensor(wide, tensor.shape, "int8", Pow2(0))
            self.nodes.append(Node(Cast(), (tensor.name,), (wide,)))
        return self.tensors[wide]

    # -- layers

    def _product(self, chain: Chain, op: Product) -> None:
        node, p = chain.head, self.graph.constants(chain.head)
        w, bias = p["weights"].astype(np.float64), p["bias"].astype(np.float64)
        scale, offset = np.ones_like(bias), np.zeros_like(bias)
        if chain.norm is not None:
            statistics = next(n for n in self.graph.nodes if n.output == chain.norm_layer)
            scale, offset = chain.norm.scale_offset(self.graph.constants(statistics))
        x = self.tensors[self.name[node.reads[0]]]
        # the last layer reads bits as they are, though its weights are int8
        last = chain.sign is None and self._is_score(chain)
        if not op.signs and not (x.dtype == "binary" and op.WIDE and last):
            x = self._int8(node.reads[0])
        if op.signs and x.dtype != "binary":
            raise ConfigError(
                f"layer {node.output} is to be binary, but its input is not",
                hint="put a sign before it, or leave this layer int8",
            )
        if chain.pool > 1:
            op = op.pooling(chain.pool)
        layer = _Layer(chain, x, op, w, bias, scale, offset)
        if chain.sign is not None:
            self._bits(layer)
        elif op.signs:
            self._counted_scores(layer)
        else:
            layer.w, layer.bias = w * layer.along(scale), bias * scale + offset
            (self._scores if self._is_score(chain) else self._int8_out)(layer)

    def _is_score(self, chain: Chain) -> bool:
        readers = self.graph.consumers(chain.end)
        return self.scores and chain.relu is None and all(isinstance(node.op, Argmax) for node in readers)

    def _finish(
        self, layer: _Layer, requant: Requant, dtype: str, quant: Quant, params: Mapping[str, Array]
    ) -> None:
        op = replace(layer.op, requant=requant)
        made = layer.chain.head.output
        self._make(op, (layer.x.name,), made, layer.chain.end, dtype, quant, params)

    def _counted_scores(self, layer: _Layer) -> None:
        """Bits by signs whose counts come out, at the end of a net."""
        scale, name = layer.scale, layer.chain.head.output
        if np.any(scale != scale[0]) or scale[0] <= 0 or not self._is_score(layer.chain):
            raise ConfigError(
                f"binary layer {name} must be followed by sign, or be the last without batch_norm"
            )
        whole = np.floor((layer.bias * scale + layer.offset) / scale[0] + 0.5)
        params = {
            "weights": np.where(layer.w >= 0, 1, -1).astype(np.int8),
            "bias": as_int8.int32(whole, name),
        }
        self._finish(layer, KEEP, "int32", Pow2(0), params)

    def _scores(self, layer: _Layer) -> None:
        w, bias, axis, fx = layer.w, layer.bias, layer.op.CHANNELS, layer.x.places
        least = min(int(as_int8.quantize_weights(w, axis)[1].min()), as_int8.MAX_SHIFT)
        f = as_int8.fit(w, bias, axis, fx, np.full(bias.size, least, np.int64), 0)
        f[:] = f.min()
        params = {
            "weights": as_int8.round_weights(w, axis, f),
            "bias": as_int8.int32(np.floor(bias * 2.0 ** (fx + f) + 0.5), layer.chain.head.output),
        }
        self._finish(layer, KEEP, "int32", Pow2(fx + int(f[0])), params)

    def _int8_out(self, layer: _Layer) -> None:
        name, fx, fy = layer.chain.head.output, layer.x.places, self._places(layer.chain.end)
        w, bias, axis = layer.w, layer.bias, layer.op.CHANNELS
        if self.requant == "multiplier":
            params, fy = as_int8.multiplied(w, bias, axis, fx, fy, name)
        else:
            _, f = as_int8.quantize_weights(w, axis, cap=fy - fx + as_int8.MAX_SHIFT)
            f = as_int8.fit(w, bias, axis, fx, f, fy)
            # an output finer than its accumulator would only append zeros
            fy = min(fy, int((fx + f).min()))
            params = {
                "weights": as_int8.round_weights(w, axis, f),
                "bias": as_int8.int32(np.floor(bias * 2.0 ** (fx + f) + 0.5), name),
                "shift": (fx + f - fy).astype(np.uint8),
            }
        self._finish(layer, Requant(self.requant, *_clamp(layer.chain, fy)), "int8", Pow2(fy), params)

    def _bits(self, layer: _Layer) -> None:
        scale, offset, w = layer.scale, layer.offset, layer.w
        negative = np.where(scale < 0, -1.0, 1.0)
        if layer.op.signs:
            q = np.where(w >= 0, 1.0, -1.0) * layer.along(negative)
            weights, unit = q.astype(np.int8), np.zeros(layer.bias.size)
        else:
            turned = w * layer.along(negative)
            weights, f = as_int8.quantize_weights(turned, layer.op.CHANNELS, cap=as_int8.MAX_SHIFT)
            unit = f + float(layer.x.places)
        params: dict[str, Array] = {
            "weights": weights,
            "threshold": as_int8.thresholds(layer.bias, scale, offset, negative, unit),
            "flip": np.zeros(layer.bias.size, np.uint8),
        }
        self._finish(layer, Requant("threshold"), "binary", Sign(), params)

    def _add(self, chain: Chain) -> None:
        node = chain.head
        a, b = (self._int8(name) for name in node.reads)
        fa, fb = a.places, b.places
        fine = max(fa, fb)
        fy = min(self._places(chain.end), fine)
        if max(fine - fa, fine - fb) > 16 or fine - fy > 24:
            raise ConfigError(f"layer {node.output} adds tensors whose scales are too far apart")
        op = Add(fine - fa, fine - fb, fine - fy, *_clamp(chain, fy))
        self._make(op, (a.name, b.name), node.output, chain.end, "int8", Pow2(fy))

    def _other(self, node: Node) -> None:
        name, bits = node.output, any(x == "binary" for x, _ in node.op.TYPES)
        if isinstance(node.op, sign.Sign):
            x = self._int8(node.reads[0])
            zero: dict[str, Array] = {
                "threshold": np.zeros(x.shape[-1], np.int32),
                "flip": np.zeros(x.shape[-1], np.uint8),
            }
            self._make(Cast(), (x.name,), name, name, "binary", Sign(), zero)
            return
        x = self.tensors[self.name[node.reads[0]]] if bits else self._int8(node.reads[0])
        made = node.op.lowered(Applied(name, (x,), self.graph.constants(node)))
        self._make(made.op, (x.name,), name, name, made.dtype, made.quant, made.constants)


def _clamp(chain: Chain, places: int) -> tuple[int, int]:
    return (-128, 127) if chain.relu is None else relu_clamp(chain.relu.hi, places)
