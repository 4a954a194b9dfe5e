"""The fast road through a table equals the strict walk, which is the definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorai.errors import DataError
from sensorai.formats import table
from sensorai.formats.table import Body, Column, Kind

NUMBERS = st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.integers(-9999, 9999).map(str)
ODD = st.sampled_from(
    ["", " ", "nan", "inf", "1_0", "1e999", "0x1", "a", "²", "٣", "1,5", "1e5", ".5", "5.", "-"]
)
CELLS = st.one_of(NUMBERS, NUMBERS, NUMBERS, ODD, st.text("ab _1.", max_size=4))


def same(a: Column | None, b: Column | None) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        if a.dtype == object:
            # padding goes later
            return [str(x).strip() for x in a] == [str(x).strip() for x in b]
        return a.dtype == b.dtype and a.tobytes() == b.tobytes()
    return a is None and b is None if a is None or b is None else bool(str(a) == str(b))


@settings(max_examples=400, deadline=None)
@given(
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=4), min_size=1, max_size=5),
    kinds=st.lists(st.sampled_from(["number", "text", "key", "maybe", "skip"]), min_size=3, max_size=3),
    separator=st.sampled_from([",", "\t", ";"]),
    extra=st.booleans(),
)
def test_fast_equals_strict(rows: list[list[str]], kinds: list[Kind], separator: str, extra: bool) -> None:
    text = "\n".join(separator.join(row) for row in rows)
    body = Body("log", text, 2, separator, ("a", "b", "c"), extra)
    fast = table._fast(body, kinds)
    if fast is None:
        return
    strict = table._strict(body, kinds, False)
    assert all(same(a, b) for a, b in zip(fast, strict, strict=True))


@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.lists(NUMBERS, min_size=2, max_size=2), min_size=1, max_size=30))
def test_sound_tables_take_the_fast_road_and_keep_every_bit(values: list[list[str]]) -> None:
    body = Body("log", "\n".join(",".join(row) for row in values), 2, ",", ("a", "b"))
    columns = table._fast(body, ["number", "number"])
    assert columns is not None
    for i, column in enumerate(columns):
        assert isinstance(column, np.ndarray)
        assert column.tolist() == [float(row[i]) for row in values]
        assert all(
            math.copysign(1, x) == math.copysign(1, float(r[i])) for x, r in zip(column, values, strict=True)
        )


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(f"{k},{k * k}" for k in range(200))
    body = Body("log", text, 2, ",", ("a", "b"))
    whole = table.parse(body, ["number", "text"])
    monkeypatch.setattr(table, "_BLOCK", 7)
    assert len(list(table._blocks(text))) > 50
    assert "\n".join(table._blocks(text)) == text
    assert all(same(a, b) for a, b in zip(table.parse(body, ["number", "text"]), whole, strict=True))


def test_fault_far_down_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "1,2\n" * 5000 + "1,x\n" + "1,2\n" * 10
    with pytest.raises(DataError) as caught:
        table.parse(Body("log", text, 3, ",", ("a", "b")), ["number", "number"])
    assert caught.value.where == "log:5003:2"


def test_quoted_cells() -> None:
    body = Body("log", '1,"a, ""b"""\n"2",c\n', 2, ",", ("n", "t"))
    number, text = table.parse(body, ["number", "text"])
    assert isinstance(number, np.ndarray)
    assert number.tolist() == [1.0, 2.0]
    assert isinstance(text, np.ndarray)
    assert text.tolist() == ['a, "b"', "c"]
