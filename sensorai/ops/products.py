"""What dense and the convolutions share: types, exact accumulation, the way out, the proof of no overflow.

Integer products add up in int32 (proved not to overflow); the accumulator then leaves by its ``Requant``.
Where a layer pools, the maximum of the accumulators of ``pool`` steps is taken first: the rounding never
falls as its argument grows, so this equals pooling the rounded values.

float32 adds bias first, then one product after the other in the order of the weights, as the C does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from sensorai.errors import ConfigError, InternalError
from sensorai.graph import rounding
from sensorai.graph.operator import Applied, Buffers, Margin, Operator, Writer
from sensorai.graph.tensor import Array, Shape, Tensor
from sensorai.ops import product_c, product_ispu
from sensorai.ops.requant import KEEP, Requant, check_clamp

TYPES = frozenset(
    {("float32", "float32")}
    | {(a, b) for a in ("int8", "binary") for b in ("int8", "int32", "binary")} - {("binary", "int8")}
)

#: Largest magnitude of an input.
BOUND = {"int8": 128, "binary": 1}


@dataclass(frozen=True, slots=True)
class Product(Operator):
    """Weighted sums of inputs.

    Attributes
    ----------
    requant : Requant
    signs : bool
        Weights are +1 and -1; of float weights only the sign counts, 0 as +1. ``same`` padding is then -1.
    """

    requant: Requant = KEEP
    signs: bool = False

    CONSTANTS: ClassVar[tuple[str, ...]] = ("weights", "bias", "shift", "multiplier", "threshold", "flip")
    TYPES: ClassVar[frozenset[tuple[str, str]]] = TYPES
    #: Axis of the output channels in the weights.
    CHANNELS: ClassVar[int] = 0
    #: Whether each channel has inputs of its own.
    DEPTHWISE: ClassVar[bool] = False
    #: Whether bits may meet int8 weights.
    WIDE: ClassVar[bool] = False

    def extent(self, at: Applied) -> product_c.Extent:
        """Return the layer as a convolution."""
        raise NotImplementedError

    def sums(self, xp: Any, weights: Any, bias: Any, x: Any) -> Any:
        """Sums in real numbers, before clamp and pooling."""
        raise NotImplementedError

    @property
    def steps_pooled(self) -> int:
        """Steps whose largest value comes out."""
        return 1

    def pooling(self, pool: int) -> Product:
        """Let the largest value of ``pool`` steps come out."""
        raise InternalError(f"{self.NAME} has no steps to pool")

    def float_form(self, xp: Any, constants: Mapping[str, Any], *arrays: Any) -> Any:
        """Real-valued result."""
        weights = constants["weights"]
        if self.signs:
            weights = xp.where(weights >= 0, 1.0, -1.0)
        return self.finished(xp, self.sums(xp, weights, constants["bias"], arrays[0]))

    def finished(self, xp: Any, value: Any) -> Any:
        """Clamp and pool sums in real numbers."""
        value = self.requant.real(xp, value)
        pool = self.steps_pooled
        if pool == 1:
            return value
        steps = value.shape[1] // pool
        return value[:, : steps * pool].reshape(value.shape[0], steps, pool, -1).max(axis=2)

    def counted(self, at: Applied) -> Array:
        """Weights as they count: of float ones with ``signs`` the signs."""
        w = at.constant("weights")
        return np.where(w >= 0, np.float32(1), np.float32(-1)) if self.signs and w.dtype == np.float32 else w

    def padding_of(self, x: Tensor) -> int:
        """What ``same`` padding is made of."""
        return -1 if self.signs or x.dtype == "binary" else 0

    def finish(self, at: Applied, acc: Array) -> Array:
        """From accumulators (batch, [steps,] channels) with bias to the output."""
        if at.out.dtype == "float32":
            return self._pooled(self.requant.clamp(acc.astype(np.float32)))
        if acc.size and (acc.max() > rounding.INT32_MAX or acc.min() < rounding.INT32_MIN):
            raise InternalError(f"layer {at.name}: an accumulator left int32")
        return self.requant.apply(at, self._pooled(acc))

    def _pooled(self, acc: Array) -> Array:
        """Maximum over the pooled steps, the rest at the end dropped."""
        pool = self.steps_pooled
        if pool == 1:
            return acc
        steps = acc.shape[1] // pool
        parts = acc[:, : steps * pool].reshape(acc.shape[0], steps, pool, -1)
        return largest([parts[:, :, i] for i in range(pool)])

    def reach(self, at: Applied) -> Array:
        """Largest sum of each channel, without bias."""
        w = np.abs(at.constant("weights").astype(np.int64))
        others = tuple(axis for axis in range(w.ndim) if axis != self.CHANNELS)
        return np.asarray(w.sum(axis=others) * BOUND[at.x.dtype])

    def check(self, at: Applied) -> None:
        """Raise a ConfigError unless the constants fit and the accumulators provably stay in int32."""
        where = f"layer {at.name} ({self.NAME})"
        w = at.constant("weights")
        if at.x.dtype == "float32":
            if w.dtype != np.float32 or at.constant("bias").dtype != np.float32:
                raise ConfigError(f"{where}: weights and bias of a float32 layer must be float32")
            if self.requant.kind != "keep":
                raise ConfigError(f"{where}: sums of a float32 layer cannot leave by {self.requant.kind!r}")
            check_clamp(self.requant.lo, self.requant.hi, at.x.dtype, where)
            return
        self._check_weights(at, w, where)
        self.requant.check(at, where)
        bias = at.constants.get("bias", np.zeros(at.out.shape[-1], np.int32))
        worst = self.reach(at) + np.abs(bias.astype(np.int64)) + self.requant.half(at, where)
        if worst.max() > rounding.INT32_MAX:
            c = int(worst.argmax())
            raise ConfigError(
                f"{where}: the sum of channel {c} can reach {int(worst[c])}, beyond int32 "
                f"({rounding.INT32_MAX})",
                hint="make the layer narrower or its weights or bias smaller",
            )

    def _check_weights(self, at: Applied, w: Array, where: str) -> None:
        bits = at.x.dtype == "binary"
        if bits and not self.signs and not (self.WIDE and at.out.dtype == "int32"):
            raise ConfigError(f"{where}: only dense layers from bits to int32 take bits with int8 weights")
        if self.signs and not bits:
            raise ConfigError(f"{where}: weights of +1 and -1 need bits as their input")
        if w.dtype != np.int8 or (self.signs and not np.isin(w, (-1, 1)).all()):
            raise ConfigError(f"{where}: weights must be {'+1 or -1' if self.signs else 'int8'}")
        if w.size and int(w.min()) == -128:
            raise ConfigError(
                f"{where}: the weight -128 is not allowed", hint="symmetric weights are -127 to 127"
            )

    def macs(self, at: Applied) -> int:
        """Weights times steps, padding included."""
        one = self.extent(at)
        return int(at.constant("weights").size) * one.steps * one.pool

    def buffers(self, at: Applied) -> Buffers:
        """Margins for ``same`` padding, and what whole groups of inputs read beyond the last."""
        one, each = self.extent(at), at.x.step_bytes
        slop = 0
        if at.x.dtype == "int8" and not self.DEPTHWISE:
            slop = -(one.taps * one.channels) % 4
        # the last window may end before the values do; slop counted from the end is enough in any case
        margin = Margin(one.left * each, one.right * each, one.right * each + slop if slop else 0)
        return Buffers(margins=(margin,))

    def emit(self, at: Applied, to: Writer) -> None:
        """Write tables as the kernel of these types reads them, and its call."""
        if self.signs and at.x.dtype == "float32":
            raise ConfigError(f"layer {at.name}: signs of float32 weights have no C", hint="quantize the net")
        one = self.extent(at)
        form = product_c.Form(self.requant, one, self.DEPTHWISE, self.signs, self.reach)
        if at.isa != "ispu" or not product_ispu.emit(form, at, to):
            product_c.emit(form, at, to)


@dataclass(frozen=True, slots=True)
class Convolution(Product):
    """Weighted sums of what stands under a kernel that moves over time.

    Attributes
    ----------
    stride : int
    padding : {"valid", "same"}
    pool : int
        Steps of which the largest value comes out.
    """

    stride: int = 1
    padding: str = "valid"
    pool: int = 1

    #: Axis of the kernel in the weights.
    KERNEL: ClassVar[int] = 1

    @property
    def steps_pooled(self) -> int:
        """Steps whose largest value comes out."""
        return self.pool

    def pooling(self, pool: int) -> Product:
        """Let the largest value of ``pool`` steps come out."""
        return replace(self, pool=pool)

    def shape(self, at: Applied) -> Shape:
        """(time, in) -> (steps, out)."""
        w, x = at.constant("weights").shape, at.x.shape
        if len(x) != 2 or not self._fits(w, x[1]):
            raise ConfigError(f"layer {at.name}: weights of shape {w} cannot take an input of shape {x}")
        steps, _, _ = geometry(x[0], w[self.KERNEL], self.stride, self.padding)
        if type(self.pool) is not int or self.pool < 1:
            raise ConfigError(f"layer {at.name}: pooling over {self.pool!r} steps makes no sense")
        if steps // self.pool < 1:
            raise ConfigError(f"layer {at.name}: its input is too short for its kernel or pooling")
        return (steps // self.pool, int(w[self.CHANNELS]))

    def _fits(self, w: Shape, channels: int) -> bool:
        raise NotImplementedError

    def extent(self, at: Applied) -> product_c.Extent:
        """Steps, strides and margins."""
        w = at.constant("weights").shape
        taps = int(w[self.KERNEL])
        steps, left, right = geometry(at.x.shape[0], taps, self.stride, self.padding)
        rows = int(w[self.CHANNELS])
        return product_c.Extent(
            steps // self.pool, self.stride, self.pool, taps, at.x.shape[1], rows, left, right
        )

    def windows(self, xp: Any, x: Any, kernel: int, fill: int) -> Any:
        """Gather what each step sees: (batch, time, channels) -> (batch, steps, kernel, channels)."""
        steps, left, right = geometry(x.shape[1], kernel, self.stride, self.padding)
        if left or right:
            x = xp.pad(x, ((0, 0), (left, right), (0, 0)), constant_values=fill)
        taps = [x[:, j : j + (steps - 1) * self.stride + 1 : self.stride] for j in range(kernel)]
        return xp.stack(taps, axis=2)


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


def exact_matmul(x: Array, w: Array) -> Array:
    """``x @ w.T`` of integers; float64 is exact for sums below 2**53 and much faster."""
    return np.asarray(np.rint(x.astype(np.float64) @ w.astype(np.float64).T), np.int64)


def ordered_matmul(x: Array, w: Array, bias: Array) -> Array:
    """float32 ``x @ w.T + bias``, one product after the other, as the generated C adds them."""
    acc = np.broadcast_to(bias.astype(np.float32), (*x.shape[:-1], w.shape[0])).copy()
    for i in range(w.shape[1]):
        acc = acc + x[..., i : i + 1].astype(np.float32) * w[:, i].astype(np.float32)
    return acc


def bias_of(at: Applied) -> Array:
    """Biases as int64, or zeros."""
    return np.asarray(at.constants.get("bias", 0), np.int64)


def largest(parts: list[Array]) -> Array:
    """Maximum, the earlier of equal values: that matters for -0.0."""
    best = parts[0]
    for part in parts[1:]:
        best = np.where(part > best, part, best)
    return best
