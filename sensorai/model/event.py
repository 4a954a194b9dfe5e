"""What opens a window: a knock, a turn, a fall; the window lies around its strongest sample.

A sample's strength is the square of the norm of its three channels, or of their differences to the sample
before (jerk). Above the threshold a window opens. As long as a stronger sample comes within ``after`` samples
of the first, the window moves with it; it is complete when ``after`` samples, the strongest first, are there.
Then the trigger rests. Windows on a grid cut events anywhere, and a model has to know every part of them;
these show the whole event at the same place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError

SIGNALS = ("norm", "jerk")
INT16 = (-(2**15), 2**15 - 1)


@dataclass(frozen=True, slots=True)
class Event:
    """A trigger.

    Attributes
    ----------
    signal : str
        A key of ``SIGNALS``.
    first : int
        The first of the three channels that are looked at.
    threshold : int
        Squared counts, 1 to 2**32 - 1; an event is stronger.
    before, after : int
        Samples of the window before the strongest one, and from it on.
    rest : int
        Samples after a complete window in which none opens.
    """

    signal: str
    first: int
    threshold: int
    before: int
    after: int
    rest: int

    def __post_init__(self) -> None:
        if self.signal not in SIGNALS:
            raise ConfigError(f"windows are not opened by {self.signal!r}", hint="norm or jerk")
        if not (1 <= self.threshold < 2**32 and self.before >= 0 and self.after >= 1 and self.rest >= 0):
            raise ConfigError(
                f"a trigger above {self.threshold} with {self.before} samples before, {self.after} after and "
                f"{self.rest} of rest is not possible"
            )
        if self.before + self.after > 4096 or self.rest > 65535:
            raise ConfigError("a window that an event opens has at most 4096 samples, a rest 65535")

    @property
    def window(self) -> int:
        """Samples of a window."""
        return self.before + self.after

    @property
    def least(self) -> int:
        """Fewest samples from one complete window to the next."""
        return self.after + self.rest

    def strength(self, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.int64]:
        """Strength of every sample, shape (n, channels) -> (n,); 0 for the jerk of the first."""
        x = samples[:, self.first : self.first + 3].astype(np.int64)
        if self.signal == "jerk":
            x = np.clip(np.diff(x, axis=0, prepend=x[:1]), *INT16)
        out: npt.NDArray[np.int64] = (x * x).sum(axis=1)
        return out

    def ends(self, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.int64]:
        """Samples seen at the end of each window that opens, shape (windows,)."""
        out = []
        wait = rest = best = since = 0
        for t, v in enumerate(self.strength(samples).tolist()):
            if wait:
                since += 1
                if v > best and since < self.after:
                    best, wait = v, self.after - 1
                else:
                    wait -= 1
                done = not wait
            elif rest:
                rest -= 1
                continue
            elif v > self.threshold and t >= self.before:
                best, wait, since = v, self.after - 1, 0
                done = not wait
            else:
                continue
            if done:
                out.append(t + 1)
                rest = self.rest
        return np.array(out, np.int64)


def to_dict(event: Event) -> dict[str, Any]:
    """Return the trigger as plain data for JSON."""
    return asdict(event)


def from_dict(data: Mapping[str, Any]) -> Event:
    """Read what ``to_dict`` wrote."""
    numbers = {name: int(data[name]) for name in ("first", "threshold", "before", "after", "rest")}
    return Event(str(data["signal"]), **numbers)
