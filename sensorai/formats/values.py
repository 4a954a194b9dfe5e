"""Values of any type, as decoders give them, in messages."""

from __future__ import annotations

from typing import Any

_KINDS = {list: "a list", tuple: "a list", dict: "a map", type(None): "nothing"}


def shown(value: Any) -> str:
    """Return a short text for any value, at a cost that does not depend on its size."""
    if type(value) in _KINDS:
        return _KINDS[type(value)]
    if isinstance(value, str | bytes):
        return repr(value) if len(value) <= 37 else repr(value[:37]) + "..."
    if isinstance(value, int):
        # turning thousands of digits into text is slow, and refused beyond some
        return repr(value) if abs(value) < 10**30 else "a number of more than 30 digits"
    return repr(value) if isinstance(value, float) else f"a value of type {type(value).__name__}"


def text_of(value: Any) -> str:
    """Return a text as it is, and an empty one for anything else."""
    return value if isinstance(value, str) else ""
