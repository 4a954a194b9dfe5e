"""Device facts: spot values against the tables of the references, and the rules all of them obey."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from sensorai.errors import ConfigError
from sensorai.mlc import devicedoc
from sensorai.mlc import devices as module
from sensorai.mlc.config import Feature, Filter, Source
from sensorai.mlc.devices import (
    BitField,
    MlcDevice,
    acc_rate_code,
    device,
    devices,
    facts,
    fastest_mlc_rate,
    nearest_mlc_rate,
)
from sensorai.mlc.labels import feature_name, filter_names, result_name, third_name
from sensorai.targets import MARKS

NAMES = {
    "A": "LSM6DSO32X LSM6DSOX",
    "A2": "ASM330LHB ASM330LHBG1 ASM330LHHX ASM330LHHXG1 IIS2ICLX ISM330DHCX LSM6DSRX",
    "B": "ISM330BX ISM6HG256X LSM6DSV16BX LSM6DSV16X LSM6DSV320X LSM6DSV32X LSM6DSV80X ST1VAFE6AX",
    "C": "IIS2DULPX LIS2DUX12 LIS2DUXS12 ST1VAFE3BX",
}


def test_all_21_are_there() -> None:
    found: dict[str, list[str]] = {}
    for one in devices():
        found.setdefault(one.generation, []).append(one.name)
    assert {generation: " ".join(names) for generation, names in found.items()} == NAMES


@pytest.mark.parametrize("one", devices(), ids=lambda one: one.name)
def test_rules_of_every_device(one: MlcDevice) -> None:
    registers = one.registers
    assert one.sensors[0] == "acc"
    assert ("gyro" in one.sensors) == bool(one.gyro_rates) == bool(one.gyro_full_scales)
    assert ("acch" in one.sensors) == (one.high_g is not None) == bool(one.acch_full_scales)
    assert (registers.gyro_rate is None) == ("gyro" not in one.sensors)
    assert one.limits.window == 255
    assert one.limits.inputs == 31
    assert one.limits.group_width * one.limits.groups <= one.limits.results
    assert registers.result_count == one.limits.trees
    # every MLC rate can be had from the accelerometer
    assert all(acc_rate_code(one, hz) > 0 for hz in one.mlc_rates)
    for sensor, table, field in (
        ("acc", one.acc_rates, registers.acc_rate),
        ("gyro", one.gyro_rates, registers.gyro_rate),
        ("acch", one.acch_rates, one.high_g.rate if one.high_g else None),
        ("mlc", one.mlc_rates, None),
    ):
        for hz, code in table.items():
            assert one.rate_hz(sensor, code) == hz
            assert field is None or field.get(field.put(code)) == code
    for sensor, table, field in (
        ("acc", one.acc_full_scales, registers.acc_full_scale),
        ("gyro", one.gyro_full_scales, registers.gyro_full_scale),
        ("acch", one.acch_full_scales, one.high_g.full_scale if one.high_g else None),
    ):
        for scale, code in table.items():
            assert one.full_scale(sensor, code) == scale
            assert field is not None
            assert field.get(field.put(code)) == code
    assert one.rate_hz("acc", 0) == 0.0
    assert one.rate_hz("acc", 15) is None
    assert set(one.groups) == set(one.sources)
    assert all(mark in MARKS for _, _, _, mark, _ in facts(one))
    assert {group for group, *_ in facts(one)} == set(one.groups)


def test_each_fact_is_stated_once() -> None:
    """A device file repeats a group of its generation only to say something else."""
    folder = Path(module.__file__).parent / "devices"
    for file in folder.glob("*.toml"):
        own = tomllib.loads(file.read_text(encoding="utf-8"))
        shared = tomllib.loads(
            (folder / "generations" / f"{own['device']['generation']}.toml").read_text(encoding="utf-8")
        )
        for name in own.keys() & shared.keys():
            assert own[name] != shared[name], (file.name, name)


def test_register_tables() -> None:
    a, a2, b, c = (device(name).registers for name in ("LSM6DSOX", "LSM6DSRX", "LSM6DSV16X", "LIS2DUX12"))
    assert [r.bank for r in (a, a2, b, c)] == [1, 1, 1, 0x3F]
    assert [r.header for r in (a, a2, b, c)] == [0x1EA, 0x1EA, 0x1EA, 0xB8]
    assert [r.bases for r in (a, a2, b, c)] == [(0x33C,), (0x33C,), (0x35C, 0x214), (0xDC,)]
    assert [r.node_bytes for r in (a, a2, b, c)] == [4, 8, 4, 4]
    assert [r.sensitivity for r in (a, a2, b, c)] == [0x1624, 0x1624, 0x3C00, 0x19D1]
    assert [r.sensitivity_address for r in (a, a2, b, c)] == [r.header - 2 for r in (a, a2, b, c)]
    assert [r.third_source for r in (a, a2, b, c)] == [None, None, 0x1F1, 0xBF]
    assert [(r.rate_register, r.rate_base) for r in (a, b, c)] == [(0x60, 5), (0x60, 5), (0x3A, 1)]
    assert [(r.result_first, r.result_name_from) for r in (a, b, c)] == [(0x70, 0), (0x70, 1), (0x34, 1)]
    assert [r.off for r in (a, c)] == [((0x10, 0, 0), (0x11, 0, 0)), ((0x13, 0x10, 5), (0x14, 0, 0))]
    assert [r.feature_fifo for r in (a, b, c)] == [(), ((0x45, 2),), ((0x18, 4),)]
    assert [r.status_main for r in (a, b, c)] == [0x38, 0x4B, 0x36]
    assert b.sensor_order == (0x10, 0x11, 0x15, 0x17)
    assert b.sensor_order_older == (0x15, 0x17, 0x10, 0x11)


def test_sensor_registers_of_published_values() -> None:
    """Register values whose meaning the READMEs of published files state."""
    sox, c, v16, v80 = (device(n) for n in ("LSM6DSOX", "LIS2DUX12", "LSM6DSV16X", "LSM6DSV80X"))
    assert sox.rate_hz("acc", sox.registers.acc_rate.get(0x2C)) == 26
    assert sox.full_scale("acc", sox.registers.acc_full_scale.get(0x2C)) == 8
    assert c.rate_hz("acc", c.registers.acc_rate.get(0x91)) == 200
    assert c.full_scale("acc", c.registers.acc_full_scale.get(0x91)) == 4
    assert v16.rate_hz("acc", v16.registers.acc_rate.get(0x44)) == 30
    assert v16.registers.acc_mode is not None
    assert v16.registers.acc_mode.get(0x44) == 4
    assert v80.high_g is not None
    assert v80.rate_hz("acch", v80.high_g.rate.get(0x9A)) == 480
    assert v80.full_scale("acch", v80.high_g.full_scale.get(0x9A)) == 80
    assert v80.high_g.enable | v80.high_g.rate.put(3) | v80.high_g.full_scale.put(2) == 0x9A
    assert v80.registers.gyro_full_scale is not None
    assert v80.full_scale("gyro", v80.registers.gyro_full_scale.get(0x0C)) == 2000
    assert device("LSM6DSV16X").full_scale("gyro", 0x0C) == 4000
    assert device("ISM6HG256X").full_scale("acch", 4) == 256
    assert device("LSM6DSV80X").full_scale("acch", 4) is None
    assert c.rate_hz("acc", 3) == 25
    assert c.acc_rates[25] == 6


def test_devices_that_differ_from_their_generation() -> None:
    assert device("LSM6DSO32X").unit_g == 2.0
    assert device("LSM6DSV32X").unit_g == 1.0
    assert [device(n).acc_axes for n in ("LSM6DSV16BX", "ISM330BX", "ST1VAFE6AX")] == ["ZYX"] * 3
    assert device("LSM6DSV16X").acc_axes == "XYZ"
    assert device("LSM6DSV32X").acc_full_scales == {4: 4, 8: 5, 16: 6, 32: 7}
    assert device("LSM6DSV32X").full_scale("acc", 1) == 4
    assert device("IIS2ICLX").acc_full_scales == {0.5: 0, 3: 1, 1: 2, 2: 3}
    assert max(device("IIS2ICLX").acc_rates) == 833
    assert max(device("ASM330LHB").gyro_rates) == 1666
    assert max(device("LSM6DSV16X").mlc_rates) == 240
    assert device("LSM6DSV16X").rate_hz("mlc", 6) == 960
    assert max(device("LSM6DSV80X").mlc_rates) == 960
    assert min(device("LSM6DSV16BX").gyro_rates) == 7.5
    assert device("ST1VAFE3BX").mlc_rates_with_vafe[1600] == 5
    assert device("LIS2DUX12").mlc_rates_with_vafe == {}
    assert device("IIS2ICLX").full_scale("gyro", 0) is None
    assert device("LSM6DSOX").full_scale("acch", 0) is None


def test_look_up() -> None:
    assert device("lsm6dsv80").name == "LSM6DSV80X"
    assert device("asm330lhb").name == "ASM330LHB"
    with pytest.raises(ConfigError) as caught:
        device("LSM6DSV16")
    assert caught.value.hint == "it could be LSM6DSV16BX, LSM6DSV16X"
    with pytest.raises(ConfigError) as caught:
        device("LSM6DSXO")
    assert "did you mean" in caught.value.hint


def test_rates_near_and_missing() -> None:
    sox = device("LSM6DSOX")
    assert nearest_mlc_rate(sox, 50) == 52
    assert nearest_mlc_rate(sox, 1e9) == 104
    assert nearest_mlc_rate(sox, 0.001) == 12.5
    assert nearest_mlc_rate(device("LIS2DUX12"), 35.355) == 25  # 25 is nearer by ratio below the mean
    assert nearest_mlc_rate(device("LIS2DUX12"), 35.356) == 50
    # the core knows no more than logs at 100 Hz when it runs at 120
    six = device("LSM6DSV16X")
    assert [fastest_mlc_rate(six, hz) for hz in (26, 50, 52, 100, 104, 1)] == [30, 30, 60, 60, 120, 15]
    assert [fastest_mlc_rate(sox, hz) for hz in (50, 100, 1000)] == [52, 104, 104]
    with pytest.raises(ConfigError) as caught:
        acc_rate_code(sox, 50)
    assert caught.value.hint == "the nearest one is 52 Hz"


def test_bit_field() -> None:
    field = BitField(0x10, 2, 3)
    assert (field.mask, field.get(0xFF), field.put(5)) == (0x1C, 7, 0x14)


def test_facts_read_well() -> None:
    shown = {(group, fact): value for group, fact, value, _, _ in facts(device("LSM6DSV80X"))}
    assert shown["memory", "base"] == "35Ch"
    assert shown["memory", "node_bytes"] == "4"
    assert shown["registers", "off"] == "10h=00h, 11h=00h"
    assert shown["sensor_registers", "acc_mode"] == "10h[6:4]"
    assert shown["high_g", "full_scales"] == "32 = 0h, 64 = 1h, 80 = 2h"
    marks = {(group, fact): mark for group, fact, _, mark, _ in facts(device("LSM6DSV80X"))}
    assert marks["gyro_registers", "unused_bit"] == "unknown"
    shown = {(group, fact): value for group, fact, value, _, _ in facts(device("LIS2DUX12"))}
    assert shown["registers", "off"] == "13h=10h then 5 ms, 14h=00h"


def test_the_page_of_devices_is_up_to_date(repo: Path) -> None:
    assert (repo / "docs" / "devices.md").read_text(encoding="utf-8") == devicedoc.markdown()


FILTERS = (Filter("HP", "acc", "XYZ"), Filter("BP", "gyro", "V", (0, 0, 0)))


@pytest.mark.parametrize(
    ("feature", "current", "older"),
    [
        (Feature("MEAN", Source("acc", "X")), "F3_MEAN_ACC_X", "F3_MEAN_on_ACC_X"),
        (
            Feature("PEAK_TO_PEAK", Source("acc", "V2"), absolute=True),
            "F3_ABS_PEAK_TO_PEAK_ACC_V2",
            "F3_ABS_PeakToPeak_on_ACC_V2",
        ),
        (
            Feature("POSITIVE_PEAK_DETECTOR", Source("acc", "Z", 0), threshold=0),
            "F3_POSITIVE_PEAK_DETECTOR_ACC_Z_FILTER_1",
            "F3_PosPeaKDet_on_filter_HP_on_A_Z",
        ),
        (Feature("MINIMUM", Source("gyro", "V")), "F3_MINIMUM_GYR_V", "F3_MIN_on_GY_V"),
        (
            Feature("VARIANCE", Source("gyro", "V", 1)),
            "F3_VARIANCE_GYR_V_FILTER_2",
            "F3_VAR_on_filter_BP_on_G_V",
        ),
        (Feature("VARIANCE", Source("ext", "V")), "F3_VARIANCE_EXT_V", "F3_VAR_on_MAG_V"),
    ],
)
def test_feature_names(feature: Feature, current: str, older: str) -> None:
    assert feature_name(FILTERS, 2, feature) == current
    assert feature_name(FILTERS, 2, feature, "older") == older


def test_filter_and_result_names() -> None:
    expected = ["FILTER_HP_ACC_X", "FILTER_HP_ACC_Y", "FILTER_HP_ACC_Z", "FILTER_BP_GYRO_V"]
    assert filter_names(FILTERS) == expected
    assert filter_names(FILTERS, acc_axes="ZYX")[:3] == expected[2::-1]
    assert filter_names([Filter("IIR1", "ext", "V", (0, 0, 0))], third="AccHG") == ["FILTER_IIR1_ACCHG_V"]
    assert feature_name((), 0, Feature("MEAN", Source("ext", "Z")), third="AccHG") == "F1_MEAN_ACCHG_Z"
    assert result_name(device("LSM6DSOX"), 0) == "MLC0_SRC"
    assert result_name(device("LSM6DSV16X"), 3) == "MLC4_SRC"
    with pytest.raises(ConfigError):
        third_name("newest")


def test_rate_and_scale_tables() -> None:
    """The tables of the references, typed again by hand: values in the order of their codes."""
    a, a2, b, c = (device(name) for name in ("LSM6DSOX", "LSM6DSRX", "LSM6DSV16X", "LIS2DUX12"))
    in_a = [12.5, 26, 52, 104, 208, 416, 833, 1666, 3332, 6664]
    in_b = [1.875, 7.5, 15, 30, 60, 120, 240, 480, 960, 1920, 3840, 7680]
    assert a.acc_rates == a2.acc_rates == {hz: code for code, hz in enumerate([*in_a, 1.6], 1)}
    assert a.gyro_rates == a2.gyro_rates == {hz: code for code, hz in enumerate(in_a, 1)}
    assert b.acc_rates == b.gyro_rates == {hz: code for code, hz in enumerate(in_b, 1)}
    in_c = {hz: code for code, hz in enumerate([6, 12.5, 25, 50, 100, 200, 400, 800], 4)}
    assert c.acc_rates == {1.6: 1, 3: 2, **in_c}
    assert list(a.mlc_rates) == list(a2.mlc_rates) == [12.5, 26, 52, 104]
    assert list(device("LSM6DSV80X").mlc_rates) == [15, 30, 60, 120, 240, 480, 960]
    assert list(c.mlc_rates) == [12.5, 25, 50, 100, 200]
    for one in (a, b, c, device("LSM6DSV80X"), device("ST1VAFE3BX")):
        assert list(one.mlc_rates.values()) == list(range(len(one.mlc_rates)))
    assert list(device("ST1VAFE3BX").mlc_rates_with_vafe) == [50, 100, 200, 400, 800, 1600]
    in_order = {code: scale for scale, code in a.acc_full_scales.items()}
    assert [in_order[code] for code in range(4)] == [2, 16, 4, 8]
    assert a2.acc_full_scales == a.acc_full_scales
    assert device("LSM6DSO32X").acc_full_scales == {4: 0, 32: 1, 8: 2, 16: 3}
    assert b.acc_full_scales == c.acc_full_scales == {2: 0, 4: 1, 8: 2, 16: 3}
    assert device("ISM330BX").acc_full_scales == device("ST1VAFE6AX").acc_full_scales == {2: 0, 4: 1, 8: 2}
    assert a.gyro_full_scales == {125: 2, 250: 0, 500: 4, 1000: 8, 2000: 12}
    assert a2.gyro_full_scales == {**a.gyro_full_scales, 4000: 1}
    assert b.gyro_full_scales == {125: 0, 250: 1, 500: 2, 1000: 3, 2000: 4, 4000: 12}
    for name, scales, half in (
        ("LSM6DSV80X", [32, 64, 80], 0x51F),
        ("LSM6DSV320X", [32, 64, 128, 256, 320], 0x6D4),
        ("ISM6HG256X", [32, 64, 128, 256], 0x6D4),
    ):
        one = device(name)
        assert one.acch_full_scales == {scale: code for code, scale in enumerate(scales)}
        assert one.acch_rates == {480: 3, 960: 4, 1920: 5, 3840: 6, 7680: 7}
        assert one.gyro_full_scales == {250: 1, 500: 2, 1000: 3, 2000: 4, 4000: 5}
        assert one.high_g is not None
        assert (one.high_g.sensitivity_address, one.high_g.sensitivity) == (0x158, half)
        assert (one.high_g.source_code, one.high_g.unit_g) == (3, 100.0)
        assert (one.registers.gyro_off_high_g, one.registers.high_g_bit) == (9, 8)
    assert [one.limits.nodes for one in (a, a2, b, c)] == [256, 512, 128, 128]
    assert [one.limits.trees for one in (a, a2, b, c)] == [8, 8, 4, 4]
    assert [one.limits.results for one in (a, a2, b, c)] == [16, 256, 16, 16]
    assert [one.limits.groups for one in (a, a2, b, c)] == [4, 8, 4, 4]
