"""``sensorai compare``: results side by side, or all that applies learnt from logs and put side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorai.cli import out as printing
from sensorai.cli.fields import LABELS, READING, takes
from sensorai.errors import ConfigError
from sensorai.experiment import options

if TYPE_CHECKING:
    from sensorai.comparison import Comparison
    from sensorai.contest import Contest, Failed

#: Columns of the names of figures, and of a result.
_NAMES, _LEAST = 26, 16
#: Results that have a column each; more have a row each.
_COLUMNS = 4
#: More groups than this are counted: --json names them.
_NAMED = 8
#: Options of an experiment that all rows share.
_SHARED = (
    *("split", "test_groups", "test", "test_share", "folds", "seed"),
    *("rate", "sensors", "window", "task", "normal", "normal_unseen", "jobs", "on"),
)


@takes(*LABELS, *READING, *_SHARED)
def run(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="LOG...|RESULT...",
            help="Logs to learn from, or folders of results (or their report.json).",
            show_default=False,
        ),
    ],
    given: dict[str, Any],
    targets: Annotated[
        str | None, typer.Option(help="Targets to learn for (default: all).", metavar="NAME,...")
    ] = None,
    models: Annotated[
        str | None, typer.Option(help="Families to learn (default: all that apply).", metavar="NAME,...")
    ] = None,
    device: Annotated[
        list[str] | None,
        typer.Option(
            help="Device to learn for (repeat; default: LSM6DSV16X, LSM6DSO16IS and STM32L476RG).",
            metavar="NAME",
        ),
    ] = None,
    imu: Annotated[
        str | None,
        typer.Option(
            help="Sensor beside a microcontroller, whose current counts (default: the first one with a "
            "machine learning core among the devices).",
            metavar="NAME",
        ),
    ] = None,
    power_mode: Annotated[
        str | None,
        typer.Option(
            help="Mode of the sensors, whose current counts: high-performance (default, as emitted files "
            "leave it), normal, low-power or ultra-low-power.",
            metavar="MODE",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Keep each result of logs in a folder below this one.", metavar="FOLDER"),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(help="Write a page with a picture of accuracy against current.", metavar="PAGE"),
    ] = None,
    json: printing.Json = False,
) -> None:
    """Show results side by side: what each is worth on held-out groups, what it takes, what it draws.

    Of logs, every family of models is learnt for every target, with the same groups in the same folds;
    --targets, --models and --device narrow it. Of results, it says whether they can be compared: figures on
    other people, logs or classes cannot. Currents are intervals from published figures (docs/power.md).

      sensorai compare har.csv --out results --html compare.html
      sensorai compare har.csv --models tree,mlp --device LSM6DSOX --device stm32u5
      sensorai compare har_mlc har_ispu
    """
    from sensorai.comparison import beside
    from sensorai.files import check_writable

    if html is not None:
        check_writable(html.parent)
    mode, sensor = _mode(power_mode), _sensor(imu)
    if not _are_logs(paths, bool(given)):
        _no_training(given, {"--targets": targets, "--models": models, "--device": device, "--out": out})
        found = beside(paths, **({"sensor": sensor} if sensor else {}), mode=mode)
        _finish(found, (), _setting(sensor, mode), html)
        if json:
            printing.print_json(_plain(found))
        elif len(found.rows) <= _COLUMNS:
            _print(found)
        else:
            _print_rows(found, [row["result"] for row in found.rows], _setting(sensor, mode), ())
        return
    contest = _held(paths, given, targets, models, device or (), sensor, mode, out)
    setting = _setting(contest.sensor, contest.mode)
    _finish(contest.comparison, contest.failed, setting, html)
    if json:
        failed = [
            {"target": one.entry.target, "device": one.entry.device, "model": one.entry.model, "why": one.why}
            for one in contest.failed
        ]
        more = {"imu": contest.sensor, "power_mode": contest.mode, "failed": failed}
        printing.print_json({**_plain(contest.comparison), **more})
    else:
        devices = [entry.device for entry in contest.entries]
        _print_rows(contest.comparison, devices, setting, contest.failed)
        if out is not None:
            typer.echo(f"{out}: {'  '.join(entry.name for entry in contest.entries)}")


def _held(
    paths: Sequence[Path],
    given: dict[str, Any],
    targets: str | None,
    models: str | None,
    devices: Sequence[str],
    sensor: str | None,
    mode: str,
    out: Path | None,
) -> Contest:
    from sensorai.contest import entries, hold
    from sensorai.experiment import Experiment

    base = Experiment(logs=tuple(map(str, paths)), **given)
    if base.task not in (known := options()["task"].choices or tuple)():
        raise ConfigError(f"there is no task {base.task!r}", hint=f"known: {', '.join(known())}")
    asked = entries(_names(targets), _names(models), devices, base.task)
    with printing.road() as tell:
        return hold(base, asked, out=out, sensor=sensor, mode=mode, progress=tell)


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def _are_logs(paths: Sequence[Path], told: bool) -> bool:
    """Whether they are logs; a ConfigError where logs and results are mixed."""
    from sensorai.comparison import TAKES
    from sensorai.kinds import Kind, look

    kinds = {path: look(path).kind for path in paths if path.exists()}
    results = [path for path, kind in kinds.items() if kind in TAKES]
    logs = [path for path, kind in kinds.items() if kind in (Kind.LOG, Kind.LOGS)]
    if results and logs:
        raise ConfigError(
            f"{logs[0]} is a log and {results[0]} a result: they do not go side by side",
            hint="compare logs, or results; 'sensorai compare LOG --out FOLDER' keeps its results to compare",
        )
    # what only its options make a log
    return bool(logs) or (told and not results)


def _no_training(given: dict[str, Any], more: dict[str, Any]) -> None:
    named = [options()[name].flag(name) for name in given] + [flag for flag, value in more.items() if value]
    if named:
        raise ConfigError(
            f"{', '.join(named)}: only where logs are learnt from", hint="these are results: drop it"
        )


def _mode(name: str | None) -> str:
    from sensorai.power.estimate import MODE, MODES
    from sensorai.targets import closest

    if name is not None and name not in MODES:
        raise ConfigError(f"there is no --power-mode {name!r}", hint=closest(name, MODES))
    return name or MODE


def _sensor(name: str | None) -> str | None:
    """Full name of a sensor."""
    from sensorai.ispu.devices import devices as others
    from sensorai.mlc.devices import devices
    from sensorai.targets import find

    if name is None:
        return None
    return find(name, [*(one.name for one in devices()), *(one.name for one in others())], "sensor")


def _setting(sensor: str | None, mode: str) -> str:
    """What the currents are of."""
    from sensorai.power.estimate import SENSOR

    return (
        f"Current: estimated from published figures (docs/power.md); sensors in {mode} mode, beside a "
        f"microcontroller {sensor or SENSOR}."
    )


def _plain(found: Comparison) -> dict[str, Any]:
    return {"comparable": not found.differ, "why_not": list(found.differ), "results": list(found.rows)}


def _finish(found: Comparison, failed: Sequence[Failed], setting: str, html: Path | None) -> None:
    """Write the page, where one is wanted."""
    from sensorai.files import write_text
    from sensorai.report.compared import page

    if html is None:
        return
    said = [_failure(one) for one in failed]
    write_text(html, page(found.rows, found.words, not found.differ, said, setting))


def _failure(one: Failed) -> str:
    return f"not learnt: {one.entry.model} on {one.entry.device} ({one.entry.target}): {one.why}"


# ---------------------------------------------------------------- results, a column each


def _print(found: Comparison) -> None:
    from rich.table import Table
    from rich.text import Text

    screen = printing.console()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("", max_width=_NAMES, overflow="fold")
    for row in found.rows:
        table.add_column(Text(row["result"]), min_width=_LEAST, overflow="fold")
    for name, cells in lines(found.rows):
        table.add_row(Text(name), *map(Text, cells))
    screen.print(table)
    screen.print(Text(found.words, style="bold red" if found.differ else ""), soft_wrap=True)


def lines(rows: Sequence[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """Figures of the results, a line for each; those that no result has are left out."""
    from sensorai.report import about, words
    from sensorai.report.compared import worst
    from sensorai.report.sections.alarms import per_time
    from sensorai.verify.alarms import duration

    def false(row: dict[str, Any]) -> str:
        if row["false_alarms_per_hour"] is None:
            return words.NOTHING
        rate = per_time(row["false_alarms_per_hour"])
        return f"{row['false_alarms']:,} in {duration(row['normal_hours'])}, {rate}"

    def caught(row: dict[str, Any]) -> str:
        if not row["anomalies"]:
            return words.NOTHING
        return about.part(row["anomalies_found"], row["anomalies"])

    def groups(names: list[str]) -> str:
        return f"{len(names)} groups" if len(names) > _NAMED else ", ".join(names) or words.NOTHING

    trained = all(row["by"] == "train" for row in rows)
    where = "held-out groups" if trained else "groups judged"
    out = [(key, [str(row[key]) for row in rows]) for key in ("target", "device", "task", "model")]
    out += [
        ("rate", [f"{row['rate_hz']:g} Hz" for row in rows]),
        ("window", [f"{row['window']} samples ({words.seconds(row['window_s'])})" for row in rows]),
        (where, [groups(row["groups"]) for row in rows]),
        ("windows judged", [f"{row['windows']:,}" for row in rows]),
        ("accuracy", [words.percent(row["accuracy"]) for row in rows]),
        ("balanced accuracy", [words.percent(row["balanced_accuracy"]) for row in rows]),
        ("macro F1", [words.percent(row["macro_f1"]) for row in rows]),
        ("worst group, %", [worst(row) for row in rows]),
    ]
    for name in dict.fromkeys(name for row in rows for name in row["recall"]):
        out.append((f"recall {name}", [words.percent(row["recall"].get(name)) for row in rows]))
    out += [
        ("median delay of events", [words.seconds(row["event_delay_s"]) for row in rows]),
        ("false alarms", list(map(false, rows))),
        ("anomalies found", list(map(caught, rows))),
        ("median time to the alarm", [words.seconds(row["delay_median_s"]) for row in rows]),
    ]
    takes = [{one["what"]: f"{one['value']} ({one['source']})" for one in row["memory"]} for row in rows]
    for name in dict.fromkeys(name for one in takes for name in one):
        out.append((name, [one.get(name, words.NOTHING) for one in takes]))
    out.append(("current, from published figures", [row["current"]["words"] for row in rows]))
    return [(name, cells) for name, cells in out if any(cell != words.NOTHING for cell in cells)]


# ---------------------------------------------------------------- a row each


def _print_rows(found: Comparison, under: Sequence[str], setting: str, failed: Sequence[Failed]) -> None:
    """Print a row for each result, with what stands under its name."""
    from rich.table import Table
    from rich.text import Text

    from sensorai.report import compared

    screen, rows = printing.console(), found.rows
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    shown = compared.columns(rows)
    table.add_column("", overflow="fold")
    for head, _ in shown:
        table.add_column(Text(head), justify="right", overflow="fold")
    for k, row in enumerate(rows):
        name = Text.assemble(f"{row['target']} {compared.family(row)}\n", (under[k], "dim"))
        table.add_row(name, *(Text(cells[k]) for _, cells in shown))
    screen.print(table)
    for line in compared.sources(rows):
        screen.print(Text(line, style="dim"))
    marks = ", ".join(f"{letter} {mark}" for mark, letter in compared.LETTERS.items())
    screen.print(Text(f"{setting} Marks: {marks}.", style="dim"))
    for one in failed:
        screen.print(Text(_failure(one), style="red"), soft_wrap=True)
    screen.print(Text(found.words, style="bold red" if found.differ else ""), soft_wrap=True)
