"""Nets in C: on integer features (``mlp``) or on raw windows (``cnn``)."""

from __future__ import annotations

from sensorai.learn.classifier import ClassifierFamily, Fitted, Needs
from sensorai.learn.counts import Counted
from sensorai.learn.description import options_from
from sensorai.learn.masks import Masks
from sensorai.learn.nets import NetOptions, train_net
from sensorai.road import Lesson, Progress


class Net(ClassifierFamily):
    """One kind of net."""

    def __init__(self, name: str, folds: int, seeds: int, **usual: float) -> None:
        self.name, self.folds, self.seeds, self.usual = name, folds, seeds, usual

    def options(self, lesson: Lesson) -> NetOptions:
        """Options of the table, over those of the experiment."""
        experiment = lesson.experiment
        usual = {
            **self.usual,
            "precision": experiment.precision or "int8",
            "seed": experiment.seed,
            "any_side": experiment.any_side,
            "any_orientation": experiment.any_orientation,
        }
        return options_from({**usual, **(experiment.net or {}), "family": self.name}, NetOptions, "net")

    def fit(
        self, counted: Counted, rows: Masks, options: NetOptions, needs: Needs | None, say: Progress
    ) -> Fitted:
        """Fit it; of the size that fits the device, where none is given."""
        made = train_net(counted, rows, options, say, needs)
        return Fitted(
            made.graph,
            made.features,
            made.scaling,
            made.accuracy,
            made.float_accuracy,
            made.choice,
            made.options,
            options.precision,
            made.curve,
            made.notes,
        )


# taught by the same ensemble, seeds differ by a tenth of a point or two
MLP = Net("mlp", 5, 2, epochs=160)
# raw windows take a while to learn from
CNN = Net("cnn", 3, 1, rate=4e-3, decay=1e-4)
