"""Trees that a forest teaches: one tree that answers nearly as well as many.

A tree that is grown on some hundred windows splits by chance where few of them lie. A forest is steadier, but
a core that runs one tree has no room for it, and neither has who asks for a tree in C. So the forest answers
for points between the windows, as many as are asked of it, and the tree is grown on those as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.learn import select
from sensorai.learn.pruning import Prunings
from sensorai.learn.select import Fold
from sensorai.learn.table import IntArray, Windows

FloatArray = npt.NDArray[np.float32]

#: Trees of the forest that teaches.
TREES = 100
#: How many times fewer trees and points judge than ship.
EASE = 4
#: Trees of the forests that windows, sensors and features are compared by.
JUDGES = 12
#: Share of points in which a smaller tree may differ. Noise is no reason to prune: the forest took it out.
SLACK = 0.005
#: Share of the features that each of its splits looks at.
FEATURES = 0.3
#: Points that it answers for.
POINTS = 30000
#: Most windows that it learns from.
ROWS = 8000
#: Least rows in a leaf, of the forest and of the tree, for each copy of a window.
LEAF, LAST = 3, 3


def forest(seed: int, copies: int = 1, trees: int = TREES) -> Any:
    """Return the unfitted forest that teaches; classes weigh what they weigh in the logs.

    Parameters
    ----------
    copies : int
        Windows that are there for each that the device answers.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(
        trees,
        criterion="entropy",
        min_samples_leaf=max(LEAF * copies // 2, 1),
        max_features=FEATURES,
        random_state=seed,
    )


def between(x: FloatArray, count: int, seed: int) -> FloatArray:
    """Draw points on the lines between any two rows, shape (count, features)."""
    random = np.random.default_rng(seed)
    one, other = random.integers(0, len(x), (2, count))
    share = random.uniform(0.0, 1.0, (count, 1)).astype(np.float32)
    drawn: FloatArray = share * x[one] + (np.float32(1) - share) * x[other]
    return drawn


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """What a tree is grown on, and what it is compared on.

    Attributes
    ----------
    x, y : ndarray of float32, shape (rows, features), and of int64, shape (rows,)
        Windows with their classes, then points between them with what the forest answers there.
    more, answers : ndarray of the same types
        Other points, and what the forest answers there.
    """

    x: FloatArray
    y: IntArray
    more: FloatArray
    answers: IntArray

    def alpha(self, whole: Prunings) -> float:
        """Strongest pruning with which a tree answers as the forest does, but for ``SLACK`` of the points.

        No class that the tree has loses its last leaf.
        """
        alphas = select.between(whole.alphas)
        alike = [float((made == self.answers).mean()) for made in whole.predict(self.more, alphas)]
        classes = max(whole.answerable(alpha) for alpha in alphas)
        able = [k for k, alpha in enumerate(alphas) if whole.answerable(alpha) == classes]
        enough = max(alike[k] for k in able) - SLACK
        return max(alphas[k] for k in able if alike[k] >= enough)


def teach(
    x: FloatArray, y: IntArray, seed: int, copies: int = 1, ease: int = 1, points: int = POINTS
) -> Taught:
    """Ask a forest that learnt from windows about points between them.

    Parameters
    ----------
    x : ndarray of float32, shape (rows, features)
        Finite.
    y : ndarray of int64, shape (rows,)
    copies : int
        Windows that are there for each that the device answers.
    ease : int
        So many times fewer trees and points, for judging rather than for shipping.
    points : int
        Points to answer for.
    """
    rows = select.some(len(x), ROWS, seed)
    teacher = forest(seed, copies, TREES // ease).fit(x[rows], y[rows])
    count = points // ease
    drawn = between(x, count + count // 10, seed)
    answers = teacher.predict(drawn)
    return Taught(
        np.concatenate([x, drawn[:count]]),
        np.concatenate([y, answers[:count]]),
        drawn[count:],
        answers[count:],
    )


def tree(leaves: int, seed: int, alpha: float = 0.0, depth: int | None = None) -> Any:
    """Return an unfitted scikit-learn tree for a lesson."""
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(
        criterion="entropy",
        max_leaf_nodes=max(leaves, 2),
        max_depth=depth,
        min_samples_leaf=LAST,
        random_state=seed,
        ccp_alpha=alpha,
    )


def scores(windows: Windows, split: Sequence[Fold], seed: int) -> list[float]:
    """Balanced accuracies of small forests that could teach: one for each fold and task with a judge."""
    values = []
    for fit, judge in split:
        for t in range(windows.y.shape[1]):
            known = select.labelled(windows, t)
            a, b = fit[known[fit]], judge[(known & windows.answered)[judge]]
            if len(np.unique(windows.y[a, t])) < 2 or not len(b):
                continue
            teacher = forest(seed, windows.copies, JUDGES).fit(windows.x[a], windows.y[a, t])
            values.append(select.balanced(windows.y[b, t], teacher.predict(windows.x[b])))
    return values


def score(windows: Windows, split: Sequence[Fold], seed: int) -> float:
    """Cross-validated balanced accuracy of small forests that could teach, mean over tasks and folds."""
    values = scores(windows, split, seed)
    return float(np.mean(values)) if values else 0.0


def surely(less: Sequence[float], more: Sequence[float], worth: float) -> bool:
    """Whether scores are worse than others of the same folds by less than ``worth``, their chance counted in.

    A standard error of the mean difference stands for chance: with few groups that differ much it is large.
    """
    if not less:
        return True
    differences = np.subtract(less, more)
    error = differences.std(ddof=1) / np.sqrt(len(differences)) if len(differences) > 1 else 0.0
    return bool(differences.mean() - error >= -worth)
