"""Options of a model in a table: the names are those of the options in Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from sensorai.errors import ConfigError
from sensorai.targets import closest

Options = TypeVar("Options")


def options_from(table: Mapping[str, Any], kind: type[Options], what: str) -> Options:
    """Make options of a table.

    Parameters
    ----------
    table : mapping
        What ``--net`` holds.
    kind : dataclass
        Its fields are what a table may hold; what it leaves out keeps its default.
    what : str
        What is described, for messages: ``net`` or ``forest``.

    Raises
    ------
    ConfigError
        The table holds something else than such options.
    """
    kinds = {f.name: str(f.type) for f in fields(kind)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in kinds:
            raise ConfigError(
                f"a {what} has no setting {name!r}",
                where="--net",
                hint=f"{closest(name, kinds)}; settings are {', '.join(kinds)}",
            )
        values[name] = _typed(name, value, kinds[name])
    return kind(**values)


def _typed(name: str, value: Any, kind: str) -> Any:
    """Refuse values of another type than the option's."""
    if kind.startswith("tuple"):
        good = isinstance(value, list | tuple) and all(type(v) is int for v in value)
        value = tuple(value) if good else value
    elif kind.startswith("int"):
        good = type(value) is int
    elif kind == "float":
        good = type(value) in (int, float)
    else:
        good = type(value).__name__ == kind
    if not good:
        raise ConfigError(f"{name} = {value!r} is of the wrong type", where="--net")
    return value
