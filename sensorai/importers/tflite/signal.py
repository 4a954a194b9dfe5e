"""Rules of the signal library of TensorFlow Lite Micro: custom operators, from sound to features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Shape, Tensor
from sensorai.importers.tflite.custom import options
from sensorai.importers.tflite.rules import Rule, TfliteNode
from sensorai.ops.nd.bands import SignalDenoise, SignalGain, SignalLog, SignalRoot
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.rfft import Irfft, Rfft
from sensorai.ops.nd.signals import SignalBands, SignalEnergy, SignalScale, SignalWindow

#: Types of transforms by their numbers in the file.
_TYPES: Mapping[int, str] = {0: "float32", 2: "int32", 7: "int16"}


def _needed(node: TfliteNode, count: int) -> list[Tensor]:
    return [node.need(k) for k in range(count)]


def _made(node: TfliteNode, op: NdOperator, *inputs: Tensor) -> Sequence[Tensor]:
    """Append an operator that makes what the file declares."""
    found = node.add(op, *inputs)
    _fits(node, *(t.shape for t in found))
    return found


def _fits(node: TfliteNode, *shapes: Shape) -> None:
    """Raise a ConfigError unless the file declares outputs of these shapes."""
    said = tuple(one.shape for one in node.outputs)
    if said != shapes:
        raise ConfigError(
            f"{node.where} makes {' and '.join(map(str, shapes))}, but {' and '.join(map(str, said))} is"
            " declared"
        )


def _window(node: TfliteNode) -> Sequence[Tensor]:
    return _made(node, SignalWindow(options(node, ("shift",))["shift"]), *_needed(node, 2))


def _scale(node: TfliteNode) -> Sequence[Tensor]:
    return _made(node, SignalScale(), node.need(0))


def _length(node: TfliteNode) -> int:
    """Length of a transform; a ConfigError where it is said to be of another type than its input."""
    said, x = options(node, ("T", "fft_length")), node.need(0)
    if _TYPES.get(said["T"]) != x.dtype:
        raise ConfigError(f"{node.where}: a transform of type {said['T']} of {x.dtype} is not supported")
    return said["fft_length"]


def _rfft(node: TfliteNode) -> Sequence[Tensor]:
    return _made(node, Rfft(_length(node)), node.need(0))


def _irfft(node: TfliteNode) -> Sequence[Tensor]:
    return _made(node, Irfft(_length(node)), node.need(0))


def _energy(node: TfliteNode) -> Sequence[Tensor]:
    said = options(node, ("start_index", "end_index"))
    return _made(node, SignalEnergy(said["start_index"], said["end_index"]), node.need(0))


def _count(node: TfliteNode, count: int) -> None:
    """Raise a ConfigError unless the first output has as many bands as the options say."""
    if not node.outputs or node.outputs[0].shape != (count,):
        raise ConfigError(f"{node.where}: its options say {count} bands, its output has another shape")


def _bands(node: TfliteNode) -> Sequence[Tensor]:
    _count(node, options(node, ("num_channels",))["num_channels"])
    return _made(node, SignalBands(), *_needed(node, 6))


def _root(node: TfliteNode) -> Sequence[Tensor]:
    return _made(node, SignalRoot(), *_needed(node, 2))


def _denoise(node: TfliteNode) -> Sequence[Tensor]:
    factors = ("smoothing", "one_minus_smoothing", "alternate_smoothing", "alternate_one_minus_smoothing")
    rest = ("min_signal_remaining", "smoothing_bits", "spectral_subtraction_bits", "clamping", "num_channels")
    said, x = options(node, (*factors, *rest)), node.need(0)
    _count(node, said["num_channels"])
    even, even_old, odd, odd_old = (said[name] for name in factors)
    op = SignalDenoise(
        (even, even_old, odd, odd_old),
        said["min_signal_remaining"],
        said["smoothing_bits"],
        said["spectral_subtraction_bits"],
        bool(said["clamping"]),
    )
    noise = node.net.state(f"{node.outputs[0].name}.noise", x.shape, "uint32")
    made = _made(node, op, x, noise)
    node.net.keep(noise, made[1])
    return made


def _gain(node: TfliteNode) -> Sequence[Tensor]:
    return _made(node, SignalGain(options(node, ("snr_shift",))["snr_shift"]), *_needed(node, 3))


def _log(node: TfliteNode) -> Sequence[Tensor]:
    said = options(node, ("input_correction_bits", "output_scale"))
    return _made(node, SignalLog(said["input_correction_bits"], said["output_scale"]), node.need(0))


RULES: Mapping[str, Rule] = {
    "SignalEnergy": _energy,
    "SignalFftAutoScale": _scale,
    "SignalFilterBank": _bands,
    "SignalFilterBankLog": _log,
    "SignalFilterBankSpectralSubtraction": _denoise,
    "SignalFilterBankSquareRoot": _root,
    "SignalIrfft": _irfft,
    "SignalPCAN": _gain,
    "SignalRfft": _rfft,
    "SignalWindow": _window,
}
