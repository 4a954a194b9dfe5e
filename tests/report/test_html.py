import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorai.errors import DataError
from sensorai.mlc.config import MlcConfig
from sensorai.mlc.simulate import Trace
from sensorai.mlc.trace import trace_of
from sensorai.model.forest import Tree
from sensorai.report import Report, svg, words
from sensorai.report.sections import SECTIONS
from sensorai.report.view import MOST, Watched, choose, of_trace, right

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


def usual() -> tuple[dict[str, Any], list[Watched]]:
    conf = make.config(make.full(3))
    some = make.views(conf)
    return make.report(conf, some), some


def test_page_says_what_counts() -> None:
    report, some = usual()
    said = words_of(make.page(report, some))
    judged = report["classifiers"][0]["held_out"]
    assert words.percent(judged["decided"]["balanced_accuracy"]) in said
    assert words.percent(judged["answer"]["accuracy"]) in said
    assert "guessing gives 33.3 %" in said
    assert "the registers equal the trained tree in 120 windows" in said
    assert "the trained tree120equal in every bit" in said
    assert "random windows: OPTIMISTIC" in said
    assert "3 recordings resampled from 25 Hz to 26 Hz" in said
    assert "MLC1_SRC" in said
    assert "1 still, 2 walking, 3 running" in said
    assert "Only 2 groups to judge on: a rough estimate" in said
    assert "variance of the norm of the accelerometer" in said
    assert "high-pass: half the difference of neighbouring samples" in said
    for source in report["sources"].values():
        assert source in said


def test_same_bytes_again_and_under_another_hash_seed(repo: Path) -> None:
    pages = {make.page(*usual()), make.page(*usual())}
    assert len(pages) == 1
    other = make.page_hash_elsewhere(repo, "test_html", "make.page(*t.usual())")
    assert other == hashlib.sha256(pages.pop().encode()).hexdigest()


def test_hostile_names_stay_text() -> None:
    classes = ("<script>alert(1)</script>", "a\"b' onload=x", "x\x00\x1b[31m&amp;\ud800")
    conf = make.config(make.full(2), classes)
    some = make.views(conf, 2)
    report = make.report(conf, some)
    report["name"] = "</title><b>"
    report["notes"] = ["<img src=x>"]
    report["warnings"] = ["<marquee>"]
    page = make.page(report, some)
    page.encode()
    said = "".join(walk(page).text)
    assert classes[0] in said
    assert classes[1] in said
    assert "x\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[31m&amp;" in said
    assert "</title><b>" in said
    assert "<marquee>" in said


def judge(classes: Sequence[str], truth: Sequence[str | None], results: Sequence[int]) -> str:
    conf = make.config(make.full(2), classes)
    some = [make.view(conf, "log", truth, results)]
    return words_of(make.page(make.report(conf, some), some))


def test_one_class_that_is_never_right() -> None:
    said = judge(("still", "walking"), ["still"] * 5 + ["walking"] * 5, [1] * 10)
    assert "Weakest class: walking, right in 0.0 % of its windows, most often taken for still" in said


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
    assert "Over time" not in words_of(make.page(report))
    short = make.view(conf, "short", [], [])
    assert "no labels" in words_of(make.page(report, [short]))


@pytest.mark.parametrize("tree", [make.chain(127), make.full(7), make.chain(1), Tree.from_nodes([], ~2)])
def test_trees_of_all_sizes(tree: Tree) -> None:
    conf = make.config(tree)
    some = make.views(conf, 1)
    walk(make.page(make.report(conf, some), some))


def test_what_is_missing_in_the_dict_is_not_drawn() -> None:
    conf = make.config(make.full(2), counters=(0, 0, 0, 0))
    some = make.views(conf)
    report = make.report(conf, some)
    tree = report["classifiers"][0]
    tree["choices"] = {"pruning": [], "end_counters": []}
    tree["random_windows_optimistic"] = None
    report["choices"] = {
        "window": [{"window": 26, "seconds": 1.0, "chosen": True}],
        "sensors": [],
        "features": [],
    }
    report["sources"] = {}
    page = make.page(report, some)
    assert "How it was chosen" not in page
    assert page.count("<svg") == len(some) + 3
    assert "The meta-classifier is off" in words_of(page)
    tree["random_windows_optimistic"] = {"accuracy": float("nan"), "balanced_accuracy": None}
    words_of(make.page(report, some))


def test_validation_of_a_file_claims_nothing_about_training() -> None:
    report, some = usual()
    report |= {"by": "validate", "sources": {"held_out": "computed"}}
    report["proof"] = {
        "what": "features and results of the register file against those of",
        "levels": [
            {"level": "UCF", "windows": 120, "first_divergence": None},
            {"level": "header", "windows": 3, "first_divergence": "log, row 3"},
        ],
    }
    del report["choices"]
    report["settings"] |= {"seed": None, "sensors": {"acc": {"rate_hz": None, "full_scale": None}}}
    report["cost"]["registers"]["writes"] = None
    del report["classifiers"][0]["choices"], report["classifiers"][0]["random_windows_optimistic"]
    said = words_of(make.page(report, some))
    assert "training" not in said
    assert "held out" not in said.lower()
    assert "OPTIMISTIC" not in said
    assert "walkers.json" not in said
    assert "UCF120equal in every bit" in said
    assert "header3log, row 3" in said
    assert "not equal" in said
    assert "bit for bit" not in said
    assert "unknown rate, full scale unknown" in said


def test_two_trees() -> None:
    conf = make.config(make.full(2))
    conf = MlcConfig(
        conf.device, conf.window, conf.mlc_rate_hz, conf.inputs, conf.filters, conf.features,
        conf.trees * 2, conf.settings,
    )  # fmt: skip
    some = []
    for name in "abc":
        recording, t = make.traced(conf, name, ["still", "walking"] * 9, [1, 2, 2] * 6)
        twice = (np.repeat(t.tree, 2, axis=1), np.repeat(t.decided, 2, axis=1))
        trace = Trace(conf, t.rate_hz, t.features, *twice, 0, np.zeros(2, np.uint8))
        some.append(of_trace(trace_of(recording, trace), ("label", "label")))
    report = make.report(conf, some)
    (one,) = report["classifiers"]
    report["classifiers"] = [one, {**one, "name": "posture", "register": "MLC2_SRC"}]
    said = words_of(make.page(report, some))
    assert "Tree posture" in said
    assert "Read MLC2_SRC (Tree posture)" in said


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
    assert "15 more recordings not shown" in words_of(make.page(make.report(conf, some), some))
    assert choose([bare, bad]) == [bad, bare]


def test_notes_that_all_recordings_have_are_said_once() -> None:
    report, some = usual()
    noted = [replace(v, notes=("resampled", f"gap in {v.recording.name}")) for v in some]
    said = words_of(make.page(report, noted))
    assert said.count("All of these: resampled") == 1
    assert said.count("gap in ") == len(some)


def test_style_and_drawings_have_one_set_of_colours(repo: Path) -> None:
    style = (repo / "sensorai/report/page.css").read_text()
    light, dark = (dict(re.findall(r"--(\w+): (#\w+)", part)) for part in style.split("@media")[:2])
    assert {k: light[k] for k in svg.THEME} == svg.THEME
    assert set(dark) == set(light)


def test_warnings_come_first() -> None:
    report, some = usual()
    plain = words_of(make.page(report, some))
    report["warnings"] = ["worse than naming the commonest class"]
    said = words_of(make.page(report, some))
    assert said.index("worse than naming the commonest class") < said.rindex("for the machine learning core")
    assert said.replace("worse than naming the commonest class ", "") == plain


def test_a_report_is_opened_again_and_says_the_same() -> None:
    report, some = usual()
    stored = json.loads(json.dumps(report))
    assert Report.of(stored).figures == report
    assert Report.of(stored).html(some) == Report.of(report).html(some)


def test_in_a_notebook_the_page_stands_in_a_frame() -> None:
    report, _ = usual()
    shown = Report.of(report)._repr_html_()
    frame = re.fullmatch(r'<iframe srcdoc="([^"]*)" sandbox style="[^"]*"></iframe>', shown, re.DOTALL)
    assert frame
    assert unescape(frame.group(1)) == Report.of(report).html()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "other"}, "no report of sensorai"),
        ({"version": 1}, "has version 1, version 2 is read"),
        ({"proof": None}, "lacks proof"),
    ],
)
def test_what_is_no_report_is_refused(change: dict[str, Any], said: str) -> None:
    report, _ = usual()
    kept = {key: value for key, value in {**report, **change}.items() if value is not None}
    with pytest.raises(DataError, match=said):
        Report.of(kept)


def test_sections_have_a_template_each_and_the_page_shows_them_in_order() -> None:
    names = [section.id for section in SECTIONS]
    room = files("sensorai.report.sections")
    assert {f"{name}.jinja" for name in names} == {
        one.name for one in room.iterdir() if one.name.endswith(".jinja")
    }
    shown = re.findall(r'<section id="(\w+)">', make.page(*usual()))
    assert shown == [name for name in names if name in shown]
    assert len(shown) > 9
