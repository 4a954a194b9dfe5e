"""From a source into a log: the loop that runs while something is recorded."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sensorai.board.line import Chunk, Line, LineLost
from sensorai.board.logfile import LogFile, NotWritten
from sensorai.board.source import Run, Source
from sensorai.errors import UserError

#: Seconds between two turns of the loop: the rows of a turn are handled together.
TURN_S = 0.1
#: Seconds between two looks of the view.
VIEW_S = 0.25
#: Seconds without a byte after which the view says so.
SILENT_S = 3.0
#: Seconds without a sample after which a recording that has none ends.
GIVE_UP_S = 10.0


@dataclass(slots=True)
class State:
    """What is known while recording, for the live view and the summary.

    Attributes
    ----------
    columns : tuple of str
        Of the values, without the time.
    values : tuple of float
        The last sample.
    samples, lost, gaps, damaged : int
        Received; known to be missing; places where some are missing; lines or frames that were none.
    rate_hz : float or None
        Measured.
    seconds : float
        Since the first sample.
    asked : float or None
        Seconds asked for.
    label : str
    labels : tuple of str
        Labels that keys choose.
    spent : dict
        Samples by label.
    silent_s : float
        Seconds since the last byte.
    step, pause : str, float
        Place in a plan; seconds until its next recording begins.
    ended : str
        Why it ended: ``time``, ``stopped``, ``silent``, ``lost`` (the port went away), ``disk``, ``board``.
    """

    columns: tuple[str, ...] = ()
    values: tuple[float, ...] = ()
    samples: int = 0
    lost: int = 0
    gaps: int = 0
    damaged: int = 0
    rate_hz: float | None = None
    seconds: float = 0.0
    asked: float | None = None
    label: str = ""
    labels: tuple[str, ...] = ()
    spent: dict[str, int] = field(default_factory=dict)
    silent_s: float = 0.0
    step: str = ""
    pause: float = 0.0
    file: str = ""
    ended: str = ""


class View(Protocol):
    """What shows a recording, and takes keys."""

    def show(self, state: State) -> None:
        """Show how it stands; called a few times a second."""

    def say(self, text: str) -> None:
        """Say something that stays."""

    def pressed(self) -> str:
        """Give the keys that were pressed since the last call."""


class Silent:
    """A view that shows nothing."""

    def show(self, state: State) -> None:
        """Show nothing."""

    def say(self, text: str) -> None:
        """Say nothing."""

    def pressed(self) -> str:
        """No keys."""
        return ""


def key_labels(labels: Sequence[str]) -> Mapping[str, str]:
    """Keys that choose a label: its number from 1, and its first letter where no other label has it."""
    keys = {str(i): label for i, label in enumerate(labels[:9], 1)} | {"0": "", " ": ""}
    for label in labels:
        letter = label[:1].lower()
        if letter.isalpha() and letter != "q" and sum(one[:1].lower() == letter for one in labels) == 1:
            keys[letter] = label
    return keys


def write_runs(log: LogFile, runs: Sequence[Run], state: State, source: Source) -> None:
    """Write runs of rows into a log and count them."""
    for run in runs:
        gap = run.lost is not None and state.samples > 0
        if gap:
            state.gaps += 1
            state.lost += max(run.lost or 0, 0)
        state.samples += len(run.rows)
        if run.rows:
            state.spent[state.label] = state.spent.get(state.label, 0) + len(run.rows)
            cells = run.rows[-1].split(",")[source.first_value :]
            state.values = tuple(map(float, cells))
        log.write(run.rows, state.label, gap=gap)


def finish(log: LogFile, state: State, source: Source) -> None:
    """Write what the source held back, and the rate; the log is flushed, not closed."""
    write_runs(log, source.finish(), state, source)
    state.rate_hz = source.rate()
    log.set_rate(state.rate_hz)
    log.flush()


def ended_by(error: UserError) -> str:
    """Word for the journal: why an error ended a recording."""
    return "lost" if isinstance(error, LineLost) else "disk" if isinstance(error, NotWritten) else "board"


def with_account(error: UserError, log: LogFile, seconds: float) -> UserError:
    """The same error, saying what of the recording there is."""
    if isinstance(error, NotWritten):
        return error
    kept = f"{log.samples} samples are in {log.path}" if log.samples else "no sample had come"
    message = f"{error.message} after {seconds:.1f} s: {kept}"
    return type(error)(message, where=error.where, hint=error.hint)


class Recorder:
    """Records from one line, one log after the other.

    Parameters
    ----------
    line : Line
    source : Source
    already : sequence of Chunk
        What came before and belongs to the first log.
    view : View
    stop : threading.Event
        Ends what is going on, from another thread or a signal.
    """

    def __init__(
        self, line: Line, source: Source, already: Sequence[Chunk], view: View, stop: threading.Event
    ) -> None:
        self.line, self.source, self.view, self.stop = line, source, view, stop
        self._already = list(already)
        self._shown = 0.0
        self._heard = time.monotonic()

    def wait(self, seconds: float, state: State) -> None:
        """Let ``seconds`` pass, throwing away what comes; a blank or Enter ends it."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.stop.is_set():
            for chunk in self._chunks():
                self.source.feed(chunk)
            state.pause = left
            self._look(state)
            if set(self.view.pressed()) & set(" \r\n"):
                break
        state.pause = 0.0
        # the next log begins here: what is missing before it is no gap of it
        self.source.finish()

    def record(self, log: LogFile, state: State, seconds: float | None) -> None:
        """Record until ``seconds`` are over, ``stop`` is set, or there is an error.

        ``state.ended`` says which; the log is flushed, not closed.

        Raises
        ------
        LineLost
            The port went away.
        NotWritten
            The log cannot be written.
        UserError
            The board says that something is wrong.
        """
        keys = key_labels(state.labels)
        damaged = self.source.damaged
        begun: float | None = None
        since = time.monotonic()
        state.asked = seconds
        self._heard = time.monotonic()
        try:
            while not self.stop.is_set():
                chunks = self._chunks()
                for key in self.view.pressed():
                    if key == "q":
                        self.stop.set()
                    elif key in keys:
                        state.label = keys[key]
                runs = [run for chunk in chunks for run in self.source.feed(chunk)]
                write_runs(log, runs, state, self.source)
                if begun is None and state.samples:
                    begun = time.monotonic()
                state.seconds = 0.0 if begun is None else time.monotonic() - begun
                state.damaged = self.source.damaged - damaged
                self._look(state, log)
                if seconds is not None and state.seconds >= seconds:
                    state.ended = "time"
                    return
                if begun is None and time.monotonic() - since > GIVE_UP_S:
                    state.ended = "silent"
                    return
            state.ended = "stopped"
        except UserError as error:
            state.ended = ended_by(error)
            raise
        finally:
            if state.ended != "disk":
                finish(log, state, self.source)

    def _chunks(self) -> list[Chunk]:
        if self._already:
            chunks, self._already = self._already, []
            return chunks
        # whatever comes within a turn is handled together: fewer, larger pieces
        self.stop.wait(TURN_S)
        chunks = self.line.take(TURN_S)
        if chunks:
            self._heard = chunks[-1].time
        return chunks

    def _look(self, state: State, log: LogFile | None = None) -> None:
        now = time.monotonic()
        state.silent_s = now - self._heard
        if now - self._shown < VIEW_S:
            return
        self._shown = now
        state.rate_hz = self.source.rate()
        if log is not None:
            log.set_rate(state.rate_hz)
        self.view.show(state)
