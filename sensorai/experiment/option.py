"""One option of an experiment: what it may hold, what it is for, and how it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sensorai.experiment import tables

#: Kinds of value, with what an error calls them.
KINDS = {
    "text": "text",
    "choice": "one of a few words",
    "integer": "a whole number",
    "number": "a number",
    "auto": "a whole number, or auto",
    "flag": "true or false",
    "path": "the path of a file",
    "paths": "a list of paths",
    "names": "a list of names",
    "list": "a list of names",
    "pairs": "a table of name = value",
    "scales": "a table of name = number",
    "globs": "a table of name = pattern, or name = [pattern, ...]",
    "table": "a table",
}

#: Headings of the sections, in the order of the help and of ``sensorai.toml``.
SECTIONS = {
    "data": "Logs",
    "split": "What is kept for the test",
    "task": "Task",
    "target": "Target",
    "model": "Model",
    "trees": f"Trees in registers (--target {tables.targets('registers')})",
    "code": f"Models in C (--target {tables.targets('pipeline')})",
    "anomaly": "Anomalies (--task anomaly)",
    "output": "Output",
    "work": "Where it is done",
}


@dataclass(frozen=True, slots=True)
class Only:
    """When an option has a meaning; an empty entry sets no bound.

    Attributes
    ----------
    takes : str
        What the target runs: ``registers`` or ``pipeline`` (C).
    task : str
    one_class : bool, optional
        Whether the model must be a detector that learns from normal logs alone, or must not.
    models : tuple of str
        Families.
    """

    takes: str = ""
    task: str = ""
    one_class: bool | None = None
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """What is known of one field of an experiment; flag, TOML key, schema and help follow from it.

    Attributes
    ----------
    section : str
        A key of ``SECTIONS``.
    kind : str
        A key of ``KINDS``.
    help : str
        One sentence for the help, the schema and the docs.
    metavar : str
        What stands after the flag.
    example : str
        What may stand there, where the metavar does not show it.
    choices : callable, optional
        The words of a ``choice``.
    least, most : float, optional
        Bounds of a number, both included.
    only : Only
        Where it has a meaning.
    first : bool
        One of those that matter first: shown before the sections.
    written : bool
        Whether ``sensorai.toml`` of a result says it: not what leaves the result as it is.
    """

    section: str
    kind: str
    help: str
    metavar: str = ""
    example: str = ""
    choices: Callable[[], tuple[str, ...]] | None = None
    least: float | None = None
    most: float | None = None
    only: Only = Only()
    first: bool = False
    written: bool = True

    def flag(self, name: str) -> str:
        """How the field ``name`` is written on the command line."""
        return "--" + name.replace("_", "-")

    def shown(self, name: str) -> str:
        """How the field ``name`` is given on the command line, with a value."""
        return f"{self.flag(name)} {self.example or self.metavar}".rstrip()


def option(default: Any, section: str, kind: str, text: str, **more: Any) -> Any:
    """Field of the experiment with its ``Option``."""
    return field(default=default, metadata={"option": Option(section, kind, text, **more)})
