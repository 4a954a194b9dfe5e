"""The register file that a user means: a file of any syntax, or the one in an output folder of ours."""

from __future__ import annotations

from pathlib import Path

from sensorai.codegen.blob import is_blob
from sensorai.errors import DataError
from sensorai.files import read_json
from sensorai.ispu.project import INDEX
from sensorai.ispu.unload import built_file
from sensorai.kinds import NET_INDEX
from sensorai.mlc.regfile import read_register_file
from sensorai.regfile import RegisterFile


def open_register_file(path: Path) -> RegisterFile:
    """Read the register file at `path`, or the one in the folder at `path`.

    Raises
    ------
    DataError
        Neither of the two, or damaged, or an ISPU project that was not built yet.
    """
    return read_register_file(_find(path))


def blob_file(path: Path) -> Path | None:
    """The blob of a net at `path`, or that of the project of a net in the folder; None: it is neither.

    Raises
    ------
    DataError
        The project in the folder has no blob.
    """
    if path.is_dir() and (path / NET_INDEX).is_file():
        found = read_json(path / NET_INDEX)
        name = found.get("name") if isinstance(found, dict) else None
        # only a plain name: an index from elsewhere must not reach out of the folder
        if isinstance(name, str) and name.isidentifier() and (path / f"{name}.blob").is_file():
            return path / f"{name}.blob"
        raise DataError(
            "the net of this project is part of its program",
            where=str(path),
            hint="generate it with --updatable or --relocatable, and build the program anew",
        )
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return path if is_blob(file.read(4)) else None


def _find(path: Path) -> Path:
    if not path.is_dir():
        return path
    if (path / INDEX).is_file():
        return built_file(path)
    index = path / "model.sai"
    model = read_json(index) if index.is_file() else {}
    name = model.get("register_file") if isinstance(model, dict) else None
    if not isinstance(name, str):
        raise DataError(
            "the folder holds no register file of sensorai",
            where=str(path),
            hint="give a register file or a folder that 'sensorai train --target mlc' wrote",
        )
    return path / name
