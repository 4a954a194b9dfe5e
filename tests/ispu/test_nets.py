"""Nets made elsewhere on the ISPU: products of 16 bits, the numbers of the reference, and what they take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from sensorai import runtime
from sensorai.codegen.netproject import About, emit_net_project
from sensorai.ispu.project import read_index
from sensorai.ispu.standin import build, stand_in
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.clip import Clip
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.pool import Pool
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.softmax import Softmax
from sensorai.ops.nd.unary import Unary
from sensorai.toolchain.arm import build_elf
from sensorai.toolchain.cpu import cpu
from sensorai.toolchain.host import build_program, build_shared
from tests.cli.call import call
from tests.ispu.products import products
from tests.nd.fast_nets import chained
from tests.nd.nets import differences, sample, stream, unit
from tests.need import need

ST = (
    "data/models/st_ispu/STMicroelectronics+st-mems-ispu/tutorials/st_edge_ai_keras/output_ipynb/"
    "qcnn_8x8x8.tflite"
)
#: Numbers at whose halves signs and carries change.
EDGES = (0, 1, -1, 0x7FFF, 0x8000, -0x8000, -0x8001, 0xFFFF, 0x10000, 0x7FFF8000, 0x7FFFFFFF, -(2**31))
_HIGH = """
#include "sa_nd_16bit.h"
#include "sa_nd_fixed.h"
void high(const int32_t *a, const int32_t *b, int32_t *y, uint32_t *rest, int32_t n);
void high(const int32_t *a, const int32_t *b, int32_t *y, uint32_t *rest, int32_t n)
{
    int32_t i;
    for (i = 0; i < n; i++) {
        y[i] = sa_nd_short_high(a[i], b[i], rest + i);
    }
}
"""

_ABOVE = """
#include "sa_nd_16bit.h"
#include "sa_nd_above.h"
void above(const float *a, const float *b, int32_t *y, int32_t n);
void above(const float *a, const float *b, int32_t *y, int32_t n)
{
    int32_t i;
    for (i = 0; i < n; i++) {
        y[i] = SA_ND_ABOVE(a[i], b[i]) ? 1 : 0;
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
    library = build_shared({**files, "high.c": _HIGH})
    library.call("high", a, b, y, rest, len(a), returns="void")
    exact = a.astype(np.int64) * b
    # the one product that is no number of 32 bits; who calls it asks for it before
    beyond = (a == -(2**31)) & (b == -(2**31))
    assert np.array_equal(y[~beyond], (exact >> 31)[~beyond])
    assert np.array_equal(rest, exact & 0x7FFFFFFF)


def test_floats_compare_as_their_bits_do() -> None:
    need("gcc")
    ends = np.array([np.inf, -np.inf, np.nan, -np.nan, 0, -0.0, 1e-45, -1e-45, 1, -1, 3e38], np.float32)
    rng = np.random.default_rng(0)
    some = np.concatenate([ends, rng.integers(0, 2**32, 40, np.uint32).view(np.float32)])
    a, b = (np.ascontiguousarray(v.ravel()) for v in np.meshgrid(some, some))
    y = np.zeros(len(a), np.int32)
    files = {name: runtime.text(f"nd/{name}") for name in ("sa_nd.h", "sa_nd_16bit.h", "sa_nd_above.h")}
    build_shared({**files, "above.c": _ABOVE}).call("above", a, b, y, len(a), returns="void")
    assert np.array_equal(y, a > b)


def test_float_layers_call_no_comparison() -> None:
    need("arm-none-eabi-gcc")
    wanted = ("conv_groups_float32", "pool_max_float32_ends", "clip_six_float32")
    graphs = [g for op in (Clip, Conv, Pool) for name, g in op.cases() if name in wanted]
    assert len(graphs) == len(wanted)
    for graph in graphs:
        project = emit_net_project(replace(graph, isa="ispu"), "net", About("", "", ""))
        image = build_elf(project.sources(), cpu("m0plus"), opt="-Os", keep=("net_init", "net_run"))
        assert [name for name in image.library_calls if "cmp" in name] == []


def test_operators_of_integers() -> None:
    """What has no kernel of its own here takes the plain one, with such products behind it."""
    need("gcc")
    scaled = [case for op in (Binary, Conv, Pool, Reduce, Softmax, Unary) for case in op.cases()]
    some = [(name, g) for name, g in scaled if g.tensors[g.inputs[0]].dtype in ("int8", "int16")]
    samples = [sample(name, replace(g, isa="ispu"), 2) for name, g in some[::17]]
    assert len(samples) > 8
    program = build_program(unit(samples), opt="-O0", harness=True)
    assert differences(samples, program.run(stream(samples))) == []


def test_all_products_are_of_16_bits(tmp_path: Path) -> None:
    need("arm-none-eabi-gcc")
    every = {name: graph for op in (Binary, Pool) for name, graph in op.cases()}
    names = ("pool_max_int8_ends", "binary_add_int8_scaled", "binary_mul_int8_scaled")
    for k, graph in enumerate((chained("tflite"), chained("even"), *(every[name] for name in names))):
        project = emit_net_project(replace(graph, isa="ispu"), "net", About("", "", ""))
        folder = tmp_path / str(k)
        folder.mkdir()
        short, long = products(project.sources(), folder)
        assert long == []
        assert short > 0 or k > 1


def test_the_table_of_softmax_ends_where_nothing_counts() -> None:
    (graph,) = (g for name, g in Softmax.cases() if name == "softmax_int8_coarse")
    texts = [
        emit_net_project(replace(graph, isa=isa), "net", About("", "", "")).sources()["net_data.c"]
        for isa in ("", "ispu")
    ]
    assert "net_exp0[256]" in texts[0]
    assert "net_exp0[3]" in texts[1]


def test_the_int8_file_of_st_is_small(shared: Path, tmp_path: Path) -> None:
    """Code without the numbers of the net, and data: as the whole program on the stand-in."""
    need("arm-none-eabi-gcc", "gcc")
    words = ("--target", "ispu", "--input-data-type", "int8", "--output-data-type", "int8")
    done = call("generate", shared / ST, *words, "--name", "cnn", "--out", tmp_path / "p")
    assert done.code == 0, done.err
    app = read_index(tmp_path / "p")
    files = {path.name: path.read_text() for path in (tmp_path / "p").iterdir()}
    sizes = stand_in(app, files)
    image = build(app, files)
    tables = ("weights", "bias", "multiplier", "shift", "exp")
    numbers = sum(
        size for name, size in image.sizes().items() if name.removeprefix("cnn_").startswith(tables)
    )
    # 8 rows of 9, 24 and 24 weights, 4 of 48; bias, multiplier and shift of 28; exponentials
    assert numbers == 648 + 28 * 9 + 4 * 187
    assert sizes.code_bytes - numbers <= 2400
    assert sizes.data_bytes <= 700
    assert sizes.library_calls == ()
    (folder := tmp_path / "products").mkdir()
    assert products(app.compiled(files), folder)[1] == []
    done = call("validate", tmp_path / "p")
    assert done.code == 0, done.err
    assert "all of these agree bit by bit" in done.out
