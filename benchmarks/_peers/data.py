"""The reference task: four activities from ST's logs, windows of 52 samples, 28 features, split by log."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensorai.errors import DataError
from sensorai.features import catalogue
from sensorai.features.catalogue import IntFeature
from sensorai.formats.dataset import read_dataset
from sensorai.learn.counts import Counted, CountOptions, build
from sensorai.learn.forests import narrow, narrowed

REPO = Path(__file__).resolve().parents[2]
LOGS = (
    "data/mlc-reference/st-mems-machine-learning-core/tutorials"
    "/2_datalogs_and_automatic_feature_selection/datalogs"
)
#: The logs do not say their rate; windows are given in samples, so it decides nothing here.
RATE_HZ, WINDOW, STRIDE = 26.0, 52, 26
QUANTITIES = ("MEAN", "VARIANCE", "ENERGY", "PEAK_TO_PEAK", "MINIMUM", "MAXIMUM", "ZERO_CROSSING")
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Windows, features and the split.

    Attributes
    ----------
    counted : Counted
    table : ndarray, shape (rows, 28), int32
        Features as the C of sensorai computes them.
    x : ndarray, shape (rows, 28), int16
        The same without their lowest bits where they need more than 16: what trees of all tools get.
    train, test : ndarray of bool, shape (rows,)
    validation : ndarray of bool, shape (rows,)
        The training rows by which nets choose their epoch.
    """

    counted: Counted
    table: npt.NDArray[np.int32]
    x: npt.NDArray[np.int16]
    train: Mask
    validation: Mask
    test: Mask

    @property
    def y(self) -> npt.NDArray[np.int64]:
        """Class of each row."""
        return self.counted.y

    def sample(self, rows: int) -> npt.NDArray[np.int64]:
        """Return some test rows, shuffled, always the same."""
        every = np.flatnonzero(self.test)
        return np.random.default_rng(0).permutation(every)[:rows]


def load() -> Task:
    """Read the logs; a DataError where they are not there."""
    shared = Path(os.environ.get("SENSORAI_SHARED") or REPO.parent / "shared")
    folder = shared / LOGS
    files = sorted(folder.glob("*/log_*.csv"))
    if not files:
        raise DataError(
            f"the reference logs are not at {folder}",
            hint="set SENSORAI_SHARED to the folder that holds data/mlc-reference",
        )
    dataset = read_dataset(files)
    counted = build(dataset, CountOptions(("acc",), RATE_HZ, WINDOW, STRIDE))
    numbers = np.array([_number(r.source) for r in dataset])[counted.recording]
    test = numbers % 3 == 2
    axes = [(f"{q}", (a,)) for a in range(3) for q in QUANTITIES]
    norm = [(f"NORM_{q}", (0, 1, 2)) for q in QUANTITIES]
    features = [IntFeature(name, inputs) for name, inputs in axes + norm]
    table = catalogue.table(features, counted.x)
    x = narrowed(table, narrow(table[~test])).clip(-(2**15), 2**15 - 1).astype(np.int16)
    return Task(counted, table, x, ~test, ~test & (numbers % 9 == 0), test)


def _number(source: str) -> int:
    found = re.search(r"log_(\d+)\.csv", source)
    if not found:
        raise DataError(f"{source} is no numbered log")
    return int(found[1])
