"""Files that say what memories a board has: ST's JSON as it is, and a TOML of our own."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sensorai.codegen.netpools import Pool
from sensorai.errors import ConfigError, DataError
from sensorai.files import read_json
from sensorai.graph.graph import Graph
from sensorai.mcu import devices as mcu
from sensorai.nets.costs import Costs, lying, planned

#: Names of memories: what follows begins sections and macros.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,30}")
_UNITS = {"BYTES": 1, "KBYTES": 1 << 10, "MBYTES": 1 << 20}
_LEVELS = {"HIGH": 0, "MID": 1, "MEDIUM": 1, "LOW": 2}
#: Keys of a pool in TOML, and most pools and bytes of one.
_KEYS = {"name", "kind", "bytes", "speed", "address", "weights"}
_MOST, _LARGEST = 16, 1 << 31
_LARGEST_FILE = 1 << 20


def read_pools(path: Path) -> tuple[Pool, ...]:
    """Read the memories of a board.

    JSON: ``memory.mempools`` as ST's tool takes it; a pool without rights to write holds constants,
    throughput and then latency say how fast it is. TOML: ``[[pool]]`` with ``name``, ``kind`` ("ram" or
    "flash"), ``bytes``, and perhaps ``speed`` (1 for the fastest), ``address`` and ``weights`` (RAM that
    takes copies of weights at the start).

    Raises
    ------
    DataError
        The file cannot be read, or holds something else.
    ConfigError
        There is no RAM among them, or names are not possible.
    """
    try:
        large = path.stat().st_size > _LARGEST_FILE
        if large:
            raise DataError("this is too large to be a list of memories", where=str(path))
        if path.suffix == ".toml":
            found = tomllib.loads(path.read_text(encoding="utf-8")).get("pool", [])
            pools = [_of_toml(one) for one in found]
        else:
            pools = [_of_st(one, k) for k, one in enumerate(read_json(path)["memory"]["mempools"])]
    except ConfigError as error:
        error.where = str(path)
        raise
    except OSError as error:
        raise DataError(f"cannot read the memories: {error.strerror}", where=str(path)) from None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise DataError(
            f"this lists no memories: {error}",
            where=str(path),
            hint="JSON with memory.mempools, or TOML with [[pool]]: see docs/nets.md",
        ) from None
    pools = [one for one in pools if one.size]
    names = [one.name.upper() for one in pools]
    if bad := [one.name for one in pools if not _NAME.fullmatch(one.name) or not 0 < one.size <= _LARGEST]:
        raise ConfigError(f"memory {bad[0]!r} has a name or a size that cannot be", where=str(path))
    if len(set(names)) < len(names) or len(pools) > _MOST or not any(one.writable for one in pools):
        raise ConfigError(
            f"memories must be 1 to {_MOST}, each of another name, with RAM among them", where=str(path)
        )
    return tuple(pools)


def pools_asked(file: Path | None, device: str | None) -> tuple[Pool, ...]:
    """Memories of a file, of the device where the word ``device`` stands for it; () where none is said."""
    if file is None:
        return ()
    return of_device(device) if str(file) == "device" else read_pools(file)


def of_device(name: str | None) -> tuple[Pool, ...]:
    """Memories of a microcontroller as its facts name them; a ConfigError where they do not."""
    one = None if name is None else mcu.device(name)
    if one is None or (place := one.groups.get("map")) is None or one.flash is None:
        raise ConfigError(
            "--memory-pool device needs a --device whose memory map is known",
            hint="write the memories into a file: see docs/nets.md",
        )
    pools = [
        Pool("sram", 1024 * place.integer("together_kib"), True, 2, place.integer("ram_at")),
        Pool("flash", one.flash, False, 1, place.integer("flash_at")),
    ]
    if (tcm := one.groups.get("tcm")) is not None:
        pools.append(Pool("dtcm", 1024 * tcm.integer("dtcm_kib"), True, 1, tcm.integer("dtcm_at")))
    return tuple(pools)


def words(graph: Graph, counted: Costs, device: str | None) -> list[str]:
    """What lies in which memory, a line for each; and inputs and outputs that a DMA does not reach there.

    Parameters
    ----------
    counted : Costs
        Of a net with pools.
    device : str or None
        Whose facts say what reaches a memory.
    """
    if not counted.pools:
        return []
    made = planned(graph, counted)
    within = set(lying(graph, counted.inside))
    named = [(f"in_{k}", n) for k, n in enumerate(graph.inputs, 1)]
    named += [(f"out_{k}", n) for k, n in enumerate(graph.outputs, 1)]
    room: dict[int, list[str]] = {}
    for called, name in named:
        if name in within:
            room.setdefault(made.slots[name].pool, []).append(called)
    out, notes = [], []
    for k, (one, used) in enumerate(counted.pools):
        arena = counted.arenas[k] if one.writable else 0
        held = [f"{arena:,} of the arena"] if arena else []
        held += [f"{used - arena:,} of {'copies of weights' if one.writable else 'constants'}"]
        both = ", ".join(held[: None if used > arena else -1])
        ends = f", with {', '.join(room[k])}" if one.writable and k in room else ""
        kind = "RAM" if one.writable else "flash"
        said = f": {both}{ends}" if both else ""
        out.append(f"memory {one.name} ({kind}): {used:,} of {one.size:,} bytes{said}")
        far = _out_of_reach(one, device) if one.writable and k in room else ""
        if far:
            notes.append(f"note: {', '.join(room[k])} in {one.name}, {far}")
    return [*out, *notes]


def _out_of_reach(pool: Pool, device: str | None) -> str:
    """What does not reach a memory of a device, and what to do; "" where nothing is known of that."""
    tcm = None if device is None else mcu.device(device).groups.get("tcm")
    if device is None or tcm is None or not tcm.values.get("no_dma_to_dtcm") or pool.address is None:
        return ""
    start = tcm.integer("dtcm_at")
    if not start <= pool.address < start + 1024 * tcm.integer("dtcm_kib"):
        return ""
    does = " and ".join([*tcm.values.get("dma_to_dtcm", ()), "the core"])
    far = ", ".join(tcm.texts("no_dma_to_dtcm"))
    return (
        f"which {far} of {mcu.device(device).name} do not reach; {does} do: "
        "let these copy, or keep the arrays yourself (--no-allocate-inputs, --no-allocate-outputs)"
    )


def _of_st(one: Mapping[str, Any], place: int) -> Pool:
    said = one["prop"]
    # of latency the lowest is the best; equal ratings: in the order of the file
    rating = 3 * _LEVELS[said["throughput"]] + 2 - _LEVELS[said["latency"]]
    speed = rating * _MOST + min(place, _MOST - 1)
    address = _number(one["offset"]) if "offset" in one else None
    writable = "WRITE" in str(said.get("rights", "ACC_WRITE"))
    return Pool(str(one["name"]), _number(one["size"]), writable, speed, address)


def _number(said: Mapping[str, Any]) -> int:
    """A value with its magnitude."""
    return int(str(said["value"]), 0) * _UNITS[said["magnitude"]]


def _of_toml(one: Mapping[str, Any]) -> Pool:
    if unknown := sorted(set(one) - _KEYS):
        raise ValueError(f"unknown key {unknown[0]}")
    kind, numbers = one["kind"], [one["bytes"], one.get("speed", 1), one.get("address", 0)]
    if kind not in ("ram", "flash") or any(type(n) is not int or n < 0 for n in numbers):
        raise ValueError("kind is ram or flash; bytes, speed and address are whole numbers")
    weights = one.get("weights", False)
    if type(weights) is not bool or (weights and kind != "ram"):
        raise ValueError("weights is true or false, and true of RAM alone")
    return Pool(str(one["name"]), numbers[0], kind == "ram", numbers[1], one.get("address"), weights)
