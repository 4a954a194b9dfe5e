"""The bytes of an MLC configuration: input codes, lists, meta-classifier block, tree nodes, header.

What stands here is used in both directions: the encoder writes with it, the decoder reads by the same
tables. Source: facts, mlc-format sections 3 to 8 (confirmed on 288 published configurations; codes
that no file shows are marked in ``config.FEATURE_CODES``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sensorai.mlc import half
from sensorai.mlc.config import (
    AXES,
    FEATURE_CODES,
    SENSOR_SLOTS,
    THRESHOLD_KINDS,
    Feature,
    Filter,
    MlcConfig,
    Source,
)
from sensorai.mlc.devices import MlcDevice
from sensorai.mlc.layout import Layout
from sensorai.model.forest import Tree

FILTER_KINDS = ("HP", "BP", "IIR1", "IIR2")
#: Past values that one component of a filter keeps, in halves.
FILTER_STATES = {"HP": 1, "BP": 2, "IIR1": 1, "IIR2": 2}
COMPONENT_CODES = {"XYZ": 0, "V": 1, "V2": 3}
END_OF_FILTERS, END_OF_FEATURES = 0x003F, 0x001F

#: State that the tools write behind a feature header (and its threshold): running values at their start.
_RUNNING_EXTREMES = bytes.fromhex("00fc007c")
FEATURE_STATES = {
    kind: _RUNNING_EXTREMES
    if kind in ("PEAK_TO_PEAK", "MINIMUM", "MAXIMUM")
    else bytes(8 if kind in THRESHOLD_KINDS else 4 if kind == "VARIANCE" else 2)
    for kind in FEATURE_CODES
}

#: Header offsets (from H) of the parts that are always written.
HEADER_PARTS = ((0x00, 7), (0x08, 1), (0x10, 6))

#: Where tool 2.3.0 puts the third-sensor source of generation C by mistake.
MISPLACED_THIRD_SOURCE = 0x1F1


# ---------------------------------------------------------------- inputs


def sensor_axes(device: MlcDevice, sensor: str) -> tuple[str, ...]:
    """Meaning of a sensor's five input codes in order; X and Z change places on some parts' accelerometer."""
    if sensor == "acc" and device.acc_axes == "ZYX":
        return ("Z", "Y", "X", "V", "V2")
    return AXES


def filter_axes(device: MlcDevice, one: Filter) -> tuple[str, ...]:
    """Axes of a filter's outputs in order (that an XYZ filter follows the sensor's order is inferred)."""
    return sensor_axes(device, one.sensor)[:3] if one.component == "XYZ" else (one.component,)


def input_codes(device: MlcDevice, inputs: Sequence[str], filters: Sequence[Filter]) -> dict[Source, int]:
    """Input code of everything a feature can look at: sensor components, then filter outputs, from 1."""
    sources = [Source(slot, axis) for slot in inputs for axis in sensor_axes(device, slot)]
    for k, one in enumerate(filters):
        sources += [Source(one.sensor, axis, k) for axis in filter_axes(device, one)]
    return {source: code for code, source in enumerate(sources, 1)}


# ---------------------------------------------------------------- addresses


@dataclass(frozen=True, slots=True)
class Places:
    """Page addresses of the parts, as the header points to them."""

    base: int
    inputs: int
    values: int
    meta: int
    tree: int


def places(base: int, list_bytes: int, input_count: int, features: int, trees: int) -> Places:
    """Follow the address rules that every tool version keeps (facts, mlc-format section 3)."""
    inputs = base + list_bytes
    values = inputs + 2 * input_count
    meta = values + 2 * features
    return Places(base, inputs, values, meta, (meta + 1 + 10 * trees + 1) & ~1)


def config_places(config: MlcConfig, device: MlcDevice, layout: Layout) -> Places:
    """Addresses of a configuration under a layout."""
    codes = input_codes(device, config.inputs, config.filters)
    by_rule = places(
        layout.base, len(list_bytes(config, device)), len(codes), len(config.features), len(config.trees)
    )
    fixed = layout.pointers
    return Places(
        layout.base,
        fixed.get("inputs", by_rule.inputs),
        fixed.get("values", by_rule.values),
        fixed.get("meta", by_rule.meta),
        fixed.get("tree", by_rule.tree),
    )


# ---------------------------------------------------------------- bytes


def word(value: int) -> bytes:
    """Two bytes, low byte first."""
    return value.to_bytes(2, "little")


def filter_bytes(one: Filter) -> bytes:
    """One entry of the filter list: header, state, coefficients."""
    header = (
        COMPONENT_CODES[one.component]
        | FILTER_KINDS.index(one.kind) << 2
        | SENSOR_SLOTS.index(one.sensor) << 4
        | one.fifo << 7
    )
    state = bytes(2 * FILTER_STATES[one.kind] * len(one.outputs))
    return word(header) + state + b"".join(map(word, one.coefficients))


def feature_bytes(one: Feature, code: int) -> bytes:
    """One entry of the feature list: header, threshold where the kind has one, state."""
    header = FEATURE_CODES[one.kind] | one.fifo << 8 | code << 10 | one.absolute << 15
    threshold = b"" if one.threshold is None else word(one.threshold)
    return word(header) + threshold + FEATURE_STATES[one.kind]


def list_bytes(config: MlcConfig, device: MlcDevice) -> bytes:
    """Filter list and feature list with their end markers."""
    codes = input_codes(device, config.inputs, config.filters)
    filters = b"".join(filter_bytes(one) for one in config.filters)
    features = b"".join(feature_bytes(one, codes[one.source]) for one in config.features)
    return filters + word(END_OF_FILTERS) + features + word(END_OF_FEATURES)


def tree_starts(config: MlcConfig, device: MlcDevice) -> list[int]:
    """First node of each tree, counted over all trees; eight-byte trees start at even numbers."""
    starts, at = [], 0
    for one in config.trees:
        starts.append(at)
        at += len(one.tree)
        if device.registers.node_bytes == 8:
            at += at & 1
    return starts


def meta_bytes(config: MlcConfig, device: MlcDevice, quirks: Sequence[str]) -> bytes:
    """Meta-classifier block: start of each tree, state, end counters."""
    if device.registers.node_bytes == 8:
        starts = [start // 2 for start in tree_starts(config, device)]
    else:  # the number of nodes of the tree before it
        starts = [0, *(len(one.tree) for one in config.trees[:-1])]
    out = bytes([0, *starts]) + bytes(len(starts))
    for one in config.trees:
        nibbles = (*one.end_counters, *(0,) * (8 - len(one.end_counters)))
        counters = bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))
        out += bytes(4) + counters
    return out[:-1] if "meta-short" in quirks else out


def _node4(i: int, row: tuple[int, float, int, int], relative: bool) -> bytes:
    feature, threshold, left, right = row
    w = 0x8000 | (left < 0) << 14 | (right < 0) << 13 | feature << 8
    child = right - i if relative else right
    if right < 0:
        w |= ~right << 4 | (~left if left < 0 else 0)
    elif left < 0:
        w |= ~left | (child & 0xF) << 4
    else:
        w |= child
    return word(half.exact_bits(threshold)) + word(w)


def _node8(start: int, row: tuple[int, float, int, int]) -> bytes:
    feature, threshold, left, right = row
    v = (~right if right < 0 else start + right) | (~left if left < 0 else start + left) << 9 | feature << 18
    flags = 0x08 | (left < 0) << 1 | (right < 0)
    return word(half.exact_bits(threshold)) + v.to_bytes(3, "little") + bytes([flags, 0, 0])


def tree_nodes(config: MlcConfig, device: MlcDevice, quirks: Sequence[str]) -> list[bytes]:
    """All nodes of all trees in stored order, with the empty node that fills up an odd tree of A2.

    The trees must be in stored order already (``stored``).
    """
    eight = device.registers.node_bytes == 8
    nodes: list[bytes] = []
    for start, one in zip(tree_starts(config, device), config.trees, strict=True):
        nodes += [bytes(8)] * (start - len(nodes))
        for i, row in enumerate(one.tree.rows()):
            nodes.append(_node8(start, row) if eight else _node4(i, row, "relative-children" in quirks))
    return nodes


def stored(tree: Tree, quirks: Sequence[str]) -> Tree:
    """Put the nodes in the order in which they are stored: pre-order, unless a decoded file had another."""
    return tree if "stored-order" in quirks else tree.preorder()


def header_bytes(config: MlcConfig, places: Places, header: int) -> dict[int, bytes]:
    """Make the three parts of the header that every file writes, by address."""
    select = ("gyro" in config.inputs) | ("ext" in config.inputs) << 1
    first = (
        word(places.inputs)
        + word(places.values)
        + bytes([select, len(config.trees) - 1, 10 * len(config.inputs)])
    )
    last = word(places.base) + word(places.meta) + word(places.tree)
    return {
        header + offset: part
        for (offset, _), part in zip(HEADER_PARTS, (first, bytes([config.window]), last), strict=True)
    }


def optional_bytes(config: MlcConfig, device: MlcDevice, layout: Layout) -> dict[int, bytes]:
    """Header parts that only some tools write, by address, in the order of the 2.x tools."""
    registers = device.registers
    out: dict[int, bytes] = {}
    if layout.sensitivity is not None:
        out[registers.sensitivity_address] = word(layout.sensitivity)
    if layout.high_g_sensitivity is not None and device.high_g is not None:
        out[device.high_g.sensitivity_address] = word(layout.high_g_sensitivity)
    if registers.third_source is not None and "third-source-absent" not in layout.quirks:
        misplaced = "third-source-misplaced" in layout.quirks
        source = 1 if config.third_sensor is None else config.third_sensor
        out[MISPLACED_THIRD_SOURCE if misplaced else registers.third_source] = bytes([source])
    if layout.external_format is not None and registers.external_format is not None:
        out[registers.external_format] = bytes([layout.external_format])
    return out
