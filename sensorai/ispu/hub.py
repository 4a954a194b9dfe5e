"""``shub.txt``: what the sensor hub writes to and reads from external sensors.

Lines are ``shub_odr RATE``, ``w DEVICE REGISTER VALUE`` and ``r DEVICE REGISTER COUNT``; ``#`` begins
a comment (source: facts, ispu 2.3, and what ST's tool made of its published files). ``DEVICE`` is the
8-bit I2C address of a write. What is read appears in the core's external registers, in this order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sensorai.errors import ConfigError
from sensorai.ispu.devices import IspuDevice
from sensorai.ispu.lines import number, numbered_words, rate_of
from sensorai.regfile import Delay, Op, Write


@dataclass(frozen=True, slots=True)
class HubAccess:
    """One line: a write of ``value`` to, or a read of ``value`` bytes from, ``register`` of ``device``."""

    read: bool
    device: int
    register: int
    value: int


@dataclass(frozen=True, slots=True)
class Hub:
    """Rate code and accesses of a ``shub.txt``."""

    rate: int
    accesses: tuple[HubAccess, ...]


def parse_hub(text: str, device: IspuDevice, source: str = "shub.txt") -> Hub:
    """Read a ``shub.txt``.

    Raises
    ------
    ConfigError
        A line that is not in the grammar (``where`` names it), or a device without a sensor hub.
    """
    facts = device.groups.get("hub")
    if facts is None:
        raise ConfigError(f"{device.name} has no sensor hub", where=source, hint="leave out shub.txt")
    rate: int | None = None
    accesses: list[HubAccess] = []
    for line, words in numbered_words(text):
        where = f"{source}:{line}"
        match words:
            case ["shub_odr", value]:
                if rate is not None:
                    raise ConfigError("shub_odr stands here for the second time", where=where)
                rate = rate_of(value, facts.table("rates"), "shub_odr", where)
            case ["w" | "r" as kind, address, register, value]:
                read = kind == "r"
                accesses.append(
                    HubAccess(
                        read,
                        number(address, 0, 0xFF, "device address", where),
                        number(register, 0, 0xFF, "register", where),
                        number(value, 1 if read else 0, 7 if read else 0xFF, "value", where),
                    )
                )
            case _:
                raise ConfigError(
                    f"unknown line {' '.join(words)[:60]!r}",
                    where=where,
                    hint="lines are 'shub_odr RATE', 'w DEVICE REGISTER VALUE', 'r DEVICE REGISTER COUNT'",
                )
    reads = sum(one.read for one in accesses)
    if reads > facts.integer("slaves"):
        raise ConfigError(
            f"{reads} reads, but the hub has {facts.integer('slaves')} slaves",
            where=source,
            hint="read neighbouring registers in one line",
        )
    if reads and rate is None:
        raise ConfigError("reads, but no shub_odr", where=source, hint="add a line 'shub_odr 104'")
    return Hub(rate or 0, tuple(accesses))


def hub_ops(hub: Hub, device: IspuDevice) -> list[Op]:
    """Register operations that carry out the writes once and leave the reads running."""
    return list(_ops(hub, device)) if hub.accesses else []


def _ops(hub: Hub, device: IspuDevice) -> Iterator[Op]:
    facts = device.groups["hub"]
    first, control = facts.integer("first"), facts.integer("control")
    yield from device.steps("hub", "trigger")
    slave, reads = first, [one for one in hub.accesses if one.read]
    for one in hub.accesses:
        at = slave if one.read else first
        yield Write(at, one.device | one.read)
        yield Write(at + 1, one.register)
        if one.read:
            yield Write(at + 2, one.value)
            slave += 3
        else:
            yield Write(at + 2, 0)
            yield Write(facts.integer("data"), one.value)
            yield Write(control, facts.integer("enable"))
            yield Delay(facts.integer("wait_ms"))
            yield Write(control, 0)
    yield from device.steps("hub", "trigger_off")
    if reads:
        yield Write(first + 2, hub.rate << 6 | reads[0].value)
        yield Write(control, facts.integer("enable") | len(reads) - 1)
    yield Write(device.integer("load", "access"), 0)
