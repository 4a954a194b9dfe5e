"""Makes the graph of a net that a reader reads, node by node, and computes what is constant on the way."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any

import numpy as np

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

#: Real types that no C computes in.
NO_C = ("float16", "float64")
#: Settings of operators that name a type.
_TYPES = ("to", "dtype")


class NetBuilder:
    """Collects tensors and nodes; names are those of the file where they are free, else near them.

    Parameters
    ----------
    float32 : bool
        Whether all that is float16 or float64 in the file becomes float32.
    """

    def __init__(self, float32: bool = False) -> None:
        self.float32 = float32
        #: Types in whose place float32 is.
        self.instead: set[str] = set()
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

    def kind(self, dtype: str) -> str:
        """Type that a tensor of the file has in the net."""
        if not self.float32 or dtype not in NO_C:
            return dtype
        self.instead.add(dtype)
        return "float32"

    def input(self, name: str, shape: Shape, dtype: str, quant: Quant = None) -> Tensor:
        """Declare an input."""
        made = self._own(Tensor(self.fresh(name), shape, self.kind(dtype), quant))
        self.inputs.append(made.name)
        return made

    def state(self, name: str, shape: Shape, dtype: str, quant: Quant = None) -> Tensor:
        """Declare what the net keeps between calls; ``keep`` says what follows it."""
        return self._own(Tensor(self.fresh(name), shape, self.kind(dtype), quant))

    def keep(self, state: Tensor, following: Tensor) -> None:
        """Say what a state is in the next call."""
        self.states.append(State(state.name, following.name))

    def stand_in(self, name: str, shape: Shape, dtype: str, quant: Quant = None) -> Tensor | None:
        """Tensor in place of what a refused node would make, so that those behind it are looked at too.

        None for one that is too large: each behind it would be so for the same reason.
        """
        if math.prod(shape) > TENSOR:
            return None
        return self._own(Tensor(self.fresh(name), shape, self.kind(dtype), quant))

    def constant(self, name: str, data: Array, dtype: str = "", quant: Quant = None) -> Tensor:
        """Add a constant; ``dtype`` where it is not that of the array."""
        found = dtype or np.asarray(data).dtype.name
        if self.kind(found) != found:
            with np.errstate(over="ignore"):
                data, dtype = np.asarray(data).astype(np.float32), "float32"
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
            return self._added(self._wide(op) if self.float32 else op, inputs, names, quants, label)
        except ConfigError as error:
            if any(x is not None and x.dtype in NO_C for x in inputs):
                error.hint = "; or ".join(filter(None, (error.hint, "--float32 computes in float32 instead")))
            layer = f"layer {label}"
            if self.where and error.message.startswith(layer):
                rest = error.message.removeprefix(layer).removeprefix(f" ({op.NAME})")
                error.message = f"{self.where}{rest}"
            raise

    def _wide(self, op: NdOperator) -> NdOperator:
        """Operator whose settings name float32 in place of the types that are none here."""
        said = {f.name: getattr(op, f.name) for f in fields(op) if f.name in _TYPES}
        wide: dict[str, Any] = {n: self.kind(kind) for n, kind in said.items() if self.kind(kind) != kind}
        return replace(op, **wide) if wide else op

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
        file, instead = frozenset(own.union(self.inputs)), tuple(sorted(self.instead))
        made = Graph(
            tuple(self.inputs), names, self.tensors, nodes, states, labels, names=file, instead=instead
        )
        return check(made.pruned())

    def _own(self, tensor: Tensor) -> Tensor:
        self.tensors[tensor.name] = tensor
        return tensor
