"""UMAFall's interleaved text, line buffers, Parquet, mapping files."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorai.errors import ConfigError, DataError, ToolMissing, UserError
from sensorai.formats import (
    ReadOptions,
    align,
    detect,
    read_dataset,
    read_log,
    read_mapping,
    source,
    write_parquet,
    writers,
)
from sensorai.formats.align import spread
from sensorai.formats.readers import parquet
from sensorai.formats.source import Raw
from sensorai.recording import Channel, Recording, Span
from tests.formats import make

ACC = tuple(Channel(f"acc_{a}", "g") for a in "xyz")


def put(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


# ---------------------------------------------------------------- UMAFall


def test_umafall_sensors_are_listed(tmp_path: Path) -> None:
    path = put(tmp_path / "x.csv", make.umafall())
    assert detect(path) == "umafall"
    with pytest.raises(DataError) as caught:
        read_log(path)
    assert caught.value.message.startswith("the log has 3 sensors: RIGHTPOCKET_ACC (2")
    assert "WAIST (20 Hz), ANKLE (20 Hz)" in caught.value.message


def test_umafall_one_place(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(make.umafall().encode(), mtime=0))
    (one,) = read_log(path, ReadOptions(sensor="waist"))
    assert [f"{c.name}[{c.unit}]" for c in one.channels] == [
        f"{s}_{a}[{u}]" for s, u in (("acc", "g"), ("gyro", "dps"), ("mag", "uT")) for a in "xyz"
    ]
    assert one.samples[7].tolist() == [0.5, 7, -7, 1.5, 7, -7, 2.5, 7, -7]
    assert one.time_s is not None
    assert one.time_s[7] == 0.35
    assert (one.group, len(one), one.rate_hz) == ("Subject_02", 40, 20.0)
    assert one.labels == {"label": (Span(0, 40, "Aplausing"),), "type": (Span(0, 40, "ADL"),)}
    # the label column is a choice like any other
    (fall,) = read_dataset([path], ReadOptions(sensor="WAIST", label="type")).recordings
    assert fall.labels["label"] == (Span(0, 40, "ADL"),)


def test_umafall_aligned(tmp_path: Path) -> None:
    path = put(tmp_path / "x.csv", make.umafall())
    (one,) = read_log(path, ReadOptions(align=True, align_hz=50.0))
    assert one.rate_hz == 50.0
    assert [c.name for c in one.channels][:4] == ["acc_x", "acc_y", "acc_z", "WAIST_acc_x"]
    assert one.time_s is not None
    # the ankle began at 0.5 s
    assert one.time_s[0] == pytest.approx(0.5, abs=1e-9)
    ankle = one.samples[:, [c.name for c in one.channels].index("ANKLE_acc_y")]
    inside = slice(20, 50)
    assert np.allclose(ankle[inside], one.time_s[inside] * 20, atol=0.1)
    assert one.history[0].startswith("aligned at 50 Hz by time stamps, from RIGHTPOCKET_ACC 2")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0;0;0.1;0.2;1.0;0;0", "0;0;0.1;x;1.0;0;0", "'x' in column 'Y-Axis' is not a number"),
        ("0;0;0.1;0.2;1.0;0;0", "0;0;0.1;0.2", "the row has 4 fields"),
        ("0;0;0.1;0.2;1.0;0;0", "0;0;0.1;0.2;1.0;9;0", "reading 1 is of sensor type 9"),
        ("0;0;0.1;0.2;1.0;0;0", "0;0;0.1;0.2;1.0;0;0.5", "'Sensor ID' does not hold"),
        (make.umafall()[len(make.UMAFALL_HEAD) :], "", "a header but no samples"),
    ],
)
def test_umafall_faults(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = put(tmp_path / "x.csv", make.umafall().replace(old, new, 1))
    with pytest.raises(DataError, match=message):
        read_log(path, ReadOptions(sensor="WAIST"))


# ---------------------------------------------------------------- line buffers


@pytest.mark.parametrize("separator", [",", " ", "\t", ";"])
def test_line_buffers(tmp_path: Path, separator: str) -> None:
    values = np.arange(3 * 64 * 3).reshape(3, 64, 3) / 4
    path = tmp_path / "walk" / "x.csv"
    path.parent.mkdir()
    path.write_text("\n".join(separator.join(map(str, line.reshape(-1))) for line in values) + "\n")
    assert detect(path) == "nanoedge"
    found = read_dataset([path], ReadOptions(rate_hz=104.0)).recordings
    assert [r.name for r in found] == ["x/line1", "x/line2", "x/line3"]
    assert [r.samples.tolist() for r in found] == values.tolist()
    assert all(r.labels["label"] == (Span(0, 64, "walk"),) for r in found)
    (first, *_) = read_log(path, ReadOptions(header="acc_x[mg],acc_y[mg],acc_z[mg],gx[dps],gy[dps],gz[dps]"))
    assert first.samples.shape == (32, 6)
    assert first.channels[3] == Channel("gyro_x", "dps")


def test_line_buffer_faults(tmp_path: Path) -> None:
    line = ",".join(["1"] * 63)
    with pytest.raises(DataError, match="the row has 62 fields") as caught:
        read_log(put(tmp_path / "a.csv", f"{line}\n{line[:-2]}\n"))
    assert caught.value.where.endswith(":2")
    with pytest.raises(DataError, match="a line holds 64 numbers, which are not whole samples of 3 axes"):
        read_log(put(tmp_path / "b.csv", f"{line},1\n"))
    # as many names as numbers make it a table
    (one,) = read_log(
        put(tmp_path / "c.csv", f"{line}\n" * 2),
        ReadOptions(header=",".join(["acc_x", *(f"c{i}" for i in range(62))])),
    )
    assert one.samples.shape == (2, 63)


# ---------------------------------------------------------------- Parquet


def frame(path: Path, columns: dict[str, Any]) -> Path:
    pytest.importorskip("pyarrow")
    import pandas as pd

    pd.DataFrame(columns).to_parquet(path, index=False)
    return path


def test_parquet_of_others(tmp_path: Path) -> None:
    path = frame(
        tmp_path / "x.parquet",
        {
            "timestamp": np.arange(6) * 10,
            "accX": np.arange(6, dtype=np.float32),
            "accY": np.arange(6, dtype=np.int16),
            "accZ": 1.0,
            "label": ["a"] * 3 + ["b"] * 3,
            "subject": 7,
            "when": np.arange(6).astype("datetime64[ns]"),
        },
    )
    assert detect(path) == "parquet"
    (one,) = read_log(path, ReadOptions(units={"acc": "g", "time": "ms"}))
    assert one.samples.tolist() == [[i, i, 1] for i in range(6)]
    assert one.labels["label"] == (Span(0, 3, "a"), Span(3, 6, "b"))
    assert (one.group, one.rate_hz) == ("7", 100.0)
    assert any("neither numbers nor text: when" in note for note in one.notes)


def test_parquet_labels_that_are_numbers(tmp_path: Path) -> None:
    codes = [1.0, 1.0, np.nan, 0.1234567891, 0.1234567892]
    path = frame(tmp_path / "x.parquet", {"accX": np.arange(5.0), "accY": 0, "accZ": 0, "label": codes})
    spans = read_log(path)[0].labels["label"]
    assert [(s.start, s.label) for s in spans] == [(0, "1"), (3, "0.1234567891"), (4, "0.1234567892")]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"accX": [1.0, None], "accY": 0, "accZ": 0}, "column 'accX' holds an empty cell"),
        ({"accX": [1.0, np.inf], "accY": 0, "accZ": 0}, "column 'accX' holds inf, which is no number"),
        ({"accX": ["a", "b"], "accY": 0, "accZ": 0}, "column 'accX' does not hold numbers"),
        ({"accX": [], "accY": [], "accZ": []}, "the log has no samples"),
        ({"speed": [1.0]}, "no accelerometer, gyroscope or magnetometer axis"),
    ],
)
def test_parquet_faults(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    path = frame(tmp_path / "x.parquet", columns)
    with pytest.raises(DataError, match=message) as caught:
        read_log(path)
    assert str(path) in caught.value.where


def test_parquet_damaged(tmp_path: Path) -> None:
    path = frame(tmp_path / "x.parquet", {"accX": np.arange(50.0), "accY": 0, "accZ": 0})
    data = path.read_bytes()
    path.write_bytes(data[:-40])
    with pytest.raises(DataError, match="this Parquet file cannot be read"):
        read_log(path)


def test_parquet_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = frame(tmp_path / "x.parquet", {"accX": [1.0], "accY": 0, "accZ": 0})
    (one,) = read_log(path)
    for module in (parquet, writers):
        monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(ToolMissing, match="needs the package pyarrow") as caught:
        read_log(path)
    assert caught.value.hint == "pip install 'sensorai[parquet]'"
    with pytest.raises(ToolMissing, match="needs the package pyarrow"):
        write_parquet(tmp_path / "y.parquet", [one])
    assert not (tmp_path / "y.parquet").exists()


# ---------------------------------------------------------------- mapping files

MAPPING = """
delimiter = ";"
skip = 2
header_rows = 2
comment = "!"
decimal = ","
rate_hz = 50
time = { column = "t", unit = "ms" }
label = "what"
group = 6

[label_names]
"1" = "walk"

[columns]
acc_x = { column = "a", unit = "g", scale = 0.5, offset = 1 }
acc_y = { column = 3, unit = "g" }
acc_z = "c"
battery = { column = "b", unit = "V" }
"""
LOG = """some logger
made today
t;a;b;c;what;who
ms;-;-;-;-;-
0;1,5;2,5;3;1;eve
! pause
20;2;2,5;4;2;eve
40;3;2,5;5;;eve
"""


def test_a_mapping(tmp_path: Path) -> None:
    text = MAPPING.replace('"b", unit = "V"', '"c", unit = "V"').replace('acc_z = "c"\n', "")
    mapping = read_mapping(put(tmp_path / "m.toml", text))
    (one,) = read_log(put(tmp_path / "x.txt", LOG), ReadOptions(mapping=mapping))
    assert [(c.name, c.unit) for c in one.channels] == [("acc_x", "g"), ("acc_y", "g"), ("battery", "V")]
    assert one.samples.tolist() == [[1.75, 2.5, 3], [2, 2.5, 4], [2.5, 2.5, 5]]
    assert one.labels["label"] == (Span(0, 1, "walk"), Span(1, 2, "2"))
    assert (one.group, one.rate_hz) == ("eve", 50.0)
    assert one.time_s is not None
    assert one.time_s.tolist() == [0, 0.02, 0.04]


def test_a_mapping_without_headings(tmp_path: Path) -> None:
    mapping = read_mapping(
        put(tmp_path / "m.toml", 'header_rows = 0\n[columns]\nacc_x = 2\nacc_y = { column = 1, unit = "g" }')
    )
    (one,) = read_log(put(tmp_path / "x.txt", "1 2\n3   4\n"), ReadOptions(mapping=mapping))
    assert one.samples.tolist() == [[2, 1], [4, 3]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "the mapping is no TOML"),
        ("", "columns: give at least one channel"),
        ("speed = 1\n[columns]\nacc_x = 1", "speed: unknown key"),
        ("columns = 3", "columns: must be a table"),
        ("[columns]\nacc_x = true", "columns.acc_x: must be a heading or a column number"),
        ("[columns]\nacc_x = 0", "columns.acc_x: must be a heading or a column number from 1"),
        ("header_rows = 0\n[columns]\nacc_x = 'a'", "'a' is a heading, but header_rows is 0"),
        ("[columns]\nacc_x = {unit = 'g'}", "columns.acc_x: has no column"),
        ("[columns]\nacc_x = {column = 1, unit = 'furlong'}", "unknown unit 'furlong' of acc_x"),
        ("[columns]\nacc_x = {column = 1, colour = 'g'}", "columns.acc_x.colour: unknown key"),
        ("[columns]\nacc_x = {column = 1, scale = 0}", "scale: must not be 0"),
        ("[columns]\nacc_x = {column = 1, scale = inf}", "scale: must be a number"),
        ("[columns]\nacc_x = 1\nacc_y = 1", "one column is given to two channels"),
        ("[columns]\nvolts = 1", "columns: give at least one channel"),
        ("delimiter = 'ab'\n[columns]\nacc_x = 1", "delimiter: must be one character"),
        ("decimal = ';'\n[columns]\nacc_x = 1", "decimal: must be"),
        ("rate_hz = -1\n[columns]\nacc_x = 1", "rate_hz: must be positive"),
        ("skip = -1\n[columns]\nacc_x = 1", "skip: must be a whole number"),
        ("time = 2\n[columns]\nacc_x = 1", "time.unit: must be one of s, ms, us, ns"),
        ("label = 0\n[columns]\nacc_x = 1", "label: must be a heading"),
        ("[columns]\nacc_x = 1\n[label_names]\na = 1", "label_names.a: must be text"),
    ],
)
def test_mapping_faults(tmp_path: Path, text: str, message: str) -> None:
    path = put(tmp_path / "m.toml", text)
    with pytest.raises(UserError, match=message) as caught:
        read_mapping(path)
    assert str(path) in caught.value.where
    with pytest.raises(ConfigError, match="cannot read the mapping"):
        read_mapping(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("text", "log", "message", "place"),
    [
        ("[columns]\nacc_x = 'q'", "a,b\n1,2\n", "no column 'q' for acc_x", ":1"),
        ("[columns]\nacc_x = 9", "a,b\n1,2\n", "puts acc_x in column 9, the log has 2", ":1"),
        ("[columns]\nacc_x = 1", "a,b\n1,2\nx,3\n", "'x' in column 'a' is not a number", ":3:1"),
        ("[columns]\nacc_x = 1", "a,b\n", "a header but no samples", ":1"),
        ("skip = 5\n[columns]\nacc_x = 1", "a,b\n1,2\n", "nothing is left after the 5 lines", ""),
        ("label = 1\n[columns]\nacc_x = 1", "a,b\n1,2\n", "cannot be both numbers and text", ""),
        ("[columns]\nacc_x = {column = 1, scale = 1e308}", "a,b\n1e10,2\n", "numbers too large", ""),
    ],
)
def test_logs_that_do_not_fit_their_mapping(
    tmp_path: Path, text: str, log: str, message: str, place: str
) -> None:
    mapping = read_mapping(put(tmp_path / "m.toml", text))
    path = put(tmp_path / "x.csv", log)
    with pytest.raises(UserError, match=message) as caught:
        read_log(path, ReadOptions(mapping=mapping))
    assert caught.value.where in (f"{path}{place}", mapping.path)


def test_a_mapping_and_a_header_are_too_much(tmp_path: Path) -> None:
    mapping = read_mapping(put(tmp_path / "m.toml", "[columns]\nacc_x = 1"))
    with pytest.raises(ConfigError, match="a mapping and a header are given"):
        read_log(put(tmp_path / "x.csv", "a\n1\n"), ReadOptions(mapping=mapping, header="acc_x"))


# ---------------------------------------------------------------- alignment, limits


def test_equal_stamps_are_spread() -> None:
    assert spread(np.array([0.0, 0, 0, 0.3, 0.4, 0.4])).tolist() == pytest.approx(
        [0, 0.1, 0.2, 0.3, 0.4, 0.5]
    )
    assert spread(np.array([1.0, 1.0])).tolist() == [1, 1]


def test_alignment_of_a_sine_with_jitter() -> None:
    rng = np.random.default_rng(3)

    def take(rate: float, seconds: float, start: float) -> Recording:
        time = (
            start + np.arange(int(rate * seconds)) / rate + rng.uniform(-0.2, 0.2, int(rate * seconds)) / rate
        )
        wave = np.sin(2 * np.pi * 1.5 * time)
        labels = {"label": (Span(0, len(time) // 2, "a"), Span(len(time) // 2, len(time), "b"))}
        return Recording(np.stack([wave, wave, wave], axis=1), ACC, rate, labels, time_s=time)

    (one,) = align([("a", [take(104, 10, 0)]), ("b", [take(52, 10, 0.5)])], 104.0)
    assert one.time_s is not None
    true = np.sin(2 * np.pi * 1.5 * one.time_s)
    inside = slice(40, -40)
    assert np.abs(one.samples[inside, 0] - true[inside]).max() < 0.005
    assert np.abs(one.samples[inside, 3] - true[inside]).max() < 0.01
    border = one.labels["label"][0].stop
    assert abs(one.time_s[border] - 5.0) < 0.02


def test_alignment_refusals() -> None:
    time = np.arange(10) / 10
    base = Recording(np.zeros((10, 3)), ACC, None, time_s=time, source="x")
    late = Recording(np.zeros((10, 3)), ACC, None, time_s=time + 100, source="x")
    with pytest.raises(DataError, match="no time in common"):
        align([("a", [base]), ("b", [late])])
    with pytest.raises(DataError, match="neither time stamps nor a rate"):
        align([("a", [Recording(np.zeros((10, 3)), ACC, None)])])
    with pytest.raises(DataError, match="too short"):
        align([("a", [base.slice(0, 1)])])
    with pytest.raises(ConfigError, match="must be positive"):
        align([("a", [base])], -1.0)
    with pytest.raises(DataError, match="time runs backwards"):
        align([("a", [Recording(np.zeros((10, 3)), ACC, None, time_s=time[::-1].copy())])])


def test_a_compressed_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "LARGEST", 1 << 16)
    bomb = gzip.compress(b"acc_x\n" + b"1\n" * 100_000, mtime=0)
    assert len(bomb) < 1000
    with pytest.raises(DataError, match="larger than"):
        _ = Raw(tmp_path / "x.csv.gz", bomb).data
