"""Reading filters, features, meta-classifier and trees out of page bytes nobody vouches for.

Each reader takes a ``Memory`` and marks what it explains; a byte that contradicts the format ends in a
DataError that names the address and the line, or stays unread and is listed by the decoder. Loops are
bounded by the format's own limits (31 input codes, 64 features, 512 nodes).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sensorai.errors import DataError
from sensorai.mlc import half
from sensorai.mlc.bus import Memory
from sensorai.mlc.config import (
    FEATURE_CODES,
    FILTER_COEFFICIENTS,
    SENSOR_SLOTS,
    THRESHOLD_KINDS,
    Feature,
    Filter,
    Source,
)
from sensorai.mlc.devices import MlcDevice
from sensorai.mlc.pages import (
    COMPONENT_CODES,
    END_OF_FEATURES,
    END_OF_FILTERS,
    FEATURE_STATES,
    FILTER_KINDS,
    FILTER_STATES,
)
from sensorai.model.forest import Tree

_COMPONENTS = {code: name for name, code in COMPONENT_CODES.items()}
_FEATURES = {code: name for name, code in FEATURE_CODES.items()}
_DUMMY_FEATURE = 0x12
_FILTER_BITS, _FEATURE_BITS = 0x00BF, 0xFD1F


def parse_filters(memory: Memory, at: int, inputs: Sequence[str], limit: int) -> tuple[list[Filter], int]:
    """Filter list from ``at`` to its end marker; returns the filters and the address behind it.

    ``limit`` is the number of outputs that input codes are left for.
    """
    filters: list[Filter] = []
    outputs = 0
    while (header := memory.half(at, f"filter {len(filters) + 1}")) != END_OF_FILTERS:
        name, where = f"filter {len(filters) + 1}", memory.where(at)
        component, sensor = _COMPONENTS.get(header & 3), header >> 4 & 3
        if header & ~_FILTER_BITS or component is None or sensor >= len(SENSOR_SLOTS):
            raise DataError(f"{name}: header {header:04X}h has no known meaning", where=where)
        slot = SENSOR_SLOTS[sensor]
        if slot not in inputs:
            raise DataError(f"{name} filters the {_SENSOR_WORDS[slot]}, which is not an input", where=where)
        kind = FILTER_KINDS[header >> 2 & 3]
        one = Filter(kind, slot, component, fifo=bool(header & 0x80))
        outputs += len(one.outputs)
        if outputs > limit:
            raise DataError(
                f"{name}: the filters have more than the {limit} outputs that input codes are left for",
                where=where,
                hint="the list has no end marker, or the file is damaged",
            )
        states = 2 * FILTER_STATES[kind] * len(one.outputs)
        memory.zeros(at + 2, states, f"{name}, state")
        names = FILTER_COEFFICIENTS[kind]
        at += 2 + states
        coefficients = tuple(memory.half(at + 2 * i, f"{name}, {c}") for i, c in enumerate(names))
        filters.append(Filter(kind, slot, component, coefficients, one.fifo))
        at += 2 * len(names)
    return filters, at + 2


_SENSOR_WORDS = {"acc": "accelerometer", "gyro": "gyroscope", "ext": "third sensor"}


def parse_features(
    memory: Memory, at: int, sources: Mapping[int, Source], limit: int
) -> tuple[list[Feature], int]:
    """Feature list from ``at`` to its end marker; returns the features and the address behind it."""
    features: list[Feature] = []
    while (header := memory.half(at, f"feature F{len(features) + 1}")) != END_OF_FEATURES:
        name, where = f"feature F{len(features) + 1}", memory.where(at)
        kind, code = _FEATURES.get(header & 0x1F), header >> 10 & 0x1F
        if kind is None or header & ~_FEATURE_BITS:
            dummy = header & 0x1F == _DUMMY_FEATURE
            raise DataError(
                f"{name}: header {header:04X}h has no known meaning",
                where=where,
                hint="type 12h is a place-holder of hand-edited FSM examples; such a file has no usable tree"
                if dummy
                else "",
            )
        if code not in sources:
            raise DataError(f"{name}: there is no input with code {code}", where=where)
        if len(features) == limit:
            raise DataError(
                f"there are more than {limit} features",
                where=where,
                hint="the list has no end marker, or the file is damaged",
            )
        at += 2
        threshold = None
        if kind in THRESHOLD_KINDS:
            threshold = memory.half(at, f"{name}, threshold")
            at += 2
        for i, value in enumerate(FEATURE_STATES[kind]):
            cell = memory.cells.get(at + i)
            if cell is None or cell.value == value:  # another start value stays unexplained
                memory.byte(at + i, f"{name}, state")
        at += len(FEATURE_STATES[kind])
        features.append(Feature(kind, sources[code], bool(header & 0x8000), threshold, bool(header & 0x100)))
    return features, at + 2


@dataclass(frozen=True, slots=True)
class Meta:
    """Meta-classifier block: start bytes, end counters per tree, whether its last byte is missing."""

    starts: tuple[int, ...]
    end_counters: tuple[tuple[int, ...], ...]
    short: bool


def parse_meta(memory: Memory, at: int, trees: int, groups: int) -> Meta:
    """Read the block at ``at``; nibbles that belong to no result group must be 0."""
    size = 1 + 10 * trees
    short = at + size - 1 not in memory.cells
    memory.zeros(at, 1, "meta-classifier block")
    starts = tuple(memory.byte(at + 1 + i, "meta-classifier block, start of a tree") for i in range(trees))
    memory.zeros(at + 1 + trees, trees, "meta-classifier block")
    counters = []
    for i in range(trees):
        first = at + 1 + 2 * trees + 8 * i
        memory.zeros(first, 4, f"tree {i + 1}, counters")
        nibbles: list[int] = []
        for k in range(first + 4, first + 8):
            value = 0 if short and k == at + size - 1 else memory.byte(k, f"tree {i + 1}, end counters")
            nibbles += [value & 0xF, value >> 4]
        for g, value in enumerate(nibbles):
            if value > 14 or (value and g >= groups):
                raise DataError(
                    f"tree {i + 1}: end counter {value} of result group {g} is not possible",
                    where=memory.where(first + 4 + g // 2),
                    hint=f"there are {groups} groups on this device and counters run from 0 to 14",
                )
        counters.append(tuple(nibbles[:groups]))
    return Meta(starts, tuple(counters), short)


# ---------------------------------------------------------------- trees

Row = tuple[int, float, int, int]


class _NotAbsoluteError(Exception):
    """A four-byte tree whose child indices do not count from its first node."""


@dataclass(slots=True)
class TreeReader:
    """Reads the trees of one file.

    Attributes
    ----------
    memory : Memory
        Page RAM, or the tree RAM of generation A2.
    device : MlcDevice
    features : int
        Number of features; a node may name no other.
    relative : bool
        Set when the child indices of the file count from the node (a fault of one old tool).
    """

    memory: Memory
    device: MlcDevice
    features: int
    relative: bool = False

    def read(self, first: int, starts: Sequence[int], end: int | None) -> list[Tree]:
        """Trees whose nodes start at ``starts`` (counted over all trees) from address ``first``.

        ``end`` is the address behind the last tree when something else follows it, else None: then the
        tree goes as far as its nodes reach, and further as long as bytes make unreachable nodes.
        """
        size = self.device.registers.node_bytes
        trees = []
        for i, start in enumerate(starts):
            at = first + size * start
            last = i + 1 == len(starts)
            room = self.device.limits.nodes - start if last else starts[i + 1] - start
            if room <= 0 or start + room > self.device.limits.nodes:
                raise DataError(
                    f"tree {i + 1} starts at node {start}, which leaves it no room",
                    where=self.memory.where(at),
                    hint=f"this device has {self.device.limits.nodes} nodes",
                )
            trees.append(self._tree(i + 1, at, start, room, last, end))
        return trees

    def _tree(self, number: int, at: int, start: int, room: int, last: bool, end: int | None) -> Tree:
        name = f"tree {number}"
        if self.device.registers.node_bytes == 8:
            rows = self._walk(name, at, start, room)
        else:
            used = set(self.memory.used)
            try:
                rows = self._walk(name, at, start, room)
            except (_NotAbsoluteError, DataError) as absolute:
                self.memory.used = set(used)
                self.relative = not self.relative
                try:
                    rows = self._walk(name, at, start, room)
                except (_NotAbsoluteError, DataError):
                    self.relative = not self.relative
                    if isinstance(absolute, DataError):
                        raise absolute from None
                    raise DataError(
                        f"{name}: the child indices of its nodes do not fit together",
                        where=self.memory.where(at),
                    ) from None
        size = self.device.registers.node_bytes
        count = max(rows) + 1
        if not last:
            # Node counts of the block tell where the next tree starts; on A2 an odd tree is filled up.
            filled = size == 8 and room % 2 == 0 and count < room and self._empty(at + size * (room - 1))
            count = room - 1 if filled else room
            if filled:
                self.memory.zeros(at + size * count, size, name)
        else:
            spare = self._spare(name, at, start, count, room, end)
            rows |= spare
            count += len(spare)
        nodes = [rows[i] if i in rows else self._stray(name, at, start, i, room) for i in range(count)]
        for i, (_, _, left, right) in enumerate(nodes):
            if max(left, right) >= count:
                raise DataError(
                    f"{name}: node {i} leads to node {max(left, right)}, the tree has {count}",
                    where=self.memory.where(at + size * i),
                )
        return Tree.from_nodes(nodes)

    def _empty(self, at: int) -> bool:
        cells = (self.memory.cells.get(a) for a in range(at, at + 8))
        return all(cell is not None and cell.value == 0 for cell in cells)

    def _stray(self, name: str, at: int, start: int, i: int, room: int) -> Row:
        """Read a node that no branch leads to, between nodes that are reached."""
        try:
            return self._node(name, at, start, i, room)
        except _NotAbsoluteError:
            raise DataError(
                f"{name}: node {i}, which no branch leads to, is damaged",
                where=self.memory.where(at + self.device.registers.node_bytes * i),
            ) from None

    def _spare(
        self, name: str, at: int, start: int, count: int, room: int, end: int | None
    ) -> dict[int, Row]:
        """Nodes written behind the last reachable one, as far as they make sense."""
        size = self.device.registers.node_bytes
        found: dict[int, Row] = {}
        for i in range(count, room):
            address = at + size * i
            written = all(
                a in self.memory.cells and a not in self.memory.used for a in range(address, address + size)
            )
            if not written or (end is not None and address + size > end):
                break
            try:
                found[i] = self._node(name, at, start, i, room)
            except (DataError, _NotAbsoluteError):
                self.memory.used -= set(range(address, address + size))
                break
        reach = count + len(found)
        while any(max(row[2:]) >= reach for row in found.values()):
            reach = next(i for i, row in found.items() if max(row[2:]) >= reach)
            found = {i: row for i, row in found.items() if i < reach}
        self.memory.used -= set(range(at + size * reach, at + size * room))
        return found

    def _walk(self, name: str, at: int, start: int, room: int) -> dict[int, Row]:
        """Nodes that the root leads to, by index within the tree."""
        rows: dict[int, Row] = {}
        stack = [0]
        size = self.device.registers.node_bytes
        while stack:
            i = stack.pop()
            where = self.memory.where(at + size * i)
            if i in rows:
                raise DataError(f"{name}: two branches lead to node {i}", where=where)
            if not 0 <= i < room:
                raise DataError(f"{name}: a branch leads to node {i}, outside the tree", where=where)
            rows[i] = self._node(name, at, start, i, room)
            stack += [child for child in rows[i][2:] if child >= 0]
        return rows

    def _node(self, name: str, at: int, start: int, i: int, room: int) -> Row:
        size = self.device.registers.node_bytes
        where = self.memory.where(at + size * i)
        address = at + size * i
        threshold = half.to_float(self.memory.half(address, f"{name}, node {i}"))
        if threshold != threshold:
            raise DataError(f"{name}: the threshold of node {i} is not a number", where=where)
        if size == 8:
            feature, left, right = self._node8(name, address, start, i, room)
        else:
            feature, left, right = self._node4(name, address, i)
        if feature >= self.features:
            raise DataError(
                f"{name}: node {i} tests feature F{feature + 1}, there are {self.features}", where=where
            )
        return feature, threshold, left, right

    def _node4(self, name: str, address: int, i: int) -> tuple[int, int, int]:
        w = self.memory.half(address + 2, f"{name}, node {i}")
        if not w & 0x8000:
            raise DataError(
                f"{name}: node {i} is damaged (its top bit is 0)", where=self.memory.where(address + 2)
            )
        child = i + 1
        low, high = w & 0xF, w >> 4 & 0xF
        left_leaf, right_leaf = bool(w & 0x4000), bool(w & 0x2000)
        if left_leaf:
            if not right_leaf and high != (1 if self.relative else child & 0xF):
                raise _NotAbsoluteError
            return w >> 8 & 0x1F, ~low, ~high if right_leaf else child
        if right_leaf:
            if low:
                raise DataError(
                    f"{name}: node {i} is damaged (a left result without a left leaf)",
                    where=self.memory.where(address + 2),
                )
            return w >> 8 & 0x1F, child, ~high
        right = w & 0xFF
        if self.relative:
            right += i
        if right <= child:
            raise _NotAbsoluteError
        return w >> 8 & 0x1F, child, right

    def _node8(self, name: str, address: int, start: int, i: int, room: int) -> tuple[int, int, int]:
        v = self.memory.half(address + 2, f"{name}, node {i}") | self.memory.byte(address + 4, name) << 16
        flags = self.memory.byte(address + 5, f"{name}, node {i}")
        if flags & ~0x03 != 0x08:
            raise DataError(
                f"{name}: node {i} is damaged (flags {flags:02X}h)", where=self.memory.where(address + 5)
            )
        self.memory.zeros(address + 6, 2, f"{name}, node {i}")

        def child(value: int, leaf: int) -> int:
            if not leaf:
                if not start <= value < start + room:
                    raise DataError(
                        f"{name}: node {i} leads to node {value}, outside the tree",
                        where=self.memory.where(address + 2),
                    )
                return value - start
            if value > 0xFF:
                raise DataError(
                    f"{name}: node {i} has result {value}, results end at 255",
                    where=self.memory.where(address + 2),
                )
            return ~value

        return v >> 18 & 0x3F, child(v >> 9 & 0x1FF, flags & 2), child(v & 0x1FF, flags & 1)
