"""Nets as graphs: tensors with a type and a scale, nodes in the order in which they run.

A tensor of integers has the value ``q * 2**-fraction``. Binary tensors hold +1 and -1; in NumPy they
are int8, in C one bit each (1 is +1). Shapes have no batch axis; activations are (time, channels) or
(features,).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

DTYPES: Mapping[str, Any] = {
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "binary": np.int8,
    "float32": np.float32,
}


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named array between nodes.

    Attributes
    ----------
    name : str
    shape : tuple of int
        Without batch; every extent at least 1.
    dtype : str
        One of ``DTYPES``.
    fraction : int or None
        Binary digits after the point; None for float32 and where no scale is known.
    """

    name: str
    shape: Shape
    dtype: str = "float32"
    fraction: int | None = None

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape))


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One operator: what it reads, what it makes, with which constants.

    Attributes
    ----------
    op : str
        Name of a module in ``sensorai.model.ops``.
    inputs : tuple of str
    output : str
    attrs : mapping
        Small settings: int, float, str, bool or None.
    params : mapping of str to ndarray
        Weights, biases, shifts, thresholds.
    """

    op: str
    inputs: tuple[str, ...]
    output: str
    attrs: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Array] = field(default_factory=dict)

    def with_attrs(self, **attrs: Any) -> Node:
        """Copy with settings added or replaced."""
        return replace(self, attrs={**self.attrs, **attrs})


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A net.

    Attributes
    ----------
    inputs, outputs : tuple of str
        Names of tensors.
    tensors : mapping of str to Tensor
    nodes : tuple of Node
        Every node after those that make its inputs.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tensors: Mapping[str, Tensor]
    nodes: tuple[Node, ...]

    def ins(self, node: Node) -> tuple[Tensor, ...]:
        """Tensors that ``node`` reads."""
        return tuple(self.tensors[name] for name in node.inputs)

    def out(self, node: Node) -> Tensor:
        """Tensor that ``node`` makes."""
        return self.tensors[node.output]

    def consumers(self, name: str) -> tuple[Node, ...]:
        """Nodes that read the tensor ``name``."""
        return tuple(node for node in self.nodes if name in node.inputs)

    def producer(self, name: str) -> Node | None:
        """Node that makes the tensor ``name``, None for an input."""
        return next((node for node in self.nodes if node.output == name), None)
