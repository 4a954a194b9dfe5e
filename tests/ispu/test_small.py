"""What trained nets take on the ISPU: room, products of 16 bits, and the numbers of the reference."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sensorai.codegen.net import emit_net
from sensorai.graph.build import Builder
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array
from sensorai.ispu.devices import device
from sensorai.ispu.emit import emit_ispu
from sensorai.ispu.project import App
from sensorai.ispu.standin import build, stand_in
from sensorai.ispu.virtual import VirtualIspu
from sensorai.learn.lower import lower_float
from sensorai.learn.nets import first_params
from sensorai.model.pipeline import Count, Pipeline, run
from sensorai.model.scaling import Scaling
from sensorai.ops.conv1d import Conv1d
from sensorai.ops.dense import Dense
from sensorai.ops.depthwise_conv1d import DepthwiseConv1d
from sensorai.ops.flatten import Flatten
from sensorai.ops.max_pool import MaxPool
from sensorai.ops.relu import Relu
from sensorai.passes.annotate import calibrate
from sensorai.passes.trained import quantize
from sensorai.toolchain.host import build_program
from tests.codegen import nets
from tests.ispu.products import products
from tests.need import need
from tests.verify.pipelines import samples as counts

CLASSES = ("stationary", "walking", "running", "cycling")
WINDOW = 52
#: Bytes of code with constants, and of data, that ST's reference net may take.
CODE, DATA = 2400, 700
#: All that the program is made of, and what each may take.
PARTS = {
    # weights, bias, shifts: 8 rows of 12, 24 and 24 inputs, 4 of 48; what is added to a row, and its shift
    "cnn_8x8x8_weights": 96 + 192 + 192 + 192,
    "cnn_8x8x8_bias": 3 * 32 + 16,
    "cnn_8x8x8_shift": 3 * 8 + 3,
    "cnn_8x8x8_offset": 12,
    "cnn_8x8x8_layer": 4 * 36,
    "cnn_8x8x8_": 600,  # model, push, init, largest
    "sa_nn_": 360,  # the kernel, and zeros of margins
    "algo_00": 200,
    "ispu_": 150,
    "main": 20,
}
#: State, the last result, windows, flags.
VARIABLES = {"model": 568, "result": 28, "windows": 2, "ispu_flags": 4}


def reference(precision: str = "int8") -> Pipeline:
    """ST's ``cnn_8x8x8`` with other numbers: what it takes is the same for all that need shifts alone."""
    rng = np.random.default_rng(7)

    def linear(*shape: int) -> dict[str, Array]:
        w = rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype(np.float32)
        return {"weights": w, "bias": rng.normal(0, 0.1, shape[0]).astype(np.float32)}

    b = Builder((WINDOW, 3))
    for channels in (3, 8, 8):
        b.add(Conv1d(padding="same"), params=linear(8, 3, channels))
        b.add(Relu())
        b.add(MaxPool(2))
    b.add(Flatten())
    b.add(Dense(), params=linear(len(CLASSES), 6 * 8))
    graph = b.graph()
    real = rng.normal(0, 1, (64, WINDOW, 3)).astype(np.float32)
    if precision == "int8":
        made = quantize(graph, {**calibrate(graph, real), graph.inputs[0]: 5})
    else:
        made = lower_float(graph, first_params(graph), 5)
    scaling = Scaling((12, -40, 1003), (6, 7, 6))
    axes = tuple(Count(f"acc_{axis}", "mg", 0.244) for axis in "xyz")
    return Pipeline("cnn_8x8x8", axes, 26.0, WINDOW, WINDOW, (), (), scaling, made, CLASSES)


@pytest.fixture(scope="module")
def program() -> tuple[Pipeline, App, dict[str, str]]:
    one = reference()
    return one, *emit_ispu(one, device("LSM6DSO16IS"))


def test_the_reference_net_is_small_and_every_byte_is_known(
    program: tuple[Pipeline, App, dict[str, str]],
) -> None:
    need("arm-none-eabi-gcc")
    _, app, files = program
    sizes = stand_in(app, files)
    assert sizes.code_bytes <= CODE
    assert sizes.data_bytes <= DATA
    assert sizes.data_with_stack(app) == sizes.data_bytes + app.stack
    assert sizes.library_calls == ()
    image = build(app, files)
    left = dict(image.sizes())
    assert {name: left.pop(name) for name in VARIABLES}.keys() == VARIABLES.keys()
    found = dict.fromkeys(PARTS, 0)
    for name, size in left.items():
        found[next(part for part in PARTS if name.startswith(part))] += size
    assert {part: found[part] for part in list(PARTS)[:5]} == {part: PARTS[part] for part in list(PARTS)[:5]}
    assert all(found[part] <= PARTS[part] for part in PARTS), found
    # functions and tables begin at multiples of four, and an image ends at one
    gaps = image.flash - sum(found.values())
    assert 0 <= gaps < 4 * len(left)
    variables = {name: size for name, size in image.sizes().items() if name in VARIABLES}
    assert all(variables[name] <= VARIABLES[name] for name in VARIABLES)
    assert image.ram - sum(variables.values()) < 4 * len(variables)


def test_its_numbers_are_those_of_the_reference(program: tuple[Pipeline, App, dict[str, str]]) -> None:
    need("gcc")
    one, app, files = program
    samples = counts(3, 4 * WINDOW + 1)
    found, wanted = VirtualIspu(app, files).run(samples), run(one, samples[1:])
    assert found.results.tolist() == wanted.end.tolist()
    assert np.array_equal(found.scores[found.results], wanted.scores)


def test_all_its_products_are_of_16_bits(
    program: tuple[Pipeline, App, dict[str, str]], tmp_path: Path
) -> None:
    need("arm-none-eabi-gcc")
    _, app, files = program
    short, long = products(app.compiled(files), tmp_path)
    assert long == []
    # eight for four inputs of two rows, one for the place of a sample in the window
    assert short == 9


def test_layers_of_floats_call_no_comparison_and_no_product(tmp_path: Path) -> None:
    need("gcc", "arm-none-eabi-gcc")
    one = reference("float32")
    app, files = emit_ispu(one, device("LSM6DSO16IS"))
    # on the ISPU additions and multiplications are instructions; the largest score takes three comparisons
    calls = set(stand_in(app, files).library_calls)
    assert calls == {"__aeabi_fadd", "__aeabi_fmul", "__aeabi_i2f", "__aeabi_fcmpgt"}
    assert products(app.compiled(files), tmp_path)[1] == []
    samples = counts(3, 2 * WINDOW + 1)
    found, wanted = VirtualIspu(app, files).run(samples), run(one, samples[1:])
    assert np.array_equal(found.scores.view(np.float32)[found.results], wanted.scores)


def test_layers_of_all_forms_with_sanitizers() -> None:
    need("gcc")
    whole = [(f"{p}_{seed}", nets.random_net(seed, p)) for p in ("int8", "multiplier") for seed in range(3)]
    cases = [(name, graph) for op in (Conv1d, Dense, DepthwiseConv1d) for name, graph in op.cases()]
    graphs = [(name, graph) for name, graph in (*whole, *cases[::2]) if _takes(graph)]
    some = [nets.sample(name, replace(graph, isa="ispu"), 2) for name, graph in graphs]
    sources = [emit_net(s.graph, "n").source for s in some]
    assert sum(text.count("sa_nn_int8_ispu") for text in sources) > 12
    assert sum(text.count("sa_nn_float_ispu_layer(") for text in sources) > 2
    build = build_program(nets.unit(some, driver=True), sanitize=True, harness=True, opt="-O0")
    assert nets.differences_in(some, build.run(nets.stream(some))) == []


def _takes(graph: Graph) -> bool:
    return graph.tensors[graph.inputs[0]].dtype in ("int8", "float32")
