"""Text in a line of Markdown (CommonMark and GitHub's)."""

from __future__ import annotations

import re

from sensorai.writing.plainline import one_line
from sensorai.writing.written import Written, made

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARK = re.compile(r"[&<>]|[\\`*\[\]#|~$!]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|(?<=:)//|(?<=[wW]{3})\.")
#: What begins a list, a rule or a heading when it is the first of a line.
_FIRST = re.compile(r"[-+=]|(?<=\d)[.)]")
_NUMBER = re.compile(r"\d{1,9}[.)](?=\s|$)")


class Markdown(Written):
    """Text that shows as it is in a line of Markdown."""

    __slots__ = ()


def text(words: str) -> Markdown:
    """Return ``words`` as one line that shows as it is: no element, no link, no list begins in it."""
    line = one_line(words)
    number = _NUMBER.match(line)
    first = number.end() - 1 if number else 0
    begin = line[: first + 1] if _FIRST.match(line, first) else ""
    escaped = _MARK.sub(_escape, line[len(begin) :])
    return made(Markdown, (f"{begin[:-1]}\\{begin[-1]}" if begin else "") + escaped)


def _escape(match: re.Match[str]) -> str:
    found = match[0]
    return _ENTITIES.get(found) or "".join(f"\\{c}" for c in found)
