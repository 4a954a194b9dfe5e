"""Whatever is in a file: recordings, or one of our errors; no crash, no hang."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorai.errors import ConfigError, DataError
from sensorai.formats import ReadOptions, inspect, read
from sensorai.formats.source import Raw

REPO = Path(__file__).resolve().parents[2]
SAMPLES = [p.read_bytes()[:1500] for p in sorted((REPO / "datalogs/st-style/1_swing").iterdir())]
WORDS = """acc_x[mg] A_X~[mg] LABEL_0 label subject time[ms] hum[ , ; 1 -2.5 nan " 0 e [ ] gyroY[dps] acc_y
acc_z 1657533977813 #Format~version:~1.0\\n #~rate_hz:~50\\n STEVAL-X~(Y)\\n ~ \\n \\r \\t"""
PIECES = st.sampled_from(
    [
        w.replace("~", " ").replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t").encode()
        for w in WORDS.split()
    ]
    + [b"\xb0", b"\xff\xfe"]
)


def attempt(data: bytes, options: ReadOptions) -> None:
    """Read from memory what ``read_log`` would read from a file."""
    with contextlib.suppress(DataError, ConfigError):
        recordings = read.read_raw(Raw(Path("log.csv"), data), options, "log")
        assert recordings
        for recording in recordings:
            assert len(recording) > 0
            assert np.isfinite(recording.samples).all()
            assert recording.rate_hz is None or recording.rate_hz > 0
            inspect(recording)


OPTIONS = st.sampled_from(
    [
        ReadOptions(),
        ReadOptions(short_rows="zero"),
        ReadOptions(header="acc_x[g],acc_y[g],acc_z[g]"),
        ReadOptions(columns={"acc_x": "a"}, units={"acc": "g", "time": "ms"}),
        ReadOptions(split_at_breaks=False, label_columns=("LABEL_0",)),
    ]
)


@settings(max_examples=300, deadline=20000)
@given(data=st.binary(max_size=200), options=OPTIONS)
def test_random_bytes(data: bytes, options: ReadOptions) -> None:
    attempt(data, options)


@settings(max_examples=500, deadline=20000)
@given(pieces=st.lists(PIECES, max_size=60), options=OPTIONS)
def test_random_pieces_of_logs(pieces: list[bytes], options: ReadOptions) -> None:
    attempt(b"".join(pieces), options)


@settings(max_examples=300, deadline=20000)
@given(
    log=st.sampled_from(SAMPLES),
    cut=st.integers(0, 1500),
    at=st.integers(0, 1500),
    insert=PIECES | st.binary(max_size=3),
    options=OPTIONS,
)
def test_damaged_logs(log: bytes, cut: int, at: int, insert: bytes, options: ReadOptions) -> None:
    attempt((log[:at] + insert + log[at:])[: cut or None], options)


@settings(max_examples=200, deadline=20000)
@given(
    stamps=st.lists(
        st.one_of(st.integers(-5, 50), st.floats(allow_nan=False, allow_infinity=False)), max_size=12
    ),
    unit=st.sampled_from(["", "[ms]", "[s]", "[ns]"]),
)
def test_any_time_stamps(stamps: list[float], unit: str) -> None:
    rows = "".join(f"{s!r},0,0,1\n" for s in stamps)
    attempt(f"time{unit},acc_x[g],acc_y[g],acc_z[g]\n{rows}".encode(), ReadOptions())


def test_long_lines_and_many_blanks_do_not_hang() -> None:
    for data in (
        b" " * 300_000,
        b"[" * 60_000,
        b"acc_x" + b" " * 60_000 + b"[mg]\n1\n",
        b"#" * 65_000 + b"\n" * 99,
        b"acc_x[mg]\n1" + b"\n " * 200_000,
        b"-- \n" * 20_000 + b"x",
        b"\t" * 60_000 + b"\n1",
    ):
        started = time.monotonic()
        attempt(data, ReadOptions())
        assert time.monotonic() - started < 5


def test_the_fuzz_would_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "parse", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        attempt(b"acc_x[g]\n1\n", ReadOptions())
