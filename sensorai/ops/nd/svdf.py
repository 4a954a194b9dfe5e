"""Layer of filters over features and time (singular value decomposition filter of TensorFlow Lite)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import ABSENT, Array, Tensor
from sensorai.ops.nd import _testing, affine, fixed
from sensorai.ops.nd.base import Made, NdOperator
from sensorai.ops.nd.products import span
from sensorai.ops.nd.recurrent import sums

FILE = "nd/sa_nd_svdf.h"


@dataclass(frozen=True, slots=True)
class Svdf(NdOperator):
    """Filters over features, each with a memory of its last results, summed over time and by ``rank``.

    Inputs: x (batch, inputs); weights of features (filters, inputs); weights of time (filters, memory), the
    oldest first; bias (units,) or none; state (batch, filters * memory). Outputs: (batch, units), the next
    state. Filters of a unit are neighbours: filters is units * rank.

    float32; weights of features may be int8 with a scale for all filters or for each, they become float32 one
    by one. int8 as TensorFlow Lite Micro: weights of time and the state int8 or int16.

    Attributes
    ----------
    rank : int
    lo, hi : float or None
        Ends of float32 results.
    """

    rank: int = 1
    lo: float | None = None
    hi: float | None = None

    NAME: ClassVar[str] = "svdf"
    FOLDS: ClassVar[bool] = False

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """(batch, units), and the state."""
        x, features, time, bias, state = _inputs(at)
        where = f"layer {at.name}"
        if not state.name or len(x.shape) != 2 or len(features.shape) != 2 or len(time.shape) != 2:
            raise ConfigError(f"{where}: svdf needs an input, weights and a state with 2 axes each")
        filters, memory = time.shape
        fits = features.shape == (filters, x.shape[1]) and state.shape == (x.shape[0], filters * memory)
        if not fits or self.rank < 1 or filters % self.rank or not x.size * time.size:
            raise ConfigError(
                f"{where}: x {x.shape}, weights {features.shape} and {time.shape}, state {state.shape}"
                f" and rank {self.rank} do not go together"
            )
        units = filters // self.rank
        if bias.name and bias.shape != (units,):
            raise ConfigError(f"{where}: a bias of shape {bias.shape} does not go with {units} outputs")
        kinds = (x.dtype, features.dtype, time.dtype, state.dtype, bias.dtype if bias.name else "")
        floats = {kinds[0], *kinds[2:4]} == {"float32"} and kinds[4] in ("", "float32")
        floats = floats and kinds[1] in ("float32", "int8")
        narrow = kinds[:2] == ("int8", "int8") and kinds[2] == kinds[3] and kinds[4] in ("", "int32")
        if not floats and not (narrow and kinds[2] in ("int8", "int16")):
            raise ConfigError(f"{where}: svdf of {', '.join(filter(None, kinds))} is not supported")
        if not floats and (self.lo is not None or self.hi is not None):
            raise ConfigError(f"{where}: svdf of integers has no activation")
        return Made(x.dtype, (x.shape[0], units)), Made(state.dtype, state.shape, state.quant)

    def check(self, at: Applied) -> None:
        """Raise a ConfigError where scales are missing or weights have zero points."""
        if at.x.dtype == "int8" and at.outputs:
            _scales(at)
        elif at.inputs[1].dtype == "int8":
            _scales_of_filters(at)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Shift the memory, then sum over features, time and rank."""
        x, features, time, state = (np.asarray(arrays[k]) for k in (0, 1, 2, 4))
        bias, batch = arrays[3], len(x)
        old = state.reshape(batch, *time.shape)
        if x.dtype == np.float32:
            if features.dtype == np.int8:
                features = features.astype(np.float32) * _scales_of_filters(at)[:, None]
            new = np.concatenate([old[:, :, 1:], sums(x, features, None)[:, :, None]], axis=2)
            with np.errstate(all="ignore"):
                each = _over_time(new, time).reshape(batch, -1, self.rank)
                y = np.zeros(each.shape[:2], np.float32) + (np.float32(0) if bias is None else bias)
                for k in range(self.rank):
                    y = y + each[:, :, k]
            lo, hi = (np.float32(v) for v in span((self.lo, self.hi)))
            y = np.where(y < lo, lo, y)
            return np.where(y > hi, hi, y), new.reshape(state.shape)
        (first, second), zeros = _scales(at)
        total = (x.astype(np.int64) - zeros[0]) @ features.astype(np.int64).T
        ends = np.iinfo(state.dtype)
        made = fixed.multiply(total.astype(np.int32), *first) + zeros[1]
        made = np.clip(made, ends.min, ends.max).astype(state.dtype)
        new = np.concatenate([old[:, :, 1:], made[:, :, None]], axis=2)
        each = ((new.astype(np.int64) - zeros[1]) * time.astype(np.int64)).sum(axis=2)
        whole = each.reshape(batch, -1, self.rank).sum(axis=2) + (0 if bias is None else bias)
        y = fixed.multiply(whole.astype(np.int32), *second) + zeros[2]
        return np.clip(y, -128, 127).astype(np.int8), new.reshape(state.shape)

    def macs(self, at: Applied) -> int:
        """Weights for each row."""
        return at.x.shape[0] * (at.inputs[1].size + at.inputs[2].size)

    def emit(self, at: Applied, to: Writer) -> None:
        """One call."""
        x, features, time, bias, state = _inputs(at)
        fields: dict[str, object] = {
            "batch": x.shape[0],
            "inputs": x.shape[1],
            "units": at.out.shape[1],
            "rank": self.rank,
            "memory": time.shape[1],
        }
        way = "f32"
        if x.dtype == "float32":
            lo, hi = span((self.lo, self.hi))
            fields |= {"lo": to.real(lo), "hi": to.real(hi)}
        else:
            way = {"int8": "i8", "int16": "i16"}[state.dtype]
            (first, second), zeros = _scales(at)
            n = to.number
            fields |= {
                "multiplier": f"{{{n(first[0])}, {n(second[0])}}}",
                "shift": f"{{{n(first[1])}, {n(second[1])}}}",
                "zero": f"{{{n(zeros[0])}, {n(zeros[1])}, {n(zeros[2])}}}",
            }
        layer = to.layer(fields, "sa_nd_svdf_t")
        reads = [to.source(t) if t.name else "0" for t in (x, features, time, bias, state)]
        if way == "f32":
            bytes_ = features.dtype == "int8"
            reads.insert(2, to.table("float", f"scale{to.index}", _scales_of_filters(at)) if bytes_ else "0")
        to.call(FILE, f"sa_nd_svdf_{way}", layer, *reads, *(to.target(t) for t in at.outputs))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Types, ranks, with and without bias, ends, zero points."""
        rng = np.random.default_rng(3)
        for rank, bias in ((1, True), (2, True), (3, False)):
            tensors: list[Tensor | None] = [
                _testing.given("x", (2, 5)),
                _testing.known("features", rng.normal(0, 1, (6, 5))),
                _testing.known("time", rng.normal(0, 1, (6, 4))),
                _testing.known("b", rng.normal(0, 1, 6 // rank)) if bias else None,
                _testing.given("state", (2, 24)),
            ]
            yield f"svdf_{rank}", _testing.one(cls(rank, 0.0 if bias else None, 6.0), tensors)
            each = Affine(tuple(rng.uniform(0.01, 0.02, 6).tolist()), (0,) * 6, 0)
            quant = each if bias else Affine((0.01,))
            tensors[1] = _testing.known("features", rng.integers(-128, 128, (6, 5)), "int8", quant)
            yield f"svdf_bytes_{rank}", _testing.one(cls(rank), tensors)
        for kind, zero in (("int8", 7), ("int16", 0)):
            for rank, bias in ((1, True), (2, False)):
                span_of = 30 if kind == "int8" else 3000
                scale = Affine((0.02 if kind == "int8" else 0.0004,), (zero,))
                tensors = [
                    _testing.given("x", (2, 5), "int8", Affine((0.03,), (-9,))),
                    _testing.known("features", rng.integers(-127, 128, (6, 5)), "int8", Affine((0.01,))),
                    _testing.known("time", rng.integers(-span_of, span_of, (6, 4)), kind, Affine((0.004,))),
                    _testing.known("b", rng.integers(-900, 900, 6 // rank), "int32") if bias else None,
                    _testing.given("state", (2, 24), kind, scale),
                ]
                quants = (Affine((0.05,), (3,)), scale)
                yield f"svdf_{kind}_{rank}", _testing.one(cls(rank), tensors, quants)


def _inputs(at: Applied) -> tuple[Tensor, ...]:
    """Five inputs, ``ABSENT`` for those that are left out."""
    return (*at.inputs, *[ABSENT] * 5)[:5]


def _over_time(memory: Array, weights: Array) -> Array:
    """Sums over time from 0, one product after the other."""
    total = np.zeros(memory.shape[:2], np.float32)
    for k in range(weights.shape[1]):
        total = total + memory[:, :, k] * weights[:, k]
    return total


_Factor = tuple[int, int]


def _scales(at: Applied) -> tuple[tuple[_Factor, _Factor], tuple[int, int, int]]:
    """Multipliers and shifts into the state and out of it; zero points of input, state and output."""
    x, features, time, _, state = _inputs(at)
    (own, zero), (kept, middle), (out, end) = (affine.single(at, t) for t in (x, state, at.out))
    first, flat = affine.single(at, features)
    second, even = affine.single(at, time)
    if flat or even:
        raise ConfigError(f"layer {at.name}: weights with zero points are not supported")
    # quotients of float32 numbers, as the framework has them
    f = np.float32
    factors = f(own) * f(first) / f(kept), f(kept) * f(second) / f(out)
    pair = fixed.multiplier_of(float(factors[0])), fixed.multiplier_of(float(factors[1]))
    return pair, (zero, middle, end)


def _scales_of_filters(at: Applied) -> Array:
    """Scale of each filter of int8 weights in a layer of floats."""
    quant = at.inputs[1].quant
    if not isinstance(quant, Affine) or quant.axis not in (None, 0) or any(quant.zero):
        raise ConfigError(f"layer {at.name}: int8 weights need scales of their filters and the zero point 0")
    return np.array(np.broadcast_to(np.asarray(quant.scale, np.float32), (at.inputs[1].shape[0],)))
