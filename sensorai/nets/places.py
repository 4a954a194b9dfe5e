"""Where the C of a net runs: this machine, the core of its device, the virtual ISPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sensorai.graph.tensor import Array
from sensorai.nets.inputs import Inputs
from sensorai.nets.placed import Placed
from sensorai.nets.running import Program
from sensorai.nets.target import Target

#: Cores on which ``emulator`` runs a net of which no device is said.
CORES = ("cortex-m4", "cortex-m0plus")


@dataclass(frozen=True, slots=True)
class Place:
    """A level of ours beside the reference.

    Attributes
    ----------
    level : str
        What reports call it.
    run : callable
        Outputs of a program, call after call.
    core : str
        The emulated core; empty elsewhere.
    told : callable, optional
        What more is said of the last run, as plain data.
    shows : bool
        Whether it runs any C, also such that brings out what is inside of the net.
    """

    level: str
    run: Callable[[Program, Inputs], list[list[Array]]]
    core: str = ""
    told: Callable[[], dict[str, Any]] | None = None
    shows: bool = True


def places(on: Sequence[str], at: Target | None = None, placed: Placed | None = None) -> list[Place]:
    """Levels that are asked for.

    Parameters
    ----------
    on : sequence of str
        ``host``: this machine, and the virtual ISPU where that is the target; ``emulator``: the core of the
        device, of the ISPU the one that stands in for it.
    at : Target, optional
        What the net is for; by default two cores are emulated.
    placed : Placed, optional
        The blob of a net that brings its code: it runs on the emulated core, too.
    """
    out = []
    ispu = at is not None and at.name == "ispu"
    if "host" in on:
        out.append(Place("C on this machine", Program.on_host))
        if at is not None and ispu:
            out.append(_virtual(at.device))
    if "emulator" in on:
        if at is None:
            out += [_core(core, "") for core in CORES]
        else:
            same = at.device.lower() == at.core
            note = f", in place of the ISPU of {at.device}" if ispu else "" if same else f" of {at.device}"
            out.append(_core(at.core, note))
            if placed is not None:
                out.append(_blob(at.core, note, placed))
    return out


def _core(core: str, note: str) -> Place:
    return Place(f"C on {core}{note}, emulated", lambda program, given: program.on_core(given, core), core)


def _blob(core: str, note: str, placed: Placed) -> Place:
    level = f"the blob on {core}{note}, emulated, from two places"
    return Place(level, lambda program, given: placed.run(program, given, core), shows=False)


def _virtual(device: str) -> Place:
    return Place(
        f"virtual ISPU of {device}", lambda program, given: program.on_ispu(given, device), shows=False
    )
