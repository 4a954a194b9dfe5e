"""The study as a file: trials as Optuna keeps them, whatever stops the search.

Every trial is asked of a sampler of its own, whose seed is the number of trials before it. So what comes next
depends on what is in the file alone: a search that was stopped goes on as if it had not been.
"""

from __future__ import annotations

import fcntl
import json
import math
import statistics
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorai.errors import ConfigError, DataError, ToolMissing, UserError
from sensorai.tuning.front import FAR
from sensorai.tuning.identity import same
from sensorai.tuning.space import Changes, Space
from sensorai.tuning.trial import STATES, Outcome

if TYPE_CHECKING:
    import optuna

#: The file in the folder of a search, and the name of the study in it.
FILE, NAME = "study.journal", "sensorai"
#: Trials that are drawn without a model of what is good.
STARTUP = 10
#: How often another is asked for where one was there before.
AGAIN = 20


def library() -> Any:
    """Optuna, silent.

    Raises
    ------
    ToolMissing
    """
    try:
        import optuna
    except ImportError:
        raise ToolMissing(
            "a search needs the package optuna", hint="pip install 'sensorai[search]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


#: What a file that was changed by others makes of whatever reads it.
_DAMAGE = (ValueError, LookupError, TypeError, AttributeError, AssertionError, ArithmeticError)


class Study:
    """Trials of one search; see ``opened``.

    Attributes
    ----------
    outcomes : dict of int to (Changes, Outcome)
        Of trials that came to an end, by number, from 0 on.
    full : dict of int to dict
        Figures of trials that were made in full.
    """

    def __init__(
        self, made: optuna.Study, axes: Sequence[str], seed: int, budget: Mapping[str, float]
    ) -> None:
        self._made, self._axes, self._seed, self._budget = made, tuple(axes), seed, budget
        self.outcomes: dict[int, tuple[Changes, Outcome]] = {}
        self._open: dict[int, tuple[Any, Changes]] = {}
        self.full: dict[int, dict[str, Any]] = {
            int(name.removeprefix("full ")): value
            for name, value in made.user_attrs.items()
            if name.startswith("full ")
        }
        for trial in made.get_trials(deepcopy=False):
            kept = trial.user_attrs.get("outcome")
            state = type(trial.state)
            if trial.state == state.RUNNING:
                # whoever ran it is gone; what it wrote may be whole
                values = None if kept is None else self._values(_outcome(kept))
                if values is None:
                    made.tell(trial.number, state=state.FAIL)
                else:
                    made.tell(trial.number, values)
            if kept is not None:
                self.outcomes[int(kept["number"])] = (dict(kept["changes"]), _outcome(kept))

    @property
    def asked(self) -> int:
        """Trials that came to an end or run."""
        return len(self.outcomes) + len(self._open)

    def ask(self, space: Space) -> tuple[int, Changes]:
        """Return number and fields of the next trial; the same as one before only where no other is found."""
        optuna = library()
        number = next(n for n in range(self.asked + 1) if n not in self.outcomes and n not in self._open)
        first = space.first()
        before = [changes for changes, _ in self.outcomes.values()]
        before += [changes for _, changes in self._open.values()]
        for attempt in range(AGAIN):
            with warnings.catch_warnings():
                # groups of parameters are new to it; nothing here depends on how they are kept
                warnings.simplefilter("ignore")
                self._made.sampler = optuna.samplers.TPESampler(
                    seed=(self._seed * 1_000_003 + number * AGAIN + attempt) % 2**32,
                    n_startup_trials=STARTUP,
                    multivariate=True,
                    group=True,
                )
                waits = any(t.state.name == "WAITING" for t in self._made.get_trials(deepcopy=False))
                if number < len(first) and attempt == 0 and not waits:
                    self._made.enqueue_trial(first[number])
                trial = self._made.ask()
                changes = space.suggest(trial)
            if changes not in before or attempt == AGAIN - 1:
                break
            self._made.tell(trial, state=optuna.trial.TrialState.FAIL)
        self._open[number] = (trial, changes)
        return number, changes

    def known(self, changes: Changes) -> Outcome | None:
        """Outcome of the same trial, where it was done before."""
        return next((outcome for made, outcome in self.outcomes.values() if made == changes), None)

    def tell(self, number: int, outcome: Outcome) -> None:
        """Keep what came of a trial; it is on the disk when this returns."""
        optuna = library()
        trial, changes = self._open.pop(number)
        values = self._values(outcome)
        if values is not None:
            for name, over in self._over(outcome).items():
                trial.set_constraint(name, over)
        # behind this line nothing is lost: see ``__init__``
        trial.set_user_attr("outcome", {"number": number, "changes": changes, "outcome": asdict(outcome)})
        if values is None:
            self._made.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            self._made.tell(trial, values)
        self.outcomes[number] = (changes, outcome)

    def keep(self, number: int, figures: dict[str, Any]) -> None:
        """Keep the figures of a trial that was made in full."""
        self._made.set_user_attr(f"full {number}", figures)
        self.full[number] = figures

    def _values(self, outcome: Outcome) -> list[float] | None:
        """What the sampler optimises: worth, and the costs as one; None where nothing is known.

        With an objective for each cost nearly every trial would be as good as any other.
        """
        if not all(name in outcome.costs for name in self._axes):
            return None
        return [outcome.value, statistics.fmean(math.log(max(outcome.costs[n], 1.0)) for n in self._axes)]

    def _over(self, outcome: Outcome) -> dict[str, float]:
        """Constraints: the budget, the room on the device, and not to be far behind the best."""
        over = {name: outcome.costs[name] / limit - 1 for name, limit in self._budget.items()}
        room = outcome.state == "over" and all(share <= 0 for share in over.values())
        judged = outcome.state in ("judged", "hopeless")
        best = max((one.value for _, one in self.outcomes.values() if one.state == "judged"), default=0.0)
        behind = best - FAR - outcome.value if judged else 0.0
        return {**over, "room": 1.0 if room else 0.0, "behind": behind}


def _outcome(kept: Mapping[str, Any]) -> Outcome:
    """Outcome of a trial as it was kept; a ValueError where it can be none."""
    found = Outcome(**kept["outcome"])
    numbers = [*found.costs.values(), *found.values, found.value]
    if found.state not in STATES or not all(math.isfinite(n) for n in numbers):
        raise ValueError(f"trial {kept['number']} has no outcome")
    return found


@contextmanager
def opened(
    folder: Path, identity: Mapping[str, Any], axes: Sequence[str], seed: int, budget: Mapping[str, float]
) -> Iterator[Study]:
    """Open the study in a folder, or begin one; nobody else may have it open.

    Raises
    ------
    ConfigError, UserError
        The folder holds something else, a search for something else, or one that runs.
    DataError
        The file is damaged.
    ToolMissing
    """
    optuna = library()
    path = folder / FILE
    if folder.is_dir() and any(folder.iterdir()) and not path.is_file():
        raise ConfigError(
            f"the folder {folder} is not empty and no search of sensorai; nothing was written",
            where=str(folder),
            hint="choose another --out, or empty it",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b")
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror}", where=str(folder)) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(
                f"a search runs in {folder}", where=str(folder), hint="wait for it, or choose another --out"
            ) from None
        _mend(path)
        backend = optuna.storages.journal.JournalFileBackend(str(path), lock_obj=_Unlocked())
        try:
            storage = optuna.storages.JournalStorage(backend)
            if NAME in optuna.get_all_study_names(storage):
                # nothing is written where it may be refused
                made = optuna.load_study(study_name=NAME, storage=storage)
            else:
                made = optuna.create_study(
                    study_name=NAME, storage=storage, directions=["maximize", "minimize"]
                )
            told = made.user_attrs.get("identity")
            if told is None:
                made.set_user_attr("identity", dict(identity))
            else:
                same(told, identity, str(folder))
            study = Study(made, axes, seed, budget)
        except _DAMAGE as error:
            said = str(error).split("\n")[0][:160] or type(error).__name__
            raise DataError(
                f"the study is damaged: {said}", where=str(path), hint="choose another --out"
            ) from None
        yield study


class _Unlocked:
    """A lock that is none: the file is locked already, by what ends with the process."""

    def acquire(self) -> bool:
        """Nobody else is there."""
        return True

    def release(self) -> None:
        """Nothing was taken."""


def _mend(path: Path) -> None:
    """Cut a last line that was not written to its end."""
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        with path.open("r+b") as file:
            file.truncate(whole)
    for line in data[:whole].splitlines():
        try:
            json.loads(line)
        except (ValueError, RecursionError):
            raise DataError(
                "this is no study of a search", where=str(path), hint="choose another --out"
            ) from None
