"""What a sensor must be set to for a pipeline: rate, full scale, and what one count is worth."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from sensorai.model.pipeline import Count
from sensorai.writing import clang
from sensorai.writing.written import Inert, inert

#: Full scales that sensors have, by the unit of a count: their unit, counts' units in it, the ranges.
_RANGES = {
    "mg": ("G", 1000, (2, 4, 8, 16, 32, 50, 64, 80, 100, 128, 200, 256, 320, 400)),
    "dps": ("DPS", 1, (125, 250, 500, 1000, 2000, 4000)),
}
#: Numbers that a 32-bit integer of C holds.
_MOST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Scale:
    """Scale of a sensor, as the header has it.

    Attributes
    ----------
    name : Inert
        Part of a macro: ``ACC``; of a single channel where those of a sensor differ.
    channels : tuple of str
    unit : str
    lsb : C
        One count in ``unit``, a constant with a point.
    fraction : Fraction or None
        The same as a fraction; None where that does not fit 32 bits.
    full_scale : int
        Nominal range of the sensor, 0 where it has no usual one; in ``full_unit`` (``G``, ``DPS``).
    note : C
        Comment behind ``lsb``.
    """

    name: Inert
    channels: tuple[str, ...]
    unit: str
    lsb: clang.C
    fraction: Fraction | None
    full_scale: int
    full_unit: Inert
    note: clang.C

    @property
    def words(self) -> str:
        """Unit of the full scale, for people."""
        return str(self.full_unit).lower()

    @property
    def star(self) -> Inert:
        """``_NUM`` and ``_DEN`` in short, where they are there."""
        return inert("_NUM, _DEN" if self.fraction else "")


def exact(value: float) -> Fraction:
    """Return the fraction that a number is printed as."""
    return Fraction(repr(float(value)))


def nominal(unit: str, lsb: float) -> tuple[int, str]:
    """Range of a sensor whose counts have this value, and its unit; 0 where no usual range fits.

    Makers round the value of a count, and gyroscopes reach up to 15 % beyond their nominal range.
    """
    full_unit, per, ranges = _RANGES.get(unit, ("", 1, ()))
    reach = 32768 * lsb / per
    return next((r for r in ranges if 0.99 * r <= reach <= 1.17 * r), 0), full_unit


def scales(channels: Sequence[Count]) -> list[Scale]:
    """Return the scale of every sensor, in the order of the channels."""
    by_sensor: dict[str, list[Count]] = {}
    for channel in channels:
        by_sensor.setdefault(re.sub(r"_[xyz]\Z", "", channel.name), []).append(channel)
    out: list[Scale] = []
    for sensor, group in by_sensor.items():
        alike = len({(c.unit, c.lsb) for c in group}) == 1
        for name, part in [(sensor, group)] if alike else [(c.name, [c]) for c in group]:
            out.append(_scale(name, part, {str(one.name) for one in out}))
    return out


def _scale(name: str, channels: Sequence[Count], taken: set[str]) -> Scale:
    first = channels[0]
    base = re.sub(r"[^A-Za-z0-9]+", "_", name[: clang.LONGEST]).strip("_").upper() or "INPUT"
    called, k = base, 2
    while called in taken:
        called, k = f"{base}_{k}", k + 1
    fraction = exact(first.lsb)
    fits = max(fraction.numerator, fraction.denominator) <= _MOST
    full_scale, full_unit = nominal(first.unit, first.lsb)
    return Scale(
        name=inert(called),
        channels=tuple(c.name for c in channels),
        unit=first.unit,
        lsb=clang.real(first.lsb),
        fraction=fraction if fits else None,
        full_scale=full_scale,
        full_unit=inert(full_unit),
        note=clang.aside(f"{first.unit} in one count"),
    )
