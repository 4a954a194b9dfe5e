"""Notes of many recordings, said once: what they share, not what repeats."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sensorai.recording import Recording

#: What differs between notes that say the same: quoted names, and numbers that are no part of a name.
_VARIES = re.compile(r"'[^']*'|(?<![\w.])[-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?(?![\w.]*\w)")


def of_recordings(recordings: Iterable[Recording]) -> list[str]:
    """Return the notes of recordings as ``grouped`` has them."""
    return grouped([(one.name, one.notes) for one in recordings])


def grouped(named: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Say notes that differ in numbers and quoted names only once.

    Parameters
    ----------
    named : sequence of (name, notes)
        Notes of each recording, in order.

    Returns
    -------
    list of str
        In the order of first appearance. A note that every recording has stands as it is; others say how
        many recordings have it, and name one.
    """
    kinds: dict[str, dict[str, dict[str, None]]] = {}
    for name, notes in named:
        for note in notes:
            texts = kinds.setdefault(_VARIES.sub("?", note), {})
            texts.setdefault(note, {}).setdefault(name)
    return [line for texts in kinds.values() for line in _said(texts, len(named))]


def _said(texts: dict[str, dict[str, None]], total: int) -> list[str]:
    """Lines for one kind of note: its texts, each with the names of the recordings that have it."""
    text, names = next(iter(texts.items()))
    have = {name for those in texts.values() for name in those}
    first = next(iter(names))
    if len(have) == 1:
        return [one if total == 1 else f"{first}: {one}" for one in texts]
    if len(texts) > 1:
        return [f"{len(have)} recordings: {text} ({first}), and alike"]
    return [text if len(have) == total else f"{len(have)} recordings: {text}, e.g. {first}"]
