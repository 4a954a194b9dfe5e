"""Results over inputs that are no longer read: how far is exact, and the bits stay the same."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from sensorai.codegen.net import KINDS
from sensorai.graph.graph import Graph
from sensorai.ops.nd.table import ND_OPERATORS
from sensorai.ops.nd.windows import Window
from sensorai.plan.plan import plan
from sensorai.toolchain import host
from tests.nd.nets import differences, sample, stream, unit
from tests.plan.chains import chain, level


def by_hand(window: Window, batch: int, read: int, made: int, block: int, copied: bool) -> int:
    """Least distance at which no byte is written before all who need it have read it, byte by byte."""
    places = list(itertools.product(range(batch), *map(range, window.out)))
    needs: list[set[int]] = []
    for n, *at in places:
        found = set()
        for tap in window.taps():
            spot = [
                a * s - b + t * d
                for a, s, b, t, d in zip(
                    at, window.strides, window.before, tap, window.dilations, strict=True
                )
            ]
            if all(0 <= v < e for v, e in zip(spot, window.extents, strict=True)):
                index = np.ravel_multi_index((n, *spot), (batch, *window.extents))
                found |= set(range(int(index) * read, (int(index) + 1) * read))
        needs.append(found)
    for apart in itertools.count():
        # the input begins ``apart`` bytes behind the output
        for p in range(len(places)):
            later = set().union(*needs[p + block if copied else p :])
            end = min(p + block, len(places)) * made
            if any(byte + apart < end for byte in later):
                break
        else:
            return apart
    raise AssertionError


def test_how_far_is_exact() -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        axes = int(rng.integers(1, 4))
        extents, kernel, strides, dilations, before, after = (
            tuple(int(v) for v in rng.integers(low, high, axes))
            for low, high in ((1, 6), (1, 4), (1, 4), (1, 3), (0, 4), (0, 4))
        )
        window = Window(extents, kernel, strides, dilations, before, after)
        if min(window.out) < 1:
            continue
        batch, read, made, block = (int(rng.integers(1, 4)) for _ in range(4))
        copied = bool(rng.random() < 0.5)
        want = by_hand(window, batch, read, made, block, copied)
        size = batch * int(np.prod(window.out)) * made
        assert window.overlap(batch, read, made, block, copied) == (want if want < size else None)


def graphs() -> Iterator[tuple[str, Graph]]:
    """Cases of operators, and chains, whose outputs come to lie over inputs; a few where all are alike."""
    seen = Counter[str]()
    kinds = frozenset(KINDS) - {"binary"}
    cases = (case for op in ND_OPERATORS.values() if op.EMITTED for case in op.cases())
    for name, graph in (*cases, *((f"chain_{seed}", chain(seed)) for seed in range(8))):
        ends = (*graph.inputs, *graph.outputs)
        computed = all(graph.producer(n) is not None for n in graph.outputs)
        if graph.states or not computed or len(set(ends)) < len(ends):
            continue
        slots = plan(graph, kinds, ends).slots
        pairs = (
            (slots[x], slots[y]) for node in graph.nodes for x in graph.computed(node) for y in node.outputs
        )
        if any(a.offset < b.offset + b.size and b.offset < a.offset + a.size for a, b in pairs):
            stem = name.split("_")[0]
            seen[stem] += 1
            if seen[stem] > (20 if stem in ("conv", "pool") else 4) and stem != "chain":
                continue
            yield name, graph


def test_the_bits_stay_the_same() -> None:
    samples = [sample(name, graph) for name, graph in graphs()]
    stems = {s.name.split("_")[0] for s in samples}
    assert stems >= {"conv", "pool", "fully", "binary", "unary", "quantize", "chain"}
    program = host.build_program(unit(samples, inside=True), opt="-O0", sanitize=True, harness=True)
    assert differences(samples, program.run(stream(samples))) == []


@pytest.mark.parametrize("seed", range(8))
def test_chains_need_less(seed: int) -> None:
    graph = chain(seed)
    ends = (*graph.inputs, *graph.outputs)
    sizes = [graph.tensors[n].bytes for n in (*graph.inputs, *(node.output for node in graph.nodes))]
    assert plan(graph, frozenset(KINDS), ends).peak < max(map(sum, itertools.pairwise(sizes)))


@pytest.mark.parametrize(
    ("optimize", "peak", "moves"),
    [("time", 256 + 6 * 24, 0), ("balanced", 256 + 2 * 24, 2), ("ram", 256 + 24, 5)],
)
def test_tensors_move_where_that_saves(optimize: str, peak: int, moves: int) -> None:
    """Each layer lies below the one before by the three places that a kernel of two and its margin need."""
    graph = level()
    made = plan(graph, frozenset(KINDS), (*graph.inputs, *graph.outputs), optimize)
    assert (made.peak, len(made.moves)) == (peak, moves)
    if optimize != "ram":
        return
    samples = [sample("level", graph)]
    program = host.build_program(
        unit(samples, inside=True, optimize=optimize), opt="-O1", sanitize=True, harness=True
    )
    assert differences(samples, program.run(stream(samples))) == []
