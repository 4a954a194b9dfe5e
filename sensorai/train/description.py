"""Options of a model in a TOML file: the names are those of the options in Python."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from sensorai.errors import ConfigError

Options = TypeVar("Options")


def read_options(path: Path, kind: type[Options], what: str) -> tuple[Options, frozenset[str]]:
    """Read the options of a file.

    Parameters
    ----------
    path : Path
    kind : dataclass
        Its fields are what a file may hold; what it leaves out keeps its default.
    what : str
        What is described, for messages: ``net`` or ``forest``.

    Returns
    -------
    options : kind
    given : frozenset of str
        Names that the file holds.

    Raises
    ------
    ConfigError
        The file cannot be read, or holds something else than such options.
    """
    try:
        data: Mapping[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read the {what} description: {error}", where=str(path)) from None
    kinds = {f.name: str(f.type) for f in fields(kind)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for name, value in data.items():
        if name not in kinds:
            raise ConfigError(
                f"a {what} has no setting {name!r}", where=str(path), hint="settings are " + ", ".join(kinds)
            )
        values[name] = _typed(name, value, kinds[name], path)
    return kind(**values), frozenset(values)


def _typed(name: str, value: Any, kind: str, path: Path) -> Any:
    """Refuse values of another type than the option's."""
    if kind.startswith("tuple"):
        good = isinstance(value, list) and all(type(v) is int for v in value)
        value = tuple(value) if good else value
    elif kind.startswith("int"):
        good = type(value) is int
    elif kind == "float":
        good = type(value) in (int, float)
    else:
        good = type(value).__name__ == kind
    if not good:
        raise ConfigError(f"{name} = {value!r} is of the wrong type", where=str(path))
    return value
