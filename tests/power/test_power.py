"""The table of currents, and the intervals made from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sensorai.errors import ConfigError
from sensorai.ispu.devices import devices as ispu_devices
from sensorai.mcu.devices import devices as microcontrollers
from sensorai.mlc.devices import devices as mlc_devices
from sensorai.power import doc
from sensorai.power.estimate import NO_FIGURE, Asked, estimate
from sensorai.power.table import ANY, MARKS, load, of, rows
from sensorai.report.current import asked, current

GOOD = {
    "devices": '["LSM6DSOX"]',
    "block": '"acc"',
    "mode": '"low-power"',
    "low": "1",
    "high": "2",
    "unit": '"uA"',
    "source": '"a data sheet"',
    "mark": '"documented"',
}


def text(**changes: str) -> str:
    keys = {key: value for key, value in {**GOOD, **changes}.items() if value}
    return "[[row]]\n" + "\n".join(f"{key} = {value}" for key, value in keys.items())


def test_every_row_has_a_source_a_mark_and_a_device_that_is_known() -> None:
    known = {one.name for one in mlc_devices()} | {one.name for one in ispu_devices()}
    known |= {one.name for one in microcontrollers()}
    assert len(rows()) > 40
    for row in rows():
        assert len(row.source) > 10, row
        assert row.mark in MARKS
        assert (row.low is None) == (row.mark == "unknown")
        if row.block != "total":
            assert set(row.devices) <= {*known, ANY}, row


def test_no_device_has_two_rows_of_the_same() -> None:
    said = [(name, row.block, row.mode, row.rate_hz) for row in rows() for name in row.devices]
    assert len(said) == len(set(said))


def test_a_row_is_read() -> None:
    (row,) = load(text(rate_hz="52", note='"remark"'), "x.toml")
    assert (row.devices, row.low, row.high, row.rate_hz, row.note) == (
        ("LSM6DSOX",), 1.0, 2.0, 52.0, "remark",
    )  # fmt: skip
    assert row.figure == "1 to 2 \N{MICRO SIGN}A"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"source": ""}, "'source' is missing"),
        ({"source": '" "'}, "'source' is missing"),
        ({"mark": ""}, "'mark' is missing"),
        ({"mark": '"sure"'}, "mark 'sure' is none"),
        ({"block": '"heart"'}, "block 'heart' is none"),
        ({"unit": '"mA"'}, "unit 'mA' is none"),
        ({"low": ""}, "'low' and 'high' are missing"),
        ({"low": "3"}, "low is above high"),
        ({"low": "-1"}, "not a number of zero or more"),
        ({"low": "nan"}, "not a number of zero or more"),
        ({"low": "true"}, "not a number of zero or more"),
        ({"mark": '"unknown"'}, "marked unknown has no figure"),
        ({"devices": "[]"}, "'devices' must be"),
        ({"devices": '"LSM6DSOX"'}, "'devices' must be"),
        ({"note": "1"}, "'note' must be text"),
        ({"odr": "52"}, "unknown key 'odr'"),
    ],
)
def test_a_bad_row_is_refused(changes: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(text(**changes), "x.toml")


@pytest.mark.parametrize(("bad", "said"), [("x =", "not valid TOML"), ("[rows]\na = 1", "unknown group")])
def test_a_bad_file_is_refused(bad: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(bad, "x.toml")


# ---------------------------------------------------------------- intervals


def test_a_core_in_a_sensor_by_hand() -> None:
    found = estimate(Asked("mlc", "LSM6DSOX", 26.0, 2.0))
    # 170 in high-performance mode; ST's smallest example, and the forum's limit for one tree
    assert (found.low, found.high) == pytest.approx((170 + 3.1, 170 + 15))
    assert found.words == "173 to 185 \N{MICRO SIGN}A (inferred)"
    three = estimate(Asked("mlc", "LSM6DSOX", 26.0, 2.0, trees=3))
    assert (three.low, three.high) == pytest.approx((170 + 3.1, 170 + 3 * 15))
    # at four times the rate of ST's most hungry example: in proportion
    fast = estimate(Asked("mlc", "LSM6DSV16X", 240.0, 2.0))
    assert fast.high == pytest.approx(190 + 42 * 240 / 104)


def test_between_published_rates_the_interval_spans_both() -> None:
    slow = estimate(Asked("mlc", "LSM6DSOX", 26.0, 2.0, mode="low-power")).parts[0]
    assert (slow.low, slow.high) == (4.5, 26.0)
    # a rate that is published itself
    exact = estimate(Asked("mlc", "LSM6DSOX", 52.0, 2.0, mode="low-power")).parts[0]
    assert (exact.low, exact.high) == (26.0, 26.0)
    # above every published rate: at most what the next mode draws
    fast = estimate(Asked("mlc", "LSM6DSOX", 104.0, 2.0, mode="low-power")).parts[0]
    assert (fast.low, fast.high) == (26.0, 170.0)


@pytest.mark.parametrize(
    ("asked", "total"),
    [
        (Asked("mlc", "LSM6DSOX", 26.0, 0.5, mode="low-power"), 22.0),
        (Asked("mlc", "LSM6DSV16X", 30.0, 0.5, mode="low-power"), 20.0),
        (Asked("mlc", "LIS2DUX12", 25.0, 0.5, mode="low-power"), 14.5),
        (Asked("mlc", "LSM6DSOX", 104.0, 2.0, gyro=True), 592.0),
    ],
)
def test_intervals_hold_what_st_states_for_its_examples(asked: Asked, total: float) -> None:
    found = estimate(asked)
    assert total in {row.low for row in of(asked.device, "total")}
    assert found.low is not None
    assert found.high is not None
    assert found.low < total <= found.high


def test_a_microcontroller_by_hand() -> None:
    found = estimate(Asked("stm32", "STM32L476RG", 52.0, 1.0, cycles=(7000.0, 11000.0), sensor="LSM6DSOX"))
    sensor, asleep, waking, reading, computing = found.parts
    assert (sensor.low, sensor.high) == (170, 170)
    assert (asleep.low, asleep.high) == (1.1, 1.4)
    # 4 us at 100 uA/MHz: once at 16 MHz, or 52 times at 80 MHz
    assert (waking.low, waking.high) == pytest.approx((4e-6 * 1600, 52 * 4e-6 * 8000))
    # 52 samples of 6 bytes at .8 us, or of 7 bytes at 22.5 us
    assert (reading.low, reading.high) == pytest.approx((52 * 6 * 0.8e-6 * 1600, 52 * 7 * 22.5e-6 * 8000))
    # 7,000 cycles a second are .007 MHz
    assert (computing.low, computing.high) == pytest.approx((0.7, 1.1))
    assert found.low == pytest.approx(sum(part.low or 0.0 for part in found.parts))
    assert found.high == pytest.approx(sum(part.high or 0.0 for part in found.parts))
    assert found.marks[0] == "inferred"
    # half as often: half of what is not sleep or sensor
    half = estimate(Asked("stm32", "STM32L476RG", 52.0, 2.0, cycles=(7000.0, 11000.0)))
    assert half.parts[-1].low == pytest.approx(0.35)


def test_what_is_unknown_stays_unknown() -> None:
    asked = Asked("ispu", "LSM6DSO16IS", 104.0, 1.0, gyro=True)
    ispu = estimate(asked)
    assert not ispu.known
    assert ispu.words == f"{NO_FIGURE}, at least 590 \N{MICRO SIGN}A"
    assert "its own net alone" in ispu.reason
    assert ispu.marks[0] == "unknown"
    # no accelerometer alone, no sensor of another make of the MLC, no sleep of an F4, nothing counted
    for other, said in (
        (replace(asked, gyro=False), "accelerometer: no figure"),
        (Asked("mlc", "LSM6DSRX", 26.0, 1.0), "accelerometer: no figure"),
        (Asked("stm32", "STM32F411RE", 52.0, 1.0, cycles=(1.0, 2.0)), "current of sleep and time to wake"),
        (Asked("stm32", "STM32L476RG", 52.0, 1.0), "no instructions were counted"),
        (Asked("mlc", "LIS2DUX12", 25.0, 1.0, mode="normal"), "there is one for: high-performance"),
    ):
        found = estimate(other)
        assert (found.low, found.high) == (None, None)
        assert said in found.reason


def test_figures_of_another_device_are_inferred_for_this_one() -> None:
    (tow,) = (row for row in estimate(Asked("mlc", "LIS2DUX12", 25.0, 1.0)).facts if "tow" in row.mode)
    assert tow.mark == "inferred"
    assert of("ASM330LHHX", "mlc")[0].mark == "documented"


def test_plain_values_name_every_fact() -> None:
    found = estimate(Asked("stm32", "STM32U575ZI", 52.0, 1.0, cycles=(7000.0, 11000.0)))
    plain = found.plain()
    parts = plain["parts"]
    assert isinstance(parts, list)
    named = [fact for part in parts for fact in part["facts"]]
    assert {fact["source"] for fact in named} == {row.source for row in found.facts}
    assert all(fact["mark"] in MARKS for fact in named)


def test_the_page_is_up_to_date(repo: Path) -> None:
    assert (repo / "docs" / "power.md").read_text(encoding="utf-8") == doc.markdown(), "run: make docs"


def figures(target: str, device: str, **more: object) -> dict[str, Any]:
    settings = {"rate_hz": 50.0, "window": 100, "stride": 50}
    return {"target": target, "device": device, "settings": {**settings, **more}, "classifiers": [{}]}


def test_the_figures_of_a_report_are_enough() -> None:
    library = {"instructions_mean": 2000.0, "instructions_sample": 100.0, "cycles": 9000.0}
    channels = [{"name": "acc_x"}, {"name": "gyro_x"}]
    made = figures("stm32", "stm32l4", channels=channels)
    found = asked({**made, "cost": {"library": library}})
    assert found == Asked("stm32", "STM32L476RG", 50.0, 1.0, gyro=True, cycles=(7000.0, 9000.0))
    not_run = {"library": {**library, "instructions_mean": None}}
    assert not current({**made, "cost": not_run}).known
    core = figures(
        "mlc",
        "lsm6dsox",
        sensors={"acc": {"rate_hz": 26.0}, "gyro": {"rate_hz": 0.0}},
        rate_hz=26.0,
        stride=52,
    )
    assert asked({**core, "cost": {}}) == Asked("mlc", "LSM6DSOX", 26.0, 2.0)
