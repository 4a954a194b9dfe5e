"""What a report says of a register file (the keys: ``sensorai.report``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sensorai.mlc.config import DecisionTree, MlcConfig
from sensorai.mlc.devices import device
from sensorai.mlc.formulas import describe_feature, describe_filter
from sensorai.mlc.labels import feature_names, result_name
from sensorai.mlc.simulate import core_rate


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
        "register": result_name(device(config.device), tree),
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
        "nodes_limit": device(config.device).limits.nodes,
    }
