import copy
import hashlib
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from sensorai.cproject.figures import PROOF
from sensorai.report import Report, curves, svg, words
from sensorai.report import scores as charts
from sensorai.report.sections import alarms as said_of
from sensorai.report.sections.alarm_list import ALARMS, blamed, listed
from sensorai.report.sections.scores import RECORDINGS, telling
from sensorai.report.timeline import LEFT, PLOT
from sensorai.report.view import Scored, of_scores
from sensorai.verify import alarms, anomaly, shape
from sensorai.verify.alarms import ScoredLog, duration

from . import make
from .test_html import walk, words_of
from .test_text import printed

RATE, STRIDE, THRESHOLD, WINS = 100.0, 50, 9000, 1
FEATURES = ("STD_acc_x", "JERK_RMS_acc_z", "ZERO_CROSSING_acc_y_28")


def log(name: str, windows: int, events: tuple[tuple[int, int], ...] = (), label: str = "idle") -> ScoredLog:
    """Scores that drift upwards, far higher in events; a few windows are of neither state."""
    rng = np.random.default_rng(windows)
    end = (np.arange(windows) + 2) * STRIDE
    scores = np.exp(rng.normal(7.2, 0.6, windows) + 0.8 * np.arange(windows) / max(windows, 1))
    truth, spans, at = np.zeros(windows, np.int64), [], 0
    for start, stop in events:
        scores[start:stop] *= 30.0
        truth[start:stop], truth[start - 1] = 1, -1
        spans.append((at, start * STRIDE, label))
        at = stop * STRIDE
    spans.append((at, (windows + 1) * STRIDE, label))
    knocks = tuple(
        (a * STRIDE, b * STRIDE, "knock" if k % 2 == 0 else "rub") for k, (a, b) in enumerate(events)
    )
    return ScoredLog(
        name, name, RATE, (windows + 1) * STRIDE, scores.astype(np.int64), end, truth, tuple(spans), knocks
    )


def logs() -> list[ScoredLog]:
    return [
        log("morning", 2600, ((1000, 1040), (2000, 2100))),
        log("noon", 300, ((100, 110),)),
        log("night", 60, label="off"),
    ]


def report(some: list[ScoredLog], threshold: int = THRESHOLD) -> tuple[dict[str, Any], list[Scored]]:
    """What ``report.json`` would hold, and the views of its recordings."""
    made = alarms.decisions_of(some, threshold, WINS)
    found = anomaly.alarm_list(some, made)
    for k, alarm in enumerate(found):
        alarm["because"] = [
            {"feature": FEATURES[k % 2], "share": 0.625},
            {"feature": FEATURES[2], "share": 0.25},
        ]
    part = {"groups": 3, "recordings": 5, "normal_hours": 0.5, "normal_windows": 3600, "anomalous_windows": 0}
    normal, anomalous = (int(sum((x.truth == s).sum() for x in some)) for s in (0, 1))
    above = [int(sum((x.scores[x.truth == s] > threshold).sum() for x in some)) for s in (0, 1)]
    out = {
        **shape.head("train", "anomaly", "stm32", "stm32l4", "pump"),
        "sources": {
            "alarms": "computed: the integer reference",
            "threshold": "computed on other normal recordings",
            "intervals": "false alarms: Poisson",
            "memory": "compiled",
            "run": "emulated",
            "cycles": "an estimate from kinds of instructions",
        },
        "data": {
            "groups": ["a", "b", "c"],
            "test_groups": [x.group for x in some],
            "recordings": [
                {"name": x.name, "group": x.group, "samples": x.samples, "seconds": 1.0, "test": True}
                for x in some
            ],
            "parts": {
                "learn": part,
                "calibrate": part,
                "test": {**part, "normal_windows": normal, "anomalous_windows": anomalous},
            },
        },
        "settings": {
            "rate_hz": RATE,
            "window": 100,
            "window_s": 1.0,
            "stride": STRIDE,
            "channels": [{"name": "acc_x", "unit": "mg", "lsb": 0.122}],
            "wins": WINS,
            "seed": 3,
        },
        "model": {"kind": "gmm", "precision": "integers", "learns": False},
        "features": {
            "each": [{"name": name, "formula": f"the formula of {name}"} for name in FEATURES],
            "filters": [],
        },
        "threshold": {
            "value": threshold,
            "target_per_hour": 7.0,
            "calibration": anomaly.rate_dict(alarms.rate(0, 0.5)),
            "windows_an_hour": 7200.0,
            "confidence": alarms.CONFIDENCE,
        },
        "alarms": {
            "normal": ["idle"],
            "unseen": ["off"],
            "faults": ["knock", "rub"],
            **anomaly.judge_alarms(some, made),
            "float": anomaly.curve(some),
            "list": found,
            "drift": anomaly.drift(some, threshold),
            "made_up": [
                {"kind": kind, "sizes": [{"size": f"size {i}", "windows": 80, "found": n} for i, n in one]}
                for kind, one in (
                    ("stronger", ((1, 9), (2, 44), (3, 80))),
                    ("weaker", ((1, 0), (2, 4), (3, 39))),
                )
            ],
        },
        "classifiers": [
            {
                "name": "pump",
                "column": "state",
                "classes": [{"name": "normal", "code": 0}, {"name": "anomaly", "code": 1}],
                "held_out": {
                    "answer": {
                        "classes": ["normal", "anomaly"],
                        "confusion": [[normal - above[0], above[0], 0], [anomalous - above[1], above[1], 0]],
                    }
                },
            }
        ],
        "proof": {
            "what": PROOF,
            "levels": [
                make.level("this machine, with sanitizers", 2960),
                make.level("cortex-m4, emulated", 2960),
            ],
        },
        "cost": {
            "library": make.library(),
            "program": None,
            "layers": [],
        },
        "notes": ["8 Gaussians"],
    }
    return out, [of_scores(x, d, threshold) for x, d in zip(some, made, strict=True)]


def usual() -> tuple[dict[str, Any], list[Scored]]:
    return report(logs())


def both(r: dict[str, Any], views: list[Scored]) -> tuple[str, str]:
    """Words of the page, and of the terminal in one line."""
    screen = printed(Report.of(r))
    assert max(map(len, screen.splitlines())) <= 100
    assert "\x1b" not in screen
    return words_of(make.page(r, views)), " ".join(screen.split())


def test_both_say_what_counts() -> None:
    r, views = usual()
    page, screen = both(r, views)
    found, false = r["alarms"]["detection"], r["alarms"]["false_alarms"]
    assert false["events"] > 0
    assert found["found"] == found["anomalies"] == 3
    curve = r["alarms"]["curve"]
    for said in (page, screen):
        assert "at most 5.99 false alarms an hour can be claimed (95 %)".lower() in said.lower()
        assert "0 in 30 minutes of held-out normal logs" in said
        assert "chosen for at most 7 false alarms an hour" in said
        assert f"{false['events']} in {duration(false['hours'])} of normal state" in said
        assert said_of.per_time(false["low_per_hour"]) in said
        assert said_of.per_time(false["high_per_hour"]) in said
        assert f"anomalies: 3 of 3 found, 100.0 % ({100 * found['low']:.1f} to 100.0 % at 95 %)" in said
        assert f"median {words.seconds(found['delay_median_s'])}" in said
        assert f"worst {words.seconds(found['delay_worst_s'])}" in said
        assert f"{curve['auc']:.3f} ({curve['auc_low']:.3f} to {curve['auc_high']:.3f})" in said
        for label in ("idle", "off (not learnt)", "knock", "rub", "normal, in the test only"):
            assert label in said
        for row in (*false["by_label"], *found["by_label"]):
            assert words.percent(row["share_in_alarm"]) in said or f"{row['windows_in_alarm']} of" in said
        for figure in ("5,296 B", "1,412 B", "552 B", "25,549", "491 µs", "compiled", "emulated"):
            assert figure in said
        assert "gmm, 3 features, 100 samples a window (1 s), every 50, at 100 Hz" in said
        assert "decision filter of 1 win" in said
        assert "equal in every bit" in said
        assert "8 Gaussians" in said
    for source in r["sources"].values():
        assert source in page
    assert "the C equals the reference in 2,960 windows at each of 2 levels" in page
    assert "the formula of JERK_RMS_acc_z" in page
    assert page.index("False alarms and finds") < page.index("Curves") < page.index("What it costs")


def test_rows_are_the_figures_of_the_report() -> None:
    r, views = usual()
    found = r["alarms"]["detection"]["by_label"][1]
    found |= {"anomalies": 4, "found": 3, "share": 0.75, "low": 0.301, "high": 0.954}
    found |= {"delay_median_s": 1.25, "delay_worst_s": 7.5, "windows": 80, "windows_in_alarm": 60}
    found["share_in_alarm"] = 0.7512
    normal = r["alarms"]["false_alarms"]["by_label"][1]
    normal |= {"label": "off", "events": 6, "hours": 2.0, "per_hour": 3.0, "high_per_hour": 5.92}
    normal |= {"windows": 1500, "windows_in_alarm": 21, "share_in_alarm": 0.014}
    r["classifiers"][0]["held_out"]["answer"]["confusion"] = [[90, 10, 0], [30, 170, 0]]
    # cells touch in the page's words: spaces do not count
    page, screen = (said.replace(" ", "") for said in both(r, views))
    assert "off (not learnt) 6 2 hours 3 an hour 5.92 an hour 21 of 1,500 1.4 %".replace(" ", "") in page
    assert "off (not learnt) 6 2 hours 3 an hour 5.92 an hour 21 of 1,500".replace(" ", "") in screen
    assert "rub 3 of 4 75.0 % 30.1 to 95.4 % 1.25 s 7.5 s 60 of 80 75.1 %".replace(" ", "") in page
    assert "rub 3 of 4 75.0 % 30.1 to 95.4 % 1.25 s 7.5 s 75.1 %".replace(" ", "") in screen
    assert "10.0 % of the normal and 85.0 % of the anomalous windows are above it".replace(" ", "") in page
    alarm = max((a for a in r["alarms"]["list"] if a["state"] == "anomaly"), key=lambda a: a["score"])
    times = f"{alarm['start_s']:,.2f} s {alarm['stop_s']:,.2f} s"
    assert (
        f"{alarm['recording']} anomaly {times} {alarm['score']:,} features behind the alarm".replace(" ", "")
        in page
    )
    move = max(r["alarms"]["drift"], key=lambda d: abs(d["change"]))
    first, last = words.percent(move["levels"][0]), words.percent(move["levels"][-1])
    said = f"{100 * move['change']:+.1f} points".replace("-", "\N{MINUS SIGN}")
    assert f"{move['recording']} {duration(move['hours'])} {first} {last} {said}".replace(" ", "") in page


def test_what_is_seen_of_made_up_faults_is_said() -> None:
    r, views = usual()
    page, screen = (" ".join(said.split()) for said in both(r, views))
    assert "above the threshold; stronger: from size 2, weaker: no" in screen
    assert "stronger size 1: 11.2 % size 2: 55.0 % size 3: 100.0 %".replace(" ", "") in page.replace(" ", "")
    del r["alarms"]["made_up"]
    assert "normal windows that were changed" not in both(r, views)[1]


def test_same_bytes_again_and_under_another_hash_seed(repo: Path) -> None:
    pages = {make.page(*usual()), make.page(*usual())}
    assert len(pages) == 1
    other = make.page_hash_elsewhere(repo, "test_anomaly", "make.page(*t.usual())")
    assert other == hashlib.sha256(pages.pop().encode()).hexdigest()


def test_nothing_is_changed_in_the_dict() -> None:
    r, views = usual()
    before = copy.deepcopy(r)
    make.page(r, views)
    Report.of(r).text()
    assert r == before


def test_learning_on_the_device_is_said() -> None:
    r, views = usual()
    r["model"]["learns"] = True
    assert all("gmm that can learn on the device, 3 features" in said for said in both(r, views))


def test_hostile_names_stay_text() -> None:
    r, views = usual()
    bad = "</td><b>\x1b[31m[red]"
    shown = "</td><b>\N{REPLACEMENT CHARACTER}[31m[red]"
    r["name"] = r["device"] = bad
    r["alarms"]["faults"] = r["notes"] = r["warnings"] = [bad]
    r["features"]["each"] = [{"name": bad, "formula": bad}]
    r["alarms"]["false_alarms"]["by_label"][0]["label"] = bad
    r["alarms"]["detection"]["by_label"][0]["label"] = bad * 5
    r["alarms"]["drift"][0]["recording"] = r["alarms"]["list"][0]["recording"] = bad
    r["alarms"]["list"][0]["because"][0]["feature"] = bad
    views[0] = replace(views[0], name=bad)
    said = "".join(walk(make.page(r, views)).text)
    assert said.count(shown) >= 9
    _, screen = both(r, views)
    assert shown in screen


# ---------------------------------------------------------------- empty cases


def test_no_anomaly_in_the_test() -> None:
    r, views = report([log("calm", 100)], 10**6)
    assert r["alarms"]["curve"] is None
    page, screen = both(r, views)
    for said in (page, screen):
        assert "the test has none, so nothing can be said about finding them" in said
        assert "o curve and no AUC: the test has no anomalous window" in said
        assert f"at most {said_of.per_time(r['alarms']['false_alarms']['high_per_hour'])} (95 %)" in said
    assert "No alarm in the test." in page
    assert "The test has no anomaly" in page
    assert "ROC" not in page


def test_no_normal_state_in_the_test() -> None:
    one = log("all bad", 40, ((1, 40),))
    r, views = report([replace(one, truth=np.ones(40, np.int64), normal_spans=())])
    assert r["alarms"]["false_alarms"]["per_hour"] is None
    page, screen = both(r, views)
    for said in (page, screen):
        assert "false alarms: the test has no normal state" in said
        assert "the test has no normal window" in said
    assert "No recording of the test has enough normal windows to show a drift" in page


@pytest.mark.parametrize("windows", [0, 1, 3])
def test_short_and_empty_recordings(windows: int) -> None:
    r, views = report([log("short", windows)])
    page, _ = both(r, views)
    assert f"0 of {words.plural(windows, 'window')} above the threshold" in page
    assert "to show a drift" in page


def test_no_recording_and_nothing_run() -> None:
    r, _ = usual()
    r["cost"]["library"] = None
    r["proof"]["levels"] = [make.missing("this machine", "gcc is not installed: apt install gcc")]
    page, screen = both(r, [])
    for said in (page, screen):
        assert "not run: gcc is not installed" in said
        assert "not measured" in said.lower()
    assert "Score over time" not in page
    assert "bit for bit" not in page


def test_the_box_of_the_core_has_registers_instead() -> None:
    r, views = usual()
    for key in ("wins", "channels"):
        del r["settings"][key]
    r["settings"] |= {"stride": 100, "sensors": {"acc": {"rate_hz": 104.0, "full_scale": 4.0}}}
    r["model"] = {"kind": "box", "precision": None, "learns": False}
    r["alarms"]["float"] = None
    r["features"]["each"] = [{"name": "F1_VARIANCE_ACC_X", "formula": "variance"}]
    r["threshold"]["target_per_hour"] = None
    r["threshold"]["words"] = "8.8 times the normal half range"
    tree = {"nodes": 1, "depth": 1, "text": "", "root": 0, "rows": [[0, 0.5, -1, -2]]}
    r["classifiers"][0] |= {"register": "MLC1_SRC", "tree": {**tree, "end_counters": [0, 0, 0, 0]}}
    r |= {
        "target": "mlc",
        "device": "LSM6DSV16X",
        "sources": {"held_out": "computed: the emitted registers"},
        "proof": {
            "what": "results of the emitted registers against those of",
            "levels": [make.level("the trained tree", 119, "noon, window 3")],
        },
        "cost": {"registers": {"writes": 300, "nodes": 12, "nodes_limit": 128}},
    }
    del r["data"]["parts"]
    r["data"]["recordings"][0]["test"] = False
    for alarm in r["alarms"]["list"]:
        del alarm["because"]
    page, screen = both(r, views)
    assert "no decision filter" in screen
    assert "decision filter to agree" not in page
    r["classifiers"][0]["tree"]["end_counters"] = [2, 2, 0, 0]
    page, screen = both(r, views)
    for said in (page, screen):
        assert "for the machine learning core of LSM6DSV16X" in said
        assert "noon, window 3" in said
        assert "equal in every bit" not in said
        assert "threshold" in said
        assert "end counters 2, 2, 0, 0" in said
        assert "off (not learnt)" in said
        assert "box, 1 feature" in said
        assert "9,000 (8.8 times the normal half range)" in said
        assert "12 of 128" in said
        assert "300 steps" in said
        assert "not measured" not in said
    assert "not equal" in page
    assert "3 recordings, of which 2 held out" in page
    assert "computed: the emitted registers" in page
    assert "The dot is the chosen threshold" in page
    assert "Because" not in page
    assert "1 node, depth 1" in page


def test_alarms_of_a_classifier_stand_beside_its_classes() -> None:
    conf = make.config(make.full(2))
    some = make.views(conf)
    r = make.report(conf, some)
    verdict = usual()[0]["alarms"]
    verdict = {key: verdict[key] for key in ("false_alarms", "detection", "curve")}
    r |= {
        "task": "anomaly",
        "alarms": {"normal": ["still", "idle"], "unseen": [], "faults": ["knock"], **verdict},
    }
    page = words_of(make.page(r, some))
    screen = " ".join(printed(Report.of(r)).split())
    for said in (page, screen):
        assert "3 of 3 found" in said
        assert "for another class than still, idle" in said
        assert "detector" not in said
    assert page.index("Class by class") < page.index("False alarms and finds") < page.index("Curves")
    assert "Over time" in page
    assert "Drift" not in page
    assert "threshold is" not in page


# ---------------------------------------------------------------- drawings


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([-\d.]+) ([-\d.]+)", path)]


def paths(drawing: str) -> list[list[tuple[float, float]]]:
    """Points of band and line of a curve: what is drawn after the grid."""
    band = re.search(r'<path d="([^"]*)"[^>]*><title>95 % band', drawing)
    line = re.search(r'<path d="([^"]*)"[^>]*stroke-linejoin="round"', drawing)
    assert band
    assert line
    return [points(band.group(1)), points(line.group(1))]


@pytest.mark.parametrize("draw", [curves.roc, curves.det])
def test_curves_rise_within_their_square(draw: Any) -> None:
    r, _ = report([*logs(), log("weak", 90, ((40, 50),))], 2000)
    curve = r["alarms"]["curve"]
    band, line = paths(draw(curve, None))
    left, right = curves.MARGIN, curves.MARGIN + curves.SIDE
    top, bottom = curves.ABOVE, curves.ABOVE + curves.SIDE
    for x, y in (*band, *line):
        assert left <= x <= right
        assert top <= y <= bottom
    assert len(band) == 2 * len(line)
    down = 1 if draw is curves.roc else -1
    assert all(a[0] <= b[0] and down * a[1] >= down * b[1] for a, b in pairwise(line))
    above, below = band[: len(line)], band[len(line) :][::-1]
    for (x, y), (x1, y1), (x2, y2) in zip(line, above, below, strict=True):
        assert x == x1 == x2
        assert min(y1, y2) - 0.1 <= y <= max(y1, y2) + 0.1


def test_axes_of_detection_errors_are_normal_deviates() -> None:
    curve = {
        "false": [0.0, 0.01, 0.05, 0.5, 0.8, 1.0],
        "found": [0.0, 0.2, 0.5, 0.95, 0.99, 1.0],
        "low": [0.0, 0.2, 0.5, 0.95, 0.99, 1.0],
        "high": [0.0, 0.2, 0.5, 0.95, 0.99, 1.0],
    }
    drawing = curves.det(curve, (0.05, 0.5))
    _, line = paths(drawing)
    z = NormalDist().inv_cdf
    scale = curves.SIDE / (z(0.99) - z(0.01))
    wanted = [
        (curves.MARGIN + (z(f) - z(0.01)) * scale, curves.ABOVE + (z(0.99) - z(1 - d)) * scale)
        for f, d in ((0.01, 0.2), (0.05, 0.5), (0.5, 0.95), (0.8, 0.99))
    ]
    assert np.array(line[:4]) == pytest.approx(np.array(wanted), abs=0.06)
    assert line[4] == (curves.MARGIN + curves.SIDE, curves.ABOVE + curves.SIDE)
    dot = re.search(r'<circle cx="([\d.]+)" cy="([\d.]+)"', drawing)
    assert dot
    assert tuple(map(float, dot.groups())) == line[1]


@pytest.mark.parametrize("least", [0.02, 1e-3, 1e-4, 1e-5, 1e-7])
def test_names_of_small_shares_do_not_run_into_each_other(least: float) -> None:
    shares = [0.0, least, 0.5, 1.0]
    curve = dict.fromkeys(("false", "found", "low", "high"), shares)
    drawing = curves.det(curve, None)
    row = re.findall(
        rf'<text x="([\d.]+)" y="{svg.number(curves.ABOVE + curves.SIDE + 14)}"[^>]*>([^<]+)<', drawing
    )
    at = [(float(x), svg.text_width(name, 10)) for x, name in row]
    assert len(at) >= 5
    assert all(a + wa / 2 <= b - wb / 2 + 0.1 for (a, wa), (b, wb) in pairwise(at))


def view(scores: list[int], decided: list[int] | None = None, threshold: int = 50) -> Scored:
    n = len(scores)
    return Scored(
        "v",
        RATE,
        np.array(scores, np.int64),
        (np.arange(n, dtype=np.int64) + 2) * STRIDE,
        np.zeros(n, np.int64),
        np.array(decided or [0] * n, np.int64),
        threshold,
    )


def steps(drawing: str) -> list[tuple[float, float, float]]:
    """Start, height and stop of every column of the score line."""
    return [
        (float(a), float(y), float(b)) for a, y, b in re.findall(r"[ML]([\d.]+) ([\d.]+)H([\d.]+)", drawing)
    ]


def test_score_line_follows_time_and_score() -> None:
    some = view([0, 100, 50, 25])
    drawn = steps(charts.over_time(some))
    second = PLOT / (some.end[-1] / RATE)
    wanted = [(LEFT + k / 2 * second, LEFT + (k + 1) / 2 * second) for k in range(1, 5)]
    assert np.array([(a, b) for a, _, b in drawn]) == pytest.approx(np.array(wanted), abs=0.01)
    heights = [y for _, y, _ in drawn]
    assert heights[0] - heights[1] == pytest.approx(2 * (heights[0] - heights[2]), abs=0.2)
    assert heights[0] - heights[2] == pytest.approx(2 * (heights[0] - heights[3]), abs=0.2)
    assert charts.over_time(some).count(f'r="2.5" fill="{svg.theme("bad")}"') == 1


def test_long_recordings_keep_their_peaks() -> None:
    n = 5 * charts.COLUMNS + 3
    scores, decided = [10] * n, [0] * n
    scores[3333], decided[4001] = 40, 1
    drawing = charts.over_time(view(scores, decided))
    drawn = steps(drawing)
    assert len(drawn) == charts.COLUMNS
    assert all(a[2] == b[0] for a, b in pairwise(drawn))
    assert drawn[-1][2] == pytest.approx(LEFT + PLOT, abs=0.01)
    (peak,) = [one for one in drawn if one[1] == min(y for _, y, _ in drawn)]
    at = LEFT + (3333 + 1.5) / (n + 1) * PLOT
    assert peak[0] - 0.5 <= at <= peak[2] + 0.5
    assert "<title>alarm</title>" in drawing
    assert "columns" in words_of(make.page(usual()[0], [view(scores, decided)]))
    assert len(drawing) < 40_000


def test_wide_scores_have_a_logarithmic_axis() -> None:
    assert not charts.logarithmic(view([40, 50, 60]))
    wide = view([1, 10, 100, 1000, 0], threshold=10)
    assert charts.logarithmic(wide)
    heights = [y for _, y, _ in steps(charts.over_time(wide))]
    gaps = [a - b for a, b in pairwise(heights[:4])]
    assert gaps == [pytest.approx(gaps[0], abs=0.2)] * 3
    assert heights[4] == heights[0]
    assert "logarithmic" in charts.over_time(wide)


def test_telling_recordings() -> None:
    quiet, false = view([1] * 9), replace(view([1] * 5, [0, 1, 0, 1, 0]), name="false")
    missed = replace(view([1] * 5), name="missed", truth=np.array([0, 1, 1, 0, 0]))
    found = replace(view([1] * 5, [0, 0, 1, 1, 0]), name="found", truth=np.array([0, 1, 1, 0, 0]))
    chosen = telling([quiet, found, missed, false])
    assert [(v.name, why) for v, why in chosen] == [
        ("false", "false alarm"),
        ("missed", "anomaly missed"),
        # its alarm goes on after the anomaly: that is no false alarm
        ("found", "anomaly found"),
        ("v", "normal, no alarm"),
    ]
    # of two anomalies the second is missed
    half = replace(found, name="half", truth=np.array([0, 1, 1, 0, 1]))
    assert telling([half])[0][1] == "anomaly missed"
    alike = [replace(quiet, name=str(k)) for k in range(11)]
    assert [v.name for v, _ in telling(alike, 3)] == ["0", "5", "10"]
    assert [v.name for v, _ in telling(alike, 1)] == ["0"]
    assert [v.name for v, _ in telling([*alike, replace(view([1] * 10), name="long")], 3)] == [
        "long",
        "0",
        "1",
    ]
    assert [v.name for v, _ in telling(alike[:2], 3)] == ["0", "1"]
    assert telling([]) == []
    many = telling([quiet] * 20 + [false])
    assert len(many) == RECORDINGS
    assert many[0][1] == "false alarm"
    r, _ = usual()
    assert "15 more recordings not shown" in words_of(make.page(r, [*[quiet] * 20, false]))


def test_listed_alarms_are_the_highest_false_ones_first() -> None:
    r, views = usual()
    many = [
        {"recording": "a", "start_s": 1.0, "stop_s": 2.0, "score": k, "state": ("anomaly", "normal")[k % 2]}
        for k in range(80)
    ]
    assert [a["score"] for a in listed(many)] == [
        *range(79, 79 - 2 * ALARMS, -2),
        *range(78, 78 - 2 * ALARMS, -2),
    ]
    r["alarms"]["list"] = many
    assert "80 alarms in the test; of each kind the highest" in words_of(make.page(r, views))


def test_bars_behind_an_alarm_are_as_long_as_their_share() -> None:
    drawing = charts.because([("STD_acc_x", 0.5), ("MEAN", 0.25)])
    widths = [float(w) for w in re.findall(r'width="([\d.]+)" height="11"', drawing)]
    assert widths[1] == widths[0] / 2
    assert widths[3] == widths[0] / 4
    assert "STD_acc_x 50 %" in drawing


def test_drift_shows_what_moved_most() -> None:
    rows = [
        {"recording": f"r{k}", "hours": 1.0, "levels": [0.5, 0.5 + k / 50], "change": k / 50}
        for k in range(9)
    ]
    shown = charts.most_moved(rows)
    assert [row["recording"] for row in shown] == [f"r{k}" for k in range(8, 8 - charts.DRIFTS, -1)]
    lines = [points(d) for d in re.findall(r'<path d="([^"]*)"[^>]*stroke-width="1.8"', charts.drifts(shown))]
    assert len(lines) == charts.DRIFTS
    rises = [a[1] - b[1] for a, b in lines]
    assert rises == sorted(rises, reverse=True)
    r, views = usual()
    r["alarms"]["drift"] = rows
    assert "3 more in report.json" in words_of(make.page(r, views))


def test_features_behind_alarms_add_up() -> None:
    some = [
        {"because": [{"feature": "a", "share": 0.5}, {"feature": "b", "share": 0.25}]},
        {"because": [{"feature": "b", "share": 0.75}]},
        {},
    ]
    assert blamed(some) == [("b", 0.5), ("a", 0.25)]
    assert blamed([]) == []


def test_large_rates_are_plain_numbers() -> None:
    assert said_of.per_time(1030.2) == "1,030 an hour"
    assert said_of.per_time(1.0) == "1 an hour"
    assert said_of.per_time(1 / 24) == "1 a day"
    assert said_of.per_time(0.0) == "0"
    assert said_of.per_time(None) == words.NOTHING
