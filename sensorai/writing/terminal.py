"""Text for a terminal: what it would obey instead of showing is made visible.

C0 and C1 controls (escape sequences among them) and DEL become control pictures or U+FFFD; controls that
turn or hide the direction of writing, line separators of Unicode and lone surrogates become U+FFFD. Tab and
line feed stay. Every character becomes one character.
"""

from __future__ import annotations

#: Marks and controls of bidirectional writing, line and paragraph separator, the byte order mark.
UNSEEN = (0x061C, 0x200E, 0x200F, 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF)

_LOST = "\N{REPLACEMENT CHARACTER}"
_CONTROLS: dict[int, str] = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: "\N{SYMBOL FOR DELETE}",
    **dict.fromkeys((*range(0x80, 0xA0), *range(0xD800, 0xE000)), _LOST),
}
_TABLE = {**_CONTROLS, **dict.fromkeys(UNSEEN, _LOST)}

#: Controls that stay in a text of many lines.
_ENDS = {ord(c): chr(0x2400 + ord(c)) for c in "\t\n"}


def whole(text: str) -> str:
    """Return ``text`` with U+FFFD for what no file can hold: lone surrogates of names that are no UTF-8."""
    return "".join(_LOST if 0xD800 <= ord(c) < 0xE000 else c for c in text)


def without_controls(text: str) -> str:
    """Return ``text`` for a file: controls but tab and line feed visible, marks of direction as they are."""
    return text.translate(_CONTROLS)


def in_line(text: str) -> str:
    """Return ``text`` as a terminal can be given it within a line: tab and line feed visible, too."""
    return text if text.isprintable() else shown(text).translate(_ENDS)


def shown(text: str) -> str:
    """Return ``text`` as a terminal can be given it."""
    return text.translate(_TABLE)
