"""What is asked of a search: everything that is wrong with it, and everything that stays the same."""

from __future__ import annotations

import math
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorai.errors import ConfigError, ExperimentError, Problem
from sensorai.experiment import Experiment, check, tables
from sensorai.learn.askrate import no_rate
from sensorai.learn.folds import folds
from sensorai.learn.glance import FOLDS
from sensorai.reading import read, read_test
from sensorai.recording import Dataset
from sensorai.report.current import current
from sensorai.road import Backend, Task
from sensorai.run import name_of
from sensorai.tasks.classify import columns_of
from sensorai.tuning import words
from sensorai.tuning.budget import Budget
from sensorai.tuning.identity import identity, key_of
from sensorai.tuning.space import Space, space_of
from sensorai.tuning.trial import METRICS, Job, Rival


@dataclass(frozen=True, slots=True)
class Asked:
    """All that stays the same during a search."""

    base: Experiment
    budget: Budget
    metric: str
    space: Space
    key: str
    folder: Path
    dataset: Dataset | None
    test: Dataset | None

    def job(self, changes: dict[str, Any], rivals: tuple[Rival, ...] = ()) -> Job:
        """Job of a trial."""
        return Job(
            self.base.with_(**changes), self.key, self.budget, self.metric, rivals, self.dataset, self.test
        )

    def name(self, changes: dict[str, Any]) -> str:
        """Trial in words."""
        return words.described(self.base.with_(**changes), self.space.rate_hz)


def checked(
    experiment: Experiment,
    budget: Budget,
    metric: str,
    trials: int | None,
    minutes: float | None,
    finalists: int,
    executor: Executor | None,
) -> None:
    """Refuse what has no meaning, all at once.

    Raises
    ------
    ExperimentError
    """
    problems = check(experiment)
    if executor is not None and experiment.on is not None:
        problems.append(
            Problem("an executor and a cluster (on): trials run on one of them", hint="drop one of them")
        )
    if experiment.target in tables.TARGETS:
        problems += budget.problems(experiment)
    if experiment.task != "classify":
        problems.append(
            Problem(
                f"--task {experiment.task} is not searched: a budget is for classifiers",
                hint="train detectors one by one, and compare them",
            )
        )
    elif experiment.event:
        problems.append(
            Problem(
                "--event is not searched: folds judge windows, and an event that opens none is in no window",
                hint="train with --event for each model, and compare them",
            )
        )
    if metric not in METRICS:
        problems.append(Problem(f"--metric {metric!r} is none of {', '.join(METRICS)}"))
    for name, value in (("trials", trials), ("minutes", minutes), ("finalists", finalists)):
        if value is not None and not 0 < value < math.inf:
            problems.append(Problem(f"--{name} {value:g} is not possible", hint="a number above 0"))
    if problems:
        raise ExperimentError(problems)


def prepared(
    experiment: Experiment,
    budget: Budget,
    metric: str,
    out: Path,
    dataset: Dataset | None,
    test: Dataset | None,
) -> tuple[Asked, dict[str, Any]]:
    """Logs, what is searched for them, and what the study is about.

    Raises
    ------
    ConfigError, DataError
        The logs do not bear it, too few groups judge, or no current is published to hold one against.
    """
    backend: Backend = tables.load(experiment.target_facts.place)
    task: Task = tables.load(experiment.task_facts.place)
    columns = [column for _, column in columns_of(experiment)]
    logs = read(experiment, columns=[c for _, c in experiment.tree]) if dataset is None else dataset
    held = read_test(experiment, [c for _, c in experiment.tree]) if test is None else test
    if experiment.rate is None and not any(r.rate_hz for r in logs):
        raise no_rate(logs, *backend.rates(experiment.device_name))
    share: Any = task.share(logs, experiment, held)
    logged = backend.prepare(share.recordings, experiment)
    if len(folds(share.of(logged.dataset), columns, experiment.seed, FOLDS)) < 2:
        raise ConfigError(
            "there are too few groups to judge by: a search needs at least two that have every class",
            hint="say which logs belong together with --group-column or --group-path, or add logs",
        )
    if budget.current is not None:
        _published(experiment, logged.rate_hz)
    found = identity(experiment, budget, metric, logs, held)
    nodes = 0
    if experiment.target_facts.takes == "registers":
        from sensorai.mlc.devices import device

        nodes = experiment.max_nodes or device(experiment.device_name).limits.nodes
        experiment = experiment.with_(max_nodes=nodes)
    base = experiment.with_(name=name_of(experiment))
    space = space_of(base, share.recordings, backend, logged, nodes, budget.limits.get("flash", math.inf))
    return Asked(base, budget, metric, space, key_of(found), out, logs, held), found


def _published(experiment: Experiment, rate_hz: float) -> None:
    """Refuse a budget of current where nobody published what the device draws."""
    settings = {"rate_hz": rate_hz, "stride": 1}
    counted = {"instructions_mean": 1, "instructions_sample": 1}
    told = {"target": experiment.target, "device": experiment.device_name, "classifiers": ()}
    found = current({**told, "settings": settings, "cost": {"library": counted}})
    if found.high is None:
        raise ConfigError(
            f"--current cannot be held on {experiment.device_name}: {found.reason}",
            hint="drop it, or name a --device whose currents are published (docs/power.md)",
        )
