"""What cannot be read is refused with one message that names the place."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from sensorai.errors import ConfigError, DataError
from sensorai.formats import ReadOptions, read_log
from tests.formats.test_readers import log

HEAD = "acc_x[mg],acc_y[mg],acc_z[mg]\n"
GOOD = HEAD + "1,2,3\n" * 20

CASES: list[tuple[str | bytes, str, str, str]] = [
    # content, message, place after the file name, hint
    (b"", "the file is empty", "", ""),
    (b" \n\t\n", "the file is empty", "", ""),
    (b"a\x00b\x01", "a binary file, not text", "", "convert it"),
    (gzip.compress(GOOD.encode(), mtime=0)[:-12], "the compressed file is damaged", "", ""),
    (b"\x1f\x8bnonsense", "the compressed file is damaged", "", ""),
    ('{"payload": 1}', "this is JSON", "", ""),
    ("@relation 'x'\n@data\n", "this is an ARFF feature table", "", ""),
    ("-- comment\nAc 10 00\nAc 11 00\n", "this is a register file", "", "decode"),
    ("/* x */\n#include <stdint.h>\n", "this is source code", "", ""),
    ("<html></html>", "this is XML or HTML", "", ""),
    ("# only\n# comments\n", "only comments", "", ""),
    (HEAD, "a header but no samples", ":1", ""),
    (HEAD + "\n  \n", "a header but no samples", ":1", ""),
    (HEAD + '""\n', "a header but no samples", ":2", ""),
    ("1,2,3\n4,5,6\n", "the log has no header", ":1", "--header"),
    ("% x\n\n1;2,5;3\n", "the log has no header", ":3", "--header"),
    ("file,subject,samples\na,b,1\n", "no accelerometer, gyroscope or magnetometer axis", ":1", "--column"),
    ("x,y,z\n1,2,3\n", "no accelerometer, gyroscope or magnetometer axis", ":1", "--column"),
    (HEAD + "1,2,3\n4,5\n", "the row has 2 fields, the header 3", ":3", "--short-rows zero"),
    (HEAD + "1,2,3\n\n4,5\n", "the row has 2 fields, the header 3", ":4", ""),
    (HEAD + "1,2,3\n4,5,6,7\n", "the row has 4 fields, the header 3", ":3", ""),
    (HEAD + "1,2,3,\n4,5,6,7\n", "the row has 4 fields, the header 3", ":3", ""),
    (HEAD + "1,2,3,4\n" * 3, "the row has 4 fields, the header 3", ":2", ""),
    (HEAD + "1,2\n" * 3, "the row has 2 fields, the header 3", ":2", ""),
    (HEAD + "1,2,3\n4,,6\n", "empty cell in column 'acc_y[mg]'", ":3:2", ""),
    (HEAD + ",2,3\n4,5,6\n", "empty cell in column 'acc_x[mg]'", ":2:1", ""),
    (HEAD + "1,2,3\n4,5,\n", "empty cell in column 'acc_z[mg]'", ":3:3", ""),
    (HEAD + ",,\n,,\n", "every sensor column is empty", ":2", ""),
    (HEAD + "1,2,3\nnan,5,6\n", "'nan' in column 'acc_x[mg]' is not a number", ":3:1", ""),
    (HEAD + "1,2,3\n4,-inf,6\n", "'-inf' in column 'acc_y[mg]' is not a number", ":3:2", ""),
    (HEAD + "1,2,1e999\n", "'1e999' in column 'acc_z[mg]' is too large", ":2:3", ""),
    (HEAD + "1,2,3\n4,5_0,6\n", "'5_0' in column 'acc_y[mg]' is not a number", ":3:2", ""),
    (HEAD + "1 2,2,3\n", "'1 2' in column 'acc_x[mg]' is not a number", ":2:1", ""),
    (HEAD + "1,2,3\n4,0x10,6\n", "'0x10' in column 'acc_y[mg]' is not a number", ":3:2", ""),
    (HEAD + "1,2,3\n4,five,6\n", "'five' in column 'acc_y[mg]' is not a number", ":3:2", ""),
    (HEAD.replace(",", ";") + "1;2,5;3\n", "'2,5' in column 'acc_y[mg]' is not a number", ":2:2", "point"),
    (HEAD + "1,2,3\n# note\n", "the row has 1 fields", ":3", ""),
    (
        "acc_x[furlong],acc_y[g],acc_z[g]\n1,2,3\n",
        "unknown unit 'furlong' of acc_x",
        ":1:1",
        "mg, g, m/s2, LSB",
    ),
    (
        "acc_x[g],acc_y[dps],acc_z[g]\n1,2,3\n",
        "acc_y measures acceleration, but 'dps'",
        ":1:2",
        "mg, g, m/s2",
    ),
    ("acc_x[mG],acc_y[mG],acc_z[mG]\n1,2,3\n", "'mG' is a unit of magnetic field", ":1:1", "mg"),
    (
        "\nacc_x[g],ax[g],acc_y[g],acc_z[g]\n1,1,2,3\n",
        "2 columns are acc_x: 'acc_x[g]', 'ax[g]'",
        ":2",
        "--column",
    ),
    ("# rate_hz: fast\n" + GOOD, "no sample rate", "", "rate_hz: 104"),
    ("# rate_hz: -5\n" + GOOD, "no sample rate", "", "rate_hz: 104"),
    ("ax[g],ay[g],az[g],subject\n1,2,3,a\n1,2,3,\n", "empty cell in column 'subject'", ":3:4", ""),
    ("time[ms],ax[g],ay[g],az[g]\n0,1,2,3\n,1,2,3\n", "empty cell in column 'time[ms]'", ":3:1", ""),
    ("a" * 70000 + "\n1\n", "the first line is longer than", "", ""),
    (",,,\n1,2,3\n", "the header names no columns", ":1", ""),
    (HEAD + '"1,2,3\n', "the row has 1 fields", ":2", ""),
    (HEAD + '1,2,"3"\n4,5,"six"\n', "'six' in column 'acc_z[mg]' is not a number", ":3:3", ""),
]


@pytest.mark.parametrize(("content", "message", "place", "hint"), CASES)
def test_bad_logs(tmp_path: Path, content: str | bytes, message: str, place: str, hint: str) -> None:
    path = log(tmp_path, content)
    with pytest.raises(DataError) as caught:
        read_log(path)
    assert message in caught.value.message
    assert caught.value.where == f"{path}{place}"
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"rate_hz": 0.0}, ConfigError, "the sample rate must be positive"),
        ({"rate_hz": float("nan")}, ConfigError, "the sample rate must be positive"),
        ({"units": {"accel": "g"}}, ConfigError, "'accel' is no sensor or channel"),
        ({"units": {"acc": "furlong"}}, DataError, "unknown unit 'furlong'"),
        ({"units": {"acc": "dps"}}, DataError, "acc_x measures acceleration"),
        ({"columns": {"acc_q": "acc_x"}}, ConfigError, "'acc_q' is no channel"),
        ({"columns": {"acc_x": "acc_q"}}, DataError, "the log has no column 'acc_q' for the acc_x"),
        ({"columns": {"acc_x": "acc_x", "acc_y": "acc_x"}}, ConfigError, "one column is mapped to two"),
        ({"label": "lable"}, DataError, "the log has no column 'lable' for the label"),
        ({"label_columns": ("gait",)}, DataError, "the log has no column 'gait' for the label"),
        ({"group": "user"}, DataError, "the log has no column 'user' for the group"),
        ({"time": "clock"}, DataError, "the log has no column 'clock' for the time"),
        ({"group_path": "("}, ConfigError, "no regular expression"),
        ({"group_path": "subject"}, DataError, "does not match the path"),
        ({"short_rows": "guess"}, ConfigError, "short_rows is refuse or zero"),
        ({"header": ""}, DataError, "nothing to put the header option on"),
    ],
)
def test_bad_options(tmp_path: Path, options: dict[str, Any], kind: type[Exception], message: str) -> None:
    path = log(tmp_path, GOOD)
    with pytest.raises(kind) as caught:
        read_log(path, ReadOptions(**options))
    assert message in str(caught.value)


def test_unknown_time_unit(tmp_path: Path) -> None:
    path = log(tmp_path, "time,ax[g],ay[g],az[g]\n0,0,0,1\n1,0,0,1\n")
    with pytest.raises(ConfigError, match="unknown unit 'parsec' of time"):
        read_log(path, ReadOptions(units={"time": "parsec"}))


def test_did_you_mean(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="did you mean 'subject'"):
        read_log(log(tmp_path, "ax[g],ay[g],az[g],subject\n0,0,1,a\n"), ReadOptions(group="subjet"))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_log(tmp_path / "absent.csv")
    with pytest.raises(DataError, match="a folder, not a log"):
        read_log(tmp_path)


def test_raw_hsdatalog(tmp_path: Path) -> None:
    path = log(tmp_path, bytes(range(128, 256)) * 4, "ISM330DHCX_ACC.dat")
    with pytest.raises(DataError, match="raw HSDatalog data, not text"):
        read_log(path)


def test_short_rows_read_as_zero_only_when_told(tmp_path: Path) -> None:
    path = log(tmp_path, HEAD + "1,2,3\n0.0175,0.00875\n")
    (recording,) = read_log(path, ReadOptions(short_rows="zero"))
    assert recording.samples.tolist() == [[1, 2, 3], [0.0175, 0.00875, 0]]
    with pytest.raises(DataError, match="empty cell"):
        read_log(log(tmp_path, HEAD + "1,2,3\n1,,3\n"), ReadOptions(short_rows="zero"))
