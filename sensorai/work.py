"""Where work is done: in this process, in processes of this machine, or on a cluster.

Work is a function of the top level of a module, something that all calls share, and items. Results come in
the order of the items and are the same wherever they were made.
"""

from __future__ import annotations

import os
import pickle
import uuid
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from sensorai import kept
from sensorai.errors import ConfigError, SensoraiError, UserError
from sensorai.version import __version__

#: Does a piece of work: what all pieces share, and the item.
Task = Callable[[Any, Any], Any]
LOST = "a worker process ended before its work was done: killed, or out of memory"


class Work(Protocol):
    """Somewhere to do work."""

    @property
    def here(self) -> Work:
        """For work with files of this machine."""
        ...

    def map(self, task: Task, shared: Any, items: Sequence[Any], much: bool = True) -> Iterator[Any]:
        """Yield ``task(shared, item)`` of each item in order.

        Parameters
        ----------
        task : callable
            Of the top level of a module.
        shared : object
            The same for all items; it is handed over once.
        items : sequence
        much : bool
            Whether there is so much to do that starting workers is worth it.

        Raises
        ------
        SensoraiError
            What the task raised; a UserError where a worker was lost.
        """
        ...

    def close(self) -> None:
        """End the workers."""
        ...


class Serial:
    """One item after the other, in this process."""

    @property
    def here(self) -> Work:
        """The same."""
        return self

    def map(self, task: Task, shared: Any, items: Sequence[Any], much: bool = True) -> Iterator[Any]:
        """Do each item when its result is asked for."""
        for item in items:
            yield task(shared, item)

    def close(self) -> None:
        """There is nothing to end."""


#: For whoever has nowhere else.
SERIAL = Serial()


class Processes:
    """Processes of this machine, started when there is much to do.

    Parameters
    ----------
    jobs : int, optional
        Processes; they are started for whatever there is to do. By default one for each core, for much work
        alone.
    """

    def __init__(self, jobs: int | None = None) -> None:
        self._asked, self._jobs = jobs, jobs or cores()
        self._pool: Executor | None = None

    @property
    def here(self) -> Work:
        """The same."""
        return self

    def map(self, task: Task, shared: Any, items: Sequence[Any], much: bool = True) -> Iterator[Any]:
        """Hand items to the processes, a few ahead; large arrays go as files."""
        if self._jobs == 1 or len(items) < 2 or not (much or self._asked):
            yield from SERIAL.map(task, shared, items)
            return
        handed, remove = kept.packed(shared)
        token, waiting = uuid.uuid4().hex, deque[Future[Any]]()
        try:
            for item in items:
                waiting.append(self.executor.submit(_apart, task, token, handed, kept.packed(item)[0]))
                if len(waiting) > 2 * self._jobs:
                    yield _result(waiting.popleft())
            while waiting:
                yield _result(waiting.popleft())
        except BrokenExecutor:
            self.close()
            raise UserError(LOST, hint="give fewer --jobs (1: all in this process)") from None
        except KeyboardInterrupt:
            self.close()
            raise
        finally:
            for future in waiting:
                future.cancel()
            remove()

    @property
    def executor(self) -> Executor:
        """The processes themselves, for who hands out work piece by piece; ``close`` ends them."""
        if self._pool is None:
            # they start anew: neither threads of numerical libraries nor the script of the caller get in
            from joblib.externals.loky import ProcessPoolExecutor
            from joblib.externals.loky.backend import get_context

            # a worker that is replaced is no news
            warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
            self._pool = ProcessPoolExecutor(
                self._jobs, context=get_context("loky"), initializer=_begin, initargs=(kept.folder(),)
            )
        return self._pool

    def close(self) -> None:
        """End the processes, whatever they do."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, kill_workers=True)  # type: ignore[call-arg]


class Cluster:
    """An executor of elsewhere; what its workers need is sent by value.

    Parameters
    ----------
    executor : Executor
        It is kept for who hands out work piece by piece.
    place : callable of bytes to object
        Puts what is shared where all workers get it; what comes back is resolved in arguments.
    end : callable
    words : str
        As messages call it.
    size : int
        Pieces of work that its workers do at once.
    """

    def __init__(
        self,
        executor: Executor,
        place: Callable[[bytes], Any],
        end: Callable[[], None],
        words: str,
        size: int = 1,
    ) -> None:
        self.executor, self.size = executor, size
        self._place, self._end, self._words = place, end, words
        theirs = self.result(executor.submit(_version))
        if theirs != __version__:
            self.close()
            raise ConfigError(
                f"the workers at {words} have sensorai {theirs}, this is {__version__}",
                hint="install the same version there",
            )

    @property
    def here(self) -> Work:
        """Nothing says that its machines see the same files: this process."""
        return SERIAL

    def map(self, task: Task, shared: Any, items: Sequence[Any], much: bool = True) -> Iterator[Any]:
        """Submit all items."""
        if len(items) < 2:
            yield from SERIAL.map(task, shared, items)
            return
        token = uuid.uuid4().hex
        placed = self._place(pickle.dumps((task, shared), pickle.HIGHEST_PROTOCOL))
        futures = [
            self.executor.submit(_far, token, placed, pickle.dumps(item, pickle.HIGHEST_PROTOCOL))
            for item in items
        ]
        try:
            for future in futures:
                yield _unpacked(self.result(future))
        finally:
            for future in futures:
                future.cancel()

    def result(self, future: Future[Any]) -> Any:
        """Result of a future of the executor; its errors are ours.

        Raises
        ------
        ConfigError
            The workers lack something.
        UserError
            A worker was lost.
        SensoraiError
            What the work raised.
        """
        try:
            return future.result()
        except (SensoraiError, KeyboardInterrupt):
            raise
        except ImportError as error:
            raise ConfigError(
                f"the workers at {self._words} cannot load this: {error}",
                hint="they need the same sensorai, with what it depends on",
            ) from None
        except Exception as error:
            # clients have errors of their own for a worker that is gone
            kind = type(error).__name__
            if kind in ("KilledWorker", "CommClosedError", "CancelledError", "FutureCancelledError") or (
                kind.endswith(("CrashedError", "DiedError"))
            ):
                raise UserError(LOST, where=self._words, hint="look at the logs of the workers") from None
            raise

    def close(self) -> None:
        """Say goodbye; the cluster goes on."""
        with suppress(Exception):
            self._end()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# ---------------------------------------------------------------- at the other end

#: What was shared last, by its token.
_shared: tuple[str, Any] = ("", None)


def _begin(folder: Path) -> None:
    """Begin a worker: it ends with its parent, which alone is interrupted by the keyboard."""
    import signal
    import threading

    from joblib.externals.loky import process_executor

    # where psutil is installed, it takes windows that are kept between two folds for a leak and begins anew
    process_executor._USE_PSUTIL = False
    kept.share_folder(folder)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, args=(os.getppid(),), daemon=True).start()


def _follow(parent: int) -> None:
    from time import sleep

    while os.getppid() == parent:
        sleep(1.0)
    os._exit(1)


def _apart(task: Task, token: str, handed: bytes, item: bytes) -> bytes:
    return kept.packed(_done(task, _known(token, handed), pickle.loads(item)), own=True)[0]


def _far(token: str, placed: bytes, item: bytes) -> bytes:
    task, shared = _known(token, placed)
    return pickle.dumps(_done(task, shared, pickle.loads(item)), pickle.HIGHEST_PROTOCOL)


def _known(token: str, handed: bytes) -> Any:
    """What is shared, unpacked once; a worker may have several threads."""
    global _shared
    known, value = _shared
    if known != token:
        value = pickle.loads(handed)
        _shared = token, value
    return value


def _done(task: Task, shared: Any, item: Any) -> tuple[bool, Any]:
    """Whether it went well, and what came of it: an error of ours goes back as it is."""
    try:
        return True, task(shared, item)
    except SensoraiError as error:
        return False, error


def _result(future: Future[Any]) -> Any:
    return _unpacked(future.result())


def _unpacked(made: bytes) -> Any:
    good, value = pickle.loads(made)
    if not good:
        raise value
    return value


def _version() -> str:
    return __version__
