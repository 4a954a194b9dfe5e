"""Pages: templates of this room, filled with values that are escaped."""

from __future__ import annotations

from importlib.resources import files

from sensorai.report import words
from sensorai.writing.markup import drawn


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
        loader=FunctionLoader(lambda name: room.joinpath(*name.split("/")).read_text("utf-8")),
    )
    environment.filters.update(
        percent=words.percent,
        seconds=words.seconds,
        rate=words.rate,
        drawn=drawn,
        plural=words.plural,
    )
    style = Markup((room / "page.css").read_text("utf-8"))
    return words.printable(environment.get_template(template).render(style=style, **values))


def framed(page: str) -> str:
    """A page as part of a notebook: in a frame of its own, so that its style stays within it."""
    from html import escape

    return f'<iframe srcdoc="{escape(page)}" sandbox style="width:100%;height:80vh;border:0"></iframe>'
