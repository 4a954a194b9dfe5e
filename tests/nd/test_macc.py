"""Operations counted as ST's tool counts them: equal to its published reports."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sensorai.importers.open import read_net
from sensorai.passes.border import with_types
from sensorai.passes.imported import simplify


@pytest.mark.conformance
def test_of_the_tutorial_nets(shared: Path) -> None:
    """12,960 and 3,008 stand in the tutorials' reports (st-edge-ai.md 2.2)."""
    folder = shared / "data/models/st_ispu/STMicroelectronics+st-mems-ispu/tutorials"
    for path, want in (
        ("st_edge_ai_keras/output_ipynb/cnn_8x8x8.keras", 12_960),
        ("st_edge_ai_pytorch/output_ipynb/dense_64x32.onnx", 3_008),
    ):
        # normalisations are in the weights before anything is counted
        graph, _ = simplify(read_net(folder / path))
        assert sum(node.op.macc(graph.applied(node)) for node in graph.nodes) == want, path


@pytest.mark.conformance
def test_of_a_report(shared: Path) -> None:
    folder = shared / "data/models/st_pairs/packetqc+AI/models"
    report = folder / "npu_export/model_calculator_tcn_version_1/analyze_report.txt"
    found = re.search(r"macc\s*[:=]\s*([\d,]+)", report.read_text())
    assert found is not None
    path = "generated/convolutional/model_calculator_tcn_version_1/model_npu_int8.onnx"
    # the report's integers go in and come out, which is what options of the verbs ask for
    graph = with_types(simplify(read_net(folder / path))[0], ("int8",), ("int8",))
    assert sum(node.op.macc(graph.applied(node)) for node in graph.nodes) == int(found[1].replace(",", ""))
