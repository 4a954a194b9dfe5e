"""Rules that move blocks of images between extents and channels, and of the largest numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.known import integers
from sensorai.importers.tflite.rules import Rule, TfliteNode
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.topk import TopK
from sensorai.ops.nd.transpose import Transpose


def _blocks(node: TfliteNode) -> Sequence[Tensor]:
    x = node.need(0)
    b = int(node.options.BlockSize()) if node.options is not None else 0
    if b < 1 or len(x.shape) != 4:
        raise ConfigError(f"{node.where}: blocks of {b} in an input of shape {x.shape} make no sense")
    n, h, w, c = x.shape
    if node.kind == "SPACE_TO_DEPTH":
        fits, parts, to = not (h % b or w % b), (n, h // b, b, w // b, b, c), (n, h // b, w // b, c * b * b)
    else:
        fits, parts, to = not c % (b * b), (n, h, w, b, b, c // (b * b)), (n, h * b, w * b, c // (b * b))
    if not fits:
        raise ConfigError(f"{node.where}: an input of shape {x.shape} is no blocks of {b} by {b}")
    (split,) = node.add(Reshape(parts), x, last=False, name=f"{node.outputs[0].name}.parts", quant=x.quant)
    (turned,) = node.add(Transpose((0, 1, 3, 2, 4, 5)), split, last=False, quant=x.quant)
    return node.add(Reshape(to), turned)


def _top_k(node: TfliteNode) -> Sequence[Tensor]:
    x = node.need(0)
    said = integers(node.where, node.need(1), "number of results")
    if len(said) != 1 or not x.shape or len(node.outputs) != 2:
        raise ConfigError(f"{node.where}: {list(said)} largest numbers of shape {x.shape}")
    return node.add(TopK(said[0], len(x.shape) - 1, True, node.outputs[1].dtype), x)


RULES: Mapping[str, Rule] = {
    "DEPTH_TO_SPACE": _blocks,
    "SPACE_TO_DEPTH": _blocks,
    "TOPK_V2": _top_k,
}
