"""From node to node of an ONNX file, and into the graphs and functions that nodes hold."""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sensorai.errors import ConfigError
from sensorai.graph.limits import CONSTANTS
from sensorai.graph.tensor import Shape, Tensor
from sensorai.importers.net import NetBuilder
from sensorai.importers.onnx import functions, nested, sequences
from sensorai.importers.onnx.older import modern
from sensorai.importers.onnx.rules import OnnxNode
from sensorai.importers.onnx.table import RULES
from sensorai.importers.onnx.values import Known, Value, attribute, constants
from sensorai.importers.onnx.versions import NEWEST, OLDEST, newer, older
from sensorai.importers.refusals import Follows, Refusals, TooMuch
from sensorai.targets import closest

#: Domains whose operators go by their bare names.
_OWN = ("", "ai.onnx")
#: How deep graphs and functions may lie in each other; how many nodes they may make together.
DEEPEST, MOST = 16, 20_000


#: Type and shape that the file says of a name, None where it says nothing.
Says = Callable[[str], tuple[str, Shape] | None]


def _nothing(name: str) -> None:
    """Say nothing of a name."""


class Walk:
    """Reads nodes; ``functions``: those of the file, by domain and name."""

    def __init__(self, net: NetBuilder, own: Mapping[tuple[str, str], Any]) -> None:
        self.net, self.own = net, own
        self._inner = self._numbers = 0
        self.refusals = Refusals()
        #: Whether the file itself says which names layers had.
        self.told = bool(net.names)
        #: Names that nothing stands for since their node was refused.
        self._lost: set[str] = set()
        #: Tensors of the net that stand in for such, and what is made of them.
        self._unsure: set[str] = set()

    def nodes(
        self,
        protos: Iterable[Any],
        known: Known,
        versions: Mapping[str, int],
        depth: int = 0,
        says: Says = _nothing,
    ) -> None:
        """Read nodes in turn; one that is refused is noted, and does not keep the others from being read.

        Parameters
        ----------
        says : callable
            What the file says of a name that a refused node makes: its type and shape, or None.
        """
        for proto in protos:
            unsure = any(
                isinstance(v, Tensor) and v.name in self._unsure for v in map(known.get, proto.input)
            )
            try:
                self.node(proto, known, versions, depth)
            except ConfigError as error:
                self.refusals.note(error, unsure)
                self._without(proto, known, says)
            if unsure:
                made = (known.get(name) for name in proto.output)
                self._unsure.update(one.name for one in made if isinstance(one, Tensor))

    def _without(self, proto: Any, known: Known, says: Says) -> None:
        """Let others stand in for what a refused node makes, unless it makes constants."""
        read = [known.get(name) for name in proto.input if name]
        constant = all(isinstance(one, Tensor) and one.data is not None for one in read)
        for name in (n for n in proto.output if n and n not in known):
            said = None if constant else says(name)
            one = None if said is None else self.net.stand_in(name, said[1], said[0])
            if one is None:
                self._lost.add(name)
            else:
                known[name] = one
                self._unsure.add(one.name)

    def node(self, proto: Any, known: Known, versions: Mapping[str, int], depth: int = 0) -> None:
        """Read a node and enter what it makes into ``known``."""
        kind = proto.op_type if proto.domain in _OWN else f"{proto.domain}.{proto.op_type}"
        where = f"node {called(proto)} ({kind})"
        if lost := [n for n in proto.input if n and n not in known]:
            if any(n in self._lost for n in lost):
                raise Follows(f"{where} reads {lost[0]}")
            raise ConfigError(f"{where} reads {lost[0]}, which nothing before it makes")
        self._step(where, depth)
        here = known.maps[0] if isinstance(known, ChainMap) else known
        if twice := [n for k, n in enumerate(proto.output) if n and (n in here or n in proto.output[:k])]:
            raise ConfigError(
                f"{where} makes {twice[0]}, which there is before it",
                hint="names of tensors stand for one each: export the net again, or rename one of them",
            )
        if not depth and not self.told:
            self.net.named(*proto.output)
        values = [known[n] if n else None for n in proto.input]
        with self.net.reading(where):
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
            raise TooMuch(
                f"{where}: graphs in graphs are more than {DEEPEST} deep, or make more than {MOST} nodes",
                hint="export the net without loops",
            )

    def _more(self, where: str, depth: int, numbers: int) -> None:
        """Count numbers of constants of what lies in other nodes."""
        self._numbers += numbers if depth else 0
        if self._numbers > CONSTANTS:
            raise TooMuch(f"{where}: the rounds of loops make more than {CONSTANTS} numbers of constants")

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
        if proto.domain in _OWN and node.opset < OLDEST and older(kind, node.opset):
            told = modern(node)
            if told is None:
                raise ConfigError(
                    f"{node.where} is of version {node.opset} of the operators, and has changed since",
                    hint=f"from {OLDEST} on; onnx.version_converter converts older ones",
                )
            node = told
        if newer(proto.domain, proto.op_type, opset):
            raise ConfigError(
                f"{node.where} is of version {opset} of the operators, and has changed in it",
                hint=f"export the model with opset_version={NEWEST['']}, or less",
            )
        if kind in RULES:
            return RULES[kind](node)
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
        self.nodes(nodes, inner, versions, depth + 1)
        outs = [functions.outside(proto, body, prefix, k) for k in range(len(proto.output))]
        if any(name in self._lost for name in outs):
            raise Follows(f"{prefix} is not there")
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
        if any(one.name in self._lost for one in graph.output):
            raise Follows(f"{where}: its graph is not there")
        if lost := [one.name for one in graph.output if one.name not in inner]:
            raise ConfigError(f"{where}: nothing makes {lost[0]} in its graph {graph.name}")
        return [inner[one.name] for one in graph.output]


def called(proto: Any) -> str:
    """Name of a node as other tools show it; that of what it makes where it has none."""
    return str(proto.name) or next((str(n) for n in proto.output if n), "")


def known_operators() -> dict[str, Any]:
    """Operators that are read: by a rule, by the walk itself, or as the function that ONNX gives for them."""
    return {**RULES, **nested.RULES, **sequences.RULES, **dict.fromkeys(functions.names())}


def _hint(kind: str) -> str:
    near = closest(kind, known_operators())
    return near if near.startswith("did you mean") else "'sensorai supported-ops onnx' lists those that are"
