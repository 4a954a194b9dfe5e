"""Every rule by the layer that it reads: the one list."""

from __future__ import annotations

from collections.abc import Mapping

from sensorai.importers.keras import (
    activation,
    attention,
    conv,
    extent,
    folded,
    functions,
    images,
    merge,
    norm,
    pool,
    recurrent,
    repeat,
    shape,
    wrap,
)
from sensorai.importers.keras.rules import Rule

RULES: Mapping[str, Rule] = {
    **activation.RULES,
    **attention.RULES,
    **conv.RULES,
    **extent.RULES,
    **folded.RULES,
    **functions.RULES,
    **images.RULES,
    **merge.RULES,
    **norm.RULES,
    **pool.RULES,
    **recurrent.RULES,
    **repeat.RULES,
    **shape.RULES,
    **wrap.RULES,
}
