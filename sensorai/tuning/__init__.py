"""Search under a budget: models, windows, features and sizes, by what they are worth and what they cost.

A trial is an `Experiment` with some fields filled in (``space``). It is judged cheaply first (``trial.look``)
by one seed and three folds; its cost is exact, of the emitted C in the emulator or of the registers. The best
are then made as ``train`` makes them (``trial.deliver``), and only their figures are shown. The study is a
file (``study``), so a search that was stopped goes on.
"""

from sensorai.tuning.budget import Budget
from sensorai.tuning.searching import Found, search

__all__ = ["Budget", "Found", "search"]
