"""Writes files as Keras 2 and 3 write them, from layers that are given with their weights."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sensorai.graph.tensor import Array
from sensorai.importers.keras.weights import snake

#: Names of weights by the layer, as Keras 2 writes them; only their order counts.
ROLES = ("kernel", "bias", "third", "fourth")


@dataclass(frozen=True)
class Layer:
    """A layer: class, configuration, weights, and the layers that it reads.

    ``parts`` are weights of what is inside it, by the path of attributes that leads there; ``calls`` are its
    calls as files of each version list them, where they are more than tensors; ``module`` is that of a class
    which is no layer, or of one of somebody else's, with the name that it was registered under.
    """

    kind: str
    name: str
    config: Mapping[str, Any] = field(default_factory=dict)
    weights: Sequence[Array] = ()
    reads: Sequence[Any] = ()
    parts: Mapping[str, Sequence[Array]] = field(default_factory=dict)
    layers: Sequence[Layer] = ()
    calls: Mapping[int, Any] = field(default_factory=dict)
    module: str = "keras.layers"
    registered: str | None = None


def tensor(name: str) -> Any:
    """Tensor among the arguments of a call, as Keras 3 lists it."""
    return {"class_name": "__keras_tensor__", "config": {"shape": [], "keras_history": [name, 0, 0]}}


def given(name: str, shape: Sequence[int | None], dtype: str = "float32") -> Layer:
    """Input."""
    return Layer("InputLayer", name, {"batch_shape": [None, *shape], "dtype": dtype})


def _config(one: Layer, version: int, modules: bool) -> dict[str, Any]:
    own: dict[str, Any] = {"name": one.name, **one.config}
    if one.module == "keras.layers" and one.kind != "InputLayer":
        # what tells layers from functions where a file has no modules
        own["trainable"] = True
    if one.kind == "InputLayer" and version == 2:
        own["batch_input_shape"] = own.pop("batch_shape")
    if one.layers:
        own = _model(one.kind, one.layers, version, modules=modules)["config"] | {"name": one.name}
    made: dict[str, Any] = {"class_name": one.kind, "config": own, "name": one.name}
    if modules:
        made |= {"module": one.module, "registered_name": one.registered}
    elif one.registered:
        made["class_name"] = one.registered
    if one.calls:
        made["inbound_nodes"] = one.calls[version]
    elif one.reads:
        calls = one.reads if isinstance(one.reads[0], list) else [list(one.reads)]
        made["inbound_nodes"] = [_call([_place(r) for r in call], version) for call in calls]
    elif one.kind == "InputLayer":
        made["inbound_nodes"] = []
    return made


def _place(read: Any) -> tuple[str, int, int]:
    return (read, 0, 0) if isinstance(read, str) else tuple(read)


def _call(reads: Sequence[tuple[str, int, int]], version: int) -> Any:
    if version == 2:
        return [[*one, {}] for one in reads]
    tensors = [tensor(one[0]) for one in reads]
    for made, one in zip(tensors, reads, strict=True):
        made["config"]["keras_history"] = list(one)
    return {"args": tensors if len(tensors) == 1 else [tensors], "kwargs": {}}


def _model(
    kind: str, layers: Sequence[Layer], version: int, outputs: Sequence[Any] = (), *, modules: bool = False
) -> dict[str, Any]:
    config: dict[str, Any] = {"name": "model", "layers": [_config(one, version, modules) for one in layers]}
    if kind != "Sequential":
        ends = [_place(one) for one in outputs] or [(layers[-1].name, 0, 0)]
        config["input_layers"] = [[one.name, 0, 0] for one in layers if one.kind == "InputLayer"]
        config["output_layers"] = [list(one) for one in ends]
    return {"class_name": kind, "config": config}


def write_h5(
    path: Path, kind: str, layers: Sequence[Layer], version: int = 2, outputs: Sequence[Any] = ()
) -> Path:
    """Write a ``.h5``."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(_model(kind, layers, version, outputs))
        file.attrs["keras_version"] = f"{version}.1.0"
        top = file.create_group("model_weights")
        top.attrs["layer_names"] = np.array([one.name.encode() for one in layers])
        for one in layers:
            group = top.create_group(one.name)
            named = _named(one, one.name)
            group.attrs["weight_names"] = np.array([n.encode() for n, _ in named], "S80")
            for name, values in named:
                group.create_dataset(name, data=values)
    return path


def _named(one: Layer, prefix: str) -> list[tuple[str, Array]]:
    """Names of weights, those of models inside too."""
    found = [(f"{prefix}/w{k}:0", values) for k, values in enumerate(one.weights)]
    for part, weights in one.parts.items():
        found += [(f"{prefix}/{part}/w{k}:0", values) for k, values in enumerate(weights)]
    for inner in one.layers:
        found += _named(inner, inner.name)
    return found


def write_keras(
    path: Path, kind: str, layers: Sequence[Layer], outputs: Sequence[Any] = (), *, names: bool = True
) -> Path:
    """Write a ``.keras``; ``names``: with names of layers as attributes, as newer versions of Keras do."""
    import h5py

    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        _container(file, kind, layers, names)
    with zipfile.ZipFile(path, "w") as box:
        box.writestr("metadata.json", json.dumps({"keras_version": "3.12.0"}))
        box.writestr("config.json", json.dumps(_model(kind, layers, 3, outputs, modules=True)))
        box.writestr("model.weights.h5", data.getvalue())
    return path


def _container(group: Any, kind: str, layers: Sequence[Layer], names: bool) -> None:
    seen: dict[str, int] = {}
    for one in layers:
        if kind == "Sequential" and one.kind == "InputLayer":
            continue
        word = snake(one.kind)
        number = seen.get(word, 0)
        seen[word] = number + 1
        own = group.create_group(f"layers/{word}{f'_{number}' if number else ''}")
        if one.layers:
            _container(own, one.kind, one.layers, names)
            continue
        places = {"": one.weights, **one.parts}
        for part, weights in places.items():
            at = own.create_group(f"{part}/vars" if part else "vars")
            if names and not part:
                at.attrs["name"] = one.name
            for k, values in enumerate(weights):
                at.create_dataset(str(k), data=values)
