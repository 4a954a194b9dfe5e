"""Nets of windows of samples that compute only what is new: what C keeps from one window to the next."""

from __future__ import annotations

from typing import Any

from sensorai.codegen.net import KINDS
from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.interpret import first_states
from sensorai.model.pipeline import Pipeline
from sensorai.passes.streaming import Streamed, to_streaming
from sensorai.writing import clang
from sensorai.writing.written import inert


def streamed(pipeline: Pipeline) -> Streamed | None:
    """The net that gets the samples between two windows, ``stride`` of them; None where it gets windows.

    Raises
    ------
    ConfigError
        A layer cannot compute in such steps.
    """
    if not pipeline.stream:
        return None
    if not isinstance(pipeline.model, Graph):
        raise ConfigError("only nets of windows of samples compute what is new alone")
    return to_streaming(pipeline.model, 0, pipeline.stride)


def stream_fields(pipeline: Pipeline) -> dict[str, Any]:
    """What templates know of it; ``streamed`` is None for all other models."""
    made = streamed(pipeline)
    if made is None:
        return {"streamed": None, "kept": clang.emitted("")}
    firsts, tensors = first_states(made.graph), made.graph.tensors
    kept = [tensors[state.read] for state in made.graph.states]
    states = [
        {"k": k, "type": inert(KINDS[t.dtype][0]), "size": t.size, "first": int(firsts[t.name])}
        for k, t in enumerate(kept, 1)
    ]
    return {
        "inputs": pipeline.stride * len(pipeline.channels),
        "held": inert("STRIDE"),
        "kept": clang.emitted("".join(f"ctx->kept_{one['k']}, " for one in states)),
        "streamed": {
            "states": states,
            "warm_up": made.warm_up,
            # samples before the first one, so that windows end where steps do
            "ahead": -pipeline.window % pipeline.stride,
            "macs": made.after.macs,
            "before": made.before.macs,
        },
    }
