"""What tells classes apart beside the movement: how the logs were recorded, or how the sensor was mounted.

A model that learns such a thing is right in every test on the same logs, and wrong on the device.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensorai.features.catalogue import IntFeature
from sensorai.formats.plausible import doubts
from sensorai.formats.resample import TOLERANCE
from sensorai.mlc.config import Feature
from sensorai.recording import SENSORS, UNITS, Dataset, FloatArray, Recording

#: Classes of one kind, and kinds, that a message lists.
SHOWN = 3
#: Samples of a recording that its resolution is taken from, and fewest different values for that.
ROWS, VALUES = 4000, 20
#: Resolutions closer than this are the same.
ALIKE = 1.1
#: Seconds of a piece whose mean acceleration is a direction of gravity.
PIECE = 1.0
#: Share of the pieces of a class that lie within its spread.
INSIDE = 0.95
#: Degrees between the spreads of two classes from which on gravity tells them apart.
APART = 10.0
#: Groups up to which a class may owe its direction of gravity to how the sensor happened to be mounted.
FEW = 2
#: Share of a tree's importance from which on features are said to decide alone.
ALONE = 0.9
#: Features of one axis that change where gravity is on another one.
ORIENTED = ("MEAN", "MINIMUM", "MAXIMUM", "ENERGY", "RMS")

Trait = Callable[[Recording], Hashable | None]


def about(dataset: Dataset, columns: Sequence[str]) -> list[str]:
    """Warnings about logs, before anything is learnt: units that gravity contradicts, and `confounded`."""
    return [*doubts(dataset), *confounded(dataset, columns)]


def confounded(dataset: Dataset, columns: Sequence[str]) -> list[str]:
    """Return what beside the movement tells classes of the logs apart, in words.

    Parameters
    ----------
    dataset : Dataset
        Recordings as they were read.
    columns : sequence of str
        Label columns that are learnt.
    """
    out: list[str] = []
    traits: tuple[tuple[str, Trait], ...] = (
        ("rate", _rates(dataset)),
        ("unit", _units),
        ("resolution (full scale)", _resolutions(dataset)),
        ("sensors", lambda r: ", ".join(r.sensors)),
        ("file format", lambda r: Path(r.source.removesuffix(".gz")).suffix.lower() or "a folder"),
    )
    for column in columns:
        for name, trait in traits:
            out += _told_by(dataset, column, name, trait)
        out += _told_by_gravity(dataset, column)
    return out


# ---------------------------------------------------------------- traits of recordings


def _told_by(dataset: Dataset, column: str, name: str, trait: Trait) -> list[str]:
    """Whether the values of a trait fall into kinds that share no class."""
    kinds: list[tuple[dict[str, None], dict[Hashable, None]]] = []
    for r in dataset:
        labels = {s.label: None for s in r.labels.get(column, ())}
        if not labels:
            continue
        value = trait(r)
        if value is None:
            return []
        joined = (labels, {value: None})
        apart = []
        for kind in kinds:
            if kind[0].keys() & joined[0].keys() or value in kind[1]:
                joined = (kind[0] | joined[0], kind[1] | joined[1])
            else:
                apart.append(kind)
        kinds = [*apart, joined]
    if len(kinds) < 2:
        return []
    said = [f"{_some([repr(x) for x in c])}: {_some([str(x) for x in v])}" for c, v in kinds]
    return [
        f"the {name} of the logs tells classes apart ({_some(said, '; ')}): a model may learn how they were "
        "recorded and not the movement. Record every class in the same way"
    ]


def _some(words: Sequence[str], between: str = ", ") -> str:
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return between.join(words[:SHOWN]) + more


def _clusters(values: Sequence[float], ratio: float) -> list[float]:
    """Upper ends of runs of values that follow each other closer than ``ratio``."""
    ordered = [*sorted(set(values)), np.inf]
    return [v for v, after in pairwise(ordered) if after > v * ratio]


def _rates(dataset: Dataset) -> Trait:
    """Rates that differ by more than clocks do."""
    tops = _clusters([r.rate_hz for r in dataset if r.rate_hz], 1 + TOLERANCE)
    return lambda r: f"{next(t for t in tops if r.rate_hz <= t):.4g} Hz" if r.rate_hz else None


def _units(recording: Recording) -> str:
    pairs = {c.sensor: c.unit for c in recording.channels if c.sensor in SENSORS}
    return ", ".join(f"{sensor} in {unit or 'none'}" for sensor, unit in pairs.items())


def _resolutions(dataset: Dataset) -> Trait:
    """Steps of the accelerometer in mg; None where the values lie on no grid."""
    steps = {r.name: _step(r) for r in dataset}
    tops = _clusters([s for s in steps.values() if s], ALIKE)

    def trait(r: Recording) -> str | None:
        step = steps[r.name]
        return f"{next(t for t in tops if step <= t):.3g} mg" if step else None

    return trait


def _step(recording: Recording) -> float | None:
    if "acc" not in recording.sensors:
        return None
    columns = [recording.column(f"acc_{a}") for a in "xyz"]
    units = {recording.channels[i].unit for i in columns}
    unit = units.pop()
    if units or unit not in UNITS:
        return None
    values = np.unique(recording.samples[:ROWS, columns])
    if len(values) < VALUES or not np.isfinite(values).all():
        return None
    gaps = np.diff(values)
    step = float(gaps[gaps > 1e-9 * np.abs(values).max()].min(initial=np.inf))
    away = np.abs(gaps / step - np.rint(gaps / step))
    if not np.isfinite(step) or float((away < 0.05).mean()) < 0.99:
        return None
    return step * UNITS[unit][1] / UNITS[unit][2]


# ---------------------------------------------------------------- gravity


def _told_by_gravity(dataset: Dataset, column: str) -> list[str]:
    """Whether the direction of gravity tells classes apart that were recorded once or twice only."""
    found: dict[str, list[FloatArray]] = {}
    groups: dict[str, set[str]] = {}
    for r in dataset:
        for span in r.labels.get(column, ()):
            groups.setdefault(span.label, set()).add(r.group)
            found.setdefault(span.label, []).append(_directions(r, span.start, span.stop))
    cones = {label: _cone(np.concatenate(parts)) for label, parts in found.items()}
    if len(cones) < 2 or any(cone is None for cone in cones.values()):
        return []
    alone = []
    for label, cone in cones.items():
        others = [other for name, other in cones.items() if name != label]
        shared = any(groups[label] & groups[name] for name in groups if name != label)
        if len(groups[label]) <= FEW and not shared and all(_apart(cone, other) for other in others):
            alone.append(label)
    if not alone:
        return []
    return [
        f"the direction of gravity alone tells {_some([repr(x) for x in alone])} from the other classes, and "
        f"{'it comes' if len(alone) == 1 else 'each comes'} from {_count(groups, alone)}: a model may learn "
        "how the sensor was mounted there. Record every class several times, with the sensor mounted anew"
    ]


def _count(groups: Mapping[str, set[str]], labels: Sequence[str]) -> str:
    most = max(len(groups[label]) for label in labels)
    return "one recording or group" if most == 1 else f"at most {most} recordings or groups"


def _directions(recording: Recording, start: int, stop: int) -> FloatArray:
    """Unit vectors of the mean acceleration of every piece, shape (pieces, 3)."""
    if "acc" not in recording.sensors:
        return np.zeros((0, 3))
    x = recording.samples[start:stop, [recording.column(f"acc_{a}") for a in "xyz"]]
    length = max(round((recording.rate_hz or 50.0) * PIECE), 1)
    pieces = max(len(x) // length, 1)
    if not len(x):
        return np.zeros((0, 3))
    means = np.stack([part.mean(axis=0) for part in np.array_split(x, pieces)])
    norms = np.sqrt((means**2).sum(axis=1))
    good = np.isfinite(norms) & (norms > 0)
    out: FloatArray = means[good] / norms[good, None]
    return out


Cone = tuple[npt.NDArray[np.float64], float]


def _cone(directions: FloatArray) -> Cone | None:
    """Middle of directions, and the angle (degrees) within which most are; None of no directions."""
    middle = directions.sum(axis=0)
    norm = float(np.sqrt((middle**2).sum()))
    if not len(directions) or not norm:
        return None
    middle = middle / norm
    angles = np.degrees(np.arccos(np.clip(directions @ middle, -1.0, 1.0)))
    return middle, float(np.quantile(angles, INSIDE))


def _apart(one: Cone | None, other: Cone | None) -> bool:
    if one is None or other is None:
        return False
    angle = float(np.degrees(np.arccos(np.clip(one[0] @ other[0], -1.0, 1.0))))
    return angle > one[1] + other[1] + APART


# ---------------------------------------------------------------- what was learnt


def mounting(names: Sequence[str], oriented: Sequence[bool], importance: Sequence[float]) -> list[str]:
    """Return a warning where features of the direction of gravity decide alone.

    Parameters
    ----------
    names : sequence of str
        Features of a tree or forest.
    oriented : sequence of bool
        Whether each is of a single axis of an accelerometer, and of its level rather than its variation.
    importance : sequence of float
        Of each feature; adds up to 1.
    """
    total = sum(importance)
    share = sum(w for w, one in zip(importance, oriented, strict=True) if one)
    if not total or share < ALONE * total:
        return []
    used = [n for n, one, w in zip(names, oriented, importance, strict=True) if one and w > 0]
    return [
        f"this model depends on how the sensor is mounted: it decides by {_some(used)} "
        f"({share / total:.0%} of its decisions), which change with the direction of gravity. Mounted "
        "otherwise it will be wrong; add logs of other mountings, or features of the norm and of variations"
    ]


def oriented_register(feature: Feature) -> bool:
    """Whether a feature of the machine learning core changes with the direction of gravity on one axis."""
    source = feature.source
    plain = source.sensor == "acc" and source.filter is None and source.axis in ("X", "Y", "Z")
    return plain and feature.kind in ORIENTED


def oriented_integer(feature: IntFeature, channels: Sequence[str]) -> bool:
    """Whether a feature of C changes with the direction of gravity on one axis."""
    return feature.name in ORIENTED and channels[feature.inputs[0]].startswith("acc_")
