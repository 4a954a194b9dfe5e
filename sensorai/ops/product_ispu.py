"""C of product layers for the ISPU: it multiplies two 16-bit numbers, and floats compare as their bits do."""

from __future__ import annotations

import numpy as np

from sensorai.graph.operator import Applied, Writer
from sensorai.ops import packing
from sensorai.ops.product_c import Form, emit_float, way_out

#: Sums of a second row below this are exact where two rows share a number (``sa_nn_int8_ispu.h``).
_SUMS = 1 << 23
#: Largest extent that the kernels count.
_LARGEST = 65535
#: Ends of a clamp by the way out, where they are not the layer's own.
_ENDS = {"relu": (0, 127), "full": (-128, 127)}


def emit(form: Form, at: Applied, to: Writer) -> bool:
    """Write a layer; False where there is no kernel for it here."""
    g = form.extent
    if max(g.steps, g.rows, g.stride * g.channels, g.taps * g.channels) > _LARGEST:
        return False
    if at.x.dtype == "float32":
        emit_float(form, at, to, "sa_nn_float_ispu")
        return True
    kind = way_out(form.requant, at.out.dtype) if at.x.dtype == "int8" else "bits"
    if form.depthwise or kind == "bits" or form.reach(at).max() >= _SUMS:
        return False
    _int8(form, at, to, kind)
    return True


def _int8(form: Form, at: Applied, to: Writer, kind: str) -> None:
    """Rows in pairs, one loop for all layers."""
    g, constants = form.extent, at.constants
    packed = packing.pack_pairs(at.constant("weights").reshape(g.rows, -1))
    bias = np.asarray(constants.get("bias", np.zeros(g.rows)), np.int64)
    if kind in ("shift", *_ENDS):
        bias = bias + ((np.int64(1) << constants["shift"].astype(np.int64)) >> 1)
    fields: dict[str, object] = {
        "weights": to.table("int16_t", f"weights{to.index}", packed, aligned=True),
        "bias": to.table("int32_t", f"bias{to.index}", bias),
    }
    if kind != "scores":
        fields["shift"] = to.table("uint8_t", f"shift{to.index}", constants["shift"])
        fields["low"], fields["high"] = _ENDS.get(kind, (form.requant.low, form.requant.high))
    if kind == "multiplier":
        fields["multiplier"] = to.table("int32_t", f"multiplier{to.index}", constants["multiplier"])
    fields |= {
        "groups": packed.shape[1] // 4,
        "rows": g.rows,
        "steps": g.steps,
        "stride": g.stride * g.channels,
        "pool": g.pool,
        "taps": g.taps,
    }
    name = "sa_nn_int8_ispu_multiplier" if kind == "multiplier" else "sa_nn_int8_ispu"
    x = to.read(at.x, g.left * g.channels)
    to.call("sa_nn_int8_ispu", name, to.layer(fields), x, to.at(at.out, "void"))
