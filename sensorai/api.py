"""What Python programs and notebooks call: read, train, open, compare, decode.

Nothing here prints. Errors are those of ``sensorai.errors``: a UserError says what is wrong, where, and what
to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorai import recording
from sensorai.comparison import beside
from sensorai.experiment import Experiment
from sensorai.experiment.check import of_values
from sensorai.logs import TAKEN, Dataset, PathLike, path_of, paths_of, read
from sensorai.opening import Model, open_result
from sensorai.result import Result
from sensorai.run import run

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import pandas as pd

    from sensorai.tuning import Found

__all__ = ["Dataset", "Decoded", "Model", "compare", "decode", "open", "read", "search", "train"]


def train(
    logs: recording.Dataset | PathLike | Sequence[PathLike],
    *,
    test: recording.Dataset | PathLike | Sequence[PathLike] | None = None,
    progress: Callable[[str, float], None] | None = None,
    **options: Any,
) -> Result:
    """Turn logs into something that runs on the chip, and prove that it behaves.

    Parameters
    ----------
    logs : Dataset, or path or paths
        What is learnt from.
    test : Dataset, or path or paths, optional
        What only judges; by default folds over groups of ``logs`` judge.
    progress : callable of (words, done), optional
        Told what is going on, and how much is done (0 to 1). What it raises stops the training, which leaves
        nothing behind.
    **options
        As on the command line: ``target="mlc"|"ispu"|"stm32"``, ``device``, ``task``, ``model``, ``window``
        ... (``help(sensorai.Experiment)``).

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
    experiment, dataset, held = _asked(logs, test, options)
    return run(experiment, dataset, test=held, progress=progress)


def _asked(
    logs: recording.Dataset | PathLike | Sequence[PathLike],
    test: recording.Dataset | PathLike | Sequence[PathLike] | None,
    options: Mapping[str, Any],
) -> tuple[Experiment, recording.Dataset | None, recording.Dataset | None]:
    """What is asked for, and recordings that were read already: to learn from, and that only judge."""
    given = dict(options)
    if isinstance(logs, recording.Dataset):
        asked = logs.experiment if isinstance(logs, Dataset) else Experiment()
        dataset: recording.Dataset | None = logs
    else:
        asked, dataset = Experiment(), None
        given["logs"] = paths_of(logs)
    held: recording.Dataset | None = None
    if isinstance(test, recording.Dataset):
        held = test
        if isinstance(test, Dataset):
            given["test"] = list(test.experiment.logs)
    elif test is not None:
        given["test"] = paths_of(test, f"test {TAKEN}")
    return of_values(given, base=asked), dataset, held


def search(
    logs: recording.Dataset | PathLike | Sequence[PathLike],
    *,
    out: PathLike,
    flash: int | None = None,
    ram: int | None = None,
    instructions: int | None = None,
    current: float | None = None,
    metric: str = "accuracy",
    trials: int | None = None,
    minutes: float | None = None,
    finalists: int = 5,
    executor: Executor | None = None,
    test: recording.Dataset | PathLike | Sequence[PathLike] | None = None,
    progress: Callable[[str, float], None] | None = None,
    **options: Any,
) -> Found:
    """Search for the best model within a budget; a search that was stopped goes on in the same folder.

    Parameters
    ----------
    logs : Dataset, or path or paths
        What is learnt from.
    out : path
        Folder of the search: study, page, ``search.json`` and a full result for each point of the front.
    flash, ram, instructions : int, optional
        Most bytes, and most instructions of a window; of models in C.
    current : float, optional
        Most microamperes on average, by published figures.
    metric : {"accuracy", "macro-f1"}
        What is made as good as possible.
    trials : int, optional
        Models that are looked at; 40 without ``minutes``.
    minutes : float, optional
        Time of this call.
    finalists : int
        Points of the front that are made in full.
    executor : concurrent.futures.Executor, optional
        Where ``jobs`` models at once run, instead of in processes of this machine.
    test : Dataset, or path or paths, optional
        What only judges; nothing is chosen by it.
    progress : callable of (words, done), optional
    **options
        As of ``train``: what they say is fixed, everything else is searched; ``jobs`` models at once, one
        without it, or as many as the workers of a cluster (``on``).

    Returns
    -------
    Found
        ``points`` of the front, ``figures``, and the folder of the ``recommended`` result.

    Raises
    ------
    ExperimentError
        Everything that is wrong with the options, at once.
    ConfigError, DataError
        The logs do not bear it, the folder holds another search, or nothing keeps the budget.
    ToolMissing
        The package optuna, the compiler or the emulator.
    """
    from sensorai.tuning import Budget
    from sensorai.tuning import search as begin

    experiment, dataset, held = _asked(logs, test, options)
    return begin(
        experiment,
        Budget(flash, ram, instructions, current),
        out=path_of(out),
        trials=trials,
        minutes=minutes,
        metric=metric,
        finalists=finalists,
        executor=executor,
        dataset=dataset,
        test=held,
        progress=progress,
    )


def open(  # noqa: A001
    path: PathLike,
    *,
    device: str | None = None,
    style: str = "current",
    names: Mapping[str, str] | None = None,
) -> Model:
    """Open a folder of results, or a register file of the machine learning core, ours or ST's.

    Parameters
    ----------
    path : path
    device : str, optional
        Device, where a register file does not name it.
    style : str
        Arithmetic of the core: ``current``, or that of an older tool of ST (``stedgeai``, ``unico`` ...).
    names : mapping of code to name, optional
        Names of result codes that a register file does not name, as in ``{"4": "walking"}``.

    Returns
    -------
    Model
        ``simulate`` and ``validate``.

    Raises
    ------
    ConfigError, DataError
        It is neither, or damaged.
    """
    from sensorai.kinds import RUNS, explained

    path = path_of(path)
    with explained("open", path, RUNS):
        return Model(open_result(path, device=device, style=style, names=names))


def compare(*results: PathLike) -> pd.DataFrame:
    """Put saved results side by side.

    Parameters
    ----------
    *results : path
        Folders of results, or their ``report.json``; two or more.

    Returns
    -------
    DataFrame
        A row for each result: target, device, model, figures on held-out groups, memory with its source,
        and the current as an interval of published figures (``low_ua``, ``high_ua``, ``current``).
        ``comparable`` is False where they were judged on other groups, logs or classes; ``why_not`` says it.

    Raises
    ------
    ConfigError, DataError
        Something that is no result.
    """
    return beside([Path(one) for one in results]).frame()


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

    Returns
    -------
    Decoded
        ``text`` and ``figures``; it shows itself in a notebook.

    Raises
    ------
    DataError
        It is none, or damaged: file, line and register are named.
    """
    from sensorai.ispu import unload
    from sensorai.kinds import Kind, explained
    from sensorai.mlc import describe
    from sensorai.mlc.artifact import open_artifact

    path = path_of(path)
    with explained("decode", path, (Kind.REGISTERS, Kind.MLC, Kind.PROGRAM, Kind.ISPU)):
        program = unload.open_program(path, device)
        if program is not None:
            return Decoded(unload.as_text(program), unload.as_dict(program))
        found = open_artifact(path, device).decoded
    return Decoded(describe.as_text(found), describe.as_dict(found))
