"""One tree as nested ifs that end in shared leaves.

A node is a load, a compare with a constant and a branch. Where Thumb-2 loads pairs, two neighbouring features
that are tested one after the other are loaded together. On Arm each leaf is there once: a compiler would
rather copy leaves, or compute them without a branch, which takes more instructions and more bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sensorai.codegen.literals import integer
from sensorai.model.forest import Tree

#: What keeps compilers from moving a load, or from merging a leaf with others.
HINT = "#if defined({})\n    __asm__ volatile({});\n#endif\n"


def leaf_function(name: str, tree: Tree, place: Callable[[int], int]) -> str:
    """Return ``static uint32_t NAME(const int32_t *input)``, which gives ``place`` of the leaf reached."""
    head = f"static uint32_t {name}(const int32_t *input)\n{{\n"
    if tree.root < 0:
        return f"{head}    (void)input;\n    return {place(tree.root)}u;\n}}\n\n"
    body = _nested(tree, tree.root, "    ", place, {})
    empty = HINT.format("__arm__", '""')
    leaves = sorted({place(~leaf) for leaf in tree.leaves})
    ends = "".join(f"leaf{at}:\n{empty}    return {at}u;\n" for at in leaves)
    return f"{head}{body}{ends}}}\n\n"


def _nested(tree: Tree, at: int, indent: str, place: Callable[[int], int], loaded: Mapping[int, str]) -> str:
    """Ifs below a node; ``loaded`` names the features that are in variables already."""
    if at < 0:
        return f"{indent}goto leaf{place(at)};\n"
    feature = int(tree.feature[at])
    sides = int(tree.left[at]), int(tree.right[at])
    out = ""
    next_ = {int(tree.feature[side]) for side in sides if side >= 0}
    if feature not in loaded and (near := sorted(next_ & {feature - 1, feature + 1} - loaded.keys())):
        pair = sorted((feature, near[0]))
        names = {f: f"x{f}" for f in pair}
        out += "".join(f"{indent}int32_t {names[f]} = input[{f}];\n" for f in pair)
        hint = ", ".join(f'"+r"({names[f]})' for f in pair)
        out += HINT.format("__thumb2__", f'"" : {hint}')
        loaded = {**loaded, **names}
    value = loaded.get(feature, f"input[{feature}]")
    left, right = (_nested(tree, side, indent + "    ", place, loaded) for side in sides)
    return (
        f"{out}{indent}if ({value} <= {integer(int(tree.threshold[at]))}) {{\n{left}"
        f"{indent}}} else {{\n{right}{indent}}}\n"
    )
