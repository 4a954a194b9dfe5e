"""Reports, recordings and traces by hand, as a training would leave them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sensorai.mlc import figures as of_core
from sensorai.mlc.config import DecisionTree, Feature, Filter, MlcConfig, SensorSetting, Source
from sensorai.mlc.simulate import Trace
from sensorai.mlc.trace import trace_of
from sensorai.model.forest import Tree
from sensorai.recording import Channel, Recording, Span
from sensorai.report import Report
from sensorai.report.view import View, Watched, of_trace
from sensorai.verify import shape
from sensorai.verify.metrics import event_metrics, window_metrics

WINDOW, RATE = 26, 26.0
CLASSES = ("still", "walking", "running")


def chain(nodes: int, results: int = 3) -> Tree:
    """Tree as deep as it has nodes, leaves of every code in turn."""
    rows = [
        (i % 2, i / 4 - 1, ~(i % results + 1), i + 1 if i + 1 < nodes else ~((i + 1) % results + 1))
        for i in range(nodes)
    ]
    return Tree.from_nodes(rows)


def full(levels: int, results: int = 3) -> Tree:
    """Complete tree in level order."""
    inner = 2**levels - 1

    def child(i: int) -> int:
        return i if i < inner else ~((i - inner) % results + 1)

    return Tree.from_nodes([(i % 2, i / 8 - 2, child(2 * i + 1), child(2 * i + 2)) for i in range(inner)])


def config(
    tree: Tree, classes: Sequence[str] = CLASSES, counters: tuple[int, ...] = (2, 0, 0, 0)
) -> MlcConfig:
    """Configuration with two features, a filter and one tree."""
    labels = {i + 1: name for i, name in enumerate(classes)}
    features = (
        Feature("VARIANCE", Source("acc", "V")),
        Feature("POSITIVE_ZERO_CROSSING", Source("acc", "V2", 0), threshold=0x2E66),
    )
    return MlcConfig(
        "LSM6DSV16X",
        WINDOW,
        RATE,
        ("acc",),
        (Filter("HP", "acc", "V2"),),
        features,
        (DecisionTree(tree, counters, labels),),
        {"acc": SensorSetting(30.0, 4.0)},
    )


def view(
    conf: MlcConfig, name: str, truth: Sequence[str | None], results: Sequence[int], seed: int = 0
) -> Watched:
    """Recording with one label per window, and what comes of a trace with these results."""
    return of_trace(trace_of(*traced(conf, name, truth, results, seed)), ("label",))


def traced(
    conf: MlcConfig, name: str, truth: Sequence[str | None], results: Sequence[int], seed: int = 0
) -> tuple[Recording, Trace]:
    """Recording with one label per window, and a trace with these results; the register lags by one."""
    rng = np.random.default_rng(seed)
    n = len(truth) * WINDOW + 7
    loud = np.repeat(
        [0.0 if t is None else 20.0 + 250.0 * CLASSES.index(t) if t in CLASSES else 90.0 for t in truth],
        WINDOW,
    )
    samples = rng.normal(size=(n, 3)) * np.append(loud, np.zeros(7))[:, None] + [0.0, 0.0, 1000.0]
    spans = [Span(k * WINDOW, (k + 1) * WINDOW, t) for k, t in enumerate(truth) if t is not None]
    tree = np.array(results, np.uint8).reshape(-1, 1)
    decided = np.concatenate([np.zeros((1, 1), np.uint8), tree[:-1]]) if len(tree) else tree
    channels = tuple(Channel(f"acc_{a}", "mg") for a in "xyz")
    recording = Recording(samples, channels, RATE, {"label": tuple(spans)}, name[0], name, f"{name}.csv")
    features = np.zeros((len(tree), 2))
    return recording, Trace(conf, RATE, features, tree, decided, 0, np.zeros(1, np.uint8))


def views(conf: MlcConfig, count: int = 3, windows: int = 40, wrong: int = 9) -> list[Watched]:
    """A few recordings through all classes; every ``wrong``-th window is wrong."""
    classes = list(conf.trees[0].labels.values())
    out = []
    for r in range(count):
        at = [(k // 7 + r) % len(classes) for k in range(windows)]
        truth = [None if k % 20 == 19 else classes[c] for k, c in enumerate(at)]
        results = [(c + 1) % len(classes) + 1 if k % (wrong + r) == 0 else c + 1 for k, c in enumerate(at)]
        out.append(view(conf, f"{'abcdefghijkl'[r % 12]}-walk {r}", truth, results, r))
    return out


def report(conf: MlcConfig, some: Sequence[Watched]) -> dict[str, Any]:
    """What ``report.json`` would hold for these views."""
    dt = conf.trees[0]
    classes = list(dt.labels.values())
    truth = [t for v in some for t in v.truth[0]]
    recordings = [v.recording for v in some]
    lengths = [WINDOW] * len(some)
    judged = {
        "answer": window_metrics(truth, [r for v in some for r in v.results[0]], classes).as_dict(),
        "decided": window_metrics(truth, [r for v in some for r in v.decided[0]], classes).as_dict(),
        "answer_events": event_metrics(recordings, [v.results[0] for v in some], lengths).as_dict(),
        "decided_events": event_metrics(recordings, [v.decided[0] for v in some], lengths).as_dict(),
        "by_group": {"a": 0.9, "b": None},
    }
    tree = {
        "name": "tree1",
        "column": "label",
        "classes": [{"name": name, "code": code} for code, name in dt.labels.items()],
        **of_core.register_classifier(conf, 0),
    }
    of = of_core.of_registers(conf)
    names = [one["name"] for one in of["features"]["each"]]
    return {
        **shape.head("train", "classify", "mlc", conf.device, "walkers"),
        "sources": {
            "held_out": "computed: the emitted registers on held-out groups",
            "choices": "computed: cross-validation",
            "random_windows_optimistic": "computed: too good",
            "registers": "counted in the emitted file",
        },
        "data": {
            "recordings": shape.listed(recordings, ["a", "b", "c"]),
            "groups": ["a", "b", "c"],
            "test_groups": ["a", "b"],
        },
        **of,
        "settings": {**of["settings"], "seed": 0},
        "choices": {
            "window": [
                {"window": 13, "seconds": 0.5, "balanced_accuracy": 0.81, "chosen": False, "given": False},
                {"window": 26, "seconds": 1.0, "balanced_accuracy": 0.93, "chosen": True, "given": False},
                {"window": 52, "seconds": 2.0, "balanced_accuracy": 0.935, "chosen": False, "given": False},
            ],
            "sensors": [{"sensors": ["acc"], "features": 2, "balanced_accuracy": 0.93, "chosen": True}],
            "features": [
                {
                    "name": names[0],
                    "balanced_accuracy_with": 0.8,
                    "balanced_accuracy_without": 0.5,
                    "buys": 0.43,
                },
                {
                    "name": names[1],
                    "balanced_accuracy_with": 0.93,
                    "balanced_accuracy_without": 0.94,
                    "buys": -0.01,
                },
            ],
        },
        "classifiers": [
            {
                **tree,
                "held_out": judged,
                "random_windows_optimistic": {"accuracy": 0.99, "balanced_accuracy": 0.98},
                "choices": {
                    "pruning": [
                        {"alpha": 0.0, "balanced_accuracy": 0.91, "chosen": False},
                        {"alpha": 0.002, "balanced_accuracy": 0.93, "chosen": True},
                        {"alpha": 0.05, "balanced_accuracy": 0.6, "chosen": False},
                    ],
                    "cross_validated": {"accuracy": 0.92, "balanced_accuracy": 0.93},
                    "end_counters": [
                        {"all_groups": n, "right": 0.93 - 0.004 * n, "wrong_switches": 40 - 9 * n}
                        for n in range(4)
                    ],
                },
            }
        ],
        "proof": {
            "what": "results of the emitted registers against those of",
            "levels": [level("the trained tree", 120)],
        },
        "cost": {"registers": of_core.registers(conf, 300)},
        "notes": ["3 recordings resampled from 25 Hz to 26 Hz"],
    }


def library() -> dict[str, Any]:
    """What a library in C takes, as a report says it."""
    return {
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
    }


def level(name: str, windows: int, divergence: str | None = None) -> dict[str, Any]:
    """A level of the proof that was compared."""
    return {"level": name, "windows": windows, "first_divergence": divergence}


def missing(name: str, why: str) -> dict[str, Any]:
    """A level of the proof that could not be compared."""
    return {"level": name, "missing": why}


def page(figures: dict[str, Any], some: Sequence[View] = ()) -> str:
    """HTML of these figures."""
    return Report.of(figures).html(some)


def page_hash_elsewhere(repo: Path, module: str, page: str) -> str:
    """SHA-256 of a page that another Python with another hash seed makes; ``t`` is the test module."""
    code = (
        f"import hashlib; from tests.report import make, {module} as t; "
        f"print(hashlib.sha256(t.{page}.encode()).hexdigest())"
    )
    out = subprocess.run(
        [sys.executable, "-c", code],
        cwd=repo,
        env={**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": str(repo)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return out.stdout.strip()
