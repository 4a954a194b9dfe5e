"""One log and one trained folder that the tests of the command line share (and never change)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.call import call
from tests.cli.logs import write_log

#: Fast and enough for classes this far apart.
QUICK = ("--window", "26", "--max-features", "2", "--sensors", "acc", "--folds", "2")


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four subjects, three classes, 52 Hz, label and subject columns."""
    return write_log(tmp_path_factory.mktemp("logs") / "log.csv")


@pytest.fixture(scope="session")
def trained(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of a training for the LSM6DSOX, name ``toy``."""
    folder = tmp_path_factory.mktemp("trained") / "toy"
    result = call(
        "train", log, "--target", "mlc", "--device", "LSM6DSOX", "--out", folder, "--name", "toy", *QUICK
    )
    assert result.code == 0, result.err
    assert result.err == ""
    return folder
