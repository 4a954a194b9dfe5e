"""The one way to a Jinja environment: every ``{{ value }}`` goes through the writer of the language.

A template of C, make, CMake, a linker or an assembler takes numbers, ``Inert`` text and what the writer of
its language made; any other text is an InternalError, so that nothing from outside can stand there unwritten.
Markdown writes what it is given as text. The pages of ``sensorai.report`` escape by Jinja's own autoescape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from sensorai.errors import InternalError
from sensorai.writing import clang, markdown
from sensorai.writing.written import Inert, Written, inert

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True, slots=True)
class Language:
    """What the templates of one language take.

    Attributes
    ----------
    name : str
    passes : type
        Text of this type stands as it is, as does ``Inert`` text.
    write : callable, optional
        Writer of any other value; without one, other values are refused.
    """

    name: str
    passes: type[Written] = Inert
    write: Callable[[str], Written] | None = field(default=None)

    def finalize(self, value: Any) -> str:
        """Return what stands in the output for ``{{ value }}``."""
        if isinstance(value, Inert | self.passes):
            return str(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if self.write is not None and isinstance(value, str | float):
            return self.write(str(value))
        raise InternalError(
            f"a template of {self.name} was given {value!r:.80}, of type {type(value).__name__}, which no "
            "writer made"
        )


C = Language("C", clang.C)
MAKE = Language("make")
CMAKE = Language("CMake")
LINKER = Language("the linker")
ASSEMBLER = Language("the assembler")
MARKDOWN = Language("Markdown", markdown.Markdown, markdown.text)

_BY_SUFFIX = {
    "c": C,
    "h": C,
    "ld": LINKER,
    "S": ASSEMBLER,
    "md": MARKDOWN,
    "txt": CMAKE,
    "Makefile": MAKE,
}
#: Words that templates put between items.
_WORDS = {"comma": inert(","), "blank": inert(" "), "nothing": inert("")}


def language_of(template: str) -> Language:
    """Language of ``NAME.SUFFIX.jinja``."""
    return _BY_SUFFIX[template.removesuffix(".jinja").rpartition(".")[2]]


def fill(package: str, template: str, fields: Mapping[str, Any]) -> str:
    """Fill the template ``NAME.SUFFIX.jinja`` of a package.

    Raises
    ------
    InternalError
        It would print text that no writer of its language made.
    """
    text: str = _environment(package, language_of(template)).get_template(template).render(fields)
    return text


@cache
def _environment(package: str, language: Language) -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    def load(name: str) -> str:
        if language_of(name) is not language:
            raise InternalError(f"{name} is not written in {language.name}")
        return (files(package) / name).read_text("utf-8")

    environment = Environment(
        loader=FunctionLoader(load),
        finalize=language.finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # escaping is HTML's way; here the writer of the language does it
        autoescape=False,
    )
    environment.globals.update(_WORDS)
    environment.filters["thousands"] = lambda number: inert(f"{number:,}")
    return environment
