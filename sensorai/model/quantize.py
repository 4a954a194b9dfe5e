"""From a trained float net to the integer net that is emitted.

Scales are powers of two: a tensor of fraction f holds ``value * 2**f``. Weights are symmetric int8 per
output channel; batch normalisation, ReLU and max pooling go into the layer before them. Layers followed by
``sign`` give bits: their batch normalisation becomes one integer threshold per channel (rows whose scale is
negative are negated first, so that all compare the same way). The last products stay int32 accumulators
with one scale for all classes, so their order is that of the scores.

Every number follows from the float net and the fractions by float64 arithmetic and rounding half up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.model import rounding
from sensorai.model.graph import Array, Graph, Node, Tensor
from sensorai.model.interpret import forward
from sensorai.model.ops import _products, batch_norm, softmax
from sensorai.model.ops.registry import PRODUCTS, check_graph

#: Shifts beyond this would drop every bit of an accumulator of int8 products of usual size.
MAX_SHIFT = 24

LIMIT = 127


def fraction_of(largest: float) -> int:
    """Most binary places with which ``largest`` still fits int8; 7 for an all-zero tensor."""
    if not np.isfinite(largest) or largest < 0:
        raise ConfigError(f"a range of {largest} cannot be quantised")
    return 7 if largest == 0 else int(np.clip(np.floor(np.log2(LIMIT / largest)), -16, 24))


def calibrate(graph: Graph, x: Array) -> dict[str, int]:
    """Fractions of all tensors from what they hold for the inputs ``x`` (batch, *shape)."""
    values = forward(np, graph, np.asarray(x, np.float64))
    return {name: fraction_of(float(np.max(np.abs(v), initial=0.0))) for name, v in values.items()}


def quantize_weights(weights: Array, axis: int, cap: int = 24) -> tuple[Array, Array]:
    """Symmetric int8 weights with one power of two per channel.

    Parameters
    ----------
    weights : ndarray of float
    axis : int
        The channel axis.
    cap : int
        Largest fraction.

    Returns
    -------
    weights : ndarray of int8, -127 to 127
    fraction : ndarray of int64, one per channel
    """
    moved = np.moveaxis(np.asarray(weights, np.float64), axis, 0)
    largest = np.abs(moved.reshape(moved.shape[0], -1)).max(axis=1)
    f = np.array([min(fraction_of(float(v)), cap) if v else cap for v in largest], np.int64)
    return round_weights(weights, axis, f), f


def round_weights(weights: Array, axis: int, fraction: Array) -> Array:
    """Weights as int8 at given fractions per channel, half up, clamped to -127 .. 127."""
    moved = np.moveaxis(np.asarray(weights, np.float64), axis, 0)
    scaled = moved * 2.0 ** fraction.reshape(-1, *[1] * (moved.ndim - 1))
    q = np.clip(np.floor(scaled + 0.5), -LIMIT, LIMIT).astype(np.int8)
    return np.ascontiguousarray(np.moveaxis(q, 0, axis))


def mark_binary(graph: Graph, first: str = "int8", last: str = "int8") -> Graph:
    """Give the hidden products of a float net binary weights.

    Parameters
    ----------
    graph : Graph
        Its hidden activations must be ``sign``; binary layers need binary inputs.
    first, last : {"int8", "binary"}
        Precision of the first and the last product. A binary first layer needs a ``sign`` on the input.
    """
    names = [node.output for node in graph.nodes if node.op in PRODUCTS]
    wide = set(names[:1] if first == "int8" else []) | set(names[-1:] if last == "int8" else [])
    nodes = tuple(
        node.with_attrs(binary=True, pad_value=-1) if node.output in set(names) - wide else node
        for node in graph.nodes
    )
    return Graph(graph.inputs, graph.outputs, graph.tensors, nodes)


def precision_of(graph: Graph) -> str:
    """One sentence on which layers of an integer net are binary."""
    products = [node for node in graph.nodes if node.op in PRODUCTS]
    binary = [n.output for n in products if graph.ins(n)[0].dtype == "binary" and not _products.wide(n)]
    rest = [n.output for n in products if n.output not in binary]
    if not binary:
        return f"int8: all of {', '.join(rest)}"
    return f"binary: {', '.join(binary)}" + (f"; int8: {', '.join(rest)}" if rest else "")


def quantize(
    graph: Graph, fractions: Mapping[str, int], *, requant: str = "shift", scores: bool = True
) -> Graph:
    """Turn a float net into the integer net that computes it.

    Parameters
    ----------
    graph : Graph
        float32; layers marked ``binary`` (see ``mark_binary``) use the sign of their weights.
    fractions : mapping of tensor name to int
        See ``calibrate``; that of the input says what the int8 input means.
    requant : {"shift", "multiplier"}
    scores : bool
        Whether the last products stay int32 accumulators; else they become int8 with the fraction of the
        output, as an autoencoder's must.

    Raises
    ------
    ConfigError
        A layer has no integer form, or an accumulator could leave int32.
    """
    if requant not in ("shift", "multiplier"):
        raise ConfigError(f"requant is 'shift' or 'multiplier', not {requant!r}")
    return check_graph(_Quantizer(graph, fractions, requant, scores).run())


@dataclass(slots=True)
class _Chain:
    """A product or add with what is folded into it."""

    head: Node
    norm: Node | None = None
    relu: Node | None = None
    sign: Node | None = None
    pool: int = 1
    end: str = ""


@dataclass(slots=True)
class _Quantizer:
    graph: Graph
    fractions: Mapping[str, int]
    requant: str
    scores: bool = True
    tensors: dict[str, Tensor] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    name: dict[str, str] = field(default_factory=dict)

    def run(self) -> Graph:
        """Walk the float net once."""
        g = self.graph
        first = g.tensors[g.inputs[0]]
        self._tensor(first.name, Tensor(first.name, first.shape, "int8", self._fraction(first.name)))
        done: set[str] = set()
        for node in g.nodes:
            if node.output in done:
                continue
            if node.op in (*PRODUCTS, "add"):
                chain = self._chain(node, done)
                (self._add if node.op == "add" else self._product)(chain)
            else:
                self._other(node)
        return Graph(g.inputs, tuple(self.name[n] for n in g.outputs), self.tensors, tuple(self.nodes))

    # -- bookkeeping

    def _fraction(self, name: str) -> int:
        if name not in self.fractions:
            raise ConfigError(f"no scale is known for tensor {name}", hint="calibrate the net first")
        return int(self.fractions[name])

    def _tensor(self, name: str, tensor: Tensor) -> None:
        self.tensors[tensor.name] = tensor
        self.name[name] = tensor.name

    def _make(self, node: Node, name: str, dtype: str, fraction: int | None, shape: Any = None) -> None:
        self._tensor(name, Tensor(node.output, shape or self.graph.tensors[name].shape, dtype, fraction))
        self.nodes.append(node)

    def _int8(self, name: str) -> Tensor:
        """Tensor ``name`` as int8; bits become +1 and -1 once."""
        tensor = self.tensors[self.name[name]]
        if tensor.dtype != "binary":
            return tensor
        wide = f"{tensor.name}_int8"
        if wide not in self.tensors:
            self.tensors[wide] = Tensor(wide, tensor.shape, "int8", 0)
            self.nodes.append(Node("quantize", (tensor.name,), wide))
        return self.tensors[wide]

    def _chain(self, head: Node, done: set[str]) -> _Chain:
        chain = _Chain(head, end=head.output)
        while chain.end not in self.graph.outputs:
            users = self.graph.consumers(chain.end)
            if len(users) != 1:
                break
            node = users[0]
            if node.op == "batch_norm" and chain.end == head.output and head.op in PRODUCTS:
                chain.norm = node
            elif node.op == "relu" and chain.relu is None and chain.sign is None:
                chain.relu = node
            elif node.op == "sign" and chain.relu is None and chain.sign is None and head.op in PRODUCTS:
                chain.sign = node
            elif node.op == "max_pool" and chain.pool == 1 and head.op in ("conv1d", "depthwise_conv1d"):
                size = int(node.attrs["size"])
                if int(node.attrs.get("stride", size)) != size:
                    break
                chain.pool = size
            else:
                break
            chain.end = node.output
            done.add(node.output)
        return chain

    # -- layers

    def _product(self, chain: _Chain) -> None:
        node, p = chain.head, chain.head.params
        axis = 1 if node.op == "depthwise_conv1d" else 0
        w, bias = p["weights"].astype(np.float64), p["bias"].astype(np.float64)
        scale, offset = np.ones_like(bias), np.zeros_like(bias)
        if chain.norm is not None:
            scale, offset = batch_norm.scale_offset(chain.norm)
        binary = bool(node.attrs.get("binary"))
        x = self.tensors[self.name[node.inputs[0]]]
        # the last layer reads bits as they are, though its weights are int8
        last = chain.sign is None and self._is_score(chain)
        wide = not binary and x.dtype == "binary" and node.op == "dense" and last
        if not binary and not wide:
            x = self._int8(node.inputs[0])
        if binary and x.dtype != "binary":
            raise ConfigError(
                f"layer {node.output} is to be binary, but its input is not",
                hint="put a sign before it, or leave this layer int8",
            )
        keep = {k: v for k, v in node.attrs.items() if k in ("stride", "padding")}
        if binary:
            keep["pad_value"] = -1
        if wide:
            keep["weights"] = "int8"
        if chain.pool > 1:
            keep["pool"] = chain.pool
        if chain.sign is not None:
            self._bits(chain, x, w, bias, scale, offset, axis, keep)
            return
        if binary:
            if np.any(scale != scale[0]) or scale[0] <= 0 or not self._is_score(chain):
                raise ConfigError(
                    f"binary layer {node.output} must be followed by sign, or be the last without batch_norm"
                )
            whole = np.floor((bias * scale + offset) / scale[0] + 0.5)
            params = {"weights": np.where(w >= 0, 1, -1).astype(np.int8), "bias": _int32(whole, node)}
            self._finish(chain, x, "int32", 0, keep, params)
            return
        shape = [1] * w.ndim
        shape[axis] = -1
        w, bias = w * scale.reshape(shape), bias * scale + offset
        if self._is_score(chain):
            self._scores(chain, x, w, bias, axis, keep)
        else:
            self._int8_out(chain, x, w, bias, axis, keep)

    def _is_score(self, chain: _Chain) -> bool:
        users = self.graph.consumers(chain.end)
        return self.scores and chain.relu is None and all(node.op == "argmax" for node in users)

    def _finish(
        self,
        chain: _Chain,
        x: Tensor,
        dtype: str,
        fraction: int | None,
        attrs: Mapping[str, Any],
        params: Mapping[str, Array],
    ) -> None:
        node = Node(chain.head.op, (x.name,), chain.head.output, dict(attrs), dict(params))
        self._make(node, chain.end, dtype, fraction)

    def _scores(
        self, chain: _Chain, x: Tensor, w: Array, bias: Array, axis: int, keep: dict[str, Any]
    ) -> None:
        fx = x.fraction or 0
        f = np.full(bias.size, min(int(quantize_weights(w, axis)[1].min()), MAX_SHIFT), np.int64)
        f = _fit(w, bias, axis, fx, f, 0)
        f[:] = f.min()
        params = {
            "weights": round_weights(w, axis, f),
            "bias": _int32(np.floor(bias * 2.0 ** (fx + f) + 0.5), chain.head),
        }
        self._finish(chain, x, "int32", fx + int(f[0]), keep, params)

    def _int8_out(
        self, chain: _Chain, x: Tensor, w: Array, bias: Array, axis: int, keep: dict[str, Any]
    ) -> None:
        fx, fy = x.fraction or 0, self._fraction(chain.end)
        if self.requant == "multiplier":
            params, fy = self._multiplier(chain, w, bias, axis, fx, fy)
        else:
            _, f = quantize_weights(w, axis, cap=fy - fx + MAX_SHIFT)
            f = _fit(w, bias, axis, fx, f, fy)
            # an output finer than its accumulator would only append zeros
            fy = min(fy, int((fx + f).min()))
            params = {
                "weights": round_weights(w, axis, f),
                "bias": _int32(np.floor(bias * 2.0 ** (fx + f) + 0.5), chain.head),
                "shift": (fx + f - fy).astype(np.uint8),
            }
        self._finish(chain, x, "int8", fy, {**keep, **_clamp(chain.relu, fy)}, params)

    def _multiplier(
        self, chain: _Chain, w: Array, bias: Array, axis: int, fx: int, fy: int
    ) -> tuple[dict[str, Array], int]:
        moved = np.moveaxis(w, axis, 0)
        step = np.abs(moved.reshape(moved.shape[0], -1)).max(axis=1) / LIMIT
        step = np.where(step == 0, step.max() or 1.0, step)
        while (step * 2.0 ** (fy - fx)).max() >= 1.0:
            fy -= 1
        step = np.maximum(step, 2.0 ** (fx - fy - 32))
        pairs = [rounding.multiplier_of(float(s)) for s in step * 2.0 ** (fy - fx)]
        scaled = moved / step.reshape(-1, *[1] * (w.ndim - 1))
        q = np.clip(np.floor(scaled + 0.5), -LIMIT, LIMIT).astype(np.int8)
        return {
            "weights": np.ascontiguousarray(np.moveaxis(q, 0, axis)),
            "bias": _int32(np.floor(bias * 2.0**fx / step + 0.5), chain.head),
            "multiplier": np.array([m for m, _ in pairs], np.int32),
            "shift": np.array([s for _, s in pairs], np.uint8),
        }, fy

    def _bits(
        self,
        chain: _Chain,
        x: Tensor,
        w: Array,
        bias: Array,
        scale: Array,
        offset: Array,
        axis: int,
        keep: dict[str, Any],
    ) -> None:
        negative = np.where(scale < 0, -1.0, 1.0)
        shape = [1] * w.ndim
        shape[axis] = -1
        turned = w * negative.reshape(shape)
        if x.dtype == "binary":
            q = np.where(w >= 0, 1.0, -1.0) * negative.reshape(shape)
            weights, unit = q.astype(np.int8), np.zeros(bias.size)
        else:
            weights, f = quantize_weights(turned, axis, cap=MAX_SHIFT)
            unit = f + float(x.fraction or 0)
        # scale * (v + bias) + offset >= 0 for v the real sum; with the row negated where scale < 0
        with np.errstate(divide="ignore", invalid="ignore"):
            least = np.ceil(-negative * (offset / scale + bias) * 2.0**unit)
        always = np.where(offset >= 0, float(rounding.INT32_MIN), float(rounding.INT32_MAX))
        least = np.where(scale == 0, always, least)
        params: dict[str, Array] = {
            "weights": weights,
            "threshold": np.clip(least, rounding.INT32_MIN, rounding.INT32_MAX)
            .astype(np.int64)
            .astype(np.int32),
            "flip": np.zeros(bias.size, np.uint8),
        }
        self._finish(chain, x, "binary", 0, keep, params)

    def _add(self, chain: _Chain) -> None:
        node = chain.head
        a, b = (self._int8(name) for name in node.inputs)
        fa, fb = a.fraction or 0, b.fraction or 0
        fine = max(fa, fb)
        fy = min(self._fraction(chain.end), fine)
        if max(fine - fa, fine - fb) > 16 or fine - fy > 24:
            raise ConfigError(f"layer {node.output} adds tensors whose scales are too far apart")
        attrs = {"left_a": fine - fa, "left_b": fine - fb, "shift": fine - fy, **_clamp(chain.relu, fy)}
        self._make(Node("add", (a.name, b.name), node.output, attrs), chain.end, "int8", fy)

    def _other(self, node: Node) -> None:
        x = self.tensors[self.name[node.inputs[0]]]
        if node.op == "sign":
            size = x.shape[-1]
            params: dict[str, Array] = {
                "threshold": np.zeros(size, np.int32),
                "flip": np.zeros(size, np.uint8),
            }
            x = self._int8(node.inputs[0])
            self._make(Node("quantize", (x.name,), node.output, {}, params), node.output, "binary", 0)
            return
        if node.op not in ("relu", "max_pool", "avg_pool", "global_avg_pool", "flatten", "softmax", "argmax"):
            raise ConfigError(f"layer {node.output} ({node.op}) cannot be quantised where it stands")
        if node.op not in ("max_pool", "flatten"):
            x = self._int8(node.inputs[0])
        attrs, dtype, fraction = dict(node.attrs), x.dtype, x.fraction
        params = {}
        if node.op == "relu":
            attrs = {k: v for k, v in _clamp(node, x.fraction or 0).items() if k == "hi"}
        elif node.op == "softmax":
            params, dtype, fraction = {"table": softmax.table(x.fraction or 0)}, "int16", 15
        elif node.op == "argmax":
            dtype, fraction = "int32", 0
        self._make(Node(node.op, (x.name,), node.output, attrs, params), node.output, dtype, fraction)


def _clamp(relu: Node | None, fraction: int) -> dict[str, int]:
    if relu is None:
        return {"lo": -128, "hi": 127}
    cap = relu.attrs.get("hi")
    high = 127 if cap is None else int(min(127.0, np.floor(float(cap) * 2.0**fraction + 0.5)))
    return {"lo": 0, "hi": max(high, 0)}


def _fit(w: Array, bias: Array, axis: int, fx: int, f: Array, floor: int) -> Array:
    """Lower the fractions of channels whose accumulator could leave int32, as far as the output allows."""
    f = f.copy()
    while True:
        q = np.moveaxis(round_weights(w, axis, f).astype(np.int64), axis, 0)
        reach = np.abs(q).reshape(q.shape[0], -1).sum(axis=1) * 128 + np.abs(bias) * 2.0 ** (fx + f)
        half = 2.0 ** np.maximum(fx + f - floor, 0)
        over = (reach + half + 1 > rounding.INT32_MAX) & (fx + f > floor)
        if not over.any():
            return f
        f[over] -= 1


def _int32(values: Array, node: Node) -> Array:
    if np.abs(values).max(initial=0.0) > rounding.INT32_MAX:
        raise ConfigError(
            f"layer {node.output}: a bias does not fit int32 at the scale of its sums",
            hint="a weight channel is near zero beside its bias; train longer or with weight decay",
        )
    return np.asarray(values).astype(np.int64).astype(np.int32)


def check_products(graph: Graph) -> dict[str, int]:
    """Largest possible accumulator of each product layer, by name: the proof that none leaves int32."""
    result = {}
    for node in graph.nodes:
        if node.op in PRODUCTS and graph.ins(node)[0].dtype != "float32":
            bias = np.abs(np.asarray(node.params.get("bias", 0), np.int64))
            worst = _products.sums(node) * _products.BOUND[graph.ins(node)[0].dtype] + bias
            result[node.output] = int(worst.max())
    return result
