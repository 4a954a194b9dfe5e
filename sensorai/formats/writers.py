"""The formats that ``convert`` writes beside our CSV: Parquet, MEMS Studio CSV, Edge Impulse JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from sensorai.errors import DataError, ToolMissing
from sensorai.files import write_text, write_with
from sensorai.formats.acquisition import LABELS, OURS
from sensorai.formats.readers.parquet import KEY
from sensorai.formats.write import (
    check_together,
    column_names,
    history,
    label_cells,
    label_columns,
    number,
)
from sensorai.recording import LABEL, SENSORS, Recording
from sensorai.writing import jsontext

#: Units of MEMS Studio's logs.
_MEMS_UNITS = {"acc": "mg", "acch": "mg", "gyro": "mdps", "mag": "mG"}
#: Characters of a file name; labels can be longer than file systems take.
_LONGEST_NAME = 60
#: Sensors in the names of Edge Impulse.
_EI_NAMES = {"acc": "acc", "acch": "acch", "gyro": "gyr", "mag": "mag"}


def write_parquet(path: Path, recordings: Sequence[Recording]) -> None:
    """Write recordings to one Parquet file, a row group each; columns as in our CSV.

    Rate and history are in the metadata of the schema under ``sensorai``.

    Raises
    ------
    DataError
        When the recordings cannot share a table.
    ToolMissing
        When pyarrow is absent.
    """
    check_together(recordings)
    if find_spec("pyarrow") is None:
        raise ToolMissing(
            "Parquet needs the package pyarrow", hint="pip install 'sensorai[parquet]', or write .csv"
        )
    import pyarrow as pa
    import pyarrow.parquet as pq

    first, labels, several = recordings[0], label_columns(recordings), len(recordings) > 1
    numbers = column_names(first)
    texts = [*labels, "subject", *(["recording"] if several else [])]
    told = {"rate_hz": first.rate_hz, "history": history(recordings)}
    kind = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema(
        [(name, pa.float64()) for name in numbers] + [(name, kind) for name in texts],
        metadata={KEY: json.dumps(told).encode()},
    )

    def fill(file: BinaryIO) -> None:
        with pq.ParquetWriter(file, schema) as out:
            for recording in recordings:
                count = len(recording)
                columns = [pa.array(c) for c in recording.samples.T.copy()]
                if recording.time_s is not None:
                    columns.insert(0, pa.array(recording.time_s))
                cells = [label_cells(recording, column) for column in labels]
                cells += [[one] * count for one in (recording.group, recording.name)[: 1 + several]]
                columns += [pa.array(c, type=pa.string()).dictionary_encode() for c in cells]
                out.write_table(pa.Table.from_arrays(columns, schema=schema))

    write_with(path, fill)


def stretches(recording: Recording) -> tuple[list[tuple[str, Recording]], int]:
    """Cut a recording into stretches of one label each, and count the samples that have none.

    A recording without any label is one stretch with an empty label.
    """
    spans = recording.labels.get(LABEL, ())
    if not spans:
        return [("", recording)], 0
    out = []
    for i, span in enumerate(spans):
        part = recording.slice(span.start, span.stop)
        name = recording.name if len(spans) == 1 else f"{recording.name}#{i + 1}"
        out.append((span.label, replace(part, name=name)))
    return out, len(recording) - sum(s.stop - s.start for s in spans)


def mems_studio_text(recording: Recording) -> tuple[str, list[str]]:
    """MEMS Studio's CSV of one recording, and the channels that it has no place for.

    Accelerometers are in mg, gyroscopes in mdps, magnetometers in mG; the rate and the history stand in
    the comment line.

    Raises
    ------
    DataError
        When no motion sensor has all its axes, or a unit is not known.
    """
    sensors = recording.sensors
    if not sensors:
        raise DataError(
            "MEMS Studio's logs hold motion sensors with three axes; this one has none",
            where=recording.source,
        )
    names, columns = [], []
    for sensor in sensors:
        spelled = {"acc": "acc_l" if "acch" in sensors else "acc", "acch": "acc_h"}.get(sensor, sensor)
        unit = _MEMS_UNITS[sensor]
        for axis in "xyz":
            names.append(f"{spelled}_{axis}[{unit}]")
            name = f"{sensor}_{axis}"
            same = recording.channels[recording.column(name)].unit == unit
            # 9 digits are more than any sensor has, and hide what converting leaves in the last ones
            values = recording.in_unit(name, unit).tolist()
            columns.append([number(v) if same else f"{v:.9g}" for v in values])
    facts = [f"rate_hz: {number(recording.rate_hz)}"] if recording.rate_hz else []
    facts += [f"done: {' '.join(one.split())}" for one in recording.history]
    lines = [f"# {' | '.join(facts)}"] if facts else []
    lines.append(",".join(names))
    lines += [",".join(row) for row in zip(*columns, strict=True)]
    left = [c.name for c in recording.channels if c.sensor not in sensors]
    return "\n".join(lines) + "\n", left


def edge_impulse_text(recording: Recording) -> str:
    """Edge Impulse's JSON of one recording: values and units as they are, no signature.

    The label stands in the file's name or in ``info.labels``, not in the text. Group, exact rate and
    history are in a field of our own inside the payload.

    Raises
    ------
    DataError
        When the rate is not known.
    """
    if not recording.rate_hz:
        raise DataError(
            "Edge Impulse needs the sample rate, which the log does not say",
            where=recording.source,
            hint="say it with --log-rate",
        )
    sensors = []
    for channel in recording.channels:
        name = channel.name
        if channel.sensor in SENSORS:
            sensor, _, axis = name.rpartition("_")
            name = f"{_EI_NAMES[sensor]}{axis.upper()}"
        sensors.append({"name": name, "units": channel.unit or "N/A"})
    payload = {
        "device_name": recording.group,
        "device_type": OURS,
        "interval_ms": 1000.0 / recording.rate_hz,
        "sensors": sensors,
        OURS: {"rate_hz": recording.rate_hz, "history": list(recording.history)},
    }
    head = {"protected": {"ver": "v1", "alg": "none", "iat": 0}, "signature": "0" * 64}
    start = jsontext.document({**head, "payload": payload}, indent=None).rstrip("\n")
    rows = ",\n".join(json.dumps(row) for row in recording.samples.tolist())
    # the values last, one sample a line
    return f'{start[:-2]}, "values": [\n{rows}\n]}}}}\n'


def file_name(text: str) -> str:
    """A name that every file system takes."""
    return re.sub(r"[^\w\-+]+", "_", text).strip("_")[:_LONGEST_NAME] or "log"


def write_mems_folder(folder: Path, recordings: Sequence[Recording]) -> list[str]:
    """Write a folder of MEMS Studio logs, one subfolder for each class; return notes."""
    notes: dict[str, None] = {}
    order: dict[str, int] = {}
    for recording in recordings:
        parts, without = stretches(recording)
        if without:
            notes.setdefault(f"{recording.name}: {without} samples without a label are left out")
        for label, part in parts:
            text, left = mems_studio_text(part)
            if left:
                notes.setdefault(f"left out, as MEMS Studio has no place for it: {', '.join(left)}")
            place = folder
            if label:
                place = folder / f"{order.setdefault(label, len(order))}_{file_name(label)}"
                if file_name(label) != label:
                    notes.setdefault(f"the label {label!r} is written as the folder {place.name}")
            write_text(free(place, file_name(part.name), ".csv"), text)
    return list(notes)


def write_edge_impulse_folder(folder: Path, recordings: Sequence[Recording]) -> list[str]:
    """Write a folder of Edge Impulse files with ``info.labels`` beside them; return notes."""
    notes: dict[str, None] = {}
    listed = []
    for recording in recordings:
        parts, without = stretches(recording)
        if without:
            notes.setdefault(f"{recording.name}: {without} samples without a label are left out")
        for label, part in parts:
            name = file_name(part.name)
            path = free(folder, f"{file_name(label)}.{name}" if label else name, ".json")
            write_text(path, edge_impulse_text(part))
            kind = {"type": "label", "label": label} if label else {"type": "unlabeled"}
            listed.append({"path": path.name, "name": name, "category": "training", "label": kind})
    write_text(folder / LABELS, jsontext.document({"version": 1, "files": listed}, indent=None))
    return list(notes)


def free(folder: Path, name: str, suffix: str) -> Path:
    """A path that is not taken yet: ``name``, else with a number behind it."""
    path = folder / f"{name}{suffix}"
    count = 1
    while path.exists():
        count += 1
        path = folder / f"{name}_{count}{suffix}"
    return path
