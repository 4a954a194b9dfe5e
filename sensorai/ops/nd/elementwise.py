"""What operators share that work element by element: broadcasting, places, and loops of C."""

from __future__ import annotations

import re

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.operator import Applied, Buffers, Writer
from sensorai.graph.tensor import Shape, Tensor
from sensorai.ops.nd import ctext, nest

#: Elements of a constant that is written into the loop; a larger one is a table.
_SCALAR = 1
#: Types of constants that training makes.
_CHANGING = ("float32", "int32", "int8", "uint8", "int16")


def together(at: Applied, *tensors: Tensor) -> Shape:
    """Shape of the result of tensors that repeat each other's axes of one element, as NumPy does."""
    try:
        return tuple(int(v) for v in np.broadcast_shapes(*(t.shape for t in tensors)))
    except ValueError:
        shapes = " and ".join(str(t.shape) for t in tensors)
        raise ConfigError(f"layer {at.name}: shapes {shapes} do not go together") from None


def same_type(at: Applied, *tensors: Tensor) -> str:
    """Type of all tensors; a ConfigError where they differ."""
    kinds = {t.dtype for t in tensors}
    if len(kinds) != 1:
        raise ConfigError(f"layer {at.name}: types {' and '.join(sorted(kinds))} do not go together")
    return tensors[0].dtype


def in_place(at: Applied) -> Buffers:
    """How an output may lie over inputs that it goes through element by element, each read once.

    It may lie where an input lies when no input is repeated and none has smaller numbers; over one that is
    not repeated, as far as no number is written before it is read.
    """
    computed = [x for x in at.inputs if x.name and x.data is None]
    fits = all(x.shape == at.out.shape and x.item_bytes >= at.out.item_bytes for x in computed)
    grows = (at.out.size * (at.out.item_bytes - x.item_bytes) for x in at.inputs)
    overlap = (
        max(0, more) if x.shape == at.out.shape else None for x, more in zip(at.inputs, grows, strict=True)
    )
    return Buffers(in_place=fits, overlap=tuple(overlap))


def emit(at: Applied, to: Writer, stem: str, text: str, *runtime: str) -> None:
    """Write loops over the output with the lines ``text`` inside.

    Parameters
    ----------
    stem : str
        What they do, for the function's name.
    text : str
        C in which ``$y`` is the element of the first output, ``$0``, ``$1`` ... are those of the inputs.
    *runtime
        Files of the runtime that the text needs.
    """
    out = at.out
    fixed: dict[str, str] = {}
    read: list[int] = []
    for k, x in enumerate(at.inputs):
        if x.data is not None and x.size == _SCALAR:
            one, kind = x.data.reshape(-1)[0], "float32" if x.dtype == "float32" else "int32"
            other = to.updatable and x.dtype in _CHANGING
            fixed[str(k)] = to.number(one, kind) if other else ctext.number(one, x.dtype)
        elif x.name and f"${k}" in text:
            read.append(k)
    inputs = [at.inputs[k] for k in read]
    shape, steps = nest.merged(
        out.shape, nest.strides(out.shape), *(nest.broadcast(x.shape, out.shape) for x in inputs)
    )
    places = {"y": f"y[{nest.index(steps[0])}]", **fixed}
    places |= {str(k): f"x{k}[{nest.index(one)}]" for k, one in zip(read, steps[1:], strict=True)}
    body = re.sub(r"\$(y|\d)", lambda found: places[found.group(1)], text)
    parameters = [f"const {ctext.seen(x.dtype)} *x{k}" for k, x in zip(read, inputs, strict=True)]
    parameters.append(f"{ctext.seen(out.dtype)} *y")
    name = to.function(stem, ", ".join(parameters), nest.loops(shape, body), *runtime)
    to.run(name, *(to.source(x) for x in inputs), to.target(out))
