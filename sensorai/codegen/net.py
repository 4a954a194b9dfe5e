"""C for nets: tables in the order the kernels read them, and one function that runs the layers.

The kernels are files of ``sensorai/runtime/nn``; only those a net uses are named, and of those the
compiler keeps what is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from sensorai.codegen import literals
from sensorai.codegen.parts import CodeParts, LayerCost
from sensorai.errors import ConfigError
from sensorai.model import memory
from sensorai.model.graph import Array, Graph, Node, Tensor
from sensorai.model.ops import _products, avg_pool, dequantize, registry
from sensorai.writing import clang

TABLE = "SA_NN_TABLE"

#: Inputs of a row over which the int8 kernel's packed sums are surely exact (sa_nn_int8.h).
INT8_CHUNK = 512
#: Sums below this, and their limits, can be told apart by the sign of 256 times their difference.
INT8_SIGNS = 1 << 22
#: Words of bits that the kernel of binary layers takes at a time (sa_nn_binary.h).
LISTED = 4

INPUT: Mapping[str, str] = {"int8": "int8_t", "binary": "uint32_t", "float32": "float"}


def emit_net(graph: Graph, prefix: str) -> CodeParts:
    """Emit ``static void PREFIX_model(const IN *input, OUT *scores, uint8_t *arena)``.

    ``IN`` is int8_t, float, or uint32_t for packed bits; ``OUT`` is float for float32 outputs, else int32_t
    (int8 scores, int16 probabilities and bits, as +1 and -1, are widened). The arena must be aligned to
    4 bytes; nothing of it outlives the call.

    Parameters
    ----------
    graph : Graph
        One input (int8, binary or float32), one output; without batch_norm and sign (see ``quantize``).
    prefix : str
        A C identifier.

    Raises
    ------
    ConfigError
        The graph holds a layer or type that has no C.
    """
    clang.identifier(prefix)
    registry.check_graph(graph)
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ConfigError("C is written for nets with one input and one output")
    if graph.tensors[graph.inputs[0]].dtype not in INPUT:
        raise ConfigError("the input of a net in C is int8, binary or float32")
    return _Emitter(graph, prefix).parts()


@dataclass(slots=True)
class _Emitter:
    """Collects tables and calls while walking the graph."""

    graph: Graph
    prefix: str
    plan: memory.Plan = field(init=False)
    tables: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    runtime: set[str] = field(default_factory=lambda: {"nn/sa_nn.h"})
    costs: list[LayerCost] = field(default_factory=list)
    weight_bytes: int = 0

    def __post_init__(self) -> None:
        self.plan = memory.plan(self.graph)

    def parts(self) -> CodeParts:
        """Emit everything."""
        x, y = (self.graph.tensors[name] for name in (self.graph.inputs[0], self.graph.outputs[0]))
        if self.plan.staged:
            self._stage(x)
        for index, node in enumerate(self.graph.nodes):
            self.weight_bytes = 0
            self._margins(node)
            _EMIT.get(node.op, _no_code)(self, node, index)
            ins = self.graph.ins(node)
            macs = registry.module(node.op).macs(node, ins, self.graph.out(node))
            # what must be in memory while the layer runs
            activation = sum(
                memory.tensor_bytes(t) for t in {t.name: t for t in (*ins, self.graph.out(node))}.values()
            )
            self.costs.append(LayerCost(node.output, macs, self.weight_bytes, activation))
        self._scores(y)
        kind = "float" if y.dtype == "float32" else "int32_t"
        p = self.prefix
        unused = "" if any("arena" in call for call in self.calls) else "    (void)arena;\n"
        source = "".join(self.functions) + (
            f"static void {p}_model(const {INPUT[x.dtype]} *input, {kind} *scores, uint8_t *arena)\n{{\n"
            + unused
            + "".join(f"    {call}\n" for call in self.calls)
            + "}\n"
        )
        runtime = tuple(sorted(self.runtime))
        return CodeParts(
            header="",
            source=source,
            data="\n".join(self.tables),
            runtime=runtime,
            arena_bytes=self.plan.peak,
            arena_align=memory.ALIGN,
            layers=tuple(self.costs),
        )

    # -- names and places

    def at(self, name: str, kind: str = "int8_t", back: int = 0) -> str:
        """C expression: pointer to the values of a tensor, ``back`` bytes of margin before them."""
        slot = self.plan.slots[name]
        if slot.offset < 0:
            if memory.written_by_caller(self.graph, name):
                return "scores"
            return "input"
        offset = slot.offset - back
        place = f"arena + {offset}" if offset else "arena"
        if kind == "void":
            return place
        return f"({kind} *)({place})" if offset else f"({kind} *)arena"

    def read(self, name: str, back: int = 0) -> str:
        """Pointer for reading int8 values."""
        text = self.at(name, "int8_t", back)
        return text if text in ("input", "scores") else "(const int8_t *)" + text.removeprefix("(int8_t *)")

    def table(self, kind: str, name: str, values: Array, attribute: str = "") -> str:
        """Define a table and return its name; equal tables are defined once."""
        size = {"int8_t": 1, "uint8_t": 1, "int16_t": 2, "uint16_t": 2}.get(kind, 4)
        full = f"{self.prefix}_{name}"
        self.tables.append(literals.array(kind, full, values.reshape(-1).tolist(), attribute))
        self.weight_bytes += size * values.size
        return full

    def call(self, file: str, text: str) -> None:
        """Add a call of a function in runtime file ``file``."""
        self.runtime.add(f"nn/{file}.h")
        self.calls.append(text)

    def depthwise(self, kind: str, taps: int) -> str:
        """Name of a depthwise function for one way out and one kernel size, defined once."""
        name = f"{self.prefix}_depthwise{taps}_{kind}"
        head = f"static void {name}(const sa_nn_layer_t *l, const int8_t *x, void *y)\n"
        text = f"{head}{{\n    sa_nn_depthwise_layer(l, x, y, SA_NN_{kind.upper()}, {taps});\n}}\n"
        if text not in self.functions:
            self.functions.append(text)
        return name

    # -- around the layers

    def _stage(self, x: Tensor) -> None:
        if x.dtype == "float32":
            self.call("sa_nn_float", f"sa_nn_float_copy(input, {self.at(x.name, 'void')}, {x.size});")
        else:
            source = "input" if x.dtype == "int8" else "(const int8_t *)input"
            self.call("sa_nn_steps", f"sa_nn_copy({source}, {self.at(x.name)}, {memory.tensor_bytes(x)});")

    def _margins(self, node: Node) -> None:
        """Zero what ``same`` padding reads; the bytes may have held something else before."""
        x = self.graph.ins(node)[0]
        left, right, _ = memory.margins(node, x)
        slot = self.plan.slots[x.name]
        for offset, size in ((slot.offset - left, left), (slot.offset + slot.size, right)):
            if size:
                place = f"(int8_t *)(arena + {offset})" if offset else "(int8_t *)arena"
                self.call("sa_nn_steps", f"sa_nn_zero({place}, {size});")

    def _scores(self, y: Tensor) -> None:
        if memory.written_by_caller(self.graph, y.name):
            return
        if y.dtype == "int8":
            self.call("sa_nn_steps", f"sa_nn_widen({self.read(y.name)}, scores, {y.size});")
        elif y.dtype == "float32":
            self.call("sa_nn_float", f"sa_nn_float_copy({self.at(y.name, 'void')}, scores, {y.size});")
        else:
            steps, channels = y.size // y.shape[-1], y.shape[-1]
            self.call(
                "sa_nn_binary", f"sa_nn_binary_widen({self.at(y.name, 'void')}, scores, {steps}, {channels});"
            )


def _no_code(emitter: _Emitter, node: Node, index: int) -> None:
    raise ConfigError(
        f"layer {node.output} ({node.op}) has no C",
        hint="quantize folds batch_norm and sign into the layers before them",
    )


# -- products


def pack_int8(weights: Array) -> Array:
    """Weights (rows, inputs) as the int8 kernel reads them: int16, two rows to a number.

    Blocks of 8 rows, then of 2; in a block [group of 4 inputs][inputs 0 2, then 1 3][pair][2].
    Missing rows and inputs are zero. ``h = 256 * second + first``; it fits since weights are above -128.
    """
    rows, n = weights.shape
    full = np.zeros((rows + rows % 2, n + -n % 4), np.int64)
    full[:rows, :n] = weights
    blocks, row = [], 0
    while row < full.shape[0]:
        size = 8 if rows - row >= 8 else 2
        block = full[row : row + size]
        h = 256 * block[1::2] + block[0::2]
        grouped = h.reshape(size // 2, -1, 4)[:, :, [0, 2, 1, 3]].reshape(size // 2, -1, 2, 2)
        blocks.append(grouped.transpose(1, 2, 0, 3).reshape(-1))
        row += size
    return np.concatenate(blocks).astype(np.int16)


def pack_bits(values: Array) -> Array:
    """+1 and -1 (..., n) as words (..., ceil(n / 32)): bit 1 is +1, the first value in bit 0, padding 0."""
    n = values.shape[-1]
    bits = np.zeros((*values.shape[:-1], -(-n // 32) * 32), np.uint64)
    bits[..., :n] = values > 0
    lanes = bits.reshape(*values.shape[:-1], -1, 32) << np.arange(32, dtype=np.uint64)
    return np.asarray(lanes.sum(axis=-1), np.uint32)


def pack_lanes(weights: Array) -> Array:
    """Binary weights (rows, taps, channels) for 32 rows at a time: [block][tap][channel], a lane per row.

    Missing rows are zeros. A word of zeros follows the inputs of every ``LISTED`` words of bits.
    """
    rows, taps, channels = weights.shape
    full = -np.ones((-(-rows // 32) * 32, taps, channels), np.int8)
    full[:rows] = weights
    lanes = pack_bits(full.reshape(-1, 32, taps * channels).transpose(0, 2, 1))[..., 0]
    words = -(-channels // 32)
    # where each word of bits ends, in inputs
    ends = [tap * channels + min(32 * (k + 1), channels) for tap in range(taps) for k in range(words)]
    chunks = [*ends[LISTED - 1 :: LISTED], *(ends[-1:] if len(ends) % LISTED else [])]
    return np.insert(lanes, chunks, 0, axis=1)


def pack_wide(weights: Array) -> Array:
    """int8 weights (rows, inputs) for bits: (words, rows, 8), as `sa_nn_binary_wide_scores` says."""
    rows, n = weights.shape
    full = np.zeros((rows, n + -n % 32), np.uint32)
    full[:, :n] = 127 - weights.astype(np.int64)
    lanes = full.reshape(rows, -1, 4, 8) << np.array([0, 8, 16, 24], np.uint32)[:, None]
    return np.asarray(lanes.sum(axis=2).transpose(1, 0, 2), np.uint32)


def lane_starts(node: Node, weights: Array) -> tuple[Array, int]:
    """Starting planes and answer words for weights (rows, inputs): (blocks, last + 1), and ``last``.

    A plane counts what `sa_nn_binary.h` calls the left side; 0 is below the right side whatever the input.
    """
    rows, n = weights.shape
    limit, answer, fixed = _limits_of(node, n, rows)
    last = max(int(4 * n).bit_length(), 4)
    start = np.where(fixed, 0, limit - (weights > 0).sum(axis=1) + n + 1)
    return _planes(start, np.where(fixed, answer, ~answer), last), last


def lane_limits(node: Node, n: int, rows: int) -> tuple[Array, int]:
    """Starting planes and answer words for ``n`` taps of a depthwise layer: (blocks, last + 1), and ``last``.

    The planes start at ``2^last - 1 - limit``, so the next one says whether the count is above the limit.
    """
    limit, answer, fixed = _limits_of(node, n, rows)
    last = max(int(n).bit_length(), 4)
    return _planes(np.where(fixed, 0, (1 << last) - 1 - limit), answer, last), last


def _limits_of(node: Node, n: int, rows: int) -> tuple[Array, Array, Array]:
    """Most bits of ``n`` that may differ, answer at or below that turned over, where the count is no matter.

    The bit is set when ``acc >= T``, where ``acc = n - 2 * count + bias``: when the count is not above
    ``(n + bias - T) // 2``. With flip it is set when ``acc <= T``: when the count is above
    ``ceil((n + bias - T) / 2) - 1``. The second array holds the bit for a count that is not above.
    """
    bias = np.asarray(node.params.get("bias", np.zeros(rows)), np.int64)
    slack = n + bias - node.params["threshold"].astype(np.int64)
    flip = node.params["flip"] != 0
    limit = np.where(flip, -(-slack // 2) - 1, slack // 2)
    # outside 0 <= limit < n the answer does not depend on the count
    always = np.where(flip, limit < 0, limit >= n)
    never = np.where(flip, limit >= n, limit < 0)
    return limit, np.where(always, True, np.where(never, False, ~flip)), always | never


def _planes(start: Array, answer: Array, last: int) -> Array:
    """Bits of ``start`` as ``last`` words, then ``answer``, for blocks of 32 rows; missing rows are zeros."""
    fill = -len(start) % 32
    start = np.concatenate([start, np.zeros(fill, np.int64)]).reshape(-1, 32)
    answer = np.concatenate([answer, np.zeros(fill, bool)]).reshape(-1, 32)
    planes = [(start >> b) & 1 for b in range(last)] + [answer.astype(np.int64)]
    return np.stack([pack_bits(2 * p - 1)[:, 0] for p in planes], axis=1)


def _kind(node: Node, out: Tensor) -> str:
    if out.dtype == "int8":
        if "multiplier" in node.params:
            return "multiplier"
        clamp = (node.attrs.get("lo", -128), node.attrs.get("hi", 127))
        return {(0, 127): "relu", (-128, 127): "full"}.get(clamp, "shift")
    return {"int32": "scores", "binary": "bits"}[out.dtype]


@dataclass(frozen=True, slots=True)
class _Shape:
    """A product layer as a convolution: dense has one step and one tap."""

    steps: int
    stride: int
    pool: int
    taps: int
    channels: int
    rows: int
    left: int


def _geometry(graph: Graph, node: Node) -> _Shape:
    x, out, w = graph.ins(node)[0], graph.out(node), node.params["weights"]
    if node.op == "dense":
        return _Shape(1, 0, 1, 1, x.size, w.shape[0], 0)
    taps = w.shape[1] if node.op == "conv1d" else w.shape[0]
    stride = int(node.attrs.get("stride", 1))
    _, left, _ = _products.geometry(x.shape[0], taps, stride, node.attrs.get("padding", "valid"))
    return _Shape(out.shape[0], stride, int(node.attrs.get("pool", 1)), taps, x.shape[1], out.shape[1], left)


def _products_layer(e: _Emitter, node: Node, index: int) -> None:
    x, out = e.graph.ins(node)[0], e.graph.out(node)
    g = _geometry(e.graph, node)
    if max(g.steps, g.rows, g.stride * g.channels, g.taps * g.channels) > 65535:
        raise ConfigError(f"layer {node.output} has an extent above 65535")
    kind = _kind(node, out) if out.dtype != "float32" else ""
    emit = {"int8": _int8_layer, "binary": _binary_layer, "float32": _float_layer}[x.dtype]
    emit(e, node, index, g, kind)


def _layer(e: _Emitter, index: int, fields: Mapping[str, object], kind: str = "sa_nn_layer_t") -> str:
    name = f"{e.prefix}_layer{index}"
    lines = [f"    .{key} = {value}," for key, value in fields.items()]
    e.tables.append(f"static const {kind} {name} = {{\n" + "\n".join(lines) + "\n};\n")
    return "&" + name


def _constants(e: _Emitter, node: Node, index: int, kind: str, bias: Array) -> dict[str, object]:
    """Fields for the way out of a layer: bias, shifts, multipliers, thresholds, clamp."""
    fields: dict[str, object] = {}
    p = node.params
    if kind in ("shift", "relu", "full"):
        bias = bias + ((np.int64(1) << p["shift"].astype(np.int64)) >> 1)
    fields["bias"] = e.table("int32_t", f"bias{index}", bias)
    if "shift" in p:
        fields["shift"] = e.table("uint8_t", f"shift{index}", p["shift"])
    if kind in ("shift", "multiplier"):
        fields["low"] = int(node.attrs.get("lo", -128))
        fields["high"] = int(node.attrs.get("hi", 127))
    if kind == "multiplier":
        fields["multiplier"] = e.table("int32_t", f"multiplier{index}", p["multiplier"])
    if kind == "bits":
        threshold, flip = _at_least(node)
        fields["multiplier"] = e.table("int32_t", f"threshold{index}", threshold)
        fields["flip"] = e.table("uint32_t", f"flip{index}", pack_bits(2 * flip.astype(np.int64) - 1))
    return fields


def sign_starts(node: Node, bias: Array) -> tuple[Array, Array]:
    """What int8 rows start from so that their signs are the answers, and the words that turn these over.

    A row starts from ``-limit``, where ``acc >= limit`` is asked of it without its bias; of two rows that
    share a number the second starts from ``-256 * its limit - limit of the first``.
    """
    limit, flip = _at_least(node)
    # beyond what the sums can reach a limit makes no difference, and would not fit
    reach = _reach(node)
    limit = np.clip(limit - bias, -reach, reach + 1)
    rows = len(limit)
    pairs = np.concatenate([limit, np.zeros(rows % 2, np.int64)]).reshape(-1, 2)
    starts = np.stack([-pairs[:, 0], -256 * pairs[:, 1] - pairs[:, 0]], axis=1)
    return starts, pack_bits(np.where(flip, -1, 1))


def _reach(node: Node) -> Array:
    """Largest sum of each row of an int8 layer, without bias."""
    return _products.sums(node) * _products.BOUND["int8"]


def _at_least(node: Node) -> tuple[Array, Array]:
    """Limits from which on a bit is set, before it is turned over where the second array says so."""
    threshold, flip = node.params["threshold"].astype(np.int64), node.params["flip"] != 0
    # acc <= T is not (acc >= T + 1); for the largest T it is always true
    always = flip & (threshold == 2**31 - 1)
    return np.where(always, -(2**31), threshold + (flip & ~always)), flip & ~always


def _int8_layer(e: _Emitter, node: Node, index: int, g: _Shape, kind: str) -> None:
    out = e.graph.out(node)
    bias = np.asarray(node.params.get("bias", np.zeros(g.rows)), np.int64)
    depthwise = node.op == "depthwise_conv1d"
    if depthwise:
        weights = e.table("int8_t", f"weights{index}", node.params["weights"])
    else:
        packed = pack_int8(node.params["weights"].reshape(g.rows, -1))
        weights = e.table("int16_t", f"weights{index}", packed, TABLE)
    long = g.taps * g.channels > INT8_CHUNK
    signs = kind == "bits" and not depthwise and _reach(node).max() < INT8_SIGNS
    if signs:
        starts, flips = sign_starts(node, bias)
        fields: dict[str, object] = {
            "weights": weights,
            "multiplier": e.table("int32_t", f"starts{index}", starts),
            "flip": e.table("uint32_t", f"flip{index}", flips),
        }
    else:
        fields = {"weights": weights, **_constants(e, node, index, kind, bias)}
    fields |= {
        "groups": -(-g.taps * g.channels // 4),
        "rows": g.rows,
        "steps": g.steps,
        "stride": g.stride * g.channels,
        "pool": g.pool,
        "taps": g.taps,
    }
    layer = _layer(e, index, fields)
    family = "int8_long" if long else "int8"
    name = f"sa_nn_{family}_{'signs' if signs else kind}"
    x = e.read(node.inputs[0], g.left * g.channels)
    if depthwise:
        name = e.depthwise(kind, g.taps)
    file = "sa_nn_depthwise" if depthwise else "sa_nn_int8"
    e.call(file, f"{name}({layer}, {x}, {e.at(out.name, 'void')});")


def _binary_layer(e: _Emitter, node: Node, index: int, g: _Shape, kind: str) -> None:
    out = e.graph.out(node)
    fields: dict[str, object]
    words = -(-g.channels // 32)
    w = node.params["weights"]
    if _products.wide(node):
        bias = np.asarray(node.params.get("bias", np.zeros(g.rows)), np.int64) - 127 * g.channels
        fields = {
            "weights": e.table("uint32_t", f"weights{index}", pack_wide(w)),
            "bias": e.table("int32_t", f"bias{index}", bias),
            "groups": words,
            "rows": g.rows,
        }
        layer = _layer(e, index, fields)
        pointers = f"{e.at(node.inputs[0], 'void')}, {e.at(out.name, 'void')}"
        e.call("sa_nn_binary", f"sa_nn_binary_wide_scores({layer}, {pointers});")
        return
    depthwise = node.op == "depthwise_conv1d"
    n = g.taps * (1 if depthwise else g.channels)
    bias = np.asarray(node.params.get("bias", np.zeros(g.rows)), np.int64)
    fields = {
        "rows": g.rows,
        "steps": g.steps,
        "stride": g.stride * words,
        "pool": g.pool,
        "taps": g.taps,
    }
    name = f"sa_nn_binary_{kind}"
    if kind == "bits":
        limits, last = lane_limits(node, n, g.rows) if depthwise else lane_starts(node, w.reshape(g.rows, n))
        fields["flip"] = e.table("uint32_t", f"limits{index}", limits)
        fields["shift"] = e.table("uint8_t", f"planes{index}", np.array([last]))
    else:
        fields["bias"] = e.table("int32_t", f"bias{index}", bias + n)
    if depthwise:
        name = f"sa_nn_binary_depthwise_{kind}"
        packed = pack_bits(w)
    elif kind == "bits":
        packed = pack_lanes(w.reshape(g.rows, g.taps, -1))
        fields["groups"] = g.channels
    else:
        packed = pack_bits(w.reshape(g.rows, g.taps, -1))
        fields["groups"] = g.taps * words
    fields["weights"] = e.table("uint32_t", f"weights{index}", packed)
    layer = _layer(e, index, fields)
    x = e.at(node.inputs[0], "void", 4 * words * g.left)
    e.call("sa_nn_binary", f"{name}({layer}, {x}, {e.at(out.name, 'void')});")


def _float_layer(e: _Emitter, node: Node, index: int, g: _Shape, kind: str) -> None:
    depthwise = node.op == "depthwise_conv1d"
    low, high = _limits(node)
    fields = {
        "weights": e.table("float", f"weights{index}", node.params["weights"]),
        "bias": e.table("float", f"bias{index}", node.params["bias"]),
        "inputs": g.taps * (1 if depthwise else g.channels),
        "rows": g.rows,
        "steps": g.steps,
        "stride": g.stride * g.channels,
        "pool": g.pool,
        "depthwise": int(depthwise),
        "low": low,
        "high": high,
    }
    layer = _layer(e, index, fields, "sa_nn_float_layer_t")
    x = e.at(node.inputs[0], "void", 4 * g.left * g.channels)
    e.call("sa_nn_float", f"sa_nn_float_layer({layer}, {x}, {e.at(node.output, 'void')});")


def _limits(node: Node) -> tuple[str, str]:
    low, high = node.attrs.get("lo"), node.attrs.get("hi")
    return (
        literals.real(-np.inf if low is None else float(low)),
        literals.real(np.inf if high is None else float(high)),
    )


# -- the other operators


def _pool(e: _Emitter, node: Node, index: int) -> None:
    x, out = e.graph.ins(node)[0], e.graph.out(node)
    glob = node.op == "global_avg_pool"
    size = x.shape[0] if glob else int(node.attrs["size"])
    stride = size if glob else int(node.attrs.get("stride", size))
    channels, steps = x.shape[1], 1 if glob else out.shape[0]
    name = "max_pool" if node.op == "max_pool" else "avg_pool"
    if x.dtype == "binary":
        words = -(-channels // 32)
        pointers = f"{e.at(x.name, 'void')}, {e.at(out.name, 'void')}"
        e.call("sa_nn_binary", f"sa_nn_binary_{name}({pointers}, {words}, {steps}, {size}, {stride});")
        return
    tail = f"{channels}, {steps}, {size}, {stride}"
    if x.dtype == "float32":
        scale = f", {literals.real(float(np.float32(1) / np.float32(size)))}" if name == "avg_pool" else ""
        pointers = f"{e.at(x.name, 'void')}, {e.at(out.name, 'void')}"
        e.call("sa_nn_float", f"sa_nn_float_{name}({pointers}, {tail}{scale});")
    else:
        factor = f", {avg_pool.multiplier(size)}" if name == "avg_pool" else ""
        e.call("sa_nn_steps", f"sa_nn_{name}({e.read(x.name)}, {e.at(out.name)}, {tail}{factor});")


def _relu(e: _Emitter, node: Node, index: int) -> None:
    x, out = e.graph.ins(node)[0], e.graph.out(node)
    high = node.attrs.get("hi")
    if x.dtype == "float32":
        top = literals.real(np.inf if high is None else float(high))
        pointers = f"{e.at(x.name, 'void')}, {e.at(out.name, 'void')}"
        e.call("sa_nn_float", f"sa_nn_float_clamp({pointers}, {x.size}, 0x0p+0F, {top});")
    else:
        top = "127" if high is None else str(int(high))
        e.call("sa_nn_steps", f"sa_nn_relu({e.read(x.name)}, {e.at(out.name)}, {x.size}, {top});")


def _add(e: _Emitter, node: Node, index: int) -> None:
    a, b = e.graph.ins(node)
    out, at = e.graph.out(node), node.attrs
    if a.dtype == "float32":
        low, high = _limits(node)
        pointers = ", ".join(e.at(t.name, "void") for t in (a, b, out))
        e.call("sa_nn_float", f"sa_nn_float_add({pointers}, {a.size}, {low}, {high});")
        return
    shift = int(at.get("shift", 0))
    numbers = (
        *(a.size, 1 << int(at.get("left_a", 0)), 1 << int(at.get("left_b", 0))),
        *((1 << shift) >> 1, shift, at.get("lo", -128), at.get("hi", 127)),
    )
    pointers = f"{e.read(a.name)}, {e.read(b.name)}, {e.at(out.name)}"
    e.call("sa_nn_steps", f"sa_nn_add({pointers}, {', '.join(map(str, numbers))});")


def _flatten(e: _Emitter, node: Node, index: int) -> None:
    if memory.is_alias(e.graph, node):
        return
    x, out = e.graph.ins(node)[0], e.graph.out(node)
    pointers = f"{e.at(x.name, 'void')}, {e.at(out.name, 'void')}"
    e.call("sa_nn_binary", f"sa_nn_binary_flatten({pointers}, {x.shape[0]}, {x.shape[1]});")


def _argmax(e: _Emitter, node: Node, index: int) -> None:
    x, out = e.graph.ins(node)[0], e.graph.out(node)
    file, name, source = {
        "int8": ("sa_nn_steps", "sa_nn_argmax", e.read(x.name)),
        "int32": ("sa_nn_steps", "sa_nn_argmax32", e.at(x.name, "void")),
        "float32": ("sa_nn_float", "sa_nn_float_argmax", e.at(x.name, "void")),
    }[x.dtype]
    if not memory.written_by_caller(e.graph, out.name):
        raise ConfigError(f"layer {node.output}: argmax must be the last layer")
    e.call(file, f"scores[0] = {name}({source}, {x.size});")


def _softmax(e: _Emitter, node: Node, index: int) -> None:
    x, out = e.graph.ins(node)[0], e.graph.out(node)
    if x.dtype == "float32":
        raise ConfigError(
            f"layer {node.output}: softmax has no float32 C",
            hint="leave it away: the order of scores is the same",
        )
    table = e.table("uint16_t", f"exp{index}", node.params["table"])
    size = node.params["table"].size
    e.call(
        "sa_nn_steps",
        f"sa_nn_softmax({e.read(x.name)}, {e.at(out.name, 'void')}, {x.size}, {table}, {size});",
    )


def _quantize(e: _Emitter, node: Node, index: int) -> None:
    x, out = e.graph.ins(node)[0], e.graph.out(node)
    steps, channels = x.size // x.shape[-1], x.shape[-1]
    if x.dtype == "float32":
        scale = literals.real(2.0 ** float(out.fraction or 0))
        text = f"sa_nn_float_quantize({e.at(x.name, 'void')}, {e.at(out.name)}, {x.size}, {scale});"
        e.call("sa_nn_float", text)
    elif x.dtype == "binary":
        text = f"sa_nn_binary_unpack({e.at(x.name, 'void')}, {e.at(out.name)}, {steps}, {channels});"
        e.call("sa_nn_binary", text)
    else:
        fields = _constants(e, node, index, "bits", np.zeros(channels, np.int64))
        e.tables = [t for t in e.tables if not t.startswith(f"static const int32_t {e.prefix}_bias{index}[")]
        text = (
            f"sa_nn_binary_pack({e.read(x.name)}, {e.at(out.name, 'void')}, {steps}, {channels}, "
            f"{fields['multiplier']}, {fields['flip']});"
        )
        e.call("sa_nn_binary", text)


def _dequantize(e: _Emitter, node: Node, index: int) -> None:
    x, out = e.graph.ins(node)[0], e.graph.out(node)
    if x.dtype != "int8":
        raise ConfigError(f"layer {node.output}: only int8 is dequantised in C")
    scale = literals.real(float(dequantize.scale(x)))
    text = f"sa_nn_float_dequantize({e.read(x.name)}, {e.at(out.name, 'void')}, {x.size}, {scale});"
    e.call("sa_nn_float", text)


_EMIT: Mapping[str, Callable[[_Emitter, Node, int], None]] = {
    "add": _add,
    "argmax": _argmax,
    "avg_pool": _pool,
    "conv1d": _products_layer,
    "dense": _products_layer,
    "depthwise_conv1d": _products_layer,
    "dequantize": _dequantize,
    "flatten": _flatten,
    "global_avg_pool": _pool,
    "max_pool": _pool,
    "quantize": _quantize,
    "relu": _relu,
    "softmax": _softmax,
}


def translation_unit(graph: Graph, prefix: str) -> dict[str, str]:
    """Return a stand-alone file with an extern ``PREFIX_run`` round the net, and the runtime files it needs.

    For tests and measurements; projects are written by ``codegen.project``.
    """
    from sensorai import runtime

    parts = emit_net(graph, prefix)
    x, y = (graph.tensors[name] for name in (graph.inputs[0], graph.outputs[0]))
    arguments = f"const {INPUT[x.dtype]} *input, {'float' if y.dtype == 'float32' else 'int32_t'} *scores"
    body = [
        *(f'#include "{name.split("/")[-1]}"' for name in parts.runtime),
        parts.data,
        parts.source,
        f"void {prefix}_run({arguments}, uint8_t *arena);",
        f"void {prefix}_run({arguments}, uint8_t *arena)",
        f"{{\n    {prefix}_model(input, scores, arena);\n}}\n",
    ]
    files = {name.split("/")[-1]: runtime.text(name) for name in parts.runtime}
    return {**files, f"{prefix}.c": "\n".join(body)}
