"""ARFF in ST's form: read, write, refuse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorai.errors import ConfigError, DataError
from sensorai.mlc import half
from sensorai.mlc.arff import Arff, arff_text, from_tables, parse_arff, read_arff, write_arff

TEXT = """@relation 'MLC'

@attribute F1_MEAN_on_ACC_Z numeric
@attribute F2_VAR_on_ACC_V numeric
@attribute class {face_up, shaking}

@data
1.01563, 3.76105e-05, face_up
-0.949219, 0, shaking
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_round_trip_and_halves(tmp_path: Path, newline: str) -> None:
    path = tmp_path / "f.arff"
    path.write_bytes(TEXT.replace("\n", newline).encode())
    table = read_arff(path)
    assert table.features == ("F1_MEAN_on_ACC_Z", "F2_VAR_on_ACC_V")
    assert table.classes == ("face_up", "shaking")
    assert table.labels == ("face_up", "shaking")
    assert table.values.dtype == np.float64
    assert table.values[0, 0] == 1.015625  # the half that prints as 1.01563
    assert half.to_float(half.nearest(float(table.values[0, 1]))) == table.values[0, 1]
    write_arff(tmp_path / "g.arff", table)
    assert (tmp_path / "g.arff").read_bytes() == path.read_bytes()


def test_general_arff_is_read_too() -> None:
    table = parse_arff(
        "% by hand\n@RELATION x\n@ATTRIBUTE 'a b' REAL\n@attribute c {'d e',\"f\", g}\n@DATA\n0.1,'d e'\n"
    )
    assert table.features == ("a b",)
    assert table.classes == ("d e", "f", "g")
    assert table.values[0, 0] == 0.1  # no half prints as 0.1, so the number stays as it is
    assert parse_arff(arff_text(table)).labels == ("d e",)


@given(st.lists(st.integers(0, 0x7BFF).map(half.to_float), max_size=20), st.text(min_size=1, max_size=8))
def test_whatever_is_written_reads_back(values: list[float], name: str) -> None:
    table = Arff((name,), (name, "b"), np.array(values).reshape(-1, 1), (name,) * len(values))
    try:
        text = arff_text(table)
    except ConfigError:
        assert "\n" in name or "\r" in name
        return
    back = parse_arff(text)
    assert (back.features, back.classes, back.labels) == (table.features, table.classes, table.labels)
    assert np.array_equal(back.values, table.values)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("1.01563, 3.76105e-05", "1.01563", 8, "2 values where 3"),
        ("-0.949219, 0", "-0.949219, 0, 1", 9, "4 values where 3"),
        ("-0.949219", "?", 9, "value 1 is missing"),
        ("-0.949219", "nan", 9, "not a number"),
        ("-0.949219", "x", 9, "'x' is not a number"),
        ("0, shaking", "0, shakin", 9, "does not list the class 'shakin'"),
        ("0, shaking", "0,", 9, "after the last comma"),
        ("-0.949219, 0, shaking", "{0 1, 2 shaking}", 9, "sparse"),
        ("-0.949219,", "a b,", 9, "cannot read"),
        ("F2_VAR_on_ACC_V numeric", "F2_VAR_on_ACC_V string", 4, "features are numeric"),
        ("F2_VAR_on_ACC_V numeric", "F2 {a, b}", 5, "must be the last"),
        ("@data", "@dada", 7, "not an ARFF header"),
        ("@attribute class {face_up, shaking}\n", "", 6, "lacks features"),
        ("@relation 'MLC'", "acc_x[mg],acc_y[mg]", 1, "not an ARFF header"),
    ],
)
def test_refusals_name_the_line(old: str, new: str, line: int, message: str) -> None:
    assert old in TEXT
    with pytest.raises(DataError, match=message) as caught:
        parse_arff(TEXT.replace(old, new, 1), "f.arff")
    assert caught.value.where == f"f.arff:{line}"


def test_files_that_are_no_arff(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no @data"):
        parse_arff("")
    with pytest.raises(DataError, match="cannot read"):
        read_arff(tmp_path)
    (tmp_path / "x").write_bytes(b"@relation \xff")
    with pytest.raises(DataError, match="not UTF-8") as caught:
        read_arff(tmp_path / "x")
    assert caught.value.where.endswith("byte 10")


def test_tables_of_several_logs() -> None:
    one, none = np.array([[1.0], [2.0]]), np.empty((0, 1))
    table = from_tables(["F1_a"], [one, none, one[:1]], ["a", "b", "a"])
    assert table.labels == ("a", "a", "a")
    assert table.classes == ("a", "b")
    assert table.values[:, 0].tolist() == [1.0, 2.0, 1.0]


@given(st.integers(0, len(TEXT)), st.text("@{},'\"% 1.x\n?", max_size=4), st.integers(0, 30))
def test_changed_text_is_read_or_refused(at: int, put: str, cut: int) -> None:
    where = "read"
    try:
        parse_arff(TEXT[:at] + put + TEXT[at + cut :], "f.arff")
    except DataError as error:
        where = error.where
    assert where == "read" or where.startswith("f.arff")
