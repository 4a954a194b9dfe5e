"""Every format gives the same recording for the same movement."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from sensorai.errors import DataError
from sensorai.formats import ReadOptions, detect, read_log
from sensorai.formats.header import channel, sensor_unit, split_unit, time_unit
from sensorai.recording import Recording, Span

READER = {
    "mems_studio.csv": "mems-studio",
    "unico.txt": "unico",
    "st_ble.csv": "st-ble",
    "st_labelled.txt": "st-labelled",
    "algobuilder.csv": "algobuilder",
    "plain.csv.gz": "plain",
}
MOVEMENTS = ("0_still", "1_swing", "2_shake")


def one(path: Path, options: ReadOptions | None = None) -> Recording:
    (recording,) = read_log(path, options)
    return recording


def log(folder: Path, text: str | bytes, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("movement", MOVEMENTS)
@pytest.mark.parametrize("file", READER)
def test_formats_agree(repo: Path, movement: str, file: str) -> None:
    folder = repo / "datalogs" / "st-style" / movement
    reference = one(folder / "mems_studio.csv")
    recording = one(folder / file)
    assert detect(folder / file) == READER[file]
    assert len(recording) == 208
    # mg / 1000 is the float nearest to the decimal text in g, so the values are equal to the bit
    for sensor, unit in (("acc", "g"), ("gyro", "dps")):
        if sensor in recording.sensors:
            assert np.array_equal(recording.xyz(sensor, unit), reference.xyz(sensor, unit))
    with_gyro = file not in ("st_labelled.txt", "plain.csv.gz")
    assert recording.sensors == (("acc", "gyro") if with_gyro else ("acc",))
    timed = file in ("st_ble.csv", "algobuilder.csv", "plain.csv.gz")
    assert recording.rate_hz == (100.0 if timed else None)


def test_first_and_last_rows_are_there(repo: Path) -> None:
    recording = one(repo / "datalogs" / "st-style" / "2_shake" / "st_ble.csv")
    assert recording.samples[:2].tolist() == [
        [4, 2, 1002, 100, 230600, -300],
        [432, -4, 998, -300, 192400, -300],
    ]
    assert recording.time_s is not None
    assert (recording.time_s[0], recording.time_s[-1]) == (0.0, 2.07)
    assert any("cut off" in note for note in recording.notes)
    assert any("temp[°C]" in note for note in recording.notes)


def test_whole_ble_header_is_no_cut_header(tmp_path: Path) -> None:
    header = "time[ms],accX[mg],accY[mg],accZ[mg],press[hPa],temp[C],hum[%],event\n"
    path = log(
        tmp_path, "#Format version: 1.0\n" + header + "0,1,2,3,1000,20,50,0x03\n10,4,5,6,1001,20,50,\n"
    )
    recording = one(path)
    assert detect(path) == "st-ble"
    assert recording.samples[:, :3].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert [c.name for c in recording.channels] == ["acc_x", "acc_y", "acc_z", "press", "temp", "hum"]


def test_label_codes_are_kept_beside_the_raw_columns(repo: Path) -> None:
    recording = one(repo / "datalogs" / "st-style" / "1_swing" / "st_labelled.txt")
    assert recording.labels == {"LABEL_0": (Span(0, 208, "4"),)}
    assert {c.unit for c in recording.channels} == {"mg"}
    as_main = one(Path(recording.source), ReadOptions(label="LABEL_0"))
    assert as_main.labels == {"label": (Span(0, 208, "4"),)}


@pytest.mark.parametrize("separator", ["\t", ";", ",", "|", " ", "   "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_separator_and_line_end(tmp_path: Path, separator: str, end: str) -> None:
    rows = [["ax[g]", "ay[g]", "az[g]"], ["0.1", "-2e-3", ".5"], ["1", "+2.", "3"]]
    recording = one(log(tmp_path, end.join(separator.join(row) for row in rows) + end + end))
    assert recording.samples.tolist() == [[0.1, -0.002, 0.5], [1, 2, 3]]
    assert [c.unit for c in recording.channels] == ["g", "g", "g"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("packed", [False, True])
def test_any_encoding(tmp_path: Path, encoding: str, packed: bool) -> None:
    data = "acc_x[mg],acc_y[mg],acc_z[mg],temp[°C]\n1,2,3,20\n".encode(encoding)
    recording = one(log(tmp_path, gzip.compress(data) if packed else data))
    assert recording.samples.tolist() == [[1, 2, 3, 20]]
    assert recording.channels[3].name == "temp"
    assert recording.channels[3].unit == "°C"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("acc_x", ("acc_x", "")),
        ("accX", ("acc_x", "")),
        ("A_X", ("acc_x", "")),
        ("x_acc", ("acc_x", "")),
        ("ax", ("acc_x", "")),
        ("Accelerometer Y", ("acc_y", "")),
        ("acc_l_z", ("acc_z", "")),
        ("acc_h_z", ("acch_z", "")),
        ("acch_z", ("acch_z", "")),
        ("gyroZ", ("gyro_z", "")),
        ("G_Z", ("gyro_z", "")),
        ("wz", ("gyro_z", "")),
        ("magnX", ("mag_x", "")),
        ("mag_uT_x", ("mag_x", "uT")),
        ("accel_ms2_x", ("acc_x", "m/s2")),
        ("acc_x_g", ("acc_x", "g")),
        ("x", None),
        ("max", None),
        ("lin_accel_ms2_x", None),
        ("gravity_ms2_x", None),
        ("acc_xy", None),
        ("temp", None),
        ("", None),
    ],
)
def test_channel_names(name: str, expected: tuple[str, str] | None) -> None:
    assert channel(name) == expected


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("time[ms]", "ms"),
        ("Timestamp [us]", "us"),
        ("time_s", "s"),
        ("timestamp", ""),
        ("TimeStamp", ""),
        ("t", ""),
        ("T", None),
        ("T [degC]", None),
        ("T [LSB]", None),
        ("timer", None),
        ("time[parsec]", None),
    ],
)
def test_time_columns(header: str, unit: str | None) -> None:
    assert time_unit(*split_unit(header)) == unit


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("mg", "acc_x", "mg"),
        ("m/s^2", "acc_x", "m/s2"),
        ("°/s", "gyro_x", "dps"),
        ("mG", "mag_x", "mG"),
        ("gauss", "mag_x", "G"),
        ("lsb", "gyro_x", "LSB"),
        ("", "acc_x", ""),
    ],
)
def test_units(text: str, name: str, expected: str) -> None:
    assert sensor_unit(text, name, "log:1:1") == expected


def test_options_name_what_the_log_does_not(tmp_path: Path) -> None:
    path = log(tmp_path, "n;a;b;c;who;what\n1;1;2;3;eve;walk\n2;4;5;6;eve;run\n3;7;8;9;adam;run\n")
    options = ReadOptions(
        rate_hz=26,
        columns={"acc_x": "c", "acc_y": "b", "acc_z": "a"},
        units={"acc": "g", "acc_z": "mg"},
        label="what",
        group="who",
    )
    first, second = read_log(path, options)
    assert first.xyz("acc", "mg").tolist() == [[3000, 2000, 1], [6000, 5000, 4]]
    assert first.labels == {"label": (Span(0, 1, "walk"), Span(1, 2, "run"))}
    assert (first.group, second.group, second.rate_hz) == ("eve", "adam", 26)
    assert (first.name, second.name) == ("log", "log#2")
    assert second.labels == {"label": (Span(0, 1, "run"),)}


def test_header_option_for_logs_without(tmp_path: Path) -> None:
    path = log(tmp_path, "% a comment\n0.1, 0.2, 0.9\n0.2, 0.3, 0.8\n")
    recording = one(path, ReadOptions(header="acc_x[g],acc_y[g],acc_z[g]"))
    assert recording.samples.tolist() == [[0.1, 0.2, 0.9], [0.2, 0.3, 0.8]]
    with pytest.raises(DataError, match="the row has 2 fields, the header 3") as caught:
        one(log(tmp_path, "% a\n1,2,3\n1,2\n"), ReadOptions(header="acc_x[g],acc_y[g],acc_z[g]"))
    assert caught.value.where.endswith("log.csv:3")


def test_a_told_unit_wins_and_is_said(tmp_path: Path) -> None:
    path = log(tmp_path, "acc_x[g],acc_y[g],acc_z[g]\n0,0,1000\n")
    recording = one(path, ReadOptions(units={"acc": "mg"}))
    assert recording.channels[0].unit == "mg"
    assert "acc_x: the log says g, read as mg because told so" in recording.notes


def test_a_recording_never_crosses_a_subject_or_recording(tmp_path: Path) -> None:
    rows = ["1,0,0,a,1,walk", "2,0,0,a,1,", "3,0,0,a,2,run", "4,0,0,b,2,run", "5,0,0,a,1,run"]
    path = log(tmp_path, "acc_x[g],acc_y[g],acc_z[g],subject,recording,label\n" + "\n".join(rows))
    found = read_log(path)
    assert [(r.name, r.group, r.samples[:, 0].tolist()) for r in found] == [
        ("log/1", "a", [1, 2]),
        ("log/2", "a", [3]),
        ("log/2#2", "b", [4]),
        ("log/1#2", "a", [5]),
    ]
    assert found[0].labels == {"label": (Span(0, 1, "walk"),)}


def test_time_stamps(tmp_path: Path) -> None:
    text = "acc_x[g],acc_y[g],acc_z[g],timestamp\n"
    stamps = [1657533977813 + 10 * k for k in range(20)]
    stamps[10:] = [s + 3000 for s in stamps[10:]]
    path = log(tmp_path, text + "".join(f"0,0,1,{s}\n" for s in stamps))
    parts = read_log(path)
    assert [len(p) for p in parts] == [10, 10]
    assert [p.rate_hz for p in parts] == [100.0, 100.0]
    assert any("before sample 10; each part" in n for n in parts[0].notes)
    assert any("taken as ms" in n for n in parts[0].notes)
    assert [len(p) for p in read_log(path, ReadOptions(split_at_breaks=False))] == [20]
    (backwards,) = [read_log(log(tmp_path, text + "".join(f"0,0,1,{k % 5}\n" for k in range(10))))]
    assert [len(p) for p in backwards] == [5, 5]


def test_bare_time_stamps_of_no_clear_unit_are_not_used(tmp_path: Path) -> None:
    path = log(
        tmp_path, "time,acc_x[g],acc_y[g],acc_z[g]\n" + "".join(f"{200 * k},0,0,1\n" for k in range(9))
    )
    assert one(path).time_s is None
    assert any("not clear" in n for n in one(path).notes)
    assert one(path, ReadOptions(units={"time": "ms"})).rate_hz == 5.0
    assert one(path, ReadOptions(units={"time": "us"})).rate_hz == 5000.0


def test_rate_comment_and_stamps_that_contradict_it(tmp_path: Path) -> None:
    rows = "".join(f"{10 * k},0,0,1\n" for k in range(9))
    path = log(tmp_path, "# rate_hz: 50\ntime[ms],acc_x[g],acc_y[g],acc_z[g]\n" + rows)
    assert one(path).rate_hz == 50
    assert "the time stamps say 100 Hz, but the rate is given as 50 Hz" in one(path).notes
    assert one(path, ReadOptions(rate_hz=100)).rate_hz == 100


def test_columns_of_text_and_empty_columns_are_left_out_aloud(tmp_path: Path) -> None:
    path = log(tmp_path, 'acc_x[g],acc_y[g],acc_z[g],memo,gap,k\n0,0,1,"a, b",,1\n0,0,1,c,,2\n')
    recording = one(path)
    assert [c.name for c in recording.channels] == ["acc_x", "acc_y", "acc_z", "k"]
    assert "left out, as the column does not hold numbers throughout: memo" in recording.notes
    assert "left out, as the column is empty: gap" in recording.notes


@pytest.mark.parametrize(
    ("unit", "z", "expected"),
    [
        ("[g]", 1.0, ""),
        ("[mg]", 990.0, ""),
        ("[m/s2]", 9.8, ""),
        ("[g]", 9.81, "the values look like m/s2 (--unit acc=m/s2)"),
        ("[m/s2]", 0.995, "the values look like g (--unit acc=g)"),
        ("[g]", 1000.0, "the values look like mg (--unit acc=mg)"),
        ("[mg]", 1.0, "the values look like g (--unit acc=g)"),
        ("[g]", 0.05, "wrong unit or scale, or gravity was removed"),
        ("[g]", 2.0, "wrong unit or scale"),
        ("", 9.81, "like m/s2 (--unit acc=m/s2)"),
        ("[LSB]", 16384, ""),
    ],
)
def test_gravity_tells_wrong_units(tmp_path: Path, unit: str, z: float, expected: str) -> None:
    header = ",".join(f"acc_{a}{unit}" for a in "xyz")
    notes = one(log(tmp_path, f"{header}\n" + f"0,0,{z}\n" * 30)).notes
    doubts = [n for n in notes if "at rest" in n]
    assert [d.endswith(expected) for d in doubts] == ([True] if expected else [])


def test_shaking_is_no_rest(tmp_path: Path) -> None:
    rows = "".join(f"0,0,{9 + k % 2}\n" for k in range(60))
    assert not any("at rest" in n for n in one(log(tmp_path, "ax[g],ay[g],az[g]\n" + rows)).notes)


def test_group_from_the_path(tmp_path: Path) -> None:
    path = log(tmp_path, "ax[g],ay[g],az[g]\n0,0,1\n", "s11_01_sw.csv")
    assert one(path).group == "s11_01_sw"
    assert one(path, ReadOptions(group_path=r"s\d\d")).group == "s11"
    assert one(path, ReadOptions(group_path=r"_(\d\d)_")).group == "01"
