"""Rules of recurrent layers, whose states the net keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import State
from sensorai.graph.quant import Affine, Quant
from sensorai.graph.tensor import Shape, Tensor
from sensorai.importers.tflite.rules import Rule, TfliteNode
from sensorai.ops.nd.lstm import Lstm
from sensorai.ops.nd.reshape import Reshape

#: Places of weights and biases in the order of our gates: input, output, forget, cell; the file has input,
#: forget, cell, output.
_OF_INPUT, _OF_OUTPUT, _BIASES = (1, 4, 2, 3), (5, 8, 6, 7), (12, 15, 13, 14)
#: What else may stand there: peepholes, projection, layer norm.
_OTHERS = (9, 10, 11, 16, 17, 20, 21, 22, 23)
_TANH = 4


def _stacked(node: TfliteNode, places: Sequence[int], name: str) -> Tensor:
    """Constants of the gates as one, with a direction in front and a scale for every row."""
    parts = [node.need(place) for place in places]
    if any(part.data is None for part in parts):
        raise ConfigError(f"{node.where}: weights that are computed are not supported")
    data = np.concatenate([np.asarray(part.data) for part in parts])[None]
    quant: Quant = None
    if parts[0].dtype == "int8":
        scales: list[float] = []
        for part in parts:
            if not isinstance(part.quant, Affine) or part.quant.axis is not None or any(part.quant.zero):
                raise ConfigError(f"{node.where}: {part.name} needs one scale, with the zero point 0")
            scales += [part.quant.scale[0]] * part.shape[0]
        quant = Affine(tuple(scales), (0,) * len(scales), 1)
    return node.net.constant(f"{node.outputs[0].name}.{name}", data, parts[0].dtype, quant)


def _state(node: TfliteNode, place: int, shape: Shape) -> Tensor:
    """State that is read at the start of a call."""
    said = node.variables.get(place)
    if said is None:
        raise ConfigError(f"{node.where}: input {place} is no variable tensor")
    return node.net.kept(said.name, shape, said.dtype, said.quant)


def _lstm(node: TfliteNode) -> Sequence[Tensor]:
    if found := [place for place in _OTHERS if node.input(place) is not None]:
        raise ConfigError(f"{node.where}: input {found[0]} (peepholes, projection, norm) is not supported")
    if node.input(1) is None:
        raise ConfigError(f"{node.where}: coupled gates are not supported")
    options = node.options
    if options is None or options.FusedActivationFunction() != _TANH:
        raise ConfigError(f"{node.where}: its activation must be tanh")
    x, w, r = node.need(0), _stacked(node, _OF_INPUT, "w"), _stacked(node, _OF_OUTPUT, "r")
    b = _stacked(node, _BIASES, "b")
    major = bool(options.TimeMajor())
    batch = x.shape[1] if major else x.shape[0]
    lead = (1, batch) if major else (batch, 1)
    h0 = _state(node, 18, (*lead, r.shape[2]))
    c0 = _state(node, 19, (*lead, w.shape[1] // 4))
    op = Lstm(layout=0 if major else 1, cell_clip=float(options.CellClip()))
    name = node.outputs[0].name
    y, h, c = node.net.add(
        op,
        (x, w, r, b, None, h0, c0),
        (f"{name}.steps", f"{name}.last", f"{name}.cell"),
        (node.outputs[0].quant, h0.quant, c0.quant),
    )
    node.net.states += [State(h0.name, h.name), State(c0.name, c.name)]
    return node.add(Reshape(node.outputs[0].shape), y)


RULES: Mapping[str, Rule] = {"UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm}
