"""Which kernel computes each layer: by instructions, bytes of code and working memory, as is to be saved.

"time": fewest instructions. Else code has to earn its place: a thousand bytes of it must save a hundredth of
all instructions, and a kernel's functions are in a program once, however many layers call them. Then bytes
that kernels use while they run: "ram" has fewest; "balanced" lets a hundredth more memory save a hundredth of
the instructions, with a thousand bytes added to the arena for what every program has beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from sensorai.graph.graph import Graph
from sensorai.graph.operator import Way
from sensorai.ops.nd.conv_pool import joined, pairs
from sensorai.plan.laid import SCORES, Laid
from sensorai.plan.place import least_peak
from sensorai.plan.plan import Plan, plan

#: Bytes of flash that have to save a hundredth of all instructions.
EARNS = 1000
#: Bytes of memory beside the arena.
BESIDE = 1024
#: Kinds of kernels of a net of which every choice is looked at.
_KINDS = 10
#: Kernels that make room at most, and how many of them in a row bring nothing.
_STEPS, _IDLE = 12, 2
#: Pools that are looked at whether they compute the convolution before them.
_PAIRS = 8
#: How much more than least an arena may have that nothing makes smaller.
_NEAR = 1.005

#: How reasons begin where nothing was given up.
FEWEST = "fewest instructions"
#: What is offered, by layer.
_Offers = Mapping[str, tuple[Way, ...]]
#: What was chosen, by layer.
_Ways = dict[str, Way]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A net with its kernels.

    Attributes
    ----------
    graph : Graph
    plan : Plan
    ways : mapping of str to Way
        By layer, of those that have a choice.
    kernels : mapping of str to str
        What computes them, and pools that compute the convolution before them.
    why : mapping of str to str
        In words, of the same.
    """

    graph: Graph
    plan: Plan
    ways: Mapping[str, Way]
    kernels: Mapping[str, str]
    why: Mapping[str, str]


def choose(
    graph: Graph,
    kinds: Collection[str] = SCORES,
    inside: Collection[str] = (),
    optimize: str = "balanced",
    rooms: Sequence[int] = (),
) -> Chosen:
    """Choose kernels and plan the memory; settings as in ``plan``. What ``graph.ways`` holds stays.

    Raises
    ------
    ConfigError
        The memories hold too little.
    """
    own = _with_kernels(graph, kinds, inside, optimize, rooms)
    found = [] if optimize == "time" or graph.ways else pairs(graph)[:_PAIRS]
    if not found:
        return own

    def with_rows(taken: Sequence[tuple[int, int]]) -> Chosen:
        return _with_kernels(joined(graph, taken), kinds, inside, optimize, rooms)

    best, best_of = own, list[tuple[int, int]]()
    new = with_rows(found)
    if _better(new, own, optimize):
        best, best_of = new, found
        # those that bring nothing stay apart
        for one in found:
            less = [other for other in best_of if other != one]
            apart = with_rows(less) if less else own
            if not _better(best, apart, optimize):
                best, best_of = apart, less
    kernels, why = dict(best.kernels), dict(best.why)
    for i, k in best_of:
        name, middle = graph.nodes[k].output, graph.tensors[graph.nodes[i].output]
        kernels[name] = f"rows of {best.kernels.get(name, 'plain')}"
        why[name] = f"rows of the layer before as they are needed: its {middle.bytes:,} bytes lie nowhere"
    return replace(best, kernels=kernels, why=why)


def _better(new: Chosen, old: Chosen, optimize: str) -> bool:
    """Whether memory is smaller, and worth the instructions."""
    first, second = _all(new.ways), _all(old.ways)
    if optimize == "balanced" and (new.plan.peak + BESIDE) * first > (old.plan.peak + BESIDE) * second:
        return False
    return new.plan.peak < old.plan.peak


def _with_kernels(
    graph: Graph, kinds: Collection[str], inside: Collection[str], optimize: str, rooms: Sequence[int]
) -> Chosen:
    """Choose kernels of the layers as they are."""

    def planned(ways: Mapping[str, Way]) -> tuple[Graph, Plan]:
        net = replace(graph, ways={name: way.name for name, way in ways.items()}) if ways else graph
        return net, plan(net, kinds, inside, optimize, rooms)

    asked = {} if graph.ways else {n.output: n.op.ways(graph.applied(n)) for n in graph.nodes}
    offers = {name: ways for name, ways in asked.items() if ways}
    if not offers:
        return Chosen(*planned({}), {}, {}, {})
    first = _kernels(offers, optimize)
    ways, why = dict(first), {name: _reason(name, first, offers) for name in first}
    net, found = planned(ways)
    if optimize != "time" and any(way.scratch for way in ways.values()):
        room = _Room(offers, optimize, _least(graph, offers, kinds, inside), lambda w: planned(w)[1])
        ways = room.made(graph, ways, found)
        if ways != first:
            net, found = planned(ways)
            for name, way in ways.items():
                if way is not first[name]:
                    lost = first[name]
                    why[name] = f"{lost.name} would take {lost.scratch:,} bytes more where memory is fullest"
    return Chosen(net, found, ways, {name: way.name for name, way in ways.items()}, why)


# ---------------------------------------------------------------- instructions and code


def _kernels(offers: _Offers, optimize: str) -> _Ways:
    """Kernels of least cost, each kind's code counted once."""
    fastest = {name: min(ways, key=_speed) for name, ways in offers.items()}
    kinds = {way.functions: way.code for ways in offers.values() for way in ways}
    if optimize == "time" or len(kinds) > _KINDS:
        return fastest
    # instructions that a byte has to save
    price = _all(fastest) / (100 * EARNS)

    def cost(way: Way) -> tuple[float, int]:
        return way.instructions + price * way.numbers, way.scratch

    best, least = fastest, float("inf")
    for count in range(1, len(kinds) + 1):
        for taken in combinations(sorted(kinds), count):
            found = {}
            for name, ways in offers.items():
                there = [way for way in ways if way.functions in taken]
                if not there:
                    break
                found[name] = min(there, key=cost)
            else:
                total = sum(cost(way)[0] for way in found.values()) + price * sum(kinds[k] for k in taken)
                if total < least:
                    best, least = found, total
    return best


def _speed(way: Way) -> tuple[float, int, int]:
    return way.instructions, way.code, way.scratch


def _reason(name: str, ways: _Ways, offers: _Offers) -> str:
    """Why a layer has its kernel, in words."""
    own, others = ways[name], [way for way in offers[name] if way is not ways[name]]
    if not others:
        return "no other takes it"
    fastest = min(others, key=_speed)
    if fastest.instructions >= own.instructions:
        return f"{FEWEST}: {own.instructions:,.0f}, {fastest.name} {fastest.instructions:,.0f}"
    saved = own.instructions - fastest.instructions
    share = 100 * saved / _all(ways)
    return f"{fastest.name} would save {share:.2g} % of a call for {fastest.code:,} bytes of code"


# ---------------------------------------------------------------- memory


def _least(graph: Graph, offers: _Offers, kinds: Collection[str], inside: Collection[str]) -> int:
    """Bytes that every arena has, whatever the kernels."""
    small = {name: min(ways, key=lambda way: way.scratch).name for name, ways in offers.items()}
    net = replace(graph, ways=small)
    needs = [node.op.buffers(net.applied(node)) for node in net.nodes]
    laid = Laid(net, needs, kinds, inside, share=False)
    own = Laid(net, needs, kinds, inside, share=True)
    return min(least_peak(one.buffers, one.overlaps) for one in (laid, own))


@dataclass(frozen=True, slots=True)
class _Room:
    """Takes kernels with less scratch where memory is fullest.

    Attributes
    ----------
    offers : mapping of str to tuple of Way
    optimize : str
    least : int
        Bytes that every arena has.
    planned : callable
        Plan of a choice.
    """

    offers: _Offers
    optimize: str
    least: int
    planned: Callable[[_Ways], Plan]

    def worth(self, peak: int, instructions: float) -> tuple[float, float]:
        """What is to be small."""
        if self.optimize == "ram":
            return peak, instructions
        return (peak + BESIDE) * instructions, peak

    def made(self, graph: Graph, ways: _Ways, found: Plan) -> _Ways:
        """The choice that is worth most, no kernel of which could be the faster one for the same memory."""
        first, best, least = ways, ways, self.worth(found.peak, _all(ways))
        step, idle = ways, 0
        for _ in range(_STEPS):
            after = self._smaller(graph, step, found)
            # whatever the memory becomes
            if after is None or self.worth(self.least, _all(after)) >= least:
                break
            step = after
            found = self.planned(step)
            worth = self.worth(found.peak, _all(step))
            idle = 0 if worth < least else idle + 1
            if worth < least:
                best, least = step, worth
            # what is left is the planner's, not that of kernels
            if idle > _IDLE or found.peak <= self.least * _NEAR:
                break
        # what brings most instructions comes back first
        changed = [name for name in best if best[name] is not first[name]]
        for name in sorted(changed, key=lambda n: first[n].instructions - best[n].instructions):
            back = {**best, name: first[name]}
            worth = self.worth(self.planned(back).peak, _all(back))
            if worth < least:
                best, least = back, worth
        return best

    def _smaller(self, graph: Graph, ways: _Ways, found: Plan) -> _Ways | None:
        """The choice with a smaller kernel where memory is fullest; None where there is none."""
        used = [0] * len(graph.nodes)
        for first, last, at, size in found.groups:
            for k in range(max(first, 0), min(last, len(used) - 1) + 1):
                used[k] = max(used[k], at + size)
        top, out = max(used, default=0), []
        for k, node in enumerate(graph.nodes):
            own = ways.get(node.output)
            if own is None or used[k] < top:
                continue
            for way in self.offers[node.output]:
                if way.scratch < own.scratch:
                    out.append((way.instructions - own.instructions, node.output, way))
        if not out:
            return None
        _, name, way = min(out, key=lambda one: one[0])
        return {**ways, name: way}


def _all(ways: Mapping[str, Way]) -> float:
    return sum(way.instructions for way in ways.values())
