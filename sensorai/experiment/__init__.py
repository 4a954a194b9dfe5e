"""What a user asks for, as data: options, rules, ``sensorai.toml``. Reads no logs, imports nothing heavy."""

from __future__ import annotations

from sensorai.experiment.check import check, checked
from sensorai.experiment.experiment import Experiment, options

__all__ = ["Experiment", "check", "checked", "options"]
