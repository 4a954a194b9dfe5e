"""The report of a validation, in the shape of a training's (so that one page shows both)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sensorai import __version__
from sensorai.mlc.artifact import Artifact
from sensorai.mlc.description import as_dict
from sensorai.mlc.devices import device
from sensorai.mlc.labels import feature_names
from sensorai.mlc.simulate import core_rate
from sensorai.mlc.treetext import write_tree_text
from sensorai.verify.judge import TreeJudgement
from sensorai.verify.mlc import Level, Run

#: Version of the report format.
VERSION = 1


def validation_report(
    artifact: Artifact,
    runs: Sequence[Run],
    judgements: Sequence[TreeJudgement],
    levels: Sequence[Level],
    notes: Sequence[str],
) -> dict[str, Any]:
    """Plain values: what the register file does on recordings, level by level."""
    config = artifact.config
    target = device(config.device)
    rate = core_rate(config)
    trees = []
    for t, (dt, verdict, column) in enumerate(zip(config.trees, judgements, artifact.columns, strict=True)):
        text = write_tree_text(
            dt.tree, feature_names(config), {c: dt.labels.get(c, str(c)) for c in dt.tree.leaves}
        )
        trees.append(
            {
                "name": f"tree{t + 1}",
                "column": column,
                "classes": [{"name": name, "code": code} for code, name in sorted(dt.labels.items())],
                "nodes": len(dt.tree),
                "depth": dt.tree.depth,
                "end_counters": list(dt.end_counters),
                "text": text,
                "choices": {},
                "held_out": verdict.as_dict(),
            }
        )
    first = next((level.divergence for level in levels if level.divergence is not None), None)
    compared = sum(level.windows for level in levels)
    return {
        "format": "sensorai-report",
        "version": VERSION,
        "sensorai": __version__,
        "name": artifact.path.stem,
        "target": "mlc",
        "device": target.name,
        "sources": {
            "held_out": "computed: the registers, read from the file and simulated on these recordings",
            "registers": "counted in the file",
        },
        "data": {
            "recordings": [
                {
                    "name": run.recording.name,
                    "group": run.recording.group,
                    "samples": len(run.recording),
                    "seconds": run.recording.duration_s,
                    "test": True,
                }
                for run in runs
            ],
            "groups": list(dict.fromkeys(run.recording.group for run in runs)),
            "test_groups": list(dict.fromkeys(run.recording.group for run in runs)),
        },
        "settings": {
            "rate_hz": rate,
            "window": config.window,
            "window_s": config.window / rate,
            "sensors": {
                slot: {"rate_hz": s.rate_hz, "full_scale": s.full_scale}
                for slot, s in config.settings.items()
            },
            "filters": as_dict(config)["filters"],
            "features": list(feature_names(config)),
            "seed": None,
        },
        "choices": {"window": [], "sensors": [], "features": []},
        "trees": trees,
        "levels": [
            {
                "level": level.name,
                "windows": level.windows,
                "first_divergence": None if level.divergence is None else str(level.divergence),
            }
            for level in levels
        ],
        "match": {
            "windows": compared,
            "equal": compared if first is None else None,
            "what": "features and results of the register file against every other level, window for window",
            "first_divergence": None if first is None else str(first),
        },
        "registers": {
            "writes": None,
            "nodes": sum(len(dt.tree) for dt in config.trees),
            "nodes_limit": target.limits.nodes,
        },
        "notes": list(notes),
    }
