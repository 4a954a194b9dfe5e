"""From logs to a C project for the ISPU or a microcontroller: learn, emit, run the C, report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.features.catalogue import IntFeature
from sensorai.formats.plausible import check_units
from sensorai.model import pipeline as pipelines
from sensorai.model.decision import NONE, decide
from sensorai.model.ensemble import Ensemble
from sensorai.model.graph import Graph
from sensorai.model.pipeline import Pipeline
from sensorai.model.scaling import Scaling
from sensorai.recording import Dataset, Recording
from sensorai.train import counts as counting
from sensorai.train import room
from sensorai.train.cdeliver import (
    ProjectDelivery,
    ProjectOptions,
    Proved,
    at_rate,
    common,
    device,
    finish,
    prove,
)
from sensorai.train.confounding import about
from sensorai.train.counts import Counted, CountOptions
from sensorai.train.forests import ForestOptions, choose_forest, train_forest
from sensorai.train.masks import Masks, at_random
from sensorai.train.options import check_split
from sensorai.train.sizes import Choice, Need
from sensorai.train.split import share
from sensorai.train.table import find_tasks
from sensorai.train.warn import of_pipeline
from sensorai.verify.cjudge import judgement

if TYPE_CHECKING:
    from sensorai.train.nets import NetOptions

#: Decision filters that are tried, and the share of right windows one may cost.
WINS = range(5)
PRICE = 0.005
MODELS = ("tree", "forest", "mlp", "cnn")


@dataclass(slots=True)
class _Learnt:
    """A model with what belongs to it."""

    model: Ensemble | Graph
    features: tuple[IntFeature, ...]
    scaling: Scaling | None
    accuracy: Mapping[str, float]
    float_accuracy: Mapping[str, float]
    choice: Choice
    again: NetOptions | ForestOptions
    curve: list[dict[str, object]] = field(default_factory=list)
    fit: dict[str, str] | None = None
    notes: list[str] = field(default_factory=list)
    importance: tuple[float, ...] = ()


def train_project(
    dataset: Dataset,
    options: ProjectOptions,
    say: Callable[[str], None] = lambda _: None,
    test_set: Dataset | None = None,
) -> ProjectDelivery:
    """Learn a model on counts, emit its C, run the C on held-out recordings, report.

    Without a ``test_set``, groups of ``dataset`` are held out.

    Raises
    ------
    ConfigError, DataError, ToolMissing
        Options that contradict the device or the data, or JAX missing for nets.
    VerifyMismatch
        The C and the integer reference part.
    """
    if options.model not in MODELS:
        raise ConfigError(f"unknown model {options.model!r}", hint="one of: " + ", ".join(MODELS))
    check_split(options.seed, options.test_share)
    notes: list[str] = []
    core, rate, full_scales = device(dataset, options, notes)
    find_tasks(dataset, [("model", options.column)])
    shared = share(
        dataset,
        [options.column],
        options.split,
        options.test_share,
        options.seed,
        options.test_groups,
        test_set,
    )
    notes += shared.notes
    check_units(shared.dataset, counting.TOPS, options.device)
    doubtful = about(dataset, [options.column])
    dataset = at_rate(shared.dataset, rate, notes)
    counted = counting.build(
        dataset,
        CountOptions(options.sensors, rate, options.window, options.stride, full_scales, options.column),
    )
    split = counted.masks(shared)
    learnt = _learn(counted, split, options, say)
    say("learning once more on windows split at random, for comparison")
    random = at_random(split, options.seed)
    same = replace(options, described=learnt.again, sized=True)
    optimistic = _learn(counted, random, same, lambda _: None).accuracy["test"]
    pipeline = _pipeline(counted, options, learnt.model, learnt.features, learnt.scaling)
    pipeline = replace(pipeline, wins=_wins(pipeline, counted, split, options))
    held = [r for r in dataset if r.group in split.test_groups]
    proved = prove(pipeline, options, held, core, say)
    report = _report(options, pipeline, counted, split, learnt, optimistic, held, proved, doubtful, notes)
    groups = (split.test_groups, [g for g in dataset.groups() if g not in split.test_groups])
    return finish(proved, report, pipeline, options, options.column, groups, held)


# ---------------------------------------------------------------- learning


def _pipeline(
    counted: Counted,
    options: ProjectOptions,
    model: Ensemble | Graph,
    features: tuple[IntFeature, ...],
    scaling: Scaling | None,
) -> Pipeline:
    return Pipeline(
        options.name,
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


def _learn(counted: Counted, split: Masks, options: ProjectOptions, say: Callable[[str], None]) -> _Learnt:
    """Learn the model; a size that is not given is chosen by what the device has room for."""

    def needs(
        model: Ensemble | Graph, features: tuple[IntFeature, ...], scaling: Scaling | None = None
    ) -> Need:
        # the decision filter is chosen later: count with one
        wins = max(WINS) if options.wins is None else options.wins
        pipeline = replace(_pipeline(counted, options, model, features, scaling), wins=wins)
        return room.need(pipeline, options.target, options.device)

    given = options.described
    if options.model in ("tree", "forest"):
        forest = ForestOptions(trees=1 if options.model == "tree" else 10, seed=options.seed)
        if isinstance(given, ForestOptions):
            forest = given
        if options.sized:
            made = train_forest(counted, split, forest, say)
        else:
            made = choose_forest(counted, split, forest, needs, say)
        return _Learnt(
            made.ensemble,
            made.features,
            None,
            made.accuracy,
            made.float_accuracy,
            made.choice,
            made.options,
            importance=made.importance,
        )
    from sensorai.train.nets import NetOptions, train_net

    net = NetOptions(family=options.model, precision=options.precision, seed=options.seed)
    if isinstance(given, NetOptions):
        net = given
    got = train_net(counted, split, net, say, needs)
    curve = [
        {
            "stage": e.stage,
            "train_loss": e.train_loss,
            "train_accuracy": e.train_accuracy,
            "validation_loss": e.validation_loss,
            "validation_accuracy": e.validation_accuracy,
        }
        for e in got.curve
    ]
    return _Learnt(
        got.graph,
        got.features,
        got.scaling,
        got.accuracy,
        got.float_accuracy,
        got.choice,
        replace(net, sizes=got.sizes),
        curve,
        {"fit": got.verdict.fit, "why": got.verdict.why},
        list(got.notes),
    )


def _wins(pipeline: Pipeline, counted: Counted, split: Masks, options: ProjectOptions) -> int:
    """Decision filter: the given one, or the steadiest on validation windows that costs next to nothing."""
    if options.wins is not None:
        return options.wins
    rows = counted.rows(split.validation)
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


# ---------------------------------------------------------------- proof and report


def _report(
    options: ProjectOptions,
    pipeline: Pipeline,
    counted: Counted,
    split: Masks,
    learnt: _Learnt,
    optimistic: float,
    held: Sequence[Recording],
    proved: Proved,
    doubtful: Sequence[str],
    notes: Sequence[str],
) -> dict[str, Any]:
    shared = common(pipeline, options, proved)
    held_out = judgement(pipeline, held, proved.traces, options.column)
    warned = of_pipeline(pipeline, counted, split, held_out, learnt.fit, learnt.importance)
    precision = options.precision if isinstance(pipeline.model, Graph) else "int32 thresholds"
    return {
        **shared,
        "sources": {
            "held_out": "computed: the integer reference on recordings of groups that training did not see; "
            "the C gives the same bits at every level listed",
            "random_windows_optimistic": "computed: windows split at random, so this is too good",
            **shared["sources"],
        },
        "data": {
            "recordings": len(held),
            "groups": list(counted.groups),
            "test_groups": list(split.test_groups),
            "validation_groups": list(split.validation_groups),
            "windows": {
                "train": int(split.train.sum()),
                "validation": int(split.validation.sum()),
                "test": int(split.test.sum()),
            },
        },
        "settings": {**shared["settings"], "model": options.model, "precision": precision},
        "accuracy": {
            "integer": dict(learnt.accuracy),
            "float": dict(learnt.float_accuracy),
            "random_windows_optimistic": optimistic,
        },
        "size": asdict(learnt.choice),
        "held_out": held_out.as_dict(),
        "learning": {"curve": learnt.curve, "verdict": learnt.fit},
        "warnings": [*warned, *doubtful],
        "notes": [*notes, *counted.notes, *learnt.notes],
    }
