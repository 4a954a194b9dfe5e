"""The node tests of ONNX that ``onnx_node_subset.csv`` names, and the table of those that are left out.

``python -m tests.nd.test_onnx_nodes [OPERATOR ...]`` prints what passes by operator.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping

import pytest

from tests.conftest import shared_dir
from tests.nd import onnx_nodes

#: Tests whose operators all have rules, but which do not pass, each with the reason. Tests with an operator
#: that no rule reads are left out by themselves.
LEFT_OUT: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "test_training_dropout",
            "test_training_dropout_mask",
            "test_training_dropout_default",
            "test_training_dropout_default_mask",
        ),
        "random numbers of a net that trains",
    ),
    **dict.fromkeys(
        ("test_batchnorm_epsilon_training_mode", "test_batchnorm_example_training_mode"),
        "statistics of a net that trains",
    ),
}

NAMES = onnx_nodes.names() or (
    pytest.param(
        "", marks=pytest.mark.skip(f"reference data not found at {shared_dir()}; set SENSORAI_SHARED")
    ),
)
#: Parts in which tests are compiled.
PARTS = 18


@pytest.mark.parametrize("name", NAMES)
def test_node(name: str) -> None:
    if lost := onnx_nodes.missing(name):
        pytest.skip(f"not supported: {', '.join(lost)}")
    fault = onnx_nodes.fault(name)
    if name in LEFT_OUT:
        assert fault, "it passes: take it out of LEFT_OUT"
        pytest.skip(LEFT_OUT[name])
    assert fault == ""


@pytest.mark.parametrize("part", range(PARTS))
def test_c(part: int, shared: object) -> None:
    there = [n for n in onnx_nodes.names() if not onnx_nodes.missing(n) and n not in LEFT_OUT]
    passing = [n for n in there[part::PARTS] if not onnx_nodes.fault(n)]
    assert onnx_nodes.c_differences(passing) == []


def test_left_out(shared: object) -> None:
    """Only tests that exist, and whose operators all have rules, are left out one by one."""
    assert [n for n in LEFT_OUT if n not in onnx_nodes.names() or onnx_nodes.missing(n)] == []


def main(wanted: list[str]) -> None:
    """Print passed, as C, and left out by the operators of the tests."""
    rows: dict[str, list[tuple[str, str, bool]]] = defaultdict(list)
    for name in onnx_nodes.names():
        kinds = onnx_nodes.operators(name)
        if wanted and not set(wanted) & set(kinds):
            continue
        lost = onnx_nodes.missing(name)
        fault = f"not supported: {', '.join(lost)}" if lost else onnx_nodes.fault(name)
        compiled = not fault and all(onnx_nodes.has_c(one.graph) for one in onnx_nodes.cases(name))
        rows[" ".join(kinds)].append((name, fault, compiled))
    print(f"{'passed':>8}{'as C':>8}{'of':>8}  operators")
    total = [0, 0, 0]
    for kinds_text, found in sorted(rows.items()):
        counts = [sum(not f for _, f, _ in found), sum(c for _, _, c in found), len(found)]
        total = [a + b for a, b in zip(total, counts, strict=True)]
        print("".join(f"{c:8}" for c in counts) + f"  {kinds_text}")
        for name, fault, _ in found:
            if fault and not fault.startswith("not supported: "):
                print(f"{'':26}{name}: {fault}")
    print("".join(f"{c:8}" for c in total) + "  all")


if __name__ == "__main__":
    main(sys.argv[1:])
