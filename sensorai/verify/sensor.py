"""What a sensor said while a log was recorded, against the simulator on the same samples.

``sensorai monitor --record`` keeps the value of each result register beside every sample. Where in the log
the sensor's windows end is not written anywhere: every possible border is tried, and the one at which the
most results agree is taken. With it, every result is compared; the first that differs is named.

At its begin the sensor may carry what happened before the log: values in its filters, counters of its
meta-classifier. So differences in the first windows are told apart, as long as those can explain them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sensorai.mlc.config import MlcConfig
from sensorai.mlc.devices import device
from sensorai.mlc.labels import result_name
from sensorai.mlc.simulate import RATE_TOLERANCE, core_rate, simulate
from sensorai.recording import NO_RESULT, Recording
from sensorai.verify.compare import Divergence
from sensorai.verify.mlc import Level

Codes = npt.NDArray[np.int64]

#: Samples that are simulated at most to find a border, all tries together.
_EFFORT = 20_000_000
#: Windows that filters need to forget what was before the log, as far as results show it.
_FILTERS_SETTLE = 4
#: What a results column holds before the board read the first result.
_NOT_YET = -1


@dataclass(frozen=True, slots=True)
class SensorDivergence(Divergence):
    """The first window where the sensor said something else than the simulator, in words."""

    words: str = ""

    def __str__(self) -> str:
        return f"{self.recording}: window {self.row}: {self.words}"


@dataclass(frozen=True, slots=True)
class Border:
    """Where windows end in a log.

    Attributes
    ----------
    start : int
        Sample at which the first whole window begins.
    step : int
        The core takes every ``step``-th sample of the log.
    tried : int
        Borders that were tried.
    agree, windows : int
        Windows whose results agree, of those compared.
    next_best : int
        Windows that agree at the best border that is not a neighbour of this one.
    """

    start: int
    step: int
    tried: int
    agree: int
    windows: int
    next_best: int


@dataclass(frozen=True, slots=True)
class SensorResult:
    """One recording against the simulator."""

    recording: str
    border: Border | None
    windows: int
    settling: int
    divergence: SensorDivergence | None
    why_not: str = ""

    def __str__(self) -> str:
        if self.border is None:
            return f"{self.recording}: what the sensor said cannot be compared: {self.why_not}"
        b = self.border
        found = f"windows of the sensor begin at sample {b.start}"
        if b.step > 1:
            found += f", every {b.step}. sample counts"
        found += f" (the best of {b.tried} borders: {b.agree} of {b.windows} results agree; "
        found += "any border does as well)" if b.next_best == b.agree else f"elsewhere at most {b.next_best})"
        if self.settling:
            found += f"; the first {self.settling} differ, from what the sensor had seen before the log"
        return f"{self.recording}: {found}"


def result_columns(config: MlcConfig) -> tuple[str, ...]:
    """Names of the columns that hold result registers, a tree each."""
    part = device(config.device)
    return tuple(result_name(part, tree) for tree in range(len(config.trees)))


def has_results(config: MlcConfig, recordings: Sequence[Recording]) -> bool:
    """Whether some recording carries what a sensor said."""
    names = set(result_columns(config))
    return any(names & {c.name for c in r.channels} for r in recordings)


def compare_sensor(
    config: MlcConfig, recordings: Sequence[Recording], *, style: str = "current"
) -> list[SensorResult]:
    """Compare recordings that carry results with the simulator.

    Parameters
    ----------
    config : MlcConfig
        As decoded from the register file that the sensor ran.
    recordings : sequence of Recording
        As recorded, not resampled; those without results are left out.
    style : str
        Numeric style of the simulator.
    """
    return [_compare(config, one, style) for one in recordings if has_results(config, [one])]


def as_levels(results: Sequence[SensorResult]) -> list[Level]:
    """One level: all recordings together, with the first divergence."""
    first = next((one.divergence for one in results if one.divergence is not None), None)
    windows = sum(one.windows for one in results)
    return [Level("what the sensor said", windows, first)] if results else []


def _compare(config: MlcConfig, recording: Recording, style: str) -> SensorResult:
    names = result_columns(config)
    have = {c.name: i for i, c in enumerate(recording.channels)}
    trees = [t for t, name in enumerate(names) if name in have]
    said = np.stack([recording.samples[:, have[names[t]]] for t in trees], axis=1).astype(np.int64)

    def refused(why: str) -> SensorResult:
        return SensorResult(recording.name, None, 0, 0, None, why)

    rate, core = recording.rate_hz, core_rate(config)
    step = 1 if rate is None else max(round(rate / core), 1)
    if rate is not None and abs(rate / core / step - 1.0) > RATE_TOLERANCE:
        return refused(
            f"the log is at {rate:.4g} Hz, no multiple of the {core:g} Hz at which the core takes samples"
        )
    length = config.window * step
    if len(recording) < 2 * length:
        return refused(f"it is shorter than two windows of {length} samples")

    def decide(start: int, until: int) -> Codes:
        """Results of the windows of ``recording`` from ``start`` on."""
        part = recording.slice(start, until)
        part = replace(part, samples=part.samples[::step], time_s=None, labels={})
        return simulate(config, part, style=style, rate="as-is").decided[:, trees].astype(np.int64)

    border, ours, theirs = find_border(decide, said, config.window, step)
    words = [_words(config, t) for t in trees]
    settle = max((max(config.trees[t].end_counters, default=0) for t in trees), default=0)
    settle += _FILTERS_SETTLE if config.filters else 0
    differ = np.flatnonzero((ours != theirs).any(axis=1) & (theirs >= 0).all(axis=1))
    late = differ[differ >= settle]
    divergence = None
    if len(late):
        row = int(late[0])
        place = int(np.flatnonzero(ours[row] != theirs[row])[0])
        end = border.start + (row + 1) * length
        at = f"sample {end}" + (f", {end / rate:.2f} s" if rate else "")
        got, expected = int(theirs[row, place]), int(ours[row, place])
        divergence = SensorDivergence(
            recording.name,
            row,
            names[trees[place]],
            expected,
            got,
            f"{names[trees[place]]} of the sensor is {got} ({words[place](got)}), of the simulator "
            f"{expected} ({words[place](expected)}); the window ends at {at}",
        )
    early = int((differ < settle).sum())
    windows = int((theirs >= 0).all(axis=1).sum()) - early
    if divergence is not None:
        windows = int((theirs[: divergence.row] >= 0).all(axis=1).sum()) - early
    return SensorResult(recording.name, border, windows, early, divergence)


def _words(config: MlcConfig, tree: int) -> Callable[[int], str]:
    labels = {0: NO_RESULT, **config.trees[tree].labels}
    return lambda code: labels.get(code, "no class")


def find_border(
    decide: Callable[[int, int], Codes], said: Codes, window: int, step: int = 1
) -> tuple[Border, Codes, Codes]:
    """Find where windows begin, from what was said.

    Parameters
    ----------
    decide : function of (start, until) to int64 array, shape (windows, registers)
        Results of windows that follow one another from sample ``start`` on.
    said : int64 array, shape (samples, registers)
        What the registers held right after each sample.
    window : int
        Samples that the core takes in a window.
    step : int
        Samples of the log for each that the core takes.

    Returns
    -------
    border : Border
    ours, theirs : int64 arrays, shape (windows, registers)
        Results at that border; ``_NOT_YET`` where the log does not say.
    """
    length = window * step
    # long logs: the border is found on a part, at places where the results change
    most = max(_EFFORT // length, 8 * length)
    begin = 0
    if len(said) > most:
        changes = np.flatnonzero((said[1:] != said[:-1]).any(axis=1))
        if len(changes):
            begin = max(int(changes[0]) - 4 * length, 0) // length * length
    until = min(begin + most, len(said))
    scores: list[tuple[int, int, int]] = []
    for offset in range(min(length, max(len(said) - length, 1))):
        ours = decide(begin + offset, until)
        theirs = _read(said, begin + offset, length, len(ours), until)
        agree = int(((ours == theirs) & (theirs >= 0)).all(axis=1).sum())
        scores.append((agree, -_delay(said[begin:until], offset, length), offset))
    agree, _, start = max(scores)
    start += begin
    around = length // 4
    elsewhere = [s for s, _, o in scores if around < (o + begin - start) % length < length - around]
    searched = _read(said, start, length, (until - start) // length, until)
    counted = int((searched >= 0).all(axis=1).sum())
    # windows before the part that was searched have their borders at the same distance
    start %= length
    border = Border(start, step, len(scores), agree, counted, max(elsewhere, default=0))
    ours = decide(start, len(said))
    return border, ours, _read(said, start, length, len(ours), len(said))


def _read(said: Codes, start: int, length: int, windows: int, until: int) -> Codes:
    """What was said of each window: in the middle of the next one, when it is surely there."""
    at = start + (np.arange(windows) + 1) * length - 1 + length // 2
    out = np.full((windows, said.shape[1]), _NOT_YET, np.int64)
    inside = at < until
    out[inside] = said[at[inside]]
    return out


def _delay(said: Codes, offset: int, length: int) -> int:
    """How many samples after the last one of a window results change, all changes together."""
    changes = np.flatnonzero((said[1:] != said[:-1]).any(axis=1)) + 1
    return int(((changes - offset + 1) % length).sum()) if len(changes) else 0
