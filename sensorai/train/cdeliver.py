"""What every road to C shares: the device's rate, the C that is run and counted, the files of a project."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sensorai import __version__
from sensorai.codegen.project import Project, emit_project
from sensorai.errors import ConfigError, TargetError, VerifyMismatch
from sensorai.formats.resample import resampled, same_rate, to_rate
from sensorai.ispu import devices as ispu_devices
from sensorai.ispu.emit import emit_ispu
from sensorai.ispu.standin import SOURCE, stand_in
from sensorai.mcu import devices as mcu_devices
from sensorai.model import pipeline as pipelines
from sensorai.model.detector import Detector
from sensorai.model.graph import Graph
from sensorai.model.pipeline import Pipeline, PipelineTrace
from sensorai.recording import Dataset, Recording
from sensorai.toolchain.compilers import available
from sensorai.toolchain.cpu import Cpu, cpu
from sensorai.train import room
from sensorai.train.askrate import no_rate
from sensorai.verify import cproject
from sensorai.verify.cjudge import recording_counts

if TYPE_CHECKING:
    from sensorai.train.forests import ForestOptions
    from sensorai.train.nets import NetOptions

#: Version of ``model.sai`` and ``report.json`` of C projects.
VERSION = 1
#: The core that stands in for the ISPU where a size or a count is wanted: no ISPU compiler is open.
STAND_IN = "cortex-m0plus"
#: Source of the stack where nothing was run.
STACK = "compiled: the frames that the compiler states, added up"


@dataclass(frozen=True, slots=True)
class ProjectOptions:
    """What the user may decide; None means: chosen from the data.

    ``target`` is ``ispu`` or ``stm32``, ``model`` one of ``MODELS``, ``precision`` of nets ``int8``,
    ``binary`` or ``float32``, ``wins`` the decision filter. ``described`` holds the options of the model
    where a file gives them, and ``sized`` says whether their size is to be taken as it is.
    """

    target: str
    device: str
    name: str
    model: str = "mlp"
    precision: str = "int8"
    column: str = "label"
    window: int | None = None
    stride: int | None = None
    rate_hz: float | None = None
    sensors: tuple[str, ...] = ()
    wins: int | None = None
    test_share: float = 0.25
    split: str = "group"
    seed: int = 0
    described: NetOptions | ForestOptions | None = None
    sized: bool = False


@dataclass(frozen=True, slots=True)
class ProjectDelivery:
    """The result: files, report, and what the C did on the held-out recordings.

    Attributes
    ----------
    files : mapping of name to bytes
    report : mapping
        What ``report.json`` says.
    pipeline : Pipeline
    column : str
        Label column.
    recordings, traces
        Held-out recordings at the pipeline's rate, and the reference on them.
    """

    files: Mapping[str, bytes]
    report: Mapping[str, Any]
    pipeline: Pipeline
    column: str
    recordings: tuple[Recording, ...]
    traces: tuple[PipelineTrace, ...]


# ---------------------------------------------------------------- device


def device(
    dataset: Dataset, options: ProjectOptions, notes: list[str]
) -> tuple[Cpu, float, dict[str, float] | None]:
    """Core to build for, sample rate, and full scales where the device limits them."""
    known = [r.rate_hz for r in dataset if r.rate_hz]
    if options.rate_hz is None and not known:
        raise no_rate(dataset, options.target, options.device)
    wanted = options.rate_hz or float(np.median(known))
    if options.target == "stm32":
        return mcu_devices.device(options.device).cpu, round(wanted, 3), None
    part = ispu_devices.device(options.device)
    rates = [hz for hz in part.rates if hz]
    if options.rate_hz is not None and options.rate_hz not in rates:
        raise ConfigError(
            f"{part.name} has no rate of {options.rate_hz:g} Hz",
            hint="its rates are " + ", ".join(f"{hz:g}" for hz in rates) + " Hz",
        )
    rate = min(rates, key=lambda hz: (abs(np.log(hz / wanted)), hz))
    return cpu(STAND_IN), rate, None


def at_rate(dataset: Dataset, rate: float, notes: list[str]) -> Dataset:
    """Resample logs whose rate is not the device's, said aloud."""
    changed = [r.rate_hz for r in dataset if r.rate_hz is not None and not same_rate(r.rate_hz, rate)]
    if changed:
        notes.append(resampled(changed, rate))
    return Dataset(tuple(to_rate(r, rate, what="model") for r in dataset))


# ---------------------------------------------------------------- proof


@dataclass(frozen=True, slots=True, eq=False)
class Proved:
    """A pipeline as C that was run, with what it costs.

    Attributes
    ----------
    files : dict of name to bytes
        The project, without report and index.
    traces : tuple of PipelineTrace
        The integer reference on the held-out recordings.
    report : dict
        ``layers``, ``levels``, ``cost`` and ``stand_in`` of ``report.json``.
    stack : str
        Source of instructions and stack.
    """

    files: dict[str, bytes]
    traces: tuple[PipelineTrace, ...]
    report: dict[str, Any]
    stack: str


def prove(
    pipeline: Pipeline,
    options: ProjectOptions,
    held: Sequence[Recording],
    core: Cpu,
    say: Callable[[str], None],
) -> Proved:
    """Emit the C of a pipeline, run it on recordings wherever the tools allow, and count its cost.

    Raises
    ------
    TargetError
        The device has no room for it.
    VerifyMismatch
        The C and the integer reference part.
    """
    needed = room.need(pipeline, options.target, options.device)
    if needed.problems:
        raise TargetError(needed.problems)
    say("emitting C and running it on held-out logs")
    project = emit_project(pipeline)
    samples = [recording_counts(r, pipeline) for r in held]
    traces = tuple(pipelines.run(pipeline, x) for x in samples)
    levels, cost = _run(pipeline, project, held, samples, traces, core, say)
    files = {name: text.encode() for name, text in project.files.items()}
    per_layer = None
    if isinstance(cost, cproject.Cost) and isinstance(pipeline.model, Graph | Detector):
        per_layer = cproject.layer_instructions(
            pipeline, project.sources(), len(project.layers), max(samples, key=len), core
        )
    sizes = None
    if options.target == "ispu":
        files, sizes = _on_ispu(pipeline, options, held, samples, levels)
    stack = cost.source if isinstance(cost, cproject.Cost) else STACK
    report = _costs(options, project, levels, cost, sizes, per_layer)
    if pipeline.learn is not None:
        emulator = core if isinstance(cost, cproject.Cost) and core.unicorn else None
        report["learning_cost"] = _learning(
            pipeline, project, files, options, np.concatenate(samples), emulator, report["levels"]
        )
    return Proved(files, traces, report, stack)


def _learning(
    pipeline: Pipeline,
    project: Project,
    files: Mapping[str, bytes],
    options: ProjectOptions,
    samples: npt.NDArray[np.int16],
    emulator: Cpu | None,
    levels: list[dict[str, Any]],
) -> dict[str, Any] | None:
    """Learn, freeze, save and restore at every level that there is; return what that costs."""
    from sensorai.verify import learning

    def add(level: str, windows: int, differs: str) -> None:
        if differs:
            raise VerifyMismatch(f"learning on {level} and the reference part: {differs}")
        levels.append({"level": f"{level}, learning", "windows": windows, "first_divergence": None})

    cost = None
    if available("gcc"):
        add("this machine, with sanitizers", *learning.compare(pipeline, project.sources(), samples, None))
    if emulator is not None:
        windows, differs, ran = learning.measured(pipeline, project.sources(), samples, emulator)
        add(f"{emulator.name}, emulated", windows, differs)
        cost = None if ran is None else asdict(ran)
    if options.target == "ispu" and available("gcc"):
        from sensorai.verify import ispu_learning

        app = emit_ispu(pipeline, ispu_devices.device(options.device))[0]
        add("virtual ISPU", *ispu_learning.compare(pipeline, app, files, samples))
    return cost


def _on_ispu(
    pipeline: Pipeline,
    options: ProjectOptions,
    held: Sequence[Recording],
    samples: Sequence[npt.NDArray[np.int16]],
    levels: list[dict[str, Any]],
) -> tuple[dict[str, bytes], dict[str, Any] | None]:
    """Files of the ISPU project, checked on the virtual core, and the sizes of its stand-in."""
    app, texts = emit_ispu(pipeline, ispu_devices.device(options.device))
    files = {name: text.encode() for name, text in texts.items()}
    if available("gcc"):
        compared = cproject.on_virtual_ispu(pipeline, app, files, [r.name for r in held], samples)
        levels.append(
            {
                "level": "virtual ISPU (its first sample wakes the core and is part of no window)",
                "windows": compared,
                "first_divergence": None,
            }
        )
    if not available("arm-none-eabi-gcc"):
        return files, None
    built = stand_in(app, texts)
    return files, {
        "source": SOURCE,
        "code_bytes": built.code_bytes,
        "code_limit": app.device.code.size,
        "data_bytes": built.data_bytes,
        "data_limit": app.device.data.size,
        "stack_bytes": built.stack_bytes,
    }


def _run(
    pipeline: Pipeline,
    project: Project,
    held: Sequence[Recording],
    samples: Sequence[npt.NDArray[np.int16]],
    traces: Sequence[PipelineTrace],
    core: Cpu,
    say: Callable[[str], None],
) -> tuple[list[dict[str, Any]], cproject.Cost | cproject.Sizes | None]:
    """Run the C where tools allow; a VerifyMismatch at the first difference.

    The cost is that of the emulated run, or what the compiler alone says.
    """
    names = [r.name for r in held]
    levels: list[dict[str, Any]] = []

    def add(level: str, results: Sequence[npt.NDArray[np.void]]) -> None:
        compared, found = cproject.compare(pipeline, names, traces, results)
        if found is not None:
            raise VerifyMismatch(f"the C on {level} and the integer reference part: {found}")
        levels.append({"level": level, "windows": compared, "first_divergence": None})

    if available("gcc"):
        add("this machine, with sanitizers", cproject.on_host(pipeline, project.sources(), samples))
    else:
        levels.append({"level": "this machine", "missing": "gcc is not installed: apt install gcc"})
    compiler = available("arm-none-eabi-gcc")
    runner, install = (
        (_has_unicorn(), "pip install 'sensorai[emulator]'")
        if core.unicorn
        else (available("qemu-system-arm"), "apt install qemu-system-arm")
    )
    if runner and compiler:
        say(f"running {core.name} code in {'the emulator' if core.unicorn else 'QEMU'}")
        results, ran = cproject.emulated(pipeline, project.sources(), samples, core)
        add(f"{core.name}, {ran.source}", results)
        return levels, ran
    tools = {"apt install gcc-arm-none-eabi libnewlib-arm-none-eabi": compiler, install: runner}
    missing = "; ".join(line for line, there in tools.items() if not there)
    levels.append({"level": core.name, "missing": f"not run: {missing}"})
    return levels, cproject.sizes(pipeline, project.sources(), core) if compiler else None


def _has_unicorn() -> bool:
    from importlib.util import find_spec

    return find_spec("unicorn") is not None


def common(pipeline: Pipeline, options: ProjectOptions, proved: Proved) -> dict[str, Any]:
    """Entries that every report of a C project has; ``settings`` without model and precision."""
    channels = [c.name for c in pipeline.channels]
    return {
        "format": "sensorai-report",
        "version": VERSION,
        "sensorai": __version__,
        "name": pipeline.name,
        "target": options.target,
        "device": options.device,
        "sources": {
            "flash, ram": "compiled",
            "instructions, stack": proved.stack,
            "cycles": "an estimate from kinds of instructions",
        },
        "settings": {
            "rate_hz": pipeline.rate_hz,
            "window": pipeline.window,
            "window_s": pipeline.window / pipeline.rate_hz,
            "stride": pipeline.stride,
            "channels": [{"name": c.name, "unit": c.unit, "lsb": c.lsb} for c in pipeline.channels],
            "features": [f.label(channels) for f in pipeline.features],
            "wins": pipeline.wins,
            "seed": options.seed,
        },
        "classes": list(pipeline.classes),
        **proved.report,
    }


def finish(
    proved: Proved,
    report: Mapping[str, Any],
    pipeline: Pipeline,
    options: ProjectOptions,
    column: str,
    groups: tuple[Sequence[str], Sequence[str]],
    held: Sequence[Recording],
    more: Mapping[str, Any] | None = None,
) -> ProjectDelivery:
    """Add ``report.json`` and the index ``model.sai``; ``groups`` are those of the test and of training."""
    files = dict(proved.files)
    test_groups, train_groups = groups
    if report["cost"] is not None:
        text = files["README.md"].decode()
        stack = report["sources"]["instructions, stack"]
        files["README.md"] = _with_sizes(text, options.name, report["cost"], stack).encode()
    files["report.json"] = to_json(report)
    model = {
        "format": "sensorai-model",
        "version": VERSION,
        "target": options.target,
        "name": options.name,
        "device": options.device,
        "column": column,
        "test_groups": list(test_groups),
        "train_groups": list(train_groups),
        "files": sorted([*files, "model.sai", "report.html"]),
        "pipeline": pipelines.to_dict(pipeline),
        **(more or {}),
    }
    files["model.sai"] = to_json(model)
    return ProjectDelivery(files, report, pipeline, column, tuple(held), proved.traces)


def _costs(
    options: ProjectOptions,
    project: Project,
    levels: Sequence[Mapping[str, Any]],
    cost: cproject.Cost | cproject.Sizes | None,
    sizes: Mapping[str, Any] | None,
    per_layer: Sequence[int] | None,
) -> dict[str, Any]:
    """Layers, levels that ran, and cost of a project, as the report says them."""
    return {
        "layers": [
            {
                "name": layer.name,
                "macs": layer.macs,
                "weight_bytes": layer.weight_bytes,
                "activation_bytes": layer.activation_bytes,
                "instructions": None if per_layer is None else per_layer[i],
            }
            for i, layer in enumerate(project.layers)
        ],
        "levels": [dict(level) for level in levels],
        "cost": None if cost is None else _cost(options, cost),
        "stand_in": sizes,
    }


def _cost(options: ProjectOptions, cost: cproject.Cost | cproject.Sizes) -> dict[str, Any]:
    """Cost by name; None for what only a run tells."""
    run = cost if isinstance(cost, cproject.Cost) else None
    cycles = None if run is None else run.cycles
    part = mcu_devices.device(options.device) if options.target == "stm32" else None
    return {
        "core": cost.core + ("" if part else " (stand-in: not measured on the ISPU)"),
        "flash": cost.flash,
        "ram": cost.ram,
        "stack": cost.stack,
        "instructions_mean": None if run is None else run.instructions_mean,
        "instructions_most": None if run is None else run.instructions_most,
        "instructions_sample": None if run is None else run.instructions_sample,
        "cycles": cycles,
        "seconds": None if part is None or cycles is None else part.seconds(cycles),
        "joules": None if part is None or cycles is None else part.joules(cycles),
    }


def _with_sizes(readme: str, name: str, cost: Mapping[str, Any], stack: str) -> str:
    """Add what the project takes to its README; source and core are said."""
    return (
        f"{readme.rstrip()}\n\n## Memory\n\nOf the library alone, built for {cost['core']} at -O2:\n\n"
        "| | bytes | |\n|---|---:|---|\n"
        f"| flash: code and tables | {cost['flash']:,} | compiled |\n"
        f"| RAM: `{name}_t` and variables | {cost['ram']:,} | compiled |\n"
        f"| stack of `{name}_push` | {cost['stack']:,} | {stack} |\n"
    )


def with_report(delivery: ProjectDelivery, report: Mapping[str, Any]) -> ProjectDelivery:
    """Return the delivery with another report, in ``report.json`` too."""
    files = {**delivery.files, "report.json": to_json(report)}
    return replace(delivery, files=files, report=report)


def to_json(value: object) -> bytes:
    """Return values as JSON text."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
