"""The C99 library that generated projects take files from; package data."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import resources

_INCLUDE = re.compile(r'^#include "([a-z0-9_]+\.h)"$', re.MULTILINE)


def text(name: str) -> str:
    """Return a runtime file, as in ``features/sa_features.c``; only files of the package can be named."""
    folder = resources.files("sensorai.runtime")
    return folder.joinpath(*name.split("/")).read_text(encoding="utf-8")


def closed(names: Iterable[str]) -> set[str]:
    """Files and, of those for nets of any number of axes, what they include of their own folder."""
    found, left = set(), list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            if name.startswith("nd/"):
                left += [f"nd/{one}" for one in _INCLUDE.findall(text(name))]
    return found


def kernels() -> list[str]:
    """Headers of kernels for any number of axes."""
    folder = resources.files("sensorai.runtime") / "nd"
    return [one.read_text(encoding="utf-8") for one in folder.iterdir() if one.name.endswith(".h")]
