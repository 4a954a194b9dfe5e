"""The file of a quantised net: written, read back and run by others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from sensorai.errors import ConfigError, InternalError
from sensorai.files import write_bytes
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array
from sensorai.importers.net import NO_C
from sensorai.nets import frameworks, tflite_file
from sensorai.nets.compiling import plain
from sensorai.nets.costs import Costs, costs
from sensorai.nets.inputs import Inputs, read_inputs
from sensorai.nets.metrics import compare
from sensorai.nets.model import NetFile, open_model
from sensorai.nets.onnx_file import counted, export, writable
from sensorai.nets.pairs import SCHEMES
from sensorai.nets.port import ports
from sensorai.nets.quantizing import Quantised, Settings, quantize
from sensorai.nets.staying import reasons, staying
from sensorai.ops.nd.recurrent import Recurrent

#: Calls on which files are compared.
CALLS = 16
#: Cosine of outputs below which a net that is not exact is another one.
LEAST = 0.99


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What was done, as it is told."""

    made: Quantised
    before: Costs
    after: Costs
    back: str
    others: str

    def figures(self) -> dict[str, Any]:
        """Plain data."""
        made, called = self.made, self.made.source.called
        return {
            "scheme": made.plan.scheme,
            "ranges": made.plan.method,
            "dictionary": made.plan.dictionary,
            "no_dictionary": [called(n.output) for n in made.source.nodes if isinstance(n.op, Recurrent)]
            if made.plan.dictionary
            else [],
            "even_pairs": made.evened,
            "biases_corrected": made.corrected,
            "calibrated": made.calibrated,
            "judged": made.judged,
            "apart": made.apart,
            "tried": [{"way": way, "error": error if isfinite(error) else None} for way, error in made.tried],
            "layers": [
                {
                    **asdict(layer),
                    "name": called(layer.name),
                    "error": layer.error if isfinite(layer.error) else None,
                    "integer": layer.integer,
                }
                for layer in made.layers
            ],
            "unchanged": made.unchanged,
            "stay_float": [name for name, _ in staying(made.graph)],
            "stay_float_operators": [operator for _, operator in staying(made.graph)],
            "stay_float_reasons": list(
                reasons(made.graph, SCHEMES[made.plan.scheme], made.plan.left, made.plan.floats)
            ),
            "notes": list(made.notes),
            "outputs": list(made.outputs),
            "budget_of": made.measure,
            "accuracy": None if made.accuracy is None else list(made.accuracy),
            "weight_bytes": [self.before.weights, self.after.weights],
            "saved_bytes": self.after.saved,
            "arena_bytes": [self.before.arena, self.after.arena],
            "read_back": self.back,
            "onnxruntime": self.others,
        }


def make(
    model: NetFile,
    data: Path,
    out: Path,
    settings: Settings,
    say: Callable[[str], None],
    dictionaries: bool = True,
) -> Told:
    """Quantise a model with the inputs of a file, and write the result.

    Parameters
    ----------
    dictionaries : bool
        Whether weights that are few are counted as places in a dictionary.

    Raises
    ------
    DataError, ConfigError, ToolMissing
    """
    for name in model.graph.inputs:
        if model.graph.tensors[name].dtype != "float32":
            kind = model.graph.tensors[name].dtype
            if kind in NO_C:
                hint = "--float32 computes in float32 instead, and says by how much results differ"
                raise ConfigError(f"the input {name} is {kind}, which is not quantised", hint=hint)
            raise ConfigError(f"the input {name} is {kind}: the net is quantised already")
    given = read_inputs(data, ports(model.graph, model.graph.inputs), model.graph.outputs)
    # calibration takes minutes: what cannot be written is told before
    writable(model.graph)
    made = quantize(model.graph, given, settings, say)
    say("writing")
    back, others = hand_over(made.graph, out, given)
    before, after = (costs(one if dictionaries else plain(one)) for one in (made.source, made.graph))
    return Told(made, before, after, back, others)


def hand_over(graph: Graph, out: Path, given: Inputs, *, exact: bool = True) -> tuple[str, str]:
    """Write a net as ONNX, or as TensorFlow Lite by the file's name, read it back and let others run it.

    Parameters
    ----------
    exact : bool
        Whether what is read back must compute the same to the bit. Nets of TensorFlow Lite round sums twice,
        ONNX has no such operators: a number may differ by a step, and by more behind several layers.

    Returns
    -------
    back, others : str
        How what was read back compares, of ONNX behind the count of the file's nodes, and onnxruntime; of
        TensorFlow Lite its runtimes.

    Raises
    ------
    ConfigError
        A layer is not written in this format.
    InternalError
        What was written computes something else; no file is left.
    """
    lite = out.suffix.lower() == ".tflite"
    content = tflite_file.export(graph) if lite else export(graph)
    write_bytes(out, content)
    few = Inputs(tuple(a[:CALLS] for a in given.arrays), min(given.count, CALLS), given.source)
    try:
        back = open_model(out)
        ours = interpret.run(graph, dict(zip(graph.inputs, few.arrays, strict=True)))
        read = interpret.run(back.graph, dict(zip(back.graph.inputs, few.arrays, strict=True)))
        told = _compared(graph, back, ours, read, exact)
    except Exception:
        out.unlink()
        raise
    if lite:
        return told, _runtimes(back, read, few)
    return f"{counted(content)} nodes; {told}", _others(graph, back, ours, few)


def _compared(
    graph: Graph, back: NetFile, ours: Mapping[str, Array], read: Mapping[str, Array], exact: bool
) -> str:
    parts = []
    for mine, other in zip(graph.outputs, back.graph.outputs, strict=True):
        a, b = ours[mine], read[other]
        if np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
            continue
        cosine = compare(a, b)["cos"]
        if exact or cosine is None or cosine < LEAST:
            raise InternalError(f"the written net computes another {mine}")
        gap = np.abs(a.astype(np.float64) - b)
        parts.append(f"{np.mean(gap > 0):.2%} of the numbers of {mine} differ, by {gap.max():.3g} at most")
    if not parts:
        return "read back: computes the same to the bit"
    return f"read back: {'; '.join(parts)}: sums of TensorFlow Lite are rounded twice, those of ONNX once"


def _runtimes(back: NetFile, read: Mapping[str, Array], few: Inputs) -> str:
    """What runtimes of TensorFlow Lite make of a file, beside what our reference does."""
    lines = []
    for ran in frameworks.run_all(back, few):
        if ran.failure:
            lines.append(f"{ran.name}: not run: {ran.failure}")
            continue
        gaps = [
            float(np.abs(read[n].astype(np.float64) - theirs).max(initial=0))
            for n, theirs in zip(back.graph.outputs, ran.outputs, strict=True)
        ]
        same = "the same to the bit" if not any(gaps) else f"differs by {max(gaps):.3g} at most"
        lines.append(f"{ran.name} on {few.count} calls: {same}")
    return "\n".join(lines)


def _others(graph: Graph, back: NetFile, ours: Mapping[str, Array], few: Inputs) -> str:
    for ran in frameworks.run_all(back, few):
        if ran.name != "onnxruntime":
            continue
        if ran.failure:
            return f"onnxruntime: not run: {ran.failure}"
        parts = []
        for name, theirs in zip(graph.outputs, ran.outputs, strict=True):
            mine = ours[name].astype(np.float64)
            gap = np.abs(mine - theirs)
            parts.append(f"{name} differs by {gap.max():.3g} at most (values to {np.abs(mine).max():.3g})")
        return f"onnxruntime on {few.count} calls: {'; '.join(parts)}"
    return "onnxruntime: not run"
