"""Recurrent layers as operators of ONNX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Node
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Tensor
from sensorai.nets.onnx_writer import OnnxWriter
from sensorai.ops.nd import affine
from sensorai.ops.nd.recurrent import Recurrent

#: Functions of gates, and how many settings they have.
_FUNCTIONS: Mapping[str, tuple[str, int]] = {
    "elu": ("Elu", 1),
    "hard_sigmoid": ("HardSigmoid", 2),
    "leaky_relu": ("LeakyRelu", 1),
    "linear": ("Affine", 2),
    "relu": ("Relu", 0),
    "scaled_tanh": ("ScaledTanh", 2),
    "sigmoid": ("Sigmoid", 0),
    "softplus": ("Softplus", 0),
    "softsign": ("Softsign", 0),
    "tanh": ("Tanh", 0),
    "thresholded_relu": ("ThresholdedRelu", 1),
}
#: From the order of ONNX to the batch first: outputs of all steps; inputs and states, and their way back.
_EVERY, _STATE = (2, 0, 1, 3), (1, 0, 2)


def write_recurrent(file: OnnxWriter, node: Node) -> None:
    """Write a layer; the batch is brought behind the steps, as runtimes want it."""
    op: Any = node.op
    where = f"layer {node.output}"
    given = [file.tensor(n) if n else None for n in (*node.inputs, *[""] * (11 - len(node.inputs)))]
    if given[10] is not None:
        raise ConfigError(f"{where}: gates that are normalised are not written as ONNX")
    if given[8] is not None or any(getattr(op, name, 0) for name in ("cell_clip", "projection_clip")):
        raise ConfigError(f"{where}: a projection, or a clip of cells, is not written as ONNX")
    x, w, r, b, lengths, h0, c0, p = given[:8]
    if x is None or w is None or r is None:
        raise ConfigError(f"{where}: input or weights are missing")
    outs = [file.tensor(n) for n in node.outputs]
    kept = int(op.whole) + 1
    whole = affine.scaled(x)
    reads = [_turned(file, x, op), file.real(w.name), file.real(r.name)]
    reads.append(_bias(file, node, (x, outs[kept - 1]), (w, r), b))
    reads.append("" if lengths is None else lengths.name)
    reads.append(_first(file, node, h0, outs[kept - 1] if whole else None))
    if op.NAME == "lstm":
        reads.append(_first(file, node, c0, outs[kept] if whole else None))
        reads.append("" if p is None else p.name)
    while not reads[-1]:
        reads.pop()
    plain = not whole and not op.layout
    makes = [
        out.name if plain else file.fresh(f"{out.name}.float") for out in outs[: kept + (op.NAME == "lstm")]
    ]
    names = makes if op.whole else ["", *makes]
    made = file.onnx.helper.make_node(
        op.NAME.upper(), reads, names, name=makes[0], **_attributes(op, w.shape[1] // op.GATES)
    )
    file.nodes.append(made)
    read = {n for one in file.graph.nodes for n in one.inputs} | file.graph.kept
    for k, out in enumerate(outs):
        if out.name not in read:
            continue
        if k >= len(makes):
            raise ConfigError(f"{where}: cells of a gru are not written as ONNX")
        perm = _EVERY if op.whole and k == 0 else _STATE
        _finish(file, makes[k], perm if op.layout else (), out)


def _turned(file: OnnxWriter, x: Tensor, op: Recurrent) -> str:
    """Real numbers of the input, or of a first state, steps or directions first; integers are what moves."""
    if not op.layout:
        return file.real(x.name)
    moved = file.turned(x.name, _STATE, file.fresh(f"{x.name}.steps"))
    return file.dequantised_like(moved, x) if affine.scaled(x) else moved


def _finish(file: OnnxWriter, made: str, perm: tuple[int, ...], out: Tensor) -> None:
    """Bring an output to its name, its order of axes and its type."""
    if affine.scaled(out):
        made = file.quantised(made, replace(out, name=file.fresh(f"{out.name}.steps")) if perm else out)
    if perm:
        file.turned(made, perm, out.name)
    elif made != out.name:
        file.add("Identity", [made], out.name)


def _bias(
    file: OnnxWriter,
    node: Node,
    values: tuple[Tensor, Tensor],
    weights: tuple[Tensor, Tensor],
    bias: Tensor | None,
) -> str:
    """Biases of both sums, as real numbers; ONNX has both or none."""
    if bias is None:
        return ""
    if bias.data is None:
        raise ConfigError(f"layer {node.output}: a bias that is computed is not written as ONNX")
    rows = weights[0].shape[1]
    data = np.zeros((bias.shape[0], 2 * rows), bias.data.dtype)
    data[:, : bias.shape[1]] = bias.data
    if data.dtype == np.float32:
        return file.constant(f"{bias.name}.both", data)
    scale: list[float] = []
    for x, w in zip(values, weights, strict=True):
        if not isinstance(x.quant, Affine) or not isinstance(w.quant, Affine):
            raise ConfigError(f"layer {node.output}: the scale of its bias is not known")
        scale += np.broadcast_to(np.asarray(w.quant.scale) * x.quant.scale[0], (rows,)).tolist()
    name = file.integers(f"{bias.name}.both", data)
    quant = Affine(tuple(map(float, scale)), (0,) * len(scale), 1)
    return file.dequantised(name, quant, file.fresh(f"{bias.name}.real"))


def _first(file: OnnxWriter, node: Node, given: Tensor | None, like: Tensor | None) -> str:
    """Return a first state; of integers one that means 0 where there is none, since it tells the scale."""
    op: Any = node.op
    if given is None and like is None:
        return ""
    if given is not None:
        return _turned(file, given, op)
    if like is None or not isinstance(like.quant, Affine):
        raise ConfigError(f"layer {node.output}: its states have no scale")
    shape = [like.shape[k] for k in _STATE] if op.layout else like.shape
    nothing = np.full(shape, like.quant.zero[0], like.dtype)
    return file.real(file.integers(f"{like.name}.first", nothing, like))


def _attributes(op: Any, units: int) -> dict[str, Any]:
    said: dict[str, Any] = {"hidden_size": units, "direction": op.direction}
    if op.functions:
        found = [_FUNCTIONS[gate.function] for gate in op.functions]
        said["activations"] = [name for name, _ in found]
        alpha = [g.alpha for g, (_, n) in zip(op.functions, found, strict=True) if n > 0]
        beta = [g.beta for g, (_, n) in zip(op.functions, found, strict=True) if n > 1]
        said |= {"activation_alpha": alpha} if alpha else {}
        said |= {"activation_beta": beta} if beta else {}
    if op.clip:
        said["clip"] = op.clip
    if getattr(op, "coupled", False):
        said["input_forget"] = 1
    if getattr(op, "reset_after", False):
        said["linear_before_reset"] = 1
    return said
