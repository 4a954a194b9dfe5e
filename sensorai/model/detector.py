"""One-class models: how far a window is from normal ones, and an alarm where that is beyond a threshold.

A detector takes the place of a classifier with the classes ``normal`` and ``anomaly``: the score of the
first is the threshold, that of the second the anomaly score. The class of the largest score, the first of
equal ones, is then ``anomaly`` exactly where the score is above the threshold, and decision filter, C
interface, output registers and reports serve unchanged.

Scores are whole numbers from 0 to 2**31 - 1, larger is always further from normal, and sums saturate there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import index
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.graph.graph import Graph
from sensorai.graph.interpret import output
from sensorai.graph.rounding import INT32_MAX
from sensorai.model import gaussians, isolation, prototypes, store
from sensorai.model.gaussians import Gaussians
from sensorai.model.isolation import Isolation
from sensorai.model.prototypes import Prototypes
from sensorai.model.scaling import LIMITS

CLASSES = ("normal", "anomaly")

Core = Gaussians | Prototypes | Isolation | Graph

#: What each kind is made of.
KINDS: Mapping[str, type[Core]] = {
    "mahalanobis": Gaussians,
    "gmm": Gaussians,
    "prototypes": Prototypes,
    "isolation-forest": Isolation,
    "autoencoder": Graph,
}


@dataclass(frozen=True, slots=True, eq=False)
class Detector:
    """A one-class model: one anomaly score a window, an alarm where it is above the threshold.

    Attributes
    ----------
    kind : str
        A key of ``KINDS``.
    core : Gaussians, Prototypes, Isolation or Graph
        A graph is an autoencoder: int8 in and out, equal shapes and scales.
    threshold : int
        0 to 2**31 - 1; the answer is ``anomaly`` where the score is larger.
    """

    kind: str
    core: Core
    threshold: int

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(
                f"detectors of kind {self.kind!r} are not known", hint=f"known: {', '.join(KINDS)}"
            )
        if not isinstance(self.core, KINDS[self.kind]):
            raise DataError(f"a {self.kind} detector cannot be made of {type(self.core).__name__}")
        if type(self.threshold) is not int or not 0 <= self.threshold <= INT32_MAX:
            raise DataError(f"a threshold of {self.threshold!r} is no whole number from 0 to {INT32_MAX}")
        if self.kind == "mahalanobis" and isinstance(self.core, Gaussians) and self.core.bias.any():
            raise DataError("the Gaussians of a mahalanobis detector have no bias")
        if isinstance(self.core, Graph):
            _check_autoencoder(self.core)

    @property
    def input_type(self) -> str:
        """Type of the inputs: ``int8``, ``int16`` or ``int32``."""
        if isinstance(self.core, Graph):
            return "int8"
        return "int32" if isinstance(self.core, Isolation) else "int16"

    @property
    def inputs(self) -> int:
        """Values that the model takes."""
        if isinstance(self.core, Graph):
            return self.core.tensors[self.core.inputs[0]].size
        return self.core.features

    def with_threshold(self, threshold: SupportsIndex) -> Detector:
        """Return the same detector with another threshold, any whole number of Python or NumPy."""
        return replace(self, threshold=index(threshold))

    def distances(self, inputs: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
        """Anomaly scores, shape (rows, inputs) -> (rows,), int32.

        Raises
        ------
        DataError
            Inputs of another shape, or int16 ones outside -511 to 511.
        """
        if inputs.ndim != 2 or inputs.shape[1] != self.inputs:
            raise DataError(f"the detector takes rows of {self.inputs} values, not shape {inputs.shape}")
        if self.input_type == "int16" and len(inputs) and np.abs(inputs.astype(np.int64)).max() > 511:
            raise DataError(f"an input of the detector is beyond {LIMITS['int16'][1]}")
        if not len(inputs):
            return np.zeros(0, np.int32)
        if isinstance(self.core, Graph):
            wide = reconstruct(self.core, inputs).astype(np.int64) - inputs
            points = (wide**2).sum(axis=1)
        else:
            points = self.core.scores(inputs)
        out: npt.NDArray[np.int32] = np.minimum(points, INT32_MAX).astype(np.int32)
        return out

    def scores(self, inputs: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
        """Threshold and anomaly score, shape (rows, inputs) -> (rows, 2), int32."""
        points = self.distances(inputs)
        return np.stack([np.full(len(points), self.threshold, np.int32), points], axis=1)


def reconstruct(graph: Graph, inputs: npt.NDArray[np.integer]) -> npt.NDArray[np.int8]:
    """What an autoencoder makes of its inputs, shape (rows, inputs) -> (rows, inputs), int8."""
    shape = graph.tensors[graph.inputs[0]].shape
    out = output(graph, inputs.astype(np.int8).reshape(len(inputs), *shape))
    flat: npt.NDArray[np.int8] = out.reshape(inputs.shape)
    return flat


def _check_autoencoder(graph: Graph) -> None:
    source, target = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    if source.dtype != "int8" or target.dtype != "int8":
        raise DataError(f"an autoencoder is int8 at both ends, not {source.dtype} and {target.dtype}")
    if source.shape != target.shape or source.quant != target.quant:
        raise DataError("input and output of an autoencoder differ in shape or scale")


def to_dict(detector: Detector) -> dict[str, Any]:
    """Return the detector as plain data for JSON."""
    core = detector.core
    if isinstance(core, Graph):
        data = store.to_dict(core)
    elif isinstance(core, Gaussians):
        data = gaussians.to_dict(core)
    elif isinstance(core, Prototypes):
        data = prototypes.to_dict(core)
    else:
        data = isolation.to_dict(core)
    return {"kind": detector.kind, "threshold": detector.threshold, "core": data}


def from_dict(data: Mapping[str, Any], where: str = "") -> Detector:
    """Read what ``to_dict`` wrote; a DataError naming ``where`` for anything else."""
    try:
        kind, core = str(data["kind"]), data["core"]
        made = KINDS[kind]
        read: Core
        if made is Graph:
            read = store.from_dict(core, where)
        elif made is Gaussians:
            read = gaussians.from_dict(core)
        elif made is Prototypes:
            read = prototypes.from_dict(core)
        else:
            read = isolation.from_dict(core)
        return Detector(kind, read, data["threshold"])
    except (ConfigError, DataError) as error:
        raise DataError(error.message, where=error.where or where) from None
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"this is no detector: {type(error).__name__} {error}", where=where) from None
