"""Post-training quantisation: a float net and inputs for it become an integer net, with what that costs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph import interpret
from sensorai.graph.graph import Graph, Node
from sensorai.graph.tensor import Array
from sensorai.nets import calibrating, dictionaries, evening
from sensorai.nets.calibrating import METHODS, Held
from sensorai.nets.inputs import Inputs
from sensorai.nets.labels import accuracy, classes_of
from sensorai.nets.metrics import compare
from sensorai.nets.pairs import FLOATS, SCHEMES, Plan, heads, layers, paired
from sensorai.nets.recurrent_pairs import recurrent, unlimited
from sensorai.nets.staying import saturated
from sensorai.passes.imported import IMPORTED, simplify
from sensorai.passes.rejoin import RejoinNear

#: Calls from which on every second one is kept from calibration, to judge.
APART = 20
#: Calls that are tried for each choice, and for each layer alone.
TRIED, ALONE = 32, 8

#: How much more integers before layers with weights may lose than floats there.
_MUCH = 2.0

Say = Callable[[str], None]
Given = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Settings:
    """What was asked for.

    Attributes
    ----------
    scheme : str
        Of ``pairs.SCHEMES``.
    ranges : str
        "auto", or one of ``calibrating.METHODS``.
    budget : float, optional
        Loss of accuracy, or of the cosine without labels, up to which layers become integer.
    samples : int
        Calls that are used for calibration at most.
    dictionary : int
        Bits of a weight's place in a dictionary, 0 for none.
    """

    scheme: str = "int8"
    ranges: str = "auto"
    budget: float | None = None
    samples: int = 256
    dictionary: int = 0


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer with weights.

    Attributes
    ----------
    name, operator : str
    parameters : int
    error : float
        Of the outputs where only this layer is as the scheme has it.
    weights : str
        What its weights became: "integer", "float", or "float, few" (numbers of a dictionary).
    """

    name: str
    operator: str
    parameters: int
    error: float
    weights: str

    @property
    def integer(self) -> bool:
        """Whether it became integer."""
        return self.weights == "integer"


@dataclass(frozen=True, slots=True, eq=False)
class Quantised:
    """What came of it.

    Attributes
    ----------
    source, graph : Graph
        The float net as it was simplified, and the integer net as it is emitted.
    plan : Plan
    evened : int
        Pairs of layers whose channels were scaled.
    corrected : bool
        Whether biases take up errors of weights.
    tried : tuple of (str, float)
        Choices and their errors on calibration data.
    layers : tuple of Layer
    outputs : tuple of dict
        Figures of each output beside the float net.
    accuracy : tuple of float, optional
        Of the float net and the integer net, where labels are known; of several outputs each has its own.
    calibrated, judged : int
        Calls.
    apart : bool
        Whether those that judge were kept from calibration.
    notes : tuple of str
        What was done to the inputs, and why there is no accuracy.
    """

    source: Graph
    graph: Graph
    plan: Plan
    evened: int
    corrected: bool
    tried: tuple[tuple[str, float], ...]
    layers: tuple[Layer, ...]
    outputs: tuple[dict[str, Any], ...]
    accuracy: tuple[float, float] | None
    calibrated: int
    judged: int
    apart: bool
    notes: tuple[str, ...] = ()

    @property
    def measure(self) -> str:
        """What a budget counts: "accuracy", or "cosine" where no labels are known."""
        return "cosine" if self.outputs[0]["accuracy"] is None else "accuracy"

    @property
    def unchanged(self) -> bool:
        """Whether a budget left no layer changed."""
        return all(layer.weights == "float" for layer in self.layers)


@dataclass(slots=True, eq=False)
class _Base:
    """A float net, what its tensors hold, and biases of layers where they are integer."""

    graph: Graph
    held: dict[str, Held]
    biases: Mapping[str, Array] = field(default_factory=dict)


def quantize(graph: Graph, given: Inputs, settings: Settings, say: Say = lambda _: None) -> Quantised:
    """Quantise a net that was read.

    Raises
    ------
    ConfigError
        Nothing in the net is float, or the settings make no sense.
    DataError
        The inputs do not go with the net.
    """
    _sensible(settings)
    graph, _ = simplify(graph, (*IMPORTED, RejoinNear()) if SCHEMES[settings.scheme] else IMPORTED)
    if not layers(graph, settings.scheme):
        more = " in this scheme; --scheme int8 has it" if layers(graph, "int8") else ": 'generate' it"
        raise ConfigError(
            "the net has no float layer with known weights", hint=f"there is nothing to quantise{more}"
        )
    if graph.states:
        raise ConfigError(
            "nets that keep states are not quantised here", hint="quantise where they are trained"
        )
    arrays = dict(zip(graph.inputs, given.arrays, strict=True))
    apart = given.count >= APART
    every = np.arange(given.count)
    first, second = (every[::2], every[1::2]) if apart else (every, every)
    first = first[: settings.samples]
    seen = {n: a[first] for n, a in arrays.items()}
    judge = {n: a[second] for n, a in arrays.items()}
    found, note = _labels(given, graph)
    labelled = tuple(one[second] for one in found)
    say("calibrating")
    best = _choose(graph, seen, settings, say)
    base, plan, ways, tried = best
    say("layers one by one")
    alone = _alone(base, plan, _few(seen, ALONE))
    plan, integer = _within(base, plan, alone, (judge, labelled), settings, say)
    say("judging")
    outputs, right = _judged(graph, integer, judge, labelled)
    told = tuple(replace(one, weights="float") if one.name in plan.left else one for one in alone)
    return Quantised(
        *(graph, integer, plan, *ways, tried, told, outputs, right, len(first), len(second), apart),
        (*given.notes, *((note,) if note else ())),
    )


def _sensible(settings: Settings) -> None:
    if settings.scheme not in SCHEMES:
        raise ConfigError(f"--scheme {settings.scheme!r} is not known", hint=f"one of {', '.join(SCHEMES)}")
    if settings.ranges not in ("auto", *METHODS):
        raise ConfigError(f"--ranges {settings.ranges!r} is not known", hint=f"auto, {', '.join(METHODS)}")
    if settings.budget is not None and not 0 <= settings.budget <= 1:
        raise ConfigError(f"--budget {settings.budget} is no loss", hint="from 0 to 1, such as 0.01")
    if settings.samples < 1:
        raise ConfigError("--samples must be 1 at least")
    dictionaries.check(settings.dictionary, settings.scheme != FLOATS)
    if settings.scheme == FLOATS and not settings.dictionary:
        raise ConfigError("--scheme float32 alone changes nothing", hint="add --dictionary 4")


def _few(given: Given, count: int) -> dict[str, Array]:
    """Calls spread over all of them."""
    total = len(next(iter(given.values())))
    places = np.unique(np.linspace(0, total - 1, min(count, total)).astype(int))
    return {n: a[places] for n, a in given.items()}


def _choose(
    graph: Graph, seen: Given, settings: Settings, say: Say
) -> tuple[_Base, Plan, tuple[int, bool], tuple[tuple[str, float], ...]]:
    """Take the way with the least error on some of the calibration data."""
    few = _few(seen, TRIED)
    wanted = _outputs(graph, few)
    methods = METHODS if settings.ranges == "auto" else (settings.ranges,)
    if not SCHEMES[settings.scheme]:
        methods = methods[:1]
    bases = [(_Base(graph, calibrating.observe(graph, seen)), 0)]
    even, pairs = evening.evened(graph, seen)
    if pairs:
        bases.append((_Base(even, calibrating.observe(even, seen)), pairs))
    tried: list[tuple[str, float]] = []
    ways: list[tuple[float, _Base, Plan, tuple[int, bool]]] = []
    for plain, count in bases:
        open_ended = [n.output for n in recurrent(plain.graph) if unlimited(n, plain.held)]
        left = frozenset(open_ended if settings.scheme == "int8" else ())
        plans = [Plan(settings.scheme, method, left, settings.dictionary) for method in methods]
        # rounding of weights knows no ranges: the same for each
        biases = evening.corrections(plain.graph, few, plans[0])
        choices = [plain, _Base(plain.graph, plain.held, biases)] if biases else [plain]
        for base, plan in itertools.product(choices, plans):
            error = _error(wanted, _outputs(_integer(base, plan), few))
            name = _way(plan, count, corrected=base is not plain)
            say(f"{name}: {error:.4g}")
            tried.append((name, error))
            ways.append((error, base, plan, (count, base is not plain)))
    error, base, plan, how = min(ways, key=lambda way: way[0])
    if before := heads(base.graph, plan.scheme):
        # channels of an input may have ranges that no one scale holds
        other = replace(plan, floats=before)
        found = _error(wanted, _outputs(_integer(base, other), few))
        tried.append((f"{_way(plan, how[0], corrected=how[1])}, floats up to the first layer", found))
        error, plan = (found, other) if error > _MUCH * found else (error, plan)
    if not math.isfinite(error):
        raise _unusable(_integer(base, plan), few)
    return base, plan, how, tuple(tried)


def _way(plan: Plan, evened: int, *, corrected: bool) -> str:
    """Name of a choice."""
    parts = [plan.method if SCHEMES[plan.scheme] else "weights alone"]
    parts += ["even channels"] if evened else []
    return ", ".join([*parts, "biases corrected"] if corrected else parts)


def _integer(base: _Base, plan: Plan) -> Graph:
    biases = {name: bias for name, bias in base.biases.items() if name not in plan.left}
    return simplify(paired(evening.corrected(base.graph, biases), base.held, plan))[0]


def _outputs(graph: Graph, given: Given) -> list[Array]:
    """Real values of every output."""
    values = interpret.run(graph, given)
    out = []
    for name in graph.outputs:
        quant = graph.tensors[name].quant
        array = values[name]
        out.append(np.asarray(array if quant is None else quant.real(array), np.float64))
    return out


def _error(wanted: Sequence[Array], made: Sequence[Array]) -> float:
    """Length of the difference by that of the outputs; infinite where a number is none."""
    with np.errstate(invalid="ignore", over="ignore"):
        total = sum(float(np.sum((a - b) ** 2)) for a, b in zip(wanted, made, strict=True))
    if not np.isfinite(total):
        return math.inf
    size = sum(float(np.sum(a**2)) for a in wanted)
    return float(np.sqrt(total / size)) if size else float(np.sqrt(total))


def _unusable(integer: Graph, given: Given) -> ConfigError:
    """What to say of an integer net whose outputs are not finite: the first layer that makes such numbers."""
    values = interpret.run(integer, given)
    node = next(
        (n for n in integer.nodes if not all(_finite(values[o]) for o in n.outputs)), integer.nodes[-1]
    )
    calls = [not _finite(call) for call in values[node.output]]
    return ConfigError(
        f"quantised, the net is of no use: {node.output} ({node.op.NAME}) is not finite in {sum(calls)} of "
        f"{len(calls)} calls",
        hint="a number that it divides by became 0: try --scheme int16x8 or weights-int8, or a --budget",
    )


def _finite(values: Array) -> bool:
    return values.dtype.kind != "f" or bool(np.isfinite(values).all())


def _alone(base: _Base, plan: Plan, few: Given) -> tuple[Layer, ...]:
    """Error of the outputs where only one product is integer."""
    wanted = _outputs(base.graph, few)
    every = layers(base.graph, plan.scheme)
    names = frozenset(node.output for node in every)
    out = []
    for node in every:
        made = _outputs(_integer(base, replace(plan, left=names - {node.output})), few)
        size = sum(base.graph.tensors[n].size for n in node.inputs[1:] if n)
        out.append(Layer(node.output, node.op.NAME, size, _error(wanted, made), _weights(base, node, plan)))
    return tuple(out)


def _weights(base: _Base, node: Node, plan: Plan) -> str:
    """What a scheme makes of the weights of a layer."""
    w = base.graph.tensors[node.inputs[1]].data
    if plan.scheme != FLOATS or w is None:
        return "integer"
    return "float" if plan.few(w) is w else "float, few"


def _within(
    base: _Base,
    plan: Plan,
    found: Sequence[Layer],
    judged: tuple[Given, tuple[Array, ...]],
    settings: Settings,
    say: Say,
) -> tuple[Plan, Graph]:
    """Leave layers float, the most sensitive first, until the budget holds."""
    graph = _integer(base, plan)
    if settings.budget is None:
        return plan, graph
    given, labels = judged
    wanted = _outputs(base.graph, given)
    for layer in sorted(found, key=lambda one: -one.error):
        loss = _loss(wanted, _outputs(graph, given), labels)
        say(f"loss {loss:.4g}")
        if loss <= settings.budget:
            break
        plan = replace(plan, left=plan.left | {layer.name})
        graph = _integer(base, plan)
    return plan, graph


def _loss(wanted: Sequence[Array], made: Sequence[Array], labels: tuple[Array, ...]) -> float:
    """Largest loss of an output, of the accuracy where there are labels."""
    if labels:
        every = zip(wanted, made, labels, strict=True)
        return max(accuracy(a, known) - accuracy(b, known) for a, b, known in every)
    losses = []
    for a, b in zip(wanted, made, strict=True):
        cosine = compare(a, b)["cos"]
        losses.append(1.0 - (0.0 if cosine is None else cosine))
    return max(losses)


def _labels(given: Inputs, graph: Graph) -> tuple[tuple[Array, ...], str]:
    """Class of each call for every output, or none and why; a DataError for labels that are none."""
    if not given.wanted:
        return (), ""
    if len(graph.outputs) != len(given.wanted):
        files = len(given.wanted)
        arrays = f"{files} arrays" if files > 1 else "one array"
        return (), f"labels not used: the file has {arrays} of outputs, the net {len(graph.outputs)}"
    sizes = [graph.tensors[name].size for name in graph.outputs]
    if 1 in sizes:
        which = "the net" if len(sizes) == 1 else graph.outputs[sizes.index(1)]
        return (), f"labels not used: {which} gives one number, no scores"
    pairs = zip(given.wanted, sizes, strict=True)
    return tuple(classes_of(replace(given, wanted=(one,)), scores) for one, scores in pairs), ""


def _judged(
    graph: Graph, integer: Graph, judge: Given, labels: tuple[Array, ...]
) -> tuple[tuple[dict[str, Any], ...], tuple[float, float] | None]:
    a, b = _outputs(graph, judge), _outputs(integer, judge)
    if not all(np.isfinite(y).all() for y in b):
        raise _unusable(integer, judge)
    right = [(accuracy(x, k), accuracy(y, k)) for x, y, k in zip(a, b, labels, strict=False)]
    rows = tuple(
        {
            "output": name,
            "error": _error([x], [y]),
            **compare(x, y),
            "saturated": saturated(integer, k, x),
            "accuracy": list(right[k]) if right else None,
        }
        for k, (name, x, y) in enumerate(zip(graph.outputs, a, b, strict=True))
    )
    return rows, right[0] if len(right) == 1 else None
