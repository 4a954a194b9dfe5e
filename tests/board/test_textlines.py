"""Text lines: what is taken for a stream of samples, and what is not; nothing may crash or hang."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorai.board.connect import GARBAGE_S
from sensorai.board.detect import ENOUGH, Detector, Frames, Lines
from sensorai.board.frames import encode
from sensorai.board.textlines import LONGEST, LineReader, Shape, names_of, numbers, shape_of
from tests.board.fakeboard import counts, text_lines

SEPARATORS = st.sampled_from([",", ";", "\t", " "])
CELLS = st.one_of(
    st.integers(-(2**31), 2**31).map(str),
    st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: f"{x:.4f}"),
    st.sampled_from(["0", "-0", "+1.5", ".5", "5.", "1e3", "-2E-4"]),
)


def feed_in_pieces(reader: LineReader | Detector, data: bytes, seed: int) -> list[object]:
    cut = random.Random(seed)
    out: list[object] = []
    while data:
        n = cut.randint(1, max(1, min(len(data), 200)))
        found = reader.feed(data[:n])
        out += found if isinstance(found, list) else [found]
        data = data[n:]
    return out


@pytest.mark.parametrize(
    ("line", "shape"),
    [
        ("1,2,3", Shape(",", 3)),
        ("1.5, -2, +3e2,\r", Shape(",", 3)),
        ("1\t2", Shape("\t", 2)),
        ("1;2;3", Shape(";", 3)),
        ("  1   2 3 ", Shape(" ", 3)),
        ("7", Shape(" ", 1)),
        ("1,,3", None),
        ("1,nan,3", None),
        ("1,1e999,3", None),
        ("a,b", None),
        ("", None),
        (",".join(["1"] * 65), None),
    ],
)
def test_shape_of_a_line(line: str, shape: Shape | None) -> None:
    assert shape_of(line) == shape


def test_a_header_is_names_of_the_same_width() -> None:
    assert names_of("accX (g),accY (g)", Shape(",", 2)) == ("accX (g)", "accY (g)")
    assert names_of("A_X [mg]\tA_Y [mg]", Shape("\t", 2)) == ("A_X [mg]", "A_Y [mg]")
    assert names_of("A_X [mg] A_Y [mg]", Shape(" ", 2)) == ("A_X[mg]", "A_Y[mg]")
    assert names_of("# x,y", Shape(",", 2)) == ("x", "y")
    assert names_of("x,x", Shape(",", 2)) is None
    assert names_of("x,y,z", Shape(",", 2)) is None
    assert names_of("IMU ready!", Shape(",", 2)) is None


def test_the_first_line_is_not_trusted() -> None:
    found = Detector().feed(b"3,4\n10,20\n30,40\n50,60\n70,80\n")
    assert isinstance(found, Lines)
    assert found.start == len(b"3,4\n")


def test_header_and_chatter_before_the_numbers() -> None:
    text = b"\xff\xfeboot\r\nLSM6DSOX found\r\nacc_x[mg],acc_y[mg]\r\n" + b"1,2\r\n" * 4
    found = Detector().feed(text)
    assert isinstance(found, Lines)
    assert found.names == ("acc_x[mg]", "acc_y[mg]")
    assert "LSM6DSOX found" in found.said
    assert text[found.start :] == b"1,2\r\n" * 4


def test_frames_are_told_from_lines() -> None:
    data = b"".join(encode(0x7E, bytes([i, 10, 13, 48])) for i in range(3))
    assert isinstance(Detector().feed(b"12,34\n" + data), Frames)


def test_a_wrong_baud_rate_is_garbage() -> None:
    rng = random.Random(5)
    detector = Detector()
    while not detector.garbage:
        assert (
            detector.feed(bytes(rng.choice(b"\x00\x80\xf8\xfe\xe0\x06\x66\x98") for _ in range(64))) is None
        )
    assert len(detector.received) <= 3 * ENOUGH
    assert GARBAGE_S > 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=6, max_size=30),
    SEPARATORS,
    st.sampled_from(["\n", "\r\n"]),
    st.integers(0, 1000),
)
def test_rows_come_out_as_they_went_in(rows: list[list[str]], separator: str, end: str, seed: int) -> None:
    data = "".join(separator.join(row) + end for row in rows).encode()
    reader = LineReader(Shape(separator, 3))
    out = [row for run in feed_in_pieces(reader, data, seed) for row in run]  # type: ignore[attr-defined]
    assert out == [",".join(row) for row in rows]
    assert (reader.good, reader.damaged) == (len(rows), 0)
    detector = Detector()
    verdict = next(one for one in feed_in_pieces(detector, data, seed) if one is not None)
    assert isinstance(verdict, Lines)
    assert verdict.shape == Shape(separator, 3)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=12), st.integers(0, 1000))
def test_any_bytes_leave_the_readers_alive(pieces: list[bytes], seed: int) -> None:
    data = b"".join(pieces)
    detector, reader = Detector(), LineReader(Shape(",", 3))
    feed_in_pieces(detector, data, seed)
    for run in feed_in_pieces(reader, data, seed):
        assert isinstance(run, list)
        for row in run:
            assert numbers(row, ",") is not None
            assert row.count(",") == 2
    assert len(detector.received) <= 3 * ENOUGH


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_spoilt_line_costs_itself_and_nothing_else(data: st.DataObject) -> None:
    lines = text_lines(counts(40, 3))
    at = data.draw(st.integers(0, 39))
    lines[at] = data.draw(
        st.sampled_from([b"1,2\r\n", b"1,2,3,4\r\n", b"1,x,3\r\n", b"\xff\x00\r\n", b"1,2,3"])
    )
    glued = lines[at] == b"1,2,3" and at < 39
    reader = LineReader(Shape(",", 3))
    runs = reader.feed(b"".join(lines))
    kept = [row for run in runs for row in run]
    whole = [line.decode().strip() for line in text_lines(counts(40, 3))]
    if at == 39 and lines[at] == b"1,2,3":
        assert kept == whole[:39]
        assert reader.damaged == 0
        return
    assert kept == whole[:at] + whole[at + (2 if glued else 1) :]
    assert reader.damaged == 1
    assert [len(run) for run in runs] == [at, 40 - at - (2 if glued else 1)]


def test_a_line_without_end_is_dropped_and_memory_bounded() -> None:
    reader = LineReader(Shape(",", 2))
    assert reader.feed(b"1,2\n" + b"9" * 3 * LONGEST) == [["1,2"], []]
    assert reader.feed(b"9" * 10 * LONGEST) == [[]]
    assert reader.feed(b"9\n3,4\n") == [["3,4"]]
    assert reader.damaged == 1


def test_a_header_that_comes_again_is_no_damage() -> None:
    reader = LineReader(Shape(",", 2))
    assert reader.feed(b"1,2\nx,y\n3,4\n") == [["1,2", "3,4"]]
    assert reader.damaged == 0
