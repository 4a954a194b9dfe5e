"""Recurrent layer with cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _recurrent_cases as samples
from sensorai.ops.nd.base import Made
from sensorai.ops.nd.gates import held
from sensorai.ops.nd.recurrent import (
    Recurrent,
    Sizes,
    Step,
    array,
    emit_float,
    get,
    parts,
    quantised,
    sums,
)
from sensorai.ops.nd.recurrent_layer import RecurrentLayer


@dataclass(frozen=True, slots=True)
class Lstm(RecurrentLayer):
    """Recurrent layer with cells: gates input i, output o, forget f, cell n.

    ``c = f * c + i * n``, ``h = o * g(c)``, projected where there is a projection. ``i``, ``o`` and ``f`` are
    ``f(w x + r h + b + p * c)`` with peepholes p in the order input, output, forget; o sees the new cell.
    Tensors as ``recurrent`` says; of integers the cells are int16 with a scale that is a power of two.

    With factors n, what functions of gates read is normalised over the units before, as ``(v - mean) /
    sqrt(var + 1e-8) * n``, and biased afterwards; there is one bias for both sums.

    Attributes
    ----------
    coupled : bool
        ``f`` is ``1 - i``.
    cell_clip, projection_clip : float
        Ends of cells and of what is projected, to both sides; 0: none.
    """

    coupled: bool = False
    cell_clip: float = 0.0
    projection_clip: float = 0.0

    NAME: ClassVar[str] = "lstm"
    GATES: ClassVar[int] = 4
    FUNCTIONS: ClassVar[tuple[str, ...]] = ("sigmoid", "tanh", "tanh")
    WIDE: ClassVar[bool] = True

    def cells(self, at: Applied) -> bool:
        """Always."""
        return True

    def used(self, at: Applied) -> tuple[int, ...]:
        """Of int8 numbers without peepholes, projection and factors."""
        return tuple(range(7 if quantised(at) else 11))

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Outputs of all steps, last outputs, last cells."""
        for clip in (self.cell_clip, self.projection_clip):
            if not np.isfinite(clip) or clip < 0:
                raise ConfigError(f"layer {at.name}: a clip of {clip} makes no sense")
        b, n = get(at, 3), get(at, 10)
        if b.name and n.name and b.shape != n.shape:
            raise ConfigError(f"layer {at.name}: normalised gates have one bias, not {b.shape}")
        # named: a dataclass with slots is another class than the one that super() knows
        return Recurrent.infer(self, at)

    def products(self, s: Sizes) -> int:
        """Gates, and the projection."""
        projected = s.units * s.outputs if s.outputs != s.units else 0
        return Recurrent.products(self, s) + projected

    def scratch_numbers(self, s: Sizes) -> int:
        """Sums of the gates, and what is projected."""
        return 5 * s.units

    def steps(self, at: Applied, arrays: Sequence[Array | None]) -> Callable[[int], Step]:
        """Return what gives the step of a direction, in float32."""
        s = self.sizes(at)
        given = [array(arrays, place) for place in (7, 8, 9, 10)]

        def step(d: int) -> Step:
            w, r, b, rb = parts(self, s, arrays, d)
            f, g, last = self.gates(s.directions)[3 * d : 3 * d + 3]
            p, pw, pb, factors = (None if a is None else a[d] for a in given)
            n = s.units

            def seen(gate: Array, k: int, c: Array) -> Array:
                gate = gate if p is None else gate + p[k * n : (k + 1) * n] * c
                return f.compute(held(even(gate, k), self.clip))

            def even(gate: Array, k: int) -> Array:
                if factors is None:
                    return gate
                part = slice(k * n, (k + 1) * n)
                return np.asarray(_normalised(gate) * factors[part] + b[part])

            def one(x: Array, h: Array, c: Array | None) -> tuple[Array, Array | None]:
                c = np.asarray(c)
                with np.errstate(all="ignore"):
                    plain = (b, rb) if factors is None else (None, None)
                    i, o, forget, new = np.split(sums(x, w, plain[0]) + sums(h, r, plain[1]), 4, axis=1)
                    i = seen(i, 0, c)
                    forget = np.float32(1) - i if self.coupled else seen(forget, 2, c)
                    c = held(forget * c + i * g.compute(held(even(new, 3), self.clip)), self.cell_clip)
                    made = seen(o, 1, c) * last.compute(c)
                    if pw is not None:
                        made = held(sums(made, pw, pb), self.projection_clip)
                return made, c

            return one

        return step

    def called(self, to: Writer) -> tuple[Mapping[str, object], Sequence[int]]:
        """Clips, and the first states, peepholes and projection."""
        more: dict[str, object] = {
            "coupled": int(self.coupled),
            "cell_clip": to.real(self.cell_clip),
            "projection_clip": to.real(self.projection_clip),
        }
        return more, (5, 6, 7, 8, 9)

    def emit(self, at: Applied, to: Writer) -> None:
        """One call; with the factors where gates are normalised."""
        if get(at, 10).name:
            more, places = self.called(to)
            emit_float(self, at, to, more, (*places, 10))
        else:
            RecurrentLayer.emit(self, at, to)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Directions, layouts, peepholes, projection, coupled gates; lengths, clips, states; integers."""
        yield from samples.common(cls, 4)
        yield "lstm_peepholes", samples.net(cls(), 4, peepholes=True)
        both = cls(direction="bidirectional", cell_clip=0.4, projection_clip=0.3)
        yield "lstm_projection", samples.net(both, 4, outputs=2, peepholes=True)
        yield "lstm_coupled", samples.net(cls(coupled=True), 4, peepholes=True)
        yield "lstm_norm", samples.net(cls(cell_clip=0.4), 4, bias=1, outputs=3, peepholes=True, norm=True)
        yield "lstm_norm_coupled", samples.net(cls(coupled=True, clip=0.7), 4, bias=0, norm=True)
        both = cls(direction="bidirectional")
        yield "lstm_bytes", samples.net(both, 4, outputs=2, peepholes=True, narrow=True)
        yield from samples.integers(cls, 4, ("sigmoid",))
        yield "lstm_int8_clip", samples.integer(cls(cell_clip=0.5), 4, cell=2.0**-8)
        yield "lstm_int8_wide", samples.integer(cls(), 4, cell=2.0**-16)
        for direction in ("forward", "reverse", "bidirectional"):
            op = cls(direction=direction, layout=int(direction == "reverse"), cell_clip=0.9)
            state = direction == "bidirectional"
            yield f"lstm_int16_{direction}", samples.integer(op, 4, kind="int16", state=state, each=state)
        yield "lstm_int16_bare", samples.integer(cls(whole=False, coupled=True), 4, kind="int16", bias=0)


def _normalised(gate: Array) -> Array:
    """Rows with the mean 0 and the deviation 1, sums one number after the other."""
    count = np.float32(gate.shape[1])
    apart = gate - np.add.accumulate(gate, axis=1)[:, -1:] / count
    square = np.add.accumulate(apart * apart, axis=1)[:, -1:]
    return np.asarray(apart * (np.float32(1) / np.sqrt(square / count + np.float32(1e-8))))
