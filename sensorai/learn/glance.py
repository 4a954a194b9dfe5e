"""A cheap judgement of a procedure: a model of all groups; fewer folds, one seed, no decision filter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from sensorai.verify.metrics import WindowMetrics

Made = TypeVar("Made")

#: Folds of a cheap judgement, the same for every family: so that models are compared on the same groups.
FOLDS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Glimpse:
    """What models that learnt without some groups answer on these.

    Attributes
    ----------
    groups : tuple of str
    answers : tuple of WindowMetrics
        Windows before the decision filter, for each classifier.
    """

    groups: tuple[str, ...]
    answers: tuple[WindowMetrics, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Glance:
    """A model as the backend takes it, and its folds, which are learnt when they are asked for.

    Attributes
    ----------
    model : object
        Of all groups that are learnt from: what it costs is that of the delivered one, as far as the seed and
        the decision filter leave it (the largest filter is counted).
    folds : iterator of Glimpse
        Whoever has seen enough stops.
    """

    model: Any
    folds: Iterator[Glimpse]


@dataclass(frozen=True, slots=True)
class Kept:
    """What models of the same windows share, by what it is; the oldest goes first.

    Attributes
    ----------
    made : dict
    most : int
        Things that are kept.
    """

    made: dict[str, Any] = field(default_factory=dict)
    most: int = 3

    def get(self, key: str, make: Callable[[], Made]) -> Made:
        """Return what is kept, or make it."""
        if key not in self.made:
            while len(self.made) >= self.most:
                del self.made[next(iter(self.made))]
            self.made[key] = make()
        return cast(Made, self.made[key])
