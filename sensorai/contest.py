"""All that applies, learnt from the same logs on one split: every target and family, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sensorai.comparison import Comparison, of_reports
from sensorai.errors import ConfigError, SensoraiError
from sensorai.experiment import Experiment, tables
from sensorai.power.estimate import MODE, SENSOR
from sensorai.reading import read, read_test
from sensorai.recording import Dataset
from sensorai.report.current import full_name
from sensorai.report.section import Figures
from sensorai.result import Result, check_folder
from sensorai.run import run
from sensorai.targets import closest

#: Folds of every row where nothing is said: what all families can afford.
FOLDS = 4
#: Devices where none is named: those of `train`, but a microcontroller whose current is published.
DEVICES = {name: facts.device for name, facts in tables.TARGETS.items()} | {"stm32": "STM32L476RG"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: a family of models on a device.

    Attributes
    ----------
    target, device, model : str
        Full names.
    """

    target: str
    device: str
    model: str

    @property
    def name(self) -> str:
        """Name of the row, and of its folder."""
        return f"{self.target}_{self.device}_{self.model}".lower().replace("-", "_")


@dataclass(frozen=True, slots=True)
class Failed:
    """A row that came to nothing.

    Attributes
    ----------
    entry : Entry
    error : SensoraiError
    """

    entry: Entry
    error: SensoraiError

    @property
    def why(self) -> str:
        """The reason in a line; of several the first."""
        told, hint = self.error.reason, " ".join(self.error.hint.split())
        return f"{told} ({hint})" if hint else told


@dataclass(frozen=True, slots=True)
class Contest:
    """What came of it.

    Attributes
    ----------
    entries : tuple of Entry
        Those that were learnt, in the order of the rows.
    comparison : Comparison
    failed : tuple of Failed
    sensor, mode : str
        Sensor beside a microcontroller, and the mode that all sensors are in: their current counts.
    reports : tuple of (str, Figures)
        Name and figures of each row.
    """

    entries: tuple[Entry, ...]
    comparison: Comparison
    failed: tuple[Failed, ...]
    sensor: str
    mode: str
    reports: tuple[tuple[str, Figures], ...] = field(repr=False, default=())


def entries(
    targets: Sequence[str] = (),
    models: Sequence[str] = (),
    devices: Sequence[str] = (),
    task: str = "classify",
) -> list[Entry]:
    """Every family on every device that is asked for; by default all targets, a device each, all families.

    Parameters
    ----------
    targets, models : sequence of str
        Names; none: all that apply.
    devices : sequence of str
        Names or unique beginnings of them, each of one of the targets; a target of which none is named has
        its usual device, unless devices were named and no targets.
    task : str
        Families are those that can do it.

    Raises
    ------
    ConfigError
        A name that is none, or a model that no target has.
    """
    for name in targets:
        if name not in tables.TARGETS:
            raise ConfigError(f"there is no target {name!r}", hint=closest(name, tables.TARGETS))
    one_class = tables.TASKS[task].detectors
    able = tables.families(one_class=one_class)
    for name in models:
        if name not in able:
            raise ConfigError(f"no model {name!r} can do the task {task}", hint=closest(name, able))
    found = _devices(targets or tuple(tables.TARGETS), devices)
    if devices and not targets:
        found = {target: names for target, names in found.items() if names}
    out = [
        Entry(target, device, model)
        for target, names in found.items()
        for device in names or [full_name(target, DEVICES[target])]
        for (model, makes), facts in tables.FAMILIES.items()
        if makes == tables.TARGETS[target].takes and facts.one_class == one_class
        if not models or model in models
    ]
    if not out:
        raise ConfigError(
            f"none of these targets ({', '.join(found)}) has a model {', '.join(models)}",
            hint="see sensorai train --help",
        )
    return out


def _devices(targets: Sequence[str], wanted: Sequence[str]) -> dict[str, list[str]]:
    """Devices by target, each found by its name."""
    out: dict[str, list[str]] = {target: [] for target in targets}
    for name in wanted:
        of, hints = "", list[str]()
        for target in targets:
            try:
                full = full_name(target, name)
            except ConfigError as error:
                hints.append(error.hint)
                continue
            of = target
            if full not in out[target]:
                out[target].append(full)
            break
        if not of:
            raise ConfigError(
                f"no target ({', '.join(targets)}) has one device {name!r}", hint=_most_telling(hints)
            )
    return out


def _most_telling(hints: Sequence[str]) -> str:
    """Return the hint that says most: what else it could be, then the nearest name, then all names."""
    for start in ("it could be ", "did you mean "):
        for hint in hints:
            if hint.startswith(start):
                return hint
    known = "known: "
    return known + ", ".join(hint.removeprefix(known) for hint in hints)


def hold(
    base: Experiment,
    asked: Sequence[Entry],
    *,
    out: Path | None = None,
    sensor: str | None = None,
    mode: str = MODE,
    progress: Callable[[str, float], None] | None = None,
) -> Contest:
    """Learn every entry from the same logs, with the same groups in the same folds.

    Parameters
    ----------
    base : Experiment
        Logs, split and options that all rows share; its target, device and model do not count.
    asked : sequence of Entry
    out : path, optional
        Folder in which each result is saved under the name of its row, as soon as it is there.
    sensor : str, optional
        Sensor beside a microcontroller; by default that of the first row with a machine learning core.
    mode : str
        Mode of the sensors.
    progress : callable of (words, done), optional

    Raises
    ------
    UserError
        The logs cannot be read, a folder is not free, or nothing could be learnt: the first reason.
    """
    beside = sensor or next((one.device for one in asked if one.target == "mlc"), SENSOR)
    folders = {one: out / one.name for one in asked} if out is not None else {}
    for folder in folders.values():
        check_folder(folder)
    if base.folds is None and base.task != "anomaly":
        base = base.with_(folds=FOLDS)
    dataset, test = read(base), read_test(base, [])
    reports: list[tuple[str, Figures]] = []
    learnt: list[Entry] = []
    failed: list[Failed] = []
    for k, one in enumerate(asked):
        made = _learn(base, one, dataset, test, _part(progress, one, k, len(asked)))
        if isinstance(made, Failed):
            failed.append(made)
            continue
        if one in folders:
            made.save(folders[one])
        reports.append((str(folders.get(one, one.name)), made.report.figures))
        learnt.append(one)
    if not reports:
        raise failed[0].error
    found = of_reports(reports, beside, mode)
    return Contest(tuple(learnt), found, tuple(failed), beside, mode, tuple(reports))


def _learn(
    base: Experiment,
    one: Entry,
    dataset: Dataset,
    test: Dataset | None,
    tell: Callable[[str, float], None] | None,
) -> Result | Failed:
    experiment = base.with_(target=one.target, device=one.device, model=one.model)
    try:
        return run(experiment, dataset, test=test, progress=tell)
    except SensoraiError as error:
        return Failed(one, error)


def _part(
    progress: Callable[[str, float], None] | None, one: Entry, k: int, of: int
) -> Callable[[str, float], None] | None:
    """Tell how far the whole is, from how far a row is."""
    if progress is None:
        return None

    def tell(words: str, done: float) -> None:
        progress(f"{k + 1} of {of}, {one.model} on {one.device}: {words}", (k + done) / of)

    return tell
