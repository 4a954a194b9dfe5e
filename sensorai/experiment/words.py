"""Options that are written in words of their own."""

from __future__ import annotations

import math
import re

from sensorai.errors import ConfigError

#: Hours of the units of a rate.
UNITS = {"hour": 1.0, "h": 1.0, "day": 24.0, "d": 24.0, "week": 168.0, "month": 730.5, "year": 8766.0}


def end_counters(text: str) -> str | tuple[int, ...]:
    """Read ``auto``, ``off``, ``2`` or ``0,2,2,4``; a ConfigError for anything else."""
    if text in ("auto", "off"):
        return text
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise ConfigError(
            f"--end-counters {text!r} is neither auto, off, nor numbers", hint="as in 2 or 0,2,2,4"
        )
    numbers = tuple(int(part) for part in parts)
    if max(numbers) > 14:
        raise ConfigError("an end counter is outside 0 to 14", hint="0 switches the filter of a group off")
    return numbers


def per_hour(text: str) -> float:
    """Read ``1/day``, ``0.5/hour``, ``2/week``: events an hour; a ConfigError for anything else."""
    number, _, unit = text.strip().partition("/")
    try:
        value = float(number) / UNITS[unit.strip().lower()]
    except (ValueError, KeyError):
        value = math.nan
    if not 0 < value < math.inf:
        raise ConfigError(
            f"--false-alarms {text!r} is no rate",
            hint="as in 1/day or 0.5/hour; units are hour, day, week, month, year",
        )
    return value


def cluster(text: str) -> str:
    """Read ``dask://HOST:PORT`` or ``ray://HOST:PORT``; a ConfigError for anything else."""
    if not re.fullmatch(r"(dask|ray)://[A-Za-z0-9._\-\[\]:]*[A-Za-z0-9.\]]:[0-9]{1,5}", text):
        raise ConfigError(
            f"--on {text!r} is no cluster", hint="as in dask://localhost:8786 or ray://host:10001"
        )
    return text


def c_name(text: str) -> str:
    """Return the name of files and identifiers; a ConfigError where it is no C identifier."""
    from sensorai.writing.clang import identifier, nearest

    if nearest(text) != text:
        raise ConfigError(
            f"--name {text!r} is no C name, and files and identifiers are called after it",
            hint=f"as in --name {nearest(text).strip('_') or 'har'}",
        )
    return str(identifier(text, "--name"))
