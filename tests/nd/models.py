"""Public nets: read, computed, and compared with the frameworks they come from.

``python -m tests.nd.models [PART OF A PATH]`` prints the table; with ``--emulated`` every net also runs as C
on this machine, on the virtual ISPU and on emulated cores, and must give the bits of the reference.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sensorai.codegen.netproject import About, emit_net_project
from sensorai.errors import SensoraiError
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import DTYPES, Array
from sensorai.importers.open import read_net
from sensorai.nets.inputs import Inputs, spread
from sensorai.nets.model import open_model
from sensorai.nets.port import ports
from sensorai.nets.references import one_by_one
from sensorai.nets.running import Program
from sensorai.nets.validating import parting
from sensorai.passes.imported import simplify
from sensorai.toolchain.host import build_program

#: What the tolerance of float results is relative to: the largest of them.
FLOAT = 1e-5


@dataclass(frozen=True)
class Judged:
    """A net and what came of it; ``problem`` is empty where all is well."""

    path: str
    oracle: str
    problem: str
    difference: float
    seconds: float


def listed(folder: Path) -> list[Path]:
    """Paths of the nets in a folder of models with its MANIFEST.csv."""
    with (folder / "MANIFEST.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [folder / r["path"] for r in rows if r["kind"] in ("tflite", "onnx", "h5", "keras")]


def inputs(graph: Graph, seed: int = 1) -> Mapping[str, Array]:
    """Random inputs: integers over their whole range."""
    rng = np.random.default_rng(seed)
    made = {}
    for name in graph.inputs:
        tensor = graph.tensors[name]
        kind = np.dtype(DTYPES[tensor.dtype])
        if kind.kind == "f":
            made[name] = rng.normal(0, 1, tensor.shape).astype(kind)
        elif kind.kind == "b":
            made[name] = rng.integers(0, 2, tensor.shape).astype(bool)
        else:
            ends = np.iinfo(kind)
            low, high = (ends.min, ends.max) if kind.itemsize < 4 else (-1000, 1000)
            made[name] = rng.integers(max(low, ends.min), high, tensor.shape, endpoint=True).astype(kind)
    return made


def _micro(path: Path, given: list[Array], outputs: int) -> list[Array]:
    from tflite_micro.python.tflite_micro import runtime

    net = runtime.Interpreter.from_file(str(path), arena_size=1 << 24)
    for k, x in enumerate(given):
        net.set_input(x, k)
    net.invoke()
    return [np.array(net.get_output(k)) for k in range(outputs)]


def _lite(path: Path, given: list[Array]) -> list[Array]:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    net = Interpreter(str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1)
    net.allocate_tensors()
    for said, x in zip(net.get_input_details(), given, strict=True):
        net.set_tensor(said["index"], x)
    net.invoke()
    return [net.get_tensor(said["index"]) for said in net.get_output_details()]


def _onnx(path: Path, given: Mapping[str, Array]) -> tuple[str, list[Array]]:
    import onnxruntime

    try:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        net = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return "onnxruntime", [np.asarray(y) for y in net.run(None, dict(given))]
    except Exception:  # operators of other domains
        from onnx.reference import ReferenceEvaluator

        return "onnx reference", [np.asarray(y) for y in ReferenceEvaluator(str(path)).run(None, dict(given))]


def oracle(path: Path, graph: Graph, given: Mapping[str, Array]) -> tuple[str, list[Array]]:
    """Name and outputs of the framework; empty where there is none here."""
    if path.suffix == ".onnx":
        return _onnx(path, given)
    if path.suffix != ".tflite":
        return "", []
    arrays = [given[name] for name in graph.inputs]
    if all(np.dtype(DTYPES[t.dtype]).kind == "f" for t in graph.activations):
        return "LiteRT", _lite(path, arrays)
    try:
        return "tflite-micro", _micro(path, arrays, len(graph.outputs))
    except Exception as error:  # operators that it does not have
        print(f"tflite-micro: {error}", file=sys.stderr)
    return "LiteRT", _lite(path, arrays)


def judge(path: Path, folder: Path) -> Judged:
    """Read, compute, compare."""
    name, begin = str(path.relative_to(folder)), time.perf_counter()
    try:
        graph = read_net(path)
        given = inputs(graph)
        values = interpret.run(graph, given)
        mine = [values[n] for n in graph.outputs]
        after = interpret.run(simplify(graph)[0], given)
        said, theirs = oracle(path, graph, given)
    except SensoraiError as error:
        return Judged(name, "", str(error).splitlines()[0], 0.0, time.perf_counter() - begin)
    worst, problem = 0.0, ""
    for n, a, b in zip(graph.outputs, mine, theirs, strict=False):
        problem = problem or _difference(n, a, b)
        worst = max(worst, _relative(a, b))
    for n, a in zip(graph.outputs, mine, strict=True):
        integers = graph.tensors[n].dtype != "float32"
        if _relative(after[n], a) > (0 if integers and path.suffix == ".tflite" else 1e-4):
            problem = problem or f"the passes changed {n}"
    if said and len(theirs) != len(mine):
        problem = problem or f"{len(mine)} outputs, not {len(theirs)}"
    return Judged(name, said, problem, worst, time.perf_counter() - begin)


def _relative(a: Array, b: Array) -> float:
    x, y = a.astype(np.float64).reshape(-1), b.astype(np.float64).reshape(-1)
    if x.size != y.size:
        return np.inf
    scale = np.max(np.abs(y), initial=0.0) or 1.0
    return float(np.max(np.abs(x - y), initial=0.0) / scale)


def _difference(name: str, a: Array, b: Array) -> str:
    if a.dtype != b.dtype or a.size != b.size:
        return f"{name} is {a.dtype} {a.shape}, not {b.dtype} {b.shape}"
    if a.dtype.kind == "f":
        return f"{name} differs by {_relative(a, b):.2e}" if _relative(a, b) > FLOAT else ""
    bad = np.flatnonzero(a.reshape(-1) != b.reshape(-1))
    if not bad.size:
        return ""
    k = int(bad[0])
    return f"{name}[{k}] is {a.reshape(-1)[k]}, not {b.reshape(-1)[k]} ({bad.size} of {a.size})"


def on_host(program: Program, given: Inputs) -> list[list[Array]]:
    """Run on this machine without sanitizers, which take most of the time of a compiler."""
    built = build_program({**program.sources, "run_main.c": program.main()}, opt="-O1", harness=True)
    return program.read(built.run(program.stream(given)), given)


def on_core(core: str) -> Callable[[Program, Inputs], list[list[Array]]]:
    """Run in QEMU."""
    return lambda program, given: program.on_core(given, core)


#: Levels of whole nets: all of them, and those that a test of minutes has time for.
LEVELS: Mapping[str, Callable[[Program, Inputs], list[list[Array]]]] = {
    "host": Program.on_host,
    "ispu": lambda program, given: program.on_ispu(given, "lsm6dso16is"),
    **{core: on_core(core) for core in ("m0plus", "m3", "m4", "m7", "m33", "m55")},
}
QUICK = {"host": on_host, "m4": LEVELS["m4"], "m0plus": LEVELS["m0plus"]}


def as_c(path: Path, levels: Mapping[str, Callable[[Program, Inputs], list[list[Array]]]]) -> str:
    """Run the C of a net with one input at every level; what differs from the reference first, or nothing."""
    model = open_model(path)
    graph = model.graph
    if model.made.problems:
        return "; ".join(one.message for one in model.made.problems)
    sources = emit_net_project(graph, "network", About("", "", "")).sources()
    program = Program("network", "native", sources, ports(graph, graph.inputs), ports(graph, graph.outputs))
    given = spread(program.inputs, 1)
    expected = one_by_one(model.graph, given)
    for level, run in levels.items():
        try:
            found = parting(level, graph.outputs, expected, run(program, given))
        except SensoraiError as error:
            return f"{level}: {str(error).splitlines()[0]}"
        if found is not None:
            return str(found)
    return ""


def main(arguments: list[str]) -> Any:
    """Print the table."""
    from tests.conftest import shared_dir

    folder = shared_dir() / "data" / "models"
    good = 0
    emulated = "--emulated" in arguments
    parts = [one for one in arguments if one != "--emulated"]
    paths = [p for p in listed(folder) if not parts or parts[0] in str(p)]
    for path in paths:
        one = judge(path, folder)
        if emulated and not one.problem:
            begin = time.perf_counter()
            problem = as_c(path, LEVELS)
            one = replace(one, problem=problem, seconds=one.seconds + time.perf_counter() - begin)
        good += not one.problem
        said = one.problem or f"{one.difference:.1e}"
        mark = "BAD" if one.problem else "ok "
        print(f"{mark} {one.seconds:6.2f} s {one.oracle:14} {one.path[-60:]:60} {said}", flush=True)
    print(f"{good} of {len(paths)}" + (f", on {', '.join(LEVELS)}" if emulated else ""))


if __name__ == "__main__":
    main(sys.argv[1:])
