"""What ``train --task anomaly`` does: detectors and classifiers of known faults, in C or on the MLC."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sensorai.cli import out as printing

if TYPE_CHECKING:
    from collections.abc import Callable

    from sensorai.recording import Dataset
    from sensorai.train.cdeliver import ProjectDelivery, ProjectOptions
    from sensorai.train.deliver import Delivery
    from sensorai.train.options import MlcOptions


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for of a detector; ``false_alarms`` an hour."""

    kind: str
    one_class: bool
    normal: tuple[str, ...]
    unseen: tuple[str, ...]
    false_alarms: float | None
    learn: bool
    features: tuple[str, ...] = ()


def project(
    dataset: Dataset, options: ProjectOptions, wanted: Wanted, say: Callable[[str], None]
) -> tuple[ProjectDelivery, str]:
    """Learn for C; the delivery and its page."""
    from sensorai.cli.projects import page
    from sensorai.train import states, supervised
    from sensorai.train.anomaly import AnomalyOptions, train_anomaly
    from sensorai.train.cdeliver import with_report
    from sensorai.train.cproject import train_project

    if not wanted.one_class:
        names = (*supervised.check_faults(dataset, options.column, wanted.normal), *wanted.unseen)
        made = train_project(dataset, replace(options, model=wanted.kind), say)
        verdict = supervised.of_project(
            made.pipeline, made.recordings, made.traces, options.column, names, options.seed
        )
        made = with_report(made, supervised.with_alarms(made.report, verdict, names))
        return made, page(made)
    asked = AnomalyOptions(
        wanted.kind, wanted.normal, wanted.unseen, wanted.false_alarms, wanted.learn, wanted.features
    )
    made = train_anomaly(dataset, options, asked, say)
    from sensorai.report import Report
    from sensorai.report.view import of_scores

    threshold = made.report["threshold"]["value"]
    views = []
    for r, t in zip(made.recordings, made.traces, strict=True):
        log = states.scored(r, options.column, t.scores[:, 1].astype("int64"), t.end, made.pipeline.window)
        views.append(of_scores(log, t.decided, threshold))
    return made, Report.of(made.report).html(views)


def train_mlc(
    dataset: Dataset, options: MlcOptions, wanted: Wanted, folder: Path, json: bool, quiet: bool
) -> None:
    """Learn for the machine learning core, write, print."""
    from sensorai.files import write_folder
    from sensorai.train.deliver import stale_files

    with printing.progress() as say:
        made, page = (_box if wanted.one_class else _faults)(dataset, options, wanted, say)
        write_folder(folder, {**made.files, "report.html": page.encode()}, stale_files(folder, made.files))
    if json:
        printing.print_json(made.report)
        return
    if quiet:
        return
    from sensorai.report import Report

    printing.console().print(Report.of(made.report).text())
    name = made.report["name"]
    typer.echo(f"{folder}: {name}.json  {name}.ucf  {name}.h  report.html  and what they were made from")
    typer.echo(f"next: sensorai simulate {folder} LOG...   sensorai decode {folder / (name + '.json')}")


def _box(
    dataset: Dataset, options: MlcOptions, wanted: Wanted, say: Callable[[str], None]
) -> tuple[Delivery, str]:
    from sensorai.recording import LABEL
    from sensorai.report import Report
    from sensorai.report.view import of_scores
    from sensorai.train import mlcbox
    from sensorai.train.deliver import deliver, with_report

    made = mlcbox.train_box(dataset, options, LABEL, wanted.normal, wanted.unseen, wanted.false_alarms, say)
    say("emitting the registers and running them on held-out logs")
    delivery = deliver(made.trained, options.name, options.seed, mlcbox.index_of(made, LABEL))
    report = {**delivery.report, **mlcbox.report_of(made, delivery, LABEL, options.seed)}
    delivery = with_report(delivery, report)
    config = made.trained.config
    views = [
        of_scores(log, mlcbox.decisions(t.decided[:, 0], config), made.chosen.value)
        for log, t in zip(mlcbox.scored_logs(made, LABEL, delivery.recordings), delivery.traces, strict=True)
    ]
    return delivery, Report.of(delivery.report).html(views)


def _faults(
    dataset: Dataset, options: MlcOptions, wanted: Wanted, say: Callable[[str], None]
) -> tuple[Delivery, str]:
    from sensorai.recording import LABEL
    from sensorai.report import Report
    from sensorai.report.view import of_registers
    from sensorai.train import supervised
    from sensorai.train.deliver import deliver, with_report
    from sensorai.train.mlc import train_mlc as train

    names = (*supervised.check_faults(dataset, LABEL, wanted.normal), *wanted.unseen)
    trained = train(dataset, options, say)
    say("emitting the registers and running them on held-out logs")
    delivery = deliver(trained, options.name, options.seed)
    verdict = supervised.of_registers(
        trained.config, delivery.recordings, delivery.traces, LABEL, names, options.seed
    )
    delivery = with_report(delivery, supervised.with_alarms(delivery.report, verdict, names))
    views = [of_registers(r, t, (LABEL,)) for r, t in zip(delivery.recordings, delivery.traces, strict=True)]
    return delivery, Report.of(delivery.report).html(views)
