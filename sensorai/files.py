"""Writing files so that nobody ever sees half of one: a temporary name first, then a rename.

And reading JSON with errors that name the place.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

from sensorai.errors import DataError, ToolMissing, UserError
from sensorai.writing.cells import cell
from sensorai.writing.terminal import whole


def write_with(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    """Let ``fill`` write a binary file that becomes ``path`` only when it is complete.

    Missing parent folders are made. A UserError says why when the place cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}", where=str(path)) from None
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            fill(file)
        # mkstemp makes private files; give the result the permissions any new file would have
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UserError(f"cannot write {path}: {error.strerror}", where=str(path)) from None
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, whole or not at all."""
    write_with(path, lambda file: file.write(data))


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8 with the line ends it has, whole or not at all."""
    write_bytes(path, whole(text).encode("utf-8"))


def check_writable(folder: Path) -> None:
    """Raise a UserError when files could not be made in ``folder``, which need not exist yet."""
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    if not there.is_dir():
        raise UserError(f"cannot write {folder}: {there} is a file, not a folder", where=str(folder))
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror}", where=str(there)) from None


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give a temporary folder that becomes ``folder`` when the block ends well, and vanishes otherwise.

    A UserError when ``folder`` is there already and not empty, or cannot be made.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(
            f"{folder} exists already and is not empty",
            where=str(folder),
            hint="name a new folder with --out",
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror}", where=str(folder)) from None
    try:
        fresh = stage / "new"
        fresh.mkdir()
        yield fresh
        fresh.replace(folder)
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror}", where=str(folder)) from None
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def write_folder(folder: Path, files: Mapping[str, bytes], remove: Sequence[str] = ()) -> None:
    """Write all ``files`` into ``folder`` and remove the files ``remove`` from it, or change nothing.

    Everything is written to a temporary folder first. A new folder then appears in one step; in an
    existing one the files are exchanged, and changed back when that is interrupted. Other files there
    are left alone.
    """
    new = not folder.exists()
    place = folder.parent if new else folder
    try:
        place.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=place))
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror}", where=str(folder)) from None
    try:
        fresh, aside = stage / "new", stage / "old"
        fresh.mkdir()
        aside.mkdir()
        for name, data in files.items():
            (fresh / name).write_bytes(data)
        if new:
            fresh.rename(folder)
        else:
            _exchange(folder, fresh, aside, [*files, *remove])
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror}", where=str(folder)) from None
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _exchange(folder: Path, fresh: Path, aside: Path, names: Sequence[str]) -> None:
    """Move the files of ``fresh`` into ``folder``, those in their place to ``aside``; undo when stopped."""
    wanted = set(os.listdir(fresh))
    try:
        for name in names:
            if (folder / name).exists():
                (folder / name).rename(aside / name)
            if (fresh / name).exists():
                (fresh / name).rename(folder / name)
    except BaseException:
        # each step is one rename, so what lies where tells how far it came
        for name in names:
            if (aside / name).exists():
                (aside / name).replace(folder / name)
            elif name in wanted and not (fresh / name).exists():
                (folder / name).unlink()
        raise


def read_json(path: Path) -> Any:
    """Read a JSON file; a DataError with line and column where it is none."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot read {path.name}: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError:
        raise DataError("this is no text file (UTF-8 was expected)", where=str(path)) from None
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"this is no JSON: {error.msg}", where=f"{path}:{error.lineno}:{error.colno}"
        ) from None
    except RecursionError:
        raise DataError("this JSON is nested too deeply", where=str(path)) from None


def write_table(frame: Any, path: Path) -> None:
    """Write a pandas table by the suffix of ``path``: Parquet, else CSV that a spreadsheet does not run.

    A ToolMissing with the install line where pyarrow is absent.
    """
    if path.suffix != ".parquet":
        safe = frame.rename(columns=cell)
        for name, kind in safe.dtypes.items():
            if kind.kind == "O":  # text
                safe[name] = safe[name].map(cell, na_action="ignore")
        write_with(path, lambda file: safe.to_csv(file, index=False, lineterminator="\n"))
        return
    if find_spec("pyarrow") is None:
        raise ToolMissing(
            "Parquet needs the package pyarrow", hint="pip install 'sensorai[parquet]', or write .csv"
        )
    write_with(path, lambda file: frame.to_parquet(file, index=False))
