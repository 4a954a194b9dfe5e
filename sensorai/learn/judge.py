"""What only the learner can compare: the emitted registers against the model as it was fitted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.divergence import first_divergence
from sensorai.learn.table import Task
from sensorai.mlc import arff
from sensorai.mlc.config import MlcConfig
from sensorai.mlc.features import FeatureStream, inputs, numeric_style
from sensorai.mlc.labels import feature_names
from sensorai.recording import Dataset
from sensorai.road import Checked, Trace


def against_fitted(
    config: MlcConfig, fitted: Sequence[Any], tasks: Sequence[Task]
) -> Callable[[Sequence[Trace]], Checked]:
    """Compare traces of the emitted bytes with models that have scikit-learn's ``predict``, every window."""

    def check(traces: Sequence[Trace]) -> Checked:
        compared = 0
        for trace in traces:
            expected, got, windows = _columns(config, fitted, tasks, trace)
            found = first_divergence(trace.recording.name, expected, got)
            if found is not None:
                return Checked(compared, str(found))
            compared += windows
        return Checked(compared)

    return check


def _columns(
    config: MlcConfig, fitted: Sequence[Any], tasks: Sequence[Task], trace: Trace
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, npt.NDArray[Any]], int]:
    """Features and answers as they were learnt, and as the registers give them; answers of all trees."""
    names, windows = feature_names(config), 0
    values = FeatureStream(config).push(inputs(config, trace.recording, numeric_style("current")))
    expected: dict[str, npt.NDArray[Any]] = {n: values[:, i] for i, n in enumerate(names)}
    got: dict[str, npt.NDArray[Any]] = {n: trace.raw.features[:, i] for i, n in enumerate(names)}
    for t, (model, dt, task) in enumerate(zip(fitted, config.trees, tasks, strict=True)):
        code = {label: c for c, label in dt.labels.items()}
        classes = np.array([code[name] for name in task.classes], np.int64)
        answers = classes[model.predict(values.astype(np.float32))] if len(values) else np.zeros(0, np.int64)
        expected[f"tree {task.name}"] = answers
        got[f"tree {task.name}"] = trace.raw.tree[:, t].astype(np.int64)
        windows += len(answers)
    return expected, got, windows


def feature_table(config: MlcConfig, dataset: Dataset, column: str, names: Sequence[str]) -> arff.Arff:
    """Every labelled window of every recording with its class: what ST's tools can read."""
    style = numeric_style("current")
    tables, labels = [], []
    for r in dataset:
        values = FeatureStream(config).push(inputs(config, r, style))
        truth = r.window_labels(config.window, column)[: len(values)]
        start = 0
        # a table per stretch of one class
        for k in range(len(truth) + 1):
            if k == len(truth) or truth[k] != truth[start]:
                label = truth[start] if truth else None
                if label is not None:
                    tables.append(values[start:k])
                    labels.append(label)
                start = k
    return arff.from_tables(names, tables, labels)
