"""Makes ``machine.csv.gz``: a made-up machine in three normal states and with three faults.

Synthetic: nobody recorded it. A shaft with harmonics, a resonance of the frame that noise excites, and the
noise of a sensor; speed, strength and tilt differ a little from recording to recording, as they do from day
to day. The same seed gives the same bytes.
"""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]

RATE = 104.0
SEED = 5
#: Revolutions a second and strength of the shaft in mg, by normal state.
STATES = {"idle": (0.0, 0.0), "slow": (11.0, 40.0), "fast": (19.0, 70.0)}
#: Recordings of each normal state and their length; the same for each fault.
NORMAL, NORMAL_S = 16, 40.0
FAULTY, FAULTY_S = 4, 20.0
FAULTS = ("unbalance", "bearing", "loose")
RESONANCE_HZ, DAMPING = 37.0, 0.08


def resonance(force: Float) -> Float:
    """What the frame makes of a force: a damped oscillator, shape (n,) -> (n,)."""
    w = 2 * np.pi * RESONANCE_HZ / RATE
    r = np.exp(-DAMPING * w)
    a1, a2 = 2 * r * np.cos(w), -r * r
    out = np.zeros_like(force)
    last = before = 0.0
    for i, x in enumerate(force.tolist()):
        last, before = x + a1 * last + a2 * before, last
        out[i] = last
    return out


def record(random: np.random.Generator, state: str, fault: str, seconds: float) -> Float:
    """Acceleration in mg, shape (n, 3)."""
    n = int(seconds * RATE)
    speed, size = STATES[state]
    speed *= 1 + random.normal(0, 0.01)
    size *= 1 + random.normal(0, 0.05)
    # the speed wanders slowly
    wander = np.cumsum(random.normal(0, 0.002, n))
    turns = np.cumsum(speed * (1 + 0.01 * np.tanh(wander))) / RATE
    shaft = np.zeros((n, 3))
    lean = random.uniform(0, 2 * np.pi)
    gains = {1: 1.0, 2: 0.35, 3: 0.15}
    if fault == "unbalance":
        gains[1] *= 1.7
    if fault == "loose":
        gains |= {2: 0.8, 0: 0.0}
    for order, gain in gains.items():
        angle = 2 * np.pi * order * turns + lean
        shaft += size * gain * np.stack([np.cos(angle), 0.8 * np.sin(angle), 0.3 * np.cos(angle)], axis=1)
    force = random.normal(0, 0.02 * size + 0.4, n)
    if fault == "loose":
        shaft += 0.5 * size * np.cos(np.pi * turns)[:, None] * np.array([0.4, 0.2, 1.0])
    if fault == "bearing":
        # a ball passes the damage 3.6 times a turn, felt most where the load is
        hits = np.diff(np.floor(3.6 * turns), prepend=0.0) > 0
        force = force + 0.5 * size * hits * (1 + 0.6 * np.cos(2 * np.pi * turns))
    frame = resonance(force)[:, None] * np.array([0.6, 0.3, 1.0])
    tilt = random.normal(0, 0.02, 2)
    gravity = 1000 * np.array([np.sin(tilt[0]), np.sin(tilt[1]), np.cos(tilt[0]) * np.cos(tilt[1])])
    return gravity + shaft + frame + random.normal(0, 2.5, (n, 3))


def main() -> None:
    """Write the file beside this script."""
    random = np.random.default_rng(SEED)
    out = io.StringIO()
    out.write(f"# rate_hz: {RATE:g}\n")
    out.write("acc_x[mg],acc_y[mg],acc_z[mg],label,recording\n")
    runs = [(state, "", i, NORMAL_S) for state in STATES for i in range(NORMAL)]
    runs += [(("slow", "fast")[i % 2], fault, i, FAULTY_S) for fault in FAULTS for i in range(FAULTY)]
    for state, fault, i, seconds in runs:
        label = fault or state
        for x, y, z in np.rint(record(random, state, fault, seconds)).astype(int).tolist():
            out.write(f"{x},{y},{z},{label},{label}_{i:02d}\n")
    path = Path(__file__).with_name("machine.csv.gz")
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write(out.getvalue().encode())


if __name__ == "__main__":
    main()
