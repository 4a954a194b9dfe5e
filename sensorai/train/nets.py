"""Nets on integer features (``mlp``) or on raw windows (``cnn``), learnt as the device computes them.

A float net is learnt first: its accuracy stands beside the result, and its activations say how many binary
places each tensor needs. int8: the same net goes on learning with its weights and activations rounded.
binary: a net of signs is learnt from the start. What is reported is the accuracy of the integer net.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError, ToolMissing
from sensorai.features import catalogue
from sensorai.features.catalogue import IntFeature
from sensorai.model import interpret
from sensorai.model.graph import Graph
from sensorai.model.quantize import precision_of
from sensorai.model.scaling import Scaling
from sensorai.train import features as choice
from sensorai.train import qat, shapes
from sensorai.train.counts import Counted, Split
from sensorai.train.curves import Epoch, Verdict, judge
from sensorai.train.lower import lower, lower_float

FAMILIES = ("mlp", "cnn")
PRECISIONS = ("int8", "binary", "float32")
#: Binary places of the int8 input: three usual deviations fill it.
INPUT_PLACES = 5
#: What the float net takes at most: twice the range of int8.
FLOAT_CLIP = 2 * 127 / 2**INPUT_PLACES
#: Least rows to learn from.
ROWS = 20


@dataclass(frozen=True, slots=True)
class NetOptions:
    """What net is learnt, and how.

    Attributes
    ----------
    family : {"mlp", "cnn"}
    precision : {"int8", "binary", "float32"}
    sizes : tuple of int
        Units of the hidden layers, or channels of the convolutions; empty: chosen for the memory.
    kernel : int
        Samples that a convolution spans.
    features : int
        Most features of an mlp.
    spectra : bool
        Whether features of the integer FFT are candidates.
    flash_bytes : int, optional
        Room for the constants of the net; the largest of the usual sizes that fits is taken.
    epochs, tune_epochs : int
        Most passes for the float (or binary) net, and for the int8 net after it.
    patience : int
        Passes without a better validation loss before stopping.
    batch : int
    rate : float
        First learning rate.
    seed : int
    """

    family: str = "mlp"
    precision: str = "int8"
    sizes: tuple[int, ...] = ()
    kernel: int = 5
    features: int = 24
    spectra: bool = False
    flash_bytes: int | None = None
    epochs: int = 80
    tune_epochs: int = 30
    patience: int = 20
    batch: int = 64
    rate: float = 4e-3
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, known in (
            ("family", self.family, FAMILIES),
            ("precision", self.precision, PRECISIONS),
        ):
            if value not in known:
                raise ConfigError(f"{name} {value!r} is not known", hint="known are " + ", ".join(known))
        if self.sizes:
            shapes.check_sizes(self.sizes)
        whole = {"kernel": 1, "features": 1, "epochs": 1, "tune_epochs": 1, "patience": 1, "batch": 1}
        for name, least in whole.items():
            if getattr(self, name) < least:
                raise ConfigError(f"{name} must be at least {least}")
        if not 0 < self.rate < 1:
            raise ConfigError(f"a learning rate of {self.rate:g} is not possible", hint="between 0 and 1")

    @staticmethod
    def from_toml(path: Path) -> NetOptions:
        """Read the options of a file with the names above; a ConfigError says what is wrong in it."""
        import tomllib

        try:
            data: Mapping[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"cannot read the net description: {error}", where=str(path)) from None
        kinds = {f.name: str(f.type) for f in fields(NetOptions)}
        values: dict[str, Any] = {}
        for name, value in data.items():
            if name not in kinds:
                raise ConfigError(
                    f"a net has no setting {name!r}", where=str(path), hint="settings are " + ", ".join(kinds)
                )
            values[name] = _typed(name, value, kinds[name], path)
        return NetOptions(**values)


@dataclass(frozen=True, slots=True, eq=False)
class TrainedNet:
    """A net with what belongs to it.

    Attributes
    ----------
    graph : Graph
        What the device runs; its input is int8.
    scaling : Scaling
        From features, or from the counts of each channel, to that input.
    features : tuple of IntFeature
        Empty for raw windows.
    curve : tuple of Epoch
        All stages one after the other.
    verdict : Verdict
    accuracy : mapping of str to float
        Share of right answers of ``graph`` on ``train``, ``validation`` and ``test`` rows.
    float_accuracy : mapping of str to float
        The same of the float net.
    sizes : tuple of int
    notes : tuple of str
        What was chosen and done.
    """

    graph: Graph
    scaling: Scaling
    features: tuple[IntFeature, ...]
    curve: tuple[Epoch, ...]
    verdict: Verdict
    accuracy: dict[str, float]
    float_accuracy: dict[str, float]
    sizes: tuple[int, ...]
    notes: tuple[str, ...]


def train_net(
    counted: Counted,
    split: Split,
    options: NetOptions | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> TrainedNet:
    """Learn a net.

    Raises
    ------
    ToolMissing
        JAX or optax is not installed.
    DataError
        Too few windows, or a class without any to learn from.
    ConfigError
        No net of this family fits the memory.
    """
    options = options or NetOptions()
    need_jax()
    _check_rows(counted, split)
    features: tuple[IntFeature, ...] = ()
    raw: npt.NDArray[np.integer] = counted.x
    if options.family == "mlp":
        known = choice.candidates(counted, split.train, spectra=options.spectra, linear=True)
        places = choice.choose(counted, split, known, options.features, options.seed)
        features = tuple(known[i] for i in places)
        raw = catalogue.table(features, counted.x)
        say(f"features: {', '.join(choice.names(features, counted.channels))}")
    scaling = Scaling.fit(raw[split.train].reshape(-1, raw.shape[-1]))
    quantised = scaling.apply(raw)
    step = 2.0 ** (np.array(scaling.shift, np.float64) + INPUT_PLACES)
    real = np.clip((raw - np.array(scaling.offset, np.float64)) / step, -FLOAT_CLIP, FLOAT_CLIP)
    rounded = (quantised * np.float32(2.0**-INPUT_PLACES)).astype(np.float32)
    # a float32 net on the device starts from the int8 input too
    own = rounded if options.precision == "float32" else real.astype(np.float32)

    sizes = options.sizes or _choose_sizes(counted, raw.shape, options)
    plain = _shape(counted, raw.shape, sizes, options, binary=False)
    weights = class_weights(counted.y[split.train], len(counted.classes))
    schedule = qat.Schedule(options.epochs, options.patience, options.rate, options.batch, options.seed)
    float_params, curve = qat.learn(
        plain, first_params(plain), _data(own, counted, split, weights), schedule, qat.Scales(), "float", say
    )
    notes = [f"layers of {', '.join(map(str, sizes))}", f"seed {options.seed}"]
    data = _data(rounded, counted, split, weights)
    if options.precision == "float32":
        graph = lower_float(plain, float_params, INPUT_PLACES)
    elif options.precision == "int8":
        scales = qat.calibrate(plain, float_params, rounded[split.train], INPUT_PLACES)
        tune = qat.Schedule(
            options.tune_epochs, options.patience, options.rate / 4, options.batch, options.seed + 1
        )
        params, more = qat.learn(plain, float_params, data, tune, scales, "int8", say)
        curve += more
        graph = lower(plain, params, scales)
    else:
        signs = _shape(counted, raw.shape, sizes, options, binary=True)
        scales = qat.Scales({signs.inputs[0]: INPUT_PLACES})
        params, more = qat.learn(signs, first_params(signs), data, schedule, scales, "binary", say)
        curve += more
        graph = lower(signs, params, scales)
    notes.append(precision_of(graph) if options.precision != "float32" else "float32")
    largest = float(np.bincount(counted.y[split.train]).max() / split.train.sum())
    return TrainedNet(
        graph,
        scaling,
        features,
        tuple(curve),
        judge(curve, largest),
        accuracy(np.argmax(interpret.output(graph, quantised), axis=1), counted.y, split),
        accuracy(qat.predict(plain, float_params, own), counted.y, split),
        tuple(sizes),
        tuple(notes),
    )


def accuracy(answers: npt.NDArray[np.integer], y: npt.NDArray[np.int64], split: Split) -> dict[str, float]:
    """Share of right answers in each part of the split that has rows."""
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    return {name: float((answers[mask] == y[mask]).mean()) for name, mask in parts.items() if mask.any()}


def class_weights(y: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.float32]:
    """Weight of each class in the loss: all weigh the same, but rare ones at most eight times a row."""
    share = np.maximum(np.bincount(y, minlength=classes), 1) / len(y)
    return np.minimum(1 / (classes * share), 8).astype(np.float32)


def _shape(
    counted: Counted, shape: tuple[int, ...], sizes: tuple[int, ...], options: NetOptions, *, binary: bool
) -> Graph:
    if options.family == "mlp":
        return shapes.mlp(shape[1], sizes, len(counted.classes), binary=binary, seed=options.seed)
    return shapes.cnn(
        shape[1],
        shape[2],
        sizes,
        len(counted.classes),
        kernel=options.kernel,
        binary=binary,
        seed=options.seed,
    )


def _choose_sizes(counted: Counted, shape: tuple[int, ...], options: NetOptions) -> tuple[int, ...]:
    """Take the usual size, or with a memory the largest that fits it."""
    every = shapes.MLP_SIZES if options.family == "mlp" else shapes.CNN_SIZES
    wider = shapes.BINARY_WIDER[options.family] if options.precision == "binary" else 1
    usual = shapes.MLP_USUAL if options.family == "mlp" else shapes.CNN_USUAL
    if options.flash_bytes is None:
        return tuple(wider * s for s in usual)
    needed: dict[str, int] = {}
    for sizes in every[every.index(usual) :]:
        wide = tuple(wider * s for s in sizes)
        graph = _shape(counted, shape, wide, options, binary=options.precision == "binary")
        needed = shapes.weight_bytes(graph, options.precision)
        if sum(needed.values()) <= options.flash_bytes:
            return wide
    largest = max(needed, key=lambda name: needed[name])
    over = sum(needed.values()) - options.flash_bytes
    raise ConfigError(
        f"even the smallest {options.family} is {over} bytes too large for {options.flash_bytes} bytes",
        hint=f"its largest layer is {largest} with {needed[largest]} bytes: use fewer features, a shorter "
        "window, another precision or a device with more memory",
    )


def first_params(graph: Graph) -> qat.Params:
    """Constants of a float net to start learning from, by the output of their node."""
    return {n.output: dict(n.params) for n in graph.nodes if n.params}


def _data(
    x: npt.NDArray[np.float32], counted: Counted, split: Split, weights: npt.NDArray[np.float32]
) -> qat.Data:
    a, b = split.train, split.validation
    return qat.Data(x[a], counted.y[a], x[b], counted.y[b], weights)


def _check_rows(counted: Counted, split: Split) -> None:
    rows = int(split.train.sum())
    if rows < ROWS or not split.validation.any():
        raise DataError(
            f"{rows} windows to learn from are too few for a net (at least {ROWS}, and some to validate)",
            hint="add logs, choose a shorter --window or --stride, or train a tree",
        )
    for c, name in enumerate(counted.classes):
        if not (counted.y[split.train] == c).any():
            raise DataError(
                f"class {name!r} has no window to learn from", hint="add logs of it from another subject"
            )


def need_jax() -> None:
    """Refuse to learn nets without JAX and optax."""
    from importlib.util import find_spec

    if find_spec("jax") is None or find_spec("optax") is None:
        raise ToolMissing("training nets needs JAX and optax", hint="pip install 'sensorai[nets]'")


def _typed(name: str, value: Any, kind: str, path: Path) -> Any:
    """Refuse values of another type than the option's."""
    if name == "sizes":
        good = isinstance(value, list) and all(type(v) is int for v in value)
        value = tuple(value) if good else value
    elif kind.startswith("int"):
        good = type(value) is int
    elif kind == "float":
        good = type(value) in (int, float)
    else:
        good = type(value).__name__ == kind
    if not good:
        raise ConfigError(f"{name} = {value!r} is of the wrong type", where=str(path))
    return value
