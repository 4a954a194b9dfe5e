"""Decision trees and random forests on integer features, in C."""

from __future__ import annotations

from dataclasses import replace

from sensorai.errors import ConfigError
from sensorai.learn.classifier import ClassifierFamily, Fitted, Needs
from sensorai.learn.counts import Counted
from sensorai.learn.description import options_from
from sensorai.learn.forests import ForestOptions, choose_forest, train_forest
from sensorai.learn.masks import Masks
from sensorai.road import Lesson, Progress

#: Trees of a forest where nothing is said.
TREES = 10
#: Settings that say a size; with one of them given none is chosen.
SIZES = frozenset({"trees", "leaves", "depth"})
#: Features that a forest of events looks at, at most.
EVENT_FEATURES = 20


class Forest(ClassifierFamily):
    """A tree, or a forest of them."""

    def __init__(self, name: str, trees: int) -> None:
        self.name, self.trees = name, trees
        # more rows make the votes of a forest wider, by half its flash, and it is no better for them
        self.dense = trees == 1

    def options(self, lesson: Lesson) -> tuple[ForestOptions, bool]:
        """Options, and whether a size is given."""
        table = dict(lesson.experiment.net or {})
        if lesson.experiment.event and self.trees > 1:
            # a forest of rows beside each event, as there are few events
            table = {"extra": True, "features": EVENT_FEATURES, **table}
        given = options_from(
            {"trees": self.trees, "seed": lesson.experiment.seed, **table}, ForestOptions, "forest"
        )
        if (given.trees == 1) != (self.trees == 1):
            raise ConfigError(
                f"trees = {given.trees} is no {self.name}", where="--net", hint="a tree is 1, a forest more"
            )
        return given, bool(SIZES & set(lesson.experiment.net or {}))

    def seeded(self, options: tuple[ForestOptions, bool], more: int) -> tuple[ForestOptions, bool]:
        """Return the same options with a seed that is ``more`` higher."""
        return replace(options[0], seed=options[0].seed + more), options[1]

    def seed_of(self, options: tuple[ForestOptions, bool]) -> int:
        """Seed of options."""
        return options[0].seed

    def fit(
        self,
        counted: Counted,
        rows: Masks,
        options: tuple[ForestOptions, bool],
        needs: Needs | None,
        say: Progress,
    ) -> Fitted:
        """Fit it; of several sizes, where none is given."""
        wanted, sized = options
        if sized or needs is None:
            made = train_forest(counted, rows, wanted, say)
        else:
            made = choose_forest(
                counted, rows, wanted, lambda model, features: needs(model, features, None), say
            )
        return Fitted(
            made.ensemble,
            made.features,
            None,
            made.accuracy,
            made.float_accuracy,
            made.choice,
            (replace(made.options), True),
            "int32 thresholds",
            importance=made.importance,
        )


TREE = Forest("tree", 1)
FOREST = Forest("forest", TREES)
