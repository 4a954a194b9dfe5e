"""What both generations of ST's HSDatalog share: blocks of samples with a time stamp after each.

A ``.dat`` file is a stream of blocks: ``per_block`` samples of all axes (little-endian, interleaved), then
one float64, the time in seconds at the end of the block. The second generation cuts this stream into
packets that start with a 4-byte counter of the stream's bytes before them (facts: peers, section 5.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import DataError
from sensorai.formats.arrays import Arrays
from sensorai.formats.source import LARGEST
from sensorai.recording import FloatArray

Bytes = npt.NDArray[np.uint8]

#: Types of samples by the names in the configuration.
TYPES = {
    **{
        f"{kind}{suffix}": code
        for suffix in ("", "_t")
        for kind, code in (
            ("int8", "<i1"),
            ("uint8", "<u1"),
            ("int16", "<i2"),
            ("uint16", "<u2"),
            ("int32", "<i4"),
            ("uint32", "<u4"),
        )
    },
    "float": "<f4",
    "float32": "<f4",
    "double": "<f8",
    "float64": "<f8",
}

#: Sensor types and the channels they give; others keep the name of the type.
KINDS = {"ACC": "acc", "GYRO": "gyro", "GYR": "gyro", "MAG": "mag"}

#: Most bytes of samples between two time stamps.
LARGEST_BLOCK = 1 << 24

#: A time step this many times the block's own length means that samples are missing before the block.
_LATE = 1.33
# rates of samples that a sensor can have: once in eleven days to bare sound
SLOWEST_HZ, FASTEST_HZ = 1e-6, 1e7


@dataclass(frozen=True, slots=True)
class Stream:
    """How one sensor's stream is laid out, and what its numbers mean.

    ``per_block`` 0 means that there are no time stamps at all. ``rate_hz`` is measured by the board or
    nominal. ``start_s`` is the time of the first sample.
    """

    part: str
    device: str
    names: tuple[str, ...]
    dtype: str
    sensitivity: float
    per_block: int
    rate_hz: float | None
    start_s: float
    notes: tuple[str, ...] = ()

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample, all axes."""
        return len(self.names) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True, slots=True)
class Piece:
    """Uninterrupted bytes of a stream that start at byte ``offset`` of it."""

    offset: int
    data: Bytes


def channel_names(kind: str, labels: Sequence[str], unit: str) -> tuple[str, ...]:
    """Column names of a sensor type: ``acc_x[g]`` for the axes of motion sensors."""
    tail = f"[{unit}]" if unit else ""
    sensor = KINDS.get(kind.upper())
    if sensor and len(labels) == 3:
        return tuple(f"{sensor}_{axis}{tail}" for axis in "xyz")
    return tuple(
        f"{kind.lower()}_{label}{tail}" if len(labels) > 1 else f"{kind.lower()}{tail}" for label in labels
    )


def read_bytes(path: Path) -> Bytes:
    """Map a ``.dat`` file into memory; the pages come as they are used.

    Raises
    ------
    DataError
        When it cannot be read, is empty or too large.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise DataError(f"the file is larger than {LARGEST >> 30} GiB", where=str(path))
        if size == 0:
            raise DataError("the file is empty: the sensor has no samples", where=str(path))
        return np.memmap(path, dtype=np.uint8, mode="r")
    except OSError as error:
        raise DataError(f"cannot read the samples: {error.strerror}", where=str(path)) from None


def check_stream(stream: Stream, where: str) -> None:
    """Refuse a layout that cannot be, before anything is read with it."""
    if stream.per_block * stream.sample_bytes > LARGEST_BLOCK:
        raise DataError(
            f"{stream.part}: blocks of {stream.per_block} samples are too large",
            where=where,
        )
    if stream.rate_hz is not None and not SLOWEST_HZ <= stream.rate_hz <= FASTEST_HZ:
        raise DataError(f"{stream.part}: {stream.rate_hz:g} Hz is no rate of a sensor", where=where)


def decode(stream: Stream, pieces: Sequence[Piece], where: str) -> Arrays:
    """Samples and times of a stream of which ``pieces`` are there, in order.

    Samples that are not whole are left out. Times lie evenly between the stamps of the blocks; after the
    last whole block they go on at the rate of the log.

    Raises
    ------
    DataError
        When not one whole sample is there, or a time stamp is none.
    """
    check_stream(stream, where)
    samples: list[FloatArray] = []
    places: list[npt.NDArray[np.int64]] = []
    numbers: list[npt.NDArray[np.int64]] = []
    stamps: list[FloatArray] = []
    cuts: list[int] = []
    count = 0
    for piece in pieces:
        values, first, number, ends = _unpack(stream, piece)
        numbers.append(number + np.arange(len(ends), dtype=np.int64))
        stamps.append(ends)
        if not len(values):
            continue
        if count:
            cuts.append(count)
        # floats that are damaged may be anything; what is not finite is refused below
        with np.errstate(over="ignore", invalid="ignore"):
            samples.append(values.astype(np.float64) * stream.sensitivity)
        places.append(first + np.arange(len(values), dtype=np.int64))
        count += len(values)
    if not count:
        raise DataError("the file holds not one whole sample", where=where)
    data = np.concatenate(samples)
    if not np.isfinite(data).all():
        i = int(np.argwhere(~np.isfinite(data))[0][0])
        raise DataError(f"sample {i} of {stream.part} is no finite number", where=where)
    notes = list(stream.notes)
    names, columns = list(stream.names), [np.ascontiguousarray(c) for c in data.T]
    rate = stream.rate_hz
    if stream.per_block:
        found = _times(
            stream, np.concatenate(places), np.concatenate(numbers), np.concatenate(stamps), where, notes
        )
        if found is not None:
            names.insert(0, "time[s]")
            columns.insert(0, found[0])
            rate = rate or found[1]
    return Arrays(
        tuple(names),
        tuple(columns),
        part=stream.part,
        device=stream.device,
        rate_hz=rate,
        cuts=tuple(cuts),
        notes=tuple(notes),
    )


def _unpack(stream: Stream, piece: Piece) -> tuple[npt.NDArray[Any], int, int, FloatArray]:
    """Whole samples of a piece and the number of the first; first block with a time stamp, and the stamps."""
    width = stream.sample_bytes
    body = stream.per_block * width
    block = body + 8 if stream.per_block else width
    lead = piece.offset % block
    number = piece.offset // block
    filled = np.zeros(-(-(lead + len(piece.data)) // block) * block, dtype=np.uint8)
    filled[lead : lead + len(piece.data)] = piece.data
    blocks = filled.reshape(-1, block)
    end = lead + len(piece.data)
    if not stream.per_block:
        first = 1 if lead else 0
        none = np.zeros(0, dtype=np.float64)
        return _typed(blocks, stream)[first : max(end // width, first)], number + first, 0, none
    values = _typed(np.ascontiguousarray(blocks[:, :body]), stream)
    # samples before the piece's first whole one, and behind its last
    first = min(-(-lead // width), stream.per_block)
    whole, rest = divmod(end, block)
    last = whole * stream.per_block + min(rest // width, stream.per_block)
    stamps = np.ascontiguousarray(blocks[:, body:]).view("<f8")[:, 0]
    skip = min(int(lead > body), whole)
    samples = values[first : max(last, first)]
    return samples, number * stream.per_block + first, number + skip, stamps[skip:whole].astype(np.float64)


def _typed(blocks: Bytes, stream: Stream) -> npt.NDArray[Any]:
    return blocks.reshape(-1).view(stream.dtype).reshape(-1, len(stream.names))


def _times(
    stream: Stream,
    places: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int64],
    stamps: FloatArray,
    where: str,
    notes: list[str],
) -> tuple[FloatArray, float] | None:
    """Time of each sample in seconds and the rate that the stamps say; None when nothing says them.

    ``places`` are sample numbers, ``numbers`` the blocks whose time stamps ``stamps`` are known.
    """
    bad = ~(np.abs(stamps) < 1e12)
    back = np.zeros(len(stamps), dtype=bool)
    if not bad.any():
        back[1:] = np.diff(stamps) < 0
    if (bad | back).any():
        k = int(np.argmax(bad | back))
        said = f"is {stamps[k]:g}" if bad[k] else "runs backwards"
        raise DataError(
            f"the time stamp of block {int(numbers[k]) + 1} of {stream.part} {said}: the blocks are not of "
            f"{stream.per_block} samples, or the file is damaged",
            where=where,
        )
    length = _block_length(stream, numbers, stamps)
    if length is None:
        notes.append(f"{stream.part}: no block is whole and no rate is said; there are no times")
        return None
    # a block starts where the one before ends; one that came late, or behind a gap, its length before its end
    before = stamps[:-1]
    starts = stamps - length
    if len(stamps):
        follows = np.concatenate(([False], np.diff(numbers) == 1))
        starts[1:] = np.where(follows[1:], before, starts[1:])
        if numbers[0] == 0 and 0 < stamps[0] - stream.start_s <= _LATE * length:
            starts[0] = stream.start_s
        late = follows & (stamps - starts > _LATE * length)
        starts[late] = stamps[late] - length
        if late.any():
            notes.append(
                f"{stream.part}: {int(late.sum())} block(s) came late: samples are missing before them"
            )
    block, within = places // stream.per_block, (places % stream.per_block) / stream.per_block
    at = np.searchsorted(numbers, block)
    inside = np.minimum(at, max(len(numbers) - 1, 0))
    known = (at < len(numbers)) & (numbers[inside] == block) if len(numbers) else np.zeros(len(block), bool)
    # without a stamp of its own a block goes on from the last one that has one
    last = np.concatenate(([-1], numbers))[at]
    last_end = np.concatenate(([stream.start_s], stamps))[at]
    begin = last_end + (block - last - 1) * length
    span = np.full(len(block), length)
    if len(numbers):
        begin = np.where(known, starts[inside], begin)
        span = np.where(known, stamps[inside] - starts[inside], span)
    after = int((~known).sum())
    rate = round(stream.per_block / length, 6)
    if after:
        notes.append(
            f"{stream.part}: {after} samples have no time stamp after them; theirs go on at {rate:g} Hz"
        )
    return begin + within * span, rate


def _block_length(stream: Stream, numbers: npt.NDArray[np.int64], stamps: FloatArray) -> float | None:
    """Seconds that a block lasts: the median of neighbouring stamps, else by the rate."""
    steps = np.diff(stamps)[np.diff(numbers) == 1]
    steps = steps[steps > 0]
    if steps.size:
        return float(np.median(steps))
    if stream.rate_hz:
        return stream.per_block / stream.rate_hz
    if len(numbers) and numbers[0] == 0 and stamps[0] > stream.start_s:
        return float(stamps[0] - stream.start_s)
    return None
