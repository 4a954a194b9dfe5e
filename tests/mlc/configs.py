"""Random configurations that a device can hold, from a seeded generator."""

from __future__ import annotations

import random

from sensorai.mlc import half
from sensorai.mlc.config import (
    ABSOLUTE_KINDS,
    FILTER_COEFFICIENTS,
    THRESHOLD_KINDS,
    DecisionTree,
    Feature,
    Filter,
    MlcConfig,
    SensorSetting,
)
from sensorai.mlc.devices import MlcDevice
from sensorai.mlc.pages import input_codes
from sensorai.mlc.sequence import mlc_rates
from sensorai.model.forest import Tree


def random_half(rng: random.Random) -> int:
    """Any half but NaN: zeros of both signs, subnormals and infinities included."""
    either = rng.randrange(0, 0x7C01), rng.randrange(0x8000, 0xFC01)
    return rng.choice([*either, 0x0000, 0x8000, 0x0001, 0x7C00])


def random_tree(rng: random.Random, nodes: int, features: int, results: int) -> Tree:
    """A tree in pre-order, left first, of any shape."""
    rows: list[tuple[int, float, int, int]] = [(0, 0.0, 0, 0)] * nodes
    # (first node, nodes) of each subtree still to be made
    todo = [(0, nodes)]
    while todo:
        at, size = todo.pop()
        left = rng.choice([0, size - 1, rng.randint(0, size - 1)])
        right = size - 1 - left
        children = []
        for first, count in ((at + 1, left), (at + 1 + left, right)):
            children.append(first if count else ~rng.randrange(results))
            if count:
                todo.append((first, count))
        rows[at] = (rng.randrange(features), half.to_float(random_half(rng)), children[0], children[1])
    return Tree.from_nodes(rows)


def _filters(rng: random.Random, part: MlcDevice, inputs: tuple[str, ...]) -> tuple[Filter, ...]:
    room, filters = part.limits.inputs - 5 * len(inputs), []
    for _ in range(rng.choice([0, 0, 1, 2, 8])):
        kind, component = rng.choice(part.filters), rng.choice(["XYZ", "V", "V2"])
        bits = tuple(random_half(rng) for _ in FILTER_COEFFICIENTS[kind])
        one = Filter(kind, rng.choice(inputs), component, bits, rng.random() < 0.2)
        room -= len(one.outputs)
        if room >= 0:
            filters.append(one)
    return tuple(filters)


def _feature(rng: random.Random, part: MlcDevice, config: MlcConfig) -> Feature:
    kind = rng.choice(part.features)
    return Feature(
        kind,
        rng.choice(list(input_codes(part, config.inputs, config.filters))),
        kind in ABSOLUTE_KINDS and rng.random() < 0.3,
        random_half(rng) if kind in THRESHOLD_KINDS else None,
        rng.random() < 0.2,
    )


def random_config(rng: random.Random, part: MlcDevice) -> MlcConfig:
    """Any configuration that ``part`` can hold, its limits included."""
    third = "ext" in part.sensors or "acch" in part.sensors
    inputs = ["acc"]
    inputs += ["gyro"] if "gyro" in part.sensors and rng.random() < 0.6 else []
    inputs += ["ext"] if third and rng.random() < 0.4 else []
    source = None if part.registers.third_source is None else 1
    settings = {
        "acc": SensorSetting(rng.choice(list(part.acc_rates)), rng.choice(list(part.acc_full_scales)))
    }
    if "gyro" in part.sensors:
        settings["gyro"] = SensorSetting(
            rng.choice(list(part.gyro_rates)), rng.choice(list(part.gyro_full_scales))
        )
    if part.high_g is not None and "ext" in inputs and rng.random() < 0.5:
        source = part.high_g.source_code
        settings["ext"] = SensorSetting(
            rng.choice(list(part.acch_rates)), rng.choice(list(part.acch_full_scales))
        )
    config = MlcConfig(
        device=part.name,
        window=rng.choice([1, 255, rng.randint(1, 255)]),
        mlc_rate_hz=rng.choice(list(mlc_rates(inputs, part))),
        inputs=tuple(inputs),
        filters=_filters(rng, part, tuple(inputs)),
        features=(),
        trees=(),
        settings=settings,
        third_sensor=source,
    )
    limits = part.limits
    features = tuple(
        _feature(rng, part, config) for _ in range(rng.choice([1, limits.features, rng.randint(1, 12)]))
    )
    count = rng.choice([1, 1, 2, limits.trees])
    even = 2 if part.registers.node_bytes == 8 else 1  # an odd tree takes one place more there
    most = limits.nodes // count // even * even
    trees = []
    for _ in range(count):
        nodes = rng.choice([1, 2, 3, rng.randint(1, most), most])
        tree = random_tree(rng, nodes, len(features), limits.results)
        counters = tuple(rng.choice([0, 0, 14, rng.randint(0, 14)]) for _ in range(limits.groups))
        labels = {code: f"class {code}" for code in sorted(set(tree.leaves))}
        trees.append(DecisionTree(tree, counters, labels))
    return MlcConfig(
        config.device,
        config.window,
        config.mlc_rate_hz,
        config.inputs,
        config.filters,
        features,
        tuple(trees),
        settings,
        source,
    )
