"""ONNX's own tests of nodes: read, computed with the reference and, where every operator has C, as C."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from sensorai.codegen.net import KINDS, emit_tensors
from sensorai.errors import ConfigError, SensoraiError
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import DTYPES, Array
from sensorai.importers.known import NeedsConstant
from sensorai.importers.onnx.reader import read_model
from sensorai.importers.onnx.table import RULES
from sensorai.toolchain import host
from tests.conftest import shared_dir
from tests.nd import nets

#: Input that a net gets whose own inputs are all known.
UNUSED = "unused"
#: Nets in one program.
CHUNK = 40


@cache
def names() -> tuple[str, ...]:
    """Names of the tests; none without the reference material."""
    path = shared_dir() / "facts" / "onnx_node_subset.csv"
    if not path.is_file():
        return ()
    with path.open(newline="") as file:
        return tuple(row["test"] for row in csv.DictReader(file))


@cache
def tests() -> Mapping[str, Any]:
    """Return all node tests of the installed package by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.loader import load_model_tests

        return {one.name: one for one in load_model_tests(kind="node")}


@cache
def operators(name: str) -> tuple[str, ...]:
    """Operators of a test, each once."""
    return tuple(sorted({_kind(node) for node in tests()[name].model.graph.node}))


def _kind(node: Any) -> str:
    return str(f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type)


def missing(name: str) -> tuple[str, ...]:
    """Operators of a test that no rule reads."""
    return tuple(kind for kind in operators(name) if kind not in RULES)


def plain(value: Any) -> Array:
    """Array of what a test gives or wants; small integers and bits have a byte each."""
    import onnx

    if isinstance(value, onnx.TensorProto):
        value = onnx.numpy_helper.to_array(value)
    array = np.asarray(value)
    narrow = {"int4": "int8", "uint4": "uint8", "int2": "int8", "uint2": "uint8"}
    return array.astype(narrow.get(array.dtype.name, array.dtype))


@dataclass(frozen=True)
class Case:
    """One data set of a test: the net as it was read for it, what goes in, what has to come out."""

    graph: Graph
    x: Mapping[str, Array]
    wanted: Mapping[str, Array]


def case(model: Any, given: Sequence[Any], wanted: Sequence[Any]) -> Case:
    """Read a net; inputs that decide about shapes are constants with the values of the test."""
    import onnx

    constants = {one.name for one in model.graph.initializer}
    inputs = [one.name for one in model.graph.input if one.name not in constants]
    x = {name: plain(value) for name, value in zip(inputs, given, strict=True)}
    frozen: dict[str, Array] = {}
    while True:
        now = model
        if len(frozen) == len(inputs):
            now = onnx.ModelProto()
            now.CopyFrom(model)
            now.graph.input.append(onnx.helper.make_tensor_value_info(UNUSED, onnx.TensorProto.FLOAT, [1]))
        try:
            graph = read_model(now, {n: x[n].shape for n in inputs if n not in frozen}, frozen)
            break
        except NeedsConstant as error:
            left = [name for name in inputs if name not in frozen]
            # a shape that is computed comes from one of the whole numbers
            whole = [name for name in left if x[name].dtype.kind in "iub"]
            if not left:
                raise
            found = error.name if error.name in left else (whole or left)[0]
            frozen[found] = x[found]
    feeds = {n: np.zeros(1, np.float32) if n == UNUSED else x[n] for n in graph.inputs}
    feeds = {n: np.asarray(a, DTYPES[graph.tensors[n].dtype]) for n, a in feeds.items()}
    return Case(graph, feeds, dict(zip(graph.outputs, map(plain, wanted), strict=True)))


@cache
def cases(name: str) -> tuple[Case, ...]:
    """All data sets of a test."""
    one = tests()[name]
    return tuple(case(one.model, given, wanted) for given, wanted in one.data_sets)


def fault(name: str) -> str:
    """Why a test does not pass with the reference; "" where it does."""
    one = tests()[name]
    try:
        for each in cases(name):
            with np.errstate(all="ignore"):
                got = interpret.run(each.graph, each.x)
            for output, want in each.wanted.items():
                y = got[output]
                if y.shape != want.shape or y.dtype != want.dtype:
                    return f"made {y.dtype}{list(y.shape)}, not {want.dtype}{list(want.shape)}"
                kind = np.float64 if want.dtype.kind in "fiu" else want.dtype
                np.testing.assert_allclose(y.astype(kind), want.astype(kind), one.rtol, one.atol)
    except SensoraiError as error:
        return str(error)
    except AssertionError as error:
        return " ".join(line for line in str(error).splitlines() if line)[:200]
    return ""


def has_c(graph: Graph) -> bool:
    """Whether every operator has C for its types, and every tensor a type in C."""
    typed = all(t.dtype in KINDS and t.dtype != "binary" for t in graph.activations)
    if (
        not typed
        or not all(t.size for t in graph.tensors.values())
        or not all(node.op.EMITTED for node in graph.nodes)
    ):
        return False
    try:
        emit_tensors(graph, "n")
    except ConfigError:
        return False
    return True


def c_samples(wanted: Sequence[str]) -> list[nets.Sample]:
    """Nets of passing tests that can be C, with the inputs of the tests."""
    return [
        nets.sample_of(name, one.graph, [one.x]) for name in wanted for one in cases(name) if has_c(one.graph)
    ]


def c_differences(wanted: Sequence[str]) -> list[str]:
    """Nets whose C does not compute the bits of the reference."""
    found = []
    samples = c_samples(wanted)
    for at in range(0, len(samples), CHUNK):
        chunk = samples[at : at + CHUNK]
        program = host.build_program(nets.unit(chunk), opt="-O1", harness=True)
        found += nets.differences(chunk, program.run(nets.stream(chunk)))
    return found
