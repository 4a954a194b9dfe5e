"""Products that the ISPU has no instruction for, as a compiler for another core with such products sees them.

GCC for a Cortex-M4 names products of two 16-bit numbers apart from those of 32 bits before it chooses
instructions. The ISPU has the former alone; ST's compiler, which is not here, calls a function for the rest.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from sensorai.toolchain.arm import BASE
from sensorai.toolchain.compilers import find
from sensorai.toolchain.cpu import cpu

_NAME = r"[A-Za-z_][\w.()]*"
_PRODUCT = re.compile(rf"^\s+({_NAME}) = ({_NAME}) (w?\*) ({_NAME}|-?\d+);$", re.MULTILINE)
_FLOAT = re.compile(r"^\s+(?:float|sa_nn_float_t|sa_nd_f32) ([\w.]+);$", re.MULTILINE)
_FUSED = re.compile(r"WIDEN_MULT_(?:PLUS|MINUS)_EXPR")
_FUNCTION = re.compile(r"^;; Function (\S+) ", re.MULTILINE)
#: Powers of two that a constant is the sum or difference of, where shifts and additions do.
_FEW = 3


def products(sources: Mapping[str, str], folder: Path, opt: str = "-Os") -> tuple[int, list[str]]:
    """Number of 16-bit products in the code, and the others: function and statement.

    Parameters
    ----------
    sources : mapping of file name to text
    folder : Path
        Where to compile them.
    """
    short, long = 0, []
    for name, text in sources.items():
        (folder / name).write_text(text)
    for name in (one for one in sources if one.endswith(".c")):
        dump = folder / f"{name}.dump"
        command = [str(find("arm-none-eabi-gcc")), *cpu("m4").flags, *BASE, opt, "-std=c99", "-I."]
        command += ["-DISPU_STAND_IN", f"-fdump-tree-optimized={dump.name}", "-c", name, "-o", f"{name}.o"]
        subprocess.run(command, cwd=folder, check=True)
        # a file of tables has none
        for part in _parts(dump.read_text() if dump.exists() else ""):
            short += len(_FUSED.findall(part[1]))
            floats = set(_FLOAT.findall(part[1]))
            for made, a, sign, b in _PRODUCT.findall(part[1]):
                if {made, made.rpartition("_")[0]} & floats:
                    continue
                if sign == "w*":
                    short += 1
                elif not (b.lstrip("-").isdigit() and _terms(abs(int(b))) <= _FEW):
                    long.append(f"{part[0]}: {a} * {b}")
    return short, long


def _parts(text: str) -> list[tuple[str, str]]:
    found = _FUNCTION.split(text)[1:]
    return list(zip(found[::2], found[1::2], strict=True))


def _terms(number: int) -> int:
    """Powers of two, added or taken away, that make a number."""
    return (number ^ 3 * number).bit_count()
