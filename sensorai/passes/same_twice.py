"""Common subexpressions: a node that computes what an earlier one has computed goes; equal constants join."""

from __future__ import annotations

from dataclasses import dataclass

from sensorai.graph.graph import Graph, Node
from sensorai.graph.spec import Level
from sensorai.graph.tensor import Tensor
from sensorai.passes.change import Changed
from sensorai.passes.edit import Edit


@dataclass(frozen=True, slots=True)
class SameTwice:
    """Compute everything once."""

    level: Level = Level.SOURCE

    def run(self, graph: Graph) -> Changed:
        """One node for each value."""
        edit = Edit(graph)
        first: dict[object, str] = {}
        for tensor in graph.tensors.values():
            if tensor.data is not None:
                meaning: object = (tensor.dtype, tensor.shape, tensor.quant, tensor.data.tobytes())
                same = first.setdefault(meaning, tensor.name)
                if same != tensor.name and tensor.name not in graph.kept:
                    edit.read_instead(tensor.name, same)
                    edit.said.append(f"{tensor.name} holds what {same} holds")
        seen: dict[object, Node] = {}
        for node in graph.nodes:
            # the node may have been replaced by one that reads another constant
            now = edit.now(node)
            if now is None:
                continue
            results = tuple(self._meaning(edit.tensors[n]) for n in now.outputs)
            # 0.0 and -0.0 are equal, but not written alike
            earlier = seen.setdefault((now.op, repr(now.op), now.inputs, results), now)
            if earlier is now or any(n in graph.kept for n in now.outputs):
                continue
            edit.remove(now)
            for mine, other in zip(now.outputs, earlier.outputs, strict=True):
                edit.read_instead(mine, other)
            edit.said.append(f"{now.output} ({now.op.NAME}) is what {earlier.output} is")
        return Changed(edit.graph(), tuple(edit.said))

    @staticmethod
    def _meaning(tensor: Tensor) -> object:
        return tensor.dtype, tensor.shape, tensor.quant
