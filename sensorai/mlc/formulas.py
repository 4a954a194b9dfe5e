"""Features and filters of the core in words: what each is computed from, and how."""

from __future__ import annotations

from sensorai.mlc import half
from sensorai.mlc.config import FILTER_COEFFICIENTS, THRESHOLD_KINDS, Feature, Filter, MlcConfig
from sensorai.mlc.devices import device
from sensorai.mlc.features import SENSOR_WORDS, third_sensor_name

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
