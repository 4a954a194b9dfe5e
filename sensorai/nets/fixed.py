"""Kernels of a program that gets other nets: they stay as they are, so numbers must suit them."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from sensorai.codegen.parts import CodeParts
from sensorai.codegen.project import Project
from sensorai.graph.graph import Graph

#: Calls of kernels that are written for the instructions of a core.
_FAST = re.compile(r"\b(sa_nd_[a-z_]+?_(?:dsp|mve|thumb1))")
#: Those that do not take every weight: 16 bits hold no difference, or no sum, of two with -128.
_NARROW = frozenset({"sa_nd_matrix_dsp", "sa_nd_dense_dsp", "sa_nd_matrix_thumb1"})


def fast_layers(parts: CodeParts | None) -> dict[int, str]:
    """Kernels for the instructions of a core, by the number of their layer."""
    out: dict[int, str] = {}
    for call in () if parts is None else parts.calls:
        found = _FAST.search(call.text)
        if found is not None and call.layer is not None:
            out[call.layer] = found[1]
    return out


def for_any(graph: Graph, parts: CodeParts) -> Graph:
    """Return the net with kernels that take every weight."""
    narrow = [k for k, kernel in fast_layers(parts).items() if kernel in _NARROW]
    return replace(graph, plain=frozenset(graph.nodes[k].output for k in narrow))


def as_there(graph: Graph, made: Project, there: Collection[int]) -> tuple[Graph, list[str]]:
    """Return the net with the kernels that a program has, and layers whose numbers do not suit these.

    Parameters
    ----------
    graph : Graph
    made : Project
        Of this net, kernels as they suit it.
    there : collection of int
        Layers with kernels for the instructions of the core in the program.
    """
    own = fast_layers(made.parts)
    plain = [graph.nodes[k].output for k in own if k not in there]
    # where a layer could have none, the net is of another form, whatever its numbers are
    alike = all(k < len(graph.nodes) and _sums(graph, k) for k in there)
    lost = [graph.nodes[k].output for k in sorted(there) if alike and k not in own]
    return replace(graph, plain=frozenset(plain)), [graph.called(name) for name in lost]


def _sums(graph: Graph, k: int) -> bool:
    """Whether a layer has kernels to choose from."""
    node = graph.nodes[k]
    return bool(node.op.ways(graph.applied(node)))
