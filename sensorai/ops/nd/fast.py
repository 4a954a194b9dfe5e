"""Faster kernels of int8 sums, chosen for the instructions of a core; the numbers are those of all others.

What they need: int8 values and results, constant weights and bias, sums that stay below 2**30 in size
whatever the input, factors below one. Weights lie in rows, one for each output, filled with zeros.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sensorai.graph.operator import Applied, Writer
from sensorai.graph.tensor import Array
from sensorai.ops.nd.dictionary import pack
from sensorai.ops.nd.leaving import Exit
from sensorai.ops.nd.windows import Window

#: Shifts to the right that kernels take, by rounding.
_SHIFTS = {"tflite": (1, 22), "even": (2, 22)}
#: Types of C by those of tables of weights.
_TABLES = {"int8": "int8_t", "uint32": "uint32_t"}
#: Size that no sum reaches.
_MOST = 1 << 30
#: Size that no axis reaches: descriptions hold them in 16 bits.
_LARGEST = 1 << 15


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Integer sums with constant weights.

    Attributes
    ----------
    at : Applied
    window : Window
    groups : int
    zero : int
        Zero point of the input.
    weights : ndarray of int8
        (outputs, *kernel, inputs of a group), less their zero points.
    bias : ndarray of int64
        As the file has it.
    exit : Exit
    rows_alone : bool
        Whether kernels for layers of one place may be taken.
    narrow : bool
        Weights are int4 numbers that lie two in a byte.
    """

    at: Applied
    window: Window
    groups: int
    zero: int
    weights: Array
    bias: Array
    exit: Exit
    rows_alone: bool = True
    narrow: bool = False

    @property
    def sums(self) -> Array:
        """Sums where every value of the input is 0, for each output: what the bias becomes."""
        axes = tuple(range(1, self.weights.ndim))
        return np.asarray(self.bias - self.zero * self.weights.astype(np.int64).sum(axis=axes))

    def fits(self) -> bool:
        """Whether sums, factors and axes are those that kernels take."""
        low, high = _SHIFTS.get(self.exit.rounding, (1, 0))
        shift = -self.exit.shift
        types = self.at.x.dtype == self.exit.dtype == "int8"
        flat = len(self.window.kernel) <= 2 and set(self.window.dilations[-1:]) <= {1}
        if not types or not flat or low > high or shift.min() < low or shift.max() > high:
            return False
        window, x = self.window, self.at.x
        sizes = (*window.kernel, *window.strides, *window.before, *window.dilations, len(self.weights))
        longest = self.weights[0].size if self.alone else max(x.shape[:1] + x.shape[-1:])
        return self.most < _MOST and max(*sizes, longest) < _LARGEST

    @property
    def most(self) -> int:
        """Size of the largest sum that any input makes."""
        return int((np.abs(self.sums) + self._reach()).max())

    def _reach(self) -> Array:
        axes = tuple(range(1, self.weights.ndim))
        return np.asarray(128 * np.abs(self.weights.astype(np.int64)).sum(axis=axes))

    def settled(self) -> Layer:
        """Copy where outputs that no input changes have weights of 0 and small numbers.

        Training leaves such: their scales are those of noise, and their bias is far from all sums.
        """
        way = self.exit
        if len(way.multiplier) == 1 or way.dtype != "int8":
            return self
        sums, reach = self.sums, self._reach()
        fits = np.abs(sums) + reach < 2**31
        ends = [way.apply(np.clip(sums + side * reach, -(2**31), 2**31 - 1)) for side in (-1, 1)]
        still = fits & (ends[0] == ends[1])
        if not still.any():
            return self
        # 8 times the number, with the factor 1/8
        number = 8 * (ends[0].astype(np.int64) - way.zero)
        shape = (-1,) + (1,) * (self.weights.ndim - 1)
        return replace(
            self,
            weights=np.where(still.reshape(shape), 0, self.weights).astype(np.int8),
            bias=np.where(still, number, self.bias),
            exit=replace(
                way,
                multiplier=np.where(still, 1 << 30, way.multiplier),
                shift=np.where(still, -2, way.shift),
            ),
        )

    @property
    def alone(self) -> bool:
        """Whether all values lie under one place of the kernel, in the order of the weights."""
        window = self.window
        if not self.rows_alone:
            return False
        whole = window.kernel == window.extents and set(window.out) <= {1} and not any(window.before)
        return self.groups == 1 and whole and self.at.x.size == self.weights[0].size

    @property
    def shrinks(self) -> bool:
        """Whether there are no more places of the output than of the input, along any axis."""
        pairs = zip(self.window.out, self.window.extents, strict=True)
        return all(a <= b for a, b in pairs)

    def rows(self, step: int = 4) -> Array:
        """Weights, (outputs, bytes of a row); zeros fill it to a multiple of ``step``."""
        flat = self.weights.reshape(len(self.weights), -1)
        return np.pad(flat, ((0, 0), (0, -flat.shape[1] % step)))

    def fields(self, to: Writer) -> dict[str, object]:
        """Members of a ``sa_nd_fast_t``."""
        window, way = self.window, self.exit
        channels = self.weights.shape[-1] * self.groups
        extents, out, kernel = (_two(v, 1) for v in (window.extents, window.out, window.kernel))
        batch = self.at.x.size // (extents[0] * extents[1] * channels)
        if self.alone:
            extents = out = kernel = (1, 1)
            channels, batch = self.at.x.size, 1
        elif kernel == (1, 1) and set(window.strides) <= {1} and out == extents:
            # one row of places
            extents = out = (1, batch * extents[0] * extents[1])
            batch = 1
        axes = (_two(window.strides, 1), _two(window.before, 0))
        down = _two(window.dilations, 1)[0]
        texts = [f"{{{a}, {b}}}" for a, b in (extents, out, kernel, *axes)]
        names = ("in", "out", "kernel", "stride", "before")
        return dict(zip(names, texts, strict=True)) | {
            "down": down,
            "batch": batch,
            "channels": channels,
            "outputs": len(self.weights),
            "zero": to.number(self.zero),
            "multiplier": to.table("int32_t", f"multiplier{to.index}", way.multiplier),
            "shift": to.table("uint8_t", f"shift{to.index}", -way.shift),
            "each": int(len(way.multiplier) > 1),
            "out_zero": to.number(way.zero),
            "lo": to.number(way.lo),
            "hi": to.number(way.hi),
        }


def _two(values: tuple[int, ...], fill: int) -> tuple[int, int]:
    first, second = (fill,) * (2 - len(values)) + tuple(values)
    return first, second


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """A function of C for a layer, and what it reads.

    Attributes
    ----------
    layer : Layer
    stem : str
        Of its file, and of its functions, one for each rounding: ``STEM_tflite``, ``STEM_even``.
    weights : ndarray of int8 or uint32
        In the order that it reads.
    bias : ndarray of int32
        One of each output.
    scratch : int
        Bytes that it uses while it runs.
    in_place : bool
        Its results may lie where its values lie.
    row : int
        Bytes of the weights of an output.
    variant : str
        Between stem and rounding, where a file has several.
    """

    layer: Layer
    stem: str
    weights: Array
    bias: Array
    scratch: int = 0
    in_place: bool = False
    row: int = 0
    variant: str = ""

    @property
    def name(self) -> str:
        """What it is called in reports."""
        return "_".join(filter(None, (self.stem.removeprefix("sa_nd_"), self.variant)))

    def emit(self, to: Writer) -> None:
        """Tables, description and call."""
        layer = self.layer
        fields = layer.fields(to) | {"row": self.row}
        bias = to.table("int32_t", f"bias{to.index}", self.bias)
        weights = ""
        if not layer.narrow:
            weights = to.table(_TABLES[self.weights.dtype.name], f"weights{to.index}", self.weights)
        told = to.layer(fields, "sa_nd_fast_t")
        scratch = to.scratch("void") if self.scratch > self.opened else "0"
        if layer.narrow:
            weights = self._opened(to)
        name = "_".join(filter(None, (self.stem, self.variant, layer.exit.rounding)))
        x, y = to.source(layer.at.x), to.target(layer.at.out)
        to.call(f"nd/{self.stem}.h", name, told, x, weights, bias, y, scratch)

    @property
    def packed(self) -> Array:
        """Weights of four bits, two in a byte, in the order that the kernel reads."""
        numbers = self.weights
        if numbers.dtype == np.uint32:
            rows = self.layer.weights.reshape(len(self.layer.weights), -1)
            numbers = np.pad(rows, ((0, 0), (0, self.row - rows.shape[1])))
        elif self._turned:
            numbers = numbers ^ np.int8(-128)
        flat = numbers.reshape(-1).view(np.uint8) & 15
        return pack(np.pad(flat, (0, flat.size % 2)), 4)

    @property
    def _turned(self) -> int:
        """Bits that this kernel wants turned in its bytes."""
        return 0x80 if self.stem == "sa_nd_matrix_thumb1" else 0

    @property
    def opened(self) -> int:
        """Bytes of weights of four bits while the layer runs, whole words."""
        return -(-self.weights.nbytes // 4) * 4 if self.layer.narrow else 0

    def _opened(self, to: Writer) -> str:
        """Bring weights of four bits to where the kernel reads them."""
        packed = self.packed
        table = to.shared("uint8_t", f"places{to.index}", packed)
        to.spare(table, self.layer.weights.size - packed.nbytes)
        place = f"({to.scratch('uint8_t')} + {self.scratch - self.opened})"
        if self.weights.dtype == np.uint32:
            to.call("nd/sa_nd_open.h", "sa_nd_open_pairs", table, place, self.weights.size)
        else:
            to.call("nd/sa_nd_open.h", "sa_nd_open_bytes", table, place, packed.size, f"{self._turned}U")
        return f"(const {_TABLES[self.weights.dtype.name]} *)(const void *){place}"
