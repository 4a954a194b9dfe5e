"""The signal library of TensorFlow Lite Micro: each operator against it, bit for bit, call by call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from sensorai.errors import ConfigError
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import DTYPES, Array
from sensorai.importers.open import read_net
from sensorai.passes.imported import simplify
from sensorai.toolchain import cpu, host, qemu
from tests.nd import nets, tflite_models
from tests.nd.test_elementwise_tflite import net_of
from tests.nd.test_recurrent_tflite import micro
from tests.nd.tflite_file import FileOperator, FileTensor, constant, flexible, model, single
from tests.need import need

T = FileTensor
CALLS = 6
TYPES = {"float32": 0, "int32": 2, "int16": 7}
MODEL = (
    "data/models/tflm/tensorflow+tflite-micro/tensorflow/lite/micro/examples/micro_speech/models"
    "/audio_preprocessor_int8.tflite"
)


def spectrum(kind: str, length: int, given: int = 0, rows: tuple[int, ...] = ()) -> bytes:
    out = T((*rows, length + 2), kind)
    return single("SignalRfft", [T((*rows, given or length), kind)], [out], T=TYPES[kind], fft_length=length)


def back(kind: str, length: int, rows: tuple[int, ...] = ()) -> bytes:
    out = T((*rows, length), kind)
    return single("SignalIrfft", [T((*rows, length + 2), kind)], [out], T=TYPES[kind], fft_length=length)


def window(shift: int, rows: int = 1) -> bytes:
    weights = constant(np.random.default_rng(1).integers(-32768, 32768, 8), "int16")
    shape = (rows, 8)
    return single("SignalWindow", [T(shape, "int16"), weights], [T(shape, "int16")], shift=shift)


def scale(count: int) -> bytes:
    x = T((count,), "int16")
    return single("SignalFftAutoScale", [x], [x, T((), "int32")])


def energy(start: int, end: int) -> bytes:
    out = T((9,), "uint32")
    return single("SignalEnergy", [T((18,), "int16")], [out], start_index=start, end_index=end)


def bands() -> bytes:
    rng = np.random.default_rng(2)
    rows = (rng.integers(-4096, 4097, 12), rng.integers(-32768, 32768, 12))
    places = ([1, 2, 5, 0, 7], [0, 1, 4, 0, 10], [1, 3, 6, 0, 2])
    more = [constant(row, "int16") for row in (*rows, *places)]
    return single("SignalFilterBank", [T((11,), "uint32"), *more], [T((4,), "uint64")], num_channels=4)


def root() -> bytes:
    inputs = [T((50,), "uint64"), T((), "int32")]
    return single("SignalFilterBankSquareRoot", inputs, [T((50,), "uint32")])


def denoise(clamping: bool = False, bits: int = 10, places: int = 14) -> bytes:
    x = T((9,), "uint32")
    return single(
        "SignalFilterBankSpectralSubtraction",
        [x],
        [x, x],
        alternate_one_minus_smoothing=15401,
        alternate_smoothing=983,
        clamping=clamping,
        min_signal_remaining=819,
        num_channels=9,
        one_minus_smoothing=15975,
        smoothing=409,
        smoothing_bits=bits,
        spectral_subtraction_bits=places,
    )


def gain(shift: int) -> bytes:
    table = constant(np.random.default_rng(3).integers(-32768, 32768, 125), "int16")
    x = T((40,), "uint32")
    return single("SignalPCAN", [x, x, table], [x], snr_shift=shift)


def log(bits: int, scale: int) -> bytes:
    return single(
        "SignalFilterBankLog",
        [T((60,), "uint32")],
        [T((60,), "int16")],
        input_correction_bits=bits,
        output_scale=scale,
    )


def frames(size: int, step: int, prefill: bool, shape: tuple[int, ...] = (12,)) -> bytes:
    outputs = [T((*shape[:-1], shape[-1] // step, size), "int16"), T((), "bool")]
    return single(
        "SignalFramer", [T(shape, "int16")], outputs, frame_size=size, frame_step=step, prefill=prefill
    )


def stack(left: int, right: int, step: int) -> bytes:
    return single(
        "SignalStacker",
        [T((3,), "int16")],
        [T((3 * (left + 1 + right),), "int16"), T((), "bool")],
        num_channels=3,
        stacker_left_context=left,
        stacker_right_context=right,
        stacker_step=step,
    )


def overlap(kind: str, step: int, rows: tuple[int, ...] = ()) -> bytes:
    out = T((*rows, 3 * step), kind)
    return single("SignalOverlapAdd", [T((*rows, 3, 6), kind)], [out], T=TYPES[kind], frame_step=step)


def delay(length: int, shape: tuple[int, ...] = (7,)) -> bytes:
    x = T(shape, "int16")
    return single("SignalDelay", [x], [x], delay_length=length)


#: Their outputs count where the second one says so.
VALID: Mapping[str, Callable[[], bytes]] = {
    "frames": lambda: frames(10, 4, False),
    "frames_even": lambda: frames(8, 4, False),
    "frames_long": lambda: frames(29, 12, False),
    "frames_rows": lambda: frames(10, 6, False, (2, 12)),
    "stack": lambda: stack(2, 1, 1),
    "stack_step": lambda: stack(1, 2, 3),
    "stack_full_step": lambda: stack(1, 1, 3),
    "stack_left": lambda: stack(3, 0, 2),
    "stack_right": lambda: stack(0, 2, 2),
}
EXACT: Mapping[str, Callable[[], bytes]] = {
    "window": lambda: window(12, 3),
    "window_held": lambda: window(3),
    "scale": lambda: scale(7),
    "scale_one": lambda: scale(1),
    "energy": lambda: energy(0, 9),
    "bands": bands,
    "root": root,
    "denoise": denoise,
    "denoise_clamped": lambda: denoise(True, 4),
    "denoise_wide": lambda: denoise(False, 31, 20),
    "gain": lambda: gain(6),
    "gain_wide": lambda: gain(21),
    "log": lambda: log(3, 64),
    "log_wide": lambda: log(0, 70000),
    "rfft": lambda: spectrum("int16", 64),
    "rfft_4": lambda: spectrum("int16", 4),
    "rfft_60": lambda: spectrum("int16", 60, 51),
    "rfft_rows": lambda: spectrum("int16", 32, 30, (2, 3)),
    "rfft_int32": lambda: spectrum("int32", 32),
    "rfft_int32_90": lambda: spectrum("int32", 90, 77),
    "irfft": lambda: back("int16", 64),
    "irfft_60": lambda: back("int16", 60, (2,)),
    "irfft_int32": lambda: back("int32", 32),
    "rfft_float": lambda: spectrum("float32", 120, 100),
    "irfft_float": lambda: back("float32", 120),
    "frames_filled": lambda: frames(10, 4, True),
    "frames_filled_rows": lambda: frames(9, 3, True, (2, 2, 6)),
    "frames_apart": lambda: frames(3, 4, False),
    "frames_beside": lambda: frames(4, 4, True),
    "overlap": lambda: overlap("int16", 2),
    "overlap_rows": lambda: overlap("int16", 6, (2,)),
    "overlap_float": lambda: overlap("float32", 4, (2,)),
    "delay": lambda: delay(3),
    "delay_long": lambda: delay(17, (2, 5)),
}


def loud(graph: Graph) -> list[dict[str, Array]]:
    """Inputs of every loudness: a call's numbers have some bits, and ends of their type among them."""
    rng, made = np.random.default_rng(4), []
    for call in range(CALLS):
        row: dict[str, Array] = {}
        for name in graph.inputs:
            t = graph.tensors[name]
            kind = np.dtype(DTYPES[t.dtype])
            if kind.kind == "f":
                row[name] = (rng.normal(0, 1, t.shape) * 10.0**call).astype(kind)
            elif t.shape == ():
                row[name] = np.asarray(call, kind)
            else:
                info = np.iinfo(kind)
                size = rng.integers(0, info.bits, t.shape)
                x = rng.integers(info.min, info.max, t.shape, kind, endpoint=True) >> size.astype(kind)
                x = x if call % 2 else x >> kind.type(info.bits // 2)
                x.reshape(-1)[call::17] = info.min if call % 3 else info.max
                row[name] = x
        made.append(row)
    return made


@pytest.mark.parametrize("name", EXACT)
def test_exact(name: str) -> None:
    data = EXACT[name]()
    graph = net_of(data)
    given, state = loud(graph), None
    for row, wanted in zip(given, micro(data, given, len(graph.outputs)), strict=True):
        values = interpret.run(graph, row, state)
        state = interpret.following(graph, values)
        for output, want in zip(graph.outputs, wanted, strict=True):
            assert values[output].dtype == want.dtype
            np.testing.assert_array_equal(values[output], want)


@pytest.mark.parametrize("name", VALID)
def test_exact_where_valid(name: str) -> None:
    data = VALID[name]()
    graph = net_of(data)
    given, state, said = loud(graph) + loud(graph), None, set()
    for row, (want, valid) in zip(given, micro(data, given, 2), strict=True):
        values = interpret.run(graph, row, state)
        state = interpret.following(graph, values)
        got, mine = (values[n] for n in graph.outputs)
        assert bool(mine) == bool(valid)
        said.add(bool(valid))
        if valid:
            np.testing.assert_array_equal(got, want)
    assert True in said
    assert False in said or name == "stack_left"


def test_as_c() -> None:
    found = []
    for name, make in {**EXACT, **VALID}.items():
        graph = net_of(make())
        found.append(nets.sample_of(name, graph, loud(graph)))
    program = host.build_program(nets.unit(found), opt="-O1", sanitize=True, harness=True)
    assert nets.differences(found, program.run(nets.stream(found))) == []


def test_energies_that_are_left_out_are_0() -> None:
    graph = net_of(energy(2, 4))
    (y,) = (interpret.run(graph, loud(graph)[1])[n] for n in graph.outputs)
    assert np.all(y[2:4] > 0)
    assert not y[:2].any()
    assert not y[4:].any()


def sounds(graph: Graph) -> list[dict[str, Array]]:
    """Silence, tones, noise of every loudness, ends."""
    rng, t = np.random.default_rng(5), np.arange(480)
    rows = [np.zeros(480), 3000 * np.sin(t * 0.2), 30000 * np.sin(t * 0.05), np.full(480, -32768)]
    rows += [rng.normal(0, 10.0**k, 480) for k in range(5)]
    return [{graph.inputs[0]: np.clip(r, -32768, 32767).astype(np.int16)[None]} for r in rows]


def test_model(shared: Path) -> None:
    path = shared / MODEL
    graph = read_net(path)
    given = sounds(graph)
    for net in (graph, simplify(graph)[0]):
        state = None
        for row, (want,) in zip(given, tflite_models.micro(path, given, 1), strict=True):
            values = interpret.run(net, row, state)
            state = interpret.following(net, values)
            np.testing.assert_array_equal(values[net.outputs[0]], want)


def test_model_as_c(shared: Path) -> None:
    need("arm-none-eabi-gcc")
    graph = simplify(read_net(shared / MODEL))[0]
    found = [nets.sample_of("sound", graph, sounds(graph))]
    program = host.build_program(nets.unit(found), opt="-O2", harness=True)
    assert nets.differences(found, program.run(nets.stream(found))) == []
    for core in ("m0plus", "m4"):
        image = qemu.build(nets.unit(found), cpu.cpu(core))
        assert nets.differences(found, qemu.run_image(image, nets.stream(found)).output) == []


WRONG: Mapping[str, tuple[bytes, str]] = {
    "odd": (spectrum("int16", 7), "a transform of length 7 is not supported"),
    "seven": (spectrum("int16", 14), "a transform of length 14 is not supported"),
    "long": (spectrum("int16", 1 << 20, 4), "a transform of length 1048576"),
    "short": (spectrum("int16", 4, 6), "6 numbers in a transform of 4"),
    "type": (
        single("SignalRfft", [T((8,), "int16")], [T((10,), "int16")], T=2, fft_length=8),
        "type 2 of int16",
    ),
    "shape": (
        single("SignalRfft", [T((8,), "int16")], [T((8,), "int16")], T=7, fft_length=8),
        r"makes \(10,\), but \(8,\) is declared",
    ),
    "energy": (energy(3, 10), "energies 3 to 10"),
    "shift": (window(32), "its shift is 32"),
    "names": (
        single("SignalWindow", [T((8,), "int16")] * 2, [T((8,), "int16")], Shift=1),
        "its options are 'Shift', which is not supported",
    ),
    "bands": (
        single(
            "SignalFilterBank",
            [T((4,), "uint32"), *(constant([0, 0, n], "int16") for n in (0, 0, 0, 0, 5))],
            [T((2,), "uint64")],
            num_channels=2,
        ),
        "band 2 leaves the energies",
    ),
    "count": (
        single("SignalFilterBank", [T((4,), "uint32")] * 6, [T((2,), "uint64")], num_channels=3),
        "its options say 3 bands",
    ),
    "frames": (frames(3, 4, True), "frames of 3 cannot be filled before every 4"),
    "steps": (frames(6, 5, False), "12 samples are no whole steps of 5"),
    "stack": (stack(1, 1, 4), "its step is 4"),
    "overlap": (overlap("int16", 7), "its step is 7"),
    "delay": (delay(0), r"a delay of int16 \(7,\) by 0"),
    "table": (
        single("SignalPCAN", [T((4,), "uint32")] * 2 + [T((9,), "int16")], [T((4,), "uint32")], snr_shift=6),
        r"a table of gains of shape \(9,\)",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said(name: str) -> None:
    data, said = WRONG[name]
    with pytest.raises(ConfigError, match=said):
        net_of(data)


def custom(data: bytes) -> bytes:
    x = T((8,), "int16")
    operator = FileOperator("SignalWindow", [0, 1], [2], custom=data)
    return model([x, constant(range(8), "int16"), x], [operator], [0], [2])


def test_options_are_read_within_their_bytes() -> None:
    good = flexible({"shift": 3})
    assert net_of(custom(good)).nodes
    for cut in range(len(good)):
        with pytest.raises(ConfigError, match="its options"):
            net_of(custom(good[:cut]))
    for at in range(len(good)):
        for value in (0, 1, 2, 3, 127, 255):
            bent = good[:at] + bytes([value]) + good[at + 1 :]
            try:
                net_of(custom(bent))
            except ConfigError:
                continue


def test_numbers_of_every_width() -> None:
    for shift in (0, 31):
        assert net_of(custom(flexible({"shift": shift}))).nodes
    for shift in (-1, 300, -70000):
        with pytest.raises(ConfigError, match=f"its shift is {shift}"):
            net_of(custom(flexible({"shift": shift})))
    with pytest.raises(ConfigError, match="does not fit 32 bits"):
        net_of(custom(flexible({"shift": 1 << 40})))
