"""ST's MLC settings file (``mlc_settings.json``): reading is in ``settingsread``, writing here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sensorai.errors import ConfigError
from sensorai.mlc import half
from sensorai.mlc.config import FILTER_COEFFICIENTS, Filter, MlcConfig, Source
from sensorai.mlc.devices import MlcDevice, device
from sensorai.mlc.settingsread import read_settings
from sensorai.mlc.settingstypes import LogEntry, Settings, TreeEntry
from sensorai.writing import jsontext

__all__ = ["LogEntry", "Settings", "TreeEntry", "read_settings", "to_text"]

#: Words of ``input_type`` for what the third slot can hold (documented: ST's settings pages; where a
#: device takes one of two, as in ``temperature/qvar``, both words stand).
_THIRD_INPUTS: Mapping[str, str] = {
    "AccHG": "accelerometer_high_g",
    "Ext": "external_sensor",
    "Qvar": "qvar",
    "Temp": "temperature",
    "vAFE": "vafe",
}


def to_text(
    config: MlcConfig,
    *,
    tree_files: Sequence[str] = (),
    logs: Sequence[tuple[str, str]] = (),
    name: str = "mlc",
    arff: str = "features.arff",
    feature_names: Sequence[str] = (),
) -> str:
    """Write a settings file that ST's tools and ``read_settings`` read, in the later spelling.

    Parameters
    ----------
    config : MlcConfig
        Class names come from the labels of its trees; a result without a label gets its code as name.
    tree_files : sequence of str
        Tree text files, one per tree, relative to the settings file; may be empty.
    logs : sequence of (file name, class)
        Logs to compute features from; may be empty.
    name : str
        The configuration will be ``NAME.json``.
    arff : str
        Name of the feature table.
    feature_names : sequence of str
        Names of the features in the tree files (``dectree_features``); may be empty.

    Raises
    ------
    ConfigError
        The settings of a sensor in use are not known, or the number of tree files is wrong.
    """
    if tree_files and len(tree_files) != len(config.trees):
        raise ConfigError(f"{len(tree_files)} tree files for {len(config.trees)} trees")
    what = device(config.device)
    third = _third(config, what)
    out: dict[str, Any] = {
        "name": what.name,
        "json_format": {"type": "mlc_settings", "version": "1.0"},
        "input_type": _input_type(config, third),
        "mlc_odr": f"{config.mlc_rate_hz:g} Hz",
        "window_length": str(config.window),
        "features_output_filename": arff,
        "config_output_filename": f"{name}.json",
        "filters": [_filter(f, i, third) for i, f in enumerate(config.filters)],
        "features": [],
        "datalogs": [{"filename": file, "label": label} for file, label in logs],
        "decision_tree_count": str(len(config.trees)),
        "dectrees": [],
        "max_dectrees": what.limits.trees,
        "max_results_per_dt": what.limits.results,
        "subgroups_per_dt": 4,
    }
    keys = {"acc": ("accelerometer", "g"), "gyro": ("gyroscope", "dps"), "ext": ("accelerometer_high_g", "g")}
    for slot in config.inputs:
        if slot == "ext" and third != "AccHG":
            continue
        setting = config.settings.get(slot)
        if setting is None or setting.rate_hz is None or setting.full_scale is None:
            raise ConfigError(f"rate or full scale of {keys[slot][0]} is not known")
        out[f"{keys[slot][0]}_odr"] = f"{setting.rate_hz:g} Hz"
        out[f"{keys[slot][0]}_fs"] = f"{setting.full_scale:g} {keys[slot][1]}"
    for feature in config.features:
        one: dict[str, Any] = {
            "feature_name": feature.kind,
            "input": _source(feature.source, third),
            "signed": not feature.absolute,
        }
        if feature.threshold is not None:
            one["threshold"] = _number(feature.threshold)
        out["features"].append(one | ({"fifo": "true"} if feature.fifo else {}))
    for i, tree in enumerate(config.trees):
        # ST's files give four counters; the others of the larger devices only where they say something
        counters = list(tree.end_counters[: 8 if any(tree.end_counters[4:]) else 4])
        codes = sorted({*tree.labels, *tree.tree.leaves})
        out["dectrees"].append(
            {
                "filename": tree_files[i] if tree_files else "",
                "metaclassifier": counters,
                "results": [{"label": tree.labels.get(c, str(c)), "value": c} for c in codes],
            }
        )
    if feature_names:
        out["dectree_features"] = list(feature_names)
    return jsontext.document(out, indent=4, sort_keys=True)


def _third(config: MlcConfig, what: MlcDevice) -> str:
    """Name in inputs of what the third slot holds (``Ext``, ``Temp/Qvar``); empty when it is not used."""
    if "ext" not in config.inputs:
        return ""
    if what.high_g and config.third_sensor == what.high_g.source_code:
        return "AccHG"
    return "/".join(name for name in what.third_names if name in _THIRD_INPUTS and name != "AccHG")


def _input_type(config: MlcConfig, third: str) -> str:
    if config.inputs == ("acc",):
        return "accelerometer_only"
    parts = ["accelerometer", *(["gyroscope"] if "gyro" in config.inputs else [])]
    words = "/".join(_THIRD_INPUTS[name] for name in third.split("/")) if third else ""
    return "+".join([*parts, *([words] if words else [])])


def _filter(one: Filter, index: int, third: str) -> dict[str, Any]:
    names = FILTER_COEFFICIENTS[one.kind]
    values = {n: _number(bits) for n, bits in zip(names, one.coefficients, strict=True)}
    signal = _source(Source(one.sensor, one.component), third)
    fifo = {"fifo": "true"} if one.fifo else {}
    return {"filter_id": f"filter_{index + 1}", "filter_type": one.kind, "input": signal, **values, **fifo}


def _source(source: Source, third: str) -> str:
    sensor = {"acc": "Acc", "gyro": "Gyr", "ext": third}[source.sensor]
    end = "" if source.filter is None else f"_filter_{source.filter + 1}"
    return f"{sensor}_{source.axis}{end}"


def _number(bits: int) -> str:
    """Shortest decimal text of a half, which rounds to the same half again."""
    return repr(half.to_float(bits))
