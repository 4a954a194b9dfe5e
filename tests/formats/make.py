"""Folders and files of other tools' formats, made by the letter of the facts and without our writers."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def counts(samples: int, axes: int = 3, seed: int = 0) -> Ints:
    """Random int16 readings, shape (samples, axes)."""
    return np.random.default_rng(seed).integers(-32768, 32768, (samples, axes))


def stream(values: Ints, per_block: int, rate: float, start: float = 0.5, code: str = "<i2") -> bytes:
    """Blocks of samples, each whole one with its time stamp behind it."""
    out = bytearray()
    for i in range(0, len(values), per_block or len(values)):
        block = values[i : i + (per_block or len(values))]
        out += block.astype(code).tobytes()
        if per_block and len(block) == per_block:
            out += struct.pack("<d", start + (i + per_block) / rate)
    return bytes(out)


def packets(data: bytes, size: int, first: int = 0) -> list[bytes]:
    """Cut a stream into packets that start with the counter of the bytes before."""
    return [
        struct.pack("<I", (first + i) % (1 << 32)) + data[i : i + size] for i in range(0, len(data), size)
    ]


def v1_sensor(name: str, parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One entry of ``device.sensor``; each part says type, unit, sensitivity, rate, samples per stamp."""
    about, state = [], []
    for i, part in enumerate(parts):
        axes = part.get("axes", 3)
        about.append(
            {
                "id": i,
                "sensorType": part["type"],
                "dimensions": axes,
                "dimensionsLabel": ["x", "y", "z"][:axes],
                "unit": part["unit"],
                "dataType": part.get("dtype", "int16_t"),
            }
        )
        state.append(
            {
                "ODR": part["rate"],
                "ODRMeasured": part.get("measured", part["rate"]),
                "initialOffset": part.get("start", 0.5),
                "FS": 2,
                "sensitivity": part["sensitivity"],
                "isActive": part.get("active", True),
                "samplesPerTs": part.get("per_block", 100),
                "usbDataPacketSize": 2048,
                "sdWriteBufferSize": 16384,
            }
        )
    return {
        "id": 0,
        "name": name,
        "sensorDescriptor": {"subSensorDescriptor": about},
        "sensorStatus": {"subSensorStatus": state},
    }


ACC = {"type": "ACC", "unit": "g", "sensitivity": 6.1e-05, "rate": 104.0}
GYRO = {"type": "GYRO", "unit": "mdps", "sensitivity": 8.75, "rate": 104.0}


def v1_folder(
    folder: Path,
    sensors: Mapping[str, Sequence[Mapping[str, Any]]],
    files: Mapping[str, bytes],
    tags: Sequence[Mapping[str, Any]] = (),
) -> Path:
    """Write a folder of the first generation."""
    folder.mkdir(parents=True)
    device = {"sensor": [v1_sensor(name, parts) for name, parts in sensors.items()]}
    (folder / "DeviceConfig.json").write_text(json.dumps({"device": device}))
    (folder / "AcquisitionInfo.json").write_text(json.dumps({"Name": "x", "Tags": list(tags)}))
    for name, data in files.items():
        (folder / f"{name}.dat").write_bytes(data)
    return folder


def v2_component(**more: Any) -> dict[str, Any]:
    """One sensor of ``device_config.json``, an accelerometer unless told otherwise."""
    return {
        "odr": 5,
        "fs": 3,
        "enable": True,
        "samples_per_ts": 50,
        "dim": 3,
        "ioffset": 0.5,
        "measodr": 104.0,
        "usb_dps": 100,
        "sd_dps": 516,
        "sensitivity": 0.000122,
        "data_type": "int16",
        "c_type": 0,
        "stream_id": 0,
        **more,
    }


def v2_folder(
    folder: Path,
    components: Mapping[str, Mapping[str, Any]],
    files: Mapping[str, bytes],
    info: Mapping[str, Any] | None = None,
) -> Path:
    """Write a folder of the second generation; ``info`` None leaves its file out."""
    folder.mkdir(parents=True)
    rest = [{"firmware_info": {"c_type": 2, "alias": "x"}}]
    device = {"board_id": 14, "fw_id": 7, "components": [*({n: c} for n, c in components.items()), *rest]}
    # the board ends its files with a zero byte
    (folder / "device_config.json").write_bytes(json.dumps({"devices": [device]}).encode() + b"\0")
    if info is not None:
        (folder / "acquisition_info.json").write_text(json.dumps(info))
    for name, data in files.items():
        (folder / f"{name}.dat").write_bytes(data)
    return folder


def acquisition(
    values: Any,
    names: Sequence[tuple[str, str]] = (("accX", "m/s2"), ("accY", "m/s2"), ("accZ", "m/s2")),
    **payload: Any,
) -> dict[str, Any]:
    """An acquisition of Edge Impulse before it is encoded."""
    return {
        "protected": {"ver": "v1", "alg": "HS256", "iat": 1},
        "signature": "ab" * 32,
        "payload": {
            "device_name": "03:72",
            "device_type": "DATA_FORWARDER",
            "interval_ms": 10,
            "sensors": [{"name": n, "units": u} for n, u in names],
            "values": values,
            **payload,
        },
    }


UMAFALL_HEAD = """% Universidad de Malaga
% Name: Subject_02
% Height(cm): 167
                                                    \t
% Type of Movement: ADL
% Type of Movement: FALSE
% Description of the movement: Aplausing
% MAC Address; Sensor_ID; Position; Device Model
%f8:95:c7:f3:ba:82; 0; RIGHTPOCKET; phone
%B0:B4:48:B8:77:03; 4; ANKLE; SensorTag
%C4:BE:84:71:A5:02; 2; WAIST; SensorTag

% TimeStamp; Sample No; X-Axis; Y-Axis; Z-Axis; Sensor Type; Sensor ID;
"""


def umafall(seconds: float = 2.0) -> str:
    """A phone at 200 Hz in bursts of four, a waist at 20 Hz with three kinds, an ankle that began late."""
    rows: list[tuple[float, str]] = []
    for i in range(int(200 * seconds)):
        rows.append((20.0 * (i // 4), f"{20 * (i // 4)};{i};0.1;0.2;{1 + i / 1000};0;0"))
    for place, start in ((2, 0), (4, 10)):
        for i in range(start, int(20 * seconds)):
            for kind in (0, 1, 2):
                at = 50 * i + 3 * kind
                rows.append((at, f"{at};{i};{kind}.5;{i};{-i};{kind};{place}"))
    return UMAFALL_HEAD + "\n".join(row for _, row in sorted(rows, key=lambda r: r[0])) + "\n"
