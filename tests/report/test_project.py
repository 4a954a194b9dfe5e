import copy
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorai.cproject.figures import PROOF, of_pipeline
from sensorai.cproject.trace import trace_of
from sensorai.features.catalogue import IntFeature, formula
from sensorai.model.decision import NONE
from sensorai.model.ensemble import Ensemble
from sensorai.model.forest import Tree
from sensorai.model.pipeline import Count, Pipeline, PipelineTrace
from sensorai.recording import NO_RESULT, Channel, Recording, Span
from sensorai.report import Report, charts, words
from sensorai.report.sections import cost, learning
from sensorai.report.view import MOST, Watched, of_trace, right
from sensorai.verify import shape
from sensorai.verify.judge import compare
from sensorai.verify.shape import merged

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


def view(
    p: Pipeline, name: str, answers: Sequence[int], truth: Sequence[int | None], /, **changed: Any
) -> Watched:
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
    return of_trace(trace_of(p, replace(recording, **changed), trace), ("label",))


def views(p: Pipeline, count: int = 2, **changed: Any) -> list[Watched]:
    truth = [0] * 6 + [1] * 6 + [2] * 6 + [None] * 3
    answers = [0] * 5 + [1] * 5 + [2] * 10
    return [
        view(p, f"{'ab'[k % 2]}-walk {k}", answers[: 20 - k], truth[: 21 - k], **changed)
        for k in range(count)
    ]


def judged(p: Pipeline, some: Sequence[Watched]) -> dict[str, Any]:
    """What answers and decisions are worth."""
    return compare(
        [v.recording for v in some],
        [v.truth[0] for v in some],
        [v.results[0] for v in some],
        [v.decided[0] for v in some],
        [p.window] * len(some),
        "label",
        p.classes,
        [np.rint(v.ends_s * p.rate_hz).astype(int).tolist() for v in some],
    ).as_dict()


def report(p: Pipeline, some: Sequence[Watched]) -> dict[str, Any]:
    """What ``report.json`` would hold, small, made by hand."""
    return {
        **shape.head("train", "classify", "stm32", "stm32l4", "gait"),
        **merged(of_pipeline(p), {"model": {"kind": "mlp", "precision": "int8"}, "settings": {"seed": 7}}),
        "features": {
            "each": [
                {"name": "JERK_RMS_acc_x", "formula": formula(IntFeature("JERK_RMS", (0,)))},
                {"name": "NORM_MEAN", "formula": "<sum> of the norm"},
            ],
            "filters": [],
        },
        "sources": {
            "held_out": "computed: the integer reference",
            "random_windows_optimistic": "computed: too good",
            "memory": "compiled",
            "run": "emulated",
            "cycles": "an estimate from kinds of instructions",
        },
        "data": {
            "recordings": shape.listed([v.recording for v in some], ["a", "b"]),
            "groups": ["a", "b", "c", "d"],
            "test_groups": ["a", "b"],
            "windows": {"train": 48, "test": 37},
        },
        "classifiers": [
            {
                "name": p.name,
                "column": "label",
                "classes": [{"name": name, "code": i} for i, name in enumerate(p.classes)],
                "held_out": judged(p, some),
                "accuracy": {
                    "integer": {"train": 0.981, "folds": 0.912, "test": 0.903},
                    "float": {"train": 0.982, "folds": 0.913, "test": 0.904},
                },
                "random_windows_optimistic": {"accuracy": 0.967, "balanced_accuracy": None},
            }
        ],
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
        "proof": {
            "what": PROOF,
            "levels": [
                make.level("this machine, with sanitizers", 37),
                make.level("cortex-m4, emulated", 37),
            ],
        },
        "cost": {
            "layers": [
                {"name": "dense_0", "macs": 1200, "weight_bytes": 1300, "activation_bytes": 56},
                {"name": "dense_1", "macs": 34, "weight_bytes": 21, "activation_bytes": 16},
            ],
            "program": None,
            "library": make.library(),
        },
        "notes": ["layers of 16, 3"],
    }


def summary(figures: dict[str, Any]) -> str:
    return printed(Report.of(figures))


def usual() -> tuple[dict[str, Any], list[Watched]]:
    p = pipeline()
    some = views(p)
    return report(p, some), some


def test_both_say_what_counts() -> None:
    r, some = usual()
    page, screen = words_of(make.page(r, some)), summary(r)
    decided = r["classifiers"][0]["held_out"]["decided"]
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
    assert "the C equals the reference in 37 windows at each of 2 levels" in page
    assert "Only 2 groups to judge on: a rough estimate" in page
    assert "each is drawn where its last 10 samples are" in page
    assert "All of these: resampled from 24 Hz to 25 Hz" in page
    assert "Instructions were counted for the whole window only" in page
    assert "the ISPU" not in page
    assert page.index("balanced accuracy") < page.index("Notes") < page.index("What it costs")


def test_same_bytes_again_and_under_another_hash_seed(repo: Path) -> None:
    pages = {make.page(*usual()), make.page(*usual())}
    assert len(pages) == 1
    other = make.page_hash_elsewhere(repo, "test_project", "make.page(*t.usual())")
    assert other == hashlib.sha256(pages.pop().encode()).hexdigest()


def test_nothing_is_changed_in_the_dict() -> None:
    r, some = usual()
    before = copy.deepcopy(r)
    make.page(r, some)
    summary(r)
    assert r == before


HOSTILE = ("<script>alert(1)</script>", "a\"b' onload=x", "[red]\x00\x1b[31m&amp;\ud800")


def test_hostile_names_stay_text() -> None:
    p = pipeline(HOSTILE)
    some = views(p, name="<b>n", group="</h3>&", notes=("<i>note",))
    r = report(p, some)
    r["name"] = "</title><b>"
    r["device"] = "<img src=x>"
    r["notes"] = ["<img src=x>[bold]"]
    r["data"]["test_groups"] = ["<u>"]
    r["features"]["each"] = [{"name": "<td>", "formula": "<th>"}]
    r["settings"]["channels"][0]["name"] = "<tr>"
    r["cost"]["layers"][0]["name"] = "</table>" + "n" * 90
    r["proof"]["levels"] = [make.level("<svg>", 3), make.missing("[bold]m4", "<a href=x>")]
    r["warnings"] = ["<blink>[blue]"]
    r["learning"]["curve"][0]["stage"] = "</svg><g>"
    r["learning"]["verdict"]["why"] = "<em>"
    r["cost"]["library"]["core"] = "</td>[dim]"
    page = make.page(r, some)
    page.encode()
    said = "".join(walk(page).text)
    bad = "[red]\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[31m&amp;"
    for name in (*HOSTILE[:2], bad, "</title><b>", "<b>n", "</h3>&", "<i>note", "<img src=x>[bold]", "<u>"):
        assert name in said
    for name in (
        "<td>",
        "<th>",
        "<blink>[blue]",
        "<tr>",
        "</table>nnn",
        "<svg>",
        "<a href=x>",
        "</svg><g>, epochs: 1",
        "<em>",
        "</td>",
    ):
        assert name in said
    screen = summary(r)
    assert "\x1b" not in screen
    for name in ("[red]", "[bold]m4", "[dim]", "<script>"):
        assert name in screen
    assert max(map(len, screen.splitlines())) <= 100


def test_nothing_measured() -> None:
    r, some = usual()
    r["cost"]["library"] = None
    r["proof"]["levels"] = [
        make.missing("this machine", "gcc is not installed: apt install gcc"),
        make.missing("cortex-m4", "apt install gcc-arm-none-eabi"),
    ]
    page, screen = words_of(make.page(r, some)), summary(r)
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
    r["proof"]["levels"][1]["first_divergence"] = "a-walk 0, window 3: score 1"
    page = words_of(make.page(r, some))
    assert "not equal" in page
    assert "bit for bit" not in page
    assert "a-walk 0, window 3: score 1" in page
    assert "a-walk 0, window 3: score 1" in summary(r)


def test_stand_in_is_said() -> None:
    r, some = usual()
    r |= {"target": "ispu", "device": "ISM330IS"}
    r["cost"]["library"] |= {
        "core": "cortex-m0plus (stand-in: not measured on the ISPU)",
        "seconds": None,
        "joules": None,
    }
    r["cost"]["program"] = {
        "source": "Cortex-M0+ stand-in",
        "code_bytes": 2841,
        "code_limit": 32768,
        "data_bytes": 1700,
        "data_limit": 8192,
        "stack_bytes": 333,
    }
    page, screen = words_of(make.page(r, some)), summary(r)
    for said in (page, screen):
        assert "in C for the ISPU of ISM330IS" in said
        assert "stand-in: not measured on the ISPU" in said
        assert "2,841 of 32,768 B" in said
        assert "1,700 of 8,192 B" in said
        assert "energy" not in said
    assert "Not measured on the ISPU" in page
    assert max(map(len, screen.splitlines())) <= 100
    r["cost"]["library"] = r["cost"]["program"] = None
    assert "which stands in" not in words_of(make.page(r, some))


def test_size_and_what_was_tried() -> None:
    p = pipeline()
    some = views(p, 2)
    r = report(p, some)
    assert "How it was chosen" not in words_of(make.page(r, some))
    r["choices"] = {}
    r["choices"]["size"] = {
        "chosen": "layers of 16, 8",
        "why": "the smallest of 2 learnt",
        "source": "compiled",
        "tried": [
            {
                "size": "layers of 32, 16",
                "flash": 5296,
                "ram": 1900,
                "seed": 7,
                "verdict": "does not fit: <b>1,200</b> bytes too many",
            },
            {
                "size": "layers of 16, 8",
                "flash": None,
                "ram": None,
                "seed": 7,
                "verdict": "taken",
            },
        ],
    }
    page, text = words_of(make.page(r, some)), summary(r)
    for said in (page, text):
        assert "layers of 16, 8 (the smallest of 2 learnt)" in " ".join(said.split())
        assert "5,296" in said
        assert "does not fit: <b>1,200</b>" in " ".join(said.split())
        assert "taken" in said


def test_trees_have_no_curve() -> None:
    r, some = usual()
    del r["learning"]
    r["cost"]["layers"] = []
    r["classifiers"][0] |= {
        "accuracy": {
            "integer": {"train": 0.98, "test": 0.9},
            "float": {"train": 0.98, "test": 0.9},
        },
        "random_windows_optimistic": None,
    }
    page = words_of(make.page(r, some))
    assert "Learning" not in page
    assert "epoch" not in page
    assert "Layers" not in page
    assert "fit:" not in page + summary(r)


def test_raw_windows_and_filter_off() -> None:
    r, some = usual()
    r["features"]["each"] = []
    r["settings"]["wins"] = 0
    page = words_of(make.page(r, some))
    assert "the window goes straight into the model" in page
    assert "The decision filter is off" in page
    assert "raw windows" in summary(r)


def test_instructions_by_layer_where_they_were_counted() -> None:
    r, some = usual()
    r["cost"]["layers"][0]["instructions"] = 2100
    page = words_of(make.page(r, some))
    assert "2,100" in page
    assert "Instructions of a layer: emulated." in page
    assert cost.layers(r)[1]["instructions"] == words.NOTHING
    r["cost"]["layers"][1]["instructions"] = 90.4
    assert cost.layers(r)[1]["instructions"] == "2,190"


def test_nothing_held_out_and_no_label() -> None:
    p = pipeline()
    some = [view(p, "bare", [0, 1], [None] * 3), view(p, "short", [], [None])]
    r = report(p, some)
    r["data"]["test_groups"] = []
    page = words_of(make.page(r, some))
    assert "No group was held out" in page
    assert "nothing can be said about new data" in page
    assert "no labels" in page
    assert "held out: nothing" in summary(r)
    assert "no labelled windows: nothing to judge" in summary(r)
    assert "Over time" not in words_of(make.page(r))


def test_at_most_a_few_recordings() -> None:
    p = pipeline()
    some = views(p, MOST + 3)
    page = make.page(report(p, some), some)
    assert page.count("signals, truth and results over time") == MOST
    assert "3 more recordings not shown" in words_of(page)


def test_view_names_windows() -> None:
    p = pipeline()
    v = view(p, "log", [0, 2, 1, 1], [0, 0, 1, 1, None])
    # the second window crosses a border, the last one leaves the labels
    assert v.truth == (("still", None, "walking", None),)
    assert v.results == (("still", "running", "walking", "walking"),)
    assert v.decided == ((NO_RESULT, "still", "running", "walking"),)
    assert right(v) == (2, 2)
    assert v.ends_s.tolist() == [0.8, 1.2, 1.6, 2.0]
    assert v.sensors == ("acc",)


def test_strips_start_one_stride_before_the_end_of_the_first_window() -> None:
    from sensorai.report.timeline import LEFT, PLOT, timeline
    from sensorai.report.view import Colours

    v = view(pipeline(), "log", [0, 0, 0], [0] * 4)
    drawn = timeline(v, [Colours(CLASSES)], ["gait"])
    start, width = LEFT + PLOT / 4, 3 * PLOT / 4
    assert f'd="M{start:.2f} ' in drawn
    assert f"h{width:.2f}v" in drawn


def test_kept_epoch_is_the_last() -> None:
    assert learning.kept([]) is None
    assert learning.kept([{"stage": "float"}, {"stage": "int8"}, {"stage": "int8"}]) == 2


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


def test_formulas_say_the_quantity_and_the_signal() -> None:
    assert "x[i+1] - x[i]" in formula(IntFeature("JERK_RMS", (0,)))
    assert "differences of the norm" in formula(IntFeature("NORM_JERK_MEAN", (0, 1, 2)))
    assert formula(IntFeature("MEAN", (0,))) != formula(IntFeature("MEAN_CROSSING", (0,), 3))
