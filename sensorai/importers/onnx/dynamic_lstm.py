"""``DynamicQuantizeLSTM`` of onnxruntime's quantiser: an LSTM of bytes whose scales are those of each call.

As onnxruntime's kernel does it (``dynamic_quantize_lstm.cc``, ``rnn_helpers.cc``): all steps of the input are
quantised together, uint8 with one scale, and so is what the layer gave last, anew at every step. Sums with
the weights are those of integers; they become real numbers by the product of both scales, one for each gate
and unit, are added, then the bias, and the gates compute in float32. Here it is operator by operator, step
after step: weights are there once, but every step is code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.known import known
from sensorai.importers.moves import Along, sliced
from sensorai.importers.onnx import quantize
from sensorai.importers.onnx.dynamic import inner
from sensorai.importers.onnx.products import scale_of
from sensorai.importers.onnx.rules import OnnxNode, Rule
from sensorai.importers.refusals import TooMuch
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.cast import Cast
from sensorai.ops.nd.concat import Concat
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.recurrent import DIRECTIONS
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.unary import Unary

#: Steps in all directions: each is about thirty operators.
STEPS = 512
_FLOAT = "quantise with op_types_to_quantize=['MatMul', 'Gemm', 'Conv'], or leave it to 'sensorai quantize'"


class _Matrix:
    """Weights of one direction, and what their sums mean."""

    def __init__(self, node: OnnxNode, role: str, weights: Array, scale: Array, zero: Array) -> None:
        self.node, self.role = node, role
        # inputs first in the file, outputs first here
        turned, zeros = np.ascontiguousarray(weights.T), zero.reshape(-1)
        quant = scale_of(node, None, zeros, 0)
        self.weights = node.net.constant(f"{_wish(node)}.{role}", turned, turned.dtype.name, quant)
        sums = (turned.astype(np.int64) - zeros.reshape(-1, 1)).sum(axis=1).astype(np.int32)
        self.columns = node.net.constant(f"{_wish(node)}.{role}.columns", sums)
        self.scale = node.net.constant(f"{_wish(node)}.{role}.scale", scale.reshape(-1).astype(np.float32))

    def times(self, x: Tensor) -> Tensor:
        """Quantise real rows together, and multiply them."""
        node, name = self.node, f"{self.role}.sums"
        made = inner(node, "DynamicQuantizeLinear", (x,), *(f"{self.role}.{n}" for n in ("q", "s", "z")))
        q, scale, zero = quantize.RULES["DynamicQuantizeLinear"](made)
        sums = _add(node, FullyConnected(rounding="even", to="int32"), name, q, self.weights)
        zero = _add(node, Reshape(()), f"{self.role}.z", _add(node, Cast("int32"), f"{self.role}.z", zero))
        share = _add(node, Binary("mul"), f"{self.role}.share", self.columns, zero)
        real = _add(node, Cast("float32"), name, _add(node, Binary("sub"), name, sums, share))
        factor = _add(node, Binary("mul"), f"{self.role}.factor", self.scale, scale)
        return _add(node, Binary("mul"), name, real, factor)


def _wish(node: OnnxNode) -> str:
    return next((name for name in node.outputs if name), "lstm")


def _add(node: OnnxNode, op: NdOperator, name: str, *inputs: Tensor) -> Tensor:
    return node.net.add(op, inputs, (f"{_wish(node)}.{name}",))[0]


def _checked(node: OnnxNode) -> tuple[int, int, int]:
    """Steps, directions and units; a ConfigError for settings that are not read."""
    node.only("direction", *DIRECTIONS)
    node.only("input_forget", 0)
    node.only("clip", 0.0)
    node.only("layout", 0)
    x, w, r = (node.need(k).shape for k in range(3))
    count = 2 if node.attribute("direction") == "bidirectional" else 1
    names = [str(name).lower() for name in node.attribute("activations") or ()]
    if names not in ([], ["sigmoid", "tanh", "tanh"] * count):
        raise ConfigError(f"{node.where}: activations {names} are not supported", hint=_FLOAT)
    for place, what in ((4, "lengths of sequences"), (7, "peepholes")):
        if node.input(place) is not None:
            raise ConfigError(f"{node.where}: {what} are not supported", hint=_FLOAT)
    units = r[1] if len(r) == 3 else 0
    if len(x) != 3 or not units or w != (count, x[2], 4 * units) or r != (count, units, 4 * units):
        raise ConfigError(f"{node.where}: an input of {x} does not go with weights of {w} and {r}")
    if x[1] != 1 or x[0] < 1:
        raise ConfigError(
            f"{node.where}: {x[1]} sequences at a time are not supported: their scales depend on threads",
            hint="give one at a time: --shape with 1 in place of the batch",
        )
    if x[0] * count > STEPS:
        raise TooMuch(f"{node.where}: {x[0] * count} steps are more than {STEPS}", hint=_FLOAT)
    return x[0], count, units


def _weights(node: OnnxNode, place: int, scale: int, role: str, count: int, units: int) -> list[_Matrix]:
    """Both kinds of scales: one of a direction, or one for each gate and unit."""
    given = [known(node.where, node.need(k), f"input {k}") for k in (place, scale, scale + 1)]
    made = []
    for k in range(count):
        parts = [given[0][k]]
        for one in given[1:]:
            if one.shape not in ((count,), (count, 1), (count, 4 * units)):
                raise ConfigError(f"{node.where}: scales of {one.shape} do not go with {units} units")
            parts.append(one[k])
        made.append(_Matrix(node, role, parts[0], parts[1], parts[2]))
    return made


def _start(node: OnnxNode, place: int, k: int, units: int) -> Tensor | None:
    """Given state of a direction, None where there is none or nothing but zeros."""
    x = node.input(place)
    if x is None or (x.data is not None and not x.data.any()):
        return None
    return _add(node, Reshape((1, units)), f"first{k}", _part(node, x, 0, k))


def _part(node: OnnxNode, x: Tensor, axis: int, start: int, count: int = 1) -> Tensor:
    along = {axis: Along(start, start + count)}
    return _add(node, sliced(x.shape, along), "part", x)


def _lstm(node: OnnxNode) -> Sequence[Tensor]:
    steps, count, units = _checked(node)
    w, r = (_weights(node, k, k * 2 + 6, "wr"[k - 1], count, units) for k in (1, 2))
    x = _add(node, Reshape((steps, node.need(0).shape[2])), "rows", node.need(0))
    biases = node.input(3)
    both = None if biases is None else known(node.where, biases, "bias").reshape(count, 2, 4 * units)
    rows, lasts, cells = [], [], []
    for k in range(count):
        bias = np.zeros(4 * units, np.float32) if both is None else both[k, 0] + both[k, 1]
        shift = node.net.constant(f"{_wish(node)}.bias", bias.astype(np.float32))
        sums = w[k].times(x)
        h, c = _start(node, 5, k, units), _start(node, 6, k, units)
        made: list[Tensor] = []
        back = k == 1 or node.attribute("direction") == "reverse"
        for t in reversed(range(steps)) if back else range(steps):
            now = _part(node, sums, 0, t)
            if h is not None:
                now = _add(node, Binary("add"), "gates", now, r[k].times(h))
            h, c = _step(node, _add(node, Binary("add"), "gates", now, shift), c, units)
            made.append(h)
        rows.append(made[::-1] if back else made)
        lasts.append(made[-1])
        if c is not None:
            cells.append(c)
    every = [one for t in range(steps) for one in (row[t] for row in rows)]
    wanted = [bool(name) for name in (*node.outputs, "", "", "")[:3]]
    shapes = (steps, count, 1, units), (count, 1, units), (count, 1, units)
    outs: list[Tensor] = []
    for k, (parts, shape) in enumerate(zip((every, lasts, cells), shapes, strict=True)):
        if not wanted[k]:
            # nothing reads what has no name
            outs.append(parts[0])
            continue
        joined = parts[0] if len(parts) == 1 else _add(node, Concat(0), "joined", *parts)
        outs.append(node.net.add(Reshape(shape), (joined,), (node.outputs[k],))[0])
    return outs


def _step(node: OnnxNode, gates: Tensor, cell: Tensor | None, units: int) -> tuple[Tensor, Tensor]:
    """Gates in the order input, output, forget, cell."""
    i, o, f, g = (
        _add(node, Unary(function), "gate", _part(node, gates, 1, k * units, units))
        for k, function in enumerate(("sigmoid", "sigmoid", "sigmoid", "tanh"))
    )
    new = _add(node, Binary("mul"), "new", i, g)
    if cell is not None:
        new = _add(node, Binary("add"), "cell", _add(node, Binary("mul"), "kept", cell, f), new)
    return _add(node, Binary("mul"), "h", o, _add(node, Unary("tanh"), "out", new)), new


RULES: Mapping[str, Rule] = {"com.microsoft.DynamicQuantizeLSTM": _lstm}
