"""What the page and the terminal both say about a C project: figures with their source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sensorai.features import catalogue
from sensorai.features.catalogue import IntFeature
from sensorai.report import words

_FITS = {"good": "Good fit", "under": "Underfit", "over": "Overfit"}
_PARTS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Figure:
    """A row of the cost table: what, how much, and where that comes from."""

    name: str
    value: str
    source: str


def place(report: Mapping[str, Any]) -> str:
    """What the C is for."""
    return f"the ISPU of {report['device']}" if report["target"] == "ispu" else str(report["device"])


def stand_in(report: Mapping[str, Any]) -> bool:
    """Whether figures are those of another core than the device's: only ST's compiler knows the ISPU."""
    return report["target"] == "ispu" and (report["cost"] is not None or bool(program(report)))


def program(report: Mapping[str, Any]) -> list[Figure]:
    """What the whole program of an ISPU takes, as its stand-in has it; nothing on other targets."""
    built = report.get("stand_in")
    if built is None:
        return []
    return [
        Figure(
            "code and constants", f"{built['code_bytes']:,} of {built['code_limit']:,} B", built["source"]
        ),
        Figure("variables", f"{built['data_bytes']:,} of {built['data_limit']:,} B", built["source"]),
        Figure("stack, as the compiler states it", f"{built['stack_bytes']:,} B", built["source"]),
    ]


def costs(report: Mapping[str, Any]) -> list[Figure]:
    """Rows of the cost table; none where nothing was measured."""
    cost, sources = report["cost"], report["sources"]
    if cost is None:
        return []
    compiled, run, guess = (
        sources.get(key, words.NOTHING) for key in ("flash, ram", "instructions, stack", "cycles")
    )
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
    if cost["seconds"] is not None:
        rows.append(
            Figure(
                "time a window",
                words.short(cost["seconds"], "s"),
                "an estimate: the cycles at the highest clock",
            )
        )
    if cost["joules"] is not None:
        rows.append(
            Figure(
                "energy a window",
                words.short(cost["joules"], "J"),
                "an estimate: the cycles at the stated current",
            )
        )
    return [*rows, *_learning(report, compiled)]


def _learning(report: Mapping[str, Any], compiled: str) -> list[Figure]:
    """Rows of what learning on the device costs; none where it does not learn."""
    cost = report.get("learning_cost")
    if cost is None:
        return []
    return [
        Figure("flash with learning, saving and restoring", f"{cost['flash']:,} B", compiled),
        Figure("saved knowledge", f"{cost['blob']:,} B", "computed"),
        Figure("instructions to learn a window, mean", f"{cost['learn']:,.0f}", "emulated"),
        Figure("instructions to freeze, most", f"{cost['freeze']:,}", "emulated"),
        Figure("instructions to save, to restore", f"{cost['save']:,}, {cost['restore']:,}", "emulated"),
    ]


def levels(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Where the C ran: name, windows, result in words, and whether it could not."""
    out = []
    for level in report["levels"]:
        missing = level.get("missing")
        if missing is None:
            result = level["first_divergence"] or "equal in every bit"
        else:
            result = missing if missing.startswith("not run") else f"not run: {missing}"
        windows = words.NOTHING if missing is not None else f"{level['windows']:,}"
        out.append(
            {"name": level["level"], "windows": windows, "result": result, "missing": missing is not None}
        )
    return out


def accuracies(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Accuracy on training, validation and test windows: as it runs, in float, and split at random."""
    given = report["accuracy"]
    runs = f"as it runs ({report['settings']['precision']})"
    out = [
        {"name": name, "runs": first, "shares": [given[key].get(part) for part in _PARTS]}
        for name, key, first in ((runs, "integer", True), ("in float", "float", False))
    ]
    random = given["random_windows_optimistic"]
    return [
        *out,
        {"name": "windows split at random: OPTIMISTIC", "runs": False, "shares": [None, None, random]},
    ]


def layers(report: Mapping[str, Any]) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Rows of the layer table and their sums; a dash where instructions were not counted by layer."""
    rows: Sequence[Mapping[str, Any]] = report["layers"]

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
    return [row(layer["name"], layer) for layer in rows], row("all", total)


def size(report: Mapping[str, Any]) -> str | None:
    """Which size the model has and why; None in reports that do not say it."""
    found = report.get("size")
    return None if found is None else f"Size: {found['chosen']} ({found['why']})"


def sizes(report: Mapping[str, Any]) -> list[dict[str, str]]:
    """Sizes that were looked at, the largest first; none where the size was given."""

    def byte(value: int | None) -> str:
        return words.NOTHING if value is None else f"{value:,}"

    return [
        {
            "size": one["size"],
            "flash": byte(one["flash"]),
            "ram": byte(one["ram"]),
            "validation": words.NOTHING if one["validation"] is None else words.percent(one["validation"]),
            "seed": str(one["seed"]),
            "verdict": one["verdict"],
        }
        for one in (report.get("size") or {"tried": []})["tried"]
    ]


def fit(report: Mapping[str, Any]) -> str | None:
    """Say under-, over- or good fit; None where nothing was judged."""
    verdict = report["learning"]["verdict"]
    return None if verdict is None else _FITS.get(verdict["fit"], str(verdict["fit"]))


def kept(curve: Sequence[Mapping[str, Any]]) -> int | None:
    """Index of the epoch that was kept: the least validation loss of the last stage, the first of equals."""
    if not curve:
        return None
    last = curve[-1]["stage"]
    start = max((i + 1 for i, e in enumerate(curve) if e["stage"] != last), default=0)
    known = [i for i in range(start, len(curve)) if curve[i]["validation_loss"] is not None]
    return min(known, key=lambda i: curve[i]["validation_loss"], default=None)


def feature_words(label: str) -> str:
    """Formula behind a feature's label (``JERK_RMS_acc_x``): its quantity, and the signal it is taken of."""
    name = max(
        (n for n in catalogue.names() if label == n or label.startswith(n + "_")), key=len, default=None
    )
    if name is None:
        return words.NOTHING
    signal, quantity = catalogue.row(IntFeature(name, ()))
    return f"{quantity.formula}; of {signal.formula}" if signal.prefix else quantity.formula
