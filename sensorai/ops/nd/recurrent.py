"""What recurrent layers share: tensors by their place, shapes, walks over steps, directions and rows.

Inputs of every layer, by place (None: left out)::

    0 x        (steps, batch, inputs); layout 1: (batch, steps, inputs)
    1 w        (directions, gates * units, inputs)
    2 r        (directions, gates * units, outputs)
    3 b        (directions, gates * units), or twice as many: those of w, then those of r
    4 lengths  (batch,) int32, steps of each row; what is behind them comes out as 0
    5 h0       first outputs: (directions, batch, outputs); layout 1: (batch, directions, outputs)
    6 c0       first cells, units instead of outputs: of ``Lstm``, and of ``Gru`` in integers
    7 p        of ``Lstm``: weights of the cell (directions, 3 * units), see there
    8, 9       of ``Lstm``: projection (directions, outputs, units) and its bias (directions, outputs)
    10         of ``Lstm``: factors of normalised gates (directions, gates * units), see there

Gates are stacked in the order of ONNX: ``Gru`` update, reset, new; ``Lstm`` input, output, forget, cell.
Keras has input, forget, cell, output; TensorFlow Lite has them apart.

Outputs: y (steps, directions, batch, outputs); layout 1: (batch, steps, directions, outputs), where ``whole``
is set; the last outputs, as h0; the last cells, as c0, of layers that keep them.

float32: a gate is (sum over the input + its bias) + (sum over the last outputs + its bias); a sum starts from
0 and takes one product after the other. w, r and the projection may be int8 with a scale for all rows or for
each: they become float32 one by one. How layers of int8 numbers are computed, ``recurrent_integer`` says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.operator import Applied, Buffers, Writer
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import ABSENT, Array, Shape, Tensor
from sensorai.ops.nd.base import Made, NdOperator
from sensorai.ops.nd.gates import GATES, Gate
from sensorai.ops.nd.windows import Window, ordered_sums

FILE, NORMALISED = "nd/sa_nd_recurrent.h", "nd/sa_nd_lstm_norm.h"
DIRECTIONS = ("forward", "reverse", "bidirectional")
#: Names of inputs in messages.
_NAMES = ("x", "w", "r", "b", "lengths", "h0", "c0", "p", "the projection", "the bias of the projection", "n")
#: Places of weights, which may be int8 where the layer computes with floats.
WEIGHTS = (1, 2, 8)
_DENSE = Window((), (), (), (), (), ())


@dataclass(frozen=True, slots=True)
class Sizes:
    """Extents of a layer."""

    steps: int
    batch: int
    inputs: int
    directions: int
    units: int
    outputs: int


@dataclass(frozen=True, slots=True)
class Recurrent(NdOperator):
    """A layer that runs over the steps of a sequence and keeps what it made.

    Attributes
    ----------
    direction : {"forward", "reverse", "bidirectional"}
    layout : int
        1: the batch is the first axis.
    whole : bool
        Whether the outputs of all steps come out, and not only the last ones.
    functions : tuple of Gate
        Of the gates, ``FUNCTIONS`` for each direction; empty: those that are usual.
    clip : float
        End of what the functions of gates read, to both sides; 0: none.
    """

    direction: str = "forward"
    layout: int = 0
    whole: bool = True
    functions: tuple[Gate, ...] = ()
    clip: float = 0.0

    #: Gates that are stacked; functions of one direction, where nothing is said.
    GATES: ClassVar[int] = 1
    FUNCTIONS: ClassVar[tuple[str, ...]] = ("tanh",)
    #: Whether there is a form of int16 numbers.
    WIDE: ClassVar[bool] = False
    FOLDS: ClassVar[bool] = False

    def cells(self, at: Applied) -> bool:
        """Whether cells are kept beside the outputs."""
        return False

    def sizes(self, at: Applied) -> Sizes:
        """Extents; a ConfigError where tensors do not fit together."""
        where = f"layer {at.name}"
        x, w, r = (get(at, k) for k in range(3))
        if not (x.name and w.name and r.name):
            raise ConfigError(f"{where}: input or weights are missing")
        if len(x.shape) != 3 or len(w.shape) != 3 or len(r.shape) != 3:
            raise ConfigError(f"{where}: x, w and r have 3 axes, not {x.shape}, {w.shape} and {r.shape}")
        directions = 2 if self.direction == "bidirectional" else 1
        steps, batch = (x.shape[1], x.shape[0]) if self.layout else x.shape[:2]
        units, outputs = w.shape[1] // self.GATES, r.shape[2]
        found = Sizes(steps, batch, x.shape[2], directions, units, outputs)
        if min(found.steps, found.batch, found.inputs, units, outputs) < 1:
            raise ConfigError(f"{where}: x {x.shape}, w {w.shape} or r {r.shape} are empty")
        self._fit(at, found)
        return found

    def _fit(self, at: Applied, s: Sizes) -> None:
        rows, lead = self.GATES * s.units, self._lead(s)
        biases = ((s.directions, rows), (s.directions, 2 * rows))
        wanted: dict[int, tuple[Shape, ...]] = {
            1: ((s.directions, rows, s.inputs),),
            2: ((s.directions, rows, s.outputs),),
            3: biases,
            4: ((s.batch,),),
            5: ((*lead, s.outputs),),
            6: ((*lead, s.units),),
            7: ((s.directions, 3 * s.units),),
            8: ((s.directions, s.outputs, s.units),),
            9: ((s.directions, s.outputs),),
            10: ((s.directions, rows),),
        }
        for place, shapes in wanted.items():
            tensor = get(at, place)
            if tensor.name and tensor.shape not in shapes:
                named = _NAMES[place]
                raise ConfigError(f"layer {at.name}: {named} has the shape {tensor.shape}, not {shapes[0]}")
        if not get(at, 8).name and s.outputs != s.units:
            raise ConfigError(f"layer {at.name}: {s.outputs} outputs of {s.units} units need a projection")

    def _lead(self, s: Sizes) -> Shape:
        return (s.batch, s.directions) if self.layout else (s.directions, s.batch)

    def used(self, at: Applied) -> tuple[int, ...]:
        """Places of inputs that the layer takes."""
        return (0, 1, 2, 3, 4, 5)

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Outputs of all steps, last outputs, last cells."""
        where = f"layer {at.name}"
        if self.direction not in DIRECTIONS or self.layout not in (0, 1):
            raise ConfigError(f"{where}: direction {self.direction!r} or layout {self.layout} make no sense")
        if not np.isfinite(self.clip) or self.clip < 0:
            raise ConfigError(f"{where}: a clip of {self.clip} makes no sense")
        if extra := [k for k, t in enumerate(at.inputs) if t.name and k not in self.used(at)]:
            raise ConfigError(f"{where} ({self.NAME}) takes no input {extra[0]}")
        s = self.sizes(at)
        self._types(at)
        if len(self.gates(s.directions)) != s.directions * len(self.FUNCTIONS):
            raise ConfigError(f"{where}: {len(self.functions)} functions of gates")
        if lost := [g.function for g in self.functions if g.function not in GATES]:
            raise ConfigError(f"{where}: gates have no function {lost[0]}", hint=f"known: {', '.join(GATES)}")
        kind = get(at, 0).dtype
        every = (s.batch, s.steps, s.directions) if self.layout else (s.steps, s.directions, s.batch)
        made = [Made(kind, (*every, s.outputs))] if self.whole else []
        made.append(Made(kind, (*self._lead(s), s.outputs)))
        if self.cells(at):
            made.append(Made(kind if kind == "float32" else "int16", (*self._lead(s), s.units)))
        return tuple(made)

    def _types(self, at: Applied) -> None:
        x = get(at, 0)
        if x.dtype not in ("float32", "int8") and not (x.dtype == "int16" and self.WIDE):
            raise ConfigError(f"layer {at.name}: {self.NAME} of {x.dtype} is not supported")
        quantised = x.dtype != "float32"
        for place, tensor in enumerate(at.inputs):
            kind = x.dtype
            if place == 4 or (quantised and place == 3):
                kind = "int64" if place == 3 and x.dtype == "int16" else "int32"
            elif quantised and place in WEIGHTS:
                kind = "int8"
            elif quantised and place == 6:
                kind = "int16"
            elif place in WEIGHTS and tensor.name and tensor.dtype == "int8" and not quantised:
                kind = "int8"
                scales_of_rows(at, tensor)
            if tensor.name and tensor.dtype != kind:
                named = _NAMES[place]
                raise ConfigError(f"layer {at.name}: {named} is {tensor.dtype}, not {kind}")

    def gates(self, directions: int) -> tuple[Gate, ...]:
        """Functions of the gates of all directions."""
        return self.functions or tuple(Gate(name) for name in self.FUNCTIONS) * directions

    def products(self, s: Sizes) -> int:
        """Multiply-accumulates of one step of one row in one direction."""
        return self.GATES * s.units * (s.inputs + s.outputs)

    def macs(self, at: Applied) -> int:
        """Weights, for each step, and the products of states."""
        s = self.sizes(at)
        return s.directions * s.batch * s.steps * self.products(s)

    def scratch_numbers(self, s: Sizes) -> int:
        """Numbers that a step needs beside the states."""
        return self.GATES * s.units

    def buffers(self, at: Applied) -> Buffers:
        """Sums of the gates of one row."""
        size = 4 if get(at, 0).dtype == "float32" else 2
        return Buffers(scratch=-(-size * self.scratch_numbers(self.sizes(at)) // 4) * 4)


def scales_of_rows(at: Applied, w: Tensor) -> Array:
    """Scale of each row of int8 weights (directions, rows, values), of all directions alike.

    Raises
    ------
    ConfigError
        They have no scales, those of another axis, or zero points.
    """
    quant = w.quant
    if not isinstance(quant, Affine) or quant.axis not in (None, 1) or any(quant.zero):
        raise ConfigError(
            f"layer {at.name}: int8 weights {w.name} need scales along their rows and the zero point 0"
        )
    return np.array(np.broadcast_to(np.asarray(quant.scale, np.float32), (w.shape[1],)))


def real_weights(at: Applied, arrays: Sequence[Array | None]) -> list[Array | None]:
    """Arrays of a layer of floats, with float32 numbers in place of int8 weights."""
    found = list(arrays)
    for place in WEIGHTS:
        a, w = array(arrays, place), get(at, place)
        if a is not None and w.dtype == "int8":
            found[place] = a.astype(np.float32) * scales_of_rows(at, w)[:, None]
    return found


def quantised(at: Applied) -> bool:
    """Whether a layer computes with integers."""
    return get(at, 0).dtype != "float32"


def get(at: Applied, place: int) -> Tensor:
    """Input at a place, ``ABSENT`` where it is left out."""
    return at.inputs[place] if place < len(at.inputs) else ABSENT


def array(arrays: Sequence[Array | None], place: int) -> Array | None:
    """Values of the input at a place, None where it is left out."""
    return arrays[place] if place < len(arrays) else None


def sums(x: Array, w: Array, b: Array | None) -> Array:
    """Sums (rows, outputs) of float32 values (rows, inputs), one product after the other, then the bias."""
    with np.errstate(all="ignore"):
        y = ordered_sums(_DENSE, x, w, 1)
        return y if b is None else y + b


#: Makes (outputs, cells) of a step from the rows' numbers, their last outputs and cells.
Step = Callable[[Array, Array, Array | None], tuple[Array, Array | None]]


def run(
    op: Recurrent,
    at: Applied,
    arrays: Sequence[Array | None],
    steps: Callable[[int], Step],
    zero: int = 0,
) -> tuple[Array, ...]:
    """Walk over steps and directions; ``steps`` gives the step of a direction, ``zero`` is 0 in outputs."""
    s = op.sizes(at)
    x = np.asarray(arrays[0])
    x = x.transpose(1, 0, 2) if op.layout else x
    given = array(arrays, 4)
    lengths = np.full(s.batch, s.steps) if given is None else np.clip(given.astype(np.int64), 0, s.steps)
    y = np.full((s.steps, s.directions, s.batch, s.outputs), zero, x.dtype)
    outputs, cells = [], []
    for d in range(s.directions):
        h = _first(op, array(arrays, 5), d, np.full((s.batch, s.outputs), zero, x.dtype))
        kind = x.dtype if x.dtype == np.float32 else np.int16
        c = _first(op, array(arrays, 6), d, np.zeros((s.batch, s.units), kind)) if op.cells(at) else None
        step, back = steps(d), op.direction == "reverse" or d == 1
        for k in range(int(lengths.max(initial=0))):
            rows = np.flatnonzero(k < lengths)
            t = lengths[rows] - 1 - k if back else np.full(len(rows), k)
            h[rows], made = step(x[t, rows], h[rows], None if c is None else c[rows])
            if c is not None and made is not None:
                c[rows] = made
            y[t, d, rows] = h[rows]
        outputs.append(h)
        cells += [] if c is None else [c]
    axis = 1 if op.layout else 0
    found = [y.transpose(2, 0, 1, 3) if op.layout else y] if op.whole else []
    found.append(np.stack(outputs, axis))
    found += [np.stack(cells, axis)] if cells else []
    return tuple(np.ascontiguousarray(a) for a in found)


def _first(op: Recurrent, given: Array | None, d: int, otherwise: Array) -> Array:
    """Copy of the first state of a direction."""
    return otherwise if given is None else np.array(given[:, d] if op.layout else given[d])


def parts(op: Recurrent, s: Sizes, arrays: Sequence[Array | None], d: int) -> tuple[Array, ...]:
    """Weights w, r and biases of both (zeros where there are none) of a direction."""
    w, r, b = np.asarray(arrays[1])[d], np.asarray(arrays[2])[d], array(arrays, 3)
    rows = op.GATES * s.units
    kind = b.dtype if b is not None else np.int32 if w.dtype == np.int8 else w.dtype
    both = np.zeros(2 * rows, kind)
    if b is not None:
        both[: b.shape[1]] = b[d]
    return w, r, both[:rows], both[rows:]


def fields(op: Recurrent, at: Applied, to: Writer) -> dict[str, object]:
    """Fields of a ``sa_nd_sequence_t``, each behind ``s.``."""
    s = op.sizes(at)
    step, row = s.batch * s.inputs, s.inputs
    out = s.directions * s.batch * s.outputs, s.outputs, s.batch * s.outputs
    state = 1, s.batch
    if op.layout:
        step, row = s.inputs, s.steps * s.inputs
        out = s.directions * s.outputs, s.steps * s.directions * s.outputs, s.outputs
        state = s.directions, 1
    back = {"forward": 0, "reverse": 1, "bidirectional": 2}[op.direction]
    b = get(at, 3)
    named: dict[str, object] = {
        "steps": s.steps,
        "batch": s.batch,
        "inputs": s.inputs,
        "units": s.units,
        "outputs": s.outputs,
        "gates": op.GATES,
        "directions": s.directions,
        "backward": back,
        "bias": b.shape[1] if b.name else 0,
        "x_step": step,
        "x_row": row,
        "y_step": out[0],
        "y_row": out[1],
        "y_direction": out[2],
        "h_row": state[0],
        "h_direction": state[1],
    }
    return {f"s.{name}": value for name, value in named.items()}


def emit_float(
    op: Recurrent, at: Applied, to: Writer, more: Mapping[str, object], places: Sequence[int]
) -> None:
    """Call of ``sa_nd_NAME`` with the inputs at ``places`` behind the bias and the lengths."""
    s = op.sizes(at)
    said = fields(op, at, to)
    count = len(op.FUNCTIONS)
    # three functions of each direction are what C has room for
    for k, gate in enumerate(op.gates(s.directions)):
        values = f"sa_nd_of_{gate.function}, {to.real(gate.alpha)}, {to.real(gate.beta)}"
        said[f"of[{k // count * 3 + k % count}]"] = f"{{{values}}}"
    layer = to.layer({**said, "clip": to.real(op.clip), **more}, "sa_nd_recurrent_t")
    reads = []
    for place in (0, 1, 2, 3, 4, *places):
        tensor = get(at, place)
        reads.append(to.source(tensor) if tensor.name else "0")
        if place in WEIGHTS:
            scales = scales_of_rows(at, tensor) if tensor.name and tensor.dtype == "int8" else None
            name = f"scale{to.index}_{place}"
            reads.append("0" if scales is None else to.table("float", name, scales))
    makes = [to.target(t) for t in at.outputs]
    makes = makes if op.whole else ["0", *makes]
    file, name = (NORMALISED, f"{op.NAME}_norm") if get(at, 10).name else (FILE, op.NAME)
    to.call(file, f"sa_nd_{name}", layer, *reads, *makes, to.scratch("sa_nd_f32"))
