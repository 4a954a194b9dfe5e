"""A folder with a C project that was made before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorai.codegen.project import EXAMPLE
from sensorai.errors import DataError
from sensorai.files import read_json
from sensorai.model import pipeline as pipelines
from sensorai.model.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class OpenedProject:
    """A project folder that ``sensorai train`` wrote.

    Attributes
    ----------
    folder : Path
    target, device, column : str
    pipeline : Pipeline
        What was meant.
    files : mapping of name to bytes
        Every text file of the folder that the index names.
    test_groups, train_groups : tuple of str
    states : mapping
        Of a detector: what is normal.
    """

    folder: Path
    target: str
    device: str
    column: str
    pipeline: Pipeline
    files: Mapping[str, bytes]
    test_groups: tuple[str, ...]
    train_groups: tuple[str, ...]
    states: Mapping[str, Any]
    events: tuple[str, ...] = ()


def open_project(folder: Path) -> OpenedProject:
    """Open a project folder.

    Raises
    ------
    DataError
        It is none, or damaged.
    """
    index = folder / "model.sai"
    model = read_json(index)
    try:
        names = [n for n in model["files"] if isinstance(n, str) and Path(n).name == n]
        texts = {k: str(model[k]) for k in ("target", "device", "column")}
        groups = {k: tuple(str(g) for g in model[k]) for k in ("test_groups", "train_groups")}
        data = model["pipeline"]
    except (KeyError, TypeError) as error:
        raise DataError(f"model.sai lacks {error}", where=str(index), hint="train again") from None
    pipeline = pipelines.from_dict(data, str(index))
    files: dict[str, bytes] = {}
    for name in names:
        path = folder / name
        if not path.is_file():
            raise DataError(f"the project lacks {name}", where=str(folder), hint="train again")
        files[name] = path.read_bytes()
    return OpenedProject(
        folder,
        texts["target"],
        texts["device"],
        texts["column"],
        pipeline,
        files,
        groups["test_groups"],
        groups["train_groups"],
        model.get("states") or {},
        tuple(map(str, model.get("events") or ())),
    )


def sources_of(files: Mapping[str, bytes], name: str) -> dict[str, str]:
    """The model's C among the files of a project: what is compiled, without example and ISPU program."""
    own = (f"{name}_ispu.c", *EXAMPLE, "ispu_main.c", "ispu_boot.c")
    return {
        file: content.decode("utf-8", errors="replace")
        for file, content in files.items()
        if file.endswith((".c", ".h")) and file not in own
    }
