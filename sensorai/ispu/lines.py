"""Lines of words, as ``conf.txt`` and ``shub.txt`` have them, and the numbers in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sensorai.errors import ConfigError


def numbered_words(text: str) -> Iterator[tuple[int, list[str]]]:
    """Words of every line that has some, with its number from 1; ``#`` begins a comment."""
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        words = line.partition("#")[0].split()
        if words:
            yield number, words


def number(text: str, least: int, most: int, what: str, where: str) -> int:
    """Read a whole number, decimal or with ``0x``; a ConfigError names the place."""
    good = re.fullmatch(r"0[xX][0-9A-Fa-f]{1,8}|[0-9]{1,9}", text)
    value = int(text, 0 if text[:2] in ("0x", "0X") else 10) if good else -1
    if not least <= value <= most:
        raise ConfigError(
            f"{what} is {text[:40]!r}", where=where, hint=f"a number from {least} to {most} is needed"
        )
    return value


def rate_of(text: str, codes: Mapping[float, int], key: str, where: str) -> int:
    """Code of the rate or range that ``text`` names (``104``, ``2.5k``); a ConfigError lists those known."""
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(k?)", text)
    value = float(match[1]) * (1000 if match[2] else 1) if match else -1.0
    if value not in codes:
        raise ConfigError(
            f"{key} cannot be {text[:40]!r}",
            where=where,
            hint=f"known: {', '.join(rate_text(one) for one in codes)}",
        )
    return codes[value]


def rate_text(value: float) -> str:
    """``value`` as the files have it: thousands with a ``k`` where that is exact and above 2000 by 500s."""
    return f"{value / 1000:g}k" if value >= 2500 and value % 500 == 0 else f"{value:g}"
