"""Column names and units: from the many spellings of logs to one."""

from __future__ import annotations

import re

from sensorai.errors import DataError
from sensorai.recording import SENSORS, UNITS

#: Spellings of a sensor, one token each.
_SENSOR_WORDS = {
    **dict.fromkeys(("a", "acc", "accel", "accelerometer", "acceleration"), "acc"),
    **dict.fromkeys(("g", "w", "gyr", "gyro", "gyroscope"), "gyro"),
    **dict.fromkeys(("m", "mag", "magn", "magnetometer"), "mag"),
    "acch": "acch",
}
#: Which of two accelerometers in one part.
_RANGE_WORDS = {"l": False, "low": False, "h": True, "high": True}

_UNIT_WORDS = {
    "m/s2": ("m/s2", "m/s^2", "m/s²", "m/s**2", "ms2", "ms-2", "mps2"),
    "dps": ("dps", "deg/s", "°/s", "degs"),
    "mdps": ("mdps",),
    "rad/s": ("rad/s", "rads"),
    "uT": ("ut", "µt", "μt"),
    "G": ("gauss",),
    "mG": ("mgauss",),
    "LSB": ("lsb",),
}
_UNIT_OF = {word: unit for unit, words in _UNIT_WORDS.items() for word in words}

#: Units of a time stamp, as ticks per second.
TIME_UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_TIME_WORDS = {"sec": "s", "seconds": "s", "msec": "ms", "usec": "us", "µs": "us", "μs": "us"}

_BRACKET = re.compile(r"(?P<name>.*?)\s*[\[(](?P<unit>[^\])]*)[\])]?\s*")
# not inside uT
_CAMEL = re.compile(r"(?<=[a-z]{2})(?=[A-Z])")
_GLUED = re.compile(r"([a-z]+)([xyz])")


def split_unit(text: str) -> tuple[str, str]:
    """Split ``"A_X [mg]"`` into ``("A_X", "mg")``; the unit is empty when there is none."""
    match = _BRACKET.fullmatch(text.strip())
    if match:
        return match["name"].strip(), match["unit"].strip()
    return text.strip(), ""


def unit_name(text: str) -> str:
    """Canonical spelling of a unit, or the text itself when it is not one we know."""
    text = text.strip()
    # mg and mG, g and G differ only in case
    return text if text in UNITS else _UNIT_OF.get(text.lower(), text)


def sensor_unit(text: str, channel: str, where: str) -> str:
    """Check and spell the unit of an inertial channel.

    Raises
    ------
    DataError
        When the unit is unknown or measures something else than the sensor.
    """
    unit = unit_name(text)
    if unit in ("", "LSB"):
        return unit
    quantity = SENSORS[channel.rpartition("_")[0]]
    allowed = ", ".join([u for u, (kind, _, _) in UNITS.items() if kind == quantity] + ["LSB"])
    if unit not in UNITS:
        raise DataError(
            f"unknown unit {text!r} of {channel}", where=where, hint=f"units of {quantity}: {allowed}"
        )
    if UNITS[unit][0] != quantity:
        raise DataError(
            f"{channel} measures {quantity}, but {text!r} is a unit of {UNITS[unit][0]}",
            where=where,
            hint=f"units of {quantity}: {allowed}",
        )
    return unit


def _tokens(name: str) -> list[str]:
    tokens = [t.lower() for t in re.split(r"[^A-Za-z0-9µμ²/]+", _CAMEL.sub(" ", name)) if t]
    if len(tokens) == 1 and (match := _GLUED.fullmatch(tokens[0])) and match[1] in _SENSOR_WORDS:
        return [match[1], match[2]]
    return tokens


def channel(name: str) -> tuple[str, str] | None:
    """Canonical channel and the unit its name implies, or None for columns that are no inertial axis.

    ``accX``, ``A_X``, ``acc_l_x``, ``x_acc``, ``ax`` are ``acc_x``; ``acc_h_x`` is ``acch_x``;
    ``accel_ms2_x`` is ``acc_x`` in m/s2.
    """
    tokens = _tokens(name)
    axes = [t for t in tokens if t in ("x", "y", "z")]
    words = [t for t in tokens if t not in ("x", "y", "z")]
    if len(axes) != 1 or not words:
        return None
    # the sensor is the first word that is one: in acc_x_g the g is the unit
    sensor = _SENSOR_WORDS.get(words[0])
    if sensor is None:
        return None
    unit = ""
    for word in words[1:]:
        if word in _RANGE_WORDS and sensor == "acc":
            sensor = "acch" if _RANGE_WORDS[word] else sensor
        elif not unit and (unit_name(word) in UNITS or word in _UNIT_OF):
            unit = unit_name(word)
        else:
            return None
    return f"{sensor}_{axes[0]}", unit


def time_unit(name: str, unit: str) -> str | None:
    """Return the unit of a time column (empty: not said), or None when it is no time column."""
    tokens = _tokens(name)
    # T is a temperature
    if not tokens or tokens[0] not in ("time", "timestamp", "t", "ts") or name == "T":
        return None
    rest = tokens[1:] if tokens[1:] != ["stamp"] else []
    words = [w.strip().lower() for w in (*rest, unit) if w]
    units = [_TIME_WORDS.get(w, w) for w in words]
    if not units:
        return ""
    return units[0] if len(units) == 1 and units[0] in TIME_UNITS else None
