"""Golden tests of the write rules (facts, ispu section 2), and image -> files -> image over both devices."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensorai.errors import DataError, TargetError
from sensorai.ispu.conf import Configuration, configuration_ops, parse_conf
from sensorai.ispu.devices import IspuDevice, device, devices
from sensorai.ispu.elf import parse_program
from sensorai.ispu.hub import hub_ops, parse_hub
from sensorai.ispu.image import Program, check, make_image
from sensorai.ispu.loader import files, load, load_ops
from sensorai.ispu.meta import parse_meta
from sensorai.ispu.unload import as_dict, as_text, ispu_device, unload
from sensorai.regfile import Delay, Op, RegisterFile, Write, parse_register_file, to_ucf
from tests.ispu.make import elf, image, pattern, program, srec

LSM, IIS = device("LSM6DSO16IS"), device("IIS3DWB10IS")


def short(ops: list[Op] | tuple[Op, ...]) -> str:
    """``10=00`` for a write, ``W5`` for a wait."""
    return " ".join(
        f"{op.register:02X}={op.value:02X}" if isinstance(op, Write) else f"W{op.ms}"
        for op in ops
        if isinstance(op, Write | Delay)
    )


def test_whole_list_of_a_small_program_lsm() -> None:
    small = Program(make_image([(0x10000, b"\xec\x01\x00\xf8"), (0x0, b"\1\2\3\4")]))
    conf = parse_conf("acc_odr 26\nacc_fs 8\nispu_irq_rate 26\nispu_int1 enable\nalgo 0 enable", LSM)
    assert short(load(small, conf, LSM).ops) == (
        "01=02 01=00 10=00 11=00 "
        "01=80 08=00 09=00 0A=00 0B=01 0B=02 0B=03 0B=04 "
        "08=01 09=00 0A=00 0B=EC 0B=01 0B=00 0B=F8 01=00 "
        "18=00 19=00 10=10 01=80 02=01 01=00 W5 10=00 11=00 "
        "18=20 5E=02 01=80 70=01 01=00 10=2C"
    )


def test_whole_list_of_a_small_program_iis() -> None:
    small = Program(make_image([(0x40080, b"\xec\x04\x01\x00"), (0x2000, b"\1\2\3\4")]))
    conf = parse_conf("acc_odr 40k\nispu_rate 40k\nispu_bdu enable\nalgo 0 enable", IIS)
    assert short(load(small, conf, IIS).ops) == (
        "19=10 W1 19=00 10=00 W1 12=1C W2 "
        "01=C0 W1 07=00 08=20 09=00 0A=01 0A=02 0A=03 0A=04 "
        "07=04 08=00 09=80 0A=EC 0A=04 0A=01 0A=00 01=00 "
        "18=00 19=00 01=80 02=01 01=00 10=02 W7 W2 10=00 W1 "
        "12=5C 18=61 01=80 70=01 01=00 10=06"
    )


def addresses(ops: list[Op], registers: tuple[int, int, int]) -> list[int]:
    """Memory addresses that are set."""
    found = []
    for place, _op in enumerate(ops):
        after = ops[place : place + 3]
        if tuple(getattr(one, "register", -1) for one in after) == registers:
            found.append(int.from_bytes(bytes(one.value for one in after if isinstance(one, Write)), "big"))
    return found


@pytest.mark.parametrize(
    ("start", "size", "set_at"),
    [
        (0x10000, 0x2000, [0x10000]),
        (0x10000, 0x2004, [0x10000, 0x12000]),
        (0x10000, 0x8000, [0x10000, 0x12000, 0x14000, 0x16000]),
        (0x11FFC, 8, [0x11FFC, 0x12000]),
        (0x12000, 4, [0x12000]),
        (0x00000, 0x2000, [0x00000]),
    ],
)
def test_banks_of_code_ram_lsm(start: int, size: int, set_at: list[int]) -> None:
    ops = load_ops(make_image([(start, pattern(size))]), LSM)
    assert addresses(ops, (8, 9, 10)) == set_at
    assert sum(isinstance(op, Write) and op.register == 0x0B for op in ops) == size


def test_no_banks_iis() -> None:
    ops = load_ops(make_image([(0x40000, pattern(0x8000)), (0x2000, pattern(0xE000))]), IIS)
    assert addresses(ops, (7, 8, 9)) == [0x2000, 0x40000]


# Settings of our own, written in the order that the facts give (ispu 2.1 to 2.3)
SETTINGS = [
    (
        LSM,
        "ispu_irq_rate 52\nalgo 2 enable\nalgo_int1 2 enable\nispu_latch disable\nispu_int1 enable\n"
        "ispu_sleep_int2 enable\ngyr_mode high_performance\ngyr_fs 500\ngyr_odr 104\n"
        "acc_mode high_performance\nacc_fs 4\nacc_odr 52\n",
        "0E=80 15=00 16=00 18=30 5E=02 01=80 02=01 50=04 70=04 01=00 10=38 11=44",
    ),
    (
        LSM,
        "acc_mode low_power\nacc_odr 26\nispu_irq_rate 0\nispu_latch enable\nalgo 9 enable\nispu_int2 enable",
        "15=10 18=00 5F=02 01=80 02=11 71=02 01=00 10=20",
    ),
    (
        IIS,
        "fifo_int1 ths enable\nfifo_wtm 300\nfifo_mode continuous\nfifo_batch ispu enable\nalgo 3 enable\n"
        "ispu_sleep_int2 enable\nispu_int1 disable\nispu_rate 5k\nacc_fs 50\nacc_odr 20k\n",
        "05=2C 06=01 0C=20 0D=10 11=00 18=30 6E=00 01=80 70=08 01=00 07=22 10=05",
    ),
]


@pytest.mark.parametrize(("one", "text", "ops"), SETTINGS)
def test_order_of_settings(one: IspuDevice, text: str, ops: str) -> None:
    assert short(configuration_ops(parse_conf(text, one), one)) == ops


def test_sensor_hub() -> None:
    hub = parse_hub("w 0x3C 0x61 0x02 # set up\nr 0x3C 0x68 6\n\n# rate\nshub_odr 52\n", LSM)
    assert short(hub_ops(hub, LSM)) == (
        "10=40 01=40 15=3C 16=61 17=00 21=02 14=44 W20 14=00 15=3D 16=68 17=06 "
        "01=00 10=00 01=40 17=46 14=44 01=00"
    )
    ops = load(program(LSM), Configuration(), LSM, hub=hub).ops
    at = short(ops).index("10=40 01=40")
    assert short(ops)[:at].endswith("W5 10=00 11=00 ")


def test_hub_with_two_reads_at_a_lower_rate() -> None:
    hub = parse_hub("shub_odr 26\nr 0x3C 0x68 6\nr 0xBA 0x28 3", LSM)
    assert short(hub_ops(hub, LSM)) == (
        "10=40 01=40 15=3D 16=68 17=06 18=BB 19=28 1A=03 01=00 10=00 01=40 17=86 14=45 01=00"
    )


def test_files_name_devices_outputs_and_nothing_of_the_clock() -> None:
    meta = parse_meta('description "Gait"\noutput "class" uint8_t\n\t0="rest"\n\t1="walk"\n', LSM)
    rf = load(program(LSM), parse_conf("algo 0 enable", LSM), LSM, meta=meta)
    made = files(rf, "gait")
    assert sorted(made) == ["gait.h", "gait.json", "gait.ucf", "gait_plain.h"]
    found = json.loads(made["gait.json"])
    assert found["sensors"][0]["name"] == ["ISM330IS", "LSM6DSO16IS"]
    assert found["sensors"][0]["outputs"] == [
        {
            "name": "class",
            "core": "ISPU",
            "type": "uint8_t",
            "len": "1",
            "reg_addr": "0x10",
            "reg_name": "ISPU_DOUT_00_L",
            "results": [{"code": "0x00", "label": "rest"}, {"code": "0x01", "label": "walk"}],
        }
    ]
    assert "date" not in found
    assert b"MEMS_CONF_OUTPUT_CORE_ISPU," in made["gait.h"]
    assert made == files(load(program(LSM), parse_conf("algo 0 enable", LSM), LSM, meta=meta), "gait")


@st.composite
def chunks(draw: st.DrawFn, one) -> list[tuple[int, bytes]]:  # type: ignore[no-untyped-def]
    """Segments in code and data RAM, the reset entry among them; some cross banks."""
    code, data = one.code, one.data
    first = draw(st.integers(0x21, 0x80)) * 4
    found = [(code.address, pattern(first, 5))]
    at = code.address + draw(st.integers(0x81, 0x700)) * 4
    size = 4 * draw(st.integers(1, 200))
    bank = draw(st.sampled_from([0x2000, 0x4000, 0x6000, 0x8000]))
    found.append((max(at, code.address + bank - size // 8 * 4), pattern(size, 9)))
    if found[1][0] + size > code.end:
        found[1] = (code.end - size, found[1][1])
    if draw(st.booleans()):
        length = 4 * draw(st.integers(1, 60))
        found.append(
            (data.address + 4 * draw(st.integers(0, 100)), draw(st.binary(min_size=length, max_size=length)))
        )
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
@pytest.mark.parametrize("one", [LSM, IIS], ids=lambda one: one.family)
def test_elf_to_files_and_back(one, data: st.DataObject) -> None:  # type: ignore[no-untyped-def]
    parts = data.draw(chunks(one))
    flags = one.integer("core", "flags")
    linked = parse_program(elf(parts, flags=flags), "a.elf")
    assert linked.image == parse_program(srec(parts), "a.srec").image == make_image(parts)
    text = data.draw(st.sampled_from(["", "algo 0 enable\nacc_fs 4" if one is LSM else "algo 15 enable"]))
    conf = parse_conf(text, one)
    for name, written in files(load(linked, conf, one), "app").items():
        found = unload(parse_register_file(written, name))
        assert found.image == linked.image
        assert (found.conf.user, found.conf.page) == (conf.user, conf.page)
        assert found.device.family == one.family
        # and from the image again the same file
        rf = load(Program(found.image), found.conf, one)
        assert files(rf, "app")[name] == written


@pytest.mark.parametrize("one", devices(), ids=lambda one: one.name)
def test_full_memories_fit_and_one_more_byte_does_not(one) -> None:  # type: ignore[no-untyped-def]
    assert check(program(one, one.code.size, one.data.size), one) == []
    over = Program(make_image([(one.code.address, pattern(one.code.size + 4))]))
    messages = [problem.message for problem in check(over, one)]
    assert any("are in no memory of" in message for message in messages)
    assert any("4 too many" in message and "code RAM" in message for message in messages)


def test_variables_and_stack() -> None:
    full = Program(image(LSM), ((96, 7000),), "a.elf")
    assert check(full, LSM, stack=1096) == []
    (problem,) = check(full, LSM, stack=1097)
    assert problem.message == (
        "variables and 1097 bytes of stack need 8193 bytes of 8192 in data RAM: 1 too many"
    )
    assert problem.hint


def test_variables_in_no_memory() -> None:
    odd = Program(image(LSM), ((0x20000000, 16),), "a.elf")
    (problem,) = check(odd, LSM)
    assert "bytes at 20000000h..2000000Fh are in no memory of LSM6DSO16IS" in problem.message


def test_a_program_for_the_other_core_is_refused_with_all_reasons() -> None:
    other = parse_program(elf([(0x40000, pattern(0x100))], flags=0x6F), "a.elf")
    with pytest.raises(TargetError) as caught:
        load(other, Configuration(), LSM)
    messages = [problem.message for problem in caught.value.problems]
    assert messages[0] == "built for another core: ELF flags are 6Fh, LSM6DSO16IS has 64h"
    assert "bytes at 40000h..400FFh are in no memory of LSM6DSO16IS" in messages
    assert "nothing is loaded at the reset entry 10000h" in messages


def test_taking_apart_says_what_is_unusual() -> None:
    rf = load(program(LSM), parse_conf("algo 3 enable\nalgo 9 enable", LSM), LSM)
    found = unload(rf)
    assert (found.algorithms, found.notes) == ((3, 9), ())
    odd = [*rf.ops, Write(0x33, 0x07), Write(0x10, 0xF0)]
    found = unload(RegisterFile(tuple(odd)))
    assert "register 33h of the user page: bits 07h set no known key" in found.notes
    assert "acc_odr: code Fh has no meaning that is known" in found.notes
    stopped = [op for op in rf.ops if op != Write(0x02, 0x01)]
    assert "the core is never released from reset" in unload(RegisterFile(tuple(stopped))).notes


def test_a_bank_crossed_is_noted_and_an_address_filled_twice_refused() -> None:
    ops = list(load_ops(make_image([(0x10000, pattern(0x2008))]), LSM))
    again = next(i for i, op in enumerate(ops[8:], 8) if op == Write(0x08, 1))
    found = unload(RegisterFile((*ops[:again], *ops[again + 3 :])))
    assert "bytes run over the end of a bank at 12000h" in found.notes
    twice = [*ops[:-1], Write(8, 1), Write(9, 0), Write(10, 0), Write(0x0B, 0xEE, line=77)]
    with pytest.raises(DataError) as caught:
        unload(RegisterFile(tuple(twice), source="a.ucf"))
    assert caught.value.where == "a.ucf:77"
    assert caught.value.message == "address 10000h is filled twice with different bytes"


def test_files_of_other_cores_are_told_apart() -> None:
    # page writes of a machine learning core use the same register numbers
    mlc = [Write(0x01, 0x80), Write(0x17, 0x40), Write(0x02, 0x11)]
    for value in range(20):
        mlc += [Write(0x08, value), Write(0x09, value)]
    mlc += [Write(0x0A, 0), Write(0x0B, 1), Write(0x01, 0)]
    rf = RegisterFile(tuple(mlc), device="LSM6DSOX", source="x.ucf")
    assert ispu_device(rf) is None
    with pytest.raises(DataError, match="loads no ISPU program"):
        unload(rf)
    with pytest.raises(DataError, match="loads no program into IIS3DWB10IS"):
        unload(load(program(LSM), Configuration(), LSM), "iis")
    for one in (LSM, IIS):
        found = ispu_device(
            parse_register_file(to_ucf(load(program(one), Configuration(), one)).encode(), "f")
        )
        assert found is not None
        assert found.family == one.family


def test_text_and_data() -> None:
    meta = parse_meta(
        'description "Gait"\noutput "score" int32_t 2\noutput "class" uint8_t\n\t0="rest"\n', LSM
    )
    conf = parse_conf("acc_odr 26\nalgo 0 enable", LSM)
    rf = load(program(LSM), conf, LSM, meta=meta, hub=parse_hub("w 0x3C 0x60 1", LSM))
    text = as_text(unload(rf))
    for line in (
        "ISPU program for ISM330IS / LSM6DSO16IS",
        "  code RAM: 256 of 32768 bytes loaded",
        "    10000h..100FFh  256 bytes",
        "Algorithms called: 0 (of 30)",
        "  acc_odr 26",
        "  wait 20 ms",
        "  ISPU_DOUT_00_L  10h  int32_t[2]  score",
        "  ISPU_DOUT_04_L  18h  uint8_t  class",
        "        0 = rest",
    ):
        assert line in text
    plain = as_dict(unload(rf))
    assert json.loads(json.dumps(plain)) == plain
    assert bytes.fromhex(plain["segments"][1]["data"]) == pattern(0x100)
    bare = unload(RegisterFile((*load_ops(image(LSM), LSM),)))
    assert "the file does not name any" in as_text(bare)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([1, 2, 8, 9, 10, 11, 0x10, 0x70]), st.integers(0, 255)), max_size=40)
)
def test_any_writes_give_a_result_or_one_error(writes: list[tuple[int, int]]) -> None:
    start = load_ops(make_image([(0x10000, pattern(8))]), LSM)
    rf = RegisterFile((*start, *(Write(register, value) for register, value in writes)))
    try:
        found = unload(rf)
    except DataError as error:
        said = error.message
    else:
        said = as_text(found)
        assert found.image.segments
    assert "filled twice" in said or "ISPU program" in said
