"""Names that ST's tools give to features, filter outputs and result registers.

Two styles (source: facts, mlc-format section 10, and the attribute names of published ARFF files):
``current`` is the MLC Tool 2.x, ``older`` every tool before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sensorai.errors import ConfigError
from sensorai.mlc.config import Feature, Filter, MlcConfig
from sensorai.mlc.devices import device
from sensorai.mlc.devicetypes import MlcDevice
from sensorai.mlc.sensors import high_g

STYLES = ("current", "older")

#: Older feature names. Confirmed in files but for ``NegPeaKDet`` and the two signed zero crossings,
#: which one feature table shows.
_OLDER: Mapping[str, str] = {
    "MEAN": "MEAN",
    "VARIANCE": "VAR",
    "ENERGY": "ENERGY",
    "PEAK_TO_PEAK": "PeakToPeak",
    "ZERO_CROSSING": "ZeroCross",
    "POSITIVE_ZERO_CROSSING": "PositiveZeroCross",
    "NEGATIVE_ZERO_CROSSING": "NegativeZeroCross",
    "PEAK_DETECTOR": "PeaKDet",
    "POSITIVE_PEAK_DETECTOR": "PosPeaKDet",
    "NEGATIVE_PEAK_DETECTOR": "NegPeaKDet",
    "MINIMUM": "MIN",
    "MAXIMUM": "MAX",
}

#: Sensor names in feature names, by style and slot. The third slot has the name of what it holds;
#: ``MAG`` (older) and ``ACCHG`` (current) are the ones that files show.
_SENSORS: Mapping[str, Mapping[str, str]] = {
    "current": {"acc": "ACC", "gyro": "GYR"},
    "older": {"acc": "ACC", "gyro": "GY"},
}

#: Sensor letters after ``on_filter_<kind>_on_`` in the older style; only ``A`` is confirmed.
_LETTERS: Mapping[str, str] = {"acc": "A", "gyro": "G"}


def third_name(style: str = "current", third: str = "Ext") -> str:
    """Name of the third sensor in labels.

    Parameters
    ----------
    style : {"current", "older"}
    third : str
        Third-sensor name as in the device facts (``Ext``, ``AccHG``, ``Qvar``, ...).

    Notes
    -----
    ``AccHG`` -> ``ACCHG`` (current) and ``Ext`` -> ``MAG`` (older) are confirmed; the others are
    inferred: the settings name in capitals.
    """
    _check(style)
    return "MAG" if style == "older" and third == "Ext" else third.upper()


def feature_name(
    filters: Sequence[Filter], index: int, feature: Feature, style: str = "current", third: str = "Ext"
) -> str:
    """Name of feature ``index`` (from 0): ``F1_MEAN_ACC_X``, older ``F1_MEAN_on_ACC_X``.

    Parameters
    ----------
    filters : sequence of Filter
        Filter list of the configuration; the older style names a filter by its kind.
    index : int
        Place in the feature list, from 0.
    feature : Feature
    style : {"current", "older"}
    third : str
        What the third slot holds, see ``third_name``.
    """
    _check(style)
    source = feature.source
    sensor = third_name(style, third) if source.sensor == "ext" else _SENSORS[style][source.sensor]
    name = feature.kind if style == "current" else _OLDER[feature.kind]
    begin = f"F{index + 1}_{'ABS_' if feature.absolute else ''}{name}"
    if style == "current":
        end = f"_FILTER_{source.filter + 1}" if source.filter is not None else ""
        return f"{begin}_{sensor}_{source.axis}{end}"
    if source.filter is None:
        return f"{begin}_on_{sensor}_{source.axis}"
    letter = _LETTERS.get(source.sensor, sensor)
    return f"{begin}_on_filter_{filters[source.filter].kind}_on_{letter}_{source.axis}"


def filter_names(
    filters: Sequence[Filter], style: str = "current", third: str = "Ext", acc_axes: str = "XYZ"
) -> list[str]:
    """Names of all filter outputs in value-area order: ``FILTER_BP_ACC_V2``; three for an XYZ filter.

    ``acc_axes`` is the device's order of accelerometer axes (that of filter outputs on the ZYX parts is
    inferred).
    """
    _check(style)
    slots = {"acc": "ACC", "gyro": "GYRO", "ext": third_name(style, third)}
    names = []
    for one in filters:
        axes = tuple(acc_axes) if one.component == "XYZ" and one.sensor == "acc" else one.outputs
        names += [f"FILTER_{one.kind}_{slots[one.sensor]}_{axis}" for axis in axes]
    return names


def third_of(config: MlcConfig, part: MlcDevice) -> str:
    """What the third slot holds: the high-g accelerometer, else the first of the device's third sensors."""
    return "AccHG" if high_g(config, part) else part.third_names[0]


def feature_names(config: MlcConfig, style: str = "current") -> tuple[str, ...]:
    """Names of all features of a configuration, in order."""
    third = third_of(config, device(config.device))
    return tuple(feature_name(config.filters, i, f, style, third) for i, f in enumerate(config.features))


def result_name(device: MlcDevice, tree: int) -> str:
    """Name of the result register of tree ``tree`` (from 0): ``MLC0_SRC`` or ``MLC1_SRC`` for the first."""
    return f"MLC{tree + device.registers.result_name_from}_SRC"


def _check(style: str) -> None:
    if style not in STYLES:
        raise ConfigError(f"unknown label style {style!r}", hint=f"known: {', '.join(STYLES)}")
