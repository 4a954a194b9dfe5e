"""Inputs and outputs that lie in the working memory: the same bits, less memory."""

from __future__ import annotations

import numpy as np
import pytest

from sensorai.codegen.netproject import About, emit_net_project
from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.importers.net import NetBuilder
from sensorai.nets.costs import costs, lying
from sensorai.nets.inputs import spread
from sensorai.nets.port import ports
from sensorai.nets.references import one_by_one
from sensorai.nets.running import Program
from sensorai.nets.validating import parting
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.unary import Unary

WAYS = [(True, False), (False, True), (True, True)]


def net() -> Graph:
    """Two inputs, one read late; an output that is read on, one that is only another shape, a state."""
    rng = np.random.default_rng(9)
    made = NetBuilder()
    a, b = (made.input(name, (1, 6), "float32") for name in ("a", "b"))
    kept = made.state("kept", (1, 6), "float32")
    (x,) = made.add(Unary("tanh"), (a,))
    (first,) = made.add(Binary("add"), (x, kept), ("first",))
    (y,) = made.add(
        FullyConnected(), (first, made.constant("w", rng.normal(0, 1, (6, 6)).astype(np.float32)))
    )
    (y,) = made.add(Binary("mul"), (y, b))
    (last,) = made.add(Reshape((2, 3)), (y,), ("last",))
    made.keep(kept, x)
    return made.graph((first, last))


@pytest.mark.parametrize("inside", WAYS)
def test_the_same_bits(inside: tuple[bool, bool]) -> None:
    graph = net()
    project = emit_net_project(graph, "NAME", About("", "", ""), inside=lying(graph, inside))
    ins, outs = ports(graph, graph.inputs), ports(graph, graph.outputs)
    program = Program("NAME", "native", project.sources(), ins, outs, None, inside)
    given = spread(ins, 4)
    assert parting("C", list(graph.outputs), one_by_one(graph, given), program.on_host(given)) is None
    header = project.files["NAME.h"]
    assert ("float *NAME_in_2(NAME_t *ctx);" in header) is inside[0]
    assert ("float *NAME_out_1(NAME_t *ctx);" in header) is inside[1]


def test_memory_is_less_and_counted() -> None:
    graph = net()
    beside = costs(graph).ram
    assert beside is not None
    for inside in WAYS:
        found = costs(graph, inside)
        assert found.ram is not None
        assert found.ram <= beside
        project = emit_net_project(graph, "net", About("", "", ""), inside=lying(graph, inside))
        assert project.arena_bytes == found.arena


def test_what_nothing_computes_cannot_lie_there() -> None:
    made = NetBuilder()
    x = made.input("x", (1, 2), "float32")
    (y,) = made.add(Unary("abs"), (x,))
    graph = made.graph((y, made.constant("c", np.ones(3, np.float32))))
    with pytest.raises(ConfigError, match="c is a constant"):
        costs(graph, (False, True))
    assert costs(graph, (True, False)).ram == 8 + 8 + 12
