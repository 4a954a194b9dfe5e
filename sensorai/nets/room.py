"""A device that is too small for a net: by how much, the largest layer, devices with room, what helps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sensorai.errors import ConfigError, DataError
from sensorai.graph.graph import Graph
from sensorai.ispu import devices as ispu
from sensorai.mcu import devices as mcu
from sensorai.nets.calibrating import METHODS
from sensorai.nets.costs import Costs, costs
from sensorai.nets.inputs import spread
from sensorai.nets.memory import held
from sensorai.nets.port import ports
from sensorai.nets.quantizing import Settings, quantize
from sensorai.nets.target import Target

#: Devices with room that are named.
_NAMED = 3
#: Characters of a layer's name in a line.
_LONG = 60
#: Multiply-accumulates up to which a net is quantised to say what that brings: seconds, not minutes.
_MOST = 50_000_000


@dataclass(frozen=True, slots=True)
class Smaller:
    """The net as ``quantize`` makes it integer.

    Attributes
    ----------
    flash, ram : int
        Bytes of numbers, and of memory.
    fits : bool
        Into the device whose memories are known.
    roomy : tuple of str
        Devices with room for it, the smallest first.
    """

    flash: int
    ram: int
    fits: bool
    roomy: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lack:
    """What a device lacks.

    Attributes
    ----------
    flash, ram : int
        Bytes that are missing; 0 where there is room.
    largest : mapping of memory to (layer, bytes)
        ``flash``: weights; ``RAM``: what is in use while it runs. Of memories that are too small.
    roomy : tuple of str
        Devices of the same target with room, the smallest first.
    smaller : Smaller or str
        What quantising brings, or why that is not known.
    """

    flash: int
    ram: int
    largest: dict[str, tuple[str, int]]
    roomy: tuple[str, ...]
    smaller: Smaller | str

    def figures(self) -> dict[str, Any]:
        """As plain data."""
        smaller: dict[str, Any] = {"why": self.smaller} if isinstance(self.smaller, str) else {}
        if isinstance(self.smaller, Smaller):
            one = self.smaller
            smaller = {"flash_bytes": one.flash, "ram_bytes": one.ram, "fits": one.fits}
            smaller["devices_with_room"] = list(one.roomy)
        return {
            "flash_missing": self.flash,
            "ram_missing": self.ram,
            "largest": {what: {"layer": n, "bytes": size} for what, (n, size) in self.largest.items()},
            "devices_with_room": list(self.roomy),
            "quantized": smaller,
        }

    def words(self) -> list[str]:
        """What a person reads of it."""
        both = [f"{n:,} bytes of {what}" for n, what in ((self.flash, "flash"), (self.ram, "RAM")) if n]
        lines = [f"missing, as far as it was counted: {' and '.join(both)}"]
        lines += [
            f"largest layer by {what}: {shortened(name)}, {size:,} bytes"
            for what, (name, size) in self.largest.items()
        ]
        lines.append(f"devices with room: {', '.join(self.roomy) or 'none that is known'}")
        if isinstance(self.smaller, str):
            return [*lines, f"quantize: {self.smaller}"]
        one = self.smaller
        ends = "which fits" if one.fits else "too much as well"
        if not one.fits and one.roomy:
            ends += f"; devices with room for that: {', '.join(one.roomy)}"
        return [*lines, f"quantize: weights {one.flash:,} bytes, RAM {one.ram:,} bytes, {ends}"]


def _missing(used: int, size: int | None) -> int:
    return 0 if size is None else max(used - size, 0)


def shortened(name: str, most: int = _LONG) -> str:
    """Name of a layer for a line: both ends of a long one, as layers differ in one of them.

    Those of TensorFlow list everything that was folded into a layer, itself first.
    """
    if len(name) <= most:
        return name
    own = name.partition(";")[0] or name
    if len(own) <= most:
        return own
    start = 3 * (most - 1) // 5
    return f"{own[:start]}\N{HORIZONTAL ELLIPSIS}{own[len(own) - (most - 1 - start) :]}"


def lack(graph: Graph, counted: Costs, at: Target, flash: int, ram: int) -> Lack | None:
    """What a device lacks for a net; None where nothing is known to be missing.

    Parameters
    ----------
    counted : Costs
    flash, ram : int
        Bytes that the net takes: its numbers, or the whole library where that was built; its memory, with the
        stack where that is known.
    """
    short = _missing(flash, at.flash), _missing(ram, at.ram)
    if not any(short):
        return None
    largest = {}
    if short[0]:
        most = max(counted.layers, key=lambda layer: layer.weight_bytes)
        largest["flash"] = most.name, most.weight_bytes
    if short[1]:
        sizes = held(graph, counted)
        widest = max(range(len(sizes)), key=sizes.__getitem__)
        largest["RAM"] = graph.nodes[widest].output, sizes[widest]
    beside = flash - counted.weights, ram - (counted.ram or 0)
    others = tuple(roomy(at.name, flash, ram)[:_NAMED])
    return Lack(short[0], short[1], largest, others, _smaller(graph, counted, at, beside))


def roomy(target: str, flash: int, ram: int) -> list[str]:
    """Devices of a target whose memories are large enough, the smallest first."""
    if target == "ispu":
        known = sorted(ispu.devices(), key=lambda one: (one.data.size, one.name))
        return [one.name for one in known if one.code.size >= flash and one.data.size >= ram]
    return [one.name for one in mcu.with_room(flash, ram)]


def _smaller(graph: Graph, counted: Costs, at: Target, beside: tuple[int, int]) -> Smaller | str:
    """Quantise the net: on made inputs, since sizes do not depend on the scales that they lead to."""
    if any(graph.tensors[name].dtype != "float32" for name in graph.inputs):
        return "the net takes integers already"
    if counted.macs > _MOST:
        return f"not computed for more than {_MOST:,} MACs: 'sensorai quantize' says it"
    try:
        made = quantize(graph, spread(ports(graph, graph.inputs), 2), Settings(ranges=METHODS[0], samples=2))
        after = costs(made.graph)
    except (ConfigError, DataError) as error:
        return error.message
    if after.ram is None:
        return "layers of the integer net have no C"
    sizes = after.weights, after.ram
    whole = [size + more for size, more in zip(sizes, beside, strict=True)]
    known = zip(whole, (at.flash, at.ram), strict=True)
    fits = all(size is None or used <= size for used, size in known)
    return Smaller(*sizes, fits, tuple(roomy(at.name, *whole)[:_NAMED]))
