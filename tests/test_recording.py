"""Units of recordings: exact where decimals are, and right where they are not."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from sensorai.errors import DataError
from sensorai.recording import Channel, Recording


def one(unit: str, values: list[float], name: str = "acc_x") -> Recording:
    return Recording(np.array(values)[:, None], (Channel(name, unit),), 50.0)


@pytest.mark.parametrize(
    ("have", "want", "value", "expected"),
    [
        ("g", "mg", "0.123", "123"),
        ("mg", "g", "123", "0.123"),
        ("m/s2", "mg", "9.80665", "1000"),
        ("m/s2", "g", "-19.6133", "-2"),
        ("mg", "m/s2", "1000", "9.80665"),
        ("mdps", "dps", "70", "0.07"),
        ("dps", "mdps", "0.07", "70"),
        ("G", "mG", "1.5", "1500"),
        ("uT", "mG", "50", "500"),
    ],
)
def test_conversion(have: str, want: str, value: str, expected: str) -> None:
    name = {"d": "gyro_x", "G": "mag_x", "u": "mag_x"}.get(have.lstrip("m")[:1], "acc_x")
    (got,) = one(have, [float(value)], name).in_unit(name, want)
    assert got == float(Fraction(expected))


def test_half_a_turn_in_radians() -> None:
    assert one("rad/s", [np.pi], "gyro_x").in_unit("gyro_x", "dps")[0] == 180.0


def test_what_cannot_be_converted() -> None:
    with pytest.raises(DataError, match="cannot be converted") as error:
        one("LSB", [1.0]).in_unit("acc_x", "mg")
    assert "--unit acc=mg" in error.value.hint
    with pytest.raises(DataError, match="is acceleration"):
        one("g", [1.0]).in_unit("acc_x", "dps")
