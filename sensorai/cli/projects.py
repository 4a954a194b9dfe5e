"""What ``train``, ``validate`` and ``simulate`` do with C projects for the ISPU and microcontrollers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sensorai.cli import out as printing
from sensorai.errors import ConfigError

if TYPE_CHECKING:
    from sensorai.cli.anomaly import Wanted
    from sensorai.recording import Dataset, Recording
    from sensorai.train.cdeliver import ProjectDelivery, ProjectOptions
    from sensorai.train.forests import ForestOptions
    from sensorai.train.nets import NetOptions
    from sensorai.verify.cproject import OpenedProject
    from sensorai.verify.sensor import SensorResult


@dataclass(frozen=True, slots=True)
class Described:
    """What a TOML file says of a model, with the options of the command line that win over it.

    ``sized``: whether it gives the size; else one is chosen.
    """

    model: str
    precision: str
    options: NetOptions | ForestOptions
    sized: bool


def described(path: Path, model: str | None, precision: str | None, seed: int | None) -> Described:
    """Read a model's description; a ConfigError says what is wrong in it."""
    from sensorai.train.forests import ForestOptions
    from sensorai.train.nets import NetOptions

    given: dict[str, Any] = {} if seed is None else {"seed": seed}
    if model in ("tree", "forest"):
        options, named = ForestOptions.from_toml(path)
        if "trees" not in named:
            given["trees"] = 1 if model == "tree" else 10
        options = replace(options, **given)
        if (options.trees == 1) != (model == "tree"):
            raise ConfigError(
                f"trees = {options.trees} is no {model}", where=str(path), hint="a tree is 1, a forest more"
            )
        return Described(model, "int8", options, bool(named & {"trees", "leaves", "depth"}))
    net = NetOptions.from_toml(path)
    if model is not None:
        given["family"] = model
    if precision is not None:
        given["precision"] = precision
    net = replace(net, **given)
    return Described(net.family, net.precision, net, bool(net.sizes))


def train(
    dataset: Dataset,
    options: ProjectOptions,
    folder: Path,
    json: bool,
    quiet: bool,
    wanted: Wanted | None = None,
) -> None:
    """Learn, emit, prove, write, print; ``wanted`` describes a detector of anomalies."""
    from sensorai.files import write_folder
    from sensorai.train.cproject import train_project
    from sensorai.train.deliver import stale_files

    with printing.progress() as say:
        if wanted is None:
            delivery = train_project(dataset, options, say)
            drawn = page(delivery)
        else:
            from sensorai.cli import anomaly

            delivery, drawn = anomaly.project(dataset, options, wanted, say)
        files = {**delivery.files, "report.html": drawn.encode()}
        write_folder(folder, files, stale_files(folder, delivery.files))
    if json:
        printing.print_json(delivery.report)
        return
    if quiet:
        return
    if "threshold" in delivery.report:
        from sensorai.report.anomaly_text import summary_anomaly as summary
    else:
        from sensorai.report.project_text import summary_project as summary
    printing.console().print(summary(delivery.report))
    name = options.name
    typer.echo(
        f"{folder}: {name}.h  {name}.c  {name}_data.c  Makefile  report.html  and the rest of the project"
    )
    more = f"   sensorai build {folder}" if options.target == "ispu" else ""
    typer.echo(f"next: sensorai validate {folder} LOG...{more}")


def page(delivery: ProjectDelivery) -> str:
    """HTML report of a classifier in C."""
    from sensorai.report.project_html import ProjectView, render_project

    views = [
        ProjectView(r, t, delivery.pipeline, delivery.column)
        for r, t in zip(delivery.recordings, delivery.traces, strict=True)
    ]
    return render_project(delivery.report, views)


def at_rate(dataset: Dataset, opened: OpenedProject, rate: str) -> tuple[list[Recording], list[str]]:
    """Bring recordings to the pipeline's rate as asked; notes of what was done."""
    from sensorai.formats.resample import to_rate

    out = [to_rate(r, opened.pipeline.rate_hz, how=rate, what="project") for r in dataset]
    added = [n for before, after in zip(dataset, out, strict=True) for n in after.notes[len(before.notes) :]]
    return out, list(dict.fromkeys(added))


def sensor_results(opened: OpenedProject, dataset: Dataset) -> list[SensorResult]:
    """What a sensor with this project said while the logs were recorded, against the reference."""
    from sensorai.verify.sensor import compare_sensor, ispu_core

    return compare_sensor(ispu_core(opened.pipeline), dataset.recordings) if opened.target == "ispu" else []


def validate(
    opened: OpenedProject,
    recordings: list[Recording],
    on: list[str],
    notes: list[str],
    json: bool,
    said: Sequence[SensorResult] = (),
) -> None:
    """Judge the project and compare its levels; a VerifyMismatch when two part."""
    import numpy as np

    from sensorai.errors import VerifyMismatch
    from sensorai.model import pipeline as pipelines
    from sensorai.verify import cproject
    from sensorai.verify.cjudge import judge, recording_counts
    from sensorai.verify.sensor import as_levels

    pipeline = opened.pipeline
    names = [r.name for r in recordings]
    samples = [recording_counts(r, pipeline) for r in recordings]
    traces = [pipelines.run(pipeline, x) for x in samples]
    report: dict[str, Any] = {
        "name": pipeline.name,
        "target": opened.target,
        "device": opened.device,
        "held_out": judge(pipeline, recordings, traces, opened.column),
        "classes": list(pipeline.classes),
        "levels": [],
        "cost": None,
        "notes": notes,
    }
    mismatch: object = None
    for level in on:
        core = None
        if level == "host":
            shown, results = (
                "this machine, with sanitizers",
                cproject.on_host(pipeline, opened.sources, samples),
            )
        else:
            core = core_of(opened)
            results, cost = cproject.emulated(pipeline, opened.sources, samples, core)
            shown = f"{core.name}, {cost.source}"
            report["cost"] = printing.plain(cost)
        compared, found = cproject.compare(pipeline, names, traces, results)
        report["levels"].append(
            {"level": shown, "windows": compared, "first_divergence": None if found is None else str(found)}
        )
        mismatch = mismatch or found
        if pipeline.learn is not None and core is not None and not core.unicorn:
            notes.append(f"learning was not run on {core.name}: the emulator that can lacks the core")
        elif pipeline.learn is not None:
            from sensorai.verify import learning

            compared, differs = learning.compare(pipeline, opened.sources, np.concatenate(samples), core)
            report["levels"].append(
                {"level": f"{shown}, learning", "windows": compared, "first_divergence": differs or None}
            )
            mismatch = mismatch or differs or None
    if opened.target == "ispu":
        from sensorai.ispu.project import read_index

        app = read_index(opened.folder)
        compared = cproject.on_virtual_ispu(pipeline, app, opened.files, names, samples)
        report["levels"].append({"level": "virtual ISPU", "windows": compared, "first_divergence": None})
        if pipeline.learn is not None:
            from sensorai.verify import ispu_learning

            compared, differs = ispu_learning.compare(pipeline, app, opened.files, np.concatenate(samples))
            report["levels"].append(
                {"level": "virtual ISPU, learning", "windows": compared, "first_divergence": differs or None}
            )
            mismatch = mismatch or differs or None
    for one in as_levels(said):
        where = None if one.divergence is None else str(one.divergence)
        report["levels"].append({"level": one.name, "windows": one.windows, "first_divergence": where})
        mismatch = mismatch or one.divergence
    if json:
        printing.print_json(report)
    else:
        _print(report)
    if mismatch is not None:
        raise VerifyMismatch(f"levels part: {mismatch}", where=str(opened.folder))


def core_of(opened: OpenedProject) -> Any:
    """Return the core to emulate: the device's, or the stand-in for the ISPU."""
    from sensorai.mcu.devices import device
    from sensorai.toolchain.cpu import cpu
    from sensorai.train.cdeliver import STAND_IN

    return device(opened.device).cpu if opened.target == "stm32" else cpu(STAND_IN)


def _print(report: dict[str, Any]) -> None:
    from sensorai.report.text import headline, judgement_table

    screen = printing.console()
    screen.print(f"{report['name']} for {report['device']} ({report['target']})", markup=False)
    classes = [{"name": name, "code": i} for i, name in enumerate(report["classes"])]
    screen.print(judgement_table(report["held_out"], classes, "answer", "decided"))
    for line in headline(report["held_out"], "answer", "decided"):
        screen.print(line, markup=False)
    for level in report["levels"]:
        verdict = level["first_divergence"] or f"equal in {level['windows']} windows"
        screen.print(f"integer reference against {level['level']}: {verdict}", markup=False)
    cost = report["cost"]
    if cost:
        screen.print(
            f"{cost['core']}: flash {cost['flash']} B, RAM {cost['ram']} B (compiled); "
            f"{cost['instructions_mean']:.0f} instructions a window, at most {cost['instructions_most']}, "
            f"stack {cost['stack']} B ({cost['source']})",
            markup=False,
        )
    for note in report["notes"]:
        screen.print(f"note: {note}", markup=False)


def simulate(
    opened: OpenedProject, recordings: list[Recording], notes: list[str], out: Path | None, json: bool
) -> None:
    """Run the C of the project on recordings and show what it decides."""
    from collections import Counter

    from sensorai.model.decision import NONE
    from sensorai.recording import NO_RESULT
    from sensorai.verify import cproject
    from sensorai.verify.cjudge import recording_counts

    pipeline = opened.pipeline
    samples = [recording_counts(r, pipeline) for r in recordings]
    results = cproject.on_host(pipeline, opened.sources, samples)

    def name(code: int) -> str:
        return NO_RESULT if code == NONE else pipeline.classes[code]

    if out is not None:
        _write_trace(opened, recordings, results, out, name)
    rows = [
        {
            "recording": r.name,
            "windows": len(got),
            "windows_by_decision": dict(Counter(name(int(d)) for d in got["decided"])),
            "changes": int(got["changed"].sum()),
        }
        for r, got in zip(recordings, results, strict=True)
    ]
    if json:
        printing.print_json(rows)
        return
    from rich.table import Table

    table = Table(box=None)
    for heading in ("recording", "windows", "changes", "decision: share of windows"):
        table.add_column(heading, justify="right" if heading in ("windows", "changes") else "left")
    for row in rows:
        total = max(int(str(row["windows"])), 1)
        counts = row["windows_by_decision"]
        assert isinstance(counts, dict)  # noqa: S101
        shares = ", ".join(f"{label} {n / total:.0%}" for label, n in counts.items())
        table.add_row(
            str(row["recording"]),
            str(row["windows"]),
            str(row["changes"]),
            shares or "no whole window",
        )
    screen = printing.console()
    screen.print(
        f"{pipeline.name}: the emitted C on this machine, window of {pipeline.window} samples at "
        f"{pipeline.rate_hz:g} Hz"
    )
    screen.print(table)
    for note in notes:
        screen.print(f"note: {note}", markup=False)
    if out is not None:
        typer.echo(f"trace: {out}")


def _write_trace(
    opened: OpenedProject, recordings: list[Recording], results: list[Any], out: Path, name: Any
) -> None:
    import pandas as pd

    from sensorai.files import write_table

    pipeline = opened.pipeline
    frames = []
    for r, got in zip(recordings, results, strict=True):
        end = got["window"].astype("int64") * pipeline.stride + pipeline.window
        columns: dict[str, Any] = {"recording": [r.name] * len(got), "time_s": end / pipeline.rate_hz}
        columns |= {f"score_{c}": got["score"][:, i] for i, c in enumerate(pipeline.classes)}
        columns["answer"] = [name(int(a)) for a in got["answer"]]
        columns["decided"] = [name(int(d)) for d in got["decided"]]
        frames.append(pd.DataFrame(columns))
    frame = pd.concat(frames, ignore_index=True)
    write_table(frame, out)
