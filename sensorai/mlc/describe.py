"""A decoded register file in words, as JSON values and as tree text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sensorai.mlc import half
from sensorai.mlc.config import FILTER_COEFFICIENTS, DecisionTree, Source
from sensorai.mlc.decode import Decoded
from sensorai.mlc.description import as_dict, from_dict
from sensorai.mlc.encode import identifiers
from sensorai.mlc.labels import result_name
from sensorai.mlc.layout import STYLES
from sensorai.mlc.sensors import high_g
from sensorai.mlc.treetext import write_tree_text
from sensorai.regfile import TAG_FEATURE, TAG_FILTER

__all__ = ["as_dict", "as_text", "as_tree", "from_dict"]

#: What each filter computes (source: facts, mlc-numerics section 3; signs confirmed).
FORMULAS = {
    "HP": "y(n) = 0.5*x(n) - 0.5*x(n-1)",
    "BP": "y(n) = x(n) - x(n-2) - a2*y(n-1) - a3*y(n-2), output gain*y(n)",
    "IIR1": "y(n) = b1*x(n) + b2*x(n-1) - a2*y(n-1)",
    "IIR2": "y(n) = b1*x(n) + b2*x(n-1) + b3*x(n-2) - a2*y(n-1) - a3*y(n-2)",
}

_WORDS = {"acc": "accelerometer", "gyro": "gyroscope"}


def as_text(decoded: Decoded) -> str:
    """Explain a register file in plain text, everything that is in it and what is not understood."""
    lines = [*_head(decoded), "", "Sensors", *_sensors(decoded), "", "Core", *_core(decoded)]
    if decoded.config.filters:
        lines += ["", "Filters", *_filters(decoded)]
    lines += ["", "Features", *_features(decoded)]
    for number in range(len(decoded.config.trees)):
        lines += ["", *_tree(decoded, number)]
    lines += ["", "Memory", *_memory(decoded)]
    for title, found in (
        ("Also in the file", decoded.other),
        ("Notes", decoded.notes),
        ("Not understood", decoded.unknown),
    ):
        if found:
            lines += ["", title, *(f"  {line}" for line in found)]
    return "\n".join(lines) + "\n"


def as_tree(decoded: Decoded) -> str:
    """Write the trees as ST's tree text, one after another with an empty line between."""
    return "\n".join(
        write_tree_text(one.tree, feature_labels(decoded), class_names(one)) for one in decoded.config.trees
    )


def class_names(one: DecisionTree) -> dict[int, str]:
    """Name of every result code of a tree: its label, else the code itself."""
    codes = [*one.labels, *(leaf for leaf in sorted(set(one.tree.leaves)) if leaf not in one.labels)]
    return {code: one.labels.get(code) or str(code) for code in codes}


def feature_labels(decoded: Decoded) -> list[str]:
    """Names of the features in the naming style of the file."""
    found = identifiers(decoded.config, decoded.device, decoded.layout)
    return [one.label for one in found if one.tag == TAG_FEATURE]


def number(bits: int) -> str:
    """Value of a half, exactly, with its pattern: ``0.5 (3800h)``."""
    return f"{half.to_float(bits)!r} ({bits:04X}h)"


def _head(decoded: Decoded) -> list[str]:
    parts = [f"{decoded.device.name}: configuration of the machine learning core"]
    if decoded.source:
        parts.append(f"file    {decoded.source}")
    if decoded.tool:
        parts.append(f"tool    {decoded.tool}")
    how = STYLES[decoded.layout.style]
    style = f"{how.name} ({how.tools})" if decoded.reproduces else "none that is known"
    return [*parts, f"style   {style}"]


def _word(decoded: Decoded, slot: str) -> str:
    if slot in _WORDS:
        return _WORDS[slot]
    if high_g(decoded.config, decoded.device):
        return "high-g accelerometer"
    return f"third sensor ({', '.join(n for n in decoded.device.third_names if n != 'AccHG')})"


def _sensors(decoded: Decoded) -> Iterator[str]:
    config = decoded.config
    for slot in dict.fromkeys((*config.inputs, *config.settings)):
        setting = config.settings.get(slot)
        name = f"  {_word(decoded, slot):22}"
        unit = "dps" if slot == "gyro" else "g"
        if setting is None:
            yield f"{name}set up outside this file" if slot == "ext" else f"{name}registers not written"
        elif setting.rate_hz == 0.0:
            yield f"{name}off"
        else:
            rate = "rate unknown" if setting.rate_hz is None else f"{setting.rate_hz:g} Hz"
            scale = "full scale unknown" if setting.full_scale is None else f"+-{setting.full_scale:g} {unit}"
            yield f"{name}{rate}, {scale}"
    for register, value in decoded.layout.registers:
        yield f"  register {register:02X}h = {value:02X}h"


def _core(decoded: Decoded) -> Iterator[str]:
    config, layout = decoded.config, decoded.layout
    used = [s.rate_hz for slot, s in config.settings.items() if slot in config.inputs and s.rate_hz]
    effective = min([config.mlc_rate_hz, *used])
    slower = f", effectively {effective:g} Hz (the sensors')" if effective < config.mlc_rate_hz else ""
    yield f"  rate         {config.mlc_rate_hz:g} Hz{slower}"
    yield f"  window       {config.window} samples, {config.window / effective:.3g} s"
    yield f"  inputs       {', '.join(_word(decoded, slot) for slot in config.inputs)}"
    lines = [
        f"{pin} from {', '.join(f'tree {i + 1}' for i in range(8) if mask >> i & 1)}"
        for pin, mask in (("INT1", layout.int1), ("INT2", layout.int2))
        if mask
    ]
    yield f"  interrupt    {'; '.join(lines) or 'none'}"
    if layout.sensitivity is not None:
        yield f"  third-sensor sensitivity  {number(layout.sensitivity)}"
    if layout.high_g_sensitivity is not None:
        yield f"  high-g sensitivity        {number(layout.high_g_sensitivity)}"


def _filters(decoded: Decoded) -> Iterator[str]:
    found = identifiers(decoded.config, decoded.device, decoded.layout)
    outputs = iter([one for one in found if one.tag == TAG_FILTER])
    for k, one in enumerate(decoded.config.filters, 1):
        fifo = ", sent to FIFO" if one.fifo else ""
        yield f"  {k}  {one.kind} on {_word(decoded, one.sensor)} {one.component}{fifo}"
        yield f"     {FORMULAS[one.kind]}"
        names = FILTER_COEFFICIENTS[one.kind]
        for name, bits in zip(names, one.coefficients, strict=True):
            yield f"     {name:5}{number(bits)}"
        for _ in one.outputs:
            output = next(outputs)
            yield f"     output at {output.address:03X}h  {output.label}"


def _source(decoded: Decoded, source: Source) -> str:
    behind = "" if source.filter is None else f", filter {source.filter + 1}"
    return f"{_word(decoded, source.sensor)} {source.axis}{behind}"


def _features(decoded: Decoded) -> Iterator[str]:
    names = feature_labels(decoded)
    width = max(map(len, names), default=0)
    for i, (one, name) in enumerate(zip(decoded.config.features, names, strict=True)):
        extra = "" if one.threshold is None else f", threshold {number(one.threshold)}"
        extra += ", sent to FIFO" if one.fifo else ""
        address = decoded.places.values + 2 * i
        yield f"  {name:{width}}  at {address:03X}h  {_source(decoded, one.source)}{extra}"


def _tree(decoded: Decoded, i: int) -> Iterator[str]:
    one, part = decoded.config.trees[i], decoded.device
    names = class_names(one)
    reached = len(one.tree.preorder())
    dead = f" ({len(one.tree) - reached} of them unreachable)" if reached < len(one.tree) else ""
    nodes = "1 node" if len(one.tree) == 1 else f"{len(one.tree)} nodes"
    yield f"Tree {i + 1}: {nodes}{dead}, depth {one.tree.depth}"
    yield f"  result       {result_name(part, i)}, embedded register {part.registers.result_first + i:02X}h"
    yield f"  classes      {', '.join(f'{code} = {name}' for code, name in names.items())}"
    yield f"  meta-classifier  {_groups(decoded, one)}"
    yield from (f"  {line}" for line in _branches(one, feature_labels(decoded), names))


def _groups(decoded: Decoded, one: DecisionTree) -> str:
    """Name the end counter of each result group that the tree uses."""
    width = decoded.device.limits.group_width
    used = sorted({leaf // width for leaf in one.tree.leaves})
    counters = [(g, one.end_counters[g] if g < len(one.end_counters) else 0) for g in used]
    if not any(counter for _, counter in counters):
        return "off, results pass at once"
    said = [f"codes {width * g} to {width * g + width - 1} after {c}" for g, c in counters]
    return ", ".join(said) + " windows"


def _branches(one: DecisionTree, features: Sequence[str], names: dict[int, str]) -> Iterator[str]:
    """Draw the tree: one line a branch, depth by bars."""
    rows = list(one.tree.rows())
    stack: list[tuple[str, int, int]] = [("", one.tree.root, -1)]
    while stack:
        text, at, depth = stack.pop()
        bars = "|   " * depth
        if at < 0:
            yield f"{bars}{text}: {names[~at]}"
            continue
        if text:
            yield f"{bars}{text}"
        feature, threshold, left, right = rows[at]
        name = features[feature]
        stack += [
            (f"{name} > {threshold!r}", right, depth + 1),
            (f"{name} <= {threshold!r}", left, depth + 1),
        ]


def _memory(decoded: Decoded) -> Iterator[str]:
    at, part = decoded.places, decoded.device
    tree = "tree RAM from 000h" if part.registers.node_bytes == 8 else f"{at.tree:03X}h"
    yield f"  header {part.registers.header:03X}h, lists {at.base:03X}h, input values {at.inputs:03X}h"
    yield f"  feature values {at.values:03X}h, meta-classifier {at.meta:03X}h, trees {tree}"
    yield f"  {decoded.mlc_bytes} bytes written"
