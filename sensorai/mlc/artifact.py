"""What ``simulate``, ``validate`` and ``features`` take: an output folder of ours, or any register file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sensorai.errors import DataError, TargetError, UserError
from sensorai.files import read_json
from sensorai.mlc.check import check
from sensorai.mlc.config import MlcConfig
from sensorai.mlc.decode import Decoded, decode
from sensorai.mlc.description import from_dict
from sensorai.mlc.regfile import read_register_file
from sensorai.recording import LABEL


@dataclass(frozen=True, slots=True)
class Artifact:
    """A decoded register file and, for a folder of ours, what is known of its making.

    Attributes
    ----------
    path : Path
        The register file.
    decoded : Decoded
    columns : tuple of str
        Label column that each tree answers.
    test_groups, train_groups : tuple of str
        Groups of the training run; empty for a register file alone.
    intended : MlcConfig or None
        The configuration as the model file states it.
    copies : tuple of Path
        Other files in the folder that hold the same configuration in another syntax.
    states : mapping
        Of a detector: which labels are normal.
    """

    path: Path
    decoded: Decoded
    columns: tuple[str, ...]
    test_groups: tuple[str, ...] = ()
    train_groups: tuple[str, ...] = ()
    intended: MlcConfig | None = None
    copies: tuple[Path, ...] = ()
    states: Mapping[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> MlcConfig:
        """The configuration that the register file holds."""
        return self.decoded.config


def open_artifact(path: Path, device: str | None = None) -> Artifact:
    """Open an output folder or a register file.

    Parameters
    ----------
    path : Path
    device : str, optional
        Needed where the register file does not name its device.

    Raises
    ------
    DataError
        Neither of the two, or damaged.
    """
    if not path.is_dir():
        decoded = decode(read_register_file(path), device)
        return Artifact(path, decoded, (LABEL,) * len(decoded.config.trees))
    index = path / "model.sai"
    if not index.is_file():
        raise DataError(
            "the folder holds no model.sai, so it is no result of sensorai",
            where=str(path),
            hint="give a register file (.json, .ucf, .h) or a folder that 'sensorai train' wrote",
        )
    model = read_json(index)
    file = path / _text(model, "register_file", index)
    decoded = decode(read_register_file(file), device)
    trees = model.get("trees")
    if not isinstance(trees, list) or len(trees) != len(decoded.config.trees):
        raise DataError("model.sai and the register file do not belong together", where=str(index))
    intended = _intended(model.get("config"), index)
    others = [file.with_suffix(".ucf"), file.with_suffix(".h"), file.with_name(f"{file.stem}_plain.h")]
    return Artifact(
        file,
        decoded,
        tuple(_text(tree, "column", index) for tree in trees),
        _texts(model, "test_groups", index),
        _texts(model, "train_groups", index),
        intended,
        tuple(other for other in others if other.is_file()),
        model["states"] if isinstance(model.get("states"), dict) else {},
    )


def _intended(description: object, index: Path) -> MlcConfig:
    """Return the configuration of a model file; one that no device could hold must not be run."""
    try:
        config, layout = from_dict(description)
        problems = check(config, layout)
        if problems:
            raise TargetError(problems)
    except UserError as error:
        error.where = f"{index}: {error.where}"
        raise
    return config


def _text(model: Mapping[str, Any], key: str, index: Path) -> str:
    value = model.get(key) if isinstance(model, dict) else None
    if not isinstance(value, str) or (key == "register_file" and Path(value).name != value):
        raise DataError(f"{key!r} is missing or no text", where=str(index), hint="train again")
    return value


def _texts(model: Mapping[str, Any], key: str, index: Path) -> tuple[str, ...]:
    value = model.get(key, [])
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise DataError(f"{key!r} is no list of texts", where=str(index), hint="train again")
    return tuple(value)
