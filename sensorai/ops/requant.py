"""The way from exact sums to the output of a layer: rounding, clamp, thresholds, each by its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph import rounding
from sensorai.graph.operator import Applied
from sensorai.graph.tensor import Array

#: Largest float32 number.
FLOAT32 = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class Requant:
    """How sums leave a layer.

    Attributes
    ----------
    kind : {"keep", "shift", "multiplier", "threshold"}
        keep: as they are, int32 or float32. shift: divided by a power of two for each channel (constant
        ``shift``), to int8. multiplier: times ``multiplier / 2**shift``, to int8. threshold: one bit for each
        channel, +1 from ``threshold`` on, or up to it where ``flip`` is set.
    lo, hi : int, float or None
        Clamp of the result: whole numbers for int8, None its end.
    """

    kind: str = "keep"
    lo: int | float | None = None
    hi: int | float | None = None

    #: How int8 results are rounded, by either kind.
    ROUNDING: ClassVar[str] = "half up"
    #: Kinds for each type of the output.
    KINDS: ClassVar[dict[str, tuple[str, ...]]] = {
        "int8": ("shift", "multiplier"),
        "int32": ("keep",),
        "float32": ("keep",),
        "binary": ("threshold",),
    }
    #: Constants for each kind.
    NEEDED: ClassVar[dict[str, tuple[str, ...]]] = {
        "shift": ("shift",),
        "multiplier": ("multiplier", "shift"),
        "threshold": ("threshold", "flip"),
    }

    @property
    def low(self) -> int:
        """Lower end of int8 results."""
        return -128 if self.lo is None else int(self.lo)

    @property
    def high(self) -> int:
        """Upper end of int8 results."""
        return 127 if self.hi is None else int(self.hi)

    def check(self, at: Applied, where: str) -> None:
        """Raise a ConfigError where kind, clamp, constants and output do not go together."""
        if self.kind not in self.KINDS[at.out.dtype]:
            raise ConfigError(f"{where}: its sums become {at.out.dtype}, but are to be left by {self.kind!r}")
        if at.out.dtype == "int8":
            check_clamp(self.lo, self.hi, at.out.dtype, where)
        channels = at.out.shape[-1]
        kinds = {"bias": np.int32, "shift": np.uint8, "threshold": np.int32, "flip": np.uint8}
        for name, kind in kinds.items():
            have = at.constants.get(name)
            if have is not None and (have.dtype != kind or have.shape != (channels,)):
                raise ConfigError(f"{where}: {name} must be {np.dtype(kind).name} with {channels} entries")
        if lost := [n for n in self.NEEDED.get(self.kind, ()) if n not in at.constants]:
            raise ConfigError(f"{where}: {lost[0]} is missing")

    def half(self, at: Applied, where: str) -> Array:
        """What rounding adds to the sum of each channel, after a check of its constants."""
        channels = at.out.shape[-1]
        shift = at.constants.get("shift", np.zeros(channels, np.uint8)).astype(np.int64)
        if self.kind != "multiplier":
            if shift.max() > 30:
                raise ConfigError(f"{where}: a shift of {int(shift.max())} is over 30")
            return np.asarray((1 << shift) >> 1, np.int64)
        m = at.constants["multiplier"]
        fits = m.dtype == np.int32 and m.shape == (channels,) and m.min() >= 1 << 30
        if not fits or shift.min() < 31 or shift.max() > 62:
            raise ConfigError(f"{where}: multipliers are int32 from 2**30 on, with shifts 31 to 62")
        return np.zeros(channels, np.int64)

    def apply(self, at: Applied, acc: Array) -> Array:
        """From sums (within int32, or float32) to the output."""
        if self.kind == "threshold":
            return bits(at, acc)
        if self.kind == "multiplier":
            q = rounding.multiply_round(acc, at.constants["multiplier"], at.constants["shift"])
        elif self.kind == "shift":
            q = rounding.shift_round(acc, at.constants["shift"])
        else:
            return acc.astype(np.int32)
        return rounding.saturate(q, self.low, self.high).astype(np.int8)

    def clamp(self, value: Array) -> Array:
        """Clamp float32 results; a NaN stays one."""
        if self.lo is not None:
            value = np.where(value < np.float32(self.lo), np.float32(self.lo), value)
        if self.hi is not None:
            value = np.where(value > np.float32(self.hi), np.float32(self.hi), value)
        return value

    def real(self, xp: Any, value: Any) -> Any:
        """Clamp in real numbers."""
        if self.lo is not None:
            value = xp.maximum(value, self.lo)
        return value if self.hi is None else xp.minimum(value, self.hi)


#: Sums come out as they are.
KEEP = Requant()


def check_clamp(lo: int | float | None, hi: int | float | None, dtype: str, where: str) -> None:
    """Raise a ConfigError unless int8 or float32 can be clamped to ``lo`` .. ``hi``, None being its ends."""
    if dtype != "int8":
        low, high = -FLOAT32 if lo is None else lo, FLOAT32 if hi is None else hi
        if not -FLOAT32 <= low <= high <= FLOAT32:
            raise ConfigError(f"{where}: a layer cannot be clamped to {lo!r} .. {hi!r}")
        return
    low, high = -128 if lo is None else lo, 127 if hi is None else hi
    if type(low) is not int or type(high) is not int or not -128 <= low <= high <= 127:
        raise ConfigError(f"{where}: an int8 layer cannot be clamped to {low!r} .. {high!r}")


def bits(at: Applied, acc: Array) -> Array:
    """+1 where a sum reaches the threshold of its channel, turned over where ``flip`` is set, else -1."""
    limit = at.constants["threshold"]
    return np.where(np.where(at.constants["flip"] != 0, acc <= limit, acc >= limit), 1, -1).astype(np.int8)


def at_least(at: Applied) -> tuple[Array, Array]:
    """Limits from which on a bit is set, before it is turned over where the second array says so."""
    threshold, flip = at.constants["threshold"].astype(np.int64), at.constants["flip"] != 0
    # acc <= T is not (acc >= T + 1); for the largest T it is always true
    always = flip & (threshold == 2**31 - 1)
    return np.where(always, -(2**31), threshold + (flip & ~always)), flip & ~always


def relu_clamp(cap: float | None, places: int) -> tuple[int, int]:
    """Ends of int8 values of ``places`` binary places that are clamped to [0, cap]."""
    high = 127 if cap is None else int(min(127.0, np.floor(float(cap) * 2.0**places + 0.5)))
    return 0, max(high, 0)
