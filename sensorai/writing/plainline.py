"""Text in formats whose only structure is the line: one line, nothing in it that a reader could obey.

UCF and other register files, tree text, ``conf.txt`` and ``meta.txt`` know no escapes; what would end a line
or a quoted text there is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sensorai.writing.terminal import shown

_QUOTED_RESULT = re.compile(r"',\s*(?=\d{1,3}=')|,\s*(?=\d{1,3}=')")


def one_line(text: str) -> str:
    """Return ``text`` with runs of blanks and line ends as one blank, and controls made visible."""
    return shown(" ".join(text.split()))


def in_quotes(text: str) -> str:
    """Return one line that can stand between double quotes: those in it become apostrophes."""
    return one_line(text.replace('"', "'"))


def result_name(label: str) -> str:
    """Return the name of a class between the apostrophes of a UCF comment ``0='walk',4='run'``.

    Apostrophes stay, as ST's tools leave them, unless the name looks like the beginning of the next result.
    """
    text = one_line(label)
    return text.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}") if _QUOTED_RESULT.search(text) else text


def tree_names(labels: Iterable[str]) -> list[str]:
    """Names of classes in tree text, all different: one line, no comma, for the list below the tree has them.

    Names that become equal get a number.
    """
    out: list[str] = []
    for label in labels:
        base = one_line(label).replace(",", ";") or "class"
        name, k = base, 2
        while name in out:
            name, k = f"{base}_{k}", k + 1
        out.append(name)
    return out
