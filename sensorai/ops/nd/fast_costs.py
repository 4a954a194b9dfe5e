"""What kernels of int8 sums take: a sum of a few sizes of the layer, with coefficients that were counted."""

from __future__ import annotations

import math

from sensorai.graph.operator import Way
from sensorai.ops.nd.fast import Kernel, Layer
from sensorai.ops.nd.fast_counted import COUNTED

#: Name of the kernels of any core.
PLAIN = "plain"
#: Weights to whose multiple rows are filled, and outputs that are computed at once; places come in twos.
_STEPS, _OUTPUTS = {"dsp": 8, "thumb1": 4, "mve": 16}, {"dsp": 2, "thumb1": 1, "mve": 4}


def sizes(layer: Layer, plain: bool = False) -> tuple[float, ...]:
    """What the instructions of a layer are a sum of.

    A layer; outputs; places; values that are laid down for all places; values of the input; results; rows of
    the kernel under all of them; products, those beside each other at once, and those that are left over.
    """
    weights = layer.weights
    outputs, row = len(weights), weights[0].size
    places = layer.at.out.size // outputs
    own = layer.groups > 1
    step, some, blocks = 1, 1, outputs
    if not plain and not own:
        step, some = _STEPS.get(layer.at.isa, 1), _OUTPUTS.get(layer.at.isa, 1)
        places += 0 if layer.alone else places % 2
        # vectors meet those that are left over one by one
        blocks = outputs // some + (outputs % some if some > 2 else -(-(outputs % some) // some))
    results = places * outputs
    rows = math.prod(layer.window.kernel[:-1])
    laid, lines = places * row * (outputs if own else 1), results * rows
    if not plain and not own:
        # values that lie in one row as they are need no look at margins
        points = set(layer.window.kernel + layer.window.strides) <= {1}
        laid, lines = (0, 0) if points else (laid, places * rows)
    return (
        1,
        outputs,
        places,
        laid,
        layer.at.x.size,
        results,
        lines,
        places * blocks * -(-row // step),
    )


def plain(layer: Layer) -> Way | None:
    """Costs of the plain kernel; None where they are not known."""
    name = "plain_single" if layer.groups > 1 and layer.weights.shape[-1] == 1 else PLAIN
    name = "plain_int4" if layer.narrow else name
    found = COUNTED.get((layer.at.isa, name))
    if found is None:
        return None
    code, factors = found
    numbers = layer.weights.size // (1 + layer.narrow) + 9 * len(layer.weights)
    return Way(PLAIN, _sum(factors, sizes(layer, plain=True)), code, numbers)


def costs(kernel: Kernel) -> Way | None:
    """Costs of a faster kernel; None where they are not known."""
    layer = kernel.layer
    found = COUNTED.get((layer.at.isa, kernel.name))
    if found is None:
        return None
    code, factors = found
    numbers, instructions = kernel.weights.nbytes + 9 * len(layer.weights), _sum(factors, sizes(layer))
    if layer.narrow:
        more, (each,) = COUNTED[layer.at.isa, "open"]
        numbers -= kernel.weights.nbytes // 2
        code, instructions = code + more, instructions + each * kernel.weights.nbytes
    return Way(kernel.name, instructions, code, numbers, kernel.scratch, kernel.ending)


def _sum(factors: tuple[float, ...], numbers: tuple[float, ...]) -> float:
    return math.fsum(a * b for a, b in zip(factors, numbers, strict=True))
