"""Classifiers in C: windows of counts, a model, a decision filter; what is the same for every family."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.cproject.trace import counts_of, trace_of
from sensorai.errors import DataError
from sensorai.features.catalogue import IntFeature
from sensorai.graph.graph import Graph
from sensorai.learn import counts as counting
from sensorai.learn.counts import Counted, CountOptions
from sensorai.learn.curves import Epoch, judge, mean
from sensorai.learn.folds import folds
from sensorai.learn.masks import Masks, at_random, masks
from sensorai.learn.sizes import Choice
from sensorai.learn.warn import mounted_pipeline, of_pipeline
from sensorai.model import pipeline as pipelines
from sensorai.model.decision import NONE, decide
from sensorai.model.ensemble import Ensemble
from sensorai.model.pipeline import Pipeline
from sensorai.model.scaling import Scaling
from sensorai.recording import LABEL
from sensorai.road import SILENT, Classifier, Fold, Learnt, Lesson, Need, Progress
from sensorai.verify.shape import listed

#: Decision filters that are tried, and the share of right windows one may cost.
WINS = range(5)
PRICE = 0.005
#: Said where nothing can be left out.
NO_FOLDS = "too few groups for folds: no decision filter was chosen, and nothing was judged beside the test"

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
        Share of right answers on ``train`` and ``test`` rows, as integers and as floats.
    choice : Choice
        Why this size.
    options : object
        What makes the same model again, without a choice of size.
    precision : str
        Arithmetic, in the words of the report.
    curve : tuple of Epoch
        How it was learnt, where that goes in epochs; on test rows, where there are any, as well.
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
    curve: tuple[Epoch, ...] = ()
    notes: tuple[str, ...] = ()
    importance: tuple[float, ...] = ()


class ClassifierFamily:
    """A family of classifiers in C; a subclass says how one is fitted."""

    name: str
    #: Most folds.
    folds: int = 5

    def options(self, lesson: Lesson) -> Any:
        """Options of the model, from the experiment; a ConfigError for a table that is no such options."""
        raise NotImplementedError

    def fit(self, counted: Counted, rows: Masks, options: Any, needs: Needs | None, say: Progress) -> Fitted:
        """Fit a model; of several sizes, where ``needs`` says what they take on the device."""
        raise NotImplementedError

    def learn(self, lesson: Lesson, say: Progress) -> Learnt:
        """Learn from all groups; say by folds what the same procedure is worth on groups it did not see."""
        experiment, prepared, share = lesson.experiment, lesson.prepared, lesson.share
        counted = counting.build(prepared.dataset, CountOptions.of(lesson))
        test_groups = share.test_groups if share.kept else ()
        rows = masks(counted.groups, counted.group, share.train_groups, test_groups)

        if test_groups and not rows.test.any():
            raise DataError(
                "no label of the test recordings lasts for a window",
                hint="choose a shorter --window or add longer logs",
            )

        def needs(
            model: Ensemble | Graph, features: tuple[IntFeature, ...], scaling: Scaling | None = None
        ) -> Need:
            assert prepared.need is not None  # noqa: S101
            # the decision filter is chosen later: count with one
            wins = max(WINS) if experiment.wins is None else experiment.wins
            return prepared.need(replace(_pipeline(lesson, counted, model, features, scaling), wins=wins))

        needed = needs if prepared.need else None
        parts = [
            groups
            for groups in folds(share, [LABEL], experiment.seed, self.folds)
            if masks(counted.groups, counted.group, (), groups).test.any()
        ]
        # the model, one for each fold, and one more on random windows
        each = 1 / (len(parts) + 2)
        made = self.fit(counted, rows, self.options(lesson), needed, say.part(0.0, each))
        judged = []
        for k, groups in enumerate(parts, 1):
            say.within(k * each)
            say(f"learning without {', '.join(groups)}, to be judged on them")
            judged.append(self._fold(lesson, counted, groups, made.options))
        say.within(1 - each)
        pipeline = _pipeline(lesson, counted, made.model, made.features, made.scaling)
        pipeline = replace(pipeline, wins=_wins(judged, counted, experiment.wins))
        curve = mean([one.made.curve for one in judged]) if judged else made.curve
        verdict = judge(curve, float(np.bincount(counted.y).max() / len(counted.y))) if curve else None
        learning = {"curve": [asdict(e) for e in curve], "verdict": verdict and asdict(verdict)}
        return Learnt(
            pipeline,
            (Classifier(lesson.name, LABEL, dict(enumerate(counted.classes))),),
            tuple(r for r in prepared.dataset if r.group in share.test_groups),
            test_groups,
            share.train_groups,
            {
                **self._figures(lesson, counted, rows, made, judged),
                **({"learning": learning} if curve else {}),
            },
            (*counted.notes, *made.notes, *([] if judged else [NO_FOLDS])),
            tuple(mounted_pipeline(pipeline, made.importance)) if made.importance else (),
            seen=(of_pipeline(pipeline, counted, rows, verdict),),
            folds=tuple(self._traced(one, judged, lesson, counted) for one in judged),
        )

    def _fold(self, lesson: Lesson, counted: Counted, groups: tuple[str, ...], options: Any) -> _Judged:
        """Learn as what is delivered does, but without some groups, and answer their windows."""
        others = [g for g in lesson.share.train_groups if g not in groups]
        rows = masks(counted.groups, counted.group, others, groups)
        made = self.fit(counted, rows, options, None, SILENT)
        pipeline = _pipeline(lesson, counted, made.model, made.features, made.scaling)
        _, inputs = pipelines.model_inputs(pipeline, counted.x[rows.test])
        return _Judged(groups, rows, made, pipeline, np.argmax(pipelines.scores(pipeline, inputs), axis=1))

    def _traced(self, one: _Judged, judged: Sequence[_Judged], lesson: Lesson, counted: Counted) -> Fold:
        """Run the model of a fold on the recordings of its groups, with a filter that others chose."""
        others = [other for other in judged if other is not one]
        pipeline = replace(one.pipeline, wins=_wins(others, counted, lesson.experiment.wins))
        recordings = [r for r in lesson.prepared.dataset if r.group in one.groups]
        return Fold(
            one.groups,
            tuple(trace_of(pipeline, r, pipelines.run(pipeline, counts_of(r, pipeline))) for r in recordings),
        )

    def _figures(
        self, lesson: Lesson, counted: Counted, rows: Masks, made: Fitted, judged: Sequence[_Judged]
    ) -> dict[str, Any]:
        """Sections of the report that learning knows."""
        dataset = lesson.prepared.dataset
        test_groups = lesson.share.test_groups if lesson.share.kept else ()
        optimistic = None
        if judged:
            random = at_random(judged[0].rows, lesson.experiment.seed)
            optimistic = self.fit(counted, random, made.options, None, SILENT).accuracy["test"]
        accuracy = {
            "integer": {**dict(made.accuracy), "folds": _pooled(judged, lambda one: one.accuracy)},
            "float": {**dict(made.float_accuracy), "folds": _pooled(judged, lambda one: one.float_accuracy)},
        }
        return {
            "data": {
                "recordings": listed(dataset, test_groups),
                "groups": list(counted.groups),
                "test_groups": list(test_groups),
                "folds": [list(one.groups) for one in judged],
                "windows": {"train": int(rows.train.sum()), "test": int(rows.test.sum())},
            },
            "model": {"kind": self.name, "precision": made.precision},
            "classifiers": [
                {
                    "accuracy": accuracy,
                    "random_windows_optimistic": {"accuracy": optimistic, "balanced_accuracy": None},
                }
            ],
            "choices": {"size": asdict(made.choice)},
            "sources": {
                "random_windows_optimistic": "computed: windows split at random, so this is too good"
            },
        }


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """A model that learnt without some groups, and its answers on their windows."""

    groups: tuple[str, ...]
    rows: Masks
    made: Fitted
    pipeline: Pipeline
    answers: npt.NDArray[np.int64]


def _pooled(judged: Sequence[_Judged], of: Callable[[Fitted], Mapping[str, float]]) -> float | None:
    """Share of right answers over the windows of all folds."""
    counts = [int(one.rows.test.sum()) for one in judged]
    right = sum(n * of(one.made).get("test", 0.0) for n, one in zip(counts, judged, strict=True))
    return right / sum(counts) if sum(counts) else None


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


def _wins(judged: Sequence[_Judged], counted: Counted, given: int | None) -> int:
    """Decision filter: the given one, or the steadiest in the folds that costs next to nothing."""
    if given is not None:
        return given
    table = []
    for wins in WINS:
        right = switches = windows = 0
        for one in judged:
            rows = one.rows.test
            recordings, truth = counted.recording[rows], counted.y[rows]
            windows += len(truth)
            for r in np.unique(recordings):
                here = recordings == r
                decided = decide(one.answers[here], wins, len(counted.classes))
                right += int((decided == truth[here]).sum())
                changed = np.diff(decided, prepend=NONE) != 0
                switches += int((changed & (decided != truth[here]) & (decided != NONE)).sum())
        table.append((right / max(windows, 1), switches, wins))
    top = max(share for share, _, _ in table)
    return min((s, w) for share, s, w in table if share >= top - PRICE)[1]
