"""Detectors of anomalies over several sets of logs: ``python benchmarks/anomaly.py [SET...]``.

Each line is one ``sensorai train --task anomaly``: the same library call, with the same defaults. Printed as
Markdown tables: area under the curve of windows, of what the device runs and of the float model beside it;
false alarms on normal logs that training did not see; anomalies found, and the time to the alarm; flash, RAM
[compiled] and instructions per window [emulated]. Then the same features in scikit-learn's own detectors, and
emlearn's C where it is installed (``pip install --no-deps emlearn pybind11``).

Sets: ``fan`` (weight on a blade; the moved base is a normal state; its files are bursts of a second, of which
ten that follow one another are taken for a run, with a window a burst), ``fan-unseen`` (the same, but the
moved base was never learnt), ``st-fan`` and ``blower`` (ST's logs, one recording a state, so cut in time),
``falls-wrist``, ``falls-waist`` and ``falls-chest`` (UMAFall, by person; a whole file is labelled a fall, so
that the curve counts the quiet windows before and after it as misses). All are in the shared reference data
(``SENSORAI_SHARED``). Of ST's vibration monitoring that data holds no logs. Nothing is chosen by hand for a
set but what its files do not say, and the rate of false alarms, which is near the least that its short logs
can support.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from _peers.anomaly import peers_in_c, peers_in_float

from sensorai.errors import InternalError, SensoraiError
from sensorai.experiment import Experiment
from sensorai.formats import ReadOptions, read_dataset
from sensorai.learn import states
from sensorai.learn.normal import normal_windows
from sensorai.learn.states import STATE
from sensorai.mcu.backend import BACKEND
from sensorai.mlc.config import MlcConfig
from sensorai.model.detector import CLASSES, KINDS
from sensorai.recording import LABEL, Dataset, Recording, Span
from sensorai.road import Lesson
from sensorai.run import run
from sensorai.tasks.anomaly import TASK

HERE = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("SENSORAI_SHARED", HERE.parent / "shared")) / "data"
MLC = SHARED / "mlc-reference"
FAN4 = "STMems_Machine_Learning_Core/configuration_examples/example_4_stwin_stble_unico/1_datalogs"
BLOWER = "st-mems-machine-learning-core/examples/air_blower_state_recognition/iis2dulpx/datalogs"


@dataclass(frozen=True, slots=True)
class Logs:
    """One set: where, what the files do not say, which labels are normal, and most false alarms an hour."""

    name: str
    paths: tuple[Path, ...]
    reading: ReadOptions
    normal: str
    false_alarms: float
    unseen: str = ""
    burst: int = 0
    by_file: bool = False

    def read(self) -> tuple[Dataset, tuple[str, ...], tuple[str, ...]]:
        """Recordings, normal labels, and normal labels of the test alone."""
        dataset = read_dataset(list(self.paths), self.reading) if not self.reading.sensor else self._there()
        if self.burst:
            dataset = runs(dataset, self.burst)
        if self.by_file:
            # in one folder, where the name of the file is the state
            dataset = Dataset(
                tuple(replace(r, labels={LABEL: (Span(0, len(r), Path(r.source).stem),)}) for r in dataset)
            )
        labels = dataset.label_set()
        unseen = tuple(x for x in labels if self.unseen and self.unseen in x)
        if self.normal.startswith("not "):
            normal = tuple(x for x in labels if self.normal[4:] not in x.lower())
        else:
            normal = tuple(x for x in labels if any(n in x for n in self.normal.split("|")))
        if not 0 < len(normal) < len(labels):
            raise InternalError(f"{self.name}: {normal} of {labels} cannot be the normal labels")
        return dataset, tuple(x for x in normal if x not in unseen), unseen

    def _there(self) -> Dataset:
        """Recordings of the files in which the sensor gave something."""
        found: list[Recording] = []
        for path in sorted(file for folder in self.paths for file in folder.glob("*/*.csv.gz")):
            try:
                found += read_dataset([path], self.reading).recordings
            except SensoraiError as error:
                if not error.message.startswith(f"the log has no sensor {self.reading.sensor!r}"):
                    raise
        return Dataset(tuple(found))


_FAN = Logs(
    "fan",
    (SHARED / "ceiling-fan",),
    ReadOptions(rate_hz=200.0, header="acc_x,acc_y,acc_z", units={"acc": "g"}),
    "_0_weight",
    100.0,
    burst=200,
)
SETS = (
    _FAN,
    replace(_FAN, name="fan-unseen", unseen="moving"),
    Logs(
        "st-fan",
        tuple(MLC / FAN4 / name for name in ("Fan_on", "Fan_off", "Fan_fault")),
        ReadOptions(),
        "_on|_off",
        600.0,
    ),
    Logs("blower", (MLC / BLOWER,), ReadOptions(rate_hz=200.0), "off|low|high", 400.0, by_file=True),
    *(
        Logs(
            f"falls-{place.lower()}",
            (SHARED / "umafall",),
            ReadOptions(sensor=place, group_path=r"subject_(\d+)"),
            "not fall",
            40.0,
        )
        for place in ("WRIST", "WAIST", "CHEST")
    ),
)
#: How many times as often as the other normal states the moved base may be in alarm.
MOST_MOVED = 2
STM32: dict[str, Any] = {"target": "stm32", "device": "stm32l4"}
ISPU: dict[str, Any] = {"target": "ispu", "device": "lsm6dso16is"}


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table."""

    name: str
    target: str
    kind: str
    verdict: dict[str, Any]
    float_auc: float | None = None
    flash: int | None = None
    ram: int | None = None
    instructions: float | None = None
    learn: str = ""

    def text(self) -> str:
        """Return the row as Markdown."""
        found, false, curve = self.verdict["detection"], self.verdict["false_alarms"], self.verdict["curve"]
        auc = "" if curve is None else f"{curve['auc']:.3f}"
        share = f"{found['found']} of {found['anomalies']}"
        share += (
            "" if found["share"] is None else f" ({100 * found['low']:.0f} to {100 * found['high']:.0f} %)"
        )
        late = "" if found["delay_median_s"] is None else f"{found['delay_median_s']:.2g} s"
        alarms = f"{false['events']} in {60 * false['hours']:.1f} min, at most {false['high_per_hour']:.0f}/h"
        cells = [
            self.name,
            self.target,
            self.kind,
            auc,
            "" if self.float_auc is None else f"{self.float_auc:.3f}",
            alarms,
            share,
            late,
            *(f"{x:,.0f}" if x is not None else "" for x in (self.flash, self.ram, self.instructions)),
            self.learn,
        ]
        return f"| {' | '.join(cells)} |"


HEAD = (
    "| logs | target | kind | AUC | float | false alarms | found (95 %) | time to alarm | flash B | RAM B "
    "| instr./window | learn, freeze |\n|---|---|---|---:|---:|---|---|---:|---:|---:|---:|---|"
)


def main(wanted: list[str]) -> int:
    """Print the tables; 1 where a set could not be run."""
    status = 0
    print(HEAD)
    compared: list[str] = []
    for logs in SETS:
        if wanted and logs.name not in wanted:
            continue
        if not all(path.exists() for path in logs.paths):
            print(f"{logs.name}: not here (SENSORAI_SHARED)", file=sys.stderr)
            status = 1
            continue
        dataset, normal, unseen = logs.read()
        moved: list[str] = []
        for line in lines(logs, dataset, normal, unseen):
            print(line.text(), flush=True)
            if "fan" in logs.name and logs.name != "st-fan":
                moved.append(_moved(line))
        compared += beside(logs, dataset, normal, unseen)
        if moved:
            print(f"\n{logs.name}: share of windows in alarm, moved base beside the other normal states\n")
            print("\n".join(moved), end="\n\n" + HEAD + "\n")
    print("\nThe same features and windows in other tools\n")
    print("| logs | tool | AUC (float) | ours | ratio | flash B | ours | instr. | ours |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    print("\n".join(compared))
    return status


def runs(dataset: Dataset, burst: int, count: int = 10) -> Dataset:
    """Bursts of one state that follow one another, joined to runs of ``count``."""
    by_label: dict[str, list[Recording]] = {}
    for r in dataset:
        by_label.setdefault(r.labels[LABEL][0].label, []).append(r)
    out = []
    for label, some in by_label.items():
        ordered = sorted(some, key=lambda r: r.name)
        for i in range(0, len(ordered) - count + 1, count):
            samples = np.concatenate([r.samples[:burst] for r in ordered[i : i + count]])
            name = f"{label}/{i:04d}"
            labels = {LABEL: (Span(0, len(samples), label),)}
            out.append(
                replace(ordered[i], samples=samples, labels=labels, time_s=None, name=name, group=name)
            )
    return Dataset(tuple(out))


def lines(logs: Logs, dataset: Dataset, normal: tuple[str, ...], unseen: tuple[str, ...]) -> Iterator[Line]:
    """Every kind and target on one set."""
    for kind in KINDS:
        learn = kind == "mahalanobis"
        for where in (STM32, ISPU)[: 2 if kind == "gmm" else 1]:
            asked = _asked(logs, normal, unseen, model=kind, learn="on-device" if learn else "desk", **where)
            try:
                report = run(asked, dataset).report.figures
            except SensoraiError as error:
                print(f"| {logs.name} | {asked.target} | {kind} | {error.message} |")
                continue
            cost, taught = report["cost"]["library"], report["cost"]["learning"]
            more = "" if taught is None else f"{taught['learn']:,.0f}, {taught['freeze']:,}"
            near = report["alarms"]["float"]
            yield Line(
                logs.name,
                f"{asked.target} ({cost['core'].split(' ')[0]})",
                kind + (" (learns)" if learn else ""),
                report["alarms"],
                None if near is None else near["auc"],
                cost["flash"],
                cost["ram"],
                cost["instructions_mean"],
                more,
            )
    try:
        made = run(_asked(logs, normal, unseen, target="mlc", window=None, stride=None), dataset)
        yield Line(logs.name, "mlc", f"box, {_nodes(made.artifact.model)}", made.report.figures["alarms"])
    except SensoraiError as error:
        print(f"| {logs.name} | mlc | box | {error.message} |")
    yield from _classifiers(logs, dataset, (*normal, *unseen))


def _classifiers(logs: Logs, dataset: Dataset, normal: tuple[str, ...]) -> Iterator[Line]:
    """Known faults: normal or anomaly, told apart."""
    both = Dataset(
        tuple(replace(r, labels={LABEL: r.labels[STATE]}) for r in states.with_states(dataset, LABEL, normal))
    )
    asked = Experiment(task="anomaly", normal=CLASSES[:1], name="detector")
    burst = logs.burst or None
    try:
        report = run(asked.with_(model="mlp", window=burst, stride=burst, **STM32), both).report.figures
        cost, known = report["cost"]["library"], report["classifiers"][0]["accuracy"]["float"]["test"]
        yield Line(
            logs.name,
            "stm32 (cortex-m4)",
            f"known faults: mlp int8 (float right in {100 * known:.1f} % of windows)",
            report["alarms"],
            None,
            cost["flash"],
            cost["ram"],
            cost["instructions_mean"],
        )
        made = run(asked.with_(target="mlc", model="tree"), both)
        what = f"known faults: tree, {_nodes(made.artifact.model)}"
        yield Line(logs.name, "mlc", what, made.report.figures["alarms"])
    except SensoraiError as error:
        print(f"| {logs.name} | | known faults | {error.message} |")


def _nodes(config: MlcConfig) -> str:
    """What a tree takes of the core, which has no flash or RAM to spend."""
    return f"{sum(len(tree.tree.feature) for tree in config.trees)} nodes, {len(config.features)} features"


def _asked(logs: Logs, normal: tuple[str, ...], unseen: tuple[str, ...], **more: Any) -> Experiment:
    """Experiment on one set, with its rate of false alarms."""
    usual: dict[str, Any] = {"window": logs.burst or None, "stride": logs.burst or None}
    return Experiment(
        task="anomaly",
        name="detector",
        normal=normal,
        normal_unseen=unseen,
        false_alarms=f"{logs.false_alarms:g}/hour",
        **{**usual, **more},
    )


def _moved(line: Line) -> str:
    rows = line.verdict["false_alarms"]["by_label"]
    moved = [r for r in rows if "moving" in r["label"]]
    rest = [r for r in rows if "moving" not in r["label"]]

    def count(some: list[dict[str, Any]]) -> tuple[int, int]:
        return sum(r["windows_in_alarm"] for r in some), sum(r["windows"] for r in some)

    (alarms, windows), (others, all_others) = count(moved), count(rest)
    if not windows:
        return f"- {line.target}, {line.kind}: states of the fan are not told apart"
    holds = alarms * all_others <= MOST_MOVED * others * windows
    return (
        f"- {line.target}, {line.kind}: moved base {alarms} of {windows}, others {others} of {all_others}: "
        + ("at most" if holds else "more than")
        + f" {MOST_MOVED} times as often"
    )


def beside(logs: Logs, dataset: Dataset, normal: tuple[str, ...], unseen: tuple[str, ...]) -> list[str]:
    """Rows of other tools on the same windows and features."""
    asked = _asked(logs, normal, unseen, model="gmm", **STM32)
    parts = TASK.share(dataset, asked, None)
    prepared = BACKEND.prepare(parts.recordings, asked)
    parts = parts.of(prepared.dataset)
    if not isinstance(parts, states.Parts):
        raise InternalError("a detector has parts to learn, to calibrate and to test")
    learnt = normal_windows(Lesson(asked, prepared, parts, "detector"))
    before = len(parts.learn) + len(parts.calibrate)
    test = learnt.counted.rows(learnt.counted.recording >= before)
    return [*peers_in_float(logs.name, learnt, test), *peers_in_c(logs.name, learnt, test)]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main(sys.argv[1:]))
