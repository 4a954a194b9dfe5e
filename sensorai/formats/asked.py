"""What is asked of every log, held against what no log can be: before any is read."""

from __future__ import annotations

from collections.abc import Iterator

from sensorai.errors import DataError, Problem
from sensorai.experiment import Experiment
from sensorai.formats.header import TIME_UNITS, sensor_unit
from sensorai.formats.mapping import AXES
from sensorai.recording import SENSORS


def units_asked(experiment: Experiment) -> Iterator[Problem]:
    """Units that are none, or none of their sensor; channels that are none."""
    for key, _ in experiment.column:
        if key not in AXES:
            yield Problem(f"--column {key}=...: {key!r} is no channel", hint=f"channels: {', '.join(AXES)}")
    for key, unit in experiment.unit:
        shown = f"--unit {key}={unit}"
        if key == "time":
            if unit not in TIME_UNITS:
                yield Problem(
                    f"{shown}: unknown unit {unit!r} of time", hint=f"units of time: {', '.join(TIME_UNITS)}"
                )
        elif key in SENSORS or key in AXES:
            try:
                sensor_unit(unit, f"{key}_x" if key in SENSORS else key, "")
            except DataError as error:
                yield Problem(f"{shown}: {error.message}", hint=error.hint)
        else:
            yield Problem(
                f"{shown}: {key!r} is no sensor or channel",
                hint=f"sensors: {', '.join(SENSORS)}; channels such as acc_x; time",
            )
