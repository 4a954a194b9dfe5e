"""What reads constants only is computed once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sensorai.graph.graph import Graph
from sensorai.graph.spec import Level
from sensorai.graph.tensor import DTYPES
from sensorai.ops.nd.base import NdOperator
from sensorai.passes.change import Changed
from sensorai.passes.edit import Edit

#: Elements above which a constant is not made of others, as in a reader.
LARGEST = 1 << 24


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
            at = edit.applied(node)
            if any(x.name and x.data is None for x in at.inputs):
                continue
            if sum(x.size for x in at.outputs) > LARGEST:
                continue
            results = op.compute(at, *(x.data if x.name else None for x in at.inputs))
            edit.remove(node)
            for tensor, array in zip(at.outputs, results, strict=True):
                data = np.ascontiguousarray(array, DTYPES[tensor.dtype]).reshape(tensor.shape)
                edit.tensors[tensor.name] = replace(tensor, data=data)
            edit.said.append(f"{node.output} ({op.NAME}) is known beforehand")
        return Changed(edit.graph(), tuple(edit.said))
