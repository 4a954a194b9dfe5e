"""Functions of float32: errors against float64, and the same bits in C on this machine and on cores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

from sensorai import runtime
from sensorai.graph.tensor import Array
from sensorai.ops.nd import maths, trigonometry
from sensorai.ops.nd.pairs import PAIRS
from sensorai.toolchain import arm, host
from sensorai.toolchain.cpu import cpu
from sensorai.toolchain.emulator import Emulator
from tests.need import need

EXACT: dict[str, tuple[Callable[[Array], Array], float]] = {
    "exp": (np.exp, 2),
    "log": (np.log, 2),
    "tanh": (np.tanh, 4),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), 4),
    "sqrt": (np.sqrt, 0.51),
    "expm1": (np.expm1, 3),
    "log1p": (np.log1p, 3),
    "erf": (special.erf, 3),
    "sin": (np.sin, 1),
    "cos": (np.cos, 1),
    "tan": (np.tan, 1),
    "asin": (np.arcsin, 3),
    "acos": (np.arccos, 3),
    "atan": (np.arctan, 3),
    "sinh": (np.sinh, 5),
    "cosh": (np.cosh, 4),
    "asinh": (np.arcsinh, 4),
    "acosh": (np.arccosh, 4),
    "atanh": (np.arctanh, 5),
}


def function(name: str) -> Callable[[Array], Array]:
    """Reference by its name."""
    found: Callable[[Array], Array] = getattr(maths, name, None) or getattr(trigonometry, name)
    return found


def points(count: int, name: str) -> Array:
    rng = np.random.default_rng(7)
    wide = rng.integers(0, 1 << 32, count, dtype=np.uint32).view(np.float32)
    near = rng.normal(0, 5, count).astype(np.float32)
    ends = np.array(
        [0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 88.72284, 88.7229, -103.97, -104, 1e-45, 1e-39, 0.625, 9.1],
        np.float32,
    )
    x = np.concatenate([wide, near, ends])
    if name in ("asin", "acos", "atanh"):
        small = rng.uniform(-1, 1, count).astype(np.float32)
        x = np.concatenate([x, small, small * small])
    return np.abs(x) if name == "log" else x


@pytest.mark.parametrize("name", list(EXACT))
def test_errors(name: str) -> None:
    real, most = EXACT[name]
    x = points(300_000, name)
    with np.errstate(all="ignore"):
        want = real(x.astype(np.float64))
        got = function(name)(x)
        usual = np.isfinite(want) & (np.abs(want) > 2.0**-126) & (np.abs(want) < 3.4e38)
        ulp = np.spacing(np.abs(want[usual]).astype(np.float32)).astype(np.float64)
        assert np.max(np.abs(got[usual].astype(np.float64) - want[usual]) / ulp) < most
        assert np.array_equal(np.isnan(got), np.isnan(want))


def source() -> dict[str, str | bytes]:
    files: dict[str, str | bytes] = {
        n: runtime.text(f"nd/{n}") for n in ("sa_nd.h", "sa_nd_math.h", "sa_nd_unary.h", "sa_nd_trig.h")
    }
    text = '#include "sa_nd_trig.h"\n'
    for name in EXACT:
        head = f"void many_{name}(const float *x, float *y, uint32_t n)"
        text += f"{head};\n{head}\n{{\n    uint32_t i;\n\n    for (i = 0; i < n; i++) {{\n"
        text += f"        y[i] = sa_nd_{name}(x[i]);\n    }}\n}}\n"
    return {**files, "maths.c": text}


def test_c_on_this_machine() -> None:
    library = host.build_shared(source())
    for name in EXACT:
        x = points(100_000, name)
        y = np.zeros_like(x)
        library.call(f"many_{name}", x, y, len(x), returns="void")
        want = function(name)(x)
        assert np.array_equal(y.view(np.uint32)[~np.isnan(want)], want.view(np.uint32)[~np.isnan(want)]), name
        assert np.array_equal(np.isnan(y), np.isnan(want)), name


@pytest.mark.parametrize("core", ["m0plus", "m4", "m7"])
def test_c_on_cores(core: str) -> None:
    need("arm-none-eabi-gcc")
    emulator = Emulator(arm.build_elf(source(), cpu(core)))
    for name in EXACT:
        x = points(1500, name)
        y = np.zeros_like(x)
        emulator.call(f"many_{name}", x, y, len(x), returns="void")
        want = function(name)(x)
        assert np.array_equal(y.view(np.uint32)[~np.isnan(want)], want.view(np.uint32)[~np.isnan(want)]), name


def pairs(count: int) -> tuple[Array, Array]:
    """Bases and exponents: of any bits, of usual size, and the ends of both with each other."""
    rng = np.random.default_rng(11)
    any_bits = [rng.integers(0, 1 << 32, count, dtype=np.uint32).view(np.float32) for _ in range(2)]
    usual = [rng.lognormal(0, 3, count).astype(np.float32), rng.normal(0, 10, count).astype(np.float32)]
    whole = [rng.normal(0, 5, count).astype(np.float32), rng.integers(-12, 12, count).astype(np.float32)]
    ends = np.array([0, -0.0, 1, -1, 0.5, 2, 3, -3, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 3e38], np.float32)
    x, y = (a.reshape(-1) for a in np.meshgrid(ends, ends))
    first = np.concatenate([any_bits[0], usual[0], whole[0], x])
    return first, np.concatenate([any_bits[1], usual[1], whole[1], y])


TWO: dict[str, Callable[[Array, Array], Array]] = {
    "pow": maths.power,
    "fmod": PAIRS["fmod"].real or np.fmod,
    "floor_mod": PAIRS["mod"].real or np.fmod,
}


def test_power() -> None:
    x, y = pairs(200_000)
    with np.errstate(all="ignore"):
        want = np.power(x.astype(np.float64), y.astype(np.float64))
        got = maths.power(x, y)
        usual = np.isfinite(want) & (np.abs(want) > 2.0**-126) & (np.abs(want) < 3.4e38)
        ulp = np.spacing(np.abs(want[usual]).astype(np.float32)).astype(np.float64)
        assert np.max(np.abs(got[usual].astype(np.float64) - want[usual]) / ulp) < 0.51
        rounded = want.astype(np.float32)
    assert np.array_equal(np.isnan(got), np.isnan(rounded))
    assert np.array_equal(np.isinf(got), np.isinf(rounded))
    assert np.array_equal(np.signbit(got)[~np.isnan(got)], np.signbit(rounded)[~np.isnan(got)])


def source_of_two() -> dict[str, str | bytes]:
    files: dict[str, str | bytes] = {
        n: runtime.text(f"nd/{n}") for n in ("sa_nd.h", "sa_nd_math.h", "sa_nd_power.h")
    }
    text = '#include "sa_nd_power.h"\n'
    for name in TWO:
        head = f"void many_{name}(const float *x, const float *y, float *z, uint32_t n)"
        text += f"{head};\n{head}\n{{\n    uint32_t i;\n\n    for (i = 0; i < n; i++) {{\n"
        text += f"        z[i] = sa_nd_{name}(x[i], y[i]);\n    }}\n}}\n"
    return {**files, "maths.c": text}


@pytest.mark.parametrize("core", ["", "m0plus", "m4", "m7"])
def test_two_in_c(core: str) -> None:
    if core:
        need("arm-none-eabi-gcc")
    place: Any = (
        Emulator(arm.build_elf(source_of_two(), cpu(core))) if core else host.build_shared(source_of_two())
    )
    for name, two in TWO.items():
        x, y = pairs(300 if core else 50_000)
        z = np.zeros_like(x)
        place.call(f"many_{name}", x, y, z, len(x), returns="void")
        with np.errstate(all="ignore"):
            want = np.asarray(two(x, y), np.float32)
        there = ~np.isnan(want)
        assert np.array_equal(np.isnan(z), ~there), name
        assert np.array_equal(z.view(np.uint32)[there], want.view(np.uint32)[there]), name
