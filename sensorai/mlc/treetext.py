"""Decision trees as text: reading what ST's tools, Weka and MATLAB print, writing what ST's tools read.

One line per branch, depth by bars, ``<=`` before ``>`` (MATLAB scripts of ST: ``<`` before ``>=``)::

    F1_MEAN_ACC_X <= 0.500000
    |   F2_VARIANCE_ACC_V <= 0.010742 : still (30/2.0)
    |   F2_VARIANCE_ACC_V > 0.010742 : walking (25)
    F1_MEAN_ACC_X > 0.500000 : running (25)

Counts after the label are optional, and so are the lists of classes and features below the tree.
Source: facts, mlc-format section 10 (confirmed on the published texts). Thresholds are kept as written;
``sensorai.mlc.thresholds`` narrows them to the core's half precision.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from sensorai.errors import ConfigError, DataError
from sensorai.mlc import half
from sensorai.model.forest import Tree
from sensorai.targets import closest
from sensorai.writing.plainline import tree_names

Line = tuple[int, str]

_BRANCH = re.compile(
    r"(?P<bars>(?:\|\s*)*)(?P<name>[^|<>]*?)\s*(?P<op><=|>=|<|>)\s*(?P<value>[^:]*?)\s*(?::\s*(?P<label>.*))?$"
)
#: Instance counts behind a label: ``(12.0/1.0)``, and ``(12/0) [6/1]`` of Weka's other trees.
_COUNTS = re.compile(r"\s*\([\d.eE+-]+(?:/[\d.eE+-]+)?\)(?:\s*\[[\d.eE+/-]+\])?$")
#: Names that carry the feature number: ST's ``F3_...``, MATLAB's own ``x3``, ``Var3``.
_NUMBERED = re.compile(r"F(\d+)_|(?:x|b|Var)(\d+)$")
#: Far above what any core has (64); a larger number in a name is a mistake, not a feature.
MAX_FEATURES = 1024
_UNDERLINE = re.compile(r"(-{3,}|={3,})$")


@dataclass(frozen=True, slots=True)
class TreeText:
    """A tree as some tool wrote it.

    Attributes
    ----------
    tree : Tree
        Nodes in pre-order; thresholds as written (float64), leaf values index ``classes``.
    features : tuple of str
        Feature names by index; empty text where the text does not name a feature.
    classes : tuple of str
        As the text lists them, else in order of appearance.
    strict : bool
        Whether nodes send ``x < threshold`` left, instead of ``x <= threshold``.
    lines : tuple of int
        Line of each node in ``source``; 0 where there is none.
    source : str
    notes : tuple of str
    """

    tree: Tree
    features: tuple[str, ...]
    classes: tuple[str, ...]
    strict: bool = False
    lines: tuple[int, ...] = ()
    source: str = ""
    notes: tuple[str, ...] = ()

    def where(self, node: int) -> str:
        """``file:line`` of a node, as far as known."""
        return f"{self.source}:{self.lines[node]}" if self.lines else self.source

    def exact(self) -> Tree:
        """Return the tree with ``x <= t`` nodes that decide every float64 as the text says."""
        if not self.strict:
            return self.tree
        return replace(self.tree, threshold=np.nextafter(self.tree.threshold, -np.inf))

    def coded(self, codes: Mapping[str, int]) -> TreeText:
        """Put result codes in the place of class indices: leaf values become ``codes[class]``."""
        for label in self.classes:
            if label not in codes and self.classes.index(label) in self.tree.leaves:
                raise ConfigError(
                    f"the tree has the class {label!r}, which has no result code",
                    where=self.source,
                    hint=closest(label, codes),
                )
        values = [codes.get(label, -1) for label in self.classes]

        def child(c: int) -> int:
            return c if c >= 0 else ~values[~c]

        nodes = [(f, t, child(left), child(right)) for f, t, left, right in self.tree.rows()]
        return replace(self, tree=Tree.from_nodes(nodes, child(self.tree.root) if not nodes else 0))


# ---------------------------------------------------------------- reading


def read_tree_text(path: Path, features: Sequence[str] | Mapping[str, int] | None = None) -> TreeText:
    """Read a tree text file; see ``parse_tree_text``."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read the tree file: {error.strerror}", where=str(path)) from None
    if b"\0" in data:
        raise DataError("this is not a text file", where=str(path))
    return parse_tree_text(data.decode("utf-8-sig", errors="replace"), str(path), features)


def parse_tree_text(
    text: str,
    source: str = "tree text",
    features: Sequence[str] | Mapping[str, int] | None = None,
    classes: Sequence[str] = (),
) -> TreeText:
    """Read the text of one tree, with or without the report of the tool around it.

    Parameters
    ----------
    text : str
    source : str
        Name used in messages.
    features : sequence of str, mapping of name to index, or None
        What feature names mean. A mapping can hold several spellings of one feature. None takes the
        number from names like ``F3_VAR_on_ACC_V``, else the order of the text's own feature list,
        else the order of appearance.
    classes : sequence of str
        Class names in order where the caller knows them; others follow.

    Raises
    ------
    DataError
        With ``file:line``: indentation that jumps, a missing or stray branch, a threshold that is no
        number, an unknown feature, or no tree at all.
    """
    lines = [(i, line.rstrip()) for i, line in enumerate(text.splitlines(), 1)]
    block, rest = _tree_lines(lines, source)
    listed_classes, listed_features = _lists(rest)
    return build(
        block,
        source,
        classes=classes or listed_classes,
        listed=_weka_attributes(lines) or listed_features,
        features=features,
    )


def _tree_lines(lines: list[Line], source: str) -> tuple[list[Line], list[Line]]:
    """Split off the lines of the tree; Weka's console output has a title underlined before it."""
    begin = 0
    if any(t.startswith("=== Classifier model") for _, t in lines):
        model = next(i for i, (_, t) in enumerate(lines) if t.startswith("=== Classifier model"))
        begin = next(
            (i + 1 for i in range(model + 1, len(lines)) if _UNDERLINE.match(lines[i][1])), len(lines)
        )
    elif any(_UNDERLINE.match(t) for _, t in lines[:4]):
        begin = next(i + 1 for i, (_, t) in enumerate(lines) if _UNDERLINE.match(t))
    while begin < len(lines) and not lines[begin][1].strip():
        begin += 1
    end = begin
    while end < len(lines) and lines[end][1].strip() and not lines[end][1].startswith("Number of Leaves"):
        end += 1
    if begin == end:
        raise DataError("there is no tree in this file", where=source, hint="it should start 'F1_... <= 0.5'")
    return lines[begin:end], lines[end:]


def _lists(rest: list[Line]) -> tuple[list[str], list[str]]:
    """Return the lists of classes and features that ST's tools print below the tree."""
    found: dict[str, list[str]] = {}
    for (_, title), (_, line) in pairwise(rest):
        key = title.strip().rstrip(":").lower()
        if key in ("class", "classes", "features") and line.strip().startswith("=>"):
            found[key[:5]] = [name.strip() for name in line.strip()[2:].split(",") if name.strip()]
    return found.get("class", []), found.get("featu", [])


def _weka_attributes(lines: list[Line]) -> list[str]:
    """Attribute names in the header of Weka's console output, without the class (which comes last)."""
    for at, (_, line) in enumerate(lines):
        counted = re.match(r"Attributes:\s+(\d+)$", line)
        if counted:
            return [t.strip() for _, t in lines[at + 1 : at + int(counted[1])]]
    return []


def build(
    block: Sequence[Line],
    source: str,
    *,
    classes: Sequence[str] = (),
    listed: Sequence[str] = (),
    features: Sequence[str] | Mapping[str, int] | None = None,
) -> TreeText:
    """Make a tree of its lines; ``classes`` and ``listed`` are names the text itself lists, in order."""
    building = _Building(source, classes)
    number, first = block[0]
    if first.lstrip().startswith(":"):
        if len(block) > 1:
            raise DataError("nothing can follow a tree of one leaf", where=f"{source}:{block[1][0]}")
        tree = Tree.from_nodes([], building.leaf(first.lstrip()[1:], number))
        return TreeText(tree, tuple(listed), tuple(building.class_of), source=source)
    for number, text in block:
        building.take(text, number)
    building.check_complete()
    return assemble(
        building.rows(),
        list(building.class_of),
        building.lines,
        source,
        strict=building.ops[0] == "<",
        listed=listed,
        features=features,
    )


class _Building:
    """A tree that grows line by line: nodes in pre-order, and those that are still open."""

    def __init__(self, source: str, classes: Sequence[str]) -> None:
        self.source, self.classes = source, classes
        self.class_of = {label: i for i, label in enumerate(classes)}
        self.names: list[str] = []
        self.values: list[float] = []
        self.ops: list[str] = []
        self.lines: list[int] = []
        self.children: list[list[int]] = []
        # open nodes from the root, and whether their right branch was seen
        self.path: list[tuple[int, bool]] = []
        #: Whether a subtree must follow.
        self.wanted = True

    def leaf(self, text: str, line: int) -> int:
        """Code of a leaf by its class."""
        label = text.strip() if text.strip() in self.classes else _COUNTS.sub("", text).strip()
        if not label:
            raise DataError("a branch ends in ':' without a class", where=f"{self.source}:{line}")
        return ~self.class_of.setdefault(label, len(self.class_of))

    def take(self, text: str, number: int) -> None:
        """Take one line: the first branch of a new node, or the second of an open one."""
        where = f"{self.source}:{number}"
        name, op, value, label, depth = _branch(text, where)
        if self.wanted:
            self._open(name, op, value, depth, number, where)
        else:
            self._close(name, op, value, depth, where)
        self.wanted = label is None
        if label is not None:
            node, right = self.path[-1]
            self.children[node][right] = self.leaf(label, number)

    def _open(self, name: str, op: str, value: float, depth: int, number: int, where: str) -> None:
        if op not in ("<=", "<"):
            raise DataError(f"the {op} branch of {name} comes before its <= branch", where=where)
        if depth != len(self.path):
            raise DataError(
                f"the line is indented {depth} deep where {len(self.path)} is expected", where=where
            )
        if self.ops and op != self.ops[0]:
            raise DataError(f"the tree mixes {self.ops[0]} and {op}", where=where)
        if self.path:
            parent, right = self.path[-1]
            self.children[parent][right] = len(self.names)
        self.path.append((len(self.names), False))
        self.names.append(name)
        self.values.append(value)
        self.ops.append(op)
        self.lines.append(number)
        self.children.append([0, 0])

    def _close(self, name: str, op: str, value: float, depth: int, where: str) -> None:
        while self.path and self.path[-1][1]:
            self.path.pop()
        if not self.path:
            raise DataError("the tree is complete before this line", where=where)
        node = self.path[-1][0]
        want = ">" if self.ops[0] == "<=" else ">="
        if (op, name, value, depth) != (want, self.names[node], self.values[node], len(self.path) - 1):
            raise DataError(
                f"expected the branch '{self.names[node]} {want} {self.values[node]:g}' that belongs to line "
                f"{self.lines[node]}, {len(self.path) - 1} deep",
                where=where,
            )
        self.path[-1] = (node, True)

    def check_complete(self) -> None:
        """Refuse a tree whose last branch is missing."""
        path = self.path
        open_node = (
            path[-1][0] if self.wanted else next((n for n, right in reversed(path) if not right), None)
        )
        if open_node is not None:
            raise DataError(
                f"the tree ends inside the branches of {self.names[open_node]}",
                where=f"{self.source}:{self.lines[open_node]}",
            )

    def rows(self) -> list[tuple[str, float, int, int]]:
        """Nodes in pre-order: feature, threshold, left, right."""
        return [
            (name, t, left, right)
            for name, t, (left, right) in zip(self.names, self.values, self.children, strict=True)
        ]


def assemble(
    rows: Sequence[tuple[str, float, int, int]],
    classes: Sequence[str],
    lines: Sequence[int],
    source: str,
    *,
    strict: bool,
    listed: Sequence[str] = (),
    features: Sequence[str] | Mapping[str, int] | None = None,
    notes: tuple[str, ...] = (),
) -> TreeText:
    """Make a tree of nodes in pre-order, given as ``(feature name, threshold, left, right)``.

    ``listed`` are the feature names the text itself lists; the rest is as in ``parse_tree_text``.
    """
    used = dict.fromkeys(row[0] for row in rows)
    known = _known(used, listed, features)
    for (name, *_), line in zip(rows, lines, strict=True):
        if name not in known:
            raise DataError(f"unknown feature {name!r}", where=f"{source}:{line}", hint=closest(name, known))
    if max(known.values()) >= MAX_FEATURES:
        raise DataError(f"a feature number beyond {MAX_FEATURES}", where=source, hint="no core has that many")
    spelled = {i: name for name, i in reversed(known.items())} | {known[name]: name for name in used}
    return TreeText(
        tree=Tree.from_nodes([(known[name], t, left, right) for name, t, left, right in rows]),
        features=tuple(spelled.get(i, "") for i in range(max(spelled) + 1)),
        classes=tuple(classes),
        strict=strict,
        lines=tuple(lines),
        source=source,
        notes=notes,
    )


def _branch(text: str, where: str) -> tuple[str, str, float, str | None, int]:
    """Name, comparison, threshold, label and depth of one line."""
    match = _BRANCH.match(text.strip())
    if not match or not match["name"]:
        hint = "a branch reads 'F1_MEAN_ACC_X <= 0.5' or 'F1_MEAN_ACC_X <= 0.5: label'"
        raise DataError(f"this is not a branch of a tree: {text.strip()[:60]!r}", where=where, hint=hint)
    try:
        value = float(match["value"])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        hint = "decimals take a point" if "," in match["value"] else ""
        raise DataError(f"the threshold {match['value']!r} is not a number", where=where, hint=hint)
    return match["name"], match["op"], value, match["label"], match["bars"].count("|")


def _known(
    used: Iterable[str], listed: Sequence[str], features: Sequence[str] | Mapping[str, int] | None
) -> dict[str, int]:
    """Index of every feature name that may occur."""
    if isinstance(features, Mapping):
        return dict(features)
    if features is not None:
        return {name: i for i, name in enumerate(features)}
    names = list(dict.fromkeys([*listed, *used]))
    numbers = [_NUMBERED.match(name) for name in names]
    if all(m and int(m[1] or m[2]) > 0 for m in numbers):
        return {m.string: int(m[1] or m[2]) - 1 for m in numbers if m}
    return {name: i for i, name in enumerate(listed or names)}


# ---------------------------------------------------------------- writing


def threshold_text(value: float) -> str:
    """``value`` with six decimals as ST prints it, or with as many more as it takes to keep it.

    A half is kept when the text has its six significant digits, so it rounds to the same 16 bits and
    compares with printed feature values as the half does; another number reads back as the same double.
    """
    exact = half.to_float(half.nearest(value)) == value
    kept = (value, float(half.arff_text(value))) if exact else (value,)
    for digits in range(6, 24):
        text = f"{value:.{digits}f}"
        if float(text) in kept:
            return text
    return f"{value!r}"


def write_tree_text(
    tree: Tree,
    features: Sequence[str],
    classes: Sequence[str] | Mapping[int, str],
    counts: Mapping[int, str] | None = None,
) -> str:
    """Text of a tree in the form of ST's current tool (facts, mlc-format section 10).

    Parameters
    ----------
    tree : Tree
    features : sequence of str
        Names by index.
    classes : sequence of str, or mapping of int to str
        Name of each leaf value; ``tree_names`` says how it stands in the text.
    counts : mapping of leaf position to str, optional
        What to print in brackets behind the leaves, which are counted left to right:
        ``"353/3.0"`` for 353 windows, 3 of them wrong.
    """
    rows = list(tree.rows())
    counts = counts or {}
    of = classes if isinstance(classes, Mapping) else dict(enumerate(classes))
    names = dict(zip(sorted(of), tree_names(of[code] for code in sorted(of)), strict=True))
    leaves = 0
    out: list[str] = []
    # (branch text so far, child): a child is written behind its own branch
    stack: list[tuple[str, int, int]] = [("", tree.root, 0)]
    while stack:
        branch, at, depth = stack.pop()
        if at < 0:
            count = f" ({counts[leaves]})" if leaves in counts else ""
            out.append(f"{branch} : {names[~at]}{count}".lstrip())
            leaves += 1
            continue
        if branch:
            out.append(branch)
        feature, value, left, right = rows[at]
        head = "|   " * depth + features[feature]
        text = threshold_text(value)
        stack += [(f"{head} > {text}", right, depth + 1), (f"{head} <= {text}", left, depth + 1)]
    out += ["", f"Number of Leaves: {leaves}", f"Size of the tree: {2 * leaves - 1}"]
    out += [
        "",
        "Classes:",
        "=> " + ", ".join(names[code] for code in of),
        "",
        "Features:",
        "=> " + ", ".join(features),
    ]
    return "\n".join(out) + "\n"
