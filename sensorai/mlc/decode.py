"""From a register file to what it means, with everything that is not understood named by address.

Nothing in the file is trusted: a byte is either explained, listed in ``Decoded.unknown``, or the
reason for a DataError with address and line. Source of the format: facts, mlc-format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sensorai.errors import ConfigError, DataError
from sensorai.mlc import fsm
from sensorai.mlc.bus import Bus, Cell, Memory, place, ranges, replay
from sensorai.mlc.config import DecisionTree, MlcConfig
from sensorai.mlc.devices import MlcDevice
from sensorai.mlc.devices import device as find_device
from sensorai.mlc.layout import QUIRKS, Layout
from sensorai.mlc.pages import MISPLACED_THIRD_SOURCE, Places, input_codes, places
from sensorai.mlc.parse import Meta, TreeReader, parse_features, parse_filters, parse_meta
from sensorai.mlc.regfile import labels as class_names
from sensorai.mlc.reproduce import detect
from sensorai.mlc.sensors import read_settings
from sensorai.mlc.sequence import MLC_ENABLE, mlc_rates
from sensorai.model.forest import Tree
from sensorai.regfile import RegisterFile

_EN_B = 0x05


@dataclass(frozen=True, slots=True)
class Decoded:
    """A register file, understood.

    Attributes
    ----------
    config : MlcConfig
    layout : Layout
        With it ``encode(config, layout=layout)`` gives the same pages, and the same write list where
        ``reproduces`` is true.
    device : MlcDevice
    places : Places
        Addresses of lists, input values, feature values, meta-classifier block and trees.
    mlc_bytes : int
        Bytes in pages and tree RAM that belong to the MLC.
    unknown : tuple of str
        MLC bytes without an explanation, by address.
    notes : tuple of str
        Oddities, each a sentence.
    other : tuple of str
        What else is in the file: FSM programs, further registers.
    pages, tree_ram : mapping of address to byte
        Memory after the whole file.
    user, embedded : mapping of register to value
        Registers after the whole file.
    reproduces : bool
        Whether the encoder writes the same list of register writes again.
    source, tool : str
        File name and the tool that wrote it, where the file says so.
    """

    config: MlcConfig
    layout: Layout
    device: MlcDevice
    places: Places
    mlc_bytes: int
    unknown: tuple[str, ...]
    notes: tuple[str, ...]
    other: tuple[str, ...]
    pages: Mapping[int, int]
    tree_ram: Mapping[int, int]
    user: Mapping[int, int]
    embedded: Mapping[int, int]
    reproduces: bool
    source: str = ""
    tool: str = ""


@dataclass(frozen=True, slots=True)
class _Header:
    """The header's numbers; ``inputs`` are the sensor slots it selects."""

    inputs: tuple[str, ...]
    trees: int
    window: int
    places: Places


def decode(rf: RegisterFile, device: str | None = None) -> Decoded:
    """Explain a register file.

    Parameters
    ----------
    rf : RegisterFile
    device : str, optional
        Device name; needed when the file does not say which device it is for. It wins over the file.

    Raises
    ------
    DataError
        The device is unknown, the file holds no MLC configuration, or its bytes contradict the format.
    """
    part = _device(rf, device)
    bus = replay(rf.ops, part.registers.bank, rf.source)
    memory = Memory(bus.pages, rf.source)
    in_ram = part.registers.node_bytes == 8
    tree_memory = Memory(bus.tree, rf.source, "tree address") if in_ram else memory
    programs = fsm.programs(bus, part)
    read = _read(rf, part, bus, memory, tree_memory, programs)
    mlc_bytes = len(memory.used) + (len(tree_memory.used) if in_ram else 0)
    other = fsm.explain(programs, memory, part)  # its bytes are explained from here on, and not the MLC's
    unknown = [*_unread(memory), *(_unread(tree_memory) if in_ram else _cells("tree address", bus.tree))]
    layout, reproduces = detect(rf.ops, read.config, read.layout, part)
    embedded = {register: cell.value for register, cell in bus.embedded.items()}
    notes = _notes(read.config, part, layout, embedded, reproduces)
    if rf.device and device and rf.device.casefold() != part.name.casefold():
        notes.insert(0, f"the file says that it is for {rf.device}; read for {part.name}, as told")
    if layout.before or layout.after:
        other.append(
            f"register writes around the MLC part: {len(layout.before)} before, {len(layout.after)} after"
        )
    return Decoded(
        config=read.config,
        layout=layout,
        device=part,
        places=read.places,
        mlc_bytes=mlc_bytes,
        unknown=tuple(unknown),
        notes=tuple(notes),
        other=tuple(other),
        pages={a: cell.value for a, cell in bus.pages.items()},
        tree_ram={a: cell.value for a, cell in bus.tree.items()},
        user={register: cell.value for register, cell in bus.user.items()},
        embedded=embedded,
        reproduces=reproduces,
        source=rf.source,
        tool=rf.tool or "",
    )


@dataclass(frozen=True, slots=True)
class _Read:
    """What the memory of the core holds, before it is compared with how the file was written."""

    config: MlcConfig
    layout: Layout
    places: Places


def _read(
    rf: RegisterFile,
    part: MlcDevice,
    bus: Bus,
    memory: Memory,
    tree_memory: Memory,
    programs: Sequence[fsm.Program],
) -> _Read:
    """Configuration and layout."""
    header = _header(memory, part, bus)
    at = header.places
    codes = input_codes(part, header.inputs, ())
    filters, behind = parse_filters(memory, at.base, header.inputs, part.limits.inputs - len(codes))
    codes = input_codes(part, header.inputs, filters)
    features, behind = parse_features(memory, behind, {c: s for s, c in codes.items()}, part.limits.features)
    meta = parse_meta(memory, at.meta, header.trees, part.limits.groups)
    trees, quirks = _trees(tree_memory, part, at.tree, meta, len(features), programs)
    third_source, third_quirk = _third_source(memory, part)
    labels = class_names(rf)
    high_g = part.high_g is not None and "ext" in header.inputs and third_source == part.high_g.source_code
    user = {register: cell.value for register, cell in bus.user.items()}
    config = MlcConfig(
        device=part.name,
        window=header.window,
        mlc_rate_hz=_rate(bus, part, header.inputs, rf.source),
        inputs=header.inputs,
        filters=tuple(filters),
        features=tuple(features),
        trees=tuple(
            DecisionTree(tree, counters, dict(labels.get(i, {})))
            for i, (tree, counters) in enumerate(zip(trees, meta.end_counters, strict=True))
        ),
        settings=read_settings(part, user, with_high_g=high_g),
        third_sensor=third_source,
    )
    by_rule = places(at.base, behind - at.base, len(codes), len(features), len(trees))
    return _Read(config, _layout(memory, part, bus, at, by_rule, [*quirks, *third_quirk]), at)


def _layout(
    memory: Memory, part: MlcDevice, bus: Bus, at: Places, by_rule: Places, quirks: Sequence[str]
) -> Layout:
    """Where things lie, as far as rules do not say it, and registers beside the configuration."""
    embedded = {register: cell.value for register, cell in bus.embedded.items()}
    return Layout(
        base=at.base,
        pointers={
            name: getattr(at, name)
            for name in ("inputs", "values", "meta", "tree")
            if getattr(at, name) != getattr(by_rule, name)
        },
        sensitivity=_optional_half(memory, part.registers.sensitivity_address),
        high_g_sensitivity=_optional_half(memory, part.high_g.sensitivity_address) if part.high_g else None,
        external_format=_optional_byte(memory, part.registers.external_format),
        int1=embedded.get(part.registers.tree_interrupt, 0),
        int2=embedded.get(part.registers.tree_interrupt_2, 0),
        quirks=tuple(quirks),
    )


# ---------------------------------------------------------------- the parts


def _device(rf: RegisterFile, name: str | None) -> MlcDevice:
    if name:
        return find_device(name)
    if not rf.device:
        raise DataError(
            "the file does not say which device it is for",
            where=rf.source,
            hint="name the device (--device)",
        )
    try:
        return find_device(rf.device)
    except ConfigError as error:
        raise DataError(
            f"the file is for {rf.device}, which is not a known device with a machine learning core",
            where=rf.source,
            hint=error.hint or "name the device (--device)",
        ) from None


def _header(memory: Memory, part: MlcDevice, bus: Bus) -> _Header:
    h = part.registers.header
    if not any(h + offset in memory.cells for offset in range(0x16)):
        enabled = bus.embedded.get(_EN_B, Cell(0, 0)).value
        raise DataError(
            "the file holds no MLC configuration",
            where=memory.source,
            hint="it sets up finite state machines (FSM) only"
            if enabled & 1
            else f"it writes nothing to the MLC header of {part.name} at {h:03X}h; is it for another device?",
        )
    inputs, values = memory.half(h, "input area pointer"), memory.half(h + 2, "feature value pointer")
    select, last_tree = memory.byte(h + 4, "input select"), memory.byte(h + 5, "number of trees")
    size, window = memory.byte(h + 6, "size of the inputs"), memory.byte(h + 8, "window")
    base, meta = memory.half(h + 0x10, "list pointer"), memory.half(h + 0x12, "meta-classifier pointer")
    tree = memory.half(h + 0x14, "tree pointer")
    if select & ~3:
        raise DataError(f"input select {select:02X}h has no known meaning", where=memory.where(h + 4))
    slots = ("acc", *(("gyro",) if select & 1 else ()), *(("ext",) if select & 2 else ()))
    for slot in slots:
        if slot not in part.sensors and not (slot == "ext" and "acch" in part.sensors):
            raise DataError(f"{part.name} has no sensor for input {slot}", where=memory.where(h + 4))
    if size != 10 * len(slots):
        raise DataError(
            f"the header gives {size} input bytes, {len(slots)} sensors have {10 * len(slots)}",
            where=memory.where(h + 6),
        )
    if last_tree >= part.limits.trees:
        raise DataError(
            f"the header gives {last_tree + 1} trees, {part.name} has {part.limits.trees} at most",
            where=memory.where(h + 5),
        )
    if window == 0:
        raise DataError("the window is 0 samples", where=memory.where(h + 8))
    return _Header(slots, last_tree + 1, window, Places(base, inputs, values, meta, tree))


def _trees(
    memory: Memory, part: MlcDevice, at: int, meta: Meta, features: int, programs: Sequence[fsm.Program]
) -> tuple[list[Tree], list[str]]:
    """Read the trees and name the quirks of how they and the block before them are stored."""
    size = part.registers.node_bytes
    if size == 8:  # in a memory of their own; the block holds half the node number
        first, starts, end = 0, [2 * start for start in meta.starts], None
    else:
        first, starts = at, _sums(meta.starts)
        end = min((p.address for p in programs if p.address > first), default=None)
    reader = TreeReader(memory, part, features)
    trees = reader.read(first, starts, end)
    quirks = ["meta-short"] if meta.short else []
    quirks += ["relative-children"] if reader.relative else []
    quirks += ["stored-order"] if any(tree != tree.preorder() for tree in trees) else []
    tail = first + size * (starts[-1] + len(trees[-1]))
    if _zeros_follow(memory, tail, end):
        memory.zeros(tail, 2, "behind the trees")
        quirks.append("zeros-after-tree")
    return trees, quirks


def _sums(counts: Sequence[int]) -> list[int]:
    """Node number of each tree's first node, from the node counts of the trees before it."""
    starts, at = [], 0
    for count in counts:
        at += count
        starts.append(at)
    return starts


def _zeros_follow(memory: Memory, at: int, end: int | None) -> bool:
    if end is not None and at + 2 > end:
        return False
    cells = [memory.cells.get(a) for a in (at, at + 1)]
    free = not {at, at + 1, at + 2} & memory.used and at + 2 not in memory.cells
    return free and all(cell is not None and cell.value == 0 for cell in cells)


def _third_source(memory: Memory, part: MlcDevice) -> tuple[int | None, list[str]]:
    right = part.registers.third_source
    if right is None:
        return None, []
    if right in memory.cells:
        return memory.byte(right, "third-sensor source"), []
    misplaced = MISPLACED_THIRD_SOURCE
    if misplaced != right and misplaced in memory.cells and misplaced not in memory.used:
        return memory.byte(misplaced, "third-sensor source"), ["third-source-misplaced"]
    return None, ["third-source-absent"]


def _optional_half(memory: Memory, at: int) -> int | None:
    if at not in memory.cells or at + 1 not in memory.cells or at in memory.used:
        return None
    return memory.half(at, "sensitivity")


def _optional_byte(memory: Memory, at: int | None) -> int | None:
    return None if at is None or at not in memory.cells or at in memory.used else memory.byte(at, "format")


def _rate(bus: Bus, part: MlcDevice, inputs: Sequence[str], source: str) -> float:
    register = part.registers.rate_register
    cell = bus.embedded.get(register)
    if cell is None:
        raise DataError(
            f"the file never sets the rate of the core (embedded register {register:02X}h)",
            where=source,
            hint="the file is cut off, or it is not for this device",
        )
    for hz, code in mlc_rates(inputs, part).items():
        if cell.value == part.registers.rate_base | code << 4:
            return hz
    raise DataError(
        f"{cell.value:02X}h is no rate of the core on {part.name}",
        where=f"{place(source, cell.line)}, embedded register {register:02X}h".removeprefix(", "),
    )


def _unread(memory: Memory) -> list[str]:
    return _cells(memory.name, {a: memory.cells[a] for a in memory.unread()})


def _cells(name: str, cells: Mapping[int, Cell]) -> list[str]:
    out = []
    for first, count in ranges(cells):
        run = [cells[a] for a in range(first, first + count)]
        data = " ".join(f"{cell.value:02X}" for cell in run[:16]) + (" ..." if count > 16 else "")
        span = f"{first:03X}h" if count == 1 else f"{first:03X}h to {first + count - 1:03X}h"
        out.append(f"{name} {span}: {data} (line {run[0].line})")
    return out


#: What a regular pattern says and no published file shows (facts, mlc-format sections 5 and 6).
_INFERRED_FEATURES = ("POSITIVE_ZERO_CROSSING", "NEGATIVE_ZERO_CROSSING", "NEGATIVE_PEAK_DETECTOR")
_INFERRED_FILTERS = (("HP", "V2"), ("BP", "V"), ("IIR1", "V2"))


def _inferred(config: MlcConfig, part: MlcDevice) -> list[str]:
    """Name readings that are inferred, not confirmed."""
    notes = [
        f"feature F{i}: the code of {one.kind} is inferred, no published file shows it"
        for i, one in enumerate(config.features, 1)
        if one.kind in _INFERRED_FEATURES
    ]
    for k, one in enumerate(config.filters, 1):
        if (one.kind, one.component) in _INFERRED_FILTERS:
            notes.append(f"filter {k}: the code of {one.kind} on {one.component} is inferred")
        if one.component == "XYZ" and one.sensor == "acc" and part.acc_axes != "XYZ":
            notes.append(f"filter {k}: that its outputs are in the order {part.acc_axes} is inferred")
    if config.third_sensor not in (None, 1, 3):
        notes.append(f"third-sensor source {config.third_sensor} is not known")
    return notes


def _notes(
    config: MlcConfig,
    part: MlcDevice,
    layout: Layout,
    embedded: Mapping[int, int],
    reproduces: bool,
) -> list[str]:
    notes = [QUIRKS[quirk] for quirk in layout.quirks] + _inferred(config, part)
    if not embedded.get(_EN_B, 0) & MLC_ENABLE:
        notes.append("the file does not switch the MLC on (bit 4 of EMB_FUNC_EN_B)")
    if not layout.int1 and not layout.int2:
        notes.append("no tree raises an interrupt")
    for slot in config.inputs:
        setting = config.settings.get(slot)
        if slot != "ext" and (setting is None or setting.rate_hz is None):
            notes.append(f"the rate of sensor {slot} is not set, or its code is not known")
    if layout.pointers:
        notes.append("header pointers do not follow the usual rule: " + ", ".join(layout.pointers))
    if not reproduces:
        notes.append(
            f"the order of writes is none that is known; written again, style {layout.style} is used"
            + ", and what the file holds besides the MLC is left out"
        )
    return notes
