"""What a report says of a register file (the keys: ``sensorai.report``)."""

from __future__ import annotations

from typing import Any

from sensorai.mlc.config import DecisionTree, MlcConfig
from sensorai.mlc.devices import device
from sensorai.mlc.formulas import describe_feature, describe_filter
from sensorai.mlc.labels import feature_names, result_name
from sensorai.mlc.simulate import core_rate
from sensorai.mlc.treetext import write_tree_text


def of_registers(config: MlcConfig) -> dict[str, Any]:
    """``settings``, ``model`` and ``features`` of a register file."""
    rate = core_rate(config)
    pairs = zip(feature_names(config), config.features, strict=True)
    return {
        "settings": {
            "rate_hz": rate,
            "window": config.window,
            "window_s": config.window / rate,
            "stride": config.window,
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


def register_classifier(config: MlcConfig, tree: int) -> dict[str, Any]:
    """What an entry of ``classifiers`` says of a tree of the core."""
    one: DecisionTree = config.trees[tree]
    named = {code: one.labels.get(code, str(code)) for code in one.tree.leaves}
    return {
        "register": result_name(device(config.device), tree),
        "tree": {
            "nodes": len(one.tree),
            "depth": one.tree.depth,
            "end_counters": list(one.end_counters),
            "text": write_tree_text(one.tree, feature_names(config), {**one.labels, **named}),
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
