"""What a library computes inside of a model beside the reference: the first layer that parts.

The reference here is the net as it was read, before any pass, since its tensors have the names of the file.
Integers must be equal. Real numbers are sums in another order, so that their last bits differ with every
library: a layer of theirs parts where the length of the difference is more than ``PARTS`` of its own.
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array, Tensor
from sensorai.nets.frameworks import SECONDS, keras_call, keras_model, of_file
from sensorai.nets.inputs import Inputs
from sensorai.nets.metrics import compare
from sensorai.nets.model import NetFile

#: Share of a layer's length that real numbers may differ by.
PARTS = 1e-4
#: Calls that are looked into.
CALLS = 4
#: Libraries by kind of model, their modules, and how to install them.
_LIBRARIES = {
    "onnx": ("onnxruntime", "onnxruntime", "pip install onnxruntime"),
    "tflite": ("LiteRT", "ai_edge_litert", "pip install ai-edge-litert"),
    "keras": ("Keras", "keras", "pip install keras"),
}


@dataclass(slots=True)
class Inside:
    """Layers of a library beside those of the reference.

    Attributes
    ----------
    library : str
    rows : list of dict
        Of each layer that both have: ``layer``, ``operator``, ``type``, ``equal`` and the figures of
        ``metrics``.
    first : str
        The first layer that parts, with its first number that does; "" where none does.
    failure : str
        Why there are no rows.
    """

    library: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    first: str = ""
    failure: str = ""

    def figures(self) -> dict[str, Any]:
        """As plain data."""
        why = {"skipped": self.failure} if self.failure else {}
        return {"library": self.library, **why, "first_to_part": self.first or None, "layers": self.rows}


def inside(model: NetFile, given: Inputs, frozen: Mapping[str, Array] | None = None) -> Inside:
    """Compare every layer of a model that its library shows.

    Parameters
    ----------
    given : Inputs
        Whole inputs; the first ``CALLS`` are taken.
    frozen : mapping of input name to array
        Inputs of the file that are always the same.
    """
    name, module, install = _LIBRARIES.get(model.kind, (model.kind, "", ""))
    if not module:
        return Inside(name, failure="no library that is installed here shows the layers of such models")
    if find_spec(module) is None:
        return Inside(name, failure=f"not installed: {install}")
    graph = model.read
    count = min(given.count, CALLS)
    arrays = [of_file(model, k, a[:count]) for k, a in enumerate(given.arrays)]
    wanted = [n for node in graph.nodes for n in node.outputs]
    theirs, failure = _asked(name, model, arrays, frozen or {}, wanted)
    if failure:
        return Inside(name, failure=failure)
    ours: list[Mapping[str, Array]] = []
    state: Mapping[str, Array] | None = None
    for i in range(count):
        values = interpret.run(graph, {n: a[i] for n, a in zip(graph.inputs, arrays, strict=True)}, state)
        # theirs live from call to call as well
        state = interpret.following(graph, values) if graph.states else None
        ours.append(values)
    return _compared(name, graph, ours, theirs)


def _compared(
    name: str, graph: Graph, ours: Sequence[Mapping[str, Array]], theirs: Mapping[str, Array]
) -> Inside:
    found = Inside(name)
    for node in graph.nodes:
        for made in node.outputs:
            tensor, other = graph.tensors[made], theirs.get(made)
            if other is None or other[0].size != tensor.size:
                continue
            mine = np.stack([np.asarray(call[made]) for call in ours])
            other = other.reshape(mine.shape)
            same = mine.dtype == other.dtype
            reals = _real(other, tensor), _real(mine, tensor)
            a, b = (other, mine) if same else reals
            whole = a.dtype.kind != "f"
            equal = bool(np.array_equal(a, b, equal_nan=not whole))
            figures = compare(*reals)
            row = {"layer": made, "operator": node.op.NAME, "type": tensor.dtype, "equal": equal, **figures}
            found.rows.append(row)
            l2r = figures["l2r"]
            if not found.first and not equal and (whole or l2r is None or l2r > PARTS):
                found.first = _first(made, node.op.NAME, a, b, whole)
    if not found.rows:
        found.failure = "no tensor of the file is one of the net that was read"
    return found


def _first(layer: str, operator: str, a: Array, b: Array, whole: bool) -> str:
    """The first number that parts; of real numbers one that is far from the other by their size."""
    if whole:
        bad = a != b
    else:
        x, y = a.astype(np.float64), b.astype(np.float64)
        size = float(np.sqrt(np.mean(np.nan_to_num(x) ** 2))) or 1.0
        bad = ~(np.abs(x - y) <= PARTS * size) & ~(np.isnan(x) & np.isnan(y)) & (x != y)
        bad = bad if bad.any() else x != y
    place = int(np.flatnonzero(bad.reshape(-1))[0])
    call, element = divmod(place, a[0].size)
    expected, got = a.reshape(-1)[place].item(), b.reshape(-1)[place].item()
    return f"{layer} ({operator}): call {call}, [{element}] is {got!r} where {expected!r} was expected"


def _real(values: Array, tensor: Tensor) -> Array:
    """Real values, in float32."""
    if values.dtype.kind == "f" or tensor.quant is None or tensor.dtype.startswith("float"):
        return values.astype(np.float32)
    return np.stack([tensor.quant.real(row) for row in values]).astype(np.float32)


def _asked(
    name: str, model: NetFile, arrays: Sequence[Array], frozen: Mapping[str, Array], wanted: Sequence[str]
) -> tuple[dict[str, Array], str]:
    """Tensors of a library that runs in a process of its own, or why there are none."""
    packed = io.BytesIO()
    given = {f"in_{k}": array for k, array in enumerate(arrays)}
    given |= {f"name_{k}": _text(n) for k, n in enumerate(model.graph.inputs)}
    given |= {f"frozen_{k}": array for k, array in enumerate(frozen.values())}
    given |= {f"frozen_name_{k}": _text(n) for k, n in enumerate(frozen)}
    given |= {f"wanted_{k}": _text(n) for k, n in enumerate(wanted)}
    np.savez(packed, **given)  # type: ignore[arg-type]
    command = [sys.executable, "-m", "sensorai.nets.taps", name, str(model.path.absolute())]
    try:
        done = subprocess.run(
            command, input=packed.getvalue(), capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return {}, f"took more than {SECONDS:g} seconds"
    if done.returncode:
        lines = [line.strip() for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
        return {}, lines[-1][:300] if lines else f"stopped (exit code {done.returncode})"
    try:
        with np.load(io.BytesIO(done.stdout[done.stdout.index(b"PK") :]), allow_pickle=False) as file:
            return {wanted[int(key.removeprefix("out_"))]: file[key] for key in file.files}, ""
    except (ValueError, KeyError, OSError, EOFError, IndexError) as error:
        return {}, f"gave nothing that can be read: {error}"


def _text(words: str) -> Array:
    return np.asarray(list(words.encode()), np.uint8)


# ---------------------------------------------------------------- in the process of its own

_Calls = Sequence[Mapping[str, Array]]


def _onnxruntime(path: Path, calls: _Calls, wanted: Sequence[str]) -> list[dict[str, Array]]:
    onnx, ort = import_module("onnx"), import_module("onnxruntime")
    model = onnx.load(str(path))
    made = {n for node in model.graph.node for n in node.output}
    there = {one.name for one in model.graph.output}
    more = [n for n in wanted if n in made and n not in there]
    model.graph.output.extend(onnx.ValueInfoProto(name=n) for n in more)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    # each operator by itself: what is fused has no tensors inside
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    known = {one.name for one in session.get_inputs()}
    names = [n for n in wanted if n in made]
    out = []
    for call in calls:
        values = session.run(names, {n: a for n, a in call.items() if n in known})
        # sequences and maps are no tensors
        out.append({n: v for n, v in zip(names, values, strict=True) if isinstance(v, np.ndarray)})
    return out


def _litert(path: Path, calls: _Calls, wanted: Sequence[str]) -> list[dict[str, Array]]:
    module = import_module("ai_edge_litert.interpreter")
    net = module.Interpreter(
        model_path=str(path),
        experimental_op_resolver_type=module.OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    places = net.get_input_details()
    for place, array in zip(places, calls[0].values(), strict=True):
        if tuple(place["shape"]) != array.shape:
            net.resize_tensor_input(place["index"], array.shape)
    net.allocate_tensors()
    by_name: dict[str, list[int]] = {}
    for one in net.get_tensor_details():
        by_name.setdefault(str(one["name"]), []).append(int(one["index"]))
    # of a name that several tensors have, nobody knows which is meant
    which = {n: by_name[n][0] for n in wanted if len(by_name.get(n, ())) == 1}
    out = []
    for call in calls:
        for place, array in zip(places, call.values(), strict=True):
            net.set_tensor(place["index"], array)
        net.invoke()
        values: dict[str, Array] = {}
        for n, index in which.items():
            try:
                values[n] = np.array(net.get_tensor(index))
            except ValueError:
                # it was folded away
                continue
        out.append(values)
    return out


def _keras(path: Path, calls: _Calls, wanted: Sequence[str]) -> list[dict[str, Array]]:
    model = keras_model(path)
    named: dict[str, Any] = {}
    for layer in model.layers:
        try:
            made = layer.output
        except (AttributeError, ValueError):
            # it is called several times, or never
            continue
        first = made[0] if isinstance(made, list | tuple) and made else made
        if layer.name in wanted and not isinstance(first, dict) and first is not None:
            named[layer.name] = first
    if not named:
        return [{} for _ in calls]
    tapped = import_module("keras").Model(model.inputs, list(named.values()))
    return [dict(zip(named, keras_call(tapped, call), strict=True)) for call in calls]


_RUNNERS: Mapping[str, Callable[[Path, _Calls, Sequence[str]], list[dict[str, Array]]]] = {
    "onnxruntime": _onnxruntime,
    "LiteRT": _litert,
    "Keras": _keras,
}


def main(name: str, path: str) -> None:
    """Read inputs and names from standard input, run, and write tensors to standard output."""
    found: dict[str, Any] = dict(np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False))

    def text(key: str) -> str:
        return bytes(found[key].tolist()).decode()

    def numbered(start: str) -> list[str]:
        return [f"{start}_{k}" for k in range(len(found)) if f"{start}_{k}" in found]

    inputs = {text(f"name_{k}"): found[key] for k, key in enumerate(numbered("in"))}
    frozen = {text(f"frozen_name_{k}"): found[key] for k, key in enumerate(numbered("frozen"))}
    wanted = [text(key) for key in numbered("wanted")]
    calls = [{n: a[i] for n, a in inputs.items()} | frozen for i in range(len(next(iter(inputs.values()))))]
    made = _RUNNERS[name](Path(path), calls, wanted)
    outputs = {
        f"out_{k}": np.stack([call[n] for call in made])
        for k, n in enumerate(wanted)
        if n in made[0] and made[0][n].dtype.kind in "fiub"
    }
    packed = io.BytesIO()
    np.savez(packed, **outputs)  # type: ignore[arg-type]
    sys.stdout.buffer.write(packed.getvalue())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
