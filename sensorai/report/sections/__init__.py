"""Sections of a report: a module each, and a template of the same name for the page.

A section reads the figures of the report and says what is in them, or nothing where it does not apply.
Adding one costs a module, a template, and a line in ``SECTIONS``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from sensorai.report.about import Figures
from sensorai.report.sections import (
    alarm_list,
    alarms,
    choices,
    confusion,
    cost,
    curves,
    data,
    decision,
    drift,
    features,
    held_out,
    learning,
    notes,
    proof,
    reading,
    scores,
    timelines,
    title,
    warnings,
)
from sensorai.report.view import View

if TYPE_CHECKING:
    from rich.console import RenderableType


class Section(Protocol):
    """What a module here has.

    Attributes
    ----------
    ID : str
        Name of the template, and of the section on the page.
    TITLE : str
        Its heading; empty for none.
    """

    ID: str
    TITLE: str

    def text(self, report: Figures) -> list[RenderableType]:
        """Lines for the terminal; none where the section does not apply."""
        ...

    def page(self, report: Figures, views: Sequence[View]) -> dict[str, Any] | None:
        """Values of the template, there called ``c``; None where the section does not apply."""
        ...


#: All sections in the order in which page and text show them.
SECTIONS: tuple[Section, ...] = (
    warnings,
    title,
    held_out,
    alarms,
    curves,
    notes,
    proof,
    reading,
    cost,
    timelines,
    scores,
    alarm_list,
    drift,
    confusion,
    decision,
    features,
    choices,
    learning,
    data,
)
