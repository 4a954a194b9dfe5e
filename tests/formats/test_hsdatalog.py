"""ST's HSDatalog folders: every sample and time where it must be, lost packets as gaps, faults named."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorai.errors import ConfigError, DataError
from sensorai.formats import ReadOptions, detect, read_dataset, read_log
from tests.formats import make


def v1(tmp_path: Path, samples: int = 350, **more: Any) -> Path:
    part = {**make.ACC, **more}
    data = make.stream(make.counts(samples), part.get("per_block", 100), part["rate"])
    return make.v1_folder(tmp_path / "walk", {"CHIP": [part]}, {"CHIP_ACC": data})


def test_v1_samples_times_and_names(tmp_path: Path) -> None:
    folder = v1(tmp_path)
    assert detect(folder) == "hsdatalog-v1"
    (one,) = read_log(folder)
    assert [(c.name, c.unit) for c in one.channels] == [(f"acc_{a}", "g") for a in "xyz"]
    assert one.samples.tolist() == (make.counts(350) * 6.1e-05).tolist()
    # the last half block has no stamp behind it, and goes on at the rate of the others
    assert one.time_s is not None
    assert np.allclose(one.time_s, 0.5 + np.arange(350) / 104.0, rtol=0, atol=1e-9)
    assert any("50 samples have no time stamp" in note for note in one.notes)
    assert (one.rate_hz, one.name, one.group) == (104.0, "walk", "walk")


def test_v1_one_file_alone(tmp_path: Path) -> None:
    folder = v1(tmp_path)
    (one,) = read_log(folder / "CHIP_ACC.dat")
    assert len(one) == 350
    assert one.samples.tolist() == read_log(folder)[0].samples.tolist()


def test_v1_measured_rate_wins_and_the_stamps_stand_in(tmp_path: Path) -> None:
    (one,) = read_log(v1(tmp_path / "a", measured=104.5))
    assert one.rate_hz == 104.5
    folder = v1(tmp_path / "b", measured=0)
    text = (folder / "DeviceConfig.json").read_text().replace('"ODR": 104.0', '"ODR": 0')
    (folder / "DeviceConfig.json").write_text(text)
    assert read_log(folder)[0].rate_hz == pytest.approx(104.0, abs=1e-5)


def test_parts_of_one_chip_are_one_recording(tmp_path: Path) -> None:
    acc, gyro = make.counts(300), make.counts(290, seed=1)
    folder = make.v1_folder(
        tmp_path / "x",
        {"CHIP": [make.ACC, make.GYRO]},
        {"CHIP_ACC": make.stream(acc, 100, 104.0), "CHIP_GYRO": make.stream(gyro, 100, 104.0)},
    )
    (one,) = read_log(folder)
    assert [c.name for c in one.channels] == [f"{s}_{a}" for s in ("acc", "gyro") for a in "xyz"]
    assert len(one) == 290
    assert one.samples[:, 3:].tolist() == (gyro * 8.75).tolist()
    assert any("last 10 samples are left out" in note for note in one.notes)
    # each part alone is whole
    assert len(read_log(folder, ReadOptions(sensor="chip_acc"))[0]) == 300
    assert read_log(folder, ReadOptions(sensor="CHIP_GYRO"))[0].channels[0].name == "gyro_x"
    assert read_log(folder, ReadOptions(sensor="CHIP"))[0].samples.tolist() == one.samples.tolist()


def two_rates(tmp_path: Path) -> Path:
    fast = {**make.ACC, "rate": 416.0}
    sensors = {
        "CHIP": [make.ACC, make.GYRO],
        "FAST": [fast],
        "ENV": [
            {"type": "PRESS", "unit": "hPa", "sensitivity": 1, "rate": 10.0, "axes": 1, "dtype": "float"}
        ],
    }
    files = {
        "CHIP_ACC": make.stream(make.counts(500), 100, 104.0),
        "CHIP_GYRO": make.stream(make.counts(500, seed=1), 100, 104.0),
        "FAST_ACC": make.stream(make.counts(2000, seed=2), 100, 416.0),
        "ENV_PRESS": make.stream(np.full((100, 1), 1013), 100, 10.0, code="<f4"),
    }
    return make.v1_folder(tmp_path / "two", sensors, files)


def test_several_sensors_are_listed(tmp_path: Path) -> None:
    folder = two_rates(tmp_path)
    with pytest.raises(DataError) as caught:
        read_log(folder)
    assert caught.value.message == "the log has 2 sensors: CHIP (104 Hz), FAST_ACC (416 Hz)"
    assert "--log-sensor CHIP" in caught.value.hint
    assert len(read_log(folder, ReadOptions(sensor="FAST_ACC"))[0]) == 2000
    with pytest.raises(
        DataError, match=r"no sensor 'SLOW' \(it has CHIP_ACC \(104 Hz\), .*FAST_ACC .*ENV_PRESS"
    ):
        read_log(folder, ReadOptions(sensor="SLOW"))
    with pytest.raises(ConfigError, match="2 sensors are chosen"):
        read_log(folder, ReadOptions(sensor="CHIP,FAST_ACC"))


def test_several_sensors_aligned(tmp_path: Path) -> None:
    (one,) = read_log(two_rates(tmp_path), ReadOptions(sensor="CHIP,FAST_ACC", align=True, align_hz=104.0))
    assert [c.name for c in one.channels][-3:] == [f"FAST_ACC_acc_{a}" for a in "xyz"]
    assert one.rate_hz == 104.0
    assert one.history == ("aligned at 104 Hz by time stamps, from CHIP 104 Hz, FAST_ACC 416 Hz",)


def test_other_sensors_are_left_out_and_named(tmp_path: Path) -> None:
    folder = make.v1_folder(
        tmp_path / "x",
        {
            "CHIP": [make.ACC],
            "MIC": [{"type": "MIC", "unit": "", "sensitivity": 1, "rate": 48000, "axes": 1}],
        },
        {
            "CHIP_ACC": make.stream(make.counts(200), 100, 104.0),
            "MIC_MIC": make.stream(make.counts(200, 1), 100, 48e3),
        },
    )
    assert "left out, as no motion sensor: MIC_MIC" in read_log(folder)[0].notes
    # and not read at all: a fault there is none here
    (folder / "MIC_MIC.dat").write_bytes(b"")
    assert len(read_log(folder)[0]) == 200
    with pytest.raises(DataError, match="the file is empty"):
        read_log(folder, ReadOptions(sensor="MIC_MIC"))


def test_tags_are_labels(tmp_path: Path) -> None:
    tags = [
        {"t": 0.5 + 1.0, "Label": "walk", "Enable": True},
        {"t": 0.5 + 2.0, "Label": "walk", "Enable": False},
        {"t": 0.5 + 3.0, "Label": "run", "Enable": True},
    ]
    folder = make.v1_folder(
        tmp_path / "x",
        {"C": [{**make.ACC, "per_block": 104}]},
        {"C_ACC": make.stream(make.counts(416), 104, 104.0)},
        tags,
    )
    spans = read_log(folder)[0].labels["label"]
    assert [(s.start, s.stop, s.label) for s in spans] == [(104, 208, "walk"), (312, 416, "run")]


def test_labels_by_folder(tmp_path: Path) -> None:
    for name in ("0_still/STWIN_00001", "1_run/20210128_14_49_37", "fan"):
        v1(tmp_path / "all" / name).rename(tmp_path / "all" / name / "tmp")
        folder = tmp_path / "all" / name
        for file in (folder / "tmp").iterdir():
            file.rename(folder / file.name)
        (folder / "tmp").rmdir()
    assert set(read_dataset([tmp_path / "all"]).label_set()) == {"still", "run", "fan"}


def test_a_late_block_leaves_a_gap(tmp_path: Path) -> None:
    values = make.counts(400)
    data = bytearray(make.stream(values, 100, 100.0))
    for k in (2, 3):
        at = k * 608 + 600
        (stamp,) = struct.unpack_from("<d", data, at)
        struct.pack_into("<d", data, at, stamp + 3.0)
    folder = make.v1_folder(tmp_path / "x", {"C": [{**make.ACC, "rate": 100.0}]}, {"C_ACC": bytes(data)})
    first, second = read_log(folder)
    assert (len(first), len(second)) == (200, 200)
    assert second.time_s is not None
    assert np.allclose(second.time_s, 0.5 + 2 + 3 + np.arange(200) / 100)
    assert any("1 block(s) came late" in note for note in first.notes)


# ---------------------------------------------------------------- second generation


def v2(
    tmp_path: Path,
    lost: tuple[int, ...] = (),
    samples: int = 520,
    size: int = 100,
    info: dict[str, Any] | None = None,
    **more: Any,
) -> Path:
    told = make.v2_component(**more)
    block = told["samples_per_ts"]
    data = make.stream(make.counts(samples), block["val"] if isinstance(block, dict) else block, 104.0)
    kept = [p for i, p in enumerate(make.packets(data, size)) if i not in lost]
    return make.v2_folder(tmp_path / "x", {"chip_acc": told}, {"chip_acc": b"".join(kept)}, info)


USB = {"interface": 1, "start_time": "2024-01-01T00:00:00.000Z", "tags": []}


def test_v2_samples_and_times(tmp_path: Path) -> None:
    folder = v2(tmp_path, info=USB)
    assert detect(folder) == "hsdatalog-v2"
    (one,) = read_log(folder)
    assert one.samples.tolist() == (make.counts(520) * 0.000122).tolist()
    assert one.time_s is not None
    assert np.allclose(one.time_s, 0.5 + np.arange(520) / 104.0, rtol=0, atol=1e-9)
    assert one.channels[0].unit == "g"


@pytest.mark.parametrize("info", [USB, None, {"interface": 0}])
def test_v2_packet_size_by_interface_or_by_the_counters(tmp_path: Path, info: dict[str, Any] | None) -> None:
    size = 512 if info and info["interface"] == 0 else 100
    (one,) = read_log(v2(tmp_path, size=size, info=info))
    assert one.samples.tolist() == (make.counts(520) * 0.000122).tolist()


def test_v2_lost_packets_are_gaps(tmp_path: Path) -> None:
    # packets of 100 bytes in blocks of 300 + 8: any sample touched by a lost byte is left out, no other
    lost = (5, 6, 20)
    found = read_log(v2(tmp_path, lost=lost, info=USB))
    assert len(found) == 3
    missing = {b for p in lost for b in range(100 * p, 100 * p + 100)}
    whole = [
        i
        for i in range(520)
        if not missing & set(range(i // 50 * 308 + i % 50 * 6, i // 50 * 308 + i % 50 * 6 + 6))
    ]
    values = np.concatenate([r.samples for r in found])
    times = np.concatenate([r.time_s for r in found if r.time_s is not None])
    assert values.tolist() == (make.counts(520)[whole] * 0.000122).tolist()
    assert np.allclose(times, 0.5 + np.array(whole) / 104.0, rtol=0, atol=1e-6)
    assert any("3 packets (300 bytes) are lost in 2 place(s)" in note for note in found[0].notes)


def test_v2_counters_wrap(tmp_path: Path) -> None:
    # blocks of 20 samples are 128 bytes with their stamp, and so are the packets
    folder = v2(tmp_path, samples_per_ts=20, usb_dps=128, info=USB)
    parts = make.packets(make.stream(make.counts(300), 20, 104.0), 128, (1 << 32) - 128 * 4)
    (folder / "chip_acc.dat").write_bytes(b"".join(parts))
    (one,) = read_log(folder)
    assert one.samples.tolist() == (make.counts(300) * 0.000122).tolist()
    (folder / "chip_acc.dat").write_bytes(b"".join(parts[:3] + parts[5:]))
    assert [len(r) for r in read_log(folder)] == [60, 200]


@pytest.mark.parametrize(
    ("kind", "sensitivity", "unit"), [("gyro", 0.07, "dps"), ("gyro", 70.0, "mdps"), ("mag", 0.0015, "G")]
)
def test_v2_units_by_sensitivity(tmp_path: Path, kind: str, sensitivity: float, unit: str) -> None:
    told = make.v2_component(sensitivity=sensitivity)
    data = b"".join(make.packets(make.stream(make.counts(100), 50, 104.0), 100))
    folder = make.v2_folder(tmp_path / "x", {f"chip_{kind}": told}, {f"chip_{kind}": data}, USB)
    (one,) = read_log(folder)
    assert one.channels[0].unit == unit
    assert any(f"it is {unit}" in note for note in one.notes)


def test_v2_without_time_stamps(tmp_path: Path) -> None:
    (one,) = read_log(v2(tmp_path, samples_per_ts=0, info=USB))
    assert one.time_s is None
    assert (len(one), one.rate_hz) == (520, 104.0)
    # an index in a list of rates is no rate
    folder = v2(tmp_path / "b", samples_per_ts={"val": 0}, measodr=0, odr=7, info=USB)
    assert read_log(folder)[0].rate_hz is None


def test_v2_tags(tmp_path: Path) -> None:
    tags = [
        {"l": "run", "e": True, "ta": "2024-01-01T00:00:01.500Z"},
        {"l": "run", "e": False, "ta": "2024-01-01T00:00:02.500Z"},
    ]
    (one,) = read_log(v2(tmp_path, info={**USB, "tags": tags}))
    assert [(s.start, s.stop, s.label) for s in one.labels["label"]] == [(104, 208, "run")]


def test_v2_tags_without_time_stamps(tmp_path: Path) -> None:
    tags = [{"l": "run", "e": True, "t": 1.0}, {"l": "run", "e": False, "t": 2.0}]
    (one,) = read_log(v2(tmp_path / "a", samples_per_ts=0, info={**USB, "tags": tags}))
    assert [(s.start, s.stop, s.label) for s in one.labels["label"]] == [(104, 208, "run")]
    (one,) = read_log(v2(tmp_path / "b", samples_per_ts=0, measodr=0, info={**USB, "tags": tags}))
    assert "label" not in one.labels
    assert "tags are left out, as neither times nor a rate are known" in one.notes


def edit(path: Path, change: Callable[[Any], None]) -> None:
    data = json.loads(path.read_text().rstrip("\0"))
    change(data)
    path.write_text(json.dumps(data))


def status(data: Any) -> Any:
    return data["device"]["sensor"][0]["sensorStatus"]["subSensorStatus"][0]


def about(data: Any) -> Any:
    return data["device"]["sensor"][0]["sensorDescriptor"]["subSensorDescriptor"][0]


V1_FAULTS: list[tuple[Callable[[Any], None], str]] = [
    (lambda d: d.pop("device"), "device must be a map"),
    (lambda d: d["device"].update(sensor=3), "device.sensor must be a list"),
    (lambda d: d["device"].update(sensor=[]), "names no active sensor with samples"),
    (lambda d: d["device"]["sensor"].append("x"), r"device.sensor\[1\] must be a map"),
    (lambda d: d["device"]["sensor"][0].pop("name"), "name is missing"),
    (lambda d: d["device"]["sensor"][0].update(name="../x"), "must be a short text"),
    (lambda d: d["device"]["sensor"][0].pop("sensorStatus"), "sensorStatus must be a map"),
    (lambda d: status(d).update(isActive=False), "names no active sensor"),
    (lambda d: status(d).update(samplesPerTs=-1), "samplesPerTs must be a whole number"),
    (lambda d: status(d).update(samplesPerTs=1.5), "samplesPerTs must be a whole number"),
    (lambda d: status(d).update(samplesPerTs=1 << 40), "samplesPerTs must be a whole number"),
    (lambda d: status(d).pop("samplesPerTs"), "samplesPerTs is missing"),
    (lambda d: status(d).update(sensitivity="x"), "sensitivity must be a number"),
    (lambda d: status(d).update(sensitivity=float("nan")), "sensitivity must be a number"),
    (lambda d: status(d).update(samplesPerTs=70), "time stamp of block 1 of CHIP_ACC"),
    (lambda d: about(d).update(dimensions=0), "dimensions must be a whole number from 1 to 64"),
    (lambda d: about(d).update(dataType="int12"), "dataType is 'int12'; known are"),
    (lambda d: about(d).update(unit="furlong"), "unknown unit 'furlong'"),
    (lambda d: about(d).update(unit=["g"]), "unit must be a short text"),
]


@pytest.mark.parametrize(("change", "message"), V1_FAULTS)
def test_v1_faults_in_the_configuration(tmp_path: Path, change: Callable[[Any], None], message: str) -> None:
    folder = v1(tmp_path)
    edit(folder / "DeviceConfig.json", change)
    with pytest.raises(DataError, match=message) as caught:
        read_log(folder)
    assert str(folder) in caught.value.where


def test_v1_faults_in_the_files(tmp_path: Path) -> None:
    folder = v1(tmp_path)
    data = folder / "CHIP_ACC.dat"
    whole = data.read_bytes()
    # cut anywhere: every whole sample before the cut, or one message
    for cut in (1, 5, 6, 300, 600, 603, 608, 613, 1216, 1300):
        data.write_bytes(whole[:cut])
        samples = cut // 608 * 100 + min(cut % 608 // 6, 100)
        if samples:
            assert sum(map(len, read_log(folder))) == samples
        else:
            with pytest.raises(DataError, match="not one whole sample") as caught:
                read_log(folder)
            assert caught.value.where == str(data)
    data.write_bytes(b"")
    with pytest.raises(DataError, match="the file is empty"):
        read_log(folder)
    data.write_bytes(whole[:600] + struct.pack("<d", float("nan")) + whole[608:])
    with pytest.raises(DataError, match="time stamp of block 1 of CHIP_ACC is nan"):
        read_log(folder)
    infinite = struct.pack("<d", float("inf"))
    data.write_bytes(whole[:600] + infinite + whole[608:1208] + infinite + whole[1216:])
    with pytest.raises(DataError, match="time stamp of block 1 of CHIP_ACC is inf"):
        read_log(folder)
    data.write_bytes(whole[:600] + struct.pack("<d", 99.0) + whole[608:])
    with pytest.raises(DataError, match="time stamp of block 2 of CHIP_ACC runs backwards"):
        read_log(folder)
    data.unlink()
    with pytest.raises(DataError, match=r"names no active sensor with samples \(missing: CHIP_ACC.dat\)"):
        read_log(folder)
    (folder / "DeviceConfig.json").write_text('{"device": ')
    with pytest.raises(DataError, match="this is no JSON") as caught:
        read_log(folder)
    assert caught.value.where.endswith("DeviceConfig.json:1:11")
    (folder / "DeviceConfig.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match="cannot be read"):
        read_log(folder)


def test_a_file_without_its_configuration(tmp_path: Path) -> None:
    folder = v1(tmp_path)
    (folder / "DeviceConfig.json").unlink()
    with pytest.raises(DataError, match="no logs in the folder") as caught:
        read_dataset([folder])
    assert "DeviceConfig.json or device_config.json" in caught.value.hint
    with pytest.raises(DataError, match="raw HSDatalog data, not text") as caught:
        read_log(folder / "CHIP_ACC.dat")
    assert "whole HSDatalog folder" in caught.value.hint


def test_v2_faults(tmp_path: Path) -> None:
    folder = v2(tmp_path, info=USB)
    data = folder / "chip_acc.dat"
    whole = data.read_bytes()
    data.write_bytes(whole[:104] + struct.pack("<I", 150) + whole[108:])
    with pytest.raises(DataError, match="packet 2 has counter 150, which does not follow 0") as caught:
        read_log(folder)
    assert caught.value.where == f"{data}, byte 104"
    data.write_bytes(struct.pack("<I", 7) + whole[4:])
    with pytest.raises(DataError, match="first counter is 7"):
        read_log(folder)
    data.write_bytes(whole[:104] * 2)
    with pytest.raises(DataError, match="packet 2 has counter 0, which does not follow 0"):
        read_log(folder)
    data.write_bytes(b"abc")
    with pytest.raises(DataError, match="too short for one packet"):
        read_log(folder)
    data.write_bytes(whole)
    edit(folder / "acquisition_info.json", lambda d: d.update(interface=9))
    with pytest.raises(DataError, match="interface must be a whole number from 0 to 3"):
        read_log(folder)
    edit(folder / "acquisition_info.json", lambda d: d.update(interface=2))
    with pytest.raises(DataError, match="ble_dps is missing"):
        read_log(folder)
    edit(folder / "device_config.json", lambda d: d.update(devices=[]))
    with pytest.raises(DataError, match="devices is empty"):
        read_log(folder)
