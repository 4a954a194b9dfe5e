"""What an emitter of C hands to the project writer."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LayerCost:
    """Cost of one layer, computed from its shape.

    Attributes
    ----------
    name : str
    macs : int
        Multiply-accumulates (binary: one per bit pair).
    weight_bytes, activation_bytes : int
    """

    name: str
    macs: int
    weight_bytes: int
    activation_bytes: int


@dataclass(frozen=True, slots=True)
class CodeParts:
    """Pieces of a generated C project.

    Attributes
    ----------
    header : str
        Macros and declarations for ``NAME.h``.
    source : str
        Static functions for ``NAME.c``.
    data : str
        ``static const`` tables for ``NAME_data.c`` or the head of ``NAME.c``.
    runtime : tuple of str
        Files of ``sensorai.runtime`` that the source includes.
    arena_bytes, arena_align : int
        Working memory that the functions need from the caller.
    layers : tuple of LayerCost
    """

    header: str = ""
    source: str = ""
    data: str = ""
    runtime: tuple[str, ...] = ()
    arena_bytes: int = 0
    arena_align: int = 4
    layers: tuple[LayerCost, ...] = field(default=())
