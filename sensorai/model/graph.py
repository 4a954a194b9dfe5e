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

from sensorai.errors import ConfigError

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

    def check(self) -> Graph:
        """Return the graph when it is sound; a ConfigError names the first node that is not."""
        from sensorai.model import ops

        made = set(self.inputs)
        if missing := [n for n in (*self.inputs, *self.outputs) if n not in self.tensors]:
            raise ConfigError(f"the net names a tensor that it does not have: {missing[0]}")
        for tensor in self.tensors.values():
            if tensor.dtype not in DTYPES:
                raise ConfigError(f"tensor {tensor.name}: unknown type {tensor.dtype}")
            if not tensor.shape or min(tensor.shape) < 1:
                raise ConfigError(f"tensor {tensor.name}: impossible shape {tensor.shape}")
        for node in self.nodes:
            where = f"layer {node.output} ({node.op})"
            if lost := [n for n in node.inputs if n not in made]:
                raise ConfigError(f"{where} reads {lost[0]}, which nothing before it makes")
            if node.output in made or node.output not in self.tensors:
                raise ConfigError(f"{where} makes a tensor that exists already or is not declared")
            made.add(node.output)
            ops.check(node, self.ins(node), self.out(node))
        if lost := [n for n in self.outputs if n not in made]:
            raise ConfigError(f"nothing makes the output {lost[0]}")
        return self


class Builder:
    """Makes float nets layer by layer; every call returns the name of the tensor it made.

    Parameters
    ----------
    shape : tuple of int
        Shape of the input.
    dtype, fraction
        Type of the input; nets for training start from float32.
    """

    def __init__(self, shape: Shape, dtype: str = "float32", fraction: int | None = None) -> None:
        self.tensors: dict[str, Tensor] = {"input": Tensor("input", shape, dtype, fraction)}
        self.nodes: list[Node] = []
        self.last = "input"

    def add(
        self,
        op: str,
        *inputs: str,
        params: Mapping[str, Array] | None = None,
        dtype: str = "float32",
        fraction: int | None = None,
        name: str = "",
        **attrs: Any,
    ) -> str:
        """Append a node; without ``inputs`` it reads the tensor made last."""
        from sensorai.model import ops

        reads = inputs or (self.last,)
        made = name or f"{op}_{len(self.nodes)}"
        node = Node(op, reads, made, attrs, dict(params or {}))
        shape = ops.module(op).shape(node, *(self.tensors[n].shape for n in reads))
        self.tensors[made] = Tensor(made, shape, dtype, fraction)
        self.nodes.append(node)
        self.last = made
        return made

    def graph(self, *outputs: str) -> Graph:
        """Finish; without ``outputs`` the tensor made last is the output."""
        return Graph(("input",), outputs or (self.last,), dict(self.tensors), tuple(self.nodes)).check()
