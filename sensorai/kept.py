"""Samples that are kept in files of a private folder instead of in memory, where there are many of them.

An array that is kept is an ordinary array whose pages come from a file when they are looked at. Whoever is
done with it for now lets it rest; its pages are then given back. The folder lies where temporary files do
(``TMPDIR``) and goes with the process; the file of an array goes with the array.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import mmap
import os
import pickle
import shutil
import tempfile
import uuid
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import UserError

Array = npt.NDArray[Any]

#: Arrays that are handed to another process of this machine as files, in bytes.
HANDED = 1 << 20
_ALIGNED = 64


class _File(mmap.mmap):
    """Pages of a file; they are there as long as an array looks at them."""

    path: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where an array lies: bytes from ``offset`` on of a file in this machine's folder."""

    path: str
    offset: int
    shape: tuple[int, ...]
    dtype: str

    def open(self, own: bool = False) -> Array:
        """Return the array; its file is removed with it where it is one's ``own``."""
        file = _opened(self.path, own)
        count = int(np.prod(self.shape, dtype=np.int64))
        out: Array = np.frombuffer(file, np.dtype(self.dtype), count, self.offset).reshape(self.shape)
        return out


_folder: Path | None = None
#: Files that are open already, by their path: one set of pages serves all arrays of a file.
_open: weakref.WeakValueDictionary[str, _File] = weakref.WeakValueDictionary()


def folder() -> Path:
    """Return the private folder of this process; it is made when first asked for."""
    global _folder
    if _folder is None:
        _folder = Path(tempfile.mkdtemp(prefix="sensorai-"))
        atexit.register(_remove, _folder, os.getpid())
    return _folder


def share_folder(path: Path) -> None:
    """Use the folder of another process of this machine, which removes it."""
    global _folder
    _folder = path


def _remove(path: Path, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(path, ignore_errors=True)


def _opened(path: str, own: bool) -> _File:
    file = _open.get(path)
    if file is None:
        with open(path, "rb") as handle:
            # private: an array may be written to, which its file never shows
            file = _File(handle.fileno(), 0, access=mmap.ACCESS_COPY)
        file.path = path
        _open[path] = file
        if own:
            weakref.finalize(file, _unlink, path, os.getpid())
    return file


def _unlink(path: str, process: int) -> None:
    if os.getpid() == process:
        with contextlib.suppress(OSError):
            os.unlink(path)


def written(arrays: Sequence[Array]) -> list[Place]:
    """Write arrays to one file.

    Raises
    ------
    UserError
        There is no room for it.
    """
    path = folder() / uuid.uuid4().hex
    places = []
    try:
        with open(path, "xb") as file:
            for array in arrays:
                file.write(b"\0" * (-file.tell() % _ALIGNED))
                places.append(Place(str(path), file.tell(), array.shape, array.dtype.str))
                file.write(np.ascontiguousarray(array).data)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise UserError(
            f"samples cannot be kept on disk: {error.strerror}",
            where=str(path.parent),
            hint="make room there, or set TMPDIR to a folder on a larger disk",
        ) from None
    return places


def kept(arrays: Sequence[Array]) -> list[Array]:
    """Return the same arrays, kept in a file; empty ones as they are."""
    some = [a for a in arrays if a.nbytes]
    places = iter(written(some)) if some else iter(())
    return [next(places).open(own=True) if a.nbytes else a for a in arrays]


def place_of(array: Array) -> Place | None:
    """Where an array lies; None for one in memory, or one whose rows do not lie side by side."""
    file = file_of(array)
    if file is None or not array.flags.c_contiguous or array.dtype.hasobject:
        return None
    start = np.frombuffer(file, np.uint8).ctypes.data
    return Place(file.path, array.ctypes.data - start, array.shape, array.dtype.str)


def file_of(array: Array) -> _File | None:
    """Pages that an array looks at; None for one in memory."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    base = base.obj if isinstance(base, memoryview) else base
    return base if isinstance(base, _File) else None


def rest(*arrays: Array | None) -> None:
    """Give the pages of kept arrays back; they come again when they are looked at."""
    for array in arrays:
        file = None if array is None else file_of(array)
        if file is not None and array is not None and array.nbytes and hasattr(mmap, "MADV_DONTNEED"):
            start = array.ctypes.data - np.frombuffer(file, np.uint8).ctypes.data
            first = start // mmap.PAGESIZE * mmap.PAGESIZE
            # a view with steps ends somewhere within its base
            length = array.nbytes if array.flags.c_contiguous else len(file) - start
            file.madvise(mmap.MADV_DONTNEED, first, min(length + start - first, len(file) - first))


# ---------------------------------------------------------------- to another process of this machine


class _Pickler(pickle.Pickler):
    """Large arrays go as places of files; what was written for it is listed in ``made``."""

    def __init__(self, file: io.BytesIO, own: bool) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.own, self.made = own, list[str]()

    def reducer_override(self, value: Any) -> Any:
        if type(value) is not np.ndarray or value.nbytes < HANDED or value.dtype.hasobject:
            return NotImplemented
        place = place_of(value)
        if place is not None:
            return Place.open, (place, False)
        (place,) = written([value])
        self.made.append(place.path)
        return Place.open, (place, self.own)


def packed(value: Any, own: bool = False) -> tuple[bytes, Callable[[], None]]:
    """Pickle a value for a process of this machine; also returns what removes the files that were written.

    Parameters
    ----------
    own : bool
        Whether these files are the receiver's, and removed by it.
    """
    file = io.BytesIO()
    pickler = _Pickler(file, own)
    pickler.dump(value)
    # the pickler itself remembers all that it saw
    made = pickler.made

    def remove() -> None:
        for path in made:
            _unlink(path, os.getpid())

    return file.getvalue(), remove
