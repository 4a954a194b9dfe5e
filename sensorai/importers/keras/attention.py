"""Rules of attention: sums of values, weighed by how alike a query and their keys are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.keras.rules import KerasLayer, Rule
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.matmul import MatMul
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.softmax import Softmax
from sensorai.ops.nd.transpose import Transpose
from sensorai.ops.nd.unary import Unary

#: What is added to a weight that does not count, before the exponentials.
AWAY = -1e9
#: Layers inside of one with several heads, in the order of its weights.
_PARTS = ("query", "key", "value", "output")


def _given(layer: KerasLayer) -> tuple[Tensor, Tensor, Tensor, bool]:
    """Query, key, value, and whether a step sees none behind it."""
    for name in ("mask", "attention_mask", "query_mask", "value_mask", "key_mask", "return_attention_scores"):
        if layer.call.get(name) not in (None, False, [None, None], [None, None, None]):
            raise ConfigError(f"{layer.where}: {name} is not supported")
    xs = layer.inputs
    if len(xs) not in (2, 3) or any(len(x.shape) != 3 for x in xs):
        shapes = [list(x.shape) for x in xs]
        raise ConfigError(f"{layer.where}: reads query, value and key of 3 axes, not {shapes}")
    key = xs[2] if len(xs) == 3 else xs[1]
    if xs[1].shape[:2] != key.shape[:2] or any(x.shape[0] != xs[0].shape[0] for x in xs):
        raise ConfigError(f"{layer.where}: {key.shape[1]} keys for {xs[1].shape[1]} values")
    return xs[0], key, xs[1], bool(layer.call.get("use_causal_mask"))


def _weighed(layer: KerasLayer, scores: Tensor, value: Tensor, causal: bool, *, last: bool) -> Tensor:
    """Values by the softmax of their scores."""
    if causal:
        steps, others = scores.shape[-2:]
        ahead = np.where(np.tri(steps, others, dtype=bool), 0.0, AWAY).astype(np.float32)
        scores = layer.add(Binary("add"), scores, layer.constant("ahead", ahead), last=False)
    weights = layer.add(Softmax(len(scores.shape) - 1), scores, last=False)
    return layer.add(MatMul(), weights, value, last=last)


def _dense(
    layer: KerasLayer, x: Tensor, role: str, weights: Sequence[Array], *, last: bool = False
) -> Tensor:
    """Products with a matrix (outputs, inputs), and a bias where there is one."""
    w = layer.constant(f"{role}.kernel", np.ascontiguousarray(weights[0]))
    b = layer.constant(f"{role}.bias", weights[1].reshape(-1)) if len(weights) > 1 else None
    return layer.add(FullyConnected(), x, w, b, last=last, name=f"{layer.name}.{role}")


def _heads(layer: KerasLayer) -> Tensor:
    """Several at once: each has its own part of what dense layers make of query, key and value."""
    query, key, value, causal = _given(layer)
    heads, deep = layer.whole("num_heads"), layer.whole("key_dim")
    wide = layer.whole("value_dim", deep)
    layer.only("attention_axes", None, [1], [-2], 1)
    for name in ("use_gate", "sliding_window"):
        layer.only(name, None, False)
    found = _weights(layer, bool(layer.option("use_bias", True)))
    xs, sizes = (query, key, value), (deep, deep, wide)
    parts = []
    for role, x, size in zip(_PARTS[:3], xs, sizes, strict=True):
        kernel = found[role][0]
        if kernel.shape != (x.shape[2], heads, size) or not heads or not size:
            raise ConfigError(f"{layer.where}: its weights of the {role} have the shape {list(kernel.shape)}")
        flat = kernel.reshape(x.shape[2], heads * size).T
        y = _dense(layer, x, role, [flat, *found[role][1:]])
        if role == "query":
            y = layer.add(Binary("mul"), y, layer.scalar("scale", 1 / math.sqrt(deep)), last=False)
        y = layer.add(Reshape((*x.shape[:2], heads, size)), y, last=False)
        order = (0, 2, 3, 1) if role == "key" else (0, 2, 1, 3)
        parts.append(layer.add(Transpose(order), y, last=False))
    scores = layer.add(MatMul(), parts[0], parts[1], last=False)
    made = _weighed(layer, scores, parts[2], causal, last=False)
    made = layer.add(Transpose((0, 2, 1, 3)), made, last=False)
    made = layer.add(Reshape((*query.shape[:2], heads * wide)), made, last=False)
    kernel = found["output"][0]
    if kernel.shape[:-1] != (heads, wide):
        raise ConfigError(f"{layer.where}: its weights of the output have the shape {list(kernel.shape)}")
    return _dense(
        layer, made, "output", [kernel.reshape(heads * wide, -1).T, *found["output"][1:]], last=True
    )


def _weights(layer: KerasLayer, bias: bool) -> Mapping[str, Sequence[Array]]:
    """Kernel and bias of each of the layers inside; ``.h5`` has all in one list."""
    each = 2 if bias else 1
    listed = layer.weights.of(layer.name)
    found = {}
    for k, role in enumerate(_PARTS):
        own = listed[k * each : (k + 1) * each] if len(listed) == each * len(_PARTS) else None
        # Keras 2 has an underscore before the name
        own = own or layer.weights.of(layer.name, f"{role}_dense")
        own = own or layer.weights.of(layer.name, f"_{role}_dense")
        sizes = [a.size for a in own]
        if (
            len(own) != each
            or own[0].ndim != 3
            or (bias and sizes[1] * own[0].shape[0] != sizes[0] and k < 3)
        ):
            raise ConfigError(f"{layer.where}: its weights of the {role} have not the shapes that they need")
        if bias and k == 3 and sizes[1] != own[0].shape[-1]:
            raise ConfigError(f"{layer.where}: its bias of the output has {sizes[1]} numbers")
        found[role] = own
    return found


def _attention(layer: KerasLayer) -> Tensor:
    """Products of query and key, scaled by a weight where there is one."""
    query, key, value, causal = _given(layer)
    layer.only("score_mode", "dot", None)
    scores = layer.add(
        MatMul(),
        query,
        layer.add(Transpose((0, 2, 1)), key, last=False, name=f"{layer.name}.key"),
        last=False,
    )
    if layer.option("use_scale", False):
        scale = layer.constant("scale", layer.arrays(())[0])
        scores = layer.add(Binary("mul"), scores, scale, last=False)
    return _weighed(layer, scores, value, causal, last=True)


def _additive(layer: KerasLayer) -> Tensor:
    """The sum of tanh(query + key), each feature with its weight."""
    query, key, value, causal = _given(layer)
    batch, steps, features = query.shape
    if key.shape[2] != features:
        raise ConfigError(f"{layer.where}: {features} features of a query, {key.shape[2]} of a key")
    a = layer.add(Reshape((batch, steps, 1, features)), query, last=False)
    b = layer.add(Reshape((batch, 1, key.shape[1], features)), key, last=False)
    y = layer.add(Unary("tanh"), layer.add(Binary("add"), a, b, last=False), last=False)
    if layer.option("use_scale", True):
        y = layer.add(Binary("mul"), y, layer.constant("scale", layer.arrays((features,))[0]), last=False)
    return _weighed(layer, layer.add(Reduce("sum", (3,), False), y, last=False), value, causal, last=True)


RULES: Mapping[str, Rule] = {
    "AdditiveAttention": _additive,
    "Attention": _attention,
    "MultiHeadAttention": _heads,
}
