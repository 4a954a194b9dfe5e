"""Shared fixtures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent


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
