"""The 27 combinations of types: the reference's bits in every place."""

from __future__ import annotations

import pytest

from tests.nd.combinations import COMBINATIONS, CORES, PLACES, differing, samples, table
from tests.need import need


@pytest.mark.parametrize("place", PLACES)
def test_bits(place: str) -> None:
    if place in CORES:
        need("arm-none-eabi-gcc")
    nets = samples()
    assert len(nets) == 4 * len(COMBINATIONS) == 108
    assert differing(place, list(nets.values())) == []


def test_table_says_so() -> None:
    lines = table(("host",)).splitlines()
    assert len(lines) == 2 + 27
    assert all(line.split()[3:] == ["1/1"] * 4 for line in lines[2:])
