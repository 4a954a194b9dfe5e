"""What a compiler, a browser or a parser makes of a file, with the words of texts left out."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
#: Names of classes come from labels; which class it is does not.
_ENUMERATOR = re.compile(r"\b[A-Z0-9_]+_CLASS_\w+")


#: Preprocessor alone: trigraphs, no headers of the system, every macro shown.
_PREPROCESS = ("gcc", "-std=c99", "-E", "-P", "-dD", "-undef", "-nostdinc", "-I.", "-Werror", "-Wall")


def c_tokens(files: Mapping[str, str]) -> dict[str, str]:
    """Each file of C behind the preprocessor: macros defined, no comments, string literals emptied."""
    out = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "stdint.h").write_text("")
        for file, text in files.items():
            (folder / file).write_text(text)
        for file in files:
            if file.endswith((".c", ".h")):
                done = subprocess.run(
                    [*_PREPROCESS, file],
                    cwd=folder,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                assert done.returncode == 0, (file, done.stderr)
                out[file] = _without_words(done.stdout)
    return out


def _without_words(text: str) -> str:
    text = _STRING.sub('""', text)
    found: dict[str, str] = {}
    for name in _ENUMERATOR.findall(text):
        assert len(name) < 100
        found.setdefault(name, f"CLASS{len(found)}")
    # two classes are two enumerators
    return _ENUMERATOR.sub(lambda m: found[m[0]], text)


class _Dom(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: list[tuple[str, ...]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, *(name for name, _ in attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.seen.append((f"/{tag}",))

    def handle_comment(self, data: str) -> None:
        self.seen.append(("comment",))

    def handle_decl(self, decl: str) -> None:
        self.seen.append(("declaration", decl))

    def handle_pi(self, data: str) -> None:
        self.seen.append(("instruction",))

    def unknown_decl(self, data: str) -> None:
        self.seen.append(("section",))


def dom(text: str) -> list[tuple[str, ...]]:
    """Elements of a page with the names of their attributes, in order."""
    parser = _Dom()
    parser.feed(text)
    parser.close()
    return parser.seen


def markdown(text: str) -> list[str]:
    """Blocks and inline elements of a page of Markdown, in order; runs of text are one."""
    out = []
    for block in MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text):
        out.append(block.type)
        for one in block.children or ():
            kind = "text" if one.type in ("text", "text_special", "softbreak") else one.type
            if kind != "text" or out[-1] != "text":
                out.append(kind)
    return out


def shape(value: Any) -> Any:
    """Lists, objects and kinds of values of a JSON document, without its texts; keys may be texts."""
    if isinstance(value, dict):
        return {"object": [shape(one) for one in value.values()]}
    if isinstance(value, list):
        return [shape(one) for one in value]
    return "text" if isinstance(value, str) else value
