from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance import logs

pytestmark = pytest.mark.conformance


@pytest.fixture(scope="module")
def table(shared: Path) -> list[logs.Row]:
    return logs.rows(shared)


def test_every_reference_log_opens(table: list[logs.Row]) -> None:
    assert [row for row in table if not row.right] == []
    assert len(table) == 341
    assert sum(row.reader == "hsdatalog-v1" for row in table) == 6
    assert {row.reader for row in table} == {
        "hsdatalog-v1",
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
    assert "total: 341 of 341 right; 341 opened" in text
    assert not logs.print_table(shared, [table[0]._replace(right=False, message="made up")])
    assert f"WRONG {table[0].path}: made up" in capsys.readouterr().out


def test_raw_folders_equal_the_converted_text(shared: Path) -> None:
    found = [logs.against_text(shared, folder) for folder in logs.CONVERTED]
    assert [(one.samples, one.rows, one.values) for one in found] == [
        (5980, 5000, 30000),
        (6604, 6000, 36000),
        (6656, 6000, 36000),
    ]
    assert all(one.difference <= logs.DIGITS for one in found)
