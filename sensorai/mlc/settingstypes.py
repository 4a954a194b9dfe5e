"""What ST's MLC settings file says, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sensorai.mlc.config import MlcConfig


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A log and the class all of it belongs to; ``where`` is the place in the settings file."""

    path: Path
    label: str
    where: str


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A tree file (None while there is none), the codes of its classes, its end counters."""

    path: Path | None
    codes: Mapping[str, int]
    end_counters: tuple[int, ...]
    where: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What a settings file says.

    Attributes
    ----------
    config : MlcConfig
        Without trees: they come from the tree files.
    logs, trees : tuple
        In file order; paths are relative to the folder of the settings file, resolved.
    tree_features : tuple of str
        ``dectree_features``: names of the features in tree files, in feature order; may be empty.
    arff, output : str
        Names of the feature table and of the configuration; empty where the file gives none.
    sensitivity, high_g_sensitivity : int or None
        Half patterns of the third sensor's sensitivity where the file gives them.
    tree_count : int
        ``decision_tree_count``.
    source : Path
    """

    config: MlcConfig
    logs: tuple[LogEntry, ...]
    trees: tuple[TreeEntry, ...]
    tree_features: tuple[str, ...]
    arff: str
    output: str
    sensitivity: int | None
    high_g_sensitivity: int | None
    tree_count: int
    source: Path
