from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance import datasets

pytestmark = pytest.mark.conformance


@pytest.fixture(scope="module")
def table(shared: Path) -> dict[str, datasets.Row]:
    return {row.name: row for row in datasets.rows(shared)}


def test_every_file_opens_with_all_samples(table: dict[str, datasets.Row]) -> None:
    assert [row for row in table.values() if not row.right] == []
    files = {name: row.files for name, row in table.items()}
    assert files == {
        "ceiling-fan": 850,
        "ceiling-fan, --header": 850,
        "wand-gestures": 150,
        "wand-gestures, mapping": 150,
        "sp-sw-har": 308,
        "sp-sw-har, mapping": 308,
        "seglearn-watch": 98,
        "edge-impulse-gestures": 72,
        "umafall, RIGHTPOCKET": 177,
        "umafall, CHEST": 176,
        "umafall, WAIST": 176,
        "umafall, WRIST": 177,
        "umafall, ANKLE": 177,
    }
    assert table["ceiling-fan"].samples == 170_000
    assert table["edge-impulse-gestures"].samples == 72 * 1040
    assert table["seglearn-watch"].samples == 166_904


def test_readers_labels_and_groups(table: dict[str, datasets.Row]) -> None:
    assert table["edge-impulse-gestures"].reader == "edge-impulse-json"
    assert table["edge-impulse-gestures"].labels == 4
    assert table["umafall, WAIST"].reader == "umafall"
    assert table["umafall, WAIST"].groups == 5
    assert table["sp-sw-har, mapping"].labels == 5


def test_the_wrong_unit_of_the_edge_impulse_export_is_said(table: dict[str, datasets.Row]) -> None:
    assert "g instead of 1 g: the values look like g (--unit acc=g)" in table["edge-impulse-gestures"].said


def test_alignment_removes_repeated_time_stamps(shared: Path) -> None:
    before, after, count = datasets.jitter(shared)
    assert before > 500
    assert after == 0
    assert count > 5000


def test_the_table_tells_right_from_wrong(
    shared: Path, table: dict[str, datasets.Row], capsys: pytest.CaptureFixture[str]
) -> None:
    assert datasets.print_table(shared, list(table.values()))
    assert "WRONG" not in capsys.readouterr().out
    assert not datasets.print_table(shared, [table["ceiling-fan"]._replace(samples=1)])
    assert "WRONG" in capsys.readouterr().out
