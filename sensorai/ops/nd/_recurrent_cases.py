"""Small nets of recurrent layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from sensorai.graph.graph import Graph
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Tensor
from sensorai.ops.nd import _testing
from sensorai.ops.nd.gates import Gate

#: Every function of gates with settings.
FUNCTIONS = (
    ("tanh", 0.0, 0.0),
    ("sigmoid", 0.0, 0.0),
    ("relu", 0.0, 0.0),
    ("linear", 0.5, -0.25),
    ("leaky_relu", 0.1, 0.0),
    ("thresholded_relu", 0.3, 0.0),
    ("scaled_tanh", 1.5, 0.7),
    ("hard_sigmoid", 0.2, 0.5),
    ("elu", 0.8, 0.0),
    ("softsign", 0.0, 0.0),
    ("softplus", 0.0, 0.0),
)
STEPS, BATCH, INPUTS, UNITS = 5, 2, 3, 4


def net(
    op: Any,
    gates: int,
    *,
    bias: int = 2,
    outputs: int = 0,
    lengths: bool = False,
    some: bool = False,
    state: bool = False,
    peepholes: bool = False,
    norm: bool = False,
    narrow: bool = False,
) -> Graph:
    """float32 net of one layer; ``bias``: numbers for each row; ``some``: lengths that are known.

    ``norm``: gates are normalised; ``narrow``: weights are int8.
    """
    rng = np.random.default_rng(7)
    many = 2 if op.direction == "bidirectional" else 1
    rows, last = gates * UNITS, outputs or UNITS
    lead = (BATCH, many) if op.layout else (many, BATCH)

    def known(name: str, *shape: int) -> Tensor:
        return _testing.known(name, rng.normal(0, 0.5, shape))

    def weights(name: str, *shape: int) -> Tensor:
        if not narrow:
            return known(name, *shape)
        scale = tuple(rng.uniform(0.002, 0.01, shape[1]).tolist())
        quant = Affine(scale, (0,) * shape[1], 1) if name != "r" else Affine(scale[:1])
        return _testing.known(name, rng.integers(-128, 128, shape), "int8", quant)

    x = _testing.given("x", (BATCH, STEPS, INPUTS) if op.layout else (STEPS, BATCH, INPUTS))
    found: list[Tensor | None] = [x, weights("w", many, rows, INPUTS), weights("r", many, rows, last)]
    found.append(known("b", many, bias * rows) if bias else None)
    given = _testing.known("lengths", [2, STEPS + 1], "int32")
    found.append(given if some else _testing.given("lengths", (BATCH,), "int32") if lengths else None)
    found.append(_testing.given("h0", (*lead, last)) if state else None)
    found.append(_testing.given("c0", (*lead, UNITS)) if state and gates == 4 else None)
    found.append(known("p", many, 3 * UNITS) if peepholes else None)
    found += [weights("pw", many, outputs, UNITS), known("pb", many, outputs)] if outputs else [None, None]
    found.append(known("n", many, rows) if norm else None)
    while found[-1] is None:
        found.pop()
    return _testing.one(op, found)


def common(cls: Any, gates: int) -> Iterator[tuple[str, Graph]]:
    """Directions, layouts, lengths, states, clips, biases; only the last outputs."""
    name = cls.NAME
    for layout in (0, 1):
        for direction in ("forward", "reverse", "bidirectional"):
            op = cls(direction=direction, layout=layout)
            yield f"{name}_{direction}_{layout}", net(op, gates, lengths=layout == 1, state=True)
    yield f"{name}_lengths", net(cls(direction="reverse"), gates, some=True)
    yield f"{name}_last", net(cls(direction="bidirectional", whole=False), gates, some=True)
    yield f"{name}_clip", net(cls(clip=0.6), gates, bias=1)
    yield f"{name}_bare", net(cls(), gates, bias=0)
    yield f"{name}_narrow", net(cls(direction="bidirectional"), gates, narrow=True)
    mixed = tuple(Gate(f, a, b) for f, a, b in (FUNCTIONS * 2)[3 : 3 + 2 * len(cls.FUNCTIONS)])
    yield f"{name}_functions", net(cls(direction="bidirectional", functions=mixed), gates)


def integer(
    op: Any,
    gates: int,
    *,
    bias: int = 2,
    state: bool = False,
    states: bool = False,
    each: bool = False,
    cell: float = 2.0**-11,
    kind: str = "int8",
) -> Graph:
    """int8 or int16 net of one layer; ``state``: lengths and states are given, ``states``: only these.

    ``each``: a scale for each row.
    """
    rng = np.random.default_rng(9)
    many = 2 if op.direction == "bidirectional" else 1
    rows = gates * UNITS
    lead = (BATCH, many) if op.layout else (many, BATCH)
    # with a scale for each row outputs saturate
    wide = kind == "int16"
    out, cells = (
        Affine(((0.9 if each else 1.05) / (32768 if wide else 128),), (0 if wide else 5,)),
        Affine((2.0**-15 if gates == 3 else cell,), (0,)),
    )

    def weights(name: str, count: int) -> Tensor:
        data = rng.integers(-127, 128, (many, rows, count))
        scale = rng.uniform(0.004, 0.02, rows if each else gates)
        scale = scale if each else np.repeat(scale, UNITS)
        return _testing.known(name, data, "int8", Affine(tuple(scale.tolist()), (0,) * rows, 1))

    shape = (BATCH, STEPS, INPUTS) if op.layout else (STEPS, BATCH, INPUTS)
    x = _testing.given("x", shape, kind, Affine((0.0001,)) if wide else Affine((0.02,), (-3,)))
    found: list[Tensor | None] = [x, weights("w", INPUTS), weights("r", UNITS)]
    data = rng.integers(-900, 900, (many, bias * rows)) * (2000 if wide else 1)
    found.append(_testing.known("b", data, "int64" if wide else "int32") if bias else None)
    found.append(_testing.given("lengths", (BATCH,), "int32") if state else None)
    found.append(_testing.given("h0", (*lead, UNITS), kind, out) if state or states else None)
    if (state or states) and gates > 1:
        found.append(_testing.given("c0", (*lead, UNITS), "int16", cells))
    while found[-1] is None:
        found.pop()
    quants = [out] if op.whole else []
    return _testing.one(op, found, [*quants, out, *([cells] if gates > 1 else [])])


def integers(cls: Any, gates: int, functions: tuple[str, ...]) -> Iterator[tuple[str, Graph]]:
    """Directions, layouts, states, scales of rows, functions of the first gate."""
    name = f"{cls.NAME}_int8"
    for layout in (0, 1):
        for direction in ("forward", "reverse", "bidirectional"):
            op = cls(direction=direction, layout=layout)
            yield f"{name}_{direction}_{layout}", integer(op, gates, state=layout == 1, bias=1 + layout)
    yield f"{name}_each", integer(cls(whole=False), gates, bias=0, each=True)
    rest = tuple(Gate(f) for f in cls.FUNCTIONS[1:])
    for function in functions:
        op = replace(cls(), functions=(Gate(function), *rest))
        yield f"{name}_{function}", integer(op, gates)
