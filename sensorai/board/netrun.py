"""A net that runs on a board: inputs there, calls timed by its own counter, outputs back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from sensorai.board.line import Line
from sensorai.board.messages import NetRead, NetRestart, NetRun, NetWrite
from sensorai.board.netfirmware import digest
from sensorai.board.ports import BAUD, open_port
from sensorai.board.session import Session
from sensorai.errors import ConfigError, UserError
from sensorai.graph.tensor import Array
from sensorai.nets.inputs import Inputs
from sensorai.nets.places import Place
from sensorai.nets.running import Program

#: Bytes that a request brings, and a reply takes, at most.
_WRITE, _READ = 240, 240
#: Times that a call is asked for: a minute. The board makes it once, see ``sa_net.h``.
_TRIES = 80


@dataclass(slots=True)
class NetBoard:
    """A board on a port.

    Attributes
    ----------
    port : str
    baud : int
    said : dict of str to str
        What it says of itself, after the first run.
    cycles : list of int
        What each call of the last run took.
    """

    port: str
    baud: int = BAUD
    said: dict[str, str] = field(default_factory=dict)
    cycles: list[int] = field(default_factory=list)

    def place(self) -> Place:
        """It as a level of ``validate``."""
        return Place(f"C on the board at {self.port}", self.run, told=self.told, shows=False)

    def run(self, program: Program, given: Inputs) -> list[list[Array]]:
        """Run call after call; a push may have no outputs.

        Raises
        ------
        UserError
            The port, or the board, does not answer as it should.
        ConfigError
            Another net runs there.
        """
        with Line(open_port(self.port, self.baud), pace=0.0) as line:
            session = Session(line)
            found = session.describe()
            self.said = {"board": found.board, **found.more}
            _same(found.more, program, self.port)
            session.net(NetRestart, "restart its net")
            self.cycles, out = [], []
            for i in range(given.count):
                whole = b"".join(np.ascontiguousarray(a[i]).tobytes() for a in given.arrays)
                out.append(self._call(session, program, whole))
            return out

    def _call(self, session: Session, program: Program, given: bytes) -> list[Array]:
        for at in range(0, len(given), _WRITE):
            piece = given[at : at + _WRITE]
            session.net(partial(_write, at, piece), "take an input")
        told = session.net(NetRun, "run its net", _TRIES)
        if len(told) != 5:
            raise UserError("the board does not say how a call ended", where=self.port)
        self.cycles.append(int.from_bytes(told[1:], "little"))
        if not told[0]:
            return []
        sizes = [int(np.prod(p.shape, dtype=np.int64)) * p.kind.itemsize for p in program.outputs]
        raw = b""
        while len(raw) < sum(sizes):
            at, count = len(raw), min(_READ, sum(sizes) - len(raw))
            piece = session.net(partial(_read, at, count), "give its output")
            if len(piece) != count:
                raise UserError("the board gives other bytes than were asked for", where=self.port)
            raw += piece
        ends = np.cumsum([0, *sizes])
        both = zip(program.outputs, ends, ends[1:], strict=False)
        return [np.frombuffer(raw[a:b], p.kind).reshape(p.shape) for p, a, b in both]

    def told(self) -> dict[str, Any]:
        """What the last run took, as plain data."""
        hertz = self.said.get("clock_hz", "")
        clock = float(hertz) if hertz.isascii() and hertz.isdecimal() else 0.0
        mean = float(np.mean(self.cycles)) if self.cycles else 0.0
        return {
            "board": self.said.get("board", ""),
            "clock": self.said.get("clock", ""),
            "cycles": {
                "mean": mean,
                "min": min(self.cycles, default=0),
                "max": max(self.cycles, default=0),
            },
            "milliseconds": 1e3 * mean / clock if clock else None,
        }


def _write(offset: int, values: bytes, sent: int) -> NetWrite:
    return NetWrite(sent, offset, values)


def _read(offset: int, count: int, sent: int) -> NetRead:
    return NetRead(sent, offset, count)


def _same(said: Mapping[str, str], program: Program, port: str) -> None:
    """Raise a ConfigError where the board runs the C of another project."""
    if said.get("sources") != digest(program.sources):
        what = f"the net {said['net']} of another project" if "net" in said else "no net"
        raise ConfigError(
            f"the board at {port} runs {what}",
            hint="write the firmware again: 'sensorai firmware --net PROJECT --out DIR', build and flash it",
        )
