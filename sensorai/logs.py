"""Logs for Python programs: read with a call, summed up in a table, drawn in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorai import reading, recording
from sensorai.errors import ConfigError, ExperimentError, Problem
from sensorai.experiment import Experiment, options
from sensorai.experiment.check import check_reading, of_values
from sensorai.recording import LABEL

if TYPE_CHECKING:
    import pandas as pd

PathLike = str | Path
#: What stands for logs; begins an error.
TAKEN = "logs are paths, or what sensorai.read returns"
#: Options of an experiment that say how logs are read.
HOW = tuple(name for name, told in options().items() if told.section == "data" and name != "logs")


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing that shows itself in a notebook.

    Attributes
    ----------
    html : str
        A complete page.
    """

    html: str = field(repr=False)

    def save(self, path: PathLike) -> Path:
        """Write the page to a file."""
        from sensorai.files import write_text

        write_text(Path(path), self.html)
        return Path(path)

    def _repr_html_(self) -> str:
        from sensorai.report.page import framed

        return framed(self.html)


@dataclass(frozen=True, slots=True, repr=False)
class Dataset(recording.Dataset):
    """Recordings that were read from logs.

    Attributes
    ----------
    recordings : tuple of Recording
        Each with ``samples`` (float64, shape (n, channels), in the unit of each channel), ``rate_hz``,
        ``labels`` and ``group``.
    experiment : Experiment
        How they were read: what a training of them starts from.
    """

    experiment: Experiment = field(default_factory=Experiment)

    def __repr__(self) -> str:
        labels = ", ".join(self.label_set()) or "none"
        return f"<{len(self)} recordings of {len(self.groups())} groups; labels: {labels}>"

    def summary(self) -> pd.DataFrame:
        """A row for each recording.

        Returns
        -------
        DataFrame
            ``recording``, ``group``, ``labels``, ``samples``, ``rate_hz``, ``seconds``, ``sensors``, ``gaps``
            (time jumps), ``saturated`` (samples at the end of a full scale) and ``notes``.
        """
        import pandas as pd

        from sensorai.formats import inspect

        found = [inspect(r) for r in self]
        return pd.DataFrame(
            {
                "recording": [r.name for r in self],
                "group": [r.group for r in self],
                "labels": [", ".join(dict.fromkeys(s.label for s in r.labels.get(LABEL, ()))) for r in self],
                "samples": [len(r) for r in self],
                "rate_hz": [r.rate_hz for r in self],
                "seconds": [r.duration_s for r in self],
                "sensors": [", ".join(r.sensors) for r in self],
                "gaps": [len(one.gaps) for one in found],
                "saturated": [sum(one.saturated.values()) for one in found],
                "notes": ["; ".join(one.notes) for one in found],
            }
        )

    def plot(self, most: int = 6, column: str = LABEL) -> Plot:
        """Draw signals and labels over time.

        Parameters
        ----------
        most : int
            Recordings that are drawn at most: one of every class first.
        column : str
            Label column.

        Returns
        -------
        Plot
            It shows itself in a notebook; ``save`` writes it as a page.
        """
        from sensorai.report.logs import logs_page

        return Plot(logs_page(self.recordings, column, most))


def read(*logs: PathLike | Sequence[PathLike], columns: Sequence[str] = (), **how: Any) -> Dataset:
    """Read logs of any format that ``sensorai inspect`` knows.

    Parameters
    ----------
    *logs : path, or sequence of paths
        Files, or folders that are searched for logs.
    columns : sequence of str
        Label columns beside the main one.
    **how
        What the logs do not say themselves, as on the command line: ``label={"walking": "walk*.csv"}``,
        ``label_column``, ``group_column``, ``group_path``, ``column={"acc_x": "ax"}``,
        ``unit={"acc": "m/s2"}``, ``log_rate`` (Hz), ``log_sensor``, ``mapping``, ``header``, ``short_rows``.

    Returns
    -------
    Dataset

    Raises
    ------
    ConfigError, DataError
        A log that cannot be read, or options that contradict it; an unknown option.
    """
    strange = [
        Problem(f"{name} is no option of reading", hint=f"it takes {', '.join(HOW)}")
        for name in how
        if name in options() and name not in HOW
    ]
    paths = [path for log in logs for path in paths_of(log, "sensorai.read takes paths")]
    try:
        experiment = of_values(
            {"logs": paths, **{k: v for k, v in how.items() if k in HOW or k not in options()}}
        )
        problems = [*strange, *check_reading(experiment)]
    except ExperimentError as error:
        problems = [*strange, *error.problems]
    if problems:
        raise ExperimentError(problems)
    found = reading.read(experiment, columns=columns)
    return Dataset(found.recordings, experiment)


def paths_of(logs: PathLike | Sequence[PathLike], what: str = TAKEN) -> list[str]:
    """Paths as texts, of one path or several.

    Raises
    ------
    ConfigError
        It is neither; the error begins with ``what``.
    """
    if isinstance(logs, str | Path):
        return [str(logs)]
    # a table's columns and a mapping's keys are texts, but no paths
    if isinstance(logs, Iterable) and not isinstance(logs, Mapping | bytes) and not hasattr(logs, "columns"):
        several = list(logs)
        if all(isinstance(one, str | Path) for one in several):
            return [str(one) for one in several]
    raise ConfigError(
        f"{what}, not {_kind(logs)}",
        hint="name log files or folders of them; a table is written with its to_csv first",
    )


def path_of(path: PathLike) -> Path:
    """A path as such; a ConfigError for anything else."""
    if isinstance(path, str | Path):
        return Path(path)
    raise ConfigError(f"a path is needed, not {_kind(path)}", hint="a text or a pathlib.Path")


def _kind(value: object) -> str:
    """What was given, in few words."""
    if isinstance(value, str | int | float | None):
        return repr(value)
    kind = type(value).__name__
    if isinstance(value, list | tuple | set):
        odd = next((one for one in value if not isinstance(one, str | Path)), None)
        return f"a {kind} with {_kind(odd)}"
    return f"a {kind}"


def dataset_of(
    logs: recording.Dataset | PathLike | Sequence[PathLike], how: Mapping[str, Any]
) -> recording.Dataset:
    """Recordings as they are, or read from paths; ``how`` as for ``read``.

    Raises
    ------
    ConfigError
        ``how`` is given although the recordings are read already.
    """
    if not isinstance(logs, recording.Dataset):
        return read(*paths_of(logs), **how)
    if how:
        raise ConfigError(
            f"{', '.join(how)}: these recordings are read already",
            hint=f"it goes with paths; say it where they are read: sensorai.read(..., {next(iter(how))}=...)",
        )
    return logs
