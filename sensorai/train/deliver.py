"""What a training leaves behind: files as bytes by name, the judgement of those bytes, the report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sensorai import __version__
from sensorai.errors import VerifyMismatch
from sensorai.files import read_json
from sensorai.mlc import arff, describe, settings
from sensorai.mlc.decode import decode
from sensorai.mlc.devices import device
from sensorai.mlc.encode import encode
from sensorai.mlc.features import FeatureStream, inputs, numeric_style
from sensorai.mlc.labels import feature_names
from sensorai.mlc.regfile import parse_register_file
from sensorai.mlc.simulate import Trace
from sensorai.mlc.treetext import write_tree_text
from sensorai.recording import Recording
from sensorai.regfile import to_header, to_json, to_ucf
from sensorai.train.judge import compare_with_trained, held_out, run
from sensorai.train.mlc import Trained
from sensorai.verify.judge import TreeJudgement, judge
from sensorai.writing import jsontext

#: Version of ``model.sai`` and ``report.json``.
VERSION = 1


@dataclass(frozen=True, slots=True)
class Delivery:
    """The result of one training.

    Attributes
    ----------
    files : mapping of name to bytes
        Everything but the HTML report.
    report : mapping
        What ``report.json`` says.
    recordings : tuple of Recording
        Held-out recordings at the core's rate.
    traces : tuple of Trace
        What the emitted bytes do on them.
    judgements : tuple of TreeJudgement
        One per tree.
    """

    files: Mapping[str, bytes]
    report: Mapping[str, Any]
    recordings: tuple[Recording, ...]
    traces: tuple[Trace, ...]
    judgements: tuple[TreeJudgement, ...]


def deliver(trained: Trained, name: str, seed: int, more: Mapping[str, Any] | None = None) -> Delivery:
    """Emit the files, read the emitted register file back, run it on the held-out recordings, report.

    ``more`` goes into the index ``model.sai``, in place of what it says otherwise.

    Raises
    ------
    TargetError
        The device has no room for the configuration.
    VerifyMismatch
        The emitted bytes do not decide as the trained tree does.
    """
    config = trained.config
    registers = encode(config, name=name)
    files = {
        f"{name}.json": to_json(registers).encode(),
        f"{name}.ucf": to_ucf(registers).encode(),
        f"{name}.h": to_header(registers, name).encode(),
        f"{name}_plain.h": to_header(registers, name, plain=True).encode(),
    }
    emitted = decode(parse_register_file(files[f"{name}.json"], f"{name}.json"))
    recordings = tuple(held_out(trained))
    traces = tuple(run(emitted.config, recordings))
    compared, divergence = compare_with_trained(trained, traces, recordings)
    if divergence is not None:
        raise VerifyMismatch(
            f"the emitted bytes and the trained tree part: {divergence}", where=f"{name}.json"
        )
    judgements = tuple(
        judge(traces, recordings, t, task.column, task.classes) for t, task in enumerate(trained.tasks)
    )
    names = feature_names(config)
    files["features.arff"] = arff.arff_text(_feature_table(trained, names)).encode()
    for t, dt in enumerate(config.trees):
        files[f"tree_{t + 1}.txt"] = write_tree_text(dt.tree, names, dt.labels).encode()
    files["mlc_settings.json"] = settings.to_text(
        config, tree_files=[f"tree_{t + 1}.txt" for t in range(len(config.trees))], name=name
    ).encode()
    report = _report(trained, name, seed, judgements, compared, files)
    files["report.json"] = _json(report)
    model = {
        "format": "sensorai-model",
        "version": VERSION,
        "target": "mlc",
        "name": name,
        "register_file": f"{name}.json",
        "trees": [
            {"name": task.name, "column": task.column, "classes": list(task.classes)}
            for task in trained.tasks
        ],
        "test_groups": list(trained.test_groups),
        "train_groups": [g for g in trained.dataset.groups() if g not in trained.test_groups],
        "files": sorted([*files, "model.sai", "report.html"]),
        "config": describe.as_dict(emitted),
        **(more or {}),
    }
    files["model.sai"] = _json(model)
    return Delivery(files, report, recordings, traces, judgements)


def with_report(delivery: Delivery, report: Mapping[str, Any]) -> Delivery:
    """Return the delivery with another report, in ``report.json`` too."""
    return replace(delivery, files={**delivery.files, "report.json": _json(report)}, report=report)


def _json(value: object) -> bytes:
    return jsontext.document(value).encode()


def _feature_table(trained: Trained, names: Sequence[str]) -> arff.Arff:
    """Every labelled window of every recording, classes of the first tree; what ST's tools can read."""
    style = numeric_style("current")
    tables, labels = [], []
    task = trained.tasks[0]
    for r in trained.dataset:
        values = FeatureStream(trained.config).push(inputs(trained.config, r, style))
        truth = r.window_labels(trained.config.window, task.column)[: len(values)]
        start = 0
        # a table per stretch of one class
        for k in range(len(truth) + 1):
            if k == len(truth) or truth[k] != truth[start]:
                label = truth[start] if truth else None
                if label is not None:
                    tables.append(values[start:k])
                    labels.append(label)
                start = k
    return arff.from_tables(names, tables, labels)


def _report(
    trained: Trained,
    name: str,
    seed: int,
    judgements: Sequence[TreeJudgement],
    compared: int,
    files: Mapping[str, bytes],
) -> dict[str, Any]:
    config, target, choices = trained.config, device(trained.config.device), trained.choices
    described = describe.as_dict(config)
    trees: list[dict[str, Any]] = []
    for dt, task, verdict, chosen in zip(config.trees, trained.tasks, judgements, choices.trees, strict=True):
        code = {label: c for c, label in dt.labels.items()}
        trees.append(
            {
                "name": task.name,
                "column": task.column,
                "classes": [{"name": c, "code": code[c]} for c in task.classes],
                "nodes": len(dt.tree),
                "depth": dt.tree.depth,
                "end_counters": list(dt.end_counters),
                "text": files[f"tree_{len(trees) + 1}.txt"].decode(),
                "choices": chosen,
                "held_out": verdict.as_dict(),
            }
        )
    return {
        "format": "sensorai-report",
        "version": VERSION,
        "sensorai": __version__,
        "name": name,
        "target": "mlc",
        "device": target.name,
        "sources": {
            "held_out": "computed: the emitted registers, read back and simulated on recordings of groups "
            "that training did not see",
            "choices": "computed: cross-validation over the training groups",
            "random_windows_optimistic": "computed: windows split at random; neighbours land on both sides, "
            "so this is too good",
            "registers": "counted in the emitted file",
        },
        "data": {
            "recordings": [
                {
                    "name": r.name,
                    "group": r.group,
                    "samples": len(r),
                    "seconds": r.duration_s,
                    "test": r.group in trained.test_groups,
                }
                for r in trained.dataset
            ],
            "groups": list(trained.dataset.groups()),
            "test_groups": list(trained.test_groups),
        },
        "settings": {
            "rate_hz": config.mlc_rate_hz,
            "window": config.window,
            "window_s": config.window / config.mlc_rate_hz,
            "sensors": {
                slot: {"rate_hz": s.rate_hz, "full_scale": s.full_scale}
                for slot, s in config.settings.items()
            },
            "filters": described["filters"],
            "features": list(feature_names(config)),
            "seed": seed,
        },
        "choices": {
            "window": choices.window,
            "sensors": choices.sensors,
            "features": choices.features,
        },
        "trees": trees,
        "match": {
            "windows": compared,
            "equal": compared,
            "what": "results of the emitted registers against the trained tree, window for window",
            "first_divergence": None,
        },
        "registers": {
            "writes": sum(1 for op in json.loads(files[f"{name}.json"])["sensors"][0]["configuration"]),
            "nodes": sum(len(dt.tree) for dt in config.trees),
            "nodes_limit": target.limits.nodes,
        },
        "notes": list(choices.notes),
    }


def stale_files(folder: Path, files: Iterable[str]) -> list[str]:
    """Files of an earlier result in ``folder`` that the new one does not replace; empty without one."""
    index = folder / "model.sai"
    if not index.is_file():
        return []
    listed = read_json(index)
    names = listed.get("files", []) if isinstance(listed, dict) else []
    new = {*files, "report.html"}
    # only plain names: an index from elsewhere must not reach out of the folder
    return [
        n for n in names if isinstance(n, str) and n not in new and Path(n).name == n and n not in ("", "..")
    ]
