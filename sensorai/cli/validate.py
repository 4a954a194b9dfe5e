"""``sensorai validate``: accuracy per window and event, and all levels compared bit by bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorai.cli import logs as given
from sensorai.cli import out as printing
from sensorai.cli.simulate import Artifact as ArtifactPath
from sensorai.cli.simulate import (
    AsIs,
    Device,
    NoResample,
    Style,
    open_any,
    rate_policy,
    refuse_for_projects,
)
from sensorai.errors import ConfigError, DataError

if TYPE_CHECKING:
    from sensorai.mlc.artifact import Artifact
    from sensorai.recording import Dataset
    from sensorai.verify.cproject import OpenedProject


class On(StrEnum):
    """Where C runs."""

    HOST = "host"
    EMULATOR = "emulator"


def run(
    artifact: ArtifactPath,
    logs: given.Logs,
    all_groups: Annotated[
        bool, typer.Option("--all", help="Use the groups that the model was trained on as well.")
    ] = False,
    map_: Annotated[
        list[str],
        typer.Option(
            "--map",
            metavar="LABEL=CLASS",
            help="A label of the logs that the model calls CLASS; - if it is not to be judged (repeat).",
        ),
    ] = [],  # noqa: B006
    class_: given.ClassCode = [],  # noqa: B006
    on: Annotated[
        list[On] | None,
        typer.Option(
            "--on", help="Where to run the C of a project (repeat; default: host). For ISPU and STM32."
        ),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write an HTML report with plots.")] = None,
    device: Device = None,
    style: Style = "current",
    as_is: AsIs = False,
    no_resample: NoResample = False,
    label: given.Label = [],  # noqa: B006
    label_column: given.LabelColumn = None,
    group_column: given.GroupColumn = None,
    group_path: given.GroupPath = None,
    column: given.Column = [],  # noqa: B006
    unit: given.Unit = [],  # noqa: B006
    log_rate: given.LogRate = None,
    log_sensor: given.LogSensor = None,
    mapping: given.Mapping = None,
    header: given.Header = None,
    short_rows: given.ShortRows = "refuse",
    json: printing.Json = False,
) -> None:
    """Judge a register file on labelled recordings, and compare all its levels bit by bit.

    Windows right, delay to the first right result, wrong switches an hour, before and after the
    meta-classifier. Logs of 'monitor --record' hold what the sensor said: that is compared with the
    simulator. Exit code 3 when two levels part; the first divergence is named.
    """
    from sensorai.mlc.artifact import Artifact
    from sensorai.mlc.classnames import with_names, with_numbers

    rate = rate_policy(as_is, no_resample)
    names = given.pairs(map_, "--map", "walk=walking")
    reading = given.Reading(
        label,
        label_column,
        group_column,
        group_path,
        column,
        unit,
        log_rate,
        header,
        short_rows,
        log_sensor,
        mapping,
    )
    opened = open_any("validate", artifact, logs, device)
    if isinstance(opened, Artifact):
        if on:
            raise ConfigError("--on is for C projects: register files are simulated", hint="drop --on")
        opened = with_numbers(with_names(opened, given.pairs(class_, "--class", "4=walking")))
        if device is not None:
            printing.say_notes(opened.decoded.notes)
        _registers(opened, artifact, logs, reading, names, rate, style, all_groups, html, json)
        return
    refuse_for_projects(
        artifact,
        {
            "--html": html is not None,
            "--device": device is not None,
            "--style": style != "current",
            "--class": bool(class_),
        },
    )
    dataset = _states(artifact, reading.dataset(logs, classes=opened.pipeline.classes), names)
    _project(opened, dataset, rate, all_groups, on, json)


def _registers(
    opened: Artifact,
    artifact: Path,
    logs: Sequence[Path],
    reading: given.Reading,
    names: dict[str, str],
    rate: str,
    style: str,
    all_groups: bool,
    html: Path | None,
    json: bool,
) -> None:
    """Validate a register file."""
    from sensorai.errors import VerifyMismatch
    from sensorai.files import write_text
    from sensorai.notes import of_recordings
    from sensorai.verify.mlc import compare_levels, judge_all, run_all
    from sensorai.verify.report import validation_report
    from sensorai.verify.sensor import as_levels, compare_sensor, mlc_core

    with printing.progress() as say:
        detects = bool(_said_states(artifact))
        columns = [] if detects else [c for c in opened.columns if c != "label"]
        known = [] if detects else [name for dt in opened.config.trees for name in dt.labels.values()]
        dataset = _states(artifact, reading.dataset(logs, columns, classes=known), names)
        dataset, notes = _choose(dataset, opened, all_groups)
        core = mlc_core(opened.config, style)
        dataset, alike = _settled(dataset, opened, optional=core.carried_by(dataset.recordings))
        notes += alike
        say("simulating")
        runs = run_all(opened.config, dataset, style=style, rate=rate)
        judgements = judge_all(runs, opened.columns)
        say("comparing levels")
        levels = compare_levels(opened, runs, style=style)
        sensor = compare_sensor(core, dataset.recordings)
        levels += as_levels(sensor)
        notes += [str(one) for one in sensor]
    notes += of_recordings(r.recording for r in runs)
    report = validation_report(opened, runs, judgements, levels, notes)
    if html is not None:
        from sensorai.report.html import render
        from sensorai.report.view import View

        views = [View(r.recording, r.trace, opened.columns) for r in runs]
        write_text(html, render(report, views, opened.config))
    if json:
        printing.print_json(report)
    else:
        _print(report)
        if html is not None:
            typer.echo(f"report: {html}")
    if report["match"]["first_divergence"] is not None:
        raise VerifyMismatch(f"levels part: {report['match']['first_divergence']}", where=str(artifact))


def _said_states(artifact: Path) -> dict[str, Any]:
    """What a detector's index says of normal states; empty for anything else."""
    from sensorai.files import read_json

    index = artifact / "model.sai"
    said = read_json(index).get("states") if index.is_file() else None
    return said if isinstance(said, dict) else {}


def _states(artifact: Path, dataset: Dataset, names: dict[str, str]) -> Dataset:
    """Rename labels, and give logs the label column that a detector is judged by: normal, or anomaly."""
    from sensorai.train.states import with_states
    from sensorai.verify.answers import renamed

    dataset = renamed(dataset, names)
    said = _said_states(artifact)
    if not said:
        return dataset
    try:
        column, normal = str(said["column"]), [str(n) for n in said["normal"]]
    except (KeyError, TypeError):
        raise DataError(
            "model.sai does not say which labels are normal", where=str(artifact), hint="train again"
        ) from None
    return with_states(dataset, column, normal)


def _project(
    opened: OpenedProject, dataset: Dataset, rate: str, all_groups: bool, on: list[On] | None, json: bool
) -> None:
    """Validate a C project."""
    from sensorai.cli import projects
    from sensorai.notes import of_recordings
    from sensorai.verify.answers import check_labels, spelled

    classes = opened.pipeline.classes
    dataset, notes = _choose(dataset, opened, all_groups)
    dataset, alike = spelled(dataset, {opened.column: classes})
    check_labels(dataset, opened.column, classes, "the model", f"classes: {', '.join(classes)}")
    recordings, _ = projects.at_rate(dataset, opened, rate)
    said = projects.sensor_results(opened, dataset)
    notes += [*alike, *of_recordings(recordings), *map(str, said)]
    projects.validate(opened, recordings, [o.value for o in on or [On.HOST]], notes, json, said)


def _choose(
    dataset: Dataset, opened: Artifact | OpenedProject, all_groups: bool
) -> tuple[Dataset, list[str]]:
    """Leave out the recordings that the model was trained on, and say so."""
    learnt = [r for r in dataset if r.group in opened.train_groups]
    if not learnt:
        return dataset, []
    count = f"{len(learnt)} of {len(dataset)} recordings are of groups that the model was trained on"
    if all_groups:
        return dataset, [f"{count}: the figures are too good"]
    rest = tuple(r for r in dataset if r.group not in opened.train_groups)
    if not rest:
        return dataset, [f"{count}: the figures are too good"]
    return replace(dataset, recordings=rest), [f"{count} and are left out (--all takes them)"]


def _settled(dataset: Dataset, opened: Artifact, *, optional: bool = False) -> tuple[Dataset, list[str]]:
    """Bring labels and classes together, and say how; ``optional``: no label at all is well."""
    from sensorai.mlc.classnames import shown_codes
    from sensorai.verify.answers import check_labels, spelled

    trees = opened.config.trees
    known: dict[str, list[str]] = {}
    for dt, column in zip(trees, opened.columns, strict=True):
        known.setdefault(column, []).extend(dt.labels.values())
    dataset, notes = spelled(dataset, known)
    for t, (dt, column) in enumerate(zip(trees, opened.columns, strict=True), 1):
        if not dataset.label_set(column) and not optional:
            raise DataError(
                f"the logs have no labels in column {column!r}, which tree {t} answers",
                hint="give them with --label NAME=GLOB, or look at results with 'sensorai simulate'",
            )
        unnamed = next((code for code, name in dt.labels.items() if name == str(code)), None)
        place = f"{t}:" if len(trees) > 1 else ""
        hint = f"its codes are {shown_codes(dt)}"
        if unnamed is not None:
            hint += f": name them with --class CODE=NAME, as in --class {place}{unnamed}=NAME"
        check_labels(dataset, column, list(dt.labels.values()), f"tree {t}", hint)
    return dataset, notes


def _print(report: dict[str, Any]) -> None:
    from sensorai.report.text import headline, judgement_table

    screen = printing.console()
    settings = report["settings"]
    screen.print(
        f"{report['name']} for {report['device']}: window of {settings['window']} samples at "
        f"{settings['rate_hz']:g} Hz",
        markup=False,
    )
    for tree in report["trees"]:
        if len(report["trees"]) > 1:
            screen.print(f"\n{tree['name']} ({tree['column']})", style="bold", markup=False)
        screen.print(judgement_table(tree["held_out"], tree["classes"]))
        for line in headline(tree["held_out"]):
            screen.print(line, markup=False)
    for level in report["levels"]:
        verdict = level["first_divergence"] or f"equal in {level['windows']} windows"
        screen.print(f"registers against {level['level']}: {verdict}", markup=False)
    for note in report["notes"]:
        screen.print(f"note: {note}", markup=False)
