"""Everything a device has against a configuration, each with the way out.

Limits and offers come from the device files; what the bytes can hold at all from the format (facts,
mlc-format sections 3 to 9).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from sensorai.errors import Problem
from sensorai.mlc import half
from sensorai.mlc.config import (
    ABSOLUTE_KINDS,
    FEATURE_CODES,
    FILTER_COEFFICIENTS,
    SENSOR_SLOTS,
    THRESHOLD_KINDS,
    DecisionTree,
    Feature,
    Filter,
    MlcConfig,
    Source,
)
from sensorai.mlc.devices import MlcDevice
from sensorai.mlc.devices import device as find_device
from sensorai.mlc.layout import Layout
from sensorai.mlc.pages import COMPONENT_CODES, input_codes, tree_starts
from sensorai.mlc.sensors import Field, fields, high_g
from sensorai.mlc.sequence import mlc_rates
from sensorai.model.forest import Tree
from sensorai.targets import closest


def check(config: MlcConfig, layout: Layout | None = None) -> list[Problem]:
    """List every reason why the configuration cannot be written for its device; empty when it can.

    Parameters
    ----------
    config : MlcConfig
    layout : Layout, optional
        Of a decoded file: sensor settings that its register values already hold are not questioned.

    Raises
    ------
    ConfigError
        There is no such device.
    """
    part = find_device(config.device)
    found = [*_inputs(config, part)]
    if found:
        return found  # everything else is counted from the inputs
    found += _core(config, part)
    found += _settings(config, part, layout)
    bad_filters = list(_filters(config, part))
    found += bad_filters
    if not bad_filters:
        found += _features(config, part)
    for i, one in enumerate(config.trees):
        found += _tree(config, part, one, f"tree {i + 1}")
    found += _trees(config, part)
    return found


def _listed(values: Iterable[object]) -> str:
    return ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values)


def _is_half(bits: object) -> bool:
    return isinstance(bits, int) and 0 <= bits <= 0xFFFF


def _nan(bits: int) -> bool:
    return bits & 0x7FFF > half.INFINITY


def _inputs(config: MlcConfig, part: MlcDevice) -> Iterator[Problem]:
    rank = {slot: i for i, slot in enumerate(SENSOR_SLOTS)}
    slots = config.inputs
    unknown = [slot for slot in slots if slot not in rank]
    if unknown:
        yield Problem(f"there is no sensor slot {unknown[0]!r}", "inputs", closest(unknown[0], SENSOR_SLOTS))
    elif not slots or slots[0] != "acc" or [rank[s] for s in slots] != sorted({rank[s] for s in slots}):
        yield Problem(
            f"inputs {_listed(slots) or '(none)'} are not possible",
            "inputs",
            "the accelerometer is always an input, then gyro, then ext",
        )
    for slot in slots:
        if slot in rank and slot not in part.sensors and not (slot == "ext" and "acch" in part.sensors):
            yield Problem(
                f"{part.name} has no {'gyroscope' if slot == 'gyro' else 'third-sensor slot'}",
                "inputs",
                f"it has: {_listed(part.sensors)}",
            )


def _core(config: MlcConfig, part: MlcDevice) -> Iterator[Problem]:
    if not 1 <= config.window <= part.limits.window:
        yield Problem(
            f"a window of {config.window} samples is not possible",
            "window",
            f"1 to {part.limits.window} samples",
        )
    rates = mlc_rates(config.inputs, part)
    if config.mlc_rate_hz not in rates:
        yield Problem(
            f"the core of {part.name} does not run at {config.mlc_rate_hz:g} Hz",
            "mlc_rate_hz",
            f"it offers {_listed(rates)} Hz",
        )
    source = config.third_sensor
    if source is None:
        return
    if part.registers.third_source is None:
        yield Problem(
            f"{part.name} has no choice of third sensor",
            "third_sensor",
            "leave third_sensor out",
        )
    elif not 0 <= source <= 0xFF:
        yield Problem(f"third sensor {source} is no byte", "third_sensor", "1 external or Qvar, 3 high-g")
    elif source == 3 and part.high_g is None:
        yield Problem(f"{part.name} has no high-g accelerometer", "third_sensor", "1 is the external sensor")


def _settings(config: MlcConfig, part: MlcDevice, layout: Layout | None) -> Iterator[Problem]:
    written = dict(layout.registers) if layout else {}
    used = {one.sensor for one in config.filters} | {one.source.sensor for one in config.features}
    with_high_g = high_g(config, part)
    for slot in config.settings:
        if slot not in SENSOR_SLOTS:
            yield Problem(f"there is no sensor {slot!r}", "settings", closest(slot, SENSOR_SLOTS))
        elif slot == "ext" and not with_high_g:
            yield Problem(
                "the third sensor has no rate or full scale to set",
                "settings.ext",
                "only the high-g accelerometer has; set up an external sensor by the sensor hub",
            )
        elif slot not in part.sensors and slot != "ext":
            yield Problem(f"{part.name} has no sensor {slot}", "settings", f"it has: {_listed(part.sensors)}")
    for field in fields(part):
        if field.slot not in config.inputs or (field.slot == "ext" and not with_high_g):
            if field.slot in config.settings and field.slot in part.sensors:
                yield from _setting(config, part, field, written, required=False, on=False)
            continue
        required = field.slot == "acc" or field.slot in used
        yield from _setting(config, part, field, written, required=required, on=field.slot in used)


def _setting(
    config: MlcConfig, part: MlcDevice, field: Field, written: dict[int, int], *, required: bool, on: bool
) -> Iterator[Problem]:
    """Judge one rate or full scale; ``required``: it must be known; ``on``: the rate must not be 0."""
    setting = config.settings.get(field.slot)
    wanted = None if setting is None else getattr(setting, field.what)
    there = written.get(field.bits.register)
    what = "rate" if field.what == "rate_hz" else "full scale"
    unit = "Hz" if field.what == "rate_hz" else "dps" if field.slot == "gyro" else "g"
    where = f"settings.{field.slot}.{field.what}"
    offers = f"{part.name} offers {_listed(field.codes)} {unit}"
    if wanted is None:
        if required and there is None:
            yield Problem(f"the {what} of sensor {field.slot} is not given", where, offers)
    elif there is not None and field.meaning(part, there) == wanted:
        pass
    elif field.code(part, wanted) is None:
        yield Problem(f"{part.name} has no {what} of {wanted:g} {unit} for {field.slot}", where, offers)
    if wanted == 0.0 and field.what == "rate_hz" and on:
        yield Problem(f"sensor {field.slot} is used but switched off", where, offers)


def _filters(config: MlcConfig, part: MlcDevice) -> Iterator[Problem]:
    for i, one in enumerate(config.filters):
        name = f"filter {i + 1}"
        yield from _filter(config, part, one, name)
    outputs = sum(len(one.outputs) for one in config.filters)
    raw = 5 * len(config.inputs)
    if raw + outputs > part.limits.inputs:
        yield Problem(
            f"{raw} sensor components and {outputs} filter outputs are more than {part.limits.inputs} inputs",
            "filters",
            f"at most {part.limits.inputs - raw} filter outputs fit; filter V or V2 instead of XYZ",
        )


def _filter(config: MlcConfig, part: MlcDevice, one: Filter, name: str) -> Iterator[Problem]:
    if one.kind not in part.filters or one.kind not in FILTER_COEFFICIENTS:
        yield Problem(
            f"{name}: {part.name} has no filter {one.kind!r}", name, closest(one.kind, part.filters)
        )
        return
    if one.sensor not in config.inputs:
        yield Problem(
            f"{name}: sensor {one.sensor!r} is not an input", name, f"inputs: {_listed(config.inputs)}"
        )
    if one.component not in COMPONENT_CODES:
        yield Problem(f"{name}: component {one.component!r} cannot be filtered", name, "XYZ, V or V2")
    names = FILTER_COEFFICIENTS[one.kind]
    if len(one.coefficients) != len(names):
        yield Problem(
            f"{name}: {one.kind} takes {len(names)} coefficients, not {len(one.coefficients)}",
            name,
            f"in this order: {_listed(names)}" if names else "leave them out",
        )
    if not all(map(_is_half, one.coefficients)) or any(map(_nan, one.coefficients)):
        yield Problem(f"{name}: a coefficient is no half-precision number", name, "give its 16-bit pattern")


def _features(config: MlcConfig, part: MlcDevice) -> Iterator[Problem]:
    if not config.features:
        yield Problem("there are no features", "features", "a tree needs at least one")
    if len(config.features) > part.limits.features:
        yield Problem(
            f"{len(config.features)} features are more than the {part.limits.features} of {part.name}",
            "features",
            f"drop {len(config.features) - part.limits.features} of them",
        )
    sources = input_codes(part, config.inputs, config.filters)
    for i, one in enumerate(config.features):
        yield from _feature(config, part, one, f"feature F{i + 1}", sources)


def _feature(
    config: MlcConfig, part: MlcDevice, one: Feature, name: str, sources: Iterable[Source]
) -> Iterator[Problem]:
    if one.kind not in part.features or one.kind not in FEATURE_CODES:
        yield Problem(
            f"{name}: {part.name} has no feature {one.kind!r}", name, closest(one.kind, part.features)
        )
        return
    if one.source not in sources:
        source = one.source
        text = f"{source.axis} of {source.sensor}"
        text += "" if source.filter is None else f" behind filter {source.filter + 1}"
        yield Problem(
            f"{name}: there is no input {text}",
            name,
            f"inputs: {_listed(config.inputs)} with X, Y, Z, V, V2; {len(config.filters)} filters",
        )
    if one.kind in THRESHOLD_KINDS:
        if one.threshold is None or not _is_half(one.threshold) or _nan(one.threshold):
            yield Problem(
                f"{name}: {one.kind} needs a threshold that is a half-precision number",
                name,
                "give its 16-bit pattern",
            )
    elif one.threshold is not None:
        yield Problem(f"{name}: {one.kind} takes no threshold", name, "leave it out")
    if one.absolute and one.kind not in ABSOLUTE_KINDS:
        yield Problem(
            f"{name}: {one.kind} has no absolute form",
            name,
            f"it exists for {_listed(sorted(ABSOLUTE_KINDS))}",
        )


def _trees(config: MlcConfig, part: MlcDevice) -> Iterator[Problem]:
    limits, count = part.limits, len(config.trees)
    if not 1 <= count <= limits.trees:
        yield Problem(
            f"{count} trees are not possible on {part.name}",
            "trees",
            f"1 to {limits.trees} trees",
        )
        return
    nodes = tree_starts(config, part)[-1] + len(config.trees[-1].tree)
    if nodes > limits.nodes:
        yield Problem(
            f"{nodes} tree nodes are more than the {limits.nodes} of {part.name}",
            "trees",
            f"prune to {limits.nodes} nodes or fewer",
        )


def _tree(config: MlcConfig, part: MlcDevice, one: DecisionTree, name: str) -> Iterator[Problem]:
    limits, tree = part.limits, one.tree
    if len(one.end_counters) > limits.groups or any(
        not 0 <= n <= limits.end_counter for n in one.end_counters
    ):
        yield Problem(
            f"{name}: end counters {_listed(one.end_counters)} are not possible",
            name,
            f"at most {limits.groups} of them, each 0 to {limits.end_counter}",
        )
    odd = [code for code in one.labels if not 0 <= code < limits.results]
    if odd:
        yield Problem(
            f"{name}: class code {odd[0]} is not possible on {part.name}",
            name,
            f"0 to {limits.results - 1}",
        )
    if not len(tree):
        yield Problem(
            f"{name} is a single leaf, which no register file can hold",
            name,
            "use a tree with one test and the same result on both sides, such as F1 <= 0",
        )
        return
    shape = _shape(tree)
    if shape:
        yield Problem(f"{name}: {shape}", name, "each node but the first hangs on exactly one branch")
        return
    results = [leaf for leaf in tree.leaves if not 0 <= leaf < limits.results]
    if results:
        yield Problem(
            f"{name}: result {max(results)} is not possible on {part.name}",
            name,
            f"0 to {limits.results - 1}",
        )
    for i, (feature, threshold, _, _) in enumerate(tree.rows()):
        if config.features and not 0 <= feature < len(config.features):
            yield Problem(
                f"{name}: node {i} tests feature F{feature + 1}, there are {len(config.features)}",
                name,
                f"F1 to F{len(config.features)}",
            )
            return
        nearest = half.to_float(half.nearest(threshold))
        if math.isnan(threshold) or nearest != threshold:
            yield Problem(
                f"{name}: threshold {threshold!r} of node {i} is no half-precision number",
                name,
                f"the nearest one is {nearest!r}" if not math.isnan(threshold) else "",
            )
            return


def _shape(tree: Tree) -> str:
    """Say what is wrong with the links of a tree; empty when each node is reached once at most."""
    if tree.root != 0:
        return "its root is not its first node"
    seen: set[int] = set()
    stack = [0]
    while stack:
        at = stack.pop()
        if at < 0:
            continue
        if at >= len(tree):
            return f"a branch leads to node {at}, there are {len(tree)}"
        if at in seen:
            return f"two branches lead to node {at}"
        seen.add(at)
        stack += [int(tree.right[at]), int(tree.left[at])]
    return ""
