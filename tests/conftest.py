"""Shared fixtures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent

# Tests run side by side, one process for every core: libraries that start a thread for each core as well
# would only take turns. Said before any of them is loaded; what tests start inherits it.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


def shared_dir() -> Path:
    """Folder of the reference material; it may not exist."""
    return Path(os.environ.get("SENSORAI_SHARED") or REPO.parent / "shared")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Reference material; skips when it is absent, fails when CI lacks it."""
    path = shared_dir()
    if not path.is_dir():
        reason = f"reference data not found at {path}; set SENSORAI_SHARED"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.fixture(scope="session")
def repo() -> Path:
    """Root of the repository."""
    return REPO
