"""The data acquisition format of Edge Impulse, whatever it is encoded in.

``{"protected": {...}, "signature": "...", "payload": {"device_name", "device_type", "interval_ms",
"sensors": [{"name", "units"}], "values": [[...], ...]}}`` (facts: peers, section 5.1).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sensorai.errors import DataError
from sensorai.formats.arrays import Arrays
from sensorai.formats.values import shown, text_of
from sensorai.recording import FloatArray

#: ``device_type`` of the files we write; only these carry a group and a history.
OURS = "sensorai"

#: Label file of an export, beside its samples.
LABELS = "info.labels"


def parse_acquisition(value: Any, size: int, where: str) -> Arrays:
    """Columns of one acquisition of ``size`` bytes.

    Raises
    ------
    DataError
        With the place inside the file of whatever has the wrong type, length or value.
    """
    payload = _get(_map(value, "the file", where), "payload", "", where)
    payload = _map(payload, "payload", where)
    interval = _get(payload, "interval_ms", "payload.", where)
    if not _is_number(interval) or not 0 < float(interval) < 1e9:
        raise DataError(
            f"interval_ms must be a positive number, not {shown(interval)}", where=f"{where}: payload"
        )
    names = _names(_get(payload, "sensors", "payload.", where), where)
    values = _values(_get(payload, "values", "payload.", where), len(names), size, where)
    group = ""
    history: tuple[str, ...] = ()
    # the interval is a rounded reciprocal
    rate = round(1000.0 / float(interval), 6) or 1000.0 / float(interval)
    if payload.get("device_type") == OURS:
        group = text_of(payload.get("device_name"))
        more = payload.get(OURS)
        if isinstance(more, Mapping):
            told, done = more.get("rate_hz"), more.get("history", ())
            if (
                told is not None
                and _is_number(told)
                and abs(float(told) * float(interval) / 1000.0 - 1) < 1e-9
            ):
                rate = float(told)
            history = tuple(map(text_of, done)) if isinstance(done, list | tuple) else ()
    notes = []
    if any(key in value for key in ("signature", "protected")):
        notes.append("the signature was not checked")
    return Arrays(names, tuple(values.T), rate_hz=rate, group=group, notes=tuple(notes), history=history)


def file_label(path: Path) -> str:
    """Label of an acquisition: what ``info.labels`` beside it says, else its name up to the first dot."""
    try:
        listed = json.loads((path.parent / LABELS).read_text(encoding="utf-8"))
        for one in listed["files"]:
            if one["path"] == path.name and one["label"]["type"] == "label":
                return text_of(one["label"]["label"]) or path.name.partition(".")[0]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        # no label file, or none we know: the name decides
        pass
    return path.name.partition(".")[0]


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _map(value: Any, what: str, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise DataError(f"{what} must be a map of keys, not {shown(value)}", where=where)
    return value


def _get(table: Mapping[str, Any], key: str, place: str, where: str) -> Any:
    if key not in table:
        raise DataError(
            f"{place}{key} is missing",
            where=where,
            hint="an acquisition of Edge Impulse has payload.interval_ms, payload.sensors, payload.values",
        )
    return table[key]


def _names(sensors: Any, where: str) -> tuple[str, ...]:
    if not isinstance(sensors, list | tuple) or not sensors or len(sensors) > 4096:
        raise DataError("payload.sensors must be a list of one to 4096 sensors", where=where)
    out = []
    for i, sensor in enumerate(sensors):
        place = f"payload.sensors[{i}]"
        table = _map(sensor, place, where)
        name, unit = _get(table, "name", f"{place}.", where), table.get("units", "")
        if not isinstance(name, str) or not name.strip():
            raise DataError(f"{place}.name must be text, not {shown(name)}", where=where)
        if not isinstance(unit, str):
            raise DataError(f"{place}.units must be text, not {shown(unit)}", where=where)
        clean = name.strip()
        if len(clean) > 200 or any(c in clean for c in "[]()\n"):
            raise DataError(f"{place}.name {shown(name)} is no name of a channel", where=where)
        unit = "" if unit.strip() in ("N/A", "n/a", "none", "-") else unit.strip()
        out.append(f"{clean}[{unit}]" if unit else clean)
    return tuple(out)


def _values(values: Any, width: int, size: int, where: str) -> FloatArray:
    """Return the samples, shape (n, width); every fault is named by its place."""
    if not isinstance(values, list | tuple):
        raise DataError(f"payload.values must be a list, not {shown(values)}", where=where)
    if not values:
        raise DataError("payload.values is empty: the log has no samples", where=where)
    # references inside CBOR can make a small file unfold to anything
    if len(values) * width > size:
        raise DataError("payload.values holds more numbers than the file has bytes", where=where)
    rows: list[Sequence[Any]] = []
    for i, row in enumerate(values):
        if width == 1 and not isinstance(row, list | tuple):
            row = (row,)
        if not isinstance(row, list | tuple):
            raise DataError(f"payload.values[{i}] must be a list, not {shown(row)}", where=where)
        if len(row) != width:
            raise DataError(
                f"payload.values[{i}] has {len(row)} numbers, there are {width} sensors", where=where
            )
        for k, one in enumerate(row):
            if type(one) is float or type(one) is int:
                continue
            if not _is_number(one):
                raise DataError(f"payload.values[{i}][{k}] must be a number, not {shown(one)}", where=where)
        rows.append(row)
    try:
        out = np.array(rows, dtype=np.float64)
    except OverflowError:
        out = np.array([[float(v) if _is_number(v) else math.nan for v in row] for row in rows])
    if not np.isfinite(out).all():
        i, k = (int(x) for x in np.argwhere(~np.isfinite(out))[0])
        raise DataError(f"payload.values[{i}][{k}] is {shown(rows[i][k])}, no finite number", where=where)
    return out
