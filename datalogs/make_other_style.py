"""Make ``other-style/``: the movements of ``st-style/`` in formats that are no tables of samples.

Written by the letter of each format, not by the program's own writers, so that readers have something that
they did not make themselves.
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

from make_st_style import MOVEMENTS, STEP_MS, Row, movement, tenth, thousandths

from sensorai.files import write_bytes

HERE = Path(__file__).resolve().parent
#: Samples between two time stamps, bytes of a packet, and when the first sample was taken.
BLOCK, PACKET, START = 50, 128, 0.5
RATE = 1000 / STEP_MS

Files = dict[str, bytes]


def stream(rows: list[Row]) -> bytes:
    """Acceleration as counts of 1 mg, and the time behind every whole block."""
    out = bytearray()
    for k, row in enumerate(rows, 1):
        out += struct.pack("<3h", *row[:3])
        if k % BLOCK == 0:
            out += struct.pack("<d", START + k / RATE)
    return bytes(out)


def hsdatalog1(rows: list[Row], name: str) -> Files:
    """First generation: a configuration and one sensor."""
    about = {
        "id": 0,
        "sensorType": "ACC",
        "dimensions": 3,
        "dimensionsLabel": ["x", "y", "z"],
        "unit": "g",
        "dataType": "int16_t",
    }
    state = {
        "ODR": RATE,
        "ODRMeasured": RATE,
        "initialOffset": START,
        "FS": 16,
        "sensitivity": 0.001,
        "isActive": True,
        "samplesPerTs": BLOCK,
    }
    sensor = {
        "id": 0,
        "name": "NOCHIP",
        "sensorDescriptor": {"subSensorDescriptor": [about]},
        "sensorStatus": {"subSensorStatus": [state]},
    }
    config = {"JSONVersion": "1.0.0", "device": {"sensor": [sensor]}}
    info = {"Name": "synthetic", "Description": "recorded by nobody", "Tags": []}
    folder = "STWIN_00001"
    return {
        f"{folder}/DeviceConfig.json": json.dumps(config, indent=1).encode(),
        f"{folder}/AcquisitionInfo.json": json.dumps(info, indent=1).encode(),
        f"{folder}/NOCHIP_ACC.dat": stream(rows),
    }


def hsdatalog2(rows: list[Row], name: str) -> Files:
    """Second generation: packets with counters, and the configuration ends in a zero byte."""
    component = {
        "odr": 3,
        "fs": 3,
        "enable": True,
        "samples_per_ts": BLOCK,
        "dim": 3,
        "ioffset": START,
        "measodr": RATE,
        "usb_dps": PACKET,
        "sd_dps": 4 * PACKET,
        "sensitivity": 0.001,
        "data_type": "int16",
        "c_type": 0,
    }
    config = {"devices": [{"board_id": 0, "fw_id": 0, "components": [{"nochip_acc": component}]}]}
    info = {"interface": 1, "description": "synthetic, recorded by nobody", "tags": []}
    data = stream(rows)
    packets = (struct.pack("<I", i) + data[i : i + PACKET] for i in range(0, len(data), PACKET))
    folder = "20240101_00_00_00"
    return {
        f"{folder}/device_config.json": json.dumps(config, indent=1).encode() + b"\0",
        f"{folder}/acquisition_info.json": json.dumps(info, indent=1).encode(),
        f"{folder}/nochip_acc.dat": b"".join(packets),
    }


def acquisition(rows: list[Row]) -> dict[str, object]:
    """Edge Impulse's fields before they are encoded."""
    payload = {
        "device_name": "synthetic",
        "device_type": "NOBODY",
        "interval_ms": STEP_MS,
        "sensors": [{"name": f"acc{a}", "units": "g"} for a in "XYZ"],
        "values": [[v / 1000 for v in r[:3]] for r in rows],
    }
    return {"protected": {"ver": "v1", "alg": "none", "iat": 0}, "signature": "0" * 64, "payload": payload}


def edge_impulse(rows: list[Row], name: str) -> Files:
    """JSON, CBOR and CSV; the label is the name up to the first dot."""
    import cbor2

    label = name.partition("_")[2]
    lines = ["timestamp,accX,accY,accZ"]
    lines += [",".join([str(k * STEP_MS), *map(thousandths, r[:3])]) for k, r in enumerate(rows)]
    return {
        f"{label}.1.json": json.dumps(acquisition(rows)).encode(),
        f"{label}.2.cbor": cbor2.dumps(acquisition(rows)),
        f"{label}.3.csv": ("\n".join(lines) + "\n").encode(),
    }


def nanoedge(rows: list[Row], name: str) -> Files:
    """Four line buffers of 52 samples."""
    lines = [
        " ".join(thousandths(v) for r in rows[i : i + 52] for v in r[:3]) for i in range(0, len(rows), 52)
    ]
    return {"nanoedge.txt": ("\n".join(lines) + "\n").encode()}


def umafall(rows: list[Row], name: str) -> Files:
    """Two places: a phone that has the acceleration, a tag with a gyroscope too, at half the rate."""
    lines = [
        "% Synthetic, recorded by nobody",
        "% Name: nobody",
        "% Type of Movement: ADL",
        f"% Description of the movement: {name.partition('_')[2]}",
        "% MAC Address; Sensor_ID; Position; Device Model",
        "%00:00:00:00:00:00; 0; POCKET; none",
        "%00:00:00:00:00:01; 3; WRIST; none",
        "% TimeStamp; Sample No; X-Axis; Y-Axis; Z-Axis; Sensor Type; Sensor ID;",
    ]
    for k, r in enumerate(rows):
        acc, gyro = ";".join(map(thousandths, r[:3])), ";".join(map(tenth, r[3:]))
        lines.append(f"{k * STEP_MS};{k};{acc};0;0")
        if k % 2 == 0:
            lines += [f"{k * STEP_MS};{k // 2};{acc};0;3", f"{k * STEP_MS + 1};{k // 2};{gyro};1;3"]
    return {"umafall.csv": ("\n".join(lines) + "\n").encode()}


def main(folder: Path) -> None:
    """Write every movement in every format below ``folder``."""
    for seed, (name, period, mg, tenths, _) in enumerate(MOVEMENTS, 1):
        rows = movement(period, mg, tenths, seed)
        for make in (hsdatalog1, hsdatalog2, edge_impulse, nanoedge, umafall):
            for file, data in make(rows, name).items():
                write_bytes(folder / name / file, data)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "other-style")
