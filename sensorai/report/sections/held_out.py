"""What classifiers are worth on held-out recordings: class by class, before and after filtering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sensorai.report import about, words
from sensorai.report.blocks import line, table
from sensorai.report.section import Figures, Lines, Page, Section, Views
from sensorai.report.view import Colours, colours_of

if TYPE_CHECKING:
    from rich.table import Table

#: Fewer test groups than this and the page says that the estimate is rough.
FEW_GROUPS = 3
_PARTS = ("train", "folds", "test")


def there(report: Figures) -> bool:
    """Whether classes are judged; detectors are judged by their alarms."""
    return not about.detector(report)


# ---------------------------------------------------------------- figures


def sentences(report: Figures) -> list[dict[str, Any]]:
    """What the page says first of each classifier."""
    if not there(report):
        return []
    out = []
    for entry in report["classifiers"]:
        decided = entry["held_out"]["decided"]
        out.append(
            {
                "tree": about.tree_name(report, entry),
                "unseen": not about.validation(report) and about.unseen(report) > 0,
                "groups": about.unseen(report),
                "folds": about.folds(report),
                "what": f"{entry['register']} is" if "register" in entry else "the decision is",
                "windows": decided["windows"],
                "accuracy": decided["accuracy"],
                "balanced": decided["balanced_accuracy"],
                "even_chance": words.chance(entry["held_out"]["answer"]["confusion"])[1],
                "weakest": words.weakest(decided),
            }
        )
    return out


def cards(report: Figures) -> list[tuple[str, str]]:
    """Figures in large type, and what they are."""
    if not there(report):
        return []
    out = []
    for entry in report["classifiers"]:
        held = entry["held_out"]
        before, after = held["answer_events"], held["decided_events"]
        name = f", {entry['name']}" if about.tree_name(report, entry) else ""
        chance = words.percent(words.chance(held["answer"]["confusion"])[1])
        where = _where(report)
        window = words.seconds(report["settings"]["window_s"])
        out += [
            (
                words.percent(held["decided"]["balanced_accuracy"]),
                f"balanced accuracy{where}{name}; chance {chance}",
            ),
            (
                words.seconds(after["delay_median_s"]),
                f"median delay to the right result{name}; worst {words.seconds(after['delay_worst_s'])}; "
                f"window {window}",
            ),
            (
                words.rate(after["wrong_switches_per_hour"]),
                f"wrong switches an hour{name} ({words.rate(before['wrong_switches_per_hour'])} without the "
                f"{'meta-classifier' if about.on_core(report) else 'decision filter'})",
            ),
        ]
    return out


def accuracies(report: Figures, entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Accuracy on training windows, by folds, and on the test: as it runs, in float, and split at random."""
    given = entry.get("accuracy")
    if given is None:
        return []
    rows = ((f"as it runs ({report['model']['precision']})", "integer"), ("in float", "float"))
    out = [
        {"name": name, "runs": key == "integer", "shares": [given[key].get(part) for part in _PARTS]}
        for name, key in rows
    ]
    random = (entry.get("random_windows_optimistic") or {}).get("accuracy")
    optimistic = "windows split at random: OPTIMISTIC"
    return [*out, {"name": optimistic, "runs": False, "shares": [None, random, None]}]


def class_rows(entry: Mapping[str, Any], colours: Colours) -> list[dict[str, Any]]:
    """Recall and precision of each class, before and after filtering; a code may be unknown."""
    before, after = entry["held_out"]["answer"], entry["held_out"]["decided"]
    codes = {c["name"]: c["code"] for c in entry["classes"]}
    return [
        {
            "name": name,
            "colour": colours.of(name),
            "code": codes.get(name),
            "windows": sum(before["confusion"][i]),
            "recall": before["recall"][i],
            "precision": before["precision"][i],
            "decided_recall": after["recall"][i],
            "decided_precision": after["precision"][i],
        }
        for i, name in enumerate(before["classes"])
    ]


# ---------------------------------------------------------------- text


def text(report: Figures) -> Lines:
    """Classes, headline, and what an optimist would say."""
    if not there(report):
        return []
    out: Lines = []
    pair = about.strips(report)
    if not about.validation(report):
        out.append(line(_judged(report)))
    for entry in report["classifiers"]:
        if name := about.tree_name(report, entry):
            out += [line(""), line(name, "bold")]
        out.append(judgement_table(entry["held_out"], entry["classes"], *pair))
        out += map(line, headline(entry["held_out"], *pair))
        out += map(line, by_folds(entry))
        if rows := accuracies(report, entry):
            out += [line(""), _accuracy_table(rows)]
        elif random := entry.get("random_windows_optimistic"):
            out.append(
                line(
                    "OPTIMISTIC, windows split at random: "
                    f"balanced accuracy {words.percent(random['balanced_accuracy'])}, "
                    f"accuracy {words.percent(random['accuracy'])}",
                    "dim",
                )
            )
    return out


def _where(report: Figures) -> str:
    if about.validation(report):
        return ""
    return " on held-out groups, estimated by folds" if about.folds(report) else " on held-out groups"


def _judged(report: Figures) -> str:
    """What the figures are of, in a line."""
    names = report["data"]["test_groups"]
    if names:
        return f"held out: {about.groups(names)}"
    if count := about.folds(report):
        return (
            f"{count} folds over {words.plural(about.unseen(report), 'group')}, each judged by a model that "
            "did not learn from it: this is the estimate of the procedure; what is delivered learnt from all"
        )
    return "held out: nothing"


def by_folds(entry: Mapping[str, Any]) -> list[str]:
    """Mean and spread over folds, and the worst group; nothing without folds."""
    folds = entry.get("folds")
    if not folds or folds["accuracy"]["mean"] is None:
        return []
    mean, deviation = folds["accuracy"]["mean"], folds["accuracy"]["deviation"]
    worst = folds["worst_group"]
    spread = "" if deviation is None else f" ± {100 * deviation:.1f}"
    least = (
        "" if worst is None else f"; worst group {worst['name']}: {words.percent(worst['answer_accuracy'])}"
    )
    return [f"by folds           accuracy {words.percent(mean)}{spread}{least}"]


def headline(judged: Mapping[str, Any], first: str = "tree", second: str = "register") -> list[str]:
    """Lines with the figures of one classifier, before and after filtering.

    Parameters
    ----------
    judged : mapping
        ``answer``, ``decided``, ``answer_events`` and ``decided_events`` as the metrics write them.
    first, second : str
        What to call the two.
    """
    answer, decided = judged["answer"], judged["decided"]
    before, after = judged["answer_events"], judged["decided_events"]
    if not answer["windows"]:
        return ["no labelled windows: nothing to judge"]
    accuracy, balanced = words.chance(answer["confusion"])
    return [
        f"balanced accuracy  {first} {words.percent(answer['balanced_accuracy'])}, "
        f"{second} {words.percent(decided['balanced_accuracy'])}, chance {words.percent(balanced)}",
        f"accuracy           {first} {words.percent(answer['accuracy'])}, "
        f"{second} {words.percent(decided['accuracy'])}, chance {words.percent(accuracy)}",
        f"delay              median {words.seconds(after['delay_median_s'])}, "
        f"worst {words.seconds(after['delay_worst_s'])}, "
        f"{after['missed']} of {words.plural(after['events'], 'event')} missed",
        f"wrong switches     {first} {words.rate(before['wrong_switches_per_hour'])}, "
        f"{second} {words.rate(after['wrong_switches_per_hour'])} an hour",
    ]


def judgement_table(
    judged: Mapping[str, Any],
    classes: Sequence[Mapping[str, Any]],
    first: str = "tree",
    second: str = "register",
) -> Table:
    """Recall and precision of every class, before and after filtering.

    Parameters
    ----------
    judged : mapping
        ``answer`` and ``decided`` as the window metrics write them.
    classes : sequence of mapping with ``name`` and ``code``
        Classes without windows are shown too; the code of others is left open.
    first, second : str
        What to call the two.
    """
    answer, decided = judged["answer"], judged["decided"]
    codes = {c["name"]: c["code"] for c in classes}
    out = table("class", ("code", "windows", f"found: {first}", second, f"trust: {first}", second))
    for name in dict.fromkeys([*answer["classes"], *codes]):
        i = answer["classes"].index(name) if name in answer["classes"] else None
        shares = [
            words.percent(part[key][i]) if i is not None else words.NOTHING
            for key in ("recall", "precision")
            for part in (answer, decided)
        ]
        count = sum(answer["confusion"][i]) if i is not None else 0
        code = codes.get(name)
        out.add_row(line(name), words.NOTHING if code is None else str(code), str(count), *shares)
    return out


def _accuracy_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    out = table("accuracy of the model by window", ("learnt from", "others, by folds", "test, held out"), 40)
    for row in rows:
        out.add_row(line(row["name"]), *map(words.percent, row["shares"]))
    return out


# ---------------------------------------------------------------- page


def page(report: Figures, views: Views) -> Page:
    """Tables of every classifier."""
    if not there(report):
        return None
    groups = about.unseen(report)
    trained = not about.validation(report)
    judged = any(entry["held_out"]["decided"]["windows"] for entry in report["classifiers"])
    return {
        "trees": [
            _entry(report, entry, colours)
            for entry, colours in zip(report["classifiers"], colours_of(report["classifiers"]), strict=True)
        ],
        "strips": about.strips(report),
        "long_strips": about.long_strips(report),
        "filter": "meta-classifier" if about.on_core(report) else "decision filter",
        "nothing_held_out": trained and not groups,
        "few_groups": groups if trained and judged and 0 < groups < FEW_GROUPS else 0,
    }


def _entry(report: Figures, entry: Mapping[str, Any], colours: Colours) -> dict[str, Any]:
    by_chance, even_chance = words.chance(entry["held_out"]["answer"]["confusion"])
    rows = accuracies(report, entry)
    return {
        **entry["held_out"],
        "name": about.tree_name(report, entry),
        "code": f"code in {entry['register']}" if "register" in entry else "number in C",
        "filtered": any(entry["tree"]["end_counters"]) if "tree" in entry else about.filtered(report),
        "optimistic": None if rows else entry.get("random_windows_optimistic"),
        "chance": by_chance,
        "even_chance": even_chance,
        "rows": class_rows(entry, colours),
        "folds": by_folds(entry),
        "accuracies": rows,
    }


SECTION = Section("held_out", "Class by class", page, text)
