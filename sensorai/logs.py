"""Logs for Python programs: read with a call, summed up in a table, drawn in a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorai import reading, recording
from sensorai.errors import ConfigError
from sensorai.experiment import Experiment, toml
from sensorai.recording import LABEL

if TYPE_CHECKING:
    import pandas as pd

PathLike = str | Path


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
    experiment = toml.from_mapping({"logs": [path for log in logs for path in paths_of(log)], **how})
    found = reading.read(experiment, columns=columns)
    return Dataset(found.recordings, experiment)


def paths_of(logs: PathLike | Sequence[PathLike]) -> list[str]:
    """Paths as texts, of one path or several."""
    return [str(logs)] if isinstance(logs, str | Path) else [str(log) for log in logs]


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
