"""What can be chosen: targets, tasks and families of models, one line each.

Every entry says what the rules must know of it and names the object that does the work, as
``module:name``; that module is imported when it is used and not before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """One target.

    Attributes
    ----------
    place : str
        Its ``sensorai.road.Backend``.
    takes : str
        What it runs: ``registers`` (trees on a sensor's own features) or ``pipeline`` (C).
    device : str
        Device where none is named.
    words : str
        What it is, for the help.
    on : str
        Where the model runs, ``{}`` for the device.
    stand_in : bool
        Whether what its C costs is counted on another core, because no compiler for its own is open.
    """

    place: str
    takes: str
    device: str
    words: str
    on: str
    stand_in: bool = False


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """One task.

    Attributes
    ----------
    place : str
        Its ``sensorai.road.Task``.
    usual : dict of str to str
        The family it takes by default, on each kind of target.
    words : str
        What it is, for the help.
    detectors : bool
        Whether families that learn from normal logs alone can do it.
    """

    place: str
    usual: dict[str, str]
    words: str
    detectors: bool = False


@dataclass(frozen=True, slots=True)
class FamilyFacts:
    """One family of models.

    Attributes
    ----------
    place : str
        Its ``sensorai.road.Family``.
    makes : str
        What it makes for a target: ``registers`` or ``pipeline``.
    one_class : bool
        Whether it learns from normal logs alone.
    precisions : tuple of str
        Arithmetics that it can have, the usual one first; empty where there is no choice.
    described : str
        What its options in a table are called (``net``, ``forest``); empty where it has none.
    """

    place: str
    makes: str
    one_class: bool = False
    precisions: tuple[str, ...] = ()
    described: str = ""


TARGETS: dict[str, TargetFacts] = {
    "mlc": TargetFacts(
        "sensorai.mlc.backend:BACKEND",
        "registers",
        "LSM6DSV16X",
        "registers for a sensor's machine learning core",
        "for the machine learning core of {}",
    ),
    "ispu": TargetFacts(
        "sensorai.ispu.backend:BACKEND",
        "pipeline",
        "LSM6DSO16IS",
        "C for a sensor's programmable core",
        "in C for the ISPU of {}",
        stand_in=True,
    ),
    "stm32": TargetFacts(
        "sensorai.mcu.backend:BACKEND", "pipeline", "cortex-m4", "C for a Cortex-M", "in C for {}"
    ),
}

#: The target that register files without an index are for: those of ST's tools.
REGISTER_FILES = "mlc"

TASKS: dict[str, TaskFacts] = {
    "classify": TaskFacts(
        "sensorai.tasks.classify:TASK", {"registers": "tree", "pipeline": "mlp"}, "tell classes apart"
    ),
    "anomaly": TaskFacts(
        "sensorai.tasks.anomaly:TASK",
        {"registers": "box", "pipeline": "gmm"},
        "an alarm where it is not normal any more",
        detectors=True,
    ),
}

_NETS = ("int8", "binary", "float32")

#: By name and by what the family makes.
FAMILIES: dict[tuple[str, str], FamilyFacts] = {
    ("tree", "registers"): FamilyFacts("sensorai.learn.families.registers:TREE", "registers"),
    ("box", "registers"): FamilyFacts("sensorai.learn.families.box:BOX", "registers", one_class=True),
    ("tree", "pipeline"): FamilyFacts("sensorai.learn.families.forest:TREE", "pipeline", described="forest"),
    ("forest", "pipeline"): FamilyFacts(
        "sensorai.learn.families.forest:FOREST", "pipeline", described="forest"
    ),
    ("mlp", "pipeline"): FamilyFacts(
        "sensorai.learn.families.net:MLP", "pipeline", precisions=_NETS, described="net"
    ),
    ("cnn", "pipeline"): FamilyFacts(
        "sensorai.learn.families.net:CNN", "pipeline", precisions=_NETS, described="net"
    ),
    **{
        (name, "pipeline"): FamilyFacts(
            f"sensorai.learn.families.detector:{attribute}", "pipeline", one_class=True
        )
        for name, attribute in (
            ("gmm", "GMM"),
            ("mahalanobis", "MAHALANOBIS"),
            ("prototypes", "PROTOTYPES"),
            ("isolation-forest", "ISOLATION_FOREST"),
            ("autoencoder", "AUTOENCODER"),
        )
    },
}


def load(place: str) -> Any:
    """Import the object at ``module:name``."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def told(facts: Mapping[str, TargetFacts] | Mapping[str, TaskFacts]) -> str:
    """What can be chosen, each with its words, as a sentence of the help."""
    return "; ".join(f"{name}: {one.words}" for name, one in facts.items()) + "."


def targets(takes: str) -> str:
    """Names of the targets that run something, as a sentence has them."""
    return ", ".join(name for name, facts in TARGETS.items() if facts.takes == takes)


def families(makes: str = "", *, one_class: bool | None = None) -> tuple[str, ...]:
    """Names of the families that make something, or of all; each once, in the order of the table."""
    return tuple(
        dict.fromkeys(
            name
            for (name, made), facts in FAMILIES.items()
            if made.startswith(makes) and one_class in (None, facts.one_class)
        )
    )
