"""Nets of one form and other numbers have the same C: a program takes the numbers of another one."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from sensorai.codegen.updatable import Tables, emit_updatable
from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Tensor
from sensorai.ops.nd.table import ND_OPERATORS
from tests.nd.fast_nets import layers, vectors

#: Operators whose numbers come of training and have scales.
NAMES = (
    *("binary", "clip", "concat", "conv", "fully_connected", "matmul", "mixed", "pad", "pool", "quantize"),
    *("reduce", "softmax", "svdf", "unary"),
)


def trained_again(graph: Graph) -> Graph:
    """The net with other scales, zero points and weights."""
    return replace(graph, tensors={name: _other(tensor) for name, tensor in graph.tensors.items()})


def _other(tensor: Tensor) -> Tensor:
    quant, data, by = tensor.quant, tensor.data, 1.07
    if not isinstance(quant, Affine):
        return tensor
    if tensor.dtype == "int32":
        # those of biases are products
        by *= by
    zero = quant.zero if data is not None else tuple(z + (z != 0 and -128 < z < 120) for z in quant.zero)
    if data is not None and tensor.dtype == "int8":
        data = np.asarray(data // 2, np.int8)
    return replace(
        tensor, quant=replace(quant, scale=tuple(s * by for s in quant.scale), zero=zero), data=data
    )


def _tables(graph: Graph) -> Tables | None:
    try:
        return emit_updatable(graph, "n")[1]
    except ConfigError:
        # a scale that is fixed, or no number at all
        return None


@pytest.mark.parametrize("isa", ["", "mve"])
def test_operators_take_other_numbers(isa: str) -> None:
    same = 0
    for name in NAMES:
        for case, graph in islice(ND_OPERATORS[name].cases(), 0, None, 4):
            if any(isinstance(t.quant, Affine) for t in graph.tensors.values()):
                one, other = (_tables(replace(g, isa=isa)) for g in (graph, trained_again(graph)))
                assert one is None or other is None or one.interface == other.interface, case
                same += one is not None and other is not None
    assert same > 100


@pytest.mark.parametrize("isa", ["dsp", "mve", "thumb1"])
def test_faster_kernels_take_other_numbers(isa: str) -> None:
    for case, graph in (*layers(), *(vectors() if isa == "mve" else ())):
        one, other = (_tables(replace(g, isa=isa)) for g in (graph, trained_again(graph)))
        assert one is not None
        assert other is not None
        # pairs of the lowest weight have no faster kernel: another form, which --update says
        assert (one.interface == other.interface) == (case != "lowest" or isa == "mve"), case
