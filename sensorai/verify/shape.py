"""Pieces of ``report.json`` that everything that writes one shares (its keys: ``sensorai.report``)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sensorai import __version__
from sensorai.features import catalogue
from sensorai.mlc.config import DecisionTree, MlcConfig
from sensorai.mlc.devices import device as mlc_device
from sensorai.mlc.formulas import describe_feature, describe_filter
from sensorai.mlc.labels import feature_names, result_name
from sensorai.mlc.simulate import core_rate
from sensorai.model.detector import Detector
from sensorai.model.ensemble import Ensemble
from sensorai.model.pipeline import Pipeline
from sensorai.recording import Recording

#: What a report calls itself, and the version of its keys.
FORMAT, VERSION = "sensorai-report", 2
#: What is compared in the proof of a C project.
C_PROOF = (
    "features, scores, answers and decisions of the integer reference, every bit of them, against the C on"
)


def head(by: str, task: str, target: str, device: str, name: str) -> dict[str, Any]:
    """Keys that every report begins with.

    Parameters
    ----------
    by : str
        ``train`` or ``validate``.
    task : str
        ``classify`` or ``anomaly``.
    target, device, name : str
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "sensorai": __version__,
        "by": by,
        "task": task,
        "target": target,
        "device": device,
        "name": name,
        "warnings": [],
    }


def listed(recordings: Iterable[Recording], test_groups: Collection[str]) -> list[dict[str, Any]]:
    """Every recording of the data, and whether it was held out."""
    return [
        {
            "name": r.name,
            "group": r.group,
            "samples": len(r),
            "seconds": r.duration_s,
            "test": r.group in test_groups,
        }
        for r in recordings
    ]


def level(name: str, windows: int, divergence: object = None) -> dict[str, Any]:
    """A level of the proof that was compared; ``divergence``, if any, says where it parts."""
    return {"level": name, "windows": windows, "first_divergence": str(divergence) if divergence else None}


def missing(name: str, why: str) -> dict[str, Any]:
    """A level of the proof that could not be compared."""
    return {"level": name, "missing": why}


# ---------------------------------------------------------------- the machine learning core


def of_registers(config: MlcConfig, seed: int | None = None) -> dict[str, Any]:
    """``settings``, ``model`` and ``features`` of a register file."""
    rate = core_rate(config)
    pairs = zip(feature_names(config), config.features, strict=True)
    return {
        "settings": {
            "rate_hz": rate,
            "window": config.window,
            "window_s": config.window / rate,
            "stride": config.window,
            "seed": seed,
            "sensors": {
                slot: {"rate_hz": s.rate_hz, "full_scale": s.full_scale}
                for slot, s in config.settings.items()
            },
        },
        "model": {"kind": "tree", "precision": None, "learns": False},
        "features": {
            "each": [{"name": name, "formula": describe_feature(config, one)} for name, one in pairs],
            "filters": [describe_filter(config, one) for one in config.filters],
        },
    }


def register_classifier(
    config: MlcConfig, tree: int, name: str, column: str, classes: Iterable[tuple[str, int]], text: str
) -> dict[str, Any]:
    """What an entry of ``classifiers`` says of a tree of the core; ``classes`` are (name, code)."""
    one: DecisionTree = config.trees[tree]
    return {
        "name": name,
        "column": column,
        "classes": [{"name": label, "code": code} for label, code in classes],
        "register": result_name(mlc_device(config.device), tree),
        "tree": {
            "nodes": len(one.tree),
            "depth": one.tree.depth,
            "end_counters": list(one.end_counters),
            "text": text,
            "root": one.tree.root,
            "rows": [list(row) for row in one.tree.rows()],
        },
    }


def registers(config: MlcConfig, writes: int | None) -> dict[str, Any]:
    """``registers`` of the cost."""
    return {
        "writes": writes,
        "nodes": sum(len(one.tree) for one in config.trees),
        "nodes_limit": mlc_device(config.device).limits.nodes,
    }


# ---------------------------------------------------------------- C


def kind_of(pipeline: Pipeline) -> str:
    """What a pipeline's model is, as far as the model itself says."""
    model = pipeline.model
    if isinstance(model, Detector):
        return model.kind
    if isinstance(model, Ensemble):
        return "tree" if len(model.trees) == 1 else "forest"
    return "net"


def of_pipeline(
    pipeline: Pipeline, kind: str, precision: str | None = None, seed: int | None = None
) -> dict[str, Any]:
    """``settings``, ``model`` and ``features`` of a C project."""
    channels = [c.name for c in pipeline.channels]
    return {
        "settings": {
            "rate_hz": pipeline.rate_hz,
            "window": pipeline.window,
            "window_s": pipeline.window / pipeline.rate_hz,
            "stride": pipeline.stride,
            "seed": seed,
            "channels": [{"name": c.name, "unit": c.unit, "lsb": c.lsb} for c in pipeline.channels],
            "wins": pipeline.wins,
        },
        "model": {"kind": kind, "precision": precision, "learns": pipeline.learn is not None},
        "features": {
            "each": [{"name": f.label(channels), "formula": catalogue.formula(f)} for f in pipeline.features],
            "filters": [],
        },
    }


def c_classifier(pipeline: Pipeline, column: str, held_out: Mapping[str, Any]) -> dict[str, Any]:
    """The one entry of ``classifiers`` of a C project."""
    return {
        "name": pipeline.name,
        "column": column,
        "classes": [{"name": name, "code": i} for i, name in enumerate(pipeline.classes)],
        "held_out": dict(held_out),
    }
