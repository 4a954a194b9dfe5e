"""A device that learns, in whole numbers: what the generated C does call by call."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError
from sensorai.features.filters import run_filters
from sensorai.model import knowledge as saved
from sensorai.model import learner
from sensorai.model.decision import decide
from sensorai.model.detector import CLASSES, Detector
from sensorai.model.pipeline import Int16, Pipeline, PipelineTrace, model_inputs, saturated, windows


class Session:
    """One context: the reference of ``NAME_learn``, ``NAME_detect``, ``NAME_freeze``, ``NAME_save`` ...

    Parameters
    ----------
    pipeline : Pipeline
        One that learns.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.knowledge = saved.start(pipeline)
        self.pipeline = pipeline
        self._samples: Int16 = np.zeros((0, len(pipeline.channels)), np.int16)
        self._answers: list[int] = []

    def learn(self, samples: Int16) -> int:
        """Give samples to ``NAME_learn``, shape (n, channels); return how many windows were learnt."""
        _, inputs, _ = self._push(samples)
        self._replace(learner.learn(self.knowledge.moments, inputs))
        return len(inputs)

    def detect(self, samples: Int16) -> PipelineTrace:
        """Give samples to ``NAME_detect``, shape (n, channels); return the windows that they complete."""
        features, inputs, end = self._push(samples)
        model = self.pipeline.model
        assert isinstance(model, Detector)  # noqa: S101 - else it would not learn
        points = Detector(model.kind, self.knowledge.tables, model.threshold).scores(inputs)
        answer = np.argmax(points, axis=1).astype(np.int64)
        self._answers += answer.tolist()
        decided = decide(np.array(self._answers, np.int64), self.pipeline.wins, len(CLASSES))
        new = decided[len(decided) - len(answer) :]
        return PipelineTrace(features, inputs, points, answer, new, end, saturated(self._samples)[end - 1])

    def forget(self) -> None:
        """``NAME_forget``: learn from the first window again."""
        self._replace(learner.empty(self.knowledge.moments.features))

    def freeze(self) -> bool:
        """``NAME_freeze``; False where too few windows were learnt, and then nothing changes."""
        if not self.knowledge.moments.enough:
            return False
        self.knowledge = self.knowledge.freeze(self.pipeline)
        return True

    def save(self) -> bytes:
        """``NAME_save``."""
        return saved.pack(self.knowledge)

    def restore(self, blob: bytes) -> None:
        """``NAME_restore``; a DataError where it refuses, and then nothing changes."""
        found = saved.unpack(blob)
        saved.check_model(found, self.pipeline)
        self.knowledge = found

    def _replace(self, moments: learner.Moments) -> None:
        now = self.knowledge
        self.knowledge = saved.Knowledge(moments, now.tables, now.frozen, now.model)

    def _push(
        self, samples: Int16
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.integer], npt.NDArray[np.int64]]:
        """Features, inputs and ends of the windows that these samples complete."""
        one = self.pipeline
        if samples.dtype != np.int16 or samples.ndim != 2 or samples.shape[1] != len(one.channels):
            raise ConfigError(f"samples must be int16 with {len(one.channels)} channels")
        before = len(self._samples)
        self._samples = np.concatenate([self._samples, samples])
        filtered = run_filters(one.filters, self._samples) if one.filters else self._samples
        cut = windows(filtered, one.window, one.stride)
        end = np.arange(len(cut)) * one.stride + one.window
        new = end > before
        features, inputs = model_inputs(one, cut[new])
        return features, inputs, end[new]
