"""``sensorai search``: the best model that fits a budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorai.cli import out as printing
from sensorai.cli.fields import takes
from sensorai.cli.train import FIRST, REST, asked

if TYPE_CHECKING:
    from sensorai.tuning import Found

_BUDGET = "Budget"


@takes(*FIRST, *REST, panels=True)
def run(
    logs: Annotated[
        list[Path],
        typer.Argument(
            help="Log files or folders of them; or one sensorai.toml, whose values are fixed.",
            metavar="LOG...",
            show_default=False,
        ),
    ],
    given: dict[str, Any],
    flash: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Most bytes of code and tables, as in 8k (8,192); on the ISPU of the whole program.",
            rich_help_panel=_BUDGET,
        ),
    ] = None,
    ram: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Most bytes of RAM, stack included.", rich_help_panel=_BUDGET),
    ] = None,
    instructions: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="Most instructions of a window, as in 50k (50,000), counted in the emulator.",
            rich_help_panel=_BUDGET,
        ),
    ] = None,
    current: Annotated[
        str | None,
        typer.Option(
            metavar="CURRENT",
            help="Most current on average, sensor and core, as in 100uA, by the most that published figures "
            "leave open (docs/power.md).",
            rich_help_panel=_BUDGET,
        ),
    ] = None,
    metric: Annotated[
        str,
        typer.Option(
            metavar="accuracy|macro-f1",
            help="What is made as good as possible, of windows before the decision filter.",
            rich_help_panel=_BUDGET,
        ),
    ] = "accuracy",
    trials: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Models that are looked at, those of earlier calls with this --out included (default: 40, "
            "unless --minutes says it).",
            show_default=False,
            rich_help_panel="Search",
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            metavar="M",
            help="Time of this call: half of it to look at models, the rest to make the front in full.",
            show_default=False,
            rich_help_panel="Search",
        ),
    ] = None,
    finalists: Annotated[
        int,
        typer.Option(
            metavar="N", help="Points of the front that are made in full.", rich_help_panel="Search"
        ),
    ] = 5,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the search (default: NAME_TARGET_search); with an earlier one it goes on.",
            metavar="FOLDER",
        ),
    ] = None,
    json: printing.PanelJson = False,
    quiet: printing.PanelQuiet = False,
) -> None:
    """Search families, windows, features, sizes and precision for the best model within a budget.

    What options say is fixed; everything else is searched. The front is made as train makes it, a full result
    for each point; the recommended one is the smallest within one standard error of the best.

      sensorai search har.csv --target stm32 --flash 8k --ram 2k --instructions 50k --out har_search
      sensorai search har.csv --target mlc --device LSM6DSOX --max-nodes 64 --minutes 10
    """
    from sensorai.run import name_of
    from sensorai.tuning import Budget, search
    from sensorai.tuning.budget import read, read_current

    experiment, _ = asked(logs, given)
    sizes = {"flash": flash, "ram": ram, "instructions": instructions}
    told = {name: read(name, text) for name, text in sizes.items() if text is not None}
    budget = Budget(**told, current=None if current is None else read_current(current))
    folder = out or Path(f"{name_of(experiment)}_{experiment.target or 'any'}_search")
    with printing.road() as tell:
        found = search(
            experiment,
            budget,
            out=folder,
            trials=trials,
            minutes=minutes,
            metric=metric,
            finalists=finalists,
            progress=tell,
        )
    if json:
        printing.print_json(found.figures)
    elif not quiet:
        _print(found)


def _print(found: Found) -> None:
    from rich.table import Table
    from rich.text import Text

    from sensorai.report.words import percent

    figures = found.figures
    axes = figures["axes"]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("trial", justify="right")
    table.add_column("model", overflow="fold")
    for heading in ("accuracy", "macro F1", "\N{PLUS-MINUS SIGN}"):
        table.add_column(heading, justify="right", no_wrap=True)
    for axis in axes:
        table.add_column(_heading(axis), justify="right", no_wrap=True)
    for point in found.points:
        cells = [
            str(point["trial"]),
            point["model"],
            percent(point["accuracy"]),
            percent(point["macro_f1"]),
            f"{100 * point['standard_error']:.1f}",
            *(f"{point['costs'][axis['name']]:,}" for axis in axes),
        ]
        table.add_row(*map(Text, cells), style="bold" if point["recommended"] else "")
    screen = printing.console()
    screen.print(table)
    states = figures["states"]
    told = [f"{figures['trials']} models looked at", f"{states['judged']} judged to the end"]
    told += [f"{states[key]} {words}" for key, words in _STATES if states[key]]
    screen.print(Text("; ".join(told)))
    screen.print(Text("\N{PLUS-MINUS SIGN}: one standard error over the folds, in points"), style="dim")
    for line in ("recommended: " + figures["recommended"]["why"][0], *figures["recommended"]["why"][1:]):
        screen.print(Text(line), soft_wrap=False)
    typer.echo(f"{found.recommended}: as train makes it")
    typer.echo(f"{found.folder / 'search.html'}")


_STATES = (
    ("hopeless", "left as hopeless"),
    ("over", "outside the budget or the device"),
    ("refused", "not possible with these logs"),
)


def _heading(axis: dict[str, str]) -> str:
    """Short words for a column."""
    return {
        "flash": "flash",
        "ram": "RAM",
        "instructions": "instructions",
        "nodes": "nodes",
        "current": "\N{MICRO SIGN}A",
    }.get(axis["name"], axis["words"])
