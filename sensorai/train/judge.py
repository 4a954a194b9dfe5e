"""The proof: the emitted bytes, read back and run on recordings that training never saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.mlc.config import MlcConfig
from sensorai.mlc.features import FeatureStream, inputs, numeric_style
from sensorai.mlc.labels import feature_names
from sensorai.mlc.simulate import Trace, simulate
from sensorai.recording import Dataset, Recording
from sensorai.train.mlc import Trained
from sensorai.compare import Divergence, first_divergence


def held_out(trained: Trained) -> Dataset:
    """Return the recordings of the test groups."""
    return trained.dataset.only_groups(trained.test_groups)


def run(config: MlcConfig, recordings: Sequence[Recording]) -> list[Trace]:
    """Simulate a decoded register file on recordings that are at its rate."""
    return [simulate(config, r, rate="as-is") for r in recordings]


def compare_with_trained(
    trained: Trained, traces: Sequence[Trace], recordings: Sequence[Recording]
) -> tuple[int, Divergence | None]:
    """Compare the emitted bytes with the tree as scikit-learn holds it, window for window.

    Returns
    -------
    windows : int
        Windows compared, all trees together.
    divergence : Divergence or None
        The first difference.
    """
    config = trained.config
    names = feature_names(config)
    style = numeric_style("current")
    compared = 0
    for recording, trace in zip(recordings, traces, strict=True):
        values = FeatureStream(config).push(inputs(config, recording, style))
        expected: dict[str, npt.NDArray[Any]] = {n: values[:, i] for i, n in enumerate(names)}
        got: dict[str, npt.NDArray[Any]] = {n: trace.features[:, i] for i, n in enumerate(names)}
        for t, (fitted, dt, task) in enumerate(zip(trained.fitted, config.trees, trained.tasks, strict=True)):
            code = {label: c for c, label in dt.labels.items()}
            classes = np.array([code[name] for name in task.classes], np.int64)
            answers = (
                classes[fitted.predict(values.astype(np.float32))]  # type: ignore[attr-defined]
                if len(values)
                else np.zeros(0, np.int64)
            )
            expected[f"tree {task.name}"] = answers
            got[f"tree {task.name}"] = trace.tree[:, t].astype(np.int64)
            compared += len(answers)
        found = first_divergence(recording.name, expected, got)
        if found is not None:
            return compared, found
    return compared, None
