import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from sensorai.mlc.config import FEATURE_CODES, FILTER_COEFFICIENTS, Feature, Filter, Source
from sensorai.mlc.formulas import describe_feature, describe_filter
from sensorai.mlc.trace import trace_of
from sensorai.model.forest import Tree
from sensorai.report import svg, timeline, words
from sensorai.report.charts import Dot, bars, confusion, curve, tradeoff
from sensorai.report.timeline import COLUMNS, LEFT, PLOT, WINDOWS, per_block
from sensorai.report.treeplot import draw_tree
from sensorai.report.view import Colours, of_trace

from . import make

COLOURS = Colours(make.CLASSES)
LABELS = {1: "still", 2: "walking", 3: "running"}


def boxes(drawing: str) -> list[tuple[float, float, float, float]]:
    found = re.findall(r'<rect x="([-\d.]+)" y="([-\d.]+)" width="([-\d.]+)" height="([-\d.]+)"', drawing)
    return [(float(x), float(y), float(w), float(h)) for x, y, w, h in found]


def lopsided() -> Tree:
    """Two deep arms that lean towards one another."""
    rows = [(0, 0.0, 1, 31)]
    rows += [(0, float(i), ~1, i + 1 if i < 30 else ~2) for i in range(1, 31)]
    rows += [(1, float(i), i + 1 if i < 60 else ~3, ~1) for i in range(31, 61)]
    return Tree.from_nodes(rows)


@pytest.mark.parametrize(
    "tree", [make.chain(127), make.full(7), make.chain(1), lopsided(), Tree.from_nodes([], ~2)]
)
def test_nothing_in_a_tree_overlaps_or_leaves_the_drawing(tree: Tree) -> None:
    drawing = draw_tree(tree, ["F1_A", "F2_A_LONG_NAME_on_ACC_V2"], LABELS, COLOURS)
    found = boxes(drawing)
    assert len(found) == len(tree) + len(tree.leaves)
    size = re.search(r'width="([\d.]+)" height="([\d.]+)"', drawing)
    assert size
    width, height = map(float, size.groups())
    for x, y, w, h in found:
        assert x >= 0
        assert x + w <= width
        assert y >= 0
        assert y + h <= height
    by_level: dict[float, list[tuple[float, float]]] = {}
    for x, y, w, _ in found:
        by_level.setdefault(y, []).append((x, x + w))
    assert len(by_level) == tree.depth + 1
    for row in by_level.values():
        row.sort()
        assert all(a[1] + 10 < b[0] for a, b in pairwise(row))


def test_tree_reads_left_to_right_and_keeps_signs() -> None:
    tree = Tree.from_nodes([(0, -0.5, ~1, 1), (5, 2.0, ~2, ~9)])
    drawing = draw_tree(tree, ["one"], LABELS, COLOURS)
    assert "≤ \N{MINUS SIGN}0.5" in drawing
    assert "F6" in drawing
    x = {name: float(at) for at, name in re.findall(r'<text x="([\d.]+)"[^>]*>(\w+)</text>', drawing)}
    assert x["still"] < x["one"] < x["F6"] < x["9"]
    assert x["walking"] < x["F6"]
    assert x["walking"] < x["9"]


def test_signal_keeps_extremes_and_breaks_at_nan() -> None:
    n = 100_000
    values = np.zeros(n)
    values[33_333], values[77_777] = 5.0, -7.0
    values[50_000:52_000] = np.nan
    path = timeline._signal(values, PLOT, lambda v: v)
    points = [(float(x), float(y)) for x, y in re.findall(r"[ML]([-\d.]+) ([-\d.]+)", path)]
    assert len(points) <= 2 * COLUMNS
    assert {y for _, y in points} == {5.0, -7.0, 0.0}
    top = next(x for x, y in points if y == 5.0)
    assert abs(top - (LEFT + PLOT * 33_333.5 / n)) < 2 * PLOT / COLUMNS
    assert path.count("M") == 2
    assert timeline._signal(np.full(3, np.nan), PLOT, lambda v: v) == ""
    assert timeline._signal(np.zeros(0), PLOT, lambda v: v) == ""


def marks(drawing: str) -> list[tuple[float, float, float]]:
    """Start, width and height of the marks of the first strip that has some."""
    found = re.search(r'd="([^"]*)"[^>]*><title>wrong</title>', drawing)
    return [] if not found else [
        (float(x), float(w), float(h))
        for x, w, h in re.findall(r"M([\d.]+) [\d.]+h([\d.]+)v([\d.]+)", found.group(1))
    ]  # fmt: skip


def test_wrong_windows_are_marked_where_they_are() -> None:
    conf = make.config(make.full(2))
    view = make.view(conf, "log", ["still", "walking", None, "walking"], [1, 3, 3, 2])
    drawing = timeline.timeline(view, [COLOURS], ["tree1"])
    second = PLOT / (len(view.recording) / make.RATE)
    (mark,) = marks(drawing)
    assert mark == pytest.approx((LEFT + second, second, timeline.MARK), abs=0.01)
    right = make.view(conf, "log", [None] + ["still"] * 4, [1] * 5)
    assert not marks(timeline.timeline(right, [COLOURS], ["tree1"]))


def test_long_recordings_are_drawn_in_blocks() -> None:
    assert per_block(WINDOWS) == 1
    assert per_block(WINDOWS + 1) == 4
    conf = make.config(make.full(2))
    n = WINDOWS + 1
    view = make.view(conf, "log", ["still"] * n, [2 if k in (8, 9, 10, 400) else 1 for k in range(n)])
    drawing = timeline.timeline(view, [COLOURS], ["tree1"])
    heights = [h for _, _, h in marks(drawing)]
    assert heights == [
        pytest.approx(timeline.MARK * 3 / 4, abs=0.01),
        pytest.approx(timeline.MARK / 4, abs=0.01),
    ]
    assert len(drawing) < 120_000


def test_flat_unitless_and_unused_channels() -> None:
    conf = make.config(make.full(2))
    view = make.view(conf, "log", ["still"] * 3, [1] * 3)
    flat = replace(view.recording, samples=np.full_like(view.recording.samples, np.nan))
    drawing = timeline.timeline(replace(view, recording=flat), [COLOURS], ["tree1"])
    assert "nan" not in drawing
    recording, trace = make.traced(conf, "log", ["still"] * 3, [1] * 3)
    none = of_trace(trace_of(recording, replace(trace, config=replace(conf, features=()))), ("label",))
    drawing = timeline.timeline(none, [COLOURS], ["tree1"])
    assert "accelerometer" not in drawing


def test_confusion_shows_counts_shares_and_other_only_when_there() -> None:
    drawing = confusion(["a", "b"], ["a", "b", "(other)"], [[3, 1, 0], [0, 0, 0]])
    assert ">3<" in drawing
    assert "75 %" in drawing
    assert "(other)" not in drawing
    assert "(other)" in confusion(["a"], ["a", "(other)"], [[3, 1]])
    assert "rotate(-45)" in confusion(["a very long class name"], ["a very long class name"], [[3]])
    confusion([], [], [])


def test_bars_and_curves_at_their_edges() -> None:
    drawing = bars(["up", "down", "unknown"], [2.0, -1.0, None], "points", "what")
    (_, _, up, _), (x, _, down, _) = boxes(drawing)
    assert up == pytest.approx(2 * down, abs=0.1)
    assert x > 0
    assert "\N{MINUS SIGN}1.0 points" in drawing
    assert boxes(bars(["zero"], [0.0], "points", "what"))[0][2] == 0.0
    bars([], [], "points", "what")
    assert "nan" not in curve([("a", None), ("b", float("nan")), ("c", 1.0)], 2, "x", "y")
    assert curve([("a", 1.0), ("b", 1.0)], 1, "x", "y").count('r="5"') == 1
    assert "circle" not in curve([("a", None)], None, "x", "y")


def test_the_best_that_each_cost_buys() -> None:
    dots = [
        Dot(100.0, 50.0, "<small>", "front"),
        Dot(1000.0, 90.0, "large", "taken"),
        Dot(900.0, 40.0, "worse", "front"),
        Dot(500.0, 1.0, "far below", "seen"),
    ]
    drawing = tradeoff(dots, "flash, B", "accuracy", 2000.0)
    places = {
        name: (float(x), float(y))
        for x, y, name in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"[^>]*><title>([^:]*):', drawing)
    }
    assert places["&lt;small&gt;"][0] < places["worse"][0] < places["large"][0]
    assert places["large"][1] < places["&lt;small&gt;"][1] < places["worse"][1] < places["far below"][1]
    # a step at the large one; what costs more for less is on no line
    (stairs,) = re.findall(r'd="(M[^"]*)" fill="none"', drawing)
    assert stairs.count("L") == 2
    assert "budget" in drawing
    # nothing leaves the drawing, and one dot is enough
    assert max(y for _, y in places.values()) <= 256
    assert "nan" not in tradeoff([Dot(0.0, 100.0, "one", "taken")], "x", "y")


def test_ticks_fit_and_text() -> None:
    assert svg.ticks(0.0, 10.0, 5) == [0, 2, 4, 6, 8, 10]
    assert svg.ticks(1.0, 1.0, 5) == []
    assert svg.fit("walking", 1000, 12) == "walking"
    assert svg.fit("walking", 30, 12).endswith("…")
    assert svg.fit("walking", 2, 12) == ""
    assert svg.text_width("走", 10) == 10.0
    assert svg.number(-0.01) == "0"
    assert svg.ink_on("#f0e442") == "#000000"
    assert svg.ink_on("#332288") == "#ffffff"
    assert list(svg.blocks("aab")) == [(0, 2, "a"), (2, 3, "b")]
    assert list(svg.blocks("")) == []


def test_every_feature_and_filter_has_words() -> None:
    conf = make.config(make.full(2))
    for kind in FEATURE_CODES:
        for source in (Source("acc", "X"), Source("gyro", "V2"), Source("ext", "V", 0)):
            said = describe_feature(conf, Feature(kind, source, True, 0x3C00))
            assert "absolute value" in said
            assert "{" not in said
    for kind, verb in (("ZERO_CROSSING", "crosses"), ("NEGATIVE_ZERO_CROSSING", "falls through")):
        said = describe_feature(conf, Feature(kind, Source("acc", "X"), threshold=0x8000))
        assert said == f"twice the number of times that accelerometer X {verb} its mean in the window before"
    gyro = Feature("PEAK_DETECTOR", Source("gyro", "Z"), threshold=0x3800)
    assert "0.5 rad/s" in describe_feature(conf, gyro)
    wide = replace(conf, device="LSM6DSO32X")
    assert "× 2 g" in describe_feature(wide, Feature("PEAK_DETECTOR", Source("acc", "X"), threshold=0x3C00))
    high = replace(conf, third_sensor=3)
    assert "high-g accelerometer" in describe_feature(high, Feature("MEAN", Source("ext", "X")))
    for kind, names in FILTER_COEFFICIENTS.items():
        said = describe_filter(conf, Filter(kind, "acc", "XYZ", (0x3C00,) * len(names)))
        assert all(f"{name} = 1" in said for name in names)


def test_chance_and_weakest() -> None:
    assert words.chance([[3, 1, 0], [0, 8, 0], [0, 0, 0]]) == (8 / 12, 0.5)
    assert words.chance([[0, 0]]) == (None, None)
    judged = {"recall": [0.5, None], "confusion": [[1, 0, 1], [0, 0, 0]], "classes": ["a", "b"]}
    assert words.weakest({**judged, "columns": ["a", "b", "(other)"]}) == ("a", 0.5, "(other)")
    assert words.weakest({**judged, "recall": [1.0, None]}) is None
    assert words.weakest({**judged, "recall": [None, None]}) is None
