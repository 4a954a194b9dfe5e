"""Mapping files: a small TOML that says what the columns of a text table mean."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from sensorai.errors import ConfigError
from sensorai.formats.header import TIME_UNITS, sensor_unit
from sensorai.formats.values import shown
from sensorai.recording import SENSORS

#: Channels a mapping can give a column to under a known quantity; other names are kept as they are.
AXES = tuple(f"{sensor}_{axis}" for sensor in SENSORS for axis in "xyz")


@dataclass(frozen=True, slots=True)
class MappedColumn:
    """One channel: ``column`` is a header name or a number from 1; values are ``raw * scale + offset``."""

    column: str | int
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class TableMapping:
    """What a mapping file says.

    Attributes
    ----------
    path : str
    delimiter : str or None
        One character, a blank for any run of blanks; None: the commonest separator of the first row.
    skip : int
        Lines to leave out at the start of the file.
    header_rows : int
        Rows of headings after those; the first of them names the columns. 0: there are no headings.
    comment : str
        Lines that start with this are left out; empty: none are.
    skip_rows : tuple of str
        Lines that fit one of these patterns, ``*`` for anything, are left out wherever they stand.
    strip_escapes : bool
        Whether terminal escape sequences and control characters are taken out first.
    decimal : str
        The decimal point of the numbers, ``.`` or ``,``.
    rate_hz : float or None
    columns : mapping of channel to MappedColumn
    time : MappedColumn or None
        Its unit is one of ``TIME_UNITS``.
    label : str, int or None
        Column of the main label; ``label_names`` renames its values.
    group, recording : str, int or None
        Columns of the group and of the recording's name.
    """

    path: str
    columns: Mapping[str, MappedColumn]
    delimiter: str | None = None
    skip: int = 0
    header_rows: int = 1
    comment: str = ""
    decimal: str = "."
    rate_hz: float | None = None
    time: MappedColumn | None = None
    label: str | int | None = None
    label_names: Mapping[str, str] = field(default_factory=dict)
    group: str | int | None = None
    recording: str | int | None = None
    skip_rows: tuple[str, ...] = ()
    strip_escapes: bool = False


def read_mapping(path: Path) -> TableMapping:
    """Read a mapping file.

    Raises
    ------
    ConfigError
        When it cannot be read, is no TOML, or says something unknown or contradictory; with the key.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the mapping: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError("the mapping is no text file (UTF-8 was expected)", where=str(path)) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"the mapping is no TOML: {error}", where=str(path)) from None
    return _Reader(str(path)).mapping(data)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the tables of one file; ``path`` is for messages."""

    path: str

    def _fail(self, key: str, message: str, hint: str = "") -> ConfigError:
        return ConfigError(f"{key}: {message}", where=self.path, hint=hint)

    def _known(self, table: Mapping[str, Any], keys: tuple[str, ...], place: str) -> None:
        for key in table:
            if key not in keys:
                near = get_close_matches(key, keys, 1)
                hint = f"did you mean {near[0]}?" if near else f"keys here: {', '.join(keys)}"
                raise self._fail(f"{place}{key}", "unknown key", hint)

    def _int(self, table: Mapping[str, Any], key: str, default: int) -> int:
        value = table.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 10_000:
            raise self._fail(key, f"must be a whole number from 0 to 10000, not {shown(value)}")
        return value

    def _texts(self, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
            raise self._fail(key, f"must be a list of texts, not {shown(value)}", f'as in {key} = ["-,-,-"]')
        return tuple(value)

    def _flag(self, table: Mapping[str, Any], key: str) -> bool:
        value = table.get(key, False)
        if not isinstance(value, bool):
            raise self._fail(key, f"must be true or false, not {shown(value)}")
        return value

    def _text(self, table: Mapping[str, Any], key: str, place: str = "") -> str:
        value = table.get(key, "")
        if not isinstance(value, str):
            raise self._fail(place + key, f"must be text, not {shown(value)}")
        return value

    def _number(self, table: Mapping[str, Any], key: str, default: float, place: str) -> float:
        value = table.get(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise self._fail(place + key, f"must be a number, not {shown(value)}")
        return float(value)

    def _place(self, value: Any, key: str, headings: bool) -> str | int:
        """Check a column: a heading, or a number from 1."""
        if isinstance(value, str) and value:
            if not headings:
                raise self._fail(
                    key, f"{shown(value)} is a heading, but header_rows is 0", "number it from 1"
                )
            return value
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 10_000:
            return value
        raise self._fail(key, f"must be a heading or a column number from 1, not {shown(value)}")

    def _column(self, value: Any, key: str, headings: bool) -> MappedColumn:
        if not isinstance(value, dict):
            return MappedColumn(self._place(value, key, headings))
        self._known(value, ("column", "unit", "scale", "offset"), f"{key}.")
        if "column" not in value:
            raise self._fail(key, "has no column", 'as in {column = "ax", unit = "mg"}')
        scale = self._number(value, "scale", 1.0, f"{key}.")
        if not scale:
            raise self._fail(f"{key}.scale", "must not be 0")
        return MappedColumn(
            self._place(value["column"], f"{key}.column", headings),
            self._text(value, "unit", f"{key}."),
            scale,
            self._number(value, "offset", 0.0, f"{key}."),
        )

    def _table(self, data: Mapping[str, Any], key: str) -> dict[str, Any]:
        value = data.get(key, {})
        if not isinstance(value, dict):
            raise self._fail(key, f"must be a table, not {shown(value)}")
        return value

    def mapping(self, data: Mapping[str, Any]) -> TableMapping:
        keys = "delimiter skip header_rows comment decimal rate_hz columns time label label_names"
        self._known(data, (*keys.split(), "group", "recording", "skip_rows", "strip_escapes"), "")
        delimiter = self._text(data, "delimiter") or None
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '\n\r"0123456789.+-'):
            raise self._fail("delimiter", f"must be one character, no digit or quote, not {delimiter!r}")
        decimal = self._text(data, "decimal") or "."
        if decimal not in (".", ",") or decimal == delimiter:
            raise self._fail("decimal", f"must be '.' or ',' and not the delimiter, not {decimal!r}")
        rate = self._number(data, "rate_hz", 0.0, "") if "rate_hz" in data else None
        if rate is not None and rate <= 0:
            raise self._fail("rate_hz", f"must be positive, not {rate:g}")
        header_rows = self._int(data, "header_rows", 1)
        headings = header_rows > 0
        columns = {
            name: self._column(value, f"columns.{name}", headings)
            for name, value in self._table(data, "columns").items()
        }
        if not any(name in AXES for name in columns):
            raise self._fail("columns", "give at least one channel", f"channels: {', '.join(AXES)}")
        for name, one in columns.items():
            if any(c in name for c in '[](),"\n') or name != name.strip() or not name:
                raise self._fail(f"columns.{name}", "is no name of a channel")
            if name in AXES:
                sensor_unit(one.unit, name, self.path)
        places = [one.column for one in columns.values()]
        if len(set(places)) < len(places):
            raise self._fail("columns", "one column is given to two channels")
        time = self._column(data["time"], "time", headings) if "time" in data else None
        if time is not None and time.unit not in TIME_UNITS:
            raise self._fail("time.unit", f"must be one of {', '.join(TIME_UNITS)}, not {time.unit!r}")
        names = self._table(data, "label_names")
        for old, new in names.items():
            if not isinstance(new, str):
                raise self._fail(f"label_names.{old}", f"must be text, not {shown(new)}")
        texts = {
            key: self._place(data[key], key, headings) if key in data else None
            for key in ("label", "group", "recording")
        }
        return TableMapping(
            self.path,
            columns,
            delimiter,
            self._int(data, "skip", 0),
            header_rows,
            self._text(data, "comment"),
            decimal,
            rate,
            time,
            texts["label"],
            names,
            texts["group"],
            texts["recording"],
            self._texts(data, "skip_rows"),
            self._flag(data, "strip_escapes"),
        )
