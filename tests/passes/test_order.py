"""Branches run in the best order there is, found among all; nets with one order stay as they are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Tensor
from sensorai.importers.net import NetBuilder
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.unary import Unary
from sensorai.passes.order import Order, _Search
from sensorai.plan.plan import plan
from tests.plan.chains import chain


def branches(seed: int) -> Graph:
    """Dense layers of drawn widths, each of a drawn tensor before it; sums of all that is left."""
    rng = np.random.default_rng(seed)
    made = NetBuilder()
    tensors = [made.input("x", (1, 8), "float32")]
    for k in range(4):
        x = tensors[int(rng.integers(0, len(tensors)))]
        width = int(rng.choice([4, 16, 64]))
        w = made.constant(f"w{k}", rng.normal(0, 1, (width, x.shape[1])).astype(np.float32))
        tensors += made.add(FullyConnected(), (x, w))
    read = {name for node in made.nodes for name in node.inputs}
    ends: list[Tensor] = []
    for k, x in enumerate([t for t in tensors if t.name not in read]):
        w = made.constant(f"v{k}", rng.normal(0, 1, (4, x.shape[1])).astype(np.float32))
        ends += made.add(FullyConnected(), (x, w))
    total = ends[0]
    for other in ends[1:]:
        (total,) = made.add(Binary("add"), (total, other))
    return made.graph((total,))


def orders(search: _Search, count: int, done: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Every order in which nodes come after what they read."""
    if len(done) == count:
        yield done
    there = sum(1 << k for k in done)
    for k in range(count):
        if k not in done and not search.before[k] & ~there:
            yield from orders(search, count, (*done, k))


@pytest.mark.parametrize("seed", range(12))
def test_no_order_needs_less(seed: int) -> None:
    graph = branches(seed)
    search = _Search(graph)
    count = len(graph.nodes)
    best = min(search.peak_of(order) for order in orders(search, count))
    changed = Order().run(graph)
    assert _Search(changed.graph).peak_of(range(count)) == best
    assert bool(changed.said) == (search.peak_of(range(count)) != best)
    x = {"x": np.ones((1, 1, 8), np.float32)}
    (name,) = graph.outputs
    assert np.array_equal(interpret.run(changed.graph, x)[name], interpret.run(graph, x)[name])


def test_a_branch_is_worked_off_before_the_next() -> None:
    """Two branches that widen: side by side both wide tensors wait."""
    made = NetBuilder()
    x = made.input("x", (1, 16, 4), "float32")
    wide = [
        made.add(Conv(), (x, made.constant(f"w{k}", np.ones((64, 1, 4), np.float32))))[0] for k in range(2)
    ]
    acted = [made.add(Unary("tanh"), (one,))[0] for one in wide]
    thin = [
        made.add(Conv(), (one, made.constant(f"v{k}", np.ones((4, 1, 64), np.float32))))[0]
        for k, one in enumerate(acted)
    ]
    graph = made.graph((made.add(Binary("add"), thin)[0],))
    changed = Order().run(graph)
    before, after = (
        plan(g, frozenset({"float32"}), (*g.inputs, *g.outputs)).peak for g in (graph, changed.graph)
    )
    assert after < 0.7 * before
    assert "another order of the layers" in changed.said[0]
    assert not Order().run(changed.graph).said


def test_chains_stay() -> None:
    graph = chain(1)
    assert Order().run(graph).graph is graph
