"""The roads of nets that were trained here: every pass of each, in order."""

from __future__ import annotations

from collections.abc import Mapping

from sensorai.graph.graph import Graph
from sensorai.passes.annotate import Annotate
from sensorai.passes.change import Pass, run
from sensorai.passes.fuse import Fuse
from sensorai.passes.quantize import Quantize
from sensorai.passes.take_int8 import TakeInt8


def to_integers(places: Mapping[str, int], requant: str, scores: bool) -> tuple[Pass, ...]:
    """Passes from a float net to the integer net; see `quantize`."""
    return (Annotate(places), Quantize(requant, scores))


def to_float32(places: int) -> tuple[Pass, ...]:
    """Passes from a float net to one that runs in float32 behind an int8 input of ``places``."""
    return (Fuse(), TakeInt8(places))


def quantize(
    graph: Graph, places: Mapping[str, int], *, requant: str = "shift", scores: bool = True
) -> Graph:
    """Turn a float net into the integer net that computes it.

    Parameters
    ----------
    graph : Graph
        float32; layers marked by ``mark_binary`` use the sign of their weights.
    places : mapping of tensor name to int
        See ``calibrate``; that of the input says what the int8 input means.
    requant : {"shift", "multiplier"}
    scores : bool
        Whether the last products stay int32 accumulators; else they become int8 with the places of the
        output, as an autoencoder's must.

    Raises
    ------
    ConfigError
        A layer has no integer form, or an accumulator could leave int32.
    """
    return run(graph, to_integers(places, requant, scores))[0]
