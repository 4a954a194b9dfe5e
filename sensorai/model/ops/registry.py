"""Operators by name, and whether nodes and graphs are sound."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any, Protocol, cast

from sensorai.errors import ConfigError
from sensorai.model.graph import DTYPES, Array, Graph, Node, Shape, Tensor
from sensorai.model.ops import _products

NAMES = (
    "add",
    "argmax",
    "avg_pool",
    "batch_norm",
    "conv1d",
    "dense",
    "depthwise_conv1d",
    "dequantize",
    "flatten",
    "global_avg_pool",
    "max_pool",
    "quantize",
    "relu",
    "sign",
    "softmax",
)

PRODUCTS = ("conv1d", "dense", "depthwise_conv1d")


class Operator(Protocol):
    """What every operator's module offers."""

    TYPES: frozenset[tuple[str, str]]

    def shape(self, node: Node, *shapes: Shape) -> Shape:
        """Shape of the output."""
        ...

    def reference(self, node: Node, ins: tuple[Tensor, ...], out: Tensor, *arrays: Array) -> Array:
        """Exact result."""
        ...

    def float_form(self, xp: Any, attrs: Any, params: Any, *arrays: Any) -> Any:
        """Real-valued result."""
        ...

    def macs(self, node: Node, ins: tuple[Tensor, ...], out: Tensor) -> int:
        """Multiply-accumulates."""
        ...

    def cases(self) -> Iterator[tuple[str, Graph]]:
        """Named test graphs."""
        ...


def module(op: str) -> Operator:
    """Return the module of an operator; a ConfigError for one that does not exist."""
    if op not in NAMES:
        raise ConfigError(f"unknown operator {op!r}", hint=f"known: {', '.join(NAMES)}")
    return cast(Operator, import_module(f"sensorai.model.ops.{op}"))


def check(node: Node, ins: tuple[Tensor, ...], out: Tensor) -> None:
    """Raise a ConfigError when types, shapes or constants of ``node`` do not fit together."""
    operator = module(node.op)
    where = f"layer {node.output} ({node.op})"
    for tensor in ins:
        if (tensor.dtype, out.dtype) not in operator.TYPES:
            raise ConfigError(f"{where} cannot make {out.dtype} from {tensor.dtype}")
    shape = operator.shape(node, *(tensor.shape for tensor in ins))
    if shape != out.shape:
        raise ConfigError(f"{where} makes shape {shape}, but {out.shape} is declared")
    if node.op in PRODUCTS:
        _products.check(node, ins[0], out)


def check_graph(graph: Graph) -> Graph:
    """Return the graph when it is sound; a ConfigError names the first node that is not."""
    made = set(graph.inputs)
    if missing := [n for n in (*graph.inputs, *graph.outputs) if n not in graph.tensors]:
        raise ConfigError(f"the net names a tensor that it does not have: {missing[0]}")
    for tensor in graph.tensors.values():
        if tensor.dtype not in DTYPES:
            raise ConfigError(f"tensor {tensor.name}: unknown type {tensor.dtype}")
        if not tensor.shape or min(tensor.shape) < 1:
            raise ConfigError(f"tensor {tensor.name}: impossible shape {tensor.shape}")
    for node in graph.nodes:
        where = f"layer {node.output} ({node.op})"
        if lost := [n for n in node.inputs if n not in made]:
            raise ConfigError(f"{where} reads {lost[0]}, which nothing before it makes")
        if node.output in made or node.output not in graph.tensors:
            raise ConfigError(f"{where} makes a tensor that exists already or is not declared")
        made.add(node.output)
        check(node, graph.ins(node), graph.out(node))
    if lost := [n for n in graph.outputs if n not in made]:
        raise ConfigError(f"nothing makes the output {lost[0]}")
    return graph
