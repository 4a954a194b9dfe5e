"""Branches and loops: nets of the model that another of its nets runs.

A branch whose condition is known is the net that it takes; of another both nets are computed and one result
is chosen, since a net here computes the same operators in every call. A loop is as many copies of its net as
it makes turns, which must be known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.net import NetBuilder
from sensorai.importers.refusals import TooMuch
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.where import Where

#: Nets in each other, turns of a loop, and operators in all that lies in branches and loops.
DEPTH, TURNS, OPERATORS = 8, 2_000, 10_000


class Budget:
    """What a model may still hold in branches and loops, so that a small file makes no endless net."""

    def __init__(self) -> None:
        self.depth, self.operators = 0, 0

    @contextmanager
    def inside(self, operators: int) -> Iterator[None]:
        """Count one net."""
        self.depth += 1
        self.operators += operators
        if self.depth > DEPTH:
            raise TooMuch(f"branches and loops lie more than {DEPTH} deep in each other")
        if self.operators > OPERATORS:
            raise TooMuch(f"branches and loops of the model make more than {OPERATORS} operators")
        try:
            yield
        finally:
            self.depth -= 1


class Reads(Protocol):
    """Net that is being read."""

    net: NetBuilder

    def inside(self, number: int, inputs: Sequence[Tensor], maybe: bool = False) -> list[Tensor]:
        """Read another net of the model in place; what it gives."""
        ...


def _if(net: Reads, where: str, options: Any, inputs: Sequence[Tensor], names: Sequence[str]) -> list[Tensor]:
    if options is None or not inputs or inputs[0].dtype != "bool" or inputs[0].size != 1:
        raise ConfigError(f"{where}: its condition is no single truth value, or its options are missing")
    condition, given = inputs[0], inputs[1:]
    both = options.ThenSubgraphIndex(), options.ElseSubgraphIndex()
    if condition.data is not None:
        return net.inside(both[0] if condition.data.reshape(-1)[0] else both[1], given)
    if condition.shape:
        (condition,) = net.net.add(Reshape(()), (condition,), (f"{names[0] if names else ''}.condition",))
    one, other = (net.inside(number, given, True) for number in both)
    if [(t.dtype, t.shape, t.quant) for t in one] != [(t.dtype, t.shape, t.quant) for t in other]:
        raise ConfigError(f"{where}: both ways must give tensors of the same types, shapes and scales")
    out = []
    for k, (a, b) in enumerate(zip(one, other, strict=True)):
        wish = names[k] if k < len(names) else ""
        out.append(a if a is b else net.net.add(Where(), (condition, a, b), (wish,), (a.quant,))[0])
    return out


def _while(
    net: Reads, where: str, options: Any, inputs: Sequence[Tensor], names: Sequence[str]
) -> list[Tensor]:
    if options is None:
        raise ConfigError(f"{where}: its options are missing")
    now = list(inputs)
    for _ in range(TURNS):
        asked = net.inside(options.CondSubgraphIndex(), now)
        if len(asked) != 1 or asked[0].dtype != "bool" or asked[0].size != 1:
            raise ConfigError(f"{where}: its condition is no single truth value")
        if asked[0].data is None:
            raise ConfigError(
                f"{where}: how often it turns is computed while the net runs",
                hint="convert a model whose loops make the same number of turns in every call",
            )
        if not asked[0].data.reshape(-1)[0]:
            return now
        made = net.inside(options.BodySubgraphIndex(), now)
        if [(t.dtype, t.shape) for t in made] != [(t.dtype, t.shape) for t in now]:
            raise ConfigError(f"{where}: what it carries from turn to turn changes its type or shape")
        now = made
    raise ConfigError(f"{where}: it turns more than {TURNS} times")


Branch = Callable[[Any, str, Any, Sequence[Tensor], Sequence[str]], list[Tensor]]

BRANCHES: Mapping[str, Branch] = {"IF": _if, "WHILE": _while}
