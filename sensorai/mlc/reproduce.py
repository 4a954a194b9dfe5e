"""Which write style made a file: the one whose write list stands in it, byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sensorai.mlc.bus import EMBEDDED
from sensorai.mlc.config import MlcConfig
from sensorai.mlc.devices import MlcDevice
from sensorai.mlc.layout import DELAY, STYLES, Layout, Step
from sensorai.mlc.sequence import steps
from sensorai.regfile import Delay, Op, Write


def op_steps(ops: Sequence[Op]) -> list[Step] | None:
    """Operations as steps; None when there are polls or reads, which a layout does not keep."""
    out: list[Step] = []
    for op in ops:
        if isinstance(op, Write):
            out.append((op.register, op.value))
        elif isinstance(op, Delay):
            out.append((DELAY, op.ms))
        else:
            return None
    return out


def detect(ops: Sequence[Op], config: MlcConfig, layout: Layout, device: MlcDevice) -> tuple[Layout, bool]:
    """Complete a layout with style, sensor registers and what stands around the MLC part.

    Returns
    -------
    layout, reproduces
        ``reproduces`` is false when no style writes this list; the layout then names the newest one.
    """
    have = op_steps(ops)
    layout = replace(layout, registers=_sensor_registers(have or [], device))
    for name in _likely(layout, device):
        if have is None:
            break
        mine = steps(config, device, replace(layout, style=name))
        at = _find(have, mine)
        if at is not None:
            before, after = tuple(have[:at]), tuple(have[at + len(mine) :])
            return replace(layout, style=name, before=before, after=after), True
    return layout, False


def _likely(layout: Layout, device: MlcDevice) -> list[str]:
    """Styles of the device's generation, the likeliest first: several can give the same list."""
    optional = (layout.sensitivity, layout.high_g_sensitivity, layout.external_format)
    defaults = any(value is not None for value in optional)
    older = layout.base == device.registers.bases[-1] and len(device.registers.bases) > 1
    fitting = [how for how in STYLES.values() if device.generation in how.generations]
    fitting.sort(key=lambda how: (how.defaults != defaults, how.older_base != older))
    return [how.name for how in fitting]


def _sensor_registers(have: Sequence[Step], device: MlcDevice) -> tuple[Step, ...]:
    """User-bank writes between the rate of the core and what follows the sensor registers."""
    registers = device.registers
    routing = {register + k for register, _ in registers.interrupt for k in (0, 1)}
    found: list[Step] = []
    bank, state = 0, "before"
    for register, value in have:
        if register == registers.bank:
            bank = value
            if state == "rate" and bank == 0:
                state = "sensors"
            elif state == "sensors":
                state = "behind"
        elif bank & EMBEDDED and register == registers.rate_register:
            found, state = [], "rate"
        elif state == "sensors" and (register == DELAY or register in routing):
            state = "behind"
        elif state == "sensors":
            found.append((register, value))
    return tuple(found)


def _find(have: Sequence[Step], mine: Sequence[Step]) -> int | None:
    """Where ``mine`` stands inside ``have`` in one piece."""
    n, mine = len(mine), list(mine)
    return next((i for i in range(len(have) - n + 1) if have[i] == mine[0] and have[i : i + n] == mine), None)
