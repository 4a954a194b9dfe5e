"""Kernels are chosen by what they take: instructions, code, working memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from sensorai.codegen.net import DIRECT, count_tensors
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Way
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.plan import choose as choosing
from sensorai.plan.choose import choose
from tests.nd import count_kernels
from tests.nd.fast_nets import chain, layer
from tests.need import need


def _net(isa: str = "dsp") -> Graph:
    """Nearly all of it a convolution, then a few sums."""
    return replace(
        chain(
            layer(Conv(pads=((1, 1), (1, 1))), (1, 16, 16, 8), (8, 3, 3, 8), each=True),
            layer(Conv(strides=(4, 4)), (1, 16, 16, 8), (4, 4, 4, 8), each=True),
            layer(Conv(), (1, 4, 4, 4), (4, 1, 1, 4), each=True),
        ),
        isa=isa,
    )


def _names(graph: Graph, optimize: str) -> list[str]:
    return [way.name for way in choose(graph, DIRECT, graph.inputs + graph.outputs, optimize).ways.values()]


def test_code_has_to_earn_its_place() -> None:
    conv = layer(Conv(pads=((1, 1), (1, 1))), (1, 12, 12, 8), (8, 3, 3, 8), each=True)
    last = layer(FullyConnected(), (1, 1, 1, 8), (4, 8))
    pool = layer(Conv(strides=(12, 12)), (1, 12, 12, 8), (8, 12, 12, 8))
    net = replace(chain(conv, pool, last), isa="dsp")
    # the dense layer is faster by a kernel of its own, and less than a hundredth of all
    assert _names(net, "time")[-1] == "dense_dsp"
    assert _names(net, "balanced")[-1] == "matrix_dsp"
    found = choose(net, DIRECT, (), "balanced")
    assert "dense_dsp would save 0." in found.why[net.nodes[-1].output]
    # of a net of dense layers it is what earns most
    dense = replace(chain(*(layer(FullyConnected(), (1, 64), (64, 64)) for _ in range(3))), isa="dsp")
    assert set(_names(dense, "balanced")) == {"dense_dsp"}


def test_memory_is_what_is_to_be_saved() -> None:
    net = _net()
    inside = (*net.inputs, *net.outputs)
    arenas = {what: count_tensors(net, inside, what).arena_bytes for what in ("time", "balanced", "ram")}
    assert arenas["ram"] < arenas["balanced"] == arenas["time"]
    assert "plain" in _names(net, "ram")
    assert set(_names(net, "balanced")) == {"matrix_dsp"}
    # the least that any choice needs
    plain = replace(net, ways={node.output: "plain" for node in net.nodes})
    assert arenas["ram"] <= count_tensors(plain, inside, "ram").arena_bytes
    found = choose(net, DIRECT, inside, "ram")
    gone = [name for name, way in found.ways.items() if way.name == "plain"]
    assert all("where memory is fullest" in found.why[name] for name in gone)


def test_what_costs_nothing_comes_back() -> None:
    """A smaller kernel is kept only where the arena is smaller by it."""
    net = _net()
    inside = (*net.inputs, *net.outputs)
    found = choose(net, DIRECT, inside, "ram")
    for name, way in found.ways.items():
        if way.name == "plain":
            other = replace(found.graph, ways={**found.graph.ways, name: "matrix_dsp"})
            assert choose(other, DIRECT, inside, "ram").plan.peak > found.plan.peak


def test_what_is_said_stays() -> None:
    net = _net()
    said = replace(net, ways={net.nodes[0].output: "plain"})
    assert choose(said, DIRECT).graph is said
    assert choose(replace(net, isa="")).ways == {}
    assert [one.kernel for one in count_tensors(said).layers] == ["plain", "", ""]


def test_every_choice_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against all choices of all layers, with costs as they come."""
    small, large = Way("a", 900.0, 100), Way("b", 500.0, 700)
    offers = {"x": (small, large), "y": (Way("a", 90.0, 100), Way("b", 95.0, 700)), "z": (Way("c", 5.0, 10),)}
    for earns in (1, 30, 1000, 100000):
        monkeypatch.setattr(choosing, "EARNS", earns)
        price = sum(min(way.instructions for way in ways) for ways in offers.values()) / (100 * earns)

        def cost(ways: Sequence[Way], price: float = price) -> float:
            code = {way.name: way.code for way in ways}
            return sum(way.instructions for way in ways) + price * sum(code.values())

        found = list(choosing._kernels(offers, "balanced").values())
        every = [(x, y, z) for x in offers["x"] for y in offers["y"] for z in offers["z"]]
        assert cost(found) == min(map(cost, every))
    assert choosing._kernels(offers, "time")["x"] == large


@pytest.mark.parametrize("isa", ["dsp", "thumb1"])
def test_costs_are_those_that_are_counted(isa: str) -> None:
    """Of layers that the coefficients are not made of: within a fifth, and a tenth of all together."""
    need("arm-none-eabi-gcc")
    graphs = [
        layer(FullyConnected(), (1, 100), (24, 100), each=True),
        layer(Conv(pads=((1, 1), (1, 1))), (1, 7, 6, 12), (10, 3, 3, 12), each=True),
        layer(Conv(), (1, 6, 6, 20), (14, 1, 1, 20), each=True),
        layer(Conv(groups=16, pads=((1, 1), (1, 1))), (1, 9, 7, 16), (16, 3, 3, 1), each=True),
    ]
    rows, told = [], Counter[str]()
    for graph in graphs:
        for way in replace(graph, isa=isa).nodes[0].op.ways(replace(graph, isa=isa).applied(graph.nodes[0])):
            rows.append((graph, way))
            told[way.name] += 1
    assert len(told) >= 4
    ran = count_kernels.counted(isa, [g for g, _ in rows], [way.name for _, way in rows])
    off = [way.instructions / one - 1 for (_, way), one in zip(rows, ran, strict=True)]
    assert max(map(abs, off)) < 0.2, off
    assert abs(sum(way.instructions for _, way in rows) / sum(ran) - 1) < 0.1
