"""What reads constants only is computed once."""

from __future__ import annotations

from dataclasses import dataclass

from sensorai.graph.graph import Graph
from sensorai.graph.spec import Level
from sensorai.ops.nd.base import NdOperator
from sensorai.passes.change import Changed
from sensorai.passes.edit import Edit


@dataclass(frozen=True, slots=True)
class FoldConstants:
    """Constants instead of nodes, but for those whose results take more bytes than what they read."""

    level: Level = Level.SOURCE

    def run(self, graph: Graph) -> Changed:
        """Compute in the order of the nodes."""
        edit = Edit(graph)
        for node in graph.nodes:
            op = node.op
            if not isinstance(op, NdOperator) or not op.FOLDS or set(node.outputs) & set(graph.kept):
                continue
            known = op.folded(edit.applied(node))
            if known is None:
                continue
            edit.remove(node)
            edit.tensors.update({tensor.name: tensor for tensor in known})
            edit.said.append(f"{node.output} ({op.NAME}) is known beforehand")
        return Changed(edit.graph(), tuple(edit.said))
