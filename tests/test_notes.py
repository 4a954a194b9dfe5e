"""Notes of many recordings."""

from __future__ import annotations

from sensorai.notes import grouped


def test_what_every_recording_has_is_said_once() -> None:
    assert grouped([("a", ["board: X"]), ("b", ["board: X"])]) == ["board: X"]


def test_what_some_have_is_counted() -> None:
    assert grouped([("a", ["cut"]), ("b", ["cut"]), ("c", [])]) == ["2 recordings: cut, e.g. a"]
    assert grouped([("a", []), ("b", ["cut"]), ("c", [])]) == ["b: cut"]


def test_what_differs_in_numbers_and_quoted_names_is_one() -> None:
    named = [(f"log{i}", [f"resampled from {99 + i / 10} Hz to 104 Hz"]) for i in range(76)]
    assert grouped(named) == ["76 recordings: resampled from 99.0 Hz to 104 Hz (log0), and alike"]
    named = [(n, [f"label {n!r} from the folder's name"]) for n in ("sit", "run")]
    assert grouped(named) == ["2 recordings: label 'sit' from the folder's name (sit), and alike"]


def test_numbers_in_names_are_not_numbers() -> None:
    assert grouped([("a", ["acc_x1 is low"]), ("b", ["acc_x2 is low"])]) == [
        "a: acc_x1 is low",
        "b: acc_x2 is low",
    ]


def test_one_recording_needs_no_name() -> None:
    assert grouped([("a", ["3 gaps", "4 gaps", "cut"])]) == ["3 gaps", "4 gaps", "cut"]
    assert grouped([]) == []
