"""Walks a Keras model: layers one after the other, or along the tensors between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorai.errors import ConfigError, DataError
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import DTYPES, Array, Shape, Tensor
from sensorai.importers.keras import declared
from sensorai.importers.keras.calls import (
    CLASSES,
    DEPTH,
    Place,
    first_calls,
    given,
    kind_of,
    nodes,
    places,
    reads_of,
)
from sensorai.importers.keras.files import KerasFile, opened, tried
from sensorai.importers.keras.functions import function, is_function
from sensorai.importers.keras.refused import NOT_READ, REFUSED, instead
from sensorai.importers.keras.rules import LARGEST, KerasLayer
from sensorai.importers.keras.table import RULES
from sensorai.importers.keras.weights import Weights, weights_of
from sensorai.importers.net import NetBuilder
from sensorai.importers.refusals import Follows, Refusals, TooMuch

#: Types, in whose place layers may compute in float32.
_REAL = ("float16", "bfloat16", "float64")
#: Layers of one model.
LAYERS = 3_000


def read(path: Path, shapes: Mapping[str, Shape] | None = None, float32: bool = False) -> Graph:
    """Read a file, ``.h5`` or ``.keras``, written by Keras 2 or 3.

    Parameters
    ----------
    path : Path
    shapes : mapping of input name to shape, optional
        For inputs whose extents the file leaves open; an open first axis is 1 where nothing is said.
    float32 : bool
        Whether layers of other real types compute in float32.

    Raises
    ------
    DataError
        The file cannot be read or is no Keras model.
    ConfigError
        It holds what is not supported: which layer, which setting.
    """
    tried(lambda: _graph(path, shapes or {}, float32), path)
    return _graph(path, shapes or {}, float32)


def _graph(path: Path, shapes: Mapping[str, Shape], float32: bool) -> Graph:
    with opened(path) as file:
        return _Walk(file, shapes, float32).graph()


class _Walk:
    """One file while it is read."""

    def __init__(self, file: KerasFile, shapes: Mapping[str, Shape], float32: bool) -> None:
        self.file, self.shapes = file, shapes
        self.net = NetBuilder(float32)
        self.refusals = Refusals()
        #: Tensors of the net that stand in for what refused layers make, and what is made of them.
        self.unsure: set[str] = set()

    def graph(self) -> Graph:
        """Read the outermost model."""
        kind, config = kind_of(self.file.config), self.file.config.get("config")
        if kind not in CLASSES:
            raise ConfigError(
                f"the model is of the class {kind}, whose layers the file does not list",
                hint="models of Sequential or keras.Model(inputs, outputs) are read",
            )
        layers = _layers(config)
        with self.refusals.told():
            return self.net.graph(self.model(kind, config, weights_of(self.file, layers), None, 0))

    def model(
        self, kind: str, config: Any, weights: Weights, inputs: Sequence[Tensor] | None, depth: int
    ) -> list[Tensor]:
        """Read the layers of a model; without ``inputs`` they are those of the net."""
        if depth > DEPTH:
            raise TooMuch(f"more than {DEPTH} models lie in each other")
        layers = _layers(config)
        if kind == "Sequential":
            return self._row(config, layers, weights, inputs, depth)
        return self._net(config, layers, weights, inputs, depth)

    def _row(
        self,
        config: Any,
        layers: Sequence[Mapping[str, Any]],
        weights: Weights,
        inputs: Sequence[Tensor] | None,
        depth: int,
    ) -> list[Tensor]:
        """Layers that follow each other."""
        now = list(inputs) if inputs is not None else []
        for k, one in enumerate(layers):
            own = one["config"]
            if kind_of(one) == "InputLayer":
                now = now or [self.input(own)]
                continue
            if not now:
                said = own.get("batch_input_shape")
                if said is None and isinstance(config, dict):
                    said = config.get("build_input_shape")
                now = [self.input({**own, "name": "input", "batch_shape": said})]
            said = declared.built(layers[k + 1] if k + 1 < len(layers) else None)
            now = self._tried(one, now, weights, {}, depth, (), [said])
        if not now:
            raise ConfigError("the model has no layers")
        return now

    def _net(
        self,
        config: Any,
        layers: Sequence[Mapping[str, Any]],
        weights: Weights,
        inputs: Sequence[Tensor] | None,
        depth: int,
    ) -> list[Tensor]:
        """Layers along their tensors, each as soon as what it reads is there."""
        known: dict[Place, Tensor] = {}
        lost: set[tuple[str, int]] = set()
        sources = list(places(config.get("input_layers")))
        if inputs is not None:
            if len(inputs) != len(sources):
                raise ConfigError(
                    f"the model {config.get('name')} has {len(sources)} inputs, not {len(inputs)}"
                )
            known.update(zip(sources, inputs, strict=True))
        byname = {str(one["config"].get("name", one.get("name", ""))): one for one in layers}
        for place in sources:
            if inputs is None and place not in known:
                if place[0] not in byname:
                    raise ConfigError(f"the model has no input {place[0]}")
                known[place] = self.input(byname[place[0]]["config"])
        waiting = [
            (one, name, k, list(reads_of(node)))
            for name, one in byname.items()
            if kind_of(one) != "InputLayer"
            for k, node in enumerate(nodes(one))
        ]
        first = first_calls(byname, [p for _, _, _, reads in waiting for p in reads], config)
        if len(waiting) > LAYERS:
            raise TooMuch(f"the model calls its layers {len(waiting)} times, more than {LAYERS}")
        said = declared.tensors(layers)
        while waiting:
            later = []
            for one, name, k, reads in waiting:
                at = k + first.get(name, 0)
                if any((place[0], place[1]) in lost for place in reads):
                    lost.add((name, at))
                    continue
                if any(place not in known for place in reads):
                    later.append((one, name, k, reads))
                    continue
                args, call = given(one, k, known)
                tensors = [known[p] for p in reads]
                try:
                    made = self._tried(one, tensors, weights, call, depth, args, said.get((name, at), ()))
                except Follows:
                    lost.add((name, at))
                    continue
                known.update({(name, at, j): tensor for j, tensor in enumerate(made)})
            if len(later) == len(waiting):
                names = ", ".join(name for _, name, *_ in later[:5])
                raise ConfigError(f"the inputs of these layers are made by none before them: {names}")
            waiting = later
        outputs = list(places(config.get("output_layers")))
        if any((place[0], place[1]) in lost for place in outputs):
            raise Follows("an output is not there")
        none = [place for place in outputs if place not in known]
        if none or not outputs:
            raise ConfigError(f"nothing makes the output {none[0][0] if none else ''} of the model")
        return [known[place] for place in outputs]

    def input(self, config: Mapping[str, Any]) -> Tensor:
        """Input of the net from the configuration of its layer."""
        name = str(config.get("name", "input"))
        said = config.get("batch_shape") or config.get("batch_input_shape") or config.get("shape")
        dtype = _dtype(config.get("dtype")) or "float32"
        if dtype not in DTYPES or dtype == "binary":
            raise ConfigError(f"the input {name} is {dtype}, which is not supported")
        if config.get("sparse") or config.get("ragged"):
            raise ConfigError(f"the input {name} is sparse or ragged, which is not supported")
        wanted = self.shapes.get(name)
        if not isinstance(said, list | tuple):
            if wanted is None:
                raise ConfigError(f"the input {name} has no shape", hint=f"say --shape {name}=1x...")
            return self.net.input(name, wanted, dtype)
        if wanted is not None and len(wanted) != len(said):
            raise ConfigError(f"the input {name} has {len(said)} axes, not {len(wanted)}")
        shape = []
        for axis, extent in enumerate(said):
            if wanted is not None:
                shape.append(wanted[axis])
            elif extent is None and axis:
                words = [str(e) if e else f"<axis {k}>" if k else "1" for k, e in enumerate(said)]
                raise ConfigError(
                    f"axis {axis} of the input {name} is open", hint=f"say --shape {name}={'x'.join(words)}"
                )
            elif extent is None:
                shape.append(1)
            elif type(extent) is int and 0 < extent <= LARGEST:
                shape.append(extent)
            else:
                raise ConfigError(f"the input {name} has the shape {said}")
        return self.net.input(name, tuple(shape), dtype)

    def _tried(
        self,
        one: Mapping[str, Any],
        inputs: Sequence[Tensor],
        weights: Weights,
        call: Mapping[str, Any],
        depth: int,
        args: tuple[Any, ...],
        said: Sequence[declared.Said | None],
    ) -> list[Tensor]:
        """Read a call of a layer; where it is refused, that is noted and others stand in for what it makes.

        Raises
        ------
        Follows
            Where the file does not say what it makes.
        """
        unsure = any(x.name in self.unsure for x in inputs)
        try:
            made = self.layer(one, inputs, weights, call, depth, args)
        except ConfigError as error:
            self.refusals.note(error, unsure)
            # what the file says holds for the shapes that it says of inputs
            name = str(one["config"].get("name", "")) if isinstance(one["config"], dict) else ""
            some = [None if a is None or self.shapes else self.net.stand_in(name, *a) for a in said]
            made = [x for x in some if x is not None]
            if not said or len(made) < len(said):
                raise Follows(error.message) from None
            unsure = True
        if unsure:
            self.unsure.update(y.name for y in made)
        return made

    def layer(
        self,
        one: Mapping[str, Any],
        inputs: Sequence[Tensor],
        weights: Weights,
        call: Mapping[str, Any],
        depth: int,
        args: tuple[Any, ...] = (),
    ) -> list[Tensor]:
        """Read one call of a layer, which may be a model."""
        kind, config = kind_of(one), one["config"]
        name = str(config.get("name", one.get("name", ""))) if isinstance(config, dict) else ""
        if kind in CLASSES:
            inner = weights.inside(name, _layers(config))
            return self.model(kind, config, inner, inputs, depth + 1)

        def apply(own: Mapping[str, Any], reads: Sequence[Tensor], *parts: str) -> list[Tensor]:
            if depth >= DEPTH or not isinstance(own, dict) or not isinstance(own.get("config"), dict):
                raise ConfigError(f"layer {name} ({kind}): what it wraps cannot be read")
            return self.layer(own, reads, _Wrapped(weights, name, parts), {}, depth + 1)

        layer = KerasLayer(
            self.net, kind, name, config, tuple(inputs), weights, self.file.version, call, apply, args
        )
        if not inputs:
            raise ConfigError(f"{layer.where}: it reads nothing")
        self.net.named(name)
        if is_function(one, kind, self.file.version):
            with self.net.reading(layer.where):
                return [function(layer)]
        if kind not in RULES:
            raise ConfigError(f"{layer.where}: {REFUSED.get(kind, NOT_READ)}", hint=instead(_registered(one)))
        dtype = _dtype(config.get("dtype"))
        real = dtype.removeprefix("mixed_")
        if self.net.float32 and real in _REAL:
            self.net.instead.add(real)
        elif dtype not in ("", "float32") and not kind.startswith("Random"):
            raise ConfigError(
                f"{layer.where}: computes in {dtype}",
                hint="float32 is read: build the model with keras.config.set_dtype_policy('float32')"
                + ("; or --float32 computes in float32 instead" if real in _REAL else ""),
            )
        with self.net.reading(layer.where):
            made = RULES[kind](layer)
        return [made] if isinstance(made, Tensor) else list(made)


@dataclass(frozen=True, slots=True)
class _Wrapped:
    """Weights of a layer that another one wraps."""

    outer: Weights
    name: str
    parts: tuple[str, ...]

    def of(self, name: str, *parts: str) -> list[Array]:
        """Arrays of the layer."""
        return self.outer.of(self.name, *self.parts, *parts)

    def inside(self, name: str, layers: Sequence[Mapping[str, Any]], *parts: str) -> Weights:
        """Weights of a model that is wrapped."""
        return self.outer.inside(self.name, layers, *self.parts, *parts)


def _registered(one: Mapping[str, Any]) -> str:
    """Class with the package that it was registered under, as Keras 2 and 3 say it."""
    return str(one.get("registered_name") or one.get("class_name", ""))


def _layers(config: Any) -> list[Mapping[str, Any]]:
    """Configurations of the layers of a model."""
    found = config.get("layers") if isinstance(config, dict) else config
    if not isinstance(found, list) or len(found) > LAYERS:
        raise DataError("the configuration lists no layers, or too many")
    for one in found:
        if not isinstance(one, dict) or not isinstance(one.get("config"), dict | list):
            raise DataError("the configuration of a layer is no object")
    return found


def _dtype(policy: Any) -> str:
    """Type in which a layer computes, "" where nothing is said."""
    if isinstance(policy, dict):
        own = policy.get("config")
        policy = own.get("name") if isinstance(own, dict) else None
    return "" if policy is None else str(policy)
