"""Makes the graph of a net that a reader reads, node by node, and computes what is constant on the way."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph, Node, State
from sensorai.graph.limits import TENSOR
from sensorai.graph.operator import Applied
from sensorai.graph.quant import Quant
from sensorai.graph.spec import check
from sensorai.graph.tensor import ABSENT, Array, Shape, Tensor, constant, free
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.concat import Concat
from sensorai.writing.terminal import in_line


class NetBuilder:
    """Collects tensors and nodes; names are those of the file where they are free, else near them."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self._last: dict[str, int] = {}
        self.nodes: list[Node] = []
        self.inputs: list[str] = []
        self.states: list[State] = []
        #: Names that numbers or columns of a tensor stand for, by tensor; see ``Graph``.
        self.labels: dict[str, tuple[str, ...]] = {}
        #: Names of layers that the file has; see ``Graph``.
        self.names: set[str] = set()
        #: The node of the file that is being read, in messages.
        self.where = ""

    @contextmanager
    def reading(self, where: str) -> Iterator[None]:
        """Say of this node what operators say of a layer meanwhile: it is the node that the user can find."""
        before, self.where = self.where, where
        try:
            yield
        finally:
            self.where = before

    def named(self, *names: str) -> None:
        """Say what names the file has."""
        self.names.update(in_line(name) for name in names if name)

    def fresh(self, wish: str) -> str:
        """Name that no tensor has yet, and that can be shown in a line."""
        return free(in_line(wish) or "t", self.tensors, self._last)

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

    def stand_in(self, name: str, shape: Shape, dtype: str, quant: Quant = None) -> Tensor | None:
        """Tensor in place of what a refused node would make, so that those behind it are looked at too.

        None for one that is too large: each behind it would be so for the same reason.
        """
        if math.prod(shape) > TENSOR:
            return None
        return self._own(Tensor(self.fresh(name), shape, dtype, quant))

    def constant(self, name: str, data: Array, dtype: str = "", quant: Quant = None) -> Tensor:
        """Add a constant; ``dtype`` where it is not that of the array."""
        return self._own(constant(self.fresh(name), data, quant, dtype))

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
        label = names[0] if names else f"{op.NAME}_{len(self.nodes)}"
        try:
            return self._added(op, inputs, names, quants, label)
        except ConfigError as error:
            layer = f"layer {label}"
            if self.where and error.message.startswith(layer):
                said = error.message.removeprefix(layer).removeprefix(f" ({op.NAME})")
                error.message = f"{self.where}{said}"
            raise

    def _added(
        self,
        op: NdOperator,
        inputs: Sequence[Tensor | None],
        names: Sequence[str],
        quants: Sequence[Quant],
        label: str,
    ) -> tuple[Tensor, ...]:
        reads = tuple(ABSENT if x is None else x for x in inputs)
        made = op.infer(Applied(label, reads, {}))
        outs = []
        for k, one in enumerate(made):
            if math.prod(one.shape) > TENSOR:
                raise ConfigError(
                    f"layer {label}: it makes {'x'.join(map(str, one.shape))} numbers, more than {TENSOR:,}",
                    hint="no device of this kind holds them: is the shape right?",
                )
            quant = quants[k] if k < len(quants) and quants[k] is not None else one.quant
            wish = names[k] if k < len(names) and names[k] else f"{label}_{k}" if k else label
            outs.append(Tensor(self.fresh(wish), one.shape, one.dtype, quant))
            self.tensors[outs[-1].name] = outs[-1]
        at = Applied(label, reads, {}, tuple(outs))
        self._carry(op, reads, outs)
        op.check(at)
        # a single number is a setting, such as what margins hold
        known = op.folded(at) if op.FOLDS or sum(t.size for t in outs) == 1 else None
        if known is not None:
            self.tensors.update({t.name: t for t in known})
            return known
        self.nodes.append(Node(op, tuple(x.name for x in reads), tuple(t.name for t in outs)))
        return tuple(outs)

    def _carry(self, op: NdOperator, reads: Sequence[Tensor], outs: Sequence[Tensor]) -> None:
        """Names that whole numbers stand for go with them, where an operator moves them only."""
        said = {self.labels.get(x.name) for x in (reads if isinstance(op, Concat) else reads[:1])}
        names = said.pop() if op.MOVES and len(said) == 1 else None
        if names:
            self.labels.update({y.name: names for y in outs if y.dtype == "int64"})

    def graph(self, outputs: Sequence[Tensor]) -> Graph:
        """Finish; what nothing reads goes."""
        if not outputs:
            raise ConfigError("the net has no output")
        names = tuple(t.name for t in outputs)
        labels = {name: said for name, said in self.labels.items() if name in names}
        nodes, states = tuple(self.nodes), tuple(self.states)
        # a net that no file was read for has its own names
        own = self.names or {name for node in nodes for name in node.outputs}
        said = frozenset(own.union(self.inputs))
        return check(Graph(tuple(self.inputs), names, self.tensors, nodes, states, labels, said).pruned())

    def _own(self, tensor: Tensor) -> Tensor:
        self.tensors[tensor.name] = tensor
        return tensor
