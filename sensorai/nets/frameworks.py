"""Model files, run by the libraries that they were made for, where these are installed.

Each runs in a process of its own: a library that a damaged model brings down takes nothing with it.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from sensorai.graph.operator import Applied
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array, Tensor
from sensorai.nets.inputs import Inputs
from sensorai.nets.model import NetFile
from sensorai.ops.nd.quantize import Quantize

#: Bytes of working memory that tflite-micro may use; what it takes by itself is too little for some nets.
_ARENA = 1 << 26
#: Seconds that a library may take.
SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Library:
    """A library that runs a kind of model.

    Attributes
    ----------
    name : str
    kind : str
        Of the models.
    module : str
        What must be installed.
    install : str
    """

    name: str
    kind: str
    module: str
    install: str


LIBRARIES = (
    Library("onnxruntime", "onnx", "onnxruntime", "pip install onnxruntime"),
    Library("onnx reference", "onnx", "onnx", "pip install 'sensorai[import]'"),
    Library("tflite-micro", "tflite", "tflite_micro", "pip install tflite-micro"),
    Library("LiteRT", "tflite", "ai_edge_litert", "pip install ai-edge-litert"),
    Library("Keras", "keras", "keras", "pip install keras"),
)


@dataclass(frozen=True, slots=True)
class Ran:
    """What a library made of the inputs: an array for every output, calls in front; or why there is none."""

    name: str
    outputs: tuple[Array, ...] = ()
    failure: str = ""


def run_all(model: NetFile, given: Inputs, frozen: Mapping[str, Array] | None = None) -> list[Ran]:
    """Run a model with every library for its kind; one that is absent says how to install it."""
    known = [one for one in LIBRARIES if one.kind == model.kind]
    given = replace(given, arrays=tuple(of_file(model, k, a) for k, a in enumerate(given.arrays)))
    if not known:
        return [Ran(model.kind, (), "no library that is installed here runs such models")]
    return [_run(one, model, given, frozen or {}) for one in known]


def of_file(model: NetFile, place: int, values: Array) -> Array:
    """Numbers for an input in the type that the file has, where the net takes another one."""
    ours = model.graph.tensors[model.graph.inputs[place]]
    theirs = model.made.passed.tensors[model.made.passed.inputs[place]]
    if ours.dtype == theirs.dtype:
        return values
    real = values if ours.quant is None else ours.quant.real(values)
    if not isinstance(theirs.quant, Affine):
        return np.asarray(real, np.float32)
    op = Quantize(theirs.dtype, "away")
    at = Applied(theirs.name, (Tensor("x", theirs.shape),), {}, (theirs,))
    return np.stack([op.compute(at, np.asarray(row, np.float32))[0] for row in real])


def _run(one: Library, model: NetFile, given: Inputs, frozen: Mapping[str, Array]) -> Ran:
    if find_spec(one.module) is None:
        return Ran(one.name, (), f"not installed: {one.install}")
    names = model.graph.inputs
    arrays = {f"in_{k}": array for k, array in enumerate(given.arrays)}
    arrays |= {f"name_{k}": np.asarray(list(name.encode()), np.uint8) for k, name in enumerate(names)}
    for k, (name, array) in enumerate(frozen.items()):
        arrays |= {f"frozen_{k}": array, f"frozen_name_{k}": np.asarray(list(name.encode()), np.uint8)}
    packed = io.BytesIO()
    np.savez(packed, **arrays)  # type: ignore[arg-type]
    command = [sys.executable, "-m", "sensorai.nets.frameworks", one.name, str(model.path.absolute())]
    try:
        done = subprocess.run(
            command, input=packed.getvalue(), capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return Ran(one.name, (), f"took more than {SECONDS:g} seconds")
    if done.returncode:
        lines = [line.strip() for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
        return Ran(one.name, (), lines[-1][:300] if lines else f"stopped (exit code {done.returncode})")
    try:
        with np.load(io.BytesIO(done.stdout[done.stdout.index(b"PK") :]), allow_pickle=False) as file:
            outputs = tuple(file[f"out_{k}"] for k in range(len(file.files)))
    except (ValueError, KeyError, OSError, EOFError) as error:
        return Ran(one.name, (), f"gave nothing that can be read: {error}")
    shapes = [model.graph.tensors[n].shape for n in model.graph.outputs]
    sizes = [model.graph.tensors[n].size for n in model.graph.outputs]
    if [o.size // max(len(o), 1) for o in outputs] != sizes:
        return Ran(one.name, (), "gave outputs of other shapes")
    return Ran(one.name, tuple(o.reshape(len(o), *s) for o, s in zip(outputs, shapes, strict=True)))


# ---------------------------------------------------------------- in the process of its own


#: Real types of files in whose place a net may take float32, as onnxruntime and ONNX name them.
_REAL: Mapping[str | int, str] = {
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    10: "float16",
    11: "float64",
}


def _as(values: Array, dtype: str) -> Array:
    """Real numbers in the type that the file has."""
    return values.astype(dtype) if dtype and values.dtype.kind == "f" else values


def _onnxruntime(path: Path, calls: Sequence[Mapping[str, Array]]) -> list[list[Array]]:
    ort = import_module("onnxruntime")
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    known = {one.name: _REAL.get(one.type, "") for one in session.get_inputs()}
    return [session.run(None, {n: _as(a, known[n]) for n, a in call.items() if n in known}) for call in calls]


#: Version whose operators ONNX's reference has.
_NEWER = 21


def _reference(path: Path, calls: Sequence[Mapping[str, Array]]) -> list[list[Array]]:
    evaluator = _evaluator(path)
    types = dict(zip(evaluator.input_names, evaluator.input_types, strict=True))
    known = {n: _REAL.get(kind.tensor_type.elem_type, "") for n, kind in types.items()}
    return [evaluator.run(None, {n: _as(a, known.get(n, "")) for n, a in call.items()}) for call in calls]


def _evaluator(path: Path) -> Any:
    """ONNX's reference for a file; where it has no operators of the file's version, for a newer version."""
    onnx, reference = import_module("onnx"), import_module("onnx.reference")
    try:
        return reference.ReferenceEvaluator(str(path))
    except RuntimeError as error:
        if "No implementation" not in str(error):
            raise
    converter = import_module("onnx.version_converter")
    return reference.ReferenceEvaluator(converter.convert_version(onnx.load(str(path)), _NEWER))


def _micro(path: Path, calls: Sequence[Mapping[str, Array]]) -> list[list[Array]]:
    runtime = import_module("tflite_micro.python.tflite_micro.runtime")
    net = runtime.Interpreter.from_file(str(path), arena_size=_ARENA)
    out = []
    for call in calls:
        for k, array in enumerate(call.values()):
            net.set_input(array, k)
        net.invoke()
        made: list[Array] = []
        while True:
            try:
                made.append(np.array(net.get_output(len(made))))
            except (IndexError, ValueError, RuntimeError):
                break
        out.append(made)
    return out


def _litert(path: Path, calls: Sequence[Mapping[str, Array]]) -> list[list[Array]]:
    module = import_module("ai_edge_litert.interpreter")
    kind = module.OpResolverType.BUILTIN_REF
    net = module.Interpreter(model_path=str(path), experimental_op_resolver_type=kind)
    places = net.get_input_details()
    for place, array in zip(places, calls[0].values(), strict=True):
        if tuple(place["shape"]) != array.shape:
            net.resize_tensor_input(place["index"], array.shape)
    net.allocate_tensors()
    out = []
    for call in calls:
        for place, array in zip(places, call.values(), strict=True):
            net.set_tensor(place["index"], array)
        net.invoke()
        out.append([np.array(net.get_tensor(one["index"])) for one in net.get_output_details()])
    return out


def keras_model(path: Path) -> Any:
    """A model that Keras reads, without code of the file; on JAX, which is here, unless told otherwise."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return import_module("keras").models.load_model(str(path), compile=False, safe_mode=True)


def keras_call(model: Any, call: Mapping[str, Array]) -> list[Array]:
    """Outputs of one call; states of layers stay for the next one."""
    arrays = list(call.values())
    made = model(arrays[0] if len(arrays) == 1 else arrays, training=False)
    parts = (
        list(made.values()) if isinstance(made, dict) else made if isinstance(made, list | tuple) else [made]
    )
    return [np.asarray(one) for one in parts]


def _keras(path: Path, calls: Sequence[Mapping[str, Array]]) -> list[list[Array]]:
    model = keras_model(path)
    return [keras_call(model, call) for call in calls]


_RUNNERS: Mapping[str, Callable[[Path, Sequence[Mapping[str, Array]]], list[list[Array]]]] = {
    "onnxruntime": _onnxruntime,
    "onnx reference": _reference,
    "tflite-micro": _micro,
    "LiteRT": _litert,
    "Keras": _keras,
}


def main(name: str, path: str) -> None:
    """Read inputs from standard input, run, and write outputs to standard output."""
    found: dict[str, Any] = dict(np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False))

    def text(key: str) -> str:
        return bytes(found[key].tolist()).decode()

    inputs = {text(f"name_{k}"): found[f"in_{k}"] for k in range(len(found)) if f"in_{k}" in found}
    frozen = {
        text(f"frozen_name_{k}"): found[f"frozen_{k}"] for k in range(len(found)) if f"frozen_{k}" in found
    }
    count = len(next(iter(inputs.values())))
    calls = [{n: a[i] for n, a in inputs.items()} | frozen for i in range(count)]
    made = _RUNNERS[name](Path(path), calls)
    outputs = {f"out_{k}": np.stack([np.asarray(call[k]) for call in made]) for k in range(len(made[0]))}
    packed = io.BytesIO()
    np.savez(packed, **outputs)  # type: ignore[arg-type]
    sys.stdout.buffer.write(packed.getvalue())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
