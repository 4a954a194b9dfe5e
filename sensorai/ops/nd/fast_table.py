"""The faster kernels by the instructions that they are written for, in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sensorai.ops.nd import fast_dsp, fast_ispu, fast_mve, fast_thumb1
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
    """The kernel for a layer and the instructions of its core; None: the plain one does."""
    if layer.at.isa not in _BY_ISA:
        return None
    matrix, depth = _BY_ISA[layer.at.isa]
    layer = layer.settled()
    if not layer.fits():
        return None
    if layer.groups == 1:
        return matrix(layer)
    own = layer.groups == len(layer.weights) and layer.weights.shape[-1] == 1
    return depth(layer) if own else None
