"""Nets in C: on integer features (``mlp``) or on raw windows (``cnn``)."""

from __future__ import annotations

from dataclasses import replace

from sensorai.learn.classifier import ClassifierFamily, Fitted, Needs
from sensorai.learn.counts import Counted
from sensorai.learn.description import options_from
from sensorai.learn.masks import Masks
from sensorai.learn.nets import NetOptions, train_net
from sensorai.road import Lesson, Progress


class Net(ClassifierFamily):
    """One kind of net."""

    def __init__(self, name: str) -> None:
        self.name = name

    def options(self, lesson: Lesson) -> NetOptions:
        """Options of the table, over those of the experiment."""
        experiment = lesson.experiment
        usual = {"precision": experiment.precision or "int8", "seed": experiment.seed}
        return options_from({**usual, **(experiment.net or {}), "family": self.name}, NetOptions, "net")

    def fit(
        self, counted: Counted, rows: Masks, options: NetOptions, needs: Needs | None, say: Progress
    ) -> Fitted:
        """Fit it; of several sizes, where none is given."""
        made = train_net(counted, rows, options, say, needs)
        curve = [
            {
                "stage": e.stage,
                "train_loss": e.train_loss,
                "train_accuracy": e.train_accuracy,
                "validation_loss": e.validation_loss,
                "validation_accuracy": e.validation_accuracy,
            }
            for e in made.curve
        ]
        verdict = {"fit": made.verdict.fit, "why": made.verdict.why}
        return Fitted(
            made.graph,
            made.features,
            made.scaling,
            made.accuracy,
            made.float_accuracy,
            made.choice,
            replace(options, sizes=made.sizes),
            options.precision,
            {"curve": curve, "verdict": verdict},
            made.notes,
        )


MLP = Net("mlp")
CNN = Net("cnn")
