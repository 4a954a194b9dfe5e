"""JSON ``reg_config`` 2.0, ST's current register file (source: facts, mlc-format section 10)."""

from __future__ import annotations

import json
import re
from typing import Any

from sensorai.errors import DataError
from sensorai.regfile.content import Delay, Identifier, Op, Output, Poll, Read, RegisterFile, Write
from sensorai.writing.jsontext import string

_HINT = "expected JSON of type reg_config, version 2.0"


class _Object(dict[str, Any]):
    """A JSON object that knows the line it begins on."""

    line = 0


def parse(text: str, source: str) -> RegisterFile:
    """Read ``reg_config`` text; a DataError names the line (and column where the JSON is broken)."""
    top = _load(text, source)
    kind = top.get("json_format")
    if not isinstance(kind, dict) or kind.get("type") != "reg_config":
        settings = "mlc_odr" in top or (isinstance(kind, dict) and kind.get("type") == "mlc_settings")
        raise DataError(
            "this is an MLC settings file, not a register file" if settings else "no reg_config JSON",
            where=f"{source}:{top.line}",
            hint="use 'sensorai generate' to make registers from it" if settings else _HINT,
        )
    if kind.get("version") != "2.0":
        raise DataError(
            f"reg_config version {kind.get('version')!r} is not known", where=_at(source, kind), hint=_HINT
        )
    sensors = _list(top, "sensors", source)
    if len(sensors) != 1:
        raise DataError(
            f"the file configures {len(sensors)} sensors",
            where=_at(source, top),
            hint="one per file is supported",
        )
    sensor = _dict(sensors[0], "sensors", source, top)
    names = _list(sensor, "name", source)
    steps = _list(sensor, "configuration", source)
    application = top.get("application", {})
    parts = [application.get(key) for key in ("name", "version")] if isinstance(application, dict) else []
    return RegisterFile(
        ops=tuple(_op(item, source, sensor) for item in steps if not _is_comment(item)),
        device=str(names[0]).rstrip("_") if names else "",
        tool=" ".join(str(part) for part in parts if part),
        outputs=tuple(_output(item, source, sensor) for item in _list(sensor, "outputs", source, [])),
        identifiers=tuple(
            _identifier(item, source, sensor) for item in _list(sensor, "mlc_identifiers", source, [])
        ),
        comments=tuple(_text(item, "comment", "", source) for item in steps if _is_comment(item)),
        source=source,
        description=str(top.get("description") or ""),
        date=str(top.get("date") or ""),
        also=tuple(str(one).rstrip("_") for one in names[1:]),
    )


def _load(text: str, source: str) -> _Object:
    """Parse the outermost object; every object in it knows its line.

    ``json`` hands out objects in the order they close, so the order of closing braces outside texts
    gives each one its place.
    """
    closed: list[_Object] = []

    def close(pairs: list[tuple[str, Any]]) -> _Object:
        made = _Object(pairs)
        closed.append(made)
        return made

    try:
        top = json.loads(text, object_pairs_hook=close)
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        raise DataError(
            f"{'the file is cut off' if cut else 'broken JSON'}: {error.msg}",
            where=f"{source}:{error.lineno} column {error.colno}",
        ) from None
    except RecursionError:
        raise DataError("JSON nested too deeply for a register file", where=source, hint=_HINT) from None
    except ValueError as error:  # a number with thousands of digits
        raise DataError(f"broken JSON: {error}", where=source) from None
    if not isinstance(top, _Object):
        raise DataError("the JSON is no object", where=f"{source}:1", hint=_HINT)
    line, opened, ended = 1, [], 0
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"|[{}\n]', text):
        if token[0] == "\n":
            line += 1
        elif token[0] == "{":
            opened.append(line)
        elif token[0] == "}":
            closed[ended].line = opened.pop()
            ended += 1
    return top


def _at(source: str, item: object) -> str:
    return f"{source}:{item.line}" if isinstance(item, _Object) and item.line else source


def _list(item: _Object, key: str, source: str, default: list[Any] | None = None) -> list[Any]:
    value = item.get(key, default)
    if not isinstance(value, list):
        raise DataError(f"{key!r} must be a list", where=_at(source, item), hint=_HINT)
    return value


def _dict(item: object, what: str, source: str, parent: _Object) -> _Object:
    if not isinstance(item, _Object):
        raise DataError(f"{what!r} must hold objects", where=_at(source, parent), hint=_HINT)
    return item


def _number(item: _Object, key: str, most: int, source: str) -> int:
    """Read a number written ``0x1C``, ``5`` or as a JSON integer, within 0 and ``most``."""
    value = item.get(key)
    number = value if isinstance(value, int) and not isinstance(value, bool) else -1
    if isinstance(value, str):
        text = value.strip()
        if re.fullmatch(r"0[xX][0-9A-Fa-f]{1,8}", text):
            number = int(text, 16)
        elif re.fullmatch(r"[0-9]{1,9}", text):
            number = int(text)
    if not 0 <= number <= most:
        shown = repr(value)[:40] if key in item else "missing"
        raise DataError(
            f"{key!r} is {shown}", where=_at(source, item), hint=f"a number from 0 to {most} is needed"
        )
    return number


def _text(item: _Object, key: str, default: str, source: str) -> str:
    value = item.get(key, default)
    if not isinstance(value, str):
        raise DataError(f"{key!r} is no text", where=_at(source, item))
    return value


def _is_comment(entry: object) -> bool:
    """Tell a remark among the operations (ISPU files have them) from an operation."""
    return isinstance(entry, _Object) and "comment" in entry and "type" not in entry


def _op(entry: object, source: str, parent: _Object) -> Op:
    item = _dict(entry, "configuration", source, parent)
    kind = item.get("type")
    if kind == "delay":
        return Delay(_number(item, "data", 999_999, source), item.line)
    if kind not in ("write", "read", "poll_set", "poll_reset"):
        raise DataError(
            f"unknown operation {kind!r}",
            where=_at(source, item),
            hint="known: write, delay, read, poll_set, poll_reset",
        )
    register = _number(item, "address", 0xFF, source)
    if kind == "read":
        return Read(register, item.line)
    data = _number(item, "data", 0xFF, source)
    return (
        Write(register, data, item.line)
        if kind == "write"
        else Poll(register, data, kind == "poll_set", item.line)
    )


def _output(entry: object, source: str, parent: _Object) -> Output:
    item = _dict(entry, "outputs", source, parent)
    results = [_dict(result, "results", source, item) for result in _list(item, "results", source, [])]
    return Output(
        name=_text(item, "name", "", source),
        register_name=_text(item, "reg_name", "", source),
        results=tuple((_number(r, "code", 0xFF, source), _text(r, "label", "", source)) for r in results),
        core=_text(item, "core", "MLC", source),
        register=_number(item, "reg_addr", 0xFF, source) if "reg_addr" in item else None,
        type=_text(item, "type", "uint8_t", source),
        length=_number(item, "len", 0xFFFF, source) if "len" in item else 1,
    )


def _identifier(entry: object, source: str, parent: _Object) -> Identifier:
    item = _dict(entry, "mlc_identifiers", source, parent)
    return Identifier(
        _number(item, "fifo_tag", 0xFF, source),
        _number(item, "id", 0xFFFF, source),
        _text(item, "label", "", source),
    )


def to_json(rf: RegisterFile, *, date: str = "") -> str:
    """``reg_config`` text, byte for byte as ST's 2.x MLC Tool lays it out.

    Parameters
    ----------
    rf : RegisterFile
    date : str
        Written when given (or when the file was read with one); nothing else depends on the clock.
    """
    name, _, version = rf.tool.rpartition(" ")
    head = [
        '"json_format": {\n\t\t"type": "reg_config",\n\t\t"version": "2.0"\n\t}',
        f'"application": {{\n\t\t"name": {string(name or version)},'
        f'\n\t\t"version": {string(version if name else "")}\n\t}}',
    ]
    head += [
        f'"{key}": {string(value)}'
        for key, value in (("date", date or rf.date), ("description", rf.description))
        if value
    ]
    devices = ", ".join(map(string, (rf.device, *rf.also)))
    parts = [f'"name": [ {devices} ]', _block("configuration", [_op_text(op) for op in rf.ops])]
    if rf.outputs:
        parts.append(_block("outputs", [_output_text(output) for output in rf.outputs]))
    if rf.identifiers:
        entries = [
            f'{{ "fifo_tag": "0x{one.tag:02X}", "id": "0x{one.address:04X}", "label": {string(one.label)} }}'
            for one in rf.identifiers
        ]
        parts.append(_block("mlc_identifiers", entries))
    sensor = "\t\t{\n\t\t\t" + ",\n\t\t\t".join(parts) + "\n\t\t}"
    return "{\n\t" + ",\n\t".join([*head, f'"sensors": [\n{sensor}\n\t]']) + "\n}\n"


def _block(key: str, entries: list[str], indent: str = "\t\t\t") -> str:
    """Write a list with one entry a line."""
    body = "".join(f"{indent}\t{entry},\n" for entry in entries)
    return f'"{key}": [\n{body.removesuffix(f",{chr(10)}")}{chr(10) if entries else ""}{indent}]'


def _op_text(op: Op) -> str:
    match op:
        case Write():
            return f'{{ "type": "write", "address": "0x{op.register:02X}", "data": "0x{op.value:02X}" }}'
        case Delay():
            return f'{{ "type": "delay", "data": "{op.ms}" }}'
        case Read():
            return f'{{ "type": "read", "address": "0x{op.register:02X}" }}'
        case Poll():
            kind = "poll_set" if op.until_set else "poll_reset"
            return f'{{ "type": "{kind}", "address": "0x{op.register:02X}", "data": "0x{op.mask:02X}" }}'


def _output_text(output: Output) -> str:
    results = [f'{{ "code": "0x{code:02X}", "label": {string(label)} }}' for code, label in output.results]
    lines = [
        f'"name": {string(output.name)}',
        f'"core": {string(output.core)}',
        f'"type": {string(output.type)}',
        f'"len": "{output.length}"',
        *([f'"reg_addr": "0x{output.register:02X}"'] if output.register is not None else []),
        f'"reg_name": {string(output.register_name)}',
        _block("results", results, "\t\t\t\t\t"),
    ]
    return "{\n\t\t\t\t\t" + ",\n\t\t\t\t\t".join(lines) + "\n\t\t\t\t}"
