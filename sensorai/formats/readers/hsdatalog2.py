"""Folders of ST's HSDatalog, second generation: ``device_config.json`` and packets with counters."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from sensorai.errors import DataError
from sensorai.formats.arrays import Arrays
from sensorai.formats.hsdatalog import Bytes, Piece, Stream, channel_names, decode, read_bytes
from sensorai.formats.hsdatalog_folder import (
    Config,
    acquisition,
    finish,
    first_of,
    folder_label,
    needed,
    read_config,
    seconds_since,
    unread,
    wanted,
)
from sensorai.formats.options import ReadOptions
from sensorai.formats.source import Raw
from sensorai.formats.values import text_of

NAME = "hsdatalog-v2"
CONFIG = "device_config.json"

label = folder_label

_COUNTER = 4
#: Keys of the packet size by interface (SD card, USB, BLE, serial), less what the size itself counts in.
_SIZES = (("sd_dps", _COUNTER), ("usb_dps", 0), ("ble_dps", 0), ("serial_dps", 0))
#: Counters have 32 bits; a step of more than half of that is a step back.
_WRAP = 1 << 32


def sniff(raw: Raw) -> bool:
    """A folder with the configuration, or a file of samples beside it."""
    return acquisition(raw, CONFIG) is not None


def arrays(raw: Raw, options: ReadOptions) -> list[Arrays]:
    """Read every enabled sensor of which there is a file; lost packets become gaps."""
    folder = acquisition(raw, CONFIG) or raw.path
    path = folder / CONFIG
    config = Config(str(path))
    devices = config.items(config.table(read_config(path), "the file").get("devices"), "devices")
    if not devices:
        raise DataError("devices is empty", where=config.where)
    device = config.table(devices[0], "devices[0]")
    interface, tags = _acquisition(folder)
    parts = []
    missing = []
    for i, component in enumerate(config.items(device.get("components"), "devices[0].components")):
        for name, value in config.table(component, f"components[{i}]").items():
            if not isinstance(value, dict) or value.get("c_type", 0) != 0 or "data_type" not in value:
                continue
            if value.get("enable", True) is not True:
                continue
            file = folder / f"{name}.dat"
            if not wanted(raw, file):
                if not file.is_file():
                    missing.append(file.name)
                continue
            stream = _stream(config, name, value)
            if not needed(stream, options):
                parts.append(unread(stream))
                continue
            size = _packet_size(config, name, value, interface)
            pieces, notes = _pieces(read_bytes(file), size, name, str(file))
            part = decode(stream, pieces, str(file))
            parts.append(replace(part, notes=(*part.notes, *notes)))
    return finish(parts, missing, tags, raw.where)


def _stream(config: Config, name: str, value: dict[str, Any]) -> Stream:
    config.text({"name": name}, "name", "components")
    axes = config.count({"dim": value.get("dim", 1)}, "dim", name, 1, 64)
    chip, _, kind = name.rpartition("_")
    per_block = value.get("samples_per_ts", 0)
    if isinstance(per_block, dict):
        per_block = per_block.get("val", 0)
    sensitivity = config.number(value, "sensitivity", name, 1.0)
    notes = []
    unit = config.text(value, "unit", name, "")
    if not unit and (unit := _unit(kind, sensitivity)):
        notes.append(f"{name}: the folder names no unit; by its sensitivity of {sensitivity:g} it is {unit}")
    per_block = config.count({"samples_per_ts": per_block}, "samples_per_ts", name, 0, 1 << 20)
    rate = first_of([config.number(value, "measodr", name, 0.0)])
    if not per_block and not rate:
        # without stamps only the nominal rate is left, and an index in a list is no rate
        odr = config.number(value, "odr", name, 0.0)
        rate = odr if odr != int(odr) or odr > 20 else None
    return Stream(
        name,
        chip or name,
        channel_names(kind, [str(n + 1) for n in range(axes)], unit),
        config.dtype(value, "data_type", name),
        sensitivity,
        per_block,
        rate,
        config.number(value, "ioffset", name, 0.0),
        tuple(notes),
    )


def _unit(kind: str, sensitivity: float) -> str:
    """Unit of the sensitivity, which the device template holds and the folder does not.

    ST's gyroscopes resolve 4.375 to 140 mdps, so below 1 the number is in dps.
    """
    if kind.lower() == "acc":
        return "g" if sensitivity < 0.05 else "mg"
    if kind.lower() in ("gyro", "gyr"):
        return "dps" if sensitivity < 1 else "mdps"
    return ("G" if sensitivity < 0.1 else "mG") if kind.lower() == "mag" else ""


def _packet_size(config: Config, name: str, value: dict[str, Any], interface: int | None) -> list[int]:
    """Bytes of a packet's payload: the one of the interface, or all that are said."""
    wanted = _SIZES if interface is None else _SIZES[interface : interface + 1]
    sizes = [
        config.count(value, key, name, less + 1, 1 << 24) - less for key, less in wanted if value.get(key)
    ]
    if not sizes:
        keys = " or ".join(key for key, _ in wanted)
        raise DataError(f"{name}.{keys} is missing: the size of packets is not known", where=config.where)
    return list(dict.fromkeys(sizes))


def _pieces(data: Bytes, sizes: list[int], name: str, where: str) -> tuple[list[Piece], list[str]]:
    """Take the counters out; the pieces between lost packets.

    Of several possible packet sizes the first whose counters add up is taken.
    """
    fault = None
    for size in sizes:
        try:
            return _split(data, size, name, where)
        except DataError as error:
            fault = fault or error
    raise fault or DataError(f"{name}: the size of packets is not known", where=where)


def _split(data: Bytes, size: int, name: str, where: str) -> tuple[list[Piece], list[str]]:
    whole = size + _COUNTER
    starts = np.arange(0, max(len(data) - _COUNTER, 0), whole)
    if not len(starts):
        raise DataError(f"{name}: the file is too short for one packet", where=where)
    heads = np.stack([np.asarray(data[starts + k], dtype=np.int64) << (8 * k) for k in range(_COUNTER)])
    counters = heads.sum(axis=0)
    steps = np.diff(counters) % _WRAP
    bad = (steps % size != 0) | (steps == 0) | (steps >= _WRAP // 2)
    if counters[0] % size:
        raise DataError(
            f"{name}: the first counter is {int(counters[0])}, no multiple of the packet's {size} bytes",
            where=f"{where}, byte 0",
            hint="the file is damaged, or the configuration belongs to another acquisition",
        )
    if bad.any():
        k = int(np.argmax(bad)) + 1
        raise DataError(
            f"{name}: packet {k + 1} has counter {int(counters[k])}, which does not follow "
            f"{int(counters[k - 1])} in packets of {size} bytes",
            where=f"{where}, byte {k * whole}",
            hint="the file is damaged, or the configuration belongs to another acquisition",
        )
    offsets = int(counters[0]) + np.concatenate(([0], np.cumsum(steps)))
    lost = np.flatnonzero(steps != size) + 1
    edges = [0, *lost.tolist(), len(starts)]
    pieces = []
    for a, b in pairwise(edges):
        block = data[a * whole : b * whole]
        full = len(block) // whole
        payload = np.asarray(block[: full * whole]).reshape(full, whole)[:, _COUNTER:].reshape(-1)
        tail = np.asarray(block[full * whole + _COUNTER :])
        pieces.append(Piece(int(offsets[a]), np.concatenate((payload, tail))))
    notes = []
    missing = int((steps[lost - 1] // size - 1).sum()) if len(lost) else 0
    if missing:
        notes.append(
            f"{name}: {missing} packets ({missing * size} bytes) are lost in {len(lost)} place(s); "
            f"each part is a recording of its own"
        )
    if counters[0]:
        notes.append(f"{name}: the first {int(counters[0]) // size} packets are lost")
    return pieces, notes


def _acquisition(folder: Path) -> tuple[int | None, list[tuple[float, str, bool]]]:
    """Interface and tags of ``acquisition_info.json``, where there is one."""
    path = folder / "acquisition_info.json"
    if not path.is_file():
        return None, []
    config = Config(str(path))
    top = config.table(read_config(path), "the file")
    interface = None
    if top.get("interface") is not None:
        interface = config.count(top, "interface", "the file", 0, len(_SIZES) - 1)
    tags = []
    for i, tag in enumerate(config.items(top.get("tags", []), "tags")):
        table = config.table(tag, f"tags[{i}]")
        at = table.get("t")
        seconds = float(at) if isinstance(at, int | float) and not isinstance(at, bool) else None
        if seconds is None:
            seconds = seconds_since(top.get("start_time"), table.get("ta"))
        if seconds is None or seconds != seconds:
            raise DataError(f"tags[{i}] has no time", where=str(path))
        text = text_of(table.get("l")).strip()
        if text:
            tags.append((seconds, text, bool(table.get("e", False))))
    return interface, tags
