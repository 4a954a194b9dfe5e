"""Nets that keep states from call to call, before formats of files that have no word for them."""

from __future__ import annotations

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.passes.streaming_walk import refused


def without_states(graph: Graph, form: str) -> None:
    """Raise a ConfigError for a net that keeps states, with the layer that does; ``form``: of the file."""
    if not graph.states:
        return
    why = f"keeps a state from call to call, which has no form in {form} that is known here"
    hint = "write it as C, which keeps it: sensorai generate MODEL --target stm32"
    read = {state.read for state in graph.states}
    for node in graph.nodes:
        if read.intersection(node.inputs):
            raise refused(node, why, hint)
    raise ConfigError(f"the net {why}", hint=hint)
