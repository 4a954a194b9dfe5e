"""One tree as nested ifs that end in leaves.

A node is a load, a compare with a constant and a branch. For a tree that is alone there are two hints to
compilers. Where Thumb-2 loads pairs, two neighbouring features that are tested one after the other are loaded
together. On Arm each leaf is there once: a compiler would rather copy leaves, or compute them without a
branch, which takes more instructions and more bytes. Of several trees, which load a feature once for all,
nodes above the same two leaves share one comparison at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from sensorai.codegen.literals import integer
from sensorai.model.forest import Tree

#: What keeps compilers from moving a load, or from merging a leaf with others.
HINT = "#if defined({})\n    __asm__ volatile({});\n#endif\n"


def leaf_function(name: str, tree: Tree, place: Callable[[int], int], *, alone: bool) -> str:
    """Return ``static uint32_t NAME(const int32_t *input)``, which gives ``place`` of the leaf reached."""
    head = f"static uint32_t {name}(const int32_t *input)\n{{\n"
    if tree.root < 0:
        return f"{head}    (void)input;\n    return {place(tree.root)}u;\n}}\n\n"
    if alone:
        empty = HINT.format("__arm__", '""')
        leaves = sorted({place(~leaf) for leaf in tree.leaves})
        ends = "".join(f"leaf{at}:\n{empty}    return {at}u;\n" for at in leaves)
        return f"{head}{_paired(tree, tree.root, '    ', place, {})}{ends}}}\n\n"
    tail = _common_tail(tree)
    body = _ifs(tree, tree.root, "    ", place, tail)
    if tail is None:
        return f"{head}{body}}}\n\n"
    left, right = map(place, tail)
    return (
        f"{head}    int32_t value;\n    int32_t limit;\n\n{body}"
        f"    return value <= limit ? {left}u : {right}u;\n}}\n\n"
    )


def _paired(tree: Tree, at: int, indent: str, place: Callable[[int], int], loaded: Mapping[int, str]) -> str:
    """Ifs below a node that jump to leaves; ``loaded`` names the features that are in variables."""
    if at < 0:
        return f"{indent}goto leaf{place(at)};\n"
    feature = int(tree.feature[at])
    sides = int(tree.left[at]), int(tree.right[at])
    out = ""
    after = {int(tree.feature[side]) for side in sides if side >= 0}
    near = sorted(after & {feature - 1, feature + 1} - loaded.keys())
    if near and feature not in loaded:
        names = {f: f"x{f}" for f in sorted((feature, near[0]))}
        out += "".join(f"{indent}int32_t {name} = input[{f}];\n" for f, name in names.items())
        out += HINT.format("__thumb2__", '"" : ' + ", ".join(f'"+r"({name})' for name in names.values()))
        loaded = {**loaded, **names}
    value = loaded.get(feature, f"input[{feature}]")
    left, right = (_paired(tree, side, indent + "    ", place, loaded) for side in sides)
    return out + _if(f"{value} <= {integer(int(tree.threshold[at]))}", left, right, indent)


def _ifs(tree: Tree, at: int, indent: str, place: Callable[[int], int], tail: tuple[int, int] | None) -> str:
    """Ifs below a node that return; one above the leaves of ``tail`` only says what is to be compared."""
    if at < 0:
        return f"{indent}return {place(at)}u;\n"
    feature, limit = int(tree.feature[at]), integer(int(tree.threshold[at]))
    sides = int(tree.left[at]), int(tree.right[at])
    if sides == tail:
        return f"{indent}value = input[{feature}];\n{indent}limit = {limit};\n"
    left, right = (_ifs(tree, side, indent + "    ", place, tail) for side in sides)
    return _if(f"input[{feature}] <= {limit}", left, right, indent)


def _if(test: str, left: str, right: str, indent: str) -> str:
    return f"{indent}if ({test}) {{\n{left}{indent}}} else {{\n{right}{indent}}}\n"


def _common_tail(tree: Tree) -> tuple[int, int] | None:
    """Two leaves that end several branches together, the most frequent such."""
    ends = Counter((left, right) for _, _, left, right in tree.rows() if left < 0 and right < 0)
    ((pair, count),) = ends.most_common(1) or [((0, 0), 0)]
    return pair if count > 1 else None
