"""What both generations of ST's HSDatalog share: blocks of samples with a time stamp after each.

A ``.dat`` file is a stream of blocks: ``per_block`` samples of all axes (little-endian, interleaved), then
one float64, the time in seconds at the end of the block. The second generation cuts this stream into
packets that start with a 4-byte counter of the stream's bytes before them (facts: peers, section 5.1).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import DataError
from sensorai.formats.arrays import Arrays, Values
from sensorai.formats.options import ReadOptions
from sensorai.formats.source import LARGEST, Raw
from sensorai.formats.values import shown
from sensorai.recording import LABEL, FloatArray

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
        if stream.dtype != "<f4" and stream.dtype != "<f8" and stream.sensitivity == 1.0:
            samples.append(values.astype(np.float64))
        else:
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
    back = np.concatenate(([False], np.diff(stamps) < 0)) if len(stamps) else bad
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


def read_config(path: Path) -> Any:
    """Read a JSON file of the folder, which may end in a zero byte; a DataError with its place."""
    try:
        text = path.read_bytes().rstrip(b"\0 \r\n").decode("utf-8-sig")
        return json.loads(text)
    except OSError as error:
        raise DataError(f"cannot read {path.name}: {error.strerror}", where=str(path)) from None
    except json.JSONDecodeError as error:
        raise DataError(
            f"this is no JSON: {error.msg}", where=f"{path}:{error.lineno}:{error.colno}"
        ) from None
    except UnicodeDecodeError:
        raise DataError("this is no text file (UTF-8 was expected)", where=str(path)) from None
    except (RecursionError, ValueError):
        raise DataError("this JSON cannot be read", where=str(path)) from None


def with_tags(part: Arrays, tags: Sequence[tuple[float, str, bool]]) -> Arrays:
    """Add the labels that were set and taken away during the acquisition: (seconds, label, set)."""
    time = part.time()
    if time is None or not tags:
        return part
    names = dict.fromkeys(label for _, label, _ in tags)
    labels = np.full(len(time), "", dtype=object)
    both = 0
    for name in names:
        begin: float | None = None
        for at, label, on in [*sorted(tags, key=lambda t: t[0]), (math.inf, name, False)]:
            if label != name:
                continue
            if on and begin is None:
                begin = at
            elif not on and begin is not None:
                rows = (time >= begin) & (time < at)
                both += int((labels[rows] != "").sum())
                labels[rows] = name
                begin = None
    notes = list(part.notes)
    if both:
        notes.append(f"{both} samples have two tags at once; the tag named last counts")
    columns: tuple[Values, ...] = (*part.columns, labels)
    return replace(part, names=(*part.names, LABEL), columns=columns, notes=tuple(notes))


def seconds_since(start: Any, moment: Any) -> float | None:
    """Seconds between two ISO times, or None when they are none."""
    try:
        a, b = (datetime.fromisoformat(str(t).replace("Z", "+00:00")) for t in (start, moment))
        return (b - a).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def acquisition(raw: Raw, config: str) -> Path | None:
    """Folder of the acquisition that a log is, or that a ``.dat`` file belongs to; None when it is none."""
    folder = raw.path
    if not raw.folder:
        if raw.path.suffix != ".dat":
            return None
        folder = raw.path.parent
    return folder if (folder / config).is_file() else None


def wanted(raw: Raw, file: Path) -> bool:
    """Whether to read ``file``: all of a folder, or the one file that was named."""
    return file.is_file() and (raw.folder or file.name == raw.path.name)


def needed(stream: Stream, options: ReadOptions) -> bool:
    """Whether a sensor is to be read: those asked for, else those of motion.

    A microphone beside an accelerometer has thousands of times its samples.
    """
    if options.sensor:
        names = {name.strip().casefold() for name in options.sensor.split(",")}
        return bool({stream.part.casefold(), stream.device.casefold()} & names)
    return unread(stream).inertial


def unread(stream: Stream) -> Arrays:
    """A sensor that is there but is not read: no samples."""
    return Arrays(stream.names, (), part=stream.part, device=stream.device, rate_hz=stream.rate_hz)


def finish(
    parts: Sequence[Arrays], missing: Sequence[str], tags: Sequence[tuple[float, str, bool]], where: str
) -> list[Arrays]:
    """Give the parts their tags, and a note of the sensors whose file is not there.

    Raises
    ------
    DataError
        When there is no part at all.
    """
    names = ", ".join(missing)
    if not parts:
        raise DataError(
            "the configuration names no active sensor with samples"
            + (f" (missing: {names})" if names else ""),
            where=where,
        )
    notes = (f"there is no file of: {names}",) if names else ()
    return [with_tags(replace(part, notes=(*part.notes, *notes)), tags) for part in parts]


def folder_label(path: Path) -> str:
    """Label of an acquisition: its folder's name, or the one above where the board gave the name."""
    folder = path.absolute() if path.is_dir() else path.absolute().parent
    if re.fullmatch(
        r"[0-9][0-9_\-]{5,}|(STWIN|STBOX|MKBOX|DATALOG|HSD)\S*_[0-9]+", folder.name, re.IGNORECASE
    ):
        folder = folder.parent
    digits, underscore, rest = folder.name.partition("_")
    return rest if underscore and digits.isdigit() and rest else folder.name


class Config:
    """Values of a configuration by their place, each with a message when it is not what it must be."""

    def __init__(self, where: str) -> None:
        self.where = where

    def table(self, value: Any, place: str) -> dict[str, Any]:
        """A map."""
        if not isinstance(value, dict):
            raise DataError(f"{place} must be a map of keys", where=self.where)
        return value

    def items(self, value: Any, place: str) -> list[Any]:
        """A list."""
        if not isinstance(value, list):
            raise DataError(f"{place} must be a list", where=self.where)
        return value

    def number(self, table: Mapping[str, Any], key: str, place: str, default: float | None = None) -> float:
        """A finite number."""
        value = table.get(key, default)
        if value is None:
            raise DataError(f"{place}.{key} is missing", where=self.where)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
            raise DataError(f"{place}.{key} must be a number, not {shown(value)}", where=self.where)
        return float(value)

    def count(self, table: Mapping[str, Any], key: str, place: str, least: int, most: int) -> int:
        """A whole number between two limits."""
        value = self.number(table, key, place)
        if value != int(value) or not least <= value <= most:
            raise DataError(
                f"{place}.{key} must be a whole number from {least} to {most}, not {value:g}",
                where=self.where,
            )
        return int(value)

    def text(self, table: Mapping[str, Any], key: str, place: str, default: str | None = None) -> str:
        """Text without brackets, which name units."""
        value = table.get(key, default)
        if value is None:
            raise DataError(f"{place}.{key} is missing", where=self.where)
        if not isinstance(value, str) or len(value) > 200 or re.search(r"[\[\]()/\\\n\0]", value):
            raise DataError(f"{place}.{key} must be a short text, not {shown(value)}", where=self.where)
        return value

    def dtype(self, table: Mapping[str, Any], key: str, place: str) -> str:
        """Type of samples as NumPy has it."""
        name = self.text(table, key, place)
        if name not in TYPES:
            raise DataError(f"{place}.{key} is {name!r}; known are {', '.join(TYPES)}", where=self.where)
        return TYPES[name]


def first_of(values: Iterable[float | None]) -> float | None:
    """Return the first value that is neither None nor 0."""
    return next((v for v in values if v), None)
