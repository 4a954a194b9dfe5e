"""Facts about targets as data: a strict TOML loader and the look-up of a name.

A fact file is a set of groups (TOML tables). Every group says where its facts come from (``source``)
and how sure they are (``mark``); single keys may be marked differently (``marks``). What keys a group
may hold, and of what kind, is the caller's schema: a key that is not in it is an error, never ignored.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sensorai.errors import ConfigError

#: How sure a fact is: matched on many published files; named in a maker's driver or manual; follows
#: from a regular pattern; not known (what the maker's tools write is given).
MARKS = ("confirmed", "documented", "inferred", "unknown")

#: Kinds of value a schema can ask for, with what the error message calls them.
KINDS: Mapping[str, str] = {
    "integer": "a whole number",
    "number": "a number",
    "text": "text",
    "texts": "a list of texts",
    "table": "a list of [number, code] pairs without repeats",
    "rows": "a list of lists of whole numbers",
}

_GROUP_KEYS = ("source", "mark", "marks", "note")


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a group: its kind (a name in ``KINDS``) and whether it may be absent."""

    kind: str
    optional: bool = False


#: Group name -> key name -> what stands there.
Schema = Mapping[str, Mapping[str, Key]]


@dataclass(frozen=True, slots=True)
class Group:
    """One group of facts, checked against its schema.

    Attributes
    ----------
    name, file : str
        TOML table and file the group comes from.
    values : mapping
        int, float, str, tuple of str, dict of float to int, or tuple of int tuples, as the schema says.
    source, mark, note : str
        Where the facts come from, how sure they are (a name in ``MARKS``), and a remark (may be empty).
    marks : mapping of key to mark
        Marks of single keys where they differ from ``mark``.
    """

    name: str
    file: str
    values: Mapping[str, Any]
    source: str
    mark: str
    marks: Mapping[str, str]
    note: str

    def mark_of(self, key: str) -> str:
        """How sure the fact ``key`` is."""
        return self.marks.get(key, self.mark)

    def integer(self, key: str) -> int:
        """Value of an integer key."""
        return cast(int, self.values[key])

    def number(self, key: str) -> float:
        """Value of a number key."""
        return cast(float, self.values[key])

    def text(self, key: str) -> str:
        """Value of a text key."""
        return cast(str, self.values[key])

    def texts(self, key: str) -> tuple[str, ...]:
        """Value of a texts key."""
        return cast(tuple[str, ...], self.values[key])

    def table(self, key: str) -> dict[float, int]:
        """Value of a table key; empty when it is absent."""
        return dict(cast(Mapping[float, int], self.values.get(key, {})))

    def rows(self, key: str) -> tuple[tuple[int, ...], ...]:
        """Value of a rows key; empty when it is absent."""
        return cast(tuple[tuple[int, ...], ...], self.values.get(key, ()))


#: Group, fact, value, mark and source, in words.
Fact = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Listed:
    """A device, as a list of devices shows it.

    Attributes
    ----------
    figures : mapping
        What is said of it, ``name`` first, as plain values.
    cells : tuple of str
        The same in words, for the columns of the list.
    facts : callable
        Everything known of it.
    stands_for : tuple of str
        Other names that mean it.
    """

    figures: Mapping[str, Any]
    cells: tuple[str, ...]
    facts: Callable[[], Sequence[Fact]]
    stands_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Devices:
    """The devices of a target.

    Attributes
    ----------
    words : str
        What they are, in the plural.
    columns : tuple of str
        Headings of the list.
    numbers : tuple of str
        Those of them that head numbers.
    each : tuple of Listed
    """

    words: str
    columns: tuple[str, ...]
    numbers: tuple[str, ...]
    each: tuple[Listed, ...]


def kib(size: int | None) -> str:
    """Size of a memory, which may be unknown."""
    return "?" if size is None else f"{size / 1024:g} KiB"


def closest(name: str, names: Iterable[str]) -> str:
    """Hint naming the nearest of ``names``, or listing them when none is near; empty without names."""
    known = list(names)
    by_fold = {known_name.casefold(): known_name for known_name in known}
    near = difflib.get_close_matches(name.casefold(), list(by_fold), n=1)
    if near:
        return f"did you mean {by_fold[near[0]]}?"
    return f"known: {', '.join(known)}" if known else ""


def find(name: str, names: Iterable[str], what: str = "device") -> str:
    """Find the one of ``names`` that ``name`` means: equal or a unique prefix, letter case ignored.

    Raises
    ------
    ConfigError
        Nothing or more than one fits; the hint names what is near.
    """
    known = list(names)
    wanted = name.strip().casefold()
    for candidate in known:
        if candidate.casefold() == wanted:
            return candidate
    fitting = [candidate for candidate in known if wanted and candidate.casefold().startswith(wanted)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise ConfigError(f"{what} {name!r} is not unique", hint=f"it could be {', '.join(fitting)}")
    raise ConfigError(f"unknown {what} {name!r}", hint=closest(name, known))


def load(text: str, file: str, schema: Schema) -> dict[str, Group]:
    """Read the groups of one fact file, in the order of the file.

    Parameters
    ----------
    text : str
        The TOML text.
    file : str
        Its name, for messages.
    schema : Schema
        Groups and keys that may stand there. No group is required here: files may share the work.

    Raises
    ------
    ConfigError
        No TOML, unknown group or key, missing key, wrong kind of value, bad mark, empty source.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}", where=file) from None
    return {name: _group(name, table, file, schema) for name, table in data.items()}


def _group(name: str, table: object, file: str, schema: Schema) -> Group:
    where = f"{file} [{name}]"
    if name not in schema:
        raise ConfigError(f"unknown group {name!r}", where=file, hint=closest(name, schema))
    if not isinstance(table, dict):
        raise ConfigError(f"{name!r} must be a group", where=file, hint=f"write [{name}] on its own line")
    keys = schema[name]
    for key in table:
        if key not in keys and key not in _GROUP_KEYS:
            raise ConfigError(f"unknown key {key!r}", where=where, hint=closest(key, (*keys, *_GROUP_KEYS)))
    for key, want in keys.items():
        if key not in table and not want.optional:
            raise ConfigError(f"key {key!r} is missing", where=where, hint=f"it is {KINDS[want.kind]}")
    values = {
        key: _value(table[key], want.kind, f"{where} {key}") for key, want in keys.items() if key in table
    }
    return Group(
        name=name,
        file=file,
        values=values,
        source=_text(table, "source", where),
        mark=_mark(table.get("mark"), where),
        marks=_marks(table.get("marks", {}), values, where),
        note=_text(table, "note", where) if "note" in table else "",
    )


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(
            f"{key!r} is missing or empty", where=where, hint="every group of facts names its source"
        )
    return value


def _mark(value: object, where: str) -> str:
    if not isinstance(value, str) or value not in MARKS:
        raise ConfigError(
            f"mark {value!r} is none of the known marks", where=where, hint=f"known: {', '.join(MARKS)}"
        )
    return value


def _marks(value: object, keys: Mapping[str, Any], where: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ConfigError("'marks' must be a table of key = mark", where=where)
    for key in value:
        if key not in keys:
            raise ConfigError(
                f"'marks' names {key!r}, which is not in this group", where=where, hint=closest(key, keys)
            )
    return {key: _mark(mark, f"{where} marks.{key}") for key, mark in value.items()}


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return _is_integer(value) or isinstance(value, float)


def _value(value: object, kind: str, where: str) -> object:
    """``value`` as its kind is held, or a ConfigError."""
    if kind == "integer" and _is_integer(value):
        return value
    if kind == "number" and _is_number(value):
        return float(cast(float, value))
    if kind == "text" and isinstance(value, str):
        return value
    if isinstance(value, list):
        if kind == "texts" and all(isinstance(item, str) for item in value):
            return tuple(value)
        rows = [item for item in value if isinstance(item, list)]
        if len(rows) == len(value):
            if kind == "rows" and all(_is_integer(x) for row in rows for x in row):
                return tuple(tuple(row) for row in rows)
            if kind == "table" and all(len(r) == 2 and _is_number(r[0]) and _is_integer(r[1]) for r in rows):
                table = {float(number): code for number, code in rows}
                if len(table) == len(rows):
                    return table
    raise ConfigError(f"{value!r} is not {KINDS[kind]}", where=where)
