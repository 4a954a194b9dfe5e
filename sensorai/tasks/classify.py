"""Tell classes apart: whole groups are held out, windows and events are counted."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sensorai.experiment import Experiment
from sensorai.learn.split import TEST, Split, needs_time_split, share
from sensorai.learn.table import find_tasks
from sensorai.recording import LABEL, Dataset
from sensorai.road import Classifier, Figures, Learnt, Opened, Proof, Trace
from sensorai.verify import verdict
from sensorai.verify.events import judge_events
from sensorai.verify.judge import Judgement, compare
from sensorai.verify.metrics import none_if_nan


def columns_of(experiment: Experiment) -> list[tuple[str, str]]:
    """Name and label column of each question."""
    return list(experiment.tree) or [("tree1", LABEL)]


def filter_of(experiment: Experiment) -> str:
    """What stands between answers and decisions, and the option that makes it do less."""
    if experiment.target_facts.takes == "registers":
        return "the end counters (--end-counters off leaves them out)"
    return "the decision filter (--wins 0 leaves it out)"


class Classify:
    """The task ``classify``."""

    def share(self, dataset: Dataset, experiment: Experiment, test: Dataset | None) -> Split:
        """Groups for the test; parts of every log in time where a class has a single group, said aloud."""
        named = columns_of(experiment)
        find_tasks(dataset, named)
        columns = [column for _, column in named]
        how, why = experiment.split, None
        if how == "auto":
            free = not experiment.test_groups and test is None
            wanted = TEST if experiment.test_share is None else experiment.test_share
            why = needs_time_split(dataset, columns, wanted, experiment.seed) if free else None
            how = "time" if why else "group"
        made = share(
            dataset, columns, how, experiment.test_share, experiment.seed, experiment.test_groups, test
        )
        if why:
            return replace(made, notes=(f"{why}, so every log is cut in time", *made.notes))
        return made

    def judge(self, experiment: Experiment, learnt: Learnt, proof: Proof) -> Figures:
        """Figures of every question, and what must be said first of it."""
        traces = learnt.judged(proof)
        found = [judgement(c, k, traces) for k, c in enumerate(learnt.classifiers)]
        warnings: list[str] = []
        for classifier, held, seen in zip(learnt.classifiers, found, learnt.seen, strict=False):
            name = f"{classifier.name}: " if len(found) > 1 else ""
            warnings += [name + text for text in verdict.warnings(held, seen, filter_of(experiment))]
        pairs = zip(learnt.classifiers, found, strict=True)
        entries = [entry(c, held) for c, held in pairs]
        made: dict[str, Any] = {"classifiers": entries, "warnings": warnings}
        if learnt.events:
            made["events"] = judge_events(traces, 0, learnt.classifiers[0].column, learnt.events)
        if not learnt.folds:
            return made
        for k, one in enumerate(entries):
            classifier = learnt.classifiers[k]
            one["folds"] = spread([judgement(classifier, k, fold.traces) for fold in learnt.folds])
        return {**made, "sources": {"folds": FOLDS, **({} if learnt.test_groups else {"held_out": POOLED})}}

    def labelled(self, opened: Opened, dataset: Dataset) -> tuple[Dataset, list[str]]:
        """Logs as they are: each classifier says which column it answers."""
        return dataset, [c.column for c in opened.classifiers]

    def rejudge(self, opened: Opened, columns: Sequence[str], proof: Proof) -> Figures:
        """Windows and events of every classifier."""
        asked = [replace(c, column=column) for c, column in zip(opened.classifiers, columns, strict=True)]
        found: dict[str, Any] = {
            "classifiers": [entry(c, judgement(c, k, proof.traces)) for k, c in enumerate(asked)]
        }
        if opened.events:
            found["events"] = judge_events(proof.traces, 0, asked[0].column, opened.events)
        return found


#: Sources of figures that folds give.
FOLDS = (
    "computed: cross-validation over groups; each fold learns as the delivered model does, but without the "
    "groups that it is then judged on"
)
POOLED = (
    "computed: the windows of all folds together, so every group is judged by a model that did not see it. "
    "This is what the procedure is worth; the delivered model learnt from all groups. Give --test LOG or "
    "--test-groups to judge the delivered model itself"
)


def spread(found: Sequence[Judgement]) -> dict[str, Any]:
    """Accuracy by folds after the decision filter: each, mean, spread; and the worst group, before it."""
    known = [one for one in found if one.decided.windows]
    groups = {g: a for one in known for g, a in one.by_group.items()}
    worst = min(groups, key=lambda g: groups[g], default=None)

    def over(values: Sequence[float]) -> dict[str, Any]:
        deviation = statistics.stdev(values) if len(values) > 1 else None
        return {"mean": statistics.fmean(values) if values else None, "deviation": deviation}

    return {
        "each": [
            {
                "groups": list(one.answer_by_group),
                "windows": one.decided.windows,
                "accuracy": none_if_nan(one.decided.accuracy),
                "balanced_accuracy": none_if_nan(one.decided.balanced_accuracy),
            }
            for one in found
        ],
        "accuracy": over([one.decided.accuracy for one in known]),
        "balanced_accuracy": over([one.decided.balanced_accuracy for one in known]),
        "worst_group": None if worst is None else {"name": worst, "answer_accuracy": groups[worst]},
    }


def judgement(classifier: Classifier, place: int, traces: Sequence[Trace]) -> Judgement:
    """What one classifier says on recordings, against their labels."""
    column = classifier.column
    return compare(
        [t.recording for t in traces],
        [t.truth(column) for t in traces],
        [t.answers[place] for t in traces],
        [t.decided[place] for t in traces],
        [t.window for t in traces],
        column,
        list(classifier.classes.values()),
        [t.end.tolist() for t in traces],
    )


def entry(classifier: Classifier, held: Judgement) -> dict[str, Any]:
    """What an entry of ``classifiers`` says of every model."""
    return {
        "name": classifier.name,
        "column": classifier.column,
        "classes": [{"name": name, "code": code} for code, name in classifier.classes.items()],
        "held_out": held.as_dict(),
    }


TASK = Classify()
