"""What an emitter of C hands to the project writer: pieces by what they are, to be put where they belong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sensorai.codegen import literals


@dataclass(frozen=True, slots=True)
class LayerCost:
    """Cost of one layer, computed from its shape.

    Attributes
    ----------
    name : str
    macs : int
        Multiply-accumulates (binary: one per bit pair).
    weight_bytes, activation_bytes : int
    saved_bytes : int
        Bytes that its weights take less in a dictionary.
    taken_bytes : int
        Of the working memory, for its kernel alone.
    kernel, why : str
        What was chosen to compute it, and the reason; "" where there is no choice.
    """

    name: str
    macs: int
    weight_bytes: int
    activation_bytes: int
    saved_bytes: int = 0
    #: Not shown: it is the kernel's, and no cost of the layer by its shape.
    taken_bytes: int = field(default=0, repr=False)
    kernel: str = field(default="", repr=False)
    why: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Table:
    """An array of numbers: it may be defined in a file of its own, and declared where it is used.

    Attributes
    ----------
    declaration : str
        ``const KIND NAME[N]``.
    values : str
        With their braces.
    layer : int
        Number of the layer that reads it first.
    size : int
        Bytes; 0 where nobody asks.
    """

    declaration: str
    values: str
    layer: int = 0
    size: int = 0

    @property
    def text(self) -> str:
        """Definition within one file."""
        return f"static {self.shared}"

    @property
    def shared(self) -> str:
        """Definition that other files see."""
        return f"{self.declaration} = {self.values};\n"


@dataclass(frozen=True, slots=True)
class Constant:
    """Another constant: it stays beside the code, so that the compiler sees what it holds."""

    text: str


def table(kind: str, name: str, values: Sequence[int] | Iterable[float], attribute: str = "") -> Table:
    """Table of numbers, wrapped; see ``literals.array``."""
    declaration, written = literals.array_parts(kind, name, values, attribute)
    return Table(declaration, written)


@dataclass(frozen=True, slots=True)
class Call:
    """One statement of a model's function.

    Attributes
    ----------
    text : str
    layer : int or None
        Number of the layer that it computes; None where it prepares what the next layer reads, or brings
        out what the last one made.
    """

    text: str
    layer: int | None = None


@dataclass(frozen=True, slots=True)
class CodeParts:
    """Pieces of a generated C project.

    Attributes
    ----------
    header : str
        Macros and declarations for ``NAME.h``.
    source : str
        Static functions for ``NAME.c``.
    definitions : tuple of Table or Constant
        What the functions read, in order.
    runtime : tuple of str
        Files of ``sensorai.runtime`` that the source includes.
    arena_bytes, arena_align : int
        Working memory that the functions need from the caller.
    layers : tuple of LayerCost
    arenas : tuple of int
        Bytes of each memory of the arena; () for the one.
    lying : mapping of str to (int, int)
        Inputs and outputs that lie in the arena: in which memory, and where.
    buffers : tuple of (tuple of str, tuple of str)
        For each layer, C expressions: where what it reads and what it makes lies, constants left out.
    calls : tuple of Call
        Statements of the function that runs the layers of a net, as they stand in ``source``.
    """

    header: str = ""
    source: str = ""
    definitions: tuple[Table | Constant, ...] = ()
    runtime: tuple[str, ...] = ()
    arena_bytes: int = 0
    arena_align: int = 4
    layers: tuple[LayerCost, ...] = field(default=())
    calls: tuple[Call, ...] = ()
    buffers: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()
    lying: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    arenas: tuple[int, ...] = ()

    @property
    def data(self) -> str:
        """All definitions as the head of one file."""
        return "\n".join(one.text for one in self.definitions)


def wrapped(text: str, most: int = 108) -> str:
    """Statement with its long lines broken behind commas; what follows is indented by eight."""
    out = []
    for line in text.split("\n"):
        start = line[: len(line) - len(line.lstrip())]
        words = [line] if len(line) <= most or line.startswith("#") else line.split(", ")
        row = words[0]
        for word in words[1:]:
            if len(row) + len(word) + 2 > most:
                out.append(f"{row},")
                row = f"{start}        {word}"
            else:
                row = f"{row}, {word}"
        out.append(row)
    return "\n".join(out)


def body(calls: Sequence[Call], before: str = "", after: str = "") -> str:
    """Statements as lines, each between lines ``before`` and ``after``."""
    return "".join(f"{before}    {call.text}\n{after}" for call in calls)
