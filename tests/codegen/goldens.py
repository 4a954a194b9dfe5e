"""Hashes of emitted C of a set of nets, forests, detectors and whole projects: what must not change unseen.

``python -m tests.codegen.goldens`` writes them anew. A change that means to emit other C says so by the lines
of ``goldens.json`` that it changes; one that means to leave the C alone leaves that file alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from sensorai.codegen.detector import emit_detector
from sensorai.codegen.forest import emit_forest
from sensorai.codegen.net import emit_net, translation_unit
from sensorai.codegen.parts import CodeParts
from sensorai.codegen.project import emit_project
from sensorai.graph.graph import Graph
from sensorai.ispu.devices import device
from sensorai.ispu.emit import emit_ispu
from sensorai.learn import qat, shapes
from sensorai.learn.lower import lower, lower_float
from sensorai.learn.nets import INPUT_PLACES, first_params
from sensorai.passes.annotate import calibrate
from sensorai.version import __version__
from tests.codegen import detectors, nets, test_forest
from tests.codegen.test_net import binary_mlp, cnn, mlp
from tests.verify import pipelines

FILE = Path(__file__).with_name("goldens.json")


def goldens() -> dict[str, str]:
    """Hash of everything that is emitted, by name."""
    return {name: _hash(texts) for name, texts in emitted()}


def emitted() -> Iterator[tuple[str, Mapping[str, str]]]:
    """Texts by name: C, and what it is said to cost."""
    for name, graph in graphs():
        parts = emit_net(graph, "net")
        yield f"net {name}", {**translation_unit(graph, "net"), **_costs(parts)}
    for name, make in test_forest.CASES.items():
        for levels in (None, 0, 2):
            yield f"forest {name} {levels}", _parts(emit_forest(make(), "f", levels=levels))
    for name, detector in detectors.DETECTORS.items():
        yield f"detector {name}", _parts(emit_detector(detector, "d"))
    projects = {
        "forest": pipelines.forest(),
        "forest without filter": pipelines.forest(filtered=False, wins=0, hard=True),
        **{
            f"{p} {raw}": pipelines.net(precision=p, raw=raw)
            for p in ("int8", "binary")
            for raw in (False, True)
        },
        "autoencoder": pipelines.detector("autoencoder"),
    }
    for name, pipeline in projects.items():
        made = emit_project(pipeline)
        yield f"project {name}", {**made.sources(), "costs": _plain(f"{made.arena_bytes} {made.layers}")}
        _, files = emit_ispu(pipeline, device("LSM6DSO16IS"))
        yield f"ispu {name}", {file: text for file, text in files.items() if file.endswith((".c", ".h"))}


def graphs() -> Iterator[tuple[str, Graph]]:
    """Nets: every operator's cases, random ones, those of the facts, and those of the families."""
    yield from ((s.name, s.graph) for s in nets.operator_samples(1))
    for precision in ("int8", "multiplier", "binary"):
        yield from ((f"{precision} {seed}", nets.random_net(seed, precision)) for seed in range(12))
    yield from (("mlp", mlp()), ("cnn", cnn()), ("binary", binary_mlp()), ("wide", binary_mlp("int8")))
    for family in ("mlp", "cnn"):
        for precision in ("int8", "binary", "float32"):
            yield f"{family} {precision}", _untrained(family, precision)


def _untrained(family: str, precision: str) -> Graph:
    """A net of a family as it is before it has learnt anything."""
    binary = precision == "binary"
    if family == "mlp":
        graph = shapes.mlp(11, (40, 9), 4, binary=binary, seed=3)
    else:
        graph = shapes.cnn(25, 3, (8, 12, 16), 4, kernel=5, binary=binary, seed=3)
    params = first_params(graph)
    if precision == "float32":
        return lower_float(graph, params, INPUT_PLACES)
    source = graph.inputs[0]
    x = np.random.default_rng(1).normal(0, 1, (64, *graph.tensors[source].shape))
    return lower(graph, params, qat.Scales({**calibrate(graph, x), source: INPUT_PLACES}))


def _parts(parts: CodeParts) -> dict[str, str]:
    return {"header": parts.header, "source": parts.source, "data": parts.data.strip(), **_costs(parts)}


def _costs(parts: CodeParts) -> dict[str, str]:
    return {"costs": _plain(f"{parts.runtime} {parts.arena_bytes} {parts.arena_align} {parts.layers}")}


def _plain(costs: str) -> str:
    # nets that are learnt here have no dictionaries, and said nothing of them when the goldens were written
    return costs.replace(", saved_bytes=0", "")


def _hash(texts: Mapping[str, str]) -> str:
    # the version of sensorai stands in headers, and changes on its own
    whole = json.dumps(texts, sort_keys=True).replace(f"sensorai {__version__}", "sensorai")
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


if __name__ == "__main__":
    FILE.write_text(json.dumps(goldens(), indent=0, sort_keys=True) + "\n", encoding="utf-8")
