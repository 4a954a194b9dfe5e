"""C for decision trees and forests.

Two forms, with the same answers:

- *Branches*: nested ifs that return the row of votes. The fastest and, for a small tree, the smallest: a
  node is a load, a compare and a branch.
- *Table*: a loop over four-byte words, for forests whose branches would be larger. A node is
  ``threshold << 16 | place of its children << bits | feature + 1``, a leaf ``row of votes << bits`` (feature
  field 0). The two children lie side by side, so a step adds the outcome of the comparison to their place and
  needs no jump; equal pairs of children are stored once for the whole forest. The top levels of each tree
  can still be branches. A feature whose thresholds need more than 16 bits is copied without its lowest
  bits where no threshold needs them; else, or where a place needs too many bits, a word is two of 32.

Votes of two classes share a word and are added together where the sums fit 16 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sensorai.codegen.parts import CodeParts, LayerCost
from sensorai.model.ensemble import Ensemble
from sensorai.model.forest import Tree

#: Nodes up to which a single tree becomes branches only (measured on Cortex-M4: a node as branches is
#: about 8 bytes, in a table about 6 and 150 for the walk).
BRANCH_NODES = 64
#: Levels of each tree of a forest that are branches before the table is walked.
BRANCH_LEVELS = 0


def emit_forest(ensemble: Ensemble, prefix: str, *, levels: int | None = None) -> CodeParts:
    """Emit ``static void PREFIX_model(const int32_t *input, int32_t *scores, uint8_t *arena)``.

    ``input`` holds ``ensemble.features`` values, ``scores`` one sum of votes per class (as
    ``Ensemble.scores``); the arena is not used. For a single tree there is also ``static uint32_t
    PREFIX_leaf(const int32_t *input)``, the row of votes; with a hard vote, rows are in the order of
    ``ensemble.votes``.

    Parameters
    ----------
    ensemble : Ensemble
    prefix : str
        A C identifier.
    levels : int, optional
        Levels of each tree that become branches; chosen by size when absent. A number not below the depth
        of the deepest tree gives branches only.
    """
    deepest = max(t.depth for t in ensemble.trees)
    if levels is None:
        levels = deepest if ensemble.nodes <= BRANCH_NODES else BRANCH_LEVELS
    votes = _Votes(ensemble, prefix)
    if levels >= deepest:
        functions, table = _branches(ensemble, prefix, votes), ""
        weight = 8 * ensemble.nodes
    else:
        nodes = _Nodes(ensemble, prefix, levels)
        functions, table = nodes.walk(votes), nodes.table()
        weight = nodes.bytes
    layer = LayerCost("forest", 0, weight + votes.bytes, 0)
    return CodeParts(source=functions, data=table + votes.table(), arena_align=1, layers=(layer,))


class _Votes:
    """The rows of votes as a table in C, and the lines that add one of them up."""

    def __init__(self, ensemble: Ensemble, prefix: str) -> None:
        self.rows = ensemble.votes.tolist()
        self.classes = len(ensemble.classes)
        self.name = f"{prefix}_votes"
        self.pairs = ensemble.total * len(ensemble.trees) <= 0xFFFF
        # all votes of a leaf add up to the same, so those of the last class follow from the others
        self.kept = max(self.classes - 1, 1)
        self.all = ensemble.total * len(ensemble.trees)
        self.words = (self.kept + 1) // 2 if self.pairs else self.kept
        self.bytes = 4 * self.words * len(self.rows)

    def table(self) -> str:
        words = []
        for votes in self.rows:
            row = votes[: self.kept]
            if self.pairs:
                padded = [*row, 0]
                row = [padded[2 * w] | padded[2 * w + 1] << 16 for w in range(self.words)]
            words += [f"{value}u" for value in row]
        return _array("uint32_t", self.name, words)

    def add(self, row: str, indent: str) -> str:
        start = f"({row}) * {self.words}u" if self.words > 1 else row
        lines = [f"const uint32_t *vote = &{self.name}[{start}];"]
        lines += [f"sum{w} += vote[{w}];" for w in range(self.words)]
        return "".join(f"{indent}{line}\n" for line in lines)

    def declare(self) -> str:
        return "".join(f"    uint32_t sum{w} = 0;\n" for w in range(self.words))

    def store(self) -> str:
        halves = ("sum{} & 0xFFFFu", "sum{} >> 16")
        one = [f"(int32_t)({halves[c % 2].format(c // 2)})" for c in range(self.kept)]
        if not self.pairs:
            one = [f"(int32_t)sum{c}" for c in range(self.kept)]
        lines = [f"    scores[{c}] = {value};\n" for c, value in enumerate(one)]
        if self.kept < self.classes:
            others = "".join(f" - scores[{c}]" for c in range(self.kept))
            lines.append(f"    scores[{self.kept}] = {self.all}{others};\n")
        return "".join(lines)


def _branches(ensemble: Ensemble, prefix: str, votes: _Votes) -> str:
    """Every tree a function of nested ifs that returns the row of votes."""
    names = [f"{prefix}_leaf"] if len(ensemble.trees) == 1 else []
    names = names or [f"{prefix}_leaf{k}" for k in range(len(ensemble.trees))]
    out = ""
    for name, tree in zip(names, ensemble.trees, strict=True):
        unused = "    (void)input;\n" if tree.root < 0 else ""
        out += f"static uint32_t {name}(const int32_t *input)\n{{\n{unused}"
        out += _ifs(tree, tree.root, tree.depth, "    ", "return {}u;", lambda at: ~at) + "}\n\n"
    out += _head(prefix) + votes.declare() + "\n    (void)arena;\n"
    for name in names:
        out += "    {\n" + votes.add(f"{name}(input)", "        ") + "    }\n"
    return out + votes.store() + "}\n"


def _ifs(tree: Tree, at: int, levels: int, indent: str, leaf: str, place: Callable[[int], int]) -> str:
    """Nested ifs down to ``levels``; what is below is named by ``place`` and put into ``leaf``."""
    if at < 0 or levels == 0:
        return f"{indent}{leaf.format(place(at))}\n"
    f, t = int(tree.feature[at]), int(tree.threshold[at])
    below = indent + "    "
    return (
        f"{indent}if (input[{f}] <= {_number(t)}) {{\n"
        + _ifs(tree, int(tree.left[at]), levels - 1, below, leaf, place)
        + f"{indent}}} else {{\n"
        + _ifs(tree, int(tree.right[at]), levels - 1, below, leaf, place)
        + f"{indent}}}\n"
    )


class _Nodes:
    """The trees below their branches as one table of words."""

    def __init__(self, ensemble: Ensemble, prefix: str, levels: int) -> None:
        self.ensemble, self.prefix, self.levels = ensemble, prefix, levels
        self.words: list[_Word] = []
        self.place: dict[_Word, int] = {}
        self.pair: dict[tuple[_Word, _Word], int] = {}
        # what the walk starts from comes first, so that no list of roots is needed
        if levels == 0:
            self.words = [_Word(0, 0, 0)] * len(ensemble.trees)
            for k, tree in enumerate(ensemble.trees):
                self.words[k] = self._word(tree, tree.root)
        self.starts = [
            {at: self._start(tree, at) for at in _frontier(tree, levels)} if levels else {}
            for tree in ensemble.trees
        ]
        self.shifts = _narrow(self.words)
        self.packed = self.shifts is not None
        copied = self.packed and any((self.shifts or {}).values())
        # features that are compared without their lower bits are copied, so they are renumbered
        self.copy = {f: k for k, f in enumerate(self.shifts or {}, 1)} if copied else {}
        self.bits = (len(self.copy) if copied else ensemble.features).bit_length()
        if max(w.next for w in self.words) >= 1 << 16 - self.bits:
            self.packed, self.copy = False, {}
            self.bits = ensemble.features.bit_length()
        self.bytes = len(self.words) * (4 if self.packed else 8)

    def _word(self, tree: Tree, at: int) -> _Word:
        if at < 0:
            return _Word(0, 0, ~at)
        both = self._word(tree, int(tree.left[at])), self._word(tree, int(tree.right[at]))
        if both not in self.pair:
            self.pair[both] = len(self.words)
            self.words += both
        return _Word(int(tree.feature[at]) + 1, int(tree.threshold[at]), self.pair[both])

    def _start(self, tree: Tree, at: int) -> int:
        word = self._word(tree, at)
        if word not in self.place:
            self.place[word] = len(self.words)
            self.words.append(word)
        return self.place[word]

    def _shift(self, feature: int) -> int:
        return self.shifts[feature] if self.copy and self.shifts and feature else 0

    def table(self) -> str:
        name = f"{self.prefix}_nodes"
        if self.packed:
            words = []
            for w in self.words:
                feature = self.copy.get(w.feature, w.feature)
                limit = w.threshold >> self._shift(w.feature)
                value = (limit & 0xFFFF) << 16 | w.next << self.bits | feature
                words.append(_number(value - (1 << 32) if value >> 31 else value))
            return _array("int32_t", name, words)
        rows = [f"{{{_number(w.threshold)}, {w.next << self.bits | w.feature}u}}" for w in self.words]
        kind = "struct {\n    int32_t threshold;\n    uint32_t link;\n}"
        return _array(kind, name, rows, per_line=4)

    def walk(self, votes: _Votes) -> str:
        trees, name, mask = len(self.ensemble.trees), f"{self.prefix}_nodes", (1 << self.bits) - 1
        out = _head(self.prefix) + votes.declare()
        out += "    uint32_t tree;\n"
        if self.levels:
            out += f"    uint16_t start[{trees}];\n"
        source = "input"
        if self.copy:
            source = "value"
            out += f"    int32_t value[{len(self.copy)}];\n"
        out += (
            f"    const int32_t *const before = (const int32_t *)((uintptr_t){source} - sizeof(int32_t));\n"
        )
        out += "\n    (void)arena;\n"
        for k, tree in enumerate(self.ensemble.trees):
            if self.levels:
                leaf, starts = f"start[{k}] = {{}}u;", self.starts[k]
                out += _ifs(tree, tree.root, self.levels, "    ", leaf, starts.__getitem__)
        for f, k in self.copy.items():
            out += f"    value[{k - 1}] = input[{f - 1}]" + (
                f" >> {s};\n" if (s := self._shift(f)) else ";\n"
            )
        first = "start[tree]" if self.levels else "tree"
        out += f"    for (tree = 0; tree < {trees}u; tree++) {{\n"
        if self.packed:
            inner = 16 - self.bits
            out += f"""        int32_t node = {name}[{first}];
        uint32_t feature;

        /* features count from 1 here: 0 marks a leaf. The children lie side by side: the outcome of the
         * comparison is added to their place */
        while ((feature = (uint32_t)node & {mask}u) != 0u) {{
            const uint32_t child = ((uint32_t)node >> {self.bits}) & {(1 << inner) - 1}u;
            node = {name}[child + (uint32_t)(before[feature] > (node >> 16))];
        }}
        {{
{votes.add(f"((uint32_t)node >> {self.bits})", "            ")}        }}
"""
        else:
            out += f"""        uint32_t at = {first};
        uint32_t link;
        uint32_t feature;

        for (link = {name}[at].link; (feature = link & {mask}u) != 0u; link = {name}[at].link) {{
            at = (link >> {self.bits}) + (uint32_t)(before[feature] > {name}[at].threshold);
        }}
        {{
{votes.add(f"(link >> {self.bits})", "            ")}        }}
"""
        return out + "    }\n" + votes.store() + "}\n"


@dataclass(frozen=True, slots=True)
class _Word:
    """A node (feature from 1, place of its first child) or a leaf (feature 0, row of votes)."""

    feature: int
    threshold: int
    next: int


def _narrow(words: Sequence[_Word]) -> dict[int, int] | None:
    """Bits that can be dropped from each tested feature (from 1) so that its thresholds fit int16.

    ``x <= t`` is ``x >> s <= t >> s`` where the s lowest bits of t are ones. None where that does not do.
    """
    shifts: dict[int, int] = {}
    for f in sorted({w.feature for w in words} - {0}):
        limits = [w.threshold for w in words if w.feature == f]
        for s in range(17):
            if all(-(2**15) <= t >> s < 2**15 for t in limits):
                break
        if any((t + 1) % (1 << s) for t in limits):
            return None
        shifts[f] = s
    return shifts


def _frontier(tree: Tree, levels: int) -> list[int]:
    """Nodes and leaves reached after ``levels`` tests, or earlier leaves."""
    at = [tree.root]
    for _ in range(levels):
        at = [c for a in at for c in ((a,) if a < 0 else (int(tree.left[a]), int(tree.right[a])))]
    return at


def _head(prefix: str) -> str:
    return f"static void {prefix}_model(const int32_t *input, int32_t *scores, uint8_t *arena)\n{{\n"


def _number(value: int) -> str:
    """A whole number within int32 as C text (the smallest one has no literal)."""
    return "(-2147483647 - 1)" if value == -(2**31) else str(value)


def _array(kind: str, name: str, words: Sequence[str], per_line: int = 8) -> str:
    lines = [", ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)]
    return f"static const {kind} {name}[{len(words)}] = {{\n    " + ",\n    ".join(lines) + "\n};\n\n"
