"""Any bytes in a file that is no text table: recordings, or one of our errors; no crash, no hang.

Memory is bounded by the size of the file: what a file says of its own size is never believed.
"""

from __future__ import annotations

import contextlib
import io
import json
import struct
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorai.errors import SensoraiError, UserError
from sensorai.formats import ReadOptions, inspect, read, read_mapping
from sensorai.formats.readers import NAMES, hsdatalog1
from sensorai.formats.source import Raw
from sensorai.recording import Recording
from tests.formats import make

EXAMPLES = settings(max_examples=250, deadline=20000)
OPTIONS = st.sampled_from(
    [
        ReadOptions(),
        ReadOptions(sensor="WAIST"),
        ReadOptions(sensor="chip"),
        ReadOptions(align=True),
        ReadOptions(align=True, align_hz=33.0, split_at_breaks=False),
        ReadOptions(header="acc_x[g],acc_y[g]", units={"acc": "g"}),
        ReadOptions(columns={"acc_x": "accX"}, rate_hz=50.0),
    ]
)


def attempt(raw: Raw, options: ReadOptions) -> list[Recording]:
    """Read, and check whatever comes out."""
    with contextlib.suppress(UserError):
        found = read.read_raw(raw, options, "log")
        assert found
        for one in found:
            assert len(one) > 0
            assert np.isfinite(one.samples).all()
            assert one.rate_hz is None or one.rate_hz > 0
            assert one.time_s is None or np.isfinite(one.time_s).all()
            inspect(one)
        return found
    return []


def given_bytes(name: str, data: bytes) -> Raw:
    return Raw(Path(name), data)


# ---------------------------------------------------------------- what each format looks like

VALUES = [[0.5, -1.25, 9.5 + i / 8] for i in range(12)]


def parquet() -> bytes:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    out = io.BytesIO()
    table = pa.table(
        {"time[s]": [0.0, 0.1, 0.2], **{f"acc_{a}[g]": [0.0, 1, 2] for a in "xyz"}, "label": list("aab")}
    )
    pq.write_table(table, out)
    return out.getvalue()


WHOLE: dict[str, bytes] = {
    "a.json": json.dumps(make.acquisition(VALUES)).encode(),
    "a.cbor": cbor2.dumps(make.acquisition(VALUES)),
    "a.parquet": parquet(),
    "u.csv": make.umafall(0.3).encode(),
    "n.csv": "\n".join([",".join(map(str, range(60)))] * 3).encode(),
    "walk.1.csv": b"timestamp,accX,accY,accZ\n" + b"".join(b"%d,0,0,1\n" % (10 * i) for i in range(9)),
    "live.csv": b"# live: x\n# rate_hz: 52\n# subject: eve\n# done: x\nacc_x[g],label\n1,a\n2,a\n",
}
WORDS = st.sampled_from(
    [
        w.encode()
        for w in ("payload", "values", "sensors", "[", "]", "{", "}", ";", ",", "\n", "%", "nan", "1e999")
    ]
    + [
        b"\xff" * 8,
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xd8\x1d\x00",
        b"\xbf",
        b"\x9f",
        b"PAR1",
        b"\0" * 8,
    ]
)


@EXAMPLES
@given(
    name=st.sampled_from(list(WHOLE)),
    at=st.integers(0, 4000),
    remove=st.integers(0, 40),
    insert=WORDS | st.binary(max_size=6),
    cut=st.integers(0, 4000),
    options=OPTIONS,
)
def test_damaged_files(
    name: str, at: int, remove: int, insert: bytes, cut: int, options: ReadOptions
) -> None:
    data = WHOLE[name]
    at %= len(data) + 1
    data = data[:at] + insert + data[at + remove :]
    attempt(given_bytes(name, data[: -(cut % len(data)) or None] if data else data), options)


@EXAMPLES
@given(
    name=st.sampled_from(["a.json", "a.cbor", "a.parquet", "a.csv", "a.dat"]),
    start=st.sampled_from([b"", b"PAR1", b'{"payload":{', b"\xa1gpayload", make.UMAFALL_HEAD.encode()]),
    data=st.binary(max_size=300),
    options=OPTIONS,
)
def test_random_bytes(name: str, start: bytes, data: bytes, options: ReadOptions) -> None:
    attempt(given_bytes(name, start + data), options)


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=3),
    st.sampled_from([10**400, "accX", "g", "N/A"]),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@EXAMPLES
@given(
    key=st.sampled_from(["interval_ms", "sensors", "values", "device_type", "sensorai"]),
    value=TREES,
    data=st.data(),
)
def test_acquisitions_of_any_shape(key: str, value: Any, data: st.DataObject) -> None:
    whole = make.acquisition([list(row) for row in VALUES], device_type="sensorai")
    place: Any = whole["payload"]
    if key in ("sensors", "values") and data.draw(st.booleans()):
        place, key = place[key], data.draw(st.integers(0, 2))  # type: ignore[assignment]
    place[key] = value
    attempt(given_bytes("a.cbor", cbor2.dumps(whole)), ReadOptions())
    with contextlib.suppress(TypeError):
        attempt(given_bytes("a.json", json.dumps(whole).encode()), ReadOptions())


# ---------------------------------------------------------------- folders


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name) / "x"


BYTES = st.binary(max_size=12) | st.sampled_from(
    [struct.pack("<d", v) for v in (np.inf, -np.inf, np.nan, 1e11)]
)


def damaged(data: bytes, at: int, insert: bytes, cut: int) -> bytes:
    at %= len(data) + 1
    # a block of the first generation is 608 bytes long
    for place in (at, at + 608) if at % 2 else (at,):
        data = data[:place] + insert + data[place + len(insert) :]
    return data[: len(data) - cut % (len(data) + 1)]


NUMBERS: st.SearchStrategy[Any] = st.one_of(
    st.integers(-5, 70000), st.floats(), st.sampled_from([1 << 40, "7", None, True, [], {"val": 3}, 0.0005])
)


@EXAMPLES
@given(
    key=st.sampled_from(["samplesPerTs", "sensitivity", "ODR", "ODRMeasured", "initialOffset", "isActive"]),
    value=NUMBERS,
    about=st.sampled_from(["", "dimensions", "unit", "dataType", "sensorType", "dimensionsLabel"]),
    other=st.one_of(NUMBERS, st.sampled_from(["g", "mdps", "int8_t", "float", "double", "GYRO", "../x"])),
    at=st.integers(0, 2000) | st.sampled_from([600, 601, 1208, 1209]),
    insert=BYTES,
    cut=st.integers(0, 1500),
    options=OPTIONS,
)
def test_first_generation(
    key: str, value: Any, about: str, other: Any, at: int, insert: bytes, cut: int, options: ReadOptions
) -> None:
    config = {"device": {"sensor": [make.v1_sensor("CHIP", [make.ACC, make.GYRO])]}}
    entry: Any = config["device"]["sensor"][0]
    entry["sensorStatus"]["subSensorStatus"][0][key] = value
    if about:
        entry["sensorDescriptor"]["subSensorDescriptor"][0][about] = other
    data = make.stream(make.counts(250), 100, 104.0)
    with folder() as path:
        make.v1_folder(path, {}, {"CHIP_ACC": damaged(data, at, insert, cut), "CHIP_GYRO": data})
        (path / "DeviceConfig.json").write_text(json.dumps(config))
        attempt(Raw(path), options)


@EXAMPLES
@given(
    key=st.sampled_from(
        ["samples_per_ts", "sensitivity", "odr", "measodr", "ioffset", "usb_dps", "dim", "data_type"]
    ),
    value=st.one_of(NUMBERS, st.sampled_from(["int8", "float", "int99"])),
    interface=st.sampled_from([None, 0, 1, 2, "x"]),
    drop=st.lists(st.integers(0, 20), max_size=3),
    at=st.integers(0, 2000) | st.sampled_from([600, 601, 1208, 1209]),
    insert=BYTES,
    cut=st.integers(0, 1500),
    options=OPTIONS,
)
def test_second_generation(
    key: str,
    value: Any,
    interface: Any,
    drop: list[int],
    at: int,
    insert: bytes,
    cut: int,
    options: ReadOptions,
) -> None:
    parts = make.packets(make.stream(make.counts(250), 50, 104.0), 100)
    data = b"".join(p for i, p in enumerate(parts) if i not in drop)
    told = make.v2_component(**{key: value})
    info = None if interface is None else {"interface": interface, "tags": []}
    with folder() as path:
        make.v2_folder(path, {"chip_acc": told}, {"chip_acc": damaged(data, at, insert, cut)}, info)
        attempt(Raw(path), options)


@EXAMPLES
@given(
    text=st.text(max_size=80), name=st.sampled_from(["DeviceConfig.json", "device_config.json"]), tree=TREES
)
def test_configurations_of_any_shape(text: str, name: str, tree: Any) -> None:
    with folder() as path:
        path.mkdir()
        (path / name).write_bytes(text.encode("utf-8", "surrogatepass"))
        attempt(Raw(path), ReadOptions())
        for value in (
            tree,
            {"device": tree, "devices": tree},
            {"device": {"sensor": tree}, "devices": [tree]},
        ):
            with contextlib.suppress(TypeError):
                (path / name).write_text(json.dumps(value))
                attempt(Raw(path), ReadOptions())


# ---------------------------------------------------------------- mapping files

WORDS_OF_MAPPINGS = """[columns] acc_x acc_y = 1 2 "a" { } column unit "g" scale 0.5 -1 time "ms" label
[label_names] skip header_rows delimiter ";" comment "%" decimal "," rate_hz group recording , . 0xff \\n"""
PIECES = st.sampled_from([*WORDS_OF_MAPPINGS.split(), "\\n", "\\n"])


@EXAMPLES
@given(
    pieces=st.lists(PIECES, max_size=30),
    log=st.sampled_from([b"a;b\n1;2\n3;4\n", b"% x\n1,2\n", b"", b"1 2\n", b"\xff\xfe1"])
    | st.binary(max_size=40),
)
def test_mappings_of_any_text(pieces: list[str], log: bytes) -> None:
    with folder() as path:
        path.mkdir()
        file = path / "m.toml"
        for text in (" ".join(pieces).replace("\\n", "\n"), "header_rows = 0\n[columns]\nacc_x = 1\n"):
            file.write_text(text)
            with contextlib.suppress(UserError):
                attempt(given_bytes("x.csv", log), ReadOptions(mapping=read_mapping(file)))


# ---------------------------------------------------------------- time and memory


def hostile(tmp_path: Path) -> list[Raw]:
    """Files that promise far more than they hold, or are made to be slow."""
    out = [
        given_bytes("a.json", b'{"payload":' * 100_000),
        given_bytes("a.json", b'{"payload":{"values":[' + b"[1,2,3]," * 30_000),
        given_bytes(
            "a.cbor", b"\xa1gpayload\xa1fvalues\x9b\x00\x00\x00\xff\xff\xff\xff\xff" + b"\x01" * 30_000
        ),
        given_bytes("a.cbor", b"\xa1gpayload" + b"\xd8\x1c\x81" * 100_000),
        given_bytes("a.cbor", b"\xa1gpayload\xc2\x5a\x00\x03\x00\x00" + b"\xff" * 0x30000),
        given_bytes("a.csv", b",".join([b"1"] * 60_000) + b"\n"),
        given_bytes("u.csv", make.UMAFALL_HEAD.encode() + b"0;0;0;0;0;0;%d\n" * 1 + b";" * 200_000),
        given_bytes("a.csv", b"# subject: a" + b" " * 60_000 + b"b\nacc_x\n1\n"),
        given_bytes("a.csv", b"# subject" + b" " * 60_000 + b"b\nacc_x\n1\n"),
        given_bytes("u.csv", b"% " + b" " * 60_000 + b": \n" + make.UMAFALL_HEAD.encode()),
    ]
    counter = struct.pack("<I", 0x7FFFFFFF // 100 * 100)
    for i, data in enumerate((make.packets(bytes(400), 100)[0] + counter + bytes(100), counter + bytes(100))):
        folder = make.v2_folder(
            tmp_path / str(i), {"chip_acc": make.v2_component()}, {"chip_acc": data}, None
        )
        out.append(Raw(folder))
    part = {**make.ACC, "per_block": 1 << 20}
    out.append(Raw(make.v1_folder(tmp_path / "block", {"C": [part]}, {"C_ACC": bytes(600)})))
    return out


def test_time_and_memory_are_bounded(tmp_path: Path) -> None:
    for raw in hostile(tmp_path):
        attempt(given_bytes("w.json", WHOLE["a.json"]), ReadOptions())
        started = time.monotonic()
        tracemalloc.start()
        attempt(raw, ReadOptions())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 100 << 20, (raw, peak)
        assert time.monotonic() - started < 20, raw


def test_hsdatalog_needs_memory_in_proportion_to_its_samples(tmp_path: Path) -> None:
    path = make.v1_folder(
        tmp_path / "x", {"C": [make.ACC]}, {"C_ACC": make.stream(make.counts(200_000), 100, 104.0)}
    )
    attempt(Raw(path), ReadOptions())
    tracemalloc.start()
    (one,) = read.read_raw(Raw(path), ReadOptions(), "x")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert one.time_s is not None
    assert peak < 8 * (one.samples.nbytes + one.time_s.nbytes)


def test_every_format_is_recognised(tmp_path: Path) -> None:
    """What is damaged above is whole to begin with."""
    assert {read.detect(_file(tmp_path, name, data)) for name, data in WHOLE.items()} == {
        "edge-impulse-json",
        "edge-impulse-cbor",
        "parquet",
        "umafall",
        "nanoedge",
        "edge-impulse-csv",
        "plain",
    }
    for name, data in WHOLE.items():
        options = ReadOptions(sensor="WAIST") if name == "u.csv" else ReadOptions()
        assert attempt(given_bytes(name, data), options), name
    assert len(set(NAMES)) == len(NAMES)


def _file(folder: Path, name: str, data: bytes) -> Path:
    (folder / name).write_bytes(data)
    return folder / name


def test_the_fuzz_would_notice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hsdatalog1, "decode", lambda *_: 1 / 0)
    path = make.v1_folder(tmp_path / "x", {"C": [make.ACC]}, {"C_ACC": bytes(700)})
    with pytest.raises(ZeroDivisionError):
        attempt(Raw(path), ReadOptions())
    assert issubclass(UserError, SensoraiError)
