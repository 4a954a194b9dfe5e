"""The report of a validation, in the shape of a training's (so that one page shows both)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sensorai.mlc.artifact import Artifact
from sensorai.mlc.devices import device
from sensorai.mlc.labels import feature_names
from sensorai.mlc.treetext import write_tree_text
from sensorai.model.detector import Detector
from sensorai.model.pipeline import PipelineTrace
from sensorai.recording import Recording
from sensorai.verify import shape
from sensorai.verify.cjudge import judge
from sensorai.verify.cproject import Cost, OpenedProject
from sensorai.verify.judge import TreeJudgement
from sensorai.verify.mlc import Level, Run


def validation_report(
    artifact: Artifact,
    runs: Sequence[Run],
    judgements: Sequence[TreeJudgement],
    levels: Sequence[Level],
    notes: Sequence[str],
) -> dict[str, Any]:
    """Plain values: what the register file does on recordings, level by level."""
    config = artifact.config
    names = feature_names(config)
    classifiers = []
    for t, (dt, verdict, column) in enumerate(zip(config.trees, judgements, artifact.columns, strict=True)):
        text = write_tree_text(dt.tree, names, {c: dt.labels.get(c, str(c)) for c in dt.tree.leaves})
        classes = [(name, code) for code, name in sorted(dt.labels.items())]
        one = shape.register_classifier(config, t, f"tree{t + 1}", column, classes, text)
        classifiers.append({**one, "held_out": verdict.as_dict()})
    return {
        **shape.head("validate", "classify", "mlc", device(config.device).name, artifact.path.stem),
        "data": _data([run.recording for run in runs]),
        **shape.of_registers(config),
        "classifiers": classifiers,
        "proof": {
            "what": "features and results of the register file against those of",
            "levels": [shape.level(one.name, one.windows, one.divergence) for one in levels],
        },
        "cost": {"registers": shape.registers(config, None)},
        "notes": list(notes),
        "sources": {
            "held_out": "computed: the registers, read from the file and simulated on these recordings",
            "registers": "counted in the file",
        },
    }


def project_report(
    opened: OpenedProject,
    recordings: Sequence[Recording],
    traces: Sequence[PipelineTrace],
    levels: Sequence[Mapping[str, Any]],
    cost: Cost | None,
    notes: Sequence[str],
) -> dict[str, Any]:
    """Plain values: what a C project does on recordings, level by level.

    Parameters
    ----------
    opened : OpenedProject
    recordings, traces
        At the pipeline's rate, and the reference on them.
    levels : sequence of mapping
        As ``shape.level`` makes them.
    cost : Cost or None
        Of the emulated run, where there was one.
    notes : sequence of str
    """
    pipeline = opened.pipeline
    task = "anomaly" if isinstance(pipeline.model, Detector) else "classify"
    judged = judge(pipeline, recordings, traces, opened.column)
    sources = {"held_out": "computed: the integer reference on these recordings"}
    library = None
    if cost is not None:
        sources |= {
            "memory": "compiled",
            "run": cost.source,
            "cycles": "an estimate from kinds of instructions",
        }
        library = {**asdict(cost), "seconds": None, "joules": None}
    return {
        **shape.head("validate", task, opened.target, opened.device, pipeline.name),
        "data": _data(recordings),
        **shape.of_pipeline(pipeline, shape.kind_of(pipeline)),
        "classifiers": [shape.c_classifier(pipeline, opened.column, judged)],
        "proof": {"what": shape.C_PROOF, "levels": [dict(level) for level in levels]},
        "cost": {"library": library, "program": None, "layers": [], "learning": None},
        "notes": list(notes),
        "sources": sources,
    }


def divergence(report: Mapping[str, Any]) -> str | None:
    """Where the first level of a report's proof parts; None where all are equal."""
    found = (level.get("first_divergence") for level in report["proof"]["levels"])
    return next((where for where in found if where), None)


def _data(recordings: Sequence[Recording]) -> dict[str, Any]:
    groups = list(dict.fromkeys(r.group for r in recordings))
    return {"recordings": shape.listed(recordings, groups), "groups": groups, "test_groups": groups}
