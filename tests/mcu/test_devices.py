from __future__ import annotations

import pytest

from sensorai.errors import ConfigError
from sensorai.mcu.devices import device, devices, facts, parse, with_room

GOOD = (
    '[device]\nname = "X1"\nstands_for = []\nsource = "a"\nmark = "documented"\n\n'
    '[core]\ncpu = "cortex-m4"\nsource = "a"\nmark = "documented"\n'
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("stm32l4", "STM32L476RG"),
        ("STM32L4R", "STM32L4R5ZI"),
        ("stm32l476rg", "STM32L476RG"),
        ("stm32u5", "STM32U575ZI"),
        ("stm32u58", "STM32U585AI"),
        ("m4", "cortex-m4"),
        ("cortex-m0plus", "cortex-m0plus"),
        ("M33", "cortex-m33"),
    ],
)
def test_names(name: str, found: str) -> None:
    assert device(name).name == found


@pytest.mark.parametrize(
    "family", ["F0", "F1", "F4", "F7", "G0", "G4", "H5", "H7", "L0", "L4", "L5", "N6", "U5", "WB"]
)
def test_every_family_has_one_that_stands_for_it(family: str) -> None:
    assert device(f"STM32{family}").name.startswith(f"STM32{family}")


def test_unclear_and_unknown_names() -> None:
    with pytest.raises(ConfigError, match="not unique") as caught:
        device("stm32l")
    assert "STM32L476RG" in caught.value.hint
    with pytest.raises(ConfigError, match="unknown device 'stm33'") as caught:
        device("stm33")
    assert "did you mean STM32" in caught.value.hint
    # near letters make no near chip: its series does, or all
    for name, said in (
        ("stm32f030", "of STM32F0 there is STM32F072RB; for"),
        ("stm32zz", "known: STM32F072RB"),
    ):
        with pytest.raises(ConfigError, match="unknown device") as caught:
            device(name)
        assert caught.value.hint.startswith(said)
        assert "cortex-m4" in caught.value.hint


def test_short_names_mean_one_device() -> None:
    names = [name.casefold() for one in devices() for name in (one.name, *one.stands_for)]
    assert len(names) == len(set(names))


def test_facts_are_whole() -> None:
    for one in devices():
        assert all(source and mark for _, _, _, mark, source in facts(one))
        if one.name.startswith("STM32"):
            assert one.clock_hz is not None
            assert one.ram is not None
            assert one.flash is not None or one.name == "STM32N657X0"
    assert device("stm32l4").flash == 1 << 20
    assert device("stm32f0").cpu.name == "cortex-m0"
    assert device("stm32n6").cpu.name == "cortex-m55"


def test_time_and_energy() -> None:
    l4 = device("stm32l4")
    assert l4.seconds(80_000) == pytest.approx(1e-3)
    # 100 uA/MHz at 3 V: 300 pJ per cycle
    assert l4.joules(1e6) == pytest.approx(300e-6)
    assert device("stm32g4").joules(1e6) is None
    assert device("m4").seconds(1e6) is None


def test_devices_with_room() -> None:
    names = [one.name for one in with_room(600 << 10, 190 << 10)]
    assert names[0] == "STM32WB55RG"
    assert "STM32L476RG" not in names
    # 256 KiB in two pieces: a program is linked into the larger one
    assert "STM32WB55RG" not in [one.name for one in with_room(600 << 10, 200 << 10)]
    assert with_room(1 << 30, 0) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("cortex-m4", "cortex-m5x", "unknown core 'cortex-m5x'"),
        ("[core]", "[cores]", "unknown group 'cores'"),
        ("cpu =", "cpux =", "unknown key 'cpux'"),
        ('source = "a"', "", "'source' is missing"),
        ('mark = "documented"', 'mark = "sure"', "mark 'sure'"),
    ],
)
def test_bad_fact_files(old: str, new: str, message: str) -> None:
    assert parse(GOOD, "x.toml").name == "X1"
    with pytest.raises(ConfigError, match=message):
        parse(GOOD.replace(old, new, 1), "x.toml")


def test_a_file_without_a_core() -> None:
    with pytest.raises(ConfigError, match=r"group \[core\] is missing"):
        parse(GOOD[: GOOD.index("[core]")], "x.toml")
