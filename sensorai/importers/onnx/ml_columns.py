"""Rules of ``ai.onnx.ml`` that choose and join columns of features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.onnx.ml_common import narrow, numbers
from sensorai.importers.onnx.rules import OnnxNode, Rule
from sensorai.ops.nd.concat import Concat
from sensorai.ops.nd.gather import Gather
from sensorai.ops.nd.pad import Pad
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.slices import Slice


def _vectorizer(node: OnnxNode) -> Sequence[Tensor]:
    widths = numbers(node, "inputdimensions", np.int64).tolist()
    parts = [narrow(node, node.need(k)) for k in range(len(node.inputs))]
    if len(widths) != len(parts) or min(widths, default=0) < 1 or max(widths, default=0) > 1 << 20:
        raise ConfigError(f"{node.where}: inputdimensions {widths} for {len(parts)} inputs")
    out = []
    for part, width in zip(parts, widths, strict=True):
        one = part
        if len(one.shape) == 1:
            (one,) = node.add(Reshape((one.size, 1)), one, last=False)
        if len(one.shape) != 2:
            raise ConfigError(f"{node.where}: reads rows of features, not shape {part.shape}")
        if width < one.shape[1]:
            cut = Slice((0, 0), (one.shape[0], width), (1, 1))
            (one,) = node.add(cut, one, last=False)
        elif width > one.shape[1]:
            (one,) = node.add(Pad(((0, 0), (0, width - one.shape[1])), "constant", 0.0), one, last=False)
        out.append(one)
    return node.add(Concat(1), *out)


def _extractor(node: OnnxNode) -> Sequence[Tensor]:
    x, places = node.need(0), node.need(1)
    if not x.shape:
        raise ConfigError(f"{node.where}: a single number has no features")
    (flat,) = node.add(Reshape((places.size,)), places, last=False)
    wanted = (1, places.size) if len(x.shape) == 1 else (*x.shape[:-1], places.size)
    (found,) = node.add(Gather(len(x.shape) - 1), x, flat, last=False)
    return node.add(Reshape(wanted), found)


RULES: Mapping[str, Rule] = {
    "ai.onnx.ml.ArrayFeatureExtractor": _extractor,
    "ai.onnx.ml.FeatureVectorizer": _vectorizer,
}
