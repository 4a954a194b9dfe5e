"""A minute's worth of damaged models; at length by hand: ``python -m tests.nd.fuzz 10000000``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sensorai.errors import ConfigError
from sensorai.importers.open import read_net


@pytest.mark.conformance
def test_damaged_models_are_answered(shared: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.nd.fuzz", "2000000"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_small_file_of_huge_tensors_is_refused(tmp_path: Path) -> None:
    """Forty doublings would be 10^12 numbers: the node that makes too many is named."""
    onnx = pytest.importorskip("onnx")
    helper, real = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("Concat", [f"t{k}"] * 2, [f"t{k + 1}"], f"double {k}", axis=0) for k in range(40)
    ]
    ends = [helper.make_tensor_value_info(n, real, s) for n, s in (("t0", [64]), ("t40", None))]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:])
    path = tmp_path / "net.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    with pytest.raises(ConfigError, match=r"node double 21 \(Concat\): it makes 268435456 numbers") as caught:
        read_net(path)
    assert caught.value.hint
