"""Rules of spectra: complex numbers are pairs of real ones, along a last axis of their own.

Only a few operators know that axis; a net in which others take complex numbers is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.moves import Along, numbers, sliced, small
from sensorai.importers.tflite.movement import SHAPES
from sensorai.importers.tflite.rules import Rule, TfliteNode
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.matmul import MatMul
from sensorai.ops.nd.pad import Pad
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.unary import Unary


def _spectrum(node: TfliteNode) -> Sequence[Tensor]:
    """Products with cosines and sines; a signal is filled up with zeros, or cut, to the length."""
    x, length = node.need(0), numbers(node, 1, "length")
    if len(length) != 2 or length[0] != 1 or length[1] < 1 or len(x.shape) < 2 or x.shape[-2] != 1:
        raise ConfigError(f"{node.where}: spectra of {x.shape} over {list(length)[:4]} are not supported")
    if x.dtype != "float32":
        raise ConfigError(f"{node.where}: spectra of {x.dtype} are not supported")
    count = length[1]
    bins = count // 2 + 1
    small(node, (count, bins, 2))
    name = node.outputs[0].name
    rank, have = len(x.shape), x.shape[-1]
    if have > count:
        (x,) = node.add(sliced(x.shape, {rank - 1: Along(0, count)}), x, last=False, name=f"{name}.cut")
    elif have < count:
        pads = ((0, 0),) * (rank - 1) + ((0, count - have),)
        (x,) = node.add(Pad(pads), x, last=False, name=f"{name}.filled")
    # exact places on the circle, whatever the product of step and bin
    turns = np.outer(np.arange(count), np.arange(bins)) % count * (2 * np.pi / count)
    waves = np.stack([np.cos(turns), -np.sin(turns)], axis=-1).astype(np.float32)
    w = node.net.constant(f"{name}.waves", waves.reshape(count, 2 * bins))
    (y,) = node.add(MatMul(), x, w, last=False, name=f"{name}.pairs")
    return node.add(Reshape((*x.shape[:-1], bins, 2)), y)


def _part(node: TfliteNode, which: int, *, last: bool) -> Tensor:
    """Real or imaginary parts."""
    x = node.need(0)
    if x.dtype != "float32" or x.shape[-1:] != (2,):
        raise ConfigError(f"{node.where}: {x.shape} are no complex numbers")
    axis = len(x.shape) - 1
    name = f"{node.outputs[0].name}.{('real', 'imaginary')[which]}"
    (part,) = node.add(sliced(x.shape, {axis: Along(which, which + 1)}), x, last=False, name=name)
    return node.add(Reshape(x.shape[:-1]), part, last=last, name=f"{name}.parts")[0]


def _real(node: TfliteNode) -> Sequence[Tensor]:
    return (_part(node, 1 if node.kind == "IMAG" else 0, last=True),)


def _size(node: TfliteNode) -> Sequence[Tensor]:
    squares: list[Tensor] = []
    for which in (0, 1):
        x = _part(node, which, last=False)
        squares += node.add(Unary("square"), x, last=False, name=f"{node.outputs[0].name}.square{which}")
    (total,) = node.add(Binary("add"), *squares, last=False, name=f"{node.outputs[0].name}.sum")
    return node.add(Unary("sqrt"), total)


def _reshape(node: TfliteNode) -> Sequence[Tensor]:
    """All axes but that of the pairs."""
    x, said = node.need(0), node.outputs[0].shape
    if x.shape[-1:] != (2,):
        raise ConfigError(f"{node.where}: {x.shape} are no complex numbers")
    return node.add(Reshape((*SHAPES[node.kind](node, x.shape[:-1], said[:-1]), 2)), x)


def _cast(node: TfliteNode) -> Sequence[Tensor]:
    x, to = node.need(0), node.outputs[0]
    if to.dtype != "float32" or x.shape == to.shape or x.shape[-1:] != (2,):
        raise ConfigError(f"{node.where}: complex numbers become {to.dtype}, or come of others")
    return _real(node)


RULES: Mapping[str, Rule] = {
    "COMPLEX_ABS": _size,
    "IMAG": _real,
    "REAL": _real,
    "RFFT2D": _spectrum,
}
#: Rules of operators where complex numbers go in or come out.
PAIRS: Mapping[str, Rule] = {
    **RULES,
    "CAST": _cast,
    "EXPAND_DIMS": _reshape,
    "RESHAPE": _reshape,
    "SQUEEZE": _reshape,
}
