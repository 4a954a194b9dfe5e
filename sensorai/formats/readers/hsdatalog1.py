"""Folders of ST's HSDatalog, first generation: ``DeviceConfig.json`` and ``<SENSOR>_<TYPE>.dat``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sensorai.errors import DataError
from sensorai.formats.arrays import Arrays
from sensorai.formats.hsdatalog import Piece, Stream, channel_names, decode, read_bytes
from sensorai.formats.hsdatalog_folder import (
    Config,
    acquisition,
    finish,
    first_of,
    folder_label,
    needed,
    read_config,
    unread,
    wanted,
)
from sensorai.formats.options import ReadOptions
from sensorai.formats.source import Raw
from sensorai.formats.values import text_of

NAME = "hsdatalog-v1"
CONFIG = "DeviceConfig.json"

label = folder_label


def sniff(raw: Raw) -> bool:
    """A folder with the configuration, or a file of samples beside it."""
    return acquisition(raw, CONFIG) is not None


def arrays(raw: Raw, options: ReadOptions) -> list[Arrays]:
    """Read every active sensor of which there is a file."""
    folder = acquisition(raw, CONFIG) or raw.path
    path = folder / CONFIG
    config = Config(str(path))
    top = config.table(read_config(path), "the file")
    device = config.table(top.get("device"), "device")
    parts = []
    missing = []
    for i, one in enumerate(config.items(device.get("sensor"), "device.sensor")):
        for stream in _streams(config, config.table(one, f"device.sensor[{i}]"), f"device.sensor[{i}]"):
            file = folder / f"{stream.part}.dat"
            if wanted(raw, file):
                whole = needed(stream, options)
                parts.append(
                    decode(stream, [Piece(0, read_bytes(file))], str(file)) if whole else unread(stream)
                )
            elif not file.is_file():
                missing.append(file.name)
    return finish(parts, missing, _tags(folder), raw.where)


def _streams(config: Config, sensor: dict[str, Any], place: str) -> list[Stream]:
    name = config.text(sensor, "name", place)
    told, held = (
        config.items(config.table(sensor.get(key), f"{place}.{key}").get(part), f"{place}.{key}.{part}")
        for key, part in (
            ("sensorDescriptor", "subSensorDescriptor"),
            ("sensorStatus", "subSensorStatus"),
        )
    )
    if len(told) != len(held):
        raise DataError(
            f"{place}: {len(told)} descriptions but {len(held)} states of its parts", where=config.where
        )
    out = []
    for k, (about, state) in enumerate(zip(told, held, strict=True)):
        where = f"{place} ({name}) part {k}"
        about, state = config.table(about, where), config.table(state, where)
        if state.get("isActive") is not True:
            continue
        kind = config.text(about, "sensorType", where)
        axes = config.count(about, "dimensions", where, 1, 64)
        labels = about.get("dimensionsLabel")
        if not isinstance(labels, list) or len(labels) != axes:
            labels = [str(n + 1) for n in range(axes)]
        out.append(
            Stream(
                f"{name}_{kind}",
                name,
                channel_names(
                    kind,
                    [text_of(n)[:40].strip("[]()") or str(k) for k, n in enumerate(labels)],
                    config.text(about, "unit", where, ""),
                ),
                config.dtype(about, "dataType", where),
                config.number(state, "sensitivity", where, 1.0),
                config.count(state, "samplesPerTs", where, 0, 1 << 20),
                first_of(config.number(state, key, where, 0.0) for key in ("ODRMeasured", "ODR")),
                config.number(state, "initialOffset", where, 0.0),
            )
        )
    return out


def _tags(folder: Path) -> list[tuple[float, str, bool]]:
    """Tags of ``AcquisitionInfo.json``, where there is one."""
    path = folder / "AcquisitionInfo.json"
    if not path.is_file():
        return []
    config = Config(str(path))
    top = config.table(read_config(path), "the file")
    out = []
    for i, tag in enumerate(config.items(top.get("Tags", []), "Tags")):
        place = f"Tags[{i}]"
        table = config.table(tag, place)
        text = text_of(table.get("Label", table.get("label"))).strip()
        if text:
            on = bool(table.get("Enable", table.get("enable", False)))
            out.append((config.number(table, "t", place), text, on))
    return out
