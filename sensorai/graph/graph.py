"""Nodes in the order in which they run, and the tensors between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from sensorai.graph.operator import Applied, Operator
from sensorai.graph.tensor import ABSENT, Array, Tensor

#: What kernels are written for: Armv6-M (no long products), with the same tables Armv7-M; the DSP extension
#: of Armv7E-M and Armv8-M; vectors of integers (Helium).
ISAS = ("thumb1", "dsp", "mve", "ispu")


@dataclass(frozen=True, slots=True)
class Node:
    """One operator: what it reads and what it makes.

    Attributes
    ----------
    op : Operator
    inputs : tuple of str
        Tensors that are computed, then constants by their role; "" for a constant that is left out. Of an
        open operator: tensors by their place.
    outputs : tuple of str
    """

    op: Operator
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def output(self) -> str:
        """First output, which names the layer."""
        return self.outputs[0]

    @property
    def reads(self) -> tuple[str, ...]:
        """Inputs without constants by role; of an open operator all of them, "" where one is left out."""
        return self.inputs if self.op.OPEN else self.inputs[: self.op.INPUTS]

    @property
    def roles(self) -> dict[str, str]:
        """Names of the constants by role."""
        names = () if self.op.OPEN else self.inputs[self.op.INPUTS :]
        return {role: name for role, name in zip(self.op.CONSTANTS, names, strict=False) if name}


@dataclass(frozen=True, slots=True)
class State:
    """What a net keeps: at the start of a call ``read`` holds what ``write`` held at the end of the last."""

    read: str
    write: str


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A net.

    Attributes
    ----------
    inputs, outputs : tuple of str
        Names of tensors.
    tensors : mapping of str to Tensor
        Constants too.
    nodes : tuple of Node
        Every node after those that make its inputs.
    states : tuple of State
    labels : mapping of str to tuple of str
        By tensor: what its numbers 0, 1, ... stand for, or the columns of its last axis where it holds
        scores; of nets made elsewhere whose file has names.
    isa : str
        Instructions that kernels are chosen for, one of ``ISAS``; "": any core's. The numbers
        are the same for all of them.
    names : frozenset of str
        That the file has which the net was read from; see ``called``.
    instead : tuple of str
        Types of the file in whose place the net computes in float32.
    changing : bool
        Whether other numbers may come to the C: then it has room for all that they may need.
    plain : frozenset of str
        First outputs of nodes that take the kernels of any core, whatever ``isa`` is.
    ways : mapping of str to str
        Kernels that were chosen, by the name of the layer; of all others the operator's own choice.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tensors: Mapping[str, Tensor]
    nodes: tuple[Node, ...]
    states: tuple[State, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    isa: str = ""
    names: frozenset[str] = frozenset()
    instead: tuple[str, ...] = ()
    changing: bool = False
    plain: frozenset[str] = frozenset()
    ways: Mapping[str, str] = field(default_factory=dict)

    def called(self, name: str) -> str:
        """Name in the file for a tensor: without what readers and passes have added, behind points, to it."""
        found = name
        while found and found not in self.names:
            # a second one of a name has its number behind it
            bare = found.rstrip("0123456789").removesuffix("_")
            found = bare if bare in self.names else found.rpartition(".")[0]
        return found or name

    @property
    def given(self) -> tuple[str, ...]:
        """Tensors that are there before the first node runs."""
        return (*self.inputs, *(state.read for state in self.states))

    @property
    def kept(self) -> frozenset[str]:
        """Tensors that are read after the last node has run."""
        return frozenset((*self.outputs, *(state.write for state in self.states)))

    @property
    def activations(self) -> tuple[Tensor, ...]:
        """Tensors that are given or computed."""
        return tuple(tensor for tensor in self.tensors.values() if tensor.data is None)

    def ins(self, node: Node) -> tuple[Tensor, ...]:
        """Tensors that ``node`` reads, without constants by role."""
        return tuple(self.tensors[name] if name else ABSENT for name in node.reads)

    def out(self, node: Node) -> Tensor:
        """First tensor that ``node`` makes."""
        return self.tensors[node.output]

    def constants(self, node: Node) -> dict[str, Array]:
        """Constants of ``node`` by role."""
        found = {role: self.tensors[name].data for role, name in node.roles.items()}
        return {role: data for role, data in found.items() if data is not None}

    def applied(self, node: Node) -> Applied:
        """Tensors of ``node``."""
        outputs = tuple(self.tensors[name] for name in node.outputs)
        isa = "" if node.output in self.plain else self.isa
        settings = isa, self.changing, self.ways.get(node.output, "")
        return Applied(node.output, self.ins(node), self.constants(node), outputs, *settings)

    def consumers(self, name: str) -> tuple[Node, ...]:
        """Nodes that read the tensor ``name``."""
        return tuple(node for node in self.nodes if name in node.inputs)

    def computed(self, node: Node) -> tuple[str, ...]:
        """Names of what ``node`` reads that is given or computed before it."""
        return tuple(name for name in node.reads if name and self.tensors[name].data is None)

    def producer(self, name: str) -> Node | None:
        """Node that makes the tensor ``name``, None for an input."""
        return next((node for node in self.nodes if name in node.outputs), None)

    def pruned(self) -> Graph:
        """Copy without nodes that no output and no state needs, and tensors that nothing reads."""
        needed, nodes = set(self.kept), []
        for node in reversed(self.nodes):
            if needed & set(node.outputs):
                nodes.append(node)
                needed |= set(node.inputs)
        needed |= {name for node in nodes for name in node.outputs} | set(self.given)
        tensors = {name: tensor for name, tensor in self.tensors.items() if name in needed}
        return replace(self, tensors=tensors, nodes=tuple(reversed(nodes)))

    def with_tensors(self, tensors: Iterable[Tensor]) -> Graph:
        """Copy with tensors replaced, by their names."""
        return replace(self, tensors={**self.tensors, **{t.name: t for t in tensors}})


def node_of(
    op: Operator, reads: tuple[str, ...], outputs: tuple[str, ...], constants: Mapping[str, str]
) -> Node:
    """Node of an operator whose constants are given by role."""
    names = [constants.get(role, "") for role in op.CONSTANTS]
    while names and not names[-1]:
        names.pop()
    return Node(op, (*reads, *names), outputs)
