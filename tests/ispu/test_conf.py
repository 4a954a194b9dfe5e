"""conf.txt, shub.txt and meta.txt: every key to its bits and back, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorai.errors import ConfigError, SensoraiError
from sensorai.ispu.conf import Configuration, conf_lines, parse_conf, tables
from sensorai.ispu.devices import IspuDevice, device
from sensorai.ispu.hub import parse_hub
from sensorai.ispu.meta import meta_text, parse_meta

LSM, IIS = device("LSM6DSO16IS"), device("IIS3DWB10IS")

# facts, ispu 2.3: one line, the register it sets
ONE = [
    (LSM, "acc_odr 6667", 0, 0x10, 0xA0),
    (LSM, "acc_odr 12.5", 0, 0x10, 0x10),
    (LSM, "gyr_odr 52", 0, 0x11, 0x30),
    (LSM, "ispu_irq_rate 104", 0, 0x18, 0x40),
    (LSM, "acc_fs 16", 0, 0x10, 0x04),
    (LSM, "acc_fs 4", 0, 0x10, 0x08),
    (LSM, "gyr_fs 2000", 0, 0x11, 0x0C),
    (LSM, "gyr_fs 125", 0, 0x11, 0x02),
    (LSM, "acc_mode low_power", 0, 0x15, 0x10),
    (LSM, "acc_mode high_performance", 0, 0x15, 0x00),
    (LSM, "gyr_mode low_power", 0, 0x16, 0x80),
    (LSM, "ispu_clock 10", 0, 0x19, 0x04),
    (LSM, "ispu_clock 5", 0, 0x19, 0x00),
    (LSM, "ispu_int1 enable", 0, 0x5E, 0x02),
    (LSM, "ispu_int2 enable", 0, 0x5F, 0x02),
    (LSM, "ispu_int2 disable", 0, 0x5F, 0x00),
    (LSM, "ispu_sleep_int2 enable", 0, 0x0E, 0x80),
    (LSM, "ispu_latch disable", 1, 0x02, 0x01),
    (LSM, "ispu_latch enable", 1, 0x02, 0x11),
    (LSM, "algo 0 enable", 1, 0x70, 0x01),
    (LSM, "algo 29 enable", 1, 0x73, 0x20),
    (LSM, "algo_int1 8 enable", 1, 0x51, 0x01),
    (LSM, "algo_int2 7 enable", 1, 0x54, 0x80),
    (IIS, "acc_odr 2.5k", 0, 0x10, 0x02),
    (IIS, "acc_odr 2500", 0, 0x10, 0x02),
    (IIS, "ispu_rate 80k", 0, 0x18, 0x70),
    (IIS, "acc_fs 50", 0, 0x11, 0x00),
    (IIS, "ispu_int1 enable", 0, 0x6E, 0x02),
    (IIS, "ispu_int2 enable", 0, 0x6E, 0x01),
    (IIS, "ispu_sleep_int2 enable", 0, 0x0C, 0x20),
    (IIS, "ispu_flag_int1 9 enable", 1, 0x51, 0x02),
    (IIS, "fifo_mode continuous", 0, 0x07, 0x02),
    (IIS, "fifo_batch ispu enable", 0, 0x07, 0x20),
    (IIS, "fifo_int1 ths enable", 0, 0x0D, 0x10),
]


@pytest.mark.parametrize(("one", "line", "page", "register", "value"), ONE)
def test_one_line(one: IspuDevice, line: str, page: int, register: int, value: int) -> None:
    conf = parse_conf(line, one)
    assert (conf.user, conf.page) == (({}, {register: value}) if page else ({register: value}, {}))
    lines, unknown = conf_lines(conf, one)
    again = parse_conf("\n".join(lines), one)
    assert (again.user, again.page, unknown) == (conf.user, conf.page, [])


def test_lines_that_set_more_or_nothing() -> None:
    assert parse_conf("ispu_bdu enable", IIS).user == {0x12: 0x5C, 0x18: 0x01}
    assert parse_conf("fifo_wtm 259", IIS).user == {0x05: 0x03, 0x06: 0x01}
    assert parse_conf("acc_mode continuous", IIS).user == {}
    assert parse_conf("", LSM) == Configuration()
    assert parse_conf("# acc_odr 26\n\n  acc_fs 2 # low\r\n", LSM).user == {0x10: 0x00}


def test_fields_of_one_register_come_together() -> None:
    assert parse_conf("acc_fs 8\nacc_odr 26\ngyr_odr 26\ngyr_fs 500", LSM).user == {0x10: 0x2C, 0x11: 0x24}
    assert parse_conf("algo 0 enable\nalgo 7 enable\nalgo 1 disable", LSM).page == {0x70: 0x81}


BAD = [
    (LSM, "acc_ord 26", 1, "has no setting 'acc_ord'", "acc_odr"),
    (LSM, "\nacc_odr 25", 2, "acc_odr cannot be '25'", "0, 12.5, 26"),
    (LSM, "acc_odr", 1, "needs one value, 0 are given", ""),
    (LSM, "acc_odr 26 52", 1, "needs one value, 2 are given", ""),
    (LSM, "acc_odr 26\nacc_odr 52", 2, "acc_odr stands here for the second time", ""),
    (LSM, "algo 1 enable\nalgo 1 enable", 2, "algo 1 stands here for the second time", ""),
    (LSM, "algo enable", 1, "algo needs a number", "algo 0 enable"),
    (LSM, "algo 30 enable", 1, "number of algo is '30'", "0 to 29"),
    (LSM, "algo -1 enable", 1, "number of algo is '-1'", ""),
    (LSM, "algo 1 on", 1, "algo cannot be 'on'", "enable, disable"),
    (LSM, "ispu_rate 104", 1, "has no setting 'ispu_rate'", "ispu_irq_rate"),
    (LSM, "acc_low_power enable", 1, "has no setting 'acc_low_power'", ""),
    (LSM, "acc_mode continuous", 1, "acc_mode cannot be 'continuous'", "high_performance"),
    (LSM, "acc_fs 32", 1, "acc_fs cannot be '32'", "2, 16, 4, 8"),
    (LSM, "ispu_clock 40", 1, "ispu_clock cannot be '40'", "5, 10"),
    (IIS, "gyr_odr 26", 1, "has no setting 'gyr_odr'", ""),
    (IIS, "gyr_mode low_power", 1, "has no setting 'gyr_mode'", ""),
    (IIS, "acc_odr 2.5", 1, "acc_odr cannot be '2.5'", "2.5k"),
    (IIS, "acc_mode low_power", 1, "acc_mode cannot be 'low_power'", "continuous"),
    (IIS, "fifo_wtm 512", 1, "fifo_wtm is '512'", "0 to 511"),
    (IIS, "fifo_batch acc enable", 1, "only known as 'fifo_batch ispu enable'", ""),
    (IIS, "fifo_mode bypass", 1, "fifo_mode cannot be 'bypass'", "continuous"),
    (IIS, "fifo_read ispu", 1, "known from ST's files", "from the host"),
]


@pytest.mark.parametrize(("one", "text", "line", "message", "hint"), BAD, ids=[b[1].strip() for b in BAD])
def test_what_conf_refuses(one: IspuDevice, text: str, line: int, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_conf(text, one, "my/conf.txt")
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.where == f"my/conf.txt:{line}"


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_settings_survive_registers(data: st.DataObject) -> None:
    one = data.draw(st.sampled_from([LSM, IIS]))
    rate = "ispu_irq_rate" if one is LSM else "ispu_rate"
    lines = []
    for key in ("acc_odr", rate, "acc_fs", *(("gyr_odr", "gyr_fs", "ispu_clock") if one is LSM else ())):
        if data.draw(st.booleans()):
            lines.append(f"{key} {data.draw(st.sampled_from(sorted(tables(one)[key]))):g}")
    flags = ("algo", "algo_int1", "algo_int2") if one is LSM else ("algo", "ispu_flag_int1", "ispu_flag_int2")
    for key in flags:
        chosen = data.draw(st.sets(st.integers(0, one.algorithms - 1), max_size=5))
        lines += [f"{key} {number} enable" for number in sorted(chosen)]
    for key in ("ispu_int1", "ispu_int2", "ispu_latch", "ispu_sleep_int2"):
        if data.draw(st.booleans()):
            lines.append(f"{key} {data.draw(st.sampled_from(['enable', 'disable']))}")
    conf = parse_conf("\n".join(lines), one)
    back, unknown = conf_lines(conf, one)
    again = parse_conf("\n".join(back), one)
    assert (again.user, again.page, unknown) == (conf.user, conf.page, [])


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet='acgorfsdualinteb_0123456789. k#=\n\t"', max_size=60))
def test_no_text_makes_a_traceback(text: str) -> None:
    for parse in (parse_conf, parse_hub, parse_meta):
        said = ("none", "none")
        try:
            parse(text, LSM)
        except SensoraiError as error:
            said = (error.message, error.where)
        assert all(said)


HUB_BAD = [
    ("w 0x3C 0x60", "unknown line"),
    ("w 0x3C 0x60 0x100", "value is '0x100'"),
    ("r 0x3C 0x60 8\nshub_odr 104", "value is '8'"),
    ("r 0x3C 0x60 0\nshub_odr 104", "value is '0'"),
    ("w 3C 0x60 1", "device address is '3C'"),
    ("shub_odr 100", "shub_odr cannot be '100'"),
    ("shub_odr 104\nshub_odr 104", "second time"),
    ("r 0x3C 0x68 6", "reads, but no shub_odr"),
    ("shub_odr 104\n" + "r 0x3C 0x68 6\n" * 5, "5 reads, but the hub has 4 slaves"),
]


@pytest.mark.parametrize(("text", "message"), HUB_BAD)
def test_what_the_hub_refuses(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_hub(text, LSM)
    assert message in caught.value.message


def test_no_hub_on_the_vibration_sensor() -> None:
    with pytest.raises(ConfigError, match="IIS3DWB10IS has no sensor hub"):
        parse_hub("w 0x3C 0x60 1", IIS)


META = """description "Steps"

output "Acc" float 2
output "b" uint8_t
	0="none"
	0x1="one"
output "c" int16_t
"""


def test_outputs_follow_each_other_without_gaps() -> None:
    meta = parse_meta(META, LSM)
    assert [(o.name, o.register, o.register_name, o.type, o.length) for o in meta.outputs] == [
        ("Acc", 0x10, "ISPU_DOUT_00_L", "float", 2),
        ("b", 0x18, "ISPU_DOUT_04_L", "uint8_t", 1),
        ("c", 0x19, "ISPU_DOUT_04_H", "int16_t", 1),
    ]
    assert meta.outputs[1].results == ((0, "none"), (1, "one"))
    assert meta.description == "Steps"
    assert parse_meta(meta_text(meta), LSM) == meta


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('output "a" floaty', "unknown type 'floaty'"),
        ('output "a" double 5\noutput "b" double 4', "ends at byte 72 of 64"),
        ('\t0="x"', "unknown line"),
        ('output "a" uint8_t\n\t300="x"', "code 300 is above 255"),
        ('output "a" uint8_t 0', "an output of no values"),
        ("output a uint8_t", "unknown line"),
    ],
)
def test_what_meta_refuses(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_meta(text, LSM)
    assert message in caught.value.message


def test_fewer_output_registers_on_the_vibration_sensor() -> None:
    text = 'output "a" int32_t 8\n'
    assert len(parse_meta(text, IIS).outputs) == 1
    with pytest.raises(ConfigError, match="of 32"):
        parse_meta(text + 'output "b" uint8_t\n', IIS)
