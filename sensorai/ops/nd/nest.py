"""Loops of C over the indices of tensors, as text."""

from __future__ import annotations

from collections.abc import Sequence

from sensorai.graph.tensor import Shape


def strides(shape: Shape) -> tuple[int, ...]:
    """Elements between neighbours along each axis."""
    out, step = [0] * len(shape), 1
    for axis in range(len(shape) - 1, -1, -1):
        out[axis] = step
        step *= shape[axis]
    return tuple(out)


def broadcast(shape: Shape, to: Shape) -> tuple[int, ...]:
    """Strides of a tensor of ``shape`` that is read as one of shape ``to``: 0 along repeated axes."""
    own = strides(shape)
    wide = (0,) * (len(to) - len(shape)) + own
    extents = (1,) * (len(to) - len(shape)) + shape
    return tuple(0 if e == 1 else s for e, s in zip(extents, wide, strict=True))


def merged(shape: Shape, *steps: Sequence[int]) -> tuple[Shape, list[tuple[int, ...]]]:
    """Join axes that all tensors walk through as one; axes of one element go.

    Returns
    -------
    shape : tuple of int
    steps : list of tuple of int
        Strides of each tensor along the axes that are left.
    """
    extents: list[int] = []
    left: list[list[int]] = []
    for axis, extent in enumerate(shape):
        now = [int(one[axis]) for one in steps]
        if extent == 1:
            continue
        if extents and all(before == step * extent for before, step in zip(left[-1], now, strict=True)):
            extents[-1] *= extent
            left[-1] = now
        else:
            extents.append(extent)
            left.append(now)
    return tuple(extents), [tuple(column[k] for column in left) for k in range(len(steps))]


def index(steps: Sequence[int], start: int = 0, names: str = "i") -> str:
    """C expression of an index: the sum of the counters ``i0``, ``i1``, ... times ``steps``."""
    parts = [
        f"{names}{k}" if step == 1 else f"{names}{k} * {_number(step)}"
        for k, step in enumerate(steps)
        if step
    ]
    if start:
        parts.append(_number(start))
    return " + ".join(parts) if parts else "0"


def _number(value: int) -> str:
    return f"{value}" if value >= 0 else f"({value})"


def loops(shape: Shape, body: str, names: str = "i", indent: int = 4) -> str:
    """Nested loops round the lines of ``body`` (C, without indentation), with int32_t counters."""
    pad = " " * indent
    lines = []
    if shape:
        lines.append(f"{pad}int32_t {', '.join(f'{names}{k}' for k in range(len(shape)))};\n")
        lines.append("\n")
    for k, extent in enumerate(shape):
        inner = pad + "    " * k
        lines.append(f"{inner}for ({names}{k} = 0; {names}{k} < {extent}; {names}{k}++) {{\n")
    deep = pad + "    " * len(shape)
    lines += [f"{deep}{line}\n" if line else "\n" for line in body.splitlines()]
    for k in range(len(shape) - 1, -1, -1):
        lines.append(f"{pad}{'    ' * k}}}\n")
    return "".join(lines)
