"""Strings of TOML. JSON's are not the same: TOML knows no surrogate pairs and no bare DEL."""

from __future__ import annotations

from collections.abc import Iterable

from sensorai.writing import jsontext
from sensorai.writing.terminal import whole


def string(text: str) -> str:
    """Return ``text`` as a basic string, quotes included; lone surrogates become U+FFFD."""
    return jsontext.string(whole(text))


def strings(texts: Iterable[str]) -> str:
    """Return an array of strings."""
    return f"[{', '.join(map(string, texts))}]"
