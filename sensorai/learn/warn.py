"""What models do on what they learnt from: beside the test it tells whether they can be trusted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sensorai.learn import confounding
from sensorai.learn.counts import Counted
from sensorai.learn.curves import Verdict
from sensorai.learn.masks import Masks
from sensorai.learn.mlc import Trained
from sensorai.mlc.labels import feature_names
from sensorai.model import pipeline as pipelines
from sensorai.model.pipeline import Pipeline
from sensorai.verify.metrics import window_metrics
from sensorai.verify.verdict import Seen


def of_trees(trained: Trained) -> tuple[Seen, ...]:
    """Trees of the machine learning core on their training windows."""
    out = []
    for t, (task, fitted) in enumerate(zip(trained.tasks, trained.fitted, strict=True)):
        truth = trained.train.y[:, t]
        known = truth >= 0
        answers = fitted.predict(trained.train.x[known])  # type: ignore[attr-defined]
        learnt = window_metrics(
            [task.classes[c] for c in truth[known].tolist()],
            [task.classes[int(c)] for c in answers],
            task.classes,
        )
        out.append(Seen(learnt))
    return tuple(out)


def mounted_trees(trained: Trained) -> list[str]:
    """Warnings about trees of the core that decide by how the sensor is mounted."""
    oriented = [confounding.oriented_register(f) for f in trained.config.features]
    names, out = feature_names(trained.config), []
    for task, fitted in zip(trained.tasks, trained.fitted, strict=True):
        name = f"{task.name}: " if len(trained.tasks) > 1 else ""
        weights = fitted.feature_importances_.tolist()  # type: ignore[attr-defined]
        out += [name + text for text in confounding.mounting(names, oriented, weights)]
    return out


def mounted_pipeline(pipeline: Pipeline, importance: Sequence[float]) -> list[str]:
    """Warnings about a forest in C that decides by how the sensor is mounted."""
    channels = [c.name for c in pipeline.channels]
    oriented = [confounding.oriented_integer(f, channels) for f in pipeline.features]
    return confounding.mounting([f.label(channels) for f in pipeline.features], oriented, importance)


def of_pipeline(pipeline: Pipeline, counted: Counted, split: Masks, curve: Verdict | None = None) -> Seen:
    """A classifier in C on its training windows; ``curve`` says how well a net fits."""
    rows = split.train & counted.answered
    _, inputs = pipelines.model_inputs(pipeline, counted.x[rows])
    answers = np.argmax(pipelines.scores(pipeline, inputs), axis=1)
    learnt = window_metrics(
        [counted.classes[c] for c in counted.y[rows].tolist()],
        [counted.classes[c] for c in answers.tolist()],
        counted.classes,
    )
    fit, why = (curve.fit, curve.why) if curve else ("", "")
    return Seen(learnt, counted.overlap, fit, why)
