"""Every rule by the layer that it reads: the one list."""

from __future__ import annotations

from collections.abc import Mapping

from sensorai.importers.keras import (
    activation,
    conv,
    extent,
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
    **conv.RULES,
    **extent.RULES,
    **merge.RULES,
    **norm.RULES,
    **pool.RULES,
    **recurrent.RULES,
    **repeat.RULES,
    **shape.RULES,
    **wrap.RULES,
}
