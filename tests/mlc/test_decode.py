"""Register files explained: the worked example byte by byte, all devices, damaged files."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorai.errors import DataError, TargetError
from sensorai.mlc.bus import ranges
from sensorai.mlc.decode import decode
from sensorai.mlc.describe import as_dict, as_text, as_tree, from_dict
from sensorai.mlc.devices import MlcDevice, devices
from sensorai.mlc.encode import default_layout, encode
from sensorai.mlc.layout import STYLES
from sensorai.model.forest import Tree
from sensorai.regfile import Delay, Poll, RegisterFile, Write
from tests.mlc import worked
from tests.mlc.configs import random_config


def file(steps: list[tuple[int, int]], device: str = "LSM6DSOX") -> RegisterFile:
    ops = tuple(Write(register, value, line) for line, (register, value) in enumerate(steps, 1))
    return RegisterFile(ops, device=device, source="file.ucf")


def writes_of(rf: RegisterFile) -> list[tuple[int, int]]:
    return [(op.register, op.value) for op in rf.ops if isinstance(op, Write)]


def patched(address: int, value: int, style: str = "byte") -> RegisterFile:
    """The worked example with one page byte changed; line n is its n-th write."""
    steps = writes_of(encode(worked.config(), style=style))
    for i, (register, _) in enumerate(steps):
        if register == 0x09 and steps[i - 2 : i] == [(2, address >> 8 << 4 | 1), (8, address & 0xFF)]:
            steps[i] = (register, value)
    return file(steps)


# ---------------------------------------------------------------- the worked example


def test_worked_example_is_explained() -> None:
    found = decode(file(worked.writes()))
    assert found.config == replace(worked.config(), trees=(replace(worked.config().trees[0], labels={}),))
    assert (found.unknown, found.notes, found.other) == ((), (), ())
    assert found.mlc_bytes == 55
    assert (found.layout.style, found.layout.base, found.reproduces) == ("block-9.10", 0x33C, True)
    assert [getattr(found.places, n) for n in ("base", "inputs", "values", "meta", "tree")] == [
        0x33C,
        0x352,
        0x35E,
        0x364,
        0x370,
    ]
    assert (found.user[0x10], found.embedded[0x60], found.layout.int1) == (0x20, 0x15, 1)


def test_device_may_be_given_and_wins() -> None:
    nameless = replace(file(worked.writes()), device="")
    with pytest.raises(DataError, match="does not say which device") as caught:
        decode(nameless)
    assert caught.value.where == "file.ucf"
    assert "device" in caught.value.hint
    assert decode(nameless, "lsm6dsox").config.device == "LSM6DSOX"
    assert decode(file(worked.writes()), "LSM6DSO32X").config.settings["acc"].full_scale == 4.0
    with pytest.raises(DataError, match="not a known device"):
        decode(replace(nameless, device="LIS3DH"))


def test_unexplained_bytes_are_named() -> None:
    steps = worked.writes()
    at = steps.index((0x02, 0x11))
    extra = [(0x02, 0x31), (0x08, 0x00), (0x09, 0xAB), (0x09, 0xCD)]
    found = decode(file(steps[:at] + extra + steps[at:]))
    assert found.unknown == (f"page address 300h to 301h: AB CD (line {at + 3})",)
    assert not found.reproduces
    assert "order of writes" in found.notes[-1]
    assert "Not understood" in as_text(found)
    state = decode(patched(0x33E, 0x01))
    assert state.unknown[0].startswith("page address 33Eh: 01 (line ")


def test_polls_and_delays_change_nothing_but_are_not_lost_silently() -> None:
    rf = file(worked.writes())
    found = decode(replace(rf, ops=(Delay(5), *rf.ops)))
    assert found.layout.before == ((-1, 5),)
    polled = decode(replace(rf, ops=(Poll(0x15, 1, True), *rf.ops)))
    assert polled.config == found.config
    assert not polled.reproduces


def test_state_machines_are_named_and_kept() -> None:
    header = [(0x02, 0x11), (0x08, 0x7A), *[(0x09, b) for b in bytes.fromhex("0000 0200 0004")]]
    program = "51 00 06 00 AA BB 51 00 05 00 CC DD"  # sizes 6 and 5, which fills up to 6
    steps = [
        *[(0x01, 0x80), (0x17, 0x40), *header],
        *[(0x02, 0x41), (0x08, 0x00), *[(0x09, b) for b in bytes.fromhex(program)]],
        *[(0x05, 0x01), (0x17, 0x00), (0x01, 0x00)],
    ]
    with pytest.raises(DataError, match="no MLC configuration") as caught:
        decode(file(steps))
    assert "FSM" in caught.value.hint
    found = decode(file([*steps, *worked.writes(), (0x01, 0x80), (0x05, 0x11), (0x01, 0x00)]))
    assert found.other[0] == "FSM: 2 programs at 400h, 406h, 12 bytes"
    assert found.unknown == ()
    assert writes_of(encode(found.config, layout=found.layout)) == [
        *steps,
        *worked.writes(),
        (0x01, 0x80),
        (0x05, 0x11),
        (0x01, 0x00),
    ]


# ---------------------------------------------------------------- quirks of published files


@pytest.mark.parametrize("quirk", ["meta-short", "zeros-after-tree", "relative-children"])
def test_quirks_are_met_and_reproduced(quirk: str) -> None:
    rows = [
        (0, 0.5, 1, 4),
        (1, 0.25, 2, 3),
        (0, -1.0, ~2, ~3),
        (1, 1.0, ~4, ~5),
        (2, 2.0, ~6, 5),
        (1, -0.0, ~6, ~7),
    ]
    config = worked.config()
    config = replace(config, trees=(replace(config.trees[0], tree=Tree.from_nodes(rows), labels={}),))
    layout = replace(default_layout(config, "block-9.10"), quirks=(quirk,))
    rf = encode(config, layout=layout)
    found = decode(rf)
    assert found.layout.quirks == (quirk,)
    assert found.config == config
    assert found.unknown == ()
    assert encode(found.config, layout=found.layout).ops == rf.ops
    assert encode(config, style="block-9.10").ops != rf.ops


def test_unreachable_nodes_are_kept_only_for_the_same_file() -> None:
    rows = [(0, 0.5, 1, 3), (1, 0.25, ~1, ~1), (0, 9.0, ~2, ~3), (2, 2.0, ~5, ~6), (1, 3.0, ~0, ~0)]
    config = replace(worked.config(), device="LSM6DSRX", trees=(replace(worked.config().trees[0]),))
    tree = replace(config.trees[0], tree=Tree.from_nodes(rows), end_counters=(0,) * 8, labels={})
    config = replace(config, trees=(tree, replace(tree, tree=Tree.from_nodes(rows[3:4]))))
    layout = replace(default_layout(config), quirks=("stored-order",))
    rf = encode(config, layout=layout)
    found = decode(rf)
    assert found.config == config
    assert found.layout.quirks == ("stored-order",)
    assert encode(found.config, layout=found.layout).ops == rf.ops
    clean = decode(encode(found.config))
    assert len(clean.config.trees[0].tree) == 3
    assert clean.layout.quirks == ()


def test_inferred_readings_say_so() -> None:
    config = worked.config()
    feature = replace(config.features[0], kind="NEGATIVE_PEAK_DETECTOR", threshold=0)
    filters = (replace(config.filters[0], component="V2"),)
    features = (feature, config.features[0], config.features[2])
    found = decode(encode(replace(config, filters=filters, features=features)))
    assert found.notes == (
        "feature F1: the code of NEGATIVE_PEAK_DETECTOR is inferred, no published file shows it",
        "filter 1: the code of HP on V2 is inferred",
    )


# ---------------------------------------------------------------- every device


@pytest.mark.parametrize("part", devices(), ids=lambda part: part.name)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_random_configurations_come_back(part: MlcDevice, seed: int) -> None:
    rng = random.Random(seed)
    config = random_config(rng, part)
    style = rng.choice([how.name for how in STYLES.values() if part.generation in how.generations])
    rf = encode(config, style=style)
    found = decode(rf)
    assert found.config == config
    assert (found.unknown, found.layout.quirks, found.reproduces) == ((), (), True)
    assert encode(found.config, layout=found.layout).ops == rf.ops
    assert found.mlc_bytes == len(found.pages) + len(found.tree_ram)


# ---------------------------------------------------------------- damaged files


@pytest.mark.parametrize(
    ("address", "value", "message"),
    [
        (0x1EE, 0x04, "input select 04h"),
        (0x1EE, 0x01, "10 input bytes, 2 sensors have 20"),
        (0x1EF, 0x08, "9 trees, LSM6DSOX has 8"),
        (0x1F0, 0x14, "20 input bytes, 1 sensors have 10"),
        (0x1F2, 0x00, "window is 0"),
        (0x1FB, 0x07, "filter 1: the file writes nothing to page address 73Ch"),
        (0x1FD, 0x02, "meta-classifier block: the file writes nothing"),
        (0x1FF, 0x04, "tree 1, node 0: the file writes nothing to page address 470h"),
        (0x33C, 0x02, "filter 1: header 0002h"),
        (0x33C, 0x11, "filter 1 filters the gyroscope"),
        (0x33D, 0x01, "filter 1: header 0101h"),
        (0x342, 0x05, "feature F1: header 0C05h"),
        (0x342, 0x12, "feature F1: header 0C12h"),
        (0x342, 0x20, "feature F1: header 0C20h"),
        (0x343, 0x1C, "feature F1: there is no input with code 7"),
        (0x350, 0x00, "feature F4: there is no input with code 0"),
        (0x365, 0xFF, "tree 1: a branch|tree 1, node|tree 1 starts|writes nothing"),
        (0x36B, 0x0F, "end counter 15 of result group 0"),
        (0x36D, 0x01, "end counter 1 of result group 4"),
        (0x371, 0x7E, "threshold of node 0 is not a number"),
        (0x372, 0x81, "left result without a left leaf"),
        (0x373, 0x22, "node 0 is damaged"),
        (0x373, 0xBF, "node 0 tests feature F32, there are 3"),
        (0x377, 0x80, "child indices|outside|writes nothing"),
    ],
)
def test_damage_has_one_message_with_address(address: int, value: int, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        decode(patched(address, value))
    assert "\n" not in caught.value.message
    assert caught.value.where.startswith("file.ucf:") or "writes nothing" in caught.value.message


def test_trees_that_loop_are_refused() -> None:
    part = "LSM6DSRX"
    config = replace(worked.config(), device=part, settings={"acc": worked.config().settings["acc"]})
    config = replace(config, trees=(replace(config.trees[0], end_counters=(0,) * 8),))
    steps = writes_of(encode(config, style="byte"))
    places = {}
    for i in range(2, len(steps)):
        if steps[i][0] == 0x09 and steps[i - 2][1] & 8:
            places[steps[i - 1][1]] = i
    # node 1: both children become node 0 and node 1
    for address, value in ((10, 0x00), (11, 0x02), (12, 0x00), (13, 0x08)):
        steps[places[address]] = (0x09, value)
    with pytest.raises(DataError, match="two branches lead to node"):
        decode(file(steps, part))


def test_a_run_over_the_page_end_is_refused_with_its_line() -> None:
    steps = [(0x01, 0x80), (0x17, 0x40), (0x02, 0x31), (0x08, 0xFF), (0x09, 1), (0x09, 2)]
    with pytest.raises(DataError, match="page 3 is full") as caught:
        decode(file(steps))
    assert caught.value.where == "file.ucf:6"


@pytest.mark.parametrize(("value", "message"), [(0x45, "45h is no rate"), (0x16, "16h is no rate")])
def test_rates_of_the_core_that_do_not_exist(value: int, message: str) -> None:
    steps = [(r, value) if r == 0x60 else (r, v) for r, v in worked.writes()]
    with pytest.raises(DataError, match=message) as caught:
        decode(file(steps))
    assert caught.value.where == f"file.ucf:{steps.index((0x60, value)) + 1}, embedded register 60h"
    with pytest.raises(DataError, match="never sets the rate"):
        decode(file([step for step in worked.writes() if step[0] != 0x60]))


def test_every_truncation_is_refused_or_explained() -> None:
    steps = worked.writes()
    for n in range(len(steps)):
        try:
            found = decode(file(steps[:n]))
        except DataError:
            continue
        assert n > steps.index((0x60, 0x15))
        assert found.config.window == 26


def _mutate(rng: random.Random, rf: RegisterFile) -> RegisterFile:
    ops = list(rf.ops)
    for _ in range(rng.choice([1, 1, 2, 5, 30])):
        i, how = rng.randrange(len(ops)), rng.random()
        one = ops[i]
        if how < 0.7 and isinstance(one, Write):
            ops[i] = Write(one.register, rng.choice([rng.randrange(256), one.value ^ 1 << rng.randrange(8)]))
        elif how < 0.85:
            ops.insert(i, ops[rng.randrange(len(ops))])
        elif len(ops) > 1:
            del ops[i if how < 0.95 else slice(i + 1, None)]
    return replace(rf, ops=tuple(ops), source="damaged")


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_damaged_files_end_in_a_message_or_a_meaning(seed: int) -> None:
    rng = random.Random(seed)
    part = rng.choice(devices())
    config = random_config(rng, part)
    if seed % 3:
        config = worked.config()
        part = next(one for one in devices() if one.name == config.device)
    style = rng.choice([how.name for how in STYLES.values() if part.generation in how.generations])
    damaged = _mutate(rng, encode(config, style=style))
    try:
        found = decode(damaged)
    except DataError:
        return
    as_text(found)
    as_tree(found)
    assert from_dict(as_dict(found)) == (found.config, found.layout)
    try:
        again = encode(found.config, layout=found.layout)
    except TargetError:
        return  # the file says something that no tool offers, such as a sensor that is off
    if found.reproduces:
        assert again.ops == damaged.ops
    if not found.unknown and not found.other:
        assert (decode(again).pages, decode(again).tree_ram) == (found.pages, found.tree_ram)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([1, 2, 8, 9, 9, 9, 0x17, 0x3F, 0x60]), st.integers(0, 255))),
    st.sampled_from([part.name for part in devices()]),
)
def test_random_writes_are_refused(steps: list[tuple[int, int]], name: str) -> None:
    with pytest.raises(DataError):
        decode(file(steps, name))


def test_ranges() -> None:
    assert ranges([5, 1, 2, 3, 9]) == [(1, 3), (5, 1), (9, 1)]
    assert ranges([]) == []
