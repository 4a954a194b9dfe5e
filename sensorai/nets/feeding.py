"""A window of sensor samples before a net: ``pipeline.toml``, and the pipeline that it makes of a net."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sensorai.cproject.scales import TYPICAL, UNITS, Scales
from sensorai.errors import ConfigError, DataError
from sensorai.graph.graph import Graph
from sensorai.graph.quant import Affine, Pow2
from sensorai.graph.tensor import Tensor
from sensorai.importers.net import NetBuilder
from sensorai.ispu import devices as ispu
from sensorai.model.pipeline import Count, Pipeline
from sensorai.nets.compiling import compiled
from sensorai.nets.target import Target
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.cast import Cast
from sensorai.ops.nd.quantize import Quantize
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.transpose import Transpose
from sensorai.targets import closest

#: Units that a net may take values in: by sensor, how many make one unit of a count (mg, dps).
TAKEN: Mapping[str, Mapping[str, float]] = {
    "acc": {"mg": 1.0, "g": 1e-3, "m/s2": 9.80665e-3},
    "gyro": {"dps": 1.0, "mdps": 1e3, "rad/s": math.pi / 180},
}
#: Channels that a sample may have.
CHANNELS = tuple(f"{sensor}_{axis}" for sensor in UNITS for axis in "xyz")
#: Names of the axes of the input.
TIME, AXES = "time", "axes"


@dataclass(frozen=True, slots=True)
class Feed:
    """What ``pipeline.toml`` says.

    Attributes
    ----------
    rate : float
        Samples per second.
    window, stride : int
        Samples of a window, and from one window to the next.
    columns : tuple of str
        Channels in the order in which the net takes them.
    units : mapping of sensor to str
        Unit of the values that the net takes.
    full_scale : mapping of sensor to float
        That the sensor is set to: g, dps.
    factor, offset : tuple of float
        Value of the net = value in its unit * factor + offset, by column.
    layout : tuple of str
        Axes of the input: ``time``, ``axes`` and 1.
    classes : tuple of str
        Names of the scores; empty: their numbers.
    output : str
        Output that has the scores; empty: the only one.
    wins : int
        Answers that a class must be ahead before it is the decision.
    where : str
        File that says so.
    """

    rate: float
    window: int
    stride: int
    columns: tuple[str, ...]
    units: Mapping[str, str]
    full_scale: Mapping[str, float]
    factor: tuple[float, ...]
    offset: tuple[float, ...]
    layout: tuple[str, ...]
    classes: tuple[str, ...] = ()
    output: str = ""
    wins: int = 0
    where: str = ""


#: Keys of the file; the first ones must be there.
_NEEDED = ("rate", "window", "columns", "units", "full_scale")
_KEYS = (*_NEEDED, "stride", "factor", "offset", "layout", "classes", "output", "wins")


def read_feed(path: Path) -> Feed:
    """Read a ``pipeline.toml``.

    Raises
    ------
    DataError
        It cannot be read.
    ConfigError
        A key is unknown, missing, or has no meaning.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"cannot read the pipeline: {error.strerror}", where=str(path)) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise DataError(f"this is no TOML: {error}", where=str(path)) from None
    return parse_feed(found, str(path))


def parse_feed(found: Mapping[str, Any], where: str) -> Feed:
    """Take the keys of a ``pipeline.toml``."""
    for key in found:
        if key not in _KEYS:
            raise ConfigError(f"{key!r} is no key of a pipeline", where=where, hint=closest(key, _KEYS))
    for key in _NEEDED:
        if key not in found:
            raise ConfigError(f"the pipeline does not say {key}", where=where, hint=_HINTS[key])
    say = _Said(found, where)
    columns = say.texts("columns")
    if not columns or len(set(columns)) != len(columns) or any(c not in CHANNELS for c in columns):
        raise ConfigError("columns are no channels, each once", where=where, hint=_HINTS["columns"])
    sensors = tuple(dict.fromkeys(c.partition("_")[0] for c in columns))
    window = say.whole("window", 1)
    return Feed(
        say.number("rate", found["rate"], 0.0),
        window,
        say.whole("stride", 1) if "stride" in found else window,
        columns,
        {s: say.choice("units", s, TAKEN[s]) for s in sensors},
        {s: say.number("full_scale", say.of("full_scale", s), 0.0) for s in sensors},
        say.each("factor", len(columns), 1.0),
        say.each("offset", len(columns), 0.0),
        say.layout(),
        say.texts("classes") if "classes" in found else (),
        str(found.get("output", "")),
        say.whole("wins", 0) if "wins" in found else 0,
        where,
    )


_HINTS = {
    "rate": "rate = 26  # samples a second",
    "window": "window = 24  # samples",
    "columns": f"columns = [...] of {', '.join(CHANNELS)}",
    "units": 'units = {acc = "g"}  # that the net was trained on',
    "full_scale": "full_scale = {acc = 4}  # of the sensor: g, dps",
}


class _Said:
    """Values of the file, checked."""

    def __init__(self, found: Mapping[str, Any], where: str) -> None:
        self.found, self.where = found, where

    def _wrong(self, key: str, what: str) -> ConfigError:
        return ConfigError(f"{key} is not {what}", where=self.where, hint=_HINTS.get(key, ""))

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.found[key]
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            raise self._wrong(key, "a list of names")
        return tuple(value)

    def number(self, key: str, value: Any, above: float = -math.inf) -> float:
        good = isinstance(value, int | float) and not isinstance(value, bool)
        if not good or not math.isfinite(value) or not value > above or abs(value) > 1e9:
            raise self._wrong(key, "a number that makes sense")
        return float(value)

    def whole(self, key: str, least: int) -> int:
        value = self.found[key]
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= 1 << 15:
            raise self._wrong(key, f"a whole number from {least} on")
        return value

    def of(self, key: str, sensor: str) -> Any:
        value = self.found[key]
        if not isinstance(value, dict) or sensor not in value:
            raise ConfigError(f"{key} says nothing of {sensor}", where=self.where, hint=_HINTS[key])
        return value[sensor]

    def choice(self, key: str, sensor: str, known: Mapping[str, float]) -> str:
        value = self.of(key, sensor)
        if value not in known:
            raise ConfigError(
                f"{key}: {value!r} is no unit of {sensor}",
                where=self.where,
                hint=f"one of {', '.join(known)}",
            )
        return str(value)

    def each(self, key: str, count: int, usual: float) -> tuple[float, ...]:
        value = self.found.get(key, usual)
        many = value if isinstance(value, list) else [value] * count
        if len(many) != count:
            raise self._wrong(key, f"a number, or {count} of them")
        return tuple(self.number(key, one) for one in many)

    def layout(self) -> tuple[str, ...]:
        value = self.found.get("layout", [1, TIME, AXES])
        good = isinstance(value, list) and all(
            (type(v) is int and v == 1) or v in (TIME, AXES) for v in value
        )
        if not good or sorted(v for v in value if v != 1) != [AXES, TIME]:
            raise ConfigError(
                "layout is not the axes of the input", where=self.where, hint='layout = [1, "time", "axes"]'
            )
        return tuple(map(str, value))


# ---------------------------------------------------------------- the pipeline of a net


def pipeline_of(graph: Graph, feed: Feed, at: Target, name: str) -> Pipeline:
    """Put a window of counts before a net.

    Raises
    ------
    ConfigError
        The net does not take such windows, or the device has no such full scale.
    """
    try:
        return _pipeline(graph, feed, at, name)
    except ConfigError as error:
        error.where = error.where or feed.where
        raise


def _pipeline(graph: Graph, feed: Feed, at: Target, name: str) -> Pipeline:
    counts = tuple(_count(channel, feed, at) for channel in feed.columns)
    fed = _fed(graph, feed, counts)
    scores = fed.tensors[fed.outputs[0]].size
    if feed.classes and len(feed.classes) != scores:
        raise ConfigError(
            f"the net gives {scores} scores, but {len(feed.classes)} classes are named",
            hint=f"classes = [...] with {scores} names, or no such line: they are numbers then",
        )
    classes = feed.classes or tuple(map(str, range(scores)))
    return Pipeline(
        name,
        counts,
        feed.rate,
        feed.window,
        feed.stride,
        (),
        (),
        None,
        fed,
        classes,
        feed.wins,
    )


def _count(channel: str, feed: Feed, at: Target) -> Count:
    """Value of a count of a channel, at the full scale that was said."""
    sensor = channel.partition("_")[0]
    known = dict(_scales(at)[sensor]) if sensor in _scales(at) else {}
    full = feed.full_scale[sensor]
    if full not in known:
        whose = at.device if at.name == "ispu" else "a typical sensor"
        raise ConfigError(
            f"{whose} has no {sensor} full scale of {full:g}",
            hint=f"it has {', '.join(f'{one:g}' for one in known) or 'no such sensor'}",
        )
    return Count(channel, UNITS[sensor], known[full])


def _scales(at: Target) -> Mapping[str, Scales]:
    if at.name != "ispu":
        return TYPICAL
    part = ispu.device(at.device)
    return {
        sensor: tuple((full, part.lsb(sensor, full) / per) for full in sorted(part.full_scales(sensor)))
        for sensor, per in (("acc", 1.0), ("gyro", 1000.0))
        if part.full_scales(sensor)
    }


def _fed(graph: Graph, feed: Feed, counts: Sequence[Count]) -> Graph:
    """The net with counts for an input, and its scores as float32 or int32 in one row."""
    if len(graph.inputs) != 1:
        raise ConfigError(f"the net has {len(graph.inputs)} inputs; a window of samples is one")
    if graph.states:
        raise ConfigError("the net keeps states from call to call, which windows would mix")
    chosen = _chosen(graph, feed.output)
    taken = graph.tensors[graph.inputs[0]]
    extents = {TIME: feed.window, AXES: len(feed.columns), "1": 1}
    shape = tuple(extents[axis] for axis in feed.layout)
    if taken.shape != shape:
        raise ConfigError(
            f"the net takes {taken.shape}, but a window with layout {', '.join(feed.layout)} is {shape}",
            hint="window, columns and layout must make the shape of the input",
        )
    net = NetBuilder()
    net.tensors = {n: t for n, t in graph.tensors.items() if n != taken.name}
    values = _values(net, net.input("counts", (feed.window, len(counts)), "int16"), feed, counts)
    if feed.layout.index(AXES) < feed.layout.index(TIME):
        (values,) = net.add(Transpose((1, 0)), (values,), ("turned",))
    last = "int" in taken.dtype
    (values,) = net.add(Reshape(shape), (values,), ("shaped" if last else taken.name,))
    if last:
        (values,) = net.add(Quantize(taken.dtype), (values,), (taken.name,), (_affine(taken),))
    elif taken.dtype != "float32":
        raise ConfigError(
            f"the input {taken.name} is {taken.dtype}; windows are float32 or integers with a scale"
        )
    net.nodes += graph.nodes
    made = graph.tensors[chosen]
    if made.dtype not in ("float32", "int32"):
        if made.dtype not in ("int8", "uint8", "int16", "uint16", "bool", "float64"):
            raise ConfigError(
                f"the scores {chosen} are {made.dtype}", hint="name another output in the pipeline"
            )
        (made,) = net.add(Cast("float32" if made.dtype == "float64" else "int32"), (made,), ("scores",))
    # what is put before the net is for the same core
    return replace(compiled(net.graph((made,))).graph, isa=graph.isa)


def _chosen(graph: Graph, output: str) -> str:
    if output and output not in graph.outputs:
        raise ConfigError(f"the net has no output {output!r}", hint=f"it has {', '.join(graph.outputs)}")
    if not output and len(graph.outputs) != 1:
        raise ConfigError(
            f"the net has {len(graph.outputs)} outputs", hint=f"output = one of {', '.join(graph.outputs)}"
        )
    return output or graph.outputs[0]


def _values(net: NetBuilder, counts: Tensor, feed: Feed, channels: Sequence[Count]) -> Tensor:
    """Real values that the net takes: one product and one sum in float32, both rounded."""
    factors = []
    for one, factor in zip(channels, feed.factor, strict=True):
        sensor = one.name.partition("_")[0]
        factors.append(one.lsb * TAKEN[sensor][feed.units[sensor]] * factor)
    (real,) = net.add(Cast("float32"), (counts,), ("real",))
    by = net.constant("factor", np.asarray(factors, np.float32))
    (made,) = net.add(Binary("mul"), (real, by), ("scaled",))
    if any(feed.offset):
        (made,) = net.add(
            Binary("add"), (made, net.constant("offset", np.asarray(feed.offset, np.float32))), ("moved",)
        )
    return made


def _affine(tensor: Tensor) -> Affine:
    if isinstance(tensor.quant, Pow2):
        return Affine((2.0**-tensor.quant.places,))
    if isinstance(tensor.quant, Affine) and len(tensor.quant.scale) == 1:
        return replace(tensor.quant, axis=None)
    raise ConfigError(
        f"the input {tensor.name} is {tensor.dtype} without a scale: what its numbers mean is not known"
    )
