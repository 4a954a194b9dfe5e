"""What a device with a machine learning core is: limits, rates, scales and registers, as values.

``sensorai.mlc.devices`` fills these from the fact files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sensorai.targets import Group


@dataclass(frozen=True, slots=True)
class Limits:
    """What one configuration may hold at most.

    ``nodes`` counts all trees together (whether the core counts so is not known); ``results`` are the
    codes of one tree; ``groups`` the result groups with an end counter of their own, each of
    ``group_width`` codes; ``inputs`` the input codes (sensor components plus filter outputs).
    """

    nodes: int
    trees: int
    results: int
    groups: int
    group_width: int
    features: int
    inputs: int
    window: int
    end_counter: int


@dataclass(frozen=True, slots=True)
class BitField:
    """Bits of one register: ``width`` of them, the lowest at ``low``."""

    register: int
    low: int
    width: int

    @property
    def mask(self) -> int:
        """The field's bits, in place."""
        return ((1 << self.width) - 1) << self.low

    def get(self, value: int) -> int:
        """Take the code out of register value ``value``."""
        return (value & self.mask) >> self.low

    def put(self, code: int) -> int:
        """``code`` moved to its place; the register's other bits are 0."""
        return code << self.low


@dataclass(frozen=True, slots=True)
class HighG:
    """The high-g accelerometer, which takes the third-sensor slot.

    ``enable`` is or-ed to the register; ``sensitivity`` is the half at ``sensitivity_address``;
    ``source_code`` stands at the third-sensor source; ``off`` are the writes that switch it off.
    """

    off: tuple[tuple[int, int], ...]
    rate: BitField
    full_scale: BitField
    enable: int
    sensitivity_address: int
    sensitivity: int
    source_code: int
    unit_g: float


@dataclass(frozen=True, slots=True)
class Registers:
    """Addresses of a generation, and how its tools fill them.

    Attributes
    ----------
    bank : int
        Bank switch register (80h = embedded bank).
    header, base, bases : int, int, tuple of int
        Page addresses of the header, of the list (current tools), and all list addresses seen.
    node_bytes : int
        4: tree in page memory; 8: tree in a memory of its own.
    sensitivity_address, sensitivity : int
        Third-sensor sensitivity: page address and the half that current tools write.
    third_source, external_format : int or None
        Page addresses of the third-sensor source and of the external format; None: not there.
    fsm_timeout, fsm_count, fsm_start : int
        Page addresses of the state machines' words.
    off : tuple of (register, value, milliseconds to wait after it)
        Switches the sensors off at the start.
    interrupt : tuple of (register, value)
        Routes the embedded functions to INT1.
    tree_interrupt, tree_interrupt_2 : int
        Embedded registers, bit per tree, for INT1 and INT2.
    rate_register, rate_base : int
        Embedded register of the MLC rate: ``rate_base | code << 4``.
    after_enable : tuple of (register, value)
        Embedded writes after the enable (meaning unknown).
    feature_fifo, result_fifo : tuple of (register, value)
        Send filters and features (embedded bank), results to the FIFO; empty where it cannot.
    status, status_main, init_register, init_bit : int
        MLC status in the embedded bank and the main page; MLC_INIT.
    result_first, result_count, result_name_from : int
        Embedded result registers and the number in the first one's name (``MLC0_SRC`` or ``MLC1_SRC``).
    sensor_order, sensor_order_older : tuple of int
        Sensor registers in the order in which current (2.x) and older tools write them.
    acc_rate, acc_full_scale : BitField
    acc_mode, gyro_rate, gyro_mode, gyro_full_scale : BitField or None
        ``acc_mode`` is the operating mode (generation C: the bandwidth).
    gyro_off, gyro_off_older : int
        Value of the gyroscope's full-scale register while it is not used.
    gyro_off_high_g : int
        The same while the high-g input is used.
    high_g_bit : int
        Or-ed to the gyroscope's full-scale register when the high-g input is used (meaning unknown).
    """

    bank: int
    header: int
    base: int
    bases: tuple[int, ...]
    node_bytes: int
    sensitivity_address: int
    sensitivity: int
    third_source: int | None
    external_format: int | None
    fsm_timeout: int
    fsm_count: int
    fsm_start: int
    off: tuple[tuple[int, int, int], ...]
    interrupt: tuple[tuple[int, int], ...]
    tree_interrupt: int
    tree_interrupt_2: int
    rate_register: int
    rate_base: int
    after_enable: tuple[tuple[int, int], ...]
    feature_fifo: tuple[tuple[int, int], ...]
    result_fifo: tuple[tuple[int, int], ...]
    status: int
    status_main: int
    init_register: int
    init_bit: int
    result_first: int
    result_count: int
    result_name_from: int
    sensor_order: tuple[int, ...]
    sensor_order_older: tuple[int, ...]
    acc_rate: BitField
    acc_mode: BitField | None
    acc_full_scale: BitField
    gyro_rate: BitField | None
    gyro_mode: BitField | None
    gyro_full_scale: BitField | None
    gyro_off: int
    gyro_off_older: int
    gyro_off_high_g: int
    high_g_bit: int


@dataclass(frozen=True, slots=True)
class MlcDevice:
    """One device.

    Attributes
    ----------
    name, generation : str
        ``LSM6DSV16X``; ``A``, ``A2``, ``B`` or ``C``.
    sensors : tuple of str
        Of ``acc``, ``gyro``, ``ext`` (the third slot) and ``acch`` (high-g, in the third slot).
    third_names : tuple of str
        What tools call the third slot's sensor (``Ext``, ``Qvar``, ``Temp``, ``vAFE``, ``Ext24``, ``AccHG``).
    acc_axes : str
        Axes that accelerometer input codes 1, 2, 3 mean: ``XYZ`` or ``ZYX``.
    unit_g : float
        g per unit of an accelerometer input (an input of 1.0 is this many g).
    limits : Limits
    filters, features : tuple of str
        Kinds on offer.
    mlc_rates, acc_rates, gyro_rates, acch_rates : mapping of Hz to code
        Rates on offer; codes beyond them can still be read with ``rate_hz``.
    mlc_rates_with_vafe : mapping of Hz to code
        In place of ``mlc_rates`` when the vAFE is an input; empty on other devices.
    acc_full_scales, acch_full_scales : mapping of g to code
    gyro_full_scales : mapping of degrees per second to register value
    registers : Registers
    high_g : HighG or None
    groups : mapping of group name to Group
        All facts with source and mark.
    """

    name: str
    generation: str
    sensors: tuple[str, ...]
    third_names: tuple[str, ...]
    acc_axes: str
    unit_g: float
    limits: Limits
    filters: tuple[str, ...]
    features: tuple[str, ...]
    mlc_rates: Mapping[float, int]
    mlc_rates_with_vafe: Mapping[float, int]
    acc_rates: Mapping[float, int]
    gyro_rates: Mapping[float, int]
    acch_rates: Mapping[float, int]
    acc_full_scales: Mapping[float, int]
    gyro_full_scales: Mapping[float, int]
    acch_full_scales: Mapping[float, int]
    registers: Registers
    high_g: HighG | None
    groups: Mapping[str, Group]

    @property
    def sources(self) -> Mapping[str, str]:
        """Source of each group of facts."""
        return {name: group.source for name, group in self.groups.items()}

    def rate_hz(self, sensor: str, code: int) -> float | None:
        """Hz of rate ``code`` of ``mlc``, ``acc``, ``gyro`` or ``acch``; 0.0 = off, None = unknown."""
        if sensor != "mlc" and code == 0:
            return 0.0
        return self._meaning("high_g" if sensor == "acch" else f"{sensor}_rates", "rates", code)

    def full_scale(self, sensor: str, code: int) -> float | None:
        """Full scale (g, degrees per second) that ``code`` of ``acc``, ``gyro``, ``acch`` means, or None."""
        return self._meaning("high_g" if sensor == "acch" else f"{sensor}_full_scales", "full_scales", code)

    def _meaning(self, group: str, key: str, code: int) -> float | None:
        if group not in self.groups:
            return None
        facts = self.groups[group]
        tables = [facts.table(key)] if group == "high_g" else [facts.table("codes")]
        if group != "high_g" or key == "full_scales":
            tables.append(facts.table("also_read"))
        return next((value for table in tables for value, known in table.items() if known == code), None)
