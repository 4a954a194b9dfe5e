"""What a net must be on each level of its way to the device; checked after every pass."""

from __future__ import annotations

from enum import Enum

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph, Node


class Level(Enum):
    """Levels of a net, each with what holds on it besides being sound."""

    #: As the file of another tool says it: any operator, any type.
    SOURCE = "source"
    #: Everything is computed in float32.
    FLOAT = "float"
    #: Computed in float32, and tensors say what scale they will have.
    QUANTISED = "quantised"
    #: As the device computes it: every operator has C for the types of its tensors.
    INTEGER = "integer"


def check(graph: Graph, level: Level | None = None) -> Graph:
    """Return the graph when it is sound and on ``level``; a ConfigError names the first node that is not."""
    _tensors(graph)
    made = set(graph.given)
    for node in graph.nodes:
        where = f"layer {node.output} ({node.op.NAME})"
        if lost := [n for n in node.reads if n and n not in made and not _constant(graph, n)]:
            raise ConfigError(f"{where} reads {lost[0]}, which nothing before it makes")
        if lost := [n for n in node.outputs if n in made or n not in graph.tensors]:
            raise ConfigError(f"{where} makes a tensor that exists already or is not declared")
        _node(graph, node, where)
        made.update(node.outputs)
    if lost := [n for n in graph.outputs if n not in made and not _constant(graph, n)]:
        raise ConfigError(f"nothing makes the output {lost[0]}")
    for state in graph.states:
        if state.write not in made:
            raise ConfigError(f"nothing makes the state {state.write}")
    if level is not None:
        _level(graph, level)
    return graph


def _constant(graph: Graph, name: str) -> bool:
    return name in graph.tensors and graph.tensors[name].data is not None


def _tensors(graph: Graph) -> None:
    if missing := [n for n in (*graph.given, *graph.kept) if n not in graph.tensors]:
        raise ConfigError(f"the net names a tensor that it does not have: {missing[0]}")
    if not graph.inputs or not graph.outputs:
        raise ConfigError("the net has no input or no output")
    for name, tensor in graph.tensors.items():
        if name != tensor.name:
            raise ConfigError(f"tensor {tensor.name} is filed as {name}")
        tensor.check()
    if given := [n for n in graph.given if graph.tensors[n].data is not None]:
        raise ConfigError(f"the input {given[0]} is a constant")
    if len(set(graph.given)) != len(graph.given):
        raise ConfigError("an input or state of the net is given twice")
    for state in graph.states:
        old, new = graph.tensors[state.read], graph.tensors[state.write]
        if (old.shape, old.dtype, old.quant) != (new.shape, new.dtype, new.quant):
            raise ConfigError(f"the state {old.name} and {new.name}, which follows it, differ")


def _node(graph: Graph, node: Node, where: str) -> None:
    op = node.op
    if op.OPEN:
        at = graph.applied(node)
        op.accept(at)
        op.check(at)
        return
    if len(node.reads) != op.INPUTS or len(node.inputs) > op.INPUTS + len(op.CONSTANTS):
        raise ConfigError(f"{where} reads {len(node.inputs)} tensors, not {op.INPUTS} and its constants")
    for role, name in node.roles.items():
        if name not in graph.tensors or graph.tensors[name].data is None:
            raise ConfigError(f"{where}: its {role} {name!r} is no constant of the net")
    at = graph.applied(node)
    op.accept(at)
    shapes = op.shapes(at)
    if len(shapes) != len(at.outputs):
        raise ConfigError(f"{where} makes {len(shapes)} tensors, but {len(at.outputs)} are declared")
    for shape, out in zip(shapes, at.outputs, strict=True):
        if shape != out.shape:
            raise ConfigError(f"{where} makes shape {shape}, but {out.shape} is declared")
    op.check(at)


def _level(graph: Graph, level: Level) -> None:
    if level is Level.SOURCE:
        return
    if level is Level.INTEGER:
        for node in graph.nodes:
            if not node.op.EMITTED:
                raise ConfigError(f"layer {node.output} ({node.op.NAME}) stands in float nets only")
        return
    for tensor in graph.activations:
        if tensor.dtype != "float32":
            raise ConfigError(f"tensor {tensor.name} is {tensor.dtype} in a net that is still float")
        if level is Level.FLOAT and tensor.quant is not None:
            raise ConfigError(f"tensor {tensor.name} has a scale in a net that is still float")
    if level is Level.QUANTISED and (bare := [n for n in graph.inputs if graph.tensors[n].quant is None]):
        raise ConfigError(f"no scale is known for tensor {bare[0]}", hint="calibrate the net first")
