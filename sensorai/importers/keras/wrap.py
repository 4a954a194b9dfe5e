"""Rules of layers that apply another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.keras.rules import KerasLayer, Rule
from sensorai.ops.nd.reshape import Reshape


def _each_step(layer: KerasLayer) -> Sequence[Tensor]:
    """The layer for every step: steps are samples on the way."""
    x = layer.x
    if len(x.shape) < 3:
        raise ConfigError(f"{layer.where}: {x.shape} has no steps")
    batch, steps = x.shape[:2]
    flat = layer.add(Reshape((batch * steps, *x.shape[2:])), x, last=False, name=f"{layer.name}.steps")
    made = layer.apply(layer.option("layer"), [flat], "layer")
    out = []
    for y in made:
        if not y.shape or y.shape[0] != batch * steps:
            raise ConfigError(f"{layer.where}: what it wraps makes {y.shape} of {flat.shape}")
        out.append(layer.add(Reshape((batch, steps, *y.shape[1:])), y))
    return out


RULES: Mapping[str, Rule] = {"TimeDistributed": _each_step}
