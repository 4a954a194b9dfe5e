"""Text of the UMAFall data set: one line per reading of any of several sensors, at rates of their own.

Lines that start with ``%`` tell the person, the movement and where each sensor was worn; then come rows
``TimeStamp; Sample No; X; Y; Z; Sensor Type; Sensor ID`` with the time in ms.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from sensorai.errors import DataError
from sensorai.formats import timing
from sensorai.formats.arrays import Arrays, Values
from sensorai.formats.options import ReadOptions
from sensorai.formats.source import Source
from sensorai.formats.table import Body, parse
from sensorai.recording import LABEL

NAME = "umafall"

_COLUMNS = ("TimeStamp", "Sample No", "X-Axis", "Y-Axis", "Z-Axis", "Sensor Type", "Sensor ID")
_HEADER = re.compile(
    r"%?\s*TimeStamp\s*;\s*Sample No\s*;.*Sensor Type\s*;\s*Sensor ID\s*;?\s*", re.IGNORECASE
)
_PLACE = re.compile(r"%\s*[0-9a-fA-F:]{11,17}\s*;\s*(\d{1,6})\s*;([^;]+);")
#: Channels and units by the number of the sensor's type.
_TYPES = {0: ("ACC", "acc", "g"), 1: ("GYRO", "gyro", "dps"), 2: ("MAG", "mag", "uT")}


def _header(source: Source) -> int | None:
    return next((i for i, line in enumerate(source.head) if _HEADER.fullmatch(line.strip())), None)


def sniff(source: Source) -> bool:
    """Ask for the line that names the columns."""
    return _header(source) is not None


def arrays(source: Source, options: ReadOptions) -> list[Arrays]:
    """Read every sensor; the description of the movement is the label, fall or not is ``type``."""
    header = _header(source)
    if header is None:
        raise DataError("the line that names the columns is missing", where=source.path)
    facts, places = _head(source, header)
    text = source.text.split("\n", header + 1)
    if len(text) < header + 2 or not text[-1].strip():
        raise DataError("the log has a header but no samples", where=f"{source.path}:{header + 1}")
    body = Body(source.path, text[-1], header + 2, ";", _COLUMNS)
    columns = [np.asarray(c, dtype=np.float64) for c in parse(body, ["number"] * len(_COLUMNS))]
    kind, who = columns[5], columns[6]
    _check(kind, who, source)
    out = []
    for one in np.unique(who).astype(int).tolist():
        device = places.get(one, f"sensor {one}")
        # one message of the sensor holds one reading of each kind
        paired = len({int((kind[who == one] == number).sum()) for number in _TYPES} - {0}) == 1
        for number in _TYPES:
            rows = (who == one) & (kind == number)
            if rows.any():
                out.append(_sensor([c[rows] for c in columns], number, device, facts, paired))
    return out


def _head(source: Source, header: int) -> tuple[dict[str, str], dict[int, str]]:
    """Facts about the recording, and where on the body each sensor is."""
    facts: dict[str, str] = {}
    places: dict[int, str] = {}
    for line in source.head[:header]:
        if match := _PLACE.match(line):
            places[int(match[1])] = match[2].strip() or f"sensor {match[1]}"
        else:
            name, _, value = line.strip().lstrip("%").partition(":")
            if value.strip():
                facts.setdefault(name.partition("(")[0].strip().casefold(), value.strip())
    return facts, places


def _check(kind: npt.NDArray[np.float64], who: npt.NDArray[np.float64], source: Source) -> None:
    if not np.isin(kind, list(_TYPES)).all():
        i = int(np.argmin(np.isin(kind, list(_TYPES))))
        raise DataError(
            f"reading {i + 1} is of sensor type {kind[i]:g}; known are 0 (accelerometer), 1 (gyroscope), "
            "2 (magnetometer)",
            where=source.path,
        )
    if np.unique(who).size > 64 or (who != np.floor(who)).any() or (np.abs(who) > 1e6).any():
        raise DataError(
            "the column 'Sensor ID' does not hold the numbers of a few sensors", where=source.path
        )


def _sensor(
    columns: Sequence[npt.NDArray[np.float64]],
    number: int,
    device: str,
    facts: Mapping[str, str],
    paired: bool,
) -> Arrays:
    """Readings of one kind of one sensor."""
    suffix, name, unit = _TYPES[number]
    stamps = columns[0] / 1000.0
    values: list[Values] = [stamps, *(columns[2 + axis] for axis in range(3))]
    names = ["time[s]", *(f"{name}_{axis}[{unit}]" for axis in "xyz")]
    for column, fact in ((LABEL, "description of the movement"), ("type", "type of movement")):
        if fact in facts:
            names.append(column)
            values.append(np.full(len(stamps), facts[fact], dtype=object))
    several = len(stamps) > 1
    jumps = timing.breaks(stamps) if several else np.zeros(0, dtype=np.intp)
    return Arrays(
        tuple(names),
        tuple(values),
        f"{device}_{suffix}",
        device,
        timing.rate_of(stamps, jumps) if several else None,
        ("type",) if "type" in names else (),
        facts.get("name", ""),
        paired=paired,
    )
