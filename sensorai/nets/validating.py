"""Every level of a net on the same inputs: framework, reference, C wherever it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sensorai.codegen.project import Project
from sensorai.errors import DataError, ToolMissing
from sensorai.graph.quant import Quant
from sensorai.graph.tensor import Array
from sensorai.nets.description import Described, digests
from sensorai.nets.fitting import calls
from sensorai.nets.frameworks import run_all
from sensorai.nets.inputs import Inputs
from sensorai.nets.labels import accuracy, classes_of
from sensorai.nets.metrics import NAMES, compare, differing
from sensorai.nets.model import NetFile
from sensorai.nets.places import Place
from sensorai.nets.references import pushes, runs
from sensorai.nets.running import Program, checked
from sensorai.nets.streaming import Stream
from sensorai.nets.tapped import first_wrong
from sensorai.nets.taps import Inside, inside

Say = Callable[[str], None]


def quiet(_: str) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True)
class Parting:
    """The first number in which two levels differ.

    Attributes
    ----------
    level, tensor : str
    call, element : int
        Which of the inputs, and which number of the tensor in their order, from 0.
    expected, got : float or int
    """

    level: str
    tensor: str
    call: int
    element: int
    expected: float | int
    got: float | int

    def __str__(self) -> str:
        return (
            f"{self.level}: call {self.call}, {self.tensor}[{self.element}] is {self.got!r} where "
            f"{self.expected!r} was expected"
        )


@dataclass(slots=True)
class Verdict:
    """What was found.

    Attributes
    ----------
    inputs : str
        What the levels were given.
    levels : list of dict
        Levels of ours with how many calls were equal, or why they did not run.
    frameworks : list of dict
        Libraries with figures for every output, or why they did not run.
    parting : Parting or None
    notes : tuple of str
        What was done to the inputs.
    inside : Inside or None
        Layers of the framework beside those of the reference; None where they were not asked for.
    """

    inputs: str
    levels: list[dict[str, Any]] = field(default_factory=list)
    frameworks: list[dict[str, Any]] = field(default_factory=list)
    parting: Parting | str | None = None
    notes: tuple[str, ...] = ()
    inside: Inside | None = None

    def figures(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "inputs": self.inputs,
            "notes": list(self.notes),
            "levels": self.levels,
            "frameworks": self.frameworks,
            "parting": None if self.parting is None else str(self.parting),
            **({} if self.inside is None else {"inside": self.inside.figures()}),
        }


def parting(
    level: str, names: Sequence[str], expected: Sequence[Sequence[Array]], got: Sequence[Sequence[Array]]
) -> Parting | None:
    """First difference of outputs, call after call, bit by bit; not-a-number is one value."""
    for call, (wanted, made) in enumerate(zip(expected, got, strict=True)):
        for name, a, b in zip(names, wanted, made, strict=True):
            k = differing(a, b)
            if k is not None:
                x, y = np.asarray(a).reshape(-1)[k], np.asarray(b).reshape(-1)[k]
                return Parting(level, name, call, k, x.item(), y.item())
    return None


def validate_model(
    model: NetFile,
    program: Program | None,
    given: Inputs,
    on: Sequence[Place],
    frozen: Any = None,
    say: Say = quiet,
    stream: Stream | None = None,
    layers: bool = False,
    made: Project | None = None,
    frameworks: bool = True,
) -> Verdict:
    """Compare reference, C and frameworks.

    Parameters
    ----------
    given : Inputs
        With ``stream`` columns, for every push some.
    program : Program or None
        C of the model; None where a layer has none.
    on : sequence of Place
        Where the C runs.
    layers : bool
        Whether the framework is compared layer by layer too.
    made : Project, optional
        The project as it is made of the model now: where the C parts from the reference, it tells the layer.
    frameworks : bool
        Whether they are compared at all.
    """
    found = Verdict(given.source, notes=given.notes)
    say("reference")
    wanted = runs(model.graph, given) if stream is None else pushes(model.graph, stream, given)
    graph = model.graph if stream is None else stream.graph
    found.levels += wanted.levels
    if program is None:
        found.levels.append({"level": "C", "skipped": "; ".join(p.message for p in model.made.problems)})
    else:
        _run(found, program, given, on, list(model.graph.outputs), wanted.calls, say)
        if isinstance(found.parting, Parting) and made is not None:
            at = next(place for place in on if place.level == found.parting.level)
            call = found.parting.call + (program.warm_up or 0)
            wrong = first_wrong(graph, program, given, call, at, made)
            found.levels[-1] |= {"layer": wrong.layer, "changed": list(wrong.changed)}
    if not wanted.whole.count or not frameworks:
        return found
    say("frameworks")
    columns = [np.stack([call[k] for call in wanted.outputs]) for k in range(len(model.graph.outputs))]
    quants = [model.graph.tensors[n].quant for n in model.graph.outputs]
    # states of ours live from call to call; those of a framework as well
    for ran in run_all(model, wanted.whole, frozen):
        if ran.failure:
            found.frameworks.append({"framework": ran.name, "skipped": ran.failure})
            continue
        files = [model.made.passed.tensors[n].quant for n in model.made.passed.outputs]
        both = zip(model.graph.outputs, columns, ran.outputs, quants, files, strict=True)
        rows = [_beside(name, ours, theirs, mine, other) for name, ours, theirs, mine, other in both]
        found.frameworks.append({"framework": ran.name, "outputs": rows})
    if layers:
        say("layers of the framework")
        found.inside = inside(model, wanted.whole, frozen)
    if given.wanted:
        found.frameworks.append(truth(wanted.whole, columns, quants, list(model.graph.outputs)))
    return found


def validate_project(
    said: Described, given: Inputs, on: Sequence[Place], noted: bool, say: Say = quiet
) -> Verdict:
    """Run the C of a project as it lies in its folder, without its model.

    Parameters
    ----------
    noted : bool
        Whether the inputs are those whose outputs the description notes: then these are compared.
    """
    found = Verdict(given.source, notes=given.notes)
    if not noted and not given.wanted:
        alone = "levels are compared with each other" if len(on) > 1 else "nothing is compared"
        named = f" ({said.file})" if said.file else ""
        found.notes = (*found.notes, f"{alone}, not with the reference: --model names the model{named}")
    checked((*said.inputs, *said.outputs))
    program = program_of(said)
    first: list[list[Array]] | None = None
    for level, made in _outcomes(found, program, given, on, say):
        if noted and found.parting is None:
            hashes = digests(made)
            bad = [k for k, (a, b) in enumerate(zip(hashes, said.outputs_of, strict=False)) if a != b]
            if bad:
                found.parting = f"{level}: outputs of call {bad[0]} are not those that were noted"
        if first is None:
            first = made
        elif found.parting is None:
            found.parting = parting(level, [p.name for p in said.outputs], first, made)
    if noted:
        found.levels.insert(0, {"level": "noted outputs of the reference", "calls": len(said.outputs_of)})
    if first is not None and given.wanted:
        columns = [np.stack([call[k] for call in first]) for k in range(len(said.outputs))]
        found.frameworks.append(truth(given, columns, [None] * len(columns), [p.name for p in said.outputs]))
    return found


def program_of(said: Described) -> Program:
    """C of a project."""
    warm_up = None if said.pushing is None else said.pushing.warm_up
    return Program(said.name, said.api, said.sources, said.inputs, said.outputs, warm_up, said.inside)


def same_model(said: Described, model: NetFile) -> None:
    """Raise a DataError where a project was made from another file."""
    if said.sha256 != model.sha256:
        raise DataError(
            f"the project was not made from {model.path.name}: its SHA-256 differs",
            where=str(model.path),
            hint="give the file that it was made from, or generate again",
        )


def _outcomes(
    found: Verdict, program: Program, given: Inputs, on: Sequence[Place], say: Say
) -> Iterator[tuple[str, list[list[Array]]]]:
    """Outputs on every level that is asked for; the verdict notes those too whose tools are missing."""
    for place in on:
        say(place.level)
        try:
            made = place.run(program, given)
        except ToolMissing as error:
            found.levels.append({"level": place.level, "skipped": f"{error.message}: {error.hint}"})
            continue
        early = program.warm_up or 0
        wrong = next((k for k, call in enumerate(made) if bool(call) != (k >= early)), None)
        if wrong is not None:
            said = "there" if made[wrong] else "not there"
            found.parting = f"{place.level}: push {wrong} says that outputs are {said}"
            return
        found.levels.append({"level": place.level, "calls": given.count - early})
        if place.core:
            found.levels[-1] |= program.stack(place.core)
        if place.told is not None:
            found.levels[-1] |= place.told()
        yield place.level, made[early:]


def _run(
    found: Verdict,
    program: Program,
    given: Inputs,
    on: Sequence[Place],
    names: Sequence[str],
    expected: Sequence[Sequence[Array]],
    say: Say,
) -> None:
    """Run the C on every level that is asked for, until one parts from the reference."""
    for level, made in _outcomes(found, program, given, on, say):
        found.parting = parting(level, names, expected, made)
        if found.parting is not None:
            return


def _beside(name: str, ours: Array, theirs: Array, mine: Quant, other: Quant) -> dict[str, Any]:
    """Figures of an output of a framework and of ours, each with its scale; types may differ by request."""
    real = _real(theirs, other), _real(ours, mine)
    a, b = (ours, theirs) if ours.dtype == theirs.dtype else real
    equal = bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
    return {"output": name, "equal": equal, **compare(*real)}


def truth(
    given: Inputs, columns: Sequence[Array], quants: Sequence[Quant], names: Sequence[str]
) -> dict[str, Any]:
    """Figures against the outputs, or the classes, that the file of inputs holds."""
    what, rows = f"outputs in {given.source}", []
    if len(columns) != len(given.wanted):
        arrays = f"{len(given.wanted)} array{'s' if len(given.wanted) > 1 else ''}"
        said = f"{arrays} for {len(columns)} outputs: name one as each output, {', '.join(names)}"
        return {"framework": what, "skipped": said}
    classes = [
        ours[0].size > 1 and wanted.size == given.count
        for ours, wanted in zip(columns, given.wanted, strict=True)
    ]
    for k, (name, ours, wanted, quant) in enumerate(zip(names, columns, given.wanted, quants, strict=True)):
        try:
            if classes[k]:
                right = classes_of(replace(given, wanted=(wanted,)), ours[0].size)
                scores = ours if quant is None else _real(ours, quant)
                rows.append({"output": name, **dict.fromkeys(NAMES), "acc": accuracy(scores, right)})
                continue
            true = calls(wanted, ours.shape[1:], name, given.source)
        except DataError as error:
            hint = f": {error.hint}" if classes[k] else ""
            of = f"{name}: " if len(names) > 1 and classes[k] else ""
            return {"framework": what, "skipped": f"{of}{error.message}{hint}"}
        if len(true) != len(ours):
            return {"framework": what, "skipped": f"{len(true)} for {len(ours)} calls"}
        rows.append({"output": name, **compare(_real(true, quant), _real(ours, quant))})
    return {"framework": f"classes in {given.source}" if all(classes) else what, "outputs": rows}


def _real(values: Array, quant: Quant) -> Array:
    """Real values of numbers with an axis of calls in front, in float32 as ST's tool computes its figures."""
    if quant is None or values.dtype.kind == "f":
        return values.astype(np.float32) if values.dtype.kind != "f" else values
    return np.stack([quant.real(row) for row in values]).astype(np.float32)
