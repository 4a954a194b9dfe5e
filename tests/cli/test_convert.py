"""``sensorai convert``, and the new formats wherever logs are accepted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.call import call, refused, unchanged
from tests.cli.conftest import QUICK
from tests.formats import make


def test_round_trip_through_every_format(log: Path, tmp_path: Path) -> None:
    want = json.loads(call("inspect", log, "--json").out)
    for to in ("csv", "parquet", "edge-impulse"):
        done = call("convert", log, "--out", tmp_path / to, "--to", to)
        assert done.code == 0, done.err
        assert done.out.startswith(f"{tmp_path / to}: {len(want)} recordings, ")
        got = json.loads(call("inspect", tmp_path / to, "--json").out)
        assert sum(one["rows"] for one in got) == sum(one["rows"] for one in want)
        for key in ("rate_hz", "units", "group"):
            assert {json.dumps(one[key]) for one in got} == {json.dumps(one[key]) for one in want}, (to, key)
        if to == "edge-impulse":
            # one file for each stretch of one label
            assert {label for one in got for label in one["labels"]["label"]} == {"rest", "walk", "shake"}
            continue
        for key in ("rows", "ranges", "labels"):
            assert [one[key] for one in got] == [one[key] for one in want], (to, key)


def test_what_was_done_is_shown(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    done = call("convert", log, "--out", out, "--rate", "26", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["files"] == [str(out)]
    assert "# done: resampled from 52 Hz to 26 Hz\n" in out.read_text()
    shown = json.loads(call("inspect", out, "--json").out)
    assert shown[0]["rate_hz"] == 26
    assert "before: resampled from 52 Hz to 26 Hz" in shown[0]["notes"]


def test_alignment(tmp_path: Path) -> None:
    source = tmp_path / "fall.csv"
    source.write_text(make.umafall())
    err = refused(call("convert", source, "--out", tmp_path / "x.csv"), "the log has 3 sensors")
    assert "--log-sensor RIGHTPOCKET_ACC" in err
    done = call("convert", source, "--out", tmp_path / "x.csv", "--align", "--rate", "50")
    assert done.code == 0, done.err
    assert "note: aligned at 50 Hz by time stamps" in done.err
    shown = json.loads(call("inspect", tmp_path / "x.csv", "--json").out)
    assert any(note.startswith("before: aligned at 50 Hz") for note in shown[0]["notes"])
    one = call("convert", source, "--out", tmp_path / "y.csv", "--log-sensor", "waist")
    assert one.code == 0, one.err


def hsdatalog(folder: Path, kind: str, seed: int) -> None:
    """A folder with a class one can tell: still, or shaken."""
    rng = np.random.default_rng(seed)
    count = 104 * 10
    values = rng.normal(0, 30, (count, 3)) + np.array([0, 0, 16393])
    if kind == "shake":
        values += 9000 * np.sin(2 * np.pi * 6 * np.arange(count) / 104)[:, None]
    make.v1_folder(
        folder,
        {"CHIP": [make.ACC]},
        {"CHIP_ACC": make.stream(values.round().astype(np.int64), 100, 104.0)},
    )


def test_train_simulate_and_features_on_hsdatalog_folders(tmp_path: Path) -> None:
    for seed in range(4):
        for kind in ("still", "shake"):
            hsdatalog(tmp_path / "logs" / kind / f"{kind}{seed}", kind, seed)
            (tmp_path / "logs" / kind / f"{kind}{seed}").rename(
                tmp_path / "logs" / kind / f"STWIN_{seed:05d}"
            )
    logs, out = tmp_path / "logs", tmp_path / "toy"
    done = call(
        "train", logs, "--target", "mlc", "--device", "LSM6DSOX", "--out", out, "--name", "toy", *QUICK
    )
    assert done.code == 0, done.err
    for words in (
        ("simulate", out, logs, "--out", tmp_path / "trace.csv"),
        ("validate", out, logs),
        ("features", out, logs, "--out", tmp_path / "t.csv"),
    ):
        done = call(*words)
        assert done.code == 0, done.err


def test_a_mapping_wherever_logs_are_read(tmp_path: Path) -> None:
    log = tmp_path / "x.txt"
    log.write_text("1;2;3\n" * 50)
    mapping = tmp_path / "m.toml"
    mapping.write_text(
        "header_rows = 0\nrate_hz = 52\n[columns]\n"
        + "".join(f'acc_{a} = {{ column = {i}, unit = "mg" }}\n' for i, a in enumerate("xyz", 1))
    )
    shown = json.loads(call("inspect", log, "--mapping", mapping, "--json").out)
    assert (shown[0]["rows"], shown[0]["rate_hz"], shown[0]["units"]["acc_x"]) == (50, 52, "mg")
    refused(call("inspect", log, "--mapping", tmp_path / "no.toml"), "cannot read --mapping")
    mapping.write_text("[columns]\nacc_q = 1\n")
    refused(call("inspect", log, "--mapping", mapping), "give at least one channel", "m.toml")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--out", "x.wav"), ("cannot tell the format of x.wav", "--to")),
        (("--out", "x.arff"), ("an ARFF holds features", "sensorai features")),
        (("--out", "x", "--to", "mp3"), ("unknown format 'mp3'",)),
        (("--out", "x.csv", "--rate", "0"), ("the sample rate must be positive",)),
        (("--out", "x.csv", "--align", "--rate", "nan"), ("the sample rate must be positive",)),
        (("--out", "x.json"), ("a file of this format holds one stretch",)),
        (("--out", "x.csv", "--log-sensor", "wrist"), ("does not name its sensors",)),
    ],
)
def test_refusals(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    with unchanged(tmp_path):
        refused(call("convert", log, *words), *parts)


def test_the_input_is_not_overwritten(tmp_path: Path) -> None:
    log = tmp_path / "x.csv"
    log.write_text("acc_x[g],acc_y[g],acc_z[g]\n0,0,1\n")
    with unchanged(tmp_path):
        refused(call("convert", log, "--out", log), "the output is one of the logs")
