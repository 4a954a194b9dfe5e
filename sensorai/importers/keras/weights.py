"""Finds the weights of a layer: by its name as in ``.h5``, or by attributes of Python as in ``.keras``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sensorai.errors import DataError
from sensorai.graph.tensor import Array
from sensorai.importers.keras.files import KerasFile, array, child, listed
from sensorai.importers.libraries import library

#: Where a model keeps its layers, in the order in which the names came up.
CONTAINERS = ("layers", "_layer_checkpoint_dependencies")


class Weights(Protocol):
    """Weights of the layers of one model."""

    def of(self, name: str, *parts: str) -> list[Array]:
        """Arrays of a layer in their order; ``parts`` lead to one inside it, such as "cell"."""
        ...

    def inside(self, name: str, layers: Sequence[Mapping[str, Any]], *parts: str) -> Weights:
        """Weights of a model that stands in this one as a layer."""
        ...


def weights_of(file: KerasFile, layers: Sequence[Mapping[str, Any]]) -> Weights:
    """Weights of the model of a file."""
    return Listed(file.weights) if file.legacy else Attributes(file.weights, _names(layers))


@dataclass(frozen=True, slots=True)
class Listed:
    """Weights by the name of the layer, as ``.h5`` has them; models inside list theirs with their own.

    Attributes
    ----------
    group : group of h5py
    outer : str
        Layer of the outermost model that all of this lies in, "" for none.
    """

    group: Any
    outer: str = ""

    def of(self, name: str, *parts: str) -> list[Array]:
        """Arrays of a layer; of one in a model inside those that have its name in theirs.

        Where a part is asked for that the names do not tell apart, the caller cuts the list.
        """
        h5py = library("h5py")
        if (self.outer or name) not in self.group:
            return []
        at = child(h5py, self.group, self.outer or name)
        names = listed(at, "weight_names")
        if self.outer:
            names = [n for n in names if name in n.split("/")[:-1]]
        return [array(h5py, child(h5py, at, n), f"weight {n}") for n in names]

    def inside(self, name: str, layers: Sequence[Mapping[str, Any]], *parts: str) -> Weights:
        """The same list, whose names tell the layers apart."""
        return Listed(self.group, self.outer or name)


@dataclass(frozen=True, slots=True)
class Attributes:
    """Weights by the attributes that lead to them, as ``.keras`` has them.

    In a container, layers are named by their kind and counted; the name that a group may have as an
    attribute goes first.
    """

    group: Any
    names: Sequence[tuple[str, str]]

    def _place(self, name: str) -> Any:
        """Group of a layer, None where there is none."""
        h5py = library("h5py")
        container = next((c for c in CONTAINERS if c in self.group), "")
        if not container:
            return None
        found = child(h5py, self.group, container)
        kind = next((k for n, k in self.names if n == name), "")
        same = sorted((key for key in found if re.fullmatch(rf"{re.escape(kind)}(_\d+)?", key)), key=_number)
        for key in same:
            own = child(h5py, found, key)
            if "vars" in own and _said(child(h5py, own, "vars")) == name:
                return own
        alike = [n for n, k in self.names if k == kind]
        if not same:
            return None
        if len(same) != len(alike):
            raise DataError(f"the file has weights of {len(same)} layers like {name}, the model {len(alike)}")
        return child(h5py, found, same[alike.index(name)])

    def of(self, name: str, *parts: str) -> list[Array]:
        """Arrays of a layer or of what is inside it."""
        h5py = library("h5py")
        at = self._place(name)
        for part in (*parts, "vars"):
            if at is None or part not in at:
                return []
            at = child(h5py, at, part)
        keys = sorted((key for key in at if key.isdigit()), key=int)
        return [array(h5py, child(h5py, at, key), f"weight {key} of {name}") for key in keys]

    def inside(self, name: str, layers: Sequence[Mapping[str, Any]], *parts: str) -> Weights:
        """Weights of the model below."""
        h5py = library("h5py")
        at = self._place(name)
        for part in parts:
            at = child(h5py, at, part) if at is not None and part in at else None
        return Attributes({} if at is None else at, _names(layers))


def _said(group: Any) -> str:
    value = group.attrs.get("name", "")
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def _number(key: str) -> int:
    tail = key.rpartition("_")[2]
    return int(tail) if tail.isdigit() and len(tail) < 9 and "_" in key else 0


def _names(layers: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Name of each layer, and its kind as groups are named."""
    return [
        (str(one.get("config", {}).get("name", "")), snake(str(one.get("class_name", "")))) for one in layers
    ]


def snake(name: str) -> str:
    """Name of a class as Keras names groups: ``Conv2DTranspose`` is ``conv2d_transpose``."""
    text = re.sub(r"\W+", "", name)
    text = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", text)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", text).lower()
