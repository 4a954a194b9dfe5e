import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorai.mlc.config import MlcConfig
from sensorai.mlc.simulate import Trace
from sensorai.model.forest import Tree
from sensorai.report import svg, words
from sensorai.report.html import render
from sensorai.report.view import MOST, View, choose, right

from . import make

VOID = {"meta", "br"}


class Walk(HTMLParser):
    """Every tag that opens closes in order; text and attributes are kept."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def walk(page: str) -> Walk:
    parser = Walk()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    assert not {"script", "link", "img", "iframe", "object", "image", "use"} & set(parser.seen)
    assert not {"src", "href", "xlink:href", "onload", "onclick"} & {name for name, _ in parser.attributes}
    assert "url(" not in page
    assert "@import" not in page
    assert set(re.findall(r"\w+://[^\"\s]*", page)) <= {"http://www.w3.org/2000/svg"}
    ids = [value for name, value in parser.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    shown = [*parser.text, *(value or "" for _, value in parser.attributes)]
    assert not re.search(r"\b(nan|None|inf)\b", " ".join(shown))
    return parser


def words_of(page: str) -> str:
    return " ".join("".join(walk(page).text).split())


def usual() -> tuple[dict[str, Any], list[View], MlcConfig]:
    conf = make.config(make.full(3))
    some = make.views(conf)
    return make.report(conf, some), some, conf


def test_page_says_what_counts() -> None:
    report, some, conf = usual()
    said = words_of(render(report, some, conf))
    judged = report["trees"][0]["held_out"]
    assert words.percent(judged["decided"]["balanced_accuracy"]) in said
    assert words.percent(judged["tree"]["accuracy"]) in said
    assert "guessing gives 33.3 %" in said
    assert "120 of 120 windows equal" in said
    assert "random windows: OPTIMISTIC" in said
    assert "3 recordings resampled from 25 Hz to 26 Hz" in said
    assert "MLC1_SRC" in said
    assert "1 still, 2 walking, 3 running" in said
    assert "Only 2 groups held out: a rough estimate" in said
    assert "variance of the norm of the accelerometer" in said
    assert "high-pass: half the difference of neighbouring samples" in said
    for source in report["sources"].values():
        assert source in said


def test_same_bytes_again_and_under_another_hash_seed(repo: Path) -> None:
    pages = {render(*usual()), render(*usual())}
    assert len(pages) == 1
    other = make.page_hash_elsewhere(repo, "test_html", "render(*t.usual())")
    assert other == hashlib.sha256(pages.pop().encode()).hexdigest()


def test_hostile_names_stay_text() -> None:
    classes = ("<script>alert(1)</script>", "a\"b' onload=x", "x\x00\x1b[31m&amp;\ud800")
    conf = make.config(make.full(2), classes)
    some = make.views(conf, 2)
    report = make.report(conf, some)
    report["name"] = "</title><b>"
    report["notes"] = ["<img src=x>"]
    page = render(report, some, conf)
    page.encode()
    said = "".join(walk(page).text)
    assert classes[0] in said
    assert classes[1] in said
    assert "x\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[31m&amp;" in said
    assert "</title><b>" in said


def judge(classes: Sequence[str], truth: Sequence[str | None], results: Sequence[int]) -> str:
    conf = make.config(make.full(2), classes)
    some = [make.view(conf, "log", truth, results)]
    return words_of(render(make.report(conf, some), some, conf))


def test_one_class_that_is_never_right() -> None:
    said = judge(("still", "walking"), ["still"] * 5 + ["walking"] * 5, [1] * 10)
    assert "Weakest class: walking, right in 0.0 % of its windows, most often shown as still" in said


def test_all_right() -> None:
    # the register starts at 0 and lags, so only the tree can be all right: one class, first window unlabelled
    said = judge(("still",), [None] + ["still"] * 5, [1] * 6)
    assert "Every labelled window is right." in said


def test_no_labels_at_all() -> None:
    said = judge(("still", "walking"), [None] * 6, [1, 2, 1, 2, 1, 2])
    assert "nothing can be said about new data" in said
    assert "no labels" in said
    assert "Only 2 groups" not in said


def test_no_views_and_recording_without_windows() -> None:
    conf = make.config(make.full(2))
    report = make.report(conf, [])
    assert "No recording to show." in words_of(render(report, [], conf))
    short = make.view(conf, "short", [], [])
    assert "no labels" in words_of(render(report, [short], conf))


@pytest.mark.parametrize("tree", [make.chain(127), make.full(7), make.chain(1), Tree.from_nodes([], ~2)])
def test_trees_of_all_sizes(tree: Tree) -> None:
    conf = make.config(tree)
    some = make.views(conf, 1)
    walk(render(make.report(conf, some), some, conf))


def test_what_is_missing_in_the_dict_is_not_drawn() -> None:
    conf = make.config(make.full(2), counters=(0, 0, 0, 0))
    some = make.views(conf)
    report = make.report(conf, some)
    tree = report["trees"][0]
    tree["choices"] = {"name": "tree1", "pruning": [], "end_counters": []}
    report["choices"] = {
        "window": [{"window": 26, "seconds": 1.0, "chosen": True}],
        "sensors": [],
        "features": [],
    }
    report["sources"] = {}
    page = render(report, some, conf)
    assert page.count("<svg") == len(some) + 3
    assert "The meta-classifier is off" in words_of(page)
    tree["choices"] = {"random_windows_optimistic": {"accuracy": float("nan"), "balanced_accuracy": None}}
    words_of(render(report, some, conf))


def test_validation_of_a_file_claims_nothing_about_training() -> None:
    report, some, conf = usual()
    report["levels"] = [
        {"level": "UCF", "windows": 120, "first_divergence": None},
        {"level": "header", "windows": 3, "first_divergence": "log, row 3"},
    ]
    report["match"] |= {"first_divergence": "log, row 3"}
    report["choices"] = {"window": [], "sensors": [], "features": []}
    report["settings"] |= {"seed": None, "sensors": {"acc": {"rate_hz": None, "full_scale": None}}}
    report["registers"]["writes"] = None
    report["trees"][0]["choices"] = {}
    report["sources"] = {"held_out": "computed"}
    said = words_of(render(report, some, conf))
    assert "training" not in said
    assert "held out" not in said.lower()
    assert "OPTIMISTIC" not in said
    assert "walkers.json" not in said
    assert "UCF: equal in 120 windows" in said
    assert "First divergence: log, row 3" in said
    assert "120 of 120" not in said
    assert "unknown rate, full scale unknown" in said


def test_two_trees() -> None:
    conf = make.config(make.full(2))
    conf = MlcConfig(
        conf.device, conf.window, conf.mlc_rate_hz, conf.inputs, conf.filters, conf.features,
        conf.trees * 2, conf.settings,
    )  # fmt: skip
    some = []
    for v in make.views(conf):
        t = v.trace
        twice = (np.repeat(t.tree, 2, axis=1), np.repeat(t.decided, 2, axis=1))
        trace = Trace(conf, t.rate_hz, t.features, *twice, 0, np.zeros(2, np.uint8))
        some.append(View(v.recording, trace, ("label", "label")))
    report = make.report(conf, some)
    report["trees"] = [report["trees"][0], {**report["trees"][0], "name": "posture"}]
    said = words_of(render(report, some, conf))
    assert "Tree posture" in said
    assert "MLC2_SRC (posture)" in said


def test_views_worst_first_and_every_class() -> None:
    conf = make.config(make.full(2))
    calm = [
        make.view(conf, f"calm {i}", ["still"] * 10, [1] * (10 - i % 3) + [2] * (i % 3)) for i in range(20)
    ]
    rare = make.view(conf, "rare", ["running"] * 10, [3] * 10)
    bad = make.view(conf, "bad", ["walking"] * 10, [1] * 10)
    bare = make.view(conf, "bare", [None] * 10, [1] * 10)
    shown = choose([bare, *calm, rare, bad])
    names = [v.recording.name for v in shown]
    assert names[0] == "bad"
    assert names[-1] == "rare"
    assert "bare" not in names
    assert len(names) == MOST
    rights = [right(v)[0] for v in shown]
    assert rights == sorted(rights)
    some = [bare, *calm, rare, bad]
    assert "15 more recordings not shown" in words_of(render(make.report(conf, some), some, conf))
    assert choose([bare, bad]) == [bad, bare]


def test_notes_that_all_recordings_have_are_said_once() -> None:
    report, some, conf = usual()
    noted = [
        View(replace(v.recording, notes=("resampled", f"gap in {v.recording.name}")), v.trace, v.columns)
        for v in some
    ]
    said = words_of(render(report, noted, conf))
    assert said.count("All of these: resampled") == 1
    assert said.count("gap in ") == len(some)


def test_style_and_drawings_have_one_set_of_colours(repo: Path) -> None:
    style = (repo / "sensorai/report/page.css").read_text()
    light, dark = (dict(re.findall(r"--(\w+): (#\w+)", part)) for part in style.split("@media")[:2])
    assert {k: light[k] for k in svg.THEME} == svg.THEME
    assert set(dark) == set(light)
