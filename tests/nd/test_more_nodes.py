"""Node tests of ONNX beyond the subset: all of element-wise operators, reductions and normalisations, and
some of operators that are read as what they are made of."""

from __future__ import annotations

import pytest

from sensorai.importers.onnx import elementwise, norms, quantize, sums
from tests.nd import onnx_nodes
from tests.nd.test_onnx_nodes import LEFT_OUT

MINE = {*elementwise.RULES, *norms.RULES, *quantize.RULES, *sums.RULES}
#: Parts in which tests are computed and compiled.
PARTS = 4
#: What the file formats of micro-controllers do not have: messages of the reader.
TYPES = ("type that is not supported", "is not supported\nhint: bfloat16")


#: Node tests of ONNX of operators that are read as what they are made of.
MADE_OF_OTHERS = (
    "test_dft",
    "test_einsum_batch_diagonal",
    "test_einsum_inner_prod",
    "test_hardmax_axis_0",
    "test_loop11",
    "test_maxunpool_export_without_output_shape",
    "test_nllloss_NCd1_mean_weight_negative_ii",
    "test_rotary_embedding_interleaved",
    "test_attention_4d_gqa",
    "test_center_crop_pad_pad",
    "test_scan9_sum",
    "test_stft_with_window",
)


def names() -> list[str]:
    """Tests of nothing but these operators which are not in the subset."""
    there = set(onnx_nodes.names()) | set(LEFT_OUT)
    found = [n for n in onnx_nodes.tests() if n not in there and set(onnx_nodes.operators(n)) <= MINE]
    return list(dict.fromkeys([*found, *MADE_OF_OTHERS]))


@pytest.mark.parametrize("part", range(PARTS))
def test_nodes(part: int) -> None:
    faults = {name: onnx_nodes.fault(name) for name in names()[part::PARTS]}
    assert {n: f for n, f in faults.items() if f and not any(said in f for said in TYPES)} == {}
    passing = [name for name, fault in faults.items() if not fault]
    assert len(passing) > len(faults) // 2
    assert onnx_nodes.c_differences(passing) == []
