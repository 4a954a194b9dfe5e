"""An experiment as data: file and value say the same, and everything wrong is said at once."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sensorai.errors import ConfigError, ExperimentError
from sensorai.experiment import Experiment, check, checked, options, tables, toml
from sensorai.experiment.check import check_values
from sensorai.experiment.option import Option
from sensorai.experiment.schema import schema
from sensorai.experiment.schema import text as schema_text

# ---------------------------------------------------------------- values of every kind

TEXT = st.text(min_size=1, max_size=12)
#: Names of files: any text but what separates paths, or ends them.
FILE = st.text(st.characters(exclude_characters="/\\\0", exclude_categories=["Cs"]), min_size=1, max_size=8)
PATH = st.lists(FILE.filter(lambda part: part not in (".", "..")), min_size=1, max_size=3).map("/".join)
POSITIVE = st.floats(min_value=1e-9, max_value=1e9) | st.integers(1, 10**6)
SCALAR = (
    st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | TEXT
)
TABLE = st.dictionaries(TEXT, SCALAR | st.lists(st.integers(0, 99), max_size=3), max_size=3)


def good(told: Option) -> st.SearchStrategy[Any]:
    """Values that an option may hold, as a file holds them."""
    if told.choices is not None:
        return st.sampled_from(told.choices())
    least = 1 if told.least is None else told.least
    most = 10**6 if told.most is None else told.most
    known: dict[str, st.SearchStrategy[Any]] = {
        "text": TEXT,
        "integer": st.integers(int(least), int(most)),
        "auto": st.integers(int(least), int(most)),
        "number": POSITIVE if told.least is None else st.floats(least, most),
        "flag": st.booleans(),
        "path": PATH,
        "paths": st.lists(PATH, max_size=3),
        "names": st.lists(TEXT, max_size=3),
        "list": st.lists(TEXT, max_size=3),
        "pairs": st.dictionaries(TEXT, TEXT, max_size=3),
        "scales": st.dictionaries(TEXT, POSITIVE, max_size=3),
        "globs": st.dictionaries(TEXT, TEXT | st.lists(TEXT, min_size=1, max_size=3), max_size=3),
        "table": TABLE,
    }
    return known[told.kind]


#: Any of the fields with values that they may hold.
ASKED = st.fixed_dictionaries({}, optional={name: good(told) for name, told in options().items()})
#: Values of kinds that a field may or may not have.
ANY = (
    SCALAR
    | st.sampled_from(["", 0, -1, 0.0, -0.5, 26.0, "mlc", "classify", "tree", "int8"])
    | st.lists(SCALAR | st.tuples(TEXT, SCALAR).map(list), max_size=2)
    | st.dictionaries(st.text(max_size=3), SCALAR | st.lists(TEXT, max_size=2), max_size=2)
)


# ---------------------------------------------------------------- a file and back


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ASKED)
def test_a_file_says_the_same(asked: dict[str, Any]) -> None:
    folder = Path("/somewhere/results")
    made = toml.from_mapping(asked, folder=folder)
    assert check_values(made) == []
    text = toml.to_text(made, folder)
    again = toml.from_mapping(tomllib.loads(text), folder=folder)
    # where it was done is not written down
    made = made.with_(jobs=None, on=None)
    assert again == made
    assert toml.to_text(again, folder) == text
    # what has its default is not written, what has not is
    assert set(tomllib.loads(text)) == set(made.changed())
    # a moved folder finds its logs where they lie now
    moved = toml.from_mapping(tomllib.loads(text), folder=Path("/elsewhere/results"))
    assert [p.replace("/elsewhere/", "/somewhere/", 1) for p in moved.logs] == list(made.logs)


def test_every_field_goes_through_a_file(tmp_path: Path) -> None:
    # one value that is not the default for every field, so that none is forgotten
    values: dict[str, Any] = {
        "text": "x y",
        "integer": 3,
        "auto": 3,
        "number": 0.4,
        "flag": True,
        "path": str(tmp_path / "a"),
        "paths": [str(tmp_path / "a"), str(tmp_path / "b c")],
        "names": ["a", "b"],
        "list": ["a", "b"],
        "pairs": {"a": "b"},
        "scales": {"acc": 4},
        "globs": {"a": ["b", "c"]},
        "table": {"size": [1, 2], "name": "x"},
    }
    asked = {n: o.choices()[-1] if o.choices else values[o.kind] for n, o in options().items()}
    made = Experiment().with_(**asked)
    assert set(made.changed()) == set(options())
    (tmp_path / "sensorai.toml").write_text(toml.to_text(made, tmp_path))
    assert toml.read(tmp_path / "sensorai.toml") == made.with_(jobs=None, on=None)


def test_what_is_said_in_two_ways_is_held_as_one() -> None:
    one = Experiment().with_(window=26, rate=52.0, full_scale={"acc": 4.0}, net={"size": [8]}, logs=["a"])
    two = Experiment().with_(
        window=np.int64(26), rate=52, full_scale=[["acc", np.float32(4)]], net={"size": (8,)}, logs=Path("a")
    )
    assert one == two
    assert toml.to_text(one) == toml.to_text(two)
    mixed = Experiment().with_(label=[("a", "1"), ("b", "2"), ("a", "3")])
    assert mixed == Experiment().with_(label={"a": ["1", "3"], "b": "2"})


def test_a_table_cannot_be_changed_from_outside() -> None:
    table = {"size": [8, 4]}
    made = Experiment().with_(net=table)
    table["size"].append(2)
    assert made.net == {"size": [8, 4]}


# ---------------------------------------------------------------- what is wrong


def test_unknown_keys_are_said_at_once_with_what_was_meant(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text('tagret = "mlc"\nwindw = 3\nseed = 1\n')
    with pytest.raises(ExperimentError) as caught:
        toml.read(tmp_path / "x.toml")
    said = str(caught.value)
    assert len(caught.value.problems) == 2
    for part in ("'tagret'", "did you mean target?", "'windw'", "did you mean window?", "x.toml"):
        assert part in said


@pytest.mark.parametrize(
    ("content", "part"), [(b"target = ", "no TOML"), (b"\xff\xfe", "no TOML"), (None, "cannot read")]
)
def test_files_that_are_no_experiment(content: bytes | None, part: str, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=part):
        toml.read(path)


def test_every_wrong_value_is_said_at_once() -> None:
    wrong: dict[str, Any] = {
        "target": "mcl",
        "model": 3,
        "test_share": 0.9,
        "seed": -1,
        "rate": 0,
        "window": "many",
        "net": [1],
        "unit": {"acc": 3},
        "full_scale": {"acc": -4},
        "task": "anomaly",
        "normal": [1],
        "no_resample": "yes",
        "device": "",
    }
    problems = check(Experiment().with_(**wrong))
    assert len(problems) == len(wrong) - 1  # the task is right
    for name in wrong.keys() - {"task"}:
        assert any(p.message.startswith("--" + name.replace("_", "-")) for p in problems), name
    with pytest.raises(ExperimentError) as caught:
        checked(Experiment().with_(**wrong))
    assert all(p.message in str(caught.value) for p in problems)


def test_everything_that_does_not_go_together_is_said_at_once() -> None:
    asked = Experiment().with_(
        target="mlc",
        precision="int8",
        stride=3,
        normal=["a"],
        unit=[("acc", "mg"), ("acc", "g")],
        split="time",
        test_groups=["a"],
        end_counters="many",
    )
    said = [p.message for p in check(asked)]
    for part in ("--precision", "--stride", "--normal", "--unit acc", "--test-groups", "--end-counters"):
        assert any(part in message for message in said), part
    assert all(p.hint for p in check(asked))


@pytest.mark.parametrize("target", tables.TARGETS)
@pytest.mark.parametrize("task", tables.TASKS)
def test_defaults_go_together(target: str, task: str) -> None:
    assert check(Experiment(target=target, task=task)) == []
    made = Experiment(target=target, task=task)
    assert (made.family, made.target_facts.takes) in tables.FAMILIES


def test_every_place_in_the_tables_is_there() -> None:
    places = [f.place for t in (tables.TARGETS, tables.TASKS, tables.FAMILIES) for f in t.values()]
    for place in places:
        assert tables.load(place) is not None


# ---------------------------------------------------------------- the schema

SCHEMA = jsonschema.Draft202012Validator(schema())


def accepted(asked: dict[str, Any]) -> bool:
    """Whether an experiment can be made of it and none of its values is wrong in itself."""
    try:
        made = toml.from_mapping(asked)
    except ExperimentError:
        return False
    return not check_values(made)


def test_the_schema_is_one_and_is_current(repo: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    shown = (repo / "docs" / "sensorai.schema.json").read_text()
    assert shown == schema_text(), "run: make docs"
    assert set(json.loads(shown)["properties"]) == set(options())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ASKED)
def test_the_schema_accepts_what_an_experiment_can_be(asked: dict[str, Any]) -> None:
    whole = {"target": "mlc", **asked}
    assert accepted(whole)
    SCHEMA.validate(whole)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(list(options())), ANY)
def test_the_schema_refuses_what_no_experiment_can_be(name: str, value: Any) -> None:
    whole = {"target": "mlc", name: value}
    assume(whole["target"] != "")  # nothing chosen: refused by what goes with what
    assert accepted(whole) == SCHEMA.is_valid(whole)


@given(TEXT.filter(lambda name: name not in options()))
def test_the_schema_refuses_other_keys(name: str) -> None:
    whole = {"target": "mlc", name: 1}
    assert not accepted(whole)
    assert not SCHEMA.is_valid(whole)
