"""``sensorai analyze``: what a model made elsewhere is, costs and needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorai.cli import out as printing

if TYPE_CHECKING:
    from rich.console import Console

    from sensorai.nets.costs import Costs
    from sensorai.nets.counting import Ran
    from sensorai.nets.model import Asked, NetFile
    from sensorai.nets.sheet import Sheet
    from sensorai.nets.streaming import Asked as Columns

ModelFile = Annotated[Path, typer.Argument(metavar="MODEL", help="ONNX, TensorFlow Lite or Keras model.")]
ModelType = Annotated[
    str | None,
    typer.Option("--type", metavar="onnx|tflite|keras", help="Kind of model, where the file does not tell."),
]
Shapes = Annotated[
    list[str],
    typer.Option("--shape", metavar="INPUT=1x24x6", help="Shape of an input that the file leaves open."),
]
Freeze = Annotated[
    list[str],
    typer.Option("--freeze", metavar="INPUT=VALUE", help="ONNX: an input that is always this."),
]
InputTypes = Annotated[
    str | None,
    typer.Option(
        "--input-data-type",
        metavar="float32|int8|uint8",
        help="Types of inputs, one for all or one for each between commas; conversions go or come.",
    ),
]
OutputTypes = Annotated[
    str | None,
    typer.Option("--output-data-type", metavar="float32|int8|uint8", help="Types of outputs, likewise."),
]
Target = Annotated[
    str | None,
    typer.Option(metavar="stm32|ispu", help="What it is to run on (default: that of --device)."),
]
Device = Annotated[str | None, typer.Option(help="Device, or core such as cortex-m4.")]

AllocateInputs = Annotated[
    bool | None,
    typer.Option(
        "--allocate-inputs/--no-allocate-inputs",
        help="Inputs lie in the working memory, and do not outlive the call (default where the interface "
        "allows it); or the caller has them.",
    ),
]
AllocateOutputs = Annotated[
    bool | None,
    typer.Option(
        "--allocate-outputs/--no-allocate-outputs",
        help="Outputs lie in the working memory, until the next call (default likewise).",
    ),
]
Optimize = Annotated[
    str,
    typer.Option(
        metavar="balanced|time|ram",
        help="What kernels and memory plan save: time takes bytes for it, ram gives time for bytes.",
    ),
]
MemoryPool = Annotated[
    Path | None,
    typer.Option(
        "--memory-pool",
        metavar="FILE|device",
        help="Memories of the board, of ST's JSON, our TOML or the device's facts: what is used most lies in "
        "the fastest.",
    ),
]
Stream = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="HOP", help="Each call brings so many new columns of time; the rest is kept."
    ),
]
StreamAxis = Annotated[
    int | None,
    typer.Option(
        min=0, metavar="AXIS", help="With --stream: axis of time of the input, where several may be."
    ),
]
Stateful = Annotated[
    bool,
    typer.Option(
        "--stateful",
        help="With --stream: a sequence without end, recurrent layers go on; not windows that overlap.",
    ),
]


Dictionary = Annotated[
    str | None,
    typer.Option(
        metavar="auto|off",
        help="off: weights lie in flash as they are, which is faster; auto: as places in a dictionary where "
        "that saves enough.",
    ),
]


Float32 = Annotated[
    bool,
    typer.Option(
        "--float32", help="Compute in float32 what is float16 or float64 in the file; says what differs."
    ),
]


def stream_asked(hop: int | None, axis: int | None, stateful: bool) -> Columns | None:
    """What was said of a stream; None where nothing."""
    from sensorai.errors import ConfigError
    from sensorai.nets.streaming import Asked as Columns

    if hop is None:
        if axis is not None or stateful:
            flag = "--stateful" if stateful else "--stream-axis"
            raise ConfigError(f"{flag} needs --stream", hint="--stream 1: a column with each call")
        return None
    return Columns(hop, axis, stateful)


def asked_of(
    kind: str | None,
    shapes: list[str],
    frozen: list[str],
    inputs: str | None = None,
    outputs: str | None = None,
    dictionary: str | None = None,
    float32: bool = False,
) -> Asked:
    """What was said of the file, read."""
    from sensorai.nets import model as models

    said = models.kind_asked(kind), models.shapes_asked(shapes), models.frozen_asked(frozen)
    types = [tuple(part.strip() for part in text.split(",")) if text else () for text in (inputs, outputs)]
    return models.Asked(*said, types[0], types[1], models.dictionaries_asked(dictionary), float32)


def run(
    model: ModelFile,
    target: Target = None,
    device: Device = None,
    type_: ModelType = None,
    shape: Shapes = [],  # noqa: B006
    freeze: Freeze = [],  # noqa: B006
    input_data_type: InputTypes = None,
    output_data_type: OutputTypes = None,
    stream: Stream = None,
    stream_axis: StreamAxis = None,
    stateful: Stateful = False,
    allocate_inputs: AllocateInputs = None,
    allocate_outputs: AllocateOutputs = None,
    dictionary: Dictionary = None,
    float32: Float32 = False,
    optimize: Optimize = "balanced",
    memory_pool: MemoryPool = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for network_analyze_report.txt and network_c_info.json, as of ST's tool, and for "
            "pictures of the memory over time and of the flash by layer (SVG)."
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Beginning of the names of these files.")] = "network",
    count: Annotated[
        bool,
        typer.Option(
            "--count",
            help="Build it for the device, and count instructions of every layer on its core, emulated.",
        ),
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(help="Write a page: all of this, layer by layer; with a device --count too."),
    ] = None,
    passes: Annotated[
        bool,
        typer.Option("--passes", help="Tell every change of a pass; check large nets before and after too."),
    ] = False,
    json: printing.Json = False,
) -> None:
    """Read a model: inputs, outputs, operations and memory of every layer, and whether a device has room.

    Operators that are not supported are named all at once. MACC counts as ST's tool does, MACs are
    multiply-accumulates that there are. With --stream all of it is that of a push of a few columns of time,
    and what is saved is said.
    """
    from dataclasses import replace

    from sensorai.errors import ConfigError
    from sensorai.files import write_folder, write_text
    from sensorai.nets import costs as counting
    from sensorai.nets import passes_told, stated, streaming
    from sensorai.nets import sheet as sheets
    from sensorai.nets import target as targets
    from sensorai.nets.memory import memory
    from sensorai.nets.model import open_model
    from sensorai.nets.pools import pools_asked
    from sensorai.nets.widened import widened
    from sensorai.report import memory as drawn
    from sensorai.writing import clang

    clang.identifier(name, "--name")
    columns = stream_asked(stream, stream_axis, stateful)
    pools = pools_asked(memory_pool, device)
    at = targets.asked(target, device)
    if count and at is None:
        raise ConfigError("--count needs --device", hint="instructions are those of the core of a device")
    asked = asked_of(type_, shape, freeze, input_data_type, output_data_type, dictionary, float32)
    opened = open_model(model, asked)
    opened = opened if at is None else opened.on(at.isa)
    streamed = None if columns is None else streaming.stream(opened.graph, columns)
    shown = opened
    if streamed is not None:
        if allocate_inputs or allocate_outputs or pools:
            raise ConfigError(
                "with --stream the caller keeps columns and outputs, and states lie in its context",
                hint="drop --allocate-inputs, --allocate-outputs and --memory-pool",
            )
        # what a push computes is what is analyzed
        shown = replace(opened, made=replace(opened.made, graph=streamed.graph))
    free = streamed is None and (at is None or at.name != "ispu")
    inside = counting.inside_asked(shown.graph, allocate_inputs, allocate_outputs, free)
    counted = counting.costs(shown.graph, inside, optimize, pools)
    found = counting.figures(shown, counted)
    same = passes_told.checked(opened.read, opened.made.passed, always=passes)
    found["passes"] = [row.figures() for row in passes_told.rows(opened.read, opened.made.steps)]
    found["passes_checked"] = same
    found["passes_may_differ"] = passes_told.may_differ(opened.made.steps)
    made = None
    if streamed is not None:
        found["stream"] = streamed.figures()
    wide = widened(opened, asked)
    if wide is not None:
        found["float32"] = wide.figures()
    if at is not None:
        with printing.progress() as say:
            made = sheets.sheet(shown, counted, at, counts=count or html is not None, say=say)
        found["fit"] = targets.fit(counted, at, made.code)
        found["device"] = made.figures()
    if html is not None:
        from sensorai.report.nets import analysis_page

        write_text(html, analysis_page(found, counted, made, [] if streamed is None else streamed.words()))
        found["html"] = str(html)
    if out is not None:
        texts = stated.files(shown, counted, at, name, "analyze", streamed, made)
        if (view := memory(shown.graph, counted)) is not None:
            texts |= {f"{name}_memory.svg": drawn.over_time(view), f"{name}_flash.svg": drawn.flash(view)}
        write_folder(out, {file: text.encode() for file, text in texts.items()})
        found["files"] = sorted(texts)
    if json:
        printing.print_json(found)
        return
    if streamed is not None:
        hop = streamed.pushing.hop
        typer.echo(
            f"of a push of {hop:,} column{'' if hop == 1 else 's'}; without --stream: of the whole input"
        )
    _print(shown, counted, found, made)
    told = passes_told.lines(opened.read, opened.made.steps, same)
    for line in [*told, *(f"  {line}" for line in opened.made.did if passes)]:
        printing.console().print(line, soft_wrap=True)
    if wide is not None:
        printing.console().print(wide.words(), soft_wrap=True)
    for problem in opened.made.problems:
        printing.console().print(f"note: {problem.message} ({problem.hint})", soft_wrap=True)
    for line in streamed.words() if streamed is not None else [streaming.could(opened.graph)]:
        if line:
            printing.console().print(line, soft_wrap=True)
    if out is not None:
        for file in found["files"]:
            typer.echo(f"{out / file}")
    if html is not None:
        typer.echo(f"{html}")


def _print(opened: NetFile, counted: Costs, found: dict[str, Any], made: Sheet | None) -> None:
    from sensorai.nets import pools
    from sensorai.nets import sheet as sheets
    from sensorai.nets.costs import kernel_words, saved_words
    from sensorai.nets.target import fit_words

    screen = printing.console()
    screen.print(f"{found['file']}: {found['kind']}, {opened.size:,} bytes, SHA-256 {opened.sha256[:16]}...")
    for role, ports in (("input", found["inputs"]), ("output", found["outputs"]), ("state", found["states"])):
        for port in ports:
            screen.print(f"{role}  {port_words(port)}", soft_wrap=True)
    _print_layers(screen, counted, () if made is None else made.layers)
    arena = "not known" if counted.arena is None else f"{counted.arena:,} bytes"
    ram = "not known" if counted.ram is None else f"{counted.ram:,} bytes"
    screen.print(f"MACC {counted.macc:,}; MACs {counted.macs:,}; parameters {counted.parameters:,}")
    screen.print(f"weights (flash) {counted.weights:,} bytes; activations (arena) {arena}")
    for line in (*saved_words(counted), *kernel_words(opened.graph, counted)):
        screen.print(line, soft_wrap=True)
    ends = (counted.inputs, "inputs"), (counted.outputs, "outputs")
    beside = [f"{n:,} of {what}" for (n, what), own in zip(ends, counted.inside, strict=True) if not own]
    within = [f"{n:,} of {what}" for (n, what), own in zip(ends, counted.inside, strict=True) if own]
    beside += [f"{counted.states:,} of states"] if counted.states else []
    said = [f"with {', '.join(beside)}"] if beside else []
    said += [f"{', '.join(within)} in the arena"] if within else []
    screen.print(f"RAM {ram}: {'; '.join(said)}")
    for line in pools.words(opened.graph, counted, None if made is None else made.at.device):
        screen.print(line, soft_wrap=True)
    for line in fit_words(found["fit"]) if "fit" in found else ():
        screen.print(line, soft_wrap=True)
    if made is not None:
        # without a count only what is missing is said
        short = [] if made.lack is None else made.lack.words()
        counted_too = made.counted is not None or made.why != sheets.NOT_ASKED
        for line in made.words() if counted_too else short:
            screen.print(line, soft_wrap=True)


def _print_layers(screen: Console, counted: Costs, ran: Sequence[Ran] = ()) -> None:
    """A row for each layer; where there is no room it is words that are cut off, never figures."""
    from rich.table import Table

    from sensorai.nets.room import shortened

    kernels = any(one.kernel for one in counted.layers)
    rows = [
        [one.name, one.operator, one.type, one.shape, *([one.kernel] if kernels else [])]
        + [f"{n:,}" for n in (one.parameters, one.macc, one.macs, one.weight_bytes)]
        + [f"{n.instructions:,}" for n in ran[k : k + 1]]
        for k, one in enumerate(counted.layers)
    ]
    headings = ["layer", "operator", "type", "shape", *(["kernel"] if kernels else [])]
    words = len(headings)
    headings += ["parameters", "MACC", "MACs", "bytes", *(["instructions"] if ran else [])]
    widths = [max(len(row[k]) for row in [headings, *rows]) for k in range(len(headings))]
    widths[:words] = [min(28, width) for width in widths[:words]]
    # a space on each side of a column
    while sum(widths) + 2 * len(widths) > screen.width and max(widths[:words]) > 8:
        widths[widths.index(max(widths[:words]))] -= 1
    table = Table(box=None)
    for k, (heading, width) in enumerate(zip(headings, widths, strict=True)):
        right = k >= words
        table.add_column(
            heading, overflow="ellipsis", no_wrap=True, width=width, justify="right" if right else "left"
        )
    for name, *rest in rows:
        table.add_row(shortened(name, widths[0]), *rest)
    screen.print(table)


def port_words(port: dict[str, Any]) -> str:
    """Name, type, shape and scale of a tensor in a line."""
    shape = "x".join(map(str, port["shape"])) or "1"
    scale = port.get("scale")
    said = f", scale {scale:.9g}, zero {port['zero']}" if isinstance(scale, float) else ""
    return f"{port['name']}: {port['type']} {shape}, {port['bytes']:,} bytes{said}"
