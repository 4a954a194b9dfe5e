"""From node to node of an ONNX file, and into the graphs and functions that nodes hold."""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import Any

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.libraries import library
from sensorai.importers.net import NetBuilder
from sensorai.importers.onnx import functions, nested, sequences
from sensorai.importers.onnx.older import modern
from sensorai.importers.onnx.rules import OnnxNode, Rule
from sensorai.importers.onnx.table import RULES
from sensorai.importers.onnx.values import Known, Value, attribute, constants
from sensorai.targets import closest

#: Domains whose operators go by their bare names.
_OWN = ("", "ai.onnx")
#: Operators of ONNX that readers know: from this version on.
OLDEST = 7
#: How deep graphs and functions may lie in each other; how many nodes, and numbers of constants, they may
#: make together.
DEEPEST, MOST, LARGEST = 16, 20_000, 1 << 26


class Walk:
    """Reads nodes; ``functions``: those of the file, by domain and name."""

    def __init__(self, net: NetBuilder, own: Mapping[tuple[str, str], Any]) -> None:
        self.net, self.own = net, own
        self._inner = self._numbers = 0

    def node(self, proto: Any, known: Known, versions: Mapping[str, int], depth: int = 0) -> None:
        """Read a node and enter what it makes into ``known``."""
        kind = proto.op_type if proto.domain in _OWN else f"{proto.domain}.{proto.op_type}"
        where = f"node {called(proto)} ({kind})"
        if lost := [n for n in proto.input if n and n not in known]:
            raise ConfigError(f"{where} reads {lost[0]}, which nothing before it makes")
        self._step(where, depth)
        values = [known[n] if n else None for n in proto.input]
        if kind in nested.RULES:
            made: Sequence[Value] = nested.RULES[kind](self, where, proto, values, known, versions, depth)
        elif kind in sequences.RULES:
            made = sequences.RULES[kind](self.net, where, values, proto)
        else:
            made = self._plain(proto, kind, values, versions, depth)
        known.update({name: one for name, one in zip(proto.output, made, strict=False) if name})
        self._more(where, depth, sum(t.size for t in made if isinstance(t, Tensor) and t.data is not None))

    def _step(self, where: str, depth: int) -> None:
        """Count a node, or a round, of what lies in other nodes."""
        self._inner += bool(depth)
        if depth > DEEPEST or self._inner > MOST:
            raise ConfigError(
                f"{where}: graphs in graphs are more than {DEEPEST} deep, or make more than {MOST} nodes",
                hint="export the net without loops",
            )

    def _more(self, where: str, depth: int, numbers: int) -> None:
        """Count numbers of constants of what lies in other nodes."""
        self._numbers += numbers if depth else 0
        if self._numbers > LARGEST:
            raise ConfigError(f"{where}: the rounds of loops make more than {LARGEST} numbers of constants")

    def _plain(
        self, proto: Any, kind: str, values: Sequence[Value], versions: Mapping[str, int], depth: int
    ) -> Sequence[Value]:
        """Read a node by the rule of its operator, or by the function that it stands for."""
        inputs = tuple(one if isinstance(one, Tensor) else None for one in values)
        attributes = {one.name: attribute(one) for one in proto.attribute if not one.HasField("g")}
        opset = versions.get(proto.domain, versions.get("", OLDEST))
        node = OnnxNode(self.net, kind, opset, inputs, tuple(proto.output), attributes, called(proto))
        if any(isinstance(one, tuple) for one in values):
            raise ConfigError(f"{node.where}: reads a sequence of tensors, not a tensor")
        if (proto.domain, proto.op_type) in self.own:
            return self._function(proto, self.own[proto.domain, proto.op_type], values, depth)
        if proto.domain in _OWN and node.opset < OLDEST and _changed(kind, node.opset):
            told = modern(node)
            if told is None:
                raise ConfigError(
                    f"{node.where} is of version {node.opset} of the operators, and has changed since",
                    hint=f"from {OLDEST} on; onnx.version_converter converts older ones",
                )
            node = told
        if kind in RULES:
            return _named(node, RULES[kind])
        body = functions.standard(proto, inputs, opset) if proto.domain in _OWN else None
        if body is None:
            raise ConfigError(f"{node.where}: this operator is not supported", hint=_hint(kind))
        return self._function(proto, body, values, depth)

    def _function(self, proto: Any, body: Any, values: Sequence[Value], depth: int) -> Sequence[Value]:
        """Read the nodes of a function in place of the one that calls it."""
        prefix = next((n for n in proto.output if n), proto.op_type)
        nodes = functions.called(proto, body, prefix)
        inner: dict[str, Value] = {}
        for k, name in enumerate(body.input):
            inner[functions.inside(prefix, name)] = values[k] if k < len(values) else None
        versions = {one.domain: one.version for one in body.opset_import}
        for one in nodes:
            self.node(one, inner, versions, depth + 1)
        outs = [functions.outside(proto, body, prefix, k) for k in range(len(proto.output))]
        return [inner.get(name) for name in outs]

    def graph(
        self,
        graph: Any,
        known: Known,
        given: Sequence[Value],
        versions: Mapping[str, int],
        depth: int,
        where: str,
    ) -> list[Value]:
        """Read a graph that lies in a node; it sees all that is known round it."""
        self._step(where, depth + 1)
        self._more(where, 1, sum(math.prod(one.dims) for one in graph.initializer))
        own: dict[str, Value] = dict(constants(self.net, graph.initializer))
        own.update({one.name: value for one, value in zip(graph.input, given, strict=False)})
        inner = ChainMap(own, known)
        for one in graph.node:
            self.node(one, inner, versions, depth + 1)
        if lost := [one.name for one in graph.output if one.name not in inner]:
            raise ConfigError(f"{where}: nothing makes {lost[0]} in its graph {graph.name}")
        return [inner[one.name] for one in graph.output]


def _named(node: OnnxNode, rule: Rule) -> Sequence[Tensor]:
    """Read a node; what its operator says of a layer is said of the node, which the user can find."""
    try:
        return rule(node)
    except ConfigError as error:
        if error.message.startswith("layer "):
            error.message = f"{node.where}: {error.message.partition(': ')[2] or error.message}"
        raise


def called(proto: Any) -> str:
    """Name of a node as other tools show it; that of what it makes where it has none."""
    return str(proto.name) or next((str(n) for n in proto.output if n), "")


def known_operators() -> dict[str, Any]:
    """Operators that are read: by a rule, by the walk itself, or as the function that ONNX gives for them."""
    return {**RULES, **nested.RULES, **sequences.RULES, **dict.fromkeys(functions.names())}


def _hint(kind: str) -> str:
    near = closest(kind, known_operators())
    return near if near.startswith("did you mean") else "'sensorai supported-ops onnx' lists those that are"


def _changed(kind: str, version: int) -> bool:
    """Whether an operator of an old version is not what it is from ``OLDEST`` on."""
    onnx = library("onnx")
    try:
        then, since = (onnx.defs.get_schema(kind, v).since_version for v in (max(version, 1), OLDEST))
    except onnx.defs.SchemaError:
        return True
    return bool(then != since)
