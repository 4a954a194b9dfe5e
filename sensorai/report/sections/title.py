"""What the report is of, and its figures in large type."""

from __future__ import annotations

from sensorai.report import about
from sensorai.report.blocks import line
from sensorai.report.section import Figures, Lines, Page, Section, Views
from sensorai.report.sections import alarms, cost, held_out, proof


def text(report: Figures) -> Lines:
    """Name, place, model and window; labels by what they are."""
    return [
        line(f"{report['name']}{': ' if about.detector(report) else ' '}{about.subtitle(report)}", "bold"),
        line(about.inputs(report)),
        *(line(f"{name}: {', '.join(labels)}") for name, labels in alarms.states(report)),
    ]


def page(report: Figures, views: Views) -> Page:
    """Name, sentences and cards."""
    cards = [*held_out.cards(report), *alarms.cards(report), *proof.cards(report), *cost.cards(report)]
    return {
        "subtitle": about.subtitle(report),
        "inputs": about.inputs(report),
        "states": alarms.states(report),
        "judged": held_out.sentences(report),
        "alarms": alarms.sentences(report),
        "unseen": not about.validation(report),
        "threshold": alarms.threshold(report),
        # cards are narrow: a number and its unit stay together
        "cards": [(figure, what.replace(" %", "\N{NO-BREAK SPACE}%")) for figure, what in cards],
    }


SECTION = Section("title", "", page, text)
