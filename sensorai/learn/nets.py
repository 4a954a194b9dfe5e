"""Nets on integer features (``mlp``) or on raw windows (``cnn``), learnt as the device computes them.

A float net is learnt first: its accuracy stands beside the result, and its activations say how many binary
places each tensor needs. int8: the same net goes on learning with its weights and activations rounded.
binary: a net of signs is learnt from the start. What is reported is the accuracy of the integer net.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, Problem, TargetError
from sensorai.features.catalogue import IntFeature
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.learn import features as choice
from sensorai.learn import qat, shapes, teacher, variants
from sensorai.learn import sizes as sizing
from sensorai.learn.counts import Counted, check_rows
from sensorai.learn.curves import Epoch
from sensorai.learn.fewer_ones import fewer_ones
from sensorai.learn.lower import lower, lower_float
from sensorai.learn.masks import Masks
from sensorai.learn.sizes import Choice
from sensorai.learn.variations import NONE, promised
from sensorai.model.scaling import Scaling
from sensorai.passes.annotate import calibrate
from sensorai.passes.binary import precision_of
from sensorai.road import SILENT, Need, Progress

_Float = npt.NDArray[np.float32]
#: Most features, and units or channels of the layers.
_Size = tuple[int, tuple[int, ...]]

FAMILIES = ("mlp", "cnn")
PRECISIONS = ("int8", "binary", "float32")
#: Binary places of the int8 input: three usual deviations fill it.
INPUT_PLACES = 5
#: What the float net takes at most: as the int8 input does, so that rounding is all that differs.
FLOAT_CLIP = 127 / 2**INPUT_PLACES
#: Least rows to learn from.
ROWS = 20
#: Rows that say what scales a net has that is only built to know its size.
CALIBRATION = 64
#: How much of the learning is done when there is a teacher, and when there is a float net.
TAUGHT, FLOAT = 0.3, 0.6


@dataclass(frozen=True, slots=True)
class NetOptions:
    """What net is learnt, and how.

    Attributes
    ----------
    family : {"mlp", "cnn"}
    precision : {"int8", "binary", "float32"}
    sizes : tuple of int
        Units of the hidden layers, or channels of the convolutions; empty: chosen (see ``train.sizes``).
    kernel : int
        Samples that a convolution spans.
    features : int
        Most features of an mlp.
    spectra : bool
        Whether features of the integer FFT are candidates.
    flash_bytes : int, optional
        Most bytes of constants.
    epochs, tune_epochs : int
        Passes for the float (or binary) net, and for the int8 net after it; the learning rate falls along
        them to almost nothing, and the last is kept.
    batch : int
    taught : bool
        Whether an mlp learns what an ensemble answers, on windows and on points between them (see
        ``learn.teacher``), or from the windows alone.
    any_side, any_orientation : bool
        Learn from windows that are mirrored, or turned, whatever they are worth on the groups (see
        ``learn.variations``); else folds choose.
    rate : float
        First learning rate.
    decay : float
        Share of the learning rate by which every step makes the weights smaller.
    seed : int
    """

    family: str = "mlp"
    precision: str = "int8"
    sizes: tuple[int, ...] = ()
    kernel: int = 5
    features: int = 48
    spectra: bool = False
    flash_bytes: int | None = None
    epochs: int = 80
    tune_epochs: int = 30
    batch: int = 64
    rate: float = 1e-2
    decay: float = 0.1
    taught: bool = True
    any_side: bool = False
    any_orientation: bool = False
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
        whole = {"kernel": 1, "features": 1, "epochs": 1, "tune_epochs": 1, "batch": 1}
        for name, least in whole.items():
            if getattr(self, name) < least:
                raise ConfigError(f"{name} must be at least {least}")
        if not 0 <= self.decay < 1:
            raise ConfigError(f"a decay of {self.decay:g} is not possible", hint="0 or more, and below 1")
        if not 0 < self.rate < 1:
            raise ConfigError(f"a learning rate of {self.rate:g} is not possible", hint="between 0 and 1")


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
        All stages one after the other; with what it does on the test rows, where there are any.
    accuracy : mapping of str to float
        Share of right answers of ``graph`` on ``train`` and ``test`` rows.
    float_accuracy : mapping of str to float
        The same of the float net.
    options : NetOptions
        What makes the same net again, with the size that was chosen.
    choice : Choice
        Why this size.
    notes : tuple of str
        What was chosen and done.
    """

    graph: Graph
    scaling: Scaling
    features: tuple[IntFeature, ...]
    curve: tuple[Epoch, ...]
    accuracy: dict[str, float]
    float_accuracy: dict[str, float]
    options: NetOptions
    choice: Choice
    notes: tuple[str, ...]

    def answers(self, inputs: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
        """Classes of int8 inputs, shape (rows, *input) -> (rows,)."""
        out: npt.NDArray[np.int64] = np.argmax(interpret.output(self.graph, inputs), axis=1)
        return out


#: What a net with its features and scaling takes on the device.
Needs = Callable[[Graph, tuple[IntFeature, ...], Scaling], Need]


def train_net(
    counted: Counted,
    split: Masks,
    options: NetOptions | None = None,
    say: Progress = SILENT,
    needs: Needs | None = None,
) -> TrainedNet:
    """Learn a net; without given sizes, the usual one, or the largest below it that fits the device.

    Raises
    ------
    DataError
        Too few windows, or a class without any to learn from.
    TargetError
        The given sizes, or all that are known, need more memory than there is.
    """
    options = options or NetOptions()
    check_rows(counted, split.train, ROWS, "a net")
    wanted = promised(options.any_side, options.any_orientation)
    variation = wanted or variants.choose(counted, split.train)
    turned = None if variation == NONE else variants.of(counted, variation)
    features: tuple[IntFeature, ...] = ()
    raw: npt.NDArray[np.integer] = counted.x
    if options.family == "mlp":
        known = choice.candidates(counted, split.train, spectra=options.spectra, linear=True)
        # the same for all seeds: others would take other flash, and what seeds differ by is to be small
        places = choice.choose(counted, split, known, options.features, 0, turned)
        features = tuple(known[i] for i in places)
        raw = counted.table(features)
        say(f"features: {', '.join(choice.names(features, counted.channels))}")
    more: npt.NDArray[np.integer] | None = None
    if turned is not None:
        more = (turned.table(features) if features else turned.x)[split.train]
    both = raw[split.train] if more is None else np.concatenate([raw[split.train], more])
    scaling = Scaling.fit(both.reshape(-1, raw.shape[-1]))

    def inputs(values: npt.NDArray[np.integer]) -> tuple[npt.NDArray[np.int8], _Float, _Float]:
        """As the device takes them, the same as numbers, and what the float net takes."""
        quantised = scaling.apply(values).astype(np.int8)
        step = 2.0 ** (np.array(scaling.shift, np.float64) + INPUT_PLACES)
        real = np.clip((values - np.array(scaling.offset, np.float64)) / step, -FLOAT_CLIP, FLOAT_CLIP)
        rounded = (quantised * np.float32(2.0**-INPUT_PLACES)).astype(np.float32)
        # a float32 net on the device starts from the int8 input too
        return quantised, rounded, rounded if options.precision == "float32" else real.astype(np.float32)

    said = () if turned is None else (f"learnt from windows as recorded and {variation.name}",)
    _, more_rounded, more_own = (None, None, None) if more is None else inputs(more)
    rows = _Rows(counted, split, features, scaling, *inputs(raw), more_rounded, more_own, said)

    def learn(size: _Size) -> TrainedNet:
        return _learn(rows.first(size[0]), replace(options, features=size[0], sizes=size[1]), say)

    def need(size: _Size) -> Need | None:
        few = rows.first(size[0])
        graph = _first_weights(few, replace(options, sizes=size[1]))
        if options.flash_bytes is not None and (over := _too_large(graph, options)):
            return over
        return needs(graph, few.features, few.scaling) if needs else None

    def words(size: _Size) -> str:
        return show(size[1], size[0] if features else 0)

    if options.sizes:
        # before it is learnt: that takes a while
        given = options.features, options.sizes
        if (found := need(given)) and found.problems:
            raise TargetError(found.problems)
        return learn(given)

    most = shapes.usual_flash(options.precision)

    def small(size: _Size) -> Need | None:
        found = need(size)
        if found is None or found.problems or found.flash <= most:
            return found
        much = f"{found.flash} B of flash are more than the {most} B that a net takes unasked"
        return replace(found, problems=(Problem(much),))

    ladder = shapes.ladder(options.family, options.precision, options.features)
    why = "smaller ones know less"
    try:
        net, chosen = sizing.first_that_fits(ladder, words, small, learn, options.seed, why)
    except TargetError:
        # none is so small, for what stands around it
        net, chosen = sizing.first_that_fits(ladder, words, need, learn, options.seed, why)
    return replace(net, choice=chosen)


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """What every size learns from: ``own`` for the float net, ``rounded`` for what the device computes.

    ``more`` are the rows to learn from once more, turned (``learn.variations``), in the same two forms.
    """

    counted: Counted
    split: Masks
    features: tuple[IntFeature, ...]
    scaling: Scaling
    quantised: npt.NDArray[np.int8]
    rounded: _Float
    own: _Float
    more_rounded: _Float | None
    more_own: _Float | None
    notes: tuple[str, ...]

    def first(self, count: int) -> _Rows:
        """Return the same with the first features only, of an mlp: they are the best."""
        if not self.features or count >= len(self.features):
            return self

        def cut(x: _Float) -> _Float:
            return x[:, :count]

        return replace(
            self,
            features=self.features[:count],
            scaling=Scaling(self.scaling.offset[:count], self.scaling.shift[:count]),
            quantised=self.quantised[:, :count],
            rounded=cut(self.rounded),
            own=cut(self.own),
            more_rounded=None if self.more_rounded is None else cut(self.more_rounded),
            more_own=None if self.more_own is None else cut(self.more_own),
        )

    def data(self, x: _Float, more: _Float | None) -> qat.Data:
        """Rows to learn from, and those of the test to look at."""
        y, a, b = self.counted.y, self.split.train, self.split.test
        learnt = x[a] if more is None else np.concatenate([x[a], more])
        weights = class_weights(y[a], len(self.counted.classes))
        return qat.Data(learnt, np.tile(y[a], len(learnt) // len(x[a])), x[b], y[b], weights)

    def taught(self, steps: int, options: NetOptions, say: Progress) -> teacher.Taught:
        """What an ensemble answers; seeds share it, since what they differ by is to be small."""
        alike = replace(options, seed=0, sizes=())
        key = f"taught {self.features} {alike} {hash(self.split.train.tobytes())}"

        def made() -> teacher.Taught:
            plain = self.data(self.own, self.more_own)
            y = np.asarray(plain.y, np.int64)
            return teacher.teach(plain.x, y, plain.weights, options.epochs, steps, options.batch, 0, say)

        return self.counted.once(key, made)


def _learn(rows: _Rows, options: NetOptions, say: Progress) -> TrainedNet:
    """Learn a net of given sizes."""
    counted, split = rows.counted, rows.split
    plain = _shape(rows, options, binary=False)
    # of the whole table, so that all folds learn as long and share what is compiled; of the windows that
    # overlap, every pass draws others
    steps = max(int(counted.answered.sum()) // options.batch, 1)
    schedule = qat.Schedule(
        options.epochs, None, options.rate, options.batch, options.seed, steps, options.decay
    )
    own, data = rows.data(rows.own, rows.more_own), rows.data(rows.rounded, rows.more_rounded)
    begun = TAUGHT if rows.features and options.taught else 0.0
    if begun:
        taught = rows.taught(steps, options, say.part(0.0, begun))
        own, data = _asked(own, taught, taught.x), _asked(data, taught, _rounded(taught.x))
    float_params, curve = qat.learn(
        plain,
        first_params(plain),
        own,
        schedule,
        qat.Scales(),
        "float",
        say.part(begun, FLOAT),
    )
    notes = [f"seed {options.seed}", *rows.notes, *([teacher.WORDS] if begun else [])]
    if options.precision == "float32":
        graph = lower_float(plain, float_params, INPUT_PLACES)
    elif options.precision == "int8":
        scales = qat.calibrate(plain, float_params, rows.rounded[split.train], INPUT_PLACES)
        tune = qat.Schedule(
            options.tune_epochs,
            None,
            options.rate / 4,
            options.batch,
            options.seed + 1,
            steps,
            options.decay,
        )
        params, more = qat.learn(plain, float_params, data, tune, scales, "int8", say.part(FLOAT, 1.0))
        curve += more
        graph = lower(plain, params, scales)
    else:
        signs = _shape(rows, options, binary=True)
        scales = qat.Scales({signs.inputs[0]: INPUT_PLACES})
        params, more = qat.learn(
            signs, first_params(signs), data, schedule, scales, "binary", say.part(FLOAT, 1.0)
        )
        curve += more
        graph = fewer_ones(lower(signs, params, scales), rows.quantised[split.train])
    notes.append(precision_of(graph) if options.precision != "float32" else "float32")
    return TrainedNet(
        graph,
        rows.scaling,
        rows.features,
        tuple(curve),
        accuracy(np.argmax(interpret.output(graph, rows.quantised), axis=1), counted.y, split),
        accuracy(qat.predict(plain, float_params, rows.own), counted.y, split),
        options,
        Choice(show(options.sizes), "given"),
        tuple(notes),
    )


def _asked(windows: qat.Data, taught: teacher.Taught, points: _Float) -> qat.Data:
    """Windows and points between them, with what the ensemble answers; all weigh the same."""
    x, y = np.concatenate([windows.x, points]), np.concatenate([taught.own, taught.shares])
    return replace(windows, x=x, y=y, weights=np.ones_like(windows.weights))


def _rounded(x: _Float) -> _Float:
    """Round as the input of the device is."""
    out: _Float = (np.floor(x * 2.0**INPUT_PLACES + 0.5) * 2.0**-INPUT_PLACES).astype(np.float32)
    return out


def show(sizes: tuple[int, ...], features: int = 0) -> str:
    """Sizes in words, with the most features that there may be."""
    return f"layers of {', '.join(map(str, sizes))}" + (f" on {features} features" if features else "")


def accuracy(answers: npt.NDArray[np.integer], y: npt.NDArray[np.int64], split: Masks) -> dict[str, float]:
    """Share of right answers in each part of the split that has rows."""
    parts = {"train": split.train, "test": split.test}
    return {name: float((answers[mask] == y[mask]).mean()) for name, mask in parts.items() if mask.any()}


def class_weights(y: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.float32]:
    """Weight of each class in the loss: all weigh the same, but rare ones at most eight times a row."""
    share = np.maximum(np.bincount(y, minlength=classes), 1) / len(y)
    return np.minimum(1 / (classes * share), 8).astype(np.float32)


def _shape(rows: _Rows, options: NetOptions, *, binary: bool) -> Graph:
    classes, shape = len(rows.counted.classes), rows.quantised.shape
    if options.family == "mlp":
        return shapes.mlp(shape[1], options.sizes, classes, binary=binary, seed=options.seed)
    return shapes.cnn(
        shape[1],
        shape[2],
        options.sizes,
        classes,
        kernel=options.kernel,
        binary=binary,
        seed=options.seed,
    )


def _first_weights(rows: _Rows, options: NetOptions) -> Graph:
    """Lower the net before it has learnt anything: its code and tables are as large as later."""
    graph = _shape(rows, options, binary=options.precision == "binary")
    if options.precision == "float32":
        return lower_float(graph, first_params(graph), INPUT_PLACES)
    few = np.flatnonzero(rows.split.train)[:CALIBRATION]
    places = {**calibrate(graph, rows.rounded[few]), graph.inputs[0]: INPUT_PLACES}
    return lower(graph, first_params(graph), qat.Scales(places))


def _too_large(graph: Graph, options: NetOptions) -> Need | None:
    """Refuse constants beyond ``flash_bytes``."""
    needed = shapes.weight_bytes(graph, options.precision)
    total, most = sum(needed.values()), options.flash_bytes or 0
    if total <= most:
        return None
    largest = max(needed, key=lambda name: needed[name])
    problem = Problem(
        f"its constants are {total - most} bytes too large for {most} bytes; the largest layer is {largest} "
        f"with {needed[largest]} bytes",
        hint="use fewer features, a shorter window, another precision or a larger flash_bytes",
    )
    return Need(total, 0, "counted: constants", (problem,))


def first_params(graph: Graph) -> qat.Params:
    """Constants of a float net to start learning from, by the output of their node."""
    return {n.output: own for n in graph.nodes if (own := graph.constants(n))}
