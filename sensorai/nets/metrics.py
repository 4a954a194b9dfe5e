"""How near two outputs are, in the words of ST's tool: computed on real values."""

from __future__ import annotations

from typing import Any

import numpy as np

from sensorai.graph.tensor import Array

#: Names of the figures, in order.
NAMES = ("acc", "rmse", "mae", "l2r", "mean", "std", "nse", "cos", "snr")
_EPS = float(np.finfo(np.float32).eps)


def differing(wanted: Array, made: Array) -> int | None:
    """Place of the first number whose bits differ, in the order of the numbers; not-a-number is one value."""
    x, y = np.asarray(wanted).reshape(-1), np.asarray(made).reshape(-1)
    raw = f"u{x.dtype.itemsize}"
    differs = x.view(raw) != y.astype(x.dtype).view(raw)
    if x.dtype.kind == "f":
        differs &= ~(np.isnan(x) & np.isnan(y))
    return int(np.flatnonzero(differs)[0]) if differs.any() else None


def compare(reference: Array, predicted: Array) -> dict[str, float | None]:
    """Compare two arrays of real values with an axis of calls in front.

    Returns
    -------
    dict
        ``acc``: share of equal positions of the largest value along the last axis, None for single values;
        ``rmse``, ``mae``; ``l2r``: length of the difference by that of ``predicted``; ``mean`` and ``std`` of
        the difference; ``nse`` (Nash-Sutcliffe), ``cos``; ``snr`` in decibels, None where nothing differs.
        All but ``acc`` are None where a number is not finite that the other array has in another way.
    """
    a, b = reference.astype(np.float64), predicted.astype(np.float64)
    # what both call not a number or infinite is equal
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.where(same, 0.0, a - b)
    if not np.all(np.isfinite(gap)):
        return {**dict.fromkeys(NAMES), "acc": _acc(a, b)}
    with np.errstate(invalid="ignore", over="ignore"):
        norms = [float(np.linalg.norm(np.nan_to_num(x))) for x in (a, b, gap)]
        spread = float(np.sum((np.nan_to_num(a) - np.nan_to_num(a).mean()) ** 2))
        square = float(np.sum(gap**2))
    out: dict[str, Any] = {
        "acc": _acc(a, b),
        "rmse": float(np.sqrt(np.mean(gap**2))),
        "mae": float(np.mean(np.abs(gap))),
        "l2r": norms[2] / (norms[1] + _EPS),
        "mean": float(np.mean(gap)),
        "std": float(np.std(gap)),
        "nse": 1.0 if square == 0 else 1.0 - square / spread if spread > 0 else None,
        "cos": 1.0 if square == 0 else _cos(a, b, norms),
        "snr": None if square == 0 or norms[0] == 0 else 20 * float(np.log10(norms[0] / norms[2])),
    }
    return {key: v if v is None or np.isfinite(v) else None for key, v in out.items()}


def _acc(a: Array, b: Array) -> float | None:
    if a.ndim < 2 or a.shape[-1] < 2:
        return None
    return float(np.mean(np.argmax(a, axis=-1) == np.argmax(b, axis=-1)))


def _cos(a: Array, b: Array, norms: list[float]) -> float | None:
    if not norms[0] or not norms[1]:
        return None
    return float(np.sum(np.nan_to_num(a) * np.nan_to_num(b)) / norms[0] / norms[1])
