"""Integer nets of one form, and a program that changes from one to another."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import helper

from sensorai import runtime
from sensorai.codegen.netproject import About, emit_net_project
from sensorai.codegen.project import Project
from sensorai.graph.graph import Graph
from sensorai.graph.interpret import run
from sensorai.nets.costs import lying
from sensorai.nets.model import open_model
from sensorai.nets.relocating import Relocatable, relocatable
from tests.nets.models import save

HERE = Path(__file__).parent
ABOUT = About("net.onnx", "ONNX", "0" * 64)
SHAPE = (1, 2, 6)
LOADER = ("sa_blob.h", "sa_blob.c", "sa_update.h", "sa_update.c")
#: Working memory of programs for nets with code.
SLOT_BYTES = 512


def integer(path: Path, seed: int, classes: int = 3, *, short: bool = False) -> Path:
    """A net of int8 between real numbers: convolution, residual sum (not if ``short``), dense layer."""
    rng = np.random.default_rng(seed)
    nodes: list[Any] = []
    known: dict[str, Any] = {}

    def pair(name: str, out: str, kind: type[np.integer[Any]] = np.int8) -> None:
        """Quantise and dequantise with a scale and a zero point of this seed."""
        known[f"{out}_s"] = np.float32(rng.uniform(0.02, 0.05))
        known[f"{out}_z"] = kind(rng.integers(-20, 20))
        if name not in known:
            nodes.append(helper.make_node("QuantizeLinear", [name, f"{out}_s", f"{out}_z"], [f"{out}_q"]))
        source = name if name in known else f"{out}_q"
        nodes.append(helper.make_node("DequantizeLinear", [source, f"{out}_s", f"{out}_z"], [out]))

    def weights(name: str, *shape: int) -> str:
        known[name] = rng.integers(-127, 128, shape).astype(np.int8)
        known[f"{name}_s"], known[f"{name}_z"] = np.float32(rng.uniform(0.005, 0.01)), np.int8(0)
        nodes.append(helper.make_node("DequantizeLinear", [name, f"{name}_s", f"{name}_z"], [f"{name}_d"]))
        return f"{name}_d"

    pair("x", "a")
    nodes.append(helper.make_node("Conv", ["a", weights("w1", 4, 2, 3)], ["c"], pads=[1, 1]))
    pair("c", "d")
    if not short:
        nodes.append(helper.make_node("Conv", ["d", weights("w2", 4, 4, 1)], ["e"]))
        pair("e", "f")
        nodes.append(helper.make_node("Add", ["d", "f"], ["g"]))
        pair("g", "h")
    nodes.append(helper.make_node("Flatten", ["d" if short else "h"], ["i"]))
    nodes.append(helper.make_node("MatMul", ["i", weights("w3", 24, classes)], ["j"]))
    pair("j", "y")
    return save(path, nodes, [("x", SHAPE)], [("y", (1, classes))], known)


def graph_of(path: Path) -> Graph:
    """The net of a file as it is emitted."""
    return open_model(path).graph


@cache
def project(path: Path, version: int = 1, isa: str = "", inside: bool = False) -> Project:
    """An updatable project of a file, called ``net``, with kernels for the instructions of a core."""
    graph = replace(graph_of(path), isa=isa)
    within = lying(graph, (inside, inside))
    return emit_net_project(graph, "net", ABOUT, inside=within, version=version)


@cache
def with_code(path: Path, core: str = "cortex-m4", version: int = 1) -> Relocatable:
    """A net of a file that brings its code for a core."""
    return relocatable(graph_of(path), "net", project(path, version), core, None, SLOT_BYTES)


def holder(one: Relocatable) -> dict[str, str]:
    """C of a program that holds no net."""
    files = {name: text for name, text in one.files.items() if name.startswith("net_slot")}
    loader = {name: runtime.text(f"update/{name}") for name in LOADER}
    return {**files, **loader, "run_main.c": "#define WITH_CODE 1\n" + (HERE / "update_main.c").read_text()}


def program(one: Project) -> dict[str, str]:
    """C of a program that changes its net."""
    return {**one.sources(), "run_main.c": (HERE / "update_main.c").read_text()}


@dataclass(frozen=True, slots=True)
class Taken:
    """What the program says of a blob that it was given."""

    code: int
    steps: int
    erased: int
    words: str


class Script:
    """Commands for the program, and what it says to them."""

    def __init__(self) -> None:
        self.commands = b""
        self._sizes: list[tuple[str, int]] = []

    def fresh(self, unit: int = 8) -> Script:
        """Erase everything."""
        self.commands += b"f" + struct.pack("<I", unit)
        return self

    def start(self) -> Script:
        """Power on."""
        self.commands += b"b"
        self._sizes.append(("code", 4))
        return self

    def take(self, blob: bytes, cut: int = 0) -> Script:
        """Give it a blob."""
        self.commands += b"u" + struct.pack("<II", cut, len(blob)) + blob
        self._sizes.append(("taken", 76))
        return self

    def run(self, x: npt.NDArray[np.float32], classes: int = 3) -> Script:
        """Run the net."""
        self.commands += b"r" + np.ascontiguousarray(x, np.float32).tobytes()
        self._sizes.append(("run", 4 * classes))
        return self

    def read(self, said: bytes) -> list[Any]:
        """What the program said: codes, `Taken`, outputs as bytes."""
        out: list[Any] = []
        at = 0
        for kind, size in self._sizes:
            part = said[at : at + size]
            at += size
            if kind == "code":
                out.append(struct.unpack("<i", part)[0])
            elif kind == "taken":
                code, steps, erased = struct.unpack_from("<iII", part)
                out.append(Taken(code, steps, erased, part[12:].rstrip(b"\0").decode("ascii")))
            else:
                out.append(part)
        assert at == len(said)
        return out


def forged(blob: bytes, changes: Mapping[int, bytes], *, whole: bool = True) -> bytes:
    """A blob with other bytes at places; ``whole``: with the checksum that belongs to them."""
    data = bytearray(blob)
    for place, new in changes.items():
        data[place : place + len(new)] = new
    if whole:
        data[12:16] = struct.pack("<I", zlib.crc32(data[16:], zlib.crc32(data[:12])))
    return bytes(data)


def outputs(graph: Graph, xs: Sequence[npt.NDArray[np.float32]]) -> list[bytes]:
    """What the reference gives, as bytes."""
    return [np.ascontiguousarray(run(graph, x)[graph.outputs[0]]).tobytes() for x in xs]
