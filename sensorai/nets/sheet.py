"""What a net is on one device: counted on its core, time and energy estimated, and what the device lacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sensorai.codegen.netproject import About, emit_net_project
from sensorai.mcu import devices as mcu
from sensorai.nets import memory
from sensorai.nets.costs import Costs, lying
from sensorai.nets.counting import Counted, Ran, cycle_model, tried
from sensorai.nets.libraries import code_bytes, open_question
from sensorai.nets.model import NetFile
from sensorai.nets.room import Lack, lack
from sensorai.nets.target import Target
from sensorai.toolchain.cpu import cpu

#: Why nothing was counted where nobody wanted it.
NOT_ASKED = "not asked for"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A net on a device.

    Attributes
    ----------
    at : Target
    counted : Counted or None
        None: nothing was counted, ``why`` says for what reason.
    why : str
    model : str
        Where cycles are from; why there are none where it does not name a source.
    clock : float or None
        In Hz.
    seconds, joules : float or None
        Of a call, estimated.
    energy : str
        Where the energy is from, or why there is none.
    held : tuple of int
        Bytes of memory that are in use while each layer runs.
    lack : Lack or None
    code : int or None
        Bytes of code of the library, where it was built.
    """

    at: Target
    counted: Counted | None
    why: str
    model: str
    clock: float | None
    seconds: float | None
    joules: float | None
    energy: str
    held: tuple[int, ...]
    lack: Lack | None
    code: int | None = None

    @property
    def layers(self) -> tuple[Ran, ...]:
        """Of each layer; empty where nothing was counted."""
        return () if self.counted is None else self.counted.layers

    def figures(self) -> dict[str, Any]:
        """As plain data."""
        short = {} if self.lack is None else {"lacks": self.lack.figures()}
        if self.counted is None:
            return {"why_not_counted": self.why, **short}
        one = self.counted
        return {
            "core": one.core,
            "emulator": one.emulator,
            "instructions": one.call.instructions,
            "cycles": one.call.cycles,
            "cycle_model": self.model,
            "clock_hz": self.clock,
            "seconds": self.seconds,
            "joules": self.joules,
            "energy": self.energy,
            "code_bytes": one.code,
            "flash_bytes": one.flash,
            "stack_bytes": one.stack,
            "stack_open": list(one.stack_open),
            "layers": [{"instructions": ran.instructions, "cycles": ran.cycles} for ran in one.layers],
            **short,
        }

    def words(self) -> list[str]:
        """What a person reads of it."""
        if self.counted is None:
            return [f"instructions: not counted: {self.why}", *self._lacks()]
        one = self.counted
        lines = [f"instructions {one.call.instructions:,} a call, counted on {one.core} in {one.emulator}"]
        if one.call.cycles is None:
            lines.append(f"cycles: {self.model}")
        else:
            time = ""
            if self.seconds is not None and self.clock is not None:
                time = f", {1e3 * self.seconds:.4g} ms at {self.clock / 1e6:g} MHz"
            lines.append(f"cycles {one.call.cycles:,.0f} a call{time}, estimated: {self.model}")
        joules = "not known" if self.joules is None else f"{1e6 * self.joules:,.4g} \N{MICRO SIGN}J a call"
        lines.append(f"energy {joules}: {self.energy}")
        open_ = " at least, without what functions of the compiler's library take" if one.stack_open else ""
        lines.append(
            f"library {one.flash:,} bytes of flash, {one.code:,} of them code; stack {one.stack:,}{open_}"
        )
        return [*lines, *self._lacks()]

    def _lacks(self) -> list[str]:
        return [] if self.lack is None else self.lack.words()


def sheet(
    model: NetFile, costs: Costs, at: Target, *, counts: bool = True, say: Callable[[str], None] | None = None
) -> Sheet:
    """Build a net, count it on the core of its device, and hold it against the device.

    Parameters
    ----------
    costs : Costs
        Of this model.
    counts : bool
        Whether to build and run it; else only what is known without that.
    """
    if say is not None and counts:
        say(f"counting on {at.core}")
    found, why = _counted(model, at, costs) if counts else (None, NOT_ASKED)
    stand_in = at.name == "ispu"
    part = None if stand_in else mcu.device(at.device)
    cycles = None if found is None else found.call.cycles
    known = cycle_model(at.core)
    if stand_in:
        # a count of another core says how much work it is, not how long it takes
        known, cycles = "nobody publishes those of the ISPU; the core is one that stands in for it", None
        found = None if found is None else _without_cycles(found)
    elif not known:
        known = f"nobody publishes those of {at.core}"
    seconds = joules = None
    energy = f"the facts of {at.device} state no current"
    if part is not None and part.run_amperes_per_hz is not None and part.volts is not None:
        current = f"{1e12 * part.run_amperes_per_hz:g} \N{MICRO SIGN}A/MHz at {part.volts:g} V"
        energy = f"{current}, as the data sheet has it"
        energy += "; no cycles to count with" if cycles is None else ", times the estimated cycles"
    if part is not None and cycles is not None:
        seconds, joules = part.seconds(cycles), part.joules(cycles)
    held: tuple[int, ...] = ()
    short = None
    code = None if found is None or stand_in else max(found.flash - costs.weights, 0)
    if costs.arena is not None:
        held = memory.held(model.graph, costs)
        if found is None and open_question(costs, at):
            within, pools = lying(model.graph, costs.inside), [one for one, _ in costs.pools]
            made = emit_net_project(
                model.graph, "net", About("", "", ""), inside=within, optimize=costs.optimize, pools=pools
            )
            code = code_bytes(made.sources(), "net", costs, at)
        flash = costs.weights + (code or 0) if found is None else found.flash
        ram = (costs.ram or 0) + (0 if found is None else found.stack)
        short = lack(model.graph, costs, at, flash, ram)
    clock = None if part is None else part.clock_hz
    return Sheet(at, found, why, known, clock, seconds, joules, energy, held, short, code)


def _counted(model: NetFile, at: Target, costs: Costs) -> tuple[Counted | None, str]:
    if model.made.problems:
        return None, "; ".join(p.message for p in model.made.problems)
    return tried(model.graph, cpu(at.core), optimize=costs.optimize, inside=costs.inside)


def _without_cycles(found: Counted) -> Counted:
    bare = tuple(Ran(one.instructions, None) for one in found.layers)
    return replace(found, call=Ran(found.call.instructions, None), layers=bare)
