"""Learning nets with JAX: float nets, and nets that compute in the forward pass as the device will.

The graph is a float net; what is rounded, and how, is decided here and done again in integers by
``sensorai.passes``, by the same matcher of what belongs together (``passes.fuse``). Gradients pass through
a rounding as if it were not there
(straight through), and through a sign where its argument lies within [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import singledispatch
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

#: Loss and a figure of merit from the output of a net, its input, and the wanted answers.
Objective = Callable[[Any, Any, Any], tuple[Any, Any]]

#: Share of the old value in the running statistics of batch normalisation.
MOMENTUM = 0.9
#: Share of the old value in the average of the parameters over steps, which is what is judged and kept: a
#: single step's parameters jump about too much to choose between epochs on a few validation groups.
AVERAGE = 0.97
#: Share of the target spread over all classes, so that confident answers do not drown the loss.
SMOOTHING = 0.05
#: Most binary places of a weight.
PLACES = 24


@dataclass(frozen=True, slots=True)
class Data:
    """Rows to learn from and rows to choose by.

    Attributes
    ----------
    x, val_x : ndarray, shape (rows, *input), float32
    y, val_y : ndarray, shape (rows,), int64
    weights : ndarray, shape (classes,), float32
        Weight of each class in the loss.
    """

    x: Float
    y: npt.NDArray[np.int64]
    val_x: Float
    val_y: npt.NDArray[np.int64]
    weights: Float


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn.

    Attributes
    ----------
    epochs, patience : int
        Most epochs, and epochs without a better validation loss before stopping.
    rate : float
        First learning rate; it falls to a twentieth along a cosine.
    batch : int
    seed : int
    """

    epochs: int
    patience: int
    rate: float
    batch: int
    seed: int


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
    """Learn with Adam; returns the parameters of the epoch with the least validation loss, and the curve.

    ``objective`` is the loss of classes by default.
    """
    import jax
    import jax.numpy as jnp
    import optax  # type: ignore[import-untyped]

    batch = min(schedule.batch, len(data.x))
    steps = len(data.x) // batch
    decay = optax.cosine_decay_schedule(schedule.rate, max(schedule.epochs * steps, 1), alpha=0.05)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(decay, weight_decay=1e-4))
    goal = objective or _classes(jnp.asarray(data.weights))

    def loss_of(params: Params, x: Any, y: Any, training: bool) -> tuple[Any, tuple[Any, Params]]:
        values, statistics = forward(graph, params, x, scales, training)
        loss, right = goal(values[graph.outputs[0]], x, y)
        return loss, (right, statistics)

    def step(state: Any, rows: Any) -> tuple[Any, Any]:
        params, average, inner = state
        gradient = jax.value_and_grad(lambda p: loss_of(p, rows[0], rows[1], True), has_aux=True)
        (loss, (right, statistics)), slope = gradient(params)
        change, inner = optimiser.update(slope, inner, params)
        params = optax.apply_updates(params, change)
        params = keep_statistics(params, statistics)
        average = jax.tree.map(lambda a, p: AVERAGE * a + (1 - AVERAGE) * p, average, params)
        return (params, average, inner), (loss, right)

    @jax.jit
    def epoch(state: Any, x: Any, y: Any) -> Any:
        state, (loss, right) = jax.lax.scan(step, state, (x, y))
        return state, loss.mean(), right.mean()

    judge = jax.jit(lambda p, x, y: loss_of(p, x, y, False))
    rng = np.random.default_rng(schedule.seed)
    first = jax.tree.map(jnp.asarray, params)
    state = first, first, optimiser.init(first)
    curve: list[Epoch] = []
    kept = first
    for number in range(schedule.epochs):
        say.within(number / schedule.epochs)
        rows = rng.permutation(len(data.x))[: steps * batch].reshape(steps, batch)
        state, loss, right = epoch(state, data.x[rows], data.y[rows])
        val_loss, (val_right, _) = judge(state[1], data.val_x, data.val_y)
        curve.append(Epoch(stage, float(loss), float(right), float(val_loss), float(val_right)))
        if best(curve) == number:
            kept = state[1]
        if number - best(curve) >= schedule.patience:
            break
    last = curve[best(curve)]
    say(
        f"{stage}: {len(curve)} epochs, best {best(curve) + 1}: training {last.train_accuracy:.1%}, "
        f"validation {last.validation_accuracy:.1%}"
    )
    return {n: {k: np.asarray(v) for k, v in own.items()} for n, own in kept.items()}, curve


def _classes(class_weights: Any) -> Objective:
    """Cross-entropy of classes, rare ones weighted; and the share of right answers."""
    import jax
    import jax.numpy as jnp
    import optax

    def goal(logits: Any, x: Any, y: Any) -> tuple[Any, Any]:
        weight = class_weights[y]
        target = optax.smooth_labels(jax.nn.one_hot(y, logits.shape[1]), SMOOTHING)
        each = optax.softmax_cross_entropy(logits, target)
        right = (jnp.argmax(logits, axis=1) == y).mean()
        return (each * weight).sum() / weight.sum(), right

    return goal


def reconstruction(made: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Mean squared difference from the input, and the share of the input's power that is met."""
    loss = ((made - x) ** 2).mean()
    return loss, 1 - loss / ((x**2).mean() + 1e-9)


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
    import jax
    import jax.numpy as jnp

    run = jax.jit(lambda p, x: jnp.argmax(forward(graph, p, x, Scales())[0][graph.outputs[0]], axis=1))
    return np.asarray(run(params, x), np.int64)


def calibrate(graph: Graph, params: Params, x: Float, input_places: int) -> Scales:
    """Binary places of every int8 tensor: the most with which a value in a thousand at most is cut off.

    Parameters
    ----------
    x : ndarray, shape (rows, *input), float32
        Training rows; a few thousand are looked at.
    """
    import jax

    values = jax.jit(lambda p, x: forward(graph, p, x, Scales())[0])(params, x[:4000])
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
        step = 2.0 ** (places + scales.places.get(node.reads[0], 0))
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

    unit = 2.0**places
    # outside the range the gradient is that of the clamp: none
    inside = jnp.clip(x, low / unit, 127 / unit)
    return _through(inside, jnp.clip(jnp.floor(x * unit + 0.5), low, 127) / unit)


def _sign(x: Any) -> Any:
    import jax.numpy as jnp

    inside = jnp.clip(x, -1.0, 1.0)
    return _through(inside, jnp.where(x >= 0, 1.0, -1.0))
