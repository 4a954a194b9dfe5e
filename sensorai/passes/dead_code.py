"""Nodes whose results nothing reads go."""

from __future__ import annotations

from dataclasses import dataclass

from sensorai.graph.graph import Graph
from sensorai.graph.spec import Level
from sensorai.passes.change import Changed
from sensorai.passes.edit import Edit


@dataclass(frozen=True, slots=True)
class DeadCode:
    """Keep what outputs and states need."""

    level: Level = Level.SOURCE

    def run(self, graph: Graph) -> Changed:
        """Nodes that are needed."""
        made = Edit(graph).graph()
        gone = [node for node in graph.nodes if not any(node is one for one in made.nodes)]
        return Changed(made, tuple(f"{n.output} ({n.op.NAME}): nothing reads it" for n in gone))
