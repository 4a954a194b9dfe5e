"""What kernels of integers with a scale share: scales as TensorFlow Lite Micro reads them, clamps."""

from __future__ import annotations

import math

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.operator import Applied
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array, Tensor
from sensorai.ops.nd import ctext


def scaled(tensor: Tensor) -> bool:
    """Whether a tensor holds integers with a scale."""
    return isinstance(tensor.quant, Affine) and not ctext.real(tensor.dtype)


def single(at: Applied, tensor: Tensor) -> tuple[float, int]:
    """Scale and zero point of all numbers of a tensor; a ConfigError where there are several or none."""
    quant = tensor.quant
    if not isinstance(quant, Affine) or quant.axis is not None:
        raise ConfigError(f"layer {at.name}: tensor {tensor.name} needs one scale for all its numbers")
    return quant.scale[0], quant.zero[0]


def columns(tensor: Tensor) -> tuple[Array, Array]:
    """Scales (float32) and zero points (int64) of a tensor, ready to be broadcast against it."""
    quant = tensor.quant
    if not isinstance(quant, Affine):
        raise ConfigError(f"tensor {tensor.name} has no scale")
    scale, zero = np.asarray(quant.scale, np.float32), np.asarray(quant.zero, np.int64)
    if quant.axis is None:
        return scale.reshape(()), zero.reshape(())
    shape = [1] * len(tensor.shape)
    shape[quant.axis] = -1
    return scale.reshape(shape), zero.reshape(shape)


def rounded(x: float) -> int:
    """C's round(): half away from zero."""
    return int(math.copysign(math.floor(abs(x) + 0.5), x))


def quantised(value: float, scale: float, zero: int) -> int:
    """Number that stands for a real value: float32 quotient, rounded half away from zero."""
    return zero + rounded(float(np.float32(value) / np.float32(scale)))


def clamp(at: Applied, lo: float | None, hi: float | None) -> tuple[int, int]:
    """Ends of the output's numbers where real values are held between ``lo`` and ``hi``."""
    scale, zero = single(at, at.out)
    low, high = ctext.ends(at.out.dtype)
    if lo is not None and math.isfinite(lo):
        low = min(max(low, quantised(lo, scale, zero)), high)
    if hi is not None and math.isfinite(hi):
        high = max(min(high, quantised(hi, scale, zero)), low)
    return low, high
