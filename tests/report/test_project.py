import copy
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorai.features.catalogue import IntFeature
from sensorai.model.decision import NONE
from sensorai.model.ensemble import Ensemble
from sensorai.model.forest import Tree
from sensorai.model.pipeline import Count, Pipeline, PipelineTrace
from sensorai.recording import NO_RESULT, Channel, Recording, Span
from sensorai.report import charts, project_figures, words
from sensorai.report.project_html import ProjectView, render_project
from sensorai.report.project_text import summary_project
from sensorai.report.view import MOST, right
from sensorai.verify.cjudge import judge

from . import make
from .test_html import walk, words_of
from .test_text import printed

CLASSES = ("still", "walking", "running")
WINDOW, STRIDE, RATE = 20, 10, 25.0


def pipeline(classes: Sequence[str] = CLASSES) -> Pipeline:
    tree = Tree.from_nodes([(0, 100.0, ~0, 1), (0, 900.0, ~1, ~2)])
    model = Ensemble((tree,), np.eye(3, len(classes), dtype=np.int32), tuple(classes), 1)
    channels = tuple(Count(f"acc_{a}", "mg", 0.122) for a in "xyz")
    features = (IntFeature("JERK_RMS", (0,)),)
    return Pipeline("gait", channels, RATE, WINDOW, STRIDE, (), features, None, model, tuple(classes), 1)


def view(p: Pipeline, name: str, answers: Sequence[int], truth: Sequence[int | None]) -> ProjectView:
    """One label per stride, and one stride more than answers; the decision lags by one window."""
    n = len(truth) * STRIDE
    samples = np.random.default_rng(len(name)).normal(0, 300, (n, 3))
    spans: list[Span] = []
    for k, c in enumerate(truth):
        if c is None:
            continue
        start = spans.pop().start if k and truth[k - 1] == c else k * STRIDE
        spans.append(Span(start, (k + 1) * STRIDE, p.classes[c]))
    recording = Recording(
        samples,
        tuple(Channel(f"acc_{a}", "mg") for a in "xyz"),
        RATE,
        {"label": tuple(spans)},
        name[0],
        name,
        notes=("resampled from 24 Hz to 25 Hz",),
    )
    answer = np.array(answers, np.int64)
    rows = len(answer)
    trace = PipelineTrace(
        np.zeros((rows, 1), np.int32),
        np.zeros((rows, 1), np.int32),
        np.zeros((rows, 3), np.int32),
        answer,
        np.concatenate([np.full(min(rows, 1), NONE, np.int64), answer[:-1]]),
        np.arange(rows) * STRIDE + WINDOW,
        np.zeros(rows, np.int64),
    )
    return ProjectView(recording, trace, p, "label")


def views(p: Pipeline, count: int = 2) -> list[ProjectView]:
    truth = [0] * 6 + [1] * 6 + [2] * 6 + [None] * 3
    answers = [0] * 5 + [1] * 5 + [2] * 10
    return [view(p, f"{'ab'[k % 2]}-walk {k}", answers[: 20 - k], truth[: 21 - k]) for k in range(count)]


def report(p: Pipeline, some: Sequence[ProjectView]) -> dict[str, Any]:
    """What ``report.json`` would hold, small, made by hand."""
    return {
        "format": "sensorai-report",
        "version": 1,
        "sensorai": "0.1.0",
        "name": "gait",
        "target": "stm32",
        "device": "stm32l4",
        "sources": {
            "held_out": "computed: the integer reference",
            "random_windows_optimistic": "computed: too good",
            "flash, ram": "compiled",
            "instructions, stack": "emulated",
            "cycles": "an estimate from kinds of instructions",
        },
        "data": {
            "recordings": len(some),
            "groups": ["a", "b", "c", "d"],
            "test_groups": ["a", "b"],
            "validation_groups": ["c"],
            "windows": {"train": 31, "validation": 17, "test": 37},
        },
        "settings": {
            "rate_hz": RATE,
            "window": WINDOW,
            "window_s": WINDOW / RATE,
            "stride": STRIDE,
            "channels": [{"name": c.name, "unit": c.unit, "lsb": c.lsb} for c in p.channels],
            "features": ["JERK_RMS_acc_x", "NORM_JERK_MEAN_acc_x_acc_y_acc_z", "ZERO_CROSSING_acc_z_40"],
            "model": "mlp",
            "precision": "int8",
            "wins": 1,
            "seed": 7,
        },
        "accuracy": {
            "integer": {"train": 0.981, "validation": 0.912, "test": 0.903},
            "float": {"train": 0.982, "validation": 0.913, "test": 0.904},
            "random_windows_optimistic": 0.967,
        },
        "classes": list(p.classes),
        "held_out": judge(p, [v.recording for v in some], [v.trace for v in some], "label"),
        "learning": {
            "curve": [
                {
                    "stage": stage,
                    "train_loss": 1.0 / (k + 1),
                    "train_accuracy": 1 - 0.5 / (k + 1),
                    "validation_loss": loss,
                    "validation_accuracy": 0.9 - loss / 10,
                }
                for k, (stage, loss) in enumerate(
                    [("float", 1.1), ("float", 0.2), ("int8", 0.9), ("int8", 0.7), ("int8", 0.7)]
                )
            ],
            "verdict": {"fit": "over", "why": "the net knows its training groups better than others"},
        },
        "layers": [
            {"name": "dense_0", "macs": 1200, "weight_bytes": 1300, "activation_bytes": 56},
            {"name": "dense_1", "macs": 34, "weight_bytes": 21, "activation_bytes": 16},
        ],
        "levels": [
            {"level": "this machine, with sanitizers", "windows": 37, "first_divergence": None},
            {"level": "cortex-m4, emulated", "windows": 37, "first_divergence": None},
        ],
        "stand_in": None,
        "cost": {
            "core": "cortex-m4",
            "flash": 5296,
            "ram": 1412,
            "stack": 552,
            "instructions_mean": 25549.4,
            "instructions_most": 25678,
            "instructions_sample": 56.0,
            "cycles": 39290.0,
            "seconds": 491e-6,
            "joules": 11.8e-6,
        },
        "notes": ["layers of 16, 3"],
    }


def usual() -> tuple[dict[str, Any], list[ProjectView]]:
    p = pipeline()
    some = views(p)
    return report(p, some), some


def test_both_say_what_counts() -> None:
    r, some = usual()
    page, screen = words_of(render_project(r, some)), printed(summary_project(r))
    decided = r["held_out"]["decided"]
    for said in (page, screen):
        for x in (decided["balanced_accuracy"], decided["accuracy"], 0.903, 0.904, 0.912, 0.967):
            assert words.percent(x) in said
        for figure in ("OPTIMISTIC", "5,296 B", "1,412 B", "552 B", "25,549", "25,678", "39,290", "491 µs"):
            assert figure in said
        for figure in ("11.8 µJ", "compiled", "emulated", "an estimate from kinds of instructions"):
            assert figure in said
        assert "Overfit: the net knows its training groups better than others" in said
        assert "equal in every bit" in said
        assert "layers of 16, 3" in said
        assert "1,234" in said  # multiply-accumulates of all layers
        assert "1,321" in said  # bytes of weights of all layers
    assert max(map(len, screen.splitlines())) <= 100
    assert "\x1b" not in screen
    for source in r["sources"].values():
        assert source in page
    assert "the C equals the reference in 37 windows" in page
    assert "Only 2 groups held out: a rough estimate" in page
    assert "each is drawn where its last 10 samples are" in page
    assert "All of these: resampled from 24 Hz to 25 Hz" in page
    assert "Instructions were counted for the whole window only" in page
    assert "the ISPU" not in page
    assert page.index("balanced accuracy") < page.index("Notes") < page.index("What it costs")


def test_same_bytes_again_and_under_another_hash_seed(repo: Path) -> None:
    pages = {render_project(*usual()), render_project(*usual())}
    assert len(pages) == 1
    other = make.page_hash_elsewhere(repo, "test_project", "render_project(*t.usual())")
    assert other == hashlib.sha256(pages.pop().encode()).hexdigest()


def test_nothing_is_changed_in_the_dict() -> None:
    r, some = usual()
    before = copy.deepcopy(r)
    render_project(r, some)
    summary_project(r)
    assert r == before


HOSTILE = ("<script>alert(1)</script>", "a\"b' onload=x", "[red]\x00\x1b[31m&amp;\ud800")


def test_hostile_names_stay_text() -> None:
    p = pipeline(HOSTILE)
    some = [
        replace(v, recording=replace(v.recording, name="<b>n", group="</h3>&", notes=("<i>note",)))
        for v in views(p)
    ]
    r = report(p, some)
    r["name"] = "</title><b>"
    r["device"] = "<img src=x>"
    r["notes"] = ["<img src=x>[bold]"]
    r["data"]["test_groups"] = ["<u>"]
    r["settings"]["features"] = ["<td>"]
    r["settings"]["channels"][0]["name"] = "<tr>"
    r["layers"][0]["name"] = "</table>" + "n" * 90
    r["levels"][0]["level"] = "<svg>"
    r["levels"][1] = {"level": "[bold]m4", "missing": "<a href=x>"}
    r["learning"]["curve"][0]["stage"] = "</svg><g>"
    r["learning"]["verdict"]["why"] = "<em>"
    r["cost"]["core"] = "</td>[dim]"
    page = render_project(r, some)
    page.encode()
    said = "".join(walk(page).text)
    bad = "[red]\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[31m&amp;"
    for name in (*HOSTILE[:2], bad, "</title><b>", "<b>n", "</h3>&", "<i>note", "<img src=x>[bold]", "<u>"):
        assert name in said
    for name in (
        "<td>",
        "<tr>",
        "</table>nnn",
        "<svg>",
        "<a href=x>",
        "</svg><g>, epochs: 1",
        "<em>",
        "</td>",
    ):
        assert name in said
    screen = printed(summary_project(r))
    assert "\x1b" not in screen
    for name in ("[red]", "[bold]m4", "[dim]", "<script>"):
        assert name in screen
    assert max(map(len, screen.splitlines())) <= 100


def test_nothing_measured() -> None:
    r, some = usual()
    r["cost"] = None
    r["levels"] = [
        {"level": "this machine", "missing": "gcc is not installed: apt install gcc"},
        {"level": "cortex-m4", "missing": "not run: apt install gcc-arm-none-eabi"},
    ]
    page, screen = words_of(render_project(r, some)), printed(summary_project(r))
    assert "no tool was there to run the C" in page
    assert "bit for bit" not in page
    for said in (page, screen):
        assert "not run: gcc is not installed: apt install gcc" in said
        assert "not run: apt install gcc-arm-none-eabi" in said
        assert "not run: not run" not in said
        assert "not measured" in said
        assert "equal in every bit" not in said


def test_a_difference_is_said() -> None:
    r, some = usual()
    r["levels"][1]["first_divergence"] = "a-walk 0, window 3: score 1"
    page = words_of(render_project(r, some))
    assert "the C and the reference part" in page
    assert "bit for bit" not in page
    assert "a-walk 0, window 3: score 1" in page
    assert "a-walk 0, window 3: score 1" in printed(summary_project(r))


def test_stand_in_is_said() -> None:
    r, some = usual()
    r |= {"target": "ispu", "device": "ISM330IS"}
    r["cost"] |= {
        "core": "cortex-m0plus (stand-in: not measured on the ISPU)",
        "seconds": None,
        "joules": None,
    }
    r["stand_in"] = {
        "source": "Cortex-M0+ stand-in",
        "code_bytes": 2841,
        "code_limit": 32768,
        "data_bytes": 1700,
        "data_limit": 8192,
        "stack_bytes": 333,
    }
    page, screen = words_of(render_project(r, some)), printed(summary_project(r))
    for said in (page, screen):
        assert "in C for the ISPU of ISM330IS" in said
        assert "stand-in: not measured on the ISPU" in said
        assert "2,841 of 32,768 B" in said
        assert "1,700 of 8,192 B" in said
        assert "energy" not in said
    assert "Not measured on the ISPU" in page
    assert max(map(len, screen.splitlines())) <= 100
    r["cost"] = r["stand_in"] = None
    assert "which stands in" not in words_of(render_project(r, some))


def test_size_and_what_was_tried() -> None:
    p = pipeline()
    some = views(p, 2)
    r = report(p, some)
    assert "Size" not in words_of(render_project(r, some))
    r["size"] = {
        "chosen": "layers of 16, 8",
        "why": "the smallest of 2 learnt",
        "source": "compiled",
        "tried": [
            {
                "size": "layers of 32, 16",
                "flash": 5296,
                "ram": 1900,
                "validation": None,
                "seed": 7,
                "verdict": "does not fit: <b>1,200</b> bytes too many",
            },
            {
                "size": "layers of 16, 8",
                "flash": None,
                "ram": None,
                "validation": 0.9125,
                "seed": 7,
                "verdict": "taken",
            },
        ],
    }
    page, text = words_of(render_project(r, some)), printed(summary_project(r))
    for said in (page, text):
        assert "layers of 16, 8 (the smallest of 2 learnt)" in " ".join(said.split())
        assert "5,296" in said
        assert "91.3 %" in said
        assert "does not fit: <b>1,200</b>" in " ".join(said.split())
        assert "taken" in said


def test_trees_have_no_curve() -> None:
    r, some = usual()
    r["learning"] = {"curve": [], "verdict": None}
    r["layers"] = []
    r["accuracy"] = {
        "integer": {"train": 0.98, "test": 0.9},
        "float": {"train": 0.98, "test": 0.9},
        "random_windows_optimistic": None,
    }
    page = words_of(render_project(r, some))
    assert "No learning curve" in page
    assert "The model has no layers." in page
    assert "fit:" not in page + printed(summary_project(r))


def test_raw_windows_and_filter_off() -> None:
    r, some = usual()
    r["settings"] |= {"features": [], "wins": 0}
    page = words_of(render_project(r, some))
    assert "the window goes straight into the net" in page
    assert "The decision filter is off" in page
    assert "raw windows" in printed(summary_project(r))


def test_instructions_by_layer_where_they_were_counted() -> None:
    r, some = usual()
    r["layers"][0]["instructions"] = 2100
    page = words_of(render_project(r, some))
    assert "2,100" in page
    assert "Instructions of a layer: emulated." in page
    assert project_figures.layers(r)[1]["instructions"] == words.NOTHING
    r["layers"][1]["instructions"] = 90.4
    assert project_figures.layers(r)[1]["instructions"] == "2,190"


def test_nothing_held_out_and_no_label() -> None:
    p = pipeline()
    some = [view(p, "bare", [0, 1], [None] * 3), view(p, "short", [], [None])]
    r = report(p, some)
    r["data"]["test_groups"] = []
    page = words_of(render_project(r, some))
    assert "No group was held out" in page
    assert "nothing can be said about new data" in page
    assert "no labels" in page
    assert "held out: nothing" in printed(summary_project(r))
    assert "no labelled windows: nothing to judge" in printed(summary_project(r))
    assert "No recording to show." in words_of(render_project(r, []))


def test_at_most_a_few_recordings() -> None:
    p = pipeline()
    some = views(p, MOST + 3)
    page = render_project(report(p, some), some)
    assert page.count("signals, truth and results over time") == MOST
    assert "3 more recordings not shown" in words_of(page)


def test_view_names_windows() -> None:
    p = pipeline()
    v = view(p, "log", [0, 2, 1, 1], [0, 0, 1, 1, None])
    # the second window crosses a border, the last one leaves the labels
    assert v.truth(0) == ["still", None, "walking", None]
    assert v.results(0) == ["still", "running", "walking", "walking"]
    assert v.decided(0) == [NO_RESULT, "still", "running", "walking"]
    assert right(v) == (2, 2)
    assert v.ends_s.tolist() == [0.8, 1.2, 1.6, 2.0]
    assert v.sensors == ["acc"]


def test_strips_start_one_stride_before_the_end_of_the_first_window() -> None:
    from sensorai.report.timeline import LEFT, PLOT, timeline
    from sensorai.report.view import Colours

    v = view(pipeline(), "log", [0, 0, 0], [0] * 4)
    drawn = timeline(v, [Colours(CLASSES)], ["gait"])
    start, width = LEFT + PLOT / 4, 3 * PLOT / 4
    assert f'd="M{start:.2f} ' in drawn
    assert f"h{width:.2f}v" in drawn


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        ([], None),
        ([("float", 0.1), ("int8", 0.7), ("int8", 0.5), ("int8", 0.5)], 2),
        ([("float", 0.9), ("float", 0.1), ("float", 0.2)], 1),
        ([("float", 0.1), ("int8", None)], None),
    ],
)
def test_kept_epoch_is_the_best_of_the_last_stage(
    curve: list[tuple[str, float | None]], expected: int | None
) -> None:
    epochs = [{"stage": stage, "validation_loss": loss} for stage, loss in curve]
    assert project_figures.kept(epochs) == expected


def test_learning_chart_breaks_where_a_value_is_missing() -> None:
    drawn = charts.learning(["float"] * 3 + ["int8"], [3.0, None, 1.0, 1.0], [4.0, 3.0, 2.0, 2.0], 3, "loss")
    broken = next(part for part in drawn.split("<path") if 'width="1.8"' in part)
    assert broken.count("M") == 2
    assert drawn.count("<circle") == 1
    assert "kept: 2" in drawn
    assert drawn.count('stroke-dasharray="2 3"') == 1  # one border between two stages
    assert charts.learning([], [], [], None, "loss").startswith("<svg")
    assert "<circle" not in charts.learning(["float"], [1.0], [None], 0, "loss")
    assert len(charts.learning(["float"] * 3000, [1.0] * 3000, [1.0] * 3000, 1, "loss")) < 100_000


@pytest.mark.parametrize(
    ("x", "expected"),
    [(None, "—"), (2.0, "2 s"), (0.0125, "12.5 ms"), (491e-6, "491 µs"), (3.4e-8, "34 ns"), (0.0, "0 ns")],
)
def test_short_quantities(x: float | None, expected: str) -> None:
    assert words.short(x, "s") == expected


def test_feature_words_take_the_longest_name() -> None:
    assert "x[i+1] - x[i]" in project_figures.feature_words("JERK_RMS_acc_x")
    assert "differences of the norm" in project_figures.feature_words("NORM_JERK_MEAN_acc_x_acc_y_acc_z")
    assert project_figures.feature_words("MEAN_acc_x") != project_figures.feature_words(
        "MEAN_CROSSING_acc_x_3"
    )
    assert project_figures.feature_words("UNHEARD_OF") == words.NOTHING
