"""Feature tables of whole datasets, and writing them as ARFF, CSV or Parquet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensorai.errors import DataError
from sensorai.files import write_parquet, write_with
from sensorai.mlc import arff
from sensorai.mlc.config import MlcConfig
from sensorai.mlc.features import table
from sensorai.mlc.labels import feature_names
from sensorai.mlc.simulate import at_core_rate
from sensorai.notes import of_recordings
from sensorai.recording import LABEL, Dataset


@dataclass(frozen=True, slots=True)
class Rows:
    """A feature table.

    Attributes
    ----------
    features : tuple of str
    values : ndarray, shape (rows, features), float64
        Halves.
    labels : list of str
        Class of each row; empty where there is none.
    recordings : list of str
        Name of the recording of each row.
    notes : tuple of str
        What was done to the recordings first.
    """

    features: tuple[str, ...]
    values: npt.NDArray[np.float64]
    labels: list[str]
    recordings: list[str]
    notes: tuple[str, ...]


def collect(config: MlcConfig, dataset: Dataset, *, style: str = "current", rate: str = "resample") -> Rows:
    """Compute the features of every whole window of every recording."""
    values, labels, names, taken = [], [], [], []
    for i, recording in enumerate(dataset):
        prepared = at_core_rate(recording, config, rate)
        part = table(config, prepared, style=style, first=i == 0).values
        # rows that a style drops stand at the start (settling) or at the end (old window policies)
        whole = prepared.window_labels(config.window, LABEL)
        start = len(whole) - len(part) if style == "stedgeai" else 0
        values.append(part)
        labels += [label or "" for label in whole[start : start + len(part)]]
        names += [recording.name] * len(part)
        taken.append(prepared)
    return Rows(feature_names(config), np.concatenate(values), labels, names, tuple(of_recordings(taken)))


def write(rows: Rows, path: Path) -> None:
    """Write by suffix: ``.arff`` (rows with a class only), ``.csv`` or ``.parquet``."""
    if path.suffix == ".arff":
        parts, classes = [], []
        edges = [0, *(i for i in range(1, len(rows.labels)) if rows.labels[i] != rows.labels[i - 1])]
        for start, stop in zip(edges, [*edges[1:], len(rows.labels)], strict=True):
            if start < stop and rows.labels[start]:
                parts.append(rows.values[start:stop])
                classes.append(rows.labels[start])
        if not parts:
            raise DataError(
                "no window has a class, and ARFF needs one",
                hint="give the classes with --label NAME=GLOB, or write .csv",
            )
        arff.write_arff(path, arff.from_tables(rows.features, parts, classes))
        return
    import pandas as pd

    frame = pd.DataFrame(rows.values, columns=list(rows.features))
    frame.insert(0, "recording", pd.Series(rows.recordings, dtype="str"))
    frame["label"] = pd.Series(rows.labels, dtype="str")
    if path.suffix == ".csv":
        write_with(path, lambda f: frame.to_csv(f, index=False, lineterminator="\n"))
    else:
        write_parquet(frame, path)
