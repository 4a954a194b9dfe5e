"""Classes by the names of files."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from sensorai.formats import read_dataset
from sensorai.formats.dataset import SUFFIXES
from sensorai.formats.filenames import classes_by_name
from tests.formats.test_dataset import labels, put


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        ("walking_01 walking_02 running_01", "walking walking running"),
        ("walking jogging", "walking jogging"),
        ("close1 close2 open1 open2 still1", "close close open open still"),
        ("fan_fault fan_off fan_on", "fault off on"),
        ("walking walking_fast", "walking walking_fast"),
        ("log_walking log_walking_fast", "walking walking_fast"),
        ("log1_no_variation log2_variation", "no_variation variation"),
        ("slice_backhand backhand serve", "slice_backhand backhand serve"),
        ("walk_s01 walk_s02 run_s01", "walk walk run"),
        ("01walk 02run", "walk run"),
        ("sensor_lsm6dsox_walk_1 sensor_lsm6dsox_run_1", "walk run"),
        ("2021-01-28_walk_lsm6dsox 2021-02-28_idle_lsm6dsox", "walk idle"),
        ("walk_20210128_144937 run_20210129T145000 run_14h30", "walk run run"),
        ("03-Feb-2021_walk 28-Jan-2021_run", "walk run"),
        ("walk.3f2a9b1cdd idle.aaaa9b1cdd", "walk idle"),
        ("walk-123e4567-e89b-12d3-a456-426614174000 run-123e4567-e89b-12d3-a456-42661417400f", "walk run"),
        ("fan_50Hz_1 fan_100Hz_1", "50Hz 100Hz"),
        ("Walk_1 walk_2 run_1", "Walk Walk run"),
        ("walk_1_fast walk_2_slow run_1_fast", "walk_fast walk_slow run_fast"),
    ],
)
def test_classes(names: str, classes: str) -> None:
    assert classes_by_name(names.split()).labels == tuple(classes.split())


def test_names_of_several_words_keep_their_spelling() -> None:
    names = ["Child’s Pose 2", "Child’s Pose", "Downward-Facing Dog (1)", "The Tree"]
    assert classes_by_name(names).labels == (
        "Child’s Pose",
        "Child’s Pose",
        "Downward-Facing Dog",
        "The Tree",
    )


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ("log_0 log_1 log_12", r"all names are of one kind \(log\)"),
        ("0000 0001", "only numbers or dates"),
        ("walk_1 2021-01-28", "only numbers or dates"),
        ("gesture_1_01 gesture_2_01", "one kind"),
        ("a b", "too short"),
        ("eve_walk_1 bob_walk_1 eve_run_1 bob_run_2", r"two things each: bob\|eve and run\|walk"),
        (" ".join("log" + a + b for a in "qwertz" for b in "asdf"), "every name is one of its own"),
    ],
)
def test_no_classes(names: str, reason: str) -> None:
    found = classes_by_name(names.split())
    assert found.labels == ()
    assert re.search(reason, found.reason), found.reason


def test_known_classes_decide() -> None:
    known = ["Walk", "Nordic Walk", "RUN", "1", ""]
    assert classes_by_name(["walk_1", "nordic-walk", "Run"], known).labels == ("Walk", "Nordic Walk", "RUN")
    people = ["eve_walk_1", "bob_walk_1", "eve_run_1", "bob_run_2"]
    assert classes_by_name(people, known).labels == ("Walk", "Walk", "RUN", "RUN")
    assert classes_by_name(people, ["eve", "bob"]).labels == ("eve", "bob", "eve", "bob")
    assert classes_by_name(["walk_1"], ["walk"]).labels == ("walk",)
    assert classes_by_name(["walk_1", "rest_1"], ["walk"]).labels == ("walk", "rest")
    assert classes_by_name(["walk_1", "walk_2"], ["1", "2"]).labels == ()


def test_part_of_a_name_is_not_taken_for_a_known_class() -> None:
    names = ["slice_backhand", "slice_forehand"]
    assert classes_by_name(names).labels == ("backhand", "forehand")
    known = ["forehand", "backhand", "forehand_slice"]
    assert classes_by_name(names, known).labels == ("slice_backhand", "slice_forehand")
    assert classes_by_name([*names, "backhand"], ["backhand"]).labels == (*names, "backhand")


# ---------------------------------------------------------------- in a data set


def test_one_folder_is_said(tmp_path: Path) -> None:
    for name in ("walk_1.csv", "walk_2.csv", "run_1.csv"):
        put(tmp_path / "logs", name)
    dataset = read_dataset([tmp_path / "logs"])
    assert labels(dataset) == [("run_1", ["run"]), ("walk_1", ["walk"]), ("walk_2", ["walk"])]
    for recording in dataset:
        assert recording.notes[-1] == "classes by file name: run (1 log), walk (2 logs)"
    assert dataset.label_groups() == {"run": ("run_1",), "walk": ("walk_1", "walk_2")}


@pytest.mark.parametrize(
    ("folder", "names", "said"),
    [
        ("2_walk", "eve bob", "label 'walk' from the folder's name"),
        ("normal", "monday tuesday", "label 'normal' from the folder's name"),
        (
            "logs",
            "log_0 log_1",
            "label 'logs' from the folder's name; the file names tell no classes apart: all names are of one "
            "kind (log)",
        ),
        ("logs", "walking", "label 'logs' from the folder's name"),
        ("1_datalogs", "walk run", "classes by file name: run (1 log), walk (1 log)"),
    ],
)
def test_folder_or_file(tmp_path: Path, folder: str, names: str, said: str) -> None:
    for name in names.split():
        put(tmp_path / folder, f"{name}.csv")
    assert {r.notes[-1] for r in read_dataset([tmp_path / folder])} == {said}


def test_known_classes_decide_between_folder_and_file(tmp_path: Path) -> None:
    put(tmp_path / "walk", "eve.csv")
    put(tmp_path / "walk", "bob.csv")
    put(tmp_path / "data", "walk.csv")
    assert labels(read_dataset([tmp_path / "walk"])) == [("bob", ["bob"]), ("eve", ["eve"])]
    assert labels(read_dataset([tmp_path / "walk"], classes=["Walk"])) == [
        ("bob", ["walk"]),
        ("eve", ["walk"]),
    ]
    assert labels(read_dataset([tmp_path / "data"])) == [("walk", ["data"])]
    assert labels(read_dataset([tmp_path / "data"], classes=["Walk"])) == [("walk", ["Walk"])]


def test_what_says_more_than_a_file_name(tmp_path: Path) -> None:
    put(tmp_path / "column", "walk.csv", "ax[g],ay[g],az[g],label\n0,0,1,sit\n")
    put(tmp_path / "column", "run.csv", "ax[g],ay[g],az[g],label\n0,0,1,\n")
    assert labels(read_dataset([tmp_path / "column"])) == [("run", []), ("walk", ["sit"])]
    put(tmp_path / "told", "walk.csv")
    put(tmp_path / "told", "run.csv")
    told = read_dataset([tmp_path / "told"], labels=[("sit", "*.csv")])
    assert labels(told) == [("run", ["sit"]), ("walk", ["sit"])]
    put(tmp_path / "told" / "more", "walk.csv")
    assert labels(read_dataset([tmp_path / "told"])) == [
        ("more/walk", ["more"]),
        ("run", ["told"]),
        ("walk", ["told"]),
    ]


#: Classes and logs in each of ST's folders that hold one log or more a class.
ST = {
    ("biking", "driving", "jogging", "stationary", "walking"): 5,
    ("jogging", "other", "walking"): 3,
    ("close", "open", "still"): 11,
    ("bipces", "lateral", "nothing", "squats"): 4,
    ("biceps", "lateral", "nothing", "squats"): 4,
    ("backhand", "forehand", "serve", "slice_backhand", "slice_forehand"): 5,
    ("motion", "shake", "stationary", "stationary_not_upright"): 4,
    ("back_flatbed_tow", "back_wheel_tow", "front_flatbed_tow", "front_wheel_tow", "no_event_park"): 5,
    ("clogged", "high_speed", "low_speed", "off"): 4,
    ("magnetic_variation", "no_magnetic_variation"): 2,
}


def test_st_folders(shared: Path) -> None:
    """Every class of ST's own folders of logs, as a person would name them."""
    seen = set()
    for folder in (shared / "data" / "mlc-reference").rglob("*"):
        if folder.is_dir() and folder.name.rpartition("_")[2] in ("datalogs", "logs"):
            stems = sorted(f.stem for f in folder.iterdir() if f.suffix in SUFFIXES)
            found = Counter(classes_by_name(stems).labels)
            seen.add((tuple(sorted(found)), found.total()))
    assert {pair for pair in seen if pair[0] in ST} == set(ST.items())
    yoga = [pair for pair in seen if pair[1] == 28]
    assert yoga
    assert all(len(classes) == 14 for classes, _ in yoga)
