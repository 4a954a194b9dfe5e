"""A model file, opened: what it is, the net in it, and everything in it that is not supported."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sensorai.errors import ConfigError, DataError, Problem, Refused, UserError
from sensorai.formats.netfile import net_kind
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array, Shape
from sensorai.importers.known import NeedsConstant
from sensorai.importers.open import KINDS, kind_of, no_folder, read_net
from sensorai.nets.compiling import Compiled, compiled
from sensorai.nets.survey import unknown

#: What messages and reports call the kinds of files.
WORDS: Mapping[str, str] = {"onnx": "ONNX", "tflite": "TensorFlow Lite", "keras": "Keras"}
#: Bytes of a file that are read at most: beyond that no device of ours has room by far.
LARGEST = 1 << 29


@dataclass(frozen=True, slots=True)
class Asked:
    """What was said of a file beside its name.

    Attributes
    ----------
    kind : str
        One of ``onnx``, ``tflite``, ``keras``; "" looks at the file.
    shapes : mapping of input name to shape
    frozen : mapping of input name to array
    inputs, outputs : tuple of str
        Types that inputs and outputs are to have; none: those of the file.
    dictionaries : bool
        Whether weights may be places in a dictionary.
    float32 : bool
        Whether all that is float16 or float64 in the file becomes float32.
    """

    kind: str = ""
    shapes: Mapping[str, Shape] | None = None
    frozen: Mapping[str, Array] | None = None
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    dictionaries: bool = True
    float32: bool = False


@dataclass(frozen=True, slots=True)
class NetFile:
    """A model that was read.

    Attributes
    ----------
    path : Path
    kind : str
    size : int
        Bytes.
    sha256, md5 : str
    read : Graph
        As the file has it.
    made : Compiled
        As it is emitted.
    """

    path: Path
    kind: str
    size: int
    sha256: str
    md5: str
    read: Graph
    made: Compiled

    @property
    def graph(self) -> Graph:
        """The net that is counted, emitted and run."""
        return self.made.graph

    def on(self, isa: str) -> NetFile:
        """Return the model with kernels for the instructions of a core, see ``Graph.isa``."""
        return replace(self, made=replace(self.made, graph=replace(self.graph, isa=isa)))


def open_model(path: Path, asked: Asked | None = None) -> NetFile:
    """Read a model file.

    Raises
    ------
    DataError, ConfigError, ToolMissing
        It cannot be read.
    Refused
        It holds operators that are not supported: all of them, each with its node.
    """
    asked = asked or Asked()
    no_folder(path)
    data = _bytes(path)
    kind = asked.kind or net_kind(path) or kind_of(path)
    graph = _read(path, kind, asked)
    _fits(asked, graph, path)
    return NetFile(
        path,
        kind,
        len(data),
        hashlib.sha256(data).hexdigest(),
        hashlib.md5(data, usedforsecurity=False).hexdigest(),
        graph,
        compiled(graph, asked.inputs, asked.outputs, dictionaries=asked.dictionaries),
    )


def _read(path: Path, kind: str, asked: Asked) -> Graph:
    """Read the net; what has no rule, and what rules refuse, is said together."""
    problems = unknown(path, kind)
    try:
        graph = read_net(
            path,
            kind=kind,
            shapes=asked.shapes or None,
            frozen=asked.frozen or None,
            float32=asked.float32,
        )
    except UserError as error:
        error.where = error.where or str(path)
        if isinstance(error, NeedsConstant) and kind == "onnx":
            error.hint = f"say --freeze {error.name}=VALUE, where that is an input; else {error.hint}"
        if not problems:
            raise
        said = {problem.message for problem in problems}
        more = error.problems if isinstance(error, Refused) else [_problem(error)]
        problems += [problem for problem in more if problem.message not in said]
    if problems:
        raise Refused(problems)
    return graph


def _problem(error: UserError) -> Problem:
    return Problem(error.message, error.where, error.hint)


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST:
            raise DataError(f"the model has more than {LARGEST >> 20} MiB", where=str(path))
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read the model: {error.strerror}", where=str(path)) from None


def _fits(asked: Asked, graph: Graph, path: Path) -> None:
    """Raise a ConfigError where a shape is said of an input that the model does not have."""
    lost = [name for name in asked.shapes or () if name not in graph.inputs]
    if lost:
        raise ConfigError(
            f"the model has no input {lost[0]}", where=str(path), hint=f"it has {', '.join(graph.inputs)}"
        )


def kind_asked(name: str | None) -> str:
    """Kind of file by what ``--type`` says; a ConfigError for anything else."""
    if name is None or name in KINDS:
        return name or ""
    raise ConfigError(f"--type {name!r} is no kind of model", hint=f"one of {', '.join(KINDS)}")


def dictionaries_asked(text: str | None) -> bool:
    """Whether weights may be places in a dictionary; a ConfigError for anything but auto and off."""
    if text not in (None, "auto", "off"):
        hint = "auto: where it saves flash; off: weights as they are; 'quantize --dictionary BITS': fewer"
        raise ConfigError(f"--dictionary {text!r} is neither auto nor off", hint=hint)
    return text != "off"


def shapes_asked(texts: Sequence[str]) -> dict[str, Shape]:
    """Read ``INPUT=1x24x6``; a ConfigError where it is written otherwise."""
    out: dict[str, Shape] = {}
    for text in texts:
        name, equals, extents = text.rpartition("=")
        parts = extents.split("x")
        good = all(part.isascii() and part.isdigit() and 0 < len(part) < 8 for part in parts)
        if not (name and equals and good) or any(int(part) < 1 for part in parts):
            raise ConfigError(f"--shape {text!r} is no shape of an input", hint="as in --shape input=1x24x6")
        if name in out:
            raise ConfigError(f"--shape {name}=... is given twice")
        out[name] = tuple(map(int, parts))
    return out


def frozen_asked(texts: Sequence[str]) -> dict[str, Array]:
    """Read ``INPUT=VALUE``, a number or several between commas; a ConfigError for anything else."""
    out: dict[str, Array] = {}
    for text in texts:
        name, equals, value = text.rpartition("=")
        numbers = _numbers(value.split(","))
        if not (name and equals) or numbers is None:
            raise ConfigError(
                f"--freeze {text!r} is no input and its value",
                hint="as in --freeze axes=1 or --freeze shape=1,24",
            )
        if name in out:
            raise ConfigError(f"--freeze {name}=... is given twice")
        out[name] = numbers
    return out


def _numbers(parts: Sequence[str]) -> Array | None:
    """Whole numbers as int64, others as float32; a single one without an axis."""
    try:
        if all(part.strip().lstrip("+-").isdigit() for part in parts):
            made: Array = np.array([int(part) for part in parts], np.int64)
        else:
            made = np.array([float(part) for part in parts], np.float32)
    except (ValueError, OverflowError):
        return None
    return made.reshape(()) if len(parts) == 1 else made


def no_c(model: NetFile) -> None:
    """Raise a Refused where the net holds layers without C."""
    if model.made.problems:
        raise Refused([Problem(p.message, str(model.path), p.hint) for p in model.made.problems])
