"""Tells files that hold nets made elsewhere, by their content."""

from __future__ import annotations

import zipfile
from pathlib import Path

#: Fields of an ONNX model by number, with the wire type that each has.
_ONNX = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
#: Most fields that are looked at.
_MOST = 10000


def net_kind(path: Path) -> str:
    """``onnx``, ``tflite`` or ``keras``; "" for anything else."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
        if head[4:8] == b"TFL3":
            return "tflite"
        if head == b"\x89HDF\r\n\x1a\n":
            return "keras"
        if head[:4] == b"PK\x03\x04":
            return "keras" if _is_keras(path) else ""
        return "onnx" if head[:1] == b"\x08" and _is_onnx(path) else ""
    except OSError:
        return ""


def _is_keras(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return False
    return "config.json" in names and "model.weights.h5" in names


def _is_onnx(path: Path) -> bool:
    """Whether a file is a message with fields of a model from end to end, a graph among them."""
    size, at, graph = path.stat().st_size, 0, False
    with path.open("rb") as file:
        for _ in range(_MOST):
            if at == size:
                return graph
            file.seek(at)
            data = file.read(20)
            tag, used = _varint(data)
            value, more = _varint(data[used:])
            number, wire = tag >> 3, tag & 7
            if not used or not more or _ONNX.get(number) != wire:
                return False
            graph |= number == 7
            at += used + more + (value if wire == 2 else 0)
            if at > size:
                return False
    return False


def _varint(data: bytes) -> tuple[int, int]:
    """A number, and how many bytes it takes; no bytes where there is none."""
    value = 0
    for k, byte in enumerate(data[:10]):
        value |= (byte & 127) << (7 * k)
        if byte < 128:
            return value, k + 1
    return 0, 0
