"""The register file that a user means: a file of any syntax, or the one in an output folder of ours."""

from __future__ import annotations

from pathlib import Path

from sensorai.errors import DataError
from sensorai.files import read_json
from sensorai.ispu.project import INDEX
from sensorai.ispu.unload import built_file
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
