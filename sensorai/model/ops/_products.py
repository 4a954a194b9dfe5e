"""What dense and the convolutions share: types, exact accumulation, requantisation, thresholds, cases.

Integer products add up in int32 (proved not to overflow); the accumulator then leaves as it is
(int32 output), is rounded and clamped to int8, or is compared with thresholds (binary output). Where a
layer pools (attribute ``pool``), the maximum of the accumulators of ``pool`` steps is taken first: the
rounding never falls as its argument grows, so this equals pooling the rounded values.

float32 adds bias first, then one product after the other in the order of the weights, as the C does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sensorai.errors import ConfigError, InternalError
from sensorai.model import rounding
from sensorai.model.graph import Array, Node, Shape, Tensor

TYPES = frozenset(
    {("float32", "float32")}
    | {(a, b) for a in ("int8", "binary") for b in ("int8", "int32", "binary")} - {("binary", "int8")}
)

BOUND = {"int8": 128, "binary": 1}


def wide(node: Node) -> bool:
    """Whether a product of bits has int8 weights (attribute ``weights``) instead of +1 and -1."""
    return node.attrs.get("weights") == "int8"


def geometry(length: int, kernel: int, stride: int, padding: str) -> tuple[int, int, int]:
    """Steps of a convolution and zeros before and after: ``(steps, left, right)``.

    ``same`` gives ``ceil(length / stride)`` steps, with the odd zero at the end.
    """
    if type(stride) is not int or stride < 1:
        raise ConfigError(f"a stride of {stride!r} makes no sense")
    if padding == "valid":
        return ((length - kernel) // stride + 1 if length >= kernel else 0), 0, 0
    if padding != "same":
        raise ConfigError(f"padding is 'same' or 'valid', not {padding!r}")
    steps = -(-length // stride)
    total = max((steps - 1) * stride + kernel - length, 0)
    return steps, total // 2, total - total // 2


def windows(xp: Any, x: Any, node_attrs: Any, kernel: int) -> Any:
    """Gather what each step sees: (batch, time, channels) -> (batch, steps, kernel, channels)."""
    stride = node_attrs.get("stride", 1)
    steps, left, right = geometry(x.shape[1], kernel, stride, node_attrs.get("padding", "valid"))
    if left or right:
        x = xp.pad(x, ((0, 0), (left, right), (0, 0)), constant_values=node_attrs.get("pad_value", 0))
    taps = [x[:, j : j + (steps - 1) * stride + 1 : stride] for j in range(kernel)]
    return xp.stack(taps, axis=2)


def exact_matmul(x: Array, w: Array) -> Array:
    """``x @ w.T`` of integers; float64 is exact for sums below 2**53 and much faster."""
    return np.asarray(np.rint(x.astype(np.float64) @ w.astype(np.float64).T), np.int64)


def ordered_matmul(x: Array, w: Array, bias: Array) -> Array:
    """float32 ``x @ w.T + bias``, one product after the other, as the generated C adds them."""
    acc = np.broadcast_to(bias.astype(np.float32), (*x.shape[:-1], w.shape[0])).copy()
    for i in range(w.shape[1]):
        acc = acc + x[..., i : i + 1].astype(np.float32) * w[:, i].astype(np.float32)
    return acc


def finish(node: Node, out: Tensor, acc: Array) -> Array:
    """From accumulators (batch, [steps,] channels) with bias to the output."""
    if out.dtype == "float32":
        value = acc.astype(np.float32)
        low, high = node.attrs.get("lo"), node.attrs.get("hi")
        if low is not None:
            value = np.where(value < np.float32(low), np.float32(low), value)
        if high is not None:
            value = np.where(value > np.float32(high), np.float32(high), value)
        return pooled(node, value)
    if acc.size and (acc.max() > rounding.INT32_MAX or acc.min() < rounding.INT32_MIN):
        raise InternalError(f"layer {node.output}: an accumulator left int32")
    acc = pooled(node, acc)
    if out.dtype == "int32":
        return acc.astype(np.int32)
    if out.dtype == "binary":
        above = np.where(
            node.params["flip"] != 0, acc <= node.params["threshold"], acc >= node.params["threshold"]
        )
        return np.where(above, 1, -1).astype(np.int8)
    if "multiplier" in node.params:
        q = rounding.multiply_round(acc, node.params["multiplier"], node.params["shift"])
    else:
        q = rounding.shift_round(acc, node.params["shift"])
    return rounding.saturate(q, node.attrs.get("lo", -128), node.attrs.get("hi", 127)).astype(np.int8)


def largest(parts: list[Array]) -> Array:
    """Maximum, the earlier of equal values: that matters for -0.0."""
    best = parts[0]
    for part in parts[1:]:
        best = np.where(part > best, part, best)
    return best


def pooled(node: Node, acc: Array) -> Array:
    """Maximum over ``pool`` steps, the rest at the end dropped."""
    pool = node.attrs.get("pool", 1)
    if pool == 1:
        return acc
    steps = acc.shape[1] // pool
    parts = acc[:, : steps * pool].reshape(acc.shape[0], steps, pool, -1)
    return largest([parts[:, :, i] for i in range(pool)])


def pool_steps(node: Node, steps: int, channels: int) -> Shape:
    """Shape of a convolution's output after its own pooling; a ConfigError when nothing is left."""
    pool = node.attrs.get("pool", 1)
    if type(pool) is not int or pool < 1:
        raise ConfigError(f"layer {node.output}: pooling over {pool!r} steps makes no sense")
    left = steps // pool
    if left < 1:
        raise ConfigError(f"layer {node.output}: its input is too short for its kernel or pooling")
    return (left, channels)


def real_weights(xp: Any, attrs: Any, weights: Any) -> Any:
    """Weights as the forward pass uses them: their sign in binary layers (0 counts as +1)."""
    return xp.where(weights >= 0, 1.0, -1.0) if attrs.get("binary") else weights


def real_finish(xp: Any, attrs: Any, value: Any) -> Any:
    """Fused clamp and pooling in real numbers."""
    if attrs.get("lo") is not None:
        value = xp.maximum(value, attrs["lo"])
    if attrs.get("hi") is not None:
        value = xp.minimum(value, attrs["hi"])
    pool = attrs.get("pool", 1)
    if pool == 1:
        return value
    steps = value.shape[1] // pool
    return value[:, : steps * pool].reshape(value.shape[0], steps, pool, -1).max(axis=2)


def sums(node: Node) -> Array:
    """Sum of the absolute weights of each output channel."""
    w = np.abs(node.params["weights"].astype(np.int64))
    return np.asarray(
        w.sum(axis=0) if node.op == "depthwise_conv1d" else w.reshape(w.shape[0], -1).sum(axis=1)
    )


def check(node: Node, x: Tensor, out: Tensor) -> None:
    """Raise a ConfigError unless the constants fit and the accumulators provably stay in int32."""
    where = f"layer {node.output} ({node.op})"
    w = node.params["weights"]
    channels = out.shape[-1]
    if x.dtype == "float32":
        if w.dtype != np.float32 or node.params["bias"].dtype != np.float32:
            raise ConfigError(f"{where}: weights and bias of a float32 layer must be float32")
        return
    if wide(node) and (node.op, x.dtype, out.dtype) != ("dense", "binary", "int32"):
        raise ConfigError(f"{where}: only dense layers from bits to int32 take bits with int8 weights")
    signs = x.dtype == "binary" and not wide(node)
    if w.dtype != np.int8 or (signs and not np.isin(w, (-1, 1)).all()):
        raise ConfigError(f"{where}: weights must be {'+1 or -1' if signs else 'int8'}")
    if w.size and int(w.min()) == -128:
        raise ConfigError(
            f"{where}: the weight -128 is not allowed", hint="symmetric weights are -127 to 127"
        )
    low, high = node.attrs.get("lo", -128), node.attrs.get("hi", 127)
    if type(low) is not int or type(high) is not int or not -128 <= low <= high <= 127:
        raise ConfigError(f"{where}: an int8 layer cannot be clamped to {low!r} .. {high!r}")
    bias = node.params.get("bias", np.zeros(channels, np.int32))
    for name, kind in (("bias", np.int32), ("shift", np.uint8), ("threshold", np.int32), ("flip", np.uint8)):
        have = node.params.get(name)
        if have is not None and (have.dtype != kind or have.shape != (channels,)):
            raise ConfigError(f"{where}: {name} must be {np.dtype(kind).name} with {channels} entries")
    needed = {"int8": ("shift",), "binary": ("threshold", "flip"), "int32": ()}[out.dtype]
    if lost := [n for n in needed if n not in node.params]:
        raise ConfigError(f"{where}: {lost[0]} is missing")
    if x.dtype == "binary" and node.attrs.get("padding") == "same" and node.attrs.get("pad_value") != -1:
        raise ConfigError(f"{where}: binary layers pad with -1", hint="set pad_value=-1")
    shift = node.params.get("shift", np.zeros(channels, np.uint8)).astype(np.int64)
    half = np.zeros(channels, np.int64)
    if "multiplier" in node.params:
        m = node.params["multiplier"]
        if (
            m.dtype != np.int32
            or m.shape != (channels,)
            or m.min() < 1 << 30
            or shift.min() < 31
            or shift.max() > 62
        ):
            raise ConfigError(f"{where}: multipliers are int32 from 2**30 on, with shifts 31 to 62")
    elif shift.max() > 30:
        raise ConfigError(f"{where}: a shift of {int(shift.max())} is over 30")
    else:
        half = (1 << shift) >> 1
    worst = sums(node) * BOUND[x.dtype] + np.abs(bias.astype(np.int64)) + half
    if worst.max() > rounding.INT32_MAX:
        c = int(worst.argmax())
        raise ConfigError(
            f"{where}: the sum of channel {c} can reach {int(worst[c])}, beyond int32 ({rounding.INT32_MAX})",
            hint="make the layer narrower or its weights or bias smaller",
        )
