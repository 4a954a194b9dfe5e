"""The road of nets that were made elsewhere: every pass, in order."""

from __future__ import annotations

from collections.abc import Sequence

from sensorai.graph.graph import Graph
from sensorai.graph.spec import check
from sensorai.passes.activations import FuseActivations
from sensorai.passes.affine import FoldAffine
from sensorai.passes.change import Changed, Pass, Step, cost
from sensorai.passes.dead_code import DeadCode
from sensorai.passes.fewer_axes import FewerAxes
from sensorai.passes.fold_constants import FoldConstants
from sensorai.passes.integers import ToIntegers
from sensorai.passes.layout import Layout
from sensorai.passes.matmul_to_dense import MatMulToDense
from sensorai.passes.order import Order
from sensorai.passes.padding import FusePadding
from sensorai.passes.rejoin import Rejoin
from sensorai.passes.same_twice import SameTwice
from sensorai.passes.shapes import Shapes
from sensorai.passes.signed_bytes import SignedBytes

#: Passes in the order in which they run, round after round until none finds more to do.
IMPORTED: tuple[Pass, ...] = (
    FoldConstants(),
    Shapes(),
    Layout(),
    MatMulToDense(),
    FoldAffine(),
    FusePadding(),
    FuseActivations(),
    Rejoin(),
    SignedBytes(),
    ToIntegers(),
    FewerAxes(),
    SameTwice(),
    DeadCode(),
    Order(),
)
#: Rounds after which it is taken for granted that nothing more happens.
ROUNDS = 12


def simplify(graph: Graph, passes: Sequence[Pass] = IMPORTED) -> tuple[Graph, tuple[Step, ...]]:
    """Run the passes until none changes anything.

    Returns
    -------
    graph : Graph
        Computes what the given one does; every pass says in its module how far that is to the bit.
    steps : tuple of Step
        Passes that changed something.
    """
    check(graph)
    told: list[Step] = []
    for _ in range(ROUNDS):
        before = len(told)
        for one in passes:
            changed = one.run(graph)
            if not changed.said:
                continue
            told.append(_step(one, graph, changed))
            graph = check(changed.graph, one.level)
        if len(told) == before:
            break
    return graph, tuple(told)


def _step(one: Pass, graph: Graph, changed: Changed) -> Step:
    """What a pass did."""
    return Step(
        type(one).__name__,
        len(graph.nodes),
        len(changed.graph.nodes),
        changed.said,
        cost(graph),
        cost(changed.graph),
    )
