"""Which integer features a model looks at: candidates for the channels, the best of them by importance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.features import catalogue
from sensorai.features.catalogue import IntFeature
from sensorai.learn import select
from sensorai.learn.counts import Counted
from sensorai.learn.masks import Masks
from sensorai.model.pipeline import Count

#: Quantities of each axis and of the norm of each sensor; spectra only where a model asks for them.
AXIS = ("MEAN", "VARIANCE", "ENERGY", "PEAK_TO_PEAK", "MINIMUM", "MAXIMUM", "MEAN_CROSSING", "JERK_ENERGY")
NORM = ("MEAN", "VARIANCE", "ENERGY", "PEAK_TO_PEAK", "MINIMUM", "MAXIMUM", "MEAN_CROSSING", "PEAKS")
#: The same for nets, which add features up: none that grows with the square of a signal.
AXIS_LINEAR = ("MEAN", "RMS", "PEAK_TO_PEAK", "MINIMUM", "MAXIMUM", "MEAN_CROSSING", "JERK_RMS", "TREND")
NORM_LINEAR = (*AXIS_LINEAR, "PEAKS")
#: Of each axis of windows that an event opens.
THIRDS = ("START_MEAN", "START_STD", "END_MEAN", "END_STD")
#: Features with a threshold count what exceeds this share of the signal's usual deviation.
DEAD_BAND = 0.25


def candidates(
    counted: Counted, rows: npt.NDArray[np.bool_], *, spectra: bool = False, linear: bool = False
) -> list[IntFeature]:
    """All features worth a look for these channels.

    Parameters
    ----------
    rows : ndarray of bool
        Training rows: thresholds are taken from their usual deviation.
    spectra : bool
        Also dominant bins and band energies (an FFT on the device).
    linear : bool
        For nets rather than trees.
    """
    out: list[IntFeature] = []
    sensors = [counted.channels[i].name.rpartition("_")[0] for i in range(0, len(counted.channels), 3)]
    for k in range(len(sensors)):
        axes = (3 * k, 3 * k + 1, 3 * k + 2)
        *usual, usual_norm = _deviations(counted, rows, axes)
        for i, name in ((i, q) for i in axes for q in (AXIS_LINEAR if linear else AXIS)):
            out.append(_feature(name, (i,), usual[i - axes[0]]))
        out += [_feature(f"NORM_{q}", axes, usual_norm) for q in (NORM_LINEAR if linear else NORM)]
        if counted.event is not None:
            # the event is always at the same place: what was before, and what is left behind, are features
            out += [IntFeature(q, (i,)) for i in axes for q in THIRDS]
        out += [IntFeature("CORRELATION", (axes[a], axes[b])) for a, b in ((0, 1), (0, 2), (1, 2))]
        if spectra:
            out.append(IntFeature("NORM_DOMINANT_BIN", axes))
            out += [IntFeature("NORM_BAND_ENERGY", axes, band=band) for band in _bands(counted)]
    return [f for f in out if _possible(f, counted)]


def _deviations(counted: Counted, rows: npt.NDArray[np.bool_], axes: Sequence[int]) -> list[float]:
    """Median over windows of the deviation of each axis, and of the norm."""
    found = []
    learnt, at_once = np.flatnonzero(rows), max(catalogue.AT_ONCE // (counted.window * len(axes)), 1)
    for start in range(0, max(len(learnt), 1), at_once):
        x = counted.x[learnt[start : start + at_once]][:, :, list(axes)].astype(np.float64)
        norm = np.sqrt((x**2).sum(axis=2))
        # an axis at a time: what is added up lies as it did in the windows
        found.append(np.stack([*(x[:, :, a].std(axis=1) for a in range(len(axes))), norm.std(axis=1)]))
    return [float(np.median(one)) for one in np.concatenate(found, axis=1)]


#: What describes a healthy machine or an ordinary movement, by preference: no feature of the mean, which
#: is the way the sensor lies, and none that grows with the square of a signal.
HEALTHY_AXIS = ("STD", "JERK_RMS", "MEAN_CROSSING", "PEAK_TO_PEAK")
HEALTHY_NORM = ("STD", "MAXIMUM", "MINIMUM", "PEAK_TO_PEAK", "JERK_RMS")
#: Correlation above which two features are taken for one, and most features of a detector.
ALIKE, MOST = 0.995, 10


def healthy(normal: Counted, names: Sequence[str] = ()) -> tuple[IntFeature, ...]:
    """Features for a detector of anomalies, from normal windows alone.

    In order of preference; one that is constant there, or says nearly the same as an earlier one, is left
    out.

    Parameters
    ----------
    names : sequence of str
        Names of the catalogue instead: of every axis, or of the norm; bands in octaves. All that vary are
        taken.

    Raises
    ------
    ConfigError
        A name that is not in the catalogue, a window too short for it, or none that varies.
    """
    if names:
        return _named(normal, names)
    offered: list[IntFeature] = []
    for k in range(0, len(normal.channels), 3):
        axes = (k, k + 1, k + 2)
        x = normal.x[:, :, list(axes)].astype(np.float64)
        spread = np.median(x.std(axis=1), axis=0).tolist()
        by_axis = [_feature(q, (i,), spread[i - k]) for q in HEALTHY_AXIS for i in axes]
        bands = [IntFeature("BAND_RMS", (i,), band=band) for band in _bands(normal) for i in axes]
        norm = [IntFeature(f"NORM_{q}", axes) for q in HEALTHY_NORM]
        offered += [*by_axis, *norm, *bands]
    offered = [f for f in offered if _possible(f, normal)]
    values = catalogue.table(offered, normal.x).astype(np.float64)
    kept = different(values, MOST)
    if not kept:
        raise DataError(
            "no feature of the normal windows varies: there is nothing to learn",
            hint="check the sensor and the columns of the log",
        )
    return tuple(offered[i] for i in kept)


def _named(normal: Counted, names: Sequence[str]) -> tuple[IntFeature, ...]:
    """Return features by name, of every sensor; those that do not vary are left out."""
    offered: list[IntFeature] = []
    for name in dict.fromkeys(names):
        signal, quantity = catalogue.row(IntFeature(name, ()))
        for k in range(0, len(normal.channels), 3):
            axes = (k, k + 1, k + 2)
            if quantity.inputs == 2:
                groups: list[tuple[int, ...]] = [(axes[a], axes[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
            else:
                groups = [axes] if signal.inputs == 3 else [(i,) for i in axes]
            bands = _bands(normal) if quantity.name.startswith("BAND_") else [None]
            for inputs in groups:
                x = normal.x[:, :, list(inputs)].astype(np.float64)
                deviation = float(np.median(np.sqrt((x**2).sum(axis=2)).std(axis=1)))
                if len(inputs) == 1:
                    deviation = float(np.median(x[:, :, 0].std(axis=1)))
                one = _feature(name, inputs, deviation)
                offered += [replace(one, band=band) for band in bands]
    offered = [f for f in offered if f.band is None or _possible(f, normal)]
    for feature in offered:
        catalogue.check(feature, normal.window, len(normal.channels))
    values = catalogue.table(offered, normal.x)
    kept = tuple(f for f, column in zip(offered, values.T, strict=True) if (column != column[0]).any())
    if not kept:
        raise ConfigError(
            "none of the named features varies in the normal windows", hint="drop --features, or name others"
        )
    return kept


def different(values: npt.NDArray[np.floating], most: int) -> list[int]:
    """Places of at most ``most`` columns that vary and differ from those before them, shape (rows, n)."""
    kept: list[int] = []
    for i, column in enumerate(values.astype(np.float64).T):
        if len(kept) == most or not column.std():
            continue
        others = (abs(float(np.corrcoef(column, values[:, k])[0, 1])) for k in kept)
        if all(c <= ALIKE for c in others):
            kept.append(i)
    return kept


def choose(
    counted: Counted,
    split: Masks,
    features: Sequence[IntFeature],
    count: int,
    seed: int,
    turned: Counted | None = None,
) -> list[int]:
    """Places of the best ``count`` features by importance on the training rows, near-copies left out.

    ``turned`` are the same windows had the sensor lain otherwise, which count as well.
    """
    windows = counted.as_windows(counted.table(features)[split.train], split.train)
    if turned is not None:
        more = turned.table(features)[split.train].astype(np.float32)
        windows = replace(
            windows,
            x=np.concatenate([windows.x, more]),
            y=np.concatenate([windows.y, windows.y]),
            group=np.concatenate([windows.group, windows.group]),
            recording=np.concatenate([windows.recording, windows.recording]),
        )
    return select.pool(windows, select.rank(windows, seed), count, lambda _: True)


def names(features: Sequence[IntFeature], channels: Sequence[Count]) -> list[str]:
    """Names of features as reports show them."""
    return [f.label([c.name for c in channels]) for f in features]


def _feature(name: str, inputs: tuple[int, ...], deviation: float) -> IntFeature:
    counts = name.endswith(("CROSSING", "PEAKS"))
    return IntFeature(name, inputs, int(min(DEAD_BAND * deviation, 32767)) if counts else 0)


def _bands(counted: Counted) -> list[tuple[int, int]]:
    """Octaves of bins below half the rate."""
    from sensorai.features.spectrum import spectrum_length

    last = spectrum_length(counted.window) // 2
    edges = [1, *(2**k for k in range(1, 12) if 2**k <= last)]
    return [(a, min(2 * a - 1, last)) for a in edges]


def _possible(feature: IntFeature, counted: Counted) -> bool:
    try:
        catalogue.check(feature, counted.window, len(counted.channels))
    except ConfigError:
        return False
    return True
