"""The report for the terminal: figures, choices and notes, never wider than ``WIDTH``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sensorai.report import words

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

#: Columns used at most.
WIDTH = 100
#: Columns for a class name; a longer one is folded.
NAME = 28


def summary(report: Mapping[str, Any]) -> RenderableType:
    """Say what came of a training.

    Parameters
    ----------
    report : mapping
        What ``report.json`` holds.

    Returns
    -------
    rich renderable
        Text without colour on anything but a terminal.
    """
    from rich.console import Group
    from rich.constrain import Constrain

    settings, data = report["settings"], report["data"]
    parts: list[RenderableType] = [
        text_line(f"{report['name']} for the machine learning core of {report['device']}", "bold"),
        text_line(
            f"{settings['window']} samples a window ({words.seconds(settings['window_s'])}) at "
            f"{settings['rate_hz']:g} Hz, {words.plural(len(settings['features']), 'feature')}, "
            f"{report['registers']['nodes']} of {report['registers']['nodes_limit']} nodes"
        ),
    ]
    for tree in report["trees"]:
        parts.append(text_line(""))
        if len(report["trees"]) > 1:
            parts.append(text_line(f"tree {tree['name']}", "bold"))
        parts.append(text_line(f"held out: {', '.join(data['test_groups']) or 'nothing'}"))
        parts.append(judgement_table(tree["held_out"], tree["classes"]))
        parts += [text_line(line) for line in headline(tree["held_out"])]
        random = tree["choices"].get("random_windows_optimistic")
        if random:
            parts.append(
                text_line(
                    f"OPTIMISTIC, windows split at random: balanced accuracy "
                    f"{words.percent(random['balanced_accuracy'])}, "
                    f"accuracy {words.percent(random['accuracy'])}",
                    "dim",
                )
            )
    parts += [text_line(""), *(text_line(line) for line in chosen(report))]
    match = report["match"]
    parts.append(
        text_line(
            f"{match['equal']} of {match['windows']} windows equal between emitted registers and trained tree"
        )
    )
    parts += [text_line(f"note: {note}", "yellow") for note in report["notes"]]
    return Constrain(Group(*parts), WIDTH)


def headline(judged: Mapping[str, Any], first: str = "tree", second: str = "register") -> list[str]:
    """Lines with the figures of one classifier, before and after filtering.

    Parameters
    ----------
    judged : mapping
        ``tree``, ``decided``, ``tree_events`` and ``decided_events`` as the metrics write them.
    first, second : str
        What to call the two.
    """
    tree, decided = judged["tree"], judged["decided"]
    before, after = judged["tree_events"], judged["decided_events"]
    if not tree["windows"]:
        return ["no labelled windows: nothing to judge"]
    accuracy, balanced = words.chance(tree["confusion"])
    return [
        f"balanced accuracy  {first} {words.percent(tree['balanced_accuracy'])}, "
        f"{second} {words.percent(decided['balanced_accuracy'])}, chance {words.percent(balanced)}",
        f"accuracy           {first} {words.percent(tree['accuracy'])}, "
        f"{second} {words.percent(decided['accuracy'])}, chance {words.percent(accuracy)}",
        f"delay              median {words.seconds(after['delay_median_s'])}, "
        f"worst {words.seconds(after['delay_worst_s'])}, "
        f"{after['missed']} of {words.plural(after['events'], 'event')} missed",
        f"wrong switches     {first} {words.rate(before['wrong_switches_per_hour'])}, "
        f"{second} {words.rate(after['wrong_switches_per_hour'])} an hour",
    ]


def chosen(report: Mapping[str, Any]) -> list[str]:
    """Lines that say what was chosen and what it was worth."""
    choices = report["choices"]
    lines = []
    tried = [row for row in choices["window"] if row.get("balanced_accuracy") is not None]
    if len(tried) > 1:
        scores = ", ".join(_tried(words.seconds(row["seconds"]), row) for row in tried)
        lines.append(f"window: {scores}")
    if len(choices["sensors"]) > 1:
        scores = ", ".join(_tried("+".join(row["sensors"]), row) for row in choices["sensors"])
        lines.append(f"sensors: {scores}")
    gains = [
        f"{row['name']} {100 * row['buys']:+.1f}" if row.get("buys") is not None else row["name"]
        for row in choices["features"]
    ]
    if gains:
        lines.append(f"features (points each buys): {', '.join(gains)}")
    for tree in report["trees"]:
        counters = ", ".join(map(str, tree["end_counters"]))
        name = f"tree {tree['name']}" if len(report["trees"]) > 1 else "tree"
        lines.append(
            f"{name}: {words.plural(tree['nodes'], 'node')}, depth {tree['depth']}, end counters {counters}"
        )
    return lines


def text_line(line: str, style: str = "") -> Text:
    """Line whose words are no markup and hold no control characters."""
    from rich.text import Text

    return Text(words.printable(line), style=style)


def _tried(name: str, row: Mapping[str, Any]) -> str:
    mark = " (chosen)" if row["chosen"] else ""
    return f"{name} {words.percent(row['balanced_accuracy'])}{mark}"


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
        ``tree`` and ``decided`` as the window metrics write them.
    classes : sequence of mapping with ``name`` and ``code``
        Classes without windows are shown too; the code of others is left open.
    first, second : str
        What to call the two.
    """
    from rich.table import Table

    tree, decided = judged["tree"], judged["decided"]
    codes = {c["name"]: c["code"] for c in classes}
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("class", max_width=NAME, overflow="fold")
    for column in ("code", "windows", f"found: {first}", second, f"trust: {first}", second):
        table.add_column(column, justify="right", no_wrap=True)
    for name in dict.fromkeys([*tree["classes"], *codes]):
        i = tree["classes"].index(name) if name in tree["classes"] else None
        shares = [
            words.percent(part[key][i]) if i is not None else words.NOTHING
            for key in ("recall", "precision")
            for part in (tree, decided)
        ]
        count = sum(tree["confusion"][i]) if i is not None else 0
        code = codes.get(name)
        table.add_row(text_line(name), words.NOTHING if code is None else str(code), str(count), *shares)
    return table
