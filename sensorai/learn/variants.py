"""Which variations of the windows a model learns from, chosen by groups that are left out.

What a variation is worth is found with a model that is solved rather than learnt: a ridge regression on
random units of plain features. It takes a second where nets take minutes. Its features have the scale of
physics and not of the data, so nothing of the groups that are left out gets into it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sensorai.features import catalogue
from sensorai.features.catalogue import IntFeature
from sensorai.learn.counts import Counted
from sensorai.learn.variations import NONE, VARIATIONS, Variation, varied

BoolArray = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

#: Random units, and how strongly their weights are held back.
UNITS, RIDGE = 300, 1e-4
#: Parts that the groups are dealt into, and most windows that are looked at.
PARTS, ROWS = 5, 3000
#: What a variation must gain over one of less change, as a share of right answers.
GAIN = 0.002
#: Turned copies of each window.
COPIES = 2
#: What full scale means in features: 1 g and 100 degrees a second are about 2.
_UNIT = {"acc": 4e-3, "gyro": 4e-2}


def of(counted: Counted, variation: Variation, seed: int = 0) -> Counted:
    """Return all windows turned; what is computed once is kept with the windows themselves."""

    def turned() -> Counted:
        x = varied(counted.x, counted.channels, variation, seed)
        return replace(counted, x=x, known={}, shared={})

    return counted.once(f"{variation.name} {seed}", turned)


def choose(counted: Counted, rows: BoolArray, offered: Sequence[Variation] = VARIATIONS) -> Variation:
    """Return the variation that does best on groups which are left out, of the rows to learn from.

    Of equals the one of less change; as recorded, where there is only one group.

    Parameters
    ----------
    counted : Counted
    rows : ndarray of bool, shape (rows,)
        Whole groups.
    offered : sequence of Variation
        The least change first.
    """
    groups = tuple(np.unique(counted.group[rows]).tolist())
    if len(groups) < 2:
        return NONE
    key = f"choice {groups} {[one.name for one in offered]}"
    return counted.once(key, lambda: _choose(counted, groups, offered))


def _choose(counted: Counted, groups: Sequence[int], offered: Sequence[Variation]) -> Variation:
    looked = _looked_at(counted)
    part = np.full(len(counted.groups), -1)
    part[list(groups)] = np.arange(len(groups)) % PARTS
    of_row = part[looked.group]
    inputs = _units(looked, NONE, 0)
    plain = _sums(inputs, looked.y, of_row, len(looked.classes))
    scores = []
    for one in offered:
        sums = plain
        for seed in range(COPIES if one != NONE else 0):
            more = _sums(_units(looked, one, seed), looked.y, of_row, len(looked.classes))
            sums = tuple(a + b for a, b in zip(sums, more, strict=True))  # type: ignore[assignment]
        scores.append(_score(sums, inputs, looked.y, of_row))
    return next(one for one, score in zip(offered, scores, strict=True) if score >= max(scores) - GAIN)


def _looked_at(counted: Counted) -> Counted:
    """Windows that the device answers, evenly thinned out where there are many; the same for all folds."""

    def thinned() -> Counted:
        rows = np.flatnonzero(counted.answered)
        few = rows[np.linspace(0, len(rows) - 1, min(len(rows), ROWS)).astype(int)]
        mask = np.zeros(len(counted.y), bool)
        mask[few] = True
        return counted.rows(mask)

    return counted.once("looked at", thinned)


def _units(looked: Counted, variation: Variation, seed: int) -> npt.NDArray[np.float32]:
    """Random units of plain features, those features and a one, shape (rows, units)."""

    def made() -> npt.NDArray[np.float32]:
        features = _plain(len(looked.channels), looked.window)
        scale = [_scale(f, looked) for f in features]
        x = looked.x if variation == NONE else varied(looked.x, looked.channels, variation, seed)
        values = np.arcsinh(catalogue.table(features, x) * np.array(scale))
        rng = np.random.default_rng(0)
        weights = rng.normal(size=(len(features), UNITS)) * (2 / np.sqrt(len(features)))
        units = np.maximum(values @ weights + rng.normal(size=UNITS), 0)
        return np.hstack([units, values, np.ones((len(values), 1))]).astype(np.float32)

    return looked.once(f"units {variation.name} {seed}", made)


def _plain(channels: int, window: int) -> list[IntFeature]:
    """Features without a threshold, which would be the data's."""
    axis = ("MEAN", "RMS", "PEAK_TO_PEAK", "MINIMUM", "MAXIMUM", "JERK_RMS", "TREND")
    out = [IntFeature(name, (i,)) for i in range(channels) for name in axis]
    for k in range(0, channels, 3):
        axes = (k, k + 1, k + 2)
        out += [IntFeature(f"NORM_{name}", axes) for name in axis]
        out += [IntFeature("CORRELATION", (axes[a], axes[b])) for a, b in ((0, 1), (0, 2), (1, 2))]
    # differences of a window of one or two samples are none
    return [f for f in out if window >= 4 or not ("JERK" in f.name or "TREND" in f.name)]


def _scale(feature: IntFeature, looked: Counted) -> float:
    factor = catalogue.factor(feature, looked.window)
    if feature.name == "CORRELATION":
        return 4 * factor
    channel = looked.channels[feature.inputs[0]]
    return factor * channel.lsb * _UNIT[channel.name.rpartition("_")[0]]


Sums = tuple[Floats, Floats, Floats]


def _sums(
    inputs: npt.NDArray[np.float32], y: npt.NDArray[np.int64], part: npt.NDArray[np.int64], classes: int
) -> Sums:
    """Products of the units, and their sums and count, for each part and class."""
    n = inputs.shape[1]
    products, sums = np.zeros((PARTS, classes, n, n)), np.zeros((PARTS, classes, n))
    counts = np.zeros((PARTS, classes))
    for p in range(PARTS):
        for c in range(classes):
            rows = inputs[(part == p) & (y == c)]
            products[p, c], sums[p, c], counts[p, c] = rows.T @ rows, rows.sum(axis=0), len(rows)
    return products, sums, counts


def _score(
    sums: Sums, inputs: npt.NDArray[np.float32], y: npt.NDArray[np.int64], part: npt.NDArray[np.int64]
) -> float:
    """Mean of accuracy and balanced accuracy over parts, each answered by what the others say."""
    right = np.zeros(len(y), bool)
    used = part >= 0
    for p in np.unique(part[used]):
        others = [q for q in np.unique(part[used]) if q != p]
        weights = _solved(*(one[others].sum(axis=0) for one in sums))
        rows = part == p
        right[rows] = np.argmax(inputs[rows] @ weights, axis=1) == y[rows]
    balanced = np.mean([right[used & (y == c)].mean() for c in np.unique(y[used])])
    return float((right[used].mean() + balanced) / 2)


def _solved(products: Floats, sums: Floats, counts: Floats) -> Floats:
    """Weights of a ridge regression to 1 and -1, shape (units, classes); rare classes weigh more."""
    weight = np.minimum(counts.sum() / np.maximum(counts, 1) / len(counts), 8)
    matrix = np.tensordot(weight, products, 1)
    wanted = (2 * sums) * weight[:, None]
    wanted = (wanted - (sums * weight[:, None]).sum(axis=0)).T
    size = np.sqrt(np.maximum(np.diag(matrix), 1e-3))
    matrix = matrix / size[:, None] / size + RIDGE * np.eye(len(matrix))
    out: Floats = np.linalg.solve(matrix, wanted / size[:, None]) / size[:, None]
    return out
