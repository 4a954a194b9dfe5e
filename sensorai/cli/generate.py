"""``sensorai generate``: C of a net that was made elsewhere, or what ST's tool makes of its settings file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorai.cli import out as printing
from sensorai.cli.analyze import (
    AllocateInputs,
    AllocateOutputs,
    Device,
    Dictionary,
    Float32,
    Freeze,
    InputTypes,
    MemoryPool,
    Optimize,
    OutputTypes,
    Shapes,
    Stateful,
    Stream,
    StreamAxis,
    asked_of,
    stream_asked,
)
from sensorai.cli.handing import CONFIG, FEATURES, Said, hand_over_file, of_settings
from sensorai.cli.update import CHANGING, blob_of, changing_asked, say_blob

if TYPE_CHECKING:
    from sensorai.nets.emitting import Changing
    from sensorai.nets.streaming import Asked as Columns


def run(
    source: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="ONNX, TFLite or Keras model, or ST's mlc_settings.json."),
    ],
    target: Annotated[
        str | None,
        typer.Option(metavar="stm32|ispu", help="What the C is for (default: that of --device)."),
    ] = None,
    device: Device = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the project (default: its name). Of settings: ARFF file, or folder (default: "
            "where the settings say, beside them)."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Beginning of all names in C (default: near the name of the file).")
    ] = None,
    api: Annotated[
        str, typer.Option(metavar="native|stai", help="How the C is called; stai: as that of ST's tool.")
    ] = "native",
    shape: Shapes = [],  # noqa: B006
    freeze: Freeze = [],  # noqa: B006
    input_data_type: InputTypes = None,
    output_data_type: OutputTypes = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--type",
            metavar="onnx|tflite|keras|features|config",
            help="Kind of model, where the file does not tell. Of settings: feature table (ARFF), or JSON "
            "+ UCF + headers.",
        ),
    ] = None,
    style: Annotated[
        str,
        typer.Option(
            help="Of settings: 'current', or a style of ST's older tools: for features stedgeai, unico, "
            "unico-b, unico-c; for config 2.3, block, block-9.13, block-9.10, byte, byte-pages, "
            "six-byte-nodes."
        ),
    ] = "current",
    pipeline: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml",
            help="Samples of a sensor before the net (docs/nets.md).",
        ),
    ] = None,
    stream: Stream = None,
    stream_axis: StreamAxis = None,
    stateful: Stateful = False,
    allocate_inputs: AllocateInputs = None,
    allocate_outputs: AllocateOutputs = None,
    dictionary: Dictionary = None,
    float32: Float32 = False,
    optimize: Optimize = "balanced",
    memory_pool: MemoryPool = None,
    hand_over: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.onnx|FILE.tflite",
            help="Write no C but the cleaned net, as ONNX or TensorFlow Lite, for other tools; it is read "
            "back and compared.",
        ),
    ] = None,
    updatable: Annotated[
        bool,
        typer.Option(
            "--updatable",
            help="Numbers of the net can be replaced later without new firmware: by blobs; the first "
            "is NAME.blob.",
        ),
    ] = False,
    relocatable: Annotated[
        bool,
        typer.Option(
            "--relocatable",
            help="Blobs bring their code: any net with these inputs and outputs. Needs arm-none-eabi-gcc.",
        ),
    ] = False,
    any_weights: Annotated[
        bool,
        typer.Option(
            "--any-weights",
            help="With --updatable: kernels that take every weight of later nets, -128 too; on M0+ and M4 "
            "slower ones.",
        ),
    ] = False,
    slot_bytes: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=2**31,
            metavar="BYTES",
            help="With --relocatable: working memory for later nets (default: what this one takes).",
        ),
    ] = None,
    update: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write no project but a blob of the model for the program of DIR, an updatable project "
            "(--out: default NAME.blob).",
        ),
    ] = None,
    net_version: Annotated[
        int | None,
        typer.Option(min=1, max=2**32 - 1, metavar="N", help="Version of the blob, which you count up."),
    ] = None,
    json: printing.Json = False,
) -> None:
    """Make a C project of a net that was made elsewhere: source, tables, build files, example.

    Exit code 3 where the device has no room for it; the project is written all the same.

    With --pipeline the project takes samples, as one that 'train' made: 'simulate' and 'validate' run it.

    With --stream every call brings new columns of time; the C keeps what it computed of the earlier ones, and
    gives the bits of the net on the last window.

    Of ST's mlc_settings.json, do what ST's tool does with it: a feature table, or a configuration.
    """
    from sensorai import kinds
    from sensorai.errors import ConfigError
    from sensorai.nets.target import target_of

    found = kinds.look(source)
    settings = found.kind is kinds.Kind.SETTINGS or kind in (FEATURES, CONFIG)
    of_nets = {
        "--target": target is not None,
        "--device": device is not None,
        "--name": name is not None,
        "--api": api != "native",
        "--shape": bool(shape),
        "--freeze": bool(freeze),
        "--input-data-type": input_data_type is not None,
        "--output-data-type": output_data_type is not None,
        "--pipeline": pipeline is not None,
        "--stream": stream is not None,
        "--stream-axis": stream_axis is not None,
        "--stateful": stateful,
        "--allocate-inputs": allocate_inputs is not None,
        "--allocate-outputs": allocate_outputs is not None,
        "--dictionary": dictionary is not None,
        "--float32": float32,
        "--optimize": optimize != "balanced",
        "--memory-pool": memory_pool is not None,
        "--hand-over": hand_over is not None,
        "--updatable": updatable,
        "--relocatable": relocatable,
        "--slot-bytes": slot_bytes is not None,
        "--any-weights": any_weights,
        "--update": update is not None,
        "--net-version": net_version is not None,
        "--json": json,
    }
    if settings:
        if wrong := [flag for flag, given in of_nets.items() if given]:
            raise ConfigError(f"{wrong[0]} is for models, not for ST's settings", hint=f"drop {wrong[0]}")
        if kind not in (FEATURES, CONFIG):
            raise ConfigError(
                "what is to be made of the settings is not said", hint="--type features or --type config"
            )
        of_settings(source, kind, out, style)
        return
    if style != "current":
        raise ConfigError("--style is for ST's settings file", hint="drop --style")
    # what is neither a model nor said to be one is told by its kind
    if found.kind is not kinds.Kind.NET and not (kind and found.kind is kinds.Kind.OTHER):
        with kinds.explained("generate", source, (kinds.Kind.NET, kinds.Kind.SETTINGS)):
            raise ConfigError("this is neither a model nor a settings file", where=str(source))
    said: Said = (kind, shape, freeze, input_data_type, output_data_type, dictionary, float32)
    if hand_over is not None:
        others = ["--target", "--device", "--name", "--api", "--pipeline", "--stream"]
        others += ["--allocate-inputs", "--allocate-outputs", "--dictionary", "--optimize", "--memory-pool"]
        others += CHANGING
        if wrong := [flag for flag in others if of_nets[flag]] + (["--out"] if out is not None else []):
            raise ConfigError(f"--hand-over writes no C: {wrong[0]} is for C", hint="drop one of them")
        hand_over_file(source, hand_over, said, json)
        return
    if updatable and dictionary is None:
        # how many different weights there are is the training's: another one's may be more
        said = (*said[:5], "off", said[6])
    if target is None and device is not None and update is None:
        target = target_of(device).name
    changing = changing_asked(
        (updatable, relocatable, any_weights),
        (net_version, slot_bytes),
        update is not None,
        (target, api),
        pipeline,
    )
    if update is not None:
        others = ["--target", "--device", "--name", "--api", "--pipeline", "--stream", "--stream-axis"]
        others += ["--stateful", "--allocate-inputs", "--allocate-outputs", "--optimize", "--memory-pool"]
        others += CHANGING[:4]
        if wrong := [flag for flag in others if of_nets[flag]]:
            raise ConfigError(f"{wrong[0]} is in the project that --update names", hint=f"drop {wrong[0]}")
        blob_of(source, update, said, net_version or 1, out, json)
        return
    if target is None:
        raise ConfigError(
            "for what target?", hint="--target stm32 or --target ispu, or --device with a device or core"
        )
    if pipeline is not None and api != "native":
        raise ConfigError("--pipeline takes samples, which --api stai does not", hint="drop one of them")
    if pipeline is not None and optimize != "balanced":
        raise ConfigError("--optimize is for a net alone, not with --pipeline", hint="drop one of them")
    columns = stream_asked(stream, stream_axis, stateful)
    if columns is not None and api != "native":
        raise ConfigError("--stream takes columns, which --api stai does not", hint="drop one of them")
    if memory_pool is not None and (pipeline is not None or columns is not None or api != "native"):
        raise ConfigError(
            "--memory-pool is for the native interface of whole inputs",
            hint="drop it, or --api, --stream and --pipeline",
        )
    if memory_pool is not None and target == "ispu":
        raise ConfigError("an ISPU has one memory for data", hint="drop --memory-pool")
    inside = (allocate_inputs, allocate_outputs)
    if relocatable and any(inside):
        raise ConfigError(
            "--relocatable: where inputs and outputs lie changes with the net",
            hint="drop --allocate-inputs and --allocate-outputs",
        )
    if memory_pool is not None and changing is not None:
        raise ConfigError(
            "--memory-pool places the numbers of one net, and blobs bring those of others",
            hint=f"drop it, or {'--relocatable' if relocatable else '--updatable'}",
        )
    apart = pipeline is not None or columns is not None or api != "native" or target == "ispu"
    if any(inside) and apart:
        flag = "--allocate-inputs" if allocate_inputs else "--allocate-outputs"
        why = "with --api stai inputs and outputs lie in the activations anyway"
        if pipeline is not None:
            why = "with --pipeline the caller has no inputs of the net, and keeps its outputs"
        elif columns is not None:
            why = "with --stream the caller keeps the columns of a push and the outputs, and no window"
        elif api == "native":
            why = "the program of an ISPU has inputs and outputs that a host writes and reads"
        raise ConfigError(f"{flag} is for the native interface of whole inputs", hint=f"drop it: {why}")
    wanted = (inside, optimize, memory_pool, changing)
    _of_net(source, (target, device), out, name, api, said, pipeline, columns, wanted, json)


def _of_net(
    source: Path,
    where: tuple[str, str | None],
    out: Path | None,
    name: str | None,
    api: str,
    said: Said,
    pipeline: Path | None,
    columns: Columns | None,
    wanted: tuple[tuple[bool | None, bool | None], str, Path | None, Changing | None],
    json: bool,
) -> None:
    from sensorai.ispu.standin import SOURCE
    from sensorai.nets import emitting
    from sensorai.nets.costs import inside_asked, saved_words
    from sensorai.nets.feeding import read_feed
    from sensorai.nets.model import no_c, open_model
    from sensorai.nets.pools import pools_asked
    from sensorai.nets.pools import words as pool_words
    from sensorai.nets.streaming import stream as stream_of
    from sensorai.nets.target import fit, fit_words
    from sensorai.nets.target import target as target_of
    from sensorai.nets.widened import widened

    at = target_of(*where)
    asked = asked_of(*said)
    inside, optimize, memory_pool, changing = wanted
    pools = pools_asked(memory_pool, where[1])
    feed = None if pipeline is None else read_feed(pipeline)
    model = open_model(source, asked).on(at.isa)
    wide = widened(model, asked)
    called = emitting.name_for(model, name, api)
    folder = out or Path(called)
    if feed is not None:
        made_of, files, fed = emitting.emit_fed(model, feed, at, called, columns)
        emitting.write(folder, files)
        if json:
            said_of_it = {} if fed is None else {"stream": fed.figures()}
            said_of_it |= {} if wide is None else {"float32": wide.figures()}
            printing.print_json({"folder": str(folder), "name": called, "files": sorted(files), **said_of_it})
            return
        typer.echo(f"{folder}: {called} in C for {at.device}, a result every {made_of.stride} samples")
        for line in [*([] if fed is None else fed.words()), *([] if wide is None else [wide.words()])]:
            typer.echo(line)
        typer.echo(f"run it on logs: sensorai simulate {folder} LOG")
        return
    no_c(model)
    stream = None if columns is None else stream_of(model.graph, columns)
    lets = stream is None and api == "native" and at.name != "ispu" and not (changing and changing.code)
    ends = inside_asked(model.graph, *inside, free=lets)
    made = emitting.emit(model, at, called, asked, api, stream, ends, optimize, pools, changing)
    emitting.write(folder, made.files)
    room = fit(made.counted, at, made.code)
    if json:
        said_of_it = {} if stream is None else {"stream": stream.figures()}
        said_of_it |= {} if wide is None else {"float32": wide.figures()}
        printing.print_json({**emitting.figures(made, str(folder)), **said_of_it, "fit": room})
        _fits(room, folder)
        return
    typer.echo(f"{folder}: {called} in C for {at.device}")
    counted = made.counted
    typer.echo(
        f"{counted.macs:,} MACs; weights {counted.weights:,} bytes; arena {made.project.arena_bytes:,} bytes"
    )
    for line in [] if stream is None else stream.words():
        typer.echo(line)
    for line in (*([] if wide is None else [wide.words()]), *saved_words(counted), *fit_words(room)):
        typer.echo(line)
    for line in pool_words(model.graph, counted, at.device):
        typer.echo(line)
    if made.built is not None:
        typer.echo(
            f"whole program: {made.built.code_bytes:,} bytes of code and constants, "
            f"{made.built.data_bytes:,} of data, {made.built.stack_bytes:,} of stack ({SOURCE})"
        )
    if made.blob is not None:
        say_blob(f"{called}.blob", made.blob)
    typer.echo(f"check it: sensorai validate {folder}")
    _fits(room, folder)


def _fits(room: dict[str, Any], folder: Path) -> None:
    """Raise a DoesNotFit where the device has too little of a memory; the project is written by then."""
    from sensorai.errors import DoesNotFit

    short = [
        f"{-room[key]:,} bytes of {what}"
        for what, key in (("flash", "flash_room"), ("RAM", "ram_room"))
        if room[key] is not None and room[key] < 0
    ]
    if short:
        raise DoesNotFit(
            f"{room['device']} lacks {' and '.join(short)}",
            where=str(folder),
            hint="the project is there; 'sensorai analyze' names devices with room",
        )
