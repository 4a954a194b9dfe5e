"""Options that every verb reading logs shares, and reading with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensorai.errors import ConfigError

if TYPE_CHECKING:
    from sensorai.recording import Dataset

Logs = Annotated[
    list[Path], typer.Argument(help="Log files, or folders of them.", metavar="LOG...", show_default=False)
]
Label = Annotated[
    list[str],
    typer.Option("--label", metavar="NAME=GLOB", help="Class NAME for the logs that match GLOB (repeat)."),
]
LabelColumn = Annotated[
    str | None, typer.Option(help="Column that holds the class, where it is not called 'label'.")
]
GroupColumn = Annotated[
    str | None,
    typer.Option(help="Column that must not be split between training and test (default: group or subject)."),
]
GroupPath = Annotated[
    str | None,
    typer.Option(metavar="REGEX", help="Group of a log from its path: the first match group of REGEX."),
]
Column = Annotated[
    list[str],
    typer.Option(
        "--column", metavar="CHANNEL=COLUMN", help="Channel (acc_x ...) in a column of this name (repeat)."
    ),
]
Unit = Annotated[
    list[str],
    typer.Option(
        "--unit", metavar="SENSOR=UNIT", help="Unit of a sensor, a channel or 'time', as in acc=mg (repeat)."
    ),
]
LogRate = Annotated[
    float | None,
    typer.Option(metavar="HZ", help="Sample rate of the logs, where they do not say it (or wrongly)."),
]
ShortRows = Annotated[
    str,
    typer.Option(
        metavar="refuse|zero", help="Rows with too few cells: refuse, or read 0 as ST's old tools did."
    ),
]
LogSensor = Annotated[
    str | None, typer.Option(metavar="NAME", help="Sensor to read, where a log has several of them.")
]
Mapping = Annotated[
    Path | None,
    typer.Option(metavar="FILE.toml", help="What the columns of the logs mean (docs/formats.md)."),
]
Header = Annotated[str | None, typer.Option(metavar="LINE", help="Header line for logs that have none.")]


ClassCode = Annotated[
    list[str],
    typer.Option(
        "--class",
        metavar="CODE=NAME",
        help="Name of a result code that the register file does not name, as in 4=walking; 2:4=walking for "
        "tree 2 (repeat).",
    ),
]


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read logs, as given on the command line."""

    label: Sequence[str] = ()
    label_column: str | None = None
    group_column: str | None = None
    group_path: str | None = None
    column: Sequence[str] = ()
    unit: Sequence[str] = ()
    log_rate: float | None = None
    header: str | None = None
    short_rows: str = "refuse"
    sensor: str | None = None
    mapping: Path | None = None

    def dataset(
        self,
        logs: Sequence[Path],
        label_columns: Sequence[str] = (),
        *,
        split_at_breaks: bool = True,
        align: bool = False,
        align_hz: float | None = None,
        classes: Sequence[str] = (),
    ) -> Dataset:
        """Read the logs.

        ``split_at_breaks`` starts a new recording where time jumps; ``classes`` are those that a model
        knows, which decide between the names of files and folders.
        """
        from sensorai.formats import ReadOptions, read_dataset, read_mapping
        from sensorai.kinds import explained_logs

        if self.short_rows not in ("refuse", "zero"):
            raise ConfigError(f"--short-rows {self.short_rows!r} is neither refuse nor zero")
        options = ReadOptions(
            rate_hz=self.log_rate,
            units=pairs(self.unit, "--unit", "acc=mg"),
            columns=pairs(self.column, "--column", "acc_x=ax"),
            label=self.label_column,
            group=self.group_column,
            group_path=self.group_path,
            header=self.header,
            short_rows="zero" if self.short_rows == "zero" else "refuse",
            split_at_breaks=split_at_breaks,
            sensor=self.sensor,
            align=align,
            align_hz=align_hz,
            mapping=None if self.mapping is None else read_mapping(self.mapping),
        )
        labels = [split(text, "--label", "walking=walk*.csv") for text in self.label]
        with explained_logs(logs):
            return read_dataset(logs, options, labels=labels, label_columns=label_columns, classes=classes)


def split(text: str, option: str, example: str) -> tuple[str, str]:
    """``NAME=VALUE`` in two; a ConfigError that shows how it is written."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise ConfigError(f"{option} {text!r} is not NAME=VALUE", hint=f"as in {option} {example}")
    return name, value


def pairs(texts: Sequence[str], option: str, example: str) -> dict[str, str]:
    """``NAME=VALUE`` options as a mapping; giving a name twice is an error."""
    out: dict[str, str] = {}
    for text in texts:
        name, value = split(text, option, example)
        if name in out:
            raise ConfigError(f"{option} {name}=... is given twice")
        out[name] = value
    return out
