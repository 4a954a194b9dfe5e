"""Rules of ``ai.onnx.ml`` that prepare features and name classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.onnx.ml_common import narrow, numbers, text
from sensorai.importers.onnx.rules import OnnxNode, Refused, Rule
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.cast import Cast
from sensorai.ops.nd.rows import FOUND, Categories, Fill, Lookup, RowNorm


def _scaler(node: OnnxNode) -> Sequence[Tensor]:
    x = narrow(node, node.need(0))
    features = x.shape[-1] if x.shape else 1
    for name, function in (("offset", "sub"), ("scale", "mul")):
        values = numbers(node, name)
        if values.size not in (1, features):
            raise ConfigError(f"{node.where}: {values.size} numbers in {name} for {features} features")
        known = node.net.constant(f"{node.outputs[0]}.{name}", values)
        (x,) = node.add(Binary(function), x, known, last=name == "scale", name=f"{node.outputs[0]}.shifted")
    return (x,)


def _binarizer(node: OnnxNode) -> Sequence[Tensor]:
    x = node.need(0)
    known = node.net.constant(
        f"{node.outputs[0]}.threshold", np.array(node.attribute("threshold", 0.0), x.dtype)
    )
    (above,) = node.add(Binary("greater"), x, known, last=False, name=f"{node.outputs[0]}.above")
    return node.add(Cast(x.dtype), above)


def _normalizer(node: OnnxNode) -> Sequence[Tensor]:
    return node.add(RowNorm(text(node, "norm", ("MAX", "L1", "L2"))), narrow(node, node.need(0)))


def _imputer(node: OnnxNode) -> Sequence[Tensor]:
    x = node.need(0)
    whole = x.dtype == "int64"
    end = "int64" if whole else "float"
    values = numbers(node, f"imputed_value_{end}s", x.dtype)
    if not values.size:
        raise ConfigError(f"{node.where}: imputed_value_{end}s is missing")
    missing = float(node.attribute(f"replaced_value_{end}", 0))
    known = node.net.constant(f"{node.outputs[0]}.values", values)
    return node.add(Fill(None if missing != missing else missing), x, known)


def _zip_map(node: OnnxNode) -> Sequence[Tensor]:
    """The scores, with the names of their columns."""
    x = node.need(0)
    names = node.attribute("classlabels_strings") or node.attribute("classlabels_int64s") or ()
    if names and x.shape and len(names) == x.shape[-1]:
        node.net.labels[x.name] = tuple(str(v) for v in names)
    return (x,)


def _label_encoder(node: OnnxNode) -> Sequence[Tensor]:
    x = node.need(0)
    keys, key_kind = _either(node, "keys")
    values, value_kind = _either(node, "values")
    if len(keys) != len(values) or not len(keys):
        raise ConfigError(f"{node.where}: {len(keys)} keys, {len(values)} values")
    names: tuple[str, ...] = ()
    if key_kind == "strings":
        if x.name not in node.net.labels:
            raise ConfigError(f"{node.where}: keys that are text are not supported")
        number = {name: k for k, name in reversed(list(enumerate(node.net.labels[x.name])))}
        keys = [number.get(str(key), -1 - k) for k, key in enumerate(keys)]
    if value_kind == "strings":
        names = (*map(str, values), str(node.attribute("default_string", "_Unused")))
        table = np.arange(len(names), dtype=np.int64)
    else:
        default = node.attribute("default_tensor")
        usual = (
            node.attribute("default_float", -0.0)
            if value_kind == "floats"
            else node.attribute("default_int64", -1)
        )
        last: Any = np.asarray(default).reshape(-1)[0] if default is not None else usual
        own: Any = np.asarray(values).dtype
        kind: Any = {"floats": np.float32, "int64s": np.int64}.get(value_kind, own)
        table = np.array([*np.asarray(values).tolist(), last], kind)
    if x.dtype not in FOUND or table.dtype.name not in FOUND:
        raise ConfigError(f"{node.where}: {x.dtype} and {table.dtype} are not supported")
    found = np.asarray(keys).astype(x.dtype)
    nan = -1
    if found.dtype.kind == "f" and np.any(np.isnan(found)):
        nan = int(np.argmax(np.isnan(found)))
        # a key that is equal to nothing else: one that stands before it already
        rest = found[~np.isnan(found)]
        table = np.concatenate([table[:-1][~np.isnan(found)], table[[nan, -1]]])
        if not rest.size:
            raise ConfigError(f"{node.where}: a single key that is NaN is not supported")
        found, nan = np.concatenate([rest, rest[:1]]), len(rest)
    title = node.outputs[0]
    known = [node.net.constant(f"{title}.{n}", v) for n, v in (("keys", found), ("values", table))]
    made = node.add(Lookup(nan), x, *known)
    if names:
        node.net.labels[made[0].name] = names
    return made


def _either(node: OnnxNode, what: str) -> tuple[Any, str]:
    """Values of the first of an attribute's forms that is there, and its name."""
    for kind in ("tensor", "int64s", "floats", "strings"):
        value = node.attribute(f"{what}_{kind}")
        if value is not None and len(np.asarray(value).reshape(-1)):
            return (np.asarray(value).reshape(-1) if kind == "tensor" else list(value)), kind
    if node.attribute("classes_strings"):
        raise ConfigError(
            f"{node.where}: version 1 of this operator is not supported", hint="convert the model"
        )
    raise ConfigError(f"{node.where}: {what} are missing")


def _one_hot(node: OnnxNode) -> Sequence[Tensor]:
    x = node.need(0)
    known: Array = numbers(node, "cats_int64s", np.int64)
    if not known.size:
        raise ConfigError(f"{node.where}: categories that are text are not supported", hint="cats_int64s")
    if x.dtype not in ("int64", "int32", "float32"):
        (x,) = node.add(Cast("float32"), x, last=False)
    return node.add(Categories(), x, node.net.constant(f"{node.outputs[0]}.categories", known))


_NO_MAPS = Refused(
    "maps and dictionaries are not supported",
    "give the net a tensor: leave what makes the map out of the model",
)

RULES: Mapping[str, Rule] = {
    "ai.onnx.ml.Binarizer": _binarizer,
    "ai.onnx.ml.CastMap": _NO_MAPS,
    "ai.onnx.ml.DictVectorizer": _NO_MAPS,
    "ai.onnx.ml.Imputer": _imputer,
    "ai.onnx.ml.LabelEncoder": _label_encoder,
    "ai.onnx.ml.Normalizer": _normalizer,
    "ai.onnx.ml.OneHotEncoder": _one_hot,
    "ai.onnx.ml.Scaler": _scaler,
    "ai.onnx.ml.ZipMap": _zip_map,
}
