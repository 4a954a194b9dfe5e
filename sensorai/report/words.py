"""Numbers in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

NOTHING = "\N{EM DASH}"

#: Control characters but tab and line end: labels of a damaged log may hold some, and neither a page nor
#: a terminal may see them.
_CONTROL = dict.fromkeys([*range(9), *range(11, 32), *range(127, 160)], "\N{REPLACEMENT CHARACTER}")


def printable(words: str) -> str:
    """Replace control characters, and what UTF-8 cannot hold (undecodable file names)."""
    return words.translate(_CONTROL).encode("utf-8", "replace").decode()


def percent(x: float | None) -> str:
    """Share as ``87.3 %``; a dash where there is none."""
    return NOTHING if x is None or math.isnan(x) else f"{100 * x:.1f} %"


def seconds(x: float | None) -> str:
    """Time as ``1.25 s``."""
    return NOTHING if x is None or math.isnan(x) else f"{x:.3g} s"


def short(x: float | None, unit: str) -> str:
    """Small quantity with a prefix: ``1.25 ms``, ``340 nJ``; a dash where there is none."""
    if x is None or math.isnan(x):
        return NOTHING
    scale, prefix = next(
        ((s, p) for s, p in ((1.0, ""), (1e-3, "m"), (1e-6, "\N{MICRO SIGN}")) if x >= s), (1e-9, "n")
    )
    return f"{x / scale:.3g} {prefix}{unit}"


def rate(x: float | None) -> str:
    """Events in an hour."""
    return NOTHING if x is None or math.isnan(x) else f"{x:.0f}" if x >= 10 else f"{x:.1f}"


def plural(n: int, word: str) -> str:
    """``1 window``, ``2 windows``, ``2 classes``."""
    return f"{n:,} {word}" if n == 1 else f"{n:,} {word}{'es' if word.endswith('s') else 's'}"


def chance(confusion: Sequence[Sequence[int]]) -> tuple[float | None, float | None]:
    """Score of knowing nothing: accuracy by naming the commonest class, balanced accuracy by any guess.

    Parameters
    ----------
    confusion : sequence of sequence of int, shape (true classes, results)

    Returns
    -------
    accuracy, balanced_accuracy : float or None
        None without windows.
    """
    totals = [sum(row) for row in confusion if sum(row)]
    return (max(totals) / sum(totals), 1.0 / len(totals)) if totals else (None, None)


def weakest(judged: Mapping[str, Any]) -> tuple[str, float, str | None] | None:
    """Class with the lowest recall, its recall, and what it is taken for most; None when all are right."""
    rows = [
        (recall, i)
        for i, recall in enumerate(judged["recall"])
        if recall is not None and not math.isnan(recall)
    ]
    if not rows or min(rows)[0] == 1.0:
        return None
    recall, i = min(rows)
    others = [
        (n, -j) for j, n in enumerate(judged["confusion"][i]) if judged["columns"][j] != judged["classes"][i]
    ]
    most, at = max(others)
    return judged["classes"][i], recall, judged["columns"][-at] if most else None
