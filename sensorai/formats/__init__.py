"""Logs in and out: readers that need no hint, datasets with labels and groups, inspection, resampling."""

from __future__ import annotations

from sensorai.formats.align import align
from sensorai.formats.convert import convert, format_of
from sensorai.formats.dataset import find_logs, read_dataset
from sensorai.formats.inspection import Inspection, inspect
from sensorai.formats.mapping import TableMapping, read_mapping
from sensorai.formats.options import ReadOptions
from sensorai.formats.overview import Overview, overview
from sensorai.formats.read import detect, read_log
from sensorai.formats.resample import at_rate, resample
from sensorai.formats.timing import mean_rate
from sensorai.formats.write import LiveCsv, write_csv
from sensorai.formats.writers import write_parquet

__all__ = [
    "Inspection",
    "LiveCsv",
    "Overview",
    "ReadOptions",
    "TableMapping",
    "align",
    "at_rate",
    "convert",
    "detect",
    "find_logs",
    "format_of",
    "inspect",
    "mean_rate",
    "overview",
    "read_dataset",
    "read_log",
    "read_mapping",
    "resample",
    "write_csv",
    "write_parquet",
]
