"""Options of a verb that are fields of an experiment: made from the fields, so that none is said twice."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from sensorai.errors import ConfigError, ExperimentError, Problem
from sensorai.experiment import Experiment, options
from sensorai.experiment.option import SECTIONS, Option

Logs = Annotated[
    list[Path], typer.Argument(help="Log files, or folders of them.", metavar="LOG...", show_default=False)
]
#: What says how logs are read; labels and groups apart, since not every verb looks at them.
READING = ("column", "unit", "log_rate", "log_sensor", "mapping", "header", "short_rows")
LABELS = ("label", "label_column", "group_column", "group_path")

#: Types of flags by kind of option; others are texts that are read here.
_TYPES: dict[str, Any] = {
    "integer": int | None,
    "number": float | None,
    "flag": bool,
    "path": Path | None,
    "table": Path | None,
    "paths": list[Path],
    "names": list[str],
    "pairs": list[str],
    "scales": list[str],
    "globs": list[str],
}
_EMPTY: dict[str, Any] = {"flag": False, "paths": [], "names": [], "pairs": [], "scales": [], "globs": []}


#: See ``takes``.
Also = Callable[[Mapping[str, Any], Mapping[str, Any], Collection[str]], list[Problem]]


def takes(
    *names: str, panels: bool = False, also: Also = lambda *_: []
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a verb the options ``names``; it receives what was given of them as ``given``.

    Parameters
    ----------
    names : str
        Fields of an experiment.
    panels : bool
        Whether the help shows them in a panel for each section.
    also : callable of (values, given, unread)
        What else is wrong, where options cannot be read: the other values of the verb, what was given and
        can be read, and names of what cannot.
    """

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        made = [_parameter(name, panels) for name in names]

        @wraps(verb)
        def run(**values: Any) -> None:
            given, unread = parsed({name: values.pop(name) for name in names})
            if unread:
                problems = [p for some in unread.values() for p in some]
                raise ExperimentError(problems + also(values, given, unread))
            verb(**values, given=given)

        own = [
            p.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for p in inspect.signature(verb, eval_str=True).parameters.values()
            if p.name != "given"
        ]
        head = [p for p in own if _is_argument(p)]
        tail = [p for p in own if not _is_argument(p)]
        parameters = [*head, *made, *tail]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        return run

    return decorate


def _is_argument(parameter: inspect.Parameter) -> bool:
    info = parameter.annotation.__metadata__[0]
    return type(info).__name__ == "ArgumentInfo"


def _parameter(name: str, panels: bool) -> inspect.Parameter:
    told = options()[name]
    default = Experiment.__dataclass_fields__[name].default
    kind = _TYPES.get(told.kind, str | None)
    shown = told.help
    if default not in (None, "", ()) and default is not False:
        shown = f"{shown.rstrip('.')} (default: {default})."
    panel = SECTIONS[told.section] if panels and not told.first else None
    info = typer.Option(
        told.flag(name), metavar=_metavar(told), help=shown, show_default=False, rich_help_panel=panel
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=_EMPTY.get(told.kind),
        annotation=Annotated[kind, info],
    )


def _metavar(told: Option) -> str | None:
    if told.metavar:
        return told.metavar
    return "|".join(told.choices()) if told.choices is not None else None


# ---------------------------------------------------------------- reading what was given


def parsed(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, list[Problem]]]:
    """Only what was given, as an experiment takes it; and, by option, what of it cannot be read."""
    out, problems = {}, {}
    for name, value in values.items():
        told = options()[name]
        if value is None or value is False or value == []:
            continue
        made, wrong = [], []
        # what can be repeated is read one by one: each of them may be wrong
        for one in value if isinstance(value, list) else [value]:
            try:
                made.append(_read(told, told.flag(name), one))
            except ConfigError as error:
                wrong.append(Problem(error.message, error.where, error.hint))
        if wrong:
            problems[name] = wrong
        else:
            out[name] = tuple(made) if isinstance(value, list) else made[0]
    return out, problems


def _read(told: Option, flag: str, value: Any) -> Any:
    if told.kind == "auto":
        return None if value == "auto" else _whole(flag, value)
    if told.kind == "list":
        names = tuple(part.strip() for part in value.split(",") if part.strip())
        if not names:
            raise ConfigError(f"{flag} names none", hint=f"as in {flag} {told.metavar}")
        return names
    if told.kind in ("pairs", "globs"):
        return split(value, flag, told.example)
    if told.kind == "scales":
        return _scale(flag, *split(value, flag, told.example))
    if told.kind == "table":
        return table(value, flag)
    if told.kind in ("path", "paths"):
        return _there(value, flag)
    return value


def _there(path: Path, flag: str) -> str:
    """A path, of which no more is asked here than that something is there."""
    try:
        path.stat()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"cannot read {flag}: {why}", where=str(path)) from None
    return str(path)


def _whole(flag: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ConfigError(f"{flag} {text!r} is neither a number of samples nor 'auto'")
    return int(text)


def _scale(flag: str, sensor: str, text: str) -> tuple[str, float]:
    try:
        return sensor, float(text)
    except ValueError:
        raise ConfigError(f"{flag} {sensor}={text!r} is no number", hint=f"as in {flag} acc=4") from None


def table(path: Path, flag: str) -> dict[str, Any]:
    """Read a TOML table from a file; a ConfigError where it is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"cannot read {flag}: {error.strerror}", where=str(path)) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{flag}: this is no TOML: {error}", where=str(path)) from None


def split(text: str, option: str, example: str) -> tuple[str, str]:
    """``NAME=VALUE`` in two; a ConfigError that shows how it is written."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise ConfigError(f"{option} {text!r} is not NAME=VALUE", hint=f"as in {option} {example}")
    return name, value


def pairs(texts: Iterable[str], option: str, example: str) -> dict[str, str]:
    """``NAME=VALUE`` options as a mapping; giving a name twice is an error."""
    out: dict[str, str] = {}
    for text in texts:
        name, value = split(text, option, example)
        if name in out:
            raise ConfigError(f"{option} {name}=... is given twice")
        out[name] = value
    return out
