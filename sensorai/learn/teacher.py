"""What nets on features learn from: what an ensemble answers for the windows, and for points between them.

Nets and extremely random trees err on different windows of people that they did not see: together they are
better than either. A device has room for one net. So the ensemble answers for many points on the lines
between windows, and the net learns what it answers: shares of the classes, not one of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorai.learn import crowd, select
from sensorai.road import SILENT, Progress

Float = npt.NDArray[np.float32]
Int = npt.NDArray[np.int64]

#: Nets of the ensemble, and units of each; most epochs and steps that they take.
NETS, HIDDEN, EPOCHS, STEPS = 3, 48, 80, 4000
#: Trees of the ensemble, least rows in a leaf, and the share of the features that a split looks at.
TREES, LEAF, FEATURES = 100, 3, 0.3
#: Most rows that the trees learn from.
ROWS = 12_000
#: Added to the share of the trees before its logarithm is taken: they say "never" of what they did not see.
DOUBT = 0.02
#: Most points between windows, and how many there are for each window.
POINTS, EACH = 20_000, 2
#: What reports say.
WORDS = f"taught by {NETS} nets and {TREES} trees"


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """What a net learns from.

    Attributes
    ----------
    x : ndarray, shape (points, features), float32
        Points between windows.
    shares : ndarray, shape (points, classes), float32
        What the ensemble says there.
    own : ndarray, shape (rows, classes), float32
        What it says on the windows.
    """

    x: Float
    shares: Float
    own: Float


def teach(
    x: Float,
    y: Int,
    weights: Float,
    epochs: int,
    steps: int,
    batch: int,
    seed: int,
    say: Progress = SILENT,
) -> Taught:
    """Learn the ensemble, and ask it.

    Parameters
    ----------
    x : ndarray, shape (rows, features), float32
        Windows as a float net takes them.
    y : ndarray, shape (rows,), int64
        Classes.
    weights : ndarray, shape (classes,), float32
        Of each class; points are drawn by them.
    epochs, steps, batch : int
        As of the net that is taught.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    say("an ensemble that teaches the net")
    long = max(min(epochs, EPOCHS, STEPS // steps), 1)
    nets = crowd.learn(x, y, weights, crowd.Lesson(NETS, HIDDEN, long, steps, batch, seed), say)
    rows = select.some(len(x), ROWS, seed)
    # rare classes may have been missed
    rows = np.unique(np.concatenate([rows, [int(np.flatnonzero(y == c)[0]) for c in np.unique(y)]]))
    trees = ExtraTreesClassifier(
        TREES,
        min_samples_leaf=LEAF,
        max_features=FEATURES,
        class_weight="balanced",
        random_state=seed,
    ).fit(x[rows], y[rows])

    def shares(values: Float) -> Float:
        said = np.zeros((len(values), len(weights)))
        said[:, trees.classes_] = trees.predict_proba(values)
        both = crowd.log_shares(nets, values) + np.log(said + DOUBT)
        return np.exp(crowd.normal(both)).astype(np.float32)

    between = _between(x, weights[y], min(POINTS, EACH * len(x)), seed)
    return Taught(between, shares(between), shares(x))


def _between(x: Float, weights: Float, count: int, seed: int) -> Float:
    """Draw points on the lines between two rows each, rows by their weight, shape (count, features)."""
    rng = np.random.default_rng(seed)
    chance = weights.astype(np.float64) / weights.sum(dtype=np.float64)
    one, other = rng.choice(len(x), (2, count), p=chance)
    share = rng.uniform(0.0, 1.0, (count, 1)).astype(np.float32)
    drawn: Float = share * x[one] + (np.float32(1) - share) * x[other]
    return drawn
