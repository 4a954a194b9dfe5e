"""Makes the graph of a net that a reader reads, node by node, and computes what is constant on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph, Node, State
from sensorai.graph.operator import Applied
from sensorai.graph.quant import Quant
from sensorai.graph.spec import check
from sensorai.graph.tensor import ABSENT, DTYPES, Array, Shape, Tensor
from sensorai.ops.nd.base import NdOperator

#: Elements above which a constant is not made of others: repeating and padding could fill the memory.
LARGEST = 1 << 24


class NetBuilder:
    """Collects tensors and nodes; names are those of the file where they are free, else near them."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self.inputs: list[str] = []
        self.states: list[State] = []
        #: Names that numbers or columns of a tensor stand for, by tensor; see ``Graph``.
        self.labels: dict[str, tuple[str, ...]] = {}
        #: Nodes that were computed while reading.
        self.folded = 0

    def fresh(self, wish: str) -> str:
        """Name that no tensor has yet."""
        name, k = wish or "t", 1
        while name in self.tensors:
            name, k = f"{wish}_{k}", k + 1
        return name

    def input(self, name: str, shape: Shape, dtype: str, quant: Quant = None) -> Tensor:
        """Declare an input."""
        made = self._own(Tensor(self.fresh(name), shape, dtype, quant))
        self.inputs.append(made.name)
        return made

    def state(self, name: str, shape: Shape, dtype: str, quant: Quant = None) -> Tensor:
        """Declare what the net keeps between calls; ``keep`` says what follows it."""
        return self._own(Tensor(self.fresh(name), shape, dtype, quant))

    def keep(self, state: Tensor, following: Tensor) -> None:
        """Say what a state is in the next call."""
        self.states.append(State(state.name, following.name))

    def constant(self, name: str, data: Array, dtype: str = "", quant: Quant = None) -> Tensor:
        """Add a constant; ``dtype`` where it is not that of the array."""
        kind = dtype or data.dtype.name
        if kind not in DTYPES:
            raise ConfigError(f"constant {name} is {kind}, which is not supported")
        values = np.ascontiguousarray(data, DTYPES[kind]).reshape(data.shape)
        return self._own(Tensor(self.fresh(name), values.shape, kind, quant, values))

    def add(
        self,
        op: NdOperator,
        inputs: Sequence[Tensor | None],
        names: Sequence[str] = (),
        quants: Sequence[Quant] = (),
    ) -> tuple[Tensor, ...]:
        """Append a node and return what it makes, or compute it where everything it reads is known.

        Parameters
        ----------
        op : NdOperator
        inputs : sequence of Tensor or None
            None: left out.
        names : sequence of str
            Wishes for the names of what it makes.
        quants : sequence of Quant
            What the numbers of the outputs mean, where ``infer`` does not say.
        """
        reads = tuple(ABSENT if x is None else x for x in inputs)
        label = names[0] if names else f"{op.NAME}_{len(self.nodes)}"
        made = op.infer(Applied(label, reads, {}))
        outs = []
        for k, one in enumerate(made):
            quant = quants[k] if k < len(quants) and quants[k] is not None else one.quant
            wish = names[k] if k < len(names) and names[k] else f"{label}_{k}" if k else label
            outs.append(Tensor(self.fresh(wish), one.shape, one.dtype, quant))
            self.tensors[outs[-1].name] = outs[-1]
        at = Applied(label, reads, {}, tuple(outs))
        self._carry(op, reads, outs)
        op.check(at)
        known = all(x.data is not None for x in reads if x.name)
        size = sum(t.size for t in outs)
        # a single number is a setting, such as what margins hold
        if (op.FOLDS or size == 1) and known and size <= LARGEST:
            arrays = op.compute(at, *(x.data if x.name else None for x in reads))
            self.folded += 1
            kept = [
                replace(t, data=np.ascontiguousarray(a, DTYPES[t.dtype]).reshape(t.shape))
                for t, a in zip(outs, arrays, strict=True)
            ]
            self.tensors.update({t.name: t for t in kept})
            return tuple(kept)
        self.nodes.append(Node(op, tuple(x.name for x in reads), tuple(t.name for t in outs)))
        return tuple(outs)

    def _carry(self, op: NdOperator, reads: Sequence[Tensor], outs: Sequence[Tensor]) -> None:
        """Names that whole numbers stand for go with them, where an operator moves them only."""
        said = {self.labels.get(x.name) for x in (reads if op.NAME == "concat" else reads[:1])}
        names = said.pop() if op.MOVES and len(said) == 1 else None
        if names:
            self.labels.update({y.name: names for y in outs if y.dtype == "int64"})

    def graph(self, outputs: Sequence[Tensor]) -> Graph:
        """Finish; what nothing reads goes."""
        if not outputs:
            raise ConfigError("the net has no output")
        names = tuple(t.name for t in outputs)
        needed = set(names) | {state.write for state in self.states}
        kept = []
        for node in reversed(self.nodes):
            if needed & set(node.outputs):
                kept.append(node)
                needed |= set(node.inputs)
        made = {n for node in kept for n in node.outputs}
        needed |= made | set(self.inputs) | {state.read for state in self.states}
        tensors = {name: t for name, t in self.tensors.items() if name in needed}
        labels = {name: said for name, said in self.labels.items() if name in names}
        nodes, states = tuple(reversed(kept)), tuple(self.states)
        return check(Graph(tuple(self.inputs), names, tensors, nodes, states, labels))

    def _own(self, tensor: Tensor) -> Tensor:
        self.tensors[tensor.name] = tensor
        return tensor
