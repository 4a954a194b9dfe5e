"""``sensorai train``: from an experiment to a folder with everything."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from sensorai.cli import out as printing
from sensorai.cli.fields import takes
from sensorai.errors import ConfigError, Problem, Refused, UserError
from sensorai.experiment import Experiment, check, checked, options, toml

#: Options in the order of the help: those that matter first, then section by section.
FIRST = tuple(name for name, told in options().items() if told.first)
REST = tuple(name for name, told in options().items() if not told.first and name != "logs")


def _also(values: Mapping[str, Any], given: Mapping[str, Any], unread: Collection[str]) -> list[Problem]:
    """What is wrong with the rest of an experiment of which some options cannot be read."""
    try:
        experiment, _ = asked(values["logs"], dict(given))
    except Refused as error:
        return list(error.problems)
    except UserError as error:
        return [Problem(error.message, error.where, error.hint)]
    return check(experiment, unread)


@takes(*FIRST, *REST, panels=True, also=_also)
def run(
    logs: Annotated[
        list[Path],
        typer.Argument(
            help="Log files or folders of them; or one sensorai.toml, whose experiment is done again.",
            metavar="LOG...",
            show_default=False,
        ),
    ],
    given: dict[str, Any],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Output folder (default: NAME_TARGET; of a sensorai.toml among results: their folder).",
            metavar="FOLDER",
        ),
    ] = None,
    json: printing.PanelJson = False,
    quiet: printing.PanelQuiet = False,
) -> None:
    """Turn logs into something that runs on the chip, and prove that it behaves.

    Everything but --target has a default; what was chosen, and why, is in the report.

      sensorai train har.csv --target mlc
      sensorai train har.csv --target stm32 --device stm32l4 --model forest
      sensorai train machine.csv --task anomaly --normal running --target ispu
      sensorai train har_mlc/sensorai.toml     # the same again
    """
    from sensorai.result import check_folder
    from sensorai.run import name_of, run

    experiment, place = asked(logs, given)
    # before the name of the folder, which needs a part of it
    checked(experiment)
    folder = out or place or Path(f"{name_of(experiment)}_{experiment.target}")
    check_folder(folder)
    with printing.road() as tell:
        result = run(experiment, progress=tell)
        replaced = result.replaces(folder)
        result.save(folder)
    notes = [f"replaced {replaced}"] if replaced and not quiet else []
    if json:
        printing.print_json(result.report.figures)
        printing.say_notes(notes)
        return
    if quiet:
        return
    printing.console().print(result.report)
    # not by Rich: it would break long paths and take brackets in them for markup
    names = sorted(result.files, key=lambda name: (not name.startswith(result.artifact.name), name))
    shown = "  ".join(["report.html", *names[:3]])
    typer.echo(f"{folder}: {shown}  and {len(names) - 2} more")
    printing.say_notes(notes)
    typer.echo(f"next: sensorai validate {folder} LOG...   sensorai simulate {folder} LOG...")


def asked(logs: list[Path], given: dict[str, Any]) -> tuple[Experiment, Path | None]:
    """The experiment of flags or of a file, which flags change; and the folder of results it came from."""
    files = [path for path in logs if path.suffix.lower() == ".toml"]
    if not files:
        return Experiment(logs=tuple(map(str, logs)), **given), None
    if len(logs) > 1:
        raise ConfigError(
            "an experiment names its logs itself: logs and a .toml file do not go together",
            where=str(files[0]),
            hint="a mapping of columns is given with --mapping, a net with --net",
        )
    experiment = toml.read(files[0]).with_(**given)
    folder = files[0].parent
    return experiment, folder if (folder / "model.sai").is_file() else None
