"""Sections of a report: a module each, and a template of the same name for the page.

A section reads the figures of the report and says what is in them, or nothing where it does not apply.
Adding one costs a module that holds a ``SECTION``, a template, and its name here.
"""

from __future__ import annotations

from importlib import import_module

from sensorai.report.section import Section

#: All sections in the order in which page and text show them.
ORDER = (
    "warnings",
    "title",
    "events",
    "held_out",
    "alarms",
    "curves",
    "notes",
    "proof",
    "reading",
    "cost",
    "timelines",
    "scores",
    "alarm_list",
    "drift",
    "confusion",
    "decision",
    "features",
    "choices",
    "learning",
    "data",
)

SECTIONS: tuple[Section, ...] = tuple(import_module(f"{__name__}.{name}").SECTION for name in ORDER)
