"""Small synthetic logs whose classes a person could tell apart: rest, walk, shake."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

#: Amplitude in mg and frequency in Hz of each class.
CLASSES = {"rest": (5.0, 1.0), "walk": (250.0, 2.0), "shake": (700.0, 6.0)}


FloatArray = npt.NDArray[np.float64]


def signal(kind: str, count: int, rate: float, seed: int) -> FloatArray:
    """Six axes, mg and dps, shape (count, 6): gravity along z, one swing, noise."""
    rng = np.random.default_rng(seed)
    amplitude, hz = CLASSES[kind]
    t = np.arange(count) / rate
    swing = amplitude * np.sin(2 * np.pi * hz * t + rng.uniform(0, 6))
    noise = rng.normal(0, 1, (count, 6)) * np.array([12, 12, 12, 2, 2, 2])
    shape = np.stack([0.3 * swing, 0.5 * swing, 1000 + swing, 0.1 * swing, 0.05 * swing, 0 * swing], axis=1)
    out: FloatArray = shape + noise
    return out


def write_log(
    path: Path,
    classes: Sequence[str] = ("rest", "walk", "shake"),
    *,
    subjects: Sequence[str] = ("a", "b", "c", "d"),
    seconds: float = 8.0,
    rate: float = 52.0,
    gyro: bool = False,
    more: bool = False,
    comment: bool = True,
    names: dict[str, str] | None = None,
    scale: float = 1.0,
) -> Path:
    """Write one CSV with label and subject columns; ``more`` adds a column ``moving`` (yes, no)."""
    count = round(seconds * rate)
    head = ["acc_x[mg]", "acc_y[mg]", "acc_z[mg]"]
    if gyro:
        head += ["gyro_x[dps]", "gyro_y[dps]", "gyro_z[dps]"]
    channels = len(head)
    head += ["label", "subject"] + (["moving"] if more else [])
    lines = [f"# rate_hz: {rate:g}"] if comment else []
    lines.append(",".join(head))
    for s, subject in enumerate(subjects):
        for c, name in enumerate(classes):
            kind = name if name in CLASSES else list(CLASSES)[c % 3]
            values = signal(kind, count, rate, 100 * s + c) * scale
            told = (names or {}).get(name, name)
            tail = f",{told},{subject}" + (f",{'no' if name == 'rest' else 'yes'}" if more else "")
            lines += [",".join(f"{v:.1f}" for v in row[:channels]) + tail for row in values]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path
