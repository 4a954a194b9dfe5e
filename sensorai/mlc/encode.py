"""From a configuration to the register file that a device loads.

The bytes are in ``pages``, their order in ``sequence``; here everything a device objects to is raised
at once and names are added.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

from sensorai.errors import Problem, TargetError
from sensorai.mlc.bus import ranges, replay
from sensorai.mlc.check import check
from sensorai.mlc.config import MlcConfig
from sensorai.mlc.devices import MlcDevice
from sensorai.mlc.devices import device as find_device
from sensorai.mlc.labels import feature_name, filter_names, result_name, third_of
from sensorai.mlc.layout import DELAY, Layout, Step
from sensorai.mlc.layout import style as find_style
from sensorai.mlc.pages import config_places, input_codes, stored
from sensorai.mlc.regfile import DESCRIPTION
from sensorai.mlc.sensors import high_g, sensor_writes
from sensorai.mlc.sequence import page_blocks, steps, tree_block
from sensorai.regfile import TAG_FEATURE, TAG_FILTER, Delay, Identifier, Op, Output, RegisterFile, Write
from sensorai.version import __version__

__all__ = ["check", "default_layout", "encode", "identifiers", "outputs"]


def encode(
    config: MlcConfig, *, style: str | None = None, layout: Layout | None = None, name: str = ""
) -> RegisterFile:
    """Write a configuration as a register file.

    Parameters
    ----------
    config : MlcConfig
    style : str, optional
        Write style, a name in ``layout.STYLES``: ``current`` (the default), ``2.3``, ``block``,
        ``block-9.13``, ``block-9.10``, ``byte``, ``byte-pages``, ``six-byte-nodes``. When the layout
        has another one, place and manner become those of the style; sensor modes, interrupts and what
        stands around the MLC part are kept, faults of the old file are not.
    layout : Layout, optional
        Of a decoded file: place and manner are kept. Without it the style's defaults hold.
    name : str
        Goes into the file as a comment.

    Returns
    -------
    RegisterFile
        With result labels and identifiers; nodes in pre-order, left first.

    Raises
    ------
    TargetError
        The device cannot hold the configuration; all reasons at once.
    ConfigError
        There is no such device or style.
    """
    part = find_device(config.device)
    if layout is None:
        layout = default_layout(config, style or "current")
    elif style is not None and style != layout.style:
        layout = _restyled(config, layout, style)
    problems = [*check(config, layout), *_layout_problems(config, part, layout)]
    if problems:
        raise TargetError(problems)
    trees = tuple(replace(one, tree=stored(one.tree, layout.quirks)) for one in config.trees)
    config = replace(config, trees=trees)
    problems = _collisions(config, part, layout)
    if problems:
        raise TargetError(problems)
    mine = [*layout.before, *steps(config, part, layout), *layout.after]
    return RegisterFile(
        ops=as_ops(mine),
        device=part.name,
        tool=f"sensorai {__version__}",
        outputs=outputs(config, part),
        identifiers=identifiers(config, part, layout),
        comments=(name,) if name else (),
        description=DESCRIPTION,
    )


def default_layout(config: MlcConfig, style: str = "current") -> Layout:
    """Place and manner of a new file: what the style's tools do by default.

    Raises
    ------
    ConfigError
        There is no such device or style.
    """
    part, how = find_device(config.device), find_style(style)
    registers = part.registers
    with_high_g = high_g(config, part)
    return Layout(
        style=style,
        base=registers.bases[-1] if how.older_base else registers.base,
        sensitivity=registers.sensitivity if how.defaults and not with_high_g else None,
        high_g_sensitivity=part.high_g.sensitivity if part.high_g and with_high_g else None,
        external_format=0 if how.defaults and registers.external_format is not None else None,
    )


def _restyled(config: MlcConfig, layout: Layout, style: str) -> Layout:
    """Move a layout to another style."""
    part, new = find_device(config.device), default_layout(config, style)
    order = sensor_writes(config, part, new)
    values = dict(layout.registers)
    registers = [(register, values.pop(register, value)) for register, value in order]
    told = layout.sensitivity not in (None, part.registers.sensitivity)
    return replace(
        layout,
        style=style,
        base=new.base,
        pointers={},
        sensitivity=layout.sensitivity if told else new.sensitivity,
        external_format=layout.external_format or new.external_format,
        registers=(*registers, *values.items()) if layout.registers else (),
        quirks=(),
    )


def _layout_problems(config: MlcConfig, part: MlcDevice, layout: Layout) -> list[Problem]:
    """List what is wrong with place and manner."""
    how = find_style(layout.style)
    found = []
    if part.generation not in how.generations:
        found.append(
            Problem(
                f"no tool of style {how.name} ({how.tools}) is known to write for {part.name}",
                "style",
                "use style current",
            )
        )
    if part.registers.node_bytes == 4 and "stored-order" in layout.quirks:
        rows = (row for one in config.trees for row in enumerate(one.tree.rows()))
        if any(left >= 0 and left != i + 1 for i, (_, _, left, _) in rows):
            found.append(
                Problem(
                    "a tree is not in an order that can be stored", "layout", "drop the quirk stored-order"
                )
            )
    return found


def _collisions(config: MlcConfig, part: MlcDevice, layout: Layout) -> list[Problem]:
    """List parts that lie over one another, over what stands in ``layout.before``, or beyond the pages."""
    places = config_places(config, part, layout)
    blocks = [*page_blocks(config, part, layout), tree_block(config, part, layout)]
    used = [("MLC bytes", b.address, b.address + len(b.data)) for b in blocks if not b.in_tree_ram]
    used.append(
        (
            "input values",
            places.inputs,
            places.inputs + 2 * len(input_codes(part, config.inputs, config.filters)),
        )
    )
    used.append(("feature values", places.values, places.values + 2 * len(config.features)))
    other = replay(as_ops(layout.before), part.registers.bank).pages
    used += [("other bytes of the file", first, first + count) for first, count in ranges(other)]
    used.sort(key=lambda one: one[1:])
    hint = "choose another base address in the layout, or make the configuration smaller"
    found = [
        Problem(f"{what} end at {end:X}h, pages at FFFh", f"page address {first:03X}h", hint)
        for what, first, end in used
        if end > 0x1000
    ]
    for (what, first, end), (next_what, at, _) in pairwise(used):
        if at < end:
            message = f"{what} from {first:03X}h and {next_what} from {at:03X}h overlap"
            found.append(Problem(message, f"page address {at:03X}h", hint))
    return found


def as_ops(mine: Iterable[Step]) -> tuple[Op, ...]:
    """Make operations of a write list."""
    return tuple(Delay(value) if register == DELAY else Write(register, value) for register, value in mine)


def outputs(config: MlcConfig, part: MlcDevice) -> tuple[Output, ...]:
    """Name the result register of each tree and its classes."""
    return tuple(
        Output(
            "Categorical output",
            result_name(part, i),
            tuple(one.labels.items()),
            register=part.registers.result_first + i,
        )
        for i, one in enumerate(config.trees)
    )


def identifiers(config: MlcConfig, part: MlcDevice, layout: Layout) -> tuple[Identifier, ...]:
    """Name and value address of every filter output, then of every feature."""
    at, how = config_places(config, part, layout), find_style(layout.style)
    third = third_of(config, part)
    filters = filter_names(config.filters, how.labels, third, part.acc_axes)
    first = at.inputs + 2 * 5 * len(config.inputs)
    return (
        *(Identifier(TAG_FILTER, first + 2 * i, label) for i, label in enumerate(filters)),
        *(
            Identifier(
                TAG_FEATURE,
                at.values + 2 * i,
                feature_name(config.filters, i, one, how.labels, third),
            )
            for i, one in enumerate(config.features)
        ),
    )
