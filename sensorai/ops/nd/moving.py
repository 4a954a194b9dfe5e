"""What operators share that move numbers: loops of C between strides, and scales that go with an axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sensorai.errors import ConfigError
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.quant import Affine, Quant
from sensorai.graph.tensor import Shape, Tensor
from sensorai.ops.nd import ctext, nest


def axis_in(at: Applied, axis: int, rank: int) -> int:
    """Return ``axis``; a ConfigError where a tensor of ``rank`` axes has none such."""
    if not 0 <= axis < rank:
        raise ConfigError(f"layer {at.name}: there is no axis {axis} of {rank}")
    return axis


def moved(axes: Sequence[int], perm: Sequence[int]) -> tuple[int, ...]:
    """What is said of each axis behind a transpose by ``perm``, said of the axes before it."""
    out = [0] * len(perm)
    for behind, before in enumerate(perm):
        out[before] = axes[behind]
    return tuple(out)


def picked(quant: Quant, axis: int, places: Sequence[int]) -> Quant:
    """Scale of what is left when ``places`` of ``axis`` are taken in that order."""
    if not isinstance(quant, Affine) or quant.axis != axis or not places:
        return quant
    scale, zero = tuple(quant.scale[k] for k in places), tuple(quant.zero[k] for k in places)
    return replace(quant, scale=scale, zero=zero)


def shifted(quant: Quant, by: int) -> Quant:
    """Scale of a tensor that gets ``by`` axes more in front."""
    if isinstance(quant, Affine) and quant.axis is not None:
        return replace(quant, axis=quant.axis + by)
    return quant


def copy(
    to: Writer,
    stem: str,
    x: Tensor,
    y: Tensor,
    shape: Shape,
    read: Sequence[int],
    write: Sequence[int],
    start: int = 0,
    into: int = 0,
) -> None:
    """Write loops over ``shape`` that copy numbers.

    Parameters
    ----------
    stem : str
        What they do, for the function's name.
    x, y : Tensor
        Of one type.
    read, write : sequence of int
        Elements between neighbours along each axis of ``shape``, in ``x`` and in ``y``.
    start, into : int
        First element that is read, and first that is written.
    """
    extents, (source, target) = nest.merged(shape, read, write)
    text = nest.loops(extents, f"y[{nest.index(target, into)}] = x[{nest.index(source, start)}];")
    kind = ctext.seen(x.dtype)
    to.run(to.function(stem, f"const {kind} *x, {kind} *y", text), to.source(x), to.target(y))


def still(shape: Shape, read: Sequence[int], start: int) -> bool:
    """Whether numbers that are read with these strides lie one behind the other from the first one on."""
    extents, (steps,) = nest.merged(shape, read)
    return not start and steps in ((), (1,)) and len(extents) < 2
