"""Classifiers in C: windows of counts, a model, a decision filter; what is the same for every family."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.cproject.trace import counts_of, trace_of
from sensorai.errors import DataError
from sensorai.features.catalogue import IntFeature
from sensorai.graph.graph import Graph
from sensorai.learn import counts as counting
from sensorai.learn import glance as cheap
from sensorai.learn import variants
from sensorai.learn.counts import Counted, CountOptions
from sensorai.learn.curves import Epoch, judge, mean
from sensorai.learn.folds import folds
from sensorai.learn.glance import Glance, Glimpse, Kept
from sensorai.learn.masks import Masks, at_random, masks
from sensorai.learn.sizes import Choice
from sensorai.learn.variations import promised
from sensorai.learn.warn import mounted_pipeline, of_pipeline
from sensorai.model import pipeline as pipelines
from sensorai.model.decision import NONE, decide
from sensorai.model.ensemble import Ensemble
from sensorai.model.pipeline import Pipeline, PipelineTrace
from sensorai.model.scaling import Scaling
from sensorai.recording import LABEL, Dataset, Recording
from sensorai.road import SILENT, Classifier, Fold, Learnt, Lesson, Need, Progress
from sensorai.verify.metrics import window_metrics
from sensorai.verify.shape import listed
from sensorai.work import SERIAL

#: Decision filters that are tried, and the share of right windows one may cost.
WINS = range(5)
PRICE = 0.005
#: Windows from which on one seed is learnt with, where nothing is said: with so many it matters little.
MANY = 20_000
#: Samples from which on it is worth it to run folds elsewhere; for learning them ``MANY`` windows say so.
SAMPLES = 2_000_000
#: Said where nothing can be left out, or nothing was to be.
NO_FOLDS = "without folds: no decision filter was chosen, and nothing was judged beside the test"

#: Least windows to learn from where two folds are left out.
INNER = 40
#: How much of the learning is done when there is a model, and when the folds are judged.
FIRST, FOLDED = 0.1, 0.85

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
    #: Most folds, and seeds to choose from where nothing is said.
    folds: int = 5
    seeds: int = 1
    #: Whether windows to learn from begin at more places than the device answers at.
    dense: bool = True

    def options(self, lesson: Lesson) -> Any:
        """Options of the model, from the experiment; a ConfigError for a table that is no such options."""
        raise NotImplementedError

    def fit(self, counted: Counted, rows: Masks, options: Any, needs: Needs | None, say: Progress) -> Fitted:
        """Fit a model; of several sizes, where ``needs`` says what they take on the device."""
        raise NotImplementedError

    def seeded(self, options: Any, more: int) -> Any:
        """Return the same options with a seed that is ``more`` higher."""
        return replace(options, seed=options.seed + more)

    def seed_of(self, options: Any) -> int:
        """Seed of options."""
        return int(options.seed)

    def learn(self, lesson: Lesson, say: Progress) -> Learnt:
        """Learn from all groups; say by folds what the same procedure is worth on groups it did not see."""
        experiment, prepared, share = lesson.experiment, lesson.prepared, lesson.share
        asked = CountOptions.of(lesson, dense=self.dense or bool(experiment.event))
        counted = _counted(lesson, asked, share.train_groups)
        test_groups = share.test_groups if share.kept else ()
        rows = masks(counted.groups, counted.group, share.train_groups, test_groups, counted.answered)
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
            wins = max(WINS) if given is None else given
            return prepared.need(replace(_pipeline(lesson, counted, model, features, scaling), wins=wins))

        # a window that an event opened stands for itself
        given = 0 if counted.event is not None and experiment.wins is None else experiment.wins
        needed = needs if prepared.need else None
        most = self.folds if experiment.folds is None else experiment.folds
        parts = [
            groups
            for groups in folds(share, [LABEL], experiment.seed, most)
            if masks(counted.groups, counted.group, (), groups, counted.answered).test.any()
        ]
        usual = self.seeds if counted.answered.sum() <= MANY else 1
        seeds = (experiment.seeds or usual) if parts else 1
        made = self.fit(counted, rows, self.options(lesson), needed, say.part(0.0, FIRST))
        every = self._folds(lesson, counted, parts, made.options, seeds, given, say.part(FIRST, FOLDED))
        say.within(FOLDED)
        made, taken, tried = self._seed(counted, rows, made, [one.outer for one in every], needed, seeds)
        judged = [one.outer[one.taken] for one in every]
        pipeline = _pipeline(lesson, counted, made.model, made.features, made.scaling)
        chosen = [one.outer[taken] for one in every]
        pipeline = replace(pipeline, wins=_wins(chosen, given))
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
                **self._figures(lesson, counted, rows, made, judged, tried),
                **({"learning": learning} if curve else {}),
            },
            (*counted.notes, *made.notes, *_of_folds(every, given, seeds), *_promise(judged)),
            tuple(mounted_pipeline(pipeline, made.importance)) if made.importance else (),
            seen=(of_pipeline(pipeline, counted, rows, verdict),),
            folds=_traced(every, lesson, given),
            index={"events": list(experiment.event)} if experiment.event else {},
            events=experiment.event,
        )

    def glance(self, lesson: Lesson, say: Progress, kept: Kept | None = None) -> Glance:
        """Learn one model of all groups, and others fold by fold as they are asked for: what a search asks.

        Lessons on the same logs may share what is ``kept``.
        """
        asked = CountOptions.of(lesson, dense=self.dense or bool(lesson.experiment.event))
        counted = (kept or Kept()).get(
            repr((asked, lesson.share.train_groups)),
            lambda: _counted(lesson, asked, lesson.share.train_groups),
        )
        rows = masks(counted.groups, counted.group, lesson.share.train_groups, (), counted.answered)
        made = self.fit(counted, rows, self.options(lesson), None, say)
        pipeline = _pipeline(lesson, counted, made.model, made.features, made.scaling)
        given = lesson.experiment.wins

        def judged() -> Iterator[Glimpse]:
            for groups in folds(lesson.share, [LABEL], lesson.experiment.seed, cheap.FOLDS):
                others = tuple(g for g in lesson.share.train_groups if g not in groups)
                one = self.fold(lesson, counted, groups, others, made.options, say)
                truth = [counted.classes[k] for k in one.counted.y[one.rows.test]]
                answers = [counted.classes[k] for k in one.answers]
                if truth:
                    yield Glimpse(groups, (window_metrics(truth, answers, counted.classes),))

        return Glance(replace(pipeline, wins=max(WINS) if given is None else given), judged())

    def _folds(
        self,
        lesson: Lesson,
        counted: Counted,
        parts: Sequence[tuple[str, ...]],
        options: Any,
        seeds: int,
        wins: int | None,
        say: Progress,
    ) -> list[_Nested]:
        """Learn without each fold in turn; what is chosen for it is chosen on another one.

        The models that choose learnt from neither: whatever is done with the groups of a fold, nothing that
        they are judged by has seen them.
        """
        choice = seeds > 1 or wins is None
        beside = [_beside(lesson, counted, parts, k) if choice else None for k in range(len(parts))]
        # groups to judge by, and those that are left out beside them
        pairs: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
        for groups, other in zip(parts, beside, strict=True):
            pairs += [(groups, ()), *([(other, groups)] if other is not None else [])]
        items: list[_Asked] = []
        for k, (groups, unseen) in enumerate(pairs):
            others = tuple(g for g in lesson.share.train_groups if g not in groups and g not in unseen)
            for seed in range(seeds):
                at, whole = k * seeds + seed, len(pairs) * seeds
                words = (
                    "" if seed or unseen else f"learning without {', '.join(groups)}, to be judged on them"
                )
                items.append(
                    _Asked(groups, others, self.seeded(options, seed), words, at / whole, (at + 1) / whole)
                )
        many = int(counted.answered.sum()) > MANY
        made = lesson.work.map(_learn_fold, (self, _light(lesson), counted, say), items, many)
        judged: list[_Judged] = []
        for item, one in zip(items, made, strict=True):
            judged.append(one if one.counted is not None else replace(one, counted=counted))
            say.within(item.stop)
        found = iter(judged)
        out = []
        for other in beside:
            outer = tuple(next(found) for _ in range(seeds))
            inner = tuple(next(found) for _ in range(seeds if other is not None else 0))
            out.append(_Nested(outer, inner, _best(inner)))
        return out

    def _seed(
        self,
        counted: Counted,
        rows: Masks,
        first: Fitted,
        judged: Sequence[Sequence[_Judged]],
        needs: Needs | None,
        seeds: int,
    ) -> tuple[Fitted, int, list[dict[str, Any]]]:
        """Learn from all groups with the seed that did best in the folds; also which, and what was tried."""
        if seeds == 1:
            return first, 0, []
        runs = [[of[seed] for of in judged] for seed in range(seeds)]
        scores = [_score(run) for run in runs]
        made, taken = first, 0
        for seed in sorted(range(seeds), key=lambda seed: (-scores[seed], seed)):
            taken = seed
            if not seed:
                break
            again = self.fit(counted, rows, self.seeded(first.options, seed), None, SILENT)
            need = needs(again.model, again.features, again.scaling) if needs else None
            if need is None or not need.problems:
                made = replace(again, choice=first.choice.again(need, self.seed_of(again.options)))
                break
            # its features may take more than those of the first, which fits
        tried = [
            {
                "seed": self.seed_of(self.seeded(first.options, seed)),
                "accuracy": _pooled(run, lambda one: one.accuracy),
                "balanced_accuracy": score,
                "chosen": seed == taken,
            }
            for seed, (run, score) in enumerate(zip(runs, scores, strict=True))
        ]
        return made, taken, tried

    def fold(
        self,
        lesson: Lesson,
        counted: Counted,
        groups: tuple[str, ...],
        others: tuple[str, ...],
        options: Any,
        say: Progress,
    ) -> _Judged:
        """Learn as what is delivered does, but from some groups alone, and answer the windows of others."""
        if counted.event is not None:
            # the trigger is part of what is judged: its threshold knows nothing of these groups either
            counted = _counted(lesson, CountOptions.of(lesson, dense=True), others)
        rows = masks(counted.groups, counted.group, others, groups, counted.answered)
        made = self.fit(counted, rows, options, None, say)
        pipeline = _pipeline(lesson, counted, made.model, made.features, made.scaling)

        def answers(x: npt.NDArray[np.int16]) -> npt.NDArray[np.int64]:
            _, inputs = pipelines.model_inputs(pipeline, x)
            out: npt.NDArray[np.int64] = np.argmax(pipelines.scores(pipeline, inputs), axis=1)
            return out

        experiment = lesson.experiment
        wanted = promised(experiment.any_side, experiment.any_orientation)
        # other turns than those that were learnt from
        turned = None if wanted is None else answers(variants.of(counted, wanted, 1).x[rows.test])
        return _Judged(groups, counted, rows, made, pipeline, answers(counted.x[rows.test]), turned)

    def _figures(
        self,
        lesson: Lesson,
        counted: Counted,
        rows: Masks,
        made: Fitted,
        judged: Sequence[_Judged],
        tried: Sequence[Mapping[str, Any]],
    ) -> dict[str, Any]:
        """Sections of the report that learning knows."""
        dataset = lesson.prepared.dataset
        test_groups = lesson.share.test_groups if lesson.share.kept else ()
        optimistic = None
        if judged:
            random = at_random(judged[0].rows, rows.train & counted.answered, lesson.experiment.seed)
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
            "choices": {"size": asdict(made.choice), **({"seeds": list(tried)} if tried else {})},
            "sources": {
                "random_windows_optimistic": "computed: windows split at random, so this is too good"
            },
        }


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """A model that learnt without some groups, and its answers on their windows.

    ``counted`` are the windows, None on the way from where it was learnt, if they are those of all folds;
    ``turned`` are the answers on the same windows turned as was promised, where something is.
    """

    groups: tuple[str, ...]
    counted: Any
    rows: Masks
    made: Fitted
    pipeline: Pipeline
    answers: npt.NDArray[np.int64]
    turned: npt.NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A model of a fold that is to be learnt: from ``others``, to be judged on ``groups``.

    ``words`` say so; the progress goes from ``start`` to ``stop``.
    """

    groups: tuple[str, ...]
    others: tuple[str, ...]
    options: Any
    words: str
    start: float
    stop: float


def _learn_fold(shared: tuple[ClassifierFamily, Lesson, Counted, Progress], asked: _Asked) -> _Judged:
    """Learn one model of a fold, wherever that is; the windows stay where they are."""
    family, lesson, counted, say = shared
    if asked.words:
        say(asked.words)
    part = say.part(asked.start, asked.stop, words=False)
    made = family.fold(lesson, counted, asked.groups, asked.others, asked.options, part)
    return replace(made, counted=None) if made.counted is counted else made


def _light(lesson: Lesson) -> Lesson:
    """What learning a fold needs of a lesson: recordings only where events open windows."""
    prepared = replace(lesson.prepared, need=None)
    if not lesson.experiment.event:
        prepared = replace(prepared, dataset=Dataset(()))
    return replace(lesson, prepared=prepared, share=None, work=SERIAL)


@dataclass(frozen=True, slots=True, eq=False)
class _Nested:
    """A fold: models of every seed, and others that learnt from neither its groups nor those they answer.

    ``taken`` is the place of the seed that the others chose.
    """

    outer: tuple[_Judged, ...]
    inner: tuple[_Judged, ...]
    taken: int


def _beside(
    lesson: Lesson, counted: Counted, parts: Sequence[tuple[str, ...]], k: int
) -> tuple[str, ...] | None:
    """Groups of the next fold that can be left out beside fold ``k``, with every class still learnt."""
    for place in range(k + 1, k + len(parts)):
        other = parts[place % len(parts)]
        left = [g for g in lesson.share.train_groups if g not in other and g not in parts[k]]
        rows = masks(counted.groups, counted.group, left, (), counted.answered).train & counted.answered
        if len(np.unique(counted.y[rows])) == len(np.unique(counted.y)) and rows.sum() >= INNER:
            return other
    return None


def _traced(every: Sequence[_Nested], lesson: Lesson, given: int | None) -> tuple[Fold, ...]:
    """Run the models of folds on recordings of their groups, with filters that were chosen elsewhere."""
    asked = []
    for one in every:
        judged = one.outer[one.taken]
        wins = _wins(one.inner[one.taken : one.taken + 1], given)
        pipeline = replace(judged.pipeline, wins=wins)
        asked.append([(pipeline, r) for r in lesson.prepared.dataset.recordings if r.group in judged.groups])
    items = [item for of in asked for item in of]
    made = lesson.work.map(_run, None, items, sum(len(r) for _, r in items) > SAMPLES)
    folds = []
    for one, of in zip(every, asked, strict=True):
        traces = tuple(trace_of(pipeline, r, next(made)) for pipeline, r in of)
        folds.append(Fold(one.outer[one.taken].groups, traces))
    return tuple(folds)


def _run(_: None, item: tuple[Pipeline, Recording]) -> PipelineTrace:
    pipeline, recording = item
    return pipelines.run(pipeline, counts_of(recording, pipeline))


def _of_folds(every: Sequence[_Nested], wins: int | None, seeds: int) -> list[str]:
    """What is to be said of the folds."""
    if not every:
        return [NO_FOLDS]
    blind = sum(not one.inner for one in every)
    if blind and (wins is None or seeds > 1):
        return [
            f"{blind} of {len(every)} folds had too few other groups to choose a decision filter or a seed "
            "by: they are judged without a filter, with the first seed"
        ]
    return []


def _promise(judged: Sequence[_Judged]) -> list[str]:
    """What the folds say of windows that are turned as was promised."""
    known = [
        (one.turned, one.answers, one.counted.y[one.rows.test]) for one in judged if one.turned is not None
    ]
    if not known:
        return []
    turned = np.mean(np.concatenate([made == truth for made, _, truth in known]))
    plain = np.mean(np.concatenate([made == truth for _, made, truth in known]))
    return [
        f"windows of the folds, each mirrored or turned at random as was promised: {turned:.1%} right "
        f"(as recorded {plain:.1%})"
    ]


def _score(run: Sequence[_Judged]) -> float:
    """Mean over the classes of the share of their windows that are right, over folds."""
    truth = np.concatenate([one.counted.y[one.rows.test] for one in run])
    right = np.concatenate([one.answers for one in run]) == truth
    return float(np.mean([right[truth == c].mean() for c in np.unique(truth)]))


def _best(runs: Sequence[_Judged]) -> int:
    """Place of the best of several seeds on the same groups, the first of equals."""
    scores = [_score([one]) for one in runs]
    return scores.index(max(scores)) if scores else 0


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
        event=counted.event,
    )


def _counted(lesson: Lesson, asked: CountOptions, groups: Sequence[str]) -> Counted:
    """Windows of all logs; where events open them, the trigger is chosen on some groups."""
    if asked.event is not None:
        asked = replace(asked, event=replace(asked.event, groups=tuple(groups)))
    return counting.build(lesson.prepared.dataset, asked)


def _wins(judged: Sequence[_Judged], given: int | None) -> int:
    """Decision filter: the given one, or the steadiest in the folds that costs next to nothing."""
    if given is not None:
        return given
    table = []
    for wins in WINS:
        right = switches = windows = 0
        for one in judged:
            rows, counted = one.rows.test, one.counted
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
