"""Device facts: spot values against the fact sheet, and rules all devices obey."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sensorai.errors import ConfigError
from sensorai.ispu.devices import CONF_KEYS, IspuDevice, device, devices, facts
from sensorai.regfile import Delay, Write
from sensorai.targets import MARKS


def test_the_three_devices() -> None:
    assert [one.name for one in devices()] == ["IIS3DWB10IS", "ISM330IS", "LSM6DSO16IS"]
    assert device("lsm").names == device("ism").names == ("ISM330IS", "LSM6DSO16IS")
    assert device("iis").names == ("IIS3DWB10IS",)
    with pytest.raises(ConfigError, match="unknown device"):
        device("LSM6DSOX")


def test_memories() -> None:
    lsm, iis = device("LSM6DSO16IS"), device("IIS3DWB10IS")
    assert (lsm.code.address, lsm.code.size, lsm.data.address, lsm.data.size) == (0x10000, 32768, 0, 8192)
    assert (iis.code.address, iis.code.size, iis.data.address, iis.data.size) == (
        0x40000, 32768, 0x2000, 57344,
    )  # fmt: skip
    for one in devices():
        assert one.integer("memory", "stack_top") == one.data.end
        assert one.integer("vectors", "entries") * 4 <= 0x100
    assert (lsm.algorithms, iis.algorithms) == (30, 16)


@pytest.mark.parametrize("one", devices(), ids=lambda one: one.name)
def test_rules(one: IspuDevice) -> None:
    rows = facts(one)
    assert len(rows) > 60
    assert {mark for *_, mark, _ in rows} <= set(MARKS)
    assert all(source.startswith("facts, ispu") for *_, source in rows)
    vectors = one.groups["vectors"]
    last = vectors.integer("init") + 4 * vectors.integer("algorithms")
    assert last == 4 * vectors.integer("entries")
    assert one.rates[0] == 0
    for sensor in ("acc", "gyro"):
        for scale in one.full_scales(sensor):
            # the largest count is the full scale, to the digits that the fact sheet has
            assert one.lsb(sensor, scale) * 32768 / 1000 == pytest.approx(scale, rel=0.15)
    boot = one.steps("load", "boot")
    assert Write(*one.groups["load"].rows("release")[0]) in boot
    assert any(isinstance(step, Delay) for step in boot)
    registers = [(at.page, at.register, bit) for key in CONF_KEYS for at in one.fields(key)
                 for bit in range(at.shift, at.shift + min(at.width, 8))]  # fmt: skip
    assert len(registers) == len(set(registers))  # no two keys share a bit


def test_scales() -> None:
    lsm, iis = device("LSM6DSO16IS"), device("IIS3DWB10IS")
    assert [lsm.lsb("acc", g) for g in (2, 4, 8, 16)] == [0.061, 0.122, 0.244, 0.488]
    assert [lsm.lsb("gyro", dps) for dps in (125, 2000)] == [4.375, 70.0]
    assert iis.lsb("acc", 50) == 0.095 * 16
    with pytest.raises(ConfigError) as caught:
        lsm.lsb("acc", 32)
    assert "no acc full scale of 32" in caught.value.message
    assert "2, 4, 8, 16" in caught.value.hint
    with pytest.raises(ConfigError) as caught:
        iis.lsb("gyro", 250)
    assert caught.value.hint == "it has no such sensor"


def test_channels() -> None:
    assert list(device("LSM6DSO16IS").channels.items())[2:4] == [("acc_z", 0x88), ("gyro_x", 0x8C)]
    assert list(device("IIS3DWB10IS").channels) == ["acc_x", "acc_y", "acc_z"]


def test_against_the_fact_sheet(shared: Path) -> None:
    text = (shared / "facts" / "ispu.md").read_text()
    for words in ("e_machine **0xC1A0**", "32 KiB at **0x10000**", "56 KiB at **0x02000**", "WAIT 5 ms"):
        assert words in text
    table = re.search(r"0,12\.5\*,26,52,104,208\*,416,833\*,1667\*,3333\*,6667 -> 0\.\.10", text)
    assert table
    assert list(device("lsm").rates.values()) == list(range(11))
