"""Search for the best model that fits: ask, look, and make the front in full."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sensorai.errors import ConfigError, UserError
from sensorai.experiment import Experiment
from sensorai.recording import Dataset
from sensorai.road import Progress
from sensorai.tuning import keeping, words
from sensorai.tuning.asking import Asked, checked, prepared
from sensorai.tuning.budget import Budget, axes
from sensorai.tuning.front import Point, front, order
from sensorai.tuning.study import Study, library, opened
from sensorai.tuning.trial import Delivered, Job, Outcome, Rival, deliver, look, standard_error, tools_of
from sensorai.tuning.workers import Workers, workers
from sensorai.work import LOST

#: Trials where neither a number nor a time is given; points that are made in full.
TRIALS, FINALISTS = 40, 5
#: Share of a time that trials get; the front is made in full in the rest.
SHARE = 0.5
#: How much of the progress the trials are.
LOOKED = 0.6


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes
    ----------
    folder : Path
        ``search.html``, ``search.json``, a full result for every point in ``points``, and ``recommended``.
    figures : dict
        What ``search.json`` says.
    """

    folder: Path
    figures: dict[str, Any]

    @property
    def recommended(self) -> Path:
        """Folder of the recommended result; ``sensorai.open`` opens it."""
        return self.folder / keeping.RECOMMENDED

    @property
    def points(self) -> list[dict[str, Any]]:
        """Points of the front, smallest first."""
        return [one for one in self.figures["points"] if one["on_front"]]


def search(
    experiment: Experiment,
    budget: Budget | None = None,
    *,
    out: Path,
    trials: int | None = None,
    minutes: float | None = None,
    metric: str = "accuracy",
    finalists: int = FINALISTS,
    executor: Executor | None = None,
    dataset: Dataset | None = None,
    test: Dataset | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Found:
    """Search for the best model within a budget; a search that was stopped goes on.

    Parameters
    ----------
    experiment : Experiment
        What it says is fixed; everything else is searched.
    budget : Budget, optional
        By default the device's memories alone.
    out : Path
        Folder of the search.
    trials : int, optional
        Trials in all, those of before included; without and without ``minutes``: ``TRIALS``.
    minutes : float, optional
        Time of this call: half of it for trials, the rest to make the front in full.
    metric : {"accuracy", "macro-f1"}
        What is made as good as possible, of windows before the decision filter.
    finalists : int
        Points of the front that are made in full.
    executor : concurrent.futures.Executor, optional
        Where as many trials at once as the experiment has ``jobs`` run, instead of in processes of this
        machine; it is not shut down.
    dataset, test : Dataset, optional
        Recordings in place of those of the experiment's ``logs`` and ``test``.
    progress : callable of (words, done), optional

    Returns
    -------
    Found

    Raises
    ------
    ExperimentError
        Everything that is wrong with what is asked for, at once.
    ConfigError, DataError
        The logs do not bear it, the folder holds another search, or nothing keeps the budget.
    ToolMissing
        Optuna, the compiler or the emulator.
    """
    say = Progress(progress)
    budget = budget or Budget()
    checked(experiment, budget, metric, trials, minutes, finalists, executor)
    tools_of(experiment)
    library()
    began = time.monotonic()
    say.step("reading logs", 0.02)
    place = experiment
    # a trial is a piece of work, and does its own one after the other
    experiment = experiment.with_(jobs=1, on=None)
    asked, found = prepared(experiment, budget, metric, out, dataset, test)
    if trials is None and minutes is None:
        trials = TRIALS
    ends = None if minutes is None else began + 60 * minutes
    known = [axis.name for axis in axes(experiment, budget)]
    with (
        opened(out, found, known, experiment.seed, budget.limits) as study,
        workers(place, executor) as pool,
    ):
        if pool.read:
            # what was given as recordings goes along; the rest they read
            asked = replace(asked, dataset=dataset, test=test)
        say.step("looking at models", LOOKED)
        look_until = None if minutes is None else began + 60 * minutes * SHARE
        _look(asked, study, pool, trials, look_until, say)
        say.step("making the front in full", 1.0)
        _make(asked, study, pool, finalists, ends, say)
        figures = keeping.figures(asked.base, budget, metric, study, asked.name, axes(experiment, budget))
        keeping.write(out, figures)
    say.finish()
    return Found(out, figures)


def _look(
    asked: Asked, study: Study, pool: Workers, trials: int | None, ends: float | None, say: Progress
) -> None:
    """Ask and look until there are enough trials, or the time is over; at least one where there is none."""
    began = time.monotonic()

    def more() -> bool:
        if trials is not None and study.asked >= trials:
            return False
        return ends is None or time.monotonic() < ends or not study.asked

    def jobs() -> Iterator[tuple[int, Job]]:
        while more():
            number, changes = study.ask(asked.space)
            before = study.known(changes)
            if before is not None:
                study.tell(number, before)
                continue
            say(f"trial {number + 1}{f' of {trials}' if trials else ''}: {asked.name(changes)}{_best(study)}")
            yield number, asked.job(changes, _rivals(study))

    for number, outcome in _each(pool, look, jobs()):
        assert isinstance(outcome, Outcome)  # noqa: S101
        study.tell(number, outcome)
        done = [len(study.outcomes) / trials] if trials else []
        done += [(time.monotonic() - began) / max(ends - began, 1e-9)] if ends else []
        say.within(max(done))


def _best(study: Study) -> str:
    """How good the best so far is."""
    found = [outcome.value for _, outcome in study.outcomes.values() if outcome.state == "judged"]
    return f" (best {100 * max(found):.1f} %)" if found else ""


def _rivals(study: Study) -> tuple[Rival, ...]:
    return tuple(
        Rival(one.costs, tuple(map(tuple, one.groups)), tuple(one.values))
        for _, one in study.outcomes.values()
        if one.state == "judged"
    )


def _each(
    pool: Workers, call: Callable[[Job], Any], jobs: Iterator[tuple[int, Job]]
) -> Iterator[tuple[int, Any]]:
    """Run jobs, so many at once; what came of each as soon as it is there."""
    running: dict[Future[Any], int] = {}
    more = True
    try:
        while more or running:
            while more and len(running) < pool.at_once:
                found = next(jobs, None)
                more = found is not None
                if found is not None:
                    running[pool.executor.submit(call, found[1])] = found[0]
            if not running:
                return
            done = wait(running, return_when=FIRST_COMPLETED).done
            for future in sorted(done, key=lambda f: running[f]):
                yield running.pop(future), pool.result(future)
    except BrokenExecutor:
        raise UserError(LOST, hint="search again with fewer --jobs: it goes on where it was") from None


def _candidates(study: Study, budget: Budget) -> list[Point]:
    """The front by cheap looks, in the order in which it is made in full."""
    return order(
        front(
            [
                Point(number, one.value, one.costs, standard_error(one.values))
                for number, (_, one) in study.outcomes.items()
                if one.state == "judged" and budget.keeps(one.costs)
            ]
        )
    )


def _refused(asked: Asked, study: Study, costs: Sequence[tuple[str, dict[str, float]]]) -> ConfigError:
    """Why there is nothing to show."""
    over = [one for one in costs if not asked.budget.keeps(one[1])]
    where = str(asked.folder)
    if over and len(over) == len(costs):
        near = words.nearest(over, axes(asked.base, asked.budget), asked.budget)
        return ConfigError(
            f"none of {len(study.outcomes)} models keeps the budget; the nearest, {near}",
            where=where,
            hint="allow more, with another --out; or look at more models, with a larger --trials",
        )
    reasons = [one.why for _, one in study.outcomes.values() if one.why] or ["no model was judged"]
    most = max(dict.fromkeys(reasons), key=reasons.count)
    return ConfigError(
        f"none of {len(study.outcomes)} models could be judged: {most}",
        where=where,
        hint="mend that, or look at more models with a larger --trials",
    )


def _make(
    asked: Asked, study: Study, pool: Workers, finalists: int, ends: float | None, say: Progress
) -> None:
    """Make points of the front as ``train`` does, until enough are made and one keeps the budget."""
    every = _candidates(study, asked.budget)
    if not every:
        raise _refused(
            asked,
            study,
            [(asked.name(changes), one.costs) for changes, one in study.outcomes.values() if one.costs],
        )

    def kept() -> bool:
        return any("costs" in one and asked.budget.keeps(one["costs"]) for one in study.full.values())

    def jobs() -> Iterator[tuple[int, Job]]:
        for k, point in enumerate(every):
            late = ends is not None and time.monotonic() > ends
            if (k >= finalists or late) and kept():
                return
            changes, _ = study.outcomes[point.number]
            if point.number in study.full and keeping.there(asked.folder, point.number):
                continue
            say(f"making {k + 1} of {min(finalists, len(every))}: {asked.name(changes)}")
            yield point.number, asked.job(changes)

    for done, (number, made) in enumerate(_each(pool, _delivered, jobs()), 1):
        if isinstance(made, Delivered):
            keeping.save(asked.folder, number, made)
            study.keep(number, made.figures)
        else:
            study.keep(number, {"failed": made})
        say.within(done / min(finalists, len(every)))
    if not kept():
        costs = [
            (asked.name(study.outcomes[n][0]), one["costs"])
            for n, one in study.full.items()
            if "costs" in one
        ]
        raise _refused(asked, study, costs)


def _delivered(job: Job) -> Delivered | str:
    """Make a result, or say in a line why that cannot be."""
    try:
        return deliver(job)
    except UserError as error:
        return error.reason
