"""A settings file gives what ST's tool gives: features from logs, a configuration from trees."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from sensorai.errors import ConfigError, DataError
from sensorai.mlc.arff import read_arff
from sensorai.mlc.decode import decode
from sensorai.mlc.generate import generate_config, generate_features, names
from sensorai.mlc.regfile import read_register_file
from sensorai.mlc.settings import read_settings, to_text

SETTINGS = {
    "name": "LSM6DSV16X",
    "mlc_odr": "30 Hz",
    "input_type": "accelerometer_only",
    "accelerometer_fs": "8 g",
    "accelerometer_odr": "30 Hz",
    "window_length": "4",
    "decision_tree_count": "1",
    "filters": [],
    "features": [
        {"feature_name": "MEAN", "input": "Acc_X", "signed": True},
        {"feature_name": "VARIANCE", "input": "Acc_V", "signed": False},
    ],
    "datalogs": [{"filename": "logs\\a.csv", "label": "up"}, {"filename": "logs/b.csv", "label": "down"}],
    "dectrees": [
        {
            "filename": "tree.txt",
            "metaclassifier": [1, 2],
            "results": [{"label": "up", "value": 4}, {"label": "down", "value": "8"}],
        }
    ],
    "arff": "out/f.arff",
    "ucf": "C:\\work\\2nd try.ucf",
}
TREE = "F1_MEAN_on_ACC_X <= 0.505737: down\nF1_MEAN_on_ACC_X > 0.505737: up\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    for name, x in (("a", 1000), ("b", -1000)):
        rows = "".join(f"{x},0,0\n" for _ in range(9))
        (tmp_path / "logs" / f"{name}.csv").write_text("acc_x[mg],acc_y[mg],acc_z[mg]\n" + rows)
    (tmp_path / "tree.txt").write_text(TREE)
    write(tmp_path)
    return tmp_path


def write(folder: Path, **changes: object) -> Path:
    path = folder / "mlc_conf.json"
    path.write_text(json.dumps(SETTINGS | changes, indent=1))
    return path


def test_features(folder: Path) -> None:
    done = generate_features(folder / "mlc_conf.json", folder / "out")
    assert [p.name for p in done.files] == ["f.arff"]
    table = read_arff(done.files[0])
    assert table.features == ("F1_MEAN_ACC_X", "F2_ABS_VARIANCE_ACC_V")
    assert table.classes == ("up", "down")
    assert table.labels == ("up", "up", "down", "down")
    assert np.sign(table.values[:, 0]).tolist() == [1, 1, -1, -1]
    older = generate_features(folder / "mlc_conf.json", folder / "x.arff", "unico-c")
    assert read_arff(older.files[0]).features == ("F1_MEAN_on_ACC_X", "F2_ABS_VAR_on_ACC_V")


def test_config_and_what_the_half_moves(folder: Path) -> None:
    done = generate_config(folder / "mlc_conf.json", folder / "out")
    assert [p.name for p in done.files] == ["2nd try.json", "2nd try.ucf", "2nd try.h", "2nd try_plain.h"]
    (move,) = done.narrowings[0].moved
    assert (move.rounded, move.goes_left) == (0.505859375, True)
    assert done.notes == ("1 threshold decides some feature values differently once rounded to a half",)
    for path in done.files[:3]:
        config = decode(read_register_file(path)).config
        assert list(config.trees[0].tree.rows()) == [(0, 0.505859375, ~8, ~4)]
        assert config.trees[0].end_counters == (1, 2, 0, 0)
        assert config.window == 4
    assert "_2nd_try" in done.files[2].read_text()


def test_settings_written_by_us_are_read_back(folder: Path) -> None:
    done = generate_config(folder / "mlc_conf.json", folder)
    config = decode(read_register_file(done.files[0])).config
    text = to_text(config, tree_files=["tree.txt"], logs=[("logs/a.csv", "up")], name="again")
    (folder / "again.json").write_text(text)
    again = read_settings(folder / "again.json")
    assert again.output == "again.json"
    assert again.logs[0].label == "up"
    second = generate_config(folder / "again.json", folder / "second")
    assert second.files[0].read_bytes() == done.files[0].read_bytes()
    with pytest.raises(ConfigError, match="2 tree files for 1 trees"):
        to_text(config, tree_files=["a", "b"])


def test_names_of_the_third_sensor(folder: Path) -> None:
    config = read_settings(
        write(folder, name="LSM6DSV80X", input_type="accelerometer+external_sensor")
    ).config
    assert names(config)[0] == "F1_MEAN_ACC_X"


@pytest.mark.parametrize("name", ["LSM6DSOX", "ISM330DHCX", "LSM6DSV16X", "LIS2DUX12"])
def test_several_trees_on_every_generation(folder: Path, name: str) -> None:
    rate = {"LSM6DSV16X": "30 Hz", "LIS2DUX12": "25 Hz"}.get(name, "26 Hz")
    (folder / "b.txt").write_text(
        "F2_ABS_VARIANCE_ACC_V <= 1\n|   F1_MEAN_ACC_X <= 0 : low (3)\n|   F1_MEAN_ACC_X > 0 : high (1)\n"
        "F2_ABS_VARIANCE_ACC_V > 1 : shake (8/1.0)\n"
    )
    results = [{"label": label, "value": i} for i, label in enumerate(("low", "high", "shake"))]
    changes = {
        "name": name,
        "mlc_odr": rate,
        "accelerometer_odr": rate,
        "decision_tree_count": "2",
        "dectrees": [SETTINGS["dectrees"][0], {"filename": "b.txt", "results": results}],
    }
    done = generate_config(write(folder, **changes), folder / "out")
    for path in done.files[:3]:
        config = decode(read_register_file(path)).config
        first, second = config.trees
        assert list(first.tree.rows()) == [(0, 0.505859375, ~8, ~4)]
        assert list(second.tree.rows()) == [(1, 1.0, 1, ~2), (0, 0.0, ~0, ~1)]
        assert second.labels == {0: "low", 1: "high", 2: "shake"}
        assert (config.device, config.features[1].absolute) == (name, True)


@pytest.mark.parametrize(
    ("changes", "message", "line"),
    [
        ({"datalogs": []}, "name no logs", None),
        ({"datalogs": [{"filename": "c.csv", "label": "up"}]}, "there is no log", "24"),
        (
            {"datalogs": [{"filename": "logs/a.csv", "label": x} for x in ("up", "down")]},
            "labelled 'up' and 'down'",
            "28",
        ),
        ({"window_length": 200}, "no log fills a window of 200", None),
    ],
)
def test_feature_refusals(folder: Path, changes: dict[str, object], message: str, line: str | None) -> None:
    path = write(folder, **changes)
    with pytest.raises(DataError, match=message) as caught:
        generate_features(path, folder / "out")
    assert line is None or f"mlc_conf.json:{line}" in caught.value.where
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("changes", "tree", "message"),
    [
        ({"decision_tree_count": 2}, TREE, "decision_tree_count is 2, and 1 trees"),
        ({"dectrees": []}, TREE, "and 0 trees"),
        ({"dectrees": [{"filename": "", "results": []}]}, TREE, "has no file"),
        ({"dectrees": [{"filename": "no.txt", "results": []}]}, TREE, "there is no tree file"),
        ({"dectrees": [{"filename": "tree.txt", "results": []}]}, TREE, "'down', which has no result code"),
        ({}, TREE.replace("F1_MEAN_on_ACC_X", "F3_MEAN_on_ACC_X"), "unknown feature 'F3_MEAN_on_ACC_X'"),
        ({}, TREE.replace("0.505737", "70000"), "beyond the largest value"),
        ({"dectree_features": ["x", "y"]}, TREE.replace("F1_MEAN_on_ACC_X", "x"), ""),
    ],
)
def test_config_refusals(folder: Path, changes: dict[str, object], tree: str, message: str) -> None:
    (folder / "tree.txt").write_text(tree)
    path = write(folder, **changes)
    if not message:
        assert generate_config(path, folder / "out").files
        return
    with pytest.raises((DataError, ConfigError), match=message):
        generate_config(path, folder / "out")
    assert not (folder / "out").exists()


@pytest.mark.conformance
def test_published_tables_from_published_settings(shared: Path, tmp_path: Path) -> None:
    root = shared / "data" / "mlc-reference"
    workspace = (
        root / "st-mems-machine-learning-core/tutorials/2_datalogs_and_automatic_feature_selection/workspace"
    )
    done = generate_features(workspace / "mlc_settings.json", tmp_path)
    assert done.files[0].read_bytes() == (workspace / "features.arff").read_bytes()

    # the logs of example_8 are kept under tutorial 2
    name = "STMems_Machine_Learning_Core/configuration_examples/example_8_stedgeai"
    with (root / "DUPLICATES.csv").open() as file:
        kept = {row["dropped"]: row["kept_file_with_same_content"] for row in csv.DictReader(file)}
    shutil.copy(root / name / "mlc_conf.json", tmp_path)
    for log in json.loads((tmp_path / "mlc_conf.json").read_text())["datalogs"]:
        place = tmp_path / log["filename"]
        place.parent.mkdir(parents=True, exist_ok=True)
        source = root / name / log["filename"]
        shutil.copy(source if source.exists() else root / kept[f"{name}/{log['filename']}"], place)
    done = generate_features(tmp_path / "mlc_conf.json", tmp_path, "stedgeai")
    assert done.files[0].name == "har_features.arff"
    # published with the line ends of another machine
    published = (root / name / "output/har_features.arff").read_bytes().replace(b"\r\n", b"\n")
    assert done.files[0].read_bytes() == published


OLD = "STMems_Machine_Learning_Core/configuration_examples"


@pytest.mark.conformance
@pytest.mark.parametrize(
    ("folder", "table", "style", "logs", "changes"),
    [
        (
            "example_0_profi_unico_weka",
            "2_features.arff",
            "unico",
            {
                "face_up": "1_Log1_FaceUp.txt",
                "face_down": "1_Log2_FaceDown.txt",
                "shaking": "1_Log3_Shaking.txt",
            },
            {
                "window_length": 26,
                "filters": [{"filter_id": "filter_1", "filter_type": "HP", "input": "Acc_V"}],
                "features": [
                    {"feature_name": "MEAN", "input": "Acc_Z"},
                    {"feature_name": "MEAN", "input": "Acc_V_filter_1"},
                    {"feature_name": "VARIANCE", "input": "Acc_V"},
                ],
            },
        ),
        (
            "example_4_stwin_stble_unico",
            "2_mlc_attributes/attributes.arff",
            "unico",
            {
                f"fan_{a}": f"1_datalogs/fan_{b}.txt"
                for a, b in (("off", "off"), ("on", "onf"), ("fault", "fault"))
            },
            {"window_length": 104, "features": [{"feature_name": "PEAK_TO_PEAK", "input": "Acc_X"}]},
        ),
        (
            "example_5_profi_unico",
            "2_features/features.arff",
            "unico-b",
            {
                f"{a}magnetic_variation": f"1_datalogs/log{n}_{a}magnetic_variation.txt"
                for n, a in ((1, "no_"), (2, ""))
            },
            {
                "window_length": 52,
                "input_type": "accelerometer+external_sensor",
                "features": [{"feature_name": "VARIANCE", "input": "Ext_V"}],
            },
        ),
    ],
)
def test_old_tables_from_settings_of_our_own(
    shared: Path,
    tmp_path: Path,
    folder: str,
    table: str,
    style: str,
    logs: dict[str, str],
    changes: dict[str, object],
) -> None:
    root = shared / "data" / "mlc-reference" / OLD / folder
    settings = {
        "name": "LSM6DSOX",
        "mlc_odr": "26 Hz",
        "input_type": "accelerometer_only",
        "accelerometer_fs": "2 g",
        "accelerometer_odr": "26 Hz",
        "datalogs": [{"filename": str(root / log), "label": label} for label, log in logs.items()],
    }
    (tmp_path / "s.json").write_text(json.dumps(settings | changes))
    done = generate_features(tmp_path / "s.json", tmp_path, style)
    assert done.files[0].read_bytes() == (root / table).read_bytes()


@pytest.mark.conformance
def test_published_configuration_from_published_settings(shared: Path, tmp_path: Path) -> None:
    workspace = (
        shared / "data/mlc-reference/st-mems-machine-learning-core/tutorials/4_decision_tree/workspace_har"
    )
    done = generate_config(workspace / "mlc_settings.json", tmp_path, "2.3")
    ours, theirs = (json.loads(p.read_text()) for p in (done.files[0], workspace / "mlc.json"))
    assert theirs.pop("date")
    assert ours.pop("application")["name"] == "sensorai"
    assert theirs.pop("application")["name"] == "MLC Tool"
    assert ours == theirs
