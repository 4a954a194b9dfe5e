"""Learning nets with JAX: float nets, and nets that compute in the forward pass as the device will.

The graph is a float net; what is rounded, and how, is decided here and done again in integers by
``sensorai.passes``, by the same matcher of what belongs together (``passes.fuse``). Gradients pass through
a rounding as if it were not there
(straight through), and through a sign where its argument lies within [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial, singledispatch
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.graph.graph import Graph, Node
from sensorai.graph.operator import Operator
from sensorai.learn.curves import Epoch, best
from sensorai.ops.batch_norm import BatchNorm
from sensorai.ops.products import Product
from sensorai.ops.sign import Sign
from sensorai.passes.fuse import Chain, chains
from sensorai.road import SILENT, Progress

Float = npt.NDArray[np.float32]
Params = dict[str, dict[str, Any]]

#: Loss and a figure of merit from the output of a net, its input, the wanted answers, and weights: of the
#: classes, and of the rows (None: all the same).
Objective = Callable[[Any, Any, Any, Any], tuple[Any, Any]]

#: Share of the old value in the running statistics of batch normalisation.
MOMENTUM = 0.9
#: Share of the old value in the average of the parameters over steps, which is what is judged and kept: a
#: single step's parameters jump about too much to choose between epochs on a few validation groups.
AVERAGE = 0.97
#: Share of the target spread over all classes, so that confident answers do not drown the loss.
SMOOTHING = 0.05
#: Most binary places of a weight.
PLACES = 24
#: Rows to look at are filled up to a multiple of this.
PADDED = 256
#: Rows that say what scales a net has, drawn again where there are fewer.
CALIBRATION = 2048


@dataclass(frozen=True, slots=True)
class Data:
    """Rows to learn from, and others to look at on the way, of which there may be none.

    Attributes
    ----------
    x, val_x : ndarray, shape (rows, *input), float32
    y, val_y : ndarray, shape (rows,), int64
        Classes; of ``y`` there may be shares of the classes instead, shape (rows, classes), float32.
    weights : ndarray, shape (classes,), float32
        Weight of each class in the loss.
    """

    x: Float
    y: npt.NDArray[np.int64] | Float
    val_x: Float
    val_y: npt.NDArray[np.int64]
    weights: Float


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn.

    Attributes
    ----------
    epochs : int
        Most epochs.
    patience : int, optional
        Epochs without a better validation loss before stopping; the best epoch is kept. None: all epochs are
        run, the last is kept, and validation rows decide nothing.
    rate : float
        First learning rate; it falls to a twentieth along a cosine.
    batch : int
    seed : int
    steps : int, optional
        Batches of an epoch, rows drawn again where they are too few; by default as many as the rows fill.
        Folds of a table that have the same number share what is compiled.
    decay : float
        Share of the learning rate by which every step makes the parameters smaller.
    """

    epochs: int
    patience: int | None
    rate: float
    batch: int
    seed: int
    steps: int | None = None
    decay: float = 1e-4


@dataclass(frozen=True, slots=True)
class Scales:
    """Binary places of the int8 tensors of a net; empty: the float net.

    Attributes
    ----------
    places : mapping of tensor name to int
        Of the input and of every output that is int8. A product layer without an entry keeps its
        accumulators.
    """

    places: Mapping[str, int] = field(default_factory=dict)


def learn(
    graph: Graph,
    params: Params,
    data: Data,
    schedule: Schedule,
    scales: Scales,
    stage: str,
    say: Progress = SILENT,
    objective: Objective | None = None,
) -> tuple[Params, list[Epoch]]:
    """Learn with Adam; returns the parameters of the epoch that is kept (see `Schedule`), and the curve.

    ``objective`` is the loss of classes by default.
    """
    import jax
    import jax.numpy as jnp

    batch = min(schedule.batch, len(data.x))
    steps = schedule.steps or len(data.x) // batch
    made = _program(
        _Key.of(graph),
        max(schedule.epochs * steps, 1),
        schedule.rate,
        schedule.decay,
        objective or _classes,
    )
    places = {name: np.int32(n) for name, n in scales.places.items()}
    rng = np.random.default_rng(schedule.seed)
    first = jax.tree.map(jnp.asarray, params)
    state = first, first, made.optimiser.init(first)
    curve: list[Epoch] = []
    kept = first
    others = _padded(data) if len(data.val_x) else None
    for number in range(schedule.epochs):
        say.within(number / schedule.epochs)
        rows = np.resize(rng.permutation(len(data.x)), steps * batch).reshape(steps, batch)
        state, loss, right = made.epoch(state, data.x[rows], data.y[rows], data.weights, places)
        seen = (float("nan"), float("nan"))
        if others is not None:
            found = made.judge(state[1], *others, data.weights, places)
            seen = (float(found[0]), float(found[1]))
        curve.append(Epoch(stage, float(loss), float(right), *seen))
        if schedule.patience is None or best(curve) == number:
            kept = state[1]
        if schedule.patience is not None and number - best(curve) >= schedule.patience:
            break
    at = len(curve) - 1 if schedule.patience is None else best(curve)
    known = "" if others is None else f", others {curve[at].validation_accuracy:.1%}"
    say(f"{stage}: {len(curve)} epochs, kept {at + 1}: training {curve[at].train_accuracy:.1%}{known}")
    return {n: {k: np.asarray(v) for k, v in own.items()} for n, own in kept.items()}, curve


def _padded(data: Data) -> tuple[Float, npt.NDArray[np.int64], Float]:
    """Rows to look at, filled up to one of few numbers of rows, and which of them count."""
    more = -len(data.val_x) % PADDED
    counts = np.concatenate([np.ones(len(data.val_x), np.float32), np.zeros(more, np.float32)])
    x = np.concatenate([data.val_x, np.zeros((more, *data.val_x.shape[1:]), np.float32)])
    return x, np.concatenate([data.val_y, np.zeros(more, np.int64)]), counts


@dataclass(frozen=True, slots=True)
class _Key:
    """A graph, equal to any other of the same shape: learning them is one compiled program."""

    shape: tuple[Any, ...]
    graph: Graph = field(compare=False)

    @classmethod
    def of(cls, graph: Graph) -> _Key:
        nodes = tuple((n.op, n.inputs, n.outputs) for n in graph.nodes)
        sizes = tuple((name, t.shape) for name, t in graph.tensors.items())
        return cls((graph.inputs, graph.outputs, nodes, sizes), graph)


@dataclass(frozen=True, slots=True)
class _Program:
    """Compiled steps of learning."""

    optimiser: Any
    epoch: Any
    judge: Any


@lru_cache(16)
def _program(key: _Key, steps: int, rate: float, shrink: float, goal: Objective) -> _Program:
    """Compile learning for all graphs of one shape; what differs between them is given to each call."""
    import jax
    import optax  # type: ignore[import-untyped]

    graph = key.graph
    decay = optax.cosine_decay_schedule(rate, steps, alpha=0.05)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(decay, weight_decay=shrink))

    def loss_of(params: Params, x: Any, y: Any, weights: Any, places: Any, training: bool) -> tuple[Any, Any]:
        values, statistics = forward(graph, params, x, Scales(places), training)
        loss, right = goal(values[graph.outputs[0]], x, y, weights)
        return loss, (right, statistics)

    def step(weights: Any, places: Any, state: Any, rows: Any) -> tuple[Any, Any]:
        params, average, inner = state
        gradient = jax.value_and_grad(
            lambda p: loss_of(p, rows[0], rows[1], (weights, None), places, True), has_aux=True
        )
        (loss, (right, statistics)), slope = gradient(params)
        change, inner = optimiser.update(slope, inner, params)
        params = optax.apply_updates(params, change)
        params = keep_statistics(params, statistics)
        average = jax.tree.map(lambda a, p: AVERAGE * a + (1 - AVERAGE) * p, average, params)
        return (params, average, inner), (loss, right)

    @jax.jit
    def epoch(state: Any, x: Any, y: Any, weights: Any, places: Any) -> Any:
        state, (loss, right) = jax.lax.scan(partial(step, weights, places), state, (x, y))
        return state, loss.mean(), right.mean()

    @jax.jit
    def judge(params: Params, x: Any, y: Any, counts: Any, weights: Any, places: Any) -> Any:
        loss, (right, _) = loss_of(params, x, y, (weights, counts), places, False)
        return loss, right

    return _Program(optimiser, epoch, judge)


def _classes(logits: Any, x: Any, y: Any, weights: Any) -> tuple[Any, Any]:
    """Cross-entropy of classes or of their shares, rare ones weighted; and how many answers are right."""
    import jax
    import jax.numpy as jnp
    import optax

    of_class, counts = weights
    counts = jnp.ones(len(y)) if counts is None else counts
    if y.ndim == 1:
        target = optax.smooth_labels(jax.nn.one_hot(y, logits.shape[1]), SMOOTHING)
        weight = of_class[y] * counts
    else:
        target, y = y, jnp.argmax(y, axis=1)
        weight = (target @ of_class) * counts
    each = optax.softmax_cross_entropy(logits, target)
    right = ((jnp.argmax(logits, axis=1) == y) * counts).sum() / counts.sum()
    return (each * weight).sum() / weight.sum(), right


def reconstruction(made: Any, x: Any, y: Any, weights: Any) -> tuple[Any, Any]:
    """Mean squared difference from the input, and the share of the input's power that is met."""
    import jax.numpy as jnp

    counts = jnp.ones(len(x)) if weights[1] is None else weights[1]

    def mean(values: Any) -> Any:
        return (values.mean(axis=tuple(range(1, values.ndim))) * counts).sum() / counts.sum()

    loss = mean((made - x) ** 2)
    return loss, 1 - loss / (mean(x**2) + 1e-9)


def forward(
    graph: Graph, params: Params, x: Any, scales: Scales, training: bool = False
) -> tuple[Any, Params]:
    """Compute every tensor; returns them by name, and the batch statistics that ``training`` made."""
    values: dict[str, Any] = {graph.inputs[0]: x}
    statistics: Params = {}
    found = chains(graph)
    for node in graph.nodes:
        own = dict(params.get(node.output, {}))
        layer = _Layer(graph, node, own, scales, found.get(node.output), training)
        sources = [values[name] for name in node.reads]
        values[node.output] = _learnt(node.op, layer, *sources)
        statistics |= {node.output: layer.statistics} if layer.statistics else {}
    return values, statistics


@dataclass(slots=True)
class _Layer:
    """A node while it learns: its parameters, and the statistics of the batch that it leaves."""

    graph: Graph
    node: Node
    own: dict[str, Any]
    scales: Scales
    chain: Chain | None
    training: bool
    statistics: dict[str, Any] = field(default_factory=dict)

    def rounded(self, value: Any) -> Any:
        """Round to the scale of the output, where it has one."""
        places = self.scales.places.get(self.node.output)
        return value if places is None else _round(value, places, -128)


@singledispatch
def _learnt(op: Operator, layer: _Layer, *sources: Any) -> Any:
    """Forward pass of one operator while learning, by its type."""
    import jax.numpy as jnp

    value = op.float_form(jnp, layer.own, *sources)
    ends = layer.chain is not None and layer.chain.rounded == layer.node.output
    return layer.rounded(value) if op.ROUNDS or ends else value


@_learnt.register
def _(op: BatchNorm, layer: _Layer, source: Any) -> Any:
    import jax.numpy as jnp

    own = layer.own
    if layer.training:
        axes = tuple(range(source.ndim - 1))
        own |= {"mean": source.mean(axis=axes), "variance": source.var(axis=axes)}
        layer.statistics = {"mean": own["mean"], "variance": own["variance"]}
    return op.float_form(jnp, own, source)


@_learnt.register
def _(op: Sign, layer: _Layer, source: Any) -> Any:
    return _sign(source)


def predict(graph: Graph, params: Params, x: Float) -> npt.NDArray[np.int64]:
    """Class with the largest score of the float net, shape (rows, *input) -> (rows,)."""
    scores = np.asarray(_forward(_Key.of(graph))(params, x)[graph.outputs[0]])
    out: npt.NDArray[np.int64] = np.argmax(scores, axis=1)
    return out


@lru_cache(16)
def _forward(key: _Key) -> Any:
    """Compile the float net; gives every tensor by name."""
    import jax

    return jax.jit(lambda p, x: forward(key.graph, p, x, Scales())[0])


def calibrate(graph: Graph, params: Params, x: Float, input_places: int) -> Scales:
    """Binary places of every int8 tensor: the most with which a value in a thousand at most is cut off.

    Parameters
    ----------
    x : ndarray, shape (rows, *input), float32
        Training rows; a few thousand are looked at, evenly spread.
    """
    few = np.linspace(0, len(x) - 1, CALIBRATION).round().astype(int)
    values = _forward(_Key.of(graph))(params, x[few])
    places = {graph.inputs[0]: input_places}
    found = chains(graph)
    for node in graph.nodes:
        if node.output in graph.outputs:
            continue
        # of several inputs the finest: what is coarser loses nothing there
        source = max(places[name] for name in node.reads)
        if node.output in found:
            end = found[node.output].rounded
            top = float(np.quantile(np.abs(np.asarray(values[end])), 0.999))
            # accumulators have the places of the input and at least four of the weights
            places[end] = int(np.clip(np.floor(np.log2(127.0 / max(top, 1e-6))), -6, source + 4))
            places[node.output] = places[end]
        elif node.output not in places:
            places[node.output] = source
    return Scales(places)


def keep_statistics(params: Params, statistics: Params) -> Params:
    """Move the running mean and variance of batch normalisation towards those of a batch."""
    return {
        name: own | {k: MOMENTUM * own[k] + (1 - MOMENTUM) * v for k, v in statistics.get(name, {}).items()}
        for name, own in params.items()
    }


def weight_places(xp: Any, op: Product, weights: Any, scores: bool) -> Any:
    """Binary places of the weights of each output channel: the most with which all stay within 127.

    Where scores come out, the same for all channels, as they must have one scale.
    """
    others = tuple(a for a in range(weights.ndim) if a != op.CHANNELS)
    top = xp.abs(weights).max(axis=others)
    if scores:
        top = xp.broadcast_to(top.max(), top.shape)
    return xp.clip(xp.floor(xp.log2(127.0 / xp.maximum(top, 2.0**-PLACES))), -16, PLACES)


def spread(op: Product, weights: Any, per_channel: Any) -> Any:
    """Shape values per channel so that they multiply the weights."""
    shape = [1] * weights.ndim
    shape[op.CHANNELS] = -1
    return per_channel.reshape(shape)


@_learnt.register
def _(op: Product, layer: _Layer, source: Any) -> Any:
    import jax
    import jax.numpy as jnp

    graph, node, own, scales = layer.graph, layer.node, layer.own, layer.scales
    if op.signs:
        own["weights"] = _sign(own["weights"])
    elif scales.places:
        w = own["weights"]
        scores = node.output in graph.outputs and node.output not in scales.places
        places = jax.lax.stop_gradient(weight_places(jnp, op, w, scores))
        unit = spread(op, w, 2.0**places)
        own["weights"] = _through(w, jnp.clip(jnp.floor(w * unit + 0.5), -127, 127) / unit)
        step = 2.0**places * _unit(scales.places.get(node.reads[0], 0))
        own["bias"] = _through(own["bias"], jnp.floor(own["bias"] * step + 0.5) / step)
    if layer.chain is not None and layer.chain.norm is not None:
        own["bias"] = jnp.zeros_like(own["bias"])  # the batch mean takes it away again
    value = op.finished(jnp, op.sums(jnp, own["weights"], own["bias"], source))
    if layer.chain is None or layer.chain.rounded == node.output:
        value = layer.rounded(value)
    return value


def _through(x: Any, rounded: Any) -> Any:
    """``rounded``, with the gradient of ``x``."""
    import jax

    # in this order the sum is exact: the bracket is zero
    return jax.lax.stop_gradient(rounded) + (x - jax.lax.stop_gradient(x))


def _round(x: Any, places: int, low: int) -> Any:
    import jax.numpy as jnp

    unit = _unit(places)
    # outside the range the gradient is that of the clamp: none
    inside = jnp.clip(x, low / unit, 127 / unit)
    return _through(inside, jnp.clip(jnp.floor(x * unit + 0.5), low, 127) / unit)


def _unit(places: Any) -> Any:
    """Two to the power of ``places``, exactly; they may be traced."""
    import jax.numpy as jnp

    return jnp.ldexp(jnp.float32(1.0), places)


def _sign(x: Any) -> Any:
    import jax.numpy as jnp

    inside = jnp.clip(x, -1.0, 1.0)
    return _through(inside, jnp.where(x >= 0, 1.0, -1.0))
