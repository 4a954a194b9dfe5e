"""Inputs and outputs of a net in other types than its file has: the conversions at the border go, or come.

The float side of a quantised net is left to the caller: its C takes and gives integers, with the scale that
the interface says. The other way round a net of integers takes and gives real numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph, Node
from sensorai.graph.quant import Affine
from sensorai.graph.spec import check
from sensorai.graph.tensor import Tensor, free
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.quantize import Dequantize, Quantize

#: Types that may be asked for.
TYPES = ("float32", "int8", "uint8", "int16")


def with_types(graph: Graph, inputs: Sequence[str] = (), outputs: Sequence[str] = ()) -> Graph:
    """Bring inputs and outputs to types.

    Parameters
    ----------
    inputs, outputs : sequence of str
        One type for all, or one for each; none: as they are.

    Raises
    ------
    ConfigError
        The count of types does not fit, or a tensor has no such form: it is float in the net itself, or holds
        integers without a scale.
    """
    for name, dtype in _each(inputs, graph.inputs, "--input-data-type").items():
        graph = _input(graph, name, dtype)
    for name, dtype in _each(outputs, graph.outputs, "--output-data-type").items():
        graph = _output(graph, name, dtype)
    return check(graph) if inputs or outputs else graph


def _hint(graph: Graph, node: Node | None, which: str) -> str:
    """What to do where a net has no integers at its border; of a quantised one that layer stayed float."""
    if node is None or not any(isinstance(n.op, Quantize | Dequantize) for n in graph.nodes):
        return "quantise the net first ('sensorai quantize'), or drop the option"
    return (
        f"{node.op.NAME} stayed float when the net was quantised: drop the option, or export the net without "
        f"its {which} layer and quantise that"
    )


def _each(types: Sequence[str], names: Sequence[str], flag: str) -> Mapping[str, str]:
    for dtype in types:
        if dtype not in TYPES:
            raise ConfigError(f"{flag} {dtype!r} is not known", hint=f"one of {', '.join(TYPES)}")
    if len(types) not in (0, 1, len(names)):
        raise ConfigError(f"{flag} says {len(types)} types for {len(names)}: {', '.join(names)}")
    every = list(types) * len(names) if len(types) == 1 else types
    return dict(zip(names, every, strict=False))


def _input(graph: Graph, name: str, dtype: str) -> Graph:
    tensor = graph.tensors[name]
    if tensor.dtype == dtype:
        return graph
    if tensor.dtype == "float32":
        graph = _without_quantise(graph, name)
        return _input(graph, name, dtype)
    if not isinstance(tensor.quant, Affine) or dtype not in (*_OTHER, "float32"):
        raise ConfigError(f"the input {name} is {tensor.dtype} without a scale: it has no form as {dtype}")
    inner = free(f"{name}.{tensor.dtype}", graph.tensors)
    outer = Tensor(name, tensor.shape, dtype, _moved(tensor, dtype))
    nodes = [_reading(node, {name: inner}) for node in graph.nodes]
    first = Node(Quantize(tensor.dtype, "away"), (name,), (inner,))
    tensors = {**graph.tensors, name: outer, inner: replace(tensor, name=inner)}
    outputs = tuple(inner if n == name else n for n in graph.outputs)
    return replace(graph, tensors=tensors, nodes=(first, *nodes), outputs=outputs)


#: Types of bytes, and what their zero points differ by.
_OTHER = {"int8": -128, "uint8": 128}


def _moved(tensor: Tensor, dtype: str) -> Affine | None:
    """Scale of the same numbers in another type of bytes; None for real numbers."""
    quant = tensor.quant
    if dtype == "float32" or not isinstance(quant, Affine):
        return None
    if tensor.dtype not in _OTHER or dtype not in _OTHER or len(quant.scale) != 1:
        raise ConfigError(
            f"{tensor.name} is {tensor.dtype}: it has no form as {dtype}", hint="float32 is one"
        )
    return replace(quant, zero=tuple(z + _OTHER[dtype] for z in quant.zero))


def _reading(node: Node, names: Mapping[str, str]) -> Node:
    return replace(node, inputs=tuple(names.get(n, n) for n in node.inputs))


def _without_quantise(graph: Graph, name: str) -> Graph:
    """Let an input be what its readers all quantise it to."""
    readers = [node for node in graph.nodes if name in node.inputs]
    whole = {node.output: graph.tensors[node.output] for node in readers if isinstance(node.op, Quantize)}
    kinds = {(t.dtype, t.quant) for t in whole.values()}
    if len(whole) < len(readers) or len(kinds) != 1 or name in graph.outputs or set(whole) & graph.kept:
        used = next((n for n in readers if not isinstance(n.op, Quantize)), None)
        why = "it is not quantised in one way" if used is None else f"{used.op.NAME} takes real numbers"
        raise ConfigError(
            f"the input {name} is float32 in the net itself: {why}", hint=_hint(graph, used, "first")
        )
    first = next(iter(whole.values()))
    nodes = tuple(_reading(n, dict.fromkeys(whole, name)) for n in graph.nodes if n not in readers)
    tensors = {n: t for n, t in graph.tensors.items() if n not in whole}
    return replace(graph, tensors={**tensors, name: replace(first, name=name)}, nodes=nodes)


def _output(graph: Graph, name: str, dtype: str) -> Graph:
    tensor = graph.tensors[name]
    if tensor.dtype == dtype:
        return graph
    if name in graph.inputs or any(name in (s.read, s.write) for s in graph.states):
        raise ConfigError(f"the output {name} is an input or a state, too: its type stays")
    maker = next((node for node in graph.nodes if name in node.outputs), None)
    if tensor.dtype == "float32":
        if maker is None or not isinstance(maker.op, Dequantize):
            made = "a constant" if maker is None else maker.op.NAME
            raise ConfigError(
                f"the output {name} is float32 in the net itself: {made} makes it",
                hint=_hint(graph, maker, "last"),
            )
        return _output(_without_dequantise(graph, maker), name, dtype)
    if maker is None or not isinstance(tensor.quant, Affine) or dtype not in (*_OTHER, "float32"):
        raise ConfigError(f"the output {name} is {tensor.dtype} without a scale: it has no form as {dtype}")
    op: NdOperator = Dequantize() if dtype == "float32" else Quantize(dtype, "away")
    inner = free(f"{name}.{tensor.dtype}", graph.tensors)
    nodes = [
        replace(_reading(n, {name: inner}), outputs=tuple(inner if o == name else o for o in n.outputs))
        for n in graph.nodes
    ]
    outer = Tensor(name, tensor.shape, dtype, _moved(tensor, dtype))
    tensors = {**graph.tensors, name: outer, inner: replace(tensor, name=inner)}
    return replace(graph, tensors=tensors, nodes=(*nodes, Node(op, (inner,), (name,))))


def _without_dequantise(graph: Graph, maker: Node) -> Graph:
    """Let an output be what was dequantised to it."""
    name, source = maker.output, maker.inputs[0]
    whole = graph.tensors[source]
    if any(name in node.inputs for node in graph.nodes):
        raise ConfigError(f"the output {name} is read as float32 in the net, too: its type stays")
    if whole.data is not None or source in graph.kept or source in graph.given:
        raise ConfigError(f"the output {name} is another one or an input, dequantised: its type stays")
    nodes = tuple(
        replace(_reading(n, {source: name}), outputs=tuple(name if o == source else o for o in n.outputs))
        for n in graph.nodes
        if n is not maker
    )
    tensors = {n: t for n, t in graph.tensors.items() if n != source}
    return replace(graph, tensors={**tensors, name: replace(whole, name=name)}, nodes=nodes)
