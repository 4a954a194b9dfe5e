"""Cycles of emulated code, as an estimate from its instructions. No wait states, no bus conflicts, no cache.

For M0, M0+, M3 and M4 the numbers are those of Arm's technical reference manuals. Arm publishes none for
M7 and M33: theirs are the M4's times a factor that MLPerf Tiny v1.2 shows for the same nets. For M55 there
is no estimate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sensorai.errors import ConfigError
from sensorai.toolchain.count import Counter
from sensorai.toolchain.cpu import Cpu
from sensorai.toolchain.thumb import kind


@dataclass(frozen=True, slots=True)
class Timing:
    """Cycles of instructions.

    Attributes
    ----------
    cycles : mapping of kind to cycles
        Kinds of `thumb.kind`; for ``load many`` and ``store many`` the cycles beside one per register.
        A kind that is not there takes one.
    taken : int
        Further cycles of a branch that is taken.
    pipelined : bool
        A load right behind another load or a store takes one cycle.
    factor : float
        What the sum is multiplied by.
    mark, source : str
        How sure this is, and where it is from.
    """

    cycles: Mapping[str, int]
    taken: int
    pipelined: bool
    factor: float
    mark: str
    source: str


_V6 = {"load": 2, "store": 2, "load many": 1, "store many": 1}
_M3 = _V6 | {
    "store": 1,
    "multiply add": 2,
    "long multiply": 4,
    "divide": 7,
    "float multiply add": 3,
    "float divide": 14,
}
_M4 = _M3 | {"multiply add": 1, "long multiply": 1}
_MLPERF = "MLPerf Tiny v1.2, anomaly detection by X-CUBE-AI 9"

#: Where a manual gives a range, the middle is taken: M3 and M4 divide in 2 to 12 cycles, M3 long multiply
#: in 3 to 5, refill of the pipeline in 1 to 3. The M0s' multiplier is the fast one (STM32 has it).
TIMINGS: Mapping[str, Timing] = {
    "cortex-m0": Timing(_V6 | {"call": 2}, 2, False, 1.0, "documented", "Arm DDI 0432C, table 3-1"),
    "cortex-m0plus": Timing(_V6 | {"call": 2}, 1, False, 1.0, "documented", "Arm DDI 0484C, table 3-1"),
    "cortex-m3": Timing(_M3, 2, True, 1.0, "documented", "Arm DDI 0337, instruction timings"),
    "cortex-m4": Timing(_M4, 2, True, 1.0, "documented", "Arm DDI 0439, instruction timings"),
    "cortex-m7": Timing(
        _M4, 2, True, 0.54, "inferred", f"{_MLPERF}: 343 k cycles on H7A3 against 631 k on L4R5"
    ),
    "cortex-m33": Timing(
        _M4, 2, True, 0.87, "inferred", f"{_MLPERF}: 549 k cycles on U575 against 631 k on L4R5"
    ),
}


def estimate(cpu: Cpu, counter: Counter) -> float:
    """Cycles of everything a counter has seen, as an estimate.

    Raises
    ------
    ConfigError
        There is no estimate for this core.
    """
    timing = TIMINGS.get(cpu.name)
    if timing is None:
        raise ConfigError(f"there is no cycle estimate for {cpu.name}", hint="Arm publishes no timings of it")
    total = 0
    for place, times in counter.ran():
        name, registers = kind(*counter.words(place))
        cycles = timing.cycles.get(name, 1)
        if name.endswith("many"):
            cycles += registers
        elif name == "load" and timing.pipelined:
            before = counter.before(place)
            if before is not None and kind(*counter.words(before))[0].startswith(("load", "store")):
                cycles = 1
        total += cycles * times + timing.taken * int(counter.taken[place])
    return total * timing.factor
