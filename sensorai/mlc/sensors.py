"""Sensor registers: what rate and full scale they set, and the writes that set them.

Source: facts, mlc-format sections 9 and 11 (addresses and codes are in the device files).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sensorai.mlc.config import MlcConfig, SensorSetting
from sensorai.mlc.devices import BitField, MlcDevice
from sensorai.mlc.layout import Layout, Step, style


@dataclass(frozen=True, slots=True)
class Field:
    """One setting of one sensor and the bits that hold it.

    ``sensor`` is the device's word (``acch`` for the high-g accelerometer in slot ``ext``); ``what`` is
    ``rate_hz`` or ``full_scale``; ``codes`` maps values to codes.
    """

    slot: str
    sensor: str
    what: str
    bits: BitField
    codes: Mapping[float, int]

    def meaning(self, device: MlcDevice, value: int) -> float | None:
        """Read the field from register value ``value``; None when the code is not known."""
        code = self.bits.get(value)
        return (
            device.rate_hz(self.sensor, code)
            if self.what == "rate_hz"
            else device.full_scale(self.sensor, code)
        )

    def code(self, device: MlcDevice, setting: float) -> int | None:
        """Code of a setting: the one on offer, else one that is known to be read so; None without any."""
        if self.what == "rate_hz" and setting == 0.0:
            return 0
        if setting in self.codes:
            return self.codes[setting]
        codes = (self.bits.put(code) for code in range(1 << self.bits.width))
        return next((self.bits.get(v) for v in codes if self.meaning(device, v) == setting), None)


def high_g(config: MlcConfig, device: MlcDevice) -> bool:
    """Whether the third slot holds the high-g accelerometer."""
    return (
        device.high_g is not None
        and "ext" in config.inputs
        and config.third_sensor == device.high_g.source_code
    )


def fields(device: MlcDevice) -> Iterator[Field]:
    """Every setting the device has, accelerometer first."""
    registers = device.registers
    yield Field("acc", "acc", "rate_hz", registers.acc_rate, device.acc_rates)
    yield Field("acc", "acc", "full_scale", registers.acc_full_scale, device.acc_full_scales)
    if registers.gyro_rate is not None and registers.gyro_full_scale is not None:
        yield Field("gyro", "gyro", "rate_hz", registers.gyro_rate, device.gyro_rates)
        yield Field("gyro", "gyro", "full_scale", registers.gyro_full_scale, device.gyro_full_scales)
    if device.high_g is not None:
        yield Field("ext", "acch", "rate_hz", device.high_g.rate, device.acch_rates)
        yield Field("ext", "acch", "full_scale", device.high_g.full_scale, device.acch_full_scales)


def read_settings(
    device: MlcDevice, registers: Mapping[int, int], *, with_high_g: bool
) -> dict[str, SensorSetting]:
    """Rate and full scale of each sensor from the last register values; unwritten registers give None.

    The high-g accelerometer is left out unless it is an input.
    """
    found: dict[str, dict[str, float | None]] = {}
    for field in fields(device):
        if field.slot == "ext" and not with_high_g:
            continue
        value = registers.get(field.bits.register)
        known = None if value is None else field.meaning(device, value)
        found.setdefault(field.slot, {})[field.what] = known
    return {
        slot: SensorSetting(**values)
        for slot, values in found.items()
        if any(known is not None for known in values.values())
    }


def sensor_writes(config: MlcConfig, device: MlcDevice, layout: Layout) -> list[Step]:
    """Sensor register writes: the layout's list with changed settings put in, or the style's own list."""
    return [
        (register, _put(config, device, register, value))
        for register, value in _start(config, device, layout)
    ]


def _start(config: MlcConfig, device: MlcDevice, layout: Layout) -> list[Step]:
    """Values before the settings are put in."""
    if layout.registers:
        return list(layout.registers)
    registers, older = device.registers, style(layout.style).older_sensors
    order = registers.sensor_order_older if older else registers.sensor_order
    values = dict.fromkeys(order, 0)
    if registers.gyro_full_scale is not None:
        if "gyro" not in config.settings:
            values[registers.gyro_full_scale.register] |= (
                registers.gyro_off_older if older else registers.gyro_off
            )
        if high_g(config, device):
            values[registers.gyro_full_scale.register] |= registers.high_g_bit
    if device.high_g is not None and high_g(config, device):
        values[device.high_g.rate.register] = device.high_g.enable
    return list(values.items())


def _put(config: MlcConfig, device: MlcDevice, register: int, value: int) -> int:
    for field in fields(device):
        if field.bits.register != register or field.slot not in config.settings:
            continue
        wanted = getattr(config.settings[field.slot], field.what)
        if wanted is None or field.meaning(device, value) == wanted:
            continue
        code = field.code(device, wanted)
        if code is not None:  # ``check`` refuses what the device does not offer
            value = value & ~field.bits.mask | field.bits.put(code)
    return value
