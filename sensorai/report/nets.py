"""Nets made elsewhere as pages: what each layer costs, and one net over many devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sensorai.nets.costs import Costs, saved_words
from sensorai.nets.room import shortened
from sensorai.nets.sheet import Sheet
from sensorai.nets.target import fit_words
from sensorai.report import charts
from sensorai.report.page import fill
from sensorai.report.words import NOTHING, short

#: Layers that are drawn; a table has all of them.
_DRAWN = 40
#: Characters of a layer's name in the table; all of it shows where the pointer rests.
_NAME = 40


def analysis_page(
    found: Mapping[str, Any], counted: Costs, made: Sheet | None, streamed: Sequence[str] = ()
) -> str:
    """Page of a net and its layers.

    Parameters
    ----------
    found : mapping
        What ``analyze --json`` says.
    counted : Costs
    made : Sheet or None
        The net on a device; None where none was said.
    streamed : sequence of str
        What is said of a push, where the net gets columns of time.
    """
    return fill(
        "net.jinja",
        net=found,
        cards=_cards(counted, made),
        ports=[
            {
                "role": role,
                "name": one["name"],
                "type": one["type"],
                "shape": _shape(one),
                "bytes": one["bytes"],
            }
            for role in ("input", "output", "state")
            for one in found[f"{role}s"]
        ],
        fits=[] if "fit" not in found else fit_words(found["fit"]),
        device=None if made is None else made.at.device,
        lacks=[] if made is None or made.lack is None else made.lack.words(),
        said=[] if made is None else made.words()[: None if made.lack is None else -len(made.lack.words())],
        layers=_layers(counted, made),
        drawing=_drawing(counted, made),
        what="instructions" if made is not None and made.layers else "MACC",
        notes=[*streamed, *saved_words(counted), *found["did"]],
    )


def _shape(port: Mapping[str, Any]) -> str:
    return "x".join(map(str, port["shape"])) or "1"


def _cards(counted: Costs, made: Sheet | None) -> list[tuple[str, str]]:
    cards = [
        (f"{counted.macc:,}", f"MACC; {counted.macs:,} multiply-accumulates"),
        (f"{counted.weights:,} B", f"weights in flash, {counted.parameters:,} numbers"),
    ]
    if counted.ram is not None:
        cards.append((f"{counted.ram:,} B", f"RAM, {counted.arena or 0:,} of them activations"))
    if made is None or made.counted is None:
        return cards
    one = made.counted
    cards.append((f"{one.call.instructions:,}", f"instructions a call, counted on {one.core}, emulated"))
    if made.seconds is not None and made.clock is not None:
        cards.append((short(made.seconds, "s"), f"a call at {made.clock / 1e6:g} MHz, estimated"))
    if made.joules is not None:
        cards.append((short(made.joules, "J"), "a call, estimated"))
    cards.append((f"{one.flash:,} B", f"library in flash, {one.code:,} of them code; stack {one.stack:,}"))
    return cards


def _layers(counted: Costs, made: Sheet | None) -> list[dict[str, str]]:
    ran = () if made is None else made.layers
    held = () if made is None else made.held
    rows = []
    for k, layer in enumerate(counted.layers):
        one = ran[k] if ran else None
        cycles = None if one is None else one.cycles
        rows.append(
            {
                "name": shortened(layer.name, _NAME),
                "whole": layer.name,
                "operator": layer.operator,
                "type": f"{layer.type} {layer.shape}",
                "macc": f"{layer.macc:,}",
                "macs": f"{layer.macs:,}",
                "flash": f"{layer.weight_bytes:,}",
                "ram": f"{held[k]:,}" if held else NOTHING,
                "instructions": NOTHING if one is None else f"{one.instructions:,}",
                "each": f"{one.instructions / layer.macs:.2f}" if one is not None and layer.macs else "",
                "cycles": NOTHING if cycles is None else f"{cycles:,.0f}",
                "energy": NOTHING if cycles is None else _energy(cycles, made),
            }
        )
    return rows


def _energy(cycles: float, made: Sheet | None) -> str:
    """Share of the energy of a call."""
    if made is None or made.joules is None or made.counted is None or not made.counted.call.cycles:
        return NOTHING
    return short(made.joules * cycles / made.counted.call.cycles, "J")


def _drawing(counted: Costs, made: Sheet | None) -> str:
    """Bars of the layers that take most, in their order."""
    ran = () if made is None else made.layers
    values: list[float]
    if ran:
        values, what = [one.instructions for one in ran], "instructions"
    else:
        values, what = [layer.macc for layer in counted.layers], "MACC"
    total = sum(values)
    if not total:
        return ""
    most = set(sorted(range(len(values)), key=lambda k: -values[k])[:_DRAWN])
    shown = [k for k in range(len(values)) if k in most and values[k]]
    names = [f"{shortened(counted.layers[k].name, 26)} ({counted.layers[k].operator})" for k in shown]
    shares: list[float | None] = [100 * values[k] / total for k in shown]
    return charts.bars(names, shares, "%", f"share of {what} by layer", signed=False)
