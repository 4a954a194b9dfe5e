"""Recurrent layers of TensorFlow Lite: int8 against its micro runtime bit for bit, float32 nearly.

What the micro runtime does not have (peepholes, projections, plain and two-way layers) is compared with
LiteRT. States go on from call to call everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tflite

from sensorai.errors import ConfigError
from sensorai.graph import interpret
from sensorai.graph.tensor import Array
from sensorai.importers.open import read_net
from sensorai.toolchain import host
from tests.nd import nets, tflite_models
from tests.nd.test_elementwise_tflite import net_of, rows
from tests.nd.tflite_file import FileOperator, FileTensor, constant, single
from tests.nd.tflite_file import model as model_of

T = FileTensor
STEPS, BATCH, INPUTS, UNITS = 4, 2, 5, 6
TANH, RELU, NONE = (getattr(tflite.ActivationFunctionType, n) for n in ("TANH", "RELU", "NONE"))
CALLS = 3


def real(rng: np.random.Generator, *shape: int) -> FileTensor:
    return constant(rng.normal(0, 0.5, shape))


def narrow(weights: FileTensor, scale: float = 0.008) -> FileTensor:
    """The same weights in int8."""
    data = np.clip(np.rint(np.asarray(weights.data) / scale), -127, 127)
    return constant(data, "int8", scale=[scale])


def meant(weights: FileTensor) -> FileTensor:
    """What int8 weights mean, in float32."""
    return constant(np.asarray(weights.data, np.float32) * np.float32(weights.scale[0]))


def lstm(
    *,
    major: bool = False,
    clip: float = 0.0,
    peepholes: bool = False,
    outputs: int = 0,
    coupled: bool = False,
    norm: bool = False,
    change: Callable[[FileTensor], FileTensor] = lambda t: t,
    one: bool = False,
) -> bytes:
    """float32 layer; ``change``: what becomes of its weights; ``one``: a single step."""
    rng, last = np.random.default_rng(2), outputs or UNITS
    inputs: list[T | None] = [T((STEPS, BATCH, INPUTS) if major else (BATCH, STEPS, INPUTS))]
    inputs[0] = T((BATCH, INPUTS)) if one else inputs[0]
    inputs += [change(real(rng, UNITS, INPUTS)) for _ in range(4)]
    inputs += [change(real(rng, UNITS, last)) for _ in range(4)]
    inputs += [change(real(rng, UNITS)) if peepholes else None for _ in range(3)]
    inputs += [real(rng, UNITS) for _ in range(4)]
    inputs += [change(real(rng, outputs, UNITS)), real(rng, outputs)] if outputs else [None, None]
    inputs += [T((BATCH, last), variable=True), T((BATCH, UNITS), variable=True)]
    inputs += [real(rng, UNITS) if norm else None for _ in range(4)]
    for k in (1, 5, 9, 12, 20) if coupled else ():
        inputs[k] = None
    if one:
        said = {"FusedActivationFunction": TANH, "CellClip": clip, "ProjClip": 0.0}
        return single("LSTM", inputs, [T((BATCH, last))], "LSTMOptions", **said)
    out = T((STEPS, BATCH, last) if major else (BATCH, STEPS, last))
    options: dict[str, Any] = {"FusedActivationFunction": TANH, "TimeMajor": major, "CellClip": clip}
    options["ProjClip"] = 0.4 if outputs else 0.0
    return single(
        "UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [out], "UnidirectionalSequenceLSTMOptions", **options
    )


def basic(*, kept: bool = True, clip: float = 0.0) -> bytes:
    """A single step by the older kernel, whose states are kept or inputs; its sums are no outputs."""
    rng = np.random.default_rng(3)
    state = T((BATCH, UNITS), variable=kept)
    weights = [real(rng, 4 * UNITS, INPUTS + UNITS), real(rng, 4 * UNITS)]
    room = [T((BATCH, UNITS)), T((BATCH, UNITS)), T((BATCH, INPUTS + UNITS)), T((BATCH, 4 * UNITS))]
    tensors = [T((BATCH, INPUTS)), state, *weights, state, *room]
    options = {"FusedActivationFunction": TANH, "KernelType": 1, "CellClip": clip}
    operator = FileOperator("LSTM", range(5), range(5, 9), "LSTMOptions", options, version=2)
    return model_of(tensors, [operator], [0] if kept else [0, 1, 4], [5, 6])


def lstm8(
    seed: int,
    *,
    major: bool = False,
    clip: float = 0.0,
    power: int = 11,
    kind: str = "int8",
    bias: str = "int32",
) -> bytes:
    """int8 layer, or one of int16 numbers with int8 weights."""
    rng, wide = np.random.default_rng(seed), kind == "int16"
    step = 1 / 256 if wide else 1.0
    scale = float(rng.uniform(0.005, 0.05) * step)
    zeros = [int(rng.integers(-9, 10)), int(rng.integers(-50, 50))]
    zeros = [0, 0] if wide else zeros
    state = {"scale": [float(np.float32(rng.uniform(0.006, 0.009) * step))], "zero": zeros[:1]}
    shape = (STEPS, BATCH) if major else (BATCH, STEPS)
    inputs: list[T | None] = [T((*shape, INPUTS), kind, [scale], zeros[1:])]
    scales = []
    for count in (INPUTS, UNITS):
        for _ in range(4):
            scales.append(float(np.float32(rng.uniform(0.002, 0.02))))
            data = rng.integers(-127, 128, (UNITS, count))
            inputs.append(constant(data, "int8", scale=[scales[-1]]))
    inputs += [None] * 3
    ends = 3000 * (1000 if wide else 1)
    inputs += [constant(rng.integers(-ends, ends, UNITS), bias, scale=[scale * scales[k]]) for k in range(4)]
    inputs += [None, None, T((BATCH, UNITS), kind, variable=True, **state)]  # type: ignore[arg-type]
    inputs += [T((BATCH, UNITS), "int16", [2.0**-power], variable=True), *[None] * 4]
    out = T((*shape, UNITS), kind, **state)  # type: ignore[arg-type]
    options = {"FusedActivationFunction": TANH, "TimeMajor": major, "CellClip": clip}
    return single(
        "UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [out], "UnidirectionalSequenceLSTMOptions", **options
    )


def svdf(
    kind: str,
    rank: int,
    zero: int = 0,
    activation: int = NONE,
    change: Callable[[FileTensor], FileTensor] = lambda t: t,
    later: Callable[[FileTensor], FileTensor] = lambda t: t,
) -> bytes:
    rng, memory = np.random.default_rng(rank), 5
    filters = UNITS * rank
    if kind == "float32":
        weights = [change(real(rng, filters, INPUTS)), later(real(rng, filters, memory)), real(rng, UNITS)]
        inputs = [T((BATCH, INPUTS)), *weights, T((BATCH, filters * memory), variable=True)]
        outputs = [T((BATCH, UNITS))]
    else:
        scale, span = (0.011, 120) if kind == "int8" else (0.0004, 5000)
        state = T((BATCH, filters * memory), kind, [scale], [zero], variable=True)
        time = 0.002
        inputs = [
            T((BATCH, INPUTS), "int8", [0.03], [-7]),
            constant(rng.integers(-127, 128, (filters, INPUTS)), "int8", scale=[0.006]),
            constant(rng.integers(-span, span, (filters, memory)), kind, scale=[time]),
            constant(rng.integers(-9000, 9000, UNITS), "int32", scale=[scale * time]),
            state,
        ]
        outputs = [T((BATCH, UNITS), "int8", [0.02], [4])]
    return single("SVDF", inputs, outputs, "SVDFOptions", Rank=rank, FusedActivationFunction=activation)


def rnn(
    activation: int, major: bool = False, change: Callable[[FileTensor], FileTensor] = lambda t: t
) -> bytes:
    rng = np.random.default_rng(4)
    shape = (STEPS, BATCH) if major else (BATCH, STEPS)
    weights = [change(real(rng, UNITS, INPUTS)), change(real(rng, UNITS, UNITS)), real(rng, UNITS)]
    inputs = [T((*shape, INPUTS)), *weights, T((BATCH, UNITS), variable=True)]
    options = {"FusedActivationFunction": activation, "TimeMajor": major}
    return single(
        "UNIDIRECTIONAL_SEQUENCE_RNN", inputs, [T((*shape, UNITS))], "SequenceRNNOptions", **options
    )


def one_rnn() -> bytes:
    rng = np.random.default_rng(4)
    weights = [real(rng, UNITS, INPUTS), real(rng, UNITS, UNITS), real(rng, UNITS)]
    inputs = [T((BATCH, INPUTS)), *weights, T((BATCH, UNITS), variable=True)]
    return single("RNN", inputs, [T((BATCH, UNITS))], "RNNOptions", FusedActivationFunction=TANH)


def both_lstm(merge: bool, change: Callable[[FileTensor], FileTensor] = lambda t: t) -> bytes:
    rng = np.random.default_rng(6)
    # LiteRT takes states of further rows from the wrong place where outputs are merged
    batch = 1 if merge else BATCH
    inputs: list[T | None] = [T((batch, STEPS, INPUTS))]
    for _ in range(2):
        inputs += [change(real(rng, UNITS, INPUTS)) for _ in range(4)]
        inputs += [change(real(rng, UNITS, UNITS)) for _ in range(4)]
        inputs += [*[None] * 3, *(real(rng, UNITS) for _ in range(4)), None, None]
    inputs += [T((batch, UNITS), variable=True) for _ in range(4)] + [None] * 9
    outputs = [T((batch, STEPS, 2 * UNITS))] if merge else [T((batch, STEPS, UNITS))] * 2
    options = {"FusedActivationFunction": TANH, "MergeOutputs": merge, "TimeMajor": False}
    name = "BidirectionalSequenceLSTMOptions"
    return single("BIDIRECTIONAL_SEQUENCE_LSTM", inputs, outputs, name, **options)


def both_rnn(merge: bool, change: Callable[[FileTensor], FileTensor] = lambda t: t) -> bytes:
    rng = np.random.default_rng(8)
    inputs: list[T | None] = [T((BATCH, STEPS, INPUTS))]
    for _ in range(2):
        inputs += [change(real(rng, UNITS, INPUTS)), change(real(rng, UNITS, UNITS)), real(rng, UNITS)]
        inputs += [T((BATCH, UNITS), variable=True)]
    inputs += [None] * 3
    outputs = [T((BATCH, STEPS, 2 * UNITS))] if merge else [T((BATCH, STEPS, UNITS))] * 2
    options = {"FusedActivationFunction": TANH, "MergeOutputs": merge, "TimeMajor": False}
    return single("BIDIRECTIONAL_SEQUENCE_RNN", inputs, outputs, "BidirectionalSequenceRNNOptions", **options)


def micro(data: bytes, given: Sequence[Mapping[str, Array]], outputs: int) -> list[list[Array]]:
    from tflite_micro.python.tflite_micro import runtime

    net = runtime.Interpreter.from_bytes(data, arena_size=1 << 22)
    found = []
    for row in given:
        for k, x in enumerate(row.values()):
            net.set_input(x, k)
        net.invoke()
        found.append([np.array(net.get_output(k)) for k in range(outputs)])
    return found


def lite(data: bytes, given: Sequence[Mapping[str, Array]], outputs: int) -> list[list[Array]]:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    net = Interpreter(
        model_content=data, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
    )
    net.allocate_tensors()
    found = []
    for row in given:
        for said, x in zip(net.get_input_details(), row.values(), strict=True):
            net.set_tensor(said["index"], x)
        net.invoke()
        found.append([net.get_tensor(said["index"]).copy() for said in net.get_output_details()])
    return found


EXACT: Mapping[str, Callable[[], bytes]] = {
    **{f"lstm8_{seed}": lambda seed=seed: lstm8(seed) for seed in range(4)},  # type: ignore[misc]
    "lstm8_major": lambda: lstm8(4, major=True),
    "lstm8_clip": lambda: lstm8(5, clip=0.75),
    "lstm8_fine": lambda: lstm8(6, power=15),
    "lstm8_coarse": lambda: lstm8(7, power=8),
    **{
        f"lstm16_{seed}": lambda seed=seed: lstm8(seed, kind="int16", bias="int64")  # type: ignore[misc]
        for seed in range(3)
    },
    "lstm16_major": lambda: lstm8(4, major=True, kind="int16", bias="int64", clip=0.8, power=13),
    "lstm16_coarse": lambda: lstm8(7, power=9, kind="int16", bias="int64"),
    "svdf_int16": lambda: svdf("int16", 1),
    "svdf_int16_rank": lambda: svdf("int16", 2, activation=RELU),
    "svdf_int8": lambda: svdf("int8", 1),
}
NEAR: Mapping[str, tuple[Callable[[], bytes], Any]] = {
    "lstm": (lstm, micro),
    "lstm_major": (lambda: lstm(major=True, clip=0.3), micro),
    "lstm_peepholes": (lambda: lstm(peepholes=True), lite),
    "lstm_projection": (lambda: lstm(peepholes=True, outputs=3, clip=0.5), lite),
    "lstm_coupled": (lambda: lstm(coupled=True), lite),
    "lstm_norm": (lambda: lstm(norm=True, clip=0.7), lite),
    "lstm_everything": (lambda: lstm(coupled=True, norm=True, peepholes=True, outputs=4), lite),
    "lstm_norm_peepholes": (lambda: lstm(norm=True, peepholes=True, major=True), lite),
    "basic": (basic, lite),
    "basic_given": (lambda: basic(kept=False), lite),
    "one_lstm_norm": (lambda: lstm(norm=True, one=True), lite),
    "svdf": (lambda: svdf("float32", 1), micro),
    "svdf_relu": (lambda: svdf("float32", 3, activation=RELU), micro),
    "rnn": (lambda: rnn(TANH), lite),
    "rnn_major": (lambda: rnn(RELU, True), lite),
    "one_rnn": (one_rnn, lite),
    "both_lstm": (lambda: both_lstm(False), lite),
    "both_lstm_merged": (lambda: both_lstm(True), lite),
    "both_rnn": (lambda: both_rnn(False), lite),
    "both_rnn_merged": (lambda: both_rnn(True), lite),
}


#: Layers of floats with int8 weights: how they are made of a change of their weights.
NARROW: Mapping[str, Callable[[Callable[[FileTensor], FileTensor]], bytes]] = {
    "lstm": lambda change: lstm(change=change),
    "lstm_everything": lambda change: lstm(
        change=change, coupled=True, peepholes=True, outputs=4, norm=True, clip=0.9
    ),
    "rnn": lambda change: rnn(TANH, change=change),
    "both_lstm": lambda change: both_lstm(True, change),
    "both_rnn": lambda change: both_rnn(True, change),
    "svdf": lambda change: svdf("float32", 2, change=change, later=change),
    "svdf_relu": lambda change: svdf("float32", 1, activation=RELU, change=change, later=change),
}


def compared(data: bytes, oracle: Any) -> list[tuple[Array, Array]]:
    """Outputs of ours and of the framework, call by call."""
    graph = net_of(data)
    given, state, found = rows(graph, CALLS), None, []
    for row, wanted in zip(given, oracle(data, given, len(graph.outputs)), strict=True):
        values = interpret.run(graph, row, state)
        state = interpret.following(graph, values)
        found += [(values[n], want) for n, want in zip(graph.outputs, wanted, strict=True)]
    return found


@pytest.mark.parametrize("name", EXACT)
def test_exact(name: str) -> None:
    for got, want in compared(EXACT[name](), micro):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("name", NEAR)
def test_near(name: str) -> None:
    data, oracle = NEAR[name][0](), NEAR[name][1]
    for got, want in compared(data, oracle):
        np.testing.assert_allclose(got, want, 0, 2e-6 * max(1.0, float(np.abs(want).max())))


@pytest.mark.parametrize("name", NARROW)
def test_narrow_weights_are_what_they_mean(name: str) -> None:
    """LiteRT makes the inputs of sums int8, too: it is near, the float layer of the same weights equal."""
    data = NARROW[name](narrow)
    graph, full = net_of(data), net_of(NARROW[name](lambda t: meant(narrow(t))))
    state, other = None, None
    given = [{n: np.clip(a, -1, 1) for n, a in row.items()} for row in rows(graph, CALLS)]
    for row, (want,) in zip(given, lite(data, given, 1), strict=True):
        values, real_ones = interpret.run(graph, row, state), interpret.run(full, row, other)
        state, other = interpret.following(graph, values), interpret.following(full, real_ones)
        got = values[graph.outputs[0]]
        np.testing.assert_array_equal(got, real_ones[full.outputs[0]])
        np.testing.assert_allclose(got, want, 0, 0.03 * max(1.0, float(np.abs(want).max())))
    kept, whole = (sum(t.bytes for t in g.tensors.values() if t.data is not None) for g in (graph, full))
    assert kept < 0.8 * whole


def test_as_c() -> None:
    found = []
    narrow_ones = {f"narrow_{n}": lambda n=n: NARROW[n](narrow) for n in NARROW}
    for name, make in {**EXACT, **{n: m for n, (m, _) in NEAR.items()}, **narrow_ones}.items():
        graph = net_of(make())
        found.append(nets.sample_of(name, graph, rows(graph, CALLS)))
    program = host.build_program(nets.unit(found), opt="-O2", harness=True)
    assert nets.differences(found, program.run(nets.stream(found))) == []


MODELS = (
    "examples/mnist_lstm/trained_lstm_int8.tflite",
    "models/keyword_scrambled.tflite",
)


def model(shared: Path, name: str) -> Path:
    return shared / "data/models/tflm/tensorflow+tflite-micro/tensorflow/lite/micro" / name


@pytest.mark.parametrize("name", MODELS)
def test_model(name: str, shared: Path) -> None:
    assert tflite_models.mismatches(model(shared, name), 5) == []


def test_model_float(shared: Path) -> None:
    path = model(shared, "examples/mnist_lstm/trained_lstm.tflite")
    graph = read_net(path)
    given, state = tflite_models.random_inputs(graph, 4), None
    for row, (want,) in zip(given, tflite_models.micro(path, given, 1), strict=True):
        values = interpret.run(graph, row, state)
        state = interpret.following(graph, values)
        np.testing.assert_allclose(values[graph.outputs[0]], want, 0, 1e-6)


def test_models_as_c(shared: Path) -> None:
    names = (*MODELS, "examples/mnist_lstm/trained_lstm.tflite")
    graphs = [read_net(model(shared, name)) for name in names]
    found = [
        nets.sample_of(n, g, tflite_models.random_inputs(g, 3)) for n, g in zip(names, graphs, strict=True)
    ]
    program = host.build_program(nets.unit(found), opt="-O2", harness=True)
    assert nets.differences(found, program.run(nets.stream(found))) == []


def test_states_have_one_owner() -> None:
    graph = net_of(lstm8(0))
    assert [graph.tensors[s.read].dtype for s in graph.states] == ["int8", "int16"]
    assert interpret.first_states(graph)[graph.states[1].read] == 0


def test_some_inputs_of_a_gate_are_refused() -> None:
    data = single(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        [T((1, 2, 3)), None, *[real(np.random.default_rng(1), 2, 2)] * 22],
        [T((1, 2, 3))],
        "UnidirectionalSequenceLSTMOptions",
        FusedActivationFunction=TANH,
    )
    with pytest.raises(ConfigError, match="input 1 is left out: only some inputs"):
        net_of(data)


def test_minus_128_has_no_other_sign() -> None:
    def least(t: FileTensor) -> FileTensor:
        return constant(np.full(t.shape, -128), "int8", scale=[0.01])

    with pytest.raises(ConfigError, match="hold -128"):
        net_of(lstm(change=least, coupled=True))


def test_weights_of_time_are_as_those_of_features() -> None:
    """LiteRT takes any as int8 where those of features are."""
    with pytest.raises(ConfigError, match="weights of time are float32, those of features int8"):
        net_of(svdf("float32", 1, change=narrow))


def test_the_older_kernel_has_no_clips() -> None:
    with pytest.raises(ConfigError, match="without clips"):
        net_of(basic(clip=1.0))
