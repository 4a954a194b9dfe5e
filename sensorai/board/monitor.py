"""Monitor: what a sensor's core decides, live; and recorded beside the raw data."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sensorai.board.connect import listen
from sensorai.board.description import Description
from sensorai.board.detect import Frames
from sensorai.board.framesource import WRAP_S, FrameSource
from sensorai.board.line import Line
from sensorai.board.logfile import LogFile, Who, free_name
from sensorai.board.messages import Result
from sensorai.board.ports import BAUD, open_port
from sensorai.board.rate import Unwrapped
from sensorai.board.recorder import (
    SILENT_S,
    TURN_S,
    VIEW_S,
    State,
    ended_by,
    finish,
    with_account,
    write_runs,
)
from sensorai.board.session import Session
from sensorai.board.tally import Tally, Watch
from sensorai.board.watched import Watched, differing, read_watched, scaled
from sensorai.errors import UserError

#: Milliseconds between two readings where no raw data are recorded.
PERIOD_MS = 20


class MonitorView(Protocol):
    """What shows results."""

    def watch(self, watch: Watch) -> None:
        """Show how it stands; called a few times a second."""

    def changed(self, tally: Tally, time_s: float) -> None:
        """A register took another value, ``time_s`` seconds after the first reading."""

    def say(self, text: str) -> None:
        """Say something that stays."""


@dataclass(frozen=True, slots=True)
class MonitorWanted:
    """What to watch: see ``sensorai monitor``."""

    port: str
    config: Path
    record: Path | None = None
    seconds: float | None = None
    baud: int = BAUD
    label: str = ""
    who: Who = field(default_factory=Who)
    device: str | None = None


def monitor(wanted: MonitorWanted, view: MonitorView, stop: threading.Event, watch: Watch) -> None:
    """Watch result registers until stopped; ``watch`` is filled as it goes.

    Raises
    ------
    UserError
        The file names no results, the port does not open, the board does not answer or speaks no frames,
        the port went away, or the disk is full. What was received until then is in the log.
    """
    watched = read_watched(wanted.config, wanted.device)
    watch.tallies = [Tally(one) for one in watched.registers]
    with Line(open_port(wanted.port, wanted.baud)) as line:
        verdict, _ = listen(line)
        if not isinstance(verdict, Frames):
            raise UserError(
                "the board sends lines of numbers; only the sensorai firmware can read result registers",
                where=line.name,
                hint="build sensorai/board/firmware for the board (docs/protocol.md)",
            )
        session = Session(line)
        description = session.describe()
        if different := differing(watched, description):
            watch.notes.append(different)
        try:
            if wanted.record is None:
                # data that somebody else began are of no use here
                session.stop()
                session.watch(PERIOD_MS, watched.bank, watched.entries())
                _Watching(wanted, view, stop, watch, session).run(None, None)
            else:
                _recorded(wanted, view, stop, watch, session, watched, description)
        finally:
            with suppress(UserError):
                session.watch(0, watched.bank, ())
                if wanted.record is not None:
                    session.stop()
            watch.damaged = session.counts.damaged


def _recorded(
    wanted: MonitorWanted,
    view: MonitorView,
    stop: threading.Event,
    watch: Watch,
    session: Session,
    watched: Watched,
    description: Description,
) -> None:
    description, notes = scaled(description, watched)
    watch.notes += notes
    for note in watch.notes:
        view.say(f"note: {note}")
    source = FrameSource(session, description, watched.columns())
    state = watch.recording = State(label=wanted.label)
    assert wanted.record is not None  # noqa: S101
    path = free_name(wanted.record, "_".join(filter(None, ("monitor", wanted.label))))
    log = LogFile(path, source.columns, who=wanted.who)
    watch.log = str(path)
    there = False
    try:
        try:
            # before the first sample, so that every sample has its result
            session.watch(0, watched.bank, watched.entries())
            session.start()
            _Watching(wanted, view, stop, watch, session).run(source, log)
        except UserError as error:
            watch.ended = ended_by(error)
            raise
        finally:
            if watch.ended != "disk":
                finish(log, state, source)
            there = log.close()
    except UserError as error:
        raise with_account(error, log, watch.seconds) from None
    if not there:
        raise UserError(
            "no sample came",
            where=session.line.name,
            hint="has the register file been loaded ('sensorai load')?",
        )


class _Watching:
    """The loop."""

    def __init__(
        self,
        wanted: MonitorWanted,
        view: MonitorView,
        stop: threading.Event,
        watch: Watch,
        session: Session,
    ) -> None:
        self._wanted, self._view, self._stop, self._watch = wanted, view, stop, watch
        self._session = session
        self._tallies: dict[int, Tally] = {one.register.address: one for one in watch.tallies}
        self._first: float | None = None

    def run(self, source: FrameSource | None, log: LogFile | None) -> None:
        watch, state = self._watch, self._watch.recording
        clock = Unwrapped(WRAP_S)
        begun = heard = time.monotonic()
        shown = 0.0
        while not self._stop.is_set():
            self._stop.wait(TURN_S)
            for chunk in self._session.line.take(TURN_S):
                heard = chunk.time
                if source is None:
                    results = [
                        (clock.at(one.time_us / 1e6), one)
                        for one in self._session.feed(chunk)
                        if isinstance(one, Result)
                    ]
                    self._take(results)
                    continue
                runs = source.feed(chunk)
                results, source.seen = source.seen, []
                self._take(results)
                if log is not None and state is not None:
                    write_runs(log, runs, state, source)
            now = time.monotonic()
            watch.seconds, watch.silent_s = now - begun, now - heard
            if source is not None and state is not None and self._first is not None:
                state.rate_hz, state.seconds = source.rate(), watch.seconds
                # no news since the last change: the value is still what it was
                for tally in watch.tallies:
                    tally.until(max(tally.since, source.newest_s - self._first))
            if now - shown > VIEW_S:
                shown = now
                if log is not None:
                    log.set_rate(source.rate() if source is not None else None)
                self._view.watch(watch)
            if self._wanted.seconds is not None and watch.seconds >= self._wanted.seconds:
                watch.ended = "time"
                return
            if not watch.readings and watch.silent_s > 4 * SILENT_S:
                raise UserError(
                    "the board sends no results",
                    where=self._session.line.name,
                    hint="is its sensor running? Load the register file with 'sensorai load'",
                )
        watch.ended = "stopped"

    def _take(self, results: Sequence[tuple[float, Result]]) -> None:
        for time_s, result in results:
            if self._first is None:
                self._first = time_s
            self._watch.readings += 1
            self._watch.lost += result.lost
            for offset, value in enumerate(result.values):
                tally = self._tallies.get(result.address + offset)
                if tally is not None and tally.take(time_s - self._first, value):
                    self._view.changed(tally, time_s - self._first)
