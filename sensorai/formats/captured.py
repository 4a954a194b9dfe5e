"""The mark of logs that ``sensorai capture`` writes as the samples come.

Such a log ends wherever the power failed or the process was killed. A last row without its line end may be
cut off in the middle of a number or a name, so it is no row.
"""

from __future__ import annotations

from collections.abc import Sequence

#: A comment line above the header.
MARK = "sensorai capture"


def whole_rows(text: str, comments: Sequence[str]) -> tuple[str, str]:
    """Return the text without a last row that was cut off, and a note that says so (empty: none was)."""
    if MARK not in comments or text.endswith("\n") or not text:
        return text, ""
    return text[: text.rfind("\n") + 1], "the last row was cut off while it was written, and is left out"
