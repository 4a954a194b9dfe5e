"""The placer against the proven optimum: shared models where they are there, and nets drawn at random."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensorai.plan.place import Buffer, Overlap, least_peak, place
from tests.need import need
from tests.plan.chains import chain


def test_nets_get_the_least() -> None:
    need("ortools")
    from tests.plan import optimum

    for seed in range(3):
        ours, best = optimum.both(chain(seed, 5))
        assert ours == best, seed


@pytest.mark.parametrize("part", ["kws_ref", "pretrainedResnet_quant", "vww_96_int8", "ad01_int8"])
def test_known_nets_get_the_least(part: str, shared: Path) -> None:
    need("ortools")
    from tests.plan import optimum

    found = [optimum.both(graph) for _, graph in optimum.models(shared, part)]
    assert found
    assert all(ours == best for ours, best in found)


def test_drawn_buffers_get_near_it() -> None:
    """Overlaps of all kinds among buffers of all lives; a proof takes a moment, so they are few."""
    need("ortools")
    from tests.plan import optimum

    rng = np.random.default_rng(11)
    for _ in range(12):
        buffers = []
        for k in range(int(rng.integers(3, 12))):
            first = int(rng.integers(0, 8))
            buffers.append(
                Buffer([f"t{k}"], first, first + int(rng.integers(0, 4)), int(rng.integers(1, 60)))
            )
        overlaps, taken = [], set()
        for over in buffers:
            for under in buffers:
                if under.first < over.first == under.last and id(under) not in taken:
                    taken.add(id(under))
                    least = None if rng.random() < 0.2 else int(rng.integers(0, 30))
                    overlaps.append(Overlap(over, under, least, least is None or bool(rng.random() < 0.3)))
        best = optimum.optimum(buffers, 4, overlaps)
        assert least_peak(buffers, overlaps) <= best <= place(buffers, 4, overlaps)[0] <= best * 1.05
