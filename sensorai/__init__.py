"""sensorai: from motion-sensor logs to something that runs on the chip, proved on the desk.

    import sensorai as sai

    logs = sai.read("logs/", unit={"acc": "m/s2"})
    result = sai.train(logs, target="ispu", model="mlp")
    result.report
    result.save("out/")
    sai.open("out/").simulate("new.csv")

Each room may only import what stands below it; a linter's contract in ``pyproject.toml`` draws the house.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sensorai.version import __version__ as __version__

if TYPE_CHECKING:
    from sensorai.api import Dataset, Model, compare, decode, open, read, search, train  # noqa: A004
    from sensorai.estimator import SensorClassifier
    from sensorai.experiment import Experiment
    from sensorai.report import Report
    from sensorai.result import Result

__all__ = [
    "Dataset",
    "Experiment",
    "Model",
    "Report",
    "Result",
    "SensorClassifier",
    "__version__",
    "compare",
    "decode",
    "open",
    "read",
    "search",
    "train",
]

#: Where the names are: imported when they are used, so that importing the package costs nothing.
_PLACES = {
    "Experiment": "sensorai.experiment",
    "Report": "sensorai.report",
    "Result": "sensorai.result",
    "SensorClassifier": "sensorai.estimator",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'sensorai' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PLACES.get(name, "sensorai.api")), name)


def __dir__() -> list[str]:
    return list(__all__)
