"""Rules of the signal library of TensorFlow Lite Micro: custom operators, from sound to features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Shape, Tensor
from sensorai.importers.tflite.custom import options
from sensorai.importers.tflite.rules import Rule, TfliteNode
from sensorai.ops.nd.bands import SignalDenoise, SignalGain, SignalLog, SignalRoot
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.concat import Concat
from sensorai.ops.nd.framing import MOST, Frames, OverlapAdd, Stack
from sensorai.ops.nd.rfft import Irfft, Rfft
from sensorai.ops.nd.signals import SignalBands, SignalEnergy, SignalScale, SignalWindow
from sensorai.ops.nd.slices import Slice

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


def _more(node: TfliteNode, op: NdOperator, x: Tensor, states: Sequence[Tensor], shown: int) -> list[Tensor]:
    """Append an operator whose last outputs are its states in the next call; only the others are shown."""
    names = [one.name for one in node.outputs[:shown]]
    made = node.net.add(op, (x, *states), (*names, *(f"{one.name}.next" for one in states)))
    for state, following in zip(states, made[shown:], strict=True):
        node.net.keep(state, following)
    _fits(node, *(t.shape for t in made[:shown]))
    return list(made[:shown])


def _frames(node: TfliteNode) -> Sequence[Tensor]:
    said, x = options(node, ("frame_size", "frame_step", "prefill")), node.need(0)
    size, step = said["frame_size"], said["frame_step"]
    if not x.shape or not 0 < step <= x.shape[-1] or not 0 < size <= MOST:
        raise ConfigError(f"{node.where}: frames of {size} every {step} of {x.shape} are not supported")
    if said["prefill"] and size < step:
        raise ConfigError(f"{node.where}: frames of {size} cannot be filled before every {step}")
    # without zeros before them, frames begin with whole steps
    kept = size - step if said["prefill"] else (size - 1) // step * step
    states = [_kept(node, "kept", (*x.shape[:-1], kept))] if kept else []
    if kept and not said["prefill"]:
        states.append(_kept(node, "count", (), "int32"))
    return _more(node, Frames(size, step, kept), x, states, 2)


def _kept(node: TfliteNode, what: str, shape: Shape, dtype: str = "int16") -> Tensor:
    return node.net.state(f"{node.outputs[0].name}.{what}", shape, dtype)


def _stack(node: TfliteNode) -> Sequence[Tensor]:
    names = ("num_channels", "stacker_left_context", "stacker_right_context", "stacker_step")
    said, x = options(node, names), node.need(0)
    count, left, right, step = (said[name] for name in names)
    if x.shape != (count,) or left < 0 or right < 0 or not 0 < left + right <= MOST:
        raise ConfigError(f"{node.where}: {left} + 1 + {right} frames of {x.shape} are not supported")
    states = [_kept(node, "kept", ((left + right) * count,)), _kept(node, "count", (), "int32")]
    return _more(node, Stack(left + right, left, step), x, states, 2)


def _overlap(node: TfliteNode) -> Sequence[Tensor]:
    said, x = options(node, ("T", "frame_step")), node.need(0)
    if _TYPES.get(said["T"]) != x.dtype or len(x.shape) < 2:
        raise ConfigError(f"{node.where}: sums of type {said['T']} of {x.dtype} {x.shape}")
    state = _kept(node, "kept", (*x.shape[:-2], x.shape[-1]), x.dtype)
    return _more(node, OverlapAdd(said["frame_step"]), x, [state], 1)


def _delay(node: TfliteNode) -> Sequence[Tensor]:
    """Of operators that there are: what is kept and what comes, cut in two."""
    delay, x = options(node, ("delay_length",))["delay_length"], node.need(0)
    if x.dtype != "int16" or not x.size or not x.shape or not 0 < delay <= MOST:
        raise ConfigError(f"{node.where}: a delay of {x.dtype} {x.shape} by {delay} is not supported")
    lead, given = x.shape[:-1], x.shape[-1]
    state = _kept(node, "kept", (*lead, delay))
    axis, zeros, ones = len(lead), (0,) * len(lead), (1,) * len(x.shape)
    (both,) = node.add(Concat(axis), state, x, last=False)
    (rest,) = node.add(Slice((*zeros, given), (*lead, given + delay), ones), both, last=False)
    node.net.keep(state, rest)
    return _made(node, Slice((*zeros, 0), (*lead, given), ones), both)


RULES: Mapping[str, Rule] = {
    "SignalDelay": _delay,
    "SignalEnergy": _energy,
    "SignalFftAutoScale": _scale,
    "SignalFilterBank": _bands,
    "SignalFilterBankLog": _log,
    "SignalFilterBankSpectralSubtraction": _denoise,
    "SignalFilterBankSquareRoot": _root,
    "SignalFramer": _frames,
    "SignalIrfft": _irfft,
    "SignalOverlapAdd": _overlap,
    "SignalPCAN": _gain,
    "SignalRfft": _rfft,
    "SignalStacker": _stack,
    "SignalWindow": _window,
}
