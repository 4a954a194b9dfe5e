"""C for decision trees and forests.

Two forms, with the same answers:

- *Branches*: nested ifs that return the row of votes. The fastest and, for a small tree, the smallest: a
  node is a load, a compare and a branch (`branches`).
- *Table*: a loop over halfwords, for forests whose branches would be larger. A node is two of them,
  ``halfwords from behind it to its right side << bits | feature + 1`` and the threshold, a leaf is
  ``place of its votes << bits`` (feature field 0). The left side follows its node, so going left costs
  nothing; the right side is anywhere behind it, so equal right sides, of any tree, are written once. The top
  levels of each tree can still be branches. A feature whose thresholds need more than 16 bits is copied
  without its lowest bits where no threshold needs them. Else, or where a field needs too many bits, a node is
  two words of 32 bits and its children lie side by side.

The votes of one class follow from the others; rows of votes overlap in their table where they can, and are
bytes that point at the different numbers where that is smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import TypeAlias

from sensorai.codegen.branches import leaf_function
from sensorai.codegen.overlaps import overlapped
from sensorai.codegen.parts import CodeParts, Constant, LayerCost, Table
from sensorai.model.ensemble import Ensemble
from sensorai.model.forest import Tree

#: Nodes up to which a single tree becomes branches only (measured on Cortex-M4: a node as branches is
#: about 8 bytes, in a table about 6 and 150 for the walk).
BRANCH_NODES = 64
#: Levels of each tree of a forest that are branches before the table is walked.
BRANCH_LEVELS = 0
#: Different votes that a byte can point at, and bytes that must be gained to let it (its code is larger).
BYTE, INDEX_BYTES = 256, 64
#: Votes of a row up to which every order of them is tried.
ORDERED = 3
#: Bytes that a table may grow by so that right sides are near (a step to them is an instruction less).
NEAR_BYTES = 64


def emit_forest(
    ensemble: Ensemble, prefix: str, *, levels: int | None = None, name: str = "model"
) -> CodeParts:
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
    name : str
        In place of ``model`` in the function's name.
    """
    deepest = max(t.depth for t in ensemble.trees)
    if levels is None:
        levels = deepest if ensemble.nodes <= BRANCH_NODES else BRANCH_LEVELS
    votes = _Votes(ensemble, prefix, f"{prefix}_{name}", table=levels < deepest)
    if levels >= deepest:
        functions, tables = _branches(ensemble, prefix, votes), []
        weight = 8 * ensemble.nodes
    else:
        near, far = (_Packed(ensemble, prefix, levels, votes, near=near) for near in (True, False))
        nodes: _Packed | _Nodes = near if near.fits and near.bytes <= far.bytes + NEAR_BYTES else far
        if not far.fits:
            nodes = _Nodes(ensemble, prefix, levels, votes)
        functions, tables = nodes.walk(), nodes.tables()
        weight = nodes.bytes
    layer = LayerCost("forest", 0, weight + votes.bytes, 0)
    definitions = (*tables, *votes.tables())
    return CodeParts(source=functions, definitions=definitions, arena_align=1, layers=(layer,))


class _Votes:
    """The rows of votes as tables in C, and the lines that add one of them up.

    All votes of a leaf add up to the same, so those of one class follow from the others: of the class without
    which the tables are smallest. A forest with many different rows has few different numbers in them: then
    rows are bytes that point into a table of these.
    """

    def __init__(self, ensemble: Ensemble, prefix: str, function: str, *, table: bool) -> None:
        self.function = function
        self.classes = len(ensemble.classes)
        self.name, self.values_name = f"{prefix}_votes", f"{prefix}_values"
        self.all = ensemble.total * len(ensemble.trees)
        self.kind = "uint16_t" if ensemble.total <= 0xFFFF else "uint32_t"
        size = 2 if self.kind == "uint16_t" else 4
        last = self.classes - 1
        best = None
        several = len(ensemble.trees) > 1
        for kept in self._orders() if several else [tuple(range(last)) or (0,)]:
            rows = [tuple(row[c] for c in kept) for row in ensemble.votes.tolist()]
            values = [value for row in rows for value in row]
            place = [len(kept) * row for row in range(len(rows))]
            # branches name their rows, and compilers compute with rows that lie side by side
            if several and table:
                values, place = overlapped(rows)
            different = sorted(set(values))
            direct, indexed = size * len(values), len(values) + size * len(different)
            far = len(different) > BYTE or not several or direct - indexed < INDEX_BYTES
            if best is None or min(direct, direct if far else indexed) < best:
                best = self.bytes = direct if far else indexed
                self.kept, self.place = kept, place
                self.implied = min({*range(self.classes)} - {*kept}, default=0)
                self.values, self.different = (values, []) if far else (values, different)

    def _orders(self) -> Iterator[tuple[int, ...]]:
        """Classes that are kept, in their order in a row; one class alone is."""
        for implied in range(self.classes - 1, -1, -1):
            kept = tuple(c for c in range(self.classes) if c != implied) or (0,)
            yield from permutations(kept) if len(kept) <= ORDERED else [kept]

    def tables(self) -> list[Table]:
        if not self.different:
            return [_array(self.kind, self.name, [f"{value}u" for value in self.values])]
        number = {value: i for i, value in enumerate(self.different)}
        return [
            _array(self.kind, self.values_name, [f"{value}u" for value in self.different]),
            _array("uint8_t", self.name, [f"{number[value]}u" for value in self.values], per_line=16),
        ]

    def add(self, place: str, indent: str) -> str:
        form = f"{self.values_name}[vote[{{}}]]" if self.different else "vote[{}]"
        lines = [f"const {'uint8_t' if self.different else self.kind} *vote = &{self.name}[{place}];"]
        lines += [f"sum{c} += {form.format(i)};" for i, c in enumerate(self.kept)]
        return "".join(f"{indent}{line}\n" for line in lines)

    def declare(self) -> str:
        return "".join(f"    uint32_t sum{c} = 0;\n" for c in self.kept)

    def store(self) -> str:
        lines = [f"    scores[{c}] = (int32_t)sum{c};\n" for c in self.kept]
        if self.classes > 1:
            others = "".join(f" - scores[{c}]" for c in self.kept)
            lines.append(f"    scores[{self.implied}] = {self.all}{others};\n")
        return "".join(lines)


def _branches(ensemble: Ensemble, prefix: str, votes: _Votes) -> str:
    """Every tree a function of nested ifs: a single one returns its row of votes, others where that is."""
    single = len(ensemble.trees) == 1
    names = [f"{prefix}_leaf"] if single else [f"{prefix}_leaf{k}" for k in range(len(ensemble.trees))]

    def leaf(at: int) -> int:
        return ~at if single else votes.place[~at]

    trees = zip(names, ensemble.trees, strict=True)
    out = "".join(leaf_function(name, tree, leaf, alone=single) for name, tree in trees)
    out += _head(votes.function) + votes.declare() + "\n    (void)arena;\n"
    for name in names:
        place = f"{name}(input)" + (f" * {len(votes.kept)}u" if single and len(votes.kept) > 1 else "")
        out += "    {\n" + votes.add(place, "        ") + "    }\n"
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


#: A leaf as the place of its votes, or a node as feature, threshold, left and right side.
_Side: TypeAlias = tuple[int] | tuple[int, int, "_Side", "_Side"]


class _Packed:
    """The trees below their branches as one table of halfwords; equal right sides are written once.

    ``near``: how far a right side lies is a byte, in bytes, which the DSP extension adds as it is.
    """

    def __init__(self, ensemble: Ensemble, prefix: str, levels: int, votes: _Votes, *, near: bool) -> None:
        self.ensemble, self.prefix, self.levels, self.votes = ensemble, prefix, levels, votes
        self.near = near
        narrow = _narrow(ensemble)
        self.fits = narrow is not None
        self.shifts = narrow or {}
        # features that are compared without their lower bits are copied, so they are renumbered
        copied = any(self.shifts.values())
        self.number = {f: k if copied else f + 1 for k, f in enumerate(self.shifts, 1)}
        self.copied = self.shifts if copied else {}
        self.bits = max(self.number.values(), default=0).bit_length()
        # written from the end: each entry is behind all that point at it
        self.behind: list[int] = [0]
        self.ends: dict[_Side, int] = {}
        sides = [
            {at: self._side(tree, at) for at in (_frontier(tree, levels) if levels else [tree.root])}
            for tree in ensemble.trees
        ]
        ends = [{at: self._shared(side, None) for at, side in tops.items()} for tops in reversed(sides)]
        # the last halfword is read together with a leaf before it
        self.halves = self.behind[::-1]
        size = len(self.halves)
        self.places = [{at: size - end for at, end in tops.items()} for tops in reversed(ends)]
        self.bytes = 2 * size + (0 if levels else 2 * len(ensemble.trees))

    def _side(self, tree: Tree, at: int) -> _Side:
        """Nested tuples of what lies below a node, so that equal ones can be found."""
        if at < 0:
            return (self.votes.place[~at],)
        f, t = int(tree.feature[at]), int(tree.threshold[at])
        return f, t, self._side(tree, int(tree.left[at])), self._side(tree, int(tree.right[at]))

    def _link(self, value: int, feature: int, bits: int) -> int:
        if value >> 16 - bits or feature >> bits:
            self.fits = False
        return (value << bits | feature) & 0xFFFF

    def _shared(self, side: _Side, reach: int | None) -> int:
        """Distance of a side from the end; written unless it is there and ``reach`` allows for it."""
        end = self.ends.get(side)
        if end is None or (reach is not None and len(self.behind) - end >= reach):
            end = self._write(side)
        return end

    def _write(self, side: _Side) -> int:
        """Put a side in front of what is written; returns its distance from the end."""
        if len(side) == 1:
            self.behind.append(self._link(side[0], 0, self.bits))
        else:
            f, t, left, right = side
            # what the left side needs lies between
            end = self._shared(right, (BYTE // 2 if self.near else 1 << 16 - self.bits) - _halves(left))
            if self.ends.get(left) != len(self.behind):
                self._write(left)
            self.behind.append((t >> self.shifts.get(f, 0)) & 0xFFFF)
            away, feature = len(self.behind) - 1 - end, self.number.get(f, 0)
            self.behind.append(
                self._link(2 * away, feature, 8) if self.near else self._link(away, feature, self.bits)
            )
        self.ends[side] = len(self.behind)
        return len(self.behind)

    def tables(self) -> list[Table | Constant]:
        """Return the table, and where each tree starts in it."""
        out: list[Table | Constant] = [
            _array("uint16_t", f"{self.prefix}_nodes", [f"{v}u" for v in self.halves])
        ]
        if self.levels:
            return out
        roots = [place[tree.root] for tree, place in zip(self.ensemble.trees, self.places, strict=True)]
        kind = "uint16_t" if max(roots) < 1 << 16 else "uint32_t"
        return [*out, _array(kind, self._starts, [f"{place}u" for place in roots])]

    @property
    def _starts(self) -> str:
        return f"{self.prefix}_starts"

    def walk(self) -> str:
        """Return the function that walks all trees."""
        source, declared, copies = "input", "", ""
        if self.copied:
            source, declared = "value", f"    int32_t value[{len(self.copied)}];\n"
            shifts = ((k, f, f" >> {s}" if s else "") for k, (f, s) in enumerate(self.copied.items()))
            copies = "".join(f"    value[{k}] = input[{f}]{shift};\n" for k, f, shift in shifts)
        first = "start" if self.levels else self._starts
        high, mask = 32 - self.bits, (1 << self.bits) - 1
        place = f"node >> {self.bits} & {(1 << 16 - self.bits) - 1}u"
        right = f"at += {place};"
        dsp = f"""                __asm__ volatile("" : "+r"(node));
                {right}"""
        if self.near:
            right = "at = (const uint16_t *)((uintptr_t)at + (node >> 8 & 255u));"
            dsp = f"""#if defined(__ARM_FEATURE_DSP)
                __asm__ volatile("uxtab %0, %0, %1, ror #8" : "+r"(at) : "r"(node));
#else
                __asm__ volatile("" : "+r"(node));
                {right}
#endif"""
        step = f"""        const uint16_t *at = {self.prefix}_nodes + {first}[tree];
        uint32_t node;
        uint32_t feature;

        /* features count from 1 here: 0 marks a leaf. The left side of a node follows it */
#if defined(__ARM_FEATURE_UNALIGNED)
        /* one load for both halfwords; nothing is to be done earlier than it is written */
        __asm__ volatile("" : "+r"(at));
        node = (uint32_t)at[0] | (uint32_t)at[1] << 16;
        at += 2;
        feature = node & {mask}u;
        while (feature != 0u) {{
            if (((const int32_t *)before)[feature] > ((int32_t)node >> 16)) {{
{dsp}
            }}
            node = (uint32_t)at[0] | (uint32_t)at[1] << 16;
            at += 2;
            feature = node & {mask}u;
        }}
#else
        for (;;) {{
            /* four times the feature with a shift up, which tells 0, and one down */
            node = at[0];
            feature = node << {high};
            if (feature == 0u) {{
                break;
            }}
            if (*(const int32_t *)(before + (feature >> {high - 2})) > (int16_t)at[1]) {{
                {right}
            }}
            at += 2;
        }}
#endif
"""
        starts = [place.__getitem__ for place in self.places]
        return _walk(
            self.ensemble, self.prefix, self.levels, self.votes, starts, declared, source, copies, step, place
        )


class _Nodes:
    """The trees below their branches as one table of pairs of words."""

    def __init__(self, ensemble: Ensemble, prefix: str, levels: int, votes: _Votes) -> None:
        self.ensemble, self.prefix, self.levels, self.votes = ensemble, prefix, levels, votes
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
        self.bits = ensemble.features.bit_length()
        self.bytes = 8 * len(self.words)

    def _word(self, tree: Tree, at: int) -> _Word:
        if at < 0:
            return _Word(0, 0, self.votes.place[~at])
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

    def tables(self) -> list[Table | Constant]:
        """Return the table; its type has no name, so it stays beside the code."""
        rows = [f"{{{_number(w.threshold)}, {w.next << self.bits | w.feature}u}}" for w in self.words]
        kind = "struct {\n    int32_t threshold;\n    uint32_t link;\n}"
        return [Constant(_array(kind, f"{self.prefix}_nodes", rows, per_line=4).text)]

    def walk(self) -> str:
        """Return the function that walks all trees."""
        name, mask = f"{self.prefix}_nodes", (1 << self.bits) - 1
        step = f"""        uint32_t at = {"start[tree]" if self.levels else "tree"};
        uint32_t link;
        uint32_t feature;

        for (link = {name}[at].link; (feature = link & {mask}u) != 0u; link = {name}[at].link) {{
            const int32_t value = ((const int32_t *)before)[feature];
            at = (link >> {self.bits}) + (uint32_t)(value > {name}[at].threshold);
        }}
"""
        starts = [place.__getitem__ for place in self.starts]
        place = f"link >> {self.bits}"
        return _walk(
            self.ensemble, self.prefix, self.levels, self.votes, starts, "", "input", "", step, place
        )


def _walk(
    ensemble: Ensemble,
    prefix: str,
    levels: int,
    votes: _Votes,
    starts: Sequence[Callable[[int], int]],
    declared: str,
    source: str,
    copies: str,
    step: str,
    place: str,
) -> str:
    """Put the walk of one tree into the function that walks all."""
    trees = len(ensemble.trees)
    out = _head(votes.function) + votes.declare() + "    uint32_t tree;\n"
    if levels:
        out += f"    uint32_t start[{trees}];\n"
    out += declared
    out += f"    const uintptr_t before = (uintptr_t){source} - sizeof(int32_t);\n"
    out += "\n    (void)arena;\n"
    if levels:
        for k, tree in enumerate(ensemble.trees):
            out += _ifs(tree, tree.root, levels, "    ", f"start[{k}] = {{}}u;", starts[k])
    out += copies + f"    for (tree = 0; tree < {trees}u; tree++) {{\n{step}        {{\n"
    return out + votes.add(place, "            ") + "        }\n    }\n" + votes.store() + "}\n"


@dataclass(frozen=True, slots=True)
class _Word:
    """A node (feature from 1, place of its first child) or a leaf (feature 0, row of votes)."""

    feature: int
    threshold: int
    next: int


def _narrow(ensemble: Ensemble) -> dict[int, int] | None:
    """Bits that can be dropped from each tested feature so that its thresholds fit int16.

    ``x <= t`` is ``x >> s <= t >> s`` where the s lowest bits of t are ones. None where that does not do.
    """
    limits: dict[int, list[int]] = {}
    for tree in ensemble.trees:
        for f, t, _, _ in tree.rows():
            limits.setdefault(f, []).append(int(t))
    shifts: dict[int, int] = {}
    for f, own in sorted(limits.items()):
        for s in range(17):
            if all(-(2**15) <= t >> s < 2**15 for t in own):
                break
        if any((t + 1) % (1 << s) for t in own):
            return None
        shifts[f] = s
    return shifts


def _halves(side: _Side) -> int:
    """Halfwords that a side takes at most."""
    return 1 if len(side) == 1 else 2 + _halves(side[2]) + _halves(side[3])


def _frontier(tree: Tree, levels: int) -> list[int]:
    """Nodes and leaves reached after ``levels`` tests, or earlier leaves."""
    at = [tree.root]
    for _ in range(levels):
        at = [c for a in at for c in ((a,) if a < 0 else (int(tree.left[a]), int(tree.right[a])))]
    return at


def _head(function: str) -> str:
    return f"static void {function}(const int32_t *input, int32_t *scores, uint8_t *arena)\n{{\n"


def _number(value: int) -> str:
    """A whole number within int32 as C text (the smallest one has no literal)."""
    return "(-2147483647 - 1)" if value == -(2**31) else str(value)


def _array(kind: str, name: str, words: Sequence[str], per_line: int = 8) -> Table:
    lines = [", ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)]
    return Table(f"const {kind} {name}[{len(words)}]", "{\n    " + ",\n    ".join(lines) + "\n}")
