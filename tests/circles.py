"""Arrows between the modules of a package, as its sources draw them, and the circles they close."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

#: From each module to those it needs.
Arrows = Mapping[str, frozenset[str]]

#: A function's definition in C: a line that begins with a type and holds its name, up to its body.
_DEFINED = re.compile(r"^(?!static )[A-Za-z_][\w \t*()]*?\b(?!__)(\w+)\([^;{}]*?\)\s*\{", re.MULTILINE)
#: Calls stand in bodies, which are indented; what begins a line is a declaration.
_BODY = re.compile(r"^[ \t].*$", re.MULTILINE)
_CALLED = re.compile(r"\b(\w+)\(")
_INCLUDED = re.compile(r'^\s*#include "(?:.*/)?(\w+)\.h"', re.MULTILINE)
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


def modules(root: Path) -> dict[str, Path]:
    """Every Python module below the package ``root``, by its dotted name."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(root: Path) -> tuple[Arrows, Arrows]:
    """Arrows of a package by its imports, wherever they stand: those that run, and those of types alone."""
    known = modules(root)
    running, typing = {}, {}
    for name, path in known.items():
        seen = list(_imported(ast.parse(path.read_text(encoding="utf-8")), False))
        targets = {only: frozenset(_resolved(names, known)) - {name} for only, names in _sorted(seen)}
        running[name], typing[name] = targets[False], targets[True] - targets[False]
    return running, typing


def _sorted(seen: list[tuple[bool, str, str]]) -> Iterator[tuple[bool, list[tuple[str, str]]]]:
    for only in (False, True):
        yield only, [(module, name) for typed, module, name in seen if typed is only]


def _imported(tree: ast.AST, typed: bool) -> Iterator[tuple[bool, str, str]]:
    """Each import below ``tree``: whether only type checkers see it, the module, the name taken from it."""
    if isinstance(tree, ast.Import):
        yield from ((typed, alias.name, "") for alias in tree.names)
    if isinstance(tree, ast.ImportFrom):
        assert tree.level == 0, "imports are absolute in this package"
        yield from ((typed, str(tree.module), alias.name) for alias in tree.names)
    if isinstance(tree, ast.If) and ast.unparse(tree.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        for inside, only in ((tree.body, True), (tree.orelse, typed)):
            for statement in inside:
                yield from _imported(statement, only)
        return
    for child in ast.iter_child_nodes(tree):
        yield from _imported(child, typed)


def _resolved(names: Iterable[tuple[str, str]], known: Mapping[str, Path]) -> Iterator[str]:
    for module, name in names:
        full = f"{module}.{name}"
        if full in known:
            yield full
        elif module in known:
            yield module


def calls(folder: Path) -> Arrows:
    """Arrows between units of C, a source with its header, by includes and by calls.

    A function that several units define is chosen by who links them, and draws no arrow.
    """
    texts: dict[str, str] = {}
    for path in sorted(folder.glob("*.[ch]")):
        text = _COMMENT.sub("", path.read_text(encoding="utf-8"))
        texts[path.stem] = texts.get(path.stem, "") + text
    defined = [(name, unit) for unit, text in texts.items() for name in set(_DEFINED.findall(text))]
    once = Counter(name for name, _ in defined)
    home = {name: unit for name, unit in defined if once[name] == 1}
    return {
        unit: frozenset(
            {other for other in _INCLUDED.findall(text) if other in texts}
            | {home[name] for name in _CALLED.findall("\n".join(_BODY.findall(text))) if name in home}
        )
        - {unit}
        for unit, text in texts.items()
    }


def circles(arrows: Arrows) -> list[frozenset[str]]:
    """Sets of modules each of which needs, by some way, all others of its set (Tarjan 1972)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []
    found: list[frozenset[str]] = []

    def visit(module: str) -> None:
        number[module] = low[module] = len(number)
        path.append(module)
        for other in sorted(arrows.get(module, ())):
            if other not in number:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in path:
                low[module] = min(low[module], number[other])
        if low[module] == number[module]:
            at = path.index(module)
            if len(path) - at > 1:
                found.append(frozenset(path[at:]))
            del path[at:]

    for module in sorted(arrows):
        if module not in number:
            visit(module)
    return found
