"""What passes did to a net, in words and figures, and that the net still computes what it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sensorai.errors import SensoraiError
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array
from sensorai.nets.costs import scale_of
from sensorai.nets.inputs import SEED, spread
from sensorai.nets.port import Port
from sensorai.passes.change import Cost, Step, cost
from sensorai.passes.integers import BESIDE

#: What a user reads of a pass.
WORDS: Mapping[str, str] = {
    "DeadCode": "what nothing reads",
    "FewerAxes": "axes of one element",
    "FoldAffine": "batch norm and factors into weights",
    "FoldConstants": "constants computed once",
    "FuseActivations": "activations into layers",
    "FusePadding": "padding into layers",
    "Layout": "transposes moved to the end",
    "MatMulToDense": "products as dense layers",
    "Rejoin": "parts of functions joined",
    "SameTwice": "equal layers joined",
    "Shapes": "reshapes and transposes",
    "SignedBytes": "unsigned bytes as signed ones",
    "ToIntegers": "quantise and dequantise into layers",
}
#: Multiply-accumulates up to which a net is run before and after without being asked: some seconds.
CHECKED = 50_000_000
#: Calls with which it is run.
_CALLS = 2
#: Layers that are named, of those that may differ.
_NAMED = 4
#: Why layers may differ, by how far.
_WHY: Mapping[str, str] = {
    "a step": "integers are rounded once, so that next to a tie a result may",
    "some steps": "gates of integers have 12 places, so that results may",
}
#: Numbers that layers make, likewise.
NUMBERS = 1 << 24


@dataclass(frozen=True, slots=True)
class Row:
    """A pass over all its rounds: what was there before its work, and after it."""

    name: str
    words: str
    rounds: int
    before: Cost
    after: Cost

    def figures(self) -> dict[str, Any]:
        """Plain data."""
        pairs = zip(_three(self.before), _three(self.after), strict=True)
        told = {key: list(pair) for key, pair in zip(("nodes", "macs", "constant_bytes"), pairs, strict=True)}
        return {"pass": self.name, "what": self.words, "rounds": self.rounds, **told}


def rows(read: Graph, steps: Sequence[Step]) -> list[Row]:
    """A row for each pass, in the order in which they first did something.

    Rounds of a pass are counted together: each row begins where the one above ends, the last ends with the
    net that is emitted.
    """
    names = list(dict.fromkeys(step.name for step in steps))
    out, at = [], cost(read)
    for name in names:
        own = [step for step in steps if step.name == name]
        gain = [0, 0, 0]
        for step in own:
            if step.was is not None and step.made is not None:
                gain = [g + b - a for g, a, b in zip(gain, _three(step.was), _three(step.made), strict=True)]
        after = Cost(*(v + g for v, g in zip(_three(at), gain, strict=True)))
        out.append(Row(name, WORDS.get(name, name), len(own), at, after))
        at = after
    return out


def _three(one: Cost) -> tuple[int, int, int]:
    return one.nodes, one.macs, one.bytes


def lines(read: Graph, steps: Sequence[Step], checked: str) -> list[str]:
    """What is printed: a line for each pass, and all together."""
    made = rows(read, steps)
    if not made:
        return []
    wide = max(len(row.words) for row in made)
    out = [f"passes ({checked}):"]
    beside = may_differ(steps)
    for row in made:
        out.append(f"  {row.words:{wide}}  {_arrows(row.before, row.after) or 'as many of all'}")
    total = _arrows(made[0].before, made[-1].after) or "other order alone"
    out.append(f"  {'in all':{wide}}  {total}")
    for far in dict.fromkeys(beside.values()):
        layers = [name for name, one in beside.items() if one == far]
        few = ", ".join(layers[:_NAMED]) + (", ..." if len(layers) > _NAMED else "")
        out.append(
            f"  not to the bit whatever the inputs: {few} ({len(layers)}): {_WHY[far]} lie {far} beside the "
            "file's float arithmetic"
        )
    return out


def may_differ(steps: Sequence[Step]) -> dict[str, str]:
    """Layers that became integer and may differ from the floats of the file, and how far: "a step", ..."""
    found: dict[str, str] = {}
    for step in steps:
        for said in step.said:
            name, _, what = said.partition(" (")
            far = BESIDE.get(what.partition(") ")[2])
            if far is not None:
                found[name] = far
    return found


def _arrows(a: Cost, b: Cost) -> str:
    """Figures that changed."""
    named = zip(("nodes", "MACs", "bytes of constants"), _three(a), _three(b), strict=True)
    return ", ".join(f"{what} {x:,} -> {y:,}" for what, x, y in named if x != y)


def checked(read: Graph, made: Graph, *, always: bool = False) -> str:
    """Run a net before and after on the reference, and say how its outputs compare.

    Parameters
    ----------
    always : bool
        Whether large nets are run too.
    """
    if not read.inputs:
        return "the net has no inputs to run it with"
    numbers = sum(t.size for t in read.tensors.values() if t.data is None)
    if (cost(made).macs > CHECKED or numbers > NUMBERS) and not always:
        return "not run before and after, since the net is large: --passes does"
    try:
        given = spread([_port(read, name) for name in read.inputs], _CALLS, SEED).arrays
        a, b = (interpret.run(g, dict(zip(g.inputs, given, strict=True))) for g in (read, made))
    except SensoraiError as error:
        return f"not run before and after: {error.message}"
    worst, size = 0.0, 0.0
    for x, y in zip(read.outputs, made.outputs, strict=True):
        before, after = _real(read, x, a[x]), _real(made, y, b[y])
        if np.array_equal(before, after, equal_nan=True):
            continue
        gap = np.abs(before - after)
        worst, size = max(worst, float(np.nanmax(gap))), max(size, float(np.nanmax(np.abs(before))))
    if not worst:
        return f"checked on the reference with {_CALLS} calls: same outputs to the bit"
    return (
        f"checked on the reference with {_CALLS} calls: outputs differ by {worst:.3g} at most, of {size:.3g}"
    )


def _port(graph: Graph, name: str) -> Port:
    tensor = graph.tensors[name]
    return Port(name, tensor.dtype, tensor.shape, *(scale_of(tensor) or (None, 0)))


def _real(graph: Graph, name: str, values: Array) -> Array:
    quant = graph.tensors[name].quant
    return np.asarray(values if quant is None else quant.real(values), np.float64)
