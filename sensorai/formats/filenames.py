"""Classes by the names of log files: ``walking_01.csv walking_02.csv running_01.csv`` are two.

What counts and dates recordings is dropped from a name, and so is what all names begin or end with; what
is left is the class.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

#: More classes than this with one log each are names of logs, not classes.
MOST_SINGLES = 20

_WORDS = re.compile(r"[^\s_.\-()\[\]#,;+]+")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
#: Dates and times written in one word: 20210128T144937, 14h30m, 144937Z.
_STAMP = re.compile(r"[0-9]{4,8}T[0-9]{4,9}Z?|[0-9]{1,2}h[0-9]{2}(m([0-9]{2}s?)?)?|[0-9]+Z", re.IGNORECASE)
#: Hexadecimal ids: digits and letters mixed.
_ID = re.compile(r"(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{8,}", re.IGNORECASE)
_MONTH = re.compile(r"jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec", re.IGNORECASE)
#: A word with a running number behind it; not a part number, which has digits inside.
_COUNTED = re.compile(r"([^\W\d_][^\d_]*)[0-9]+")
#: A running number before a word; not a unit, as in 50Hz or 2g.
_COUNTS = re.compile(r"(?:0[0-9]*|[0-9]+(?=[^\W\d_]{4}))([^\W\d_][^\d_]*)")


@dataclass(frozen=True, slots=True)
class ByName:
    """What file names say.

    Attributes
    ----------
    labels : tuple of str
        Class of each file; empty where the names tell no classes apart.
    reason : str
        Why they do not.
    """

    labels: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of a file name; ``start`` and ``stop`` are its place there."""

    text: str
    start: int
    stop: int


def classes_by_name(stems: Sequence[str], known: Sequence[str] = ()) -> ByName:
    """Find the class in each of several file names.

    Parameters
    ----------
    stems : sequence of str
        File names without suffix.
    known : sequence of str
        Classes that are expected: where every name means one of them, these are taken, and what tells
        them apart is never dropped.

    Returns
    -------
    ByName
        Spelled as in the files; names that differ only in case are one class, spelled as at first.
    """
    kept = {word.casefold() for name in known for word in _WORDS.findall(name)}
    words = _trimmed([list(_telling(stem)) for stem in stems], kept)
    expected = _expected(words, known)
    if expected:
        return ByName(expected)
    if not all(words):
        return ByName(reason="some names are only numbers or dates")
    spelled: dict[str, str] = {}
    labels = []
    for stem, row in zip(stems, words, strict=True):
        label = _spelling(stem, row)
        labels.append(spelled.setdefault(" ".join(w.text.casefold() for w in row), label))
    if any(sum(map(str.isalpha, label)) < 2 for label in spelled.values()):
        return ByName(reason="what the names differ in is too short to be a class")
    if len(spelled) < 2:
        return ByName(reason=f"all names are of one kind ({', '.join(spelled.values())})")
    if len(spelled) == len(stems) > MOST_SINGLES:
        return ByName(reason="every name is one of its own")
    crossed = _crossed(words)
    if crossed:
        values = (sorted({row[place].text.casefold() for row in words}) for place in crossed)
        things = ("|".join(texts[:4]) + ("|..." if len(texts) > 4 else "") for texts in values)
        return ByName(reason=f"the names say two things each: {' and '.join(things)}")
    return ByName(tuple(labels))


def plain(text: str) -> str:
    """A name without case and without what stands between its words."""
    return "".join(_WORDS.findall(text)).casefold()


def _expected(rows: Sequence[Sequence[_Word]], known: Sequence[str]) -> tuple[str, ...]:
    """Class of each name where all are known classes, or are so at one of several places that vary freely.

    Part of a name is no class otherwise: ``slice_backhand`` need not be a ``backhand``.
    """
    # a number in a file name counts logs, whatever the classes are called
    found = {plain(name): name for name in known if plain(name) and not plain(name).isdigit()}
    whole = ["".join(_key(row)) for row in rows]
    if all(text in found for text in whole):
        return tuple(found[text] for text in whole)
    for place in _crossed(rows):
        texts = [row[place].text.casefold() for row in rows]
        if all(text in found for text in texts):
            return tuple(found[text] for text in texts)
    return ()


def _telling(stem: str) -> Iterator[_Word]:
    """Yield the words of a name that neither count nor date it."""
    stem = _UUID.sub(lambda found: "0" * len(found[0]), stem)
    found = list(_WORDS.finditer(stem))
    for place, match in enumerate(found):
        text = match[0]
        beside = [found[i][0] for i in (place - 1, place + 1) if 0 <= i < len(found)]
        month = _MONTH.fullmatch(text) and len(beside) == 2 and all(one.isdigit() for one in beside)
        if text.isdigit() or _STAMP.fullmatch(text) or _ID.fullmatch(text) or month:
            continue
        start, stop = match.span()
        if before := _COUNTS.fullmatch(text):
            text, start = before[1], start + before.start(1)
        elif behind := _COUNTED.fullmatch(text):
            text, stop = behind[1], start + behind.end(1)
        yield _Word(text, start, stop)


def _trimmed(rows: list[list[_Word]], kept: Collection[str]) -> list[list[_Word]]:
    """Drop the words that all names begin with, and those that all end with, but for those in ``kept``."""
    if len({_key(row) for row in rows}) < 2 or not all(rows):
        return rows
    begin = min(_common(rows, kept), min(map(len, rows)) - 1)
    rows = [row[begin:] for row in rows]
    end = _common([row[::-1] for row in rows], kept)
    # one name that is the end of all others is a class, not a suffix
    return rows if end >= min(map(len, rows)) else [row[: len(row) - end] for row in rows]


def _key(row: Sequence[_Word]) -> tuple[str, ...]:
    return tuple(word.text.casefold() for word in row)


def _common(rows: Sequence[Sequence[_Word]], kept: Collection[str]) -> int:
    """Count the words that all rows begin with, up to one in ``kept``."""
    count = 0
    for words in zip(*map(_key, rows), strict=False):
        if len(set(words)) > 1 or words[0] in kept:
            break
        count += 1
    return count


def _spelling(stem: str, row: Sequence[_Word]) -> str:
    """Words as the name has them; where something between two was dropped, an underscore."""
    label = row[0].text
    for before, word in pairwise(row):
        between = stem[before.stop : word.start]
        label += (between if not _WORDS.search(between) else "_") + word.text
    return label


def _crossed(rows: Sequence[Sequence[_Word]]) -> list[int]:
    """Find the places in the names that vary, when every combination occurs, as in people by classes."""
    keys = {_key(row) for row in rows}
    if len({len(key) for key in keys}) > 1:
        return []
    counts = [len(set(values)) for values in zip(*keys, strict=True)]
    varied = [place for place, count in enumerate(counts) if count > 1]
    return varied if len(varied) > 1 and prod(counts) == len(keys) else []
