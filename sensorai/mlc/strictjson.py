"""Reading JSON objects strictly: every key asked for, every value of the right kind, every refusal placed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from sensorai.errors import ConfigError
from sensorai.targets import closest

#: Largest number of entries that a list may have.
MOST = 1 << 16

T = TypeVar("T")

_WORDS: dict[type, str] = {
    str: "text",
    int: "a whole number",
    list: "a list",
    dict: "an object",
    bool: "true or false",
}


class JsonObject:
    """A JSON object that is read key by key; ``done`` refuses what was not asked for."""

    def __init__(self, data: object, where: str) -> None:
        if not isinstance(data, dict):
            raise ConfigError("an object is needed here", where=where)
        self.data: dict[str, Any] = data
        self.where = where
        self._asked: set[str] = set()

    def path(self, key: str) -> str:
        """Path of a key, for messages."""
        return key if self.where == "description" else f"{self.where}.{key}"

    def take(self, key: str, kind: type[T], default: T | None = None) -> T:
        """Value of ``key``, which must be of ``kind``; without a default it must be there."""
        self._asked.add(key)
        if key not in self.data:
            if default is not None:
                return default
            left = [name for name in self.data if name not in self._asked]
            near = closest(key, left) if left else ""
            hint = near if near.startswith("did") else ""
            raise ConfigError(f"key {key!r} is missing", where=self.where, hint=hint)
        value = self.data[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ConfigError(f"{_WORDS[kind]} is needed", where=self.path(key))
        return value

    def maybe(self, key: str, read: Callable[[], T]) -> T | None:
        """None when ``key`` is absent or null, else what ``read`` makes of it."""
        self._asked.add(key)
        return None if self.data.get(key) is None else read()

    def child(self, key: str, default: dict[str, Any] | None = None) -> JsonObject:
        """Object under ``key``."""
        return JsonObject(self.take(key, dict, default), self.path(key))

    def array(self, key: str, default: list[Any] | None = None) -> list[Any]:
        """List under ``key``."""
        value = self.take(key, list, default)
        if len(value) > MOST:
            raise ConfigError(f"{len(value)} entries are too many", where=self.path(key))
        return value

    def each(self, key: str, read: Callable[[JsonObject], T]) -> list[T]:
        """Read every object of the list under ``key``."""
        return [read(JsonObject(item, f"{self.path(key)}[{i}]")) for i, item in enumerate(self.array(key))]

    def integer(self, key: str, most: int, least: int = 0) -> int:
        """Whole number under ``key``, between ``least`` and ``most``."""
        value = self.take(key, int)
        if not least <= value <= most:
            raise ConfigError(f"{value} is not between {least} and {most}", where=self.path(key))
        return value

    def number(self, key: str) -> float:
        """Finite number under ``key``."""
        self._asked.add(key)
        value = self.data.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
            raise ConfigError("a number is needed", where=self.path(key))
        return float(value)

    def hexadecimal(self, key: str, most: int) -> int:
        """Read the number under ``key``, written as ``0x1A``."""
        return hexadecimal(self.take(key, str), most, self.path(key))

    def done(self) -> None:
        """Refuse keys that nobody asked for."""
        for key in self.data:
            if key not in self._asked:
                raise ConfigError(f"unknown key {key!r}", where=self.where, hint=closest(key, self._asked))


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that no float can hold
        return False


def hexadecimal(value: object, most: int, where: str) -> int:
    """Read a number written as ``0x1A``, at most ``most``; else a ConfigError at ``where``."""
    number = -1
    if isinstance(value, str) and len(value) <= 10 and value.lower().startswith("0x"):
        digits = value[2:]
        if digits and all(c in "0123456789abcdefABCDEF" for c in digits):
            number = int(digits, 16)
    if not 0 <= number <= most:
        raise ConfigError(
            "a hexadecimal number is needed", where=where, hint=f"such as 0x1A; at most 0x{most:X}"
        )
    return number
