"""Types of text that only writers make."""

from __future__ import annotations

import re
from typing import Self, TypeVar

from sensorai.errors import InternalError

T = TypeVar("T", bound="Written")


class Written(str):
    """Text of one language that its writer made; a template passes it on as it is.

    It cannot be made by calling the type. What is done to it afterwards (``+``, ``%``, f-strings) gives plain
    text again, which no template takes.
    """

    __slots__ = ()

    def __new__(cls, *_: object) -> Self:
        """Refuse: only writers make it."""
        raise InternalError(f"{cls.__name__} is made by its writer alone")


class Inert(Written):
    """Letters, digits, blanks and ``_ . , + = -``: means nothing but itself wherever it stands."""

    __slots__ = ()


class Identifier(Inert):
    """A name in C, and in everything that is built from it."""

    __slots__ = ()


_INERT = re.compile(r"[A-Za-z0-9_.,+= -]*\Z")


def made(kind: type[T], text: str) -> T:
    """Make what the type itself refuses to; for writers alone."""
    return str.__new__(kind, text)


def inert(text: str) -> Inert:
    """Return facts and names of ours (devices, cores, flags, files, versions) as text that fits anywhere.

    Not for text from outside: that has a writer for the place where it is to stand.
    """
    if not _INERT.match(text):
        raise InternalError(f"{text[:60]!r} is not inert")
    return made(Inert, text)
