"""Every recording of the other data sets opens with all its samples, through the one sniffer.

Samples are counted without the readers: lines that start with a number, or numbers in brackets.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

from sensorai.errors import UserError
from sensorai.formats import ReadOptions, detect, inspect, read_dataset, read_log, read_mapping
from tests.conftest import REPO

MAPPINGS = REPO / "docs" / "mappings"


class Case(NamedTuple):
    """One set of files of one data set, and how it is read."""

    name: str
    pattern: str
    options: ReadOptions
    mapping: str
    sensor: str | None
    counted: Callable[[Path, str | None], int]


class Row(NamedTuple):
    """Outcome for one case: files that hold the sensor, samples read and counted, and what was said."""

    name: str
    reader: str
    files: int
    opened: int
    samples: int
    counted: int
    groups: int
    labels: int
    rate: str
    said: str

    @property
    def right(self) -> bool:
        """Whether everything is there."""
        return self.files == self.opened > 0 and self.samples == self.counted > 0


def text_of(path: Path) -> str:
    """Text of a file, compressed or not."""
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("latin-1")


@cache
def number_lines(path: Path, _: str | None) -> int:
    """Lines that start with a number or a sign."""
    return sum(line[:1] in tuple("0123456789-") and line.strip() != "" for line in text_of(path).split("\n"))


def bracketed(path: Path, _: str | None) -> int:
    """Samples of an Edge Impulse file: closing brackets of the values, less the outer one."""
    return text_of(path).partition('"values"')[2].count("]") - 1


#: Places of UMAFall by the number of the sensor.
PLACES = {"RIGHTPOCKET": 0, "CHEST": 1, "WAIST": 2, "WRIST": 3, "ANKLE": 4}


@cache
def _ends(path: Path) -> Counter[str]:
    """How often lines end with these four characters."""
    return Counter(line.rstrip()[-4:] for line in text_of(path).split("\n"))


def accelerometer_lines(path: Path, place: str | None) -> int:
    """Lines of one accelerometer of UMAFall."""
    return _ends(path)[f";0;{PLACES[str(place)]}"]


CASES = (
    Case("ceiling-fan", "ceiling-fan/*/*.csv", ReadOptions(), "ceiling-fan.toml", None, number_lines),
    Case(
        "ceiling-fan, --header",
        "ceiling-fan/*/*.csv",
        ReadOptions(header="acc_x[g],acc_y[g],acc_z[g]", rate_hz=200.0),
        "",
        None,
        number_lines,
    ),
    Case("wand-gestures", "wand-gestures/*/*.csv.gz", ReadOptions(), "", None, number_lines),
    Case(
        "wand-gestures, mapping",
        "wand-gestures/*/*.csv.gz",
        ReadOptions(),
        "wand-gestures.toml",
        None,
        number_lines,
    ),
    Case("sp-sw-har", "sp-sw-har/s*/*.csv.gz", ReadOptions(), "", None, number_lines),
    Case("sp-sw-har, mapping", "sp-sw-har/s*/*.csv.gz", ReadOptions(), "sp-sw-har.toml", None, number_lines),
    Case("seglearn-watch", "seglearn-watch/S*.csv.gz", ReadOptions(), "", None, number_lines),
    Case(
        "edge-impulse-gestures",
        "edge-impulse-gestures/training/*.json",
        ReadOptions(),
        "",
        None,
        bracketed,
    ),
    *(
        Case(f"umafall, {place}", "umafall/*/*.csv.gz", ReadOptions(), "", place, accelerometer_lines)
        for place in PLACES
    ),
)


def check(shared: Path, case: Case) -> Row:
    """Read every file of one case."""
    files = sorted((shared / "data").glob(case.pattern))
    options = case.options
    if case.mapping:
        options = replace(options, mapping=read_mapping(MAPPINGS / case.mapping))
    opened = held = samples = counted = 0
    groups, labels, rates, said = set(), set(), [], set()
    for file in files:
        there = case.counted(file, case.sensor)
        held += there > 0
        counted += there
        try:
            recordings = read_dataset([file], replace(options, sensor=case.sensor)).recordings
        except UserError as error:
            # a sensor that gave nothing is not there
            if there or not error.message.startswith(f"the log has no sensor {case.sensor!r}"):
                said.add(str(error))
            continue
        opened += 1
        samples += sum(map(len, recordings))
        groups |= {r.group for r in recordings}
        rates += [r.rate_hz for r in recordings if r.rate_hz]
        for r in recordings:
            labels |= {span.label for span in r.labels.get("label", ())}
            said |= {note for note in inspect(r).notes if "the values look like" in note}
    span = f"{min(rates):.4g}..{max(rates):.4g}" if rates else ""
    return Row(
        case.name,
        "mapping" if case.mapping else detect(files[0]) if files else "",
        held,
        opened,
        samples,
        counted,
        len(groups),
        len(labels),
        span,
        min(said, default=""),
    )


def rows(shared: Path) -> list[Row]:
    """One row for each case."""
    return [check(shared, case) for case in CASES]


@cache
def jitter(shared: Path) -> tuple[int, int, int]:
    """Repeated time stamps of sp-sw-har's phones before and after alignment, and samples after it."""
    before = after = count = 0
    for file in sorted((shared / "data/sp-sw-har/s01").glob("*_sp.csv.gz")):
        before += sum(inspect(r).repeats for r in read_log(file))
        for r in read_log(file, ReadOptions(align=True, align_hz=100.0)):
            after += inspect(r).repeats
            count += len(r)
    return before, after, count


def print_table(shared: Path, table: list[Row] | None = None) -> bool:
    """Print the table (of rows already made, if given); True when every file came out right."""
    table = rows(shared) if table is None else table
    print("Data sets: files opened, samples read and counted without the readers")
    print(
        f"{'data set':<26} {'reader':<18} {'opened/files':>12} {'samples/counted':>17} {'groups':>6} "
        f"{'labels':>6}  rate Hz"
    )
    for one in table:
        mark = "" if one.right else "  WRONG"
        print(
            f"{one.name:<26} {one.reader:<18} {f'{one.opened}/{one.files}':>12} "
            f"{f'{one.samples}/{one.counted}':>17} {one.groups:>6} {one.labels:>6}  {one.rate}{mark}"
        )
        if one.said:
            print(f"  says: {one.said}")
    before, after, count = jitter(shared)
    print(
        f"sp-sw-har, phones of one subject: {before} repeated time stamps, {after} after alignment to 100 Hz "
        f"({count} samples)"
    )
    return all(one.right for one in table) and after == 0
