"""C of product layers: the tables of each kernel, the fields of its layer, its call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.tensor import Array
from sensorai.ops import packing
from sensorai.ops.requant import Requant, at_least

#: Sums below this are exact where two rows share a number (sa_nn_int8.h).
INT8_SUMS = 1 << 23
#: Sums below this, and their limits, can be told apart by the sign of 256 times their difference.
INT8_SIGNS = 1 << 22
#: Largest extent that the kernels count.
LARGEST = 65535


@dataclass(frozen=True, slots=True)
class Extent:
    """A product layer as a convolution: dense has one step and one tap. ``left``, ``right``: padding."""

    steps: int
    stride: int
    pool: int
    taps: int
    channels: int
    rows: int
    left: int = 0
    right: int = 0


@dataclass(frozen=True, slots=True)
class Form:
    """What is to be known of a product layer to write its C."""

    requant: Requant
    extent: Extent
    depthwise: bool
    signs: bool
    reach: Callable[[Applied], Array]

    @property
    def inputs(self) -> int:
        """Inputs of one sum."""
        return self.extent.taps * (1 if self.depthwise else self.extent.channels)


def emit(form: Form, at: Applied, to: Writer) -> None:
    """Write a layer for the type of its input."""
    g = form.extent
    if max(g.steps, g.rows, g.stride * g.channels, g.taps * g.channels) > LARGEST:
        raise ConfigError(f"layer {at.name} has an extent above {LARGEST}")
    if at.x.dtype == "float32":
        emit_float(form, at, to, "sa_nn_float")
    elif at.x.dtype == "int8":
        _int8(form, at, to)
    elif form.signs:
        _binary(form, at, to)
    else:
        _wide(form, at, to)


def way_out(requant: Requant, dtype: str) -> str:
    """Ending of the kernel's name for the way its sums leave."""
    if dtype != "int8":
        return {"int32": "scores", "binary": "bits"}[dtype]
    if requant.kind == "multiplier":
        return "multiplier"
    return {(0, 127): "relu", (-128, 127): "full"}.get((requant.low, requant.high), "shift")


def sign_starts(at: Applied, bias: Array, reach: Array) -> tuple[Array, Array]:
    """What int8 rows start from so that their signs are the answers, and the words that turn these over.

    A row starts from ``-limit``, where ``acc >= limit`` is asked of it without its bias; of two rows that
    share a number the second starts from ``-256 * its limit - limit of the first``.
    """
    limit, flip = at_least(at)
    # beyond what the sums can reach a limit makes no difference, and would not fit
    limit = np.clip(limit - bias, -reach, reach + 1)
    rows = len(limit)
    pairs = np.concatenate([limit, np.zeros(rows % 2, np.int64)]).reshape(-1, 2)
    starts = np.stack([-pairs[:, 0], -256 * pairs[:, 1] - pairs[:, 0]], axis=1)
    return starts, packing.pack_bits(np.where(flip, -1, 1))


def threshold_tables(at: Applied, to: Writer) -> dict[str, object]:
    """Fields for thresholds of whole numbers."""
    threshold, flip = at_least(at)
    return {
        "multiplier": to.table("int32_t", f"threshold{to.index}", threshold),
        "flip": to.table("uint32_t", f"flip{to.index}", packing.pack_bits(2 * flip.astype(np.int64) - 1)),
    }


def _bias(form: Form, at: Applied) -> Array:
    return np.asarray(at.constants.get("bias", np.zeros(form.extent.rows)), np.int64)


def _constants(form: Form, at: Applied, to: Writer, kind: str, bias: Array) -> dict[str, object]:
    """Fields for the way out of a layer: bias, shifts, multipliers, thresholds, clamp."""
    fields: dict[str, object] = {}
    p = at.constants
    if kind in ("shift", "relu", "full"):
        bias = bias + ((np.int64(1) << p["shift"].astype(np.int64)) >> 1)
    fields["bias"] = to.table("int32_t", f"bias{to.index}", bias)
    if "shift" in p:
        fields["shift"] = to.table("uint8_t", f"shift{to.index}", p["shift"])
    if kind in ("shift", "multiplier"):
        fields["low"], fields["high"] = form.requant.low, form.requant.high
    if kind == "multiplier":
        fields["multiplier"] = to.table("int32_t", f"multiplier{to.index}", p["multiplier"])
    if kind == "bits":
        fields |= threshold_tables(at, to)
    return fields


def _int8(form: Form, at: Applied, to: Writer) -> None:
    g, kind = form.extent, way_out(form.requant, at.out.dtype)
    bias, weights = _bias(form, at), at.constant("weights")
    if form.depthwise:
        packed = to.table("int8_t", f"weights{to.index}", weights)
    else:
        rows = packing.pack_int8(weights.reshape(g.rows, -1))
        packed = to.table("int16_t", f"weights{to.index}", rows, aligned=True)
    reach = form.reach(at)
    signs = kind == "bits" and not form.depthwise and reach.max() < INT8_SIGNS
    fields: dict[str, object] = {"weights": packed}
    if signs:
        starts, flips = sign_starts(at, bias, reach)
        fields["multiplier"] = to.table("int32_t", f"starts{to.index}", starts)
        fields["flip"] = to.table("uint32_t", f"flip{to.index}", flips)
    else:
        fields |= _constants(form, at, to, kind, bias)
    fields |= {
        "groups": -(-g.taps * g.channels // 4),
        "rows": g.rows,
        "steps": g.steps,
        "stride": g.stride * g.channels,
        "pool": g.pool,
        "taps": g.taps,
    }
    layer = to.layer(fields)
    family = _family(form, at, kind, reach + np.abs(bias))
    name = to.depthwise(kind, g.taps) if form.depthwise else f"sa_nn_{family}_{'signs' if signs else kind}"
    file = "sa_nn_depthwise" if form.depthwise else "sa_nn_int8"
    to.call(file, name, layer, to.read(at.x, g.left * g.channels), to.at(at.out, "void"))


def _family(form: Form, at: Applied, kind: str, sums: Array) -> str:
    """Start of the kernel's name, for rows whose sums with bias reach ``sums``."""
    if kind in ("relu", "full"):
        # what is added for rounding is in these kernels' sums from the start
        sums = sums + form.requant.half(at, at.name)
    if sums.max() >= INT8_SUMS:
        return "int8_long"
    return "int8_eights" if kind in ("relu", "full") and form.extent.rows % 8 == 0 else "int8"


def _wide(form: Form, at: Applied, to: Writer) -> None:
    """Bits by int8 weights."""
    g = form.extent
    fields: dict[str, object] = {
        "weights": to.table("uint32_t", f"weights{to.index}", packing.pack_wide(at.constant("weights"))),
        "bias": to.table("int32_t", f"bias{to.index}", _bias(form, at) - 127 * g.channels),
        "groups": -(-g.channels // 32),
        "rows": g.rows,
    }
    layer = to.layer(fields)
    to.call("sa_nn_binary", "sa_nn_binary_wide_scores", layer, to.at(at.x, "void"), to.at(at.out, "void"))


def _binary(form: Form, at: Applied, to: Writer) -> None:
    g, kind, n = form.extent, way_out(form.requant, at.out.dtype), form.inputs
    words, w = -(-g.channels // 32), at.constant("weights")
    fields: dict[str, object] = {
        "rows": g.rows,
        "steps": g.steps,
        "stride": g.stride * words,
        "pool": g.pool,
        "taps": g.taps,
    }
    name = f"sa_nn_binary_{kind}"
    if kind == "bits":
        if form.depthwise:
            limits, last = packing.lane_limits(at, n, g.rows)
        else:
            limits, last, above = packing.lane_starts(at, w.reshape(g.rows, n))
            fields["bias"] = to.table("int32_t", f"above{to.index}", np.array([above]))
        fields["flip"] = to.table("uint32_t", f"limits{to.index}", limits)
        fields["shift"] = to.table("uint8_t", f"planes{to.index}", np.array([last]))
    else:
        fields["bias"] = to.table("int32_t", f"bias{to.index}", _bias(form, at) + n)
    if form.depthwise:
        name = f"sa_nn_binary_depthwise_{kind}"
        packed = packing.pack_bits(w)
    elif kind == "bits":
        packed = packing.pack_lanes(w.reshape(g.rows, g.taps, -1))
        fields["groups"] = g.channels
    else:
        packed = packing.pack_bits(w.reshape(g.rows, g.taps, -1))
        fields["groups"] = g.taps * words
    fields["weights"] = to.table("uint32_t", f"weights{to.index}", packed)
    layer = to.layer(fields)
    to.call("sa_nn_binary", name, layer, to.at(at.x, "void", 4 * words * g.left), to.at(at.out, "void"))


def emit_float(form: Form, at: Applied, to: Writer, kernel: str) -> None:
    """Write a layer of floats: the call of a kernel whose file, type and function begin with ``kernel``."""
    g = form.extent
    low, high = limits(form.requant, to)
    fields = {
        "weights": to.table("float", f"weights{to.index}", at.constant("weights")),
        "bias": to.table("float", f"bias{to.index}", at.constant("bias")),
        "inputs": form.inputs,
        "rows": g.rows,
        "steps": g.steps,
        "stride": g.stride * g.channels,
        "pool": g.pool,
        "depthwise": int(form.depthwise),
        "low": low,
        "high": high,
    }
    layer = to.layer(fields, f"{kernel}_layer_t")
    x = to.at(at.x, "void", 4 * g.left * g.channels)
    to.call(kernel, f"{kernel}_layer", layer, x, to.at(at.out, "void"))


def limits(requant: Requant, to: Writer) -> tuple[str, str]:
    """Ends of a clamp as float32 literals."""
    return (
        to.real(-np.inf if requant.lo is None else float(requant.lo)),
        to.real(np.inf if requant.hi is None else float(requant.hi)),
    )
