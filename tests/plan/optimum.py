"""Places beside the proven optimum: ``python -m tests.plan.optimum [PART OF A NAME]`` over the shared models.

Needs OR-tools and the shared reference data (``SENSORAI_SHARED``).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from sensorai.codegen.net import KINDS
from sensorai.errors import UserError
from sensorai.graph.graph import Graph
from sensorai.nets.model import open_model
from sensorai.plan.laid import Laid
from sensorai.plan.place import Buffer, Overlap
from sensorai.plan.plan import plan
from tests.conftest import shared_dir

KEPT = frozenset(KINDS) - {"binary"}
#: Files that a net is read from.
SUFFIXES = (".tflite", ".onnx", ".h5", ".keras")


def optimum(buffers: Sequence[Buffer], align: int, overlaps: Sequence[Overlap], seconds: float = 60) -> int:
    """Least peak, proven; in pairs of which one lies below the other, or as far over it as it may."""
    from ortools.sat.python import cp_model  # a tool of tests alone

    size = [b.bytes for b in buffers]
    most = sum(size) + align * len(size)
    model = cp_model.CpModel()
    at = [align * model.new_int_var(0, most // align, f"at{k}") for k in range(len(buffers))]
    peak = model.new_int_var(0, most, "peak")
    for place, own in zip(at, size, strict=True):
        model.add(place + own <= peak)
    said = {(id(one.over), id(one.under)): one for one in overlaps}
    for k, a in enumerate(buffers):
        for j in range(k + 1, len(buffers)):
            b = buffers[j]
            if a.first > b.last or b.first > a.last:
                continue
            ways = [model.new_bool_var(f"{k} below {j}"), model.new_bool_var(f"{j} below {k}")]
            model.add(at[k] + size[k] <= at[j]).only_enforce_if(ways[0])
            model.add(at[j] + size[j] <= at[k]).only_enforce_if(ways[1])
            for x, y in ((k, j), (j, k)):
                one = said.get((id(buffers[x]), id(buffers[y])))
                if one is None:
                    continue
                shift = one.over.lead - one.under.lead
                if one.same:
                    ways.append(model.new_bool_var(f"{x} in place of {y}"))
                    model.add(at[y] - at[x] == shift).only_enforce_if(ways[-1])
                if one.least is not None:
                    ways.append(model.new_bool_var(f"{x} over {y}"))
                    model.add(at[y] - at[x] >= one.least + shift).only_enforce_if(ways[-1])
            model.add_bool_or(ways)
    model.minimize(peak)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = seconds
    if solver.solve(model) != cp_model.OPTIMAL:
        raise AssertionError("the optimum is not proven in the time that there is")
    return int(solver.value(peak))


def both(graph: Graph, inside: bool = True) -> tuple[int, int]:
    """Bytes of the plan of a net in which nothing moves, and of the best there is."""
    ends = tuple(n for n in (*graph.inputs, *graph.outputs) if graph.tensors[n].data is None)
    kept = ends if inside else ()
    needs = [node.op.buffers(graph.applied(node)) for node in graph.nodes]
    laid = Laid(graph, needs, KEPT, kept, share=False)
    return plan(graph, KEPT, kept, "time").peak, optimum(laid.buffers, laid.align, laid.overlaps)


def models(shared: Path, part: str = "") -> Iterator[tuple[str, Graph]]:
    """Nets of the shared models whose name holds ``part``."""
    for path in sorted((shared / "data" / "models").rglob("*")):
        if path.suffix not in SUFFIXES or part not in path.name:
            continue
        try:
            yield path.name, open_model(path).graph
        except UserError as error:
            print(f"{path.name}: not read: {error.message}")


def main(arguments: Sequence[str]) -> int:
    """Print every model; 1 where one is more than 5 % above the optimum."""
    worst, seen = 1.0, 0
    for name, graph in models(shared_dir(), *arguments[:1]):
        ours, best = both(graph)
        ratio = ours / best if best else 1.0
        worst, seen = max(worst, ratio), seen + 1
        print(
            f"{name[:48]:48} {len(graph.nodes):4} layers {ours:10,} of {best:10,}  {ratio:6.3f}", flush=True
        )
    print(f"{seen} nets, at most {worst:.3f} of the optimum")
    return int(worst > 1.05 or not seen)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
