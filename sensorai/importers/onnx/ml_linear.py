"""Rules of linear models and support vector machines in ``ai.onnx.ml``.

Labels and scores are those of onnxruntime, but for linear machines (SVMClassifier without vectors): there the
label is that of the largest sum, as ONNX's reference has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.onnx.ml_common import POSTS, classes, classified, numbers, rows, text
from sensorai.importers.onnx.rules import OnnxNode, Rule
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.scores import LabelOf, Scores
from sensorai.ops.nd.support import Coupling, Kernel, Pairs, Votes

#: Names of kernels, the default first.
KERNELS = ("LINEAR", "POLY", "RBF", "SIGMOID")


def _product(node: OnnxNode, x: Tensor, weights: Array, offsets: Array, name: str = "") -> Tensor:
    """Sums (N, K) of x with rows of weights."""
    if weights.shape[1:] != x.shape[1:] or offsets.shape != weights.shape[:1]:
        raise ConfigError(
            f"{node.where}: coefficients {weights.shape} and {offsets.size} offsets for {x.shape[1]} features"
        )
    title = next((n for n in node.outputs if n), "linear")
    w = node.net.constant(f"{title}.weights", weights)
    b = node.net.constant(f"{title}.offsets", offsets)
    return node.net.add(FullyConnected(), (x, w, b), (name or f"{title}.sums",))[0]


def _weights(node: OnnxNode, x: Tensor) -> Array:
    found = numbers(node, "coefficients")
    if not found.size or found.size % x.shape[1]:
        raise ConfigError(f"{node.where}: {found.size} coefficients for {x.shape[1]} features")
    return found.reshape(-1, x.shape[1])


def _linear_classifier(node: OnnxNode) -> Sequence[Tensor]:
    post = text(node, "post_transform", POSTS)
    x = rows(node)
    weights = _weights(node, x)
    offsets = numbers(node, "intercepts")
    sums = _product(node, x, weights, offsets if offsets.size else np.zeros(len(weights), np.float32))
    labels, names = classes(node, "classlabels_ints")
    if len(weights) == 1 and labels.size == 2:
        if post == "probit":
            raise ConfigError(f"{node.where}: PROBIT of one sum for two classes is not supported")
        logistic = post == "logistic"
        scores = Scores(post if logistic else "none", "negate" if logistic else "complement")
        return classified(node, sums, LabelOf(0, 0.0), labels, names, scores)
    if len(weights) != labels.size or labels.size < 2:
        raise ConfigError(f"{node.where}: {len(weights)} rows of coefficients for {labels.size} classes")
    return classified(node, sums, LabelOf(), labels, names, Scores(post))


def _linear_regressor(node: OnnxNode) -> Sequence[Tensor]:
    node.only("post_transform", "NONE")
    x = rows(node)
    targets = int(node.attribute("targets", 1))
    weights, offsets = _weights(node, x), numbers(node, "intercepts")
    if len(weights) != targets:
        raise ConfigError(f"{node.where}: {len(weights)} rows of coefficients for {targets} targets")
    zeros = np.zeros(targets, np.float32)
    return (_product(node, x, weights, offsets if offsets.size else zeros, node.outputs[0]),)


def _kernels(node: OnnxNode, x: Tensor, count: int) -> Tensor:
    """Kernels of x with the vectors."""
    vectors = numbers(node, "support_vectors")
    if vectors.size != count * x.shape[1]:
        raise ConfigError(
            f"{node.where}: {vectors.size} numbers for {count} vectors of {x.shape[1]} features"
        )
    given = [float(v) for v in numbers(node, "kernel_params")] or [0.0, 0.0, 0.0]
    if len(given) != 3 or given[2] != int(given[2]):
        raise ConfigError(
            f"{node.where}: kernel_params {given} are not supported", hint="gamma, coef0, degree"
        )
    kind = text(node, "kernel_type", KERNELS)
    degree = int(given[2]) if kind == "poly" else 0
    title = next((n for n in node.outputs if n), "machine")
    known = node.net.constant(f"{title}.vectors", vectors.reshape(count, -1))
    op = Kernel(kind, given[0], given[1], degree)
    return node.net.add(op, (x, known), (f"{title}.kernels",))[0]


def _machine_regressor(node: OnnxNode) -> Sequence[Tensor]:
    node.only("post_transform", "NONE")
    x = rows(node)
    count, rho = int(node.attribute("n_supports", 0)), numbers(node, "rho")
    values = _kernels(node, x, count) if count else x
    one_class = int(node.attribute("one_class", 0))
    name = "" if one_class else node.outputs[0]
    sums = _product(node, values, numbers(node, "coefficients").reshape(1, -1), rho[:1], name)
    return node.add(Scores("sign"), sums) if one_class else (sums,)


def _machine_classifier(node: OnnxNode) -> Sequence[Tensor]:
    post = text(node, "post_transform", POSTS)
    x = rows(node)
    labels, names = classes(node, "classlabels_ints")
    counts = tuple(int(v) for v in numbers(node, "vectors_per_class", np.int64))
    rho, coefficients = numbers(node, "rho"), numbers(node, "coefficients")
    n = labels.size
    if n < 2:
        raise ConfigError(f"{node.where}: a classifier of one class answers nothing")
    if not sum(counts):
        node.only("kernel_type", "LINEAR")
        offsets = np.repeat(rho[:1], n)
        sums = _product(node, x, _weights(node, x), offsets)
        return classified(node, sums, LabelOf(), labels, names, Scores(post))
    pairs = n * (n - 1) // 2
    if len(counts) != n or min(counts) < 0 or coefficients.size < (n - 1) * sum(counts) or rho.size < pairs:
        raise ConfigError(f"{node.where}: vectors, coefficients and rho do not go with {n} classes")
    kernels = _kernels(node, x, sum(counts))
    title = next((o for o in node.outputs if o), "machine")
    table = node.net.constant(
        f"{title}.coefficients", coefficients[: (n - 1) * sum(counts)].reshape(n - 1, -1)
    )
    offset = node.net.constant(f"{title}.rho", rho[:pairs])
    (sums,) = node.net.add(Pairs(counts), (kernels, table, offset), (f"{title}.pairs",))
    (votes,) = node.net.add(Votes(n), (sums,), (f"{title}.votes",))
    slopes, shifts = numbers(node, "prob_a"), numbers(node, "prob_b")
    if slopes.size:
        if slopes.size < pairs or shifts.size < pairs:
            raise ConfigError(f"{node.where}: prob_a and prob_b do not go with {pairs} pairs of classes")
        a, b = (node.net.constant(f"{title}.prob", v[:pairs]) for v in (slopes, shifts))
        (sums,) = node.net.add(Coupling(n), (sums, a, b), (f"{title}.probabilities",))
        scores = Scores(post)
    elif n == 2:
        if post == "probit":
            raise ConfigError(f"{node.where}: PROBIT of one sum for two classes is not supported")
        logistic = post == "logistic"
        scores = Scores(
            post if logistic else "none", "negate" if logistic or post == "none" else "complement"
        )
    else:
        scores = Scores(post)
    return classified(node, sums, LabelOf(), labels, names, scores, votes)


RULES: Mapping[str, Rule] = {
    "ai.onnx.ml.LinearClassifier": _linear_classifier,
    "ai.onnx.ml.LinearRegressor": _linear_regressor,
    "ai.onnx.ml.SVMClassifier": _machine_classifier,
    "ai.onnx.ml.SVMRegressor": _machine_regressor,
}
