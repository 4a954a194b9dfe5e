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


@cache
def _structures() -> dict[str, dict[str, str]]:
    """Types of what is in the structures of kernels, by structure and name, in order."""
    found = [match for one in runtime.kernels() for match in _STRUCT.findall(one)]
    return {name: {call or field: kind for kind, call, field in _FIELD.findall(body)} for body, name in found}
