"""Rules that move blocks of images between extents and channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Shape, Tensor
from sensorai.importers.known import integers
from sensorai.importers.onnx.products import step
from sensorai.importers.onnx.rules import OnnxNode, Rule
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.topk import TopK
from sensorai.ops.nd.transpose import Transpose


def _block(node: OnnxNode, x: Tensor) -> int:
    size = int(node.attribute("blocksize", 0))
    if size < 1 or len(x.shape) != 4:
        raise ConfigError(f"{node.where}: blocks of {size} in an input of shape {x.shape} make no sense")
    return size


def _through(node: OnnxNode, x: Tensor, parts: Shape, perm: Shape, to: Shape) -> Sequence[Tensor]:
    turned = step(node, Transpose(perm), step(node, Reshape(parts), x, "parts"), "turned")
    return node.add(Reshape(to), turned)


def _depth_to_space(node: OnnxNode) -> Sequence[Tensor]:
    x = node.need(0)
    b = _block(node, x)
    node.only("mode", "DCR", "CRD")
    n, c, h, w = x.shape
    if c % (b * b):
        raise ConfigError(f"{node.where}: {c} channels are no blocks of {b} by {b}")
    inner, to = c // (b * b), (n, c // (b * b), h * b, w * b)
    if node.attribute("mode", "DCR") == "DCR":
        return _through(node, x, (n, b, b, inner, h, w), (0, 3, 4, 1, 5, 2), to)
    return _through(node, x, (n, inner, b, b, h, w), (0, 1, 4, 2, 5, 3), to)


def _space_to_depth(node: OnnxNode) -> Sequence[Tensor]:
    x = node.need(0)
    b = _block(node, x)
    node.only("mode", "DCR", "CRD")
    n, c, h, w = x.shape
    if h % b or w % b:
        raise ConfigError(f"{node.where}: {h} by {w} numbers are no blocks of {b} by {b}")
    perm = (0, 3, 5, 1, 2, 4) if node.attribute("mode", "DCR") == "DCR" else (0, 1, 3, 5, 2, 4)
    return _through(node, x, (n, c, h // b, b, w // b, b), perm, (n, c * b * b, h // b, w // b))


def _top_k(node: OnnxNode) -> Sequence[Tensor]:
    x, rank = node.need(0), len(node.need(0).shape)
    if node.opset < 10:
        count = int(node.attribute("k", 0))
    else:
        said = integers(node.where, node.need(1), "number of results")
        if len(said) != 1:
            raise ConfigError(f"{node.where}: k holds {len(said)} numbers")
        count = said[0]
    axis = int(node.attribute("axis", -1))
    if not -rank <= axis < rank:
        raise ConfigError(f"{node.where}: there is no axis {axis} of {rank}")
    return node.add(TopK(count, axis % rank, bool(node.attribute("largest", 1))), x)


RULES: Mapping[str, Rule] = {
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
    "TopK": _top_k,
}
