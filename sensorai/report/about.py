"""What a report is about, in the words that several sections use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sensorai.experiment import tables
from sensorai.report import words
from sensorai.report.section import Figures

#: More groups than this are counted instead of named.
NAMED = 24


def on_core(report: Figures) -> bool:
    """Whether it is about registers of a core; else it is about a program."""
    facts = tables.TARGETS.get(report["target"])
    return facts is not None and facts.takes == "registers"


def validation(report: Figures) -> bool:
    """Whether it judges what was there before; what training saw is known to a training only."""
    return bool(report["by"] == "validate")


def detector(report: Figures) -> bool:
    """Whether it is about a detector that a threshold makes, not about classes."""
    return "threshold" in report


def folds(report: Figures) -> int:
    """Folds that the figures come from; 0 where a test was held out, or nothing was folded."""
    data = report["data"]
    return 0 if data["test_groups"] else len(data.get("folds") or ())


def unseen(report: Figures) -> int:
    """Groups that the judged models did not learn from."""
    data = report["data"]
    return len(data["test_groups"]) or sum(map(len, data.get("folds") or ()))


def place(report: Figures) -> str:
    """Say what it is for."""
    facts = tables.TARGETS.get(report["target"])
    return (facts.on if facts else "for {}").replace("{}", str(report["device"]))


def subtitle(report: Figures) -> str:
    """What stands behind the name."""
    kind = "detector of anomalies " if detector(report) else ""
    return f"{kind}{place(report)}{', validated' if validation(report) else ''}"


def strips(report: Figures) -> tuple[str, str]:
    """What to call results before and after the decision filter."""
    return ("tree", "register") if on_core(report) else ("answer", "decided")


def long_strips(report: Figures) -> tuple[str, str]:
    """The same where there is room."""
    if on_core(report):
        return "tree", "register, after the meta-classifier"
    return "answer of the model", "decided, after the filter"


def seen(report: Figures) -> str:
    """What the recordings are that figures are of."""
    return "recordings" if validation(report) else "held-out recordings"


def groups(names: Sequence[str]) -> str:
    """Names of groups; of many, their number."""
    if len(names) > NAMED:
        return f"{len(names):,} groups, named in report.json"
    return ", ".join(names) or words.NOTHING


def tree_name(report: Figures, entry: Mapping[str, Any]) -> str:
    """Name of one of several trees, for a heading; nothing where there is one."""
    return f"Tree {entry['name']}" if len(report["classifiers"]) > 1 else ""


def _counters(report: Figures) -> list[int]:
    """Return the wins of the filter in C, or the end counters of the core."""
    wins = report["settings"].get("wins")
    if wins is not None:
        return [wins]
    return [n for entry in report["classifiers"] for n in entry["tree"]["end_counters"]]


def filtered(report: Figures) -> bool:
    """Whether a filter stands between the results of windows and the decision."""
    return any(_counters(report))


def decision_filter(report: Figures) -> str:
    """What stands between the results of windows and the decision."""
    if not filtered(report):
        return "no decision filter"
    if report["settings"].get("wins") is not None:
        return f"decision filter of {words.plural(report['settings']['wins'], 'win')}"
    return f"end counters {', '.join(map(str, _counters(report)))}"


def model(report: Figures) -> str:
    """Kind of the model, its numbers, and whether it learns where it runs."""
    kind, precision = report["model"]["kind"], report["model"].get("precision")
    if detector(report):
        return f"{kind} that can learn on the device" if report["model"].get("learns") else str(kind)
    return f"{kind} ({precision})" if precision else str(kind)


def inputs(report: Figures) -> str:
    """Model, features, window and rate in a line."""
    settings = report["settings"]
    each = report["features"]["each"]
    every = "" if settings["stride"] == settings["window"] else f", every {settings['stride']}"
    # trees of the core have end counters each: they stand beside their sizes
    filter_ = f", {decision_filter(report)}" if detector(report) or not on_core(report) else ""
    return (
        f"{model(report)}, {words.plural(len(each), 'feature') if each else 'raw windows'}, "
        f"{settings['window']} samples a window ({words.seconds(settings['window_s'])}){every}, "
        f"at {settings['rate_hz']:g} Hz{filter_}"
    )


def part(some: int, whole: int) -> str:
    """``3 of 78``."""
    return f"{some:,} of {whole:,}"


def capital(sentence: str) -> str:
    """Return the sentence with its first letter large."""
    return sentence[:1].upper() + sentence[1:]
