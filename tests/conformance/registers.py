"""Section 4: every published register file decoded, explained to the byte, and written again.

A row per configuration holds what was compared: bytes nobody can explain, pages and tree RAM after
re-encoding, the whole write list, the same again through the JSON description, identifiers and outputs
where the file has them, and what ``EXAMPLES.csv`` of the reference folder says of the file.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sensorai.errors import DataError
from sensorai.mlc.bus import replay
from sensorai.mlc.config import MlcConfig
from sensorai.mlc.decode import Decoded, decode
from sensorai.mlc.describe import as_dict, as_text, from_dict
from sensorai.mlc.devices import devices
from sensorai.mlc.encode import encode
from sensorai.mlc.labels import feature_name
from sensorai.mlc.regfile import read_register_file
from sensorai.regfile import RegisterFile

REFERENCE = Path("data", "mlc-reference")

#: Files that hold register writes but no MLC configuration: two FSM set-ups and one sensor set-up.
WITHOUT_MLC = ("lsm6dsox_fsm.ucf", "lsm6dsox_fsm_chkdt.ucf", "lsm6dsv16x_config.json")


@dataclass(frozen=True, slots=True)
class Row:
    """One configuration; None where the file holds nothing to compare."""

    path: str
    device: str
    generation: str
    style: str
    mlc_bytes: int
    nodes: int
    unknown: int
    pages: bool
    writes: bool
    described: bool
    identifiers: bool | None
    outputs: bool | None
    listed: bool | None

    @property
    def good(self) -> bool:
        """Whether everything that could be compared is equal."""
        equal = (self.pages, self.writes, self.described, self.identifiers, self.outputs, self.listed)
        return not self.unknown and False not in equal


def rows(shared: Path) -> list[Row]:
    """Every file of the reference folder that is a register file with an MLC configuration."""
    root = shared / REFERENCE
    with (root / "EXAMPLES.csv").open(newline="", encoding="utf-8") as file:
        listed = {line["file"]: line for line in csv.DictReader(file)}
    return [
        _row(path.relative_to(root).as_posix(), rf, decoded, listed)
        for path, rf, decoded in configurations(shared)
    ]


def configurations(shared: Path) -> list[tuple[Path, RegisterFile, Decoded]]:
    """Path, register file and meaning of every published configuration."""
    root, found = shared / REFERENCE, []
    for path in sorted(root.rglob("*")):
        if path.suffix not in (".ucf", ".json", ".h"):
            continue
        try:
            rf = read_register_file(path)
        except DataError:
            continue  # settings and recorder files; what holds writes is counted by the test
        if path.name not in WITHOUT_MLC:
            found.append((path, rf, decode(rf, None if rf.device else _device(path.relative_to(root)))))
    return found


def _device(path: Path) -> str:
    """Device that the folders name: two merged files do not say it themselves."""
    known = {one.name for one in devices()}
    return next(part.upper() for part in path.parts if part.upper() in known)


def _memory(rf: RegisterFile, decoded: Decoded) -> tuple[dict[int, int], dict[int, int]]:
    bus = replay(rf.ops, decoded.device.registers.bank)
    return {a: c.value for a, c in bus.pages.items()}, {a: c.value for a, c in bus.tree.items()}


def _row(path: str, rf: RegisterFile, decoded: Decoded, listed: dict[str, dict[str, str]]) -> Row:
    config = decoded.config
    again = encode(config, layout=decoded.layout)
    description, layout = from_dict(json.loads(json.dumps(as_dict(decoded))))
    through_json = encode(description, layout=layout)
    as_text(decoded)
    theirs = tuple((o.register_name, o.register, o.results) for o in rf.outputs if o.core == "MLC")
    ours = tuple((o.register_name, o.register, o.results) for o in again.outputs)
    return Row(
        path=path,
        device=config.device,
        generation=decoded.device.generation,
        style=decoded.layout.style,
        mlc_bytes=decoded.mlc_bytes,
        nodes=sum(len(one.tree) for one in config.trees),
        unknown=len(decoded.unknown),
        pages=_memory(again, decoded) == _memory(rf, decoded),
        writes=again.ops == rf.ops,
        described=through_json.ops == rf.ops and description == config,
        identifiers=again.identifiers == rf.identifiers if rf.identifiers else None,
        outputs=ours == theirs if theirs else None,
        listed=_summary(config) == _listed(listed[path]) if path in listed else None,
    )


def _summary(config: MlcConfig) -> tuple[str, ...]:
    """What ``EXAMPLES.csv`` says of a file, from the decoded configuration."""
    slots = {"acc": "Acc", "gyro": "Gyr", "ext": "Ext"}
    filters = ", ".join(f"{f.kind} on {slots[f.sensor]}_{f.component}" for f in config.filters)
    third = "AccHG" if config.third_sensor == 3 else "Ext"
    features = ", ".join(
        feature_name(config.filters, i, one, "current", third) for i, one in enumerate(config.features)
    )
    return (
        config.device,
        f"{config.mlc_rate_hz:g} Hz",
        str(config.window),
        filters,
        features,
        str(len(config.trees)),
    )


def _listed(line: dict[str, str]) -> tuple[str, ...]:
    return tuple(line[key] for key in ("device", "mlc_rate", "window", "filters", "features", "trees"))


def _ratio(values: list[bool | None]) -> str:
    there = [value for value in values if value is not None]
    return f"{sum(there)}/{len(there)}"


def print_table(shared: Path) -> bool:
    """Print a line per device and the totals; true when everything is equal."""
    found = rows(shared)
    groups = sorted({(row.generation, row.device) for row in found})
    head = ("gen", "device", "UCF", "JSON", "explained", "pages", "writes", "as JSON", "identif.", "outputs")
    print(
        f"{head[0]:4}{head[1]:15}"
        + "".join(f"{text:>10}" for text in (*head[2:], "listed", "bytes", "nodes"))
    )
    for generation, name in [*groups, ("", "total")]:
        some = [row for row in found if name in (row.device, "total")]
        cells: tuple[object, ...] = (
            sum(row.path.endswith(".ucf") for row in some),
            sum(row.path.endswith(".json") for row in some),
            _ratio([not row.unknown for row in some]),
            _ratio([row.pages for row in some]),
            _ratio([row.writes for row in some]),
            _ratio([row.described for row in some]),
            _ratio([row.identifiers for row in some]),
            _ratio([row.outputs for row in some]),
            _ratio([row.listed for row in some]),
            sum(row.mlc_bytes for row in some),
            sum(row.nodes for row in some),
        )
        print(f"{generation:4}{name:15}" + "".join(f"{cell!s:>10}" for cell in cells))
    styles = Counter(row.style for row in found)
    print("\nwrite styles: " + ", ".join(f"{name} {count}" for name, count in styles.most_common()))
    bad = [row for row in found if not row.good]
    for row in bad:
        print(f"NOT EQUAL  {row}")
    return not bad
