"""What we write reads back as the same, to the bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sensorai.errors import DataError
from sensorai.formats import ReadOptions, read_log, write_csv
from sensorai.formats.write import to_csv
from sensorai.recording import Channel, FloatArray, Recording, Span

ACC = tuple(Channel(f"acc_{a}", "mg") for a in "xyz")
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def equal(a: Recording, b: Recording) -> bool:
    same_time = (a.time_s is None) == (b.time_s is None) and (
        a.time_s is None or b.time_s is None or np.array_equal(a.time_s, b.time_s)
    )
    return (
        a.samples.tobytes() == b.samples.tobytes()
        and (a.channels, a.rate_hz, a.labels, a.group) == (b.channels, b.rate_hz, b.labels, b.group)
        and same_time
    )


@settings(max_examples=60, deadline=None)
@given(samples=arrays(np.float64, st.tuples(st.integers(1, 6), st.just(3)), elements=FINITE))
def test_round_trip_of_any_number(tmp_path_factory: pytest.TempPathFactory, samples: FloatArray) -> None:
    path = tmp_path_factory.mktemp("w") / "x.csv"
    before = Recording(samples, ACC, 52.0, {"label": (Span(0, 1, "a"),)}, group="eve")
    write_csv(path, [before])
    (after,) = read_log(path)
    assert equal(before, after)


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz"])
def test_several_recordings(tmp_path: Path, name: str) -> None:
    labels = {"label": (Span(0, 2, 'bow, "left"'), Span(3, 5, "b")), "hand": (Span(0, 5, "l"),)}
    first = Recording(
        np.arange(15.0).reshape(5, 3) / 7, ACC, 104.25, labels, "eve", "a", time_s=np.arange(5) / 100
    )
    second = Recording(
        -first.samples, ACC, 104.25, {"hand": (Span(1, 2, "r"),)}, "adam", "b", time_s=np.arange(5) / 9
    )
    write_csv(tmp_path / name, [first, second])
    after = read_log(tmp_path / name, ReadOptions(label_columns=("hand",)))
    assert [r.name for r in after] == ["x/a", "x/b"]
    assert equal(first, after[0])
    # a column that the file has is there, even where it labels nothing
    assert equal(replace(second, labels={**second.labels, "label": ()}), after[1])


def test_same_input_same_bytes(tmp_path: Path) -> None:
    recording = Recording(np.ones((3, 3)), ACC, None)
    write_csv(tmp_path / "a.csv.gz", [recording])
    write_csv(tmp_path / "b.csv.gz", [recording])
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()
    assert to_csv([recording]) == "acc_x[mg],acc_y[mg],acc_z[mg],subject\n" + "1,1,1,\n" * 3


def test_refusals(tmp_path: Path) -> None:
    one = Recording(np.ones((3, 3)), ACC, 50.0, name="one", time_s=np.arange(3.0))
    with pytest.raises(DataError, match="no recordings to write"):
        write_csv(tmp_path / "x.csv", [])
    for what, other in (
        ("channels", Recording(np.ones((3, 1)), ACC[:1], 50.0, name="two")),
        ("rate", Recording(np.ones((3, 3)), ACC, 52.0, name="two")),
        ("time stamps", Recording(np.ones((3, 3)), ACC, 50.0, name="two")),
    ):
        with pytest.raises(DataError, match=f"one and two differ in {what}"):
            write_csv(tmp_path / "x.csv", [one, other])
    assert list(tmp_path.iterdir()) == []
