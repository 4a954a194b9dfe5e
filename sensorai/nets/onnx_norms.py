"""Normalisations as operators of ONNX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Node
from sensorai.graph.operator import Operator
from sensorai.nets.onnx_writer import OnnxWriter
from sensorai.ops.nd.batch_norm import BatchNorm
from sensorai.ops.nd.lrn import LocalResponse
from sensorai.ops.nd.normalize import Normalize


def _batch(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    rank = len(file.tensor(node.inputs[0]).shape)
    before = [k for k in range(rank) if k != op.axis]
    perm = [*before[:1], op.axis, *before[1:]] if rank > 1 else [0]
    x = file.turned(node.inputs[0], perm, file.fresh(f"{node.output}.x"))
    y = file.fresh(f"{node.output}.y")
    file.add("BatchNormalization", [x, *node.inputs[1:5]], y, epsilon=op.epsilon)
    file.turned(y, [int(k) for k in np.argsort(perm)], node.output)


def _local(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    size = op.before + op.after + 1
    if op.before != (size - 1) // 2:
        raise ConfigError(f"{op.before} channels before and {op.after} behind have no operator in ONNX")
    rank = len(file.tensor(node.inputs[0]).shape)
    before = [k for k in range(rank) if k != op.axis]
    perm = [*before[:1], op.axis, *before[1:]]
    x = file.turned(node.inputs[0], perm, file.fresh(f"{node.output}.x"))
    y = file.fresh(f"{node.output}.y")
    said = {"alpha": op.alpha * size, "beta": op.beta, "bias": op.bias, "size": size}
    file.add("LRN", [x], y, **said)
    file.turned(y, [int(k) for k in np.argsort(perm)], node.output)


def _normalize(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    x = file.tensor(node.inputs[0])
    rank = len(x.shape)
    scale, bias = ([*node.inputs, "", ""][k] for k in (1, 2))
    trailing = op.axes == tuple(range(rank - len(op.axes), rank))
    if op.stats and not (trailing and op.kind == "layer"):
        raise ConfigError("statistics of axes before the last are not written as ONNX")
    if op.kind == "layer" and trailing:
        shape = x.shape[op.axes[0] :]
        given = [one for one in (scale, bias) if one]
        if scale and all(file.tensor(one).shape == shape for one in given):
            inputs = [file.real(one) for one in (x.name, *given)]
            said = {"axis": op.axes[0], "epsilon": op.epsilon}
            rest = node.outputs[1:]
            file.finish(lambda name: file.add_all("LayerNormalization", inputs, [name, *rest], **said), node)
            return

    def made(name: str) -> str:
        alike = file.real(x.name)
        for kind, one in (("Mul", scale), ("Add", bias)):
            if one and kind == "Mul":
                alike = _alike(file, op, alike, x.shape, file.fresh(f"{name}.alike"), node)
                alike = file.add(
                    "Mul", [alike, file.real(one)], file.fresh(f"{name}.scaled") if bias else name
                )
            elif kind == "Mul":
                alike = _alike(file, op, alike, x.shape, file.fresh(f"{name}.alike") if bias else name, node)
            elif one:
                alike = file.add("Add", [alike, file.real(one)], name)
        return alike

    file.finish(made, node)


def _alike(file: OnnxWriter, op: Any, x: str, shape: tuple[int, ...], name: str, node: Node) -> str:
    """Numbers made alike, before scale and bias."""

    def step(kind: str, *inputs: str, **said: Any) -> str:
        return file.add(kind, inputs, file.fresh(f"{name}.{kind}"), **said)

    def number(value: float) -> str:
        return file.constant(f"{name}.number", np.asarray(value, np.float32))

    def over(kind: str, of: str) -> str:
        return file.reduced(kind, of, op.axes, file.fresh(f"{name}.{kind}"))

    rank = len(shape)
    if op.kind == "layer":
        perm = [k for k in range(rank) if k not in op.axes] + list(op.axes)
        first = rank - len(op.axes)
        ones = file.constant(f"{name}.ones", np.ones([shape[k] for k in op.axes], np.float32))
        said = {"axis": first, "epsilon": op.epsilon}
        if perm == list(range(rank)):
            return file.add_all("LayerNormalization", [x, ones], [name, *node.outputs[1:]], **said)
        turned = file.turned(x, perm, file.fresh(f"{name}.x"))
        y = file.add("LayerNormalization", [turned, ones], file.fresh(f"{name}.y"), **said)
        return file.turned(y, [int(k) for k in np.argsort(perm)], name)
    if op.kind in ("l1", "l2"):
        if len(op.axes) == 1 and op.epsilon == 0:
            return file.add("LpNormalization", [x], name, axis=op.axes[0], p=int(op.kind[1]))
        size = step("Max", over("ReduceL1" if op.kind == "l1" else "ReduceL2", x), number(op.epsilon))
        return file.add("Div", [x, size], name)
    if op.kind == "deviation":
        x = step("Sub", x, over("ReduceMean", x))
    mean = over("ReduceMean", step("Mul", x, x))
    if op.kind == "deviation":
        below = step("Add", step("Sqrt", mean), number(op.epsilon))
    else:
        below = step("Sqrt", step("Add", mean, number(op.epsilon)))
    return file.add("Mul", [x, step("Reciprocal", below)], name)


WRITERS: Mapping[type[Operator], Callable[[OnnxWriter, Node], None]] = {
    BatchNorm: _batch,
    LocalResponse: _local,
    Normalize: _normalize,
}
