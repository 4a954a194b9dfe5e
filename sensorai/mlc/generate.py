"""What ST's tool does with a settings file: a feature table from its logs, a configuration from its trees.

``stedgeai generate --target mlc --gen-type features|config`` reads the same file; logs and trees are
named in it, relative to its folder (source: facts, st-edge-ai section 6).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sensorai.errors import ConfigError, DataError
from sensorai.files import write_text
from sensorai.formats import ReadOptions, read_log
from sensorai.mlc.arff import Arff, arff_text, from_tables
from sensorai.mlc.config import DecisionTree, MlcConfig
from sensorai.mlc.devices import device
from sensorai.mlc.encode import default_layout, encode
from sensorai.mlc.features import tables
from sensorai.mlc.labels import STYLES as LABEL_STYLES
from sensorai.mlc.labels import feature_name, third_of
from sensorai.mlc.settings import Settings, read_settings
from sensorai.mlc.thresholds import Narrowing, narrow
from sensorai.mlc.treetext import read_tree_text
from sensorai.regfile import RegisterFile, to_header, to_json, to_ucf
from sensorai.writing.clang import nearest
from sensorai.writing.plainline import tree_names


@dataclass(frozen=True, slots=True)
class Generated:
    """What was written.

    Attributes
    ----------
    files : tuple of Path
    narrowings : tuple of Narrowing
        One per tree: which thresholds moved a decision when they became halves.
    notes : tuple of str
        What else the user should know, in plain words.
    """

    files: tuple[Path, ...]
    narrowings: tuple[Narrowing, ...] = ()
    notes: tuple[str, ...] = ()


def names(config: MlcConfig, style: str = "current", third: str | None = None) -> list[str]:
    """Feature names of a configuration in a label style (``current``, ``older``).

    ``third`` is what the third slot holds, by default the high-g accelerometer if it is switched on,
    else the first of the device's third sensors.
    """
    what = device(config.device)
    third = third or third_of(config, what)
    return [feature_name(config.filters, i, f, style, third) for i, f in enumerate(config.features)]


# ---------------------------------------------------------------- features


def feature_table(settings: Settings, style: str = "current") -> tuple[Arff, tuple[str, ...]]:
    """Compute the features of every log a settings file names.

    Parameters
    ----------
    settings : Settings
    style : str
        A numeric style of ``sensorai.mlc.features``. The old ones use the older feature names, too.

    Returns
    -------
    Arff
    tuple of str
        Remarks: logs too short for a window.

    Raises
    ------
    DataError
        No logs, a log that is missing or cannot be read, a log with two labels, no window at all.
    """
    if not settings.logs:
        raise DataError(
            "the settings name no logs", where=str(settings.source), hint="list them under 'datalogs'"
        )
    labels: dict[Path, str] = {}
    for entry in settings.logs:
        if not entry.path.is_file():
            hint = "paths are relative to the folder of the settings file"
            raise DataError(f"there is no log {entry.path}", where=entry.where, hint=hint)
        if labels.setdefault(entry.path, entry.label) != entry.label:
            raise DataError(
                f"the log {entry.path.name} is labelled {labels[entry.path]!r} and {entry.label!r}",
                where=entry.where,
            )
    # ST's tools take the samples as they stand: time stamps are not looked at (facts, mlc-numerics
    # section 2), and the old ones read missing fields as 0
    options = ReadOptions(split_at_breaks=False, short_rows="zero" if style.startswith("unico") else "refuse")
    logs = [(entry, r) for entry in settings.logs for r in read_log(entry.path, options)]
    computed = tables(settings.config, [r for _, r in logs], style=style)
    window = settings.config.window
    notes = tuple(
        f"{entry.path.name} is shorter than a window of {window} samples"
        for entry, r in logs
        if len(r) < window
    )
    features = names(settings.config, "current" if style == "current" else "older")
    if style.startswith("unico"):
        features = [_unico(name) for name in features]
    table = from_tables(features, [t.values for t in computed], [entry.label for entry, _ in logs])
    if not len(table.values):
        raise DataError(f"no log fills a window of {window} samples", where=str(settings.source))
    return table, notes


def generate_features(settings_path: Path, out: Path, style: str = "current") -> Generated:
    """Write the feature table (ARFF) of a settings file.

    Parameters
    ----------
    settings_path : Path
    out : Path
        The file to write when it ends in ``.arff``; else a folder, and the settings name the file.
    style : str
        As in ``feature_table``, which also lists the errors.
    """
    settings = read_settings(settings_path)
    table, notes = feature_table(settings, style)
    if out.suffix.lower() != ".arff":
        out = out / (_last_part(settings.arff) or "features.arff")
    write_text(out, arff_text(table))
    return Generated((out,), notes=notes)


# ---------------------------------------------------------------- configuration


def complete(settings: Settings) -> tuple[MlcConfig, tuple[Narrowing, ...]]:
    """Read the tree files that a settings file names, and give their trees to its configuration.

    Thresholds become the nearest halves, as ST's tools do; the second value says what that moves.

    Raises
    ------
    DataError, ConfigError
        A tree file is missing, cannot be read, tests a feature or names a class that the settings
        do not have; the number of trees is not what the settings say.
    """
    config = settings.config
    if settings.tree_count != len(settings.trees) or not settings.trees:
        raise ConfigError(
            f"decision_tree_count is {settings.tree_count}, and {len(settings.trees)} trees are described",
            where=str(settings.source),
            hint="a configuration needs at least one tree, and as many as it counts",
        )
    known = _spellings(config, settings.tree_features)
    trees, narrowings = [], []
    for entry in settings.trees:
        if entry.path is None:
            raise ConfigError("this tree has no file", where=entry.where, hint="name it under 'filename'")
        if not entry.path.is_file():
            hint = "paths are relative to the folder of the settings file"
            raise DataError(f"there is no tree file {entry.path}", where=entry.where, hint=hint)
        narrowed = narrow(read_tree_text(entry.path, known).coded(_in_tree_text(entry.codes)))
        labels = {code: label for label, code in entry.codes.items()}
        trees.append(DecisionTree(narrowed.tree, entry.end_counters, labels))
        narrowings.append(narrowed)
    return replace(config, trees=tuple(trees)), tuple(narrowings)


def _in_tree_text(codes: Mapping[str, int]) -> dict[str, int]:
    """``codes`` by the names as the tree text has them, too."""
    return {**dict(zip(tree_names(codes), codes.values(), strict=True)), **codes}


def _spellings(config: MlcConfig, given: Iterable[str]) -> dict[str, int]:
    """Index of a feature by every name that some tool gives it."""
    thirds = device(config.device).third_names
    spellings = [names(config, style, third) for style in LABEL_STYLES for third in thirds]
    unico = [[_unico(name) for name in spelling] for spelling in spellings]
    return {name: i for spelling in (*unico, *spellings, given) for i, name in enumerate(spelling)}


def _unico(name: str) -> str:
    """Name in ARFF files of Unico, which calls the high-pass filter a difference (tool 9.8, confirmed)."""
    return name.replace("_filter_HP_on_A_", "_filter_DIFF_on_ACC_")


def register_file(settings: Settings, style: str = "current") -> tuple[RegisterFile, tuple[Narrowing, ...]]:
    """Encode the configuration of a settings file; errors as in ``complete`` and ``encode``."""
    config, narrowings = complete(settings)
    layout = default_layout(config, style)
    # the third sensor's sensitivity is only the settings' business while that sensor is used
    if "ext" in config.inputs and settings.sensitivity is not None and layout.high_g_sensitivity is None:
        layout = replace(layout, sensitivity=settings.sensitivity)
    if layout.high_g_sensitivity is not None and settings.high_g_sensitivity is not None:
        layout = replace(layout, high_g_sensitivity=settings.high_g_sensitivity)
    return encode(config, layout=layout), narrowings


def generate_config(settings_path: Path, out_dir: Path, style: str = "current") -> Generated:
    """Write NAME.json, NAME.ucf, NAME.h and NAME_plain.h from a settings file and its tree files.

    Parameters
    ----------
    settings_path : Path
    out_dir : Path
        NAME is the stem of the output that the settings name, else of the settings file.
    style : str
        A write style of ``sensorai.mlc.layout``.

    Raises
    ------
    DataError, ConfigError, TargetError
        As ``read_settings``, ``complete`` and ``encode``.
    """
    settings = read_settings(settings_path)
    registers, narrowings = register_file(settings, style)
    name = Path(_last_part(settings.output)).stem or settings_path.stem
    c_name = nearest(name)
    texts = {
        f"{name}.json": to_json(registers),
        f"{name}.ucf": to_ucf(registers),
        f"{name}.h": to_header(registers, c_name),
        f"{name}_plain.h": to_header(registers, c_name, plain=True),
    }
    for file, text in texts.items():
        write_text(out_dir / file, text)
    moved = sum(len(n.moved) for n in narrowings)
    what = "threshold decides" if moved == 1 else "thresholds decide"
    notes = (f"{moved} {what} some feature values differently once rounded to a half",) if moved else ()
    return Generated(tuple(out_dir / file for file in texts), narrowings, notes)


def _last_part(name: str) -> str:
    """File name at the end of a path of any system."""
    return re.split(r"[\\/]", name)[-1]
