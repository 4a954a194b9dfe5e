"""Logs of an experiment: files read as it says, with the labels and groups it gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sensorai.errors import ConfigError
from sensorai.experiment import Experiment
from sensorai.formats import ReadOptions, read_dataset, read_mapping
from sensorai.kinds import explained_logs
from sensorai.recording import LABEL, Dataset
from sensorai.work import SERIAL, Work


def options_of(
    experiment: Experiment,
    *,
    split_at_breaks: bool = True,
    align: bool = False,
    align_hz: float | None = None,
) -> ReadOptions:
    """How the logs of an experiment are read."""
    return ReadOptions(
        rate_hz=experiment.log_rate,
        units=dict(experiment.unit),
        columns=dict(experiment.column),
        label=experiment.label_column,
        group=experiment.group_column,
        group_path=experiment.group_path,
        header=experiment.header,
        short_rows="zero" if experiment.short_rows == "zero" else "refuse",
        split_at_breaks=split_at_breaks,
        sensor=experiment.log_sensor,
        align=align,
        align_hz=align_hz,
        mapping=None if experiment.mapping is None else read_mapping(Path(experiment.mapping)),
    )


def read(
    experiment: Experiment,
    options: ReadOptions | None = None,
    columns: Sequence[str] = (),
    classes: Sequence[str] = (),
    work: Work = SERIAL,
) -> Dataset:
    """Read the logs of an experiment.

    Parameters
    ----------
    experiment : Experiment
    options : ReadOptions, optional
        By default those of the experiment.
    columns : sequence of str
        Label columns beside the main one.
    classes : sequence of str
        Those that a model knows: they decide between the names of files and folders.
    work : Work
        Where files are read.

    Raises
    ------
    ConfigError, DataError
    """
    if not experiment.logs:
        raise ConfigError("no logs were given", hint="name log files or folders of them")
    return _read(experiment.logs, experiment, options or options_of(experiment), columns, classes, work)


def read_test(experiment: Experiment, columns: Sequence[str] = (), work: Work = SERIAL) -> Dataset | None:
    """Read the logs that only test; None where there are none."""
    if not experiment.test:
        return None
    return _read(experiment.test, experiment, options_of(experiment), columns, work=work)


def _read(
    paths: Sequence[str],
    experiment: Experiment,
    options: ReadOptions,
    columns: Sequence[str],
    classes: Sequence[str] = (),
    work: Work = SERIAL,
) -> Dataset:
    more = [c for c in columns if c != LABEL]
    with explained_logs([Path(p) for p in paths]):
        return read_dataset(
            paths, options, labels=experiment.label, label_columns=more, classes=classes, work=work
        )
