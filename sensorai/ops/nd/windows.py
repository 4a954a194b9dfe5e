"""Sums of products under a kernel, exact for integers, in one order for floats: what convolutions compute.

Channels are last; weights are (outputs, *kernel, inputs of a group). A tap of the kernel meets a block of
the input with gaps of the stride; what would lie outside of the input is left out of the block.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Array, Shape

#: Axes over which C convolves.
AXES = 3
#: Values of a tensor, so that their places are int32 in C.
MOST = 2**31 - 1
#: Neighbouring places whose results a kernel may write before it has read for the last of them.
BLOCK = 2
#: Places of a kernel up to which it is looked at how far results may run over the input.
_LOOKED = 1 << 20


@dataclass(frozen=True, slots=True)
class Window:
    """A kernel over the axes of an input.

    Attributes
    ----------
    extents, kernel : tuple of int
        Of the input and of the kernel, without batch and channels.
    strides, dilations : tuple of int
    before, after : tuple of int
        Margins.
    """

    extents: Shape
    kernel: Shape
    strides: Shape
    dilations: Shape
    before: Shape
    after: Shape

    @property
    def out(self) -> Shape:
        """Places where the kernel stands along each axis."""
        rows = zip(
            self.extents, self.kernel, self.strides, self.dilations, self.before, self.after, strict=True
        )
        return tuple((e + b + a - (k - 1) * d - 1) // s + 1 for e, k, s, d, b, a in rows)

    def overlap(
        self, batch: int, read: int, made: int, block: int = BLOCK, copied: bool = False
    ) -> int | None:
        """Bytes that the input must lie behind the output so that no result destroys what is still read.

        Kernels go from place to place, the last axis first, and write all that a place makes before the next;
        any result of a place and of the ``block - 1`` behind it may be written before any value for it is
        read, unless these values were ``copied`` before.

        Parameters
        ----------
        batch : int
        read, made : int
            Bytes of the input and of the output at a place.

        Returns
        -------
        int or None
            None where they cannot meet, or that is not looked at.
        """
        places = batch * math.prod(self.out)
        if places > _LOOKED:
            return None
        # first value under the kernel, along each axis; none where it lies on margins only
        nowhere = batch * math.prod(self.extents)
        first, outside, step = np.zeros((), np.int64), np.zeros((), bool), 1
        rows = zip(
            self.extents, self.strides, self.dilations, self.before, self.kernel, self.out, strict=True
        )
        for extent, stride, dilation, before, kernel, out in reversed(list(rows)):
            start = np.arange(out) * stride - before
            start = np.where(start < 0, start + -(start // dilation) * dilation, start)
            last = np.arange(out) * stride - before + (kernel - 1) * dilation
            missed = (start >= extent) | (start > last)
            first, outside = np.add.outer(start * step, first), np.logical_or.outer(missed, outside)
            step *= extent
        one = np.where(outside, nowhere, first).reshape(-1)
        if batch > 1:
            lead = np.arange(batch)[:, None] * step
            one = np.where(outside.reshape(-1), nowhere, first.reshape(-1) + lead).reshape(-1)
        needed = np.minimum.accumulate(one[::-1])[::-1] * read
        written = np.minimum(np.arange(places) + block, places) * made
        if copied:
            # what the places behind the block need
            needed = np.append(needed, [nowhere * read] * block)[block:]
        # places that need nothing any more leave the whole input to the results
        least = int(np.where(needed < nowhere * read, written - needed, 0).max(initial=0))
        return least if least < places * made else None

    def taps(self) -> list[Shape]:
        """Taps in their order."""
        return list(itertools.product(*(range(k) for k in self.kernel)))

    def block(self, tap: Shape) -> tuple[tuple[slice, ...], tuple[slice, ...]] | None:
        """Places at which a tap meets values, and those values; None where it meets none."""
        places, values = [], []
        rows = zip(tap, self.extents, self.strides, self.dilations, self.before, self.out, strict=True)
        for k, extent, stride, dilation, before, out in rows:
            shift = k * dilation - before
            first = max(0, -(shift // stride))
            last = min(out, (extent - 1 - shift) // stride + 1)
            if first >= last:
                return None
            places.append(slice(first, last))
            values.append(slice(first * stride + shift, (last - 1) * stride + shift + 1, stride))
        return tuple(places), tuple(values)


@dataclass(frozen=True, slots=True)
class Setting:
    """Settings of a convolution, one for each axis.

    Attributes
    ----------
    strides, dilations : tuple of int
    pads : tuple of (int, int)
    """

    strides: Shape
    dilations: Shape
    pads: tuple[tuple[int, int], ...]

    def over(self, where: str, x: Shape, w: Shape, groups: int) -> Setting:
        """Copy with the usual settings where nothing is said; a ConfigError where they do not fit.

        ``x`` is (batch, *extents, channels), ``w`` (outputs, *kernel, inputs of a group).
        """
        axes = len(x) - 2
        if not 1 <= axes <= AXES or len(w) != len(x):
            raise ConfigError(f"{where}: a kernel of shape {w} over {x} is not supported", hint="1 to 3 axes")
        strides, dilations = self.strides or (1,) * axes, self.dilations or (1,) * axes
        pads = self.pads or ((0, 0),) * axes
        if {len(strides), len(dilations), len(pads)} != {axes}:
            raise ConfigError(f"{where}: strides, dilations and pads must have {axes} axes")
        if min(strides + dilations) < 1 or min(min(p) for p in pads) < 0:
            raise ConfigError(
                f"{where}: strides {strides}, dilations {dilations} or pads {pads} make no sense"
            )
        if groups < 1 or w[-1] * groups != x[-1] or w[0] % groups:
            raise ConfigError(f"{where}: weights of shape {w} do not fit {x[-1]} channels in {groups} groups")
        return Setting(strides, dilations, pads)


def integer_sums(window: Window, x: Array, w: Array, groups: int, back: bool = False) -> Array:
    """Exact sums of integers below 2**53 in magnitude, as int64: float64 is exact there and much faster.

    ``back``: transposed, from the places of the kernel to the values under it.
    """
    outs, inputs = w.shape[0], w.shape[-1]
    places = window.extents if back else window.out
    total = np.zeros((x.shape[0], *places, groups, outs // groups))
    wide = x.astype(np.float64).reshape(*x.shape[:-1], groups, inputs)
    weights = w.astype(np.float64).reshape(groups, outs // groups, *w.shape[1:])
    for tap, target, source in _blocks(window, back):
        one, block = weights[_lead(tap)], wide[source]
        if inputs == 1:
            total[target] += block * one[:, :, 0]
        elif groups == 1:
            total[target] += (block[..., 0, :] @ one[0].T)[..., None, :]
        else:
            total[target] += np.einsum("...gi,goi->...go", block, one)
    return np.asarray(np.rint(total).reshape(x.shape[0], *places, outs), np.int64)


def ordered_sums(window: Window, x: Array, w: Array, groups: int, back: bool = False) -> Array:
    """Sums of floats from 0, one product after the other in the order of the weights; see ``integer_sums``.

    ``back``: in the order of the inputs.
    """
    outs, inputs = w.shape[0], w.shape[-1]
    places = window.extents if back else window.out
    total = np.zeros((x.shape[0], *places, groups, outs // groups), x.dtype)
    parts = x.reshape(*x.shape[:-1], groups, inputs)
    weights = w.reshape(groups, outs // groups, *w.shape[1:])
    with np.errstate(all="ignore"):
        for tap, target, source in _blocks(window, back):
            one, block = weights[_lead(tap)], parts[source]
            now = total[target]
            for i in range(inputs):
                now = now + block[..., i, None] * one[..., i]
            total[target] = now
    return total.reshape(x.shape[0], *places, outs)


def _lead(tap: Shape) -> tuple[Any, ...]:
    return (slice(None), slice(None), *tap)


def _blocks(window: Window, back: bool) -> Iterator[tuple[Shape, tuple[slice, ...], tuple[slice, ...]]]:
    """Taps, with what they add to and what they read; transposed, the last tap meets the first input."""
    taps = window.taps()
    for tap in reversed(taps) if back else taps:
        if (found := window.block(tap)) is not None:
            places, values = ((slice(None), *part) for part in found)
            yield (tap, values, places) if back else (tap, places, values)
