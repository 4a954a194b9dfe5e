"""What was counted on a core, in the words and the layout of ST's tool: times of nodes, bytes by section."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sensorai.nets.costs import Costs
from sensorai.nets.sheet import NOT_ASKED, Sheet
from sensorai.writing.plainline import one_line

#: ST's short names of types.
_SHORT = {"float32": "f32", "float64": "f64", "float16": "f16", "bool": "bool"}


def short(dtype: str) -> str:
    """ST's short name of a type."""
    return _SHORT.get(dtype, dtype.replace("uint", "u").replace("int", "s"))


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns between lines, as reports of ST's tool have them."""
    cells = [[one_line(cell)[:60] for cell in row] for row in rows]
    widths = [max(len(head), *(len(row[k]) for row in cells), 4) for k, head in enumerate(heads)]
    rule = " ".join("-" * width for width in widths)
    shown = [" ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    return [rule, " ".join(h.ljust(w) for h, w in zip(heads, widths, strict=True)), rule, *shown, rule]


def tables(counted: Costs, made: Sheet | None) -> list[str]:
    """Lines behind those that every report has."""
    kinds: Counter[str] = Counter()
    for layer in counted.layers:
        kinds[f"op_{short(layer.type)}"] += layer.macc
    share = [(k, f"{n:,}", f"{n / counted.macc:.1%}" if counted.macc else "") for k, n in kinds.most_common()]
    lines = ["", "Number of operation types", *table(("operation type", "#", "%"), share)]
    if made is None or (made.counted is None and made.why == NOT_ASKED):
        return lines
    one = made.counted
    if one is None:
        return [*lines, "", f"Inference time per node - not counted: {one_line(made.why)}"]
    total = one.call.cycles if one.call.cycles is not None else one.call.instructions
    rows, before = [], 0.0
    for k, (layer, ran) in enumerate(zip(counted.layers, one.layers, strict=True)):
        part = ran.instructions if ran.cycles is None else ran.cycles
        before += part
        cycles = "" if ran.cycles is None else f"{ran.cycles:,.0f}"
        ms = ""
        if ran.cycles is not None and made.clock:
            ms = f"{1e3 * ran.cycles / made.clock:.3f}"
        shares = (f"{part / total:.1%}", f"{before / total:.1%}") if total else ("", "")
        rows.append(
            (str(k), str(k), layer.operator, f"{ran.instructions:,}", cycles, ms, *shares, layer.name)
        )
    heads = ("c_id", "m_id", "type", "instructions", "cycles", "dur (ms)", "%", "cumul", "name")
    by_macc = "" if one.call.cycles is None or not counted.macc else f"{one.call.cycles / counted.macc:.2f}"
    said = [
        f"instructions       :   {one.call.instructions:,} (counted on {one.core}, {one.emulator})",
        f"cycles             :   {'unknown' if one.call.cycles is None else f'{one.call.cycles:,.0f}'} "
        f"(estimated: {one_line(made.model)})",
        f"cycles/MACC        :   {by_macc or 'unknown'}",
    ]
    if made.seconds is not None and made.clock is not None:
        said.append(
            f"duration           :   {1e3 * made.seconds:.3f} ms at {made.clock / 1e6:g} MHz (estimated)"
        )
    return [
        *lines,
        "",
        "Inference time per node",
        *said,
        *table(heads, rows),
        "",
        f'Requested memory size by section - "{one.core}" target (GCC -O2)',
        *_sections(counted, made),
    ]


def _sections(counted: Costs, made: Sheet) -> list[str]:
    one = made.counted
    if one is None:
        return []
    rows = [
        ("code", one.code, 0),
        ("weights", one.numbers, 0),
        ("activations", 0, counted.arena or 0),
        ("states", 0, counted.states),
        ("io", 0, (counted.ram or 0) - (counted.arena or 0) - counted.states),
    ]
    total = ("TOTAL", sum(row[1] for row in rows), sum(row[2] for row in rows))
    cells = [
        (name, f"{flash:,}" if flash else "", f"{ram:,}" if ram else "")
        for name, flash, ram in [*rows, total]
    ]
    more = ", at least" if one.stack_open else ""
    return [*table(("module", "FLASH (ro)", "RAM (rw)"), cells), f"stack of a call: {one.stack:,} B{more}"]


def with_times(info: dict[str, Any], counted: Costs, made: Sheet | None) -> dict[str, Any]:
    """Add ``exec_time`` of the graph and its nodes, and bytes of code, to what ST calls ``c_info``."""
    if made is None or made.counted is None:
        return info
    one = made.counted
    (graph,) = info["graphs"]
    total = one.call.instructions if one.call.cycles is None else one.call.cycles
    for node, layer, ran in zip(graph["nodes"], counted.layers, one.layers, strict=True):
        node["exec_time"] = _time(ran.instructions, ran.cycles, layer.macc, made.clock, total)
    graph["exec_time"] = _time(one.call.instructions, one.call.cycles, counted.macc, made.clock, total)
    graph["exec_time"]["source"] = (
        f"instructions counted on {one.core} ({one.emulator}); cycles: {made.model}"
    )
    info["memory_footprint"]["kernel_flash"] = one.code
    info["memory_footprint"]["kernel_ram"] = 0
    info["memory_footprint"]["stack"] = one.stack
    info["memory_footprint"]["toolchain"] = "GCC -O2"
    return info


def _time(
    instructions: int, cycles: float | None, macc: int, clock: float | None, total: float
) -> dict[str, Any]:
    part = instructions if cycles is None else cycles
    return {
        "cycles": None if cycles is None else round(cycles),
        "cycles_by_macc": cycles / macc if cycles is not None and macc else None,
        "duration_ms": 1e3 * cycles / clock if cycles is not None and clock else None,
        "percentage": 100 * part / total if total else 0.0,
        "counters": {"instructions": instructions},
    }
