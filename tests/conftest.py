"""Shared fixtures."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent

# Tests run side by side, one process for every core: libraries that start a thread for each core as well
# would only take turns. Said before any of them is loaded; what tests start inherits it.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


def _keep_compiled_nets() -> None:
    """Have JAX keep what it compiled for the processes that tests start, whose trainings are alike.

    Every worker has a folder of its own: JAX writes an entry while another process may read it. Set
    ``JAX_COMPILATION_CACHE_DIR`` to keep nets from run to run.
    """
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    room = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    if room is None:
        room = tempfile.mkdtemp(prefix="sensorai-nets-")
        atexit.register(shutil.rmtree, room, ignore_errors=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = room if worker is None else str(Path(room) / worker)


_keep_compiled_nets()


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
