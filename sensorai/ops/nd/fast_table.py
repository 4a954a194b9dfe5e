"""The faster kernels by the instructions that they are written for; which of them a layer has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sensorai.graph.operator import Way
from sensorai.ops.nd import fast_costs, fast_dsp, fast_ispu, fast_mve, fast_thumb1
from sensorai.ops.nd.fast import Kernel, Layer

_Choice = Callable[[Layer], Kernel | None]
#: Of each: layers without groups, and those with a kernel for each channel.
_BY_ISA: Mapping[str, tuple[_Choice, _Choice]] = {
    "dsp": (fast_dsp.matrix, fast_dsp.depth),
    "thumb1": (fast_thumb1.matrix, fast_thumb1.depth),
    "mve": (fast_mve.matrix, fast_mve.depth),
    "ispu": (fast_ispu.matrix, fast_ispu.depth),
}


def kernel(layer: Layer) -> Kernel | None:
    """The kernel that was chosen for a layer, or the first one for the instructions of its core.

    None: the plain one does it.
    """
    wanted = layer.at.way
    if wanted == fast_costs.PLAIN:
        return None
    found = kernels(layer)
    return next((one for one in found if one.name == wanted), found[0] if found else None)


def kernels(layer: Layer) -> tuple[Kernel, ...]:
    """All kernels for a layer and the instructions of its core, the one that is made for it first."""
    if layer.at.isa not in _BY_ISA:
        return ()
    matrix, depth = _BY_ISA[layer.at.isa]
    layer = layer.settled()
    if not layer.fits():
        return ()
    if layer.groups == 1:
        found = [matrix(layer)]
        if layer.alone and set(layer.window.kernel) <= {1}:
            # the same function as that of other layers
            found.append(matrix(replace(layer, rows_alone=False)))
    elif layer.groups == len(layer.weights) and not layer.narrow and layer.weights.shape[-1] == 1:
        found = [depth(layer)]
    else:
        found = []
    there = {one.name: one for one in found if one is not None}
    return tuple(_with_room(one) for one in there.values())


def _with_room(one: Kernel) -> Kernel:
    """With bytes for weights of four bits, behind those that it uses."""
    if not one.layer.narrow:
        return one
    return replace(one, scratch=-(-one.scratch // 4) * 4 + one.opened)


def ways(layer: Layer) -> tuple[Way, ...]:
    """What a layer can be computed with, each with its costs; () where a cost is not known."""
    found = [fast_costs.plain(layer), *(fast_costs.costs(one) for one in kernels(layer))]
    return tuple(one for one in found if one is not None) if None not in found else ()
