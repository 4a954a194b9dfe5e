"""What a sensor said while a log was recorded, against the simulator on the same samples.

``sensorai monitor --record`` keeps the value of each result register beside every sample. Where in the log
the sensor's windows end is not written anywhere: every possible border is tried, and the one at which the
most results agree is taken. With it, every result is compared; the first that differs is named.

At the begin of a log the sensor carries what happened before it. What its decision filter may hold is
followed exactly, from the least that the counters can be to the most: a result that differs while it depends
on them is told apart and is no divergence. The values in its filters are taken to matter for four windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sensorai.divergence import Divergence
from sensorai.formats.resample import TOLERANCE
from sensorai.recording import Recording
from sensorai.road import Checked, Core, Level
from sensorai.verify.border import Border, find_border


@dataclass(frozen=True, slots=True)
class SensorDivergence(Divergence):
    """The first window where the sensor said something else than the simulator, in words."""

    words: str = ""

    def __str__(self) -> str:
        return f"{self.recording}: window {self.row}: {self.words}"


@dataclass(frozen=True, slots=True)
class SensorResult:
    """One recording against the simulator.

    ``windows`` is the number that agree before the first divergence, ``settling`` that of windows that
    differ and may, as they depend on what was before the log; ``why_not`` says why nothing could be compared.
    """

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
        found += "others do as well)" if b.next_best == b.agree else f"elsewhere at most {b.next_best})"
        if self.settling:
            found += f"; {self.settling} differ and may, by what the sensor had seen before the log"
        return f"{self.recording}: {found}"


def compare_sensor(core: Core, recordings: Sequence[Recording]) -> list[SensorResult]:
    """Compare recordings that carry results with the simulator.

    Parameters
    ----------
    core : Core
        With the registers or the project that the sensor ran.
    recordings : sequence of Recording
        As recorded, not resampled; those without results are left out.
    """
    return [_compare(core, one) for one in recordings if core.carried_by([one])]


def as_levels(results: Sequence[SensorResult]) -> list[tuple[Level, Checked]]:
    """One level: all recordings together, with the first divergence."""
    first = next((one.divergence for one in results if one.divergence is not None), None)
    windows = sum(one.windows for one in results)
    level = Level("what the sensor said", None)
    return [(level, Checked(windows, None if first is None else str(first)))] if results else []


def _compare(core: Core, recording: Recording) -> SensorResult:
    have = {c.name: i for i, c in enumerate(recording.channels)}
    registers = [i for i, name in enumerate(core.columns) if name in have]
    said = np.stack([recording.samples[:, have[core.columns[i]]] for i in registers], axis=1).astype(np.int64)
    rate = recording.rate_hz
    step = 1 if rate is None else max(round(rate / core.rate_hz), 1)

    def refused(why: str) -> SensorResult:
        return SensorResult(recording.name, None, 0, 0, None, why)

    if rate is not None and abs(rate / core.rate_hz / step - 1.0) > TOLERANCE:
        return refused(
            f"the log is at {rate:.4g} Hz, no multiple of the {core.rate_hz:g} Hz at which the core takes "
            "samples"
        )
    if len(recording) < (core.window + core.stride) * step:
        return refused(f"its {len(recording)} samples are not two windows")

    def taken(start: int, until: int) -> Recording:
        part = recording.slice(start, until)
        return replace(
            part,
            samples=np.ascontiguousarray(part.samples[::step]),
            rate_hz=core.rate_hz,
            time_s=None,
            labels={},
        )

    border, ours, theirs = find_border(
        lambda start, until: core.decide(taken(start, until))[:, registers],
        said,
        core.window,
        core.stride,
        step,
    )
    known = np.asarray((theirs >= 0).all(axis=1))
    wrong = (ours != theirs) & known[:, None]
    sure = wrong & core.certain(taken(border.start, len(recording)))[:, registers] if wrong.any() else wrong
    late = np.flatnonzero(sure.any(axis=1))
    early = int((wrong.any(axis=1) & ~sure.any(axis=1)).sum())
    if not len(late):
        return SensorResult(recording.name, border, int(known.sum()) - early, early, None)
    row = int(late[0])
    place = int(np.flatnonzero(sure[row])[0])
    name, labels = core.columns[registers[place]], core.labels[registers[place]]
    got, expected = int(theirs[row, place]), int(ours[row, place])
    end = border.start + (core.window + row * core.stride) * step
    words = (
        f"{name} of the sensor is {got} ({labels.get(got, 'no class')}), of the simulator {expected} "
        f"({labels.get(expected, 'no class')}); the window ends at sample {end}"
        + (f", {end / rate:.2f} s" if rate else "")
    )
    found = SensorDivergence(recording.name, row, name, expected, got, words)
    early = int(wrong[:row].any(axis=1).sum())
    return SensorResult(recording.name, border, int(known[:row].sum()) - early, early, found)
