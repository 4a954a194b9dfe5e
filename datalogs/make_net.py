"""Makes har_net.onnx from har.csv: a small net of one second of acceleration, as other tools would export it.

Windows of 26 samples at 26 Hz in g go through 12 units with ReLU and a softmax over the five exercises;
subjects 09 and 10 are not learnt from. Needs scikit-learn and onnx.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pandas as pd
from onnx import TensorProto, helper, numpy_helper
from sklearn.neural_network import MLPClassifier

FOLDER = Path(__file__).parent
RATE, WINDOW, STRIDE, HIDDEN = 26, 26, 13, 12
CLASSES = ["pendulum", "elevation", "external_rotation", "trapezius_row", "bent_row"]


def windows(part: pd.DataFrame) -> np.ndarray:
    """Windows of one recording at ``RATE``, shape (n, window, 3), in g."""
    values = part[["acc_x[mg]", "acc_y[mg]", "acc_z[mg]"]].to_numpy(np.float64) / 1000
    at = np.arange(0, len(values) - 1, 50 / RATE)
    made = np.stack([np.interp(at, np.arange(len(values)), values[:, k]) for k in range(3)], axis=1)
    starts = range(0, len(made) - WINDOW + 1, STRIDE)
    return np.stack([made[s : s + WINDOW] for s in starts])


def main() -> None:
    """Learn and write."""
    table = pd.read_csv(FOLDER / "har.csv", comment="#", dtype={"subject": str})
    x, y, who = [], [], []
    for _, part in table.groupby("recording", sort=True):
        cut = windows(part)
        x.append(cut.reshape(len(cut), -1))
        y += [CLASSES.index(part["label"].iloc[0])] * len(cut)
        who += [part["subject"].iloc[0]] * len(cut)
    inputs, labels, subjects = np.concatenate(x), np.array(y), np.array(who)
    learnt = ~np.isin(subjects, ["09", "10"])
    net = MLPClassifier((HIDDEN,), alpha=0.1, max_iter=600, random_state=0)
    net.fit(inputs[learnt], labels[learnt])
    print(f"held out: {net.score(inputs[~learnt], labels[~learnt]):.3f}")
    (w1, w2), (b1, b2) = net.coefs_, net.intercepts_
    known = {"w1": w1, "b1": b1, "w2": w2, "b2": b2}
    constants = [numpy_helper.from_array(np.float32(v), n) for n, v in known.items()]
    constants.append(numpy_helper.from_array(np.array([1, WINDOW * 3]), "row"))
    nodes = [
        helper.make_node("Reshape", ["window", "row"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w1", "b1"], ["sums"]),
        helper.make_node("Relu", ["sums"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "w2", "b2"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"]),
    ]
    ends = [
        helper.make_tensor_value_info("window", TensorProto.FLOAT, ["batch", WINDOW, 3]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", len(CLASSES)]),
    ]
    graph = helper.make_graph(nodes, "har", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, FOLDER / "har_net.onnx")


if __name__ == "__main__":
    main()
