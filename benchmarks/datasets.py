"""Trees and nets on four sets of logs: ``python benchmarks/datasets.py [SET...]``.

Each line is one ``sensorai train --target stm32 --device stm32l4``: the same library call, with the same
defaults. Printed as a Markdown table: share of right windows of groups that training did not see, of what
the device runs and of the float model beside it; flash and RAM [compiled]; instructions per window
[emulated]; windows of the held-out logs that the C was compared in, equal in every bit.

Sets: ``har`` (shipped; by person), ``pamap2`` (ST's logs, of which the person is not known; by log),
``watch`` (sp-sw-har, watch on the wrist; by person), ``wand`` (gestures of one person; by recording). All
but ``har`` need the shared reference data (``SENSORAI_SHARED``). Also needed: JAX, gcc, arm-none-eabi-gcc and
Unicorn. Nothing is chosen by hand for a set: what differs is where labels, groups and the rate come from.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorai.errors import SensoraiError
from sensorai.experiment import Experiment
from sensorai.formats import ReadOptions, read_dataset
from sensorai.run import run

DEVICE = "stm32l4"
MODELS = (("tree", None), ("forest", None), ("mlp", "int8"), ("cnn", "int8"), ("mlp", "binary"))
#: Most that int8 may lose to the float net of the same shape, in points.
MOST_LOST = 1.0

HERE = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("SENSORAI_SHARED", HERE.parent / "shared")) / "data"
PAMAP2 = "mlc-reference/st-mems-machine-learning-core/tutorials/2_datalogs_and_automatic_feature_selection"


@dataclass(frozen=True, slots=True)
class Logs:
    """One set: which files, and what the files do not say themselves."""

    name: str
    folder: Path
    files: tuple[str, ...]
    reading: ReadOptions

    def paths(self) -> list[Path]:
        """Every file of the set; empty where the data is not here."""
        return sorted(path for pattern in self.files for path in self.folder.glob(pattern))


SETS = (
    Logs("har", HERE / "datalogs", ("har.csv",), ReadOptions()),
    # no rate in the logs: 30 Hz stands in ST's settings beside them
    Logs("pamap2", SHARED / PAMAP2 / "datalogs", ("*/*.csv",), ReadOptions(rate_hz=30.0)),
    # units as the README of each set says them
    Logs(
        "watch",
        SHARED / "sp-sw-har",
        ("*/*_sw.csv.gz",),
        ReadOptions(units={"acc": "m/s2", "gyro": "rad/s"}, group_path=r"(s\d\d)_\d\d_sw"),
    ),
    # without test/, which has no labels
    Logs(
        "wand",
        SHARED / "wand-gestures",
        ("negative/*.csv.gz", "flippendo/*.csv.gz", "wingardium/*.csv.gz"),
        ReadOptions(units={"gyro": "rad/s"}),
    ),
)


def row(logs: Logs, report: Mapping[str, Any], what: str) -> str:
    """One line of the table."""
    (classifier,) = report["classifiers"]
    right, wide = classifier["accuracy"]["integer"], classifier["accuracy"]["float"]
    cost, settings = report["cost"]["library"], report["settings"]
    levels = [level for level in report["proof"]["levels"] if "windows" in level]
    cells = [
        logs.name,
        what,
        str(report["choices"]["size"]["chosen"]),
        f"{settings['window']} at {settings['rate_hz']:g} Hz",
        f"{right.get('validation', float('nan')):.1%}",
        f"{right['test']:.1%}",
        f"{wide['test']:.1%}",
        f"{100 * (right['test'] - wide['test']):+.1f}",
        f"{classifier['held_out']['answer']['balanced_accuracy']:.1%}",
        "-" if cost is None else f"{cost['flash']:,}",
        "-" if cost is None else f"{cost['ram']:,}",
        "-" if cost is None else f"{cost['instructions_mean']:,.0f}",
        ", ".join(f"{level['windows']}" for level in levels) or "not run",
    ]
    return "| " + " | ".join(cells) + " |"


def main(wanted: Sequence[str]) -> int:
    """Train everything and print; exit code 1 when int8 loses more than a point anywhere, 2 on an error."""
    known = [one.name for one in SETS]
    for name in wanted:
        if name not in known:
            print(f"datasets: no set {name!r}; there are {', '.join(known)}", file=sys.stderr)
            return 2
    heads = (
        *("logs", "model", "size", "window", "validation", "held out", "float", "points", "balanced"),
        *("flash, B", "RAM, B", "instructions/window", "windows equal (host, emulated)"),
    )
    print("| " + " | ".join(heads) + " |")
    print("|" + " --- |" * 4 + " ---: |" * (len(heads) - 4))
    lost, notes = [], []
    for logs in SETS:
        if wanted and logs.name not in wanted:
            continue
        paths = logs.paths()
        if not paths:
            notes.append(f"{logs.name}: not here (set SENSORAI_SHARED)")
            continue
        try:
            dataset = read_dataset(paths, logs.reading)
            for model, precision in MODELS:
                asked = Experiment(
                    target="stm32", device=DEVICE, name="model", model=model, precision=precision
                )
                report = run(asked, dataset).report.figures
                print(row(logs, report, f"{precision} {model}" if precision else model), flush=True)
                accuracy = report["classifiers"][0]["accuracy"]
                points = 100 * (accuracy["integer"]["test"] - accuracy["float"]["test"])
                if precision != "binary" and points < -MOST_LOST:
                    lost.append(f"{logs.name}, {model}: {points:+.1f} points")
        except SensoraiError as error:
            print(f"datasets: {logs.name}: {error}", file=sys.stderr)
            return 2
        held = report["data"]
        notes.append(
            f"{logs.name}: {len(dataset)} recordings, {len(held['groups'])} groups, held out "
            f"{', '.join(held['test_groups'][:8])}{' ...' if len(held['test_groups']) > 8 else ''}; windows "
            f"to learn, choose, test: {', '.join(str(n) for n in held['windows'].values())}"
        )
    print()
    print("\n".join(f"- {note}" for note in notes))
    if lost:
        print(f"\nint8 loses more than {MOST_LOST:g} point to float: " + "; ".join(lost))
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
