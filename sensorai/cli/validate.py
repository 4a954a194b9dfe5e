"""``sensorai validate``: accuracy per window and event, and all levels compared bit by bit."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorai.cli import out as printing
from sensorai.cli.analyze import Float32, Freeze, InputTypes, ModelType, OutputTypes, Shapes, asked_of
from sensorai.cli.fields import LABELS, READING, pairs, takes
from sensorai.cli.nets import is_net, validate_net
from sensorai.cli.simulate import (
    AsIs,
    ClassCode,
    NoResample,
    Style,
    opened_for,
    rate_policy,
)

if TYPE_CHECKING:
    from sensorai.nets.places import Place


class On(StrEnum):
    """Where C runs."""

    HOST = "host"
    EMULATOR = "emulator"
    BOARD = "board"


@takes(*LABELS, *READING)
def run(
    artifact: Annotated[
        Path,
        typer.Argument(
            metavar="ARTIFACT|MODEL", help="Output folder, any MLC register file, or a net made elsewhere."
        ),
    ],
    given: dict[str, Any],
    logs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="LOG...|INPUTS",
            help="Log files, or folders of them; of a net a .npz, .npy or .csv of inputs (default: made).",
            show_default=False,
        ),
    ] = None,
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
    class_: ClassCode = [],  # noqa: B006
    on: Annotated[
        list[On] | None,
        typer.Option(
            "--on",
            help="Where to run the C of a project or net (repeat; default: host). emulator: the core of its "
            "device; of a net without one, M4 and M0+. board: firmware of a project of a net, at --port.",
        ),
    ] = None,
    port: Annotated[
        str | None, typer.Option(metavar="PORT", help="Serial port of --on board, as 'capture' takes it.")
    ] = None,
    baud: Annotated[int | None, typer.Option(help="Its bits per second (default: 115200).")] = None,
    html: Annotated[Path | None, typer.Option(help="Write an HTML report with plots.")] = None,
    device: Annotated[
        str | None,
        typer.Option(
            help="Device, where the register file does not name it; of a net: what --on runs it for."
        ),
    ] = None,
    style: Style = "current",
    as_is: AsIs = False,
    no_resample: NoResample = False,
    model: Annotated[
        Path | None,
        typer.Option(metavar="MODEL", help="Of a project of a net: its model."),
    ] = None,
    type_: ModelType = None,
    shape: Shapes = [],  # noqa: B006
    freeze: Freeze = [],  # noqa: B006
    input_data_type: InputTypes = None,
    output_data_type: OutputTypes = None,
    float32: Float32 = False,
    count: Annotated[
        int | None, typer.Option(min=1, max=10000, help="Of a net: how many inputs are made (default: 10).")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of a net: their seed (default: 42).")] = None,
    layers: Annotated[
        bool, typer.Option("--layers", help="Of a net: its framework beside the reference, layer by layer.")
    ] = False,
    json: printing.Json = False,
) -> None:
    """Judge a register file or a C project on labelled recordings, and compare all its levels bit by bit.

    Of a net made elsewhere, or a project of one: framework, reference, C on this machine, on the virtual ISPU
    and emulated, on the same inputs; reference and C must give the same bits, figures say how near the
    framework is.

    Windows right, delay to the first right result, wrong switches an hour, before and after the decision
    filter; of a detector, false alarms and what was found. Logs of 'monitor --record' hold what the sensor
    said: that is compared, too. Exit code 3 when two levels part; the first divergence is named.
    """
    from sensorai.errors import ConfigError, DataError, VerifyMismatch
    from sensorai.experiment import Experiment
    from sensorai.files import write_text
    from sensorai.kinds import Kind, look
    from sensorai.opening import in_registers, validate
    from sensorai.reading import read
    from sensorai.road import Progress

    nets = {
        "--model": model,
        "--type": type_,
        "--shape": shape,
        "--freeze": freeze,
        "--input-data-type": input_data_type,
        "--output-data-type": output_data_type,
        "--float32": float32 or None,
        "--count": count,
        "--seed": seed,
        "--layers": layers or None,
        "--port": port,
        "--baud": baud,
    }
    of_logs = {"--all": all_groups, "--map": map_, "--class": class_, "--html": html}
    of_logs |= {f"--{name.replace('_', '-')}": value for name, value in given.items()}
    of_logs |= {"--as-is": as_is, "--no-resample": no_resample, "--style": style != "current"}
    if is_net(artifact, type_):
        if wrong := [flag for flag, value in of_logs.items() if value]:
            raise ConfigError(f"{wrong[0]} is for recordings, not for nets", hint=f"drop {wrong[0]}")
        files = logs or []
        if len(files) > 1:
            raise ConfigError("a net takes one file of inputs", hint="a .npz holds several arrays")
        validate_net(
            artifact,
            files[0] if files else None,
            model,
            asked_of(type_, shape, freeze, input_data_type, output_data_type, float32=float32),
            [one.value for one in on or [On.HOST]],
            device,
            (count, seed),
            json,
            layers,
            _board(on or [], port, baud),
        )
        return
    if on and On.BOARD in on:
        raise ConfigError("--on board is for projects of nets made elsewhere", hint="--on host or emulator")
    wrong = [flag for flag, value in nets.items() if value not in (None, [])]
    if (wrong or not logs) and not artifact.exists():
        # what is not there is not said to be of the wrong kind
        raise DataError("no such file or folder", where=str(artifact))
    if artifact.is_file() and (found := look(artifact)).kind is Kind.BLOB:
        raise ConfigError(
            f"{artifact.name} is {found.words}: what computes it is the project that it was made for",
            where=str(artifact),
            hint="validate that project, or the model; send the blob with 'sensorai load'",
        )
    if wrong:
        raise ConfigError(f"{wrong[0]} is for nets made elsewhere", hint=f"drop {wrong[0]}")
    if not logs:
        raise ConfigError("no recordings are named", hint=f"sensorai validate {artifact} LOG...")
    rate = rate_policy(as_is, no_resample)
    names = pairs(map_, "--map", "walk=walking")
    opened = opened_for("validate", artifact, logs, device, style, class_)
    if on and in_registers(opened):
        raise ConfigError("--on is for C projects: register files are simulated", hint="drop --on")
    detects = bool(opened.states)
    columns = () if detects else tuple(c.column for c in opened.classifiers)
    known = () if detects else tuple(name for c in opened.classifiers for name in c.classes.values())
    with printing.road() as tell:
        dataset = read(Experiment(logs=tuple(map(str, logs)), **given), columns=columns, classes=known)
        made = validate(
            opened,
            dataset,
            on=[one.value for one in on or [On.HOST]],
            rate=rate,
            all_groups=all_groups,
            names=names,
            progress=Progress(tell),
        )
    if html is not None:
        write_text(html, made.page())
    if json:
        printing.print_json(made.report.figures)
    else:
        printing.console().print(made.report)
        if html is not None:
            typer.echo(f"report: {html}")
    if made.divergence is not None:
        raise VerifyMismatch(f"levels part: {made.divergence}", where=str(artifact))


def _board(on: list[On], port: str | None, baud: int | None) -> Place | None:
    """The board that is asked for."""
    from sensorai.board.netrun import NetBoard
    from sensorai.board.ports import BAUD
    from sensorai.errors import ConfigError

    if On.BOARD not in on:
        if port is not None or baud is not None:
            raise ConfigError("--port and --baud are for --on board", hint="say --on board too")
        return None
    if port is None:
        raise ConfigError("--on board needs --port", hint="as in --port /dev/ttyACM0, or --port COM3")
    return NetBoard(port, BAUD if baud is None else baud).place()
