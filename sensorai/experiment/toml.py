"""An experiment as a file, both ways: strict to read, the same bytes for the same experiment.

Paths in a file count from the folder of that file, so that a folder of results can be moved with its logs.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sensorai.errors import ConfigError
from sensorai.experiment.check import of_values
from sensorai.experiment.experiment import Experiment, options
from sensorai.experiment.option import Option

#: Name of the file in every folder of results.
FILE = "sensorai.toml"
#: First line of a file that is written.
HEAD = "# What was asked for: sensorai train sensorai.toml does it again.\n"


def read(path: Path) -> Experiment:
    """Read an experiment.

    Raises
    ------
    ConfigError, ExperimentError
        The file cannot be read, holds a key that no experiment has, or a value of another kind: all such
        keys at once.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"cannot read the experiment: {error.strerror}", where=str(path)) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"this is no TOML: {error}", where=str(path)) from None
    return from_mapping(data, where=str(path), folder=path.parent)


def from_mapping(data: Mapping[str, Any], *, where: str = "", folder: Path | None = None) -> Experiment:
    """Make an experiment of keys and values; ``folder`` is what its paths count from."""
    known = options()
    placed = {k: _placed(known[k], value, folder) if k in known else value for k, value in data.items()}
    return of_values(placed, where)


def to_text(experiment: Experiment, folder: Path | None = None) -> str:
    """Write an experiment: what is not at its default, paths counted from ``folder``."""
    import tomli_w

    known = options()
    values = {
        name: _plain(known[name], value, folder)
        for name, value in experiment.changed().items()
        if known[name].written
    }
    # tables stand behind single keys: what follows a table's heading belongs to it
    order = sorted(values, key=lambda name: isinstance(values[name], dict))
    return HEAD + tomli_w.dumps({name: values[name] for name in order})


def _placed(told: Option, value: Any, folder: Path | None) -> Any:
    """Let paths count from the folder of the file."""
    if folder is None:
        return value
    if told.kind == "path" and isinstance(value, str):
        return os.path.normpath(folder / value)
    if told.kind == "paths" and isinstance(value, list):
        return [os.path.normpath(folder / v) if isinstance(v, str) else v for v in value]
    if told.kind == "paths" and isinstance(value, str):
        return os.path.normpath(folder / value)
    return value


def _plain(told: Option, value: Any, folder: Path | None) -> Any:
    """What TOML knows: lists and tables."""
    if told.kind == "path":
        return _from(value, folder)
    if told.kind == "paths":
        return [_from(v, folder) for v in value]
    if told.kind in ("names", "list"):
        return list(value)
    if told.kind in ("pairs", "scales"):
        return dict(value)
    if told.kind == "globs":
        table: dict[str, list[str]] = {}
        for name, glob in value:
            table.setdefault(name, []).append(glob)
        return {name: globs[0] if len(globs) == 1 else globs for name, globs in table.items()}
    return dict(value) if told.kind == "table" else value


def _from(path: str, folder: Path | None) -> str:
    """A path as it is written in a file of ``folder``."""
    if folder is None:
        return Path(path).as_posix()
    return Path(os.path.relpath(path, folder)).as_posix()
