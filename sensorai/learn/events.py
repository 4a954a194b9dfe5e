"""Windows that events open in logs, and the trigger that opens them, chosen on what is learnt from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.experiment import Experiment
from sensorai.model.event import SIGNALS, Event
from sensorai.model.pipeline import Count
from sensorai.recording import Recording

Int16 = npt.NDArray[np.int16]

#: Length of a window when nothing is said, in seconds, and its shares: before the strongest sample, rest.
SECONDS, BEFORE, REST = 3.0, 1 / 3, 1 / 3
#: The event that is stronger than this share of all, times the margin, opens a window: a label may lie over
#: a piece of a log in which nothing happens, and events of others may be weaker still.
WEAK, MARGIN = 0.05, 0.6
#: Share of the usual event below which there is none, whatever a label says.
NONE = 0.33
#: Jerk is taken where it opens fewer than this share of the windows that the norm opens without an event.
FEWER = 0.5
#: Windows to learn from lie up to this share of a window beside the device's, in so many steps a side.
BESIDE, STEPS = 1 / 20, 2
#: Thousandths of a unit: of a g, as counts have mg.
UNITS = {"mg": 1000.0, "dps": 1.0}


@dataclass(frozen=True, slots=True)
class EventOptions:
    """What is asked of a trigger.

    Attributes
    ----------
    labels : tuple of str
        Labels of events; all others are what must not alarm.
    signal : str
        ``norm``, ``jerk``, or ``auto``: the norm, unless jerk opens far fewer windows of other labels.
    threshold : float, optional
        In g or dps; by default from the weaker ones of the known events.
    before, rest : int, optional
        Samples.
    groups : tuple of str, optional
        Groups that the threshold is chosen on; by default all.
    """

    labels: tuple[str, ...]
    signal: str = "auto"
    threshold: float | None = None
    before: int | None = None
    rest: int | None = None
    groups: tuple[str, ...] | None = None

    @staticmethod
    def of(experiment: Experiment) -> EventOptions | None:
        """As an experiment asks for them; None where windows are on a grid."""
        if not experiment.event:
            return None
        e = experiment
        return EventOptions(e.event, e.event_signal, e.event_threshold, e.event_before, e.event_rest)


def trigger(
    options: EventOptions,
    column: str,
    logs: Sequence[Recording],
    samples: Sequence[Int16],
    channels: Sequence[Count],
    window: int,
) -> Event:
    """Choose a trigger.

    Parameters
    ----------
    options : EventOptions
    column : str
        Label column.
    logs : sequence of Recording
        At the rate of the windows.
    samples : sequence of ndarray, shape (n, channels), int16
        Counts of each.
    channels : sequence of Count
    window : int
        Samples.

    Raises
    ------
    ConfigError, DataError
        A label that no log has, parts that do not fit the window, or no event to choose the threshold by.
    """
    have = dict.fromkeys(s.label for r in logs for s in r.labels.get(column, ()))
    if missing := [name for name in options.labels if name not in have]:
        raise ConfigError(
            f"--event {missing[0]!r}: no log has that label", hint=f"the logs have {', '.join(have)}"
        )
    if len(options.labels) == len(have):
        raise ConfigError(
            "--event names every label of the logs: nothing is left that must not alarm",
            hint="add logs of what else happens, under a label of its own",
        )
    before = round(BEFORE * window) if options.before is None else options.before
    if not 0 <= before < window:
        raise ConfigError(
            f"--event-before {before}: the window has {window} samples", hint=f"0 to {window - 1}"
        )
    rest = round(REST * window) if options.rest is None else options.rest
    chosen = [
        (r, x)
        for r, x in zip(logs, samples, strict=True)
        if options.groups is None or r.group in options.groups
    ]
    tried: list[tuple[int, Event]] = []
    for signal in SIGNALS if options.signal == "auto" else (options.signal,):
        probe = Event(signal, 0, 1, before, window - before, rest)
        if options.threshold is None:
            weak, usual = _strengths(options, column, chosen, probe)
            squared = max(MARGIN**2 * weak, NONE**2 * usual)
        else:
            squared = (options.threshold * UNITS[channels[0].unit] / channels[0].lsb) ** 2
        event = Event(signal, 0, int(np.clip(squared, 1, 2**32 - 1)), before, window - before, rest)
        tried.append(
            (sum(_others(options, column, r, event.ends(x) - event.after) for r, x in chosen), event)
        )
    (norm, first), (jerk, last) = tried[0], tried[-1]
    return last if jerk < FEWER * norm else first


def _strengths(
    options: EventOptions, column: str, chosen: Sequence[tuple[Recording, Int16]], probe: Event
) -> tuple[float, float]:
    """Strength of a weak event and of the usual one: the largest sample of each counts."""
    found = [
        int(strength.max())
        for r, x in chosen
        for span in r.labels.get(column, ())
        if span.label in options.labels
        for strength in [probe.strength(x)[max(span.start, probe.before) : span.stop - probe.after + 1]]
        if len(strength)
    ]
    if not found:
        raise DataError(
            f"no event ({', '.join(options.labels)}) is long enough for a window of {probe.window} samples",
            hint="choose a shorter --window, or give logs that begin earlier and end later",
        )
    weak, usual = np.quantile(found, [WEAK, 0.5], method="lower")
    return float(weak), float(usual)


def _others(options: EventOptions, column: str, recording: Recording, at: npt.NDArray[np.int64]) -> int:
    """How many windows open in other labels."""
    return sum(label not in (None, *options.labels) for label in labels_at(recording, column, at))


def labels_at(recording: Recording, column: str, at: npt.NDArray[np.int64]) -> list[str | None]:
    """Label of single samples; None where there is none."""
    spans = recording.labels.get(column, ())
    return [next((s.label for s in spans if s.start <= i < s.stop), None) for i in at.tolist()]


def starts(
    event: Event, recording: Recording, column: str, classes: Mapping[str, int], samples: Int16, dense: bool
) -> tuple[list[int], list[int], list[bool]]:
    """Windows of a log: first samples, classes by the label of the strongest sample, and whether beside.

    Where ``dense``, there are windows a little beside those that the device sees, to be learnt from only.
    """
    step = max(round(BESIDE * event.window / STEPS), 1)
    offsets = [k * step for k in range(-STEPS, STEPS + 1)] if dense else [0]
    first, which, between = [], [], []
    ends = event.ends(samples)
    for end, label in zip(ends.tolist(), labels_at(recording, column, ends - event.after), strict=True):
        if label is None or label not in classes:
            continue
        for offset in offsets:
            start = end - event.window + offset
            if 0 <= start <= len(samples) - event.window:
                first.append(start)
                which.append(classes[label])
                between.append(offset != 0)
    return first, which, between
