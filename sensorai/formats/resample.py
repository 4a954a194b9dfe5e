"""Another sample rate, only when asked."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from sensorai.errors import ConfigError, DataError
from sensorai.recording import FloatArray, Recording, Span

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
    return replace(
        recording,
        rate_hz=rate_hz,
        time_s=None,
        notes=(*recording.notes, note),
        history=(*recording.history, note),
    )


def resample(recording: Recording, rate_hz: float) -> Recording:
    """Resample to ``rate_hz`` with a polyphase anti-aliasing filter.

    The samples are taken as evenly spaced at ``recording.rate_hz``. The filter is a Kaiser-windowed sinc
    (beta 5, ten zero crossings a side). Each of its phases has a gain of exactly one at rest, so that gravity
    gets no ripple; beyond the ends the first and last sample are held, so that it leaves no step there.
    Label borders move to the nearest new sample.

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
        return replace(
            recording,
            rate_hz=rate_hz,
            notes=(*recording.notes, note),
            history=(*recording.history, note),
        )
    count = len(recording)
    up, down = ratio.numerator, ratio.denominator
    samples = _polyphase(recording.samples, up, down) if count else recording.samples
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
        history=(*recording.history, note),
    )


def _polyphase(samples: FloatArray, up: int, down: int) -> FloatArray:
    from scipy.signal import firwin, upfirdn

    most = max(up, down)
    half = 10 * most
    taps = np.asarray(firwin(2 * half + 1, 1.0 / most, window=("kaiser", 5.0)), dtype=np.float64)
    # zeros in front make the delay a whole number of output samples
    taps = np.concatenate([np.zeros(-half % down), taps])
    for phase in range(up):
        taps[phase::up] /= taps[phase::up].sum()
    # hold the ends for as long as the filter looks, in multiples that keep output samples in step
    holds = -(-half // (up * down)) + 1
    held = np.pad(samples, ((holds * down, holds * down), (0, 0)), mode="edge")
    first = holds * up + -(-half // down)
    total = -(-len(samples) * up // down)
    out = np.asarray(upfirdn(taps, held, up, down, axis=0), dtype=np.float64)
    return np.ascontiguousarray(out[first : first + total])
