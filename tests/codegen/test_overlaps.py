"""Rows laid out in a short table."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from sensorai.codegen.overlaps import overlapped


@given(st.integers(1, 4).flatmap(lambda n: st.lists(st.tuples(*[st.integers(0, 4)] * n), min_size=1)))
def test_every_row_is_at_its_place(rows: list[tuple[int, ...]]) -> None:
    values, places = overlapped(rows)
    length = len(rows[0])
    assert [tuple(values[at : at + length]) for at in places] == rows
    assert len(values) <= length * len(set(rows))
    assert overlapped(rows) == (values, places)


def test_all_rows_of_few_numbers_are_one_walk() -> None:
    """Every row of three out of four numbers: each but the first adds one number."""
    rows = list(product(range(4), repeat=3))
    assert len(overlapped(rows)[0]) == len(rows) + 2


def test_circles_are_taken_into_walks_that_meet_them() -> None:
    rows = [(9, 1, 2), (1, 2, 3), (2, 3, 4), (5, 6, 5), (3, 1, 2), (2, 3, 1), (6, 5, 6)]
    # 9 1 2 3 1 2 3 4 and, apart from it, 5 6 5 6
    values, _ = overlapped(rows)
    assert len(values) == 12
