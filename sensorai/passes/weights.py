"""Weights, biases and thresholds of a float net as whole numbers."""

from __future__ import annotations

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph import rounding
from sensorai.graph.tensor import Array
from sensorai.passes.annotate import LIMIT, fraction_of

#: Shifts beyond this would drop every bit of an accumulator of int8 products of usual size.
MAX_SHIFT = 24


def quantize_weights(weights: Array, axis: int, cap: int = 24) -> tuple[Array, Array]:
    """Symmetric int8 weights with one power of two per channel.

    Parameters
    ----------
    weights : ndarray of float
    axis : int
        The channel axis.
    cap : int
        Most binary places.

    Returns
    -------
    weights : ndarray of int8, -127 to 127
    places : ndarray of int64, one per channel
    """
    moved = np.moveaxis(np.asarray(weights, np.float64), axis, 0)
    largest = np.abs(moved.reshape(moved.shape[0], -1)).max(axis=1)
    f = np.array([min(fraction_of(float(v)), cap) if v else cap for v in largest], np.int64)
    return round_weights(weights, axis, f), f


def round_weights(weights: Array, axis: int, places: Array) -> Array:
    """Weights as int8 at given places per channel, half up, clamped to -127 .. 127."""
    moved = np.moveaxis(np.asarray(weights, np.float64), axis, 0)
    scaled = moved * 2.0 ** places.reshape(-1, *[1] * (moved.ndim - 1))
    q = np.clip(np.floor(scaled + 0.5), -LIMIT, LIMIT).astype(np.int8)
    return np.ascontiguousarray(np.moveaxis(q, 0, axis))


def multiplied(w: Array, bias: Array, axis: int, fx: int, fy: int, name: str) -> tuple[dict[str, Array], int]:
    """Constants of a layer that is requantised by multipliers, and the places of its output."""
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
        "bias": int32(np.floor(bias * 2.0**fx / step + 0.5), name),
        "multiplier": np.array([m for m, _ in pairs], np.int32),
        "shift": np.array([s for _, s in pairs], np.uint8),
    }, fy


def thresholds(bias: Array, scale: Array, offset: Array, negative: Array, unit: Array) -> Array:
    """Least sums, in units of ``2**-unit``, from which on ``scale * (sum + bias) + offset`` is not negative.

    Rows whose scale is negative are ``negative`` (-1), and their sums come with the other sign.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        least = np.ceil(-negative * (offset / scale + bias) * 2.0**unit)
    always = np.where(offset >= 0, float(rounding.INT32_MIN), float(rounding.INT32_MAX))
    least = np.where(scale == 0, always, least)
    return np.asarray(
        np.clip(least, rounding.INT32_MIN, rounding.INT32_MAX).astype(np.int64).astype(np.int32)
    )


def fit(w: Array, bias: Array, axis: int, fx: int, f: Array, floor: int) -> Array:
    """Lower the places of channels whose accumulator could leave int32, as far as the output allows."""
    f = f.copy()
    while True:
        q = np.moveaxis(round_weights(w, axis, f).astype(np.int64), axis, 0)
        reach = np.abs(q).reshape(q.shape[0], -1).sum(axis=1) * 128 + np.abs(bias) * 2.0 ** (fx + f)
        half = 2.0 ** np.maximum(fx + f - floor, 0)
        over = (reach + half + 1 > rounding.INT32_MAX) & (fx + f > floor)
        if not over.any():
            return f
        f[over] -= 1


def int32(values: Array, name: str) -> Array:
    """Biases as int32; a ConfigError where one does not fit."""
    if np.abs(values).max(initial=0.0) > rounding.INT32_MAX:
        raise ConfigError(
            f"layer {name}: a bias does not fit int32 at the scale of its sums",
            hint="a weight channel is near zero beside its bias; train longer or with weight decay",
        )
    return np.asarray(values).astype(np.int64).astype(np.int32)
