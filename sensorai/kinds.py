"""What a file or folder is, so that a command that got the wrong one can say it and what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import Any

from sensorai.codegen.blob import is_blob
from sensorai.errors import DataError, UserError
from sensorai.experiment import tables
from sensorai.files import read_json
from sensorai.formats.dataset import is_log
from sensorai.formats.header import channel, split_unit
from sensorai.formats.layout import is_number, table_layout
from sensorai.formats.netfile import net_kind
from sensorai.formats.read import file_reader
from sensorai.formats.source import Raw
from sensorai.ispu.project import INDEX
from sensorai.ispu.unload import ispu_device
from sensorai.mlc.description import FORMAT
from sensorai.mlc.regfile import read_register_file
from sensorai.mlc.settings import read_settings
from sensorai.model.knowledge import MAGIC


class Kind(Enum):
    """Kinds of input; the value is what a message calls one."""

    LOG = "a log"
    LOGS = "a folder of logs"
    MLC = "an MLC result"
    ISPU = "an ISPU project"
    CORTEX = "a C project for a Cortex-M"
    NET = "a net made elsewhere"
    NET_PROJECT = "a C project of a net"
    RESULT = "a result for another target"
    REGISTERS = "an MLC register file"
    PROGRAM = "an ISPU register file"
    DESCRIPTION = "a description of a register file (decode --as json)"
    SETTINGS = "a settings file of ST's tools"
    KNOWLEDGE = "saved knowledge of a device"
    BLOB = "a net as a blob"
    FEATURES = "a feature table (ARFF)"
    INDEX = "the index of a result"
    REPORT = "a report of sensorai"
    ELF = "a linked program"
    RESULTS = "a folder that holds results"
    EMPTY = "an empty folder"
    OTHER = "nothing that sensorai knows"


#: What to do with each kind, ``{}`` for its path.
_NEXT = {
    Kind.LOG: "look into it with 'sensorai inspect {}'",
    Kind.LOGS: "look into them with 'sensorai inspect {}', or learn from them with 'sensorai train {}'",
    Kind.MLC: "its registers: 'sensorai decode {}'; on logs: 'sensorai simulate {} LOG'",
    Kind.ISPU: "run it on logs with 'sensorai simulate {} LOG', pack it with 'sensorai build {}'",
    Kind.CORTEX: "run it on logs with 'sensorai simulate {} LOG', build it with 'make' in it",
    Kind.NET: "look into it with 'sensorai analyze {}', make C of it with 'sensorai generate {}'",
    Kind.NET_PROJECT: "check it with 'sensorai validate {}', build it with 'make' in it",
    Kind.RESULT: "run it on logs with 'sensorai simulate {} LOG'",
    Kind.REGISTERS: "explain it with 'sensorai decode {}', run it on logs with 'sensorai simulate {} LOG'",
    Kind.PROGRAM: "explain it with 'sensorai decode {}'; give the project that it was built from",
    Kind.DESCRIPTION: "make a register file of it: 'sensorai encode {} --out FILE.json'",
    Kind.SETTINGS: "do what ST's tool does with it: 'sensorai generate {} --type features' (or config)",
    Kind.BLOB: "send it to a board with 'sensorai load PORT {}'",
    Kind.KNOWLEDGE: "show it with 'sensorai knowledge {}'",
    Kind.FEATURES: "give the logs it was made from",
    Kind.INDEX: "give its folder",
    Kind.REPORT: "give its folder",
    Kind.ELF: "pack it with 'sensorai build DIR --program {}'",
    Kind.RESULTS: "give one of them: {}",
    Kind.EMPTY: "",
    Kind.OTHER: "",
}
#: File that describes a C project of a net, and what it says it is.
NET_INDEX, NET_FORMAT = "model.json", "sensorai-net"
#: Of a folder that holds thousands of files, so many are looked at.
_MOST = 4000
#: Bytes by which a file's content is told, and the largest JSON that is read to tell it.
_HEAD, _LARGEST = 4096, 1 << 24
#: Kinds that ``simulate`` and ``validate`` run on logs.
RUNS = (Kind.MLC, Kind.REGISTERS, Kind.ISPU, Kind.CORTEX, Kind.RESULT)


@dataclass(frozen=True, slots=True)
class Found:
    """What lies at a path.

    Attributes
    ----------
    kind : Kind
    path : Path
    detail : str
        More words about it; may be empty.
    """

    kind: Kind
    path: Path
    detail: str = ""

    @property
    def words(self) -> str:
        """What it is, as a message says it."""
        return self.kind.value + (f" ({self.detail})" if self.detail else "")

    @property
    def advice(self) -> str:
        """What to do with it."""
        shown = self.detail.partition(", ")[0] if self.kind is Kind.RESULTS else str(self.path)
        return _NEXT[self.kind].replace("{}", f'"{shown}"' if " " in shown else shown)


def look(path: Path) -> Found:
    """Tell what a file or folder is, by its content.

    Raises
    ------
    DataError
        There is none, or it cannot be read.
    """
    try:
        if path.is_dir():
            return _folder(path)
        if not path.exists():
            raise DataError("no such file or folder", where=str(path))
        with path.open("rb") as file:
            head = file.read(_HEAD)
        return Found(_file(path, head), path)
    except OSError as error:
        raise DataError(f"cannot read {path.name}: {error.strerror}", where=str(path)) from None


@contextmanager
def explained(verb: str, path: Path, takes: Sequence[Kind], logs: Sequence[Path] = ()) -> Iterator[None]:
    """Where the block fails because ``path`` is of another kind than ``verb`` takes, say that instead.

    ``logs`` are the logs given beside ``path``: the two may have been swapped.
    """
    try:
        yield
    except UserError:
        found = look(path) if path.exists() else None
        # of a file that is like nothing we know, the error says more: it may be damaged
        if found is None or found.kind in takes or (found.kind is Kind.OTHER and path.is_file()):
            raise
        name = found.path.absolute().name
        for other in map(look, logs if found.kind in (Kind.LOG, Kind.LOGS) else ()):
            if other.kind in takes:
                raise UserError(
                    f"the arguments of '{verb}' are swapped: {name} is {found.words}, and "
                    f"{other.path.absolute().name} is {other.words}",
                    hint=f"sensorai {verb} {_quoted(other.path)} {_quoted(path)}",
                ) from None
        raise UserError(
            f"{name} is {found.words}; '{verb}' takes {_either(takes)}", where=str(path), hint=found.advice
        ) from None


@contextmanager
def explained_logs(paths: Sequence[Path]) -> Iterator[None]:
    """Where the block fails because a path is no log but something else that is known, say that instead."""
    try:
        yield
    except UserError:
        for path in paths:
            if path.exists() and (found := look(path)).kind not in (
                Kind.LOG,
                Kind.LOGS,
                Kind.OTHER,
                Kind.EMPTY,
            ):
                raise UserError(
                    f"{path.absolute().name} is {found.words}, not a log", where=str(path), hint=found.advice
                ) from None
        raise


def _quoted(path: Path) -> str:
    return f'"{path}"' if " " in str(path) else str(path)


def _either(kinds: Sequence[Kind]) -> str:
    words = [kind.value for kind in kinds if kind is not Kind.RESULT]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _folder(path: Path) -> Found:
    # that of a net for the ISPU has an index of ours, too
    if is_net_project(path):
        return Found(Kind.NET_PROJECT, path)
    if (path / INDEX).is_file():
        return Found(Kind.ISPU, path)
    if (path / "model.sai").is_file():
        return Found(_result(path / "model.sai"), path)
    files = list(islice(_below(path), _MOST))
    if not files:
        return Found(Kind.EMPTY, path)
    inside = [str(file.parent) for file in files if file.name in ("model.sai", INDEX)]
    if inside:
        return Found(Kind.RESULTS, path, ", ".join(dict.fromkeys(sorted(inside)[:3])))
    logs = sum(map(is_log, files))
    if logs:
        return Found(Kind.LOGS, path, f"{logs} {'file' if logs == 1 else 'files'}")
    return Found(Kind.OTHER, path, "a folder without logs, register files and results")


def is_net_project(folder: Path) -> bool:
    """Whether a folder holds the description of a net that C was made of."""
    path = folder / NET_INDEX
    try:
        found = read_json(path) if path.is_file() else None
    except UserError:
        return False
    return isinstance(found, dict) and found.get("format") == NET_FORMAT


def _below(folder: Path) -> Iterator[Path]:
    """Files below a folder, hidden ones left out."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


def _result(index: Path) -> Kind:
    """Kind of a result folder by its index; one that is damaged counts as of the core."""
    try:
        model = read_json(index)
    except UserError:
        return Kind.MLC
    target = model.get("target") if isinstance(model, dict) else None
    if not isinstance(target, str) or target not in tables.TARGETS:
        return Kind.MLC
    return {"mlc": Kind.MLC, "ispu": Kind.ISPU, "stm32": Kind.CORTEX}.get(target, Kind.RESULT)


def _file(path: Path, head: bytes) -> Kind:
    if head.startswith(b"\x7fELF"):
        return Kind.ELF
    if _knowledge(head):
        return Kind.KNOWLEDGE
    if is_blob(head):
        return Kind.BLOB
    if net_kind(path):
        return Kind.NET
    if path.name in ("model.sai", INDEX):
        return Kind.INDEX
    text = head.decode("utf-8-sig", errors="replace").lstrip()
    if text[:9].lower() == "@relation":
        return Kind.FEATURES
    if text.startswith("<"):
        return Kind.REPORT if "sensorai" in text else Kind.OTHER
    if text.startswith("{"):
        return _json(path)
    return _registers(path) or (Kind.LOG if _reads(path) else Kind.OTHER)


def _knowledge(head: bytes) -> bool:
    """Whether a file starts with saved knowledge, as bytes or in hexadecimal."""
    words = head[:64].decode("latin-1").replace(",", " ").split()
    start = "".join(word.removeprefix("0x") for word in words)[: 2 * len(MAGIC)]
    return head.startswith(MAGIC) or start.lower() == MAGIC.hex()


def _json(path: Path) -> Kind:
    if path.stat().st_size > _LARGEST:
        return Kind.LOG if is_log(path) else Kind.OTHER
    try:
        value: Any = read_json(path)
    except UserError:
        return Kind.OTHER
    if not isinstance(value, dict):
        return Kind.OTHER
    if value.get("format") in ("sensorai-report", FORMAT):
        return Kind.DESCRIPTION if value["format"] == FORMAT else Kind.REPORT
    found = _registers(path)
    if found is not None:
        return found
    try:
        read_settings(path)
    except UserError:
        return Kind.LOG if is_log(path) else Kind.OTHER
    return Kind.SETTINGS


def _registers(path: Path) -> Kind | None:
    """Kind of a register file; None where it is none."""
    try:
        registers = read_register_file(path)
    except UserError:
        return None
    if not registers.ops:
        return None
    return Kind.PROGRAM if ispu_device(registers) else Kind.REGISTERS


def _reads(path: Path) -> bool:
    """Whether the head of a file is that of a log, sound or not: sensor columns, or numbers alone."""
    raw = Raw(path)
    try:
        if file_reader(raw) is not None:
            return True
        names = table_layout(raw.source).names
    except UserError:
        return False
    return any(channel(split_unit(name)[0]) for name in names) or all(map(is_number, names))
