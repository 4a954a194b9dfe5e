"""Decision trees and random forests over int32 features, with votes in whole numbers.

A sample goes left when ``x <= threshold`` (as in ``sensorai.model.forest``). Features are whole numbers, so
``x <= t`` is the same as ``x <= floor(t)``: no decision of a tree learnt in floating point changes.

A leaf votes with one whole number per class, and the votes of every leaf add up to the same ``total``. The
result is the class with most votes, the first of equal ones. `build` looks for the smallest total for which
no combination of leaves, one of each tree, has another winner than the exact mean of the leaves'
probabilities: that is the soft vote of scikit-learn, without its rounding. Where these are too many, it looks
at those that an input can reach (`softvote`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.model.forest import Tree
from sensorai.model.softvote import INT32, proven

#: Votes per leaf that are tried, smallest first: small denominators divide them, so that most ties stay ties.
TOTALS = (240, 5040, 55440, 720720, 12252240, 232792560)
#: Sums of leaves, and pairs of them, up to which the proof is tried.
PROOF_SUMS, PROOF_PAIRS = 100_000, 5_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """Trees that vote.

    Attributes
    ----------
    trees : tuple of Tree
        At least one. Thresholds are whole numbers within int32; a leaf value is a row of ``votes``.
    votes : ndarray, shape (rows, classes), int32
        Not negative; every row adds up to ``total``.
    classes : tuple of str
    features : int
        Length of the input vector; trees test features 0 to ``features - 1``.
    rounding : float
        How far rounding the votes can move the difference of two classes' mean votes, as a share of one
        vote, over all inputs: 0.0 where no input has another winner than the exact mean. Two classes closer
        than this may change places.
    """

    trees: tuple[Tree, ...]
    votes: npt.NDArray[np.int32]
    classes: tuple[str, ...]
    features: int
    rounding: float = 0.0

    def __post_init__(self) -> None:
        def refuse(message: str) -> None:
            raise DataError(f"this is no forest: {message}")

        if not self.trees or len(self.classes) < 1:
            refuse("it has no trees or no classes")
        if self.votes.ndim != 2 or self.votes.shape[1] != len(self.classes) or not len(self.votes):
            refuse(f"votes of shape {self.votes.shape} for {len(self.classes)} classes")
        sums = self.votes.astype(np.int64).sum(axis=1)
        if (self.votes < 0).any() or (sums != sums[0]).any() or not 0 < sums[0] * len(self.trees) <= INT32[1]:
            refuse("every leaf must give the same positive number of votes, and their sum must fit int32")
        for k, tree in enumerate(self.trees):
            t = tree.threshold
            children = np.concatenate([tree.left, tree.right, [tree.root]])
            if not (np.isfinite(t).all() and (t == np.floor(t)).all()) or (np.abs(t) > 2**31).any():
                refuse(f"tree {k}: a threshold is no whole number of 32 bits")
            if ((t < INT32[0]) | (t > INT32[1])).any():
                refuse(f"tree {k}: a threshold is beyond int32")
            if ((tree.feature < 0) | (tree.feature >= self.features)).any():
                refuse(f"tree {k}: a node tests a feature that does not exist")
            if (children >= max(len(tree), 1)).any() or (~children >= len(self.votes)).any():
                refuse(f"tree {k}: a branch leads nowhere")
            # children lie behind their parents, so no walk runs in a circle
            after = np.arange(len(tree))
            if ((tree.left >= 0) & (tree.left <= after)).any() or (
                (tree.right >= 0) & (tree.right <= after)
            ).any():
                refuse(f"tree {k}: a branch leads back")

    @property
    def total(self) -> int:
        """Votes that one leaf gives."""
        return int(self.votes[0].sum())

    @property
    def nodes(self) -> int:
        """Inner nodes of all trees."""
        return sum(len(t) for t in self.trees)

    def scores(self, x: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
        """Votes of all trees, shape (rows, features) integers within int32 -> (rows, classes), int32."""
        leaves = np.stack([tree.predict(x.astype(np.float64)) for tree in self.trees])
        out: npt.NDArray[np.int32] = self.votes[leaves].sum(axis=0, dtype=np.int32)
        return out

    def predict(self, x: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """Class with most votes, the first of equal ones; shape (rows, features) -> (rows,)."""
        out: npt.NDArray[np.int64] = np.argmax(self.scores(x), axis=1)
        return out


def build(
    trees: Sequence[Tree],
    weights: npt.NDArray[np.floating],
    classes: Sequence[str],
    features: int,
    *,
    total: int | None = None,
) -> Ensemble:
    """Make an ensemble of trees with real thresholds and leaf weights.

    Thresholds are rounded down, leaves get whole votes, nodes whose sides vote alike are merged, and only
    vote rows in use are kept.

    Parameters
    ----------
    trees : sequence of Tree
        Any finite thresholds; a leaf value is a row of ``weights``.
    weights : ndarray, shape (leaves, classes)
        Whole counts of each class in the leaf, or shares of them; each row is divided by its sum.
    total : int, optional
        Votes per leaf. 1 is the hard vote (the class with most weight, first of equal ones). By default the
        smallest of ``TOTALS`` that is proved to give the exact soft vote on every input; where none is, the
        one of a large total and one that gives most leaves their exact share that rounds less, and
        ``rounding`` of the result says how exact that is.
    """
    wanted = np.asarray(weights, np.float64)
    if wanted.ndim != 2 or (wanted < 0).any() or not (wanted.sum(axis=1) > 0).all():
        raise DataError("every leaf needs weights, none of them negative")
    reached = [sorted(set(t.leaves)) for t in trees]
    if total is None:
        total, rounding = _best_total(trees, reached, wanted)
    elif total == 1 or same_winner(reached, wanted, total):
        rounding = 0.0
    else:
        rounding = _rest(trees, reached, wanted, total)
    rows, place = np.unique(round_votes(wanted, total), axis=0, return_inverse=True)
    # the first class first: with a hard vote, and all classes in use, a row is the number of its class
    rows, place = rows[::-1], len(rows) - 1 - place.reshape(-1)
    whole = [_simplify(_whole(t), place) for t in trees]
    used = sorted({leaf for t in whole for leaf in t.leaves})
    new = np.zeros(len(rows), np.int64)
    new[used] = np.arange(len(used))
    return Ensemble(
        tuple(_simplify(t, new) for t in whole),
        rows[used].astype(np.int32),
        tuple(classes),
        features,
        rounding,
    )


def _best_total(
    trees: Sequence[Tree], reached: Sequence[Sequence[int]], weights: npt.NDArray[np.float64]
) -> tuple[int, float]:
    if len(reached) == 1:
        return 1, 0.0  # the class with most weight in the leaf is the exact answer
    fitting = [t for t in TOTALS if t * len(reached) <= INT32[1]]
    for total in fitting:
        if same_winner(reached, weights, total):
            return total, 0.0
    if not fitting:
        raise ConfigError(f"{len(reached)} trees are more than votes can be counted for")
    finest = _finest(reached, weights, INT32[1] // len(reached))
    if finest not in fitting and same_winner(reached, weights, finest):
        return finest, 0.0
    _, total = min((_bound(reached, weights, t), t) for t in (fitting[-1], finest))
    return total, _rest(trees, reached, weights, total)


def _rest(
    trees: Sequence[Tree], reached: Sequence[Sequence[int]], weights: npt.NDArray[np.float64], total: int
) -> float:
    """0.0 where no leaves that an input reaches together decide otherwise, else what rounding can do."""
    if proven(trees, weights, round_votes(weights, total)):
        return 0.0
    return _bound(reached, weights, total)


def _finest(reached: Sequence[Sequence[int]], weights: npt.NDArray[np.float64], most: int) -> int:
    """Largest total up to ``most`` that many leaves' shares divide: small denominators come first."""
    total = 1
    if (weights == np.rint(weights)).all():
        rows = weights[sorted({i for leaves in reached for i in leaves})].astype(np.int64).tolist()
        for denominator in sorted({sum(row) // math.gcd(*row) for row in rows}):
            wider = math.lcm(total, denominator)
            total = wider if wider <= most else total
    return total * (most // total)


def _bound(reached: Sequence[Sequence[int]], weights: npt.NDArray[np.float64], total: int) -> float:
    """Largest change of a difference of two classes' mean share by rounding to ``total`` votes."""
    error = round_votes(weights, total) / total - weights / weights.sum(axis=1, keepdims=True)
    widest = error.max(axis=1) - error.min(axis=1)
    return float(np.mean([widest[list(leaves)].max() for leaves in reached]))


def same_winner(reached: Sequence[Sequence[int]], weights: npt.NDArray[np.floating], total: int) -> bool:
    """Prove that rounding to ``total`` votes changes no decision, whatever leaves are reached together.

    For each two classes, all sums of the differences of their shares over half of the trees are set against
    those over the other half; only pairs close to zero can change their sign by rounding, and each of these
    is looked at in whole numbers. False also when that would take too long, or ``weights`` are not whole.

    Parameters
    ----------
    reached : sequence of sequence of int
        Rows of ``weights`` that each tree can end in.
    """
    if (weights != np.rint(weights)).any():
        return False
    counts = weights.astype(np.int64)
    votes = round_votes(weights, total).astype(np.int64)
    common = common_total(weights) or 1
    sums = counts.sum(axis=1).tolist()
    classes = weights.shape[1]
    for a in range(classes):
        for b in range(a + 1, classes):
            # (exact difference times the common denominator, difference in votes)
            exact = [int(c[a] - c[b]) * common // n for c, n in zip(counts, sums, strict=True)]
            whole = (votes[:, a] - votes[:, b]).tolist()
            halves = []
            for part in (reached[::2], reached[1::2]):
                found = {(0, 0)}
                for leaves in part:
                    options = {(exact[i], whole[i]) for i in leaves}
                    found = {(e + f, v + w) for e, v in found for f, w in options}
                    if len(found) > PROOF_SUMS:
                        return False
                halves.append(sorted(found))
            if not _same_signs(halves[0], halves[1], common, total):
                return False
    return True


def _same_signs(one: list[tuple[int, int]], other: list[tuple[int, int]], common: int, total: int) -> bool:
    """Whether for all pairs the sum of the exact parts and that of the votes agree on ``>= 0``."""
    mine, theirs = (np.array([e / common for e, _ in half]) for half in (one, other))
    votes, more = (np.array([v for _, v in half], np.int64) for half in (one, other))
    # beyond this distance from zero no rounding reaches; 1e-9 covers float64
    reach = sum(max(abs(e / common - v / total) for e, v in half) for half in (one, other)) + 1e-9
    low, high = np.searchsorted(theirs, -reach - mine), np.searchsorted(theirs, reach - mine)
    count = high - low
    if count.sum() > PROOF_PAIRS:
        return False
    i = np.repeat(np.arange(len(one)), count)
    k = np.arange(len(i)) - np.repeat(np.cumsum(count) - count - low, count)
    near, wins = mine[i] + theirs[k], votes[i] + more[k] >= 0
    close = np.abs(near) <= 1e-9
    if (wins != (near >= 0))[~close].any():
        return False
    return all((one[i[j]][0] + other[k[j]][0] >= 0) == wins[j] for j in np.flatnonzero(close))


def round_votes(weights: npt.NDArray[np.floating], total: int) -> npt.NDArray[np.int32]:
    """Whole votes in proportion to ``weights``, each row adding up to ``total``; shape as given.

    The largest remainders are rounded up, the first of equal ones first, so a class never gets fewer votes
    than one with less weight. For ``total`` 1 that is the vote for the class with most weight.
    """
    if total == 1:
        winner: npt.NDArray[np.int64] = np.argmax(weights, axis=1)
        hard: npt.NDArray[np.int32] = (np.arange(weights.shape[1]) == winner[:, None]).astype(np.int32)
        return hard
    if (weights == np.rint(weights)).all():
        whole = weights.astype(np.int64)
        sums = whole.sum(axis=1, keepdims=True)
        down, rest = whole * total // sums, (whole * total % sums).astype(np.float64)
    else:
        share = weights / weights.sum(axis=1, keepdims=True) * total
        down = np.floor(share).astype(np.int64)
        rest = share - down
    left: npt.NDArray[np.int64] = total - down.sum(axis=1)
    order = np.argsort(-rest, axis=1, kind="stable")
    rank = np.argsort(order, axis=1, kind="stable")
    out: npt.NDArray[np.int32] = (down + (rank < left[:, None])).astype(np.int32)
    return out


def common_total(counts: npt.NDArray[np.floating]) -> int | None:
    """Least number of votes that gives every leaf its exact share; None where ``counts`` are not whole."""
    if (counts != np.rint(counts)).any():
        return None
    total = 1
    for row in counts.astype(np.int64):
        total = math.lcm(total, int(row.sum()) // math.gcd(*row.tolist()))
    return total


def _whole(tree: Tree) -> Tree:
    """Round thresholds down; nodes that no int32 value can split lose the side never taken."""
    rows: list[tuple[int, float, int, int]] = []
    instead: dict[int, int] = {}
    for i, (f, t, left, right) in enumerate(tree.rows()):
        down = math.floor(t)
        if down < INT32[0]:
            instead[i] = right
        elif down >= INT32[1]:
            instead[i] = left
        rows.append((f, float(min(max(down, INT32[0]), INT32[1])), left, right))

    def to(child: int) -> int:
        while child in instead:
            child = instead[child]
        return child

    root = to(tree.root)
    kept = [(f, t, to(left), to(right)) for f, t, left, right in rows]
    # pre-order starts from the root, wherever it lies now
    return Tree.from_nodes(kept, root).preorder()


def _simplify(tree: Tree, place: npt.NDArray[np.int64]) -> Tree:
    """Renumber the leaves and merge nodes whose sides have become the same leaf."""
    rows = list(tree.rows())
    instead: dict[int, int] = {}

    def to(child: int) -> int:
        return instead.get(child, child) if child >= 0 else ~int(place[~child])

    # children lie behind their parents in pre-order: backwards means bottom up
    for i in range(len(rows) - 1, -1, -1):
        f, t, left, right = rows[i]
        left, right = to(left), to(right)
        rows[i] = f, t, left, right
        if left == right:
            instead[i] = left
    root = to(tree.root)
    return Tree.from_nodes(rows, root).preorder()


def to_dict(ensemble: Ensemble) -> dict[str, Any]:
    """Return the ensemble as plain data for JSON."""
    return {
        "kind": "forest",
        "classes": list(ensemble.classes),
        "features": ensemble.features,
        "rounding": ensemble.rounding,
        "votes": ensemble.votes.tolist(),
        "trees": [
            {"root": t.root, "nodes": [[f, int(x), left, right] for f, x, left, right in t.rows()]}
            for t in ensemble.trees
        ],
    }


def from_dict(data: Mapping[str, Any], where: str = "") -> Ensemble:
    """Read what ``to_dict`` wrote; a DataError naming ``where`` for anything else."""
    try:
        trees = tuple(
            Tree.from_nodes(
                [(int(f), float(t), int(a), int(b)) for f, t, a, b in tree["nodes"]], int(tree["root"])
            )
            for tree in data["trees"]
        )
        return Ensemble(
            trees,
            np.array(data["votes"], np.int32).reshape(len(data["votes"]), -1),
            tuple(str(c) for c in data["classes"]),
            int(data["features"]),
            float(data["rounding"]),
        )
    except DataError as error:
        raise DataError(error.message, where=where) from None
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"this is no forest: {type(error).__name__} {error}", where=where) from None
