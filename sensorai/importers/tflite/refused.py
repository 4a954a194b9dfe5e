"""What is said of operators that are not read."""

from __future__ import annotations

from collections.abc import Mapping

from sensorai.importers.tflite.table import RULES
from sensorai.targets import closest

_FOUND = "how many numbers it makes depends on them: let the model end before it, and do this in the program"
_INSTEAD: Mapping[str, str] = {
    "NON_MAX_SUPPRESSION_V4": _FOUND,
    "NON_MAX_SUPPRESSION_V5": _FOUND,
    "TFLite_Detection_PostProcess": _FOUND,
    "UNIQUE": _FOUND,
    "WHERE": _FOUND,
}


def instead(kind: str) -> str:
    """What to do about an operator that is not read."""
    if kind in _INSTEAD:
        return _INSTEAD[kind]
    if kind.startswith("Flex"):
        # kernels of TensorFlow itself, which a converter leaves where it is allowed to
        return "convert the model without SELECT_TF_OPS, to operators of TensorFlow Lite alone"
    near = closest(kind, RULES)
    return near if near.startswith("did you mean") else "'sensorai supported-ops tflite' lists those that are"
