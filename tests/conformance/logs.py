"""Every log in ST's reference material opens with all its samples."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sensorai.errors import DataError
from sensorai.formats import ReadOptions, detect, inspect, read_log

REFERENCE = Path("data/mlc-reference")
#: Raw HSDatalog folders and the text that ST's tools made of them, below ``HSDATALOG``.
HSDATALOG = REFERENCE / (
    "STMems_Machine_Learning_Core/configuration_examples/example_4_stwin_stble_unico/1_datalogs"
)
CONVERTED = {"Fan_fault": "fan_fault.txt", "Fan_off": "fan_off.txt", "Fan_on": "fan_onf.txt"}
#: Half of the last of the text's nine decimals, and what binary numbers of this size add to it.
DIGITS = 0.5e-9 + 1e-12


class Row(NamedTuple):
    """Outcome for one log: ``right`` is the verdict, the rest is what was found."""

    path: str
    reader: str
    samples: int
    channels: str
    rate: str
    right: bool
    message: str


def columns(path: Path) -> dict[tuple[float, ...], int]:
    """Columns of numbers in a file, found without the readers: lines that start with a number.

    The first row of a cut header counts. Cells that are no numbers count as NaN.
    """
    rows = []
    for line in path.read_text(encoding="latin-1").replace(",hum[0,", "\n0,").split("\n"):
        cells = line.strip().replace("\t", ",").split(",")
        if _float(cells[0]) == _float(cells[0]):
            rows.append([_float(cell) for cell in cells])
    return {column: i for i, column in enumerate(zip(*rows, strict=True))}


def _float(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def check(shared: Path, path: str, binary: bool) -> Row:
    """Open one log and compare it with its text, cell by cell; binary ones with the converted text."""
    file = shared / REFERENCE / path
    try:
        recordings = read_log(file, ReadOptions(short_rows="zero"))
    except DataError as error:
        return Row(path, "refused", 0, "", "", False, error.message)
    first = recordings[0]
    samples = sum(map(len, recordings))
    units = {c.sensor: c.unit for c in first.channels if c.sensor in first.sensors}
    channels = " ".join(f"{sensor}[{unit}]" for sensor, unit in units.items())
    rate = f"{first.rate_hz:.4g}" if first.rate_hz else ""
    right = bool(units) and len(recordings) == 1
    if binary:
        done = against_text(shared, file.parent.name)
        right = right and done.difference <= DIGITS and done.samples == samples
    else:
        # one recording, sensors with all axes, and every column of it stands in the file, value for value
        found = columns(file)
        right = right and all(tuple(column) in found for column in first.samples.T.tolist())
    inspect(first)
    return Row(path, detect(file), samples, channels, rate, right, "")


class Raw(NamedTuple):
    """One raw folder beside its text: rows of both, and the largest difference in them."""

    folder: str
    samples: int
    rows: int
    values: int
    difference: float


def against_text(shared: Path, folder: str) -> Raw:
    """Compare a raw HSDatalog folder with the text that ST's tool made of it.

    The text ends with the last block that has a time stamp; the raw file goes on.
    """
    (raw,) = read_log(shared / HSDATALOG / folder)
    (text,) = read_log(shared / HSDATALOG / CONVERTED[folder])
    count = len(text)
    if raw.channels != text.channels or count > len(raw):
        return Raw(folder, len(raw), count, 0, float("inf"))
    difference = float(np.abs(raw.samples[:count] - text.samples).max())
    return Raw(folder, len(raw), count, text.samples.size, difference)


def rows(shared: Path) -> list[Row]:
    """One row for each datalog of the manifest."""
    with (shared / REFERENCE / "MANIFEST.csv").open(newline="", encoding="utf-8") as file:
        manifest = [row for row in csv.DictReader(file) if row["kind"].startswith("datalog")]
    return [check(shared, row["path"], row["kind"] == "datalog-binary") for row in manifest]


def summary(table: list[Row]) -> list[tuple[str, str, str, int, int, str, str]]:
    """Sum up by folder, reader and channels: logs, of them right, samples, rates."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in table:
        folder = Path(row.path).parent
        # one folder per class, or "datalogs" below the name that matters
        parts = [p for p in folder.parts[1:] if p not in ("datalogs", "logs", "1_datalogs", "Logs")]
        key = ("new " if row.path.startswith("st-mems") else "old ") + "/".join(parts[1:3])
        groups.setdefault((key, row.reader, row.channels), []).append(row)
    out = []
    for (folder_name, reader, channels), members in groups.items():
        rates = sorted({m.rate for m in members if m.rate}, key=float)
        span = rates[0] if len(rates) == 1 else f"{rates[0]}..{rates[-1]}" if rates else ""
        right = sum(m.right for m in members)
        out.append(
            (folder_name, reader, channels, len(members), right, str(sum(m.samples for m in members)), span)
        )
    return out


def print_table(shared: Path, table: list[Row] | None = None) -> bool:
    """Print the table (of rows already made, if given); True when every log came out right."""
    table = rows(shared) if table is None else table
    print("Logs: every datalog of mlc-reference opens with all samples")
    print(f"{'folder':<62} {'reader':<12} {'channels':<32} {'right/logs':>10} {'samples':>8}  rate Hz")
    for folder, reader, channels, logs, right, samples, rate in summary(table):
        print(f"{folder[:62]:<62} {reader:<12} {channels:<32} {f'{right}/{logs}':>10} {samples:>8}  {rate}")
    for row in table:
        if not row.right:
            print(f"WRONG {row.path}: {row.message or f'{row.samples} samples, {row.channels}'}")
    opened = [row for row in table if row.reader != "refused"]
    right, samples_read = sum(row.right for row in table), sum(row.samples for row in opened)
    print(
        f"total: {right} of {len(table)} right; {len(opened)} opened ({samples_read} samples, every value "
        f"equal to the text), {len(table) - len(opened)} refused"
    )
    print("\nraw HSDatalog beside the text that ST's tool made of it (nine decimals, whole blocks only)")
    print(f"{'folder':<12} {'samples':>8} {'text rows':>10} {'values':>8} {'largest difference':>20}")
    for one in (against_text(shared, folder) for folder in CONVERTED):
        right += one.difference <= DIGITS
        print(f"{one.folder:<12} {one.samples:>8} {one.rows:>10} {one.values:>8} {one.difference:>20.1e}")
    return right == len(table) + len(CONVERTED)
