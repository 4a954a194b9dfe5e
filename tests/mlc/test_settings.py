"""ST's settings file: both spellings in, one out, and every fault with its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorai.errors import DataError, UserError
from sensorai.mlc.config import (
    ABSOLUTE_KINDS,
    FEATURE_CODES,
    FILTER_COEFFICIENTS,
    THRESHOLD_KINDS,
    DecisionTree,
    Feature,
    Filter,
    MlcConfig,
    SensorSetting,
    Source,
)
from sensorai.mlc.devices import MlcDevice, devices
from sensorai.mlc.jsonlines import load
from sensorai.mlc.settings import read_settings, to_text
from sensorai.model.forest import Tree

BASE: dict[str, Any] = {
    "name": "LSM6DSV16X",
    "mlc_odr": "30 Hz",
    "input_type": "accelerometer+gyroscope",
    "accelerometer_fs": "8 g",
    "accelerometer_odr": "60 Hz",
    "gyroscope_fs": "2000 dps",
    "gyroscope_odr": "60 Hz",
    "window_length": 60,
    "filters": [
        {"filter_id": "f", "filter_type": "BP", "input": "Acc_V2", "a2": "-1.66", "a3": 0.81, "gain": 1}
    ],
    "features": [
        {"feature_name": "ZERO_CROSSING", "input": "Acc_V2_f", "threshold": "0.5", "fifo": "true"},
        {"feature_name": "MEAN", "input": "Gyr_V", "signed": False},
    ],
    "dectrees": [
        {"filename": "t.txt", "results": [{"label": "a", "value": 1}, {"label": "b", "value": "4"}]},
    ],
}


def read(folder: Path, settings: object) -> Any:
    path = folder / "s.json"
    path.write_text(settings if isinstance(settings, str) else json.dumps(settings, indent=1))
    return read_settings(path)


def test_what_it_says(tmp_path: Path) -> None:
    settings = read(tmp_path, BASE)
    config = settings.config
    assert config.inputs == ("acc", "gyro")
    assert config.settings == {"acc": SensorSetting(60.0, 8.0), "gyro": SensorSetting(60.0, 2000.0)}
    assert config.filters == (Filter("BP", "acc", "V2", (0xBEA4, 0x3A7B, 0x3C00)),)
    assert config.features[0] == Feature("ZERO_CROSSING", Source("acc", "V2", 0), False, 0x3800, True)
    assert config.features[1] == Feature("MEAN", Source("gyro", "V"), True)
    assert (config.third_sensor, config.window, config.mlc_rate_hz) == (1, 60, 30.0)
    assert settings.trees[0].codes == {"a": 1, "b": 4}
    assert settings.trees[0].path == tmp_path / "t.txt"
    assert settings.trees[0].end_counters == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("arff", "output"), [("arff", "ucf"), ("features_output_filename", "config_output_filename")]
)
def test_both_spellings(tmp_path: Path, arff: str, output: str) -> None:
    settings = read(tmp_path, BASE | {arff: "x.arff", output: "y.ucf"})
    assert (settings.arff, settings.output) == ("x.arff", "y.ucf")
    with pytest.raises(DataError, match="mean the same and differ"):
        read(tmp_path, BASE | {"ucf": "a", "config_output_filename": "b"})


def test_third_sensors(tmp_path: Path) -> None:
    high = read(
        tmp_path,
        BASE
        | {
            "name": "LSM6DSV80X",
            "input_type": "accelerometer+accelerometer_high_g",
            "accelerometer_high_g_fs": "80 g",
            "accelerometer_high_g_odr": "480 Hz",
            "acchg_sensitivity": "051F",
            "ext_sensitivity": "3C00",
            "features": [{"feature_name": "MEAN", "input": "AccHG_X"}],
        },
    )
    assert high.config.inputs == ("acc", "ext")
    assert high.config.third_sensor == 3
    assert high.config.settings["ext"] == SensorSetting(480.0, 80.0)
    assert (high.sensitivity, high.high_g_sensitivity) == (0x3C00, 0x051F)
    both = read(
        tmp_path,
        {
            "name": "IIS2DULPX",
            "mlc_odr": "25 Hz",
            "input_type": "accelerometer+temperature/qvar",
            "accelerometer_fs": "2 g",
            "accelerometer_odr": "25 Hz",
            "temp_qvar_sensitivity": "19d1",
            "window_length": "255",
            "features": [{"feature_name": "MEAN", "input": "Temp/Qvar_X"}],
        },
    )
    assert both.config.features[0].source == Source("ext", "X")
    assert both.sensitivity == 0x19D1


def changed(*path: Any) -> dict[str, Any]:
    """BASE with one value put in at a path of keys (the last element); ``...`` takes the key away."""
    out: dict[str, Any] = json.loads(json.dumps(BASE))
    at: Any = out
    for key in path[:-2]:
        at = at[key]
    if path[-1] is ...:
        del at[path[-2]]
    else:
        at[path[-2]] = path[-1]
    return out


@pytest.mark.parametrize(
    ("settings", "message", "key"),
    [
        (changed("name", "LSM6DSV17X"), "unknown device", "name"),
        (changed("name", ...), "'name' is missing", ""),
        (changed("window_length", 0), "whole number from 1 to 255", "window_length"),
        (changed("window_length", "256"), "whole number from 1 to 255", "window_length"),
        (changed("window_length", 1.5), "whole number", "window_length"),
        (changed("window_length", True), "not a number", "window_length"),
        (changed("window_lenght", 5), "unknown key 'window_lenght'", "window_lenght"),
        (changed("mlc_odr", "26 Hz"), "does not offer 26 Hz", "mlc_odr"),
        (changed("mlc_odr", "30"), "not a value in Hz", "mlc_odr"),
        (changed("mlc_odr", 30), "text in quotes", "mlc_odr"),
        (changed("accelerometer_fs", "1.2.3 g"), "not a value in g", "accelerometer_fs"),
        (changed("accelerometer_fs", "32 g"), "does not offer 32 g", "accelerometer_fs"),
        (changed("gyroscope_odr", ...), "'gyroscope_odr' is missing", ""),
        (changed("input_type", "accelerometer+gyroscope+gyroscope"), "no input 'gyroscope'", "input_type"),
        (changed("input_type", "accelerometer+accelerometer_high_g"), "no input", "input_type"),
        (changed("input_type", "vafe_only"), "cannot be configured", "input_type"),
        (changed("input_type", "accelerometer_only+gyroscope"), "cannot be configured", "input_type"),
        (changed("input_type", "accelerometer+external_sensor_24bit"), "24-bit", "input_type"),
        (changed("input_type", "accelerometer_only"), "does not switch it on", "features[1].input"),
        (changed("filters", 0, "filter_type", "LP"), "no filter 'LP'", "filters[0].filter_type"),
        (changed("filters", 0, "b1", 1), "no coefficient b1", "filters[0].b1"),
        (changed("filters", 0, "a2", ...), "'a2' is missing", "filters[0]"),
        (changed("filters", 0, "a2", "x"), "not a number", "filters[0].a2"),
        (changed("filters", 0, "a2", "nan"), "not a number", "filters[0].a2"),
        (changed("filters", 0, "a2", 65520), "beyond the largest", "filters[0].a2"),
        (changed("filters", 0, "input", "Acc_X"), "cannot work on", "filters[0].input"),
        (changed("filters", BASE["filters"] * 2), "stands twice", "filters[1].filter_id"),
        (changed("features", []), "no features", "features"),
        (changed("features", [BASE["features"][1]] * 99), "99 features", "features"),
        (changed("features", 0, "feature_name", "MEEN"), "no feature 'MEEN'", "features[0].feature_name"),
        (
            changed("features", 0, "feature_name", "RECURSIVE_MEAN"),
            "not publicly known",
            "features[0].feature_name",
        ),
        (changed("features", 0, "threshold", ...), "'threshold' is missing", "features[0]"),
        (changed("features", 1, "threshold", 0), "takes no threshold", "features[1].threshold"),
        (changed("features", 0, "signed", False), "no unsigned form", "features[0].signed"),
        (changed("features", 1, "signed", 1), "neither true nor false", "features[1].signed"),
        (changed("features", 0, "input", "Acc_V2_g"), "no filter 'g'", "features[0].input"),
        (changed("features", 0, "input", "Acc_X_f"), "has no output Acc_X", "features[0].input"),
        (changed("features", 0, "input", "Gyr_V2_f"), "has no output Gyr_V2", "features[0].input"),
        (changed("features", 1, "input", "Gyr_XYZ"), "not an input", "features[1].input"),
        (changed("features", 1, "input", "Gyro_X"), "no input 'Gyro'", "features[1].input"),
        (changed("features", 1, "input", "Acc/Ext_X"), "no input 'Acc/Ext'", "features[1].input"),
        (changed("features", {}), "a list", "features"),
        (changed("features", [1]), "an object", "features[0]"),
        (changed("dectrees", 0, "results", 0, "value", 16), "from 0 to 15", "dectrees[0].results[0].value"),
        (
            changed("dectrees", 0, "results", 0, "value", 4),
            "given to two classes",
            "dectrees[0].results[1].value",
        ),
        (changed("dectrees", 0, "results", 0, "label", "b"), "stands twice", "dectrees[0].results[1].label"),
        (changed("dectrees", 0, "metaclassifier", [0] * 5), "5 end counters", "dectrees[0].metaclassifier"),
        (changed("dectrees", 0, "metaclassifier", [15]), "from 0 to 14", "dectrees[0].metaclassifier[0]"),
        (changed("dectrees", BASE["dectrees"] * 5), "5 trees", "dectrees"),
        (changed("dectree_features", ["a"]), "1 names for 2 features", "dectree_features"),
        (changed("datalogs", [{"filename": "a", "label": ""}]), "no label", "datalogs[0].label"),
        (changed("ext_sensitivity", "3C0"), "four hexadecimal", "ext_sensitivity"),
        (changed("json_format", {"type": "reg_config"}), "not an MLC settings file", "json_format"),
    ],
)
def test_faults_name_line_and_key(tmp_path: Path, settings: dict[str, Any], message: str, key: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, settings)
    assert caught.value.where.startswith(f"{tmp_path / 's.json'}:")
    line = int(caught.value.where.rpartition(":")[2].split()[0])
    text = (tmp_path / "s.json").read_text().splitlines()[line - 1]
    if key:
        assert caught.value.where.endswith(f" ({key})")
        if not key.endswith("]"):
            assert f'"{key.rpartition(".")[2]}"' in text
    else:
        assert text == "{"


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        ("", "broken JSON", "s.json:1 column 1"),
        ('{\n "name": }', "broken JSON", "s.json:2 column 10"),
        ('{"name": "a",\n"name": "b"}', "stands twice", "s.json:2"),
        ("[" * 100_000, "broken JSON", "s.json"),
        ("3", "an object", "s.json:1"),
        ('"x"', "an object", "s.json:1"),
    ],
)
def test_broken_json(tmp_path: Path, text: str, message: str, where: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, text)
    assert where in caught.value.where


def test_unreadable(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read"):
        read_settings(tmp_path)
    (tmp_path / "s.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(DataError, match="not UTF-8"):
        read_settings(tmp_path / "s.json")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def plain(node: Any) -> Any:
    value = node.value
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


@given(json_values, st.sampled_from([None, 1]), st.booleans())
def test_json_with_lines_is_json(value: Any, indent: int | None, ascii_only: bool) -> None:
    assert plain(load(json.dumps(value, indent=indent, ensure_ascii=ascii_only), "x")) == value


@given(st.data())
def test_cut_or_changed_settings_never_crash(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    text = json.dumps(BASE, indent=1)
    at = data.draw(st.integers(0, len(text)))
    text = text[:at] + data.draw(st.text(max_size=3)) + text[at + data.draw(st.integers(0, 5)) :]
    where = "read"
    try:
        read(tmp_path_factory.getbasetemp(), text)
    except UserError as error:
        where = error.where
    assert where


@st.composite
def configurations(draw: st.DrawFn) -> MlcConfig:
    """Anything a settings file can say, for any device."""
    what: MlcDevice = draw(st.sampled_from(devices()))
    inputs = ["acc"]
    settings = {
        "acc": SensorSetting(
            draw(st.sampled_from(sorted(what.acc_rates))), draw(st.sampled_from(sorted(what.acc_full_scales)))
        )
    }
    third = None if what.registers.third_source is None else 1
    if "gyro" in what.sensors and draw(st.booleans()):
        inputs.append("gyro")
        scale = draw(st.sampled_from(sorted(what.gyro_full_scales)))
        settings["gyro"] = SensorSetting(draw(st.sampled_from(sorted(what.gyro_rates))), scale)
    if "acch" in what.sensors and what.high_g and draw(st.booleans()):
        inputs.append("ext")
        third = what.high_g.source_code
        scale = draw(st.sampled_from(sorted(what.acch_full_scales)))
        settings["ext"] = SensorSetting(draw(st.sampled_from(sorted(what.acch_rates))), scale)
    elif "ext" in what.sensors and draw(st.booleans()):
        inputs.append("ext")
    halves = st.integers(0, 0x7BFF) | st.integers(0x8000, 0xFBFF)
    filters = []
    for _ in range(draw(st.integers(0, 2))):
        kind = draw(st.sampled_from(what.filters))
        values = tuple(draw(halves) for _ in FILTER_COEFFICIENTS[kind])
        component = draw(st.sampled_from(("XYZ", "V", "V2")))
        filters.append(Filter(kind, draw(st.sampled_from(inputs)), component, values, draw(st.booleans())))
    sources = [Source(slot, axis) for slot in inputs for axis in ("X", "Y", "Z", "V", "V2")]
    sources += [Source(f.sensor, axis, i) for i, f in enumerate(filters) for axis in f.outputs]
    features = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(sorted(set(FEATURE_CODES) & set(what.features))))
        absolute = kind in ABSOLUTE_KINDS and draw(st.booleans())
        threshold = draw(halves) if kind in THRESHOLD_KINDS else None
        features.append(
            Feature(kind, draw(st.sampled_from(sources)), absolute, threshold, draw(st.booleans()))
        )
    counters = tuple(draw(st.sampled_from((0, 0, 14))) for _ in range(what.limits.groups))
    tree = DecisionTree(Tree.from_nodes([(0, 0.5, ~1, ~2)]), counters, {1: "one", 2: "two"})
    rates = sorted((what.mlc_rates_with_vafe if "ext" in inputs else {}) or what.mlc_rates)
    return MlcConfig(
        what.name,
        draw(st.integers(1, 255)),
        draw(st.sampled_from(rates)),
        tuple(inputs),
        tuple(filters),
        tuple(features),
        (tree,),
        settings,
        third,
    )


@given(configurations())
def test_what_is_written_reads_back(tmp_path_factory: pytest.TempPathFactory, config: MlcConfig) -> None:
    path = tmp_path_factory.getbasetemp() / "written.json"
    path.write_text(to_text(config, tree_files=["t.txt"], feature_names=["x"] * len(config.features)))
    settings = read_settings(path)
    back = settings.config
    assert (back.device, back.window, back.mlc_rate_hz, back.inputs) == (
        config.device,
        config.window,
        config.mlc_rate_hz,
        config.inputs,
    )
    assert back.filters == config.filters
    assert back.features == config.features
    assert back.settings == config.settings
    assert back.third_sensor == config.third_sensor
    assert settings.trees[0].codes == {"one": 1, "two": 2}
    assert settings.trees[0].end_counters == config.trees[0].end_counters
