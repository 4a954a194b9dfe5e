"""What convert writes reads back: samples, units, rate, labels, groups, history, as far as a format goes."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sensorai.errors import ConfigError, DataError, UserError
from sensorai.formats import (
    LiveCsv,
    ReadOptions,
    convert,
    format_of,
    inspect,
    read_dataset,
    read_log,
    resample,
)
from sensorai.formats.convert import Converted
from sensorai.formats.writers import edge_impulse_text, mems_studio_text
from sensorai.recording import Channel, FloatArray, Recording, Span
from tests.formats.test_write import equal

ACC = tuple(Channel(f"acc_{a}", "mg") for a in "xyz")
SIX = ACC + tuple(Channel(f"gyro_{a}", "dps") for a in "xyz")
FINITE = st.floats(allow_nan=False, allow_infinity=False)
ENOUGH = st.floats(-1e9, 1e9, allow_nan=False)


def log(name: str = "one", label: str = "walk", group: str = "eve", seed: int = 0) -> Recording:
    values = np.random.default_rng(seed).normal(0, 500, (60, 6)).round(3)
    return Recording(values, SIX, 104.0, {"label": (Span(0, 60, label),)}, group, name)


def whole(folder: Path) -> dict[str, Recording]:
    return {r.name: r for r in read_dataset([folder], ReadOptions()).recordings}


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_one_file_for_all(tmp_path: Path, suffix: str) -> None:
    times = np.arange(60) / 104 + 3
    logs = [
        replace(log("a", "walk"), time_s=times, history=("resampled from 50 Hz to 104 Hz",)),
        replace(log("b", "run", "adam", 1), time_s=times, history=("resampled from 50 Hz to 104 Hz",)),
    ]
    out = tmp_path / f"all{suffix}"
    assert convert(logs, out) == Converted((out,), ())
    after = read_log(out)
    assert [r.name for r in after] == ["all/a", "all/b"]
    assert all(map(equal, logs, after))
    assert [r.history for r in after] == [r.history for r in logs]
    assert "before: resampled from 50 Hz to 104 Hz" in inspect(after[0]).notes


@settings(max_examples=30, deadline=None)
@given(samples=arrays(np.float64, st.tuples(st.integers(1, 6), st.just(3)), elements=FINITE))
def test_parquet_of_any_number(tmp_path_factory: pytest.TempPathFactory, samples: FloatArray) -> None:
    path = tmp_path_factory.mktemp("w") / "x.parquet"
    labels = {"label": (Span(0, 1, 'a "b"\n, c'),), "hand": ()}
    before = Recording(samples, ACC, 1 / 3, labels, group="eve")
    convert([before], path)
    (after,) = read_log(path, ReadOptions(label_columns=("hand",)))
    assert equal(before, after)


@settings(max_examples=30, deadline=None)
@given(
    samples=arrays(np.float64, st.tuples(st.integers(1, 6), st.just(3)), elements=FINITE),
    rate=st.floats(0.01, 1e5),
)
def test_edge_impulse_of_any_number(
    tmp_path_factory: pytest.TempPathFactory, samples: FloatArray, rate: float
) -> None:
    path = tmp_path_factory.mktemp("w") / "x.json"
    before = Recording(samples, ACC, rate, group="eve", history=("a", "b"))
    path.write_text(edge_impulse_text(before))
    (after,) = read_log(path)
    assert equal(before, after)
    assert after.history == ("a", "b")


@settings(max_examples=30, deadline=None)
@given(samples=arrays(np.float64, st.tuples(st.integers(1, 6), st.just(3)), elements=ENOUGH))
def test_mems_studio_of_any_number(tmp_path_factory: pytest.TempPathFactory, samples: FloatArray) -> None:
    path = tmp_path_factory.mktemp("w") / "x.csv"
    before = Recording(samples, ACC, 52.0, history=("a", "b"))
    path.write_text(mems_studio_text(before)[0])
    (after,) = read_log(path)
    assert equal(replace(before, group="x"), after)
    assert after.history == ("a", "b")


def test_mems_studio_units_and_names(tmp_path: Path) -> None:
    channels = (
        *(Channel(f"acc_{a}", "g") for a in "xyz"),
        *(Channel(f"acch_{a}", "m/s2") for a in "xyz"),
        *(Channel(f"mag_{a}", "uT") for a in "xyz"),
        Channel("temp", "C"),
    )
    values = np.linspace(0.1, 3, 50).reshape(5, 10)
    text, left = mems_studio_text(Recording(values, channels, None))
    assert text.split("\n")[0] == (
        "acc_l_x[mg],acc_l_y[mg],acc_l_z[mg],acc_h_x[mg],acc_h_y[mg],acc_h_z[mg],mag_x[mG],mag_y[mG],mag_z[mG]"
    )
    assert left == ["temp"]
    path = tmp_path / "x.csv"
    path.write_text(text)
    (after,) = read_log(path)
    for sensor, unit in (("acc", "g"), ("acch", "m/s2"), ("mag", "uT")):
        before = Recording(values, channels, None).xyz(sensor, unit)
        assert np.allclose(after.xyz(sensor, unit), before, rtol=1e-8, atol=0)


@pytest.mark.parametrize("to", ["csv", "parquet", "edge-impulse", "mems-studio"])
def test_folders(tmp_path: Path, to: str) -> None:
    logs = [log("a/1"), log("a#2", "run", "adam", 1), log("c", "run", "zoe", 2)]
    done = convert(logs, tmp_path / "out", to)
    assert all(file.is_file() for file in done.files)
    assert len(done.files) == (4 if to == "edge-impulse" else 3)
    found = sorted(whole(tmp_path / "out").values(), key=lambda r: float(r.samples[0, 0]))
    wanted = sorted(logs, key=lambda r: float(r.samples[0, 0]))
    for before, after in zip(wanted, found, strict=True):
        group = after.group if to == "mems-studio" else before.group
        gyro = 1000.0 if to == "mems-studio" else 1.0
        assert np.allclose(after.samples, before.samples * np.array([1, 1, 1, gyro, gyro, gyro]), rtol=1e-8)
        assert (after.labels, after.rate_hz, after.group) == (before.labels, before.rate_hz, group)


@pytest.mark.parametrize("to", ["edge-impulse", "mems-studio"])
def test_stretches_of_one_label(tmp_path: Path, to: str) -> None:
    labels = {"label": (Span(0, 20, "sit, down"), Span(30, 60, "a.b/c")), "hand": (Span(0, 60, "l"),)}
    before = replace(log(), labels=labels, time_s=np.arange(60) / 104)
    done = convert([before], tmp_path / "out", to)
    assert "one: 10 samples without a label are left out" in done.notes
    assert "only the main label is kept" in done.notes
    assert any("time stamps are not kept" in note for note in done.notes)
    found = read_dataset([tmp_path / "out"])
    assert sorted(map(len, found)) == [20, 30]
    if to == "mems-studio":
        assert set(found.label_set()) == {"sit_down", "a_b_c"}
        assert "the label 'a.b/c' is written as the folder 1_a_b_c" in done.notes
    else:
        assert set(found.label_set()) == {"sit, down", "a.b/c"}


def test_what_cannot_be_written(tmp_path: Path) -> None:
    two = [log("a"), replace(log("b"), rate_hz=50.0)]
    for suffix in (".csv", ".parquet"):
        with pytest.raises(DataError, match="differ in rate") as caught:
            convert(two, tmp_path / f"x{suffix}")
        assert "a folder" in caught.value.hint
    with pytest.raises(ConfigError, match="there are 2"):
        convert(two, tmp_path / "x.json")
    with pytest.raises(DataError, match="needs the sample rate"):
        convert([replace(log(), rate_hz=None)], tmp_path / "x.json")
    with pytest.raises(DataError, match="cannot be converted to mg"):
        convert(
            [replace(log(), channels=tuple(Channel(c.name, "") for c in SIX))], tmp_path / "d", "mems-studio"
        )
    with pytest.raises(DataError, match="motion sensors with three axes"):
        mems_studio_text(Recording(np.zeros((3, 1)), (Channel("acc_x", "g"),), 1.0))
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").write_text("")
    with pytest.raises(UserError, match="exists already and is not empty"):
        convert([log()], tmp_path / "full", "csv")
    taken = tmp_path / "in.csv"
    taken.write_text("x")
    with pytest.raises(ConfigError, match="the output is one of the logs to read"):
        convert([log()], taken, None, [taken])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["full", "in.csv"]


@pytest.mark.parametrize(
    ("out", "to", "message"),
    [
        ("x.arff", None, "an ARFF holds features"),
        ("x", None, "cannot tell the format"),
        ("x.csv", "wav", "unknown format 'wav'"),
    ],
)
def test_formats_that_are_none(out: str, to: str | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        format_of(Path(out), to)


def test_a_name_beside_the_label_is_said(tmp_path: Path) -> None:
    assert any("begin its name with 'walk.'" in n for n in convert([log()], tmp_path / "x.json").notes)
    assert convert([log()], tmp_path / "walk.x.json").notes == ()
    assert read_dataset([tmp_path / "walk.x.json"]).label_set() == ("walk",)
    notes = convert([log()], tmp_path / "x.csv", "mems-studio").notes
    assert any("the label 'walk' is not in the file" in n for n in notes)


def test_the_signature_of_our_files_is_none() -> None:
    value = json.loads(edge_impulse_text(log()))
    assert value["protected"]["alg"] == "none"
    assert set(value["signature"]) == {"0"}


def test_resampling_stands_in_the_file(tmp_path: Path) -> None:
    for name in ("x.csv", "x.parquet", "walk.x.json"):
        done = resample(log(), 52.0)
        convert([done], tmp_path / name)
        (after,) = read_log(tmp_path / name)
        assert after.history == ("resampled from 104 Hz to 52 Hz",)
        again = resample(after, 26.0)
        assert again.history == ("resampled from 104 Hz to 52 Hz", "resampled from 52 Hz to 26 Hz")


# ---------------------------------------------------------------- logs that are still being written


def live(labels: tuple[str, ...] = ("label",), time: bool = True) -> bytes:
    file = io.BytesIO()
    out = LiveCsv(
        file,
        SIX,
        rate_hz=104.0,
        time=time,
        labels=labels,
        subject="Eve Ünger",
        session="2",
        facts={"board": "x"},
    )
    rng = np.random.default_rng(0)
    for i, label in enumerate(("wälk", 'say "hi", go', "two\nlines")):
        stamps = (np.arange(4) + 4 * i) / 104 if time else None
        out.write(rng.normal(0, 500, (4, 6)), time_s=stamps, labels={"label": label})
    return file.getvalue()


def test_a_live_log_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(live())
    (one,) = read_log(path)
    assert one.samples.tolist() == np.random.default_rng(0).normal(0, 500, (12, 6)).tolist()
    assert [(s.start, s.stop, s.label) for s in one.labels["label"]] == [
        (0, 4, "wälk"),
        (4, 8, 'say "hi", go'),
        (8, 12, "two lines"),
    ]
    assert (one.group, one.rate_hz) == ("Eve Ünger", 104.0)
    assert {"session: 2", "comment: board: x"} <= set(one.notes)


@pytest.mark.parametrize("time", [True, False])
def test_a_live_log_cut_at_any_byte(tmp_path: Path, time: bool) -> None:
    data = live(time=time)
    lines = data.split(b"\n")
    header = next(i for i, line in enumerate(lines) if not line.startswith(b"#"))
    true = np.random.default_rng(0).normal(0, 500, (12, 6))
    path = tmp_path / "x.csv"
    for cut in range(len(data) + 1):
        path.write_bytes(data[:cut])
        rows = max(data[:cut].count(b"\n") - header - 1, 0)
        if rows:
            found = read_log(path)
            assert np.concatenate([r.samples for r in found]).tolist() == true[:rows].tolist()
            assert {r.group for r in found} == {"Eve Ünger"}
            assert {s.label for r in found for s in r.labels["label"]} <= {
                "wälk",
                'say "hi", go',
                "two lines",
            }
        else:
            with pytest.raises(DataError):
                read_log(path)


def test_rows_that_do_not_fit_a_live_log() -> None:
    out = LiveCsv(io.BytesIO(), ACC)
    with pytest.raises(DataError, match="do not fit the header"):
        out.write(np.zeros((2, 4)))
    with pytest.raises(DataError, match="do not fit the header"):
        out.write(np.zeros((2, 3)), time_s=np.zeros(2))
