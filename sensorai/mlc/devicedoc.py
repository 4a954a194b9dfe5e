"""The page ``docs/devices.md``, made from the device facts.

``python -m sensorai.mlc.devicedoc`` writes it to standard output; a test compares the two.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sensorai.mlc.devices import devices, facts
from sensorai.mlc.devicetypes import MlcDevice

_SENSORS = {"acc": "accelerometer", "gyro": "gyroscope", "ext": "third slot", "acch": "high-g accelerometer"}


def markdown() -> str:
    """Text of the page; the same facts give the same text."""
    known = devices()
    lines = [
        "# Devices with a machine learning core",
        "",
        f"{len(known)} devices. This page is made from the fact files in `sensorai/mlc/devices/`"
        " (`python -m sensorai.mlc.devicedoc`); `sensorai devices NAME` prints every fact of one device"
        " with its source. Nothing here was measured on a sensor.",
        "",
        "Marks: *confirmed* = matched on many published files; *documented* = named in ST's driver headers"
        " or tool pages; *inferred* = follows from a regular pattern; *unknown* = the value that ST's tools"
        " write is given, its meaning is not known.",
        "",
        "## What a configuration may hold",
        "",
        *_table(
            (
                "device",
                "gen.",
                "sensors",
                "trees",
                "nodes",
                "results",
                "end counters",
                "features",
                "MLC rates, Hz",
            ),
            (_limits(one) for one in known),
        ),
        "",
        "Everywhere: window 1 to 255 samples, 31 input codes (sensor components plus filter outputs), "
        "result groups of 4 codes, end counters 0 to 14.",
        "",
        "## Sensors",
        "",
        *_table(
            (
                "device",
                "accelerometer, g",
                "unit, g",
                "axis codes",
                "gyroscope, dps",
                "high-g, g",
                "third slot",
            ),
            (_sensors(one) for one in known),
        ),
        "",
        "The unit is what an accelerometer input of 1.0 means. Axis codes: which axes the accelerometer's "
        "input codes 1, 2, 3 are.",
        "",
        "## Facts that are not certain",
        "",
        *_uncertain(known),
    ]
    return "\n".join(lines) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _numbers(table: Mapping[float, int]) -> str:
    return " ".join(f"{value:g}" for value in sorted(table)) or "-"


def _limits(one: MlcDevice) -> tuple[str, ...]:
    limits = one.limits
    sensors = ", ".join(_SENSORS[sensor] for sensor in one.sensors)
    rates = _numbers(one.mlc_rates)
    if one.mlc_rates_with_vafe:
        rates += f"; with vAFE {_numbers(one.mlc_rates_with_vafe)}"
    numbers = (limits.trees, limits.nodes, limits.results, limits.groups, limits.features)
    return (one.name, one.generation, sensors, *map(str, numbers), rates)


def _sensors(one: MlcDevice) -> tuple[str, ...]:
    return (
        one.name,
        _numbers(one.acc_full_scales),
        f"{one.unit_g:g}",
        one.acc_axes,
        _numbers(one.gyro_full_scales),
        _numbers(one.acch_full_scales),
        ", ".join(one.third_names),
    )


def _uncertain(known: Sequence[MlcDevice]) -> Iterator[str]:
    """Facts marked inferred or unknown, each once with the devices that share it, and all notes."""
    shared: dict[tuple[str, str, str, str], list[str]] = {}
    for one in known:
        for group, fact, value, mark, _ in facts(one):
            if fact == "note":
                shared.setdefault((group, "note", value, ""), []).append(one.name)
            elif mark in ("inferred", "unknown"):
                shared.setdefault((group, fact, value, mark), []).append(one.name)
    rows = [
        (group, "" if fact == "note" else fact, value.replace("|", "\\|"), mark, _names(names, known))
        for (group, fact, value, mark), names in sorted(shared.items())
    ]
    yield from _table(("group", "fact", "value or remark", "mark", "devices"), rows)


def _names(names: Sequence[str], known: Sequence[MlcDevice]) -> str:
    """Device names, whole generations by their letter."""
    left = list(names)
    parts = []
    for generation in sorted({one.generation for one in known}):
        whole = [one.name for one in known if one.generation == generation]
        if all(name in left for name in whole):
            parts.append(f"generation {generation}")
            left = [name for name in left if name not in whole]
    return ", ".join([*parts, *left])


if __name__ == "__main__":
    sys.stdout.write(markdown())
