"""The features a tree may choose from: every component the sensors offer, plain and filtered."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from sensorai.mlc import half
from sensorai.mlc.config import AXES, Feature, Filter, MlcConfig, Source
from sensorai.mlc.devices import MlcDevice

#: Kinds computed on every component. On V and V2, which are never negative, the ABS_ form is the same.
PLAIN = ("MEAN", "VARIANCE", "ENERGY", "PEAK_TO_PEAK", "MINIMUM", "MAXIMUM")
#: Kinds that also exist as ABS_ and then differ on signed components (energy and variance do not gain).
SIGNED = ("MEAN", "MINIMUM", "MAXIMUM")
#: Kinds that count, with a level taken from the data. The one-sided forms say nearly the same.
COUNTED = ("ZERO_CROSSING", "PEAK_DETECTOR")
#: Levels of the counted kinds in standard deviations of the signal (median over the windows).
LEVELS = (0.0, 0.5)

#: Centres of the band-pass candidates as a share of the core's rate, and their quality factor. At
#: 52 Hz that is 1.6, 4.2 and 10.4 Hz: steps, faster limbs, shaking.
BANDS = (0.03, 0.08, 0.2)
QUALITY = 1.0


def band_pass(centre: float, quality: float = QUALITY) -> tuple[int, ...]:
    """Coefficients a2, a3, gain of a band pass with unit gain at ``centre`` (share of the sample rate).

    The bilinear form of a resonator with b = 1, 0, -1, rounded to halves; what the rounding does to the
    band is in every simulated value.
    """
    w = 2.0 * math.pi * centre
    alpha = math.sin(w) / (2.0 * quality)
    a2, a3, gain = -2.0 * math.cos(w) / (1 + alpha), (1 - alpha) / (1 + alpha), alpha / (1 + alpha)
    return tuple(half.nearest(c) for c in (a2, a3, gain))


def filters(device: MlcDevice, slots: Sequence[str]) -> tuple[Filter, ...]:
    """Candidate filters: high pass on all axes and on the norm, band passes on the norm."""
    out = []
    for slot in slots:
        if "HP" in device.filters:
            out += [Filter("HP", slot, "XYZ"), Filter("HP", slot, "V")]
        if "BP" in device.filters:
            out += [Filter("BP", slot, "V", band_pass(centre)) for centre in BANDS]
    return tuple(out)


def features(device: MlcDevice, slots: Sequence[str], filter_list: Sequence[Filter]) -> list[Feature]:
    """Candidate features without levels (counted kinds come with ``with_levels``)."""
    sources = [Source(slot, axis) for slot in slots for axis in AXES]
    sources += [Source(f.sensor, axis, i) for i, f in enumerate(filter_list) for axis in f.outputs]
    out = []
    for source in sources:
        signed = source.filter is not None or source.axis in ("X", "Y", "Z")
        out += [Feature(kind, source) for kind in PLAIN if kind in device.features]
        if signed:
            out += [Feature(kind, source, absolute=True) for kind in SIGNED if kind in device.features]
    return out


def with_levels(
    device: MlcDevice, plain: Sequence[Feature], deviations: dict[Source, float]
) -> list[Feature]:
    """Add the counted kinds, their levels from the typical deviation of each signal.

    Parameters
    ----------
    deviations : mapping of Source to float
        Median over the windows of the standard deviation of the signal.
    """
    out = list(plain)
    for source in dict.fromkeys(f.source for f in plain):
        levels = dict.fromkeys(half.nearest(level * deviations.get(source, 0.0)) for level in LEVELS)
        out += [
            Feature(kind, source, threshold=bits)
            for kind in COUNTED
            if kind in device.features
            for bits in levels
        ]
    return out


def deviations(
    config: MlcConfig, values: np.ndarray[tuple[int, int], np.dtype[np.float32]]
) -> dict[Source, float]:
    """Median standard deviation of every signal that has a VARIANCE among the features."""
    return {
        feature.source: float(np.sqrt(np.median(values[:, i])))
        for i, feature in enumerate(config.features)
        if feature.kind == "VARIANCE" and len(values)
    }


def config(
    device: MlcDevice,
    window: int,
    rate_hz: float,
    slots: Iterable[str],
    filter_list: Sequence[Filter],
    feature_list: Sequence[Feature],
) -> MlcConfig:
    """Return a configuration without trees, for computing features."""
    return MlcConfig(
        device.name, window, rate_hz, tuple(slots), tuple(filter_list), tuple(feature_list), (), {}
    )


def compact(
    filter_list: Sequence[Filter], feature_list: Sequence[Feature]
) -> tuple[tuple[Filter, ...], tuple[Feature, ...]]:
    """Keep only the filters in use and renumber the features' references to them."""
    used = sorted({f.source.filter for f in feature_list if f.source.filter is not None})
    number = {old: new for new, old in enumerate(used)}
    renumbered = tuple(
        f if f.source.filter is None else replace(f, source=replace(f.source, filter=number[f.source.filter]))
        for f in feature_list
    )
    return tuple(filter_list[i] for i in used), renumbered
