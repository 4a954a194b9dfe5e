"""Weights that lie in files beside an ONNX model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sensorai.errors import ConfigError, DataError
from sensorai.importers.libraries import library

#: How deep graphs may lie in each other.
_DEEPEST = 16


def take_in(model: Any, folder: Path) -> None:
    """Put weights that lie in other files into the model.

    Files are those in the folder of the model or below it; together as many bytes are read as these files
    have, at most.

    Raises
    ------
    ConfigError
        A file lies elsewhere, or does not hold what is asked of it.
    DataError
        It cannot be read.
    """
    onnx = library("onnx")
    sizes: dict[Path, int] = {}
    taken = 0
    for one in _tensors(model.graph, 0):
        if one.data_location != onnx.TensorProto.EXTERNAL:
            continue
        said = {entry.key: entry.value for entry in one.external_data}
        path = _place(one.name, said.get("location", ""), folder)
        try:
            sizes.setdefault(path, path.stat().st_size)
            begin, count = _span(onnx, one, said)
            taken += count
            if begin + count > sizes[path] or taken > sum(sizes.values()):
                raise ConfigError(f"the constant {one.name} asks for more bytes than {path.name} has")
            with path.open("rb") as file:
                file.seek(begin)
                one.raw_data = file.read(count)
        except OSError as error:
            raise DataError(
                f"cannot read the weights of {one.name}: {error.strerror}", where=str(path)
            ) from None
        one.data_location = onnx.TensorProto.DEFAULT
        del one.external_data[:]


def _place(name: str, location: str, folder: Path) -> Path:
    root = folder.resolve()
    path = (root / location).resolve()
    if not location or "\0" in location or root not in path.parents:
        raise ConfigError(
            f"the constant {name} lies in {location!r}, outside of the model's folder",
            hint="put the file beside the model, or save the model with its weights inside",
        )
    return path


def _span(onnx: Any, one: Any, said: dict[str, str]) -> tuple[int, int]:
    """First byte and number of bytes of a constant."""
    numbers = [said.get("offset", "0") or "0", said.get("length", "") or "-1"]
    if not all(text.lstrip("-").isdecimal() and len(text) < 20 for text in numbers):
        raise ConfigError(f"the constant {one.name}: offset and length {numbers} are no numbers")
    begin, length = map(int, numbers)
    try:
        each = onnx.helper.tensor_dtype_to_np_dtype(one.data_type).itemsize
    except (KeyError, TypeError, ValueError):
        raise ConfigError(f"the constant {one.name} is of a type that no other file can hold") from None
    whole = math.prod(int(v) for v in one.dims) * each
    count = whole if length < 0 else length
    if begin < 0 or min((int(v) for v in one.dims), default=0) < 0 or count > whole:
        raise ConfigError(f"the constant {one.name}: {count} bytes from {begin} on are not its {whole}")
    return begin, count


def _tensors(graph: Any, depth: int) -> Iterator[Any]:
    """Constants of a graph and of those in its nodes."""
    yield from graph.initializer
    for node in graph.node:
        for one in node.attribute:
            if one.HasField("t"):
                yield one.t
            if one.HasField("g") and depth < _DEEPEST:
                yield from _tensors(one.g, depth + 1)
