"""Headers of kernels may meet in one file, in any combination: a name stands for one thing in all of them."""

from __future__ import annotations

import re
from collections import defaultdict

from sensorai import runtime

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_FUNCTION = re.compile(r"^(?:SA_ND_\w+|static)\b[^;={}()]*?\b(sa_nd_\w+)\(", re.MULTILINE)
_TYPE = re.compile(r"^\}[^;\n]*?\b(\w+);", re.MULTILINE)
_MACRO = re.compile(r"#define (\w+)")


def _names(text: str) -> set[str]:
    """What a header defines; macros that it takes back are its own."""
    plain = _COMMENT.sub("", text)
    macros = set(_MACRO.findall(plain)) - set(re.findall(r"#undef (\w+)", plain))
    return {*_FUNCTION.findall(plain), *_TYPE.findall(plain), *macros}


def test_no_name_stands_in_two_headers() -> None:
    found = defaultdict(list)
    for number, text in enumerate(runtime.kernels()):
        for name in _names(text):
            found[name].append(number)
    assert len(found) > 400
    assert {name for name, headers in found.items() if len(headers) > 1} == set()
