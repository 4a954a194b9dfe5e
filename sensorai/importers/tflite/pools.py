"""Rules of pools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.libraries import library
from sensorai.importers.tflite.products import clamp_of, margins
from sensorai.importers.tflite.rules import Rule, TfliteNode
from sensorai.ops.nd.pool import Pool

_KINDS: Mapping[str, str] = {"AVERAGE_POOL_2D": "average", "L2_POOL_2D": "l2", "MAX_POOL_2D": "max"}


def _pool(node: TfliteNode) -> Sequence[Tensor]:
    x, said = node.need(0), node.options
    if said is None:
        raise ConfigError(f"{node.where}: its options are missing")
    kernel = (int(said.FilterHeight()), int(said.FilterWidth()))
    strides = (int(said.StrideH()), int(said.StrideW()))
    if min(kernel + strides) < 1 or len(x.shape) != 4:
        raise ConfigError(
            f"{node.where}: a kernel {kernel} with strides {strides} over {x.shape} makes no sense"
        )
    lo, hi = clamp_of(node)
    same = bool(said.Padding() == library("tflite").Padding.SAME)
    pads = margins(x.shape[1:3], kernel, strides, (1, 1), same)
    return node.add(Pool(_KINDS[node.kind], kernel, strides, (), pads, lo=lo, hi=hi), x)


RULES: Mapping[str, Rule] = dict.fromkeys(_KINDS, _pool)
