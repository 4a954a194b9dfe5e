"""Several sensors, at rates of their own and with jitter, on one grid of evenly spaced samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.formats import timing
from sensorai.formats.resample import resample
from sensorai.recording import SENSORS, Channel, FloatArray, Recording, Span

#: Fewer samples than this in common are no recording.
_LEAST = 2
#: Largest denominator of the ratio between a sensor's own grid and the common one.
_SIMPLE = 100


def align(parts: Sequence[tuple[str, Sequence[Recording]]], rate_hz: float | None = None) -> list[Recording]:
    """Put the channels of several sensors side by side.

    Each sensor is first put on an even grid at about its own mean rate, by straight lines between its time
    stamps (equal stamps are first spread over the time until the next one), then brought to the common
    rate by the polyphase filter of ``resample``. What not all sensors recorded is left out.

    Parameters
    ----------
    parts : sequence of (name, recordings)
        The recordings of each sensor in order of time; motion channels of later sensors get the sensor's
        name in front.
    rate_hz : float, optional
        The common rate; the highest mean rate of the sensors by default.

    Returns
    -------
    list of Recording
        One for each stretch of time that all sensors have without interruption, labels from the first
        sensor that has any.

    Raises
    ------
    DataError
        When a sensor has no time stamps, or they have no time in common.
    ConfigError
        When the rate is not positive.
    """
    if rate_hz is not None and not 0 < rate_hz < float("inf"):
        raise ConfigError(f"the sample rate must be positive, not {rate_hz:g}", where="rate")
    # one sensor may come in several entries
    merged: dict[str, list[Recording]] = {}
    for name, recordings in parts:
        merged.setdefault(name, []).extend(recordings)
    sensors = [(name, [_spread(r, name) for r in rs if len(r) >= _LEAST]) for name, rs in merged.items()]
    where = next((r.source for _, rs in merged.items() for r in rs), "") if merged else ""
    rates = []
    for name, recordings in sensors:
        rate = _mean_rate(recordings)
        if rate is None:
            raise DataError(f"{name or 'the log'} is too short to be aligned", where=where)
        rates.append(rate)
    target = rate_hz or max(rates)
    out = []
    for start, stop in _common([[(_begin(r), _end(r)) for r in rs] for _, rs in sensors]):
        pieces = [
            _on_grid(rs, rate, target, start, stop) for (_, rs), rate in zip(sensors, rates, strict=True)
        ]
        count = min(map(len, pieces))
        if count >= _LEAST:
            out.append(
                _beside([name for name, _ in sensors], [p.slice(0, count) for p in pieces], target, start)
            )
    if not out:
        raise DataError("the sensors have no time in common, so they cannot be aligned", where=where)
    done = ", ".join(
        f"{name + ' ' if name else ''}{rate:.6g} Hz" for (name, _), rate in zip(sensors, rates, strict=True)
    )
    note = f"aligned at {target:.6g} Hz by time stamps, from {done}"
    base = out[0].name
    return [
        replace(
            r,
            name=base if i == 0 else f"{base}#{i + 1}",
            notes=(*r.notes, note),
            history=(*r.history, note),
        )
        for i, r in enumerate(out)
    ]


def spread(time_s: FloatArray) -> FloatArray:
    """Spread runs of equal time stamps evenly over the time until the next one.

    Stamps are given when a packet arrives, so samples that came in one packet share theirs. The result
    increases everywhere; a run at the end goes on at the mean step. Shape (n,), seconds.
    """
    first = np.concatenate(([True], np.diff(time_s) > 0))
    at = np.flatnonzero(first).astype(np.float64)
    stamps = time_s[first]
    if len(stamps) < 2:
        return time_s
    step = (stamps[-1] - stamps[0]) / (at[-1] - at[0])
    index = np.arange(len(time_s), dtype=np.float64)
    out = np.interp(index, at, stamps)
    rest = index > at[-1]
    out[rest] = stamps[-1] + (index[rest] - at[-1]) * step
    return np.asarray(out, dtype=np.float64)


def _spread(recording: Recording, name: str) -> Recording:
    time = recording.time_s
    if time is None and recording.rate_hz:
        time = np.arange(len(recording)) / recording.rate_hz
    if time is None:
        raise DataError(
            f"{name or 'the log'} has neither time stamps nor a rate, so it cannot be aligned",
            where=recording.source,
            hint="say the rate with --log-rate",
        )
    if (np.diff(time) < 0).any():
        raise DataError("time runs backwards, so the log cannot be aligned", where=recording.source)
    return replace(recording, time_s=spread(time))


def _stamps(recording: Recording) -> FloatArray:
    if recording.time_s is None:
        raise DataError("the log has no time stamps", where=recording.source)
    return recording.time_s


def _begin(recording: Recording) -> float:
    return float(_stamps(recording)[0])


def _end(recording: Recording) -> float:
    return float(_stamps(recording)[-1])


def _mean_rate(recordings: Sequence[Recording]) -> float | None:
    """Mean rate over all recordings of a sensor, in Hz."""
    rates = [(timing.mean_rate(r), _end(r) - _begin(r)) for r in recordings]
    good = [(rate, length) for rate, length in rates if rate and length > 0]
    total = sum(length for _, length in good)
    return round(sum(rate * length for rate, length in good) / total, 6) if total else None


def _common(times: Sequence[Sequence[tuple[float, float]]]) -> list[tuple[float, float]]:
    """Stretches of time that are in one interval of every list."""
    common = list(times[0])
    for other in times[1:]:
        common = [(max(a, c), min(b, d)) for a, b in common for c, d in other if min(b, d) > max(a, c)]
    return sorted(common)


def _on_grid(
    recordings: Sequence[Recording], rate: float, target: float, start: float, stop: float
) -> Recording:
    """One sensor between two times: evenly spaced at about its own rate, then at the common one.

    The first grid is a simple ratio from the common rate, so that the filter meets it exactly: an error of
    a thousandth would be a drift of a second in a quarter of an hour.
    """
    ratio = Fraction(target / rate).limit_denominator(_SIMPLE) or Fraction(1, round(rate / target))
    rate = target * ratio.denominator / ratio.numerator
    recording = next(r for r in recordings if _begin(r) <= start and stop <= _end(r))
    time = _stamps(recording)
    count = int((stop - start) * rate * (1 + 1e-12)) + 1
    if count > 4 * len(recording) + 16:
        raise DataError("the time stamps are too uneven to be aligned", where=recording.source)
    grid = start + np.arange(count) / rate
    samples = np.column_stack([np.interp(grid, time, column) for column in recording.samples.T])
    nearest = np.clip(np.searchsorted(time, grid - 0.5 / rate), 0, len(time) - 1)
    even = replace(
        recording,
        samples=samples,
        rate_hz=rate,
        time_s=None,
        labels={c: _moved(s, nearest) for c, s in recording.labels.items()},
        notes=(),
    )
    return replace(resample(even, target), notes=recording.notes, history=recording.history)


def _moved(spans: Sequence[Span], nearest: npt.NDArray[np.intp]) -> tuple[Span, ...]:
    """Spans on the new grid; ``nearest`` holds the old sample of each new one."""
    out = []
    for span in spans:
        start, stop = (int(np.searchsorted(nearest, edge)) for edge in (span.start, span.stop))
        if stop > start:
            out.append(Span(start, stop, span.label))
    return tuple(out)


def _beside(names: Sequence[str], pieces: Sequence[Recording], rate: float, start: float) -> Recording:
    first = pieces[0]
    channels: list[Channel] = []
    taken: set[str] = set()
    for name, piece in zip(names, pieces, strict=True):
        # all or none: a gyroscope of one place beside the accelerometer of another would look like one sensor
        clash = any(channel.name in taken for channel in piece.channels) or any(
            channel.sensor in SENSORS for channel in piece.channels if channels
        )
        for channel in piece.channels:
            clean = f"{name}_{channel.name}" if clash else channel.name
            if clean in taken:
                raise DataError(f"two channels would be called {clean!r}", where=piece.source)
            taken.add(clean)
            channels.append(replace(channel, name=clean))
    labels = next((p.labels for p in pieces if any(p.labels.values())), first.labels)
    notes = list(dict.fromkeys(note for p in pieces for note in p.notes))
    history = list(dict.fromkeys(one for p in pieces for one in p.history))
    samples = np.concatenate([p.samples for p in pieces], axis=1)
    return replace(
        first,
        samples=samples,
        channels=tuple(channels),
        rate_hz=rate,
        labels=labels,
        time_s=start + np.arange(len(samples)) / rate,
        notes=tuple(notes),
        history=tuple(history),
    )
