"""Bad input: one clear message, exit 2, nothing written, no traceback."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensorai.mlc.regfile import read_register_file
from tests.cli.call import call, refused, unchanged
from tests.cli.conftest import QUICK
from tests.cli.logs import write_log


def train_refused(tmp_path: Path, log: Path, *words: str | Path, parts: tuple[str, ...]) -> str:
    """Train into a new folder; nothing may appear."""
    with unchanged(tmp_path):
        result = call("train", log, "--target", "mlc", "--out", tmp_path / "out", *words)
        return refused(result, *parts)


# -- options -------------------------------------------------------------------------------------------

OPTIONS = {
    "wrong device": (["--device", "LSM6DSV16Y"], ["unknown device 'LSM6DSV16Y'", "did you mean LSM6DSV16X?"]),
    "device by half": (["--device", "LSM6DSO"], ["'LSM6DSO' is not unique", "LSM6DSO32X, LSM6DSOX"]),
    "no device": (["--device", ""], ["--device is empty", "as in --device NAME"]),
    "window 0": (["--window", "0"], ["--window 0 is less than 1"]),
    "window 256": (["--window", "256"], ["--window 256 is outside 1 to 255", "lower --rate"]),
    "window -1": (["--window", "-1"], ["--window '-1'", "'auto'"]),
    "window in words": (["--window", "two"], ["--window 'two'", "'auto'"]),
    "window as superscript": (["--window", "²"], ["--window '²'"]),
    "no nodes": (["--max-nodes", "0"], ["--max-nodes 0 is less than 1"]),
    "too many nodes": (["--max-nodes", "257"], ["--max-nodes 257 is outside 1 to 256", "room for 256 nodes"]),
    "no features": (["--max-features", "0"], ["--max-features 0 is less than 1"]),
    "too many features": (["--max-features", "32"], ["--max-features 32 is outside 1 to 31"]),
    "two trees of one name": (["--tree", "a=label", "--tree", "a=subject"], ["--tree a=... is given twice"]),
    "tree without column": (["--tree", "a"], ["--tree 'a' is not NAME=VALUE", "as in --tree"]),
    "tree of an unknown column": (["--tree", "a=mood"], ["no column 'mood'", "it has acc_x[mg]"]),
    "more trees than the device has": (
        [w for i in range(9) for w in ("--tree", f"t{i}=label")],
        ["9 trees do not fit: LSM6DSOX has 8", "drop a --tree"],
    ),
    "end counters in words": (["--end-counters", "few"], ["--end-counters 'few'", "as in 2 or 0,2,2,4"]),
    "end counters with a hole": (["--end-counters", "1,,2,3"], ["--end-counters '1,,2,3'"]),
    "end counters as superscript": (["--end-counters", "²"], ["--end-counters '²'"]),
    "too few end counters": (["--end-counters", "1,2"], ["2 end counters for 4 result groups"]),
    "end counter 15": (["--end-counters", "15"], ["outside 0 to 14"]),
    "rate that the core lacks": (["--rate", "50"], ["no rate of 50 Hz", "12.5, 26, 52, 104 Hz"]),
    "rate that is no number": (["--rate", "nan"], ["--rate nan is not a number"]),
    "log rate 0": (["--log-rate", "0"], ["--log-rate 0 is not possible", "above 0"]),
    "log rate no number": (["--log-rate", "nan"], ["--log-rate nan is not a number"]),
    "log rate absurd": (["--log-rate", "1e300"], ["cannot resample 1e+300 Hz"]),
    "refused to resample": (["--log-rate", "50", "--no-resample"], ["50 Hz", "drop --no-resample"]),
    "test share": (["--test-share", "0.9"], ["--test-share 0.9 is outside 0.05 to 0.5"]),
    "negative seed": (["--seed", "-1"], ["--seed -1 is outside"]),
    "sensor that no log has": (["--sensors", "gyro"], ["no gyro in every log", "usable here: acc"]),
    "sensor that there is not": (["--sensors", "nose"], ["no nose on LSM6DSOX"]),
    "unknown unit": (["--unit", "acc=parsec"], ["--unit acc=parsec: unknown unit 'parsec'", "mg, g, m/s2"]),
    "unit of something else": (["--unit", "acc=dps"], ["--unit acc=dps", "'dps' is a unit of angular rate"]),
    "unit without sensor": (["--unit", "mg"], ["--unit 'mg' is not NAME=VALUE", "as in --unit acc=mg"]),
    "unit twice": (["--unit", "acc=mg", "--unit", "acc=g"], ["--unit acc=... is given twice"]),
    "column that is not there": (["--column", "acc_x=ax"], ["no column 'ax'", "log.csv:2"]),
    "label column that is not there": (["--label-column", "mood"], ["no column 'mood'", "log.csv:2"]),
    "group column that is not there": (["--group-column", "who"], ["no column 'who'", "log.csv:2"]),
    "group pattern": (["--group-path", "("], ["no regular expression"]),
    "glob without logs": (["--label", "walk=*.nope"], ["no log matches --label walk=*.nope"]),
    "label against the column": (["--label", "run=*.csv"], ["conflicting labels", "'run'", "log.csv"]),
    "two labels for a log": (
        ["--label", "run=*.csv", "--label", "sit=l*.csv"],
        ["conflicting labels", "'run' and 'sit'", "log.csv"],
    ),
    "unknown target": (["--target", "fpga"], ["--target 'fpga' is none of mlc, ispu, stm32"]),
    "mistyped target": (["--target", "mcl"], ["--target 'mcl' is none of", "did you mean mlc?"]),
    "unknown option": (
        ["--colour"],
        ["there is no option --colour", "did you mean --column?", "train --help"],
    ),
    "option without value": (["--device"], ["--device", "requires an argument"]),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_option(name: str, log: Path, tmp_path: Path) -> None:
    words, parts = OPTIONS[name]
    device = [] if "--device" in words else ["--device", "LSM6DSOX"]
    train_refused(tmp_path, log, *device, *words, parts=tuple(parts))


def test_all_that_cannot_be_read_is_said_at_once_with_what_is_wrong_with_the_rest(
    log: Path, tmp_path: Path
) -> None:
    here = tmp_path / "no"
    said = train_refused(
        tmp_path,
        log,
        *("--label", "a=", "--label", "=b", "--unit", "acc", "--full-scale", "acc=x", "--window", "many"),
        *("--mapping", here / "mapping.toml", "--net", here / "net.toml", "--test", here / "test.csv"),
        *("--seed", "-1", "--stride", "3", "--rate", "3"),
        parts=(
            "--label 'a='",
            "--label '=b'",
            "--unit 'acc'",
            "--full-scale acc='x'",
            "--window 'many'",
            "cannot read --mapping",
            "mapping.toml",
            "cannot read --net",
            "net.toml",
            "cannot read --test",
            "test.csv",
            "--seed -1",
            "--stride is for",
            "no rate of 3 Hz",
        ),
    )
    assert said.count("also:") == 10, said


def test_the_name_comes_with_the_rest(log: Path, tmp_path: Path) -> None:
    words: list[str | Path] = ["train", log, "--target", "mlc", "--name", "a b", "--stride", "3"]
    with unchanged(tmp_path):
        refused(call(*words), "--name 'a b' is no C name", "--stride is for")


# -- logs ----------------------------------------------------------------------------------------------


def _cell(text: str) -> Callable[[list[str]], None]:
    def change(lines: list[str]) -> None:
        lines[9] = text + lines[9][lines[9].index(",") :]

    return change


def _short(lines: list[str]) -> None:
    lines[9] = lines[9].rsplit(",", 3)[0]


def _long(lines: list[str]) -> None:
    lines[9] += ",1,2"


def _spelling(lines: list[str]) -> None:
    lines[9] = lines[9].replace("rest", "Rest")


LINES: dict[str, tuple[Callable[[list[str]], None], list[str]]] = {
    "nan": (_cell("nan"), ["'nan' in column 'acc_x[mg]' is not a number", "bad.csv:10:1"]),
    "infinite": (_cell("inf"), ["'inf' in column 'acc_x[mg]' is not a number", "bad.csv:10:1"]),
    "empty cell": (_cell(""), ["empty cell in column 'acc_x[mg]'", "bad.csv:10:1"]),
    "word": (_cell("n/a"), ["'n/a' in column 'acc_x[mg]' is not a number", "bad.csv:10:1"]),
    "ragged, short": (_short, ["the row has 2 fields, the header 5", "bad.csv:10"]),
    "ragged, long": (_long, ["the row has 7 fields, the header 5", "bad.csv:10"]),
    "one class in two spellings": (_spelling, ["conflicting labels", "'Rest'", "'rest'"]),
}


@pytest.mark.parametrize("verb", ["train", "inspect", "simulate", "validate", "features"])
@pytest.mark.parametrize("name", LINES)
def test_damaged_log(name: str, verb: str, log: Path, trained: Path, tmp_path: Path) -> None:
    change, parts = LINES[name]
    lines = log.read_text().splitlines()
    change(lines)
    bad = tmp_path / "bad.csv"
    bad.write_text("\n".join(lines) + "\n")
    out = {
        "train": ["--target", "mlc", "--out", str(tmp_path / "out")],
        "features": ["--out", str(tmp_path / "out.csv")],
        "simulate": ["--out", str(tmp_path / "out.csv")],
        "validate": ["--html", str(tmp_path / "out.html")],
    }
    artifact = [] if verb in ("train", "inspect") else [trained]
    with unchanged(tmp_path), unchanged(trained):
        refused(call(verb, *artifact, bad, *out.get(verb, [])), *parts)


def _reduced(log: Path, path: Path, keep: Callable[[str], bool]) -> Path:
    head, *rows = log.read_text().splitlines()[1:]
    path.write_text("\n".join(["# rate_hz: 52", head, *filter(keep, rows)]) + "\n")
    return path


def split_in_time(log: Path, out: Path) -> str:
    """Train without an option for the split; return what is said of the split in time."""
    result = call("train", log, "--target", "mlc", "--device", "LSM6DSOX", "--out", out, *QUICK)
    assert result.code == 0, result.err
    why, what = json.loads((out / "report.json").read_text())["notes"][:2]
    assert "optimistic" in what
    # Rich breaks lines
    assert all(note in " ".join(result.out.split()) for note in (why, what))
    return str(why)


def test_single_group(log: Path, tmp_path: Path) -> None:
    one = _reduced(log, tmp_path / "one.csv", lambda row: row.endswith(",a"))
    text = train_refused(tmp_path, one, "--split", "group", parts=("one group ('a')", "--group-column"))
    assert "--split time" in text
    # without a word on it the parts in time are kept apart, and that is said
    assert split_in_time(one, tmp_path / "out").startswith("all logs belong to one group ('a')")


def test_class_in_one_group_only(log: Path, tmp_path: Path) -> None:
    few = _reduced(log, tmp_path / "few.csv", lambda row: ",shake," not in row or row.endswith(",b"))
    said = "class 'shake' is only in one group ('b')"
    train_refused(tmp_path, few, "--split", "group", *QUICK, parts=(said, "--split time"))
    assert said in split_in_time(few, tmp_path / "out")


def test_one_class(log: Path, tmp_path: Path) -> None:
    one = _reduced(log, tmp_path / "one.csv", lambda row: ",rest," in row)
    train_refused(tmp_path, one, parts=("only one class ('rest')", "second class"))


def test_no_labels(tmp_path: Path, log: Path) -> None:
    plain = tmp_path / "0_" / "plain.csv"
    plain.parent.mkdir()
    lines = [",".join(row.split(",")[:3]) for row in log.read_text().splitlines()[1:]]
    plain.write_text("\n".join(lines) + "\n")
    # the folder's name is the label where there is no column, so it is one class
    train_refused(tmp_path, plain, "--log-rate", "52", parts=("one class",))
    assert call("inspect", plain).code == 0


def test_no_labels_for_validate(trained: Path, tmp_path: Path, log: Path) -> None:
    lines = log.read_text().splitlines()
    lines[1] = lines[1].replace("label", "mood")
    other = tmp_path / "other" / "log.csv"
    other.parent.mkdir()
    other.write_text("\n".join(lines) + "\n")
    with unchanged(tmp_path):
        refused(
            call("validate", trained, other),
            "no class of tree1 is called 'other'",
            "1 (rest), 4 (walk), 8 (shake)",
            "--map",
        )


def test_label_column_partly_empty_is_said(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.csv", seconds=2, subjects="a")
    log.write_text(log.read_text().replace(",rest,", ",,"))
    result = call("inspect", log)
    assert result.code == 0
    assert "(none) 104 samples" in result.out
    assert "walk 104" in result.out


def test_log_without_rate(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.csv", seconds=2, comment=False)
    train_refused(tmp_path, log, parts=("do not say their rate", "--log-rate"))


def test_log_too_short(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.csv", seconds=0.5)
    train_refused(tmp_path, log, "--window", "200", "--device", "LSM6DSOX", parts=("200 samples", "shorter"))
    with unchanged(tmp_path):
        result = call("train", log, "--target", "mlc", "--out", tmp_path / "out", "--device", "LSM6DSOX")
        refused(result, "hint:")


def test_no_such_log(tmp_path: Path, trained: Path) -> None:
    gone = tmp_path / "gone.csv"
    train_refused(tmp_path, gone, parts=("no such file or folder", "gone.csv"))
    for verb in ("simulate", "validate"):
        refused(call(verb, trained, gone), "no such file or folder", "gone.csv")


def test_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    train_refused(tmp_path, tmp_path / "logs", parts=("no logs in the folder", ".csv"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (bytes(range(256)) * 4, "a binary file, not text"),
        (b"{}", "JSON, not a table"),
        (b"acc_x[mg],acc_y[mg],acc_z[mg]\n", "a header but no samples"),
        (b"time,label\n0,walk\n1,walk\n", "no accelerometer"),
        (b"\x1f\x8bnonsense", "the compressed file is damaged"),
    ],
)
def test_no_log_at_all(content: bytes, said: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_bytes(content)
    train_refused(tmp_path, bad, parts=(said, "bad.csv"))


def test_unreadable_log(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", no)
    result = call("train", log, "--target", "mlc", "--out", tmp_path / "out")
    refused(result, "Permission denied", "log.csv")
    assert not list(tmp_path.iterdir())


# -- wrong units, said aloud ---------------------------------------------------------------------------


def test_g_labelled_as_mg_is_said(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.csv", seconds=4)
    head, columns, *rows = log.read_text().splitlines()
    small = [
        ",".join([f"{float(v) / 1000:.4f}" for v in row.split(",")[:3]] + row.split(",")[3:]) for row in rows
    ]
    log.write_text("\n".join([head, columns, *small]) + "\n")
    result = call("inspect", log)
    assert result.code == 0
    # Rich breaks lines
    assert "the values look like g (--unit acc=g)" in " ".join(result.out.split())
    result = call("train", log, "--target", "mlc", "--device", "LSM6DSOX", "--out", tmp_path / "out", *QUICK)
    assert result.code == 0
    (said,) = json.loads((tmp_path / "out" / "report.json").read_text())["warnings"]
    assert "and 3 more: at rest the acceleration is" in said
    assert "the values look like g (--unit acc=g)" in said
    # told the truth, nothing is left to say
    result = call(
        *("train", log, "--target", "mlc", "--device", "LSM6DSOX", "--out", tmp_path / "out", *QUICK),
        *("--unit", "acc=g"),
    )
    assert result.code == 0
    assert json.loads((tmp_path / "out" / "report.json").read_text())["warnings"] == []


def test_no_unit_is_refused(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.csv", seconds=2)
    log.write_text(log.read_text().replace("[mg]", ""))
    train_refused(tmp_path, log, *QUICK, "--device", "LSM6DSOX", parts=("no unit", "--unit acc=mg"))


# -- class counts --------------------------------------------------------------------------------------


def test_sixteen_classes(tmp_path: Path) -> None:
    names = [f"c{i:02}" for i in range(16)]
    log = write_log(tmp_path / "log.csv", names, subjects="ab", seconds=2)
    words = ("--device", "LSM6DSOX", "--window", "13", "--max-features", "1")
    train_refused(
        tmp_path,
        log,
        *words,
        parts=("16 classes do not fit: LSM6DSOX has 16 results", "--use-code-0", "256 results (LSM6DSRX"),
    )
    out = tmp_path / "out"
    with_zero = call("train", log, "--target", "mlc", "--out", out, *words, "--use-code-0")
    assert with_zero.code == 0, with_zero.err
    codes = {c["code"] for c in json.loads((out / "report.json").read_text())["classifiers"][0]["classes"]}
    assert codes == set(range(16))


def test_fifteen_classes_fit_without_code_0(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.csv", [f"c{i:02}" for i in range(15)], subjects="ab", seconds=2)
    out = tmp_path / "out"
    words = ("--device", "LSM6DSOX", "--window", "13", "--max-features", "1")
    result = call("train", log, "--target", "mlc", "--out", out, *words)
    assert result.code == 0, result.err
    codes = {c["code"] for c in json.loads((out / "report.json").read_text())["classifiers"][0]["classes"]}
    assert codes == set(range(1, 16))


def test_seventeen_classes_have_no_way_by_code_0(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.csv", [f"c{i:02}" for i in range(17)], subjects="ab", seconds=1)
    text = train_refused(tmp_path, log, "--device", "LSM6DSOX", parts=("17 classes do not fit", "merge"))
    assert "--use-code-0" not in text


# -- the output folder ---------------------------------------------------------------------------------


def test_output_folder_of_someone_else(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("mine")
    train_refused(tmp_path, log, parts=("not empty and not a result of sensorai", "choose another --out"))


def test_output_folder_is_a_file(log: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    train_refused(tmp_path, log, parts=("is a file, not a folder", "choose another --out"))


def test_output_folder_below_a_file(log: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with unchanged(tmp_path):
        result = call("train", log, "--target", "mlc", "--out", tmp_path / "file" / "deep" / "out")
        refused(result, "cannot write", "file is a file, not a folder")


def test_output_folder_read_only(
    log: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # by patching, because root may write anywhere
    def no(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    for name in ("mkstemp", "mkdtemp", "TemporaryFile"):
        monkeypatch.setattr(tempfile, name, no)
    train_refused(tmp_path, log, parts=("cannot write", "Permission denied"))
    for words in (
        ("simulate", trained, log, "--out", tmp_path / "x.csv"),
        ("features", trained, log, "--out", tmp_path / "x.arff"),
        ("decode", trained / "toy.json", "--out", tmp_path / "x.txt"),
        ("validate", trained, log, "--html", tmp_path / "x.html"),
        ("generate", trained / "mlc_settings.json", "--type", "config", "--out", tmp_path),
    ):
        with unchanged(tmp_path):
            result = call(*words)
            assert (result.code, "Traceback" in result.err) == (2, False)
            assert "Permission denied" in result.err


def test_wrong_suffixes(log: Path, trained: Path, tmp_path: Path) -> None:
    with unchanged(tmp_path):
        refused(call("simulate", trained, log, "--out", tmp_path / "t.xls"), "t.xls", ".csv or .parquet")
        refused(
            call("features", trained, log, "--out", tmp_path / "t.xls"), "t.xls", ".arff, .csv or .parquet"
        )
        refused(
            call("encode", trained / "model.sai", "--out", tmp_path / "t.bin"), "t.bin", ".json, .ucf or .h"
        )


# -- descriptions for encode ---------------------------------------------------------------------------


@pytest.fixture
def description(trained: Path) -> dict[str, Any]:
    """Return what ``decode --as json`` prints of the trained file."""
    result = call("decode", trained / "toy.json", "--as", "json")
    assert result.code == 0
    read: dict[str, Any] = json.loads(result.out)
    return read


def encode_refused(tmp_path: Path, description: object, *parts: str) -> None:
    """Encode a description; one message, no file."""
    path = tmp_path / "desc.json"
    path.write_text(json.dumps(description))
    with unchanged(tmp_path):
        refused(call("encode", path, "--out", tmp_path / "out.ucf"), *parts)


def test_encode_is_the_inverse(tmp_path: Path, description: dict[str, Any], trained: Path) -> None:
    path = tmp_path / "toy.json"
    path.write_text(json.dumps(description))
    for suffix in ("ucf", "json", "h"):
        out = tmp_path / "again" / f"toy.{suffix}"
        assert call("encode", path, "--out", out).code == 0
        assert out.read_bytes() == (trained / f"toy.{suffix}").read_bytes()


@pytest.mark.parametrize("window", [0, 256])
def test_encode_window(window: int, tmp_path: Path, description: dict[str, Any]) -> None:
    description["window"] = window
    encode_refused(tmp_path, description, f"window of {window} samples", "1 to 255")


def test_encode_wrong_device(tmp_path: Path, description: dict[str, Any]) -> None:
    description["device"] = "LSM6DSOY"
    encode_refused(tmp_path, description, "LSM6DSOY", "LSM6DSOX")


def test_encode_unknown_feature(tmp_path: Path, description: dict[str, Any]) -> None:
    description["features"][0]["kind"] = "VARIENCE"
    encode_refused(tmp_path, description, "LSM6DSOX has no feature 'VARIENCE'", "VARIANCE")


def test_encode_sensor_that_the_device_lacks(tmp_path: Path, description: dict[str, Any]) -> None:
    description["inputs"] = ["acc", "gyro"]
    description["device"] = "LIS2DUX12"
    encode_refused(tmp_path, description, "LIS2DUX12 has no gyroscope")


def test_encode_misspelt_key(tmp_path: Path, description: dict[str, Any]) -> None:
    description["windo"] = description.pop("window")
    encode_refused(tmp_path, description, "desc.json", "windo")


def test_encode_not_json(tmp_path: Path) -> None:
    path = tmp_path / "desc.json"
    path.write_text('{"format":\n  oops}')
    with unchanged(tmp_path):
        refused(call("encode", path, "--out", tmp_path / "out.ucf"), "desc.json:2:3")


# -- damaged register files ----------------------------------------------------------------------------


def written(path: Path) -> list[tuple[object, object]]:
    """What a register file writes, and where to."""
    return [
        (getattr(op, "register", None), getattr(op, "value", None)) for op in read_register_file(path).ops
    ]


@pytest.mark.parametrize("suffix", ["ucf", "json", "h"])
def test_cut_register_file(suffix: str, trained: Path, tmp_path: Path) -> None:
    data = (trained / f"toy.{suffix}").read_bytes()
    path = tmp_path / f"cut.{suffix}"
    whole = written(trained / f"toy.{suffix}")
    assert whole
    lost = []
    for end in range(0, len(data), max(1, len(data) // 50)):
        path.write_bytes(data[:end])
        result = call("decode", path)
        if result.code == 0:
            found = written(path)
            # the last three writes close a bank and set rates: without them a file is whole in its form
            lost.append(found != whole[: len(found)] or len(found) < len(whole) - 3)
        else:
            refused(result, f"where: {path}")
    # a cut in the tail, behind the trees or the last register (where names stand), may go unnoticed; no other
    assert len(lost) <= 5
    assert not any(lost)


@pytest.mark.parametrize("suffix", ["ucf", "json", "h"])
def test_damaged_line_is_named(suffix: str, trained: Path, tmp_path: Path) -> None:
    lines = (trained / f"toy.{suffix}").read_text().splitlines()
    number = next(i for i, line in enumerate(lines) if "Ac 08" in line or "0x08" in line or "0x08" in line)
    lines[number] = lines[number].replace("08", "0G")
    path = tmp_path / f"bad.{suffix}"
    path.write_text("\n".join(lines) + "\n")
    for verb in ("decode", "simulate", "validate"):
        words = [] if verb == "decode" else [tmp_path]
        refused(call(verb, path, *words), f"{path}:{number + 1}")


@settings(max_examples=80, deadline=20_0000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    suffix=st.sampled_from(["ucf", "json", "h"]),
    flips=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_flipped_bytes(suffix: str, flips: list[tuple[int, int]], trained: Path, tmp_path: Path) -> None:
    data = bytearray((trained / f"toy.{suffix}").read_bytes())
    for at, value in flips:
        data[at % len(data)] = value
    path = tmp_path / f"flip.{suffix}"
    path.write_bytes(bytes(data))
    result = call("decode", path)
    if result.code != 0:
        refused(result, "where: ")


@settings(max_examples=60, deadline=20_0000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.tuples(st.integers(0, 0x7F), st.integers(0, 255)), max_size=60))
def test_random_registers(lines: list[tuple[int, int]], tmp_path: Path) -> None:
    path = tmp_path / "random.ucf"
    path.write_text("".join(f"Ac {r:02X} {v:02X}\n" for r, v in lines))
    refused(call("decode", path, "--device", "LSM6DSOX"), "where: ")


@settings(max_examples=60, deadline=20_0000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 1 << 20), value=st.integers(0, 255))
def test_changed_register_value(place: int, value: int, trained: Path, log: Path, tmp_path: Path) -> None:
    """A file that is well formed but says something else: explained or refused, and it runs or not."""
    lines = (trained / "toy.ucf").read_text().splitlines()
    writes = [i for i, line in enumerate(lines) if line.startswith("Ac")]
    at = writes[place % len(writes)]
    lines[at] = f"{lines[at][:6]}{value:02X}"
    path = tmp_path / "changed.ucf"
    path.write_text("\n".join(lines) + "\n")
    for words in (("decode", path), ("simulate", path, log)):
        result = call(*words)
        if result.code != 0:
            refused(result)


def test_no_register_file(tmp_path: Path, log: Path) -> None:
    refused(call("decode", tmp_path / "gone.ucf"), "gone.ucf", "No such file")
    refused(call("decode", tmp_path), str(tmp_path))
    refused(call("decode", log), "log.csv")
    refused(call("simulate", tmp_path, log), "is an empty folder", "register file")


def test_model_file_of_another_register_file(trained: Path, log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in trained.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    model = json.loads((folder / "model.sai").read_text())
    for key, value, said in (
        ("trees", [], "do not belong together"),
        ("register_file", "../toy.json", "'register_file'"),
        ("register_file", "gone.json", "gone.json"),
        ("config", 5, ""),
        ("train_groups", "a", "'train_groups'"),
    ):
        (folder / "model.sai").write_text(json.dumps({**model, key: value}))
        refused(call("validate", folder, log), said)
    (folder / "model.sai").write_text("[]")
    refused(call("validate", folder, log))
    (folder / "model.sai").write_text("{")
    refused(call("validate", folder, log), "model.sai:1")


def test_register_file_of_another_device_is_said(trained: Path, log: Path) -> None:
    """Told to read a file for another part: done, because parts share formats, but not in silence."""
    file = trained / "toy.ucf"
    said = "the file says that it is for LSM6DSOX; read for LSM6DSO32X, as told"
    for words in (("decode", file), ("simulate", file, log), ("validate", file, log)):
        result = call(*words, "--device", "LSM6DSO32X")
        assert result.code == 0, result.err
        assert said in " ".join((result.out + result.err).split())
        assert "as told" not in call(*words, "--device", "lsm6dsox").out
    refused(call("decode", file, "--device", "LIS2DUX12"), "where: ", "for another device?")
