"""Another sample rate, only when asked; and the one policy by which logs are brought to a device's rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from sensorai.errors import ConfigError, DataError
from sensorai.recording import FloatArray, Recording, Span

#: Largest factor up or down. A rate is met to better than one part in a million, except within a two
#: thousandth of the one it has: that is nearer than the filter's steps, and samples stay as they are.
_MOST = 1000

#: A log whose rate is this close to the wanted one is taken as it is: within it lies what a sensor's own
#: clock is off, and the device runs on that same clock.
TOLERANCE = 0.03


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


def same_rate(have: float, wanted: float) -> bool:
    """Whether two rates (Hz) are the same but for what clocks are off."""
    return abs(have / wanted - 1.0) <= TOLERANCE


def to_rate(recording: Recording, rate_hz: float, *, how: str = "resample", what: str = "core") -> Recording:
    """Bring a recording to the rate at which a device takes samples.

    Parameters
    ----------
    recording : Recording
        Without a known rate it is taken to be at ``rate_hz``, with a note that says so.
    rate_hz : float
    how : {"resample", "refuse", "as-is"}
        ``resample``: when the rates differ by more than ``TOLERANCE``, with a note that says so.
        ``refuse``: a DataError instead. ``as-is``: samples are taken in order, whatever the time says,
        as ST's tools do.
    what : str
        Whose rate it is, for messages.

    Raises
    ------
    DataError
        Resampling would be needed and is refused.
    ConfigError
        When the rate is not positive.
    """
    _check(rate_hz)
    have = recording.rate_hz
    if how == "as-is":
        return replace(recording, rate_hz=rate_hz)
    if have is None:
        note = f"the log does not say its rate: taken as {rate_hz:g} Hz, the rate of the {what}"
        return replace(recording, rate_hz=rate_hz, notes=(*recording.notes, note))
    if same_rate(have, rate_hz):
        return recording
    if how == "refuse":
        raise DataError(
            f"the log is at {have:g} Hz, the {what} runs at {rate_hz:g} Hz, and resampling was refused",
            where=recording.source,
            hint=f"drop --no-resample, or record at the rate of the {what}",
        )
    return resample(recording, rate_hz)


def resampled(rates: Sequence[float], rate_hz: float) -> str:
    """One note for many recordings that were resampled from these rates."""
    low, high = min(rates), max(rates)
    span = f"{low:.4g}", f"{high:.4g}"
    before = f"{low:g} Hz" if low == high else f"{' to '.join(dict.fromkeys(span))} Hz"
    count = len(rates)
    return f"{count} recording{'s' if count > 1 else ''} resampled from {before} to {rate_hz:g} Hz"


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
        note = f"taken as {rate_hz:g} Hz instead of {have:.6g} Hz, samples unchanged: too near to resample"
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
