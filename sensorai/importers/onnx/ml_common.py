"""What rules of ``ai.onnx.ml`` share: rows of features, names of classes, what becomes of scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.onnx.rules import OnnxNode
from sensorai.ops.nd.cast import Cast
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.scores import LabelOf, Scores

POSTS = ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT")


def rows(node: OnnxNode, dtype: str = "float32") -> Tensor:
    """Features of the node as rows (N, C) of floats."""
    x = node.need(0)
    if len(x.shape) == 1:
        (x,) = node.add(Reshape((1, x.size)), x, last=False, name=f"{x.name}.row")
    if len(x.shape) != 2 or not x.size:
        raise ConfigError(f"{node.where}: reads rows of features, not shape {x.shape}")
    if x.dtype == dtype:
        return x
    return node.add(Cast(dtype), x, last=False, name=f"{x.name}.{dtype}")[0]


def narrow(node: OnnxNode, x: Tensor) -> Tensor:
    """X in float32."""
    return (
        x if x.dtype == "float32" else node.add(Cast("float32"), x, last=False, name=f"{x.name}.float32")[0]
    )


def numbers(node: OnnxNode, name: str, dtype: Any = np.float32) -> Array:
    """Numbers of an attribute, none where it is left out."""
    value = node.attribute(name)
    found = np.zeros(0, dtype) if value is None else np.asarray(value).reshape(-1).astype(dtype)
    if found.dtype.kind == "f" and not np.all(np.isfinite(found)):
        raise ConfigError(f"{node.where}: {name} holds NaN or infinity")
    return found


def text(node: OnnxNode, name: str, allowed: Sequence[str]) -> str:
    """Return an attribute that is one of the allowed words, the first by default, in lower case."""
    node.only(name, *allowed)
    return str(node.attribute(name, allowed[0])).lower()


def classes(node: OnnxNode, whole: str) -> tuple[Array, tuple[str, ...]]:
    """Labels as int64, and their names; names alone are numbered from 0 on.

    ``whole`` is the attribute for labels that are integers.
    """
    names = node.attribute("classlabels_strings") or ()
    if names:
        return np.arange(len(names), dtype=np.int64), tuple(map(str, names))
    labels = numbers(node, whole, np.int64)
    if not labels.size:
        raise ConfigError(f"{node.where}: there are no labels")
    return labels, tuple(str(int(v)) for v in labels)


def classified(
    node: OnnxNode,
    sums: Tensor,
    label: LabelOf,
    labels: Array,
    names: Sequence[str],
    scores: Scores,
    voting: Tensor | None = None,
) -> Sequence[Tensor]:
    """Label and scores of a classifier; labels by ``voting`` where they are not found by the sums.

    Names are kept for both: of a label that is a name its number stands in the net.
    """
    title = next((n for n in node.outputs if n), node.kind)
    wishes = [
        n or f"{title}.{end}" for n, end in zip((*node.outputs, "", ""), ("label", "scores"), strict=False)
    ]
    known = node.net.constant(f"{title}.labels", labels)
    (first,) = node.net.add(label, (sums if voting is None else voting, known), (wishes[0],))
    second = sums
    if scores != Scores():
        (second,) = node.net.add(scores, (sums,), (wishes[1],))
    if len(names) == labels.size and node.attribute("classlabels_strings"):
        node.net.labels[first.name] = tuple(names)
    if second.shape[-1] == len(names):
        node.net.labels[second.name] = tuple(names)
    return first, second
