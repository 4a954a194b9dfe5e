"""Where trials run: here, in processes of this machine, or on any executor that is given."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from typing import Any

from sensorai.experiment import Experiment
from sensorai.workers import cluster


class Here(Executor):
    """Runs a call where it is made; its future is done when ``submit`` returns."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call, and keep what comes of it."""
        out: Future[Any] = Future()
        try:
            out.set_result(fn(*args, **kwargs))
        except Exception as error:
            out.set_exception(error)
        return out


@contextmanager
def workers(experiment: Experiment, given: Executor | None = None) -> Iterator[tuple[Executor, int]]:
    """Give an executor, and how many trials are there at once; one that was given is not shut down."""
    jobs = experiment.jobs or 1
    if given is not None:
        yield given, jobs
        return
    if experiment.on is not None:
        far = cluster(experiment.on)
        try:
            yield far.executor, far.size
        finally:
            far.close()
        return
    if jobs == 1:
        yield Here(), 1
        return
    others = active_children()
    # nets are learnt with threads, which a fork would lose
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_quiet)
    try:
        yield pool, jobs
    except BaseException:
        # nobody waits for trials that are not wanted any more
        for child in active_children():
            if child not in others:
                child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _quiet() -> None:
    """Leave Ctrl-C to the process that asked, and end with it: killed, it tells nobody."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, args=(os.getppid(),), daemon=True).start()


def _follow(parent: int) -> None:
    """End when the parent is gone."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
