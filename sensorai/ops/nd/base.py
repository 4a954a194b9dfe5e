"""What operators of any number of axes share: open inputs, types and shapes by ``infer``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.limits import CONSTANT
from sensorai.graph.operator import Applied, Operator
from sensorai.graph.quant import Quant
from sensorai.graph.tensor import DTYPES, Array, Shape, Tensor, constant


@dataclass(frozen=True, slots=True)
class Made:
    """What an operator makes of its inputs: type, shape, what the numbers mean."""

    dtype: str
    shape: Shape
    quant: Quant = None


@dataclass(frozen=True, slots=True)
class NdOperator(Operator):
    """Operator whose inputs are any tensors by their place, constant or computed, some left out.

    Where inputs and outputs are integers with an ``Affine`` scale, it computes as the framework does that
    such tensors come from; every module says how it rounds.
    """

    OPEN: ClassVar[bool] = True
    #: Whether it is computed beforehand where everything it reads is known; not where that takes more bytes.
    FOLDS: ClassVar[bool] = True
    #: Whether it treats every number alike, whatever its place: the order of axes does not matter to it.
    PLACELESS: ClassVar[bool] = False
    #: Whether it only moves, repeats or picks numbers, whatever they mean.
    MOVES: ClassVar[bool] = False
    TYPES: ClassVar[frozenset[tuple[str, str]]] = frozenset()

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Types and shapes of the outputs; a ConfigError where the inputs do not fit.

        ``at.outputs`` is empty while a net is read. The scale of a quantised output is no matter of its
        inputs: a reader sets it afterwards, see ``accept``.
        """
        raise NotImplementedError

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Exact results for whole tensors, without the batch axis of the interpreter; None: left out."""
        raise NotImplementedError

    def moves(self) -> bool:
        """Whether integers may go through in place of what they mean: ``MOVES``, or by the settings."""
        return self.MOVES

    def transposed(self, perm: tuple[int, ...], at: Applied) -> NdOperator | None:
        """Return what does the same before a transpose by ``perm`` as this does behind it.

        ``at``: as it stands, behind. None where there is no such; operators along an axis say it themselves.
        """
        return self if self.PLACELESS else None

    def shapes(self, at: Applied) -> tuple[Shape, ...]:
        """Shapes of all outputs."""
        return tuple(made.shape for made in self.infer(at))

    def accept(self, at: Applied) -> None:
        """Raise a ConfigError unless the outputs are what ``infer`` says, but for their scales."""
        where = f"layer {at.name} ({self.NAME})"
        made = self.infer(at)
        if len(made) < len(at.outputs):
            raise ConfigError(f"{where} makes {len(made)} tensors, but {len(at.outputs)} are declared")
        for one, out in zip(made, at.outputs, strict=False):
            if one.shape != out.shape:
                raise ConfigError(f"{where} makes shape {one.shape}, but {out.shape} is declared")
            if one.dtype != out.dtype:
                raise ConfigError(f"{where} makes {one.dtype}, but {out.dtype} is declared")

    def results(self, at: Applied, *arrays: Array) -> tuple[Array, ...]:
        """Exact results for arrays with a batch axis in front."""
        there = [bool(x.name) for x in at.inputs]
        rows = []
        for i in range(len(arrays[0]) if arrays else 1):
            one = [np.asarray(a[i]) if have else None for a, have in zip(arrays, there, strict=True)]
            rows.append([np.asarray(y) for y in self.compute(at, *one)])
        for y, out in zip(rows[0], at.outputs, strict=False):
            if y.shape != out.shape or y.dtype != DTYPES[out.dtype]:
                raise ConfigError(f"layer {at.name} ({self.NAME}) made {y.dtype} of shape {y.shape}")
        return tuple(np.stack(column) for column in zip(*rows, strict=True))

    def folded(self, at: Applied) -> tuple[Tensor, ...] | None:
        """Outputs as constants; None where an input is computed, or they hold too many numbers."""
        if any(x.name and x.data is None for x in at.inputs) or sum(t.size for t in at.outputs) > CONSTANT:
            return None
        arrays = self.compute(at, *(x.data if x.name else None for x in at.inputs))
        pairs = zip(at.outputs, arrays, strict=True)
        return tuple(constant(t.name, np.asarray(a).reshape(t.shape), t.quant, t.dtype) for t, a in pairs)

    def float_forms(self, xp: Any, constants: Any, *arrays: Any) -> tuple[Any, ...]:
        """Nets made elsewhere are not trained here."""
        raise ConfigError(f"{self.NAME} is not trained here")
