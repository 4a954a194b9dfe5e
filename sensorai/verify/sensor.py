"""What a sensor said while a log was recorded, against the simulator on the same samples.

``sensorai monitor --record`` keeps the value of each result register beside every sample. Where in the log
the sensor's windows end is not written anywhere: every possible border is tried, and the one at which the
most results agree is taken. With it, every result is compared; the first that differs is named.

At the begin of a log the sensor carries what happened before it. What its decision filter may hold is
followed exactly, from the least that the counters can be to the most: a result that differs while it depends
on them is told apart and is no divergence. The values in its filters are taken to matter for four windows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sensorai.formats.resample import TOLERANCE
from sensorai.mlc.config import MlcConfig
from sensorai.mlc.devices import device
from sensorai.mlc.labels import result_name
from sensorai.mlc.simulate import core_rate, simulate
from sensorai.model import pipeline as pipelines
from sensorai.model.decision import NONE, TOP
from sensorai.model.pipeline import Pipeline
from sensorai.recording import NO_RESULT, Recording
from sensorai.verify.border import Border, Codes, find_border
from sensorai.verify.cjudge import recording_counts
from sensorai.compare import Divergence
from sensorai.verify.mlc import Level

Mask = npt.NDArray[np.bool_]

#: Windows that filters need to forget what was before the log, as far as results show it.
_FILTERS_SETTLE = 4


@dataclass(frozen=True, slots=True)
class Core:
    """A core with result registers, as the comparison sees it.

    Attributes
    ----------
    columns : tuple of str
        Names of the result registers: the columns of a log that hold them.
    window, stride : int
        Samples of a window, and from one window to the next.
    rate_hz : float
        Samples per second that the core takes.
    labels : tuple of mapping
        Class names by code, for each register.
    decide : function of Recording to int64 array, shape (windows, registers)
        Registers after each window of a recording at the core's rate, from its first sample on.
    certain : function of Recording to bool array, shape (windows, registers)
        Whether a register holds the same whatever was before the recording.
    """

    columns: tuple[str, ...]
    window: int
    stride: int
    rate_hz: float
    labels: tuple[Mapping[int, str], ...]
    decide: Callable[[Recording], Codes]
    certain: Callable[[Recording], Mask]

    def carried_by(self, recordings: Sequence[Recording]) -> bool:
        """Whether some recording carries what the core said."""
        return any(set(self.columns) & {c.name for c in one.channels} for one in recordings)


def mlc_core(config: MlcConfig, style: str = "current") -> Core:
    """Return the machine learning core with a configuration."""
    part = device(config.device)
    trees = range(len(config.trees))
    width = part.limits.group_width

    def certain(recording: Recording) -> Mask:
        found = simulate(config, recording, style=style, rate="as-is").tree.astype(np.int64)
        columns = [certain_of(found[:, t] // width, config.trees[t].end_counters) for t in trees]
        return _settled(np.stack(columns, axis=1), bool(config.filters))

    return Core(
        tuple(result_name(part, tree) for tree in trees),
        config.window,
        config.window,
        core_rate(config),
        tuple({0: NO_RESULT, **config.trees[tree].labels} for tree in trees),
        lambda one: simulate(config, one, style=style, rate="as-is").decided.astype(np.int64),
        certain,
    )


def ispu_core(pipeline: Pipeline) -> Core:
    """Return the ISPU with a project: its registers hold the decision, and each window's own answer."""

    def decide(recording: Recording) -> Codes:
        trace = pipelines.run(pipeline, recording_counts(recording, pipeline))
        return np.stack([trace.decided, trace.answer], axis=1)

    def certain(recording: Recording) -> Mask:
        answer = pipelines.run(pipeline, recording_counts(recording, pipeline)).answer
        decided = certain_of(answer, [pipeline.wins] * len(pipeline.classes))
        return _settled(np.stack([decided, np.ones_like(decided)], axis=1), bool(pipeline.filters))

    labels = {**dict(enumerate(pipeline.classes)), NONE: NO_RESULT}
    return Core(
        ("ISPU_DOUT_00_L", "ISPU_DOUT_00_H"),
        pipeline.window,
        pipeline.stride,
        pipeline.rate_hz,
        (labels, labels),
        decide,
        certain,
    )


def certain_of(groups: Codes, wins: Sequence[int]) -> Mask:
    """Where the output of a decision filter does not depend on what was before.

    Parameters
    ----------
    groups : int64 array, shape (windows,)
        Group of each result; those beyond ``wins`` are not filtered.
    wins : sequence of int
        Count at which each group decides.

    Returns
    -------
    bool array, shape (windows,)
        Counters are followed from 0 and from their top; the output is certain from a window on at which
        both decide, until one of the two decides and the other does not.
    """
    least, most = [0] * len(wins), [TOP] * len(wins)
    known = False
    out = np.empty(len(groups), np.bool_)
    for row, own in enumerate(groups.tolist()):
        for g in range(len(wins)):
            step = 1 if g == own else -1
            least[g] = min(max(least[g] + step, 0), TOP)
            most[g] = min(max(most[g] + step, 0), TOP)
        if own >= len(wins) or least[own] >= wins[own]:
            known = True
        elif most[own] >= wins[own]:
            known = False
        out[row] = known
    return out


def _settled(certain: Mask, filters: bool) -> Mask:
    """The same, the first windows excepted where there are filters."""
    if filters:
        certain[:_FILTERS_SETTLE] = False
    return certain


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


def as_levels(results: Sequence[SensorResult]) -> list[Level]:
    """One level: all recordings together, with the first divergence."""
    first = next((one.divergence for one in results if one.divergence is not None), None)
    windows = sum(one.windows for one in results)
    return [Level("what the sensor said", windows, first)] if results else []


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
