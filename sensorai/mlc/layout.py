"""Where and in which manner a register file writes what ``MlcConfig`` means.

Two files can say the same with different bytes: other base address, other order of writes, optional
registers, faults of an old tool. All of that is ``Layout``; a ``Style`` is the manner of one group of
tool versions. With both, a decoded file is written again exactly as it was.

Sources: facts, mlc-format sections 9, 12 and 13 (confirmed on 288 published files).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sensorai.errors import ConfigError

#: One step of a write list: (register, value), or (DELAY, milliseconds).
Step = tuple[int, int]
DELAY = -1


@dataclass(frozen=True, slots=True)
class Style:
    """How one group of ST's tool versions writes a file.

    Attributes
    ----------
    name, tools : str
        Name for ``--style``, and the tool versions that write like this.
    generations : tuple of str
        Device generations the style is known for, or follows for without doubt.
    split_header : bool
        Optional header registers first, each with an address of its own.
    byte_pages : bool
        PAGE_SEL and PAGE_ADDRESS before every byte of header, lists and meta-classifier block.
    trees : str
        ``blocks``, ``bytes`` (an address before every byte) or ``six`` (the same, and two zero bytes
        after each four-byte node, which the next node overwrites).
    old_order : bool
        CTRL3 cleared and set around the trees, interrupt routing last.
    clear_a : bool
        EMB_FUNC_EN_A is cleared in the prologue too.
    older_base, older_sensors : bool
        Base address, and order and off values of the sensor registers, of earlier versions.
    defaults : bool
        Optional registers (sensitivity, external format) are written with their default values.
    after_enable : bool
        The unexplained write behind the enable of generation A2.
    tree_select : int
        Low nibble of PAGE_SEL for the tree RAM of generation A2.
    clear_high_g : bool
        The high-g accelerometer is switched off at the start as well.
    labels : str
        Naming style of features and filters, as ``sensorai.mlc.labels`` knows it.
    """

    name: str
    tools: str
    generations: tuple[str, ...] = ("A", "A2", "B", "C")
    split_header: bool = False
    byte_pages: bool = False
    trees: str = "blocks"
    old_order: bool = False
    clear_a: bool = True
    older_base: bool = False
    older_sensors: bool = True
    defaults: bool = False
    after_enable: bool = True
    tree_select: int = 0x9
    clear_high_g: bool = False
    labels: str = "older"


_STYLES = (
    Style(
        "current",
        "MLC Tool 2.3 and 2.4",
        split_header=True,
        older_sensors=False,
        defaults=True,
        clear_high_g=True,
        labels="current",
    ),
    Style(
        "2.3",
        "MLC Tool 2.3 with a high-g accelerometer",
        generations=("B", "C"),
        split_header=True,
        older_sensors=False,
        defaults=True,
        labels="current",
    ),
    Style("block", "9.14, 1.7.2, 1.16"),
    Style("block-9.13", "9.12 and 9.13, and files converted from them", older_base=True),
    Style(
        "block-9.10",
        "9.8 to 9.10",
        generations=("A", "A2", "B"),
        old_order=True,
        clear_a=False,
        older_base=True,
    ),
    Style(
        "byte",
        "9.2 to 9.6 (betas)",
        generations=("A", "A2"),
        byte_pages=True,
        trees="bytes",
        old_order=True,
        clear_a=False,
    ),
    Style(
        "byte-pages",
        "1.0 and 1.1 (betas)",
        generations=("A2",),
        byte_pages=True,
        old_order=True,
        clear_a=False,
        after_enable=False,
        tree_select=0xD,
    ),
    Style(
        "six-byte-nodes",
        "1.2 (betas)",
        generations=("A",),
        byte_pages=True,
        trees="six",
        old_order=True,
        clear_a=False,
    ),
)

#: Every style by name, newest first.
STYLES: Mapping[str, Style] = {s.name: s for s in _STYLES}

#: Faults and oddities of published files that a layout can carry, and what each one means
#: (facts, mlc-format section 13). The encoder produces them only when a decoded file had them.
QUIRKS: Mapping[str, str] = {
    "meta-short": "the last byte of the meta-classifier block is not written",
    "zeros-after-tree": "two zero bytes follow the last tree",
    "relative-children": "child indices count from the node instead of from the tree's first node",
    "stored-order": "tree nodes are not in the usual order, or some cannot be reached",
    "third-source-misplaced": "the third-sensor source is written to 1F1h, the place of another generation",
    "third-source-absent": "the third-sensor source is not written",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Place and manner of one file.

    Attributes
    ----------
    style : str
        A name in ``STYLES``.
    base : int
        Address of the filter and feature lists.
    pointers : mapping
        Header pointers (``inputs``, ``values``, ``meta``, ``tree``) that do not follow from ``base``.
    sensitivity, high_g_sensitivity : int or None
        Half patterns of the external sensor's and the high-g accelerometer's sensitivity; None where
        the file does not write them.
    external_format : int or None
        Byte 200h of generation B; None where it is not written.
    int1, int2 : int
        Which trees raise the interrupt lines: bit i is tree i + 1.
    registers : tuple of (register, value)
        Sensor registers as the file writes them, in its order. The encoder changes only the fields whose
        meaning differs from the configuration, so operating modes and the like stay. Empty: the
        encoder writes the style's own list.
    quirks : tuple of str
        Names from ``QUIRKS``.
    before, after : tuple of Step
        What stands around the MLC part in a file merged with other things, kept as it is.
    """

    style: str = "current"
    base: int = 0
    pointers: Mapping[str, int] = field(default_factory=dict)
    sensitivity: int | None = None
    high_g_sensitivity: int | None = None
    external_format: int | None = None
    int1: int = 1
    int2: int = 0
    registers: tuple[Step, ...] = ()
    quirks: tuple[str, ...] = ()
    before: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()


def style(name: str) -> Style:
    """Style called ``name``; a ConfigError names the ones there are."""
    try:
        return STYLES[name]
    except KeyError:
        raise ConfigError(f"there is no write style {name!r}", hint="one of " + ", ".join(STYLES)) from None
