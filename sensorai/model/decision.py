"""The decision filter of every target: up/down counters, as in the sensors' meta-classifier.

Each class has a counter that goes up by one when the model answers with it, else down by one, within 0 and
15. The decision changes to the model's answer when the answer's counter has reached ``wins``; with 0 wins
every answer is the decision at once. Before the first decision it is ``NONE``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

#: Decision before any class has won (one byte in C).
NONE = 255
#: Largest counter value.
TOP = 15
#: Windows that filters need to forget what was before the log, as far as results show it.
FILTERS_SETTLE = 4


def decide(answers: npt.NDArray[np.integer], wins: int, classes: int) -> npt.NDArray[np.int64]:
    """Run the filter over answers in time order, shape (windows,) -> (windows,)."""
    counters = [0] * classes
    decision = NONE
    out = np.empty(len(answers), np.int64)
    for i, answer in enumerate(answers.tolist()):
        for c in range(classes):
            counters[c] = min(counters[c] + 1, TOP) if c == answer else max(counters[c] - 1, 0)
        if counters[answer] >= wins:
            decision = answer
        out[i] = decision
    return out


def certain_of(groups: npt.NDArray[np.int64], wins: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Where the output of a decision filter does not depend on what was before.

    Parameters
    ----------
    groups : int64 array, shape (windows,)
        Group of each result; those beyond ``wins`` are not filtered.
    wins : sequence of int
        Count at which each group decides.

    Returns
    -------
    bool array, shape (windows,)
        Counters are followed from 0 and from their top; the output is certain from a window on at which
        both decide, until one of the two decides and the other does not.
    """
    least, most = [0] * len(wins), [TOP] * len(wins)
    known = False
    out = np.empty(len(groups), np.bool_)
    for row, own in enumerate(groups.tolist()):
        for g in range(len(wins)):
            step = 1 if g == own else -1
            least[g] = min(max(least[g] + step, 0), TOP)
            most[g] = min(max(most[g] + step, 0), TOP)
        if own >= len(wins) or least[own] >= wins[own]:
            known = True
        elif most[own] >= wins[own]:
            known = False
        out[row] = known
    return out


def settled(certain: npt.NDArray[np.bool_], filters: bool) -> npt.NDArray[np.bool_]:
    """Where results are certain, the first windows excepted where there are filters."""
    if filters:
        certain[:FILTERS_SETTLE] = False
    return certain
