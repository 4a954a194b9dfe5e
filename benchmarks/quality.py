"""How good models are on people that they never saw: accuracy and macro F1 by cross-validation over groups.

Printed for each data set and model: both in percent before the decision filter, the same after it, mean and
deviation over folds, the worst group, flash where it is compiled, and seconds.
``python -m benchmarks.quality DATA [SET[:MODEL]]...``, with the folder of data sets; sets are ``watch``,
``phone``, ``seglearn``, ``wand``, ``pamap2`` (ST's logs, of which nobody says whose they are: each is a
group), ``har`` and ``uci-har`` (made by ``benchmarks.uci_har``).
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from sensorai.experiment import Experiment, checked, tables
from sensorai.reading import read
from sensorai.road import Backend, Family, Lesson, Progress, Proof, Task
from sensorai.verify.metrics import WindowMetrics

HERE = Path(__file__).parents[1]
TUTORIALS = "mlc-reference/st-mems-machine-learning-core/tutorials"
PAMAP2 = f"{TUTORIALS}/2_datalogs_and_automatic_feature_selection/datalogs"
MODELS = ("mlp", "cnn", "forest", "tree", "mlc")


def logs_of(name: str, data: Path) -> dict[str, Any]:
    """Logs of a data set and how they are read."""
    mappings = HERE / "docs" / "mappings"
    if name in ("watch", "phone"):
        ending = "sw" if name == "watch" else "sp"
        found = sorted((data / "sp-sw-har").glob(f"s*/*_{ending}.csv.gz"))
        return {
            "logs": tuple(map(str, found)),
            "mapping": str(mappings / "sp-sw-har.toml"),
            "group_path": r"/(s\d+)/",
        }
    if name == "seglearn":
        found = sorted((data / "seglearn-watch").glob("*.csv.gz"))
        kinds = sorted({p.name.split("_")[1] for p in found})
        return {
            "logs": tuple(map(str, found)),
            "log_rate": 50.0,
            "unit": (("acc", "g"), ("gyro", "rad/s")),
            "column": tuple((f"{s}_{a}", f"{c}{a}") for s, c in (("acc", "a"), ("gyro", "w")) for a in "xyz"),
            "label": tuple((kind, f"*_{kind}_*") for kind in kinds),
            "group_path": r"/(S\d+)_",
        }
    if name == "wand":
        # those called test are of both gestures and of none, without labels
        said = ("flippendo", "negative", "wingardium")
        return {
            "logs": tuple(str(data / "wand-gestures" / kind) for kind in said),
            "mapping": str(mappings / "wand-gestures.toml"),
        }
    if name == "pamap2":
        # no rate in the logs: 30 Hz stands in ST's settings beside them
        return {"logs": tuple(str(p) for p in sorted((data / PAMAP2).glob("?_*"))), "rate": 30.0}
    if name == "uci-har":
        return {"logs": (str(data / "uci_har.csv.gz"),)}
    return {"logs": (str(HERE / "datalogs" / "har.csv"),)}


def measured(name: str, model: str, data: Path, **more: Any) -> str:
    """One line of the table."""
    began = time.perf_counter()
    target: dict[str, Any] = {"target": "mlc"} if model == "mlc" else {"target": "stm32", "model": model}
    experiment = checked(Experiment(**{**logs_of(name, data), **target, **more}))
    backend: Backend = tables.load(experiment.target_facts.place)
    task: Task = tables.load(experiment.task_facts.place)
    family: Family = tables.load(experiment.family_facts.place)
    dataset = read(experiment)
    share = task.share(dataset, experiment, None)
    prepared = backend.prepare(share.recordings, experiment)
    lesson = Lesson(experiment, prepared, share.of(prepared.dataset), "quality")
    learnt = family.learn(lesson, Progress())
    figures = task.judge(experiment, learnt, Proof((), ()))
    entry = figures["classifiers"][0]
    answer, decided, folds = entry["held_out"]["answer"], entry["held_out"]["decided"], entry["folds"]
    flash = f"{prepared.need(learnt.model).flash:,} B" if prepared.need else ""
    return (
        f"{name:9}{model:7}{100 * answer['accuracy']:6.1f} / {100 * WindowMetrics.of(answer).macro_f1:4.1f}"
        f"{100 * decided['accuracy']:7.1f} / {100 * WindowMetrics.of(decided).macro_f1:4.1f}"
        f"{100 * folds['accuracy']['mean']:7.1f} +- {100 * (folds['accuracy']['deviation'] or 0):.1f}"
        f"  worst {folds['worst_group']['name']} {100 * folds['worst_group']['answer_accuracy']:.0f}"
        f"  {flash}  {time.perf_counter() - began:.0f} s"
    )


def main(arguments: list[str]) -> None:
    """Measure what is asked for, or everything."""
    data = Path(arguments[0])
    for one in arguments[1:] or ["watch", "phone", "seglearn", "wand", "pamap2"]:
        name, _, model = one.partition(":")
        for each in [model] if model else MODELS:
            print(measured(name, each, data), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
