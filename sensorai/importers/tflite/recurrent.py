"""Rules of layers that keep what they made: their variable tensors are states of the net."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.quant import Affine, Quant
from sensorai.graph.tensor import Tensor
from sensorai.importers.tflite.elementwise import activation
from sensorai.importers.tflite.products import reshaped
from sensorai.importers.tflite.rules import Rule, TfliteNode
from sensorai.ops.nd import meant
from sensorai.ops.nd.concat import Concat
from sensorai.ops.nd.gates import Gate
from sensorai.ops.nd.lstm import Lstm
from sensorai.ops.nd.recurrent import Recurrent
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.rnn import Rnn
from sensorai.ops.nd.svdf import Svdf

#: Functions of gates by their numbers in the file.
_GATES: Mapping[int, Gate] = {
    0: Gate("linear", 1.0, 0.0),
    1: Gate("relu"),
    4: Gate("tanh"),
}


def _data(node: TfliteNode, place: int, shape: tuple[int, ...]) -> Tensor:
    tensor = node.need(place)
    if tensor.data is None or tensor.shape != shape:
        raise ConfigError(
            f"{node.where}: input {place} of shape {tensor.shape} is no constant of shape {shape}"
        )
    return tensor


def _stacked(node: TfliteNode, name: str, found: Sequence[Tensor]) -> Tensor:
    """Weights or biases of gates one after the other, behind an axis of one direction."""
    if len({t.dtype for t in found}) != 1:
        kinds = ", ".join(sorted({t.dtype for t in found}))
        raise ConfigError(f"{node.where}: its {name} are of several types: {kinds}")
    data = np.concatenate([np.asarray(t.data) for t in found])[None]
    quants = [t.quant for t in found]
    scaled = [q for q in quants if isinstance(q, Affine)]
    quant: Quant = None
    if len(scaled) == len(found) and found[0].dtype == "int8":
        if any(q.axis is not None for q in scaled):
            raise ConfigError(f"{node.where}: its weights have a scale for each row, which is not supported")
        rows = [t.shape[0] for t in found]
        scale = tuple(q.scale[0] for q, n in zip(scaled, rows, strict=True) for _ in range(n))
        zero = tuple(q.zero[0] for q, n in zip(scaled, rows, strict=True) for _ in range(n))
        quant = Affine(scale, zero, 1)
    elif found[0].dtype == "int8":
        raise ConfigError(f"{node.where}: its int8 weights have no scales")
    return node.net.constant(f"{node.outputs[0].name}.{name}", data, found[0].dtype, quant)


def _rows(node: TfliteNode, place: int) -> int:
    w = node.need(place)
    if len(w.shape) != 2 or min(w.shape) < 1:
        raise ConfigError(f"{node.where}: weights of shape {w.shape}")
    return w.shape[0]


def _minus(node: TfliteNode, tensor: Tensor) -> Tensor:
    """Numbers of a constant with the other sign."""
    data = np.asarray(tensor.data)
    if tensor.dtype == "int8" and np.any(data == -128):
        raise ConfigError(f"{node.where}: its weights {tensor.name} hold -128, which has no other sign")
    return node.net.constant(f"{tensor.name}.minus", -data, tensor.dtype, tensor.quant)


def _real(node: TfliteNode, tensor: Tensor) -> Tensor:
    """Constant integers with a scale as the float32 numbers that they mean."""
    if tensor.dtype == "float32" or tensor.data is None:
        return tensor
    if not isinstance(tensor.quant, Affine):
        raise ConfigError(f"{node.where}: its {tensor.dtype} numbers {tensor.name} have no scale")
    return node.net.constant(f"{tensor.name}.real", meant.real(tensor, tensor.data), "float32")


def _lstm_of(
    node: TfliteNode,
    x: Tensor,
    layout: int,
    first: int,
    states: tuple[int, int],
    back: bool = False,
    norms: int = 0,
) -> Tensor:
    """One direction, with weights from input ``first`` on, as the one-way layer has them from 1.

    ``norms``: first input with factors of normalised gates; 0: it has none.
    """

    def place(k: int) -> int:
        return first + k - 1

    # a layer of both directions has 8 weights, 3 peepholes, 4 biases and the projection for each
    lost = [k for k in (1, 5, 12) if node.input(place(k)) is None]
    coupled = len(lost) == 3
    if lost and (not coupled or x.dtype != "float32"):
        said = "only some inputs of its input gate are there" if not coupled else "coupled gates of integers"
        raise ConfigError(f"{node.where}: input {place(lost[0])} is left out: {said}, which is not supported")
    units, inputs = _rows(node, place(2)), x.shape[-1]
    projection = node.input(place(16))
    outputs = _rows(node, place(16)) if projection is not None else units
    batch = x.shape[0] if layout else x.shape[1]

    def gates(from_: int, shape: tuple[int, ...], signed: bool = True) -> list[Tensor]:
        """Constants of the gates in the operator's order; the file has input, forget, cell, output."""
        found = [_data(node, from_ + k, shape) for k in ((3, 1, 2) if coupled else (0, 3, 1, 2))]
        if coupled:
            # the input gate is 1 - f(v), which is f(-v): what is left out is the forget gate's
            found.insert(0, _minus(node, found[1]) if signed else found[1])
        return found

    w = gates(place(1), (units, inputs))
    r = gates(place(5), (units, outputs))
    b = gates(place(12), (units,))
    reads: list[Tensor | None] = [x, _stacked(node, "w", w), _stacked(node, "r", r), _stacked(node, "b", b)]
    lead = (batch, 1) if layout else (1, batch)
    h, c = node.state(states[0], (*lead, outputs)), node.state(states[1], (*lead, units))
    reads += [None, h, c]
    if any(node.input(place(k)) is not None for k in (9, 10, 11)):
        seen = [_data(node, place(k), (units,)) for k in ((11, 10) if coupled else (9, 11, 10))]
        seen = [_minus(node, seen[1]), *seen] if coupled else seen
        reads.append(_stacked(node, "p", [_real(node, t) for t in seen] if x.dtype == "float32" else seen))
    else:
        reads.append(None)
    if projection is not None:
        reads.append(_stacked(node, "projection", [_data(node, place(16), (outputs, units))]))
        bias = node.input(place(17))
        reads.append(
            None if bias is None else _stacked(node, "projection_bias", [_data(node, place(17), (outputs,))])
        )
    if norms and any(node.input(norms + k) is not None for k in range(4)):
        reads += [None] * (10 - len(reads))
        reads.append(_stacked(node, "n", gates(norms, (units,), signed=False)))
    options = node.options
    op = Lstm(
        "reverse" if back else "forward",
        layout,
        coupled=coupled,
        cell_clip=float(options.CellClip()),
        projection_clip=float(options.ProjClip()) if projection is not None else 0.0,
    )
    return _added(node, op, reads, (h, c))


def _added(
    node: TfliteNode, op: Recurrent, reads: Sequence[Tensor | None], states: Sequence[Tensor]
) -> Tensor:
    """Append a layer and keep its states; its outputs in all steps, without the axis of directions."""
    name = node.outputs[0].name
    quants = [states[0].quant, *(s.quant for s in states)]
    y, *last = node.net.add(op, reads, (f"{name}.{op.NAME}",), quants)
    for state, following in zip(states, last, strict=True):
        node.net.keep(state, following)
    shape = (*y.shape[:2], y.shape[3]) if op.layout else (y.shape[0], *y.shape[2:])
    return reshaped(node, y, shape, "steps")


def _sequence(node: TfliteNode, functions: tuple[int, ...]) -> tuple[Tensor, int]:
    """Input and layout; a ConfigError where the layer has no options or a function that is not allowed."""
    x, options = node.need(0), node.options
    if options is None:
        raise ConfigError(f"{node.where}: its options are missing")
    if len(x.shape) != 3:
        raise ConfigError(f"{node.where}: a sequence of shape {x.shape} has not 3 axes")
    if options.FusedActivationFunction() not in functions:
        raise ConfigError(
            f"{node.where}: its activation {options.FusedActivationFunction()} is not supported",
            hint="tanh is" if functions == (4,) else "none, relu and tanh are",
        )
    return x, 0 if options.TimeMajor() else 1


def _named(node: TfliteNode, y: Tensor) -> Tensor:
    """The same numbers under the name, shape and scale of the first output."""
    said = node.outputs[0]
    if np.prod(said.shape, dtype=np.int64) != y.size:
        raise ConfigError(f"{node.where}: makes shape {y.shape}, but {said.shape} is declared")
    return node.add(Reshape(said.shape), y)[0]


def _lstm(node: TfliteNode) -> Sequence[Tensor]:
    x, layout = _sequence(node, (4,))
    return (_named(node, _lstm_of(node, x, layout, 1, (18, 19), norms=20)),)


def _one_lstm(node: TfliteNode) -> Sequence[Tensor]:
    """A single step."""
    x = node.need(0)
    if node.options is None or len(x.shape) != 2 or node.options.FusedActivationFunction() != 4:
        raise ConfigError(f"{node.where}: options, shape or activation are not supported", hint="tanh is")
    if node.options.KernelType():
        return _basic_lstm(node, x)
    steps = reshaped(node, x, (1, *x.shape), "step")
    return (_named(node, _lstm_of(node, steps, 0, 1, (18, 19), norms=20)),)


def _basic_lstm(node: TfliteNode, x: Tensor) -> Sequence[Tensor]:
    """A single step by the older kernel: one matrix for the gates input, cell, forget, output.

    Its last outputs are room for sums; nothing may read them.
    """
    w, b = node.need(2), node.need(3)
    units = w.shape[0] // 4 if len(w.shape) == 2 else 0
    floats = {x.dtype, w.dtype, b.dtype} == {"float32"}
    if not floats or node.options.CellClip() or node.options.ProjClip():
        raise ConfigError(f"{node.where}: its basic kernel is supported in float32 and without clips")
    wide = x.shape[1] + units
    if w.data is None or b.data is None:
        raise ConfigError(f"{node.where}: its weights are computed while the net runs")
    if not units or w.shape != (4 * units, wide) or b.shape != w.shape[:1]:
        raise ConfigError(f"{node.where}: weights {w.shape} and biases {b.shape} do not go with {x.shape}")
    name, order = node.outputs[0].name, (0, 3, 2, 1)
    gates = np.asarray(w.data).reshape(4, units, wide)[order, :].reshape(1, 4 * units, wide)
    biases = np.asarray(b.data).reshape(4, units)[order, :].reshape(1, 4 * units)
    parts = ("w", gates[:, :, : x.shape[1]]), ("r", gates[:, :, x.shape[1] :]), ("b", biases)
    consts = [node.net.constant(f"{name}.{part}", np.ascontiguousarray(a), "float32") for part, a in parts]
    shape = (1, x.shape[0], units)
    kept = [k for k in (1, 4) if k in node.variables]
    h, c = (
        node.state(k, shape) if k in kept else reshaped(node, node.need(k), shape, f"first{k}")
        for k in (1, 4)
    )
    steps = reshaped(node, x, (1, *x.shape), "step")
    y, *last = node.net.add(Lstm(), (steps, *consts, None, h, c), (f"{name}.lstm",))
    for k, state, following in zip((1, 4), (h, c), last, strict=True):
        if k in kept:
            node.net.keep(state, following)
    return _named(node, y), reshaped(node, last[1], shape[1:], "cell")


def _both_lstm(node: TfliteNode) -> Sequence[Tensor]:
    x, layout = _sequence(node, (4,))
    if any(node.input(k) is not None for k in range(39, 48)):
        raise ConfigError(f"{node.where}: a second input is not supported")
    made = [
        _lstm_of(node, x, layout, 1, (35, 36)),
        _lstm_of(node, x, layout, 18, (37, 38), back=True),
    ]
    if node.options.MergeOutputs():
        return node.add(Concat(2), *made)
    return made


def _rnn_of(
    node: TfliteNode, x: Tensor, layout: int, first: int, state: int, function: Gate, back: bool = False
) -> Tensor:
    units, batch = _rows(node, first), x.shape[0] if layout else x.shape[1]
    w = _stacked(node, "w", [_data(node, first, (units, x.shape[-1]))])
    r = _stacked(node, "r", [_data(node, first + 1, (units, units))])
    b = _stacked(node, "b", [_data(node, first + 2, (units,))])
    h = node.state(state, (batch, 1, units) if layout else (1, batch, units))
    op = Rnn("reverse" if back else "forward", layout, functions=(function,))
    return _added(node, op, (x, w, r, b, None, h), (h,))


def _float(node: TfliteNode) -> None:
    if node.need(0).dtype != "float32":
        raise ConfigError(f"{node.where}: only its float32 form is defined")


def _rnn(node: TfliteNode) -> Sequence[Tensor]:
    _float(node)
    x, layout = _sequence(node, tuple(_GATES))
    function = _GATES[node.options.FusedActivationFunction()]
    return (_named(node, _rnn_of(node, x, layout, 1, 4, function)),)


def _one_rnn(node: TfliteNode) -> Sequence[Tensor]:
    """A single step."""
    _float(node)
    x = node.need(0)
    if node.options is None or len(x.shape) != 2 or node.options.FusedActivationFunction() not in _GATES:
        raise ConfigError(f"{node.where}: options, shape or activation are not supported")
    function = _GATES[node.options.FusedActivationFunction()]
    steps = reshaped(node, x, (1, *x.shape), "step")
    return (_named(node, _rnn_of(node, steps, 0, 1, 4, function)),)


def _both_rnn(node: TfliteNode) -> Sequence[Tensor]:
    _float(node)
    x, layout = _sequence(node, tuple(_GATES))
    _no_more(node)
    function = _GATES[node.options.FusedActivationFunction()]
    made = [
        _rnn_of(node, x, layout, 1, 4, function),
        _rnn_of(node, x, layout, 5, 8, function, back=True),
    ]
    if node.options.MergeOutputs():
        return node.add(Concat(2), *made)
    return made


def _no_more(node: TfliteNode) -> None:
    if any(node.input(k) is not None for k in range(9, 12)):
        raise ConfigError(f"{node.where}: a second input is not supported")


def _svdf(node: TfliteNode) -> Sequence[Tensor]:
    if node.options is None:
        raise ConfigError(f"{node.where}: its options are missing")
    x, features, time = node.need(0), node.need(1), node.need(2)
    if len(x.shape) != 2 or len(time.shape) != 2:
        raise ConfigError(f"{node.where}: input {x.shape} and weights {time.shape} have not 2 axes")
    lo, hi = activation(node)
    if x.dtype != "float32":
        # the framework's integer form has none
        lo = hi = None
    elif time.dtype != features.dtype:
        raise ConfigError(
            f"{node.where}: its weights of time are {time.dtype}, those of features {features.dtype}"
        )
    else:
        # the kernel reads them as floats; each counts once a call
        time = _real(node, time)
    state = node.state(4, (x.shape[0], time.size))
    op = Svdf(int(node.options.Rank()), lo, hi)
    names = (node.outputs[0].name, f"{node.outputs[0].name}.state")
    y, following = node.net.add(
        op, (x, features, time, node.input(3), state), names, (node.outputs[0].quant, state.quant)
    )
    node.net.keep(state, following)
    return (y,)


RULES: Mapping[str, Rule] = {
    "BIDIRECTIONAL_SEQUENCE_LSTM": _both_lstm,
    "BIDIRECTIONAL_SEQUENCE_RNN": _both_rnn,
    "LSTM": _one_lstm,
    "RNN": _one_rnn,
    "SVDF": _svdf,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
    "UNIDIRECTIONAL_SEQUENCE_RNN": _rnn,
}
