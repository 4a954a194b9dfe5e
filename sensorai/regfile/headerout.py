"""Writing C headers: with ST's types, for ST's loaders, and without, for any C99 or C++ program."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sensorai.errors import ConfigError
from sensorai.regfile.content import Delay, Op, Output, Poll, Read, RegisterFile, Write
from sensorai.regfile.ucf import comment_lines
from sensorai.writing.clang import comment, prefix, string

#: Longest wait that fits one entry of ST's array (a byte); longer ones take several.
_LONGEST_WAIT = 255

#: ST's types, as its loaders expect them (source: published headers of the MLC Tool 2.x).
_TYPES = """\
#ifndef MEMS_CONF_SHARED_TYPES
#define MEMS_CONF_SHARED_TYPES

#define MEMS_CONF_ARRAY_LEN(x) (sizeof(x) / sizeof(x[0]))

/* READ: read address, drop the value. WRITE: write data to address. DELAY: wait data milliseconds.
 * POLL_SET, POLL_RESET: read address until all bits of the mask data are 1, or 0. */

struct mems_conf_name_list {
    const char *const *list;
    uint16_t len;
};

enum {
    MEMS_CONF_OP_TYPE_READ = 1,
    MEMS_CONF_OP_TYPE_WRITE = 2,
    MEMS_CONF_OP_TYPE_DELAY = 3,
    MEMS_CONF_OP_TYPE_POLL_SET = 4,
    MEMS_CONF_OP_TYPE_POLL_RESET = 5
};

struct mems_conf_op {
    uint8_t type;
    uint8_t address;
    uint8_t data;
};

struct mems_conf_op_list {
    const struct mems_conf_op *list;
    uint32_t len;
};

#endif /* MEMS_CONF_SHARED_TYPES */

#ifndef MEMS_CONF_METADATA_SHARED_TYPES
#define MEMS_CONF_METADATA_SHARED_TYPES

struct mems_conf_application {
    char *name;
    char *version;
};

struct mems_conf_result {
    uint8_t code;
    char *label;
};

enum {
    MEMS_CONF_OUTPUT_CORE_HW = 1,
    MEMS_CONF_OUTPUT_CORE_EMB = 2,
    MEMS_CONF_OUTPUT_CORE_FSM = 3,
    MEMS_CONF_OUTPUT_CORE_MLC = 4,
    MEMS_CONF_OUTPUT_CORE_ISPU = 5
};

enum {
    MEMS_CONF_OUTPUT_TYPE_UINT8_T = 1,
    MEMS_CONF_OUTPUT_TYPE_INT8_T = 2,
    MEMS_CONF_OUTPUT_TYPE_CHAR = 3,
    MEMS_CONF_OUTPUT_TYPE_UINT16_T = 4,
    MEMS_CONF_OUTPUT_TYPE_INT16_T = 5,
    MEMS_CONF_OUTPUT_TYPE_UINT32_T = 6,
    MEMS_CONF_OUTPUT_TYPE_INT32_T = 7,
    MEMS_CONF_OUTPUT_TYPE_UINT64_T = 8,
    MEMS_CONF_OUTPUT_TYPE_INT64_T = 9,
    MEMS_CONF_OUTPUT_TYPE_HALF = 10,
    MEMS_CONF_OUTPUT_TYPE_FLOAT = 11,
    MEMS_CONF_OUTPUT_TYPE_DOUBLE = 12
};

struct mems_conf_output {
    char *name;
    uint8_t core;
    uint8_t type;
    uint16_t len;
    uint8_t reg_addr;
    char *reg_name;
    uint8_t num_results;
    const struct mems_conf_result *results;
};

struct mems_conf_output_list {
    const struct mems_conf_output *list;
    uint16_t len;
};

struct mems_conf_mlc_identifier {
    uint8_t fifo_tag;
    uint16_t id;
    char *label;
};

struct mems_conf_mlc_identifier_list {
    const struct mems_conf_mlc_identifier *list;
    uint16_t len;
};

#endif /* MEMS_CONF_METADATA_SHARED_TYPES */
"""

#: Cores and value types that those types know.
_CORES = frozenset(re.findall(r"OUTPUT_CORE_(\w+)", _TYPES))
_KINDS = frozenset(re.findall(r"OUTPUT_TYPE_(\w+)", _TYPES))


def _known(word: str, words: frozenset[str]) -> str:
    """``word``, which becomes part of a C name, if it is one of ``words``."""
    if word not in words:
        raise ConfigError(
            f"{word!r} has no place in a header with ST's types",
            hint=f"known: {', '.join(sorted(words))}; or write the header without them",
        )
    return word


def to_header(rf: RegisterFile, name: str, plain: bool = False) -> str:
    """Write a C header with the configuration.

    Parameters
    ----------
    rf : RegisterFile
    name : str
        Beginning of every identifier in the header; a C name.
    plain : bool
        False: the types of ST's 2.x headers (``struct mems_conf_op`` ...). True: one small struct of
        the header's own, walked by a loop over ``NAME_steps``; nothing is included.

    Raises
    ------
    ConfigError
        ``name`` is no C name.
    """
    name = prefix(name)
    guard = f"{name.upper()}_H"
    body = _plain(rf, name) if plain else _st(rf, name)
    return "\n".join(
        [
            f"#ifndef {guard}",
            f"#define {guard}",
            "",
            *body,
            "#ifdef __cplusplus",
            "}",
            "#endif",
            "",
            f"#endif /* {guard} */",
            "",
        ]
    )


_OPEN = ("#ifdef __cplusplus", 'extern "C" {', "#endif", "")


def _plain(rf: RegisterFile, name: str) -> Iterator[str]:
    upper = name.upper()
    yield "/* Sensor configuration. Walk the steps in order: WRITE data to register address;"
    yield " * DELAY data milliseconds; READ address; POLL address until the bits of data are 1 or 0."
    yield " *"
    # "--" lines are those of a UCF file, so that readers find tool, device, results and names
    for line in comment_lines(rf):
        yield f" * {comment(line, None)}".rstrip()
    yield " */"
    yield ""
    yield from _OPEN
    kinds = ("WRITE", "DELAY", "READ", "POLL_SET", "POLL_RESET")
    yield f"enum {{ {', '.join(f'{upper}_{kind} = {number}' for number, kind in enumerate(kinds, 1))} }};"
    yield ""
    yield f"struct {name}_step {{"
    yield "    unsigned char op;"
    yield "    unsigned char address;"
    yield "    unsigned long data;"
    yield "};"
    yield ""
    yield f"static const struct {name}_step {name}_steps[] = {{"
    yield from _entries(
        [f"{{ {upper}_{kind}, 0x{address:02X}, {data} }}" for kind, address, data in map(_step, rf.ops)]
    )
    yield "};"
    yield ""
    yield f"#define {upper}_STEPS (sizeof {name}_steps / sizeof {name}_steps[0])"
    yield ""


def _step(op: Op) -> tuple[str, int, str]:
    """Kind, address and data of one entry."""
    match op:
        case Write():
            return "WRITE", op.register, f"0x{op.value:02X}"
        case Delay():
            return "DELAY", 0, str(op.ms)
        case Read():
            return "READ", op.register, "0"
        case Poll():
            return "POLL_SET" if op.until_set else "POLL_RESET", op.register, f"0x{op.mask:02X}"


def _entries(entries: Iterable[str]) -> Iterator[str]:
    lines = [f"    {entry}," for entry in entries]
    if lines:
        lines[-1] = lines[-1].removesuffix(",")
    yield from lines


def _array(kind: str, name: str, entries: Iterable[str]) -> Iterator[str]:
    yield f"static const {kind} {name}[] = {{"
    yield from _entries(entries)
    yield "};"
    yield ""


def _list(kind: str, name: str, prefix: str, array: str, width: str) -> Iterator[str]:
    """Write the list, one entry per sensor, that points at an array."""
    yield f"static const struct {kind} {name}[{prefix.upper()}_SENSORS_NUM] = {{"
    yield f"    {{ .list = {array}, .len = ({width})MEMS_CONF_ARRAY_LEN({array}) }}"
    yield "};"
    yield ""


def _st(rf: RegisterFile, name: str) -> Iterator[str]:
    yield from _OPEN
    yield from ("#include <stdint.h>", "", f"#define {name.upper()}_SENSORS_NUM 1", "", _TYPES)
    yield from (f'static const char *const {name}_format_version = "2.0";', "")
    for key, value in (("description", rf.description), ("date", rf.date)):
        if value:
            yield from (f"static const char *const {name}_{key} = {string(value)};", "")
    tool, _, version = rf.tool.rpartition(" ")
    yield f"static const struct mems_conf_application {name}_application = {{"
    yield f"    .name = {string(tool or version)},"
    yield f"    .version = {string(version if tool else '')}"
    yield from ("};", "", "/* Sensor names */", "")
    yield from _array("char *const", f"{name}_names_0", [string(one) for one in (rf.device, *rf.also)])
    yield from _list("mems_conf_name_list", f"{name}_name_lists", name, f"{name}_names_0", "uint16_t")
    yield from ("/* Configurations */", "")
    entries = [_st_entry(short) for op in rf.ops for short in _short_waits(op)]
    yield from _array("struct mems_conf_op", f"{name}_conf_0", entries)
    yield from _list("mems_conf_op_list", f"{name}_confs", name, f"{name}_conf_0", "uint32_t")
    if rf.outputs:
        yield from _st_outputs(rf.outputs, name)
    if rf.identifiers:
        yield from ("/* MLC identifiers */", "")
        array = f"{name}_mlc_identifiers_0"
        entries = [
            f"{{ .fifo_tag = 0x{one.tag:02X}, .id = 0x{one.address:04X}, .label = {string(one.label)} }}"
            for one in rf.identifiers
        ]
        yield from _array("struct mems_conf_mlc_identifier", array, entries)
        lists = f"{name}_mlc_identifier_lists"
        yield from _list("mems_conf_mlc_identifier_list", lists, name, array, "uint16_t")


def _st_entry(op: Op) -> str:
    kind, address, data = _step(op)
    place = "" if kind == "DELAY" else f".address = 0x{address:02X}, "
    return f"{{ .type = MEMS_CONF_OP_TYPE_{kind}, {place}.data = {data} }}"


def _short_waits(op: Op) -> Iterator[Op]:
    """``op``, or several waits where one byte cannot hold its milliseconds."""
    if isinstance(op, Delay):
        whole, rest = divmod(op.ms, _LONGEST_WAIT)
        yield from [Delay(_LONGEST_WAIT)] * whole
        if rest or not whole:
            yield Delay(rest)
    else:
        yield op


def _st_outputs(outputs: tuple[Output, ...], name: str) -> Iterator[str]:
    yield from ("/* Outputs */", "")
    for number, output in enumerate(outputs):
        if output.results:
            results = [
                f"{{ .code = 0x{code:02X}, .label = {string(label)} }}" for code, label in output.results
            ]
            yield from _array("struct mems_conf_result", f"{name}_results_0_{number}", results)
    yield f"static const struct mems_conf_output {name}_outputs_0[] = {{"
    for number, output in enumerate(outputs):
        array = f"{name}_results_0_{number}"
        yield "    {"
        yield f"        .name = {string(output.name)},"
        yield f"        .core = MEMS_CONF_OUTPUT_CORE_{_known(output.core, _CORES)},"
        yield f"        .type = MEMS_CONF_OUTPUT_TYPE_{_known(output.type.upper(), _KINDS)},"
        yield f"        .len = {output.length},"
        if output.register is not None:
            yield f"        .reg_addr = 0x{output.register:02X},"
        yield f"        .reg_name = {string(output.register_name)},"
        count, place = (f"(uint8_t)MEMS_CONF_ARRAY_LEN({array})", array) if output.results else ("0", "0")
        yield f"        .num_results = {count},"
        yield f"        .results = {place}"
        yield "    }" + ("," if number + 1 < len(outputs) else "")
    yield from ("};", "")
    yield from _list("mems_conf_output_list", f"{name}_output_lists", name, f"{name}_outputs_0", "uint16_t")
