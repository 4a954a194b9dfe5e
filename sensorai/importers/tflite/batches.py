"""Rules of blocks of places that become samples, and back: what dilated convolutions were once made of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.moves import Along, numbers, sliced
from sensorai.importers.tflite.movement import pairs, zero_of
from sensorai.importers.tflite.rules import Rule, TfliteNode
from sensorai.ops.nd.pad import Pad
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.transpose import Transpose


def _blocks(node: TfliteNode) -> tuple[Tensor, tuple[int, ...], tuple[tuple[int, int], ...]]:
    """Input, extents of a block, and pads or crops, one for each spatial axis."""
    x, block = node.need(0), numbers(node, 1, "block")
    if len(x.shape) < len(block) + 1 or min(block, default=1) < 1:
        raise ConfigError(f"{node.where}: blocks of {list(block)[:8]} do not go with shape {x.shape}")
    return x, block, pairs(node, 2, len(block))


def _space_to_batch(node: TfliteNode) -> Sequence[Tensor]:
    """Pad, then places in a block become samples."""
    x, block, pads = _blocks(node)
    n = len(block)
    every = ((0, 0), *pads, *[(0, 0)] * (len(x.shape) - n - 1))
    (x,) = node.add(Pad(every, "constant", zero_of(x)), x, last=False, quant=x.quant)
    if any(e % b for e, b in zip(x.shape[1:], block, strict=False)):
        raise ConfigError(f"{node.where}: shape {x.shape} is no whole number of blocks {list(block)}")
    inner = x.shape[n + 1 :]
    cut = [v for e, b in zip(x.shape[1:], block, strict=False) for v in (e // b, b)]
    (y,) = node.add(Reshape((x.shape[0], *cut, *inner)), x, last=False)
    within, outside = range(2, 2 * n + 1, 2), range(1, 2 * n, 2)
    perm = (*within, 0, *outside, *range(2 * n + 1, 2 * n + 1 + len(inner)))
    (y,) = node.add(Transpose(perm), y, last=False)
    return node.add(Reshape((x.shape[0] * math.prod(block), *cut[0::2], *inner)), y)


def _batch_to_space(node: TfliteNode) -> Sequence[Tensor]:
    """Samples become places in a block, then what is too much is cut off."""
    x, block, crops = _blocks(node)
    n, count = len(block), math.prod(block)
    if x.shape[0] % count:
        raise ConfigError(f"{node.where}: {x.shape[0]} samples are no whole number of blocks {list(block)}")
    inner, outer = x.shape[n + 1 :], x.shape[1 : n + 1]
    (y,) = node.add(Reshape((*block, x.shape[0] // count, *outer, *inner)), x, last=False)
    pairs = [v for k in range(n) for v in (n + 1 + k, k)]
    (y,) = node.add(Transpose((n, *pairs, *range(2 * n + 1, 2 * n + 1 + len(inner)))), y, last=False)
    grown = (x.shape[0] // count, *(e * b for e, b in zip(outer, block, strict=True)), *inner)
    (y,) = node.add(Reshape(grown), y, last=False)
    along = {}
    for k, ((before, after), extent) in enumerate(zip(crops, grown[1:], strict=False)):
        if before + after > extent:
            raise ConfigError(f"{node.where}: crops {(before, after)} are more than {extent}")
        along[k + 1] = Along(before, extent - after)
    return node.add(sliced(grown, along), y)


RULES: Mapping[str, Rule] = {
    "BATCH_TO_SPACE_ND": _batch_to_space,
    "SPACE_TO_BATCH_ND": _space_to_batch,
}
