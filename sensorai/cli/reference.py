"""The command-line reference as Markdown: ``python -m sensorai.cli.reference > docs/cli.md``."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, get_args, get_origin

from sensorai.cli.app import VERBS


def markdown() -> str:
    """Every verb with its arguments and options, from the program itself."""
    lines = [
        "# Command line",
        "",
        "Made from the program (`make docs`); a test fails when it is out of date. Exit codes: 0 good,",
        "2 user error (one message: what, where, what to do), 3 two levels that must agree do not.",
        "",
    ]
    for name, verb in VERBS.items():
        found = list(_parameters(verb))
        arguments = [one for one in found if not one.shown.startswith("-")]
        usage = " ".join(["sensorai", name, *(one.shown for one in arguments), "[OPTIONS]"])
        lines += [f"## {name}", "", f"`{usage}`", "", *_paragraphs(verb.__doc__), ""]
        # those without a panel first, as the help has them
        for panel in sorted({one.panel: None for one in found}, key=bool):
            lines += [f"### {panel}", ""] if panel else []
            lines += [f"- `{one.shown}` {one.text}" for one in found if one.panel == panel]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


@dataclass(frozen=True, slots=True)
class _Parameter:
    """How a parameter is written, what it means, and the panel of the help it stands in."""

    shown: str
    text: str
    panel: str


def _parameters(verb: Callable[..., None]) -> Iterator[_Parameter]:
    """Parameters of a verb, also of one whose signature was made (``sensorai.cli.fields``)."""
    for name, parameter in inspect.signature(verb, eval_str=True).parameters.items():
        annotation = parameter.annotation
        assert get_origin(annotation) is Annotated, name  # noqa: S101
        kind, info = get_args(annotation)[:2]
        default = parameter.default
        text = " ".join((info.help or "").split())
        if type(info).__name__ == "ArgumentInfo":
            yield _Parameter(info.metavar or name.upper(), text, "")
            continue
        # inside Annotated the first name stands where the default would
        names = (info.default, *(info.param_decls or ()))
        declared = [d for d in names if isinstance(d, str) and d.startswith("-")]
        shown = ", ".join(declared) or "--" + name.rstrip("_").replace("_", "-")
        if kind is not bool and bool not in get_args(kind):
            shown += f" {info.metavar or _values(kind)}"
        if default is inspect.Parameter.empty:
            text += " *Required.*"
        elif default not in (None, False) and default != []:
            text += f" Default: {default.value if isinstance(default, Enum) else default}."
        yield _Parameter(shown, text, info.rich_help_panel or "")


def _values(kind: Any) -> str:
    """What stands after the option's name."""
    if isinstance(kind, types.UnionType):
        kind = next(k for k in get_args(kind) if k is not type(None))
    if get_origin(kind) is list:
        kind = get_args(kind)[0]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(member.value) for member in kind)
    return {"str": "TEXT", "int": "N", "float": "NUMBER", "Path": "PATH"}[kind.__name__]


def _paragraphs(text: str | None) -> list[str]:
    """A docstring as Markdown: indented lines are examples."""
    out = []
    for paragraph in inspect.cleandoc(text or "").split("\n\n"):
        example = paragraph.startswith("  ")
        out += ["    " + line.strip() if example else line for line in paragraph.splitlines()] + [""]
    return out[:-1]


if __name__ == "__main__":
    sys.stdout.write(markdown())
