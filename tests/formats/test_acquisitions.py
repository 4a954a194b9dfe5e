"""Edge Impulse's JSON, CBOR and CSV: same samples from each, signatures left alone, faults by their place."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
import numpy as np
import pytest

from sensorai.errors import DataError
from sensorai.formats import ReadOptions, detect, read_dataset, read_log
from tests.formats import make

VALUES = [[0.5, -1.25, 9.5 + i / 8] for i in range(40)]


def put(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cbor2.dumps(value) if path.suffix == ".cbor" else json.dumps(value).encode())
    return path


@pytest.mark.parametrize("suffix", [".json", ".cbor"])
def test_samples_rate_units_and_labels(tmp_path: Path, suffix: str) -> None:
    path = put(tmp_path / f"walk.json.65vv{suffix}", make.acquisition(VALUES))
    assert detect(path) == f"edge-impulse-{suffix[1:]}"
    (one,) = read_dataset([path]).recordings
    assert one.samples.tolist() == VALUES
    assert [(c.name, c.unit) for c in one.channels] == [(f"acc_{a}", "m/s2") for a in "xyz"]
    assert one.rate_hz == 100.0
    assert [s.label for s in one.labels["label"]] == ["walk"]
    # a device is no subject: the recording is the group
    assert one.group == one.name
    assert "the signature was not checked" in one.notes


def test_a_folder_of_them_and_what_lies_beside(tmp_path: Path) -> None:
    put(tmp_path / "a.1.json", make.acquisition(VALUES))
    put(tmp_path / "b.2.cbor", make.acquisition(VALUES))
    (tmp_path / "report.json").write_text("{}")
    found = read_dataset([tmp_path])
    assert found.label_set() == ("a", "b")


def test_the_label_file_wins_and_globs_win_over_both(tmp_path: Path) -> None:
    path = put(tmp_path / "x.1.json", make.acquisition(VALUES))
    labels = {"version": 1, "files": [{"path": path.name, "label": {"type": "label", "label": "Nod, left"}}]}
    (tmp_path / "info.labels").write_text(json.dumps(labels))
    assert read_dataset([path]).label_set() == ("Nod, left",)
    assert read_dataset([path], labels=[("told", "*.json")]).label_set() == ("told",)
    for text in ("", "[]", '{"files": [1]}', '{"files": [{"path": "other"}]}', "[" * 99999):
        (tmp_path / "info.labels").write_text(text)
        assert read_dataset([path]).label_set() == ("x",)


def test_one_axis_and_plain_numbers(tmp_path: Path) -> None:
    value = make.acquisition([1, 2, 3.5], [("accZ", "g")])
    (one,) = read_log(put(tmp_path / "a.json", value))
    assert one.samples.tolist() == [[1], [2], [3.5]]


def test_units_that_are_none_and_units_told(tmp_path: Path) -> None:
    names = [("accX", "N/A"), ("accY", "N/A"), ("accZ", "N/A")]
    path = put(tmp_path / "a.json", make.acquisition(VALUES, names))
    assert {c.unit for c in read_log(path)[0].channels} == {""}
    (one,) = read_log(path, ReadOptions(units={"acc": "g"}))
    assert {c.unit for c in one.channels} == {"g"}


def test_a_wrong_unit_is_said(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    values = (np.array([0, 0, 0.99]) + rng.normal(0, 0.001, (60, 3))).tolist()
    (one,) = read_log(put(tmp_path / "idle.1.json", make.acquisition(values)))
    assert any("0.101 g instead of 1 g: the values look like g (--unit acc=g)" in note for note in one.notes)


def test_csv_of_an_export(tmp_path: Path) -> None:
    path = tmp_path / "walk.65vv.csv"
    rows = "".join(f"{10 * i},{a},{b},{c}\n" for i, (a, b, c) in enumerate(VALUES))
    path.write_text("timestamp,accX,accY,accZ\n" + rows)
    assert detect(path) == "edge-impulse-csv"
    (one,) = read_dataset([path]).recordings
    assert one.samples.tolist() == VALUES
    assert one.rate_hz == 100.0
    assert [s.label for s in one.labels["label"]] == ["walk"]
    # seconds are no ms: left to the plain reader, which asks the numbers
    path.write_text("timestamp,accX,accY,accZ\n" + rows.replace("0,", "0.001,"))
    plain = tmp_path / "s.csv"
    plain.write_text("timestamp,accX,accY,accZ\n" + "".join(f"{i / 100},0,0,1\n" for i in range(40)))
    assert detect(plain) == "plain"
    assert read_log(plain)[0].rate_hz == pytest.approx(100.0)


def at(*keys: Any) -> Callable[[Any, Any], None]:
    def change(value: Any, new: Any) -> None:
        for key in keys[:-1]:
            value = value[key]
        if new is KeyError:
            del value[keys[-1]]
        else:
            value[keys[-1]] = new

    return change


FAULTS: list[tuple[Callable[[Any, Any], None], Any, str]] = [
    (at("payload"), KeyError, "payload is missing"),
    (at("payload"), [], "payload must be a map of keys, not a list"),
    (at("payload", "interval_ms"), KeyError, "payload.interval_ms is missing"),
    (at("payload", "interval_ms"), 0, "interval_ms must be a positive number, not 0"),
    (at("payload", "interval_ms"), "10", "interval_ms must be a positive number, not '10'"),
    (at("payload", "interval_ms"), True, "interval_ms must be a positive number"),
    (at("payload", "sensors"), [], "payload.sensors must be a list of one to 4096 sensors"),
    (at("payload", "sensors"), 3, "payload.sensors must be a list"),
    (at("payload", "sensors", 1), "accY", r"payload.sensors\[1\] must be a map"),
    (at("payload", "sensors", 1, "name"), KeyError, r"payload.sensors\[1\].name is missing"),
    (at("payload", "sensors", 1, "name"), 7, r"sensors\[1\].name must be text, not 7"),
    (at("payload", "sensors", 1, "name"), "a[b", "no name of a channel"),
    (at("payload", "sensors", 1, "name"), "accX", "2 columns are acc_x"),
    (at("payload", "sensors", 1, "units"), 7, r"sensors\[1\].units must be text"),
    (at("payload", "sensors", 1, "units"), "furlong", "unknown unit 'furlong' of acc_y"),
    (at("payload", "values"), KeyError, "payload.values is missing"),
    (at("payload", "values"), [], "the log has no samples"),
    (at("payload", "values"), "x", "payload.values must be a list, not 'x'"),
    (at("payload", "values", 3), 5, r"payload.values\[3\] must be a list, not 5"),
    (at("payload", "values", 3), [1, 2], r"payload.values\[3\] has 2 numbers, there are 3 sensors"),
    (at("payload", "values", 3, 1), None, r"payload.values\[3\]\[1\] must be a number, not nothing"),
    (at("payload", "values", 3, 1), "7", r"payload.values\[3\]\[1\] must be a number, not '7'"),
    (at("payload", "values", 3, 1), False, r"payload.values\[3\]\[1\] must be a number, not False"),
    (at("payload", "values", 3, 1), float("nan"), r"payload.values\[3\]\[1\] is nan, no finite number"),
    (
        at("payload", "values", 3, 1),
        10**400,
        r"payload.values\[3\]\[1\] is a number of more than 30 digits, no finite number",
    ),
]


@pytest.mark.parametrize("suffix", [".json", ".cbor"])
@pytest.mark.parametrize(("change", "new", "message"), FAULTS)
def test_faults(
    tmp_path: Path, change: Callable[[Any, Any], None], new: Any, message: str, suffix: str
) -> None:
    value = copy.deepcopy(make.acquisition(VALUES))
    change(value, new)
    path = put(tmp_path / f"a{suffix}", value)
    with pytest.raises(DataError, match=message) as caught:
        read_log(path)
    assert caught.value.where.startswith(str(path))


BOMBS = {
    "a list of 2**60": b"\xa1gpayload\x9b\x0f" + b"\xff" * 7,
    "text of 2**60": b"\xa1gpayload\x7b\x0f" + b"\xff" * 7,
    "bytes of 2**60": b"\xa1gpayload\x5b\x0f" + b"\xff" * 7,
    "a map of 2**60": b"\xa1gpayload\xbb\x0f" + b"\xff" * 7,
    "lists in lists": b"\xa1gpayload" + b"\x81" * 300_000,
    "maps in maps": b"\xa1gpayload" + b"\xa1\x00" * 200_000,
    "tags in tags": b"\xa1gpayload" + b"\xc1" * 300_000,
    "a pattern": b"\xa1gpayload\xd8\x23c(((",
    "a date": b"\xa1gpayload\xc0cxxx",
    "a fraction": b"\xa1gpayload\xd8\x1e\x82\x01\x00",
    "a power": b"\xa1gpayload\xc5\x82\x1a\x3b\x9a\xca\x00\x01",
    "no end": b"\xa1gpayload",
}


@pytest.mark.parametrize("what", list(BOMBS))
def test_cbor_bombs(tmp_path: Path, what: str) -> None:
    path = tmp_path / "a.cbor"
    path.write_bytes(BOMBS[what])
    with pytest.raises(DataError, match=r"CBOR cannot be read|payload") as caught:
        read_log(path)
    assert caught.value.where.startswith(str(path))


def test_references_do_not_unfold(tmp_path: Path) -> None:
    # one row of 4096 numbers, and 4096 references to it: 32 kB would become 16 million numbers
    names = [{"name": f"s{i}", "units": "g"} for i in range(4096)]
    row = [0.5] * 4096
    value = make.acquisition([row] * 4096)
    value["payload"]["sensors"] = names
    data = cbor2.dumps(value, value_sharing=True)
    path = tmp_path / "a.cbor"
    path.write_bytes(data)
    assert len(data) < 300_000
    with pytest.raises(DataError, match="more numbers than the file has bytes"):
        read_log(path)


def test_broken_json(tmp_path: Path) -> None:
    path = put(tmp_path / "a.json", make.acquisition(VALUES))
    text = path.read_text()
    path.write_text(text[:500])
    with pytest.raises(DataError, match="this is no JSON") as caught:
        read_log(path)
    assert caught.value.where.startswith(f"{path}:1:")
    path.write_text('{"payload": {"values": ' + "[" * 200_000)
    with pytest.raises(DataError, match="nested too deeply"):
        read_log(path)
    path.write_text('{"payload": {"values": ' + "9" * 9999 + "}}")
    with pytest.raises(DataError, match="this JSON cannot be read"):
        read_log(path)
