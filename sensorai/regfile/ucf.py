"""UCF: ST's text of register writes, one a line (source: facts, mlc-format section 10)."""

from __future__ import annotations

import re

from sensorai.errors import DataError
from sensorai.regfile.content import Comments, Delay, Identifier, Op, Output, RegisterFile, Write
from sensorai.writing.plainline import one_line, result_name
from sensorai.writing.terminal import shown

_WRITE = re.compile(r"Ac\s+([0-9A-Fa-f]{2})\s+([0-9A-Fa-f]{2})", re.IGNORECASE)
_WAIT = re.compile(r"WAIT\s+(\d{1,6})", re.IGNORECASE)
_NO_BREAKS = str.maketrans("\r\n\t", "   ")
_OTHER = re.compile(r"(Ac|WAIT)\b", re.IGNORECASE)


def parse(text: str, source: str) -> RegisterFile:
    """Read UCF text; a DataError names the line that is not one of its forms."""
    ops: list[Op] = []
    comments = Comments()
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if not line:
            continue
        if line.startswith("--"):
            comments.take(line[2:])
        elif write := _WRITE.fullmatch(line):
            ops.append(Write(int(write[1], 16), int(write[2], 16), number))
        elif wait := _WAIT.fullmatch(line):
            ops.append(Delay(int(wait[1]), number))
        else:
            known = _OTHER.match(line)
            raise DataError(
                f"{'incomplete or damaged' if known else 'unknown'} line {line[:60]!r}",
                where=f"{source}:{number}",
                hint="a UCF line is '-- comment', 'Ac RR VV' with two hexadecimal bytes, or 'WAIT ms'",
            )
    return RegisterFile(
        ops=tuple(ops),
        device=comments.device,
        tool=comments.tool,
        outputs=tuple(comments.outputs),
        identifiers=tuple(comments.identifiers),
        comments=tuple(comments.rest),
        source=source,
        description="",
    )


def to_ucf(rf: RegisterFile, *, newline: str = "\n") -> str:
    r"""UCF text, laid out as ST's tools 1.16 and 9.13 lay it out.

    Parameters
    ----------
    rf : RegisterFile
    newline : str
        Line end; ST's files have ``\n`` or ``\r\n``.

    Raises
    ------
    DataError
        The file reads or polls, which UCF cannot say.
    """
    lines = comment_lines(rf)
    for op in rf.ops:
        match op:
            case Write():
                lines.append(f"Ac {op.register:02X} {op.value:02X}")
            case Delay():
                lines.append(f"WAIT {op.ms}")
            case _:
                raise DataError(
                    "UCF has no words for reading or polling a register",
                    where=f"{rf.source}:{op.line}" if op.line else rf.source,
                    hint="write JSON or a C header instead",
                )
    return "".join(line + newline for line in lines)


def comment_lines(rf: RegisterFile) -> list[str]:
    """Head of a UCF file: tool, device and results; an empty line; identifiers; an empty line."""
    tool = one_line(", ".join(part for part in (rf.tool, rf.device) if part))
    head = [f"-- {tool}"] if rf.tool else []
    head += [f"-- {_prose(comment)}" for comment in rf.comments]
    head += [result_line(output, number) for number, output in enumerate(rf.outputs, 1)]
    identifiers = [identifier_line(one) for one in rf.identifiers]
    return [*head, "", *identifiers, ""] if head or identifiers else []


def _prose(comment: str) -> str:
    """Return a comment so that no reader takes it for a result or an identifier."""
    line, read = one_line(comment), Comments()
    read.take(line)
    return f"note: {line}" if read.outputs or read.identifiers else line


def result_line(output: Output, number: int) -> str:
    """One result register as a UCF comment; 2.x's ``Categorical output`` becomes ``DT<number>``."""
    name = f"DT{number}" if output.name == "Categorical output" else output.name
    results = "".join(f",{code}='{result_name(label)}'" for code, label in output.results)
    # the blank at the end of "Decision tree #1: " (tool 9.9) belongs to the name
    return f"-- <{one_line(output.register_name)}>{shown(name.translate(_NO_BREAKS))}{results}"


def identifier_line(identifier: Identifier) -> str:
    """One identifier as a UCF comment."""
    return f"-- {one_line(identifier.label)} -> {identifier.address:04X}h"
