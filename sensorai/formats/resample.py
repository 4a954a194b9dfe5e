"""Another sample rate, only when asked."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from sensorai.errors import ConfigError, DataError
from sensorai.recording import Recording, Span

#: Largest factor up or down; a rate is met to better than one part in a million.
_MOST = 1000


def _check(rate_hz: float) -> None:
    if not 0 < rate_hz < float("inf"):
        raise ConfigError(f"the sample rate must be positive, not {rate_hz:g}", where="rate")


def at_rate(recording: Recording, rate_hz: float) -> Recording:
    """Return the same samples declared to be at ``rate_hz``; time stamps that say otherwise are dropped.

    Raises
    ------
    ConfigError
        When the rate is not positive.
    """
    _check(rate_hz)
    if recording.rate_hz == rate_hz:
        return recording
    before = f"{recording.rate_hz:.6g} Hz" if recording.rate_hz else "no known rate"
    note = f"taken as {rate_hz:g} Hz instead of {before}, samples unchanged"
    return replace(recording, rate_hz=rate_hz, time_s=None, notes=(*recording.notes, note))


def resample(recording: Recording, rate_hz: float) -> Recording:
    """Resample to ``rate_hz`` with a polyphase anti-aliasing filter.

    The samples are taken as evenly spaced at ``recording.rate_hz``. The filter is SciPy's default (Kaiser
    window, beta 5, ten zero crossings a side), run on the deviation from the line through first and last
    sample so that gravity leaves no step at the ends. Label borders move to the nearest new sample.

    Returns
    -------
    Recording
        ``ceil(n * rate_hz / recording.rate_hz)`` samples, with a note; the recording itself when it has
        that rate already.

    Raises
    ------
    ConfigError
        When the rate is not positive or the ratio of the rates is beyond 1000.
    DataError
        When the recording's rate is not known.
    """
    _check(rate_hz)
    have = recording.rate_hz
    if have is None:
        raise DataError(
            "the sample rate of the log is not known, so it cannot be resampled",
            where=recording.source,
            hint="say it with --rate, or with a comment line '# rate_hz: 104' in the log",
        )
    if have == rate_hz:
        return recording
    exact = Fraction(rate_hz) / Fraction(have)
    ratio = exact.limit_denominator(_MOST)
    if not 0 < ratio <= _MOST:
        raise ConfigError(
            f"cannot resample {have:g} Hz to {rate_hz:g} Hz: the ratio is beyond {_MOST}", where="rate"
        )
    note = f"resampled from {have:.6g} Hz to {rate_hz:g} Hz"
    if ratio == 1:
        return replace(recording, rate_hz=rate_hz, notes=(*recording.notes, note))
    from scipy.signal import resample_poly

    up, down = ratio.numerator, ratio.denominator
    count = len(recording)
    samples = recording.samples
    if count:
        samples = np.ascontiguousarray(
            resample_poly(samples, up, down, axis=0, padtype="line"), dtype=np.float64
        )
    total = len(samples)

    def moved(index: int) -> int:
        return min((2 * index * up + down) // (2 * down), total) if index < count else total

    labels = {
        column: tuple(
            Span(moved(s.start), moved(s.stop), s.label) for s in spans if moved(s.stop) > moved(s.start)
        )
        for column, spans in recording.labels.items()
    }
    time = None
    if recording.time_s is not None and count:
        time = recording.time_s[0] + np.arange(total) / rate_hz
    return replace(
        recording,
        samples=samples,
        rate_hz=rate_hz,
        labels=labels,
        time_s=time,
        notes=(*recording.notes, note),
    )
