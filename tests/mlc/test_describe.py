"""Descriptions: text for people, JSON that comes back exactly, tree text."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorai.errors import ConfigError
from sensorai.mlc import half
from sensorai.mlc.config import Filter
from sensorai.mlc.decode import decode
from sensorai.mlc.describe import as_dict, as_text, as_tree, from_dict
from sensorai.mlc.devices import devices
from sensorai.mlc.encode import default_layout, encode
from sensorai.mlc.layout import STYLES
from sensorai.mlc.treetext import parse_tree_text
from tests.mlc import worked
from tests.mlc.configs import random_config

TEXT = """\
LSM6DSOX: configuration of the machine learning core
tool    sensorai {version}
style   block-9.10 (9.8 to 9.10)

Sensors
  accelerometer         26 Hz, +-2 g
  gyroscope             off
  register 10h = 20h
  register 11h = 00h

Core
  rate         26 Hz
  window       26 samples, 1 s
  inputs       accelerometer
  interrupt    INT1 from tree 1

Filters
  1  HP on accelerometer V
     y(n) = 0.5*x(n) - 0.5*x(n-1)
     output at 35Ch  FILTER_HP_ACC_V

Features
  F1_MEAN_on_ACC_Z             at 35Eh  accelerometer Z
  F2_MEAN_on_filter_HP_on_A_V  at 360h  accelerometer V, filter 1
  F3_VAR_on_ACC_V              at 362h  accelerometer V

Tree 1: 2 nodes, depth 2
  result       MLC0_SRC, embedded register 70h
  classes      0 = face_up, 4 = face_down, 8 = shaking
  meta-classifier  off, results pass at once
  F3_VAR_on_ACC_V <= 0.0029296875
  |   F1_MEAN_on_ACC_Z <= -0.84423828125: face_down
  |   F1_MEAN_on_ACC_Z > -0.84423828125: face_up
  F3_VAR_on_ACC_V > 0.0029296875: shaking

Memory
  header 1EAh, lists 33Ch, input values 352h
  feature values 35Eh, meta-classifier 364h, trees 370h
  55 bytes written
"""


def description() -> dict[str, Any]:
    return json.loads(json.dumps(as_dict(decode(encode(worked.config(), style="block-9.10")))))  # type: ignore[no-any-return]


def test_text_of_the_worked_example() -> None:
    from sensorai.version import __version__

    assert as_text(decode(encode(worked.config(), style="block-9.10"))) == TEXT.format(version=__version__)


def test_text_names_coefficients_meta_classifier_and_notes() -> None:
    config = worked.config()
    tree = replace(config.trees[0], end_counters=(0, 3, 2, 0))
    config = replace(config, filters=(Filter("BP", "acc", "V", (0xBEA4, 0x3A7B, 0x2DC3)),), trees=(tree,))
    layout = replace(default_layout(config), int1=0, quirks=("meta-short",), sensitivity=0x1625)
    text = as_text(decode(encode(config, layout=layout)))
    assert "a2   -1.66015625 (BEA4h)" in text
    assert "output gain*y(n)" in text
    assert "codes 0 to 3 after 0, codes 4 to 7 after 3, codes 8 to 11 after 2 windows" in text
    assert "interrupt    none" in text
    assert "the last byte of the meta-classifier block is not written" in text
    assert "third-sensor sensitivity  0.0015001296997070312 (1625h)" in text


def test_text_says_when_the_sensor_is_slower_than_the_core() -> None:
    config = worked.config()
    settings = {**config.settings, "acc": replace(config.settings["acc"], rate_hz=12.5)}
    text = as_text(decode(encode(replace(config, settings=settings))))
    assert "26 Hz, effectively 12.5 Hz" in text
    assert "26 samples, 2.08 s" in text


def test_tree_text_reads_back() -> None:
    config = worked.config()
    text = as_tree(decode(encode(config)))
    read = parse_tree_text(text, "tree.txt")
    assert read.classes == ("face_up", "face_down", "shaking")
    codes = (0, 4, 8)
    rows = [
        (f, half.to_float(half.nearest(t)), *(c if c >= 0 else ~codes[~c] for c in (a, b)))
        for f, t, a, b in read.tree.rows()
    ]
    assert rows == list(config.trees[0].tree.rows())


# ---------------------------------------------------------------- JSON


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_description_is_the_exact_inverse(seed: int) -> None:
    rng = random.Random(seed)
    part = rng.choice(devices())
    style = rng.choice([how.name for how in STYLES.values() if part.generation in how.generations])
    rf = encode(random_config(rng, part), style=style)
    found = decode(rf)
    config, layout = from_dict(json.loads(json.dumps(as_dict(found))))
    assert (config, layout) == (found.config, found.layout)
    assert encode(config, layout=layout).ops == rf.ops
    bare, none = from_dict(json.loads(json.dumps(as_dict(found.config))))
    assert (bare, none) == (found.config, None)


def test_halves_are_decimal_text_and_pattern() -> None:
    node = description()["trees"][0]["nodes"][1]
    assert node["threshold"] == {"value": "-0.84423828125", "half": "0xBAC1"}
    data = description()
    data["trees"][0]["nodes"][1]["threshold"] = {"value": "-0.844238"}
    assert from_dict(data)[0] == worked.config()
    data["trees"][0]["nodes"][1]["threshold"] = {"half": "0xBAC1"}
    assert from_dict(data)[0] == worked.config()


#: Path of a branch in the description.
LEFT = "trees[0].nodes[0].left"


def _set(*path: Any) -> Callable[[dict[str, Any]], None]:
    """Set the value at the end of a path."""

    def change(data: dict[str, Any]) -> None:
        *keys, last, value = path
        at: Any = data
        for key in keys:
            at = at[key]
        at[last] = value

    return change


def _drop(*path: Any) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        *keys, last = path
        at: Any = data
        for key in keys:
            at = at[key]
        del at[last]

    return change


@pytest.mark.parametrize(
    ("change", "where", "message", "hint"),
    [
        (_set("format", "other"), "format", "no sensorai-mlc description", "sensorai-mlc"),
        (_set("version", 2), "version", "another version", "1"),
        (_set("windw", 5), "description", "unknown key 'windw'", "window"),
        (_drop("window"), "description", "key 'window' is missing", ""),
        (_set("window", "26"), "window", "a whole number", ""),
        (_set("window", True), "window", "a whole number", ""),
        (_set("window", -1), "window", "-1 is not between", ""),
        (_set("mlc_rate_hz", "26"), "mlc_rate_hz", "a number", ""),
        (_set("mlc_rate_hz", float("nan")), "mlc_rate_hz", "a number", ""),
        (_set("mlc_rate_hz", 10**400), "mlc_rate_hz", "a number", ""),
        (_set("inputs", ["acc", 1]), "inputs", "list of texts", ""),
        (_set("device", 5), "device", "text", ""),
        (_set("settings", "acc", "rate_hz", "x"), "settings.acc.rate_hz", "a number", ""),
        (_set("settings", "acc", "odr", 1), "settings.acc", "unknown key 'odr'", ""),
        (_set("settings", "acc", 5), "settings.acc", "an object", ""),
        (_set("filters", {}), "filters", "a list", ""),
        (_set("filters", [5]), "filters[0]", "an object", ""),
        (_set("filters", 0, "kind", "HPF"), "filters[0].kind", "unknown filter 'HPF'", "HP"),
        (_set("filters", 0, "kind", "BP"), "filters[0].coefficients", "key 'a2' is missing", ""),
        (_set("filters", 0, "coefficients", {"a2": {}}), "filters[0].coefficients", "unknown key", ""),
        (_set("filters", 0, "fifo", 1), "filters[0].fifo", "true or false", ""),
        (_set("features", 0, "filter", 0), "features[0].filter", "0 is not between 1", ""),
        (_set("features", 0, "threshold", {"value": "x"}), "features[0].threshold.value", "no number", ""),
        (_set("features", 0, "threshold", {}), "features[0].threshold", "'value' is missing", ""),
        (_drop("features", 0, "kind"), "features[0]", "key 'kind' is missing", ""),
        (
            _set("trees", 0, "nodes", 0, "threshold", {"value": "1.0", "half": "0x3C01"}),
            "trees[0].nodes[0].threshold",
            "different numbers",
            "1.0009765625",
        ),
        (_set("trees", 0, "nodes", 0, "feature", 0), "trees[0].nodes[0].feature", "not between 1", ""),
        (
            _set("trees", 0, "nodes", 0, "left", {"leaf": 1}),
            LEFT,
            "'result' is missing",
            "",
        ),
        (
            _set("trees", 0, "nodes", 0, "left", {"node": 1, "result": 1}),
            LEFT,
            "unknown",
            "",
        ),
        (
            _set("trees", 0, "nodes", 0, "left", {"node": 1 << 40}),
            f"{LEFT}.node",
            "between",
            "",
        ),
        (_set("trees", 0, "labels", {"x": "y"}), "trees[0].labels", "'x' is no class code", "0, 4"),
        (_set("trees", 0, "labels", {"4": 5}), "trees[0].labels.4", "text", ""),
        (_set("trees", 0, "end_counters", [1, "2"]), "trees[0].end_counters", "whole numbers", ""),
        (_set("layout", "style", "blok"), "layout.style", "unknown name 'blok'", "block"),
        (_set("layout", "base", 828), "layout.base", "text", ""),
        (_set("layout", "base", "33C"), "layout.base", "hexadecimal", "0x1A"),
        (_set("layout", "base", "0x1000"), "layout.base", "hexadecimal", "0xFFF"),
        (_set("layout", "int1", "0x-1"), "layout.int1", "hexadecimal", ""),
        (_set("layout", "quirks", ["meta"]), "layout.quirks", "unknown name 'meta'", ""),
        (_set("layout", "pointers", {"metas": "0x1"}), "layout.pointers", "unknown key", "meta"),
        (_set("layout", "before", [["0x10"]]), "layout.before[0]", "[register, value]", ""),
        (_set("layout", "before", [{"delay": 1}]), "layout.before[0]", "'delay_ms' is missing", "delay"),
        (_set("layout", "before", [["0x100", "0x00"]]), "layout.before[0]", "hexadecimal", "0xFF"),
    ],
)
def test_each_fault_has_its_place(
    change: Callable[[dict[str, Any]], None], where: str, message: str, hint: str
) -> None:
    data = copy.deepcopy(description())
    change(data)
    with pytest.raises(ConfigError) as caught:
        from_dict(data)
    assert message in caught.value.message
    assert caught.value.where == where
    assert hint in caught.value.hint


@pytest.mark.parametrize("data", [None, [], 5, "text"])
def test_what_is_no_object_is_refused(data: object) -> None:
    with pytest.raises(ConfigError, match="an object is needed"):
        from_dict(data)
