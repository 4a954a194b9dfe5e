"""Configurations written as register files: bytes, styles, edges and refusals."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sensorai.errors import ConfigError, TargetError
from sensorai.mlc import half
from sensorai.mlc.config import DecisionTree, Feature, Filter, MlcConfig, SensorSetting, Source
from sensorai.mlc.decode import decode
from sensorai.mlc.devices import device, devices
from sensorai.mlc.encode import check, default_layout, encode
from sensorai.mlc.layout import STYLES
from sensorai.model.forest import Tree
from sensorai.regfile import Delay, Identifier, Output, RegisterFile, Write
from tests.mlc import worked
from tests.mlc.configs import random_tree


def writes_of(rf: RegisterFile) -> list[tuple[int, int]]:
    return [(op.register, op.value) for op in rf.ops if isinstance(op, Write)]


def changed(**fields: Any) -> MlcConfig:
    return replace(worked.config(), **fields)


def with_tree(tree: Tree, config: MlcConfig | None = None, **fields: Any) -> MlcConfig:
    config = config or worked.config()
    return replace(config, trees=(DecisionTree(tree, (0,) * 4),), **fields)


def for_device(name: str, **fields: Any) -> MlcConfig:
    """The worked example with the device's own rates and scales."""
    part = device(name)
    settings = {"acc": SensorSetting(max(part.acc_rates), min(part.acc_full_scales))}
    return changed(device=part.name, mlc_rate_hz=min(part.mlc_rates), settings=settings, **fields)


# ---------------------------------------------------------------- bytes


def test_worked_example_byte_by_byte() -> None:
    assert writes_of(encode(worked.config(), style="block-9.10")) == worked.writes()


def test_names_of_results_and_values() -> None:
    rf = encode(worked.config(), style="block-9.10", name="shake")
    assert rf.outputs == (
        Output(
            "Categorical output",
            "MLC0_SRC",
            ((0, "face_up"), (4, "face_down"), (8, "shaking")),
            register=0x70,
        ),
    )
    assert rf.identifiers == (
        Identifier(0x1B, 0x35C, "FILTER_HP_ACC_V"),
        Identifier(0x1C, 0x35E, "F1_MEAN_on_ACC_Z"),
        Identifier(0x1C, 0x360, "F2_MEAN_on_filter_HP_on_A_V"),
        Identifier(0x1C, 0x362, "F3_VAR_on_ACC_V"),
    )
    assert (rf.device, rf.comments) == ("LSM6DSOX", ("shake",))
    current = encode(worked.config())
    assert [one.label for one in current.identifiers][2] == "F2_MEAN_ACC_V_FILTER_1"


def test_axis_order_of_the_bx_parts() -> None:
    codes = {}
    for name in ("LSM6DSV16X", "LSM6DSV16BX"):
        config = for_device(
            name, filters=(), features=tuple(Feature("MEAN", Source("acc", a)) for a in "XYZ")
        )
        data = decode(encode(with_tree(Tree.from_nodes([(0, 0.0, ~0, ~1)]), config)))
        base = data.places.base
        codes[name] = [data.pages[base + 3 + 4 * i] >> 2 for i in range(3)]
        assert [f.source.axis for f in data.config.features] == ["X", "Y", "Z"]
    assert codes == {"LSM6DSV16X": [1, 2, 3], "LSM6DSV16BX": [3, 2, 1]}


def test_filter_headers_of_every_kind() -> None:
    """Codes of the reference's table (section 5), the two kinds of bits in front of them included."""
    seen = {
        ("HP", "acc", "XYZ"): 0x00,
        ("HP", "acc", "V"): 0x01,
        ("BP", "acc", "XYZ"): 0x04,
        ("BP", "acc", "V2"): 0x07,
        ("IIR1", "acc", "XYZ"): 0x08,
        ("IIR1", "acc", "V"): 0x09,
        ("IIR1", "ext", "XYZ"): 0x28,
        ("IIR2", "acc", "XYZ"): 0x0C,
        ("IIR2", "acc", "V"): 0x0D,
        ("IIR2", "acc", "V2"): 0x0F,
        ("IIR2", "gyro", "XYZ"): 0x1C,
        ("IIR2", "gyro", "V"): 0x1D,
    }
    numbers = {"HP": 0, "BP": 3, "IIR1": 3, "IIR2": 5}
    states = {"HP": 1, "BP": 2, "IIR1": 1, "IIR2": 2}
    settings = {"acc": SensorSetting(26.0, 2.0), "gyro": SensorSetting(26.0, 250.0)}
    for (kind, sensor, component), code in seen.items():
        for fifo in (False, True):
            bits = tuple(0xBEA4 + i for i in range(numbers[kind]))
            one = Filter(kind, sensor, component, bits, fifo)
            config = changed(inputs=("acc", "gyro", "ext"), filters=(one,), settings=settings)
            config = replace(config, features=tuple(Feature("MEAN", Source("acc", "X")) for _ in range(3)))
            pages = decode(encode(config)).pages
            expected = bytes([code | fifo << 7, 0]) + bytes(2 * states[kind] * len(one.outputs))
            expected += b"".join(b.to_bytes(2, "little") for b in bits) + b"\x3f\x00"
            assert bytes(pages[0x33C + i] for i in range(len(expected))) == expected


@pytest.mark.parametrize(
    ("kind", "absolute", "threshold", "fifo", "expected"),
    [
        ("MEAN", False, None, False, "00 04 00 00"),
        ("VARIANCE", True, None, False, "01 84 00 00 00 00"),
        ("ENERGY", False, None, True, "02 05 00 00"),
        ("PEAK_TO_PEAK", False, None, False, "03 04 00 FC 00 7C"),
        ("ZERO_CROSSING", False, 0x27AE, False, "04 04 AE 27 00 00 00 00 00 00 00 00"),
        ("POSITIVE_ZERO_CROSSING", False, 0, False, "06 04 00 00 00 00 00 00 00 00 00 00"),
        ("NEGATIVE_ZERO_CROSSING", False, 0, False, "08 04 00 00 00 00 00 00 00 00 00 00"),
        ("PEAK_DETECTOR", False, 0, False, "0A 04 00 00 00 00 00 00 00 00 00 00"),
        ("POSITIVE_PEAK_DETECTOR", False, 0, False, "0C 04 00 00 00 00 00 00 00 00 00 00"),
        ("NEGATIVE_PEAK_DETECTOR", False, 0, False, "0E 04 00 00 00 00 00 00 00 00 00 00"),
        ("MINIMUM", False, None, False, "10 04 00 FC 00 7C"),
        ("MAXIMUM", False, None, False, "11 04 00 FC 00 7C"),
    ],
)
def test_feature_bytes(kind: str, absolute: bool, threshold: int | None, fifo: bool, expected: str) -> None:
    one = Feature(kind, Source("acc", "X"), absolute, threshold, fifo)
    config = with_tree(Tree.from_nodes([(0, 0.0, ~0, ~1)]), filters=(), features=(one,))
    pages = decode(encode(config)).pages
    data = bytes.fromhex(expected + "1F 00")
    assert bytes(pages[0x33E + i] for i in range(len(data))) == data


def test_eight_byte_nodes_and_even_starts() -> None:
    one = DecisionTree(Tree.from_nodes([(2, half.to_float(0x291F), ~255, ~1)]), (0, 1, 6, 0, 0, 0, 0, 14))
    two = DecisionTree(Tree.from_nodes([(1, 0.5, 1, ~3), (0, -0.0, ~0, ~4)]), (0,) * 8)
    found = decode(encode(for_device("LSM6DSRX", trees=(one, two))))
    nodes = "1F 29 01 FE 09 0B 00 00" + "00" * 8 + "00 38 03 06 04 09 00 00" + "00 80 04 00 00 0B 00 00"
    assert bytes(found.tree_ram[i] for i in range(32)) == bytes.fromhex(nodes)
    meta = found.places.meta
    assert [found.pages[meta + i] for i in range(21)] == [0, 0, 1, 0, 0, *[0] * 4, 0x10, 6, 0, 0xE0, *[0] * 8]


# ---------------------------------------------------------------- styles


def test_styles_differ_as_the_tools_do() -> None:
    block = writes_of(encode(worked.config(), style="block"))
    assert block[:6] == [(0x10, 0), (0x11, 0), (0x01, 0x80), (0x04, 0), (0x05, 0), (0x17, 0x40)]
    assert (0x12, 0x44) not in block
    assert block[-2:] == [(0x10, 0x20), (0x11, 0x00)]
    current = writes_of(encode(worked.config()))
    assert current[6:10] == [(0x02, 0x11), (0x08, 0xE8), (0x09, 0x24), (0x09, 0x16)]
    byte = writes_of(encode(worked.config(), style="byte"))
    assert sum(r == 0x08 for r, _ in byte) == sum(r == 0x09 for r, _ in byte) == 55
    six = writes_of(encode(worked.config(), style="six-byte-nodes"))
    assert sum(r == 0x09 for r, _ in six) == 57  # one node of two is followed by two zero bytes
    old = writes_of(encode(replace(for_device("LSM6DSRX"), trees=worked.config().trees), style="byte-pages"))
    assert (0x02, 0x0D) in old
    assert (0x03, 0x02) not in old
    assert (0x03, 0x02) in writes_of(encode(for_device("LSM6DSRX"), style="byte"))


def test_base_address_of_generation_b_by_style() -> None:
    config = for_device("LSM6DSV16X")
    bases = {name: default_layout(config, name).base for name in ("current", "block", "block-9.13")}
    assert bases == {"current": 0x35C, "block": 0x35C, "block-9.13": 0x214}
    assert decode(encode(config, style="block-9.13")).layout.base == 0x214


def test_generation_c_waits_between_its_off_writes() -> None:
    ops = encode(for_device("LIS2DUX12")).ops
    assert ops[:3] == (Write(0x13, 0x10), Delay(5), Write(0x14, 0x00))
    assert Write(0x18, 0x04) in ops
    assert Write(0x18, 0x04) not in encode(for_device("LIS2DUX12"), style="block").ops


def test_interrupt_masks() -> None:
    layout = replace(default_layout(worked.config()), int1=0, int2=1)
    ops = writes_of(encode(worked.config(), layout=layout))
    assert (0x5F, 0x02) in ops
    assert (0x11, 0x01) in ops
    assert (0x5E, 0x02) not in ops
    found = decode(encode(worked.config(), layout=layout))
    assert (found.layout.int1, found.layout.int2) == (0, 1)
    silent = decode(encode(worked.config(), layout=replace(layout, int2=0)))
    assert "no tree raises an interrupt" in silent.notes


def test_high_g_accelerometer() -> None:
    part = device("LSM6DSV80X")
    config = for_device(
        "LSM6DSV80X",
        inputs=("acc", "ext"),
        third_sensor=3,
        filters=(),
        features=(Feature("MEAN", Source("ext", "V")),),
    )
    config = with_tree(Tree.from_nodes([(0, 0.5, ~0, ~4)]), config)
    settings = {**config.settings, "ext": SensorSetting(480.0, 80.0)}
    rf = encode(replace(config, settings=settings), style="2.3")
    ops = writes_of(rf)
    assert ops[-1] == (0x4E, 0x9A)
    assert (0x15, 0x08) in ops
    assert rf.identifiers[-1].label == "F1_MEAN_ACCHG_V"
    found = decode(rf)
    assert found.layout.high_g_sensitivity == 0x051F
    assert found.layout.sensitivity is None
    assert found.config.settings["ext"] == SensorSetting(480.0, 80.0)
    assert part.high_g is not None
    assert encode(replace(config, settings=settings)).ops[2] == Write(0x4E, 0x00)


def test_layout_keeps_modes_but_not_changed_settings() -> None:
    """A low-power mode stays when the full scale is changed in the description of a decoded file."""
    config = for_device("LSM6DSV16X")
    layout = replace(
        default_layout(config, "block"), registers=((0x15, 0), (0x17, 2), (0x10, 0x44), (0x11, 0))
    )
    acc = SensorSetting(30.0, 16.0)
    ops = writes_of(encode(replace(config, settings={"acc": acc}), layout=layout))
    assert ops[-4:] == [(0x15, 0), (0x17, 3), (0x10, 0x44), (0x11, 0)]
    faster = SensorSetting(60.0, 8.0)
    ops = writes_of(encode(replace(config, settings={"acc": faster}), layout=layout))
    assert ops[-4:] == [(0x15, 0), (0x17, 2), (0x10, 0x45), (0x11, 0)]


def test_a_decoded_file_moves_to_another_style() -> None:
    config = for_device("LSM6DSV16X")
    old = decode(encode(config, style="block-9.13"))
    layout = replace(old.layout, registers=((0x15, 0), (0x17, 3), (0x10, 0x4C), (0x11, 0)), int1=0, int2=1)
    mode = replace(layout, quirks=("meta-short",))
    moved = decode(encode(old.config, layout=mode, style="current"))
    assert (moved.layout.style, moved.layout.base, moved.layout.quirks) == ("current", 0x35C, ())
    assert (moved.layout.sensitivity, moved.layout.external_format, moved.layout.int2) == (0x3C00, 0, 1)
    assert [register for register, _ in moved.layout.registers] == [0x10, 0x11, 0x15, 0x17]
    assert moved.layout.registers[0][1] & 0x70 == 0x40  # the operating mode stays
    back = encode(moved.config, layout=moved.layout, style="block-9.13")
    kept = ((0x15, 0), (0x17, 0), (0x10, 0x4C), (0x11, 0))
    assert decode(back).layout == replace(layout, registers=kept)


# ---------------------------------------------------------------- edges


@pytest.mark.parametrize(("name", "nodes"), [("LSM6DSOX", 1), ("LSM6DSOX", 255), ("LSM6DSOX", 256)])
@pytest.mark.parametrize("shape", ["left", "right", "random"])
def test_tree_sizes_of_four_byte_nodes(name: str, nodes: int, shape: str) -> None:
    _round(name, nodes, shape)


@pytest.mark.parametrize(
    ("name", "nodes"), [("LSM6DSV16X", 127), ("LIS2DUX12", 128), ("LSM6DSRX", 511), ("LSM6DSRX", 512)]
)
def test_tree_sizes_at_the_limit(name: str, nodes: int) -> None:
    for shape in ("left", "right", "random"):
        _round(name, nodes, shape)


def _round(name: str, nodes: int, shape: str) -> None:
    if shape == "random":
        tree = random_tree(random.Random(nodes), nodes, 3, 16)
    else:
        rows = []
        for i in range(nodes):
            deeper = i + 1 if i + 1 < nodes else ~15
            rows.append((i % 3, float(i), *((deeper, ~(i % 16)) if shape == "left" else (~(i % 16), deeper))))
        tree = Tree.from_nodes(rows)
    config = with_tree(tree, for_device(name))
    found = decode(encode(config))
    assert found.config.trees[0].tree == tree
    assert found.unknown == ()
    more = Tree.from_nodes([(0, 0.0, 1, ~0), *((f, t, _up(a), _up(b)) for f, t, a, b in tree.rows())])
    if nodes == device(name).limits.nodes:
        assert "more than the" in check(with_tree(more, config))[0].message


def _up(child: int) -> int:
    return child + 1 if child >= 0 else child


@pytest.mark.parametrize("window", [1, 255])
def test_shortest_and_longest_window(window: int) -> None:
    assert decode(encode(changed(window=window))).config.window == window


@pytest.mark.parametrize("name", [part.name for part in devices()])
def test_as_many_features_as_the_device_has(name: str) -> None:
    part = device(name)
    features = tuple(Feature("MAXIMUM", Source("acc", "V2")) for _ in range(part.limits.features))
    last = Tree.from_nodes([(part.limits.features - 1, 1.0, ~0, ~1)])
    config = with_tree(last, for_device(name), features=features)
    assert decode(encode(config)).config.features == features
    too_many = replace(config, features=(*features, features[0]))
    assert [p.message for p in check(too_many)] == [
        f"{part.limits.features + 1} features are more than the {part.limits.features} of {name}"
    ]


def test_nodes_are_put_in_preorder() -> None:
    shuffled = Tree.from_nodes([(0, 1.0, 2, 1), (1, 2.0, ~1, ~2), (2, 3.0, ~3, ~4)])
    assert decode(encode(with_tree(shuffled))).config.trees[0].tree == shuffled.preorder()


# ---------------------------------------------------------------- refusals

LEAF = DecisionTree(Tree.from_nodes([], ~4), (0,) * 4)
TREE = worked.config().trees[0]
ACC = {"acc": SensorSetting(26.0, 2.0)}


def _node(feature: int = 0, threshold: float = 0.0, left: int = ~0, right: int = ~1) -> MlcConfig:
    return with_tree(Tree.from_nodes([(feature, threshold, left, right)]))


def _feature(**fields: Any) -> MlcConfig:
    one = replace(Feature("MEAN", Source("acc", "Z")), **fields)
    return changed(features=(one, *worked.config().features[1:]))


def _filter(**fields: Any) -> MlcConfig:
    return changed(filters=(replace(worked.config().filters[0], **fields),))


@pytest.mark.parametrize(
    ("config", "message", "hint"),
    [
        (changed(window=0), "window of 0", "1 to 255"),
        (changed(window=256), "window of 256", "1 to 255"),
        (changed(mlc_rate_hz=30.0), "does not run at 30 Hz", "12.5, 26, 52, 104"),
        (changed(inputs=()), "inputs (none)", "always"),
        (changed(inputs=("gyro", "acc")), "inputs gyro, acc", "always"),
        (changed(inputs=("acc", "acc")), "inputs acc, acc", "always"),
        (changed(inputs=("acc", "gyr")), "no sensor slot 'gyr'", "gyro"),
        (changed(third_sensor=1), "no choice of third sensor", "leave"),
        (for_device("LSM6DSV16X", third_sensor=3), "no high-g", "external"),
        (for_device("LSM6DSV16X", third_sensor=256), "is no byte", "1 external"),
        (for_device("LIS2DUX12", inputs=("acc", "gyro")), "no gyroscope", "acc"),
        (for_device("IIS2ICLX", inputs=("acc", "gyro")), "no gyroscope", "acc"),
        (changed(settings={"acc": SensorSetting(None, 2.0)}), "rate of sensor acc is not given", "12.5"),
        (changed(settings={"acc": SensorSetting(26.0, None)}), "full scale of sensor acc", "2, 16"),
        (changed(settings={"acc": SensorSetting(25.0, 2.0)}), "no rate of 25 Hz", "12.5, 26"),
        (changed(settings={"acc": SensorSetting(26.0, 32.0)}), "no full scale of 32 g", "2, 16"),
        (changed(settings={"acc": SensorSetting(0.0, 2.0)}), "acc is used but switched off", "12.5"),
        (changed(settings={**ACC, "gyro": SensorSetting(26.0, 3.0)}), "no full scale of 3 dps", "125"),
        (changed(settings={**ACC, "mag": SensorSetting(26.0, 2.0)}), "no sensor 'mag'", "acc"),
        (changed(settings={**ACC, "ext": SensorSetting(26.0, 2.0)}), "no rate or full scale", "hub"),
        (_filter(kind="LP"), "no filter 'LP'", "H"),
        (_filter(sensor="gyro"), "'gyro' is not an input", "acc"),
        (_filter(component="X"), "'X' cannot be filtered", "XYZ"),
        (_filter(coefficients=(1,)), "takes 0 coefficients, not 1", "leave"),
        (_filter(kind="BP", coefficients=(1, 2)), "takes 3 coefficients, not 2", "a2, a3, gain"),
        (_filter(kind="BP", coefficients=(1, 2, 0x7E00)), "no half-precision number", "pattern"),
        (_filter(kind="BP", coefficients=(1, 2, 70000)), "no half-precision number", "pattern"),
        (changed(filters=worked.config().filters * 27), "more than 31 inputs", "26 filter outputs fit"),
        (with_tree(TREE.tree, features=()), "no features", "at least one"),
        (_feature(kind="MEDIAN"), "no feature 'MEDIAN'", "MEAN"),
        (_feature(source=Source("acc", "W")), "no input W of acc", "X, Y, Z"),
        (_feature(source=Source("gyro", "X")), "no input X of gyro", "acc"),
        (_feature(source=Source("acc", "X", 0)), "behind filter 1", "1 filters"),
        (_feature(source=Source("acc", "V", 1)), "behind filter 2", "1 filters"),
        (_feature(threshold=1), "MEAN takes no threshold", "leave"),
        (_feature(kind="PEAK_DETECTOR"), "needs a threshold", "pattern"),
        (_feature(kind="PEAK_DETECTOR", threshold=0x7C01), "needs a threshold", "pattern"),
        (_feature(kind="PEAK_DETECTOR", threshold=0, absolute=True), "no absolute form", "MEAN"),
        (changed(trees=()), "0 trees", "1 to 8"),
        (changed(trees=(TREE,) * 9), "9 trees", "1 to 8"),
        (changed(trees=(LEAF,)), "single leaf", "F1 <= 0"),
        (_node(feature=3), "tests feature F4, there are 3", "F1 to F3"),
        (_node(feature=-1), "tests feature F0", "F1 to F3"),
        (_node(threshold=0.1), "threshold 0.1 of node 0", "0.0999755859375"),
        (_node(threshold=float("nan")), "threshold nan", ""),
        (_node(threshold=1e9), "threshold 1000000000.0", "inf"),
        (_node(left=~16), "result 16", "0 to 15"),
        (_node(left=1), "leads to node 1, there are 1", "exactly one"),
        (_node(left=0), "two branches lead to node 0", "exactly one"),
        (changed(trees=(replace(TREE, end_counters=(15, 0, 0, 0)),)), "end counters 15", "0 to 14"),
        (changed(trees=(replace(TREE, end_counters=(0,) * 5),)), "end counters 0, 0", "at most 4"),
        (changed(trees=(replace(TREE, labels={16: "x"}),)), "class code 16", "0 to 15"),
    ],
)
def test_each_refusal_has_one_message_and_a_hint(config: MlcConfig, message: str, hint: str) -> None:
    problems = check(config)
    assert len(problems) == 1, problems
    assert message in problems[0].message
    assert hint in problems[0].hint
    assert problems[0].where
    with pytest.raises(TargetError):
        encode(config)


def test_all_refusals_come_together() -> None:
    with pytest.raises(TargetError) as caught:
        encode(changed(window=0, mlc_rate_hz=1.0, trees=(LEAF,)))
    assert len(caught.value.problems) == 3
    assert [p.where for p in check(changed(settings={}))] == [
        "settings.acc.rate_hz",
        "settings.acc.full_scale",
    ]


def test_unknown_device_and_style() -> None:
    with pytest.raises(ConfigError, match="LSM6DSQ"):
        encode(changed(device="LSM6DSQ"))
    with pytest.raises(ConfigError, match="no write style 'new'"):
        encode(worked.config(), style="new")
    for name, how in STYLES.items():
        if "C" not in how.generations:
            with pytest.raises(TargetError, match="is known to write for LIS2DUX12"):
                encode(for_device("LIS2DUX12"), style=name)


def test_stored_order_must_be_storable() -> None:
    config = with_tree(Tree.from_nodes([(0, 1.0, 2, 1), (1, 2.0, ~1, ~2), (2, 3.0, ~3, ~4)]))
    layout = replace(default_layout(config), quirks=("stored-order",))
    with pytest.raises(TargetError, match="not in an order that can be stored"):
        encode(config, layout=layout)


def test_parts_must_not_lie_over_one_another() -> None:
    layout = default_layout(worked.config())
    with pytest.raises(TargetError, match="end at 100"):
        encode(worked.config(), layout=replace(layout, base=0xFE0))
    with pytest.raises(TargetError, match="MLC bytes from 1FAh and MLC bytes from 1FCh overlap"):
        encode(worked.config(), layout=replace(layout, base=0x1FC))
    with pytest.raises(TargetError, match="from 340h overlap"):
        encode(worked.config(), layout=replace(layout, pointers={"meta": 0x340}))


def test_a_configuration_that_grows_over_other_programs_is_refused() -> None:
    fsm = ((0x01, 0x80), (0x17, 0x40), (0x02, 0x41), (0x08, 0x00), (0x09, 0x51), (0x17, 0), (0x01, 0))
    layout = replace(default_layout(worked.config()), before=fsm)
    assert 0x400 in decode(encode(worked.config(), layout=layout)).pages
    grown = with_tree(random_tree(random.Random(1), 60, 3, 16))
    with pytest.raises(TargetError, match="370h and other bytes of the file from 400h overlap"):
        encode(grown, layout=layout)


def test_every_style_is_documented(repo: Path) -> None:
    text = (repo / "docs" / "register-files.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:4] for line in text.splitlines() if line.startswith("| `")]
    assert [(name.strip(" `"), where.strip()) for name, _, where in rows] == [
        (how.name, ", ".join(how.generations)) for how in STYLES.values()
    ]
