"""The Cortex-M cores that code is built for and run on."""

from __future__ import annotations

from dataclasses import dataclass

from sensorai.targets import find

#: What kernels are written for: Armv6-M (no long products), the DSP extension of Armv7E-M and Armv8-M, and
#: vectors of integers (Helium).
ISAS = ("thumb1", "dsp", "mve")


@dataclass(frozen=True, slots=True)
class Cpu:
    """One core and how to build and run for it.

    Attributes
    ----------
    name : str
        As in ``cortex-m4``.
    flags : tuple of str
        Compiler flags (architecture, float ABI).
    fpu, dsp : bool
        Single-precision FPU; the DSP instructions (SMLAD and friends).
    unicorn : str
        Model of the Unicorn emulator; empty where it has none that runs this core's code.
    machine : str
        QEMU board that runs the code.
    flash, ram : (int, int)
        Start and size of the memories of that board.
    bulk : (int, int)
        Its large memory: constants, variables and stack of programs that the two do not hold.
    timer : int
        Address of its CMSDK timer 0, or of the value of its SSE system counter; 0: none. The dual timer
        lies 8 KiB behind timer 0.
    timer_hz : int
        Rate of that timer.
    counter_control : int
        Address of the control register of the SSE system counter; 0: the timer is a CMSDK timer.
    """

    name: str
    flags: tuple[str, ...]
    fpu: bool
    dsp: bool
    unicorn: str
    machine: str
    flash: tuple[int, int] = (0x0000_0000, 4 << 20)
    ram: tuple[int, int] = (0x2000_0000, 4 << 20)
    bulk: tuple[int, int] = (0x2100_0000, 16 << 20)
    timer: int = 0x4000_0000
    timer_hz: int = 25_000_000
    counter_control: int = 0

    @property
    def isa(self) -> str:
        """Instructions that kernels may be chosen for, one of ``ISAS``; "" where none of them."""
        if self.name.endswith(("m0", "m0plus")):
            return "thumb1"
        if self.name.endswith("m55"):
            return "mve"
        return "dsp" if self.dsp else ""


def _core(name: str, fpu: str = "") -> tuple[str, ...]:
    floats = (f"-mfpu={fpu}", "-mfloat-abi=hard") if fpu else ("-mfloat-abi=soft",)
    return (f"-mcpu={name}", "-mthumb", *floats)


#: Memory maps: Arm's application notes AN385, AN386, AN500 (MPS2), AN505 (IoT kit, secure side), AN547
#: (SSE-300), as QEMU's documentation of its mps2 and mps3 boards has them. QEMU has no board with an
#: M0 or M0+ of this size, but their code is a subset of what an M3 runs.
CPUS = (
    Cpu("cortex-m0", _core("cortex-m0"), False, False, "CORTEX_M0", "mps2-an385"),
    Cpu("cortex-m0plus", _core("cortex-m0plus"), False, False, "CORTEX_M0", "mps2-an385"),
    Cpu("cortex-m3", _core("cortex-m3"), False, False, "CORTEX_M3", "mps2-an385"),
    Cpu("cortex-m4", _core("cortex-m4", "fpv4-sp-d16"), True, True, "CORTEX_M4", "mps2-an386"),
    Cpu(
        "cortex-m7",
        _core("cortex-m7", "fpv5-sp-d16"),
        True,
        True,
        "CORTEX_M7",
        "mps2-an500",
        bulk=(0x6000_0000, 16 << 20),
    ),
    Cpu(
        "cortex-m33",
        _core("cortex-m33", "fpv5-sp-d16"),
        True,
        True,
        "CORTEX_M33",
        "mps2-an505",
        flash=(0x1000_0000, 4 << 20),
        ram=(0x3800_0000, 4 << 20),
        bulk=(0x8000_0000, 16 << 20),
        timer=0x5000_0000,
        timer_hz=20_000_000,
    ),
    Cpu(
        "cortex-m55",
        ("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard"),
        True,
        True,
        "",
        "mps3-an547",
        flash=(0x1000_0000, 512 << 10),
        ram=(0x3000_0000, 512 << 10),
        bulk=(0x7000_0000, 64 << 20),
        timer=0x5810_1000,
        timer_hz=32_000_000,
        counter_control=0x5810_0000,
    ),
)


def cpu(name: str) -> Cpu:
    """Find a core by its name or a unique prefix; ``m4`` is short for ``cortex-m4``.

    Raises
    ------
    ConfigError
        No core, or more than one, has this name.
    """
    known = {one.name: one for one in CPUS}
    wanted = name.strip().casefold()
    return known[find(wanted if wanted.startswith("c") else f"cortex-{wanted}", known, "core")]
