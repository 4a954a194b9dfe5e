"""What ``validate`` does with a net made elsewhere, or a project of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorai.cli import out as printing

if TYPE_CHECKING:
    from sensorai.nets.model import Asked
    from sensorai.nets.validating import Verdict


def is_net(path: Path, kind: str | None) -> bool:
    """Whether a path is a model, is said to be one, or a project of one."""
    from sensorai.kinds import Kind, look

    if kind is not None and path.is_file():
        return True
    return path.exists() and look(path).kind in (Kind.NET, Kind.NET_PROJECT)


def validate_net(
    artifact: Path,
    inputs: Path | None,
    model: Path | None,
    asked: Asked,
    on: list[str],
    made: tuple[int | None, int | None],
    json: bool,
) -> None:
    """Compare all levels of a net.

    Parameters
    ----------
    made : (count, seed)
        Of inputs where no file is given.
    """
    from sensorai.errors import ConfigError, VerifyMismatch

    if inputs is not None and made != (None, None):
        raise ConfigError("--count and --seed are for inputs that are made", hint="drop them, or the file")
    if artifact.is_dir() and (asked.kind or asked.shapes or asked.frozen):
        raise ConfigError("how the model is read is in the project", hint="drop --type, --shape, --freeze")
    if model is not None and not artifact.is_dir():
        raise ConfigError("--model is for a project", hint="give the model alone")
    with printing.progress() as say:
        found = (_project if artifact.is_dir() else _model)(artifact, inputs, model, asked, on, made, say)
    if json:
        printing.print_json(found.figures())
    else:
        _print(found)
    if found.parting is not None:
        raise VerifyMismatch(f"levels part: {found.parting}", where=str(artifact))


def _model(
    path: Path,
    inputs: Path | None,
    _: Path | None,
    asked: Asked,
    on: list[str],
    made: tuple[int | None, int | None],
    say: Any,
) -> Verdict:
    from sensorai.codegen.netproject import About, emit_net_project
    from sensorai.nets.model import open_model
    from sensorai.nets.running import Program
    from sensorai.nets.validating import ports, validate_model

    opened = open_model(path, asked)
    graph = opened.graph
    ins, outs = ports(graph, graph.inputs), ports(graph, graph.outputs)
    program = None
    if not opened.made.problems:
        sources = emit_net_project(graph, "network", About("", "", "")).sources()
        program = Program("network", "native", sources, ins, outs)
    return validate_model(opened, program, _inputs(inputs, ins, made), on, asked.frozen, say)


def _project(
    folder: Path,
    inputs: Path | None,
    model: Path | None,
    _: Asked,
    on: list[str],
    made: tuple[int | None, int | None],
    say: Any,
) -> Verdict:
    from sensorai.nets.description import read_description
    from sensorai.nets.inputs import SEED
    from sensorai.nets.model import open_model
    from sensorai.nets.running import Program, checked
    from sensorai.nets.validating import same_model, validate_model, validate_project

    said = read_description(folder)
    checked((*said.inputs, *said.outputs))
    if model is not None:
        opened = open_model(model, said.asked)
        same_model(said, opened)
        program = Program(said.name, said.api, said.sources, said.inputs, said.outputs)
        return validate_model(opened, program, _inputs(inputs, said.inputs, made), on, said.asked.frozen, say)
    noted = inputs is None and made == (None, None)
    given = _inputs(inputs, said.inputs, (len(said.outputs_of), SEED) if noted else made)
    return validate_project(said, given, on, noted, say)


def _inputs(path: Path | None, ports: Any, made: tuple[int | None, int | None]) -> Any:
    from sensorai.nets import inputs

    if path is not None:
        return inputs.read_inputs(path, ports)
    count, seed = made
    return inputs.spread(
        ports, inputs.COUNT if count is None else count, inputs.SEED if seed is None else seed
    )


def _print(found: Verdict) -> None:
    from rich.table import Table

    from sensorai.nets.metrics import NAMES

    screen = printing.console()
    screen.print(f"inputs: {found.inputs}")
    for note in found.notes:
        screen.print(f"  {note}")
    for level in found.levels:
        said = f"not run: {level['skipped']}" if "skipped" in level else f"{level['calls']} calls"
        if "stack" in level:
            said += f", {level['stack']:,} bytes of stack{' at least' if level['stack_open'] else ''}"
        screen.print(f"{level['level']}: {said}")
        if "layer" in level:
            screen.print(f"  first layer: {level['layer']}")
    equal = [level for level in found.levels if "skipped" not in level]
    if found.parting is None and len(equal) > 1:
        screen.print("all of these agree bit by bit")
    for one in found.frameworks:
        if "skipped" in one:
            screen.print(f"{one['framework']}: not run: {one['skipped']}")
            continue
        table = Table(box=None)
        table.add_column(one["framework"], overflow="ellipsis", no_wrap=True, max_width=28)
        for heading in ("equal", *NAMES):
            table.add_column(heading, justify="right")
        for row in one["outputs"]:
            cells = ["" if row[n] is None else f"{row[n]:.4g}" for n in NAMES]
            same = {True: "yes", False: "no"}.get(row.get("equal"), "")
            table.add_row(row["output"], same, *cells)
        screen.print(table)
