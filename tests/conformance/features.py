"""Section 3: every published feature table against ours, bit for bit and character for character."""

from __future__ import annotations

import csv
import functools
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sensorai.formats import ReadOptions, read_log
from sensorai.mlc import half
from sensorai.mlc.arff import read_arff
from sensorai.mlc.config import THRESHOLD_KINDS, Feature, Filter, MlcConfig, Source
from sensorai.mlc.features import tables
from sensorai.recording import Channel, Recording

OLD = "STMems_Machine_Learning_Core"
NEW = "st-mems-machine-learning-core"
EXAMPLES = f"{OLD}/configuration_examples"
TUTORIALS = f"{NEW}/tutorials"

#: ST's feature names of both generations of tools.
KINDS = {
    "MEAN": "MEAN",
    "VAR": "VARIANCE",
    "VARIANCE": "VARIANCE",
    "ENERGY": "ENERGY",
    "PeakToPeak": "PEAK_TO_PEAK",
    "PEAK_TO_PEAK": "PEAK_TO_PEAK",
    "ZeroCross": "ZERO_CROSSING",
    "PositiveZeroCross": "POSITIVE_ZERO_CROSSING",
    "NegativeZeroCross": "NEGATIVE_ZERO_CROSSING",
    "PeaKDet": "PEAK_DETECTOR",
    "PosPeaKDet": "POSITIVE_PEAK_DETECTOR",
    "NegPeaKDet": "NEGATIVE_PEAK_DETECTOR",
    "MIN": "MINIMUM",
    "MINIMUM": "MINIMUM",
    "MAX": "MAXIMUM",
    "MAXIMUM": "MAXIMUM",
}
SENSORS = {"ACC": "acc", "A": "acc", "GY": "gyro", "MAG": "ext"}
NAME = re.compile(r"F\d+_(ABS_)?(.+?)(_on)?(_filter_(?:BP|DIFF)_on)?_(ACC|A|GY|MAG)_(X|Y|Z|V|V2)$")


@dataclass(frozen=True)
class Example:
    """One published table and how ST's tool of its time made it."""

    name: str
    arff: str
    device: str
    window: int
    style: str
    logs: tuple[str, ...]
    filters: tuple[Filter, ...] = ()
    threshold: float = 0.0
    #: Samples at the start of each log that the tool did not read: where the first row stands on the cut
    #: header line it went with it.
    skipped: int = 0


def _bp(*coefficients: float) -> tuple[int, ...]:
    return tuple(half.nearest(c) for c in coefficients)


def examples(root: Path) -> list[Example]:
    """Return the tables in the shared folder; logs in the order in which the tool loaded them."""
    e8 = json.loads((root / EXAMPLES / "example_8_stedgeai/mlc_conf.json").read_text())
    t2 = f"{TUTORIALS}/2_datalogs_and_automatic_feature_selection"
    t4 = f"{TUTORIALS}/4_decision_tree"
    yoga = f"{EXAMPLES}/example_1_sensortilebox_stble_unico"
    fan = f"{EXAMPLES}/example_4_stwin_stble_unico"
    mag = f"{EXAMPLES}/example_5_profi_unico"
    weka = f"{EXAMPLES}/example_0_profi_unico_weka"
    script = f"{OLD}/tools/mlc_python_script/Logs"
    poses = (
        *("Boat Pose", "Bow Pose", "Bridge", "Child’s Pose", "Cobra Pose", "Downward-Facing Dog"),
        *("Meditation Pose", "Plank", "Seated Forward Bend", "Standing Moving", "Standing Still"),
        *("The Extended Side Angle", "The Tree", "Upward Plank"),
    )
    har = tuple(
        f"{t2}/datalogs/{folder}/{log.name}"
        for folder in ("0_stationary", "1_walking", "2_running", "3_cycling")
        for log in sorted((root / t2 / "datalogs" / folder).iterdir(), key=lambda p: (len(p.name), p.name))
    )
    hp, bp = Filter("HP", "acc", "V"), Filter("BP", "acc", "V2", _bp(-1.66, 0.81, 0.09))
    e8_logs = tuple(f"{EXAMPLES}/example_8_stedgeai/{d['filename']}" for d in e8["datalogs"])
    mag_logs = ("log1_no_magnetic_variation", "log2_magnetic_variation")
    gen_logs = tuple(f"{script}/{log}.txt" for log in ("still/log1", "walk/log2", "fastwalk/log3"))
    e8_arff = f"{EXAMPLES}/example_8_stedgeai/output/har_features.arff"
    gen_arff = f"{NEW}/tools/decision_tree_generator/matlab/features.arff"
    return [
        Example("ex0", f"{weka}/2_features.arff", "LSM6DSOX", 26, "unico",
                tuple(f"{weka}/1_Log{n}.txt" for n in ("1_FaceUp", "2_FaceDown", "3_Shaking")), (hp,)),
        Example("ex1", f"{yoga}/2_features/Yoga_Poses.arff", "LSM6DSOX", 52, "unico",
                tuple(f"{yoga}/1_datalogs/{p}{n}.csv" for p in poses for n in (" 2", "")), skipped=1),
        Example("ex4", f"{fan}/2_mlc_attributes/attributes.arff", "ISM330DHCX", 104, "unico",
                tuple(f"{fan}/1_datalogs/{n}.txt" for n in ("fan_off", "fan_onf", "fan_fault"))),
        Example("ex5", f"{mag}/2_features/features.arff", "LSM6DSOX", 52, "unico-b",
                tuple(f"{mag}/1_datalogs/{n}.txt" for n in mag_logs)),
        Example("ex8", e8_arff, "LSM6DSV16X", 60, "stedgeai", e8_logs, (bp,)),
        Example("gen", gen_arff, "LSM6DSOX", 52, "unico", gen_logs, (), 0.5),
        Example("tut2", f"{t2}/workspace/features.arff", "LSM6DSV16X", 70, "current", har),
        Example("tut4", f"{t4}/workspace_har/features.arff", "LSM6DSV16X", 70, "current",
                tuple(log.replace(t2, t4) for log in har)),
    ]  # fmt: skip


@functools.cache
def kept_files(root: Path) -> dict[str, str]:
    """Dropped copies by path, and the file that was kept for each."""
    with (root / "DUPLICATES.csv").open() as file:
        return {row["dropped"]: row["kept_file_with_same_content"] for row in csv.DictReader(file)}


@functools.cache
def recording(root: Path, path: str) -> Recording:
    """Read a log of the reference folder, wherever its content is kept."""
    (read,) = read_log(
        root / kept_files(root).get(path, path), ReadOptions(short_rows="zero", split_at_breaks=False)
    )
    return read


def configuration(example: Example, names: tuple[str, ...]) -> MlcConfig:
    """Turn attribute names into features."""
    features = []
    for name in names:
        match = NAME.match(name)
        assert match, name
        absolute, kind, _, filtered, sensor, axis = match.groups()
        source = Source(SENSORS[sensor], axis, 0 if filtered else None)
        threshold = half.nearest(example.threshold) if KINDS[kind] in THRESHOLD_KINDS else None
        features.append(Feature(KINDS[kind], source, bool(absolute), threshold))
    third = 1 if any(f.source.sensor == "ext" for f in features) else None
    return MlcConfig(
        example.device,
        example.window,
        26.0,
        ("acc", "gyro", "ext"),
        example.filters,
        tuple(features),
        (),
        {},
        third,
    )


def with_gyro(log: Recording) -> Recording:
    """Add a gyroscope that says 0, as the tool did for logs without one."""
    if "gyro" in log.sensors:
        return log
    zeros = np.zeros((len(log), 3))
    channels = (*log.channels, *(Channel(f"gyro_{a}", "dps") for a in "xyz"))
    return replace(log, samples=np.hstack([log.samples, zeros]), channels=channels)


Row = tuple[str, str, int, int, int]


def rows(shared: Path) -> list[Row]:
    """Return example, feature, rows equal in bits, in text, and rows, for every attribute of every table."""
    root = shared / "data" / "mlc-reference"
    out: list[Row] = []
    for example in examples(root):
        arff = root / kept_files(root).get(example.arff, example.arff)
        published = read_arff(arff)
        config = configuration(example, tuple(published.features))
        logs = [with_gyro(recording(root, path)).slice(example.skipped, 10**9) for path in example.logs]
        ours = np.concatenate([t.values for t in tables(config, logs, style=example.style)])
        texts = cells(arff)
        for i, name in enumerate(published.features):
            theirs = published.values[:, i]
            n = min(len(ours), len(theirs))
            # a printed number stands for the half nearest to it
            bits = half.values_to_bits(theirs[:n]) == half.values_to_bits(ours[:n, i])
            zero = (theirs[:n] == 0) & (ours[:n, i] == 0)
            text = [half.arff_text(v) == t[i] for v, t in zip(ours[:n, i].tolist(), texts, strict=False)]
            out.append((example.name, name, int((bits | zero).sum()), sum(text), max(len(ours), len(theirs))))
    return out


def cells(path: Path) -> list[list[str]]:
    """Return the data cells as they are printed."""
    text = path.read_text()
    data = text[text.lower().index("@data") + 5 :]
    return [[c.strip() for c in line.split(",")] for line in data.splitlines() if line.strip()]


def print_table(shared: Path) -> bool:
    """Print the table; True when every value is equal."""
    found = rows(shared)
    print(f"{'example':8s} {'feature':44s} {'bits':>7s} {'text':>7s} {'rows':>7s}")
    for name, feature, bits, text, n in found:
        print(f"{name:8s} {feature:44s} {bits:7d} {text:7d} {n:7d}{'' if bits == text == n else '  <--'}")
    total = sum(n for *_, n in found)
    bits, text = sum(r[2] for r in found), sum(r[3] for r in found)
    print(f"{'all':8s} {'':44s} {bits:7d} {text:7d} {total:7d}")
    return bits == text == total
