"""The road of ``sensorai.run``, cut where a test looks in."""

from __future__ import annotations

from typing import Any

from sensorai.experiment import Experiment, checked, tables
from sensorai.ispu.backend import BACKEND as ISPU
from sensorai.mlc.backend import BACKEND as MLC
from sensorai.mlc.config import MlcConfig
from sensorai.model.pipeline import Pipeline
from sensorai.recording import Dataset
from sensorai.result import Result
from sensorai.road import Artifact, Core, Learnt, Lesson, Progress
from sensorai.run import run


def made(dataset: Dataset, test: Dataset | None = None, **options: Any) -> Result:
    """What comes of an experiment with recordings."""
    return run(Experiment(**{"name": "toy", **options}), dataset, test=test)


def lesson(dataset: Dataset, test: Dataset | None = None, **options: Any) -> Lesson:
    """What a family learns from: recordings shared out, as the device would record them."""
    experiment = checked(Experiment(**options))
    share = tables.load(experiment.task_facts.place).share(dataset, experiment, test)
    prepared = tables.load(experiment.target_facts.place).prepare(share.recordings, experiment)
    return Lesson(experiment, prepared, share.of(prepared.dataset), "toy")


def learnt(dataset: Dataset, **options: Any) -> Learnt:
    """What a family has learnt; nothing is emitted."""
    one = lesson(dataset, **options)
    out: Learnt = tables.load(one.experiment.family_facts.place).learn(one, Progress())
    return out


def registers(config: MlcConfig, name: str = "toy") -> Artifact:
    """Register files of a configuration."""
    return MLC.emit(config, Experiment(target="mlc", device=config.device), name)


def mlc_core(config: MlcConfig) -> Core:
    """The machine learning core with a configuration."""
    return MLC.core(registers(config))


def ispu_core(pipeline: Pipeline) -> Core:
    """An ISPU with a project."""
    return ISPU.core(Artifact(pipeline.name, "LSM6DSO16IS", pipeline, {}))
