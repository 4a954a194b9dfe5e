"""Makes har_conv.onnx from har.csv: a small convolutional net over time, as other tools would export it.

The windows of make_net.py go through two convolutions of five samples, a mean over time and a softmax;
subjects 09 and 10 are not learnt from. Needs jax, pandas and onnx.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import pandas as pd
from make_net import CLASSES, WINDOW, windows
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).parent
CHANNELS, KERNEL, STEPS, RATE = 8, 5, 3000, 3e-3

Params = dict[str, Any]


def scores(params: Params, x: Any) -> Any:
    """Logits (n, classes) of windows (n, time, axes)."""
    y = jnp.swapaxes(x, 1, 2)
    for k in "12":
        y = jax.lax.conv_general_dilated(
            y, params["w" + k], (1,), "VALID", dimension_numbers=("NCH", "OIH", "NCH")
        )
        y = jax.nn.relu(y + params["b" + k][:, None])
    return y.mean(2) @ params["w3"].T + params["b3"]


def loss(params: Params, x: Any, y: Any) -> Any:
    """Mean cross entropy, and a little for large weights."""
    found = jax.nn.log_softmax(scores(params, x))
    large = sum((params[n] ** 2).sum() for n in ("w1", "w2", "w3"))
    return -jnp.take_along_axis(found, y[:, None], 1).mean() + 1e-4 * large


@jax.jit
def step(
    params: Params, first: Params, second: Params, k: Any, x: Any, y: Any
) -> tuple[Params, Params, Params]:
    """One step of Adam."""
    slope = jax.grad(loss)(params, x, y)
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, slope)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, slope)

    def moved(p: Any, m: Any, v: Any) -> Any:
        return p - RATE * (m / (1 - 0.9**k)) / (jnp.sqrt(v / (1 - 0.999**k)) + 1e-8)

    return jax.tree.map(moved, params, first, second), first, second


def main() -> None:
    """Learn and write."""
    table = pd.read_csv(FOLDER / "har.csv", comment="#", dtype={"subject": str})
    x, y, who = [], [], []
    for _, part in table.groupby("recording", sort=True):
        cut = windows(part)
        x.append(cut)
        y += [CLASSES.index(part["label"].iloc[0])] * len(cut)
        who += [part["subject"].iloc[0]] * len(cut)
    inputs, labels, subjects = np.concatenate(x).astype(np.float32), np.array(y), np.array(who)
    learnt = ~np.isin(subjects, ["09", "10"])
    rng = np.random.default_rng(0)
    shapes = {"w1": (CHANNELS, 3, KERNEL), "w2": (CHANNELS, CHANNELS, KERNEL), "w3": (len(CLASSES), CHANNELS)}
    params: Params = {
        n: rng.normal(0, np.prod(s[1:]) ** -0.5, s).astype(np.float32) for n, s in shapes.items()
    }
    params |= {f"b{n[1]}": np.zeros(s[0], np.float32) for n, s in shapes.items()}
    first = second = jax.tree.map(jnp.zeros_like, params)
    for k in range(1, STEPS + 1):
        rows = rng.choice(np.flatnonzero(learnt), 128, replace=False)
        params, first, second = step(params, first, second, k, inputs[rows], labels[rows])
    right = np.asarray(scores(params, inputs)).argmax(1) == labels
    print(f"held out: {right[~learnt].mean():.3f}")
    constants = [numpy_helper.from_array(np.asarray(v, np.float32), n) for n, v in sorted(params.items())]
    nodes = [
        helper.make_node("Transpose", ["window"], ["turned"], perm=[0, 2, 1]),
        helper.make_node("Conv", ["turned", "w1", "b1"], ["conv1"]),
        helper.make_node("Relu", ["conv1"], ["relu1"]),
        helper.make_node("Conv", ["relu1", "w2", "b2"], ["conv2"]),
        helper.make_node("Relu", ["conv2"], ["relu2"]),
        helper.make_node("GlobalAveragePool", ["relu2"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["row"]),
        helper.make_node("Gemm", ["row", "w3", "b3"], ["logits"], transB=1),
        helper.make_node("Softmax", ["logits"], ["scores"]),
    ]
    ends = [
        helper.make_tensor_value_info("window", TensorProto.FLOAT, [1, WINDOW, 3]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, len(CLASSES)]),
    ]
    graph = helper.make_graph(nodes, "har", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, FOLDER / "har_conv.onnx")


if __name__ == "__main__":
    main()
