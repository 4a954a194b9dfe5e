"""Which layer of the C of a project is the first whose numbers are not those of the reference.

It is the C as it was run, changed by somebody or not: behind the statements of a layer a call is put in that
brings its result out. Where these statements are, the same project tells that is made anew.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import zip_longest

import numpy as np

from sensorai.codegen.project import Project
from sensorai.errors import ToolMissing
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array
from sensorai.nets.inputs import Inputs
from sensorai.nets.metrics import differing
from sensorai.nets.places import Place
from sensorai.nets.port import ports
from sensorai.nets.running import Program

#: Bytes of results that are brought out at most.
_MOST = 1 << 28
#: Files whose first changed line is told, and characters of it.
_FILES, _SHOWN = 5, 70


@dataclass(frozen=True, slots=True)
class Wrong:
    """What was found.

    Attributes
    ----------
    layer : str
        The first layer with a wrong number, and that; or why there is none.
    changed : tuple of str
        First lines of files in which the C is not that of the model.
    """

    layer: str
    changed: tuple[str, ...] = ()


def first_wrong(
    graph: Graph, program: Program, given: Inputs, call: int, place: Place, made: Project
) -> Wrong:
    """Find the first layer whose result in C is not that of the reference.

    Parameters
    ----------
    graph : Graph
        Whose C it is.
    program : Program
        As it was run.
    given : Inputs
        What it was given.
    call : int
        The call whose outputs part: later ones are not looked at.
    place : Place
        Where; a place that cannot show layers is stood in for by this machine.
    made : Project
        The project as it is made of the model now.
    """
    changed = changes(program.name, program.sources, made.sources())
    probe = _tapped(graph, program, made)
    if isinstance(probe, str):
        return Wrong(f"not looked for: {probe}", changed)
    first = 0 if graph.states else call
    some = Inputs(tuple(a[first : call + 1] for a in given.arrays), call + 1 - first, given.source)
    if sum(p.kind.itemsize * int(np.prod(p.shape)) for p in probe.taps) * some.count > _MOST:
        return Wrong("not looked for: the results of all layers are more than are brought out", changed)
    here = place if place.shows else Place("C on this machine", Program.on_host)
    try:
        calls = here.run(probe, some)
    except ToolMissing as error:
        return Wrong(f"not looked for: {error.message}: {error.hint}", changed)
    found = _compared(graph, probe, some, calls, first)
    if found:
        at = "" if place.shows else " (on this machine)"
        return Wrong(found + at, changed)
    if not place.shows:
        return Wrong(
            "no layer of this C on this machine: what ran there is another program, or is built otherwise",
            changed,
        )
    said = "what comes behind the layers" if changed else "memory is shared wrongly, or the code around them"
    return Wrong(f"no layer by itself: {said}", changed)


def _compared(
    graph: Graph, probe: Program, given: Inputs, calls: Sequence[Sequence[Array]], first: int
) -> str:
    """The first number of a layer that is not the reference's; "" where all are."""
    state: Mapping[str, Array] | None = None
    for k, made in enumerate(calls):
        arrays = {n: a[k] for n, a in zip(graph.inputs, given.arrays, strict=True)}
        values = interpret.run(graph, arrays, state)
        state = interpret.following(graph, values) if graph.states else None
        for port, got in zip(probe.taps, made, strict=False):
            wanted = np.asarray(values[port.name])
            bad = differing(wanted, got)
            if bad is not None:
                a, b = wanted.reshape(-1)[bad].item(), np.asarray(got).reshape(-1)[bad].item()
                which = f"call {first + k}, " if graph.states else ""
                return f"{which}{graph.called(port.name)}[{bad}] is {b!r}, not {a!r}"
    return ""


def changes(name: str, own: Mapping[str, str], made: Mapping[str, str]) -> tuple[str, ...]:
    """First line of each file in which the C of a project is not that of its model."""
    out = []
    for file in sorted(own.keys() | made.keys()):
        if file not in made or file not in own:
            out.append(f"{file} is {'missing' if file in made else 'not of the model'}")
            continue
        # who made it of what stands in the heads
        pairs = zip_longest(_told(own[file]), _told(made[file]), fillvalue="")
        for k, (one, other) in enumerate(pairs, 1):
            if one != other and not (file == f"{name}.h" and _MACS in one):
                text = " ".join(one.split())
                shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
                out.append(f"{file}, line {k}: {shown!r}")
                break
    more = len(out) - _FILES
    return (*out[:_FILES], *([f"and {more} more"] if more > 0 else []))


#: What a header says of the net, which the C does not depend on.
_MACS = "_MACS "


def _told(text: str) -> list[str]:
    """Lines, the comment at the head left empty."""
    lines = text.split("\n")
    if lines[0].startswith("/*"):
        end = next((k for k, line in enumerate(lines) if "*/" in line), 0)
        lines[: end + 1] = [""] * (end + 1)
    return lines


def _tapped(graph: Graph, program: Program, made: Project) -> Program | str:
    """The program with a call behind each layer; or why that cannot be."""
    name, parts = program.name, made.parts
    file, head, arena = f"{name}.c", f"static void {name}_model(", f"{name.upper()}_ARENA_BYTES"
    own, new = program.sources.get(file, ""), made.sources().get(file, "")
    if parts is None or head not in own or head not in new:
        return f"{name}_model is not in {file}"
    headers = (text.get(f"{name}.h", "") for text in (program.sources, made.sources()))
    was, now = (re.findall(rf"{arena} (\d+)", header)[:1] for header in headers)
    if was != now:
        return "it was generated by another version of sensorai, or with other options"
    at = new.index(head)
    last: dict[int, int] = {}
    for call in parts.calls:
        text = f"    {call.text}\n"
        begin = new.find(text, at)
        if begin < 0:
            return f"the statements of {file} are not those of the model"
        at = begin + len(text)
        if call.layer is not None:
            last[call.layer] = new.count("\n", 0, at)
    a, b = new.split("\n"), own.split("\n")
    to = _places(a, b)
    read = {n for node in graph.nodes for n in node.inputs} | {
        *graph.outputs,
        *(s.write for s in graph.states),
    }
    puts: dict[int, list[str]] = {}
    names: list[str] = []
    for layer, line in sorted(last.items(), key=lambda one: one[1]):
        where = to.get(line)
        node = graph.nodes[layer]
        for tensor, place in zip(node.outputs, parts.buffers[layer][1], strict=True):
            one = graph.tensors[tensor]
            if where is None or tensor not in read or one.dtype == "binary" or one.data is not None:
                continue
            size = one.size * ports(graph, (tensor,))[0].kind.itemsize
            puts.setdefault(where, []).append(f"    sa_tap((const void *)({place}), {size}U);")
            names.append(tensor)
    out: list[str] = []
    for k, text in enumerate(b):
        out += puts.get(k, [])
        out += [TAP] if text.startswith(head) else []
        out.append(text)
    sources = {**program.sources, file: "\n".join(out)}
    return replace(program, sources=sources, taps=ports(graph, names))


#: Declaration of the function that takes results.
TAP = "void sa_tap(const void *place, uint32_t size);"


def _places(a: Sequence[str], b: Sequence[str]) -> dict[int, int]:
    """Where places between lines of one text are in another; left out where that is open."""
    if a == b:
        return {k: k for k in range(len(a) + 1)}
    out: dict[int, int] = {}
    for tag, i, end, j, other in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal" or end - i == other - j:
            out |= {i + k: j + k for k in range(1, end - i + 1)}
        elif end > i:
            out[end] = other
    return out
