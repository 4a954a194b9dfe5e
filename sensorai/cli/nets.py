"""What ``validate`` does with a net made elsewhere, or a project of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorai.cli import out as printing

if TYPE_CHECKING:
    from sensorai.codegen.netproject import Pushing
    from sensorai.nets.description import Described
    from sensorai.nets.inputs import Inputs
    from sensorai.nets.model import Asked
    from sensorai.nets.places import Place
    from sensorai.nets.taps import Inside
    from sensorai.nets.target import Target
    from sensorai.nets.validating import Verdict


def is_net(path: Path, kind: str | None) -> bool:
    """Whether a path is a model, is said to be one, or a project of one."""
    from itertools import chain

    from sensorai.importers.open import KINDS
    from sensorai.kinds import Kind, look

    if kind is not None and path.is_file():
        return True
    if not path.exists():
        return False
    found = look(path).kind
    # a damaged model is like nothing that is known, but for its name
    named = found is Kind.OTHER and path.is_file() and path.suffix.lower() in chain(*KINDS.values())
    return named or found in (Kind.NET, Kind.NET_PROJECT)


def validate_net(
    artifact: Path,
    inputs: Path | None,
    model: Path | None,
    asked: Asked,
    on: list[str],
    device: str | None,
    made: tuple[int | None, int | None],
    json: bool,
    layers: bool = False,
    board: Place | None = None,
) -> None:
    """Compare all levels of a net.

    Parameters
    ----------
    device : str or None
        Whose core is emulated; a project has its own.
    made : (count, seed)
        Of inputs where no file is given.
    layers : bool
        Whether the framework is compared layer by layer.
    board : Place, optional
        A board that runs the project.
    """
    from sensorai.errors import ConfigError, VerifyMismatch
    from sensorai.nets.model import Asked

    if inputs is not None and made != (None, None):
        raise ConfigError("--count and --seed are for inputs that are made", hint="drop them, or the file")
    if artifact.is_dir() and asked != Asked("", {}, {}):
        raise ConfigError(
            "how the model is read is in the project",
            hint="drop --type, --shape, --freeze, --float32 and types of data",
        )
    if model is not None and not artifact.is_dir():
        raise ConfigError("--model is for a project", hint="give the model alone")
    if device is not None and artifact.is_dir():
        raise ConfigError("a project has its device", hint="drop --device, or give the model alone")
    if board is not None and not artifact.is_dir():
        raise ConfigError(
            "--on board is for a project, whose firmware runs there",
            hint="'sensorai generate', then 'sensorai firmware --net PROJECT'",
        )
    if layers and artifact.is_dir() and model is None:
        raise ConfigError("--layers needs the model that the framework runs", hint="say --model MODEL")
    with printing.progress() as say:
        found = (_project if artifact.is_dir() else _model)(
            artifact, inputs, model, asked, (on, device, board), made, say, layers
        )
    if json:
        printing.print_json(found.figures())
    else:
        _print(found)
    if found.parting is not None:
        seen = any("layer" in level for level in found.levels)
        hint = "" if seen or not artifact.is_dir() else "--model MODEL names the first layer that is wrong"
        raise VerifyMismatch(f"levels part: {found.parting}", where=str(artifact), hint=hint)


def _model(
    path: Path,
    inputs: Path | None,
    _other: Path | None,
    asked: Asked,
    where: tuple[list[str], str | None, Place | None],
    made: tuple[int | None, int | None],
    say: Any,
    layers: bool,
) -> Verdict:
    from sensorai.codegen.netproject import About, emit_net_project
    from sensorai.nets.model import open_model
    from sensorai.nets.places import places
    from sensorai.nets.port import ports
    from sensorai.nets.running import Program
    from sensorai.nets.target import target_of
    from sensorai.nets.validating import validate_model

    on, device, _ = where
    target = None if device is None else target_of(device)
    at = places(on, target)
    opened = open_model(path, asked)
    opened = opened if target is None else opened.on(target.isa)
    graph = opened.graph
    ins, outs = ports(graph, graph.inputs), ports(graph, graph.outputs)
    program = project = None
    if not opened.made.problems:
        project = emit_net_project(graph, "network", About("", "", ""))
        program = Program("network", "native", project.sources(), ins, outs)
    given = _inputs(inputs, ins, outs, made)
    found = validate_model(opened, program, given, at, asked.frozen, say, layers=layers, made=project)
    if types := " and ".join(opened.read.instead):
        note = f"computed in float32 in place of {types}; frameworks compute what the file says"
        found.notes = (*found.notes, note)
    return found


def _project(
    folder: Path,
    inputs: Path | None,
    model: Path | None,
    _: Asked,
    where: tuple[list[str], str | None, Place | None],
    made: tuple[int | None, int | None],
    say: Any,
    layers: bool,
) -> Verdict:
    from sensorai.nets.description import read_description
    from sensorai.nets.inputs import SEED
    from sensorai.nets.places import places
    from sensorai.nets.running import checked
    from sensorai.nets.target import target
    from sensorai.nets.updating import beside
    from sensorai.nets.validating import validate_project

    said = read_description(folder)
    checked((*said.inputs, *said.outputs))
    part = target(said.target, said.device)
    at = [*places(where[0], part, said.placed), *([] if where[2] is None else [where[2]])]
    noted = inputs is None and made == (None, None) and model is None
    given = _inputs(
        inputs, said.inputs, said.outputs, (len(said.outputs_of), SEED) if noted else made, said.pushing
    )
    found = None
    if noted:
        found = validate_project(said, given, at, noted, say)
        if found.parting is None:
            return found
    near = beside(said, folder) if model is None else model
    if near is None:
        return validate_project(said, given, at, noted, say) if found is None else found
    whole = _with_model(said, part, near, given, at, say, layers, frameworks=found is None)
    if model is None:
        whole.notes = (*whole.notes, f"the model of the project: {near}")
    # what was noted is not what the model gives: that is said as it was found
    return whole if found is None or whole.parting is not None else found


def _with_model(
    said: Described,
    part: Target,
    model: Path,
    given: Inputs,
    at: list[Place],
    say: Any,
    layers: bool,
    *,
    frameworks: bool,
) -> Verdict:
    """A project beside the reference of its model."""
    from sensorai.nets.model import open_model
    from sensorai.nets.streaming import again
    from sensorai.nets.updating import made_anew
    from sensorai.nets.validating import program_of, same_model, validate_model

    opened = open_model(model, said.asked).on(part.isa)
    same_model(said, opened)
    stream = None if said.pushing is None else again(opened.graph, said.pushing)
    anew = made_anew(said, opened, stream)
    return validate_model(
        *(opened, program_of(said), given, at, said.asked.frozen, say, stream),
        layers=layers,
        made=anew,
        frameworks=frameworks,
    )


def _inputs(
    path: Path | None,
    ports: Any,
    outputs: Any,
    made: tuple[int | None, int | None],
    pushing: Pushing | None = None,
) -> Any:
    from sensorai.nets import inputs, references

    if path is not None:
        found = inputs.read_inputs(path, ports, [port.name for port in outputs])
        return found if pushing is None else references.enough(pushing, found)
    count, seed = made
    if pushing is not None:
        return references.made_pushes(ports, pushing, count, seed)
    return inputs.spread(
        ports, inputs.COUNT if count is None else count, inputs.SEED if seed is None else seed
    )


def _print(found: Verdict) -> None:
    screen = printing.console()
    screen.print(f"inputs: {found.inputs}")
    for note in found.notes:
        screen.print(f"  {note}")
    for level in found.levels:
        said = f"not run: {level['skipped']}" if "skipped" in level else f"{level['calls']} calls"
        if "stack" in level:
            said += f", {level['stack']:,} bytes of stack{' at least' if level['stack_open'] else ''}"
        screen.print(f"{level['level']}: {said}")
        if "cycles" in level:
            took, ms = level["cycles"], level["milliseconds"]
            time = "" if ms is None else f", {ms:.4g} ms"
            screen.print(
                f"  {took['mean']:,.0f} counts of {level['clock']} a call, {took['min']:,} to "
                f"{took['max']:,}{time}; {level['board']}",
                soft_wrap=True,
            )
        if "layer" in level:
            screen.print(f"  first layer: {level['layer']}", soft_wrap=True)
            for line in level["changed"]:
                screen.print(f"  not as it is made of the model: {line}", soft_wrap=True)
    equal = [level for level in found.levels if "skipped" not in level]
    if found.parting is None and len(equal) > 1:
        screen.print("all of these agree bit by bit")
    for one in found.frameworks:
        if "skipped" in one:
            screen.print(f"{one['framework']}: not run: {one['skipped']}")
        else:
            screen.print(_figures(one["framework"], "output", one["outputs"]))
    if found.inside is not None:
        _print_inside(screen, found.inside)


def _figures(heading: str, what: str, rows: list[dict[str, Any]]) -> Any:
    """Table of figures; where there is no room names are cut, never figures."""
    from rich.table import Table

    from sensorai.nets.metrics import NAMES
    from sensorai.nets.room import shortened

    said = {None: "", True: "yes", False: "no"}
    heads = ("equal", *NAMES)
    cells = [
        [said[row.get("equal")], *("" if row[n] is None else f"{row[n]:.4g}" for n in NAMES)] for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    # a space on each side of a column
    left = printing.console().width - sum(widths) - 2 * len(widths) - 2
    longest = max(len(heading), *(len(row[what]) for row in rows))
    width = max(min(longest, 40, left), 8)
    table = Table(box=None)
    table.add_column(heading, overflow="ellipsis", no_wrap=True, width=width)
    for name in heads:
        table.add_column(name, justify="right", no_wrap=True)
    for row, values in zip(rows, cells, strict=True):
        table.add_row(shortened(row[what], width), *values)
    return table


def _print_inside(screen: Any, found: Inside) -> None:
    from sensorai.nets.taps import PARTS

    if found.failure:
        screen.print(f"layers of {found.library}: not compared: {found.failure}")
        return
    screen.print(_figures(f"layers, {found.library}", "layer", found.rows))
    if found.first:
        screen.print(f"first layer that parts: {found.first}", soft_wrap=True)
    else:
        screen.print(f"no layer parts: integers are equal, real numbers within {PARTS:g} of a layer's length")
