"""Nets over time that get a few samples at a time: what was computed before is kept, not computed again.

Two meanings. Windows: the net judges a window of samples, and windows overlap; every call brings ``hop`` new
samples and gives what the net gives for the last window. Layers that see a few columns of time each
(convolutions, pools, element by element, dense on channels) compute only the columns that are new; what they
read of the past is a state. Layers that need the whole window (global pools, dense on all) get it. Columns
that see a margin of the window are others in each: they are computed with each, where something reads them.
Sequence: the net makes columns from columns, without end, and begins when the device starts; margins before
the first column, which are zeros, are the first states, and recurrent layers go on where they stopped.

Every column is computed by the same operators from the same numbers in the same order: results have the bits
of the net that computes everything at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph, Node, State
from sensorai.graph.operator import Applied, Operator
from sensorai.graph.quant import Affine, Quant
from sensorai.graph.spec import check
from sensorai.graph.tensor import ABSENT, Tensor
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.concat import Concat
from sensorai.ops.nd.recurrent import Recurrent
from sensorai.ops.nd.slices import Slice
from sensorai.passes.change import Cost, cost
from sensorai.passes.streaming_rules import RULES
from sensorai.passes.streaming_walk import NO_EDGE, Edge, Timed, extended, refused


@dataclass(frozen=True, slots=True, eq=False)
class Streamed:
    """A net that gets a few samples at a time.

    Attributes
    ----------
    graph : Graph
        With states; its input has ``hop`` columns.
    warm_up : int
        Calls after the start whose outputs are not those of a full window, or of a column that exists.
    before, after : Cost
        Of one call: of the net that computes everything, and of this one.
    kept : int
        Bytes of states.
    whole : tuple of Node
        Layers of the old net that read columns and are computed on all of them with each call.
    """

    graph: Graph
    warm_up: int
    before: Cost
    after: Cost
    kept: int
    whole: tuple[Node, ...] = ()

    @property
    def said(self) -> str:
        """What it saves, in a line."""
        share = 1 - self.after.macs / self.before.macs if self.before.macs else 0.0
        return (
            f"{self.after.macs} multiply-accumulates for each hop, not {self.before.macs}"
            f" ({share:.0%} fewer), for {self.kept} bytes of states"
        )


def to_streaming(graph: Graph, axis: int = 1, hop: int = 1, *, sequence: bool = False) -> Streamed:
    """Make a net compute what is new only.

    Parameters
    ----------
    graph : Graph
        One input; states only those that recurrent layers of a sequence keep themselves.
    axis : int
        Axis of time of the input.
    hop : int
        New samples of each call.
    sequence : bool
        Columns without end, see above; windows otherwise.

    Raises
    ------
    ConfigError
        A layer that sees a few columns cannot do so in parts: which, and what to do.
    """
    if len(graph.inputs) != 1:
        raise ConfigError(f"the net has {len(graph.inputs)} inputs; one that is streamed has one")
    _keeps(graph, sequence)
    shape = graph.tensors[graph.inputs[0]].shape
    if not 0 <= axis < len(shape):
        raise ConfigError(f"the input of shape {shape} has no axis {axis}")
    extent = shape[axis]
    if not 1 <= hop <= extent:
        raise ConfigError(f"a hop of {hop} samples does not fit {extent}")
    if sequence and extent % hop:
        raise ConfigError(
            f"{extent} samples are not a multiple of the hop of {hop}",
            hint="a sequence comes in hops that divide the samples of the net",
        )
    wanted = _Walk(graph, axis, hop, sequence)
    wanted.run()
    walk = _Walk(graph, axis, hop, sequence, wanted.history)
    made = walk.run()
    kept = sum(made.tensors[s.read].bytes for s in made.states)
    return Streamed(made, walk.warm_up, cost(graph), cost(made), kept, tuple(walk.all_of_it))


def _keeps(graph: Graph, sequence: bool) -> None:
    """Raise a ConfigError for a layer that keeps states in a way in which it cannot be streamed."""
    for state in graph.states:
        node = next((n for n in graph.nodes if state.read in n.inputs), None)
        if node is None:
            raise ConfigError(f"the net keeps the state {state.read} from call to call, which no layer reads")
        if not isinstance(node.op, Recurrent) or state.write not in node.outputs:
            raise refused(
                node,
                "keeps a state of its own: every call of the net is a step already",
                "use the net as it is, without streaming",
            )
        if not sequence:
            raise refused(
                node, "keeps its state from call to call, so it has no windows", "stream it as a sequence"
            )


class _Walk:
    """Walks through a net; the first time it finds out how many columns of the past each layer reads."""

    def __init__(
        self, graph: Graph, axis: int, hop: int, sequence: bool, history: dict[str, int] | None = None
    ) -> None:
        self.graph, self.sequence = graph, sequence
        #: Columns before the new ones that are read, by tensor; found out the first time.
        self.history = dict(history or {})
        self.dry = history is None
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self.states: list[State] = []
        #: Layers that read columns, and take all of them.
        self.all_of_it: list[Node] = []
        #: Tensors of the old net: those that come in columns, and those that are there as a whole.
        self.timed: dict[str, Timed] = {}
        self.there: dict[str, Tensor] = {}
        self._long: dict[str, Tensor] = {}
        self._first = 0
        self._started: dict[int, Tensor] = {}
        x = graph.tensors[graph.inputs[0]]
        self.calls = -(-x.shape[axis] // hop)
        new = self._declare(replace(x, shape=extended(x.shape, axis, hop)))
        self.timed[x.name] = Timed(x.name, new, axis, x.shape[axis])

    @property
    def warm_up(self) -> int:
        """See ``Streamed``."""
        if not self.sequence:
            return self.calls - 1
        late = [-(-self.late(t) // t.new) for n in self.graph.outputs if (t := self.timed.get(n))]
        return max(self._first, *late, 0)

    def late(self, t: Timed) -> int:
        """Columns at the start that the net which computes everything does not have."""
        return max(self.calls * t.new - t.extent, 0)

    def run(self) -> Graph:
        """Return the new net."""
        for node in self.graph.nodes:
            self._node(node)
        outputs = []
        for name in self.graph.outputs:
            if name in self.timed and self.sequence:
                outputs.append(self.timed[name].tensor.name)
            else:
                outputs.append(self.whole(name).name)
        inputs = (self.graph.inputs[0],)
        names = dict(zip(self.graph.outputs, outputs, strict=True))
        labels = {names[n]: said for n, said in self.graph.labels.items() if n in names}
        parts = self.tensors, tuple(self.nodes), tuple(self.states)
        g = self.graph
        made = Graph(inputs, tuple(outputs), *parts, labels, g.isa, g.names, g.instead)
        return made if self.dry else check(made)

    def _node(self, node: Node) -> None:
        if not any(name in self.timed for name in node.inputs):
            self.add(node, node.op, [self.whole(name) for name in node.inputs])
            return
        if self._in_columns(node):
            return
        if self.sequence:
            raise refused(node, "takes all columns together", "a sequence without end has none; use windows")
        self.all_of_it.append(node)
        self.add(node, node.op, [self.whole(name) for name in node.inputs])

    def _in_columns(self, node: Node) -> bool:
        """Whether a layer was added that computes only the columns that are new."""
        rule = RULES.get(type(node.op))
        fixed = all(
            not name or name in self.timed or self.constant(name) or self.following(name)
            for name in node.inputs
        )
        return rule is not None and fixed and rule(self, node)

    # -- for the rules

    def constant(self, name: str) -> bool:
        """Whether a tensor of the old net is known."""
        return self.graph.tensors[name].data is not None

    def old(self, name: str) -> Tensor:
        """Tensor of the old net."""
        return self.graph.tensors[name] if name else ABSENT

    def whole(self, name: str) -> Tensor:
        """All columns of a tensor, or a tensor that has none."""
        if not name:
            return ABSENT
        if name in self.timed:
            return self.head(self.timed[name], self.timed[name].extent)
        if name not in self.there:
            self.there[name] = self._declare(self.graph.tensors[name])
        return self.there[name]

    def take(self, t: Timed, count: int, back: int = 0) -> Tensor:
        """So many columns of a tensor, the last of them ``back`` columns before the newest."""
        past = max(count + back - t.new, 0)
        if self.dry:
            self.history[t.name] = max(self.history.get(t.name, 0), past)
            return replace(t.tensor, shape=extended(t.tensor.shape, t.axis, count))
        source = self._with_past(t)
        extent = source.shape[t.axis]
        if count == extent and not back:
            return source
        return self._slice(source, t.axis, extent - back - count, extent - back, f"{t.name}.window")

    def head(self, t: Timed, count: int) -> Tensor:
        """First columns of the window."""
        return self._run(t, 0, count)

    def tail(self, t: Timed, count: int) -> Tensor:
        """Last columns of the window."""
        return self._run(t, t.extent - count, t.extent)

    def _run(self, t: Timed, start: int, stop: int) -> Tensor:
        """Columns of the window from an edge on, or between edges, or to the other edge."""
        found = []
        if start < t.before:
            found.append(self._slice(t.first.tensor, t.axis, start, min(stop, t.before), f"{t.name}.first"))
        low, high = max(start - t.before, 0), min(stop - t.before, t.between)
        if low < high:
            kept = self.take(t, t.between - low)
            found.append(self._slice(kept, t.axis, 0, high - low, f"{t.name}.run"))
        end = t.before + t.between
        if stop > end:
            low = max(start - end, 0)
            found.append(self._slice(t.last.tensor, t.axis, low, stop - end, f"{t.name}.last"))
        if len(found) == 1:
            return found[0]
        return self.made(Concat(t.axis), found, f"{t.name}.joined", t.tensor.quant)

    def _with_past(self, t: Timed) -> Tensor:
        """New columns behind those that are kept."""
        past = self.history.get(t.name, 0)
        if not past:
            return t.tensor
        if t.name not in self._long:
            name, shape = self.fresh(f"{t.name}.past"), extended(t.tensor.shape, t.axis, past)
            old = self._declare(replace(t.tensor, name=name, shape=shape))
            long = self.made(Concat(t.axis), (old, t.tensor), f"{t.name}.long", t.tensor.quant)
            extent = past + t.new
            left = self._slice(long, t.axis, extent - past, extent, f"{t.name}.kept")
            self.states.append(State(old.name, left.name))
            self._long[t.name] = long
        return self._long[t.name]

    def _slice(self, x: Tensor, axis: int, start: int, stop: int, name: str) -> Tensor:
        if stop - start == x.shape[axis]:
            return x
        rank = len(x.shape)
        starts = tuple(start if k == axis else 0 for k in range(rank))
        stops = tuple(stop if k == axis else x.shape[k] for k in range(rank))
        return self.made(Slice(starts, stops, (1,) * rank), (x,), name, x.quant)

    def made(self, op: NdOperator, inputs: Sequence[Tensor], name: str, quant: Quant = None) -> Tensor:
        """Append a node that the old net does not have; returns what it makes."""
        wish = self.fresh(name)
        found = op.infer(Applied(wish, tuple(inputs), {}))[0]
        tensor = self._declare(Tensor(wish, found.shape, found.dtype, quant or found.quant))
        self.nodes.append(Node(op, tuple(t.name for t in inputs), (wish,)))
        return tensor

    def add(self, node: Node, op: Operator, inputs: list[Tensor], part: str = "") -> list[Tensor]:
        """Append a node in the place of an old one, for the edge ``part`` or for all else."""
        if not isinstance(op, NdOperator):
            raise refused(node, "is no layer of an imported net", "only those are streamed")
        for tensor in inputs:
            if tensor.name:
                self.tensors.setdefault(tensor.name, tensor)
        found = op.infer(Applied(node.output, tuple(inputs), {}))
        outs = []
        for name, one in zip(node.outputs, found, strict=False):
            wish = self.fresh(f"{name}.{part}") if part else name
            outs.append(self._declare(Tensor(wish, one.shape, one.dtype, self.graph.tensors[name].quant)))
            if not part:
                self.there[name] = outs[-1]
        self.nodes.append(Node(op, tuple(t.name for t in inputs), tuple(t.name for t in outs)))
        return outs

    def columns(
        self, name: str, tensor: Tensor, axis: int, first: Edge = NO_EDGE, last: Edge = NO_EDGE
    ) -> None:
        """Say that a tensor of the old net comes in columns along an axis."""
        self.there.pop(name, None)
        old = self.graph.tensors[name]
        if isinstance(old.quant, Affine) and old.quant.axis == axis:
            raise ConfigError(f"tensor {name} has a scale for each step of time")
        self.timed[name] = Timed(name, tensor, axis, old.shape[axis], first, last)

    def begins(self, calls: int) -> None:
        """Say that an output without time is none yet in so many calls."""
        self._first = max(self._first, calls)

    def started(self, calls: int) -> Tensor:
        """Whether so many calls came before: bool of shape (1,).

        A line of as many flags moves by one with each call; nothing is counted, so that nothing runs over.
        """
        if calls not in self._started:
            self.begins(calls)
            past = self._declare(Tensor(self.fresh("started.past"), (calls,), "bool"))
            one = self._declare(Tensor(self.fresh("started.one"), (1,), "bool", None, np.ones(1, np.bool_)))
            line = self.made(Concat(0), (past, one), "started.line")
            self.states.append(State(past.name, self._slice(line, 0, 1, calls + 1, "started.kept").name))
            self._started[calls] = self._slice(line, 0, 0, 1, "started")
        return self._started[calls]

    def state(self, like: Tensor, following: Tensor) -> None:
        """Keep a tensor as a state."""
        self._declare(like)
        self.states.append(State(like.name, following.name))

    def following(self, name: str) -> str:
        """What a tensor of the old net holds in the next call, where it is a state; else ""."""
        return next((s.write for s in self.graph.states if s.read == name), "")

    def fresh(self, wish: str) -> str:
        """Name that no tensor of either net has yet."""
        name, k = wish, 1
        while name in self.tensors or name in self.graph.tensors:
            name, k = f"{wish}_{k}", k + 1
        return name

    def _declare(self, tensor: Tensor) -> Tensor:
        self.tensors[tensor.name] = tensor
        return tensor
