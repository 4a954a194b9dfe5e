"""Every published feature value, bit for bit and character for character."""

from pathlib import Path

import pytest

from tests.conformance.features import rows


@pytest.mark.conformance
def test_every_published_value_is_reproduced(shared: Path) -> None:
    found = rows(shared)
    assert sum(n for *_, n in found) == 60655
    wrong = [row for row in found if not row[2] == row[3] == row[4]]
    assert wrong == []
