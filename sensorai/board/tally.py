"""What result registers did: values, times, counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sensorai.board.recorder import State
from sensorai.board.watched import Register


@dataclass(slots=True)
class Tally:
    """What one result register did.

    Attributes
    ----------
    register : Register
    code : int or None
        Now; None before the first reading.
    entered, seconds : mapping of code
        How often the register took a value, and how long it had it, on the board's clock.
    changes : list of (seconds, code)
        Since the first reading.
    """

    register: Register
    code: int | None = None
    since: float = 0.0
    entered: dict[int, int] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)
    changes: list[tuple[float, int]] = field(default_factory=list)

    def take(self, time_s: float, code: int) -> bool:
        """Take a reading; whether the value is another one than before."""
        self.until(time_s)
        new = code != self.code
        if new:
            self.code = code
            self.entered[code] = self.entered.get(code, 0) + 1
            self.changes.append((time_s, code))
        return new

    def until(self, time_s: float) -> None:
        """Count the time up to ``time_s`` to the value it has."""
        if self.code is not None and time_s > self.since:
            self.seconds[self.code] = self.seconds.get(self.code, 0.0) + time_s - self.since
        self.since = max(self.since, time_s) if self.code is not None else time_s

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        word = self.register.word
        return {
            "register": self.register.name,
            "title": self.register.title,
            "now": None if self.code is None else word(self.code),
            "classes": [
                {
                    "code": code,
                    "name": word(code),
                    "entered": count,
                    "seconds": round(self.seconds.get(code, 0.0), 3),
                }
                for code, count in sorted(self.entered.items())
            ],
        }


@dataclass(slots=True)
class Watch:
    """How it stands: the registers, and what is recorded.

    Attributes
    ----------
    tallies : list of Tally
    readings, lost, damaged : int
        Result frames received, known to be missing, and frames that were none.
    seconds : float
        Since the begin.
    silent_s : float
        Since the last byte.
    recording : State or None
    log : str
        Path of the log.
    ended : str
    notes : list of str
    """

    tallies: list[Tally] = field(default_factory=list)
    readings: int = 0
    lost: int = 0
    damaged: int = 0
    seconds: float = 0.0
    silent_s: float = 0.0
    recording: State | None = None
    log: str = ""
    ended: str = ""
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        recorded = self.recording
        return {
            "results": [one.as_dict() for one in self.tallies],
            "readings": self.readings,
            "lost": self.lost,
            "damaged": self.damaged,
            "seconds": round(self.seconds, 3),
            "ended": self.ended,
            "log": None
            if recorded is None
            else {
                "file": self.log,
                "samples": recorded.samples,
                "rate_hz": recorded.rate_hz,
                "lost": recorded.lost,
                "gaps": recorded.gaps,
            },
            "notes": self.notes,
        }
