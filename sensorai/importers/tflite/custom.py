"""Options of custom operators: a FlexBuffer with a map of a few numbers, read within its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sensorai.errors import ConfigError
from sensorai.importers.tflite.rules import TfliteNode

#: Types of values that are read: signed, unsigned, truth.
_SIGNED, _UNSIGNED, _MAP, _TRUTH = 1, 2, 9, 26
#: Options of one operator, and bytes of a name, above which a file is not looked at further.
_MOST, _LONGEST = 64, 64


@dataclass(frozen=True, slots=True)
class _Place:
    """Where values of one width begin."""

    at: int
    width: int


class _Flex:
    """Bytes of a FlexBuffer; a ValueError wherever one leads out of them."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def number(self, place: _Place, k: int = 0, *, signed: bool = False) -> int:
        """Whole number ``k`` steps behind a place."""
        start = place.at + k * place.width
        end = start + place.width
        if place.width not in (1, 2, 4, 8) or start < 0 or end > len(self.data):
            raise ValueError("they lead out of their bytes")
        return int.from_bytes(self.data[start:end], "little", signed=signed)

    def behind(self, place: _Place, k: int, width: int) -> _Place:
        """Place that number ``k`` of a vector leads back to."""
        here = place.at + k * place.width
        return _Place(here - self.number(place, k), width)

    def byte(self, at: int) -> int:
        """One byte."""
        return self.number(_Place(at, 1))

    def name(self, at: int) -> str:
        """Text up to its zero."""
        end = self.data.find(b"\0", max(at, 0), max(at, 0) + _LONGEST + 1)
        if at < 0 or end < 0:
            raise ValueError("a name has no end")
        return self.data[at:end].decode("ascii")

    def map(self) -> dict[str, int]:
        """Names and numbers of the outermost map."""
        size = len(self.data)
        if size < 3 or self.byte(size - 2) >> 2 != _MAP:
            raise ValueError("they are no map")
        root = _Place(size - 2 - self.byte(size - 1), self.byte(size - 1))
        values = self.behind(root, 0, 1 << (self.byte(size - 2) & 3))
        names = self.behind(values, -3, self.number(values, -2))
        count = self.number(values, -1)
        if count > _MOST or self.number(names, -1) != count:
            raise ValueError(f"{count} are too many, or their names are others")
        found = {}
        for k in range(count):
            kind = self.byte(values.at + count * values.width + k) >> 2
            name = self.name(self.behind(names, k, 1).at)
            if kind not in (_SIGNED, _UNSIGNED, _TRUTH):
                raise ValueError(f"{name} is no whole number")
            found[name] = self.number(values, k, signed=kind == _SIGNED)
        return found


def options(node: TfliteNode, names: Sequence[str]) -> dict[str, int]:
    """Options of a custom operator.

    Parameters
    ----------
    node : TfliteNode
    names : sequence of str
        All that it has; the framework finds them by their order, so that another one would change them.

    Returns
    -------
    dict of str to int
        Truths are 0 and 1.

    Raises
    ------
    ConfigError
        They cannot be read, are others, or do not fit 32 bits.
    """
    try:
        found = _Flex(node.custom).map()
    except (ValueError, UnicodeDecodeError) as error:
        raise ConfigError(f"{node.where}: its options cannot be read: {error}") from None
    if list(found) != sorted(names):
        raise ConfigError(
            f"{node.where}: its options are {', '.join(map(repr, found))}, which is not supported",
            hint=f"{', '.join(sorted(names))} are",
        )
    for name, value in found.items():
        if not -(2**31) <= value < 2**31:
            raise ConfigError(f"{node.where}: its option {name} is {value}, which does not fit 32 bits")
    return found
