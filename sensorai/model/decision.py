"""The decision filter of every target: up/down counters, as in the sensors' meta-classifier.

Each class has a counter that goes up by one when the model answers with it, else down by one, within 0 and
15. The decision changes to the model's answer when the answer's counter has reached ``wins``; with 0 wins
every answer is the decision at once. Before the first decision it is ``NONE``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Decision before any class has won (one byte in C).
NONE = 255
#: Largest counter value.
TOP = 15


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
