"""From a learnt net to the integer net that the device runs: the same roundings as in ``qat``, once."""

from __future__ import annotations

from typing import Any

import numpy as np

from sensorai.errors import InternalError
from sensorai.model import ops
from sensorai.model.graph import Array, Builder, Graph, Node
from sensorai.model.ops.batch_norm import scale_offset
from sensorai.train.qat import Params, Scales, spread, weight_places

INT32 = (-(2**31), 2**31 - 1)


def lower(graph: Graph, params: Params, scales: Scales) -> Graph:
    """Return the integer net.

    Products become int8 where ``scales`` has places for their output, binary where batch normalisation and
    sign follow, and give their accumulators otherwise.
    """
    source = graph.tensors[graph.inputs[0]]
    b = Builder(source.shape, "int8", scales.places[source.name])
    now = {source.name: b.last}
    for node in graph.nodes:
        name = now[node.inputs[0]]
        if node.op in ops.PRODUCTS:
            name = _product(b, graph, node, params, scales, name)
        elif node.op not in ("batch_norm", "sign"):
            tensor = b.tensors[name]
            name = b.add(
                node.op, name, dtype=tensor.dtype, fraction=tensor.fraction, name=node.output, **node.attrs
            )
        now[node.output] = name
    return b.graph(now[graph.outputs[0]])


def lower_float(graph: Graph, params: Params, places: int) -> Graph:
    """Return the float32 net behind an int8 input with ``places`` binary places."""
    source = graph.tensors[graph.inputs[0]]
    b = Builder(source.shape, "int8", places)
    now = {source.name: b.add("dequantize", name="input_float")}
    for node in graph.nodes:
        own = {k: np.asarray(v, np.float32) for k, v in params.get(node.output, {}).items()}
        now[node.output] = b.add(node.op, now[node.inputs[0]], params=own, name=node.output, **node.attrs)
    return b.graph(now[graph.outputs[0]])


def _product(b: Builder, graph: Graph, node: Node, params: Params, scales: Scales, name: str) -> str:
    own = {k: np.asarray(v, np.float64) for k, v in params[node.output].items()}
    attrs = {k: v for k, v in node.attrs.items() if k in ("stride", "padding", "pool", "pad_value")}
    binary = bool(node.attrs.get("binary"))
    if b.tensors[name].dtype == "binary" and not binary:
        name = b.add("quantize", name, dtype="int8", fraction=0, name=f"{node.output}_in")
    source = b.tensors[name]
    fraction = source.fraction or 0
    target = scales.places.get(node.output)
    made: dict[str, Array] = {}
    if binary:
        made["weights"] = np.where(own["weights"] >= 0, 1, -1).astype(np.int8)
        places = np.zeros(_channels(graph, node))
    else:
        w = own["weights"]
        places = np.asarray(weight_places(np, node, w, fraction, target, node.output in graph.outputs))
        unit = spread(np, node, 2.0**places)
        made["weights"] = np.clip(np.floor(w * unit + 0.5), -127, 127).astype(np.int8)
    if not node.attrs.get("frozen_bias"):
        step = 2.0 ** (places + fraction)
        made["bias"] = np.clip(np.floor(own["bias"] * step + 0.5), *INT32).astype(np.int32)
    if (norm := _norm_after(graph, node)) is not None:
        made |= thresholds(_with(norm, params[norm.output]), 2.0 ** (places + fraction))
        return b.add(node.op, name, params=made, dtype="binary", name=node.output, **attrs)
    if target is None:
        fraction += int(places[0])
        return b.add(node.op, name, params=made, dtype="int32", fraction=fraction, name=node.output, **attrs)
    made["shift"] = (places + fraction - target).astype(np.uint8)
    attrs |= {"lo": 0 if node.attrs.get("lo") == 0 else -128, "hi": 127}
    return b.add(node.op, name, params=made, dtype="int8", fraction=target, name=node.output, **attrs)


def thresholds(norm: Node, unit: Array) -> dict[str, Array]:
    """Fold batch normalisation and sign into thresholds of the accumulator.

    With ``a * acc / unit + b >= 0``: the bit is ``acc >= ceil(-b / a * unit)``, and where a is negative
    ``acc <= floor(-b / a * unit)``. Where a is 0 the bit is always the sign of b.

    Returns
    -------
    dict
        ``threshold`` int32 and ``flip`` uint8, per channel.
    """
    a, offset = scale_offset(norm)
    safe = np.where(a == 0, 1.0, a)
    at = -offset / safe * unit
    edge = np.where(a > 0, np.ceil(at), np.floor(at))
    edge = np.where(a == 0, np.where(offset >= 0, INT32[0], INT32[1]), edge)
    return {
        "threshold": np.clip(edge, *INT32).astype(np.int32),
        "flip": (a < 0).astype(np.uint8),
    }


def _norm_after(graph: Graph, node: Node) -> Node | None:
    after = graph.consumers(node.output)
    if len(after) != 1 or after[0].op != "batch_norm":
        return None
    then = graph.consumers(after[0].output)
    if [n.op for n in then] != ["sign"]:
        raise InternalError(f"layer {node.output}: batch normalisation without a sign is not lowered")
    return after[0]


def _with(node: Node, params: dict[str, Any]) -> Node:
    constants = {k: np.asarray(v) for k, v in params.items()}
    return Node(node.op, node.inputs, node.output, node.attrs, constants)


def _channels(graph: Graph, node: Node) -> int:
    return graph.tensors[node.output].shape[-1]
