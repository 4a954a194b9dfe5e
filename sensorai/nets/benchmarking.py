"""One net over many devices: built and counted for each core, time and energy estimated for each device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorai.codegen.netpools import Pool
from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.ispu import devices as ispu
from sensorai.mcu import devices as mcu
from sensorai.nets.costs import Costs, costs, inside_asked
from sensorai.nets.counting import Counted, cycle_model, tried
from sensorai.nets.model import NetFile, no_c
from sensorai.nets.pools import pools_asked
from sensorai.nets.target import Target, target, target_of
from sensorai.toolchain.cpu import cpu


@dataclass(frozen=True, slots=True)
class Row:
    """A net on a device.

    Attributes
    ----------
    at : Target
    ram : int
        Bytes of memory of the net: arena, states, inputs and outputs, and stack where it was built.
    flash : int
        Bytes of the library; of its numbers alone where it was not built.
    counted : Counted or None
        On the core of the device, or of the ISPU on the one that stands in for it; None: ``why``.
    why : str
    seconds, joules : float or None
        Of a call, estimated.
    placed : bool or None
        Whether memories that were named hold it; None: there is one.
    """

    at: Target
    flash: int
    ram: int
    counted: Counted | None
    why: str
    seconds: float | None
    joules: float | None
    placed: bool | None = None

    @property
    def fits(self) -> bool | None:
        """Whether both memories have room; None where neither is known."""
        both = ((self.flash, self.at.flash), (self.ram, None if self.placed else self.at.ram))
        known = [used <= size for used, size in both if size is not None]
        known += [] if self.placed is None else [self.placed]
        return all(known) if known else None

    @property
    def stand_in(self) -> bool:
        """Whether what was counted is another core than the device's."""
        return self.at.name == "ispu"

    def figures(self) -> dict[str, Any]:
        """As plain data."""
        one = self.counted
        return {
            "device": self.at.device,
            "target": self.at.name,
            "core": self.at.core,
            "stand_in": self.stand_in,
            "flash_bytes": self.flash,
            "flash_of_device": self.at.flash,
            "ram_bytes": self.ram,
            "ram_of_device": self.at.ram,
            "fits": self.fits,
            "instructions": None if one is None else one.call.instructions,
            "why_not_counted": self.why,
            "cycles": None if one is None or self.stand_in else one.call.cycles,
            "cycle_model": "" if self.stand_in else cycle_model(self.at.core),
            "seconds": self.seconds,
            "joules": self.joules,
        }


def asked(text: str) -> list[Target]:
    """Targets of ``all``, or of names between commas.

    Raises
    ------
    ConfigError
        There is no such device, or it is named twice.
    """
    if text.strip().casefold() == "all":
        chips, sensors = [one.name for one in mcu.devices()], [one.name for one in ispu.devices()]
        return [*(target("stm32", name) for name in chips), *(target("ispu", name) for name in sensors)]
    found = [target_of(one.strip()) for one in text.split(",") if one.strip()]
    if not found:
        raise ConfigError("no device is named", hint="--devices all, or names between commas")
    names_of = [one.device for one in found]
    if twice := [name for name in names_of if names_of.count(name) > 1]:
        raise ConfigError(f"{twice[0]} is named twice", hint="each device once")
    return found


@dataclass(frozen=True, slots=True)
class Settings:
    """How the C of a net is made, as ``generate`` has it.

    Attributes
    ----------
    inputs, outputs : bool or None
        Whether inputs, and outputs, lie in the working memory; None: where that can be.
    optimize : str
    pools : Path or None
        Memories of the board: a file, or ``device`` for those that the facts of each device name; of a device
        whose facts name none there is one memory.
    """

    inputs: bool | None = None
    outputs: bool | None = None
    optimize: str = "balanced"
    pools: Path | None = None


def pools_for(at: Target, settings: Settings) -> tuple[Pool, ...]:
    """Memories of a device; () for one."""
    if settings.pools is None or at.name == "ispu":
        return ()
    if str(settings.pools) == "device" and "map" not in mcu.device(at.device).groups:
        return ()
    return pools_asked(settings.pools, at.device)


def benchmark(
    model: NetFile, devices: Sequence[Target], say: Callable[[str], None], settings: Settings | None = None
) -> list[Row]:
    """Build and count a net for every device; what cannot be counted says why.

    Raises
    ------
    Refused
        Layers have no C.
    """
    no_c(model)
    how = settings or Settings()
    cores: dict[tuple[str, str], tuple[Counted | None, str]] = {}
    sizes: dict[tuple[Any, ...], tuple[Costs, bool | None]] = {}
    rows = []
    for at in devices:
        key = at.core, at.isa
        if key not in cores:
            say(f"counting on {at.core}")
            graph = model.on(at.isa).graph
            inside = _inside(graph, how, at.name != "ispu")
            cores[key] = tried(graph, cpu(at.core), layers=False, optimize=how.optimize, inside=inside)
        pools = pools_for(at, how)
        size = at.isa, at.name != "ispu", pools
        if size not in sizes:
            sizes[size] = _sizes(model.on(at.isa).graph, how, size[1], pools)
        rows.append(_row(at, *sizes[size], *cores[key]))
    return rows


def _inside(graph: Graph, how: Settings, free: bool) -> tuple[bool, bool]:
    """Whether inputs, and outputs, lie in the working memory."""
    # the program of an ISPU has inputs and outputs that a host writes and reads
    return inside_asked(graph, how.inputs, how.outputs) if free else (False, False)


def _sizes(graph: Graph, how: Settings, free: bool, pools: tuple[Pool, ...]) -> tuple[Costs, bool | None]:
    """What a net takes, and whether named memories hold it."""
    inside = _inside(graph, how, free)
    if not pools:
        return costs(graph, inside, how.optimize), None
    try:
        return costs(graph, inside, how.optimize, pools), True
    except ConfigError:
        return costs(graph, inside, how.optimize), False


def _row(at: Target, sizes: Costs, placed: bool | None, found: Counted | None, why: str) -> Row:
    flash = sizes.weights if found is None else found.flash
    ram = (sizes.ram or 0) + (0 if found is None else found.stack)
    seconds = joules = None
    if at.name != "ispu" and found is not None and found.call.cycles is not None:
        part = mcu.device(at.device)
        seconds, joules = part.seconds(found.call.cycles), part.joules(found.call.cycles)
    return Row(at, flash, ram, found, why, seconds, joules, placed)
