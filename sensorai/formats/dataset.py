"""Many logs as one dataset: which files, whose labels, which groups."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from sensorai.errors import ConfigError, DataError
from sensorai.formats.filenames import ByName, classes_by_name, plain
from sensorai.formats.keeper import Keeper
from sensorai.formats.options import ReadOptions
from sensorai.formats.read import file_reader, is_stray, own_label, read_raw, stem
from sensorai.formats.readers import hsdatalog1, hsdatalog2
from sensorai.formats.source import Raw
from sensorai.recording import LABEL, NORMAL_NAMES, Dataset, Recording, Span
from sensorai.work import SERIAL, Work

#: What is taken for a log inside a folder; a file named by the user is tried whatever its name.
SUFFIXES = (".csv", ".tsv", ".txt", ".log", ".parquet", ".cbor")
#: What is a log only when it is one by its content: reports and settings have the same name.
_SOMETIMES = (".json",)
#: Files that make their folder one log.
_CONFIGS = (hsdatalog1.CONFIG, hsdatalog2.CONFIG)
#: Text files that stand beside logs.
_PAPERS = ("license", "licence", "notice", "readme", "copying", "changelog")
#: Folders whose name says no more than that logs lie there.
_ANY_LOGS = re.compile(
    r"[0-9_\-. ]*(raw|sensor|train|training|test|my)?[_\-. ]*(data|data ?log|data ?set|log|record|recording|"
    r"sample|acquisition|file|csv)s?[_\-. ]*(train|training|test|validate|validation)?[0-9_\-. ]*",
    re.IGNORECASE,
)
#: Bytes of files from which on it is worth it to start workers.
LARGE = 100_000_000
#: Classes that a note names, and files.
_SAID, _NAMED = 12, 5


def find_logs(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Files to read: those named, and all logs below the folders named, sorted, each once.

    Raises
    ------
    DataError
        A path does not exist, or a folder holds no log.
    """
    found: dict[Path, Path] = {}
    for path in map(Path, paths):
        if path.is_dir():
            inside = _inside(path)
            if not inside:
                raw = any(path.rglob("*.dat"))
                raise DataError(
                    "no logs in the folder (files ending in "
                    f"{', '.join((*SUFFIXES, *_SOMETIMES))}, or these with .gz)",
                    where=str(path),
                    hint=f"HSDatalog folders need their {' or '.join(_CONFIGS)}" if raw else "",
                )
        elif path.exists():
            inside = [path]
        else:
            raise DataError("no such file or folder", where=str(path))
        for file in inside:
            found.setdefault(file.resolve(), file)
    if not found:
        raise ConfigError("no logs given")
    return list(found.values())


def _inside(root: Path) -> list[Path]:
    """Logs below a folder, sorted; a folder of HSDatalog is one log, whatever else lies in it."""
    if any((root / name).is_file() for name in _CONFIGS):
        return [root]
    files = [
        p for p in sorted(root.rglob("*")) if not any(q.startswith(".") for q in p.relative_to(root).parts)
    ]
    folders = {p.parent for p in files if p.name in _CONFIGS}
    inside = [p for p in files if p.is_file() and not folders & set(p.parents) and is_log(p)]
    return sorted([*folders, *inside])


def any_logs(folder: str) -> bool:
    """Whether the name of a folder says no more than that logs lie there."""
    return _ANY_LOGS.fullmatch(folder) is not None


def is_log(path: Path) -> bool:
    """Whether a file inside a folder is taken for a log: by its name, and JSON by its content."""
    name = path.name.lower().removesuffix(".gz")
    if name.startswith(_PAPERS):
        return False
    if name.endswith(_SOMETIMES):
        return file_reader(Raw(path)) is not None
    return name.endswith(SUFFIXES)


def read_dataset(
    paths: Iterable[str | os.PathLike[str]],
    options: ReadOptions | None = None,
    *,
    labels: Sequence[tuple[str, str]] = (),
    label_columns: Sequence[str] = (),
    classes: Sequence[str] = (),
    work: Work = SERIAL,
) -> Dataset:
    """Read logs and settle labels and groups.

    The main label (column ``"label"`` of each recording) comes from the log's label column; without one
    from ``labels``, when given; else from the format, where that names a class; else from the name of the
    file's folder, a leading ``<digits>_`` dropped (``0_stationary/log_0.csv`` is ``stationary``), or, where
    all logs lie in one folder and their names tell classes apart, from the name of the file
    (``walking_01.csv`` is ``walking``). A table without any motion column that lies in a folder beside logs,
    as an index of them, is left out, which a note says. The group comes from the log's group or subject
    column, else from ``options.group_path``, else it is the recording.

    Parameters
    ----------
    paths : iterable of path
        Files, or folders that are searched for logs.
    options : ReadOptions, optional
    labels : sequence of (name, glob)
        Label ``name`` for the files whose path ends in ``glob`` (as ``pathlib.PurePath.match`` has it:
        ``walk*.csv``, ``walking/*``).
    label_columns : sequence of str
        Further label columns, each an independent question.
    classes : sequence of str
        Classes that are expected, as of a model: they decide between the names of file and folder.
    work : Work
        Where files are read.

    Returns
    -------
    Dataset
        Recording names are unique. Samples that are too many for memory are kept in files
        (``sensorai.formats.keeper``).

    Raises
    ------
    DataError, ConfigError
        As ``read_log``; and when labels contradict each other, a glob matches nothing, or a log stays
        without label although globs are given.
    """
    options = options or ReadOptions()
    options = replace(options, label_columns=(*options.label_columns, *label_columns))
    places = list(map(Path, paths))
    files = find_logs(places)
    for name, glob in labels:
        if not any(_matches(file, glob) for file in files):
            raise ConfigError(f"no log matches --label {name}={glob}", where="label")
    read: list[tuple[Path, str, list[Recording]]] = []
    strays: list[tuple[Path, DataError]] = []
    given = frozenset(path.resolve() for path in places if not path.is_dir())
    keeper = Keeper()
    items = list(zip(files, _names(files), strict=True))
    made = work.here.map(_read_one, (options, given, bool(labels)), items, sum(map(_size, files)) > LARGE)
    for file, one in zip(files, made, strict=True):
        if isinstance(one, DataError):
            strays.append((file, one))
        else:
            own, found = one
            read.append((file, own, keeper.take(found)))
    keeper.finish()
    files = [file for file, _, _ in read]
    notes = _left_out(strays, files, places)
    named = ByName()
    if not any(own or recording.labels for _, own, found in read for recording in found) and not labels:
        named = _by_name(files, classes)
    recordings = [
        _labelled(recording, file, _told(file, labels), own, bool(labels), _of_file(named, at))
        for at, (file, own, found) in enumerate(read)
        for recording in found
    ]
    dataset = Dataset(tuple(replace(r, notes=(*r.notes, *notes)) for r in recordings))
    _check_spelling(dataset)
    return dataset


def _read_one(
    how: tuple[ReadOptions, frozenset[Path], bool], item: tuple[Path, str]
) -> tuple[str, list[Recording]] | DataError:
    """Label that the format of a file gives, and its recordings; or why it is no log."""
    (options, given, labelled), (file, name) = how, item
    raw = Raw(file)
    try:
        found = read_raw(raw, options, name)
    except DataError as error:
        if file.resolve() in given or not is_stray(raw, options):
            raise
        return error
    return "" if labelled or all(LABEL in r.labels for r in found) else own_label(raw), found


def _size(file: Path) -> int:
    """Bytes of a file; a folder is taken for a small one."""
    return file.stat().st_size if file.is_file() else 0


def _left_out(
    strays: Sequence[tuple[Path, DataError]], files: Sequence[Path], paths: Sequence[Path]
) -> list[str]:
    """Say which tables of the folders are no logs; raise what is wrong with one that lies beside no log."""
    names = []
    for stray, error in strays:
        root = next(path for path in paths if path in stray.parents)
        if not any(root in file.parents for file in files):
            raise error
        names.append(stray.relative_to(root).as_posix())
    if not names:
        return []
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return [f"skipped, as without any motion column: {', '.join(names[:_NAMED])}{more}"]


def _by_name(files: Sequence[Path], classes: Sequence[str]) -> ByName:
    """Classes by file name, where all logs lie in one folder whose own name is no class."""
    whole = [Path(os.path.abspath(file)) for file in files]
    folder, label = whole[0].parent.name, folder_label(whole[0])
    if any(file.parent != whole[0].parent for file in whole):
        return ByName()
    numbered = label != folder and not any_logs(folder)
    wanted = {plain(name) for name in classes}
    if numbered or plain(label) in (wanted or NORMAL_NAMES):
        return ByName()
    found = classes_by_name([stem(file) for file in files], classes)
    if found.labels:
        return found
    return (
        ByName()
        if len(files) == 1
        else ByName(reason=f"; the file names tell no classes apart: {found.reason}")
    )


def _of_file(named: ByName, at: int) -> tuple[str, str]:
    """Label of a file by its name, and what is said of it."""
    if not named.labels:
        return "", named.reason
    counts = [
        f"{name} ({count} {'log' if count == 1 else 'logs'})" for name, count in Counter(named.labels).items()
    ]
    more = f" and {len(counts) - _SAID} more" if len(counts) > _SAID else ""
    return named.labels[at], f"classes by file name: {', '.join(counts[:_SAID])}{more}"


def _matches(file: Path, glob: str) -> bool:
    return bool(glob) and file.match(glob)


def _names(files: Sequence[Path]) -> list[str]:
    """Stems where they are unique, else paths from the common folder."""
    stems = [stem(file) for file in files]
    if len(set(stems)) == len(stems):
        return stems
    whole = [Path(os.path.abspath(file)) for file in files]
    root = Path(os.path.commonpath([file.parent for file in whole]))
    names = [(file.relative_to(root).parent / stem(file)).as_posix() for file in whole]
    if len(set(names)) == len(names):
        return names
    return [file.relative_to(root).as_posix() for file in whole]


def _told(file: Path, labels: Sequence[tuple[str, str]]) -> str | None:
    """Return the label the globs give to a file."""
    names = list(dict.fromkeys(name for name, glob in labels if _matches(file, glob)))
    if len(names) > 1:
        raise ConfigError(
            f"conflicting labels: --label gives the log {' and '.join(map(repr, names))}", where=str(file)
        )
    return names[0] if names else None


def _labelled(
    recording: Recording, file: Path, told: str | None, own: str, globs: bool, named: tuple[str, str]
) -> Recording:
    # an empty label column keeps the folder's name away, but not what was told
    if LABEL in recording.labels and (recording.labels[LABEL] or told is None):
        inside = {span.label for span in recording.labels[LABEL]}
        if told is not None and inside - {told}:
            raise DataError(
                f"conflicting labels: --label says {told!r}, the label column of the log says "
                f"{', '.join(map(repr, sorted(inside)))}",
                where=str(file),
                hint="drop the --label option or choose the column with --label-column",
            )
        return recording
    if told is None and globs:
        raise DataError(
            "the log has no label column and matches no --label",
            where=str(file),
            hint="add --label NAME=GLOB",
        )
    if told is None:
        by_name, said = named
        told = own or by_name or folder_label(file)
        if not told:
            return recording
        source = "log's own name" if own else "folder's name"
        note = said if by_name else f"label {told!r} from the {source}{said}"
        recording = replace(recording, notes=(*recording.notes, note))
    return replace(recording, labels={**recording.labels, LABEL: (Span(0, len(recording), told),)})


def folder_label(file: Path) -> str:
    """Label that the folder's name gives: ``0_stationary`` is ``stationary``."""
    name = Path(os.path.abspath(file)).parent.name
    digits, underscore, rest = name.partition("_")
    return rest if underscore and digits.isdigit() and rest else name


def _check_spelling(dataset: Dataset) -> None:
    """Refuse labels that differ only in case or blanks: surely one class."""
    seen: dict[str, str] = {}
    for label in dataset.label_set():
        first = seen.setdefault("".join(label.split()).casefold(), label)
        if first != label:
            raise DataError(
                f"conflicting labels: {first!r} and {label!r} differ only in case or blanks",
                hint="spell the class the same everywhere",
            )
