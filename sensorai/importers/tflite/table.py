"""Every rule by the operator that it reads: the one list."""

from __future__ import annotations

from collections.abc import Mapping

from sensorai.importers.tflite import (
    batches,
    elementwise,
    images,
    movement,
    pools,
    products,
    recurrent,
    resize,
    signal,
    spectrum,
    sums,
)
from sensorai.importers.tflite.rules import Rule

RULES: Mapping[str, Rule] = {
    **batches.RULES,
    **elementwise.RULES,
    **images.RULES,
    **movement.RULES,
    **pools.RULES,
    **products.RULES,
    **recurrent.RULES,
    **resize.RULES,
    **signal.RULES,
    **spectrum.RULES,
    **sums.RULES,
}
