"""C: names, comments, string literals, enumerators, and what an emitter put together.

Text from outside becomes a comment or a string literal, or gives an enumerator its name; nothing else. All
of it is ASCII without trigraphs, so no setting of a compiler reads it in another way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from unicodedata import combining, normalize

from sensorai.errors import ConfigError
from sensorai.writing.plainline import one_line
from sensorai.writing.written import Identifier, Inert, Written, inert, made

_KEYWORDS = (
    "auto break case char const continue default do double else enum extern float for goto if inline int "
    "long register restrict return short signed sizeof static struct switch typedef union unsigned void "
    "volatile while alignas alignof atomic_bool bool complex false generic imaginary noreturn static_assert "
    "thread_local true asm typeof main NULL errno int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t "
    "uint64_t size_t"
)
#: Keywords of C99 and C11 and the macros they bring, and what the generated files use themselves.
RESERVED = frozenset(_KEYWORDS.split())
#: Beginnings of names that belong to the files beside the model's.
_OURS = ("sa_", "ispu_", "algo_", "startup_")
_OUR_NAMES = ("ispu", "startup")

#: Characters of a name that every compiler tells apart.
LONGEST = 31
#: Longest comment from outside, in characters, and longest string literal, in bytes (C99: 4095).
COMMENT, STRING = 400, 1000
#: First characters of what begins or ends a comment, and of trigraphs.
_MARKS = re.compile(r"\*(?=/)|/(?=\*)|\?(?=\?)")
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


class C(Written):
    """C that a writer or an emitter made."""

    __slots__ = ()


def identifier(name: str, where: str = "name") -> Identifier:
    """Return ``name`` when it can be the prefix of C names; a ConfigError says why not."""
    if not _IDENTIFIER.match(name):
        raise ConfigError(
            f"{name!r} cannot be a name in C",
            where=where,
            hint="a letter, then letters, digits and underscores",
        )
    if _taken(name):
        raise ConfigError(
            f"{name!r} is reserved", where=where, hint="choose another name, say " + free_identifier(name)
        )
    if len(name) > LONGEST:
        raise ConfigError(f"the name {name!r} is longer than {LONGEST} characters", where=where)
    return made(Identifier, name)


def free_identifier(name: str) -> str:
    """Return ``name`` where ``identifier`` takes it, else something near that it takes.

    Parameters
    ----------
    name : str
        Letters, digits and underscores of ASCII.
    """
    if not name[:1].isalpha() or _taken(name):
        name = f"my_{name.lstrip('_')}"
    return name[:LONGEST]


def nearest(name: str) -> str:
    """Return the nearest C name: other characters become ``_``, a leading digit gets one before it."""
    clean = re.sub(r"\W", "_", name, flags=re.ASCII) or "_"
    return f"_{clean}" if clean[0].isdigit() else clean


def prefix(name: str) -> Identifier:
    """Return ``name`` when C identifiers can begin with it, a keyword or not; a ConfigError otherwise."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ConfigError(f"{name!r} is no name in C", hint=f"try {nearest(name or 'mlc')}")
    return made(Identifier, name)


def upper(name: Identifier) -> Identifier:
    """Return a name in capitals, for macros."""
    return made(Identifier, name.upper())


def _taken(name: str) -> bool:
    return name in RESERVED or name in _OUR_NAMES or name.startswith(_OURS)


def enumerators(name: Identifier, labels: Iterable[str]) -> list[Identifier]:
    """Return ``NAME_CLASS_LABEL`` for every class; equal ones get a number.

    No macro of the generated header begins with ``NAME_CLASS_``, so no label can be one.
    """
    out: list[Identifier] = []
    for label in labels:
        short = re.sub(r"[^A-Za-z0-9]+", "_", label[: 4 * LONGEST]).strip("_")[:LONGEST].strip("_")
        base = f"{name}_class_{short or 'other'}".upper()
        one, k = base, 2
        while one in out:
            one, k = f"{base}_{k}", k + 1
        out.append(made(Identifier, one))
    return out


def comment(text: str, longest: int | None = COMMENT) -> C:
    """Return ``text`` as words of a comment: one line of ASCII in which no comment begins or ends.

    It may stand beside anything but a backslash. A text of more than ``longest`` characters is cut.
    """
    line = one_line(text)
    if longest is not None and len(line) > longest:
        line = f"{line[:longest]}..."
    words = "".join(map(_plain, line)).replace("\\", "/")
    words = _MARKS.sub(lambda m: f"{m[0]} ", words)
    # what stands beside it must not make a mark with it
    return made(C, f"{' ' * words.startswith(('/', '*', '?'))}{words}{' ' * words.endswith(('/', '*', '?'))}")


def _plain(char: str) -> str:
    """One character of a comment in ASCII: without its accent, else by its number."""
    if char.isascii():
        return char
    base = "".join(c for c in normalize("NFKD", char) if not combining(c))
    return base if base.isascii() and base.isalnum() else f"U+{ord(char):04X}"


def aside(text: str) -> C:
    """Return `` /* text */``, to stand behind code."""
    return made(C, f" /* {comment(text).strip()} */")


def string(text: str) -> C:
    """Return ``text`` as a string literal with its quotes: UTF-8, octal escapes beyond ASCII, no trigraphs.

    A long text is cut between characters.
    """
    data = text.encode("utf-8", "replace")
    if len(data) > STRING:
        data = data[:STRING].decode("utf-8", "ignore").encode()
    return made(C, '"' + "".join(map(_octet, data)) + '"')


def _octet(byte: int) -> str:
    char = chr(byte)
    return char if 32 <= byte < 127 and char not in '"\\?' else f"\\{byte:03o}"


def hexadecimal(value: int) -> Inert:
    """Return ``0x0A``."""
    return inert(f"0x{int(value):02X}")


def real(value: float) -> C:
    """Return a number as a constant of type double with all its digits."""
    text = repr(float(value))
    return made(C, text if set(text) & set(".en") else f"{text}.0")


def emitted(text: str) -> C:
    """Return what an emitter of this package put together from identifiers, numbers and its own words.

    Emitters see no label and no other text from outside: only the name, which is an ``Identifier``.
    """
    return made(C, text)


def filled(text: str, **words: object) -> str:
    """Put words into a text of ours, all at once: what is put in is not looked through again.

    Parameters
    ----------
    text : str
    **words
        By what stands for them; the longest is looked for first.
    """
    marks = "|".join(sorted(map(re.escape, words), key=len, reverse=True))
    return re.sub(marks, lambda found: str(words[found[0]]), text)
