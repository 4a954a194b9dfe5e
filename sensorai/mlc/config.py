"""What an MLC register file says, as values.

The one description that encoder, decoder, simulator, trainer and settings reader share.

Halves (thresholds, coefficients, sensitivities) are held as their 16-bit patterns wherever the file
stores them, so nothing is lost between bytes and description.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sensorai.model.forest import Tree

#: Sensor slots in input-code order. ``ext`` is the third-sensor slot: magnetometer or other external
#: sensor, Qvar, temperature, vAFE or the high-g accelerometer, as ``MlcConfig.third_sensor`` says.
SENSOR_SLOTS = ("acc", "gyro", "ext")

#: Components of a sensor in input-code order. V is the norm, V2 the squared norm.
AXES = ("X", "Y", "Z", "V", "V2")

#: Feature kinds and their type codes (source: facts, mlc-format section 6; codes 06, 08 and 0E are
#: inferred from a regular pattern, the others confirmed).
FEATURE_CODES: Mapping[str, int] = {
    "MEAN": 0x00,
    "VARIANCE": 0x01,
    "ENERGY": 0x02,
    "PEAK_TO_PEAK": 0x03,
    "ZERO_CROSSING": 0x04,
    "POSITIVE_ZERO_CROSSING": 0x06,
    "NEGATIVE_ZERO_CROSSING": 0x08,
    "PEAK_DETECTOR": 0x0A,
    "POSITIVE_PEAK_DETECTOR": 0x0C,
    "NEGATIVE_PEAK_DETECTOR": 0x0E,
    "MINIMUM": 0x10,
    "MAXIMUM": 0x11,
}

#: Kinds that take a threshold (the hysteresis of a zero crossing, the height of a peak).
THRESHOLD_KINDS = frozenset(k for k, code in FEATURE_CODES.items() if 0x04 <= code <= 0x0E)

#: Kinds that ST's tools offer in an ABS_ form.
ABSOLUTE_KINDS = frozenset({"MEAN", "VARIANCE", "ENERGY", "PEAK_TO_PEAK", "MINIMUM", "MAXIMUM"})

#: Coefficients each filter kind stores, in stored order.
FILTER_COEFFICIENTS: Mapping[str, tuple[str, ...]] = {
    "HP": (),
    "BP": ("a2", "a3", "gain"),
    "IIR1": ("b1", "b2", "a2"),
    "IIR2": ("b1", "b2", "b3", "a2", "a3"),
}


@dataclass(frozen=True, slots=True)
class Filter:
    """One entry of the filter list.

    ``component`` is ``XYZ`` (three independent filters, three outputs), ``V`` or ``V2``.
    ``coefficients`` are half bit patterns in the order of ``FILTER_COEFFICIENTS[kind]``.
    """

    kind: str
    sensor: str
    component: str
    coefficients: tuple[int, ...] = ()
    fifo: bool = False

    @property
    def outputs(self) -> tuple[str, ...]:
        """Axes of the outputs: one, or X, Y, Z."""
        return ("X", "Y", "Z") if self.component == "XYZ" else (self.component,)


@dataclass(frozen=True, slots=True)
class Source:
    """What a feature looks at: a sensor component, or output ``axis`` of filter number ``filter``.

    ``filter`` counts from 0 in the filter list; None for the raw component.
    """

    sensor: str
    axis: str
    filter: int | None = None


@dataclass(frozen=True, slots=True)
class Feature:
    """One entry of the feature list; ``threshold`` is a half bit pattern, None where the kind has none."""

    kind: str
    source: Source
    absolute: bool = False
    threshold: int | None = None
    fifo: bool = False


@dataclass(frozen=True, slots=True)
class DecisionTree:
    """One tree with its meta-classifier and class names.

    Attributes
    ----------
    tree : Tree
        Thresholds are exactly representable halves; leaf values are result codes.
    end_counters : tuple of int
        End counter of each result group (0 = group not filtered), 4 or 8 of them as the device has.
    labels : mapping of code to class name
        From the file's comments or ``outputs``; may be empty or partial.
    """

    tree: Tree
    end_counters: tuple[int, ...]
    labels: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SensorSetting:
    """Rate and full scale of one sensor as the registers set it; None where a register is unknown.

    ``full_scale`` is in g or dps, ``rate_hz`` 0.0 means switched off.
    """

    rate_hz: float | None
    full_scale: float | None


@dataclass(frozen=True, slots=True)
class MlcConfig:
    """A complete MLC configuration.

    Attributes
    ----------
    device : str
        Name as in the device tables (``LSM6DSV16X``).
    window : int
        Samples per window, 1 to 255.
    mlc_rate_hz : float
        Rate at which the core takes samples (the effective rate is not above the sensors' rate).
    inputs : tuple of str
        Sensor slots in use, a prefix-preserving selection of ``SENSOR_SLOTS``; ``acc`` is always there.
    filters, features, trees
        In file order; tree thresholds refer to features by index from 0.
    settings : mapping of slot to SensorSetting
        ``acc``, ``gyro``, and ``ext`` for the high-g accelerometer.
    third_sensor : int or None
        Byte H+7: 1 external or Qvar, 3 high-g accelerometer; None where the file does not write it.
    """

    device: str
    window: int
    mlc_rate_hz: float
    inputs: tuple[str, ...]
    filters: tuple[Filter, ...]
    features: tuple[Feature, ...]
    trees: tuple[DecisionTree, ...]
    settings: Mapping[str, SensorSetting] = field(default_factory=dict)
    third_sensor: int | None = None
