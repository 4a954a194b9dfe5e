from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance import rebuild, trees

pytestmark = pytest.mark.conformance


def test_every_tree_text_equals_the_decoded_tree(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = trees.rows(shared)
    assert [name for name, _, nodes, same, _, whole in table if not whole or nodes != same] == []
    # facts, mlc-format section 15.2: inner nodes of the texts that are in the reference folder
    assert [nodes for _, _, nodes, *_ in table] == [2, 2, 22, 2, 1, 9, 10, 15, 15]
    assert trees.print_table(shared)
    assert "node by node: 9 of 9" in capsys.readouterr().out


def test_trees_do_on_their_tables_what_st_says(shared: Path) -> None:
    table = trees.learnt(shared)
    assert [(name, right, printed) for name, _, right, printed, _ in table if printed is not None] == [
        ("example_4", 159, 159),
        ("example_5", 16, 16),
        ("tutorial 4, HAR", 1472, 1472),
    ]
    right = {name: (right, count) for name, count, right, _, _ in table}
    assert right["example_8"] == (681, 687)  # 99.126640 % in the report of ST's tutorial
    assert right["tree generator"] == (52, 52)
    # example_1 has thresholds between halves: two windows take another way than by its text
    assert {name: changed for name, *_, changed in table if changed} == {"example_1": 2}


def test_rebuilt_configurations_equal_the_published_bytes(
    shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = rebuild.rows(shared)
    assert [(name, parts) for name, _, _, parts in table if False in parts.values()] == []
    # facts, mlc-format section 15.3
    assert [count for _, _, count, _ in table] == [151, 190, 55, 129, 51, 41, 93, 93]
    assert sum(parts["identifiers"] is True for *_, parts in table) == 2
    assert rebuild.print_table(shared)
    assert "DIFFERENT" not in capsys.readouterr().out
