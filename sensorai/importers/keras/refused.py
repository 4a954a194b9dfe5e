"""What is said of layers that are not read."""

from __future__ import annotations

from collections.abc import Mapping

from sensorai.importers.keras.table import RULES
from sensorai.targets import closest

NOT_READ = "this layer is not supported"

#: Layers that a converter takes apart into operators that are read.
_CONVERTED = (
    "ConvLSTM1D",
    "ConvLSTM2D",
    "EinsumDense",
    "LocallyConnected1D",
    "LocallyConnected2D",
    "SpectralNormalization",
)
_QUANTISED = ("QGRU", "QLSTM", "QSimpleRNN", "QBidirectional")
#: What is wrong with layers that no rule can read, by their class.
REFUSED: Mapping[str, str] = {
    **dict.fromkeys(_QUANTISED, "its states are quantised at every step, which is not supported"),
    "Lambda": "its function is code of Python, which is not run",
    "Masking": "which steps count is seen from the numbers while the net runs, which is not supported",
}
_INSTEAD: Mapping[str, str] = {
    **dict.fromkeys(_CONVERTED, "convert the model: tf.lite.TFLiteConverter takes it apart into operators"),
    **dict.fromkeys(_QUANTISED, "build the model of recurrent layers without quantisers"),
    "Lambda": "write it with layers or keras.ops, or leave it out and compute it before or after the net",
    "Masking": "build the model for inputs of one length without it; the weights stay the same",
}


def instead(kind: str) -> str:
    """What to do about a layer that is not read."""
    if kind in _INSTEAD:
        return _INSTEAD[kind]
    # classes of others are registered under the name of a package
    if ">" in kind:
        return "it is a class of your own: build the model of layers of Keras that do the same"
    near = closest(kind, RULES)
    return near if near.startswith("did you mean") else "'sensorai supported-ops keras' lists those that are"
