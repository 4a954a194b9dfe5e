"""Numbers and the core's features in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sensorai.mlc import half
from sensorai.mlc.config import FILTER_COEFFICIENTS, THRESHOLD_KINDS, Feature, Filter, MlcConfig
from sensorai.mlc.devices import device
from sensorai.mlc.features import SENSOR_WORDS, third_sensor_name
from sensorai.mlc.labels import result_name

NOTHING = "\N{EM DASH}"

#: Control characters but tab and line end: labels of a damaged log may hold some, and neither a page nor
#: a terminal may see them.
_CONTROL = dict.fromkeys([*range(9), *range(11, 32), *range(127, 160)], "\N{REPLACEMENT CHARACTER}")

_FEATURES = {
    "MEAN": "mean of {s}",
    "VARIANCE": "variance of {s}: mean of the squares minus the square of the mean, not below 0",
    "ENERGY": "energy of {s}: sum of the squares",
    "PEAK_TO_PEAK": "largest minus smallest value of {s}",
    "MINIMUM": "smallest value of {s}",
    "MAXIMUM": "largest value of {s}",
    "ZERO_CROSSING": "how often {s} crosses m + t or m - t, with m its mean in the window before and t = {t}",
    "POSITIVE_ZERO_CROSSING": "how often {s} rises through m + t or m - t, with m its mean in the window "
    "before and t = {t}",
    "NEGATIVE_ZERO_CROSSING": "how often {s} falls through m + t or m - t, with m its mean in the window "
    "before and t = {t}",
    "PEAK_DETECTOR": "peaks and dips of {s}: samples more than {t} above, or below, both neighbours",
    "POSITIVE_PEAK_DETECTOR": "peaks of {s}: samples more than {t} above both neighbours",
    "NEGATIVE_PEAK_DETECTOR": "dips of {s}: samples more than {t} below both neighbours",
}

_FILTERS = {
    "HP": "high-pass: half the difference of neighbouring samples",
    "BP": "band-pass of second order: gain times (x[n] - x[n-2] - a2 y[n-1] - a3 y[n-2])",
    "IIR1": "first order: y[n] = b1 x[n] + b2 x[n-1] - a2 y[n-1]",
    "IIR2": "second order: y[n] = b1 x[n] + b2 x[n-1] + b3 x[n-2] - a2 y[n-1] - a3 y[n-2]",
}


def printable(words: str) -> str:
    """Replace control characters, and what UTF-8 cannot hold (undecodable file names)."""
    return words.translate(_CONTROL).encode("utf-8", "replace").decode()


def percent(x: float | None) -> str:
    """Share as ``87.3 %``; a dash where there is none."""
    return NOTHING if x is None or math.isnan(x) else f"{100 * x:.1f} %"


def seconds(x: float | None) -> str:
    """Time as ``1.25 s``."""
    return NOTHING if x is None or math.isnan(x) else f"{x:.3g} s"


def short(x: float | None, unit: str) -> str:
    """Small quantity with a prefix: ``1.25 ms``, ``340 nJ``; a dash where there is none."""
    if x is None or math.isnan(x):
        return NOTHING
    scale, prefix = next(
        ((s, p) for s, p in ((1.0, ""), (1e-3, "m"), (1e-6, "\N{MICRO SIGN}")) if x >= s), (1e-9, "n")
    )
    return f"{x / scale:.3g} {prefix}{unit}"


def rate(x: float | None) -> str:
    """Events in an hour."""
    return NOTHING if x is None or math.isnan(x) else f"{x:.0f}" if x >= 10 else f"{x:.1f}"


def plural(n: int, word: str) -> str:
    """``1 window``, ``2 windows``, ``2 classes``."""
    return f"{n:,} {word}" if n == 1 else f"{n:,} {word}{'es' if word.endswith('s') else 's'}"


def chance(confusion: Sequence[Sequence[int]]) -> tuple[float | None, float | None]:
    """Score of knowing nothing: accuracy by naming the commonest class, balanced accuracy by any guess.

    Parameters
    ----------
    confusion : sequence of sequence of int, shape (true classes, results)

    Returns
    -------
    accuracy, balanced_accuracy : float or None
        None without windows.
    """
    totals = [sum(row) for row in confusion if sum(row)]
    return (max(totals) / sum(totals), 1.0 / len(totals)) if totals else (None, None)


def weakest(judged: Mapping[str, Any]) -> tuple[str, float, str | None] | None:
    """Class with the lowest recall, its recall, and what it is taken for most; None when all are right."""
    rows = [
        (recall, i)
        for i, recall in enumerate(judged["recall"])
        if recall is not None and not math.isnan(recall)
    ]
    if not rows or min(rows)[0] == 1.0:
        return None
    recall, i = min(rows)
    others = [
        (n, -j) for j, n in enumerate(judged["confusion"][i]) if judged["columns"][j] != judged["classes"][i]
    ]
    most, at = max(others)
    return judged["classes"][i], recall, judged["columns"][-at] if most else None


def register_name(config: MlcConfig, tree: int) -> str:
    """Name of a tree's result register."""
    return result_name(device(config.device), tree)


def describe_feature(config: MlcConfig, feature: Feature) -> str:
    """Put the formula of a feature in words."""
    source = feature.source
    sensor = _sensor(config, source.sensor)
    if source.axis == "V":
        signal = f"the norm of the {sensor}"
    elif source.axis == "V2":
        signal = f"the squared norm of the {sensor}"
    else:
        signal = f"{sensor} {source.axis}"
    if source.filter is not None:
        signal += f" after filter {source.filter + 1}"
    if feature.absolute:
        signal = f"the absolute value of {signal}"
    threshold = ""
    if feature.kind in THRESHOLD_KINDS:
        squared = "\N{SUPERSCRIPT TWO}" if source.axis == "V2" else ""
        threshold = f"{half.to_float(feature.threshold or 0):.4g} {_unit(config, source.sensor)}{squared}"
        if "CROSSING" in feature.kind and not half.to_float(feature.threshold or 0):
            # the two levels fall together, and each counts
            verb = {"P": "rises through", "N": "falls through"}.get(feature.kind[0], "crosses")
            return f"twice the number of times that {signal} {verb} its mean in the window before"
    return _FEATURES[feature.kind].format(s=signal, t=threshold)


def describe_filter(config: MlcConfig, filter_: Filter) -> str:
    """Say what a filter works on, its formula, and its coefficients."""
    values = ", ".join(
        f"{name} = {half.to_float(bits):.6g}"
        for name, bits in zip(FILTER_COEFFICIENTS[filter_.kind], filter_.coefficients, strict=True)
    )
    on = {"XYZ": "X, Y and Z of the ", "V": "norm of the ", "V2": "squared norm of the "}[filter_.component]
    words = f"{on}{_sensor(config, filter_.sensor)}; {_FILTERS[filter_.kind]}"
    return f"{words}; {values}" if values else words


def _sensor(config: MlcConfig, slot: str) -> str:
    if slot != "ext":
        return SENSOR_WORDS[slot]
    return SENSOR_WORDS["acch"] if third_sensor_name(config) == "acch" else "third sensor"


def _unit(config: MlcConfig, slot: str) -> str:
    if slot == "acc":
        unit = device(config.device).unit_g
        return "g" if unit == 1.0 else f"\N{MULTIPLICATION SIGN} {unit:g} g"
    if slot == "gyro":
        return "rad/s"
    return "\N{MULTIPLICATION SIGN} 100 g" if third_sensor_name(config) == "acch" else "gauss"
