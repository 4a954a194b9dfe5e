"""Logs of one format into another: one file, or a folder with a file for each recording."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sensorai.errors import ConfigError
from sensorai.files import new_folder, write_text
from sensorai.formats.write import write_csv
from sensorai.formats.writers import (
    edge_impulse_text,
    file_name,
    free,
    mems_studio_text,
    stretches,
    write_edge_impulse_folder,
    write_mems_folder,
    write_parquet,
)
from sensorai.recording import Recording

#: Formats by name, with the suffixes that mean them.
FORMATS = {
    "csv": (".csv", ".csv.gz"),
    "parquet": (".parquet",),
    "mems-studio": (),
    "edge-impulse": (".json",),
}


@dataclass(frozen=True, slots=True)
class Converted:
    """What was written, and what was lost or changed on the way."""

    files: tuple[Path, ...]
    notes: tuple[str, ...]


def format_of(out: Path, to: str | None) -> str:
    """Name of the format to write: ``to``, else by the suffix of ``out``.

    Raises
    ------
    ConfigError
        When neither says it.
    """
    known = ", ".join(FORMATS)
    if to is not None:
        if to not in FORMATS:
            raise ConfigError(f"unknown format {to!r}", where="--to", hint=f"one of {known}")
        return to
    name = out.name.lower()
    for one, suffixes in FORMATS.items():
        if name.endswith(suffixes):
            return one
    if name.endswith(".arff"):
        raise ConfigError(
            "an ARFF holds features, not samples", hint="sensorai features ARTIFACT LOG... --out F.arff"
        )
    raise ConfigError(f"cannot tell the format of {out.name}", hint=f"say it with --to; one of {known}")


def is_file(out: Path) -> bool:
    """Whether ``out`` is meant as one file: it has a suffix that a log can have."""
    return out.name.lower().endswith((".csv", ".csv.gz", ".parquet", ".json", ".txt"))


def convert(
    recordings: Sequence[Recording], out: Path, to: str | None = None, inputs: Iterable[Path] = ()
) -> Converted:
    """Write recordings to the file or new folder ``out``, whole or not at all.

    Parameters
    ----------
    recordings : sequence of Recording
        At least one.
    out : Path
        A name with a suffix is one file; any other a folder, which must be new or empty.
    to : str, optional
        One of ``FORMATS``; by default the suffix of ``out`` says it.
    inputs : iterable of Path
        Files that must not be overwritten.

    Raises
    ------
    UserError
        When the format is not clear or cannot hold the recordings, or the place cannot be written.
    """
    name = format_of(out, to)
    if out.exists() and any(out.samefile(one) for one in inputs if one.exists()):
        raise ConfigError("the output is one of the logs to read", where=str(out), hint="name another --out")
    if is_file(out) and not out.is_dir():
        notes = _one_file(recordings, out, name)
        return Converted((out,), tuple(notes))
    with new_folder(out) as folder:
        if name == "mems-studio":
            notes = write_mems_folder(folder, recordings)
        elif name == "edge-impulse":
            notes = write_edge_impulse_folder(folder, recordings)
        else:
            notes = []
            write, suffix = (write_csv, ".csv") if name == "csv" else (write_parquet, ".parquet")
            for recording in recordings:
                write(free(folder, file_name(recording.name), suffix), [recording])
        files = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
    notes += _lost(recordings, name)
    return Converted(tuple(out / file for file in files), tuple(notes))


def _one_file(recordings: Sequence[Recording], out: Path, name: str) -> list[str]:
    if name == "csv":
        write_csv(out, recordings)
        return []
    if name == "parquet":
        write_parquet(out, recordings)
        return []
    parts = [part for recording in recordings for part in stretches(recording)[0]]
    if len(parts) != 1:
        raise ConfigError(
            f"a file of this format holds one stretch with one label; there are {len(parts)}",
            where=str(out),
            hint="give a folder: --out NAME without a suffix",
        )
    ((label, part),) = parts
    without = sum(stretches(recording)[1] for recording in recordings)
    notes = [f"{without} samples without a label are left out"] if without else []
    if name == "mems-studio":
        text, left = mems_studio_text(part)
        if left:
            notes.append(f"left out, as MEMS Studio has no place for it: {', '.join(left)}")
        if label:
            notes.append(f"the label {label!r} is not in the file; name its folder so")
    else:
        text = edge_impulse_text(part)
        if label and out.name.partition(".")[0] != label:
            notes.append(f"the label {label!r} is not in the file; begin its name with '{label}.'")
    write_text(out, text)
    return [*notes, *_lost(recordings, name)]


def _lost(recordings: Sequence[Recording], name: str) -> list[str]:
    """What a format does not keep."""
    notes = []
    if name in ("mems-studio", "edge-impulse"):
        if any(r.time_s is not None for r in recordings):
            notes.append(
                "time stamps are not kept: the samples count as evenly spaced (--align makes them so)"
            )
        if any(set(r.labels) - {"label"} for r in recordings):
            notes.append("only the main label is kept")
    if name == "mems-studio":
        notes.append("the format does not keep groups: name the logs after the subjects")
    return notes
