"""What converters of TensorFlow write beside plain chains of operators.

Branches, loops, sparse constants, constants behind the tables, shapes that are computed: each is read,
computed as the micro runtime does, and in C.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorai.errors import ConfigError, DataError, SensoraiError
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array
from sensorai.importers.open import read_net
from sensorai.importers.tflite import branches
from sensorai.importers.tflite.reader import read
from sensorai.nets.model import open_model
from sensorai.nets.survey import unknown
from sensorai.passes.imported import simplify
from sensorai.toolchain import host
from tests.nd import nets
from tests.nd.test_elementwise_tflite import net_of, rows
from tests.nd.tflite_file import (
    FileNet,
    FileOperator,
    FileTensor,
    Sparse,
    constant,
    invoke,
    model,
    models,
    single,
)

RNG = np.random.default_rng(3)
TRUTH = FileTensor((), "bool")
COUNT = FileTensor((), "int32")
X = FileTensor((1, 4))
BYTES = FileTensor((1, 4), "int8", (0.05,), (3,))


def op(kind: str, inputs: Sequence[int], outputs: Sequence[int], options: str = "", **values: Any) -> Any:
    return FileOperator(kind, inputs, outputs, options, values)


def doubled(x: FileTensor) -> FileNet:
    """Adds a tensor to itself."""
    return FileNet([x, x], [op("ADD", [0, 0], [1], "AddOptions")], [0], [1])


def squared(x: FileTensor) -> FileNet:
    return FileNet([x, x], [op("MUL", [0, 0], [1], "MulOptions")], [0], [1])


def branch(x: FileTensor, limit: float) -> bytes:
    """One net or the other, by whether the largest number is above a limit."""
    scale = {"scale": x.scale, "zero": x.zero} if x.scale else {}
    most = FileTensor((), x.dtype, x.scale, x.zero)
    tensors = [x, constant([0, 1], "int32"), most, constant(limit, x.dtype, **scale), TRUTH, x]
    steps = [
        op("REDUCE_MAX", [0, 1], [2], "ReducerOptions"),
        op("GREATER", [2, 3], [4], "GreaterOptions"),
        op("IF", [4, 0], [5], "IfOptions", ThenSubgraphIndex=1, ElseSubgraphIndex=2),
    ]
    return models([FileNet(tensors, steps, [0], [5]), doubled(x), squared(x)])


def loop(turns: int | None, step: int = 1, *, short: bool = False) -> bytes:
    """Turns so many times; None: until a number is large. ``short``: nothing but its counter changes."""
    start = [X, constant(0, "int32"), COUNT, X]
    steps = [op("WHILE", [1, 0], [2, 3], "WhileOptions", CondSubgraphIndex=1, BodySubgraphIndex=2)]
    if turns is None:
        asks = FileNet(
            [COUNT, X, constant([0, 1], "int32"), FileTensor(()), constant(9.0), TRUTH],
            [
                op("REDUCE_MAX", [1, 2], [3], "ReducerOptions"),
                op("LESS", [3, 4], [5], "LessOptions"),
            ],
            [0, 1],
            [5],
        )
    else:
        asks = FileNet(
            [COUNT, X, constant(turns, "int32"), TRUTH], [op("LESS", [0, 2], [3], "LessOptions")], [0, 1], [3]
        )
    weights = constant([[0.5, -0.25, 0.75, 1.0]] * 4)
    tensors = [COUNT, X, constant(step, "int32"), COUNT, weights, X, X]
    more = [
        op("ADD", [0, 2], [3], "AddOptions"),
        op("FULLY_CONNECTED", [1, 4, -1], [5], "FullyConnectedOptions"),
        op("ADD", [5, 1], [6], "AddOptions"),
    ]
    turn = FileNet(tensors, more[:1], [0, 1], [3, 1]) if short else FileNet(tensors, more, [0, 1], [3, 6])
    return models([FileNet(start, steps, [0], [3]), asks, turn])


FILES = {
    "branch_float": branch(X, 2.0),
    "branch_bytes": branch(BYTES, 60),
    "loop": loop(5),
    "loop_none": loop(0),
    "squares_int16": single(
        "SQUARED_DIFFERENCE",
        [FileTensor((2, 40), "int16", (0.003,)), FileTensor((2, 40), "int16", (0.0004,))],
        [FileTensor((2, 40), "int16", (0.01,))],
        "SquaredDifferenceOptions",
    ),
}


WEIGHTS = constant(RNG.normal(size=(3, 4))), constant(RNG.normal(size=3))
#: A dense layer.
DENSE_NET = FileNet(
    [X, *WEIGHTS, FileTensor((1, 3))],
    [op("FULLY_CONNECTED", [0, 1, 2], [3], "FullyConnectedOptions")],
    [0],
    [3],
)


@pytest.mark.parametrize("name", FILES)
def test_as_the_runtime_computes_it(name: str) -> None:
    graph, data = net_of(FILES[name]), FILES[name]
    after = simplify(graph)[0]
    for row in rows(graph, 6):
        wanted = invoke(data, *row.values())
        for net in (graph, after):
            got = interpret.run(net, row)
            for out, want in zip(net.outputs, wanted, strict=True):
                assert got[out].tobytes() == want.tobytes()


def test_in_c() -> None:
    samples = [nets.sample(name, simplify(net_of(data))[0]) for name, data in FILES.items()]
    samples.append(nets.sample("sparse", simplify(net_of(sparse(BLOCKS, PLACED)))[0]))
    program = host.build_program(nets.unit(samples), opt="-O2", harness=True)
    assert nets.differences(samples, program.run(nets.stream(samples))) == []


def test_weights_of_a_loop_are_there_once() -> None:
    """And its counter is computed here, not there."""
    graph = simplify(net_of(loop(7)))[0]
    kinds = [node.op.NAME for node in graph.nodes]
    assert kinds == ["fully_connected", "binary"] * 7
    assert len({node.inputs[1] for node in graph.nodes if node.op.NAME == "fully_connected"}) == 1


def test_a_known_branch_is_the_only_one() -> None:
    tensors = [constant(True, "bool"), X, X]
    steps = [op("IF", [0, 1], [2], "IfOptions", ThenSubgraphIndex=1, ElseSubgraphIndex=2)]
    graph = net_of(models([FileNet(tensors, steps, [1], [2]), doubled(X), squared(X)]))
    assert [(node.op.NAME, getattr(node.op, "function", "")) for node in graph.nodes] == [("binary", "add")]


def test_branches_and_loops_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """One message each: small files may ask for nets without end."""
    assert (branches.TURNS, branches.OPERATORS) == (2_000, 10_000)
    monkeypatch.setattr(branches, "TURNS", 50)
    monkeypatch.setattr(branches, "OPERATORS", 100)
    parts = [X, constant([1, 0], "int32"), FileTensor((4, 1))]
    other = FileNet(parts, [op("TRANSPOSE", [0, 1], [2], "TransposeOptions")], [0], [2])
    shapes = models([FileNet([TRUTH, X, X], [ask(1, 2)], [0, 1], [2]), doubled(X), other])
    itself = op("IF", [2, 0], [1], "IfOptions", ThenSubgraphIndex=1, ElseSubgraphIndex=1)
    endless = FileNet([X, X, constant(True, "bool")], [itself], [0], [1])
    cases: list[tuple[bytes, str]] = [
        (loop(None), "how often it turns is computed"),
        (loop(5, step=0), "make more than 100 operators"),
        (loop(5, step=0, short=True), "turns more than 50 times"),
        (models([endless, endless]), "deep in each other"),
        (models([FileNet(endless.tensors, [itself] * 2, [0], [1]), endless]), "deep in each other"),
        (shapes, "same types, shapes and scales"),
        (models([FileNet([TRUTH, X, X], [ask(1, 7)], [0, 1], [2]), doubled(X)]), "no net 7"),
        (models([FileNet([TRUTH, X, X], [ask(0, 0)], [0, 1], [2]), doubled(X)]), "no net 0"),
        (models([FileNet([X, X, X], [ask(1, 1)], [0, 1], [2]), doubled(X)]), "no single truth value"),
        (models([FileNet([TRUTH, X], [ask(1, 1, 1)], [0, 1], [1]), doubled(X)]), "has 1 inputs, not 0"),
    ]
    for data, said in cases:
        with pytest.raises((ConfigError, DataError), match=said):
            net_of(data)


def ask(first: int, second: int, reads: int = 2) -> Any:
    """A branch by the first input."""
    return op("IF", [0, 1][:reads], [reads], "IfOptions", ThenSubgraphIndex=first, ElseSubgraphIndex=second)


def test_states_stay_out_of_branches() -> None:
    """A net that a call does not take would have to leave them as they are."""
    handle = FileTensor((), "resource")
    keeps = FileNet(
        [X, handle],
        [op("VAR_HANDLE", [], [1], "VarHandleOptions"), op("ASSIGN_VARIABLE", [1, 0], [])],
        [0],
        [0],
    )
    with pytest.raises(ConfigError, match="ASSIGN_VARIABLE in a branch"):
        net_of(models([FileNet([TRUTH, X, X], [ask(1, 1)], [0, 1], [2]), keeps]))


def test_all_that_is_not_supported_is_named_in_branches_too(tmp_path: Path) -> None:
    strange = FileNet([X, X], [op("ATAN2", [0, 0], [1])], [0], [1])
    path = tmp_path / "net.tflite"
    path.write_bytes(models([FileNet([TRUTH, X, X], [ask(1, 2)], [0, 1], [2]), strange, doubled(X)]))
    assert ["ATAN2" in one.message for one in unknown(path, "tflite")] == [True]


@pytest.mark.parametrize(
    "kind,hint", [("WHERE", "let the model end before it"), ("ATAN2", "did you mean"), ("UNIQUE", "depends")]
)
def test_what_to_do_about_operators(kind: str, hint: str, tmp_path: Path) -> None:
    """The same before a file is read and while it is."""
    path = tmp_path / "net.tflite"
    path.write_bytes(model([X, X], [op(kind, [0], [1])], [0], [1]))
    for action in (open_model, read):
        with pytest.raises(SensoraiError, match="not supported") as error:
            action(path)
        assert hint in str(error.value)


# -- sparse constants


BLOCKS = Sparse((0, 1, 2), (1,), (3, ([0, 1, 1, 3], [1, 0, 2]), 2))
#: What these blocks hold, row by row, and what it means.
PLACED = [1.5, 2.0, -3.0, 4.0, 5.0, -6.5]
DENSE = np.array([[0, 0, 1.5, 2, 0, 0], [0, 0, 0, 0, 0, 0], [-3, 4, 0, 0, 5, -6.5]], np.float32)


def sparse(said: Sparse, values: Sequence[float], shape: tuple[int, ...] = (3, 6)) -> bytes:
    """Dense layer with sparse weights, made dense first."""
    w = FileTensor(shape, data=np.array(values, np.float32), sparse=said)
    tensors = [FileTensor((1, 6)), w, FileTensor(shape), FileTensor((1, shape[0]))]
    steps = [
        op("DENSIFY", [1], [2]),
        op("FULLY_CONNECTED", [0, 2, -1], [3], "FullyConnectedOptions"),
    ]
    return model(tensors, steps, [0], [3])


@pytest.mark.parametrize(
    "said,values",
    [
        (BLOCKS, PLACED),
        (Sparse((0, 1), (), (3, ([0, 2, 2, 6], [2, 3, 0, 1, 4, 5]))), PLACED),
        (Sparse((1, 0), (), (6, ([0, 1, 2, 3, 4, 5, 6], [2, 2, 0, 0, 2, 2]))), [-3, 4, 1.5, 2, 5, -6.5]),
        (Sparse((0, 1), (), (3, 6)), DENSE.reshape(-1)),
    ],
    ids=["blocks", "rows", "columns", "all"],
)
def test_sparse_weights(said: Sparse, values: Sequence[float]) -> None:
    graph = net_of(sparse(said, values))
    x = RNG.normal(size=(1, 6)).astype(np.float32)
    got = interpret.run(graph, {graph.inputs[0]: x})[graph.outputs[0]]
    assert np.allclose(got, x @ DENSE.T, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "said,shape",
    [
        (Sparse((0, 1), (), (3, ([0, 2, 2, 6], [2, 3, 0, 1, 4, 9]))), (3, 6)),
        (Sparse((0, 1), (), (3, ([0, 2, 6, 2], [2, 3, 0, 1, 4, 5]))), (3, 6)),
        (Sparse((0, 1), (), (3, ([0, 2], [2, 3]))), (3, 6)),
        (Sparse((0, 0), (), (3, 6)), (3, 6)),
        (Sparse((0, 1, 2), (1,), (3, 3, 4)), (3, 6)),
        (Sparse((0, 1, 2), (7,), (3, 3, 2)), (3, 6)),
        (Sparse((0, 1), (), (1 << 20, 1 << 20)), (1 << 20, 1 << 20)),
        (Sparse((0, 1, 2), (1,), (3, 3, ([0], []))), (3, 6)),
    ],
)
def test_sparse_weights_that_make_no_sense(said: Sparse, shape: tuple[int, ...]) -> None:
    with pytest.raises((DataError, ConfigError), match="tensor t1"):
        net_of(sparse(said, PLACED, shape))


def test_constants_behind_the_tables() -> None:
    data = models([DENSE_NET], behind=True)
    one, other = net_of(data), net_of(models([DENSE_NET]))
    for row in rows(one, 3):
        got, want = (interpret.run(net, row)[net.outputs[0]] for net in (one, other))
        assert got.tobytes() == want.tobytes()
    with pytest.raises(DataError, match="beyond the end of the file"):
        net_of(data[:-32])


# -- shapes


def shaped(folder: Path, data: bytes, shape: tuple[int, ...]) -> Graph:
    path = folder / "net.tflite"
    path.write_bytes(data)
    return read(path, {"t0": shape})


def test_shapes_follow_those_of_the_inputs(tmp_path: Path) -> None:
    """The file declares results for one step; what it says of them is not what they are for more."""
    x = FileTensor((1, 1, 6))
    cases = {
        "reshape": single("RESHAPE", [x, constant([1, -1], "int32")], [FileTensor((1, 6))], "ReshapeOptions"),
        "option": single("RESHAPE", [x], [FileTensor((1, 6))], "ReshapeOptions", NewShape=[1, -1]),
        "expand": single("EXPAND_DIMS", [x, constant([2], "int32")], [FileTensor((1, 1, 1, 6))]),
        "squeeze": single("SQUEEZE", [x], [FileTensor((1, 6))], "SqueezeOptions", SqueezeDims=[0]),
    }
    found = {k: shaped(tmp_path, data, (1, 5, 6)) for k, data in cases.items()}
    shapes = {k: g.tensors[g.outputs[0]].shape for k, g in found.items()}
    assert shapes == {"reshape": (1, 30), "option": (1, 30), "expand": (1, 5, 1, 6), "squeeze": (5, 6)}
    with pytest.raises(ConfigError, match="has 3 axes, not 2"):
        shaped(tmp_path, cases["squeeze"], (5, 6))
    for to in ([7, -1, -1], [-2, 3], [0, -1]):
        with pytest.raises(ConfigError, match="cannot become"):
            net_of(single("RESHAPE", [x, constant(to, "int32")], [FileTensor((1, 6))], "ReshapeOptions"))


# -- operators


def known(data: bytes, *inputs: Array) -> Array:
    graph = net_of(data)
    row = dict(zip(graph.inputs, inputs, strict=True))
    return interpret.run(graph, row)[graph.outputs[0]]


def test_scattered_updates_are_added() -> None:
    places, shape = constant([[1], [3], [1]], "int32"), constant([5], "int32")
    data = single("SCATTER_ND", [places, FileTensor((3,)), shape], [FileTensor((5,))], "ScatterNdOptions")
    got = known(data, np.array([1, 2, 4], np.float32))
    assert got.tolist() == [0, 5, 0, 2, 0]
    whole = FileTensor((3,), "int8", (0.1,), (5,))
    data = single("SCATTER_ND", [places, whole, shape], [FileTensor((5,), "int8", (0.1,), (5,))])
    with pytest.raises(ConfigError, match="where places are alike"):
        net_of(data)


def test_ranges_are_constants() -> None:
    x, ends = FileTensor((4,)), [constant(v) for v in (1.0, 3.0, 0.5)]
    tensors = [x, *ends, FileTensor((4,)), FileTensor((4,))]
    steps = [op("RANGE", [1, 2, 3], [4], "RangeOptions"), op("ADD", [0, 4], [5], "AddOptions")]
    assert known(model(tensors, steps, [0], [5]), np.zeros(4, np.float32)).tolist() == [1, 1.5, 2, 2.5]
    for step, said in ((0.0, "in steps of"), (1e-30, "too large")):
        tensors[3] = constant(step)
        with pytest.raises(ConfigError, match=said):
            net_of(model(tensors, steps, [0], [5]))


def test_bits() -> None:
    a, b = np.array([5, -8, 1023], np.int32), np.array([3, 1, 4], np.int32)
    given = [FileTensor((3,), "int32")] * 2
    out = [FileTensor((3,), "int32")]
    assert (known(single("BITWISE_XOR", given, out, "BitwiseXorOptions"), a, b) == a ^ b).all()
    assert (known(single("RIGHT_SHIFT", given, out, "RightShiftOptions"), a, b) == a >> b).all()


def test_local_response() -> None:
    x = RNG.normal(size=(1, 2, 2, 7)).astype(np.float32)
    said: dict[str, Any] = {"Radius": 2, "Bias": 1.0, "Alpha": 0.5, "Beta": 0.75}
    options = "LocalResponseNormalizationOptions"
    shape = [FileTensor(x.shape)]
    got = known(single("LOCAL_RESPONSE_NORMALIZATION", shape, shape, options, **said), x)
    squares = np.pad(x.astype(np.float64) ** 2, [(0, 0)] * 3 + [(2, 2)])
    near = sum(squares[..., k : k + 7] for k in range(5))
    assert np.allclose(got, x / (1 + 0.5 * near) ** 0.75, rtol=1e-5)


# -- spectra


def spectrum(have: int, count: int, part: str, *more: Any) -> bytes:
    """A spectrum of each of two rows, without its axis of one, and its size or parts."""
    bins = count // 2 + 1
    tensors = [
        FileTensor((1, 2, 1, have)),
        constant([1, count], "int32"),
        FileTensor((1, 2, 1, bins), "complex64"),
        FileTensor((1, 2, bins), "complex64"),
        FileTensor((1, 2, bins)),
    ]
    steps = [
        op("RFFT2D", [0, 1], [2], "Rfft2dOptions"),
        op("SQUEEZE", [2], [3], "SqueezeOptions", SqueezeDims=[2]),
        *(more or [op(part, [3], [4])]),
    ]
    return model(tensors, steps, [0], [4 if not more else 3])


@pytest.mark.parametrize("have,count", [(16, 16), (10, 16), (40, 15)])
def test_spectra(have: int, count: int) -> None:
    x = RNG.normal(size=(1, 2, 1, have)).astype(np.float32)
    want = np.fft.rfft(x[:, :, 0].astype(np.float64), count)
    for part, values in (("COMPLEX_ABS", np.abs(want)), ("REAL", want.real), ("IMAG", want.imag)):
        got = known(spectrum(have, count, part), x)
        assert np.allclose(got, values, rtol=1e-5, atol=1e-5)
    graph = simplify(net_of(spectrum(have, count, "COMPLEX_ABS")))[0]
    nets.in_c_later(nets.sample("spectrum", graph))


def test_complex_numbers_elsewhere() -> None:
    add = op("ADD", [3, 3], [3], "AddOptions")
    with pytest.raises(ConfigError, match="complex numbers are not supported here") as error:
        net_of(spectrum(8, 8, "", add))
    assert "COMPLEX_ABS" in error.value.hint
    again = op("SQUEEZE", [2], [3], "SqueezeOptions", SqueezeDims=[2])
    with pytest.raises(ConfigError, match="takes or gives t3, which is complex64"):
        net_of(spectrum(8, 8, "", again))
    with pytest.raises(ConfigError, match="too large"):
        net_of(spectrum(8, 1 << 15, "REAL"))
    parts = [FileTensor((1, 2, 3, 8)), constant([4, 8], "int32"), FileTensor((1, 2, 4, 5), "complex64")]
    with pytest.raises(ConfigError, match="are not supported"):
        net_of(model(parts, [op("RFFT2D", [0, 1], [2], "Rfft2dOptions")], [0], [2]))


# -- passes


def test_the_same_numbers_in_another_scale_stay_apart() -> None:
    """Converters say so of the second direction of a recurrent layer; runtimes join them as they are."""
    one, two = (FileTensor((1, 4), "int8", (s,), (0,)) for s in (0.05, 0.02))
    tensors = [one, constant([1, 4], "int32"), two, two, FileTensor((1, 8), "int8", (0.02,), (0,))]
    steps = [
        op("RESHAPE", [0, 1], [2], "ReshapeOptions"),
        op("CONCATENATION", [2, 3], [4], "ConcatenationOptions", Axis=1),
    ]
    data = model(tensors, steps, [0, 3], [4])
    graph = net_of(data)
    after = simplify(graph)[0]
    for row in rows(graph, 3):
        (want,) = invoke(data, *row.values())
        assert np.array_equal(interpret.run(after, row)[after.outputs[0]], want)


def test_softmax_of_bytes_stays_along_the_last_axis() -> None:
    x = FileTensor((1, 3, 5), "int8", (0.1,), (0,))
    turned, made = (FileTensor((1, 5, 3), "int8", *q) for q in (((0.1,), (0,)), ((1 / 256,), (-128,))))
    tensors = [
        x,
        constant([0, 2, 1], "int32"),
        turned,
        made,
        FileTensor((1, 3, 5), "int8", (1 / 256,), (-128,)),
    ]
    steps = [
        op("TRANSPOSE", [0, 1], [2], "TransposeOptions"),
        op("SOFTMAX", [2], [3], "SoftmaxOptions", Beta=1.0),
        op("TRANSPOSE", [3, 1], [4], "TransposeOptions"),
    ]
    data = model(tensors, steps, [0], [4])
    graph = simplify(net_of(data))[0]
    for row in rows(graph, 2):
        (want,) = invoke(data, *row.values())
        assert np.array_equal(interpret.run(graph, row)[graph.outputs[0]], want)


# -- files that are none


def test_other_files(tmp_path: Path) -> None:
    saved = tmp_path / "model"
    saved.mkdir()
    with pytest.raises(ConfigError, match="a folder, no model"):
        open_model(saved)
    (saved / "saved_model.pb").write_bytes(b"")
    with pytest.raises(ConfigError, match="SavedModel of TensorFlow") as error:
        read_net(saved)
    assert "from_saved_model" in error.value.hint
    for end, hint in ((".pt", "torch.onnx.export"), (".task", "unzip"), (".pb", "TFLiteConverter")):
        path = tmp_path / f"net{end}"
        path.write_bytes(b"01234567")
        with pytest.raises(SensoraiError) as other:
            read_net(path)
        assert hint in other.value.hint
