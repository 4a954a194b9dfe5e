"""The strict loader of facts, and the look-up of names."""

from __future__ import annotations

import pytest

from sensorai.errors import ConfigError
from sensorai.targets import Key, Schema, closest, find, load

SCHEMA: Schema = {
    "limits": {"trees": Key("integer"), "nodes": Key("integer", optional=True)},
    "rates": {"codes": Key("table"), "names": Key("texts", optional=True)},
    "more": {
        "hz": Key("number", optional=True),
        "text": Key("text", optional=True),
        "rows": Key("rows", optional=True),
    },
}
GOOD = '[limits]\nsource = "a page"\nmark = "confirmed"\ntrees = 4\n'


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(text, "x.toml", SCHEMA)
    return caught.value


def test_a_good_file() -> None:
    text = GOOD + 'marks = { trees = "inferred" }\nnote = "a remark"\n'
    text += '[more]\nsource = "s"\nmark = "unknown"\nhz = 5\ntext = "t"\nrows = [[1, 0x10], []]\n'
    text += '[rates]\nsource = "s"\nmark = "documented"\ncodes = [[12.5, 0], [26, 1]]\nnames = ["a"]\n'
    groups = load(text, "x.toml", SCHEMA)
    assert groups["limits"].integer("trees") == 4
    assert (groups["limits"].mark, groups["limits"].mark_of("trees")) == ("confirmed", "inferred")
    assert (groups["limits"].source, groups["limits"].note) == ("a page", "a remark")
    assert groups["more"].number("hz") == 5.0
    assert isinstance(groups["more"].number("hz"), float)
    assert groups["more"].rows("rows") == ((1, 16), ())
    assert groups["rates"].table("codes") == {12.5: 0, 26.0: 1}
    assert groups["rates"].texts("names") == ("a",)
    assert groups["limits"].table("absent") == {}


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (GOOD.replace("trees", "tres"), "unknown key 'tres'", "did you mean trees?"),
        (GOOD.replace("limits", "limit"), "unknown group 'limit'", "did you mean limits?"),
        (GOOD.replace("source", "sorce"), "unknown key 'sorce'", "did you mean source?"),
        (GOOD.replace("trees = 4", ""), "key 'trees' is missing", "a whole number"),
        (GOOD.replace('"a page"', '" "'), "'source' is missing or empty", "names its source"),
        (GOOD.replace('source = "a page"\n', ""), "'source' is missing or empty", "names its source"),
        (GOOD.replace("confirmed", "sure"), "mark 'sure'", "confirmed, documented"),
        (GOOD.replace('mark = "confirmed"\n', ""), "mark None", "confirmed, documented"),
        (GOOD.replace("4", "4.0"), "4.0 is not a whole number", ""),
        (GOOD.replace("4", "true"), "True is not a whole number", ""),
        (GOOD.replace("4", '"4"'), "'4' is not a whole number", ""),
        (GOOD + 'marks = { tree = "inferred" }', "'marks' names 'tree'", "did you mean trees?"),
        (GOOD + 'marks = { trees = "sure" }', "mark 'sure'", "known"),
        (GOOD + "marks = 3", "'marks' must be a table", ""),
        ("limits = 3", "'limits' must be a group", "[limits]"),
        ("[limits\n", "not valid TOML", ""),
        ('[rates]\nsource="s"\nmark="unknown"\ncodes=[[1, 2], [1, 3]]', "without repeats", ""),
        ('[rates]\nsource="s"\nmark="unknown"\ncodes=[[1, 2, 3]]', "is not a list of [number, code]", ""),
        ('[rates]\nsource="s"\nmark="unknown"\ncodes=[[1, true]]', "is not a list of [number, code]", ""),
        ('[rates]\nsource="s"\nmark="unknown"\ncodes=[]\nnames=[1]', "is not a list of texts", ""),
        ('[more]\nsource="s"\nmark="unknown"\nrows=[1]', "is not a list of lists", ""),
        ('[more]\nsource="s"\nmark="unknown"\nrows=[[1.5]]', "is not a list of lists", ""),
        ('[more]\nsource="s"\nmark="unknown"\nhz="5"', "is not a number", ""),
    ],
)
def test_what_is_refused(text: str, message: str, hint: str) -> None:
    error = refusal(text)
    assert message in error.message
    assert hint in error.hint
    assert error.where.startswith("x.toml")


def test_find_by_name_and_prefix() -> None:
    names = ["AB1", "AB1G", "CD"]
    assert find("ab1", names) == "AB1"  # equal beats being a prefix
    assert find("AB1g", names) == "AB1G"
    assert find(" c ", names) == "CD"
    with pytest.raises(ConfigError) as caught:
        find("AB", names)
    assert caught.value.hint == "it could be AB1, AB1G"
    with pytest.raises(ConfigError) as caught:
        find("cdd", names, "board")
    assert caught.value.message == "unknown board 'cdd'"
    assert caught.value.hint == "did you mean CD?"
    with pytest.raises(ConfigError):
        find("", names)


def test_hint_when_nothing_is_near() -> None:
    assert closest("zzz", ["AB", "CD"]) == "known: AB, CD"
    assert closest("zzz", []) == ""
