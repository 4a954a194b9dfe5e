"""The write list of a register file: prologue, pages, trees, enable, interrupt, rate, sensors.

Source: facts, mlc-format sections 9 and 12 (confirmed: the order of 288 published files).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sensorai.mlc.bus import EMBEDDED, PAGE_ADDRESS, PAGE_RW, PAGE_SEL, PAGE_VALUE
from sensorai.mlc.config import MlcConfig
from sensorai.mlc.devices import MlcDevice
from sensorai.mlc.layout import DELAY, Layout, Step, Style, style
from sensorai.mlc.pages import (
    config_places,
    header_bytes,
    list_bytes,
    meta_bytes,
    optional_bytes,
    tree_nodes,
)
from sensorai.mlc.sensors import high_g, sensor_writes

#: Embedded enables, PAGE_RW values and the default of PAGE_SEL.
_EN_A, _EN_B, MLC_ENABLE = 0x04, 0x05, 0x10
_PAGE_WRITE, _PAGE_OFF, _SELECT_DEFAULT = 0x40, 0x00, 0x01
#: CTRL3 of generations A, A2 and B: block data update and address increment, as old tools set it.
_CTRL3, _CTRL3_VALUE = 0x12, 0x44


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes that go to one place; ``in_tree_ram`` tells the two memories apart."""

    address: int
    data: bytes
    in_tree_ram: bool = False


def page_blocks(config: MlcConfig, device: MlcDevice, layout: Layout) -> list[Block]:
    """Header, lists and meta-classifier block in the order of the layout's style."""
    places = config_places(config, device, layout)
    optional = optional_bytes(config, device, layout)
    header = header_bytes(config, places, device.registers.header)
    if style(layout.style).split_header:
        blocks = [Block(address, data) for address, data in (optional | header).items()]
    else:
        blocks = _joined(optional, header)
    lists = Block(places.base, list_bytes(config, device))
    return [*blocks, lists, Block(places.meta, meta_bytes(config, device, layout.quirks))]


def _joined(optional: dict[int, bytes], header: dict[int, bytes]) -> list[Block]:
    """Parts that touch each other become one block; what lies elsewhere comes first, as it is."""
    first, last = min(header) - 2, max(header)
    near = {at: data for at, data in optional.items() if first <= at < last}
    blocks = [Block(at, data) for at, data in optional.items() if at not in near]
    for at, data in sorted((near | header).items()):
        if blocks and blocks[-1].address + len(blocks[-1].data) == at:
            blocks[-1] = Block(blocks[-1].address, blocks[-1].data + data)
        else:
            blocks.append(Block(at, data))
    return blocks


def tree_block(config: MlcConfig, device: MlcDevice, layout: Layout) -> Block:
    """All trees, in page RAM or in the tree RAM."""
    data = b"".join(tree_nodes(config, device, layout.quirks))
    data += bytes(2 if "zeros-after-tree" in layout.quirks else 0)
    if device.registers.node_bytes == 8:
        return Block(0, data, True)
    return Block(config_places(config, device, layout).tree, data)


def steps(config: MlcConfig, device: MlcDevice, layout: Layout) -> list[Step]:
    """Write list of the MLC part, without what ``layout.before`` and ``layout.after`` hold."""
    how, registers = style(layout.style), device.registers
    out: list[Step] = []
    for register, value, wait in registers.off:
        out += [(register, value), *([(DELAY, wait)] if wait else [])]
    if how.clear_high_g and device.high_g is not None and high_g(config, device):
        out += device.high_g.off
    bank = registers.bank
    out.append((bank, EMBEDDED))
    if how.clear_a:
        out.append((_EN_A, 0))
    out += [(_EN_B, 0), (PAGE_RW, _PAGE_WRITE)]
    for block in page_blocks(config, device, layout):
        out += _bytes(block, how) if how.byte_pages else _pages(block, how)
    out.append((bank, 0))
    if how.old_order:
        out.append((_CTRL3, 0))
    out += [(bank, EMBEDDED), (PAGE_RW, _PAGE_WRITE)]
    out += _trees(config, device, layout, how)
    out += [(bank, EMBEDDED), (PAGE_RW, _PAGE_OFF), (_EN_A, 0), (_EN_B, MLC_ENABLE)]
    if how.after_enable:
        out += registers.after_enable
    out += [(PAGE_SEL, _SELECT_DEFAULT), (bank, 0)]
    rate: list[Step] = [(registers.rate_register, rate_value(config, device))]
    if device.generation == "B" or how.defaults:
        rate += registers.feature_fifo
    sensors = sensor_writes(config, device, layout)
    route, lines = _interrupts(device, layout)
    if how.old_order:
        out += [(_CTRL3, _CTRL3_VALUE), (bank, EMBEDDED), *rate, (bank, 0), *sensors]
        out += [*route, (bank, EMBEDDED), *lines, (bank, 0)] if lines else []
    else:
        out += [*route, (bank, EMBEDDED), *lines, *rate, (bank, 0), *sensors]
    return out


def _interrupts(device: MlcDevice, layout: Layout) -> tuple[list[Step], list[Step]]:
    """Make the writes that lead embedded functions to the pins, and those that choose the trees."""
    registers = device.registers
    route: list[Step] = []
    lines: list[Step] = []
    if layout.int1:
        route += registers.interrupt
        lines.append((registers.tree_interrupt, layout.int1))
    if layout.int2:  # MD2_CFG follows MD1_CFG and has the same bits
        route += [(register + 1, value) for register, value in registers.interrupt]
        lines.append((registers.tree_interrupt_2, layout.int2))
    return route, lines


def mlc_rates(config_inputs: Iterable[str], device: MlcDevice) -> dict[float, int]:
    """Rates of the core on this device: another table holds when the vAFE is an input."""
    with_vafe = device.mlc_rates_with_vafe and "ext" in config_inputs
    return dict(device.mlc_rates_with_vafe if with_vafe else device.mlc_rates)


def rate_value(config: MlcConfig, device: MlcDevice) -> int:
    """Value of the MLC rate register."""
    return device.registers.rate_base | mlc_rates(config.inputs, device)[config.mlc_rate_hz] << 4


def _address(at: int, low_nibble: int) -> list[Step]:
    return [(PAGE_SEL, at >> 8 << 4 | low_nibble), (PAGE_ADDRESS, at & 0xFF)]


def _select(block: Block, how: Style) -> int:
    return how.tree_select if block.in_tree_ram else _SELECT_DEFAULT


def _pages(block: Block, how: Style) -> list[Step]:
    """One address per page, then the bytes."""
    out: list[Step] = []
    for i, value in enumerate(block.data):
        at = block.address + i
        if i == 0 or at & 0xFF == 0:
            out += _address(at, _select(block, how))
        out.append((PAGE_VALUE, value))
    return out


def _bytes(block: Block, how: Style) -> list[Step]:
    """Put an address before every byte."""
    out: list[Step] = []
    for i, value in enumerate(block.data):
        out += [*_address(block.address + i, _select(block, how)), (PAGE_VALUE, value)]
    return out


def _trees(config: MlcConfig, device: MlcDevice, layout: Layout, how: Style) -> list[Step]:
    block = tree_block(config, device, layout)
    if how.trees != "six":
        return _bytes(block, how) if how.trees == "bytes" else _pages(block, how)
    out: list[Step] = []
    zeros = "zeros-after-tree" in layout.quirks
    nodes = tree_nodes(config, device, layout.quirks)
    for i, node in enumerate(nodes):
        at = block.address + 4 * i
        out += _bytes(Block(at, node), how)
        # no published file has such a node end a page; nothing may run over its end
        if at + 3 & 0xFF != 0xFF and (zeros or i + 1 < len(nodes)):
            out += [(PAGE_VALUE, 0)] * 2
    return out
