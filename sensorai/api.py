"""What Python programs and notebooks call: read, train, open, decode.

Nothing here prints. Errors are those of ``sensorai.errors``: a UserError says what is wrong, where, and what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorai import recording
from sensorai.experiment import Experiment
from sensorai.recording import LABEL

if TYPE_CHECKING:
    import pandas as pd

    from sensorai.opening import Validation
    from sensorai.result import Result
    from sensorai.road import Opened, Trace

PathLike = str | Path


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing that shows itself in a notebook.

    Attributes
    ----------
    html : str
        A complete page.
    """

    html: str

    def save(self, path: PathLike) -> Path:
        """Write the page to a file."""
        from sensorai.files import write_text

        write_text(Path(path), self.html)
        return Path(path)

    def _repr_html_(self) -> str:
        from sensorai.report.page import framed

        return framed(self.html)


@dataclass(frozen=True, slots=True)
class Dataset(recording.Dataset):
    """Recordings that were read from logs.

    Attributes
    ----------
    recordings : tuple of Recording
        Each with ``samples`` (float64, shape (n, channels), in the unit of each channel), ``rate_hz``, ``labels``
        and ``group``.
    experiment : Experiment
        How they were read: what a training of them starts from.
    """

    experiment: Experiment = field(default_factory=Experiment)

    def summary(self) -> pd.DataFrame:
        """A row for each recording.

        Returns
        -------
        DataFrame
            ``recording``, ``group``, ``labels``, ``samples``, ``rate_hz``, ``seconds``, ``sensors``, ``gaps`` (time
            jumps), ``saturated`` (samples at the end of a full scale) and ``notes``.
        """
        import pandas as pd

        from sensorai.formats import inspect

        found = [inspect(r) for r in self]
        return pd.DataFrame(
            {
                "recording": [r.name for r in self],
                "group": [r.group for r in self],
                "labels": [
                    ", ".join(dict.fromkeys(s.label for s in r.labels.get(LABEL, ()))) for r in self
                ],
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
        """
        from sensorai.report.logs import logs_page

        return Plot(logs_page(self.recordings, column, most))


def read(*logs: PathLike, columns: Sequence[str] = (), **how: Any) -> Dataset:
    """Read logs of any format that ``sensorai inspect`` knows.

    Parameters
    ----------
    *logs : path
        Files, or folders that are searched for logs.
    columns : sequence of str
        Label columns beside the main one.
    **how
        What the logs do not say themselves, as on the command line: ``label={"walking": "walk*.csv"}``,
        ``label_column``, ``group_column``, ``group_path``, ``column={"acc_x": "ax"}``, ``unit={"acc": "m/s2"}``,
        ``log_rate`` (Hz), ``log_sensor``, ``mapping``, ``header``, ``short_rows``.

    Returns
    -------
    Dataset

    Raises
    ------
    ConfigError, DataError
        A log that cannot be read, or options that contradict it; an unknown option.
    """
    from sensorai import reading
    from sensorai.experiment import toml

    experiment = toml.from_mapping({"logs": [str(log) for log in logs], **how})
    found = reading.read(experiment, columns=columns)
    return Dataset(found.recordings, experiment)


def train(
    logs: recording.Dataset | PathLike | Sequence[PathLike],
    *,
    test: recording.Dataset | PathLike | Sequence[PathLike] | None = None,
    progress: Callable[[str, float], None] | None = None,
    **options: Any,
) -> Result:
    """Turn logs into something that runs on the chip, and prove on held-out logs that it behaves.

    Parameters
    ----------
    logs : Dataset, or path or paths
        What is learnt from.
    test : Dataset, or path or paths, optional
        What only judges; by default whole groups of ``logs`` are held out.
    progress : callable of (words, done), optional
        Told what is going on, and how much is done (0 to 1). What it raises stops the training, which leaves
        nothing behind.
    **options
        As on the command line: ``target="mlc"|"ispu"|"stm32"``, ``device``, ``task``, ``model``, ``window`` ...
        (``help(sensorai.Experiment)``).

    Returns
    -------
    Result
        ``report`` (shows itself in a notebook), ``simulate``, ``validate``, ``save``.

    Raises
    ------
    ExperimentError
        Everything that is wrong with the options, at once.
    ConfigError, DataError, TargetError, ToolMissing
        The logs do not bear it, or the device has no room for it.
    """
    from sensorai.experiment import toml
    from sensorai.run import run

    given = dict(options)
    if isinstance(logs, recording.Dataset):
        asked = logs.experiment if isinstance(logs, Dataset) else Experiment()
        dataset: recording.Dataset | None = logs
    else:
        asked, dataset = Experiment(), None
        given["logs"] = _paths(logs)
    held: recording.Dataset | None = None
    if isinstance(test, recording.Dataset):
        held = test
        if isinstance(test, Dataset):
            given["test"] = list(test.experiment.logs)
    elif test is not None:
        given["test"] = _paths(test)
    toml.check_keys(given)
    return run(asked.with_(**given), dataset, test=held, progress=progress)


def open(path: PathLike, **how: Any) -> Model:  # noqa: A001
    """Open a folder of results, or a register file of the machine learning core, ours or ST's.

    Parameters
    ----------
    path : path
    **how
        ``device``: where a register file does not name it; ``style``: arithmetic of an older tool of ST;
        ``names={"4": "walking"}``: names of result codes that a register file does not name.

    Raises
    ------
    ConfigError, DataError
        It is neither, or damaged.
    """
    from sensorai.kinds import RUNS, explained
    from sensorai.opening import open_result

    with explained("open", Path(path), RUNS):
        return Model(open_result(path, **how))


@dataclass(frozen=True, slots=True)
class Model:
    """A result that was made before: run it, judge it.

    Attributes
    ----------
    opened : Opened
        What was opened: files, device, classifiers with the names of their codes.
    """

    opened: Opened

    def simulate(self, logs: recording.Dataset | PathLike | Sequence[PathLike], **how: Any) -> pd.DataFrame:
        """Run the emitted bytes on logs.

        Parameters
        ----------
        logs : Dataset, or path or paths
        **how
            ``rate="resample"|"refuse"|"as-is"``: what to do with logs at another rate; else as for ``read``.

        Returns
        -------
        DataFrame
            A row for each window: ``recording``, ``time_s`` and ``sample`` of its end, features (registers) or
            scores (C), answers and decisions.
        """
        from sensorai.opening import simulate

        rate = how.pop("rate", "resample")
        return table_of(simulate(self.opened, _dataset(logs, how), rate=rate))

    def validate(self, logs: recording.Dataset | PathLike | Sequence[PathLike], **how: Any) -> Validation:
        """Judge on labelled logs, and compare all levels bit by bit.

        Parameters
        ----------
        logs : Dataset, or path or paths
        **how
            ``on=["host", "emulator"]``: where C runs; ``rate``; ``all_groups``; ``names={"walk": "walking"}``: labels
            that the model calls otherwise; else as for ``read``.

        Returns
        -------
        Validation
            ``report`` and ``divergence``: the first difference between two levels, None where there is none.
        """
        from sensorai.opening import validate

        keys = ("on", "rate", "all_groups", "names")
        told = {key: how.pop(key) for key in keys if key in how}
        return validate(self.opened, _dataset(logs, how), **told)


def table_of(traces: Sequence[Trace]) -> pd.DataFrame:
    """Traces as one table, a row for each window."""
    import pandas as pd

    frames = [t.frame().assign(recording=t.recording.name) for t in traces]
    whole = pd.concat(frames, ignore_index=True)
    return whole[["recording", *(c for c in whole.columns if c != "recording")]]


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a register file holds.

    Attributes
    ----------
    text : str
        All of it in words; what cannot be explained is named by address.
    figures : mapping
        The same as plain values; of the machine learning core, what ``sensorai encode`` takes.
    """

    text: str
    figures: Mapping[str, Any]

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(self.text)}</pre>"


def decode(path: PathLike, device: str | None = None) -> Decoded:
    """Explain a register file, ours or ST's: of the machine learning core or of an ISPU program.

    Parameters
    ----------
    path : path
        JSON, UCF or C header, or a folder of results.
    device : str, optional
        Device, where the file does not name it.

    Raises
    ------
    DataError
        It is none, or damaged: file, line and register are named.
    """
    from sensorai.ispu import unload
    from sensorai.kinds import Kind, explained
    from sensorai.mlc import describe
    from sensorai.mlc.artifact import open_artifact

    path = Path(path)
    with explained("decode", path, (Kind.REGISTERS, Kind.MLC, Kind.PROGRAM, Kind.ISPU)):
        program = unload.open_program(path, device)
        if program is not None:
            return Decoded(unload.as_text(program), unload.as_dict(program))
        found = open_artifact(path, device).decoded
    return Decoded(describe.as_text(found), describe.as_dict(found))


def _paths(logs: PathLike | Sequence[PathLike]) -> list[str]:
    return [str(logs)] if isinstance(logs, str | Path) else [str(log) for log in logs]


def _dataset(
    logs: recording.Dataset | PathLike | Sequence[PathLike], how: Mapping[str, Any]
) -> recording.Dataset:
    return logs if isinstance(logs, recording.Dataset) else read(*_paths(logs), **how)
