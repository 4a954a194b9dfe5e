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
#: Sizes that no number of a description reaches: channels and the like, axes, strides.
_LARGEST, _LONGEST, _FARTHEST = 1 << 15, 1 << 16, 1 << 8


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
        sizes = (*window.kernel, *window.before, len(self.weights))
        longest = self.weights[0].size if self.alone else max(x.shape[:1] + x.shape[-1:])
        near = max((*window.strides, *window.dilations), default=1) < _FARTHEST
        short = max((*window.extents, *window.out), default=1) < _LONGEST
        held = min(sizes) >= 0 and max(*sizes, longest) < _LARGEST
        return self.most < _MOST and held and near and short

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

    @property
    def told(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int], int, int]:
        """Extents of the input and of the output, kernel, batch and channels, as descriptions have them."""
        window = self.window
        channels = self.weights.shape[-1] * self.groups
        extents, out, kernel = (_two(v, 1) for v in (window.extents, window.out, window.kernel))
        batch = self.at.x.size // (extents[0] * extents[1] * channels)
        places = batch * extents[0] * extents[1]
        if self.alone:
            return (1, 1), (1, 1), (1, 1), 1, self.at.x.size
        each = kernel == (1, 1) and set(window.strides) <= {1} and out == extents
        if each and places < _LONGEST:
            # one row of places
            return (1, places), (1, places), kernel, 1, channels
        return extents, out, kernel, batch, channels

    def fields(self, to: Writer) -> dict[str, object]:
        """Members of a ``sa_nd_fast_t``, but for those that a kernel has in its own way."""
        window, way = self.window, self.exit
        extents, out, kernel, batch, channels = self.told
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
    rounding : str
        In the name of its function; "" for that of the layer.
    more : int
        What its shifts are more than those of the layer.
    twice : bool
        It reads two factors and shifts even of a layer that has one.
    """

    layer: Layer
    stem: str
    weights: Array
    bias: Array
    scratch: int = 0
    in_place: bool = False
    row: int = 0
    variant: str = ""
    rounding: str = ""
    more: int = 0
    twice: bool = False

    @property
    def name(self) -> str:
        """What it is called in reports."""
        return "_".join(filter(None, (self.stem.removeprefix("sa_nd_"), self.variant)))

    @property
    def ending(self) -> str:
        """How its results are rounded, in the name of its function."""
        return self.rounding or self.layer.exit.rounding

    def emit(self, to: Writer) -> None:
        """Tables, description and call."""
        layer = self.layer
        way, index = layer.exit, to.index
        times = 2 if self.twice and len(way.multiplier) == 1 else 1
        multiplier, shift = (np.repeat(one, times) for one in (way.multiplier, self.more - way.shift))
        fields = layer.fields(to) | {
            "row": self.row,
            "multiplier": to.table("int32_t", f"multiplier{index}", multiplier),
            "shift": to.table("uint8_t", f"shift{index}", shift),
        }
        bias = to.table("int32_t", f"bias{to.index}", self.bias)
        weights = ""
        if not layer.narrow:
            weights = to.table(_TABLES[self.weights.dtype.name], f"weights{to.index}", self.weights)
        told = to.layer(fields, "sa_nd_fast_t")
        scratch = to.scratch("void") if self.scratch > self.opened else "0"
        if layer.narrow:
            weights = self._opened(to)
        name = "_".join(filter(None, (self.stem, self.variant, self.ending)))
        x, y = to.source(layer.at.x), to.target(layer.at.out)
        to.call(f"nd/{self.stem}.h", name, told, x, weights, bias, y, scratch)

    @property
    def packed(self) -> Array:
        """Weights of four bits, two in a byte, in the order that the kernel reads."""
        numbers = self.weights
        if numbers.dtype == np.uint32:
            # each half of a word is 256 times a weight less the next one
            halves = numbers.reshape(-1).view(np.int16).astype(np.int64)
            second = -(halves & 255).astype(np.uint8).view(np.int8).astype(np.int64)
            numbers = np.stack([(halves + second) >> 8, second], axis=1).astype(np.int8)
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
