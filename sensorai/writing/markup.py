"""HTML and SVG that we draw, as opposed to text: a page takes it unescaped only after a look at it.

Drawings are composed of elements whose words are escaped one by one. Should one of them not be, its markup
would be taken for ours; so nothing passes but the few elements that drawings have, without a handler, a
reference or a script in them.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from sensorai.errors import InternalError

if TYPE_CHECKING:
    from markupsafe import Markup

#: Elements of drawings and of the cells around them.
ELEMENTS = frozenset(["svg", "g", "path", "rect", "circle", "title", "text", "td"])
_ATTRIBUTE = re.compile(r"[a-zA-Z][a-zA-Z-]*\Z")
_REFUSED = re.compile(r"on|href|src|style\Z", re.IGNORECASE)
#: One attribute for an element of a page.
_CLASS = re.compile(r' class="[a-z -]*"\Z')


class _Look(HTMLParser):
    """Refuses what is no drawing; counts that every element is closed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ELEMENTS:
            raise InternalError(f"a drawing with the element {tag[:40]!r}")
        for name, _ in attrs:
            if not _ATTRIBUTE.match(name) or _REFUSED.match(name):
                raise InternalError(f"a drawing with the attribute {name[:40]!r}")
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise InternalError(f"a drawing closes {tag[:40]!r}, which is not open")

    def handle_data(self, data: str) -> None:
        if not self.open and data.strip():
            raise InternalError("a drawing with text outside of its elements")

    def handle_comment(self, data: str) -> None:
        raise InternalError("a drawing with a comment")

    def handle_decl(self, decl: str) -> None:
        raise InternalError("a drawing with a declaration")

    def unknown_decl(self, data: str) -> None:
        raise InternalError("a drawing with a declaration")

    def handle_pi(self, data: str) -> None:
        raise InternalError("a drawing with an instruction")


def drawn(text: str) -> Markup:
    """Return markup that we drew, to stand in a page as it is.

    Raises
    ------
    InternalError
        It holds what no drawing of ours does.
    """
    from markupsafe import Markup

    if not _CLASS.match(text):
        look = _Look()
        look.feed(text)
        look.close()
        if look.open:
            raise InternalError(f"a drawing does not close {look.open[-1]!r}")
    return Markup(text)
