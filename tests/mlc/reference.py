"""The feature rules once more, in integers and plain Python, for comparison with the compiled kernel."""

from __future__ import annotations

from collections.abc import Sequence

from sensorai.mlc import half
from sensorai.mlc.config import Feature, Filter

ONE_SIDED = {"POSITIVE": (1, 0), "NEGATIVE": (0, 1)}


def value(bits: int) -> float:
    return half.to_float(bits)


def norm(x: int, y: int, z: int) -> int:
    return half.square_root(half.add(half.multiply(x, x), half.add(half.multiply(y, y), half.multiply(z, z))))


def squared_norm(x: int, y: int, z: int) -> int:
    return half.add(half.add(half.multiply(x, x), half.multiply(y, y)), half.multiply(z, z))


def filtered(signal: Sequence[int], filter_: Filter) -> list[int]:
    zero, one = 0x0000, 0x3C00
    c = filter_.coefficients
    if filter_.kind == "HP":
        b1, b2, b3, a2, a3, gain = 0x3800, 0xB800, zero, zero, zero, one
    elif filter_.kind == "BP":
        b1, b2, b3, a2, a3, gain = one, zero, 0xBC00, c[0], c[1], c[2]
    elif filter_.kind == "IIR1":
        b1, b2, b3, a2, a3, gain = c[0], c[1], zero, c[2], zero, one
    else:
        b1, b2, b3, a2, a3, gain = *c, one
    w1 = w2 = zero
    out = []
    for x in signal:
        y = half.add(half.multiply(b1, x), w1)
        w1 = half.add(half.subtract(half.multiply(b2, x), half.multiply(a2, y)), w2)
        w2 = half.subtract(half.multiply(b3, x), half.multiply(a3, y))
        out.append(half.multiply(gain, y))
    return out


def windows(signal: Sequence[int], feature: Feature, window: int) -> list[int]:
    """One feature of one signal, as bit patterns, a value per whole window."""
    signal = [s & 0x7FFF for s in signal] if feature.absolute else list(signal)
    threshold = feature.threshold or 0
    reciprocal = half.window_reciprocal(window)
    out: list[int] = []
    mean_before = previous = p = q = 0
    for k in range(len(signal) // window):
        part = signal[k * window : (k + 1) * window]
        total = energy = 0
        for x in part:
            total = half.add(total, x)
            energy = half.add(energy, half.multiply(x, x))
        mean = half.multiply(total, reciprocal)
        ups = downs = peaks = dips = 0
        levels = half.add(mean_before, threshold), half.subtract(mean_before, threshold)
        for x in part:
            for level in levels:
                after = half.subtract(x, level)
                if value(half.multiply(half.subtract(previous, level), after)) < 0:
                    ups, downs = (ups + 1, downs) if value(after) > 0 else (ups, downs + 1)
            previous = x
            above_p, below_p = value(half.add(p, threshold)), value(half.subtract(p, threshold))
            above_x, below_x = value(half.add(x, threshold)), value(half.subtract(x, threshold))
            peaks += value(q) > above_p and value(q) >= above_x
            dips += value(q) <= below_p and value(q) < below_x
            p, q = q, x
        mean_before = mean
        largest, smallest = max(part, key=value), min(part, key=value)
        variance = half.subtract(half.multiply(energy, reciprocal), half.multiply(mean, mean))
        kind = feature.kind
        if "CROSSING" in kind or "PEAK_DETECTOR" in kind:
            up, down = (ups, downs) if "CROSSING" in kind else (peaks, dips)
            a, b = ONE_SIDED.get(kind.split("_")[0], (1, 1))
            out.append(half.nearest(float(a * up + b * down)))
        else:
            out.append(
                {
                    "MEAN": mean,
                    "ENERGY": energy,
                    "VARIANCE": variance if value(variance) > 0 else 0,
                    "PEAK_TO_PEAK": half.subtract(largest, smallest),
                    "MINIMUM": smallest,
                    "MAXIMUM": largest,
                }[kind]
            )
    return out
