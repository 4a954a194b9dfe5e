"""What sensorai emits for the reference models, and the nets learnt for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from _peers.data import Task
from _peers.measure import Predictor
from sensorai import runtime
from sensorai.codegen.forest import emit_forest
from sensorai.codegen.net import emit_net
from sensorai.codegen.parts import CodeParts
from sensorai.graph import interpret
from sensorai.graph.build import Builder
from sensorai.graph.graph import Graph
from sensorai.learn import qat, shapes
from sensorai.learn.fewer_ones import fewer_ones
from sensorai.learn.forests import from_forest
from sensorai.learn.lower import lower
from sensorai.learn.nets import INPUT_PLACES, class_weights, first_params
from sensorai.model.ensemble import Ensemble
from sensorai.model.scaling import Scaling
from sensorai.ops.conv1d import Conv1d
from sensorai.ops.dense import Dense
from sensorai.ops.flatten import Flatten
from sensorai.ops.max_pool import MaxPool
from sensorai.ops.products import Product
from sensorai.ops.relu import Relu
from sensorai.ops.sign import Sign
from sensorai.road import Progress

Int8 = npt.NDArray[np.integer]  # int8 as the scaling gives it
TOOL = "sensorai"

#: The class with the largest score, the first of equal ones.
BEST = """static int32_t best(const int32_t *scores, int32_t classes)
{
    int32_t at = 0;
    int32_t i;

    for (i = 1; i < classes; i++) {
        if (scores[i] > scores[at]) {
            at = i;
        }
    }
    return at;
}
"""


def take_over(model: Any, task: Task, total: int | None = None) -> Ensemble:
    """Return a fitted tree or forest with votes in whole numbers."""
    return from_forest(model, task.counted.classes, task.x.shape[1], total=total)


def trees(name: str, model: Any, task: Task, rows: npt.NDArray[np.int64]) -> tuple[Predictor, Ensemble]:
    """Take over a fitted tree or forest; a single tree answers with its leaf, without counting votes."""
    ensemble = take_over(model, task)
    wanted = model.predict(task.x[rows].astype(np.float32)).astype(np.int64)
    empty = Predictor(name, TOOL, {}, task.x[rows].astype(np.int32), wanted)
    if len(ensemble.trees) > 1:
        return voting(name, TOOL, ensemble, empty), ensemble
    parts = emit_forest(ensemble, "m")
    classes = ensemble.votes.argmax(axis=1).tolist()
    packed = sum(c << 4 * row for row, c in enumerate(classes))
    answer = f"(int32_t)(0x{packed:x}u >> (4u * m_leaf(input)) & 15u)"
    if classes == list(range(len(classes))):
        answer = "(int32_t)m_leaf(input)"
    tail = _predict("int32_t", f"    (void)m_model;\n    return {answer};\n")
    return replace(empty, sources=_sources(parts, tail)), ensemble


def voting(name: str, tool: str, ensemble: Ensemble, like: Predictor) -> Predictor:
    """Count votes as an emitted project does: all scores, then the class with most."""
    parts = emit_forest(ensemble, "m")
    n = len(ensemble.classes)
    body = f"    int32_t scores[{n}];\n\n    m_model(input, scores, 0);\n    return best(scores, {n});\n"
    if len(ensemble.trees) == 1:
        body = body.replace("    m_model", "    (void)m_leaf;\n    m_model")
    return replace(like, model=name, tool=tool, sources=_sources(parts, BEST + _predict("int32_t", body)))


def _sources(parts: CodeParts, tail: str) -> dict[str, str | bytes]:
    files = {name.split("/")[-1]: runtime.text(name) for name in parts.runtime}
    includes = "".join(f'#include "{name}"\n' for name in sorted(files))
    return {**files, "m.c": "\n".join(["#include <stdint.h>", includes, parts.data, parts.source, tail])}


def _predict(kind: str, body: str) -> str:
    head = f"int32_t predict(const {kind} *input)"
    return f"{head};\n{head}\n{{\n{body}}}\n"


def mlp(inputs: int, classes: int, *, binary: bool) -> Graph:
    """28-128-128-4."""
    return shapes.mlp(inputs, (128, 128), classes, binary=binary, seed=0)


def cnn(window: int, channels: int, classes: int) -> Graph:
    """Return the CNN whose multiply-accumulates and parameters are those of the peers' figures.

    Convolutions of 16 (5 samples), 32 (5) and 32 channels (3), the first two halved, then 32 and 4 units.
    """
    rng = np.random.default_rng(0)
    b = Builder((window, channels))

    def weights(*shape: int) -> dict[str, npt.NDArray[np.float32]]:
        fan = int(np.prod(shape[1:]))
        w = rng.normal(0, np.sqrt(2 / fan), shape).astype(np.float32)
        return {"weights": w, "bias": np.zeros(shape[0], np.float32)}

    for out, kernel, pool in ((16, 5, True), (32, 5, True), (32, 3, False)):
        b.add(Conv1d(padding="same"), params=weights(out, kernel, b.shape[1]))
        b.add(Relu())
        if pool:
            b.add(MaxPool(2))
    b.add(Flatten())
    b.add(Dense(), params=weights(32, b.shape[0]))
    b.add(Relu())
    b.add(Dense(), params=weights(classes, 32))
    return b.graph()


class Learnt:
    """An integer net with its int8 inputs and accuracies on the test logs."""

    def __init__(self, graph: Graph, inputs: Int8, task: Task, float_accuracy: float | None) -> None:
        self.graph, self.inputs = graph, inputs
        self.answers = np.argmax(interpret.output(graph, inputs), axis=1)
        self.accuracy = float((self.answers == task.y)[task.test].mean())
        self.float_accuracy = float_accuracy

    def predictor(self, name: str, rows: npt.NDArray[np.int64]) -> Predictor:
        """C of the net; the wanted answers are those of the reference in NumPy."""
        parts = emit_net(self.graph, "m")
        classes = self.graph.tensors[self.graph.outputs[0]].shape[-1]
        tail = BEST + f"static uint32_t arena[{max(parts.arena_bytes + 3, 4) // 4}];\n"
        tail += _predict(
            "int8_t",
            f"    int32_t scores[{classes}];\n\n    m_model(input, scores, (uint8_t *)arena);\n"
            f"    return best(scores, {classes});\n",
        )
        return Predictor(
            name,
            TOOL,
            _sources(parts, tail),
            self.inputs[rows],
            self.answers[rows],
            sum(layer.macs for layer in parts.layers),
            sum(weight_bytes(self.graph).values()),
        )


def weight_bytes(graph: Graph) -> dict[str, int]:
    """Bytes that weights and biases need by themselves: a number one byte, a sign one bit, a bias four."""
    out = {}
    for node in graph.nodes:
        if isinstance(node.op, Product):
            size = graph.constants(node)["weights"].size
            bits = size if node.op.signs else 8 * size
            out[node.output] = -(-bits // 8) + 4 * graph.tensors[node.output].shape[-1]
    return out


def learn(graph: Graph, raw: npt.NDArray[np.integer], task: Task, say: Callable[[str], None]) -> Learnt:
    """Learn a net as ``sensorai train`` does: float first, then with its roundings; binary from the start."""
    train = task.train & ~task.validation
    scaling = Scaling.fit(raw[train].reshape(-1, raw.shape[-1]))
    inputs = scaling.apply(raw)
    real = (inputs * np.float32(2.0**-INPUT_PLACES)).astype(np.float32)
    y, check = task.y, task.validation
    weights = class_weights(y[train], len(task.counted.classes))
    data = qat.Data(real[train], y[train], real[check], y[check], weights)
    first, said = first_params(graph), [""]

    def new(words: str, done: float) -> None:
        if words != said[-1]:
            said.append(words)
            say(words)

    told = Progress(new)
    long, short = qat.Schedule(40, 15, 4e-3, 64, 0), qat.Schedule(15, 10, 1e-3, 64, 1)
    if any(isinstance(n.op, Sign) for n in graph.nodes):
        scales = qat.Scales({graph.inputs[0]: INPUT_PLACES})
        params, _ = qat.learn(graph, first, data, long, scales, "binary", told)
        return Learnt(fewer_ones(lower(graph, params, scales), inputs[train]), inputs, task, None)
    params, _ = qat.learn(graph, first, data, long, qat.Scales(), "float", told)
    plain = float((qat.predict(graph, params, real) == y)[task.test].mean())
    scales = qat.calibrate(graph, params, real[train], INPUT_PLACES)
    params, _ = qat.learn(graph, params, data, short, scales, "int8", told)
    return Learnt(lower(graph, params, scales), inputs, task, plain)
