"""A search whose trials cost nothing: what is asked, kept and chosen is real, what is learnt is made up.

``python -m tests.tuning.fakes LOG FOLDER TRIALS KILL`` is killed (``kill -9``) in the middle of a trial.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from sensorai.experiment import Experiment
from sensorai.tuning import Budget, Found, search
from sensorai.tuning import searching as module
from sensorai.tuning.trial import Delivered, Job, Outcome

#: Groups of the folds.
GROUPS = [["a", "d"], ["b"], ["c"]]


def costs(job: Job) -> dict[str, float]:
    """Costs that grow with the sizes."""
    net: Any = job.experiment.net or {}
    units = sum(net.get("sizes", ())) or net.get("trees", 1) * net.get("leaves", 4)
    features = net.get("features", 8)
    window = job.experiment.window or 52
    return {
        "flash": 300.0 + 4 * units * features,
        "ram": 100.0 + 6 * window,
        "instructions": 40.0 * features + 3 * window + units,
    }


def worth(job: Job) -> float:
    """Worth that grows with the flash, and less and less."""
    return 1 - 60 / costs(job)["flash"] - 0.1 * abs((job.experiment.window or 52) - 52) / 52


def look(job: Job) -> Outcome:
    """Judge nothing."""
    found = costs(job)
    if not job.budget.keeps(found):
        return Outcome("over", "outside the budget", found)
    values = [worth(job) - 0.02, worth(job), worth(job) + 0.02]
    return Outcome("judged", "", found, GROUPS, values, worth(job))


def deliver(job: Job) -> Delivered:
    """Make a folder with an index."""
    value = worth(job)
    figures = {
        "value": value,
        "accuracy": value,
        "macro_f1": value,
        "decided_accuracy": value,
        "values": [value],
        "standard_error": 0.01,
        "worst_group": {"name": None, "accuracy": None},
        "costs": costs(job),
        "window_s": 1.0,
        "rate_hz": 52.0,
    }
    index = json.dumps({"files": ["model.sai", "report.html"], "net": job.experiment.net})
    files = {name: index.encode() for name in ("model.sai", "report.html")}
    return Delivered(files, job.experiment, figures)


def made_up(log: Path, out: Path, trials: int, **more: Any) -> Found:
    """Search with made-up trials."""
    experiment = Experiment(logs=(str(log),), target="stm32", **more.pop("fixed", {}))
    with (
        mock.patch.object(module, "look", more.pop("look", look)),
        mock.patch.object(module, "deliver", deliver),
        mock.patch.object(module, "tools_of"),
    ):
        return search(experiment, more.pop("budget", Budget(flash=4096)), out=out, trials=trials, **more)


def killed(log: Path, out: Path, trials: int, kill: int) -> None:
    """Search until the trial ``kill`` runs, and vanish."""
    begun: list[Job] = []

    def die(job: Job) -> Outcome:
        begun.append(job)
        if len(begun) == kill:
            os.kill(os.getpid(), signal.SIGKILL)
        return look(job)

    made_up(log, out, trials, look=die)


if __name__ == "__main__":
    killed(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
