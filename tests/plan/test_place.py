"""Places for buffers: none share a byte while both live, and a plan that does is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorai.errors import InternalError
from sensorai.plan.place import ALIGN, Buffer, place
from sensorai.plan.plan import Plan, Slot

few = st.integers(0, 9)
spans = st.tuples(few, st.integers(0, 4), st.integers(1, 70), few, few)


@given(st.lists(spans, max_size=12))
def test_buffers_that_live_together_lie_apart(drawn: list[tuple[int, int, int, int, int]]) -> None:
    buffers = [
        Buffer([f"t{i}"], first, first + more, size, left, right)
        for i, (first, more, size, left, right) in enumerate(drawn)
    ]
    peak, offsets, order = place(buffers)
    assert sorted(b.names for b in order) == sorted(b.names for b in buffers)
    for i, (a, at) in enumerate(zip(order, offsets, strict=True)):
        assert at % ALIGN == 0
        assert 0 <= at <= peak - a.bytes
        for b, other in list(zip(order, offsets, strict=True))[i + 1 :]:
            if a.first <= b.last and b.first <= a.last:
                assert at + a.bytes <= other or other + b.bytes <= at
    # all that live during one node must fit
    for time in range(14):
        assert peak >= sum(b.bytes for b in buffers if b.first <= time <= b.last)
    assert place(buffers[::-1])[0] == peak


def test_margins_keep_values_aligned() -> None:
    assert Buffer(["t"], 0, 0, 5, left=3, right=1).bytes == 4 + 8
    assert Buffer(["t"], 0, 0, 5, slop=3).bytes == 8
    assert Buffer(["t"], 0, 0, 5, left=3).lead == 4


GOOD = Plan(
    {"a": Slot(0, 0, 0, 8, "a"), "b": Slot(8, 0, 0, 8, "b")}, 16, (), ((0, 2, 0, 8), (1, 3, 8, 8)), {}, 4
)


def test_plans_that_cannot_be_are_refused() -> None:
    assert GOOD.check() is GOOD
    for change, message in (
        ({"groups": ((0, 2, 0, 8), (2, 3, 4, 8))}, "share bytes 4"),
        ({"groups": ((0, 2, 0, 8), (1, 3, 12, 8))}, "arena of 16"),
        ({"groups": ((0, 2, 2, 8),)}, "arena of 16"),
        ({"slots": {"b": Slot(8, 0, 4, 8, "b")}}, "ends behind"),
    ):
        with pytest.raises(InternalError, match=message):
            replace(GOOD, **change).check()
