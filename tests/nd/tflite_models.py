"""Models of TensorFlow Lite: computed by the reference and by TensorFlow Lite Micro itself, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array
from sensorai.importers.open import read_net
from sensorai.ops.nd import _testing

#: Bytes that TensorFlow Lite Micro gets.
ARENA = 1 << 24


def random_inputs(graph: Graph, count: int, seed: int = 0) -> list[Mapping[str, Array]]:
    """Inputs over the whole range of their types."""
    x = _testing.inputs(graph, count, seed)
    return [{name: array[i] for name, array in x.items()} for i in range(count)]


def micro(path: Path, rows: Sequence[Mapping[str, Array]], outputs: int) -> list[list[Array]]:
    """Outputs of TensorFlow Lite Micro for inputs given in their order; states go on from row to row."""
    from tflite_micro.python.tflite_micro import runtime

    interpreter: Any = runtime.Interpreter.from_file(str(path), arena_size=ARENA)
    found = []
    for row in rows:
        for i, array in enumerate(row.values()):
            interpreter.set_input(array, i)
        interpreter.invoke()
        found.append([np.array(interpreter.get_output(k)) for k in range(outputs)])
    return found


def mismatches(path: Path, count: int = 3) -> list[str]:
    """Outputs that differ from those of TensorFlow Lite Micro; states go on from row to row."""
    graph = read_net(path)
    rows = random_inputs(graph, count)
    found, state = [], None
    for k, (row, wanted) in enumerate(zip(rows, micro(path, rows, len(graph.outputs)), strict=True)):
        got = interpret.run(graph, row, state)
        state = interpret.following(graph, got)
        for name, want in zip(graph.outputs, wanted, strict=True):
            y = got[name]
            if y.shape != want.shape or y.dtype != want.dtype:
                found.append(f"{name}: {y.dtype}{list(y.shape)}, not {want.dtype}{list(want.shape)}")
            elif y.tobytes() != want.tobytes():
                off = int(np.sum(y != want))
                found.append(f"row {k}, {name}: {off} of {y.size} numbers differ")
    return found
