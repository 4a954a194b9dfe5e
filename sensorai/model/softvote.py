"""Proof that whole votes decide as the exact mean of the leaves' probabilities does, on every input.

The leaves that an input can reach together, one of each tree, are met in the middle: those of one half of the
trees are listed, and those of the other. A leaf is a box of inputs, and boxes have an input in common where
each two of them have: so a list holds what is reachable by itself, and two entries of the two lists are
reachable together where each leaf of one meets each of the other.

For each two classes, the difference of their shares over one half and over the other are whole numbers of
one common denominator, as large as it is. The votes can only decide otherwise where the two differences
nearly cancel: these are found by sorting, and looked at in whole numbers. What decides otherwise and is
reachable ends the proof; so does a list that becomes too long.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from sensorai.model.forest import Tree

Int = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
Choices = npt.NDArray[np.int16]

INT32 = (-(2**31), 2**31 - 1)
#: Leaves, reachable leaves of half of the trees, and pairs of their sums, up to which the proof is tried.
LEAVES, COMBINATIONS, PAIRS = 2_000, 4_000_000, 5_000_000
#: Rows of a list that are continued, and pairs of rows that are compared, at a time: bounds the memory.
CHUNK = 1 << 16
#: Bits of a limb: sums of 16 halves of trees fit int64.
LIMB = 58
#: Trees up to which sums of limbs fit.
TREES = 32


@dataclass(frozen=True, slots=True)
class Leaves:
    """The reachable leaves of some trees.

    Attributes
    ----------
    rows : ndarray, shape (leaves,)
        Row of weights of each.
    of : tuple of ndarray
        For each tree the numbers of its leaves.
    meet : ndarray, shape (leaves, leaves), bool
        Whether an input reaches both.
    """

    rows: Int
    of: tuple[Int, ...]
    meet: Bool


def leaves(trees: Sequence[Tree]) -> Leaves | None:
    """Find the leaves that int32 inputs reach; None where there are more than ``LEAVES``.

    Parameters
    ----------
    trees : sequence of Tree
        Any finite thresholds; a leaf value is a row of weights.
    """
    used = sorted({f for t in trees for f in t.used_features()})
    place = {f: i for i, f in enumerate(used)}
    low: list[Int] = []
    high: list[Int] = []
    rows: list[int] = []
    of: list[Int] = []
    for tree in trees:
        first = len(rows)
        nodes = list(tree.rows())
        stack = [(tree.root, np.full(len(used), INT32[0]), np.full(len(used), INT32[1]))]
        while stack:
            at, a, b = stack.pop()
            if at < 0:
                low.append(a)
                high.append(b)
                rows.append(~at)
                if len(rows) > LEAVES:
                    return None
                continue
            feature, threshold, left, right = nodes[at]
            f = place[feature]
            limit = math.floor(threshold)
            if limit >= a[f]:
                stack.append((left, a, _with(b, f, min(limit, int(b[f])))))
            if limit < b[f]:
                stack.append((right, _with(a, f, max(limit + 1, int(a[f]))), b))
        of.append(np.arange(first, len(rows)))
    meet = np.ones((len(rows), len(rows)), bool)
    for from_, to in zip(np.array(low).T, np.array(high).T, strict=True):
        meet &= (from_[:, None] <= to) & (from_ <= to[:, None])
    return Leaves(np.array(rows, np.int64), tuple(of), meet)


def _with(a: Int, at: int, value: int) -> Int:
    out = a.copy()
    out[at] = value
    return out


def proven(trees: Sequence[Tree], weights: npt.NDArray[np.floating], votes: npt.NDArray[np.integer]) -> bool:
    """Prove that ``votes`` have the winner of the exact mean of shares, whatever input comes.

    The winner is the class with most, the first of equal ones. False where an input may decide otherwise, and
    where it would take too long to know; also where ``weights`` are not whole.

    Parameters
    ----------
    trees : sequence of Tree
    weights : ndarray, shape (rows, classes)
        Counts of each class; a leaf's share of a class is its count divided by the row's sum.
    votes : ndarray, shape (rows, classes)
        Every row adds up to the same.
    """
    if (weights != np.rint(weights)).any() or len(trees) > TREES:
        return False
    found = leaves(trees)
    if found is None:
        return False
    half = [combinations(found, part) for part in (found.of[::2], found.of[1::2])]
    if half[0] is None or half[1] is None:
        return False
    counts, whole = weights.astype(np.int64)[found.rows], votes.astype(np.int64)[found.rows]
    classes = counts.shape[1]
    return all(
        _pair(found.meet, (half[0], half[1]), counts, whole, a, b)
        for a in range(classes)
        for b in range(a + 1, classes)
    )


def combinations(found: Leaves, of: Sequence[Int]) -> Choices | None:
    """Every reachable choice of a leaf of each tree, shape (choices, trees); None for too many."""
    out = np.zeros((1, 0), np.int16)
    for ids in of:
        longer: list[Choices] = []
        size = 0
        for at in range(0, len(out), CHUNK):
            some = out[at : at + CHUNK]
            free = np.ones((len(some), len(ids)), bool)
            for column in some.T:
                free &= found.meet[column][:, ids]
            row, leaf = np.nonzero(free)
            size += len(row)
            if size > COMBINATIONS:
                return None
            longer.append(np.concatenate([some[row], ids[leaf, None].astype(np.int16)], axis=1))
        out = np.concatenate(longer)
    return out


@dataclass(frozen=True, slots=True)
class _Sums:
    """Different sums over the choices of one half: the exact difference in limbs, about, and in votes.

    ``codes`` has, sorted, every kind of choice (the differences of its leaves, one digit a tree), ``group``
    the place of its sum.
    """

    limbs: tuple[Int, ...]
    about: npt.NDArray[np.float64]
    votes: Int
    codes: Int
    group: Int


def _pair(meet: Bool, halves: tuple[Choices, Choices], counts: Int, votes: Int, a: int, b: int) -> bool:
    """Whether no reachable leaves put class a on the other side of class b in votes than in shares."""
    total = int(votes[0].sum())
    sums = counts.sum(axis=1).tolist()
    difference = (counts[:, a] - counts[:, b]).tolist()
    shares = [(d // (g := math.gcd(d, n)), n // g) for d, n in zip(difference, sums, strict=True)]
    common = math.lcm(*(n for _, n in shares))
    exact = [d * (common // n) for d, n in shares]
    whole = votes[:, a] - votes[:, b]
    mine, theirs = (_coded(choices, exact, whole.tolist()) for choices in halves)
    if mine is None or theirs is None:
        return False
    # some bits more, for the sum over all trees
    size = -(-(common.bit_length() + 6) // LIMB)
    limbs = [np.array([e >> LIMB * i & (1 << LIMB) - 1 for e in exact], np.int64) for i in range(size - 1)]
    limbs.append(np.array([e >> LIMB * (size - 1) for e in exact], np.int64))
    one, other = (_sums(coded, limbs, whole, common) for coded in (mine, theirs))
    if one is None or other is None:
        return False
    # beyond this distance from zero no rounding reaches; 1e-12 covers float64
    reach = sum(float(np.abs(s.about - s.votes / total).max()) for s in (one, other)) + 1e-12
    order = np.argsort(other.about)
    near = other.about[order]
    low = np.searchsorted(near, -reach - one.about)
    count = np.searchsorted(near, reach - one.about, side="right") - low
    if count.sum() > PAIRS:
        return False
    i = np.repeat(np.arange(len(count)), count)
    k = order[np.arange(len(i)) - np.repeat(np.cumsum(count) - count - low, count)]
    ahead = _carried([x[i] + y[k] for x, y in zip(one.limbs, other.limbs, strict=True)])[-1] >= 0
    wrong = ahead != (one.votes[i] + other.votes[k] >= 0)
    if not wrong.any():
        return True
    groups = [s.group[np.searchsorted(s.codes, c)] for s, (c, _) in ((one, mine), (other, theirs))]
    return not _any_reachable(meet, halves, (groups[0], groups[1]), i[wrong], k[wrong])


#: A code of each choice, and for each tree a leaf of each kind.
_Coded: TypeAlias = tuple[Int, list[Int]]


def _coded(choices: Choices, exact: Sequence[int], votes: Sequence[int]) -> _Coded | None:
    """Number each choice by the differences of its leaves; None where numbers would be too large."""
    code = np.zeros(len(choices), np.int64)
    kinds: list[Int] = []
    largest = 1
    for column in choices.T:
        here = np.flatnonzero(np.bincount(column)).tolist()
        kind: dict[tuple[int, int], int] = {}
        digit = np.zeros(here[-1] + 1, np.int64)
        for leaf in here:
            digit[leaf] = kind.setdefault((exact[leaf], votes[leaf]), len(kind))
        first = {int(digit[leaf]): leaf for leaf in reversed(here)}
        kinds.append(np.array([first[n] for n in range(len(kind))], np.int64))
        largest *= len(kind)
        if largest >> 62:
            return None
        code = code * len(kind) + digit[column]
    return code, kinds


def _sums(coded: _Coded, limbs: Sequence[Int], votes: Int, common: int) -> _Sums | None:
    """Add up over each kind of choice, and keep one of equal sums; None where that cannot be told."""
    codes = np.sort(coded[0])
    codes = codes[np.concatenate([[True], codes[1:] != codes[:-1]])]
    parts = [np.zeros(len(codes), np.int64) for _ in (*limbs, votes)]
    rest = codes
    for leaf in reversed(coded[1]):
        rest, digit = np.divmod(rest, len(leaf))
        for part, value in zip(parts, (*limbs, votes), strict=True):
            part += value[leaf][digit]
    exact, sums = _carried(parts[:-1]), parts[-1]
    key = sums.astype(np.uint64)
    for limb in exact:
        # an odd number without a pattern; that equal keys mean equal sums is checked
        key = (key ^ (key >> np.uint64(29))) * np.uint64(0x9E3779B97F4A7C15) + limb.astype(np.uint64)
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    group = group.reshape(-1)
    if any((column != column[first][group]).any() for column in (*exact, sums)):
        return None
    kept = tuple(limb[first] for limb in exact)
    about = np.zeros(len(first))
    for i, limb in enumerate(kept):
        about += limb * (2 ** (LIMB * i) / common)
    return _Sums(kept, about, sums[first], codes, group)


def _carried(limbs: list[Int]) -> tuple[Int, ...]:
    """Bring sums of limbs to the one form: all but the last from 0 to 2**LIMB - 1."""
    out: list[Int] = []
    carry = np.zeros_like(limbs[0])
    for limb in limbs[:-1]:
        limb = limb + carry
        carry = limb >> LIMB
        out.append(limb & ((1 << LIMB) - 1))
    return (*out, limbs[-1] + carry)


def _any_reachable(
    meet: Bool,
    halves: tuple[Choices, Choices],
    groups: tuple[Int, Int],
    one: Int,
    other: Int,
) -> bool:
    """Whether choices of some groups of one half and of the other are reachable together, or too many."""
    looked = 0
    for i, k in zip(one.tolist(), other.tolist(), strict=True):
        mine, theirs = halves[0][groups[0] == i], halves[1][groups[1] == k]
        looked += len(mine) * len(theirs)
        if looked > PAIRS:
            return True
        free = np.ones((len(mine), len(theirs)), bool)
        for a in mine.T:
            for b in theirs.T:
                free &= meet[np.ix_(a, b)]
        if free.any():
            return True
    return False
