"""Logs in and out: readers that need no hint, datasets with labels and groups, inspection, resampling."""

from __future__ import annotations

from sensorai.formats.dataset import read_dataset
from sensorai.formats.inspection import Inspection, inspect
from sensorai.formats.options import ReadOptions
from sensorai.formats.read import detect, read_log
from sensorai.formats.resample import at_rate, resample
from sensorai.formats.timing import mean_rate
from sensorai.formats.write import write_csv

__all__ = [
    "Inspection",
    "ReadOptions",
    "at_rate",
    "detect",
    "inspect",
    "mean_rate",
    "read_dataset",
    "read_log",
    "resample",
    "write_csv",
]
