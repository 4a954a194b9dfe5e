"""What a section of a report is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from rich.console import RenderableType

    from sensorai.report.view import View

#: What ``report.json`` holds (`sensorai.report`).
Figures: TypeAlias = Mapping[str, Any]
#: Lines and tables for the terminal.
Lines: TypeAlias = "list[RenderableType]"
#: Values of a template, there called ``c``; None where the section does not apply.
Page: TypeAlias = "dict[str, Any] | None"
#: The recordings judged.
Views: TypeAlias = "Sequence[View]"


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the page and of the text.

    Attributes
    ----------
    id : str
        Name of its template, and of the section on the page.
    title : str
        Its heading; empty for none.
    page : callable
        From figures and recordings to the values of the template; None where the section does not apply.
    text : callable
        From figures to lines; none where the section does not apply, or is for the page alone.
    """

    id: str
    title: str
    page: Callable[[Figures, Views], Page]
    text: Callable[[Figures], Lines] = lambda _: []
