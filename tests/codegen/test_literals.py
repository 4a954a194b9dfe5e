"""C literals: the compiler must read the very numbers that were written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from sensorai.codegen import literals
from sensorai.errors import InternalError
from sensorai.toolchain.host import build_shared
from tests.need import need


@pytest.mark.parametrize(
    ("kind", "dtype", "values"),
    [
        ("int32_t", np.int32, [0, -1, 2**31 - 1, -(2**31), 5] * 30),
        ("uint32_t", np.uint32, [0, 1, 2**32 - 1, 2**31]),
        ("int8_t", np.int8, list(range(-128, 128))),
        ("int16_t", np.int16, [-32768, 32767, 0]),
        ("float", np.float32, [0.0, -0.0, 1.0, 0.1, 1e-45, 3.4028235e38, -1e-38, np.inf, -np.inf]),
    ],
)
def test_the_compiler_reads_the_same_numbers(kind: str, dtype: Any, values: list[float]) -> None:
    need("gcc")
    want: npt.NDArray[Any] = np.array(values, dtype)
    text = literals.array(kind, "table", want.tolist())
    assert max(map(len, text.splitlines())) <= literals.WIDTH
    code = (
        f"#include <stdint.h>\n{text}void get({kind} *y);\nvoid get({kind} *y)\n{{\n    unsigned i;\n"
        f"    for (i = 0; i < {len(want)}U; i++) {{\n        y[i] = table[i];\n    }}\n}}\n"
    )
    got = np.zeros_like(want)
    build_shared({"t.c": code}).call("get", got, returns="void")
    assert got.tobytes() == want.tobytes()


def test_what_has_no_literal() -> None:
    calls: tuple[Callable[[], str], ...] = (
        lambda: literals.real(float("nan")),
        lambda: literals.integer(2**32),
        lambda: literals.integer(-(2**31) - 1),
        lambda: literals.array("int8_t", "x", []),
    )
    for call in calls:
        with pytest.raises(InternalError):
            call()
