"""Line buffers of NanoEdge AI Studio: each line is one whole buffer, ``ax0 ay0 az0 ax1 ...``, no header."""

from __future__ import annotations

import numpy as np

from sensorai.errors import DataError
from sensorai.formats.arrays import Arrays
from sensorai.formats.layout import find_header, guess_separator, is_number, split_header
from sensorai.formats.options import ReadOptions
from sensorai.formats.source import Source
from sensorai.formats.table import Body, parse

NAME = "nanoedge"

#: Fewer numbers in a line are a sample with its axes, not a buffer.
_LEAST = 48
#: More numbers in a line are no buffer that a microcontroller could hold.
_MOST = 1 << 16


def _cells(source: Source) -> tuple[int, str, tuple[str, ...]] | None:
    head = find_header(source)
    if head is None:
        return None
    line = source.head[head.index]
    separator = guess_separator(line)
    return head.index, separator, split_header(line, separator)


def sniff(source: Source) -> bool:
    """The first line holds nothing but numbers, and too many for one sample."""
    found = _cells(source)
    return found is not None and _LEAST <= len(found[2]) <= _MOST and all(map(is_number, found[2]))


def arrays(source: Source, options: ReadOptions) -> list[Arrays]:
    """Read every line as a recording of its own; ``options.header`` names the axes, else they are x, y, z."""
    found = _cells(source)
    if found is None:
        raise DataError("the log has no samples", where=source.path)
    index, separator, cells = found
    text = "\n".join(source.text.split("\n")[index:])
    if separator == " ":
        text = "\n".join("\t".join(row.split()) for row in text.split("\n"))
        separator = "\t"
    axes: tuple[str, ...] = ("acc_x", "acc_y", "acc_z")
    notes = []
    if options.header:
        axes = split_header(options.header, guess_separator(options.header))
    else:
        notes.append(
            "each line is taken as a buffer of three axes of an accelerometer; --header names others"
        )
    width = len(cells)
    if not axes or width % len(axes):
        raise DataError(
            f"a line holds {width} numbers, which are not whole samples of {len(axes)} axes",
            where=f"{source.path}:{index + 1}",
            hint="name the axes, as in --header 'acc_x[mg],acc_y[mg],acc_z[mg]'",
        )
    names = tuple(f"number {i + 1}" for i in range(width))
    columns = parse(Body(source.path, text, index + 1, separator, names), ["number"] * width)
    table = np.column_stack([np.asarray(c, dtype=np.float64) for c in columns])
    buffers = table.reshape(len(table), -1, len(axes))
    return [
        Arrays(
            axes,
            tuple(np.ascontiguousarray(buffer[:, k]) for k in range(len(axes))),
            piece=f"line{i + 1}",
            notes=tuple(notes),
        )
        for i, buffer in enumerate(buffers)
    ]
