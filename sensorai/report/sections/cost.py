"""What it costs: registers of the core, or memory, instructions, time and energy of the C, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sensorai.experiment import tables
from sensorai.report import about, words
from sensorai.report.blocks import line, table
from sensorai.report.section import Figures, Lines, Page, Section, Views
from sensorai.report.sections import proof

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """A row of a cost table: what, how much, and where that comes from."""

    name: str
    value: str
    source: str


# ---------------------------------------------------------------- figures


def stand_in(report: Figures) -> bool:
    """Whether figures are those of another core than the device's."""
    cost, facts = report["cost"], tables.TARGETS.get(report["target"])
    return facts is not None and facts.stand_in and bool(cost.get("library") or cost.get("program"))


def whole_program(report: Figures) -> list[Figure]:
    """What the whole program of an ISPU takes, as its stand-in has it; nothing on other targets."""
    built = report["cost"].get("program")
    if not built:
        return []
    return [
        Figure(
            "code and constants", f"{built['code_bytes']:,} of {built['code_limit']:,} B", built["source"]
        ),
        Figure("variables", f"{built['data_bytes']:,} of {built['data_limit']:,} B", built["source"]),
        Figure("stack, as the compiler states it", f"{built['stack_bytes']:,} B", built["source"]),
    ]


def library(report: Figures) -> list[Figure]:
    """What the C by itself costs; nothing where nothing was measured."""
    cost, sources = report["cost"].get("library"), report.get("sources", {})
    if not cost:
        return []
    compiled, run, guess = (sources.get(key, words.NOTHING) for key in ("memory", "run", "cycles"))
    rows = [
        Figure("flash: code and tables", f"{cost['flash']:,} B", compiled),
        Figure("RAM: context and variables", f"{cost['ram']:,} B", compiled),
        Figure("stack, most", f"{cost['stack']:,} B", run),
    ]
    if cost["instructions_mean"] is None:
        return [*rows, Figure("instructions, time and energy", words.NOTHING, "nothing was run")]
    cycles = words.NOTHING if cost["cycles"] is None else f"{cost['cycles']:,.0f}"
    rows += [
        Figure("instructions a window, mean", f"{cost['instructions_mean']:,.0f}", run),
        Figure("instructions a window, most", f"{cost['instructions_most']:,}", run),
        Figure("instructions a sample between windows", f"{cost['instructions_sample']:,.0f}", run),
        Figure("cycles a window", cycles, guess),
    ]
    for name, key, unit, how in (
        ("time a window", "seconds", "s", "an estimate: the cycles at the highest clock"),
        ("energy a window", "joules", "J", "an estimate: the cycles at the stated current"),
    ):
        if cost[key] is not None:
            rows.append(Figure(name, words.short(cost[key], unit), how))
    return [*rows, *_learning(report, compiled)]


def memory(report: Figures) -> list[Figure]:
    """What it takes of the device, whatever the device is; nothing where nothing was counted."""
    if said := registers(report):
        return [Figure("registers", said, report.get("sources", {}).get("registers", words.NOTHING))]
    # without what running costs
    rows = library(report)[:3]
    if stand_in(report):
        rows = [
            Figure(one.name, one.value, f"{one.source}, {report['cost']['library']['core']}") for one in rows
        ]
    return [*whole_program(report), *rows]


def _learning(report: Figures, compiled: str) -> list[Figure]:
    """Rows of what learning on the device costs; none where it does not learn."""
    cost = report["cost"].get("learning")
    if not cost:
        return []
    return [
        Figure("flash with learning, saving and restoring", f"{cost['flash']:,} B", compiled),
        Figure("saved knowledge", f"{cost['blob']:,} B", "computed"),
        Figure("instructions to learn a window, mean", f"{cost['learn']:,.0f}", "emulated"),
        Figure("instructions to freeze, most", f"{cost['freeze']:,}", "emulated"),
        Figure("instructions to save, to restore", f"{cost['save']:,}, {cost['restore']:,}", "emulated"),
    ]


def layers(report: Figures) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Rows of the layer table and their sums; a dash where instructions were not counted by layer."""
    rows: Sequence[Mapping[str, Any]] = report["cost"].get("layers") or ()

    def row(name: str, layer: Mapping[str, Any]) -> dict[str, str]:
        ran = layer.get("instructions")
        return {
            "name": name,
            "macs": f"{layer['macs']:,}",
            "weights": f"{layer['weight_bytes']:,}",
            "activations": f"{layer['activation_bytes']:,}",
            "instructions": words.NOTHING if ran is None else f"{ran:,.0f}",
        }

    keys = ("macs", "weight_bytes", "activation_bytes")
    total: dict[str, Any] = {key: sum(layer[key] for layer in rows) for key in keys}
    ran = [layer.get("instructions") for layer in rows]
    total["instructions"] = None if None in ran else sum(n for n in ran if n is not None)
    # activations share one arena: they do not add up
    return [row(layer["name"], layer) for layer in rows], {**row("all", total), "activations": ""}


def registers(report: Figures) -> str | None:
    """Steps and nodes of the machine learning core; None for C."""
    took = report["cost"].get("registers")
    if not took:
        return None
    writes = "" if took["writes"] is None else f"{words.plural(took['writes'], 'step')} in the file, "
    return f"{writes}{took['nodes']:,} of {took['nodes_limit']:,} tree nodes used"


def cards(report: Figures) -> list[tuple[str, str]]:
    """Figures of the C in large type, and what they are."""
    if about.on_core(report):
        return []
    cost = report["cost"].get("library")
    if not cost:
        return [] if about.validation(report) else [
            ("not measured", "flash, RAM, stack and instructions: see below")
        ]  # fmt: skip
    of = " (stand-in)" if stand_in(report) else ""
    out = [(f"{cost['flash']:,} B", f"flash; RAM {cost['ram']:,} B, stack {cost['stack']:,} B{of}")]
    if cost["instructions_mean"] is not None:
        where = " on the stand-in" if stand_in(report) else ""
        out.append((f"{cost['instructions_mean']:,.0f}", f"instructions a window (mean), emulated{where}"))
    return out


def _there(report: Figures) -> bool:
    """Whether there is anything to say; a validation that did not count says nothing of it."""
    cost = report["cost"]
    if about.on_core(report):
        return bool(cost.get("registers"))
    return bool(cost.get("library") or cost.get("program")) or not about.validation(report)


# ---------------------------------------------------------------- text


def text(report: Figures) -> Lines:
    """Registers, or tables of what the C costs."""
    if not _there(report):
        return []
    if said := registers(report):
        return [line(f"registers: {said}")]
    out: Lines = []
    if rows := whole_program(report):
        out += [_table("whole program at -Os", rows), line("")]
    if rows := library(report):
        out += [
            line(f"{_by_itself(report)} by itself at -O2 on {report['cost']['library']['core']}"),
            _table("cost", rows),
        ]
    else:
        out.append(
            line(f"instructions, flash, RAM and stack of the {_by_itself(report)} by itself: not measured")
        )
    rows_of, sums = layers(report)
    if rows_of:
        shown = table("layer", ("MACs", "weights, B", "activations, B", "instructions"))
        for row in [*rows_of, sums] if len(rows_of) > 1 else rows_of:
            cells = (row[key] for key in ("macs", "weights", "activations", "instructions"))
            shown.add_row(line(row["name"]), *cells)
        out += [line(""), shown]
    return out


def _by_itself(report: Figures) -> str:
    return "detector" if about.detector(report) else "model"


def _table(name: str, rows: Sequence[Figure]) -> Table:
    out = table(name, ("",), 46, "source")
    for row in rows:
        out.add_row(row.name, row.value, line(row.source))
    return out


# ---------------------------------------------------------------- page


def page(report: Figures, views: Views) -> Page:
    """Registers, or tables of what the C costs."""
    if not _there(report):
        return None
    rows, sums = layers(report)
    return {
        "registers": registers(report),
        "stand_in": stand_in(report),
        "by_itself": _by_itself(report),
        "core": (report["cost"].get("library") or {}).get("core"),
        "library": library(report),
        "program": whole_program(report),
        "not_run": [f"{one['name']} {one['result']}" for one in proof.levels(report) if one["missing"]],
        "layers": [*rows, sums] if len(rows) > 1 else rows,
        "counted": any(one.get("instructions") is not None for one in report["cost"].get("layers") or ()),
    }


SECTION = Section("cost", "What it costs", page, text)
