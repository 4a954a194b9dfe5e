"""How fast the core is simulated: ``python benchmarks/mlc_simulate.py``.

One hour of three axes at 104 Hz, sixteen features, one filter, window 52, on one core. Prints the
multiple of real time and samples per second, and what the time goes into.
"""

from __future__ import annotations

import os

os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import time
from collections.abc import Callable

import numpy as np

from sensorai.mlc import half, kernel
from sensorai.mlc.config import Feature, Filter, MlcConfig, Source
from sensorai.mlc.features import FeatureStream, inputs, numeric_style
from sensorai.recording import Channel, Recording

RATE, SECONDS, WINDOW = 104.0, 3600, 52


def configuration() -> MlcConfig:
    band = Filter("BP", "acc", "V2", tuple(half.nearest(c) for c in (-1.66, 0.81, 0.09)))
    kinds = (
        "MEAN",
        "VARIANCE",
        "ENERGY",
        "PEAK_TO_PEAK",
        "ZERO_CROSSING",
        "PEAK_DETECTOR",
        "MINIMUM",
        "MAXIMUM",
    )
    sources = (Source("acc", "V2"), Source("acc", "V2", 0))
    features = tuple(
        Feature(k, s, threshold=0 if k in ("ZERO_CROSSING", "PEAK_DETECTOR") else None)
        for s in sources
        for k in kinds
    )
    return MlcConfig("LSM6DSOX", WINDOW, RATE, ("acc",), (band,), features, ())


def log(n: int) -> Recording:
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 300, (n, 3)) + np.array([0, 0, 1000])
    return Recording(samples, tuple(Channel(f"acc_{a}", "mg") for a in "xyz"), RATE)


def best(work: Callable[[], object], repeats: int = 7) -> float:
    """Shortest of several runs, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    config, style = configuration(), numeric_style("current")
    n = int(RATE * SECONDS)
    recording = log(n)
    start = time.perf_counter()
    FeatureStream(config).push(inputs(config, log(WINDOW), style))
    print(f"warm-up (compiling, or loading from Numba's cache): {time.perf_counter() - start:.2f} s")
    block = inputs(config, recording, style)
    x, y, z = block["acc"]
    out = np.empty(n)
    whole = best(lambda: FeatureStream(config).push(inputs(config, recording, style)))
    parts = {
        "input conversion": best(lambda: inputs(config, recording, style)),
        "squared norm": best(lambda: kernel.squared_norms(x, y, z, out)),
        "filter": best(
            lambda: kernel.run_filter(x, np.array([1.0, 0, -1, -1.66, 0.81, 0.09]), np.zeros(2), out)
        ),
    }
    parts["windows and features"] = whole - sum(parts.values())
    print(f"{n} samples, {len(config.features)} features, 1 filter, window {WINDOW}")
    speed = f"{n / whole / 1e6:.2f} million samples/s ({whole / n * 1e9:.0f} ns each)"
    print(f"{SECONDS / whole:,.0f} x real time, {speed}")
    for name, seconds in parts.items():
        print(f"  {name:22s} {seconds / whole:6.1%}  {seconds / n * 1e9:6.1f} ns/sample")
    print(
        "limit: the sums. Each addition rounds on the result of the one before, a chain of dependent\n"
        "integer and float steps that no vector unit can shorten; four chains (two signals, sum and\n"
        "energy) and the filter's own recursion overlap only as far as one core issues instructions."
    )


if __name__ == "__main__":
    main()
