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


@pytest.mark.parametrize("cells", [["True", "True"], ["1", "True"], ["False", "1"], ["1", "TRUE"]])
def test_true_is_no_number(cells: list[str]) -> None:
    with pytest.raises(DataError, match="is not a number"):
        table.parse(Body("log", "\n".join(f"{c},1" for c in cells), 2, ",", ("a", "b")), ["number", "number"])


def test_hard_decimals_are_rounded_right() -> None:
    # halfway between two floats, more digits than a float has, the ends of the range
    hard = [
        "9007199254740993",
        "9007199254740992.99999999999999999",
        "1.00000000000000011102230246251565404",
        "2.2250738585072011e-308",
        "5e-324",
        "1.7976931348623157e308",
        "0.1e-7",
        "123456789012345678901234",
    ]
    columns = table._fast(
        Body("log", "\n".join(f"{h},0" for h in hard), 2, ",", ("a", "b")), ["number", "skip"]
    )
    assert columns is not None
    assert isinstance(columns[0], np.ndarray)
    assert columns[0].tolist() == [float(h) for h in hard]


@pytest.mark.parametrize(
    ("text", "exact"), [("3.1.1", True), ("3.0.2", False), ("2.2.3", False), ("10.0.0rc1", True)]
)
def test_version(text: str, exact: bool) -> None:
    assert (table._version(text) >= (3, 1)) is exact


def test_fault_far_down_is_named() -> None:
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
