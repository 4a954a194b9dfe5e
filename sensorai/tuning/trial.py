"""One trial: looked at cheaply, or made as ``train`` makes it. What runs in other processes is here."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from sensorai.cproject.figures import of_pipeline
from sensorai.cproject.runs import Cost
from sensorai.errors import ConfigError, InternalError, ToolMissing, UserError, VerifyMismatch
from sensorai.experiment import Experiment, tables
from sensorai.learn.glance import Glimpse, Kept
from sensorai.reading import read, read_test
from sensorai.recording import Dataset, Recording
from sensorai.report.current import current
from sensorai.road import SILENT, Artifact, Backend, Figures, Lesson, Prepared, Proof
from sensorai.run import name_of, run
from sensorai.tasks.classify import columns_of, judgement
from sensorai.tuning.budget import Budget
from sensorai.verify.metrics import WindowMetrics

#: A trial is left when it is worse than one that costs no more by so much after one fold; by less after more.
MARGIN = 0.03
#: Windows of each of so many recordings that instructions are counted on, in a cheap look.
COUNTED, RECORDINGS = 6, 4
#: Logs that a process keeps, and how they were prepared.
_LOGS, _TESTS, _PREPARED, _KEPT = Kept(most=1), Kept(most=1), Kept(most=4), Kept(most=4)

#: What may be made as good as possible.
METRICS: Mapping[str, Callable[[WindowMetrics], float]] = {
    "accuracy": lambda m: m.accuracy,
    "macro-f1": lambda m: m.macro_f1,
}


@dataclass(frozen=True, slots=True)
class Rival:
    """A trial that was judged: costs by axis, groups and value of each fold."""

    costs: Mapping[str, float]
    groups: tuple[tuple[str, ...], ...]
    values: tuple[float, ...]

    def beats(
        self, costs: Mapping[str, float], groups: Sequence[tuple[str, ...]], values: Sequence[float]
    ) -> bool:
        """Whether it costs no more and is much better on the folds so far."""
        k = len(values)
        if self.groups[:k] != tuple(groups) or any(self.costs[name] > costs[name] for name in costs):
            return False
        ahead = statistics.fmean(self.values[:k]) - statistics.fmean(values)
        return bool(ahead > MARGIN / k**0.5)


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs.

    Attributes
    ----------
    experiment : Experiment
        All of it; its logs are read where the job runs, unless ``dataset`` is given.
    key : str
        Of the logs: a process reads them once.
    budget : Budget
    metric : str
        A key of ``METRICS``.
    rivals : tuple of Rival
        What it must not be hopeless against.
    dataset, test : Dataset, optional
        Recordings in place of the experiment's ``logs`` and ``test``.
    """

    experiment: Experiment
    key: str
    budget: Budget
    metric: str
    rivals: tuple[Rival, ...] = ()
    dataset: Dataset | None = None
    test: Dataset | None = None


#: What can come of a cheap look; see ``Outcome``.
STATES = ("judged", "hopeless", "over", "refused")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a cheap look.

    Attributes
    ----------
    state : str
        ``judged``; ``hopeless``: left after some folds; ``over``: outside the budget or the device, not
        judged; ``refused``: the logs or the device do not bear it.
    why : str
    costs : dict of str to float
        By axis; empty where it was refused.
    groups : list of list of str
        Of each fold.
    values : list of float
        Of each fold.
    value : float
        Of the windows of all folds together; 0 where nothing was judged.
    """

    state: str
    why: str = ""
    costs: dict[str, float] = field(default_factory=dict)
    groups: list[list[str]] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    value: float = 0.0


@dataclass(frozen=True, slots=True)
class Delivered:
    """A full result.

    Attributes
    ----------
    files : mapping of name to bytes
        All but ``sensorai.toml``, whose paths depend on the folder.
    experiment : Experiment
        As it was run.
    figures : dict
        Plain values: ``accuracy``, ``macro_f1``, ``value``, ``decided_accuracy``, ``values`` (of each fold),
        ``standard_error``, ``worst_group``, ``costs``, ``window_s``, ``rate_hz``, ``sensors``.
    """

    files: Mapping[str, bytes]
    experiment: Experiment
    figures: dict[str, Any]


# ---------------------------------------------------------------- cheaply


def look(job: Job) -> Outcome:
    """Judge a trial cheaply; what cannot be done is an outcome, too."""
    try:
        return _looked(job)
    except ToolMissing:
        raise
    except UserError as error:
        return Outcome("refused", error.reason)


def _looked(job: Job) -> Outcome:
    experiment = job.experiment
    backend: Backend = tables.load(experiment.target_facts.place)
    task = tables.load(experiment.task_facts.place)
    family = tables.load(experiment.family_facts.place)
    dataset = logs_of(job)
    share = task.share(dataset, experiment, test_of(job))
    prepared = _prepared(job, backend, share.recordings)
    lesson = Lesson(experiment, prepared, share.of(prepared.dataset), name_of(experiment))
    found = family.glance(lesson, SILENT, _KEPT)
    costs, room = cost_of(found.model, job, lesson.name, prepared, backend)
    if room or not job.budget.keeps(costs):
        return Outcome("over", room or "outside the budget", costs)
    measure = METRICS[job.metric]
    groups: list[tuple[str, ...]] = []
    values: list[float] = []
    seen: list[Glimpse] = []
    for fold in found.folds:
        seen.append(fold)
        groups.append(fold.groups)
        values.append(statistics.fmean(measure(one) for one in fold.answers))
        state = "judged"
        if any(rival.beats(costs, groups, values) for rival in job.rivals):
            state = "hopeless"
            break
    if not seen:
        return Outcome("refused", "no fold over groups has a window to judge by", costs)
    pooled = [_together([fold.answers[k] for fold in seen]) for k in range(len(seen[0].answers))]
    value = statistics.fmean(measure(one) for one in pooled)
    return Outcome(state, "", costs, [list(g) for g in groups], values, value)


def logs_of(job: Job) -> Dataset:
    """Logs of a job, which a process reads once."""
    if job.dataset is not None:
        return job.dataset
    columns = [column for _, column in job.experiment.tree]
    return _LOGS.get(job.key, lambda: read(job.experiment, columns=columns))


def test_of(job: Job) -> Dataset | None:
    """Logs of a job that only test, which a process reads once; None where there are none."""
    if job.test is not None:
        return job.test
    columns = [column for _, column in job.experiment.tree]
    return _TESTS.get(job.key, lambda: read_test(job.experiment, columns))


def _prepared(job: Job, backend: Backend, recordings: Dataset) -> Prepared:
    """Logs as the device would record them, once for all trials that ask for the same."""
    e = job.experiment
    key = repr((job.key, e.target, e.device, e.rate, e.sensors, e.full_scale, id(recordings.recordings[0])))
    # beside the recordings, so that no other lies at their place
    return _PREPARED.get(key, lambda: (recordings, backend.prepare(recordings, e)))[1]


def cost_of(
    model: Any, job: Job, name: str, prepared: Prepared, backend: Backend
) -> tuple[dict[str, float], str]:
    """Cost by axis, and what the device has no room for; in C built and emulated on some windows."""
    experiment = job.experiment
    told: dict[str, Any] = {"target": experiment.target, "device": experiment.device_name}
    if experiment.target_facts.takes == "registers":
        artifact = backend.emit(model, experiment, name)
        figures = backend.figures(artifact, Proof((), ()))
        told |= {key: figures[key] for key in ("settings", "cost")}
        told["classifiers"] = columns_of(experiment)
        return {"nodes": float(figures["cost"]["registers"]["nodes"]), **_current(told, job)}, ""
    assert prepared.need is not None  # noqa: S101
    need = prepared.need(model)
    room = need.problems[0].message if need.problems else ""
    files = tables.load(experiment.target_facts.place).project(model, experiment.device_name)
    artifact = Artifact(name, experiment.device_name, model, {n: text.encode() for n, text in files.items()})
    traces = backend.trace(artifact, _some(prepared.dataset, model.window, model.stride))
    checked = next(one for one in backend.levels(artifact, ("emulator",)) if one.check is not None).check
    assert checked is not None  # noqa: S101
    ran = checked(traces)
    if ran.divergence is not None:
        raise VerifyMismatch(f"what was emitted is not what was meant: {ran.divergence}", where=name)
    if not isinstance(ran.cost, Cost):
        raise InternalError("the emulator said nothing of cost")
    # an ISPU is filled by its whole program; elsewhere the stack is the one that was seen
    whole = experiment.target_facts.stand_in
    flash, ram = (need.flash, need.ram) if whole else (ran.cost.flash, ran.cost.ram + ran.cost.stack)
    told |= {"settings": of_pipeline(model)["settings"], "classifiers": ()}
    told["cost"] = {"library": asdict(ran.cost)}
    return {
        "flash": float(flash),
        "ram": float(ram),
        "instructions": float(ran.cost.instructions_most),
        **_current(told, job),
    }, room


def _current(report: Figures, job: Job) -> dict[str, float]:
    """The most that published figures leave open, where the budget asks for it."""
    if job.budget.current is None:
        return {}
    found = current(report)
    if found.high is None:
        raise ConfigError(f"--current cannot be held: {found.reason}", hint="drop it")
    return {"current": round(found.high, 1)}


def _some(dataset: Dataset, window: int, stride: int) -> list[Recording]:
    """Pieces of recordings with different labels, some windows each."""
    length = window + (COUNTED - 1) * stride
    labels: dict[str, Recording] = {}
    for recording in dataset:
        for spans in recording.labels.values():
            for span in spans:
                if span.label not in labels and span.stop - span.start >= window:
                    labels[span.label] = recording.slice(span.start, min(span.stop, span.start + length))
    return list(labels.values())[:RECORDINGS] or [r.slice(0, length) for r in list(dataset)[:1]]


def _together(several: Sequence[WindowMetrics]) -> WindowMetrics:
    """Windows of all folds."""
    return WindowMetrics(several[0].classes, np.sum([one.confusion for one in several], axis=0))


# ---------------------------------------------------------------- as train does


def deliver(job: Job) -> Delivered:
    """Make a trial as ``train`` makes it."""
    experiment = job.experiment
    result = run(experiment, logs_of(job), test=test_of(job))
    figures = result.report.figures
    traces = [
        [judgement(c, k, fold.traces) for fold in result.learnt.folds]
        for k, c in enumerate(result.learnt.classifiers)
    ]
    answers = [[one.answer for one in found if one.answer.windows] for found in traces]
    pooled = [_together(found) for found in answers]
    decided = [_together([one.decided for one in found if one.decided.windows]) for found in traces]
    measure = METRICS[job.metric]
    values = [statistics.fmean(measure(one) for one in fold) for fold in zip(*answers, strict=False)]
    settings = figures["settings"]
    worst = min(
        ((a, g) for found in traces for one in found for g, a in one.by_group.items()), default=(None, None)
    )
    return Delivered(
        {**result.files, "report.html": result.page().encode()},
        result.experiment,
        {
            "value": statistics.fmean(measure(one) for one in pooled),
            "accuracy": statistics.fmean(one.accuracy for one in pooled),
            "macro_f1": statistics.fmean(one.macro_f1 for one in pooled),
            "decided_accuracy": statistics.fmean(one.accuracy for one in decided),
            "values": values,
            "standard_error": standard_error(values),
            "worst_group": {"name": worst[1], "accuracy": worst[0]},
            "costs": _costs(job, result.artifact.model, figures),
            "window_s": settings["window_s"],
            "rate_hz": settings["rate_hz"],
        },
    )


def standard_error(values: Sequence[float]) -> float:
    """Of the mean of folds; 0 for one."""
    return statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0


def _costs(job: Job, model: Any, report: Figures) -> dict[str, float]:
    """Cost by axis as the report has it."""
    cost, experiment = report["cost"], job.experiment
    if experiment.target_facts.takes == "registers":
        return {"nodes": float(cost["registers"]["nodes"]), **_current(report, job)}
    library = cost["library"]
    flash, ram = library["flash"], library["ram"] + library["stack"]
    if experiment.target_facts.stand_in:
        need = tables.load(experiment.target_facts.place).need(model, experiment.device_name)
        flash, ram = need.flash, need.ram
    most = float(library["instructions_most"])
    return {"flash": float(flash), "ram": float(ram), "instructions": most, **_current(report, job)}


def tools_of(experiment: Experiment) -> None:
    """Refuse to start where nothing can be counted.

    Raises
    ------
    ToolMissing
        No compiler or no emulator for the device's core.
    ConfigError
        The target compiles nothing.
    """
    if experiment.target_facts.takes == "registers":
        return
    from sensorai.cproject.backend import CBackend, missing_tools

    backend = tables.load(experiment.target_facts.place)
    if not isinstance(backend, CBackend):
        raise ConfigError(
            f"what models cost on {experiment.target} is not counted", hint="train them one by one"
        )
    missing = missing_tools(backend.cpu(experiment.device_name))
    if missing:
        raise ToolMissing(
            "what C costs is counted by a compiler and an emulator, and one is missing", hint=missing
        )
