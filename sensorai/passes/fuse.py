"""What is computed together with the layer before it: one matcher, for training and for every way down.

A product, or a sum of two tensors, is followed by batch normalisation, ReLU or sign, and max pooling, as far
as each is the only reader of the one before. As a pass, ReLU and pooling of float nets go into their layers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sensorai.graph.graph import Graph, Node, State
from sensorai.graph.spec import Level
from sensorai.ops.add import Add
from sensorai.ops.batch_norm import BatchNorm
from sensorai.ops.max_pool import MaxPool
from sensorai.ops.products import Convolution, Product
from sensorai.ops.relu import Relu
from sensorai.ops.sign import Sign
from sensorai.passes.change import Changed


@dataclass(slots=True)
class Chain:
    """A product or sum with what belongs to it.

    Attributes
    ----------
    head : Node
    norm : BatchNorm or None
    norm_layer : str
        Its output, by which its constants are found.
    relu, sign : Relu, Sign or None
    pool : int
        Steps of which the largest comes out.
    end : str
        Tensor that comes out.
    rounded : str
        Tensor in which it becomes int8 while learning: behind its ReLU where it has one.
    """

    head: Node
    norm: BatchNorm | None = None
    norm_layer: str = ""
    relu: Relu | None = None
    sign: Sign | None = None
    pool: int = 1
    end: str = ""
    rounded: str = ""

    def takes(self, node: Node) -> bool:
        """Take in the only reader of what comes out, or say that it cannot be."""
        op, product = node.op, isinstance(self.head.op, Product)
        free = self.relu is None and self.sign is None
        if isinstance(op, BatchNorm) and self.end == self.head.output and product:
            self.norm, self.norm_layer = op, node.output
        elif isinstance(op, Relu) and free:
            self.relu = op
            self.rounded = node.output if self.pool == 1 else self.rounded
        elif isinstance(op, Sign) and free and product:
            self.sign = op
        elif isinstance(op, MaxPool) and self.pool == 1 and isinstance(self.head.op, Convolution):
            if op.every != op.size:
                return False
            self.pool = op.size
        else:
            return False
        self.end = node.output
        return True


def chains(graph: Graph) -> dict[str, Chain]:
    """Chains of a float net by the output of their first node."""
    found: dict[str, Chain] = {}
    for node in graph.nodes:
        if isinstance(node.op, Product | Add):
            chain = Chain(node, end=node.output, rounded=node.output)
            while chain.end not in graph.kept:
                readers = graph.consumers(chain.end)
                if len(readers) != 1 or not chain.takes(readers[0]):
                    break
            found[node.output] = chain
    return found


def members(graph: Graph, chain: Chain) -> list[str]:
    """Outputs of the nodes of a chain behind the first."""
    found: list[str] = []
    at = chain.head.output
    while at != chain.end:
        at = graph.consumers(at)[0].output
        found.append(at)
    return found


@dataclass(frozen=True, slots=True)
class Fuse:
    """Take ReLU and max pooling of a float net into the products before them, which keep their names."""

    level: Level = Level.FLOAT

    def run(self, graph: Graph) -> Changed:
        """Graph with fewer nodes."""
        found = chains(graph)
        tensors, now = dict(graph.tensors), {name: name for name in graph.tensors}
        nodes: list[Node] = []
        said: list[str] = []
        gone: set[str] = set()
        for node in graph.nodes:
            if node.output in gone:
                continue
            fused = _fused(found.get(node.output))
            if fused is not None:
                inside = members(graph, found[node.output])
                gone.update(inside)
                now[inside[-1]] = node.output
                tensors[node.output] = replace(tensors[node.output], shape=tensors[inside[-1]].shape)
                said.append(f"{node.output} takes in {', '.join(inside)}")
            reads = tuple(now.get(name, name) for name in node.inputs)
            nodes.append(Node(fused or node.op, reads, node.outputs))
        kept = {name: tensor for name, tensor in tensors.items() if name not in gone}
        outputs = tuple(now[name] for name in graph.outputs)
        states = tuple(State(state.read, now[state.write]) for state in graph.states)
        return Changed(Graph(graph.inputs, outputs, kept, tuple(nodes), states), tuple(said))


def _fused(chain: Chain | None) -> Product | None:
    """Return the product of a chain with what follows it, None where it stays as it is."""
    if chain is None or chain.end == chain.head.output or chain.norm is not None or chain.sign is not None:
        return None
    op = chain.head.op
    if not isinstance(op, Product):
        return None
    if chain.relu is not None:
        op = replace(op, requant=replace(op.requant, lo=0.0, hi=chain.relu.hi))
    return op.pooling(chain.pool) if chain.pool > 1 else op
