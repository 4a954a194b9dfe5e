"""The core's arithmetic compiled: halves held as float64 values.

Every half is exact in float64, and so is every sum and product of two halves; what is left of each
operation of ``sensorai.mlc.half`` is one or two roundings, done on the float64 pattern. The tests
compare each function here with its integer definition there, bit for bit.

The functions are compiled on first use and cached on disk by Numba.
"""

from __future__ import annotations

from math import copysign, floor

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

_STEP_SUBNORMAL = 2.0**-24
_SMALLEST_NORMAL = 2.0**-14

# Offsets into the per-kind feature codes of sensorai.mlc.config.FEATURE_CODES.
_MEAN, _VARIANCE, _ENERGY, _PEAK_TO_PEAK = 0x00, 0x01, 0x02, 0x03
_ZERO_ANY, _ZERO_UP, _ZERO_DOWN = 0x04, 0x06, 0x08
_PEAK_ANY, _PEAK_UP, _PEAK_DOWN = 0x0A, 0x0C, 0x0E
_MINIMUM, _MAXIMUM = 0x10, 0x11


@intrinsic
def _pattern(typingctx, x):  # type: ignore[no-untyped-def]
    """float64 -> int64, same 64 bits."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.bitcast(args[0], context.get_value_type(types.int64))

    return types.int64(types.float64), codegen


@intrinsic
def _value(typingctx, x):  # type: ignore[no-untyped-def]
    """int64 -> float64, same 64 bits."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.bitcast(args[0], context.get_value_type(types.float64))

    return types.float64(types.int64), codegen


@njit(cache=True, inline="always")
def add(a, b):  # type: ignore[no-untyped-def]
    """``half.add``: round to the larger operand's grid first, then to 11 bits."""
    s = a + b
    if s == 0.0 or not abs(s) <= 131008.0:
        return s
    exponent_big = max(_pattern(abs(a)), _pattern(abs(b))) >> 52
    pattern = _pattern(s)
    shift = exponent_big - ((pattern >> 52) & 0x7FF)
    if (_pattern(a) ^ _pattern(b)) >= 0:
        # equal signs: the sum on the grid of the larger operand, ties away
        shift += 42
        pattern = (pattern + (np.int64(1) << (shift - 1))) >> shift << shift
    else:
        # opposite signs: the smaller operand on 1/32 of that grid, ties away, so the difference ties down
        shift += 37
        pattern = (pattern + ((np.int64(1) << (shift - 1)) - 1)) >> shift << shift
    r = _value((pattern + (np.int64(1) << 41)) >> 42 << 42)
    if r > 65504.0:
        return np.inf
    if r < -65504.0:
        return -np.inf
    return r


@njit(cache=True, inline="always")
def multiply(a, b):  # type: ignore[no-untyped-def]
    """``half.multiply``."""
    p = a * b
    if abs(p) < _SMALLEST_NORMAL:
        return copysign(floor(abs(p) * 16777216.0 + 0.5) * _STEP_SUBNORMAL, p)
    if not abs(p) <= 65504.0:
        if abs(p) < 65520.0:
            return copysign(65504.0, p)
        return p if p != p else copysign(np.inf, p)
    return _value((_pattern(p) + (np.int64(1) << 41)) >> 42 << 42)


@njit(cache=True, inline="always")
def reciprocal_root(q):  # type: ignore[no-untyped-def]
    """``half.reciprocal_root``."""
    if q > 65504.0:
        bits = np.int64(0x7C00)
    elif q < _SMALLEST_NORMAL:
        bits = np.int64(q * 16777216.0)
    else:
        bits = (_pattern(q) >> 42) - (np.int64(1023 - 15) << 10)
    start = np.int64(0x59BA) - (bits >> 1)
    y = _value((start + (np.int64(1023 - 15) << 10)) << 42)
    half_q = multiply(0.5, q)
    for _ in range(2):
        y = multiply(y, add(1.5, -multiply(multiply(half_q, y), y)))
    return y


@njit(cache=True, inline="always")
def square_root(q):  # type: ignore[no-untyped-def]
    """``half.square_root``."""
    if q == 0.0:
        return 0.0
    return multiply(q, reciprocal_root(q))


@njit(cache=True)
def window_reciprocal(window):  # type: ignore[no-untyped-def]
    """``half.window_reciprocal``."""
    r = reciprocal_root(float(window))
    return multiply(r, r)


# ---------------------------------------------------------------- inputs


@njit(cache=True, inline="always")
def truncate(x):  # type: ignore[no-untyped-def]
    """Nearest half toward zero (``half.toward_zero``)."""
    if abs(x) < _SMALLEST_NORMAL:
        return copysign(floor(abs(x) * 16777216.0) * _STEP_SUBNORMAL, x)
    if abs(x) >= 65536.0:
        return copysign(65504.0, x) if abs(x) < np.inf else x
    return _value(_pattern(x) >> 42 << 42)


@njit(cache=True, inline="always")
def round_away(x):  # type: ignore[no-untyped-def]
    """Nearest half, ties away from zero (``half.nearest_away``)."""
    if abs(x) < _SMALLEST_NORMAL:
        return copysign(floor(abs(x) * 16777216.0 + 0.5) * _STEP_SUBNORMAL, x)
    if abs(x) >= 65520.0:
        return copysign(np.inf, x)
    return _value((_pattern(x) + (np.int64(1) << 41)) >> 42 << 42)


@njit(cache=True)
def convert_truncating(values, scale, out):  # type: ignore[no-untyped-def]
    """``out = truncate(values / scale)``."""
    for i in range(values.size):
        out[i] = truncate(values[i] / scale)


@njit(cache=True)
def convert_lsb_grid(values, lsb, out):  # type: ignore[no-untyped-def]
    """Whole steps of ``lsb`` (ties away) times 2**-14, as a half.

    Counts of 65,536 and more are rounded in two pieces, as ST's tools do (facts, mlc-numerics section 2).
    """
    for i in range(values.size):
        x = abs(values[i]) / lsb
        n = floor(x)
        if x - n >= 0.5:
            n += 1.0
        if n >= 65536.0:
            high = floor(n / 65536.0) * 65536.0
            r = round_away((high + round_away((n - high) / 16384.0) * 16384.0) / 16384.0)
        else:
            r = round_away(n / 16384.0)
        out[i] = copysign(r, values[i]) if r != 0.0 else 0.0


@njit(cache=True)
def squared_norms(x, y, z, out):  # type: ignore[no-untyped-def]
    """V2 = (x*x + y*y) + z*z."""
    for i in range(x.size):
        out[i] = add(add(multiply(x[i], x[i]), multiply(y[i], y[i])), multiply(z[i], z[i]))


@njit(cache=True)
def norms(x, y, z, out):  # type: ignore[no-untyped-def]
    """V = sqrt(x*x + (y*y + z*z)): the other association than V2."""
    for i in range(x.size):
        out[i] = square_root(add(multiply(x[i], x[i]), add(multiply(y[i], y[i]), multiply(z[i], z[i]))))


# ---------------------------------------------------------------- filters


@njit(cache=True)
def run_filter(x, coefficients, state, out):  # type: ignore[no-untyped-def]
    """Transposed direct form II; a2 and a3 are subtracted; ``gain`` stands outside the recursion.

    ``coefficients`` is b1, b2, b3, a2, a3, gain; ``state`` is w1, w2 and is carried on. The sum of
    three terms is taken as ``(b2*x - a2*y) + w2`` (for IIR1 and IIR2 the order is not known; classes
    do not depend on it: facts, mlc-simulation section 4).
    """
    b1, b2, b3, a2, a3, gain = coefficients
    w1, w2 = state[0], state[1]
    for i in range(x.size):
        y = add(multiply(b1, x[i]), w1)
        w1 = add(add(multiply(b2, x[i]), -multiply(a2, y)), w2)
        w2 = add(multiply(b3, x[i]), -multiply(a3, y))
        out[i] = multiply(gain, y)
    state[0], state[1] = w1, w2


# ---------------------------------------------------------------- windows and features


@njit(cache=True)
def _accumulate(x, start, stop, absolute, acc):  # type: ignore[no-untyped-def]
    """Sum, energy, maximum and minimum of one signal over part of a window."""
    total, energy, high, low = acc[0], acc[1], acc[2], acc[3]
    for i in range(start, stop):
        v = x[i]
        if absolute:
            v = abs(v)
        total = add(total, v)
        energy = add(energy, multiply(v, v))
        high = v if v > high else high
        low = v if v < low else low
    acc[0], acc[1], acc[2], acc[3] = total, energy, high, low


@njit(cache=True, inline="always")
def _crossed(before, after):  # type: ignore[no-untyped-def]
    """Whether ``multiply(before, after) < 0``: a touch, or a product that underflows, does not count."""
    p = before * after
    return p <= -0.5 * _STEP_SUBNORMAL


@njit(cache=True)
def _zero_crossings(x, start, stop, state):  # type: ignore[no-untyped-def]
    """Crossings of both levels ``t + h`` and ``t - h``; state: up, down, previous sample, high, low level."""
    up, down, previous, high, low = state[0], state[1], state[2], state[3], state[4]
    before_high, before_low = add(previous, -high), add(previous, -low)
    for i in range(start, stop):
        after_high = add(x[i], -high)
        after_low = after_high if high == low else add(x[i], -low)
        if _crossed(before_high, after_high):
            if after_high > 0.0:
                up += 1.0
            else:
                down += 1.0
        if _crossed(before_low, after_low):
            if after_low > 0.0:
                up += 1.0
            else:
                down += 1.0
        before_high, before_low = after_high, after_low
    if stop > start:
        previous = x[stop - 1]
    state[0], state[1], state[2] = up, down, previous


@njit(cache=True)
def _peaks(x, start, stop, height, state):  # type: ignore[no-untyped-def]
    """Peaks among three neighbouring samples; state: up, down, and the last two samples."""
    up, down, p, q = state[0], state[1], state[2], state[3]
    for i in range(start, stop):
        s = x[i]
        if q > add(p, height) and q >= add(s, height):
            up += 1.0
        if q <= add(p, -height) and q < add(s, -height):
            down += 1.0
        p, q = q, s
    state[0], state[1], state[2], state[3] = up, down, p, q


@njit(cache=True)
def run_windows(signals, window, left, streams, stream_state, counters, counter_state, features, out):  # type: ignore[no-untyped-def]
    """Run the feature list over a block of signals.

    Parameters
    ----------
    signals : ndarray, shape (inputs, n), float64 halves
    window : int
        Samples per window.
    left : int
        Samples still missing in the window that is open.
    streams : ndarray, shape (streams, 2), int64
        Input row and absolute flag of each accumulated signal.
    stream_state : ndarray, shape (streams, 4), float64
        Sum, energy, maximum, minimum; carried from block to block.
    counters : ndarray, shape (counters, 4), int64
        Per crossing or peak counter: input row, 0 for crossings or 1 for peaks, row in ``streams`` that
        holds the sum of the same signal, 0.
    counter_state : ndarray, shape (counters, 6), float64
        Up, down, then the state of the counter, last the threshold.
    features : ndarray, shape (features, 3), int64
        Type code, row in ``streams``, row in ``counters`` (-1 where not used).
    out : ndarray, shape (windows, features), float64
        Filled from row 0.

    Returns
    -------
    rows : int
        Windows completed.
    left : int
        Samples still missing in the window now open.
    """
    n = signals.shape[1]
    reciprocal = window_reciprocal(window)
    rows = 0
    at = 0
    while at < n:
        stop = min(n, at + left)
        for s in range(streams.shape[0]):
            _accumulate(signals[streams[s, 0]], at, stop, streams[s, 1] != 0, stream_state[s])
        for c in range(counters.shape[0]):
            if counters[c, 1] == 0:
                _zero_crossings(signals[counters[c, 0]], at, stop, counter_state[c])
            else:
                _peaks(signals[counters[c, 0]], at, stop, counter_state[c, 5], counter_state[c])
        left -= stop - at
        at = stop
        if left > 0:
            break
        for f in range(features.shape[0]):
            kind = features[f, 0]
            if kind >= _ZERO_ANY and kind <= _PEAK_DOWN:
                up, down = counter_state[features[f, 2], 0], counter_state[features[f, 2], 1]
                if kind == _ZERO_ANY or kind == _PEAK_ANY:
                    value = up + down
                elif kind == _ZERO_UP or kind == _PEAK_UP:
                    value = up
                else:
                    value = down
            else:
                state = stream_state[features[f, 1]]
                if kind == _MEAN:
                    value = multiply(state[0], reciprocal)
                elif kind == _VARIANCE:
                    mean = multiply(state[0], reciprocal)
                    value = add(multiply(state[1], reciprocal), -multiply(mean, mean))
                    value = value if value > 0.0 else 0.0
                elif kind == _ENERGY:
                    value = state[1]
                elif kind == _PEAK_TO_PEAK:
                    value = add(state[2], -state[3])
                elif kind == _MINIMUM:
                    value = state[3]
                else:
                    value = state[2]
            out[rows, f] = value
        rows += 1
        left = window
        for c in range(counters.shape[0]):
            counter_state[c, 0] = 0.0
            counter_state[c, 1] = 0.0
            if counters[c, 1] == 0:
                # the mean of this window is the reference of the next one
                mean = multiply(stream_state[counters[c, 2], 0], reciprocal)
                counter_state[c, 3] = add(mean, counter_state[c, 5])
                counter_state[c, 4] = add(mean, -counter_state[c, 5])
        for s in range(streams.shape[0]):
            stream_state[s, 0] = 0.0
            stream_state[s, 1] = 0.0
            stream_state[s, 2] = -np.inf
            stream_state[s, 3] = np.inf
    return rows, left


# ---------------------------------------------------------------- meta-classifier


@njit(cache=True)
def run_meta_classifier(results, end_counters, group_width, counters, output, decided):  # type: ignore[no-untyped-def]
    """Filter the results of one tree; the rule is stated in ``sensorai.mlc.simulate``.

    Parameters
    ----------
    results : ndarray, shape (rows,), uint8
    end_counters : ndarray, shape (groups,), int64
    group_width : int
        Codes per group.
    counters : ndarray, shape (groups,), int64
        State, carried from block to block.
    output : int
        Result the register holds now.
    decided : ndarray, shape (rows,), uint8
        Filled with the register after each window.

    Returns
    -------
    output : int
    """
    groups = end_counters.size
    for i in range(results.size):
        own = results[i] // group_width
        for g in range(groups):
            if g == own:
                counters[g] = min(counters[g] + 1, 15)
            else:
                counters[g] = max(counters[g] - 1, 0)
        if own >= groups or counters[own] >= end_counters[own]:
            output = results[i]
        decided[i] = output
    return output
