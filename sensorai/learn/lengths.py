"""Lengths of windows: those to try, and logs that are too short for them."""

from __future__ import annotations

from sensorai.errors import DataError
from sensorai.mlc.devices import MlcDevice
from sensorai.recording import Dataset

#: Window lengths that ``auto`` tries, in seconds.
WINDOW_SECONDS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0)


def window_lengths(wanted: int | None, rate: float, dataset: Dataset, target: MlcDevice) -> list[int]:
    """Window lengths to try, in samples, shortest first."""
    if wanted is not None:
        return [wanted]
    longest = max(len(r) for r in dataset)
    lengths = {round(s * rate) for s in WINDOW_SECONDS}
    return sorted(w for w in lengths if 8 <= w <= min(target.limits.window, longest)) or [
        min(target.limits.window, longest)
    ]


def check_length(dataset: Dataset, window: int, rate: float) -> None:
    """Refuse logs of which none holds a whole window."""
    if all(len(r) < window for r in dataset):
        raise DataError(
            f"no log is as long as one window of {window} samples ({window / rate:.2f} s)",
            hint="choose a shorter --window or record longer logs",
        )
