"""Every rule by the operator that it reads: the one list."""

from __future__ import annotations

from collections.abc import Mapping

from sensorai.importers.onnx import (
    constants,
    contributed,
    dynamic,
    dynamic_lstm,
    einsum,
    elementwise,
    fused,
    images,
    ml_columns,
    ml_linear,
    ml_rows,
    ml_trees,
    movement,
    norms,
    places,
    pools,
    products,
    qonnx,
    quantize,
    recurrent,
    resize,
    signals,
    sums,
)
from sensorai.importers.onnx.rules import Rule

RULES: Mapping[str, Rule] = {
    **constants.RULES,
    **contributed.RULES,
    **dynamic.RULES,
    **dynamic_lstm.RULES,
    **einsum.RULES,
    **elementwise.RULES,
    **fused.RULES,
    **images.RULES,
    **ml_columns.RULES,
    **ml_linear.RULES,
    **ml_rows.RULES,
    **ml_trees.RULES,
    **movement.RULES,
    **norms.RULES,
    **places.RULES,
    **pools.RULES,
    **products.RULES,
    **qonnx.RULES,
    **quantize.RULES,
    **recurrent.RULES,
    **resize.RULES,
    **signals.RULES,
    **sums.RULES,
}
