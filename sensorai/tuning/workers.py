"""Where trials run: here, in processes of this machine, on a cluster, or on any executor that is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sensorai.experiment import Experiment
from sensorai.work import Processes
from sensorai.workers import cluster


@dataclass(frozen=True, slots=True)
class Workers:
    """An executor, and how trials are handed to it.

    Attributes
    ----------
    executor : Executor
    at_once : int
        Trials that run at the same time.
    read : bool
        Whether each worker reads the logs itself, once; otherwise every trial brings them along.
    result : callable of Future to object
        Waits for a trial; errors of the executor's own come as ours.
    """

    executor: Executor
    at_once: int
    read: bool
    result: Callable[[Future[Any]], Any] = Future.result


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
def workers(experiment: Experiment, given: Executor | None = None) -> Iterator[Workers]:
    """Give workers as an experiment wants them; an executor that was given is not shut down.

    Raises
    ------
    ConfigError, ToolMissing
        A cluster that does not answer, or whose client is not installed.
    """
    jobs = experiment.jobs or 1
    if given is not None:
        yield Workers(given, jobs, read=True)
    elif experiment.on is not None:
        far = cluster(experiment.on)
        try:
            # another machine may not see the files
            yield Workers(far.executor, far.size, read=False, result=far.result)
        finally:
            far.close()
    elif jobs == 1:
        yield Workers(Here(), 1, read=False)
    else:
        processes = Processes(jobs)
        try:
            yield Workers(processes.executor, jobs, read=True)
        finally:
            # nobody waits for trials that are not wanted any more
            processes.close()
