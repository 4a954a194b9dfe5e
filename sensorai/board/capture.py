"""Capture: labelled logs from a board, one or a whole session of them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sensorai.board.connect import BOARD, open_source
from sensorai.board.framesource import FrameSource
from sensorai.board.journal import Recorded, note_down, whole
from sensorai.board.line import Line
from sensorai.board.logfile import LogFile, Who, check_text, free_name, slug
from sensorai.board.parquet import need_parquet, to_parquet
from sensorai.board.plan import Plan
from sensorai.board.ports import BAUD, open_port
from sensorai.board.recorder import Recorder, State, View, with_account
from sensorai.board.source import Source
from sensorai.errors import ConfigError, UserError

#: A rate farther from the expected one than this is worth a note.
_OFF = 0.03
#: Bytes of a log that is read again to look at its units: larger ones would keep people waiting.
_READABLE = 8 << 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to capture.

    Attributes
    ----------
    port : str
    out : Path
        Folder of the logs.
    seconds : float or None
        Length of the log; None: until stopped.
    label : str
        Label at the start; empty: none.
    labels : tuple of str
        Labels that keys choose while recording.
    rate_hz : float or None
        The rate that is expected; another one is said.
    baud : int
    plan : Plan or None
    who : Who
    channels : tuple of str
    units : mapping
        Names and units of the columns of text lines.
    parquet : bool
        Turn each log into Parquet when it is complete.
    """

    port: str
    out: Path
    seconds: float | None = None
    label: str = ""
    labels: tuple[str, ...] = ()
    rate_hz: float | None = None
    baud: int = BAUD
    plan: Plan | None = None
    who: Who = field(default_factory=Who)
    channels: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    parquet: bool = False

    def check(self) -> None:
        """Refuse what has no meaning.

        Raises
        ------
        ConfigError
        """
        if self.seconds is not None and not 0 < self.seconds < float("inf"):
            raise ConfigError(f"--seconds {self.seconds:g} is no length")
        if self.rate_hz is not None and not 0 < self.rate_hz < float("inf"):
            raise ConfigError(f"--rate {self.rate_hz:g} is no rate")
        for label in filter(None, (self.label, *self.labels)):
            check_text(label, "label")
        for what in ("subject", "session"):
            if text := getattr(self.who, what):
                check_text(text, what)
        if len(set(self.labels)) != len(self.labels):
            raise ConfigError("a label is given twice", where="--labels")
        if self.parquet:
            need_parquet()
        if self.plan is not None and (self.label or self.labels or self.seconds):
            raise ConfigError("the plan says labels and seconds", hint="drop --label, --labels and --seconds")


@dataclass(slots=True)
class Summary:
    """What a capture did: the logs, why it ended, and notes, the first ``said`` of them said already."""

    logs: list[Recorded] = field(default_factory=list)
    ended: str = ""
    skipped: int = 0
    notes: list[str] = field(default_factory=list)
    said: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "logs": [asdict(log) for log in self.logs],
            "ended": self.ended,
            "already_recorded": self.skipped,
            "notes": self.notes,
        }


def capture(wanted: Wanted, view: View, stop: threading.Event, summary: Summary) -> None:
    """Record what is wanted; ``summary`` is filled as it goes, so that it holds even after an error.

    Raises
    ------
    UserError
        The port does not open, the board is silent or speaks nonsense, the port went away, or the disk is
        full. What was received until then is in the logs.
    """
    wanted.check()
    steps = wanted.plan.left(whole(wanted.out, wanted.plan.who)) if wanted.plan else []
    if wanted.plan:
        summary.skipped = len(wanted.plan.steps) - len(steps)
        if summary.skipped:
            view.say(f"{summary.skipped} of {len(wanted.plan.steps)} recordings are there already")
        if not steps:
            summary.ended = "complete"
            return
    with Line(open_port(wanted.port, wanted.baud)) as line:
        source, already, notes = open_source(line, wanted.channels, wanted.units)
        summary.notes += notes
        for note in notes:
            view.say(note if note.startswith(BOARD) else f"note: {note}")
        summary.said = len(summary.notes)
        recorder = Recorder(line, source, already, view, stop)
        try:
            if wanted.plan is None:
                _one(wanted, recorder, summary, State(label=wanted.label), wanted.seconds, wanted.who)
            for step in steps:
                total = len(wanted.plan.steps) if wanted.plan else 0
                place = total - len(steps) + steps.index(step) + 1
                state = State(label=step.label, step=f"{place} of {total}: {step.say or step.label}")
                state.columns = source.columns[source.first_value :]
                recorder.wait(step.pause, state)
                if stop.is_set():
                    summary.ended = "stopped"
                    break
                who = wanted.plan.who if wanted.plan else wanted.who
                _one(wanted, recorder, summary, state, step.seconds, who)
                if summary.ended == "stopped":
                    break
            else:
                summary.ended = "complete" if wanted.plan else summary.ended
        finally:
            if isinstance(source, FrameSource):
                with suppress(UserError):
                    source.stop()
            if line.dropped:
                summary.notes.append(f"{line.dropped} bytes came faster than they could be written")


def _one(
    wanted: Wanted, recorder: Recorder, summary: Summary, state: State, seconds: float | None, who: Who
) -> None:
    """Record one log."""
    source = recorder.source
    labels = wanted.labels if wanted.plan is None else ()
    state.columns, state.labels = source.columns[source.first_value :], labels
    stem = "_".join(slug(text) for text in (who.subject, who.session, state.label or "log") if text)
    path = free_name(wanted.out, stem)
    log = LogFile(path, source.columns, who=who)
    state.file = str(path)
    if wanted.rate_hz is not None:
        log.set_rate(wanted.rate_hz)
    recorder.view.say(f"recording {path}" + ("" if seconds else ", until Ctrl-C"))
    label, started = state.label, datetime.now(UTC).isoformat(timespec="seconds")
    try:
        recorder.record(log, state, seconds)
    except UserError as error:
        raise with_account(error, log, state.seconds) from None
    finally:
        there = False
        with suppress(UserError):
            there = log.close()
        rate = source.rate()
        if there:
            done = Recorded(
                path.name,
                label,
                who.subject,
                who.session,
                "complete"
                if state.ended == "time" or (seconds is None and state.ended == "stopped")
                else state.ended or "failed",
                round(state.seconds, 3),
                seconds,
                log.samples,
                rate and float(f"{rate:.6g}"),
                state.lost,
                state.gaps,
                state.damaged,
                dict(state.spent),
                _board(source),
                started,
            )
            if wanted.parquet and state.ended != "disk":
                try:
                    done = replace(done, file=to_parquet(path, rate).name)
                except UserError as error:
                    summary.notes.append(f"{path.name} stays as it is: {error.message}")
            summary.logs.append(done)
            summary.ended = state.ended or "failed"
            try:
                note_down(wanted.out, done)
            except UserError as error:
                summary.notes.append(f"{error.message}: this recording is not in the journal")
            _judge(wanted, done, summary)
    if not there:
        raise UserError(
            f"no sample came from {wanted.port}", where=wanted.port, hint="is the board still running?"
        )


def _board(source: Source) -> str:
    if isinstance(source, FrameSource):
        return " with ".join(filter(None, (source.description.board, source.description.sensor)))
    return "text lines"


def _doubt(log: Path) -> str:
    """What the readers of logs say of gravity: a wrong unit is best found while the board is at hand."""
    from sensorai.formats import gravity, read_log

    try:
        found = [gravity.doubt(one) for one in read_log(log)] if log.stat().st_size < _READABLE else []
    except (UserError, OSError):
        # columns that are no axes are said already
        return ""
    return next(filter(None, found), "")


def _judge(wanted: Wanted, done: Recorded, summary: Summary) -> None:
    """Say what is out of the ordinary."""
    expected = wanted.rate_hz
    if expected and done.rate_hz and abs(done.rate_hz / expected - 1) > _OFF:
        summary.notes.append(
            f"{done.file}: {done.rate_hz:.4g} Hz were measured where {expected:g} Hz were expected"
        )
    if (doubt := _doubt(wanted.out / done.file)) and doubt not in summary.notes:
        summary.notes.append(doubt)
    if done.rate_hz is None:
        summary.notes.append(f"{done.file}: too short to measure its rate; give --log-rate when it is read")
