"""Frames of samples that go on from call to call, as TensorFlow Lite Micro's signal library has them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.tensor import ABSENT, Array, Tensor
from sensorai.ops.nd import _testing, affine
from sensorai.ops.nd.base import Made, NdOperator
from sensorai.ops.nd.signals import within

FILE = "nd/sa_nd_frames.h"
#: Samples of a frame, or frames of a stack, at most.
MOST = 1 << 20


def _third(at: Applied, place: int) -> Tensor:
    return at.inputs[place] if place < len(at.inputs) else ABSENT


def _kept(at: Applied, held: Tensor, shape: tuple[int, ...]) -> None:
    """Raise a ConfigError unless samples of calls before have a shape; none are kept where it is empty."""
    if (held.dtype, held.shape) != ("int16", shape) if math.prod(shape) else bool(held.name):
        raise ConfigError(f"layer {at.name}: what it keeps has the shape {held.shape}, not {shape}")


def _counts(at: Applied, count: Tensor) -> None:
    if count.name and (count.dtype != "int32" or count.shape != ()):
        raise ConfigError(f"layer {at.name}: what it counts is {count.dtype} of shape {count.shape}")


def _samples(at: Applied) -> None:
    if at.x.dtype != "int16" or affine.scaled(at.x) or not at.x.size or not at.x.shape:
        raise ConfigError(f"layer {at.name}: frames of {at.x.dtype} {at.x.shape} are not supported")


@dataclass(frozen=True, slots=True)
class Frames(NdOperator):
    """Frames of ``size`` samples, one every ``step`` samples of the last axis, over the ends of calls.

    Inputs: x (..., n) int16; samples of the calls before (..., kept), left out where there are none; how many
    of them there are, int32 (), where it is not told by 0 that there were none. Outputs: (..., n / step,
    size), whether there were enough samples, samples for the next call, their number. Samples that there were
    none of are 0. Frames begin with the first sample that is kept.

    Attributes
    ----------
    size, step, kept : int
    """

    size: int
    step: int
    kept: int

    NAME: ClassVar[str] = "frames"
    FOLDS: ClassVar[bool] = False

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Frames, truth, what is kept."""
        _samples(at)
        within(at, "frame", self.size, 1, MOST)
        within(at, "step", self.step, 1, at.x.shape[-1])
        within(at, "memory", self.kept, max(self.size - self.step, 0), MOST)
        if at.x.shape[-1] % self.step:
            raise ConfigError(f"layer {at.name}: {at.x.shape[-1]} samples are no whole steps of {self.step}")
        held, count = _third(at, 1), _third(at, 2)
        rows = at.x.shape[:-1]
        _kept(at, held, (*rows, self.kept))
        _counts(at, count)
        made = [Made("int16", (*rows, at.x.shape[-1] // self.step, self.size)), Made("bool", ())]
        if self.kept:
            made.append(Made("int16", (*rows, self.kept)))
        return (*made, *([Made("int32", ())] if count.name and self.kept else []))

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Cut samples kept and given."""
        x, held, count = (*arrays, None, None)[:3]
        x = np.asarray(x)
        both = x if held is None else np.concatenate([held, x], axis=-1)
        steps = x.shape[-1] // self.step
        places = self.step * np.arange(steps)[:, None] + np.arange(self.size)
        there = self.kept if count is None else int(np.asarray(count))
        valid = True
        for _ in range(steps):
            if there + self.step < self.size:
                there, valid = there + self.step, False
        made = [both[..., places], np.asarray(valid)]
        if held is not None:
            made.append(np.array(both[..., x.shape[-1] :]))
        return (*made, *([] if count is None else [np.asarray(there, np.int32)]))

    def macc(self, at: Applied) -> int:
        """1 for every number."""
        return at.x.size // self.step * self.size

    def emit(self, at: Applied, to: Writer) -> None:
        """One call."""
        rows, given = math.prod(at.x.shape[:-1]), at.x.shape[-1]
        fields = {"rows": rows, "given": given, "size": self.size, "step": self.step, "kept": self.kept}
        layer = to.layer(fields, "sa_nd_frames_t")
        sources = [to.source(t) for t in at.inputs if t.name]
        targets = [to.target(t) for t in at.outputs]
        if not self.kept:
            sources, targets = [*sources, "0"], [*targets, "0"]
        function = "sa_nd_frames_counted" if len(at.outputs) == 4 else "sa_nd_frames"
        to.call(FILE, function, layer, *sources, *targets)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Frames that overlap much, little, not at all; counted ones; several rows."""
        for size, step, kept in ((5, 2, 3), (5, 2, 4), (3, 3, 0), (2, 4, 0)):
            x = _testing.given("x", (2, 2 * step), "int16")
            reads = [x, _testing.given("held", (2, kept), "int16")] if kept else [x]
            yield f"frames_{size}_{step}_{kept}", _testing.one(cls(size, step, kept), reads)
        reads = [_testing.given("x", (4,), "int16"), _testing.given("held", (4,), "int16")]
        for there in (0, 4):
            count = _testing.given("there", (), "int32") if there else _testing.known("there", 0, "int32")
            yield f"frames_counted_{there}", _testing.one(cls(5, 2, 4), [*reads, count])


@dataclass(frozen=True, slots=True)
class Stack(NdOperator):
    """The last frames one behind the other; before the first one lie ``left`` more of it.

    Inputs: frame (n,) int16; frames of the calls before (kept * n,), left out where there are none; int32 ():
    0 before the first call, then one more than the frames since the last step. Outputs: ((kept + 1) * n,),
    whether it is full, frames and count for the next call. A full stack goes on by ``step`` frames.

    Attributes
    ----------
    kept, left, step : int
    """

    kept: int
    left: int
    step: int

    NAME: ClassVar[str] = "stack_frames"
    FOLDS: ClassVar[bool] = False

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Stack, truth, what is kept."""
        _samples(at)
        within(at, "memory", self.kept, 1, MOST)
        within(at, "first frames", self.left, 0, self.kept)
        within(at, "step", self.step, 1, self.kept + 1)
        if len(at.x.shape) != 1 or len(at.inputs) != 3:
            raise ConfigError(f"layer {at.name}: a stack of frames of shape {at.x.shape}")
        held, count = at.inputs[1:]
        _kept(at, held, (self.kept * at.x.size,))
        _counts(at, count)
        whole = Made("int16", ((self.kept + 1) * at.x.size,))
        return whole, Made("bool", ()), Made("int16", held.shape), Made("int32", ())

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Join, and count."""
        x, held, count = (np.asarray(a) for a in arrays)
        seen = int(count)
        y = np.concatenate([held if seen else np.tile(x, self.kept), x])
        frames = np.int64(seen if seen else self.left + 1)
        valid = bool(frames > self.kept)
        then = frames + 1 - (self.step if valid else 0)
        return y, np.asarray(valid), np.array(y[x.size :]), np.asarray(then, np.int64).astype(np.int32)

    def macc(self, at: Applied) -> int:
        """1 for every number."""
        return at.out.size

    def emit(self, at: Applied, to: Writer) -> None:
        """One call."""
        numbers = (at.x.size, self.kept, self.left, self.step)
        sources = [to.source(t) for t in at.inputs]
        to.call(FILE, "sa_nd_stack", *numbers, *sources, *(to.target(t) for t in at.outputs))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """First call, and any other."""
        reads = [_testing.given("x", (3,), "int16"), _testing.given("held", (12,), "int16")]
        for first in (False, True):
            count = _testing.known("seen", 0, "int32") if first else _testing.given("seen", (), "int32")
            yield f"stack_frames_{int(first)}", _testing.one(cls(4, 1, 3), [*reads, count])


@dataclass(frozen=True, slots=True)
class OverlapAdd(NdOperator):
    """Frames laid over each other, each ``step`` numbers behind the one before, and added.

    Inputs: x (..., frames, size) int16, whose sums are held, or float32; what goes on from the call before
    (..., size). Outputs: (..., frames * step), what goes on to the next call.

    Attributes
    ----------
    step : int
    """

    step: int

    NAME: ClassVar[str] = "overlap_add"
    FOLDS: ClassVar[bool] = False

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Sums, and what goes on."""
        x = at.x
        if len(at.inputs) != 2 or x.dtype not in ("int16", "float32") or affine.scaled(x) or len(x.shape) < 2:
            raise ConfigError(f"layer {at.name}: frames of {x.dtype} {x.shape} are not added up")
        within(at, "step", self.step, 1, x.shape[-1])
        held = at.inputs[1]
        if not x.size or (held.dtype, held.shape) != (x.dtype, (*x.shape[:-2], x.shape[-1])):
            raise ConfigError(f"layer {at.name}: {held.dtype} {held.shape} does not go on in {x.shape}")
        return Made(x.dtype, (*x.shape[:-2], x.shape[-2] * self.step)), Made(x.dtype, held.shape)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Frame by frame."""
        x, held = (np.asarray(a) for a in arrays)
        made = []
        for k in range(x.shape[-2]):
            if x.dtype == np.int16:
                total = held.astype(np.int64) + x[..., k, :]
                held = np.clip(total, -32768, 32767).astype(np.int16)
            else:
                with np.errstate(all="ignore"):
                    held = held + x[..., k, :]
            made.append(held[..., : self.step])
            held = np.concatenate([held[..., self.step :], np.zeros_like(made[-1])], axis=-1)
        return np.concatenate(made, axis=-1), held

    def macs(self, at: Applied) -> int:
        """One for every number."""
        return at.x.size

    def emit(self, at: Applied, to: Writer) -> None:
        """One call."""
        frames, size = at.x.shape[-2:]
        name = {"int16": "i16", "float32": "f32"}[at.x.dtype]
        numbers = (math.prod(at.x.shape[:-2]), frames, size, self.step)
        sources = [to.source(t) for t in at.inputs]
        to.call(FILE, f"sa_nd_overlap_{name}", *numbers, *sources, *(to.target(t) for t in at.outputs))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Types, steps, several rows."""
        for dtype in ("int16", "float32"):
            for step in (2, 5):
                reads = [_testing.given("x", (2, 3, 5), dtype), _testing.given("held", (2, 5), dtype)]
                yield f"overlap_add_{dtype}_{step}", _testing.one(cls(step), reads)
