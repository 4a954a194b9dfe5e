"""The 21 devices with a machine learning core, from the fact files in ``devices/``.

A device file names its generation; a group of facts that the device file lacks is taken from
``devices/generations/``. So each fact is stated once, with its source and mark, and ``facts`` lists
them again for tables.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache, partial
from importlib import resources
from importlib.resources.abc import Traversable

from sensorai.errors import ConfigError
from sensorai.mlc.config import FEATURE_CODES, FILTER_COEFFICIENTS
from sensorai.mlc.devicetypes import BitField, HighG, Limits, MlcDevice, Registers
from sensorai.targets import Devices, Group, Key, Listed, Schema, closest, find, load

__all__ = [
    "BitField",
    "HighG",
    "Limits",
    "MlcDevice",
    "Registers",
    "acc_rate_code",
    "device",
    "devices",
    "facts",
    "fastest_mlc_rate",
    "listed",
    "nearest_mlc_rate",
]

_INTEGER, _TABLE, _ROWS, _TEXTS = Key("integer"), Key("table"), Key("rows"), Key("texts")
_MAYBE_INTEGER, _MAYBE_ROWS, _MAYBE_NUMBER = Key("integer", True), Key("rows", True), Key("number", True)
_RATES = {"codes": _TABLE, "also_read": Key("table", True)}

#: Rates of two families at the same step are apart by less: 26 and 30 Hz, 52 and 60, 104 and 120.
STEP = 1.16

#: Groups and keys of the fact files.
SCHEMA: Schema = {
    "device": {"name": Key("text"), "generation": Key("text"), "sensors": _TEXTS},
    "limits": dict.fromkeys(
        ("nodes", "trees", "results", "groups", "group_width", "features", "inputs", "window", "end_counter"),
        _INTEGER,
    ),
    "offers": {"filters": _TEXTS, "features": _TEXTS},
    "axes": {"acc_axes": Key("text")},
    "units": {"acc_unit_g": Key("number")},
    "third": {"names": _TEXTS},
    "identity": {"who_am_i": _INTEGER, "self_clearing": _ROWS},
    "memory": {
        **dict.fromkeys(
            (
                *("node_bytes", "header", "base", "sensitivity_address", "sensitivity"),
                *("fsm_timeout", "fsm_count", "fsm_start"),
            ),
            _INTEGER,
        ),
        **dict.fromkeys(("base_older", "third_source", "external_format"), _MAYBE_INTEGER),
    },
    "registers": {
        **dict.fromkeys(
            (
                *("bank", "tree_interrupt", "tree_interrupt_2", "rate", "rate_base", "status", "status_main"),
                *("init", "init_bit", "result_first", "result_name_from"),
            ),
            _INTEGER,
        ),
        **dict.fromkeys(("off", "interrupt"), _ROWS),
        **dict.fromkeys(("after_enable", "feature_fifo", "result_fifo"), _MAYBE_ROWS),
    },
    "sensor_registers": {
        **dict.fromkeys(("order", "acc_rate", "acc_full_scale"), _ROWS),
        **dict.fromkeys(
            ("order_older", "acc_mode", "gyro_rate", "gyro_mode", "gyro_full_scale"), _MAYBE_ROWS
        ),
        **dict.fromkeys(("gyro_off", "gyro_off_older"), _MAYBE_INTEGER),
    },
    "acc_registers": {"full_scale": _ROWS},
    "gyro_registers": {"full_scale": _ROWS, "off_with_high_g": _INTEGER, "unused_bit": _INTEGER},
    "rate_limits": dict.fromkeys(("acc_max_hz", "gyro_min_hz", "gyro_max_hz", "mlc_max_hz"), _MAYBE_NUMBER),
    "mlc_rates": _RATES,
    "mlc_rates_with_vafe": _RATES,
    "acc_rates": _RATES,
    "gyro_rates": _RATES,
    "acc_full_scales": _RATES,
    "gyro_full_scales": _RATES,
    "high_g": {
        **dict.fromkeys(("off", "rate", "full_scale"), _ROWS),
        **dict.fromkeys(("rates", "full_scales"), _TABLE),
        **dict.fromkeys(("enable", "sensitivity_address", "sensitivity", "source_code"), _INTEGER),
        "also_read": Key("table", True),
        "unit_g": Key("number"),
    },
}

_ALWAYS = (
    *("limits", "offers", "axes", "units", "third", "identity", "memory", "registers", "sensor_registers"),
    *("mlc_rates", "acc_rates", "acc_full_scales"),
)


def device(name: str) -> MlcDevice:
    """Find the device that ``name`` means: its name or a unique prefix, letter case ignored.

    Raises
    ------
    ConfigError
        No device or more than one fits; the hint names what is near.
    """
    known = {one.name: one for one in devices()}
    return known[find(name, known)]


def acc_rate_code(device: MlcDevice, hz: float) -> int:
    """Code of accelerometer rate ``hz``; a ConfigError naming the nearest rate where there is none."""
    if hz not in device.acc_rates:
        near = min(device.acc_rates, key=lambda rate: (_distance(rate, hz), rate))
        raise ConfigError(
            f"{device.name} has no accelerometer rate of {hz:g} Hz", hint=f"the nearest one is {near:g} Hz"
        )
    return device.acc_rates[hz]


def nearest_mlc_rate(device: MlcDevice, hz: float) -> float:
    """Find the MLC rate with the smallest ratio to ``hz`` (Hz > 0); of two equal ones the lower."""
    return min(device.mlc_rates, key=lambda rate: (_distance(rate, hz), rate))


def fastest_mlc_rate(device: MlcDevice, hz: float) -> float:
    """Find the fastest MLC rate that logs at ``hz`` (Hz > 0) bear: at most the same step of another family.

    Families of sensors have steps of 26, 52, 104 Hz or of 30, 60, 120 Hz. Where every rate is faster, the
    slowest.
    """
    return max((rate for rate in device.mlc_rates if rate <= STEP * hz), default=min(device.mlc_rates))


def _distance(a: float, b: float) -> float:
    """How far two rates are apart, as a ratio; rates of 0 or less are infinitely far."""
    return abs(math.log(a / b)) if a > 0 and b > 0 else math.inf


def listed() -> Devices:
    """All of them, for a list."""
    return Devices(
        "sensors with a machine learning core",
        ("device", "gen", "sensors", "core rates, Hz", "nodes", "trees", "results"),
        ("nodes", "trees", "results"),
        tuple(map(_listed, devices())),
    )


def _listed(device: MlcDevice) -> Listed:
    rates, limits = list(device.mlc_rates), device.limits
    counts = {"nodes": limits.nodes, "trees": limits.trees, "results": limits.results}
    figures = {
        "name": device.name,
        "generation": device.generation,
        "sensors": list(device.sensors),
        "rates_hz": rates,
        **counts,
    }
    span = f"{min(rates):g} to {max(rates):g}"
    cells = (device.name, device.generation, " ".join(device.sensors), span, *map(str, counts.values()))
    return Listed(figures, cells, partial(facts, device))


def facts(device: MlcDevice) -> list[tuple[str, str, str, str, str]]:
    """Every fact of a device as (group, fact, value, mark, source), for tables."""
    rows = []
    for group in device.groups.values():
        for key, value in group.values.items():
            rows.append((group.name, key, _show(group.name, key, value), group.mark_of(key), group.source))
        if group.note:
            rows.append((group.name, "note", group.note, group.mark, group.source))
    return rows


#: Groups whose whole numbers are addresses or register values, but for these keys.
_HEXADECIMAL = (
    "identity",
    "memory",
    "registers",
    "sensor_registers",
    "acc_registers",
    "gyro_registers",
    "high_g",
)
_DECIMAL = ("node_bytes", "init_bit", "result_name_from", "source_code")


def _show(group: str, key: str, value: object) -> str:
    """Write a fact as text: addresses and register values in hexadecimal with an ``h``."""
    if isinstance(value, dict):
        return ", ".join(f"{number:g} = {code:X}h" for number, code in value.items())
    if isinstance(value, tuple):
        if all(isinstance(item, str) for item in value):
            return ", ".join(value)
        return ", ".join(" ".join(_row(key, row)) for row in value)
    if isinstance(value, int) and group in _HEXADECIMAL and key not in _DECIMAL:
        return f"{value:02X}h"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _row(key: str, row: tuple[int, ...]) -> list[str]:
    """One row of a rows key: bit fields as ``10h[7:4]``, waits in ms, everything else in hexadecimal."""
    if key == "off" and len(row) == 3:
        return [f"{row[0]:02X}h={row[1]:02X}h", *([f"then {row[2]} ms"] if row[2] else [])]
    if len(row) == 3:
        return [f"{row[0]:02X}h[{row[1] + row[2] - 1}:{row[1]}]"]
    return ["=".join(f"{item:02X}h" for item in row)]


@cache
def devices() -> tuple[MlcDevice, ...]:
    """All devices, by generation and name."""
    folder = resources.files("sensorai.mlc") / "devices"
    generations = {
        file.name.removesuffix(".toml"): _read(file)
        for file in (folder / "generations").iterdir()
        if _is_toml(file)
    }
    found = [_build(_read(file), generations, file.name) for file in folder.iterdir() if _is_toml(file)]
    return tuple(sorted(found, key=lambda one: (one.generation, one.name)))


def _is_toml(file: Traversable) -> bool:
    return file.name.endswith(".toml")


def _read(file: Traversable) -> dict[str, Group]:
    return load(file.read_text(encoding="utf-8"), file.name, SCHEMA)


def _build(own: Mapping[str, Group], generations: Mapping[str, Mapping[str, Group]], file: str) -> MlcDevice:
    """Make a device from its groups and those of its generation."""
    if "device" not in own:
        raise ConfigError("group [device] is missing", where=file)
    about = own["device"]
    generation = about.text("generation")
    if generation not in generations:
        raise ConfigError(
            f"unknown generation {generation!r}",
            where=f"{file} [device]",
            hint=closest(generation, generations),
        )
    sensors = about.texts("sensors")
    shared = {
        n: g for n, g in generations[generation].items() if "gyro" in sensors or not n.startswith("gyro_")
    }
    groups = {"device": about, **shared, **own}
    needed = (*_ALWAYS, *(("gyro_rates", "gyro_full_scales") if "gyro" in sensors else ()))
    for name in (*needed, *(("high_g",) if "acch" in sensors else ())):
        if name not in groups:
            raise ConfigError(f"group [{name}] is neither here nor in generation {generation}", where=file)
    _check_names(groups, sensors, file)
    limits, offers = groups["limits"], groups["offers"]
    bounds = groups["rate_limits"].values if "rate_limits" in groups else {}
    high = groups.get("high_g")

    def rates(sensor: str) -> dict[float, int]:
        low, top = bounds.get(f"{sensor}_min_hz", 0.0), bounds.get(f"{sensor}_max_hz", math.inf)
        return {hz: code for hz, code in _codes(groups, f"{sensor}_rates").items() if low <= hz <= top}

    return MlcDevice(
        name=about.text("name"),
        generation=generation,
        sensors=sensors,
        third_names=groups["third"].texts("names"),
        acc_axes=groups["axes"].text("acc_axes"),
        unit_g=groups["units"].number("acc_unit_g"),
        limits=Limits(**{key: limits.integer(key) for key in SCHEMA["limits"]}),
        filters=offers.texts("filters"),
        features=offers.texts("features"),
        mlc_rates=rates("mlc"),
        mlc_rates_with_vafe=_codes(groups, "mlc_rates_with_vafe"),
        acc_rates=rates("acc"),
        gyro_rates=rates("gyro"),
        acch_rates=high.table("rates") if high else {},
        acc_full_scales=_codes(groups, "acc_full_scales"),
        gyro_full_scales=_codes(groups, "gyro_full_scales"),
        acch_full_scales=high.table("full_scales") if high else {},
        registers=_registers(groups, "gyro" in sensors),
        high_g=_high_g(high) if high else None,
        groups=groups,
    )


def _codes(groups: Mapping[str, Group], name: str) -> dict[float, int]:
    """Table of group ``name``; empty where the device has none."""
    return groups[name].table("codes") if name in groups else {}


def _check_names(groups: Mapping[str, Group], sensors: tuple[str, ...], file: str) -> None:
    """Names that the code knows by heart must be spelt right in the facts."""
    for what, names, known in (
        ("sensor", sensors, ("acc", "gyro", "ext", "acch")),
        ("filter", groups["offers"].texts("filters"), FILTER_COEFFICIENTS),
        ("feature", groups["offers"].texts("features"), FEATURE_CODES),
        ("axis order", (groups["axes"].text("acc_axes"),), ("XYZ", "ZYX")),
    ):
        for name in names:
            if name not in known:
                raise ConfigError(f"unknown {what} {name!r}", where=file, hint=closest(name, known))


def _field(group: Group, key: str) -> BitField | None:
    rows = group.rows(key)
    if not rows:
        return None
    if len(rows) != 1 or len(rows[0]) != 3:
        raise ConfigError(
            f"{key!r} must be [[register, lowest bit, bits]]", where=f"{group.file} [{group.name}]"
        )
    return BitField(*rows[0])


def _sure(group: Group, key: str) -> BitField:
    field = _field(group, key)
    if field is None:
        raise ConfigError(f"{key!r} is empty", where=f"{group.file} [{group.name}]")
    return field


def _pairs(group: Group, key: str) -> tuple[tuple[int, int], ...]:
    rows = group.rows(key)
    if any(len(row) != 2 for row in rows):
        raise ConfigError(f"{key!r} must hold [register, value]", where=f"{group.file} [{group.name}]")
    return tuple((row[0], row[1]) for row in rows)


def _triples(group: Group, key: str) -> tuple[tuple[int, int, int], ...]:
    rows = group.rows(key)
    if any(len(row) != 3 for row in rows):
        raise ConfigError(f"{key!r} must hold [register, value, ms]", where=f"{group.file} [{group.name}]")
    return tuple((row[0], row[1], row[2]) for row in rows)


def _high_g(group: Group) -> HighG:
    return HighG(
        off=_pairs(group, "off"),
        rate=_sure(group, "rate"),
        full_scale=_sure(group, "full_scale"),
        enable=group.integer("enable"),
        sensitivity_address=group.integer("sensitivity_address"),
        sensitivity=group.integer("sensitivity"),
        source_code=group.integer("source_code"),
        unit_g=group.number("unit_g"),
    )


def _registers(groups: Mapping[str, Group], gyro: bool) -> Registers:
    memory, registers, sensors = groups["memory"], groups["registers"], groups["sensor_registers"]
    base = memory.integer("base")
    order = tuple(row[0] for row in sensors.rows("order"))
    special = groups.get("gyro_registers")
    return Registers(
        bank=registers.integer("bank"),
        header=memory.integer("header"),
        base=base,
        bases=(base, memory.integer("base_older")) if "base_older" in memory.values else (base,),
        node_bytes=memory.integer("node_bytes"),
        sensitivity_address=memory.integer("sensitivity_address"),
        sensitivity=memory.integer("sensitivity"),
        third_source=memory.values.get("third_source"),
        external_format=memory.values.get("external_format"),
        fsm_timeout=memory.integer("fsm_timeout"),
        fsm_count=memory.integer("fsm_count"),
        fsm_start=memory.integer("fsm_start"),
        off=_triples(registers, "off"),
        interrupt=_pairs(registers, "interrupt"),
        tree_interrupt=registers.integer("tree_interrupt"),
        tree_interrupt_2=registers.integer("tree_interrupt_2"),
        rate_register=registers.integer("rate"),
        rate_base=registers.integer("rate_base"),
        after_enable=_pairs(registers, "after_enable"),
        feature_fifo=_pairs(registers, "feature_fifo"),
        result_fifo=_pairs(registers, "result_fifo"),
        status=registers.integer("status"),
        status_main=registers.integer("status_main"),
        init_register=registers.integer("init"),
        init_bit=registers.integer("init_bit"),
        result_first=registers.integer("result_first"),
        result_count=groups["limits"].integer("trees"),
        result_name_from=registers.integer("result_name_from"),
        sensor_order=order,
        sensor_order_older=tuple(row[0] for row in sensors.rows("order_older")) or order,
        acc_rate=_sure(sensors, "acc_rate"),
        acc_mode=_field(sensors, "acc_mode"),
        acc_full_scale=_sure(groups["acc_registers"], "full_scale")
        if "acc_registers" in groups
        else _sure(sensors, "acc_full_scale"),
        gyro_rate=_field(sensors, "gyro_rate") if gyro else None,
        gyro_mode=_field(sensors, "gyro_mode") if gyro else None,
        gyro_full_scale=_field(special or sensors, "full_scale" if special else "gyro_full_scale")
        if gyro
        else None,
        gyro_off=sensors.values.get("gyro_off", 0),
        gyro_off_older=sensors.values.get("gyro_off_older", 0),
        gyro_off_high_g=special.integer("off_with_high_g") if special else sensors.values.get("gyro_off", 0),
        high_g_bit=special.integer("unused_bit") if special else 0,
    )
