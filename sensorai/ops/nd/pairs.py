"""Functions of two numbers, as ``Binary`` has them: NumPy for the reference, expressions for C."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sensorai.graph.tensor import Array
from sensorai.ops.nd import maths

Two = Callable[[Array, Array], Array]


@dataclass(frozen=True, slots=True)
class Pair:
    """A function of two numbers of one type.

    Attributes
    ----------
    real, whole : callable
        Of float arrays, None where there is no such; of integer arrays, wrapping.
    real_text, whole_text : str
        C of the same: ``$0`` and ``$1``; ``{u}`` stands for the unsigned type in which integers wrap.
    asks : bool
        Whether a bool comes out.
    runtime : tuple of str
        Files that the C of float32 needs.
    cost : int
        Operations as ST's tool counts them.
    exact64 : bool
        Whether the C of float64 is that of float32.
    """

    real: Two | None
    whole: Two
    real_text: str = ""
    whole_text: str = ""
    asks: bool = False
    runtime: tuple[str, ...] = ()
    cost: int = 1
    exact64: bool = True


def _div(a: Array, b: Array) -> Array:
    """Quotient of integers towards zero; 0 where the divisor is 0."""
    safe = np.where(b == 0, np.ones_like(b), b)
    # -2**31 / -1 wraps
    one = safe == -1 if np.issubdtype(b.dtype, np.signedinteger) else np.zeros(b.shape, bool)
    q = a // np.where(one, np.ones_like(safe), safe)
    q = q + ((q < 0) & (q * safe != a)).astype(q.dtype)
    q = np.where(one, np.negative(a), q)
    return np.where(b == 0, np.zeros_like(q), q).astype(a.dtype)


def _fmod(a: Array, b: Array) -> Array:
    """Remainder of integers with the sign of the first; 0 where the divisor is 0."""
    return np.asarray(np.where(b == 0, np.zeros_like(a), a - _div(a, b) * b), a.dtype)


def _mod(a: Array, b: Array) -> Array:
    """Remainder of integers with the sign of the second; 0 where the divisor is 0."""
    r = _fmod(a, b)
    return np.asarray(np.where((r != 0) & ((r < 0) != (b < 0)), r + b, r), a.dtype)


def _floor_div(a: Array, b: Array) -> Array:
    q, r = _div(a, b), _fmod(a, b)
    return np.asarray(np.where((r != 0) & ((r < 0) != (b < 0)), q - q.dtype.type(1), q), a.dtype)


def _floor_mod_real(a: Array, b: Array) -> Array:
    r = np.fmod(a, b)
    return np.where((r != 0) & ((r < 0) != (b < 0)), r + b, r)


def _power(a: Array, b: Array) -> Array:
    """Power of integers, wrapping; 0 for exponents below 0 unless the base is 1 or -1."""
    base, left, made = a.copy(), np.maximum(b, 0), np.ones_like(a)
    for _ in range(64):
        if not np.any(left):
            break
        made = np.where(left & 1, made * base, made)
        base = base * base
        left = left >> 1
    odd = np.where(b & 1, a, np.ones_like(a))
    below = np.where(a == 1, np.ones_like(a), np.where(a == -1, odd, np.zeros_like(a)))
    return np.where(b < 0, below, made).astype(a.dtype)


def _real_power(a: Array, b: Array) -> Array:
    if a.dtype == np.float64:
        return np.asarray(np.power(a, b))
    return maths.power(a, b)


def _shift(left: bool) -> Two:
    def shifted(a: Array, b: Array) -> Array:
        bits = a.dtype.itemsize * 8
        far = (b < 0) | (b >= bits)
        by = np.where(far, np.zeros_like(b), b)
        made = np.left_shift(a, by) if left else np.right_shift(a, by)
        # all bits are gone; what is below 0 stays so
        gone = np.where((a < 0) & (not left), ~np.zeros_like(a), np.zeros_like(a))
        return np.where(far, gone, made).astype(a.dtype)

    return shifted


def _prelu(a: Array, b: Array) -> Array:
    return np.where(a < 0, a * b, a)


_POWER = ("nd/sa_nd_power.h",)

PAIRS: Mapping[str, Pair] = {
    "add": Pair(np.add, np.add, "$0 + $1", "({u})$0 + ({u})$1"),
    "sub": Pair(np.subtract, np.subtract, "$0 - $1", "({u})$0 - ({u})$1"),
    "mul": Pair(np.multiply, np.multiply, "$0 * $1", "({u})$0 * ({u})$1"),
    "div": Pair(np.divide, _div, "$0 / $1", "sa_nd_div($0, $1)"),
    "floor_div": Pair(
        lambda a, b: np.asarray(np.floor(a / b)),
        _floor_div,
        "sa_nd_floor($0 / $1)",
        "sa_nd_floor_div($0, $1)",
        runtime=("nd/sa_nd_unary.h",),
        exact64=False,
    ),
    "mod": Pair(
        _floor_mod_real, _mod, "sa_nd_floor_mod($0, $1)", "sa_nd_mod($0, $1)", runtime=_POWER, exact64=False
    ),
    "fmod": Pair(np.fmod, _fmod, "sa_nd_fmod($0, $1)", "sa_nd_rem($0, $1)", runtime=_POWER, exact64=False),
    "pow": Pair(
        _real_power, _power, "sa_nd_pow($0, $1)", "sa_nd_ipow($0, $1)", runtime=_POWER, cost=10, exact64=False
    ),
    "min": Pair(
        lambda a, b: np.where((a < b) | (a != a), a, b),
        np.minimum,
        "$0 < $1 || $0 != $0 ? $0 : $1",
        "$0 < $1 ? $0 : $1",
    ),
    "max": Pair(
        lambda a, b: np.where((a > b) | (a != a), a, b),
        np.maximum,
        "$0 > $1 || $0 != $0 ? $0 : $1",
        "$0 > $1 ? $0 : $1",
    ),
    "squared_difference": Pair(
        lambda a, b: np.asarray((a - b) * (a - b)),
        lambda a, b: np.asarray((a - b) * (a - b)),
        "($0 - $1) * ($0 - $1)",
        "(({u})$0 - ({u})$1) * (({u})$0 - ({u})$1)",
        cost=2,
    ),
    "prelu": Pair(_prelu, _prelu, "$0 < 0 ? $0 * $1 : $0", "$0 < 0 ? ({u})$0 * ({u})$1 : ({u})$0"),
    "and": Pair(None, np.bitwise_and, "", "({u})$0 & ({u})$1"),
    "or": Pair(None, np.bitwise_or, "", "({u})$0 | ({u})$1"),
    "xor": Pair(None, np.bitwise_xor, "", "({u})$0 ^ ({u})$1"),
    "shift_left": Pair(None, _shift(True), "", "sa_nd_shl($0, $1)"),
    "shift_right": Pair(None, _shift(False), "", "sa_nd_shr($0, $1)"),
    "equal": Pair(np.equal, np.equal, "$0 == $1", "$0 == $1", True),
    "not_equal": Pair(np.not_equal, np.not_equal, "$0 != $1", "$0 != $1", True),
    "less": Pair(np.less, np.less, "$0 < $1", "$0 < $1", True),
    "less_equal": Pair(np.less_equal, np.less_equal, "$0 <= $1", "$0 <= $1", True),
    "greater": Pair(np.greater, np.greater, "$0 > $1", "$0 > $1", True),
    "greater_equal": Pair(np.greater_equal, np.greater_equal, "$0 >= $1", "$0 >= $1", True),
}

#: Functions of bool.
LOGICAL = frozenset({"and", "or", "xor", "equal", "not_equal"})
