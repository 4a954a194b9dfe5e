"""Classifiers in C: windows of counts, a model, a decision filter; what is the same for every family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from sensorai.features.catalogue import IntFeature
from sensorai.graph.graph import Graph
from sensorai.learn import counts as counting
from sensorai.learn.counts import Counted, CountOptions
from sensorai.learn.masks import Masks, at_random
from sensorai.learn.sizes import Choice
from sensorai.learn.warn import mounted_pipeline, of_pipeline
from sensorai.model import pipeline as pipelines
from sensorai.model.decision import NONE, decide
from sensorai.model.ensemble import Ensemble
from sensorai.model.pipeline import Pipeline
from sensorai.model.scaling import Scaling
from sensorai.recording import LABEL
from sensorai.road import Classifier, Figures, Learnt, Lesson, Need, Progress
from sensorai.verify.shape import listed

#: Decision filters that are tried, and the share of right windows one may cost.
WINS = range(5)
PRICE = 0.005
#: How much of the learning is done when the model is there; the rest is one more on random windows.
LEARNING = 0.8

#: What a model with its features takes on the device.
Needs = Callable[[Ensemble | Graph, tuple[IntFeature, ...], Scaling | None], Need]


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A model with what belongs to it.

    Attributes
    ----------
    model : Ensemble or Graph
    features : tuple of IntFeature
    scaling : Scaling, optional
    accuracy, float_accuracy : mapping of str to float
        Share of right answers on ``train``, ``validation`` and ``test`` rows, as integers and as floats.
    choice : Choice
        Why this size.
    options : object
        What makes the same model again, without a choice of size.
    precision : str
        Arithmetic, in the words of the report.
    learning : mapping
        ``curve`` and ``verdict`` of the report; empty where there are none.
    notes : tuple of str
    importance : tuple of float
        Of each feature, where the model says it.
    """

    model: Ensemble | Graph
    features: tuple[IntFeature, ...]
    scaling: Scaling | None
    accuracy: Mapping[str, float]
    float_accuracy: Mapping[str, float]
    choice: Choice
    options: Any
    precision: str
    learning: Figures = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    importance: tuple[float, ...] = ()


class ClassifierFamily:
    """A family of classifiers in C; a subclass says how one is fitted."""

    name: str

    def options(self, lesson: Lesson) -> Any:
        """Options of the model, from the experiment; a ConfigError for a table that is no such options."""
        raise NotImplementedError

    def fit(self, counted: Counted, rows: Masks, options: Any, needs: Needs | None, say: Progress) -> Fitted:
        """Fit a model; of several sizes, where ``needs`` says what they take on the device."""
        raise NotImplementedError

    def learn(self, lesson: Lesson, say: Progress) -> Learnt:
        """Learn on windows of counts, choose the decision filter, and compare with a random split."""
        experiment, prepared = lesson.experiment, lesson.prepared
        counted = counting.build(prepared.dataset, CountOptions.of(lesson))
        rows = counted.masks(lesson.share)

        def needs(
            model: Ensemble | Graph, features: tuple[IntFeature, ...], scaling: Scaling | None = None
        ) -> Need:
            assert prepared.need is not None  # noqa: S101
            # the decision filter is chosen later: count with one
            wins = max(WINS) if experiment.wins is None else experiment.wins
            return prepared.need(replace(_pipeline(lesson, counted, model, features, scaling), wins=wins))

        needed = needs if prepared.need else None
        made = self.fit(counted, rows, self.options(lesson), needed, say.part(0.0, LEARNING))
        say("learning once more on windows split at random, for comparison")
        random = at_random(rows, experiment.seed)
        again = say.part(LEARNING, 1.0, words=False)
        optimistic = self.fit(counted, random, made.options, None, again).accuracy["test"]
        pipeline = _pipeline(lesson, counted, made.model, made.features, made.scaling)
        pipeline = replace(pipeline, wins=_wins(pipeline, counted, rows, experiment.wins))
        held = tuple(r for r in prepared.dataset if r.group in rows.test_groups)
        return Learnt(
            pipeline,
            (Classifier(lesson.name, LABEL, dict(enumerate(counted.classes))),),
            held,
            rows.test_groups,
            tuple(g for g in prepared.dataset.groups() if g not in rows.test_groups),
            self._figures(lesson, counted, rows, made, optimistic),
            (*counted.notes, *made.notes),
            tuple(mounted_pipeline(pipeline, made.importance)) if made.importance else (),
            seen=(of_pipeline(pipeline, counted, rows, made.learning.get("verdict")),),
        )

    def _figures(
        self, lesson: Lesson, counted: Counted, rows: Masks, made: Fitted, optimistic: float
    ) -> dict[str, Any]:
        """Sections of the report that learning knows."""
        dataset = lesson.prepared.dataset
        accuracy = {"integer": dict(made.accuracy), "float": dict(made.float_accuracy)}
        return {
            "data": {
                "recordings": listed(dataset, rows.test_groups),
                "groups": list(counted.groups),
                "test_groups": list(rows.test_groups),
                "validation_groups": list(rows.validation_groups),
                "windows": {part: int(getattr(rows, part).sum()) for part in ("train", "validation", "test")},
            },
            "model": {"kind": self.name, "precision": made.precision},
            "classifiers": [
                {
                    "accuracy": accuracy,
                    "random_windows_optimistic": {"accuracy": optimistic, "balanced_accuracy": None},
                }
            ],
            "choices": {"size": asdict(made.choice)},
            **({"learning": made.learning} if made.learning else {}),
            "sources": {
                "random_windows_optimistic": "computed: windows split at random, so this is too good"
            },
        }


def _pipeline(
    lesson: Lesson,
    counted: Counted,
    model: Ensemble | Graph,
    features: tuple[IntFeature, ...],
    scaling: Scaling | None,
) -> Pipeline:
    return Pipeline(
        lesson.name,
        counted.channels,
        counted.rate_hz,
        counted.window,
        counted.stride,
        (),
        features,
        scaling,
        model,
        counted.classes,
    )


def _wins(pipeline: Pipeline, counted: Counted, masks: Masks, given: int | None) -> int:
    """Decision filter: the given one, or the steadiest on validation windows that costs next to nothing."""
    if given is not None:
        return given
    rows = counted.rows(masks.validation)
    if not len(rows.y):
        return 0
    _, inputs = pipelines.model_inputs(pipeline, rows.x)
    answers = np.argmax(pipelines.scores(pipeline, inputs), axis=1)
    table = []
    for wins in WINS:
        right = switches = 0
        for r in np.unique(rows.recording):
            here = rows.recording == r
            decided = decide(answers[here], wins, len(counted.classes))
            right += int((decided == rows.y[here]).sum())
            changed = np.diff(decided, prepend=NONE) != 0
            switches += int((changed & (decided != rows.y[here]) & (decided != NONE)).sum())
        table.append((right / len(rows.y), switches, wins))
    top = max(share for share, _, _ in table)
    return min((s, w) for share, s, w in table if share >= top - PRICE)[1]
