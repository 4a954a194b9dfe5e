"""Bytes of flash of a library, built where it is open whether a device has room for its code."""

from __future__ import annotations

from collections.abc import Mapping

from sensorai.errors import ToolMissing
from sensorai.nets.costs import Costs
from sensorai.nets.target import Target
from sensorai.toolchain.arm import build_elf
from sensorai.toolchain.compilers import BuildError
from sensorai.toolchain.cpu import cpu

#: More code than a net has: of the functions that all share, and of each layer.
_SHARED, _EACH = 16 << 10, 4 << 10


def open_question(counted: Costs, at: Target) -> bool:
    """Whether the numbers of a net fit into a device, and its code might not.

    Of an ISPU nobody knows: its compiler is not open, and code of another core is no verdict.
    """
    if at.flash is None or at.name == "ispu":
        return False
    return 0 <= at.flash - counted.weights < _SHARED + _EACH * len(counted.layers)


def code_bytes(
    sources: Mapping[str, str], name: str, counted: Costs, at: Target, api: str = "native", verb: str = "run"
) -> int | None:
    """Bytes of code and its constants of a library, at -O2 on the core of a device; None without a compiler.

    Parameters
    ----------
    sources : mapping of str to str
    name : str
        That all names begin with.
    counted : Costs
        Of the net: its numbers are not in the result.
    api, verb : str
        How it is called.
    """
    start = f"stai_{name}" if api == "stai" else name
    try:
        built = build_elf(sources, cpu(at.core), opt="-O2", keep=(f"{start}_init", f"{start}_{verb}"))
    except (ToolMissing, BuildError):
        return None
    return max(built.flash - counted.weights, 0)
