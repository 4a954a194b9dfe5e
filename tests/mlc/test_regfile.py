"""Register files: every syntax in and out, what is refused, and that nothing but DataError escapes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensorai.errors import ConfigError, DataError
from sensorai.mlc.regfile import DESCRIPTION, labels, parse_register_file, read_register_file, result_register
from sensorai.regfile import (
    LARGEST,
    Delay,
    Identifier,
    Op,
    Output,
    Poll,
    Read,
    RegisterFile,
    Write,
    to_header,
    to_json,
    to_ucf,
)

OUTPUTS = (
    Output("Categorical output", "MLC1_SRC", ((0, "still"), (4, "walk fast"), (12, "it's")), register=0x70),
    Output("Categorical output", "MLC2_SRC", ((1, "left"),), register=0x71),
)
SAMPLE = RegisterFile(
    ops=(Write(0x10, 0), Delay(5), Write(0x01, 0x80), Write(0x17, 0xFF)),
    device="LSM6DSV16X",
    tool="MLC Tool 2.3.7",
    outputs=OUTPUTS,
    identifiers=(Identifier(0x1B, 0x3B6, "FILTER_BP_ACC_V"), Identifier(0x1C, 0x3B8, "F1_MEAN_ACC_X")),
    description=DESCRIPTION,
)
LABELS = {0: {0: "still", 4: "walk fast", 12: "it's"}, 1: {1: "left"}}


def parse(text: str) -> RegisterFile:
    return parse_register_file(text.encode(), "f")


def written(rf: RegisterFile) -> dict[str, str]:
    return {
        "ucf": to_ucf(rf),
        "json": to_json(rf),
        "st header": to_header(rf, "walk"),
        "plain header": to_header(rf, "walk", plain=True),
    }


@pytest.mark.parametrize("syntax", ["ucf", "json", "st header", "plain header"])
def test_round_trip(syntax: str) -> None:
    text = written(SAMPLE)[syntax]
    assert text == written(SAMPLE)[syntax]
    read = parse(text)
    assert read.ops == SAMPLE.ops
    assert (read.device, read.tool) == (SAMPLE.device, SAMPLE.tool)
    assert labels(read) == labels(SAMPLE) == LABELS
    assert read.identifiers == SAMPLE.identifiers
    assert [output.register for output in read.outputs] == [0x70, 0x71]
    lines = text.splitlines()
    for op in read.ops:
        shown = lines[op.line - 1]
        if isinstance(op, Write):
            assert re.search(rf"{op.register:02X}\W.*{op.value:02X}", shown), shown
        else:
            assert re.search(r"\b5\b", shown), shown
    assert parse(text.replace("\n", "\r\n")) == read


@pytest.mark.parametrize("syntax", ["json", "st header", "plain header"])
def test_read_and_poll_round_trip(syntax: str) -> None:
    ops = (Read(0x0F), Poll(0x15, 0x01, True), Poll(0x15, 0x80, False), Write(1, 2))
    assert parse(written(RegisterFile(ops=ops[3:]))[syntax]).ops == ops[3:]
    rf = RegisterFile(ops=ops)
    text = to_json(rf) if syntax == "json" else to_header(rf, "x", plain=syntax == "plain header")
    assert parse(text).ops == ops


def test_ucf_cannot_poll() -> None:
    with pytest.raises(DataError) as caught:
        to_ucf(RegisterFile(ops=(Write(1, 2), Read(3, line=7)), source="a.json"))
    assert caught.value.where == "a.json:7"


@pytest.mark.parametrize("syntax", ["ucf", "json", "st header", "plain header"])
def test_a_bare_list_of_writes_round_trips(syntax: str) -> None:
    rf = RegisterFile(ops=(Write(0, 0), Write(255, 255)))
    read = parse(written(rf)[syntax])
    assert read.ops == rf.ops
    assert (read.device, read.tool, read.outputs, read.identifiers) == ("", "", (), ())


@pytest.mark.parametrize("syntax", ["ucf", "json", "st header", "plain header"])
def test_hostile_labels_break_nothing(syntax: str) -> None:
    nasty = ('a"b\\c */ /* ??/ ü \n',)
    rf = RegisterFile(
        ops=SAMPLE.ops,
        device="LSM6DSOX",
        tool="x 1.0",
        outputs=(Output("DT1", "MLC0_SRC", ((3, nasty[0]),), register=0x70),),
        identifiers=(Identifier(0x1C, 0x352, "F1_x"),),
    )
    read = parse(written(rf)[syntax])
    assert read.ops == rf.ops
    assert read.identifiers == rf.identifiers
    if syntax in ("json", "st header"):
        assert labels(read) == {0: {3: nasty[0]}}
    else:
        assert list(labels(read)[0]) == [3]


UCF = """-- Machine Learning Core Tool v9.8.9.0, LSM6DSRX__
-- <MLC0_SRC>DT1,0='a',4='b, c',255='d'
-- <MLC2_SRC>Decision tree #3: ,0='x'
-- <FSM_OUTS1>FSM1
-- anything else

-- FILTER_BP_ACC_V2 -> 03E6h
-- F1_MEAN_on_filter_BP_on_A_V2 -> 03E8h

ac 10 0a
 WAIT 12\t
Ac  01  80\x20
"""


def test_what_ucf_comments_say() -> None:
    rf = parse(UCF)
    assert rf.ops == (Write(0x10, 0x0A), Delay(12), Write(1, 0x80))
    assert [op.line for op in rf.ops] == [10, 11, 12]
    assert (rf.device, rf.tool) == ("LSM6DSRX", "Machine Learning Core Tool v9.8.9.0")
    assert labels(rf) == {0: {0: "a", 4: "b, c", 255: "d"}, 2: {0: "x"}}
    assert [(o.core, o.name, o.register) for o in rf.outputs] == [
        ("MLC", "DT1", 0x70),
        ("MLC", "Decision tree #3: ", 0x72),
        ("FSM", "FSM1", None),
    ]
    assert rf.identifiers == (
        Identifier(0x1B, 0x3E6, "FILTER_BP_ACC_V2"),
        Identifier(0x1C, 0x3E8, "F1_MEAN_on_filter_BP_on_A_V2"),
    )
    assert rf.comments == ("anything else",)


@pytest.mark.parametrize(
    ("line", "tool", "device"),
    [
        (
            "MLC+FSM Merge Tool v9.13.0.0, STEVAL-MKI227A (LSM6DSV16X)",
            "MLC+FSM Merge Tool v9.13.0.0",
            "LSM6DSV16X",
        ),
        (
            "Programmable Sensor GUI v1.2.1.0 Beta, LSM6DSOX",
            "Programmable Sensor GUI v1.2.1.0 Beta",
            "LSM6DSOX",
        ),
        ("Finite State Machine Tool v9.9.0.0", "Finite State Machine Tool v9.9.0.0", ""),
        ("hello, LSM6DSOX", "", ""),
    ],
)
def test_first_line_of_ucf(line: str, tool: str, device: str) -> None:
    rf = parse(f"-- {line}\nAc 01 02\n")
    assert (rf.tool, rf.device) == (tool, device)


def test_tree_numbers_without_a_number_in_the_name() -> None:
    def number(device: str, name: str, register: int | None) -> int:
        output = Output("Categorical output", name, ((0, "x"),), register=register)
        return next(iter(labels(RegisterFile(ops=(), device=device, outputs=(output,)))))

    assert number("", "MLC1_SRC", 0x70) == 0
    assert number("", "MLC4_SRC", 0x37) == 3
    assert number("LSM6DSOX", "MLC1_SRC", None) == 1
    assert number("LSM6DSV16X", "MLC1_SRC", None) == 0
    assert result_register("LSM6DSOX", "MLC7_SRC") == 0x77
    assert result_register("LSM6DSOX", "MLC8_SRC") is None
    assert result_register("LIS2DUX12", "MLC1_SRC") == 0x34
    assert result_register("LIS2DUX12", "FSM_OUTS1") is None
    assert result_register("unheard-of", "MLC1_SRC") is None


ST_STYLES = {
    "address and data": """const ucf_line_t lsm6dsox_walk[] = {
  {.address = 0x10, .data = 0x0A,},
  {.address = 1, .data = 128u,},
};
""",
    "with operations": """static const ucf_line_ext_t lis2dux12_walk[] = {
  { .op = MEMS_UCF_OP_WRITE, .address = 0x10, .data = 0x0A },
  { .op = MEMS_UCF_OP_DELAY, .address = 0, .data = 5 },
};
""",
    "positional": """const uint8_t ism330dhcx[2][2] = { // {0x13, 0x00},
  {0x10, 0x0A}, /* {0x11, 0x00}, */
  {1, 128}
};
""",
}


@pytest.mark.parametrize(
    ("style", "ops", "device"),
    [
        ("address and data", (Write(16, 10), Write(1, 128)), "LSM6DSOX"),
        ("with operations", (Write(16, 10), Delay(5)), "LIS2DUX12"),
        ("positional", (Write(16, 10), Write(1, 128)), "ISM330DHCX"),
    ],
)
def test_header_styles_of_st(style: str, ops: tuple[Op, ...], device: str) -> None:
    text = (
        "/* licence 3.0, FOO */\n#include <stdint.h>\ntypedef struct { uint8_t address, data; } ucf_line_t;\n"
    )
    rf = parse(text + ST_STYLES[style])
    assert rf.ops == ops
    assert (rf.device, rf.tool) == (device, "")
    assert [op.line for op in rf.ops] == [5, 6]


HEADER = """static const struct op x[] = {
  { .address = 0x10, .data = 0x00 },
  { .address = 0x11, .data = 0x01 }
};
"""
JSON = to_json(SAMPLE)


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        ("Ac 01 80\nAc 09 4", "incomplete or damaged line 'Ac 09 4'", "f:2"),
        ("Ac 01 80\nAc 09 4G\n", "incomplete or damaged", "f:2"),
        ("Ac 01 8000\n", "incomplete or damaged", "f:1"),
        ("WAIT soon\n", "incomplete or damaged", "f:1"),
        ("\n\nRd 01 02\n", "unknown line 'Rd 01 02'", "f:3"),
        ("-- nothing\n", "no register writes", "f"),
        ("", "no register writes", "f"),
        ("{}", "no reg_config JSON", "f:1"),
        ("[]", "the JSON is no object", "f:1"),
        ("[" * 100_000, "nested too deeply", "f"),
        ('{"mlc_odr": "30 Hz"}', "this is an MLC settings file", "f:1"),
        ('{"json_format": {"type": "mlc_settings"}}', "this is an MLC settings file", "f:1"),
        (JSON.replace('"2.0"', '"3.0"'), "version '3.0' is not known", "f:2"),
        (JSON[:-40], "the file is cut off", "f:48 column 43"),
        (JSON.replace('"0x10"', "0x10", 1), "broken JSON", "f:15 column"),
        (JSON.replace('"data": "0xFF"', '"data": "0x100"'), "'data' is '0x100'", "f:18"),
        (JSON.replace('"data": "0xFF"', '"data": "-1"'), "'data' is '-1'", "f:18"),
        (JSON.replace('"data": "0xFF"', '"data": 256'), "'data' is 256", "f:18"),
        (JSON.replace('"data": "0xFF"', '"data": true'), "'data' is True", "f:18"),
        (JSON.replace(', "data": "0xFF"', ""), "'data' is missing", "f:18"),
        (JSON.replace('"type": "delay"', '"type": "jump"'), "unknown operation 'jump'", "f:16"),
        (JSON.replace('"code": "0x04"', '"code": "four"'), "'code' is 'four'", "f:30"),
        (JSON.replace('"label": "still"', '"label": 3'), "'label' is no text", "f:29"),
        (JSON.replace('[ "LSM6DSV16X" ]', '"LSM6DSV16X"'), "'name' must be a list", "f:12"),
        (
            JSON.replace('"configuration": [', '"configuration": [ 3,'),
            "'configuration' must hold objects",
            "f:12",
        ),
        (
            '{"json_format": {"type": "reg_config", "version": "2.0"}, "sensors": [1, 2]}',
            "configures 2 sensors",
            "f:1",
        ),
        (
            '{"json_format": {"type": "reg_config", "version": "2.0"}, "sensors": [1]}',
            "must hold objects",
            "f:1",
        ),
        ('{"a": ' + "9" * 5000 + "}", "broken JSON", "f"),
        (HEADER[:-3], "array 'x' is not closed", "f:1"),
        (HEADER[:50], "array 'x' is not closed", "f:1"),
        ("/* cut", "a comment is not closed", "f:1"),
        ("#define X 1\n", "holds 0 configuration arrays", "f"),
        (HEADER + HEADER.replace("x[]", "y[]"), "holds 2 configuration arrays (x, y)", "f"),
        (HEADER.replace("0x01", "0x100"), "'data' is '0x100'", "f:3"),
        (HEADER.replace(".data = 0x01", ".dota = 0x01"), "'data' is missing", "f:3"),
        (HEADER.replace("0x11", "ELEVEN"), "'address' is 'ELEVEN'", "f:3"),
        (HEADER.replace(".address = 0x11", ".op = JUMP, .address = 0x11"), "unknown operation 'JUMP'", "f:3"),
        ("a\0b", "not a text file", "f"),
    ],
)
def test_what_is_refused(text: str, message: str, where: str) -> None:
    with pytest.raises(DataError) as caught:
        parse(text)
    assert message in caught.value.message
    assert caught.value.where.startswith(where)
    assert len(caught.value.message) < 200


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "x.anything"
    path.write_bytes(b"\xef\xbb\xbf-- caf\xe9\nAc 01 02")
    assert read_register_file(path).comments[0].endswith("caf\xe9")
    path.write_text(to_json(SAMPLE))
    assert read_register_file(str(path)).source == str(path)
    with pytest.raises(DataError) as caught:
        read_register_file(tmp_path / "absent.ucf")
    assert "cannot read" in caught.value.message
    with pytest.raises(DataError, match="too long"):
        parse_register_file(b" " * (LARGEST + 1), "f")


def test_json_layout() -> None:
    text = to_json(SAMPLE, date="2026-01-02 03:04:05")
    assert json.loads(text)["date"] == "2026-01-02 03:04:05"
    assert "date" not in json.loads(JSON)
    assert to_json(parse(text)) == text
    assert '\t\t\t\t{ "type": "delay", "data": "5" },\n' in text
    assert text.endswith("\t\t}\n\t]\n}\n")


def test_ucf_layout() -> None:
    lines = to_ucf(SAMPLE, newline="\r\n").split("\r\n")
    assert lines == [
        "-- MLC Tool 2.3.7, LSM6DSV16X",
        "-- <MLC1_SRC>DT1,0='still',4='walk fast',12='it's'",
        "-- <MLC2_SRC>DT2,1='left'",
        "",
        "-- FILTER_BP_ACC_V -> 03B6h",
        "-- F1_MEAN_ACC_X -> 03B8h",
        "",
        "Ac 10 00",
        "WAIT 5",
        "Ac 01 80",
        "Ac 17 FF",
        "",
    ]


@pytest.mark.parametrize(
    ("name", "hint"), [("my walk", "my_walk"), ("2walk", "_2walk"), ("", "mlc"), ("ü", "_")]
)
def test_header_names(name: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        to_header(SAMPLE, name)
    assert caught.value.hint == f"try {hint}"


# ---------------------------------------------------------------- the compiler reads what we write

OPS = (*SAMPLE.ops, Delay(0), Delay(300), Read(0x0F), Poll(0x15, 0x81, True), Poll(0x16, 0x02, False))

WALK_PLAIN = """
#include "walk.h"
#include <stdio.h>
int main(void) {
    unsigned long i;
    for (i = 0; i < WALK_STEPS; i++) {
        const struct walk_step *s = &walk_steps[i];
        switch (s->op) {
            case WALK_WRITE: printf("w %d %lu\\n", s->address, s->data); break;
            case WALK_DELAY: printf("d %lu\\n", s->data); break;
            case WALK_READ: printf("r %d\\n", s->address); break;
            case WALK_POLL_SET: printf("s %d %lu\\n", s->address, s->data); break;
            case WALK_POLL_RESET: printf("c %d %lu\\n", s->address, s->data); break;
            default: return 1;
        }
    }
    return 0;
}
"""

WALK_ST = """
#include "walk.h"
#include <stdio.h>
int main(void) {
    const struct mems_conf_op_list *list = &walk_confs[0];
    const struct mems_conf_result *result = walk_output_lists[0].list[0].results;
    uint32_t i;
    for (i = 0; i < list->len; i++) {
        const struct mems_conf_op *s = &list->list[i];
        switch (s->type) {
            case MEMS_CONF_OP_TYPE_WRITE: printf("w %d %d\\n", s->address, s->data); break;
            case MEMS_CONF_OP_TYPE_DELAY: printf("d %d\\n", s->data); break;
            case MEMS_CONF_OP_TYPE_READ: printf("r %d\\n", s->address); break;
            case MEMS_CONF_OP_TYPE_POLL_SET: printf("s %d %d\\n", s->address, s->data); break;
            case MEMS_CONF_OP_TYPE_POLL_RESET: printf("c %d %d\\n", s->address, s->data); break;
            default: return 1;
        }
    }
    printf("%s %s %s %s %s", walk_name_lists[0].list[0], walk_application.version, result[1].label,
           walk_output_lists[0].list[1].reg_name, walk_mlc_identifier_lists[0].list[1].label);
    printf(" %s %s", walk_format_version, walk_description);
    return 0;
}
"""


def said(ops: tuple[Op, ...]) -> list[str]:
    """What the walking programs print for ``ops``."""
    lines = []
    for op in ops:
        match op:
            case Write():
                lines.append(f"w {op.register} {op.value}")
            case Delay():
                lines.append(f"d {op.ms}")
            case Read():
                lines.append(f"r {op.register}")
            case Poll():
                lines.append(f"{'s' if op.until_set else 'c'} {op.register} {op.mask}")
    return lines


def run_c(folder: Path, header: str, program: str, compiler: str = "gcc", *flags: str) -> list[str]:
    found = shutil.which(compiler)
    assert found, f"{compiler} is needed for this test"
    (folder / "walk.h").write_text(header)
    source = folder / ("walk.cpp" if compiler == "g++" else "walk.c")
    source.write_text(program)
    command = [
        found,
        "-Wall",
        "-Wextra",
        "-Werror",
        "-pedantic",
        *flags,
        "-o",
        str(folder / "walk"),
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return subprocess.run(
        [str(folder / "walk")], capture_output=True, text=True, check=True
    ).stdout.splitlines()


RICH = RegisterFile(
    ops=OPS,
    device="LSM6DSV16X",
    tool="MLC Tool 2.3.7",
    outputs=(OUTPUTS[0], Output('DT2 ??/ "q" \\', "MLC2_SRC", ((1, "*/ // ü"),), register=0x71)),
    identifiers=SAMPLE.identifiers,
    description=DESCRIPTION,
)


@pytest.mark.parametrize("compiler", [("gcc", "-std=c99", "-Wshadow", "-Wconversion"), ("g++", "-std=c++11")])
def test_plain_header_in_a_plain_program(tmp_path: Path, compiler: tuple[str, ...]) -> None:
    header = to_header(RICH, "walk", plain=True)
    assert "#include" not in header
    assert run_c(tmp_path, header, WALK_PLAIN, *compiler) == said(OPS)


def test_st_header_in_a_program(tmp_path: Path) -> None:
    printed = run_c(tmp_path, to_header(RICH, "walk"), WALK_ST, "gcc", "-std=c99")
    short = (*SAMPLE.ops, Delay(0), Delay(255), Delay(45), *OPS[6:])
    assert printed[:-1] == said(short)
    assert printed[-1] == (
        "LSM6DSV16X 2.3.7 walk fast MLC2_SRC F1_MEAN_ACC_X 2.0 Generated sensor configuration for MLC core"
    )
    assert parse(to_header(RICH, "walk")).ops == short


# ---------------------------------------------------------------- anything at all

byte = st.integers(0, 255)
an_op = st.one_of(st.builds(Write, byte, byte), st.builds(Delay, st.integers(0, 255)))
polling = st.one_of(st.builds(Read, byte), st.builds(Poll, byte, byte, st.booleans()))
word = st.from_regex(r"[A-Za-z0-9_ -]{1,12}", fullmatch=True).map(str.strip).filter(bool)


@settings(max_examples=60, deadline=None)
@given(
    ops=st.lists(an_op, min_size=1, max_size=8).map(tuple),
    labels=st.dictionaries(byte, word, max_size=4),
    identifiers=st.lists(
        st.builds(Identifier, st.just(0x1C), st.integers(0, 0xFFFF), st.just("F1_X")), max_size=2
    ),
)
def test_any_file_round_trips(
    ops: tuple[Op, ...], labels: dict[int, str], identifiers: list[Identifier]
) -> None:
    output = Output("DT1", "MLC1_SRC", tuple(labels.items()), register=0x70)
    rf = RegisterFile(ops, "LSM6DSV16X", "sensorai 0.1", (output,), tuple(identifiers))
    for text in written(rf).values():
        read = parse(text)
        assert read.ops == rf.ops
        assert read.outputs == rf.outputs
        assert read.identifiers == rf.identifiers


@settings(max_examples=30, deadline=None)
@given(ops=st.lists(st.one_of(an_op, polling), min_size=1, max_size=8).map(tuple))
def test_any_operations_round_trip(ops: tuple[Op, ...]) -> None:
    rf = RegisterFile(ops)
    for text in (to_json(rf), to_header(rf, "x"), to_header(rf, "x", plain=True)):
        assert parse(text).ops == ops


SEEDS = [text.encode() for text in (*written(SAMPLE).values(), UCF, HEADER, *ST_STYLES.values())]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_damaged_files_raise_nothing_but_data_error(data: st.DataObject) -> None:
    """Cut, flipped, repeated and mixed files: read, or refused with a place; soon."""
    raw = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(len(raw) - 1, 0)))
        kind = data.draw(st.sampled_from(["cut", "flip", "drop", "insert", "repeat"]))
        length = data.draw(st.integers(1, 40))
        if kind == "cut":
            del raw[at:]
        elif kind == "drop":
            del raw[at : at + length]
        elif kind == "repeat":
            raw[at:at] = raw[at : at + length] * 3
        elif kind == "insert":
            raw[at:at] = data.draw(st.binary(max_size=6))
        elif raw:
            raw[at] ^= 1 << data.draw(st.integers(0, 7))
    accept(bytes(raw))


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(alphabet="{}[]\",:=-/*\\Ac019 \n.x;#<>'h", max_size=200).map(str.encode),
    )
)
def test_noise_raises_nothing_but_data_error(raw: bytes) -> None:
    accept(raw)


def accept(raw: bytes) -> None:
    try:
        rf = parse_register_file(raw, "f")
    except DataError as error:
        assert error.where.startswith("f")  # noqa: PT017
        return
    assert rf.ops
    for op in rf.ops:
        assert op.line >= 1
        for value in (getattr(op, "register", 0), getattr(op, "value", 0), getattr(op, "mask", 0)):
            assert 0 <= value <= 255
    assert parse(to_json(rf)).ops == rf.ops
    assert labels(rf) is not None


@pytest.mark.parametrize(
    "pattern",
    [
        "/*",
        "/**/",
        "//",
        '"',
        "{",
        "{}",
        "[",
        "x[]={",
        "x[]={{",
        "x[]={\n{1,2},",
        "a",
        "\\",
        "-- 0='",
        "-- <A>",
        "x ",
        "-- 1.1,",
        ",0='a'",
    ],
)
@pytest.mark.parametrize("begin", ["", "#\n", "-- <MLC0_SRC>DT1,", "#define x\nstatic y z[] = {", '{"a": "'])
def test_no_pattern_takes_long(begin: str, pattern: str) -> None:
    """Half a megabyte of anything repeated is read or refused at once: nothing is quadratic."""
    text = begin + pattern * (500_000 // len(pattern))
    started = time.perf_counter()
    accept(text.encode())
    assert time.perf_counter() - started < 5.0
