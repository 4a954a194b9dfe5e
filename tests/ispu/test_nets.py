"""Nets made elsewhere on the ISPU: products of 16 bits, the numbers of the reference, and what they take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sensorai import runtime
from sensorai.codegen.netproject import About, emit_net_project
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.pool import Pool
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.softmax import Softmax
from sensorai.ops.nd.unary import Unary
from sensorai.toolchain.host import build_program, build_shared
from tests.ispu.products import products
from tests.nd.fast_nets import chained
from tests.nd.nets import differences, sample, stream, unit
from tests.need import need

#: Numbers at whose halves signs and carries change.
EDGES = (0, 1, -1, 0x7FFF, 0x8000, -0x8000, -0x8001, 0xFFFF, 0x10000, 0x7FFF8000, 0x7FFFFFFF, -(2**31))
_HIGH = """
#include "sa_nd_16bit.h"
#include "sa_nd_fixed.h"
void high(const int32_t *a, const int32_t *b, int32_t *y, uint32_t *rest, int32_t n)
{
    int32_t i;
    for (i = 0; i < n; i++) {
        y[i] = sa_nd_short_high(a[i], b[i], rest + i);
    }
}
"""


def test_long_products_of_short_ones() -> None:
    need("gcc")
    rng = np.random.default_rng(0)
    some = np.concatenate([EDGES, rng.integers(-(2**31), 2**31, 40)])
    a, b = (v.ravel().astype(np.int32) for v in np.meshgrid(some, some))
    y, rest = np.zeros(len(a), np.int32), np.zeros(len(a), np.uint32)
    files = {name: runtime.text(f"nd/{name}") for name in ("sa_nd.h", "sa_nd_16bit.h", "sa_nd_fixed.h")}
    library = build_shared(
        {
            **files,
            "high.c": _HIGH.replace(
                "void high",
                "void high(const int32_t *a, "
                "const int32_t *b, int32_t *y, uint32_t *rest, int32_t n);\nvoid high",
                1,
            ),
        }
    )
    library.call("high", a, b, y, rest, len(a), returns="void")
    exact = a.astype(np.int64) * b
    # the one product that is no number of 32 bits; who calls it asks for it before
    beyond = (a == -(2**31)) & (b == -(2**31))
    assert np.array_equal(y[~beyond], (exact >> 31)[~beyond])
    assert np.array_equal(rest, exact & 0x7FFFFFFF)


def test_operators_of_integers_with_sanitizers() -> None:
    """What has no kernel of its own here takes the plain one, with such products behind it."""
    need("gcc")
    scaled = [case for op in (Binary, Conv, Pool, Reduce, Softmax, Unary) for case in op.cases()]
    some = [(name, g) for name, g in scaled if g.tensors[g.inputs[0]].dtype in ("int8", "int16")]
    samples = [sample(name, replace(g, isa="ispu"), 2) for name, g in some[::11]]
    assert len(samples) > 10
    program = build_program(unit(samples), opt="-O0", sanitize=True, harness=True)
    assert differences(samples, program.run(stream(samples))) == []


@pytest.mark.parametrize("rounding", ["tflite", "even"])
def test_all_products_are_of_16_bits(rounding: str, tmp_path: Path) -> None:
    need("arm-none-eabi-gcc")
    every = {name: graph for op in (Binary, Pool, Softmax) for name, graph in op.cases()}
    names = ("pool_max_int8_ends", "softmax_int8", "binary_add_int8_scaled")
    for k, graph in enumerate((chained(rounding), *(every[name] for name in names))):
        project = emit_net_project(replace(graph, isa="ispu"), "net", About("", "", ""))
        folder = tmp_path / str(k)
        folder.mkdir()
        short, long = products(project.sources(), folder)
        assert long == []
        assert short > 0 or k > 0


def test_the_table_of_softmax_ends_where_nothing_counts() -> None:
    (graph,) = (g for name, g in Softmax.cases() if name == "softmax_int8_coarse")
    texts = [
        emit_net_project(replace(graph, isa=isa), "net", About("", "", "")).sources()["net_data.c"]
        for isa in ("", "ispu")
    ]
    assert "net_exp0[256]" in texts[0]
    assert "net_exp0[3]" in texts[1]
