"""From sensor samples to the core's feature values, bit for bit as ST's tools compute them.

The reference is ST's own feature tables (facts, mlc-numerics: 62,992 of 62,992 published values); no
sensor was measured. What those tables leave open is one named choice each, here and nowhere else:

===================== ======================================================= =====================
point                 choice                                                  standing in the facts
===================== ======================================================= =====================
gyroscope input       rad/s, truncated to a half                              confirmed for the old
                                                                              tool, unknown for new
high-g input          g / 100, truncated to a half                            unit confirmed,
                                                                              rounding unknown
magnetometer input    gauss, truncated to a half                              confirmed (old tool)
ABS_ on signed axes   absolute value of each sample, before the feature       unknown
IIR1, IIR2            ``w1 = (b2*x - a2*y) + w2`` (``kernel.run_filter``)     order unknown
peak at equality      ``q > p + t and q >= s + t`` for every threshold t      known for t = 0 only
decimation            none: samples are taken as they come                    unknown
settling              no window is dropped unless the style says so           rule unknown
===================== ======================================================= =====================
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.mlc import half
from sensorai.mlc.config import FEATURE_CODES, THRESHOLD_KINDS, Filter, MlcConfig, Source
from sensorai.mlc.devices import device
from sensorai.recording import Recording

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: One step of the accelerometer at 2 g full scale, in mg; the input grid of ST's current tools.
LSB_MG = 0.061

#: g per unit of the high-g accelerometer (facts, mlc-simulation section 8, confirmed).
HIGH_G_UNIT = 100.0


@dataclass(frozen=True, slots=True)
class NumericStyle:
    """How one family of ST's tools turns logs into windows.

    Attributes
    ----------
    name : str
    lsb_grid : bool
        Accelerometer rounded to whole steps of 0.061 mg (current tools), else truncated mg/1000.
    windows : str
        ``C``: every whole window. ``B``: the last whole window is lost. ``A``: as B, and every log but
        the first starts with an inserted zero sample and a first window of ``window + 1`` own samples.
    settling : int
        Windows at the start of each log that are computed and not written.
    """

    name: str
    lsb_grid: bool = True
    windows: str = "C"
    settling: int = 0


#: The compatibility styles by name. ``current`` is the default everywhere; the others replay tables
#: that ST's older tools wrote (facts, mlc-numerics section 8.2).
STYLES: Mapping[str, NumericStyle] = {
    s.name: s
    for s in (
        NumericStyle("current"),
        NumericStyle("stedgeai", settling=2),
        NumericStyle("unico", lsb_grid=False, windows="A"),
        NumericStyle("unico-b", lsb_grid=False, windows="B"),
        NumericStyle("unico-c", lsb_grid=False),
    )
}


def numeric_style(name: str) -> NumericStyle:
    """Look up a style by name; a ConfigError lists them."""
    try:
        return STYLES[name]
    except KeyError:
        raise ConfigError(f"unknown numeric style {name!r}", hint="one of: " + ", ".join(STYLES)) from None


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """Feature values of one recording.

    Attributes
    ----------
    values : ndarray, shape (rows, features), float64
        Every value is exactly a half.
    window : int
        Samples per row.
    """

    values: FloatArray
    window: int


# ---------------------------------------------------------------- inputs


def third_sensor_name(config: MlcConfig) -> str:
    """The recording sensor that feeds the third slot: ``acch`` or ``mag``."""
    return "acch" if config.third_sensor == 3 else "mag"


def inputs(config: MlcConfig, recording: Recording, style: NumericStyle) -> dict[str, FloatArray]:
    """Convert a recording to the core's input values.

    Returns
    -------
    mapping of slot to ndarray, shape (3, n), float64
        Halves: accelerometer in units of the device (1 g; 2 g on LSM6DSO32X), gyroscope in rad/s,
        magnetometer in gauss, high-g accelerometer in 100 g. Only the slots that some feature uses.

    Raises
    ------
    DataError
        When the recording lacks a sensor that is used, or its unit does not convert.
    """
    from sensorai.mlc import kernel

    used = sorted({f.source.sensor for f in config.features}, key=("acc", "gyro", "ext").index)
    out: dict[str, FloatArray] = {}
    for slot in used:
        name = third_sensor_name(config) if slot == "ext" else slot
        missing = [
            a for a in _axes(config, slot) if f"{name}_{a}" not in {c.name for c in recording.channels}
        ]
        if missing:
            have = ", ".join(c.name for c in recording.channels)
            raise DataError(
                f"the configuration uses the {SENSOR_WORDS[name]}, but the log has no "
                + ", ".join(f"{name}_{a}" for a in missing),
                where=recording.source,
                hint=f"the log has: {have}; name columns with --column {name}_x=COLUMN",
            )
        block = np.zeros((3, len(recording)))
        for row, axis in zip(block, "xyz", strict=True):
            if axis not in _axes(config, slot):
                continue
            column = f"{name}_{axis}"
            if slot == "acc":
                mg, unit_g = recording.in_unit(column, "mg"), device(config.device).unit_g
                if style.lsb_grid:
                    kernel.convert_lsb_grid(mg, LSB_MG * unit_g, row)
                else:
                    kernel.convert_truncating(mg, 1000.0 * unit_g, row)
            elif slot == "gyro":
                kernel.convert_truncating(recording.in_unit(column, "dps") * (np.pi / 180.0), 1.0, row)
            elif name == "acch":
                kernel.convert_truncating(recording.in_unit(column, "mg"), 1000.0 * HIGH_G_UNIT, row)
            else:
                kernel.convert_truncating(recording.in_unit(column, "mG"), 1000.0, row)
        out[slot] = block
    return out


#: Words for messages.
SENSOR_WORDS: Mapping[str, str] = {
    "acc": "accelerometer",
    "gyro": "gyroscope",
    "mag": "magnetometer",
    "acch": "high-g accelerometer",
}


def _axes(config: MlcConfig, slot: str) -> str:
    """Lower-case axes of ``slot`` that some feature depends on."""
    needed: set[str] = set()
    for feature in config.features:
        if feature.source.sensor == slot:
            needed |= {"x", "y", "z"} if feature.source.axis in ("V", "V2") else {feature.source.axis.lower()}
    return "".join(a for a in "xyz" if a in needed)


# ---------------------------------------------------------------- the plan of a configuration


_Signal = tuple[str, str, int | None, bool]  # slot, axis, filter, absolute


def coefficients(filter_: Filter) -> FloatArray:
    """Return b1, b2, b3, a2, a3, gain of a filter, shape (6,), float64 halves."""
    c = [half.to_float(bits) for bits in filter_.coefficients]
    if filter_.kind == "HP":
        row = [0.5, -0.5, 0.0, 0.0, 0.0, 1.0]
    elif filter_.kind == "BP":
        row = [1.0, 0.0, -1.0, c[0], c[1], c[2]]
    elif filter_.kind == "IIR1":
        row = [c[0], c[1], 0.0, c[2], 0.0, 1.0]
    else:
        row = [*c, 1.0]
    return np.array(row)


class FeatureStream:
    """The core's windows as a stream: push samples as they come, get feature rows as they are ready.

    Pushing a log in any number of pieces gives the same rows as pushing it whole.

    Parameters
    ----------
    config : MlcConfig
    first_window : int, optional
        Samples of the first window where it differs from ``config.window`` (old tools).
    """

    def __init__(self, config: MlcConfig, first_window: int | None = None) -> None:
        self._config = config
        self._window = config.window
        self._left = first_window or config.window
        self._rows: dict[_Signal, int] = {}
        self._filter_state: dict[_Signal, FloatArray] = {}
        streams: dict[tuple[int, int], int] = {}
        counters: list[tuple[int, int, int, int]] = []
        counter_state: list[list[float]] = []
        known: dict[tuple[int, int, int | None], int] = {}
        features = []
        for feature in config.features:
            code = FEATURE_CODES[feature.kind]
            source = feature.source
            if feature.kind in THRESHOLD_KINDS:
                row = self._signal(source, feature.absolute)
                peaks = int(code >= FEATURE_CODES["PEAK_DETECTOR"])
                key = (row, peaks, feature.threshold)
                if key not in known:
                    h = half.to_float(feature.threshold or 0)
                    reference = -1 if peaks else streams.setdefault((row, 0), len(streams))
                    counters.append((row, peaks, reference, 0))
                    counter_state.append([0.0, 0.0, 0.0, 0.0, 0.0, h] if peaks else [0.0, 0.0, 0.0, h, -h, h])
                    known[key] = len(counters) - 1
                features.append((code, -1, known[key]))
            else:
                row = self._signal(source, absolute=False)
                stream = streams.setdefault((row, int(feature.absolute)), len(streams))
                features.append((code, stream, -1))
        self._streams = np.array(list(streams), np.int64).reshape(-1, 2)
        self._stream_state = np.tile(np.array([0.0, 0.0, -np.inf, np.inf]), (len(streams), 1))
        self._counters = np.array(counters, np.int64).reshape(-1, 4)
        self._counter_state = np.array(counter_state, np.float64).reshape(-1, 6)
        self._features = np.array(features, np.int64).reshape(-1, 3)

    def _signal(self, source: Source, absolute: bool) -> int:
        key = (source.sensor, source.axis, source.filter, absolute)
        if key not in self._rows:
            self._rows[key] = len(self._rows)
            if source.filter is not None:
                self._filter_state[key] = np.zeros(2)
        return self._rows[key]

    def push(self, block: Mapping[str, FloatArray]) -> FloatArray:
        """Take the next samples and return the rows they complete.

        Parameters
        ----------
        block : mapping of slot to ndarray, shape (3, n), float64
            Halves, as ``inputs`` makes them.

        Returns
        -------
        ndarray, shape (windows, features), float64
        """
        from sensorai.mlc import kernel

        n = next(iter(block.values())).shape[1] if block else 0
        signals = np.empty((len(self._rows), n))
        raw: dict[tuple[str, str], FloatArray] = {}

        def component(slot: str, axis: str) -> FloatArray:
            if axis in ("X", "Y", "Z"):
                plain: FloatArray = block[slot]["XYZ".index(axis)]
                return plain
            if (slot, axis) not in raw:
                x, y, z = block[slot]
                raw[slot, axis] = np.empty(n)
                (kernel.norms if axis == "V" else kernel.squared_norms)(x, y, z, raw[slot, axis])
            return raw[slot, axis]

        for key, row in self._rows.items():
            slot, axis, number, absolute = key
            if number is None:
                signals[row] = component(slot, axis)
            else:
                c = coefficients(self._config.filters[number])
                kernel.run_filter(component(slot, axis), c, self._filter_state[key], signals[row])
            if absolute:
                np.abs(signals[row], out=signals[row])
        out = np.empty((n // self._window + 1, len(self._features)))
        rows, self._left = kernel.run_windows(
            signals,
            self._window,
            self._left,
            self._streams,
            self._stream_state,
            self._counters,
            self._counter_state,
            self._features,
            out,
        )
        done: FloatArray = out[:rows]
        return done


def table(
    config: MlcConfig, recording: Recording, *, style: str = "current", first: bool = True
) -> FeatureTable:
    """Feature values of a whole recording, samples taken as they are (its rate is not looked at).

    Parameters
    ----------
    config : MlcConfig
        Window, filters and features; the trees do not matter.
    recording : Recording
    style : str
        A key of ``STYLES``.
    first : bool
        Whether this is the first log of a table (matters to window policy A alone).
    """
    how = numeric_style(style)
    block = inputs(config, recording, how)
    rows = len(recording) // config.window
    if how.windows == "C":
        values = FeatureStream(config).push(block)
    elif how.windows == "A" and not first:
        block = {slot: np.concatenate([np.zeros((3, 1)), x], axis=1) for slot, x in block.items()}
        values = FeatureStream(config, config.window + 2).push(block)[: max(rows - 1, 0)]
    else:
        values = FeatureStream(config).push(block)[: max(rows - 1, 0)]
    return FeatureTable(values[how.settling :], config.window)


def tables(
    config: MlcConfig, recordings: Iterable[Recording] | Sequence[Recording], *, style: str = "current"
) -> list[FeatureTable]:
    """Return ``table`` of each recording, in the order in which ST's tool would load them."""
    return [table(config, r, style=style, first=i == 0) for i, r in enumerate(recordings)]
