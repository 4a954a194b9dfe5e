"""Descriptions of layers as structures of C that C++ takes, too: in order, and one brace for each level."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from sensorai import runtime

_STRUCT = re.compile(r"^typedef struct \{\n(.*?)^\} (\w+);", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^ +(?:const )?(\w+) (?:\(\*(\w+)\)\([^;]*\)|\*?(\w+)(?:\[[^\]]*\])*);", re.MULTILINE)
_KEY = re.compile(r"(\w+)(?:\.(.+)|\[(\d+)\])?")


def initialiser(kind: str, fields: Mapping[str, object], indent: str = "    ") -> str:
    """Return the inside of the braces of a structure.

    Parameters
    ----------
    kind : str
        Type in C; of one that no header of ours has, the order is that of `fields`.
    fields : mapping
        Values as C, by name; ``part.name`` is in a structure inside, ``list[2]`` in an array of structures.
    """
    known = _structures().get(kind, {})
    plain: dict[str, str] = {}
    inner: dict[str, dict[str, object]] = {}
    lists: dict[str, dict[int, object]] = {}
    for key, value in fields.items():
        match = _KEY.fullmatch(key)
        if match is None:
            raise ValueError(key)
        name, below, place = match.groups()
        plain.setdefault(name, str(value))
        if below:
            inner.setdefault(name, {})[below] = value
        elif place:
            lists.setdefault(name, {})[int(place)] = value
    for name, some in inner.items():
        text = initialiser(known.get(name, ""), some, indent + "    ")
        plain[name] = f"{{\n{text}{indent}}}"
    for name, items in lists.items():
        values = [str(items.get(k, "")) for k in range(max(items) + 1)]
        nothing = "{0}" if values[-1].startswith("{") else "0"
        plain[name] = f"{{{', '.join(one or nothing for one in values)}}}"
    order = list(known) or list(plain)
    return "".join(f"{indent}.{name} = {plain[name]},\n" for name in sorted(plain, key=order.index))


def patches(
    kind: str, fields: Mapping[str, object], mark: re.Pattern[str]
) -> tuple[dict[str, object], list[tuple[str, str, str]]]:
    """Part the fields of a structure from values that are only known when the program runs.

    Parameters
    ----------
    kind, fields
        As ``initialiser`` takes them.
    mark : pattern
        What such a value has in its text.

    Returns
    -------
    kept : dict
        Fields without them.
    set : list of (str, str, str)
        Places of them, as in ``part.list[2]``, their texts, and their types ("" where no header says it).
    """
    kept: dict[str, object] = {}
    found: list[tuple[str, str, str]] = []
    for key, value in fields.items():
        text, more = _parted(
            _structures().get(kind, {}).get(key.partition("[")[0], ""), key, str(value), mark
        )
        found += more
        if text:
            kept[key] = text if more else value
    return kept, found


def _parted(
    kind: str, place: str, text: str, mark: re.Pattern[str]
) -> tuple[str, list[tuple[str, str, str]]]:
    """The text of a value without what has the mark; "" where nothing is left."""
    if not mark.search(text):
        return text, []
    if not text.startswith("{"):
        return "", [(place, text, kind)]
    known = _structures().get(kind, {})
    names, left, found = list(known), [], []
    for k, one in enumerate(_items(text[1:-1])):
        name, value = re.fullmatch(r"\.(\w+) = (.*)", one, re.DOTALL).groups() if one[0] == "." else ("", one)  # type: ignore[union-attr]
        member = name or (names[k] if names else "")
        below = f"{place}.{member}" if member else f"{place}[{k}]"
        value, more = _parted(known.get(member, ""), below, value, mark)
        found += more
        if name and value:
            left.append(f".{name} = {value}")
        elif not name:
            left.append(value or "0")
    return ("{" + ", ".join(left) + "}") if left else "", found


def _items(text: str) -> list[str]:
    """Parts between the commas of a list that are in no bracket."""
    out, depth, start = [], 0, 0
    for k, char in enumerate(text):
        depth += (char in "({[") - (char in ")}]")
        if char == "," and not depth:
            out.append(text[start:k].strip())
            start = k + 1
    return [one for one in (*out, text[start:].strip()) if one]


@cache
def _structures() -> dict[str, dict[str, str]]:
    """Types of what is in the structures of kernels, by structure and name, in order."""
    found = [match for one in runtime.kernels() for match in _STRUCT.findall(one)]
    return {name: {call or field: kind for kind, call, field in _FIELD.findall(body)} for body, name in found}
