"""What a board says about itself: `key=value` lines, one of them the channels of its data."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from sensorai.board.messages import PROTOCOL, DescriptionPart
from sensorai.errors import DataError

_CHANNEL = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*)\[([^\[\]\s]*)\]\*([0-9.eE+-]+)")
_PART_TEXT = 248


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel: `counts * scale` is in `unit`."""

    name: str
    unit: str
    scale: float


@dataclass(frozen=True, slots=True)
class Description:
    """A board's description.

    Attributes
    ----------
    protocol : int
        Version of the wire protocol.
    board, sensor : str
        Names; `sensor` is a device name of this package where the firmware's author knew it.
    rate_hz : float
        Nominal rate of the data; 0 when the board sends none.
    channels : tuple of Channel
    more : dict of str to str
        Every other line, for people and later versions.
    """

    protocol: int
    board: str
    sensor: str
    rate_hz: float
    channels: tuple[Channel, ...]
    more: dict[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """As the board sends it."""
        channels = " ".join(f"{one.name}[{one.unit}]*{one.scale!r}" for one in self.channels)
        lines = {
            "protocol": str(self.protocol),
            "board": self.board,
            "sensor": self.sensor,
            "rate_hz": repr(self.rate_hz),
            "channels": channels,
            **self.more,
        }
        return "".join(f"{key}={value}\n" for key, value in lines.items())


def read_description(text: str, *, where: str = "") -> Description:
    """Read a description.

    Raises
    ------
    DataError
        A line or a value that makes no sense, a missing protocol version, or a version newer than ours.
    """
    hint = "mend the description in the board's firmware (docs/protocol.md)"
    lines: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if not equals or not key.strip():
            raise DataError(
                f"the board's description has a line without key=value: {line!r}", where=where, hint=hint
            )
        lines[key.strip()] = value.strip()
    version = lines.pop("protocol", "")
    if not (version.isascii() and version.isdecimal()):
        raise DataError(f"the board gives no protocol version (protocol={version!r})", where=where, hint=hint)
    if int(version) != PROTOCOL:
        raise DataError(
            f"the board speaks protocol {version}, this program {PROTOCOL}",
            where=where,
            hint="build the board's firmware from the same version of sensorai",
        )
    rate = _number(lines.pop("rate_hz", "0"))
    if rate is None or rate < 0:
        raise DataError("the board's rate_hz is no number", where=where, hint=hint)
    channels = []
    for word in lines.pop("channels", "").split():
        match = _CHANNEL.fullmatch(word)
        scale = _number(match[3]) if match else None
        if match is None or scale is None:
            raise DataError(
                f"a channel of the board is not name[unit]*scale: {word!r}", where=where, hint=hint
            )
        channels.append(Channel(match[1], match[2], scale))
    return Description(
        PROTOCOL, lines.pop("board", ""), lines.pop("sensor", ""), rate, tuple(channels), lines
    )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def split_parts(request: int, text: str) -> list[DescriptionPart]:
    """The parts that a board sends for `text` as answer to a request's id."""
    texts = [text[at : at + _PART_TEXT] for at in range(0, len(text), _PART_TEXT)] or [""]
    return [DescriptionPart(request, index, len(texts), part) for index, part in enumerate(texts)]


class Parts:
    """Puts the parts of one description together, in whatever order they come."""

    def __init__(self) -> None:
        self._parts: dict[int, DescriptionPart] = {}

    def add(self, part: DescriptionPart) -> str | None:
        """Take a part; give the whole text when it is complete."""
        if any((old.id, old.total) != (part.id, part.total) for old in self._parts.values()):
            self._parts.clear()
        self._parts[part.index] = part
        return _whole(self._parts.values()) if len(self._parts) == part.total else None


def _whole(parts: Iterable[DescriptionPart]) -> str:
    return "".join(part.text for part in sorted(parts, key=lambda part: part.index))
