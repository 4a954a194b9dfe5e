"""Small float nets learnt side by side, from rows that are mixed with one another.

They differ by their first weights and by the order of the rows. One compiled step learns all of them, which
takes little longer than one: on so small nets most of the time goes into calling, not into computing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.road import SILENT, Progress

Float = npt.NDArray[np.float32]
Int = npt.NDArray[np.int64]
#: Weights, shape (nets, inputs, outputs), and biases, shape (nets, outputs), of each layer.
Layers = tuple[tuple[Float, Float], ...]

#: First learning rate, which falls to a twentieth along a cosine, and the share by which every step makes the
#: weights smaller.
RATE, DECAY = 1e-2, 0.1
#: Share of the old value in the average of the weights over steps, which is kept.
AVERAGE = 0.97
#: Of the beta distribution that says how two rows are mixed: mostly little, sometimes evenly.
MIX = 0.3
#: Share of the target that is spread over all classes.
SMOOTHING = 0.05


@dataclass(frozen=True, slots=True)
class Lesson:
    """How long nets learn, and what they are.

    Attributes
    ----------
    nets : int
        How many.
    hidden : int
        Units of their one hidden layer.
    epochs, steps : int
        Passes, and batches of each; rows are drawn again where they are too few.
    batch : int
    seed : int
    """

    nets: int
    hidden: int
    epochs: int
    steps: int
    batch: int
    seed: int


def learn(x: Float, y: Int, weights: Float, lesson: Lesson, say: Progress = SILENT) -> Layers:
    """Learn nets that tell classes apart.

    Parameters
    ----------
    x : ndarray, shape (rows, inputs), float32
    y : ndarray, shape (rows,), int64
        Classes.
    weights : ndarray, shape (classes,), float32
        Of each class in the loss.
    """
    import jax

    classes = len(weights)
    targets = np.eye(classes, dtype=np.float32)[y] * (1 - SMOOTHING) + np.float32(SMOOTHING / classes)
    rngs = [np.random.default_rng((lesson.seed, k)) for k in range(lesson.nets)]
    first = _first(rngs, (x.shape[1], lesson.hidden, classes))
    batch = min(lesson.batch, len(x))
    begin, epoch = _program(max(lesson.epochs * lesson.steps, 1))
    state = first, first, begin(first)
    for number in range(lesson.epochs):
        say.within(number / lesson.epochs)
        drawn = [_mixed(rng, x, targets, weights[y], lesson.steps, batch) for rng in rngs]
        state = epoch(state, *(np.stack(parts, axis=1) for parts in zip(*drawn, strict=True)))
    out: Layers = jax.tree.map(np.asarray, state[1])
    return out


def log_shares(layers: Layers, x: Float) -> npt.NDArray[np.float64]:
    """Mean over the nets of the logarithm of the share that each gives a class, shape (rows, classes)."""
    total = np.zeros((len(x), layers[-1][1].shape[1]))
    for k in range(len(layers[0][0])):
        value = x.astype(np.float64)
        for i, (w, b) in enumerate(layers):
            value = np.maximum(value, 0) if i else value
            value = value @ w[k] + b[k]
        total += normal(value)
    return total / len(layers[0][0])


def normal(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Logarithms of shares that add up to one, shape (rows, classes)."""
    less = logits - logits.max(axis=1, keepdims=True)
    out: npt.NDArray[np.float64] = less - np.log(np.exp(less).sum(axis=1, keepdims=True))
    return out


def _first(rngs: list[np.random.Generator], sizes: tuple[int, ...]) -> Layers:
    """First weights, normal with the variance that keeps the size of activations."""
    out = []
    for i, (a, b) in enumerate(pairwise(sizes)):
        gain = 2.0 if i < len(sizes) - 2 else 1.0
        w = np.stack([rng.normal(0, np.sqrt(gain / a), (a, b)) for rng in rngs])
        out.append((w.astype(np.float32), np.zeros((len(rngs), b), np.float32)))
    return tuple(out)


def _mixed(
    rng: np.random.Generator, x: Float, targets: Float, weights: Float, steps: int, batch: int
) -> tuple[Float, Float, Float]:
    """Batches of an epoch: rows, targets and weights, each row mixed with another of its batch."""
    rows = np.resize(rng.permutation(len(x)), steps * batch).reshape(steps, batch)
    share = rng.beta(MIX, MIX, (steps, batch, 1)).astype(np.float32)
    # the first of the two is the larger part, and its class weighs
    share = np.maximum(share, 1 - share)
    one, other = x[rows], x[rows[:, ::-1]]
    said, beside = targets[rows], targets[rows[:, ::-1]]
    return share * one + (1 - share) * other, share * said + (1 - share) * beside, weights[rows]


@lru_cache(8)
def _program(steps: int) -> Any:
    """Compile the state to begin with, and an epoch."""
    import jax
    import optax  # type: ignore[import-untyped]

    decay = optax.cosine_decay_schedule(RATE, steps, alpha=0.05)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(decay, weight_decay=DECAY))

    def loss_of(layers: Layers, x: Any, target: Any, weight: Any) -> Any:
        for i, (w, b) in enumerate(layers):
            x = jax.nn.relu(x) if i else x
            x = x @ w + b
        return (optax.softmax_cross_entropy(x, target) * weight).sum() / weight.sum()

    def one(layers: Any, average: Any, inner: Any, x: Any, target: Any, weight: Any) -> Any:
        change, inner = optimiser.update(jax.grad(loss_of)(layers, x, target, weight), inner, layers)
        layers = optax.apply_updates(layers, change)
        average = jax.tree.map(lambda a, p: AVERAGE * a + (1 - AVERAGE) * p, average, layers)
        return layers, average, inner

    every = jax.vmap(one)

    @jax.jit
    def epoch(state: Any, x: Any, target: Any, weight: Any) -> Any:
        def step(state: Any, rows: Any) -> Any:
            return every(*state, *rows), None

        return jax.lax.scan(step, state, (x, target, weight))[0]

    return jax.jit(jax.vmap(optimiser.init)), epoch
