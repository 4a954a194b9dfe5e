from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance import arff

pytestmark = pytest.mark.conformance


def test_every_arff_keeps_its_bytes(shared: Path) -> None:
    table = arff.rows(shared)
    assert len(table) >= 7
    assert sum(count * features for _, count, features, _ in table) >= 38_000
    assert [name for name, _, _, same in table if not same] == []
