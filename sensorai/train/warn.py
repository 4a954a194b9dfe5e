"""The warnings of a training: what the report says first. Gathered here, judged elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.mlc.labels import feature_names
from sensorai.model import pipeline as pipelines
from sensorai.model.pipeline import Pipeline
from sensorai.train import confounding
from sensorai.train.counts import Counted
from sensorai.train.masks import Masks
from sensorai.train.mlc import Trained
from sensorai.verify.judge import TreeJudgement
from sensorai.verify.metrics import window_metrics
from sensorai.verify.verdict import Learnt, warnings


def of_trees(trained: Trained, held: Sequence[TreeJudgement]) -> list[str]:
    """Warnings about trees of the machine learning core, by name where there are several."""
    out: list[str] = []
    for t, (task, fitted, judged) in enumerate(zip(trained.tasks, trained.fitted, held, strict=True)):
        truth = trained.train.y[:, t]
        known = truth >= 0
        answers = fitted.predict(trained.train.x[known])  # type: ignore[attr-defined]
        learnt = window_metrics(
            [task.classes[c] for c in truth[known].tolist()],
            [task.classes[int(c)] for c in answers],
            task.classes,
        )
        name = f"{task.name}: " if len(trained.tasks) > 1 else ""
        said = warnings(judged, Learnt(learnt))
        if hasattr(fitted, "feature_importances_"):
            features = trained.config.features
            oriented = [confounding.oriented_register(f) for f in features]
            weights = fitted.feature_importances_.tolist()
            said += confounding.mounting(feature_names(trained.config), oriented, weights)
        out += [name + text for text in said]
    return out


def of_pipeline(
    pipeline: Pipeline,
    counted: Counted,
    split: Masks,
    held: TreeJudgement,
    curve: Mapping[str, str] | None = None,
    importance: Sequence[float] = (),
) -> list[str]:
    """Warnings about a classifier in C; ``curve`` says how well a net fits, ``importance`` is a forest's."""
    rows = counted.rows(split.train)
    _, inputs = pipelines.model_inputs(pipeline, rows.x)
    answers = np.argmax(pipelines.scores(pipeline, inputs), axis=1)
    learnt = window_metrics(
        [counted.classes[c] for c in rows.y.tolist()],
        [counted.classes[c] for c in answers.tolist()],
        counted.classes,
    )
    fit, why = (curve["fit"], curve["why"]) if curve else ("", "")
    said = warnings(held, Learnt(learnt, counted.overlap, fit, why))
    if importance:
        channels = [c.name for c in pipeline.channels]
        oriented = [confounding.oriented_integer(f, channels) for f in pipeline.features]
        said += confounding.mounting([f.label(channels) for f in pipeline.features], oriented, importance)
    return said
