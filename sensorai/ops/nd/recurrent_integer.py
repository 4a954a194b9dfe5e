"""Recurrent layers of integers.

Of int8 numbers, both sums of a gate, over the input and over the last outputs, are int32, each with its own
int32 bias in the scale of its products; both leave in int16 with 12 places, saturating, rounded twice as
TensorFlow Lite does it, and are added, saturating. Sigmoid and tanh of that are int16 with 15 places, by the
table and the lines of TensorFlow Lite's 16-bit functions.

``Lstm`` is TensorFlow Lite Micro's UNIDIRECTIONAL_SEQUENCE_LSTM to the bit: cells are int16 with a scale
that is a power of two, outputs int8. ``forget * cell`` and ``input * new`` are scaled to cells one by one and
added, saturating; outputs are ``tanh(cell) * output``, scaled. ``coupled`` is ours: ``32767 - input``.

Of int16 numbers with int8 weights it is that one's other form: no zero points, int64 biases and sums, which
are rounded once as ``fixed.multiply_wide`` says; outputs are int16.

No framework says what the others are, so they are our own:

``Rnn``: the outputs are the function's results, scaled; ``relu`` leaves 12 places.

``Gru``: outputs are kept twice: as cells, int16 with 15 places, and scaled to int8 for the sums, so that a
gate near 1 does not lose what is added. ``cell = (z * cell + (32768 - z) * n + 2**14) >> 15``, saturating.
Reset before the sum: ``(r * cell + 2**14) >> 15``, scaled to int8; after it: the sum times r, rounded the
same way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array, Tensor, constant
from sensorai.ops.nd import fixed
from sensorai.ops.nd.fixed import IntArray
from sensorai.ops.nd.recurrent import Recurrent, Step, fields, get, parts, run
from sensorai.ops.nd.unary_integer import curve, curve_table

#: Scales of what functions read and of what they make.
READ, MADE = 2.0**-12, 2.0**-15
FUNCTIONS = {"sigmoid": "SA_ND_OF_SIGMOID", "tanh": "SA_ND_OF_TANH", "relu": "SA_ND_OF_RELU"}
FILE, FILE_16 = "nd/sa_nd_recurrent_q.h", "nd/sa_nd_recurrent_q16.h"

_Factor = tuple[int, int]


def _scale(at: Applied, tensor: Tensor) -> tuple[float, int]:
    quant = tensor.quant
    if not isinstance(quant, Affine) or quant.axis is not None:
        raise ConfigError(f"layer {at.name}: tensor {tensor.name} needs one scale for all its numbers")
    return quant.scale[0], quant.zero[0]


def _outputs(op: Recurrent, at: Applied) -> tuple[Tensor, ...]:
    """Last outputs, then last cells where they are kept."""
    return at.outputs[int(op.whole) :]


def _factors(op: Recurrent, at: Applied) -> tuple[tuple[IntArray, IntArray], tuple[IntArray, IntArray]]:
    """Multipliers and shifts from sums to gates: of the input and of the last outputs, for every row."""
    found = []
    for w, x in ((get(at, 1), get(at, 0)), (get(at, 2), _outputs(op, at)[0])):
        quant = w.quant
        if not isinstance(quant, Affine) or quant.axis not in (None, 1) or any(quant.zero):
            raise ConfigError(
                f"layer {at.name}: weights {w.name} need scales along their rows and the zero point 0"
            )
        # the product is a float32 number in the framework
        products = np.float32(_scale(at, x)[0]) * np.asarray(quant.scale, np.float32)
        both = fixed.multipliers_of(products.astype(np.float64) / READ)
        rows = w.shape[1]
        found.append((np.broadcast_to(both[0], (rows,)), np.broadcast_to(both[1], (rows,))))
    return found[0], found[1]


def _single(op: Recurrent, at: Applied) -> dict[str, _Factor]:
    """Factors of the products of states, by their names in C."""
    out = _scale(at, _outputs(op, at)[0])[0]
    if op.NAME == "rnn":
        return {"made": fixed.multiplier_of(MADE / out), "taken": fixed.multiplier_of(READ / out)}
    if op.NAME == "gru":
        return {"made": fixed.multiplier_of(MADE / out)}
    cell = _scale(at, _outputs(op, at)[1])[0]
    return {
        "kept": fixed.multiplier_of(MADE * cell / cell),
        "taken": fixed.multiplier_of(MADE * MADE / cell),
        "made": fixed.multiplier_of(MADE * MADE / out),
    }


def _curve_settings(op: Recurrent, at: Applied) -> tuple[int, int]:
    """Multiplier and right shift of the tanh of cells."""
    if op.NAME != "lstm":
        return 3, 0
    scale = _scale(at, _outputs(op, at)[1])[0]
    exact = math.log2(scale)
    left = 12 + round(exact)
    if abs(exact - round(exact)) > 1e-3 or not -30 <= left <= 13:
        raise ConfigError(f"layer {at.name}: the scale of cells is a power of two, not {scale}")
    return (3, -left) if left < 0 else (3 << left, 0)


def _clip(op: Recurrent, at: Applied) -> int:
    """End of cells, 0 where there is none."""
    clip = float(getattr(op, "cell_clip", 0.0))
    if not clip:
        return 0
    return int(min(np.float64(np.float32(clip)) / _scale(at, _outputs(op, at)[1])[0], 32767.0))


def check(op: Recurrent, at: Applied) -> None:
    """Raise a ConfigError where scales are missing or do not fit, or settings have no form in integers."""
    where = f"layer {at.name} ({op.NAME})"
    if not at.outputs:
        return
    last = _outputs(op, at)
    _factors(op, at)
    _single(op, at)
    _curve_settings(op, at)
    if lost := [t.name for t in at.outputs[:1] if t.quant != last[0].quant]:
        raise ConfigError(f"{where}: {lost[0]} and the last outputs have different scales")
    for place, tensor in zip((5, 6), last, strict=False):
        if get(at, place).name and get(at, place).quant != tensor.quant:
            raise ConfigError(f"{where}: first and last states have different scales")
    if op.NAME == "gru" and _scale(at, last[1]) != (MADE, 0):
        raise ConfigError(f"{where}: cells have the scale 2**-15")
    if op.NAME == "lstm" and _scale(at, last[1])[1]:
        raise ConfigError(f"{where}: cells have the zero point 0")
    if wide(at):
        if _scale(at, get(at, 0))[1] or _scale(at, last[0])[1]:
            raise ConfigError(f"{where}: int16 numbers have the zero point 0")
        if max(int(shift.max()) for _, shift in _factors(op, at)) > 14:
            raise ConfigError(f"{where}: the scales of its weights are too large for int16 sums")
    if op.NAME == "gru" and bool(get(at, 5).name) != bool(get(at, 6).name):
        raise ConfigError(f"{where}: first outputs and first cells of integers go together")
    if said := lacks(op):
        raise ConfigError(f"{where}: {said} has no form in integers here")


def lacks(op: Recurrent) -> str:
    """Return the first setting that has no form in integers, in words; "" where all have."""
    if op.clip or getattr(op, "projection_clip", 0.0):
        return "a clip of gates or of a projection"
    allowed = {"rnn": tuple(FUNCTIONS), "gru": ("sigmoid", "tanh"), "lstm": ("sigmoid", "tanh")}[op.NAME]
    for k, gate in enumerate(op.gates(1 if op.direction != "bidirectional" else 2)):
        third = op.NAME == "lstm" and k % 3 == 2
        if gate.function not in (("tanh",) if third else allowed):
            return f"{gate.function} in place of {' or '.join(('tanh',) if third else allowed)}"
    return ""


def wide(at: Applied) -> bool:
    """Whether a layer has int16 numbers."""
    return get(at, 0).dtype == "int16"


def _function(name: str, x: IntArray) -> IntArray:
    return np.maximum(x, 0) if name == "relu" else curve(name, x, 3, 0)


def _high(x: IntArray) -> IntArray:
    return np.asarray((x + (1 << 14)) >> 15, np.int64)


def _narrow(x: IntArray, bits: int = 16) -> IntArray:
    return np.clip(x, -(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def compute(op: Recurrent, at: Applied, arrays: Sequence[Array | None]) -> tuple[Array, ...]:
    """Step after step."""
    s = op.sizes(at)
    zero = _scale(at, _outputs(op, at)[0])[1]
    own, n = _Cell(op, at), s.units

    def step(d: int) -> Step:
        w, r, b, rb = parts(op, s, arrays, d)
        names = [g.function for g in op.gates(s.directions)][d * len(op.FUNCTIONS) :]

        def read(x: Array, first: int, end: int) -> IntArray:
            rows = slice(first * n, end * n)
            return own.sums(x.astype(np.int64) - own.x_zero, w[rows], b[rows], own.of_x, rows)

        def last(h: IntArray, first: int, end: int) -> IntArray:
            rows = slice(first * n, end * n)
            return own.sums(h - zero, r[rows], rb[rows], own.of_h, rows)

        def one(x: Array, h: Array, c: Array | None) -> tuple[Array, Array | None]:
            before = h.astype(np.int64)
            if op.NAME == "rnn":
                g = _narrow(read(x, 0, 1) + last(before, 0, 1))
                relu = names[0] == "relu"
                return own.leave("taken" if relu else "made", _function(names[0], g)), None
            cell = np.asarray(c, np.int64)
            if op.NAME == "gru":
                gates = _function(names[0], _narrow(read(x, 0, 2) + last(before, 0, 2)))
                z, reset = gates[:, :n], gates[:, n:]
                if getattr(op, "reset_after", False):
                    more = _high(reset * last(before, 2, 3))
                else:
                    more = last(own.leave("made", _high(reset * cell)).astype(np.int64), 2, 3)
                new = _function(names[1], _narrow(read(x, 2, 3) + more))
                cell = _narrow(_high(z * cell + (32768 - z) * new))
                return own.leave("made", cell), cell.astype(np.int16)
            i, o, forget, new = np.split(_narrow(read(x, 0, 4) + last(before, 0, 4)), 4, axis=1)
            i, o, new = _function(names[0], i), _function(names[0], o), _function(names[1], new)
            forget = 32767 - i if own.coupled else _function(names[0], forget)
            cell = _narrow(own.by("kept", forget * cell))
            cell = _narrow(cell + _narrow(own.by("taken", i * new)))
            cell = np.clip(cell, -own.clip, own.clip) if own.clip else cell
            made = own.leave("made", curve("tanh", cell, *own.settings) * o)
            return made, cell.astype(np.int16)

        return one

    return run(op, at, arrays, step, zero)


class _Cell:
    """Numbers of a layer, for the reference."""

    def __init__(self, op: Recurrent, at: Applied) -> None:
        self.of_x, self.of_h = _factors(op, at)
        self.single: Mapping[str, _Factor] = _single(op, at)
        self.zero = _scale(at, _outputs(op, at)[0])[1]
        self.x_zero = _scale(at, get(at, 0))[1]
        self.settings = _curve_settings(op, at)
        self.clip = _clip(op, at)
        self.coupled = bool(getattr(op, "coupled", False))
        self.wide = wide(at)

    def sums(
        self, x: IntArray, w: Array, b: Array, factors: tuple[IntArray, IntArray], rows: slice
    ) -> IntArray:
        """Gates of rows; sums are exact in float64 and wrap as int32 does where they are."""
        total = np.rint(x.astype(np.float64) @ w.T.astype(np.float64)).astype(np.int64) + b
        if self.wide:
            return _narrow(fixed.multiply_wide(total, factors[0][rows], factors[1][rows]))
        return _narrow(fixed.multiply(total.astype(np.int32), factors[0][rows], factors[1][rows]))

    def by(self, name: str, x: IntArray) -> IntArray:
        """Scaled products."""
        return fixed.multiply(x, *self.single[name])

    def leave(self, name: str, x: IntArray) -> Array:
        """Outputs."""
        if self.wide:
            return _narrow(self.by(name, x)).astype(np.int16)
        return _narrow(self.by(name, x) + self.zero, 8).astype(np.int8)


def _biases(op: Recurrent, at: Applied, place: int, zero: int) -> Array:
    """Biases of the input (place 1) or of the last outputs (2) with the zero point's share."""
    s, w, b = op.sizes(at), get(at, place).data, get(at, 3)
    if w is None or (b.name and b.data is None):
        raise ConfigError(f"layer {at.name}: int8 weights and biases of {op.NAME} are constant in C")
    rows = op.GATES * s.units
    bias = np.zeros((s.directions, 2 * rows), np.int64)
    if b.data is not None:
        bias[:, : b.shape[1]] = b.data
    own = bias[:, :rows] if place == 1 else bias[:, rows:]
    return np.asarray(own - zero * w.astype(np.int64).sum(axis=2), np.int64).astype(np.int32).reshape(-1)


def emit(op: Recurrent, at: Applied, to: Writer) -> None:
    """Tables, description and call."""
    s, last = op.sizes(at), _outputs(op, at)
    said = fields(op, at, to)
    count = len(op.FUNCTIONS)
    for k, gate in enumerate(op.gates(s.directions)):
        said[f"of[{k // count * 3 + k % count}]"] = FUNCTIONS[gate.function]
    said["curve"] = f"(const uint16_t *){to.source(constant(' curve', curve_table()))}"
    zeros = _scale(at, get(at, 0))[1], _scale(at, last[0])[1]
    both = _factors(op, at)
    rows = np.stack([both[0][0], both[0][1], both[1][0], both[1][1]])
    gates = rows.reshape(4, op.GATES, s.units)
    same = bool((gates == gates[:, :, :1]).all())
    kept = gates[:, :, 0] if same else rows
    for k, (name, place) in enumerate((("", 1), ("last_", 2))):
        shares = np.zeros(0) if wide(at) else _biases(op, at, place, zeros[k])
        if shares.any() or (to.updatable and shares.size):
            said[f"{name}bias"] = to.table("int32_t", f"{name}bias{to.index}", shares)
        said[f"{name}multiplier"] = to.table("int32_t", f"{name}multiplier{to.index}", kept[2 * k])
        said[f"{name}shift"] = to.table("int8_t", f"{name}shift{to.index}", kept[2 * k + 1])
    said |= {"gate_step": 1 if same else s.units, "unit_step": int(not same)}
    said |= {"zero": to.number(zeros[1]), "clip": to.number(_clip(op, at))}
    said["coupled"] = int(getattr(op, "coupled", False) or getattr(op, "reset_after", False))
    said |= {name: f"{{{to.number(m)}, {to.number(shift)}}}" for name, (m, shift) in _single(op, at).items()}
    said["tanh_multiplier"], said["tanh_shift"] = map(to.number, _curve_settings(op, at))
    layer = to.layer(said, "sa_nd_recurrent_q_t")
    places = (0, 1, 2, 4, 5, 6) if op.cells(at) else (0, 1, 2, 4, 5)
    reads = [to.source(t) if (t := get(at, k)).name else "0" for k in places]
    makes = [to.target(t) for t in at.outputs]
    makes = makes if op.whole else ["0", *makes]
    if wide(at):
        # without zero points biases are those of the file
        b = get(at, 3)
        bias = to.source(b) if b.name else "0"
        to.call(FILE_16, f"sa_nd_{op.NAME}_q16", layer, bias, *reads, *makes, to.scratch("sa_nd_i16"))
    else:
        to.call(FILE, f"sa_nd_{op.NAME}_q", layer, *reads, *makes, to.scratch("sa_nd_i16"))
