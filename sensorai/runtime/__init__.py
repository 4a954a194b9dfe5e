"""The C99 library that generated projects take files from; package data."""

from __future__ import annotations

from importlib import resources


def text(name: str) -> str:
    """Return a runtime file, as in ``features/sa_features.c``; only files of the package can be named."""
    folder = resources.files("sensorai.runtime")
    return folder.joinpath(*name.split("/")).read_text(encoding="utf-8")
