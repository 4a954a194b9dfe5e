from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance import logs

pytestmark = pytest.mark.conformance


@pytest.fixture(scope="module")
def table(shared: Path) -> list[logs.Row]:
    return logs.rows(shared)


def test_every_reference_log_opens_or_is_refused(table: list[logs.Row]) -> None:
    assert [row for row in table if not row.right] == []
    assert len(table) == 341
    assert sum(row.reader == "refused" for row in table) == 6
    # every reader but the one for plain tables is exercised
    assert {row.reader for row in table} == {
        "refused",
        "mems-studio",
        "unico",
        "st-ble",
        "st-labelled",
        "algobuilder",
    }


def test_the_table_adds_up(shared: Path, table: list[logs.Row], capsys: pytest.CaptureFixture[str]) -> None:
    assert logs.print_table(shared, table)
    text = capsys.readouterr().out
    assert "WRONG" not in text
    assert "total: 341 of 341 right; 335 opened" in text
    assert not logs.print_table(shared, [table[0]._replace(right=False, message="made up")])
    assert f"WRONG {table[0].path}: made up" in capsys.readouterr().out
