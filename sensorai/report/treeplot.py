"""A decision tree drawn: tests in boxes, results in the colour of their class, nothing overlapping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sensorai.model.forest import Tree
from sensorai.report import svg
from sensorai.report.view import Colours

BOX_H, LINE_H, LEAF_H, SPACE, GAP = 38.0, 14.0, 26.0, 36.0, 12.0
SIZE = 11.0
#: Names wider than this stand on two lines: a narrow box makes a narrow tree.
ONE_LINE = 96.0

#: For each level below a subtree's root: how far it reaches left and right of the root.
Contour = list[tuple[float, float]]


def draw_tree(tree: Tree, features: Sequence[str], labels: Mapping[int, str], colours: Colours) -> str:
    """Draw a tree; the branch to the left is taken where the test holds.

    Parameters
    ----------
    tree : Tree
    features : sequence of str
        Name of each feature.
    labels : mapping of code to str
        Class names; a code without one is written as a number.
    colours : Colours
    """
    tree = tree.preorder()
    names = [features[f] if f < len(features) else f"F{f + 1}" for f in tree.feature.tolist()]
    tests = [
        f"\N{LESS-THAN OR EQUAL TO} {t:.6g}".replace("-", "\N{MINUS SIGN}") for t in tree.threshold.tolist()
    ]
    leaves = [_result(v, labels) for v in tree.leaves]
    parts = [_lines(n) for n in names]
    box = min(max([svg.text_width(part, SIZE) for p in parts for part in p] + [60.0]) + 16.0, 200.0)
    tall = BOX_H + (LINE_H if any(len(p) > 1 for p in parts) else 0.0)
    step = tall + SPACE
    leaf = min(max([svg.text_width(n, SIZE) for n in leaves] + [36.0]) + 14.0, 150.0)
    spots, contour = _place(tree, box, leaf)
    left = -min(a for a, _ in contour) + 8.0
    width = left + max(b for _, b in contour) + 8.0
    edges, boxes = [], []
    for i, (x, level) in spots.items():
        at, top = x + left, level * step + 4.0
        for child, side in ((int(tree.left[i]), -1), (int(tree.right[i]), 1)) if i >= 0 else ():
            to = spots[child if child >= 0 else _leaf_key(i, side)][0] + left
            start, end = top + tall, top + step
            middle = (start + end) / 2
            edges.append(
                f"M{svg.number(at)} {svg.number(start)}C{svg.number(at)} {svg.number(middle)} "
                f"{svg.number(to)} {svg.number(middle)} {svg.number(to)} {svg.number(end)}"
            )
        if i >= 0:
            boxes.append(_test(at, top, (box, tall), parts[i], tests[i], f"{names[i]} {tests[i]}"))
        else:
            boxes.append(_leaf(at, top, leaf, _result(_value(tree, i), labels), colours))
    if len(tree):
        at, y = spots[0][0] + left, 4.0 + tall + 14
        soft = {"font_size": 10, "fill": svg.theme("soft")}
        boxes.append(svg.text(at - 22, y, "yes", text_anchor="end", **soft))
        boxes.append(svg.text(at + 22, y, "no", **soft))
    lines = svg.el("path", d="".join(edges), fill="none", stroke=svg.theme("soft"), stroke_width=1.2)
    # every level is as high as a test; the last one holds results only
    height = (len(contour) - 1) * step + LEAF_H + 8.0
    words = f"decision tree with {len(tree)} tests and {len(leaves)} results"
    return svg.drawing(width, height, words, [lines, svg.el("g", "".join(boxes), font_size=SIZE)])


def _result(value: int, labels: Mapping[int, str]) -> str:
    return labels.get(value, str(value))


def _leaf_key(node: int, side: int) -> int:
    """Name of the leaf on one side of a node: negative, unlike any node's; -1 is a tree of one leaf."""
    return -(2 * node + (2 if side < 0 else 3))


def _value(tree: Tree, key: int) -> int:
    if key == -1:
        return ~tree.root
    node, right = divmod(-key - 2, 2)
    return ~int(tree.right[node] if right else tree.left[node])


def _place(tree: Tree, box: float, leaf: float) -> tuple[dict[int, tuple[float, int]], Contour]:
    """Place of every node and leaf as (x, level), the root at x = 0, and the outline of the whole.

    Subtrees are pushed together until their outlines are ``GAP`` apart on some level; a node stands
    midway above its children (Reingold and Tilford's way). Nodes are in pre-order, so going through
    them backwards meets children before parents.
    """
    if not len(tree):
        return {-1: (0.0, 0)}, [(-leaf / 2, leaf / 2)]
    outlines: dict[int, Contour] = {}
    apart = [0.0] * len(tree)
    for i in reversed(range(len(tree))):
        pair = [
            outlines.pop(child) if child >= 0 else [(-leaf / 2, leaf / 2)]
            for child in (int(tree.left[i]), int(tree.right[i]))
        ]
        apart[i] = max(a[1] - b[0] for a, b in zip(*pair, strict=False)) + GAP
        half = apart[i] / 2
        below: Contour = []
        for level in range(max(map(len, pair))):
            reach = [
                (lo + shift, hi + shift)
                for outline, shift in zip(pair, (-half, half), strict=True)
                for lo, hi in outline[level : level + 1]
            ]
            below.append((min(lo for lo, _ in reach), max(hi for _, hi in reach)))
        outlines[i] = [(-box / 2, box / 2), *below]
    spots: dict[int, tuple[float, int]] = {0: (0.0, 0)}
    for i in range(len(tree)):
        x, level = spots[i]
        for child, side in ((int(tree.left[i]), -1), (int(tree.right[i]), 1)):
            spots[child if child >= 0 else _leaf_key(i, side)] = (x + side * apart[i] / 2, level + 1)
    return spots, outlines[0]


def _lines(name: str) -> list[str]:
    """Return a name as it is, or cut in two at the underscore nearest to its middle."""
    cuts = [i for i, c in enumerate(name) if c == "_" and 0 < i < len(name) - 1]
    if svg.text_width(name, SIZE) <= ONE_LINE or not cuts:
        return [name]
    at = min(cuts, key=lambda i: abs(2 * i - len(name)))
    return [name[: at + 1], name[at + 1 :]]


def _test(x: float, y: float, size: tuple[float, float], name: Sequence[str], test: str, words: str) -> str:
    width, height = size
    style = {"text_anchor": "middle", "pointer_events": "none"}
    paper, frame = svg.theme("paper"), svg.theme("soft")
    parts = [svg.rect(x - width / 2, y, width, height, svg.title(words), rx=5, fill=paper, stroke=frame)]
    at = y + (height - LINE_H * (len(name) + 1)) / 2 + 10
    for k, part in enumerate(name):
        parts.append(svg.text(x, at + k * LINE_H, svg.fit(part, width - 8, SIZE), **style))
    parts.append(svg.text(x, at + len(name) * LINE_H + 1, test, font_weight="bold", **style))
    return "".join(parts)


def _leaf(x: float, y: float, width: float, name: str, colours: Colours) -> str:
    colour = colours.of(name)
    words = svg.fit(name, width - 8, SIZE)
    return svg.rect(x - width / 2, y, width, LEAF_H, svg.title(name), rx=13, fill=colour) + svg.text(
        x, y + 17, words, text_anchor="middle", fill=svg.ink_on(colour), pointer_events="none"
    )
