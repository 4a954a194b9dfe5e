"""Folders of ST's HSDatalog: configurations checked value by value, tags, and which sensors to read."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from sensorai.errors import DataError
from sensorai.formats.arrays import Arrays, Values
from sensorai.formats.hsdatalog import TYPES, Stream
from sensorai.formats.options import ReadOptions
from sensorai.formats.source import Raw
from sensorai.formats.values import shown
from sensorai.recording import LABEL


def read_config(path: Path) -> Any:
    """Read a JSON file of the folder, which may end in a zero byte; a DataError with its place."""
    try:
        text = path.read_bytes().rstrip(b"\0 \r\n").decode("utf-8-sig")
        return json.loads(text)
    except OSError as error:
        raise DataError(f"cannot read {path.name}: {error.strerror}", where=str(path)) from None
    except json.JSONDecodeError as error:
        raise DataError(
            f"this is no JSON: {error.msg}", where=f"{path}:{error.lineno}:{error.colno}"
        ) from None
    except UnicodeDecodeError:
        raise DataError("this is no text file (UTF-8 was expected)", where=str(path)) from None
    except (RecursionError, ValueError):
        raise DataError("this JSON cannot be read", where=str(path)) from None


def with_tags(part: Arrays, tags: Sequence[tuple[float, str, bool]]) -> Arrays:
    """Add the labels that were set and taken away during the acquisition: (seconds, label, set)."""
    if not tags or not len(part):
        return part
    time = part.time()
    if time is None:
        if not part.rate_hz:
            return replace(
                part, notes=(*part.notes, "tags are left out, as neither times nor a rate are known")
            )
        time = np.arange(len(part)) / part.rate_hz
    names = dict.fromkeys(label for _, label, _ in tags)
    labels = np.full(len(time), "", dtype=object)
    both = 0
    for name in names:
        begin: float | None = None
        for at, label, on in [*sorted(tags, key=lambda t: t[0]), (math.inf, name, False)]:
            if label != name:
                continue
            if on and begin is None:
                begin = at
            elif not on and begin is not None:
                rows = (time >= begin) & (time < at)
                both += int((labels[rows] != "").sum())
                labels[rows] = name
                begin = None
    notes = list(part.notes)
    if both:
        notes.append(f"{both} samples have two tags at once; the tag named last counts")
    columns: tuple[Values, ...] = (*part.columns, labels)
    return replace(part, names=(*part.names, LABEL), columns=columns, notes=tuple(notes))


def seconds_since(start: Any, moment: Any) -> float | None:
    """Seconds between two ISO times, or None when they are none."""
    try:
        a, b = (datetime.fromisoformat(str(t).replace("Z", "+00:00")) for t in (start, moment))
        return (b - a).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def acquisition(raw: Raw, config: str) -> Path | None:
    """Folder of the acquisition that a log is, or that a ``.dat`` file belongs to; None when it is none."""
    folder = raw.path
    if not raw.folder:
        if raw.path.suffix != ".dat":
            return None
        folder = raw.path.parent
    return folder if (folder / config).is_file() else None


def wanted(raw: Raw, file: Path) -> bool:
    """Whether to read ``file``: all of a folder, or the one file that was named."""
    return file.is_file() and (raw.folder or file.name == raw.path.name)


def needed(stream: Stream, options: ReadOptions) -> bool:
    """Whether a sensor is to be read: those asked for, else those of motion.

    A microphone beside an accelerometer has thousands of times its samples.
    """
    if options.sensor:
        names = {name.strip().casefold() for name in options.sensor.split(",")}
        return bool({stream.part.casefold(), stream.device.casefold()} & names)
    return unread(stream).inertial


def unread(stream: Stream) -> Arrays:
    """A sensor that is there but is not read: no samples."""
    return Arrays(stream.names, (), part=stream.part, device=stream.device, rate_hz=stream.rate_hz)


def finish(
    parts: Sequence[Arrays], missing: Sequence[str], tags: Sequence[tuple[float, str, bool]], where: str
) -> list[Arrays]:
    """Give the parts their tags, and a note of the sensors whose file is not there.

    Raises
    ------
    DataError
        When there is no part at all.
    """
    names = ", ".join(missing)
    if not parts:
        raise DataError(
            "the configuration names no active sensor with samples"
            + (f" (missing: {names})" if names else ""),
            where=where,
        )
    notes = (f"there is no file of: {names}",) if names else ()
    return [with_tags(replace(part, notes=(*part.notes, *notes)), tags) for part in parts]


def folder_label(path: Path) -> str:
    """Label of an acquisition: its folder's name, or the one above where the board gave the name."""
    folder = path.absolute() if path.is_dir() else path.absolute().parent
    if re.fullmatch(
        r"[0-9][0-9_\-]{5,}|(STWIN|STBOX|MKBOX|DATALOG|HSD)\S*_[0-9]+", folder.name, re.IGNORECASE
    ):
        folder = folder.parent
    digits, underscore, rest = folder.name.partition("_")
    return rest if underscore and digits.isdigit() and rest else folder.name


class Config:
    """Values of a configuration by their place, each with a message when it is not what it must be."""

    def __init__(self, where: str) -> None:
        self.where = where

    def table(self, value: Any, place: str) -> dict[str, Any]:
        """A map."""
        if not isinstance(value, dict):
            raise DataError(f"{place} must be a map of keys", where=self.where)
        return value

    def items(self, value: Any, place: str) -> list[Any]:
        """A list."""
        if not isinstance(value, list):
            raise DataError(f"{place} must be a list", where=self.where)
        return value

    def number(self, table: Mapping[str, Any], key: str, place: str, default: float | None = None) -> float:
        """A finite number."""
        value = table.get(key, default)
        if value is None:
            raise DataError(f"{place}.{key} is missing", where=self.where)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
            raise DataError(f"{place}.{key} must be a number, not {shown(value)}", where=self.where)
        return float(value)

    def count(self, table: Mapping[str, Any], key: str, place: str, least: int, most: int) -> int:
        """A whole number between two limits."""
        value = self.number(table, key, place)
        if value != int(value) or not least <= value <= most:
            raise DataError(
                f"{place}.{key} must be a whole number from {least} to {most}, not {value:g}",
                where=self.where,
            )
        return int(value)

    def text(self, table: Mapping[str, Any], key: str, place: str, default: str | None = None) -> str:
        """Text without brackets, which name units."""
        value = table.get(key, default)
        if value is None:
            raise DataError(f"{place}.{key} is missing", where=self.where)
        if not isinstance(value, str) or len(value) > 200 or re.search(r"[\[\]()/\\\n\0]", value):
            raise DataError(f"{place}.{key} must be a short text, not {shown(value)}", where=self.where)
        return value

    def dtype(self, table: Mapping[str, Any], key: str, place: str) -> str:
        """Type of samples as NumPy has it."""
        name = self.text(table, key, place)
        if name not in TYPES:
            raise DataError(f"{place}.{key} is {name!r}; known are {', '.join(TYPES)}", where=self.where)
        return TYPES[name]


def first_of(values: Iterable[float | None]) -> float | None:
    """Return the first value that is neither None nor 0."""
    return next((v for v in values if v), None)
