"""Nets that get a few columns of time with each call: what is asked, which axis is time, what it saves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sensorai.codegen.netproject import Pushing
from sensorai.errors import ConfigError, DataError
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Tensor
from sensorai.nets.costs import Costs, costs
from sensorai.ops.nd.recurrent import Recurrent
from sensorai.passes.streaming import Streamed, to_streaming
from sensorai.passes.streaming_walk import HopRefused, named

#: An axis that saves less is not taken for that of time where another one saves more.
_LEAST = 0.1
#: Hops that are looked at before one is proposed.
_TRIES = 16
#: What hints of the pass are in words of the command line.
_HINTS = {
    "use windows": "drop --stateful: windows may overlap in layers that come before it",
    "stream it as a sequence": "--stateful: it goes on where the push before stopped",
    "without streaming": "generate it without --stream",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a stream.

    Attributes
    ----------
    hop : int
        Columns of a push.
    axis : int or None
        Of time in the input; None looks for it.
    stateful : bool
        Columns without end, see ``to_streaming``; else windows that overlap.
    """

    hop: int
    axis: int | None = None
    stateful: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """A net that gets columns.

    Attributes
    ----------
    graph : Graph
        What is computed with a push.
    pushing : Pushing
    before, after : Costs
        Of a call of the net that was read, and of a push.
    whole : tuple of str
        Layers that are computed on the whole window with each push.
    """

    graph: Graph
    pushing: Pushing
    before: Costs
    after: Costs
    whole: tuple[str, ...]

    def figures(self) -> dict[str, Any]:
        """As plain data."""
        return {
            **asdict(self.pushing),
            "macs": self.after.macs,
            "macs_before": self.before.macs,
            "macc": self.after.macc,
            "macc_before": self.before.macc,
            "arena_bytes": self.after.arena,
            "arena_bytes_before": self.before.arena,
            "state_bytes": self.after.states,
            "ram_bytes": self.after.ram,
            "ram_bytes_before": self.before.ram,
            "whole": list(self.whole),
        }

    def words(self) -> list[str]:
        """What a person reads of it."""
        one, a, b = self.pushing, self.before, self.after
        end = "without end" if one.stateful else f"of a window of {one.window}"
        first = f"outputs from push {one.warm_up + 1} on" if one.warm_up else "outputs with every push"
        lines = [
            f"stream: {_count(one.hop, 'column')} a push {end}, along axis {one.axis} of the input; {first}",
            f"stream: {b.macs:,} MACs a push instead of {a.macs:,} ({_fewer(a.macs, b.macs)})",
        ]
        if a.arena is not None and b.arena is not None:
            # a caller of the net as it was keeps the window, as its input
            lines.append(
                f"stream: RAM {b.ram:,} bytes, {b.states:,} of them states and {b.arena:,} arena, "
                f"instead of {a.ram:,}, {a.inputs:,} of them the window and {a.arena:,} arena"
            )
        if self.whole:
            lines.append(f"stream: computed on the whole window with each push: {', '.join(self.whole)}")
        return lines


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _fewer(before: int, after: int) -> str:
    share = 1 - after / before if before else 0.0
    return f"{share:.0%} fewer" if share >= 0 else f"{-share:.0%} more"


def stream(graph: Graph, asked: Asked) -> Stream:
    """Make a net compute what is new only.

    Raises
    ------
    ConfigError
        It cannot, with which layer and why; or several axes may be that of time.
    """
    if len(graph.inputs) != 1:
        raise ConfigError(
            f"the net has {len(graph.inputs)} inputs; a stream of columns is one",
            hint="generate it without --stream, or make the model take all channels in one input",
        )
    x = graph.tensors[graph.inputs[0]]
    if asked.axis is not None:
        if not 0 <= asked.axis < len(x.shape):
            raise ConfigError(f"--stream-axis {asked.axis}: the input {x.name} has the shape {x.shape}")
        axis, made = asked.axis, _along(graph, asked, asked.axis)
    else:
        axis, made = _looked_for(graph, asked, x)
    pushing = Pushing(asked.hop, axis, x.shape[axis], made.warm_up, asked.stateful)
    whole = tuple(node.output for node in made.whole)
    return Stream(made.graph, pushing, costs(graph), costs(made.graph), whole)


def again(graph: Graph, pushing: Pushing) -> Stream:
    """Make the stream that a project was emitted of; a DataError where the net makes another one."""
    made = stream(graph, Asked(pushing.hop, pushing.axis, pushing.stateful))
    if made.pushing != pushing:
        raise DataError("the project's stream is not that of the model", hint="generate again")
    return made


def _looked_for(graph: Graph, asked: Asked, x: Tensor) -> tuple[int, Streamed]:
    """Axis of time, and the net that streams along it."""
    found: dict[int, Streamed] = {}
    why: dict[int, ConfigError] = {}
    for axis in _candidates(graph, x, asked.stateful):
        try:
            found[axis] = _along(graph, asked, axis)
        except ConfigError as error:
            why[axis] = error
    good = [axis for axis, one in found.items() if _share(one) >= _LEAST]
    # an axis along which a larger hop would go may well be that of time
    if not good and not any(isinstance(one, _Stopped) and one.larger for one in why.values()):
        good = list(found)
    if len(good) == 1:
        return good[0], found[good[0]]
    if good:
        told = [f"{k} ({x.shape[k]} columns, {_share(found[k]):.0%} fewer MACs)" for k in good]
        raise ConfigError(
            f"several axes of the input {x.name} may be that of time: {', '.join(told)}",
            hint=f"say which: --stream-axis {good[0]}",
        )
    if not why:
        raise ConfigError(f"the input {x.name} of shape {x.shape} has no axis of time")
    # what stops it last, along an axis of time, says more than what stops it at once along another
    raise why[max(why, key=lambda axis: (_depth(why[axis]), x.shape[axis]))]


def _candidates(graph: Graph, x: Tensor, stateful: bool) -> Sequence[int]:
    long = [k for k, extent in enumerate(x.shape) if extent > 1]
    if not stateful:
        return long
    # a recurrent net may take a step only
    steps = {1 if node.op.layout else 0 for node in graph.nodes if isinstance(node.op, Recurrent)}
    return long + [k for k in sorted(steps) if k < len(x.shape) and k not in long]


def _along(graph: Graph, asked: Asked, axis: int) -> Streamed:
    """Stream along an axis; a ConfigError where that saves nothing."""
    extent = graph.tensors[graph.inputs[0]].shape[axis]
    if asked.hop > extent:
        raise _Stopped(
            f"--stream {asked.hop}: the input has {_count(extent, 'column')} along axis {axis}",
            f"at most --stream {extent}",
            -1,
        )
    try:
        made = to_streaming(graph, axis, asked.hop, sequence=asked.stateful)
    except HopRefused as error:
        raise _Stopped(error.message, _next(graph, asked, axis, error), len(graph.nodes), True) from None
    except ConfigError as error:
        hint = next((said for known, said in _HINTS.items() if known in error.hint), error.hint)
        raise _Stopped(error.message, hint, _place(graph, error.message)) from None
    if not asked.stateful and _share(made) <= 0:
        raise _nothing(graph, made, asked.hop, extent)
    return made


class _Stopped(ConfigError):
    """Why an axis cannot be that of time.

    ``depth`` counts the layers before that one which stops it; ``larger``: a larger hop would go.
    """

    def __init__(self, message: str, hint: str, depth: int = 0, larger: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.depth = depth
        self.larger = larger


def _depth(error: ConfigError) -> int:
    return error.depth if isinstance(error, _Stopped) else 0


def _place(graph: Graph, message: str) -> int:
    """Layers before the one that a message begins with."""
    return next((k for k, node in enumerate(graph.nodes) if message.startswith(named(node))), 0)


def _next(graph: Graph, asked: Asked, axis: int, error: HopRefused) -> str:
    """Hint: the next hop that brings whole steps of all layers, larger where one is.

    Looked for from one column on: what a refused hop lacks says nothing of hops that are no multiples of it.
    """
    base, extent = 1, graph.tensors[graph.inputs[0]].shape[axis]
    for _ in range(_TRIES):
        found = _goes(graph, asked, axis, base)
        if not isinstance(found, HopRefused):
            break
        base *= found.times
        if base > extent:
            return error.hint
    larger = range(-(-asked.hop // base) * base, extent + 1, base)
    for hop in [*larger[:_TRIES], base]:
        if _goes(graph, asked, axis, hop) is None:
            return f"--stream {hop}" + ("" if asked.stateful else _multiples(hop, base))
    return error.hint


def _multiples(hop: int, base: int) -> str:
    return ", or a multiple of it" if hop == base else f", or another multiple of {base}"


def _goes(graph: Graph, asked: Asked, axis: int, hop: int) -> ConfigError | None:
    """Why a hop does not go; None where it does, and saves something."""
    try:
        made = to_streaming(graph, axis, hop, sequence=asked.stateful)
    except ConfigError as error:
        return error
    return None if asked.stateful or _share(made) > 0 else ConfigError("windows share no work")


def _share(made: Streamed) -> float:
    return 1 - made.after.macs / made.before.macs if made.before.macs else 0.0


def _nothing(graph: Graph, made: Streamed, hop: int, extent: int) -> ConfigError:
    """Error: windows share no work."""
    hint = "generate it without --stream"
    if hop == extent:
        return _Stopped(
            f"a push of {hop} columns is a whole window: nothing is shared with the one before",
            "a smaller --stream",
        )
    if not made.before.macs:
        return _Stopped("the net has no multiply-accumulates: windows that overlap share none", hint)
    if not made.whole:
        return _Stopped("windows of this net share no work", hint)
    node = made.whole[0]
    place = graph.nodes.index(node)
    if isinstance(node.op, Recurrent):
        forward = (
            "--stateful carries its state from push to push, for a sequence without end, not for windows"
        )
        backward = "it also goes backwards over time, so that --stateful cannot carry its state either"
        return _Stopped(
            f"{named(node)} starts from nothing with every window: windows that overlap share no work",
            forward if node.op.direction == "forward" else backward,
            place,
        )
    return _Stopped(
        f"{named(node)} takes the whole window at once, and nothing before it can be kept: windows that "
        "overlap share no work",
        "layers that see a few columns of time (convolutions, pools) can stream, as far as they come first",
        place,
    )


def could(graph: Graph) -> str:
    """A line for nets that would save by streaming, else "".

    Only nets whose input has one axis of time and one of channels are looked at: of pictures, one does not
    ask.
    """
    if len(graph.inputs) != 1:
        return ""
    x = graph.tensors[graph.inputs[0]]
    if sum(extent > 1 for extent in x.shape) not in (1, 2) or len(x.shape) > 3:
        return ""
    recurrent = any(isinstance(node.op, Recurrent) for node in graph.nodes)
    for stateful in (False, True) if recurrent else (False,):
        hop = 1
        for _ in range(4):
            found = _tried(graph, replace(Asked(hop), stateful=stateful))
            if isinstance(found, Streamed):
                share, more = _share(found), " --stateful" if stateful else ""
                if share < _LEAST:
                    break
                return (
                    f"this net can stream: --stream {hop}{more} computes {share:.0%} fewer MACs "
                    f"for every {'new column' if hop == 1 else f'{hop} new columns'}"
                )
            hop = found
            if not hop:
                break
    return ""


def _tried(graph: Graph, asked: Asked) -> Streamed | int:
    """The net that streams, else a hop that may go, else 0."""
    x = graph.tensors[graph.inputs[0]]
    larger = 0
    for axis in _candidates(graph, x, asked.stateful):
        try:
            made = to_streaming(graph, axis, asked.hop, sequence=asked.stateful)
            if _share(made) >= _LEAST:
                return made
        except HopRefused as error:
            larger = asked.hop * error.times
        except ConfigError:
            continue
    return larger
