"""``sensorai train``: logs to verified register files in one go."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensorai.cli import logs as given
from sensorai.cli import out as printing

if TYPE_CHECKING:
    from sensorai.cli.anomaly import Wanted
    from sensorai.train.deliver import Delivery
    from sensorai.train.mlc import MlcOptions, Trained


class Target(StrEnum):
    """What the logs are turned into."""

    MLC = "mlc"
    ISPU = "ispu"
    STM32 = "stm32"


#: Device where none is given.
DEVICES = {Target.MLC: "LSM6DSV16X", Target.ISPU: "LSM6DSO16IS", Target.STM32: "cortex-m4"}


class Model(StrEnum):
    """Kind of model of a C project."""

    TREE = "tree"
    FOREST = "forest"
    MLP = "mlp"
    CNN = "cnn"
    MAHALANOBIS = "mahalanobis"
    GMM = "gmm"
    PROTOTYPES = "prototypes"
    ISOLATION_FOREST = "isolation-forest"
    AUTOENCODER = "autoencoder"
    BOX = "box"

    @property
    def one_class(self) -> bool:
        """Whether it learns from the normal state alone."""
        return self not in (Model.TREE, Model.FOREST, Model.MLP, Model.CNN)


class Task(StrEnum):
    """What the logs are learnt for."""

    CLASSIFY = "classify"
    ANOMALY = "anomaly"


class Learn(StrEnum):
    """Where a detector learns."""

    DESK = "desk"
    ON_DEVICE = "on-device"


class Precision(StrEnum):
    """Arithmetic of a net."""

    INT8 = "int8"
    BINARY = "binary"
    FLOAT32 = "float32"


class Split(StrEnum):
    """What is kept apart for the test."""

    GROUP = "group"
    TIME = "time"


def run(
    logs: given.Logs,
    target: Annotated[
        Target,
        typer.Option(
            help="mlc: registers for a sensor's machine learning core; ispu: C for a sensor's programmable "
            "core; stm32: C for a Cortex-M."
        ),
    ],
    device: Annotated[
        str | None,
        typer.Option(
            help="Device, or a unique prefix of it (default: LSM6DSV16X for mlc, LSM6DSO16IS for ispu, "
            "cortex-m4 for stm32)."
        ),
    ] = None,
    task: Annotated[
        Task,
        typer.Option(help="classify: tell classes apart; anomaly: an alarm where it is not normal any more."),
    ] = Task.CLASSIFY,
    model: Annotated[
        Model | None,
        typer.Option(
            help="Model: tree, forest, mlp (default) or cnn in C, a tree on the MLC; for --task anomaly a "
            "detector that learns from normal logs: gmm (default), mahalanobis, prototypes, "
            "isolation-forest or autoencoder in C, box on the MLC; or a classifier where faults are labelled."
        ),
    ] = None,
    normal: Annotated[
        list[str],
        typer.Option(metavar="NAME", help="Label of the normal state, for --task anomaly (repeat)."),
    ] = [],  # noqa: B006
    normal_unseen: Annotated[
        list[str],
        typer.Option(
            metavar="NAME", help="Normal label that only the test has: it must not raise alarms (repeat)."
        ),
    ] = [],  # noqa: B006
    false_alarms: Annotated[
        str | None,
        typer.Option(
            metavar="N/day|N/hour",
            help="Most false alarms that the threshold may let through, by normal logs held out for it "
            "(default: the threshold is the highest score in them).",
        ),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...",
            help="Features of a detector in C by name (docs/features.md), of every axis or the norm, as in "
            "STD,KURTOSIS,ENVELOPE_DOMINANT_BIN (default: chosen).",
        ),
    ] = None,
    learn: Annotated[
        Learn,
        typer.Option(help="on-device: the detector can learn its normal state again there (mahalanobis)."),
    ] = Learn.DESK,
    precision: Annotated[Precision | None, typer.Option(help="Arithmetic of a net (default: int8).")] = None,
    stride: Annotated[
        int | None, typer.Option(metavar="N", help="Samples from one window to the next (C projects).")
    ] = None,
    wins: Annotated[
        int | None,
        typer.Option(metavar="N", help="Decision filter of a C project: answers a class must be ahead."),
    ] = None,
    net: Annotated[
        Path | None,
        typer.Option(
            metavar="NET.toml",
            help="Size and schedule of a net, or of a tree or forest (C projects); without a size one is "
            "chosen that fits the device.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Output folder (default: NAME).")] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the emitted files (default: that of the first log).")
    ] = None,
    window: Annotated[
        str, typer.Option(metavar="N|auto", help="Samples per window, or a search over lengths.")
    ] = "auto",
    rate: Annotated[
        float | None, typer.Option(metavar="HZ", help="Rate of the core (default: nearest to the logs).")
    ] = None,
    sensors: Annotated[
        str | None,
        typer.Option(metavar="acc|gyro|acc,gyro", help="Sensors to use (default: what is worth it)."),
    ] = None,
    max_nodes: Annotated[
        int | None, typer.Option(metavar="N", help="Tree nodes, all trees together.")
    ] = None,
    max_features: Annotated[int, typer.Option(metavar="N", help="Features at most.")] = 12,
    tree: Annotated[
        list[str],
        typer.Option(
            "--tree", metavar="NAME=COLUMN", help="A tree for each of several label columns (repeat)."
        ),
    ] = [],  # noqa: B006
    end_counters: Annotated[
        str,
        typer.Option(
            metavar="auto|off|N|N,N,...",
            help="End counters of the meta-classifier, for all result groups or each.",
        ),
    ] = "auto",
    use_code_0: Annotated[
        bool, typer.Option("--use-code-0", help="Let a class have code 0, which also means 'no result yet'.")
    ] = False,
    split: Annotated[
        Split,
        typer.Option(help="Keep whole groups for the test, or the parts of each log in time (says less)."),
    ] = Split.GROUP,
    test_share: Annotated[float, typer.Option(metavar="SHARE", help="Share kept for the test.")] = 0.25,
    no_resample: Annotated[
        bool, typer.Option("--no-resample", help="Refuse logs at a rate that the device does not have.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Seed of every random choice (default: 0).")
    ] = None,
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
    quiet: printing.Quiet = False,
) -> None:
    """Turn logs into something that runs on the chip, and prove on held-out logs that it behaves.

    Splits by group, chooses window, features and model, emits registers or C, runs the emitted thing
    on recordings that training never saw, and writes everything into one folder.
    """
    from sensorai.errors import ConfigError
    from sensorai.train.mlc import MlcOptions, train_mlc
    from sensorai.writing.clang import nearest

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
    trees = tuple(given.split(text, "--tree", "posture=posture") for text in tree)
    called = nearest(_stem(logs)) if name is None else name
    if nearest(called) != called:
        raise ConfigError(
            f"--name {called!r} is no C name, and files and identifiers are called after it",
            hint=f"as in --name {nearest(called).strip('_') or 'har'}",
        )
    folder = out or Path(called)
    _check_folder(folder)
    if window != "auto" and not (window.isascii() and window.isdigit()):
        raise ConfigError(f"--window {window!r} is neither a number of samples nor 'auto'")
    wanted = _anomaly(target, task, model, normal, normal_unseen, false_alarms, learn, features)
    if target is not Target.MLC:
        for given_, option in (
            (tree, "--tree"),
            (max_nodes is not None, "--max-nodes"),
            (use_code_0, "--use-code-0"),
            (end_counters != "auto", "--end-counters"),
            (no_resample, "--no-resample"),
            (max_features != 12, "--max-features"),
        ):
            if given_:
                raise ConfigError(f"{option} is for --target mlc", hint="see sensorai train --help")
        from sensorai.cli import projects
        from sensorai.train.cdeliver import ProjectOptions
        from sensorai.writing.clang import free_identifier, identifier

        called = free_identifier(called) if name is None else identifier(called, "--name")
        folder = out or Path(called)
        _check_folder(folder)
        if wanted is not None and wanted.one_class and (precision is not None or net is not None):
            raise ConfigError(
                f"{'--net' if net else '--precision'} is for classifiers", hint="see sensorai train --help"
            )
        if precision is not None and model in (Model.TREE, Model.FOREST):
            raise ConfigError("--precision is for nets", hint="a tree or forest compares whole numbers")
        described = None
        if net is not None:
            described = projects.described(net, model and model.value, precision and precision.value, seed)
        projects.train(
            reading.dataset(logs),
            ProjectOptions(
                target=target.value,
                device=DEVICES[target] if device is None else device,
                name=called,
                model=(model or Model.MLP).value if described is None else described.model,
                precision=(precision or Precision.INT8).value if described is None else described.precision,
                window=None if window == "auto" else int(window),
                stride=stride,
                rate_hz=rate,
                sensors=() if sensors is None else tuple(s.strip() for s in sensors.split(",")),
                wins=wins,
                test_share=test_share,
                split=split.value,
                seed=(seed or 0) if described is None else described.options.seed,
                described=None if described is None else described.options,
                sized=described is not None and described.sized,
            ),
            folder,
            json,
            quiet,
            wanted,
        )
        return
    for given_, option in (
        (model not in (None, Model.TREE, Model.BOX), "--model"),
        (precision is not None, "--precision"),
        (stride is not None, "--stride"),
        (wins is not None, "--wins"),
        (net is not None, "--net"),
    ):
        if given_:
            raise ConfigError(
                f"{option} is for --target ispu and stm32: the machine learning core runs decision trees",
                hint="see sensorai train --help",
            )
    options = MlcOptions(
        device=DEVICES[target] if device is None else device,
        name=called,
        trees=trees or (("tree1", "label"),),
        window=None if window == "auto" else int(window),
        rate_hz=rate,
        sensors=None if sensors is None else tuple(s.strip() for s in sensors.split(",")),
        max_nodes=max_nodes,
        max_features=max_features,
        end_counters=_end_counters(end_counters),
        use_code_0=use_code_0,
        test_share=test_share,
        split=split.value,
        seed=seed or 0,
        resample=not no_resample,
    )
    if wanted is not None:
        from sensorai.cli import anomaly

        if trees:
            raise ConfigError("--tree is for --task classify", hint="a detector has one tree")
        anomaly.train_mlc(reading.dataset(logs), options, wanted, folder, json, quiet)
        return
    with printing.progress() as say:
        dataset = reading.dataset(logs, [c for _, c in trees if c != "label"])
        trained = train_mlc(dataset, options, say)
        say("emitting the registers and running them on held-out logs")
        delivery = _write(trained, options, folder)
    _print(delivery, folder, json, quiet)


def _anomaly(
    target: Target,
    task: Task,
    model: Model | None,
    normal: list[str],
    unseen: list[str],
    false_alarms: str | None,
    learn: Learn,
    features: str | None,
) -> Wanted | None:
    """What is asked for of a detector; None for ``--task classify``."""
    from sensorai.cli.anomaly import Wanted
    from sensorai.errors import ConfigError

    if task is Task.CLASSIFY:
        for given_, option in (
            (normal, "--normal"),
            (unseen, "--normal-unseen"),
            (false_alarms, "--false-alarms"),
            (learn is Learn.ON_DEVICE, "--learn on-device"),
            (features, "--features"),
            (model is not None and model.one_class, f"--model {model}"),
        ):
            if given_:
                raise ConfigError(f"{option} is for --task anomaly", hint="add --task anomaly")
        return None
    on_device = learn is Learn.ON_DEVICE
    if features is not None and not features.strip(" ,"):
        raise ConfigError("--features names none", hint="as in --features STD,KURTOSIS")
    kind = model or (Model.BOX if target is Target.MLC else Model.MAHALANOBIS if on_device else Model.GMM)
    if kind.one_class and (kind is Model.BOX) != (target is Target.MLC):
        raise ConfigError(
            f"--model {kind} does not run on {target}",
            hint="the machine learning core runs trees: box, or tree for known faults"
            if target is Target.MLC
            else "box is for --target mlc; in C: mahalanobis, gmm, prototypes, isolation-forest, autoencoder",
        )
    if on_device and kind is not Model.MAHALANOBIS:
        raise ConfigError(
            f"--learn on-device is for --model mahalanobis in C, not for {kind}",
            hint="drop --learn, or give --target ispu|stm32 and --model mahalanobis",
        )
    if false_alarms is not None and not kind.one_class:
        raise ConfigError(
            "--false-alarms sets the threshold of a detector; a classifier has none",
            hint="drop it: the report says how often the classifier alarms without a reason; or take "
            "--model " + ("box" if target is Target.MLC else "gmm"),
        )
    if features is not None and (not kind.one_class or kind is Model.BOX):
        raise ConfigError(
            f"--features is for detectors in C, not for {kind}", hint="drop it: features are chosen"
        )
    names = tuple(n.strip().upper() for n in (features or "").split(",") if n.strip())
    from sensorai.verify.alarms import parse_target

    rate = None if false_alarms is None else parse_target(false_alarms)
    return Wanted(kind.value, kind.one_class, tuple(normal), tuple(unseen), rate, on_device, names)


def _write(trained: Trained, options: MlcOptions, folder: Path) -> Delivery:
    from sensorai.files import write_folder
    from sensorai.report.html import render
    from sensorai.report.view import View
    from sensorai.train.deliver import deliver, stale_files

    delivery = deliver(trained, options.name, options.seed)
    columns = tuple(task.column for task in trained.tasks)
    views = [View(r, t, columns) for r, t in zip(delivery.recordings, delivery.traces, strict=True)]
    page = render(delivery.report, views, trained.config).encode()
    write_folder(folder, {**delivery.files, "report.html": page}, stale_files(folder, delivery.files))
    return delivery


def _print(delivery: Delivery, folder: Path, json: bool, quiet: bool) -> None:
    from sensorai.report.text import summary

    if json:
        printing.print_json(delivery.report)
        return
    if quiet:
        return
    printing.console().print(summary(delivery.report))
    name = delivery.report["name"]
    # not by Rich: it would break long paths and take brackets in them for markup
    typer.echo(f"{folder}: {name}.json  {name}.ucf  {name}.h  report.html  and what they were made from")
    typer.echo(f"next: sensorai simulate {folder} LOG...   sensorai decode {folder / (name + '.json')}")


def _stem(logs: list[Path]) -> str:
    """Name of the log, or of the folder that holds them all."""
    from os.path import commonpath

    from sensorai.formats.read import stem

    if len(logs) == 1 and not logs[0].is_dir():
        return stem(logs[0]) or "model"
    common = Path(commonpath([path.resolve() for path in logs]))
    return (common if common.is_dir() else common.parent).name or "model"


def _end_counters(text: str) -> str | tuple[int, ...]:
    from sensorai.errors import ConfigError

    if text in ("auto", "off"):
        return text
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise ConfigError(
            f"--end-counters {text!r} is neither auto, off, nor numbers", hint="as in 2 or 0,2,2,4"
        )
    return tuple(int(part) for part in parts)


def _check_folder(folder: Path) -> None:
    """Refuse an output folder that holds something else than an earlier result of ours."""
    from sensorai.errors import ConfigError
    from sensorai.files import check_writable

    if folder.is_file():
        raise ConfigError(f"{folder} is a file, not a folder", hint="choose another --out")
    check_writable(folder)
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "model.sai").is_file():
        raise ConfigError(
            f"the folder {folder} is not empty and not a result of sensorai; nothing was written",
            where=str(folder),
            hint="choose another --out, or empty it",
        )
