"""What all pages are made of: the templates, the parts they share, the recordings over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from sensorai.report import words
from sensorai.report.charts import confusion
from sensorai.report.timeline import per_block, timeline
from sensorai.report.view import AnyView, Colours, choose, right
from sensorai.writing.markup import drawn

#: Fewer test groups than this and the page says that the estimate is rough.
FEW_GROUPS = 3


def fill(template: str, **values: object) -> str:
    """Fill a template of this package; the page's style is added.

    Every value is escaped but drawings, which the template marks with ``drawn``.
    """
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    room = files("sensorai.report")
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        loader=FunctionLoader(lambda name: (room / name).read_text("utf-8")),
    )
    environment.filters.update(
        percent=words.percent,
        seconds=words.seconds,
        short=words.short,
        rate=words.rate,
        drawn=drawn,
        plural=words.plural,
    )
    style = Markup((room / "page.css").read_text("utf-8"))
    return words.printable(environment.get_template(template).render(style=style, **values))


def class_rows(
    held_out: Mapping[str, Any], codes: Mapping[str, int], colours: Colours
) -> list[dict[str, Any]]:
    """Recall and precision of each class, before and after filtering; ``codes`` may lack some."""
    before, after = held_out["tree"], held_out["decided"]
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


def matrices(held_out: Mapping[str, Any], first: str, second: str) -> list[tuple[str, str]]:
    """Confusion matrices before and after filtering, each with its name."""
    return [
        (name, confusion(m["classes"], m["columns"], m["confusion"]))
        for name, m in ((first, held_out["tree"]), (second, held_out["decided"]))
    ]


def drawn_views(
    views: Sequence[AnyView], names: Sequence[str], colours: Sequence[Colours]
) -> list[dict[str, Any]]:
    """Draw the telling ones of these recordings, the worst first."""
    out = []
    for view in choose(views):
        hits, total = right(view)
        out.append(
            {
                "name": view.recording.name,
                "group": view.recording.group,
                "right": hits,
                "total": total,
                "per_block": per_block(len(view.ends_s)),
                "drawing": timeline(view, colours, names),
                "notes": list(view.notes),
            }
        )
    return out


def take_common_notes(shown: Sequence[dict[str, Any]]) -> list[str]:
    """Take the notes that every recording has out of theirs: said once is enough."""
    if len(shown) < 2:
        return []
    common = [note for note in shown[0]["notes"] if all(note in v["notes"] for v in shown)]
    for v in shown:
        v["notes"] = [note for note in v["notes"] if note not in common]
    return common
