"""A box around every normal state, as a tree of the machine learning core."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sensorai.learn import states
from sensorai.learn.envelope import STEPS
from sensorai.learn.judge import against_fitted, feature_table
from sensorai.learn.mlcbox import train_box
from sensorai.learn.normal import data_of, windows_of
from sensorai.learn.states import STATE
from sensorai.learn.table import Task
from sensorai.mlc import arff
from sensorai.mlc.labels import feature_names
from sensorai.model.detector import CLASSES
from sensorai.recording import LABEL, Recording
from sensorai.road import Classifier, Learnt, Lesson, Level, Progress


class BoxFamily:
    """Bounds of features, widened by one margin for all."""

    def learn(self, lesson: Lesson, say: Progress) -> Learnt:
        """Learn bounds on normal windows, and the margin on other normal recordings."""
        made = train_box(lesson, say)
        detector, choices = made.detector, made.choices
        config, parts = detector.config, detector.parts
        code = {label: c for c, label in config.trees[0].labels.items()}
        counted = [_states(r, config.window) for r in parts.recordings]
        recording = np.repeat(np.arange(len(counted)), [len(c) for c in counted])
        table = feature_table(config, parts.recordings, STATE, feature_names(config))
        return Learnt(
            config,
            (Classifier("anomaly", STATE, {code[name]: name for name in CLASSES}),),
            parts.test,
            parts.groups("test"),
            parts.learnt(),
            {
                "data": data_of(
                    parts, lesson.prepared.rate_hz, windows_of(parts, recording, np.concatenate(counted))
                ),
                "model": {"kind": "box"},
                "choices": {"window": choices.window, "sensors": [], "features": []},
                "threshold": {
                    "words": f"{detector.chosen.value / STEPS:.2f} half ranges of the normal state"
                },
            },
            tuple(choices.notes),
            tuple(choices.warnings),
            levels=(
                Level(
                    "the trained box", against_fitted(config, (made.box,), (Task("anomaly", STATE, CLASSES),))
                ),
            ),
            detector=detector,
            index={"states": parts.index(LABEL)},
            files={"features.arff": arff.arff_text(table).encode()},
        )


def _states(recording: Recording, window: int) -> npt.NDArray[np.int64]:
    """Whole windows of a recording: 0 normal, 1 anomaly, -1 neither, shape (windows,)."""
    codes = {states.NORMAL: 0, states.ANOMALY: 1, None: -1}
    return np.array([codes[name] for name in recording.window_labels(window, STATE)], np.int64)


BOX = BoxFamily()
