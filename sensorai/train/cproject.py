"""From logs to a C project for the ISPU or a microcontroller: learn, emit, run the C, report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sensorai import __version__
from sensorai.codegen.project import Project, emit_project
from sensorai.errors import ConfigError, TargetError, VerifyMismatch
from sensorai.features.catalogue import IntFeature
from sensorai.formats.resample import resampled, same_rate, to_rate
from sensorai.ispu import devices as ispu_devices
from sensorai.ispu.emit import emit_ispu
from sensorai.ispu.standin import SOURCE, stand_in
from sensorai.mcu import devices as mcu_devices
from sensorai.model import pipeline as pipelines
from sensorai.model.decision import NONE, decide
from sensorai.model.ensemble import Ensemble
from sensorai.model.graph import Graph
from sensorai.model.pipeline import Pipeline, PipelineTrace
from sensorai.model.scaling import Scaling
from sensorai.recording import Dataset, Recording
from sensorai.toolchain.compilers import available
from sensorai.toolchain.cpu import Cpu, cpu
from sensorai.train import counts as counting
from sensorai.train import room
from sensorai.train.counts import Counted, CountOptions, Split
from sensorai.train.forests import ForestOptions, choose_forest, train_forest
from sensorai.train.options import check_split
from sensorai.train.sizes import Choice, Need
from sensorai.verify import cproject
from sensorai.verify.cjudge import judge, recording_counts

if TYPE_CHECKING:
    from sensorai.train.nets import NetOptions

#: Version of ``model.sai`` and ``report.json`` of C projects.
VERSION = 1
#: The core that stands in for the ISPU where a size or a count is wanted: no ISPU compiler is open.
STAND_IN = "cortex-m0plus"
#: Decision filters that are tried, and the share of right windows one may cost.
WINS = range(5)
PRICE = 0.005
#: Source of the stack where nothing was run.
STACK = "compiled: the frames that the compiler states, added up"
MODELS = ("tree", "forest", "mlp", "cnn")


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


@dataclass(slots=True)
class _Learnt:
    """A model with what belongs to it."""

    model: Ensemble | Graph
    features: tuple[IntFeature, ...]
    scaling: Scaling | None
    accuracy: Mapping[str, float]
    float_accuracy: Mapping[str, float]
    choice: Choice
    again: NetOptions | ForestOptions
    curve: list[dict[str, object]] = field(default_factory=list)
    fit: dict[str, str] | None = None
    notes: list[str] = field(default_factory=list)


def train_project(
    dataset: Dataset, options: ProjectOptions, say: Callable[[str], None] = lambda _: None
) -> ProjectDelivery:
    """Learn a model on counts, emit its C, run the C on held-out recordings, report.

    Raises
    ------
    ConfigError, DataError, ToolMissing
        Options that contradict the device or the data, or JAX missing for nets.
    VerifyMismatch
        The C and the integer reference part.
    """
    if options.model not in MODELS:
        raise ConfigError(f"unknown model {options.model!r}", hint="one of: " + ", ".join(MODELS))
    check_split(options.seed, options.test_share)
    notes: list[str] = []
    core, rate, full_scales = _device(dataset, options, notes)
    dataset = _at_rate(dataset, rate, notes)
    if options.split == "time":
        from sensorai.train.table import split_in_time

        dataset = split_in_time(dataset)
        notes.append("split in time: training and test come from the same sessions, so scores are optimistic")
    counted = counting.build(
        dataset,
        CountOptions(options.sensors, rate, options.window, options.stride, full_scales, options.column),
    )
    split = counting.split(counted, options.test_share, options.seed)
    learnt = _learn(counted, split, options, say)
    say("learning once more on windows split at random, for comparison")
    random = counting.random_split(counted, split, options.seed)
    same = replace(options, described=learnt.again, sized=True)
    optimistic = _learn(counted, random, same, lambda _: None).accuracy["test"]
    pipeline = _pipeline(counted, options, learnt.model, learnt.features, learnt.scaling)
    pipeline = replace(pipeline, wins=_wins(pipeline, counted, split, options))
    needed = room.need(pipeline, options.target, options.device)
    if needed.problems:
        raise TargetError(needed.problems)
    say("emitting C and running it on held-out logs")
    project = emit_project(pipeline)
    held = [r for r in dataset if r.group in split.test_groups] or list(dataset)
    samples = [recording_counts(r, pipeline) for r in held]
    traces = [pipelines.run(pipeline, x) for x in samples]
    levels, cost = _prove(pipeline, project, held, samples, traces, core, say)
    files = {name: text.encode() for name, text in project.files.items()}
    per_layer = None
    if isinstance(cost, cproject.Cost) and isinstance(pipeline.model, Graph):
        longest = max(samples, key=len)
        per_layer = cproject.layer_instructions(
            pipeline, project.sources(), len(project.layers), longest, core
        )
    sizes = None
    if options.target == "ispu":
        files, sizes = _on_ispu(pipeline, options, held, samples, levels)
    report = _report(
        options,
        pipeline,
        counted,
        split,
        learnt,
        optimistic,
        held,
        traces,
        levels,
        cost,
        sizes,
        per_layer,
        project,
        notes,
    )
    if report["cost"] is not None:
        text = files["README.md"].decode()
        stack = report["sources"]["instructions, stack"]
        files["README.md"] = _with_sizes(text, options.name, report["cost"], stack).encode()
    files["report.json"] = _json(report)
    model = {
        "format": "sensorai-model",
        "version": VERSION,
        "target": options.target,
        "name": options.name,
        "device": options.device,
        "column": options.column,
        "test_groups": list(split.test_groups),
        "train_groups": [g for g in dataset.groups() if g not in split.test_groups],
        "files": sorted([*files, "model.sai", "report.html"]),
        "pipeline": pipelines.to_dict(pipeline),
    }
    files["model.sai"] = _json(model)
    return ProjectDelivery(files, report, pipeline, options.column, tuple(held), tuple(traces))


# ---------------------------------------------------------------- device


def _device(
    dataset: Dataset, options: ProjectOptions, notes: list[str]
) -> tuple[Cpu, float, dict[str, float] | None]:
    """Core to build for, sample rate, and full scales where the device limits them."""
    known = [r.rate_hz for r in dataset if r.rate_hz]
    if options.rate_hz is None and not known:
        raise ConfigError(
            "the logs do not say their rate",
            where=dataset.recordings[0].source,
            hint="give the rate of the logs with --log-rate HZ",
        )
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


def _at_rate(dataset: Dataset, rate: float, notes: list[str]) -> Dataset:
    """Resample logs whose rate is not the device's, said aloud."""
    changed = [r.rate_hz for r in dataset if r.rate_hz is not None and not same_rate(r.rate_hz, rate)]
    if changed:
        notes.append(resampled(changed, rate))
    return Dataset(tuple(to_rate(r, rate, what="model") for r in dataset))


# ---------------------------------------------------------------- learning


def _pipeline(
    counted: Counted,
    options: ProjectOptions,
    model: Ensemble | Graph,
    features: tuple[IntFeature, ...],
    scaling: Scaling | None,
) -> Pipeline:
    return Pipeline(
        options.name,
        counted.channels,
        counted.rate_hz,
        counted.window,
        counted.stride,
        (),
        features,
        scaling,
        model,
        counted.classes,
    )


def _learn(counted: Counted, split: Split, options: ProjectOptions, say: Callable[[str], None]) -> _Learnt:
    """Learn the model; a size that is not given is chosen by what the device has room for."""

    def needs(
        model: Ensemble | Graph, features: tuple[IntFeature, ...], scaling: Scaling | None = None
    ) -> Need:
        # the decision filter is chosen later: count with one
        wins = max(WINS) if options.wins is None else options.wins
        pipeline = replace(_pipeline(counted, options, model, features, scaling), wins=wins)
        return room.need(pipeline, options.target, options.device)

    given = options.described
    if options.model in ("tree", "forest"):
        forest = ForestOptions(trees=1 if options.model == "tree" else 10, seed=options.seed)
        if isinstance(given, ForestOptions):
            forest = given
        if options.sized:
            made = train_forest(counted, split, forest, say)
        else:
            made = choose_forest(counted, split, forest, needs, say)
        return _Learnt(
            made.ensemble, made.features, None, made.accuracy, made.float_accuracy, made.choice, made.options
        )
    from sensorai.train.nets import NetOptions, train_net

    net = NetOptions(family=options.model, precision=options.precision, seed=options.seed)
    if isinstance(given, NetOptions):
        net = given
    got = train_net(counted, split, net, say, needs)
    curve = [
        {
            "stage": e.stage,
            "train_loss": e.train_loss,
            "train_accuracy": e.train_accuracy,
            "validation_loss": e.validation_loss,
            "validation_accuracy": e.validation_accuracy,
        }
        for e in got.curve
    ]
    return _Learnt(
        got.graph,
        got.features,
        got.scaling,
        got.accuracy,
        got.float_accuracy,
        got.choice,
        replace(net, sizes=got.sizes),
        curve,
        {"fit": got.verdict.fit, "why": got.verdict.why},
        list(got.notes),
    )


def _wins(pipeline: Pipeline, counted: Counted, split: Split, options: ProjectOptions) -> int:
    """Decision filter: the given one, or the steadiest on validation windows that costs next to nothing."""
    if options.wins is not None:
        return options.wins
    rows = counted.rows(split.validation)
    if not len(rows.y):
        return 0
    _, inputs = pipelines.model_inputs(pipeline, rows.x)
    answers = np.argmax(pipelines.scores(pipeline, inputs), axis=1)
    table = []
    for wins in WINS:
        right = switches = 0
        for r in np.unique(rows.recording):
            here = rows.recording == r
            decided = decide(answers[here], wins, len(counted.classes))
            right += int((decided == rows.y[here]).sum())
            changed = np.diff(decided, prepend=NONE) != 0
            switches += int((changed & (decided != rows.y[here]) & (decided != NONE)).sum())
        table.append((right / len(rows.y), switches, wins))
    top = max(share for share, _, _ in table)
    return min((s, w) for share, s, w in table if share >= top - PRICE)[1]


# ---------------------------------------------------------------- proof and report


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


def _prove(
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


def _report(
    options: ProjectOptions,
    pipeline: Pipeline,
    counted: Counted,
    split: Split,
    learnt: _Learnt,
    optimistic: float,
    held: Sequence[Recording],
    traces: Sequence[PipelineTrace],
    levels: Sequence[Mapping[str, Any]],
    cost: cproject.Cost | cproject.Sizes | None,
    sizes: Mapping[str, Any] | None,
    per_layer: Sequence[int] | None,
    project: Project,
    notes: Sequence[str],
) -> dict[str, Any]:
    channels = [c.name for c in pipeline.channels]
    return {
        "format": "sensorai-report",
        "version": VERSION,
        "sensorai": __version__,
        "name": pipeline.name,
        "target": options.target,
        "device": options.device,
        "sources": {
            "held_out": "computed: the integer reference on recordings of groups that training did not see; "
            "the C gives the same bits at every level listed",
            "random_windows_optimistic": "computed: windows split at random, so this is too good",
            "flash, ram": "compiled",
            "instructions, stack": cost.source if isinstance(cost, cproject.Cost) else STACK,
            "cycles": "an estimate from kinds of instructions",
        },
        "data": {
            "recordings": len(held),
            "groups": list(counted.groups),
            "test_groups": list(split.test_groups),
            "validation_groups": list(split.validation_groups),
            "windows": {
                "train": int(split.train.sum()),
                "validation": int(split.validation.sum()),
                "test": int(split.test.sum()),
            },
        },
        "settings": {
            "rate_hz": pipeline.rate_hz,
            "window": pipeline.window,
            "window_s": pipeline.window / pipeline.rate_hz,
            "stride": pipeline.stride,
            "channels": [{"name": c.name, "unit": c.unit, "lsb": c.lsb} for c in pipeline.channels],
            "features": [f.label(channels) for f in pipeline.features],
            "model": options.model,
            "precision": options.precision if isinstance(pipeline.model, Graph) else "int32 thresholds",
            "wins": pipeline.wins,
            "seed": options.seed,
        },
        "accuracy": {
            "integer": dict(learnt.accuracy),
            "float": dict(learnt.float_accuracy),
            "random_windows_optimistic": optimistic,
        },
        "classes": list(pipeline.classes),
        "size": asdict(learnt.choice),
        "held_out": judge(pipeline, held, traces, options.column),
        "learning": {"curve": learnt.curve, "verdict": learnt.fit},
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
        "notes": [*notes, *counted.notes, *learnt.notes],
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


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
