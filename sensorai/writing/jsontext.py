r"""JSON that is also safe to look at: on a terminal, in an editor, inside a page.

Text beyond ASCII stays readable; controls of C1, of bidirectional writing, line separators of Unicode and
lone surrogates (file names that are no UTF-8) are ``\u`` escapes.
"""

from __future__ import annotations

import json
import re
from typing import Any

from sensorai.writing.terminal import UNSEEN

_ESCAPED = re.compile(f"[\x7f-\x9f\ud800-\udfff{''.join(map(chr, UNSEEN))}]")


def string(text: str) -> str:
    """Return ``text`` as a JSON string, quotes included."""
    return _safe(json.dumps(text, ensure_ascii=False))


def document(value: Any, *, indent: int | None = 2, sort_keys: bool = False) -> str:
    """Return a whole JSON text with its line end; not-a-number is refused."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False, sort_keys=sort_keys)
    return _safe(text) + "\n"


def _safe(text: str) -> str:
    # such characters stand in strings only, so an escape means the same
    return _ESCAPED.sub(lambda m: f"\\u{ord(m[0]):04x}", text)
