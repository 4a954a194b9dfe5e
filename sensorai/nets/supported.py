"""What of the operators of each framework is read, and what has C: made from rules and operator modules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sensorai.importers.onnx.rules import Refused
from sensorai.nets.integer_forms import form_of
from sensorai.nets.model import WORDS
from sensorai.nets.onnx_layers import written
from sensorai.nets.survey import rules_of
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.conv_transpose import ConvTranspose
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.pool import Pool
from sensorai.ops.nd.recurrent import Recurrent
from sensorai.ops.nd.table import ND_OPERATORS


@dataclass(frozen=True, slots=True)
class Supported:
    """One of our operators.

    Attributes
    ----------
    name, words : str
    types : tuple of str
        Types of its first input among its test cases.
    emitted : bool
        Whether it has C.
    quantised : str
        What of it 'quantize' makes integers of; "" for nothing.
    handed_over : bool
        Whether it is written as ONNX.
    """

    name: str
    words: str
    types: tuple[str, ...]
    emitted: bool
    quantised: str
    handed_over: bool


def becomes_integer(kind: type[NdOperator]) -> str:
    """What of a class 'quantize' makes integers of, in a word or two; "" for nothing."""
    if issubclass(kind, Pool):
        return "max, average"
    if issubclass(kind, Recurrent):
        return "with int8"
    return "yes" if issubclass(kind, Conv | ConvTranspose | FullyConnected) else form_of(kind)


def operators() -> list[Supported]:
    """Our operators, by name."""
    return [_operator(one) for _, one in sorted(ND_OPERATORS.items())]


def _operator(one: type[NdOperator]) -> Supported:
    types: dict[str, None] = {}
    for _, graph in one.cases():
        for node in graph.nodes:
            if isinstance(node.op, one) and node.reads:
                types[graph.tensors[node.reads[0]].dtype if node.reads[0] else ""] = None
    words = (one.__doc__ or "").strip().splitlines()[0] if one.__doc__ else ""
    known = tuple(sorted(filter(None, types)))
    return Supported(one.NAME, words, known, one.EMITTED, becomes_integer(one), written(one))


def names(kind: str) -> list[str]:
    """Operators of a framework that are read."""
    return sorted(name for name, rule in rules_of(kind).items() if not isinstance(rule, Refused))


def figures(kind: str | None) -> dict[str, Any]:
    """What ``supported-ops --json`` says."""
    kinds = [kind] if kind else [k for k in WORDS if rules_of(k)]
    return {
        "read": {k: names(k) for k in kinds},
        "operators": [
            {
                "name": o.name,
                "what": o.words,
                "types": list(o.types),
                "reference": True,
                "c": o.emitted,
                "quantized": bool(o.quantised),
                "quantized_forms": o.quantised,
                "onnx": o.handed_over,
            }
            for o in operators()
        ],
    }


def markdown() -> str:
    """Page of the operators: ``python -m sensorai.nets.supported > docs/operators.md``."""
    lines = [
        "# Operators of nets made elsewhere",
        "",
        "Made from the code (`make docs`); a test fails when it is out of date. What of an operator's",
        "attributes or types is not supported is said by one message that names the node, when a model is",
        "read.",
        "",
    ]
    for kind, words in WORDS.items():
        known = names(kind)
        if known:
            lines += [
                f"## {words}: {len(known)} operators are read",
                "",
                ", ".join(f"`{n}`" for n in known) + ".",
                "",
            ]
    lines += [
        "## What they become",
        "",
        "Every operator has an exact reference. The types are those of its first input that the tests run,",
        "in the reference, in C on this machine and on emulated cores. `quantize` makes integers of what",
        "its column says: of layers with weights, and of others between, before and behind them. It leaves",
        "the rest float, and names it with the reason. `quantize` and `generate --hand-over` write those",
        "that say so under ONNX.",
        "",
        "| operator | what it does | types | C | quantize | ONNX |",
        "|---|---|---|---|---|---|",
    ]
    for one in operators():
        told = ["yes" if it else "no" for it in (one.emitted, one.handed_over)]
        told.insert(1, one.quantised or "no")
        lines.append(f"| `{one.name}` | {one.words} | {', '.join(one.types)} | {' | '.join(told)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(markdown())
