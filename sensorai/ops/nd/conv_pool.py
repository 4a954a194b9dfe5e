"""A convolution whose only reader is a pool: its rows are computed as the pool needs them.

The convolution's own result never lies in memory, but for as many rows as the pool's kernel is high. Both run
by their own kernels, on copies of their descriptions that say which rows are meant; numbers are those of the
two, one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import numpy as np

from sensorai.errors import InternalError
from sensorai.graph.graph import Graph, Node
from sensorai.graph.operator import Applied, Buffers, Way, Writer
from sensorai.graph.tensor import Array, Tensor
from sensorai.ops.nd import ctext
from sensorai.ops.nd.base import Made, NdOperator
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.pool import Pool
from sensorai.ops.nd.windows import Window

#: Axes in front of those that descriptions have.
_AXES = {"sa_nd_conv_t": 3, "sa_nd_fast_t": 2, "sa_nd_pool_t": 3, "sa_nd_window_t": 2, "sa_nd_pool_ispu_t": 2}
#: Faster kernels that may be called for some rows at no loss; those that are not here lay down rows anew.
_BY_ROWS = ("plain", "matrix")
#: Size that rows do not reach where descriptions hold them in 16 bits.
_LARGEST = 1 << 15
#: Instructions around the two calls of a row of the pool, about.
_EACH = 100


@dataclass(frozen=True, slots=True)
class Later(NdOperator):
    """What a convolution reads, handed on to the pool that computes it."""

    NAME: ClassVar[str] = "later"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """The input as it is."""
        return (Made(at.x.dtype, at.x.shape, at.x.quant),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """The input as it is."""
        return (np.asarray(arrays[0]),)

    def buffers(self, at: Applied) -> Buffers:
        """Stays where it is."""
        return Buffers(alias=True)

    def emit(self, at: Applied, to: Writer) -> None:
        """Nothing runs."""


@dataclass(frozen=True, slots=True, eq=False)
class ConvPool(NdOperator):
    """A pool of what a convolution makes. Inputs are those of the convolution, one image.

    Attributes
    ----------
    conv : Conv
    pool : Pool
    middle : Tensor
        What goes from one to the other.
    """

    conv: Conv
    pool: Pool
    middle: Tensor

    NAME: ClassVar[str] = "conv_pool"

    def first(self, at: Applied) -> Applied:
        """The convolution's tensors."""
        return replace(at, outputs=(self.middle,))

    def second(self, at: Applied) -> Applied:
        """The pool's tensors."""
        return replace(at, inputs=(self.middle,), way="")

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """That of the pool."""
        return self.pool.infer(self.second(at))

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """One after the other."""
        return self.pool.compute(self.second(at), *self.conv.compute(self.first(at), *arrays))

    def macs(self, at: Applied) -> int:
        """Of the convolution."""
        return self.conv.macs(self.first(at))

    @property
    def band(self) -> int:
        """Bytes of the rows that the pool needs at once, whole words."""
        _, high, *rest = self.middle.shape
        rows = min(self.pool.kernel[0], high)
        return -(-rows * math.prod(rest) * self.middle.item_bytes // 4) * 4

    def buffers(self, at: Applied) -> Buffers:
        """Rows, and what the convolution's kernel uses; results may run over what no row needs any more."""
        conv, pool = self.conv.window(self.first(at)), self.pool.window(self.second(at))
        read, made = (t.shape[-1] * t.item_bytes for t in (at.x, at.out))
        used = self.conv.buffers(self.first(at)).scratch
        return Buffers(scratch=self.band + used, overlap=(_through(conv, pool).overlap(1, read, made),))

    def ways(self, at: Applied) -> tuple[Way, ...]:
        """Those of the convolution that may go by rows."""
        found = self.conv.ways(self.first(at))
        fit = [way for way in found if way.name.startswith(_BY_ROWS)]
        calls = self.pool.window(self.second(at)).out[0]
        part = {way.name: way.instructions for way in self._some(at, calls)}
        return tuple(
            replace(
                way,
                instructions=calls * (part.get(way.name, way.instructions / calls) + _EACH),
                scratch=way.scratch + self.band,
            )
            for way in fit
        )

    def _some(self, at: Applied, calls: int) -> tuple[Way, ...]:
        """Kernels of the convolution for the rows that one of so many calls computes."""
        window = self.conv.window(self.first(at))
        rows = -(-window.out[0] // calls)
        high = (rows - 1) * window.strides[0] + (window.kernel[0] - 1) * window.dilations[0] + 1
        pads = list(zip(window.before, window.after, strict=True))[1:]
        conv = replace(self.conv, pads=((0, 0), *pads))
        x, middle = (
            replace(t, shape=(t.shape[0], n, *t.shape[2:])) for t, n in ((at.x, high), (self.middle, rows))
        )
        return conv.ways(replace(at, inputs=(x, *at.inputs[1:]), outputs=(middle,)))

    def emit(self, at: Applied, to: Writer) -> None:
        """A function that goes from row to row of the pool."""
        first, second = self.first(at), self.second(at)
        conv, pool = self.conv.window(first), self.pool.window(second)
        x, middle, y = (ctext.TYPES[t.dtype][1] for t in (at.x, self.middle, at.out))
        line, inner = math.prod(self.middle.shape[2:]), math.prod(conv.out[1:])
        # one row of places, as the faster kernels have it
        points = set(conv.kernel + conv.strides) <= {1} and conv.out == conv.extents
        own = _Rows(to, "sums", f"band + (have - from) * {line}", points)
        own.from_ = f"x + have * {inner * at.x.shape[-1]}" if points else "x"
        self.conv.emit(first, cast(Writer, own))
        points = points and own.kind == "sa_nd_fast_t"
        other = _Rows(to, "taken", "y")
        other.from_ = "band"
        self.pool.emit(second, cast(Writer, other))
        high, rows = self.pool.kernel[0], conv.out[0]
        stride, before = pool.strides[0], pool.before[0]
        k, j = (_AXES[one.kind] - len(conv.kernel) for one in (own, other))
        # members of the faster kernels' descriptions have 16 bits
        short, size = ("(int16_t)", "(uint16_t)") if own.kind == "sa_nd_fast_t" else ("", "")
        if points:
            places = f"{size}((end - have) * {inner})"
            lines = [f"sums.in[1] = {places};", f"sums.out[1] = {places};"]
        else:
            lines = [
                f"sums.out[{k}] = {size}(end - have);",
                f"sums.before[{k}] = {short}({conv.before[0]} - have * {conv.strides[0]});",
            ]
        if other.kind == "sa_nd_pool_t":
            more = [f"taken.before[{j}] = from - first;"]
            more += [f"taken.counted[{j}] = {self.pool.counted(pool)[0]} - from;"]
        else:
            more = [f"taken.before[{j}] = (int16_t)(from - first);"]
        # members of 16 bits alone are no words
        halves = other.kind == "sa_nd_pool_ispu_t"
        left = "(int16_t)(end - from)" if halves else "end - from"
        copied = f"sa_nd_words(&taken, {other.told}, sizeof taken);"
        if halves:
            copied = f"sa_nd_copy((const uint8_t *){other.told}, (uint8_t *)&taken, sizeof taken);"
        moved = f"(const uint8_t *)(band + (from - start) * {line}), (uint8_t *)band"
        kept = [
            f"        sa_nd_copy({moved}, (uint32_t)(have - from) * {line * self.middle.item_bytes}U);",
            "    }",
        ]
        text = [
            f"{own.kind} sums;",
            f"{other.kind} taken;",
            "int32_t row, have = 0" + (", start = 0;" if high > stride else ";"),
            "",
            f"sa_nd_words(&sums, {own.told}, sizeof sums);",
            copied,
            f"taken.out[{j}] = 1;",
            f"for (row = 0; row < {pool.out[0]}; row++) {{",
            f"    const int32_t first = row * {stride} - {before};",
            "    const int32_t from = first < 0 ? 0 : first;",
            f"    const int32_t end = first + {high} < {rows} ? first + {high} : {rows};",
            *(
                ["    if (have > from && from > start) {", *kept, "    start = from;"]
                if high > stride
                else []
            ),
            "    have = have < from ? from : have;",
            "    if (have < end) {",
            *(f"        {one}" for one in (*lines, *own.calls)),
            "        have = end;",
            "    }",
            f"    taken.in[{j}] = {left};",
            *(f"    {one}" for one in (*more, *other.calls)),
            f"    y += {math.prod(at.out.shape[2:])};",
            "}",
        ]
        parameters = f"const {x} *x, {y} *y, {middle} *band" + (", void *scratch" if own.used else "")
        files = sorted({"nd/sa_nd_tables.h", *own.files, *other.files})
        name = to.function(
            "rows", parameters, "".join(f"    {one}\n" if one else "\n" for one in text), *files
        )
        passed = [to.source(at.x), to.target(at.out), to.scratch(middle)]
        passed += [f"(void *)({to.scratch('uint8_t')} + {self.band})"] if own.used else []
        to.run(name, *passed)


class _Rows:
    """Takes down what an operator writes for a few rows, as lines of a function; all else goes on."""

    def __init__(self, to: Writer, name: str, into: str, points: bool = False) -> None:
        self.to, self.name, self.into, self.points = to, name, into, points
        self.from_, self.kind, self.told, self.used = "", "", "", False
        self.calls: list[str] = []
        self.files: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.to, name)

    def layer(self, fields: Mapping[str, object], kind: str = "", stem: str = "") -> str:
        """The description as it is; kernels get a copy."""
        if kind != "sa_nd_fast_t" and self.points:
            # only the faster kernels have places in one row
            self.from_ = "x"
        self.kind, self.told = kind, self.to.layer(fields, kind, self.name)
        return f"&{self.name}"

    def call(self, file: str, function: str, *arguments: object, into: str = "") -> None:
        """A line."""
        self.files.append(file)
        self.calls.append(f"{function}({', '.join(map(str, arguments))});")

    def source(self, tensor: Tensor) -> str:
        """Rows, or a constant."""
        return self.to.source(tensor) if tensor.data is not None else self.from_

    def target(self, tensor: Tensor) -> str:
        """Rows."""
        return self.into

    def scratch(self, kind: str) -> str:
        """What is behind the rows."""
        self.used = True
        return "scratch" if kind == "void" else f"({kind} *)scratch"


def pairs(graph: Graph) -> list[tuple[int, int]]:
    """Convolutions and the pools that are their only readers, by number, where rows may be computed late."""
    number = {name: k for k, node in enumerate(graph.nodes) for name in node.outputs}
    out = []
    for k, node in enumerate(graph.nodes):
        if isinstance(node.op, Pool) and node.inputs[0] in number:
            i = number[node.inputs[0]]
            if isinstance(graph.nodes[i].op, Conv) and _fits(graph, graph.nodes[i], node):
                out.append((i, k))
    return out


def _fits(graph: Graph, one: Node, other: Node) -> bool:
    conv, pool = one.op, other.op
    name = one.output
    if not isinstance(conv, Conv) or not isinstance(pool, Pool) or graph.changing:
        return False
    if len(graph.consumers(name)) > 1 or name in graph.kept or len(other.outputs) > 1 or pool.indices:
        return False
    at, taken = graph.applied(one), graph.applied(other)
    if pool.kind not in ("max", "average") or pool.rounding != "tflite" or at.x.shape[0] != 1:
        return False
    if any(t.data is None for t in at.inputs[1:] if t.name) or at.x.data is not None:
        return False
    if at.x.dtype not in ("float32", "int8", "uint8", "int16") or conv.sums(at).places_taken():
        return False
    window, over = conv.window(at), pool.window(taken)
    if over.dilations[0] > 1 or over.before[0] >= over.kernel[0] or over.kernel[0] >= window.out[0]:
        return False
    small = (window.extents[0] + window.before[0]) * 2 < _LARGEST
    # every row of the pool has one of the convolution
    return small and (over.out[0] - 1) * over.strides[0] - over.before[0] < window.out[0]


def joined(graph: Graph, taken: Collection[tuple[int, int]]) -> Graph:
    """The net where pools compute the convolutions before them."""
    nodes, tensors = list(graph.nodes), dict(graph.tensors)
    for i, k in taken:
        conv, pool = graph.nodes[i], graph.nodes[k]
        x, middle = graph.tensors[conv.inputs[0]], graph.tensors[conv.output]
        if not isinstance(conv.op, Conv) or not isinstance(pool.op, Pool):
            raise InternalError("what is joined is no convolution and a pool")
        tensors[middle.name] = replace(x, name=middle.name)
        nodes[i] = replace(conv, op=Later(), inputs=conv.inputs[:1])
        inputs = (middle.name, *conv.inputs[1:])
        nodes[k] = replace(pool, op=ConvPool(conv.op, pool.op, middle), inputs=inputs)
    return replace(graph, nodes=tuple(nodes), tensors=tensors)


def _through(conv: Window, pool: Window) -> Window:
    """What a place of the pool reads of the convolution's input, as one kernel."""
    kernel, strides, before, after = [], [], [], []
    for n, (extent, out) in enumerate(zip(conv.extents, pool.out, strict=True)):
        stride = conv.strides[n]
        reach = (pool.kernel[n] - 1) * pool.dilations[n] * stride
        kernel.append(reach + (conv.kernel[n] - 1) * conv.dilations[n] + 1)
        strides.append(stride * pool.strides[n])
        before.append(stride * pool.before[n] + conv.before[n])
        after.append((out - 1) * strides[-1] + kernel[-1] - before[-1] - extent)
    ones = (1,) * len(kernel)
    return Window(conv.extents, tuple(kernel), tuple(strides), ones, tuple(before), tuple(after))
