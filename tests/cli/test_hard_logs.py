"""Logs as they come: wrong units, copies, one sensor only, dead signals; and files cut off at their end."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.call import call, refused, unchanged
from tests.cli.conftest import QUICK
from tests.cli.logs import write_log

TRAIN = ("--target", "mlc", "--device", "LSM6DSOX", "--window", "26", "--max-features", "2", "--folds", "2")


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("LSM6DSOX", TRAIN),
        ("LSM6DSOX", (*TRAIN[:-2], "--task", "anomaly", "--normal", "rest")),
        ("LSM6DSO16IS", ("--target", "ispu", "--model", "tree")),
        ("cortex-m4", ("--target", "stm32", "--model", "tree")),
        ("cortex-m4", ("--target", "stm32", "--task", "anomaly", "--normal", "rest")),
    ],
)
def test_values_beyond_any_full_scale_are_refused(
    tmp_path: Path, device: str, words: tuple[str, ...]
) -> None:
    log = write_log(tmp_path / "g.csv")
    log.write_text(log.read_text().replace("[mg]", "[g]"))
    with unchanged(tmp_path):
        refused(
            call("train", log, *words, "--out", tmp_path / "out"),
            f"far beyond the 16 g that {device} can measure, in 100% of the samples",
            "where: ",
            "--unit acc=mg fits the values",
        )
    shown = call("inspect", log)
    assert shown.code == 0
    assert "far beyond the 32 g that any known sensor can measure" in " ".join(shown.out.split())


def test_peaks_a_little_beyond_the_full_scale_are_said(tmp_path: Path) -> None:
    log = write_log(tmp_path / "peak.csv")
    lines = log.read_text().splitlines()
    lines[40] = re.sub(r"^[-\d.]+", "17500.0", lines[40])
    log.write_text("\n".join(lines) + "\n")
    result = call("train", log, *TRAIN, "--out", tmp_path / "out", "--json")
    assert result.code == 0, result.err
    assert any("the sensor will clip" in note for note in json.loads(result.out)["notes"])


def test_gyroscope_alone(tmp_path: Path) -> None:
    log = write_log(tmp_path / "gyro.csv", gyro=True)
    rows = [line.split(",") for line in log.read_text().splitlines()]
    kept = [rows[0], *(row[3:] for row in rows[1:])]
    log.write_text("\n".join(",".join(row) for row in kept) + "\n")
    out = tmp_path / "out"
    result = call("train", log, *TRAIN, "--out", out, "--json")
    assert result.code == 0, result.err
    report = json.loads(result.out)
    assert all("GYR" in one["name"] for one in report["features"]["each"])
    assert report["settings"]["sensors"]["acc"]["rate_hz"] == 52.0
    assert call("validate", out, log).code == 0


def test_copies_are_left_out_or_refused(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    for i, subject in enumerate("abcd"):
        for name in ("rest", "walk"):
            write_log(logs / name / f"{subject}.csv", [name], subjects=[subject], scale=1 + 0.01 * i)
    for path in logs.rglob("*.csv"):  # classes come from folders, groups from files
        lines = path.read_text().splitlines()
        path.write_text("\n".join([lines[0], *(line.rsplit(",", 2)[0] for line in lines[1:])]) + "\n")
    copy = logs / "walk" / "copy.csv"
    copy.write_bytes((logs / "walk" / "a.csv").read_bytes())
    result = call("train", logs, *TRAIN, "--out", tmp_path / "out", "--json")
    assert result.code == 0, result.err
    assert any("a copy of another recording" in note for note in json.loads(result.out)["notes"])
    copy.unlink()
    (logs / "rest" / "again.csv").write_bytes((logs / "walk" / "a.csv").read_bytes())
    with unchanged(tmp_path):
        refused(
            call("train", logs, *TRAIN, "--out", tmp_path / "new"), "the same samples under different labels"
        )


def test_constant_signals_are_refused(tmp_path: Path) -> None:
    log = write_log(tmp_path / "flat.csv")
    lines = [re.sub(r"^([-\d.]+,){3}", "0.0,0.0,1000.0,", line) for line in log.read_text().splitlines()]
    log.write_text("\n".join(lines) + "\n")
    with unchanged(tmp_path):
        refused(
            call("train", log, *TRAIN, "--out", tmp_path / "out"),
            "every sample of the accelerometer is the same",
        )


def test_a_file_cut_before_its_sensor_settings_gives_no_results(
    trained: Path, log: Path, tmp_path: Path
) -> None:
    lines = (trained / "toy.ucf").read_text().splitlines()
    last = max(i for i, line in enumerate(lines) if line.startswith("Ac 10 "))
    cut = tmp_path / "cut.ucf"
    cut.write_text("\n".join(lines[:last]) + "\n")
    refused(call("simulate", cut, log), "accelerometer", "switched off", "cut off")


def test_parquet_without_its_package(
    trained: Path, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensorai.files.find_spec", lambda name: None)
    with unchanged(tmp_path):
        refused(
            call("simulate", trained, log, "--out", tmp_path / "t.parquet"), "pyarrow", "sensorai[parquet]"
        )


def test_odd_names_are_refused(log: Path, tmp_path: Path) -> None:
    with unchanged(tmp_path):
        refused(
            call("train", log, "--target", "mlc", "--name", "../x", "--out", tmp_path / "o", *QUICK),
            "no C name",
        )


def test_breaks_count_as_gaps_in_inspect(tmp_path: Path) -> None:
    log = write_log(tmp_path / "gap.csv", ["rest"], subjects=["a"])
    lines = log.read_text().splitlines()
    timed = [lines[0], "time[s]," + lines[1]]
    timed += [f"{i / 52 + (7.0 if i > 200 else 0.0):.4f},{line}" for i, line in enumerate(lines[2:])]
    log.write_text("\n".join(timed) + "\n")
    result = call("inspect", log, "--json")
    (one,) = json.loads(result.out)
    assert [round(step) for _, step in one["gaps"]] == [7]
