"""C of trees and forests: the reference, the host and the emulated cores give the same votes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NoReturn

import numpy as np
import numpy.typing as npt
import pytest

from sensorai.codegen.forest import emit_forest
from sensorai.codegen.parts import CodeParts
from sensorai.errors import ToolMissing
from sensorai.model.ensemble import Ensemble, build
from sensorai.model.forest import Tree
from sensorai.toolchain.arm import build_elf
from sensorai.toolchain.cpu import cpu
from sensorai.toolchain.emulator import Emulator
from sensorai.toolchain.host import build_shared

Rows = npt.NDArray[np.int32]
LOW, HIGH = -(2**31), 2**31 - 1
EXPORT = """
void run(const int32_t *input, int32_t *scores, uint32_t rows, uint32_t features, uint32_t classes);
void run(const int32_t *input, int32_t *scores, uint32_t rows, uint32_t features, uint32_t classes)
{
    uint32_t i;

    for (i = 0; i < rows; i++) {
        m_model(input + i * features, scores + i * classes, 0);
    }
}
"""


def needed(error: ToolMissing) -> NoReturn:
    """Skip without the tool; CI must have it."""
    if os.environ.get("CI"):
        pytest.fail(str(error))
    pytest.skip(str(error))


def source(parts: CodeParts) -> dict[str, str | bytes]:
    return {"m.c": "#include <stdint.h>\n\n" + parts.data + parts.source + EXPORT}


def random_tree(rng: np.random.Generator, depth: int, features: int, leaves: int, span: int) -> Tree:
    nodes: list[tuple[int, float, int, int]] = []

    def grow(level: int) -> int:
        if level == 0 or (level < depth and rng.random() < 0.2):
            return ~int(rng.integers(leaves))
        at = len(nodes)
        nodes.append((0, 0.0, 0, 0))
        threshold = float(rng.integers(-span, span)) + float(rng.choice([0.0, 0.5]))
        nodes[at] = (int(rng.integers(features)), threshold, grow(level - 1), grow(level - 1))
        return at

    root = grow(depth)
    return Tree.from_nodes(nodes, root)


def forest(seed: int, trees: int, depth: int, classes: int, span: int, total: int | None = None) -> Ensemble:
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 30, (12, classes)).astype(float)
    weights[:classes] = np.eye(classes)
    weights[:, 0] += 1
    return build(
        [random_tree(rng, depth, 5, 12, span) for _ in range(trees)],
        weights,
        [f"c{i}" for i in range(classes)],
        5,
        total=total,
    )


def coarse(ensemble: Ensemble, shift: int) -> Ensemble:
    """The same forest on features ``shift`` bits larger."""
    trees = []
    for t in ensemble.trees:
        rows = [(f, float(((int(x) + 1) << shift) - 1), a, b) for f, x, a, b in t.rows()]
        trees.append(Tree.from_nodes(rows, t.root))
    return Ensemble(tuple(trees), ensemble.votes, ensemble.classes, ensemble.features)


def apart(ensemble: Ensemble, distance: int) -> Ensemble:
    """The same forest with its features ``distance`` apart: more bits for their numbers."""
    trees = tuple(
        Tree.from_nodes([(distance * f, t, a, b) for f, t, a, b in tree.rows()], tree.root)
        for tree in ensemble.trees
    )
    return Ensemble(trees, ensemble.votes, ensemble.classes, distance * ensemble.features)


def leaf_only() -> Ensemble:
    return build([Tree.from_nodes([], -1), Tree.from_nodes([], -2)], np.eye(2), ["a", "b"], 1)


def all_sums_large() -> Ensemble:
    """Votes beyond 16 bits."""
    return forest(5, 6, 6, 3, 500, total=2**28)


def many_votes() -> Ensemble:
    """Leaves with many different votes in few numbers: bytes point at these."""
    rng = np.random.default_rng(12)
    weights = rng.integers(0, 4, (120, 4)).astype(float)
    weights[:, 3] += 1
    return build([random_tree(rng, 6, 5, 120, 300) for _ in range(9)], weights, "abcd", 5, total=2**20)


CASES: dict[str, Callable[[], Ensemble]] = {
    "tree": lambda: forest(1, 1, 5, 3, 300),
    "tree_of_large_numbers": lambda: forest(2, 1, 5, 2, 2**31 - 1),
    "one_leaf": lambda: build([Tree.from_nodes([], -2)], np.eye(3), ["a", "b", "c"], 2),
    "two_leaves_tie": leaf_only,
    "forest": lambda: forest(3, 7, 6, 4, 400),
    "forest_16_bits_sums": lambda: forest(3, 7, 6, 5, 400, total=60),
    "forest_large_sums": all_sums_large,
    "forest_wide": lambda: forest(4, 5, 7, 3, 2**31 - 1, total=240),
    "forest_shifted": lambda: coarse(forest(6, 5, 7, 3, 2**14, total=240), 9),
    "forest_sides_too_long": lambda: apart(forest(8, 2, 8, 3, 1000, total=240), 256),
    "forest_many_votes": many_votes,
    "forest_hard": lambda: forest(7, 5, 7, 3, 1000, total=1),
}


def rows_of(ensemble: Ensemble, seed: int = 0) -> Rows:
    """Random rows around all thresholds: at each one, next to it, and the ends of int32."""
    rng = np.random.default_rng(seed)
    limits: list[list[int]] = [[LOW, LOW + 1, -1, 0, 1, HIGH - 1, HIGH] for _ in range(ensemble.features)]
    for tree in ensemble.trees:
        for f, t, _, _ in tree.rows():
            limits[f] += [v for v in (int(t) - 1, int(t), int(t) + 1) if LOW <= v <= HIGH]
    rows = [[int(rng.choice(column)) for column in limits] for _ in range(40)]
    # along every decision path, each threshold exactly met and just missed
    for tree in ensemble.trees:
        for path in paths(tree):
            row = [int(rng.choice(column)) for column in limits]
            for at, left in path:
                t = int(tree.threshold[at])
                row[int(tree.feature[at])] = t if left else t + 1
            rows.append(row)
    return np.array(rows, np.int32)


def paths(tree: Tree) -> Iterator[list[tuple[int, bool]]]:
    stack: list[tuple[int, list[tuple[int, bool]]]] = [(tree.root, [])]
    while stack:
        at, path = stack.pop()
        if at < 0:
            continue
        for left, child in ((True, int(tree.left[at])), (False, int(tree.right[at]))):
            yield [*path, (at, left)]
            stack.append((child, [*path, (at, left)]))


def on_host(parts: CodeParts, rows: Rows, classes: int) -> Rows:
    try:
        library = build_shared(source(parts))
    except ToolMissing as error:
        needed(error)
    scores = np.full((len(rows), classes), -1, np.int32)
    library.call("run", rows, scores, len(rows), rows.shape[1], classes, returns="void")
    return scores


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("levels", [None, 0, 1, 3])
def test_host_equals_reference(name: str, levels: int | None) -> None:
    ensemble = CASES[name]()
    rows = rows_of(ensemble)
    got = on_host(emit_forest(ensemble, "m", levels=levels), rows, len(ensemble.classes))
    assert np.array_equal(got, ensemble.scores(rows))
    assert (got.sum(axis=1) == ensemble.total * len(ensemble.trees)).all()


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7"])
def test_emulator_equals_reference(core: str) -> None:
    for name, make in CASES.items():
        ensemble = make()
        rows = rows_of(ensemble)[:80]
        for levels in (None, 0):
            try:
                image = build_elf(source(emit_forest(ensemble, "m", levels=levels)), cpu(core))
                emulator = Emulator(image)
            except ToolMissing as error:
                needed(error)
            assert image.library_calls == ()
            scores = np.full((len(rows), len(ensemble.classes)), -1, np.int32)
            emulator.call("run", rows, scores, len(rows), rows.shape[1], scores.shape[1], returns="void")
            assert np.array_equal(scores, ensemble.scores(rows)), (name, levels)


MUTANTS = {
    "forest": [
        (" > (int16_t)at[1]", " >= (int16_t)at[1]"),
        ("sum1 += vote[0]", "sum1 = vote[0]"),
        ("tree = 0; tree <", "tree = 1; tree <"),
    ],
    "tree": [(" <= ", " < ")],
    "forest_shifted": [("(int16_t)at[1]", "(int16_t)at[1] * 2"), ("] >> 8;", "] >> 7;")],
    "forest_wide": [(" > m_nodes", " >= m_nodes")],
}


def test_which_table() -> None:
    """Halfwords where thresholds, sides and features fit them, also after dropping bits."""
    table = {name: emit_forest(make(), "m", levels=0).data for name, make in CASES.items()}
    words = {name for name, text in table.items() if "uint32_t link" in text}
    assert words == {"tree_of_large_numbers", "forest_wide", "forest_sides_too_long"}


def test_many_votes_are_bytes() -> None:
    table = {name: "m_values" in emit_forest(make(), "m", levels=0).data for name, make in CASES.items()}
    assert [name for name, bytes_ in table.items() if bytes_] == ["forest_many_votes"]


def test_equal_right_sides_are_written_once() -> None:
    """Two trees that differ at the top only: the second one's right side is the first one's."""
    side = [(0, 5.0, ~0, 2), (1, 7.0, ~1, 3), (2, 9.0, ~2, ~0)]

    def tree(threshold: float) -> Tree:
        return Tree.from_nodes([(3, threshold, ~1, 1), *side])

    one, two = (
        build(trees, np.eye(3), "abc", 4, total=240) for trees in ([tree(1.0)] * 1, [tree(1.0), tree(2.0)])
    )
    sizes = [emit_forest(e, "m", levels=0).data.split("m_nodes[")[1].split("]")[0] for e in (one, two)]
    # a node and its left leaf more
    assert int(sizes[1]) - int(sizes[0]) == 3
    rows = np.array(
        [[a, b, c, d] for a in (5, 6) for b in (7, 8) for c in (9, 10) for d in (1, 2, 3)], np.int32
    )
    assert np.array_equal(on_host(emit_forest(two, "m", levels=0), rows, 3), two.scores(rows))


def test_neighbours_are_loaded_together_and_leaves_are_there_once() -> None:
    ends = [(3, 0.0, 1, 2), (2, 10.0, ~0, ~1), (4, 0.0, 3, 4), (3, 20.0, ~0, ~1), (4, 30.0, ~1, ~0)]
    ensemble = build([Tree.from_nodes(ends)], np.eye(2), "ab", 5)
    parts = emit_forest(ensemble, "m")
    # the nearest one first, and what is loaded is not loaded again
    assert parts.source.count("x2 = input[2]") == parts.source.count("x3 = input[3]") == 1
    assert parts.source.count("(x3 <= ") == 2
    assert parts.source.count("return 0u;") == parts.source.count("return 1u;") == 1
    rows = rows_of(ensemble)
    assert np.array_equal(on_host(parts, rows, 2), ensemble.scores(rows))


def test_common_last_tests_of_several_trees_share_a_comparison() -> None:
    ends = [(0, 0.0, 1, 2), (1, 10.0, ~0, ~1), (2, 0.0, 3, 4), (3, 20.0, ~0, ~1), (4, 30.0, ~1, ~0)]
    ensemble = build([Tree.from_nodes(ends), Tree.from_nodes([(4, 1.0, ~1, ~0)])], np.eye(2), "ab", 5)
    parts = emit_forest(ensemble, "m")
    assert parts.source.count("value = input[") == 2
    rows = rows_of(ensemble)
    assert np.array_equal(on_host(parts, rows, 2), ensemble.scores(rows))


def test_right_sides_are_near_where_a_byte_reaches() -> None:
    """A left side of more than 127 halfwords is stepped over by a word's other bits, in every core's code."""
    one, other = forest(3, 2, 6, 4, 500), forest(3, 2, 9, 4, 500)
    near, far = (emit_forest(e, "m", levels=0).source for e in (one, other))
    assert "uxtab" in near
    assert "uxtab" not in far
    for ensemble in (one, other):
        rows = rows_of(ensemble)[:60]
        try:
            emulator = Emulator(build_elf(source(emit_forest(ensemble, "m", levels=0)), cpu("cortex-m4")))
        except ToolMissing as error:
            needed(error)
        scores = np.full((len(rows), len(ensemble.classes)), -1, np.int32)
        emulator.call("run", rows, scores, len(rows), rows.shape[1], scores.shape[1], returns="void")
        assert np.array_equal(scores, ensemble.scores(rows))


def test_rows_of_votes_overlap() -> None:
    """Four rows of two kept classes share their ends: 0 0 7 0 holds three of them."""
    leaves = np.array([[0, 0, 7], [0, 7, 0], [7, 0, 0]], float)
    tree = Tree.from_nodes([(0, 1.0, ~0, 1), (0, 2.0, ~1, ~2)])
    ensemble = build([tree, tree], leaves, ["a", "b", "c"], 1, total=7)
    parts = emit_forest(ensemble, "m", levels=0)
    assert "m_votes[4]" in parts.data
    rows = np.array([[1], [2], [3]], np.int32)
    assert np.array_equal(on_host(parts, rows, 3), ensemble.scores(rows))


@pytest.mark.parametrize("name", MUTANTS)
def test_mutants_are_seen(name: str) -> None:
    """What the at-threshold rows are for: each of these faults changes a score."""
    ensemble = CASES[name]()
    rows = rows_of(ensemble)
    parts = emit_forest(ensemble, "m", levels=None if name == "tree" else 0)
    for old, new in MUTANTS[name]:
        assert old in parts.source
        broken = replace(parts, source=parts.source.replace(old, new))
        got = on_host(broken, rows, len(ensemble.classes))
        assert not np.array_equal(got, ensemble.scores(rows)), (old, new)


def test_nearest_threshold_is_seen() -> None:
    """Rounding a threshold of k + 0.5 up instead of down changes an answer at the threshold."""
    tree = Tree.from_nodes([(0, 2.5, -1, -2)])
    ensemble = build([tree], np.eye(2), ["a", "b"], 1)
    rows = np.array([[1], [2], [3], [4]], np.int32)
    scores = on_host(emit_forest(ensemble, "m"), rows, 2)
    assert np.argmax(scores, axis=1).tolist() == [0, 0, 1, 1]


def test_small_code_on_cortex_m4() -> None:
    """A tree of eleven nodes within 20 instructions; a walk of a table within ten a step."""
    ensemble = forest(11, 1, 4, 4, 1000)
    parts = emit_forest(ensemble, "m")
    text = source(parts)["m.c"]
    assert isinstance(text, str)
    head = "uint32_t leaf(const int32_t *input)"
    export = f"\n{head};\n{head}\n{{\n    return m_leaf(input);\n}}\n"
    try:
        image = build_elf({"m.c": text + export}, cpu("cortex-m4"), keep=["leaf"])
        emulator = Emulator(image)
    except ToolMissing as error:
        needed(error)
    rows = rows_of(ensemble)
    calls = [emulator.call("leaf", row, returns="uint32") for row in rows]
    assert [c.value for c in calls] == ensemble.trees[0].predict(rows.astype(np.float64)).tolist()
    assert max(c.instructions for c in calls) <= 4 + 5 * 4
