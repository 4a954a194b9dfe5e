"""Where trials run: processes that end with the search, and errors that are ours."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from sensorai import kept
from sensorai.errors import UserError
from sensorai.experiment import Experiment
from sensorai.tuning import searching
from sensorai.tuning.workers import Here, Workers, workers
from sensorai.work import LOST


def _process(asked: str) -> tuple[int, Path]:
    if asked == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if asked == "sleep":
        time.sleep(60)
    return os.getpid(), kept.folder()


def _there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _interrupted(found: Workers) -> tuple[int, Path]:
    """Ask for more than there is time for; the process that is busy, and where it keeps its files."""
    asked = found.result(found.executor.submit(_process, ""))
    sleeping = [found.executor.submit(_process, "sleep") for _ in range(2)]
    while not all(one.running() for one in sleeping):
        time.sleep(0.01)
    return asked  # type: ignore[no-any-return]


def test_processes_end_whatever_they_do_and_a_killed_one_is_an_error() -> None:
    begun = time.monotonic()
    with workers(Experiment(jobs=2)) as found:
        assert (found.at_once, found.read) == (2, True)
        process, folder = _interrupted(found)
    assert process != os.getpid()
    assert not _there(process)
    # what trials keep in files goes with this process
    assert folder == kept.folder()
    jobs: Any = enumerate(["kill", "sleep"])
    with pytest.raises(UserError, match=LOST[:20]), workers(Experiment(jobs=2)) as found:
        list(searching._each(found, _process, jobs))  # type: ignore[arg-type]
    assert time.monotonic() - begun < 50


def test_errors_of_a_cluster_come_as_ours() -> None:
    def lost(future: Future[str]) -> str:
        raise UserError(LOST)

    job: Any = ""
    one = Workers(Here(), 1, read=False, result=lost)
    with pytest.raises(UserError, match=LOST[:20]):
        list(searching._each(one, str, iter([(0, job)])))
