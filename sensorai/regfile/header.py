"""C headers that hold a register file: ST's styles and one without ST's types.

Read are arrays of braces with the fields ``address`` and ``data`` (and ``op`` or ``type`` where the
array can wait or poll), by name or in that order, whatever the C type is called.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sensorai.errors import DataError
from sensorai.regfile.content import Comments, Delay, Identifier, Op, Output, Poll, Read, RegisterFile, Write

_ARRAY = re.compile(r"\b([A-Za-z_]\w*)\s*(?:\[\s*\w*\s*\]\s*){1,2}=\s*\{")
_PART = re.compile(r'[{};]|"(?:[^"\\\n]|\\.)*"')
_TEXT = r'"((?:[^"\\\n]|\\.)*)"'
_NUMBER = re.compile(r"(0[xX][0-9A-Fa-f]{1,8}|[0-9]{1,9})[uUlL]{0,3}")
_KIND = re.compile(r"\w*?(POLL_RESET|POLL_SET|WRITE|DELAY|READ)")
_DEVICE_IN_NAME = re.compile(r"[a-z0-9]+", re.IGNORECASE)


def parse(text: str, source: str, known: Iterable[str] = ()) -> RegisterFile:
    """Read a header; a DataError names the line of what is wrong.

    ``known`` are names of devices; the array's name may begin with one of them.
    """
    code, comments = _without_comments(text, source)
    facts = Comments()
    for comment in comments:
        line = comment.lstrip("* \t")
        if line.startswith("--"):  # as in a UCF file; other comments are licences and prose
            facts.take(line[2:])
    arrays = list(_arrays(code, source))
    holding_ops = [(name, items) for name, items in arrays if items and _is_op(items[0][0])]
    if len(holding_ops) != 1:
        names = ", ".join(name for name, _ in holding_ops)
        raise DataError(
            f"the header holds {len(holding_ops)} configuration arrays{f' ({names})' if names else ''}",
            where=source,
            hint="one array of address and data pairs is expected",
        )
    name, items = holding_ops[0]
    named = re.search(rf"_names_0\s*\[\s*\w*\s*\]\s*=\s*\{{(\s*{_TEXT}(?:\s*,\s*{_TEXT})*)", code)
    devices = [_unescape(one).rstrip("_") for one in re.findall(_TEXT, named[1])] if named else []
    tool = re.search(rf"_application\s*=\s*\{{\s*\.name\s*=\s*{_TEXT},\s*\.version\s*=\s*{_TEXT}", code)
    description = re.search(rf"_description\s*=\s*{_TEXT}", code)
    date = re.search(rf"_date\s*=\s*{_TEXT}", code)
    return RegisterFile(
        ops=tuple(_op(item, source, line) for item, line in items),
        device=devices[0] if devices else facts.device or _device_in(name, known),
        tool=f"{_unescape(tool[1])} {_unescape(tool[2])}".strip() if tool else facts.tool,
        outputs=tuple(_outputs(dict(arrays), source)) or tuple(facts.outputs),
        identifiers=tuple(_identifiers(arrays, source)) or tuple(facts.identifiers),
        source=source,
        description=_unescape(description[1]) if description else "",
        date=_unescape(date[1]) if date else "",
        also=tuple(devices[1:]),
    )


def _without_comments(text: str, source: str) -> tuple[str, list[str]]:
    """Split into the code with comments blanked (lines stay where they are), and the comments' lines."""
    code: list[str] = []
    comments: list[str] = []
    at, line = 0, 1
    start = re.compile(r'/\*|//|"(?:[^"\\\n]|\\.)*"')
    while match := start.search(text, at):
        code.append(text[at : match.start()])
        line += text.count("\n", at, match.start())
        if match[0].startswith('"'):
            code.append(match[0])
            at = match.end()
            continue
        block = match[0] == "/*"
        end = text.find("*/" if block else "\n", match.end())
        if end < 0 and block:
            raise DataError(
                "a comment is not closed", where=f"{source}:{line}", hint="the file seems to be cut off"
            )
        end = len(text) if end < 0 else end
        comments += text[match.end() : end].split("\n")
        at = end + 2 if block else end
        gone = text.count("\n", match.start(), at)
        code.append(" " + "\n" * gone)
        line += gone
    code.append(text[at:])
    return "".join(code), comments


#: What stands between the innermost braces, and its line.
_Items = list[tuple[str, int]]


def _arrays(code: str, source: str) -> Iterator[tuple[str, _Items]]:
    """Arrays with an initialiser: name and entries. Entries are the braces one level down."""
    at, line, counted = 0, 1, 0
    while match := _ARRAY.search(code, at):
        items: _Items = []
        depth, opened = 1, 0
        line, counted = line + code.count("\n", counted, match.start()), match.start()
        begin = line
        at = match.end()
        while depth:
            part = _PART.search(code, at)
            if part is None or part[0] == ";":
                raise DataError(
                    f"array {match[1]!r} is not closed",
                    where=f"{source}:{begin}",
                    hint="the file seems to be cut off",
                )
            at = part.end()
            if part[0] == "{":
                depth += 1
                if depth == 2:
                    opened = at
                    line, counted = line + code.count("\n", counted, at), at
            elif part[0] == "}":
                depth -= 1
                if depth == 1:
                    items.append((code[opened : part.start()], line))
        yield match[1], items


def _fields(item: str) -> dict[str, str]:
    """Fields of an entry: by name where it has names, else ``0``, ``1``, ``2`` in order."""
    found = {}
    for number, part in enumerate(item.split(",")):
        text = part.strip()
        if text.startswith("."):
            name, _, value = text[1:].partition("=")
            found[name.strip()] = value.strip()
        elif text:
            found[str(number)] = text
    return found


def _is_op(item: str) -> bool:
    """Whether an array entry is a register operation, by its fields."""
    fields = _fields(item)
    if not {"address", "op", "data"}.isdisjoint(fields):
        return True
    first = fields.get("0", "")
    return bool(_KIND.fullmatch(first)) or (set(fields) == {"0", "1"} and bool(_NUMBER.fullmatch(first)))


def _op(item: str, source: str, line: int) -> Op:
    fields = _fields(item)
    kind = fields.get("type", fields.get("op"))
    if kind is None and not {"address", "data"} & set(fields):
        if _KIND.fullmatch(fields.get("0", "")):
            fields = {"type": fields["0"], "address": fields.get("1", ""), "data": fields.get("2", "")}
            kind = fields["type"]
        else:
            fields = {"address": fields.get("0", ""), "data": fields.get("1", "")}
    word = _KIND.fullmatch(kind) if kind is not None else None
    if kind is not None and word is None:
        raise DataError(
            f"unknown operation {kind[:40]!r}",
            where=f"{source}:{line}",
            hint="the names known end in WRITE, DELAY, READ, POLL_SET or POLL_RESET",
        )
    operation = word[1] if word else "WRITE"
    if operation == "DELAY":
        return Delay(_value(fields, "data", 999_999, source, line), line)
    register = _value(fields, "address", 0xFF, source, line)
    if operation == "READ":
        return Read(register, line)
    data = _value(fields, "data", 0xFF, source, line)
    return (
        Write(register, data, line)
        if operation == "WRITE"
        else Poll(register, data, operation == "POLL_SET", line)
    )


def _value(fields: dict[str, str], key: str, most: int, source: str, line: int) -> int:
    match = _NUMBER.fullmatch(fields.get(key, ""))
    number = int(match[1], 16 if match[1][:2] in ("0x", "0X") else 10) if match else -1
    if not 0 <= number <= most:
        shown = repr(fields[key])[:40] if key in fields else "missing"
        raise DataError(
            f"{key!r} is {shown}", where=f"{source}:{line}", hint=f"a number from 0 to {most} is needed"
        )
    return number


def _pick(item: str, field: str) -> str | None:
    """Text of a named text field."""
    match = re.search(rf"\.{field}\s*=\s*{_TEXT}", item)
    return _unescape(match[1]) if match else None


def _outputs(arrays: dict[str, _Items], source: str) -> Iterator[Output]:
    for name, items in arrays.items():
        for item, line in items if "output" in name else []:
            label, register_name = _pick(item, "name"), _pick(item, "reg_name")
            if label is None or register_name is None:
                continue
            words = _fields(re.sub(_TEXT, '""', item))
            results = [
                (_value(_fields(entry), "code", 0xFF, source, at), _pick(entry, "label") or "")
                for entry, at in arrays.get(words.get("results", ""), [])
            ]
            yield Output(
                name=label,
                register_name=register_name,
                results=tuple(results),
                core=words.get("core", "MLC").rpartition("_")[2],
                register=_value(words, "reg_addr", 0xFF, source, line) if "reg_addr" in words else None,
                type=words.get("type", "uint8_t").rpartition("OUTPUT_TYPE_")[2].lower(),
                length=_value(words, "len", 0xFFFF, source, line) if "len" in words else 1,
            )


def _identifiers(arrays: list[tuple[str, _Items]], source: str) -> Iterator[Identifier]:
    for _, items in arrays:
        for item, line in items:
            fields = _fields(re.sub(_TEXT, '""', item))
            if "fifo_tag" in fields:
                tag = _value(fields, "fifo_tag", 0xFF, source, line)
                yield Identifier(tag, _value(fields, "id", 0xFFFF, source, line), _pick(item, "label") or "")


def _device_in(array: str, known: Iterable[str]) -> str:
    """Device whose name the array's name begins with (``lsm6dsox_yoga``); empty where none does."""
    first = _DEVICE_IN_NAME.match(array)
    names = {name.casefold(): name for name in known}
    return names.get(first[0].casefold(), "") if first else ""


def _unescape(text: str) -> str:
    """Text of a C string literal; escapes are those that ``clang.string`` writes and the common ones."""
    simple = {"n": "\n", "t": "\t", "r": "\r"}

    def one(match: re.Match[str]) -> str:
        escaped = match[1]
        return chr(int(escaped, 8) & 0xFF) if escaped[0] in "01234567" else simple.get(escaped, escaped)

    # every character beyond ASCII goes through UTF-8 bytes, so octal escapes and plain text can mix
    as_bytes = re.sub(r"\\([0-7]{1,3}|.)", one, text.encode("utf-8").decode("latin-1")).encode("latin-1")
    return as_bytes.decode("utf-8", errors="replace")
