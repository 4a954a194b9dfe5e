"""Lengths of windows: those to try, and logs that are too short for them."""

from __future__ import annotations

from sensorai.errors import DataError
from sensorai.mlc.devices import MlcDevice
from sensorai.recording import Dataset

#: Window lengths that ``auto`` tries, in seconds.
WINDOW_SECONDS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
#: Least samples in a window.
LEAST = 8
#: Lower rates that ``auto`` tries: so many times slower than the logs at most, and not below so many Hz.
SLOWER, LOWEST = 2.0, 50.0


def window_lengths(wanted: int | None, rate: float, dataset: Dataset, target: MlcDevice) -> list[int]:
    """Window lengths to try, in samples, shortest first."""
    if wanted is not None:
        return [wanted]
    longest = max(len(r) for r in dataset)
    lengths = {round(s * rate) for s in WINDOW_SECONDS}
    return sorted(w for w in lengths if LEAST <= w <= min(target.limits.window, longest)) or [
        min(target.limits.window, longest)
    ]


def lower_rates(rate: float, window: int, target: MlcDevice) -> list[tuple[float, int]]:
    """Rates of the core below ``rate`` (Hz), fastest first, with a window as long as ``window`` samples."""
    least = max(rate / SLOWER, LOWEST)
    lower = sorted((hz for hz in target.mlc_rates if least <= hz < rate), reverse=True)
    found = [(hz, round(window * hz / rate)) for hz in lower]
    return [(hz, samples) for hz, samples in found if samples >= LEAST]


def check_length(dataset: Dataset, window: int, rate: float) -> None:
    """Refuse logs of which none holds a whole window."""
    if all(len(r) < window for r in dataset):
        raise DataError(
            f"no log is as long as one window of {window} samples ({window / rate:.2f} s)",
            hint="choose a shorter --window or record longer logs",
        )
