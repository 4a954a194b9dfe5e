"""The report as one value: a head and sections, shown as page, text and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sensorai.errors import DataError
from sensorai.verify.shape import FORMAT, VERSION

if TYPE_CHECKING:
    from rich.console import RenderableType

    from sensorai.report.view import View

#: Keys of the head, and what of the rest every report has.
_HEAD = ("sensorai", "by", "task", "target", "device", "name")
_ALWAYS = ("data", "settings", "model", "features", "classifiers", "proof", "cost")


@dataclass(frozen=True, slots=True)
class Head:
    """What a report is of.

    Attributes
    ----------
    sensorai : str
        Version of the program that wrote it.
    by : str
        ``train`` or ``validate``.
    task : str
        ``classify`` or ``anomaly``.
    target, device, name : str
    """

    sensorai: str
    by: str
    task: str
    target: str
    device: str
    name: str


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a training or a validation.

    Attributes
    ----------
    head : Head
    sections : mapping
        Figures by section; the keys are those of ``report.json`` (`sensorai.report`).
    """

    head: Head
    sections: Mapping[str, Any]

    @classmethod
    def of(cls, figures: Mapping[str, Any]) -> Report:
        """Open what ``report.json`` holds.

        Parameters
        ----------
        figures : mapping
            As ``json.load`` returns it, or as a training made it. Not changed, and not copied.

        Raises
        ------
        DataError
            It is no report, or one of another version.
        """
        if figures.get("format") != FORMAT:
            raise DataError("this is no report of sensorai", hint="reports are the report.json of a result")
        if figures.get("version") != VERSION:
            raise DataError(
                f"this report has version {figures.get('version')!r}, version {VERSION} is read",
                hint="train or validate again",
            )
        if lost := [key for key in (*_HEAD, *_ALWAYS) if key not in figures]:
            raise DataError(f"this report lacks {', '.join(lost)}", hint="train or validate again")
        rest = {key: value for key, value in figures.items() if key not in (*_HEAD, "format", "version")}
        return cls(Head(*(figures[key] for key in _HEAD)), MappingProxyType(rest))

    def __reduce__(self) -> tuple[Any, ...]:
        return Report.of, (self.figures,)

    @property
    def figures(self) -> dict[str, Any]:
        """What ``report.json`` holds."""
        return {"format": FORMAT, "version": VERSION, **asdict(self.head), **self.sections}

    def text(self) -> str:
        """Figures as plain text, at most 100 columns wide; ``sensorai train`` prints them."""
        from io import StringIO

        from rich.console import Console

        from sensorai.report.blocks import WIDTH
        from sensorai.writing.terminal import shown

        out = StringIO()
        console = Console(
            file=out,
            width=WIDTH,
            force_terminal=False,
            color_system=None,
            highlight=False,
            markup=False,
            emoji=False,
        )
        console.print(self)
        # names in logs may hold what a terminal would obey
        return shown(out.getvalue())

    def __rich__(self) -> RenderableType:
        """Figures for the terminal, at most 100 columns wide; without colour on anything but a terminal."""
        from rich.console import Group
        from rich.constrain import Constrain

        from sensorai.report.blocks import WIDTH, line
        from sensorai.report.sections import SECTIONS

        figures = self.figures
        parts: list[RenderableType] = []
        alone = True
        for section in SECTIONS:
            if block := section.text(figures):
                # single lines stand together, anything longer by itself
                apart = parts and not (alone and len(block) == 1)
                parts += [line(""), *block] if apart else block
                alone = len(block) == 1
        return Constrain(Group(*parts), WIDTH)

    def html(self, views: Sequence[View] = ()) -> str:
        """Make a complete page: no script, nothing fetched, the same bytes for the same input.

        Parameters
        ----------
        views : sequence of View
            The recordings judged (`sensorai.report.view`); the page shows the telling ones. Without any, the
            page has no drawing over time.
        """
        from sensorai.report.page import fill
        from sensorai.report.sections import SECTIONS

        figures = self.figures
        shown = [
            {"id": section.id, "title": section.title, "figures": found}
            for section in SECTIONS
            if (found := section.page(figures, views)) is not None
        ]
        return fill("page.jinja", report=figures, sections=shown)

    def _repr_html_(self) -> str:
        from sensorai.report.page import framed

        return framed(self.html())
