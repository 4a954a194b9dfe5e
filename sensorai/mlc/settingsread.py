"""ST's MLC settings file (``mlc_settings.json``, ``mlc_conf.json``), read strictly.

The file of MEMS Studio and ST Edge AI Core says what ``MlcConfig`` says but for the trees, which are
text files of their own, and names the logs to compute features from. Two spellings of the output keys
exist: ``arff`` and ``ucf`` (version 1 of the command line), ``features_output_filename`` and
``config_output_filename`` (later). Numbers may stand in quotes. Sources: facts, st-edge-ai section 6.2
and mlc-format section 10; the names of inputs and settings beyond the published files are those of ST's
settings pages (documented).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sensorai.errors import ConfigError, DataError
from sensorai.mlc import half
from sensorai.mlc.config import (
    ABSOLUTE_KINDS,
    FEATURE_CODES,
    FILTER_COEFFICIENTS,
    THRESHOLD_KINDS,
    Feature,
    Filter,
    MlcConfig,
    SensorSetting,
    Source,
)
from sensorai.mlc.devices import MlcDevice, device
from sensorai.mlc.jsonlines import Node, load
from sensorai.mlc.settingstypes import LogEntry, Settings, TreeEntry
from sensorai.targets import closest

#: The two spellings of the output files: version 1 of ST's command line, and later.
ARFF_KEYS = ("arff", "features_output_filename")
OUTPUT_KEYS = ("ucf", "config_output_filename")

_SENSITIVITY_KEYS = tuple(
    f"{name}_sensitivity" for name in ("ext", "ext24", "qvar", "temp_qvar", "temp", "vafe", "acchg")
)
_KEYS = (
    *("name", "mlc_odr", "input_type", "window_length", "filters", "features", "datalogs", "json_format"),
    *("accelerometer_fs", "accelerometer_odr", "gyroscope_fs", "gyroscope_odr", "vafe_odr"),
    *("accelerometer_high_g_fs", "accelerometer_high_g_odr", *_SENSITIVITY_KEYS),
    *("decision_tree_count", "dectrees", "dectree_features", *ARFF_KEYS, *OUTPUT_KEYS),
    *("max_dectrees", "max_results_per_dt", "max_nodes", "subgroups_per_dt"),
    *("thresh_accu_to_take_default", "thresh_n_percentage_default"),
)
_TREE_KEYS = ("filename", "results", "metaclassifier", "max_depth", "min_samples_leaf", "test_train_split")
_INPUT = re.compile(r"(?P<sensor>.+?)_(?P<axis>XYZ|X|Y|Z|V2|V)(?:_(?P<filter>.+))?$")


class _Use(NamedTuple):
    """The device, the sensor slots in use, and what the third slot holds (empty: nothing)."""

    device: MlcDevice
    inputs: tuple[str, ...]
    third: str


def read_settings(path: Path) -> Settings:
    """Read a settings file.

    Raises
    ------
    DataError, ConfigError
        The file cannot be read, is no settings file, has an unknown key, or asks for what the device
        does not have; with ``file:line`` and the key.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot read the settings file: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError as error:
        raise DataError("the settings file is not UTF-8 text", where=f"{path}, byte {error.start}") from None
    top = load(text, str(path))
    _refuse_other_json(top)
    items = top.items(_KEYS)
    what = _device(_need(top, items, "name"))
    use = _Use(what, *_inputs(_need(top, items, "input_type"), what))
    filters, ids = _filters(items.get("filters"), use)
    features = _features(_need(top, items, "features"), use, filters, ids)
    config = MlcConfig(
        device=what.name,
        window=_need(top, items, "window_length").integer(1, what.limits.window),
        mlc_rate_hz=_setting(_need(top, items, "mlc_odr"), "Hz", _mlc_rates(use), what),
        inputs=use.inputs,
        filters=filters,
        features=features,
        trees=(),
        settings=_sensor_settings(top, items, use),
        third_sensor=_third_code(use),
    )
    names = (
        [node.text() for node in items["dectree_features"].elements()] if "dectree_features" in items else []
    )
    if names and len(names) != len(features):
        raise items["dectree_features"].fail(f"{len(names)} names for {len(features)} features")
    folder = path.parent
    sensitivity = {key: _hex(items[key]) for key in _SENSITIVITY_KEYS if key in items}
    high_g_sensitivity = sensitivity.pop("acchg_sensitivity", None)
    count = items.get("decision_tree_count")
    return Settings(
        config=config,
        logs=_logs(items.get("datalogs"), folder),
        trees=_trees(items.get("dectrees"), folder, what),
        tree_features=tuple(names),
        arff=_either(items, ARFF_KEYS),
        output=_either(items, OUTPUT_KEYS),
        sensitivity=next(iter(sensitivity.values()), None),
        high_g_sensitivity=high_g_sensitivity,
        tree_count=count.integer(0, what.limits.trees) if count else 0,
        source=path,
    )


def _refuse_other_json(top: Node) -> None:
    """Say so when this is JSON of another kind, before complaining about its keys."""
    kind = top.value.get("json_format") if isinstance(top.value, dict) else None
    if kind is not None and isinstance(kind.value, dict):
        name = kind.value.get("type")
        if name is not None and name.value != "mlc_settings":
            hint = "'sensorai decode' explains register files" if name.value == "reg_config" else ""
            raise kind.fail(f"this JSON is of type {name.value!r}, not an MLC settings file", hint)


def _need(parent: Node, items: Mapping[str, Node], key: str) -> Node:
    if key not in items:
        raise parent.fail(f"the key {key!r} is missing")
    return items[key]


def _either(items: Mapping[str, Node], keys: tuple[str, str]) -> str:
    """Value of a key that has two spellings."""
    given = [items[key] for key in keys if key in items]
    if len({node.text() for node in given}) > 1:
        raise given[-1].fail(f"{keys[0]!r} and {keys[1]!r} mean the same and differ")
    return given[0].text() if given else ""


def _device(node: Node) -> MlcDevice:
    try:
        return device(node.text())
    except ConfigError as error:
        raise node.fail(error.message, error.hint) from None


def _inputs(node: Node, what: MlcDevice) -> tuple[tuple[str, ...], str]:
    """Sensor slots of ``input_type``, and what the third one is (empty when it is not used)."""
    inputs, third = ["acc"], ""
    first, *others = node.text().split("+")
    if first not in ("accelerometer_only", "accelerometer") or (others and first != "accelerometer"):
        hint = "it reads accelerometer_only, or accelerometer+gyroscope and the like"
        raise node.fail(f"the input type {node.text()!r} cannot be configured", hint)
    for part in others:
        if part == "gyroscope" and "gyro" in what.sensors and inputs == ["acc"]:
            inputs.append("gyro")
        elif part == "accelerometer_high_g" and "acch" in what.sensors and not third:
            inputs, third = [*inputs, "ext"], "AccHG"
        elif part.endswith("24bit"):
            raise node.fail("no public file shows how a 24-bit external sensor is set up")
        elif re.search("external|qvar|temperature|vafe", part) and "ext" in what.sensors and not third:
            inputs, third = [*inputs, "ext"], part
        else:
            raise node.fail(f"{what.name} has no input {part!r} here")
    return tuple(inputs), third


def _third_code(use: _Use) -> int | None:
    if use.device.registers.third_source is None:
        return None
    return use.device.high_g.source_code if use.third == "AccHG" and use.device.high_g else 1


def _mlc_rates(use: _Use) -> Iterable[float]:
    with_vafe = use.device.mlc_rates_with_vafe
    return with_vafe if use.third == "vafe" and with_vafe else use.device.mlc_rates


def _setting(node: Node, unit: str, allowed: Iterable[float], what: MlcDevice) -> float:
    """Value of ``"30 Hz"`` and the like, which must be one of ``allowed``."""
    match = re.fullmatch(rf"\s*([\d.]+)\s*{unit}\s*", node.text())
    try:
        value = float(match[1]) if match else None
    except ValueError:
        value = None
    if value is None:
        raise node.fail(f"{node.text()!r} is not a value in {unit}", f'it reads like "30 {unit}"')
    values = sorted(allowed)
    if value not in values:
        raise node.fail(
            f"{what.name} does not offer {value:g} {unit} here",
            "offered: " + ", ".join(f"{v:g}" for v in values),
        )
    return value


def _sensor_settings(top: Node, items: Mapping[str, Node], use: _Use) -> dict[str, SensorSetting]:
    """Rates and full scales of the sensors in use; what the file says of others has no effect."""

    def one(name: str, unit: str, rates: Iterable[float], scales: Iterable[float]) -> SensorSetting:
        rate = _setting(_need(top, items, f"{name}_odr"), "Hz", rates, use.device)
        return SensorSetting(rate, _setting(_need(top, items, f"{name}_fs"), unit, scales, use.device))

    settings = {"acc": one("accelerometer", "g", use.device.acc_rates, use.device.acc_full_scales)}
    if "gyro" in use.inputs:
        settings["gyro"] = one("gyroscope", "dps", use.device.gyro_rates, use.device.gyro_full_scales)
    if use.third == "AccHG":
        settings["ext"] = one("accelerometer_high_g", "g", use.device.acch_rates, use.device.acch_full_scales)
    return settings


def _hex(node: Node) -> int:
    text = node.text()
    if not re.fullmatch(r"[0-9A-Fa-f]{4}", text):
        raise node.fail(f"{text!r} is not the four hexadecimal digits of a half")
    return int(text, 16)


def _slot(node: Node, sensor: str, use: _Use) -> str:
    """Slot of a sensor name such as ``Acc``, ``Gyr``, ``Ext``."""
    slots = {"Acc": "acc", "Gyr": "gyro"} | dict.fromkeys(use.device.third_names, "ext")
    words = sensor.split("/")  # Temp/Qvar: the slot takes either
    slot = slots.get(words[0])
    if slot is None or (len(words) > 1 and any(slots.get(word) != "ext" for word in words)):
        raise node.fail(f"{use.device.name} has no input {sensor!r}", closest(sensor, slots))
    if slot not in use.inputs or (slot == "ext" and (sensor == "AccHG") != (use.third == "AccHG")):
        raise node.fail(f"the input {sensor!r} is used, but input_type does not switch it on")
    return slot


def _filters(node: Node | None, use: _Use) -> tuple[tuple[Filter, ...], dict[str, int]]:
    """Return the filters in order, and the index of each filter id."""
    filters: list[Filter] = []
    ids: dict[str, int] = {}
    for one in node.elements() if node else []:
        every = {name for names in FILTER_COEFFICIENTS.values() for name in names}
        items = one.items(("filter_id", "filter_type", "input", "fifo", *sorted(every)))
        kind = _need(one, items, "filter_type")
        if kind.text() not in use.device.filters:
            raise kind.fail(
                f"{use.device.name} has no filter {kind.text()!r}", closest(kind.text(), use.device.filters)
            )
        wanted = FILTER_COEFFICIENTS[kind.text()]
        for name in every & set(items):
            if name not in wanted:
                raise items[name].fail(f"a {kind.text()} filter has no coefficient {name}")
        signal = _need(one, items, "input")
        match = _INPUT.match(signal.text())
        if not match or match["filter"] or match["axis"] not in ("XYZ", "V", "V2"):
            raise signal.fail(
                f"a filter cannot work on {signal.text()!r}", "it takes Acc_XYZ, Acc_V, Acc_V2 ..."
            )
        slot = _slot(signal, match["sensor"], use)
        identity = _need(one, items, "filter_id")
        if identity.text() in ids:
            raise identity.fail(f"the filter id {identity.text()!r} stands twice")
        ids[identity.text()] = len(filters)
        coefficients = tuple(_half(_need(one, items, name)) for name in wanted)
        fifo = "fifo" in items and items["fifo"].boolean()
        filters.append(Filter(kind.text(), slot, match["axis"], coefficients, fifo))
    return tuple(filters), ids


def _half(node: Node) -> int:
    bits = half.nearest(node.number())
    if bits & ~half.SIGN >= half.INFINITY:
        raise node.fail(f"{node.value!r} is beyond the largest value of the core, {half.LARGEST:g}")
    return bits


def _features(
    node: Node,
    use: _Use,
    filters: Sequence[Filter],
    ids: Mapping[str, int],
) -> tuple[Feature, ...]:
    features: list[Feature] = []
    for one in node.elements():
        items = one.items(("feature_name", "input", "signed", "threshold", "fifo"))
        name = _need(one, items, "feature_name")
        kind = name.text()
        if kind not in use.device.features:
            known = kind in FEATURE_CODES or kind.startswith("RECURSIVE_")
            message = (
                f"{use.device.name} has no feature {kind!r}"
                if not kind.startswith("RECURSIVE_")
                else (f"how {kind} is stored is not publicly known")
            )
            raise name.fail(message, "" if known else closest(kind, use.device.features))
        absolute = "signed" in items and not items["signed"].boolean()
        if absolute and kind not in ABSOLUTE_KINDS:
            raise items["signed"].fail(f"{kind} has no unsigned form")
        threshold = None
        if kind in THRESHOLD_KINDS:
            threshold = _half(_need(one, items, "threshold"))
        elif "threshold" in items:
            raise items["threshold"].fail(f"{kind} takes no threshold")
        signal = _need(one, items, "input")
        source = _source(signal, use, filters, ids)
        fifo = "fifo" in items and items["fifo"].boolean()
        features.append(Feature(kind, source, absolute, threshold, fifo))
    if not features:
        raise node.fail("there are no features")
    if len(features) > use.device.limits.features:
        raise node.fail(
            f"{len(features)} features; {use.device.name} has room for {use.device.limits.features}"
        )
    return tuple(features)


def _source(
    node: Node,
    use: _Use,
    filters: Sequence[Filter],
    ids: Mapping[str, int],
) -> Source:
    """Read ``Acc_X``, ``Acc_V2_filter_1`` and the like."""
    match = _INPUT.match(node.text())
    if not match or match["axis"] == "XYZ":
        raise node.fail(f"{node.text()!r} is not an input", "it reads Acc_X, Gyr_V, Acc_V2_filter_1 ...")
    slot = _slot(node, match["sensor"], use)
    if match["filter"] is None:
        return Source(slot, match["axis"])
    if match["filter"] not in ids:
        raise node.fail(f"there is no filter {match['filter']!r}", closest(match["filter"], ids))
    index = ids[match["filter"]]
    if filters[index].sensor != slot or match["axis"] not in filters[index].outputs:
        raise node.fail(f"filter {match['filter']!r} has no output {match['sensor']}_{match['axis']}")
    return Source(slot, match["axis"], index)


def _path(node: Node, folder: Path) -> Path:
    """Path relative to the settings file; ST's tools run on Windows too."""
    return folder / node.text().replace("\\", "/")


def _logs(node: Node | None, folder: Path) -> tuple[LogEntry, ...]:
    out = []
    for one in node.elements() if node else []:
        items = one.items(("filename", "label"))
        name, label = _need(one, items, "filename"), _need(one, items, "label")
        if not label.text():
            raise label.fail("the log has no label")
        out.append(LogEntry(_path(name, folder), label.text(), name.where))
    return tuple(out)


def _trees(node: Node | None, folder: Path, what: MlcDevice) -> tuple[TreeEntry, ...]:
    out = []
    limits = what.limits
    for one in node.elements() if node else []:
        items = one.items(_TREE_KEYS)
        codes: dict[str, int] = {}
        for result in _need(one, items, "results").elements():
            pair = result.items(("label", "value"))
            label, value = _need(result, pair, "label"), _need(result, pair, "value")
            code = value.integer(0, limits.results - 1)
            if label.text() in codes:
                raise label.fail(f"the class {label.text()!r} stands twice")
            if code in codes.values():
                raise value.fail(f"the result {code} is given to two classes")
            codes[label.text()] = code
        counters = items["metaclassifier"].elements() if "metaclassifier" in items else []
        if len(counters) > limits.groups:
            raise items["metaclassifier"].fail(
                f"{len(counters)} end counters; {what.name} has {limits.groups}"
            )
        given = [n.integer(0, limits.end_counter) for n in counters]
        name = items.get("filename")
        out.append(
            TreeEntry(
                _path(name, folder) if name and name.text() else None,
                codes,
                tuple(given + [0] * (limits.groups - len(given))),
                name.where if name else one.where,
            )
        )
    if len(out) > limits.trees and node:
        raise node.fail(f"{len(out)} trees; {what.name} runs {limits.trees}")
    return tuple(out)
