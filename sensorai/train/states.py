"""Which recordings are normal, and which of them are learnt from, set the threshold, and test.

A detector of anomalies learns from normal windows alone. Labels other than the normal ones are anomalies:
they are only tested on, so none of them can shape the detector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.model.detector import CLASSES
from sensorai.recording import NORMAL_NAMES, Dataset, Recording, Span
from sensorai.verify.alarms import ScoredLog

#: Label column that says normal or anomaly.
STATE = "state"
NORMAL, ANOMALY = CLASSES
#: Shares of the normal time.
SHARES = {"learn": 0.5, "calibrate": 0.25, "test": 0.25}
#: Between the name of a recording and that of its part.
CUT = "#"
#: Windows of a recording from which on its first one is left out.
SETTLED = 4
FILTER_OFF = "the decision filter is off: the recordings hold too few windows each to judge one"
#: Random ways to share out the groups that are looked at.
ATTEMPTS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Recordings with a label column ``STATE``, by what they are for.

    Attributes
    ----------
    learn, calibrate, test : tuple of Recording
        Test recordings hold all anomalies; the others may hold some, which are not looked at.
    normal, unseen : tuple of str
        Labels of the normal state; and those of them that are kept for the test.
    faults : tuple of str
        Labels of anomalies, in order of first appearance.
    notes : tuple of str
    """

    learn: tuple[Recording, ...]
    calibrate: tuple[Recording, ...]
    test: tuple[Recording, ...]
    normal: tuple[str, ...]
    unseen: tuple[str, ...]
    faults: tuple[str, ...]
    notes: tuple[str, ...]

    def index(self, column: str) -> dict[str, object]:
        """What ``model.sai`` says of the states, so that other logs can be judged."""
        return {"column": column, "normal": [*self.normal, *self.unseen]}

    def groups(self, part: str) -> tuple[str, ...]:
        """Groups of ``learn``, ``calibrate`` or ``test``."""
        return tuple(dict.fromkeys(r.group for r in getattr(self, part)))

    def learnt(self) -> tuple[str, ...]:
        """Groups that must not be judged on again, those of recordings that were cut in time too."""
        names = (*self.groups("learn"), *self.groups("calibrate"))
        return tuple(dict.fromkeys([*names, *(n.rpartition(CUT)[0] for n in names if CUT in n)]))

    def short(self, window: int, stride: int, wins: int) -> bool:
        """Whether most recordings end before a decision filter could let an alarm through."""
        lengths = [(len(r) - window) // stride + 1 for r in (*self.calibrate, *self.test)]
        return float(np.median(lengths)) < 2 * wins


def normal_labels(dataset: Dataset, column: str, given: Sequence[str]) -> tuple[str, ...]:
    """Labels of the normal state: the given ones, or those that are called so, or the only one.

    Raises
    ------
    ConfigError
        A given label does not occur, or nothing says which labels are normal.
    """
    have = dataset.label_set(column)
    known = ", ".join(have) or "no labels"
    if missing := [name for name in given if name not in have]:
        raise ConfigError(f"--normal {missing[0]!r}: no log has that label", hint=f"the logs have {known}")
    if given:
        return tuple(dict.fromkeys(given))
    if len(have) <= 1:
        return have
    called = tuple(name for name in have if name.lower() in NORMAL_NAMES)
    if not called:
        raise ConfigError(
            "nothing says which labels are the normal state",
            hint=f"the logs have {known}; name the normal ones with --normal NAME (repeat)",
        )
    return called


def with_states(dataset: Dataset, column: str, normal: Sequence[str]) -> Dataset:
    """Add the label column ``STATE``; a log without any label is normal throughout."""
    out = []
    for r in dataset:
        spans = r.labels.get(column)
        if spans is None:
            states: tuple[Span, ...] = (Span(0, len(r), NORMAL),)
        else:
            states = tuple(Span(s.start, s.stop, NORMAL if s.label in normal else ANOMALY) for s in spans)
        out.append(replace(r, labels={**r.labels, STATE: states}))
    return Dataset(tuple(out))


def share_out(
    dataset: Dataset,
    column: str,
    normal: Sequence[str] = (),
    unseen: Sequence[str] = (),
    seed: int = 0,
    in_time: bool = False,
) -> Parts:
    """Share whole groups out over learning, calibration and test.

    Parameters
    ----------
    dataset : Dataset
    column : str
        Label column of the logs.
    normal : sequence of str
        See `normal_labels`; ``unseen`` ones need not be repeated here.
    unseen : sequence of str
        Normal states that only the test has: what must not alarm although it was never learnt.
    in_time : bool
        Cut every normal recording in time instead.

    Raises
    ------
    ConfigError, DataError
        No normal recording, or labels that do not occur.
    """
    if missing := [name for name in unseen if name not in dataset.label_set(column)]:
        known = ", ".join(dataset.label_set(column)) or "no labels"
        raise ConfigError(
            f"--normal-unseen {missing[0]!r}: no log has that label", hint=f"the logs have {known}"
        )
    seen = tuple(n for n in normal_labels(dataset, column, normal) if n not in unseen)
    names = (*seen, *unseen)
    faults = tuple(x for x in dataset.label_set(column) if x not in names)
    notes: list[str] = []
    if not dataset.label_set(column):
        notes.append("the logs carry no label: all of them are taken for normal")
    states = with_states(dataset, column, names)
    learnable = [r for r in states if _has(r, column, seen)]
    if not learnable:
        raise DataError(
            "no recording of the normal state to learn from", hint="add one, or name its label with --normal"
        )
    rest = [r for r in states if not _has(r, column, seen)]
    groups = tuple(dict.fromkeys(r.group for r in learnable))
    if in_time or len(groups) < 3 or _single(learnable, column, groups):
        parts = _cut(learnable)
        notes.append(
            "normal recordings are cut in time: the detector is tested on the same sessions that it learnt "
            "from, so false alarms look rarer than they will be on another day or machine"
        )
        test = [*parts[2], *rest]
        learn, calibrate = parts[0], parts[1]
    else:
        which = _assign(learnable, column, groups, seed)
        learn = [r for r in learnable if which[r.group] == 0]
        calibrate = [r for r in learnable if which[r.group] == 1]
        used = {g for g, part in which.items() if part < 2}
        tested = [r for r in (*learnable, *rest) if r.group not in used]
        dropped = sum(1 for r in rest if r.group in used)
        if faults and not any(_has(r, column, faults) for r in tested):
            tested, dropped = [*tested, *(r for r in rest if r.group in used)], 0
            notes.append("anomalies come from groups that were learnt from: there are no others")
        if dropped:
            notes.append(f"{dropped} recordings of groups that were learnt from are left out of the test")
        test = tested
    return Parts(tuple(learn), tuple(calibrate), tuple(test), seen, tuple(unseen), faults, tuple(notes))


def _has(recording: Recording, column: str, labels: Sequence[str]) -> bool:
    spans = recording.labels.get(column)
    return spans is None or any(s.label in labels for s in spans)


def _of(recording: Recording, column: str) -> set[str]:
    return {s.label for s in recording.labels.get(column, ())}


def _single(recordings: Sequence[Recording], column: str, groups: Sequence[str]) -> bool:
    """Whether some normal label is in too few groups, where a group is one recording."""
    if len(groups) < len(recordings):
        return False
    counts: dict[str, int] = {}
    for r in recordings:
        for label in _of(r, column):
            counts[label] = counts.get(label, 0) + 1
    return any(n < 3 for n in counts.values())


def _cut(recordings: Sequence[Recording]) -> list[list[Recording]]:
    """Three parts of every recording in time order: to learn, to calibrate, to test."""
    parts: list[list[Recording]] = [[], [], []]
    edges = np.cumsum([0.0, *SHARES.values()])
    for r in recordings:
        at = (edges * len(r)).round().astype(int).tolist()
        for k, part in enumerate(parts):
            name = tuple(SHARES)[k]
            cut = r.slice(at[k], at[k + 1])
            part.append(replace(cut, name=f"{r.name}{CUT}{name}", group=f"{r.group}{CUT}{name}"))
    return parts


def _assign(recordings: Sequence[Recording], column: str, groups: Sequence[str], seed: int) -> dict[str, int]:
    """Part of each group: near the wanted shares of time, every label learnt, calibrated and tested."""
    # normal time by group and label; a log without labels counts under its state
    table: dict[str, dict[str, float]] = {g: {} for g in groups}
    for r in recordings:
        spans = r.labels.get(column) or r.labels[STATE]
        for span, state in zip(spans, r.labels[STATE], strict=True):
            if state.label == NORMAL:
                of = table[r.group]
                of[span.label] = of.get(span.label, 0.0) + (span.stop - span.start) / (r.rate_hz or 1.0)
    names = sorted(set().union(*table.values()))
    time = np.array([[table[g].get(name, 0.0) for name in names] for g in groups])
    hours = dict(zip(groups, time.sum(axis=1).tolist(), strict=True))
    total = float(time.sum())
    random = np.random.default_rng(seed)
    best: tuple[float, dict[str, int]] | None = None
    for _ in range(ATTEMPTS):
        order = [groups[i] for i in random.permutation(len(groups))]
        # the rarest parts first, so that each of them gets at least one group
        which: dict[str, int] = {}
        for part, share in ((2, SHARES["test"]), (1, SHARES["calibrate"])):
            got = 0.0
            while len(order) > part and (not got or got + hours[order[-1]] / 2 < share * total):
                group = order.pop()
                which[group] = part
                got += hours[group]
        which |= dict.fromkeys(order, 0)
        part_of = np.array([which[g] for g in groups])
        got_of = np.stack([time[part_of == part].sum(axis=0) for part in range(3)])
        missing = (got_of == 0).sum(axis=1)
        wanted = np.array([*SHARES.values()])
        away = np.abs(got_of / time.sum(axis=0) - wanted[:, None]).mean(axis=1).sum()
        badness = float(3 * missing[0] + missing[1] + missing[2] + away)
        if best is None or badness < best[0] - 1e-12:
            best = badness, which
    assert best is not None  # noqa: S101
    return best[1]


def scored(
    recording: Recording, column: str, scores: npt.NDArray[np.int64], end: npt.NDArray[np.int64], window: int
) -> ScoredLog:
    """Put scores of the windows of a recording beside what its labels say.

    Parameters
    ----------
    scores, end : ndarray, shape (windows,), int64
    window : int
        Samples.
    """
    states = recording.labels[STATE]
    truth = np.full(len(end), -1, np.int64)
    for span in states:
        inside = (end - window >= span.start) & (end <= span.stop)
        truth[inside] = int(span.label == ANOMALY)
    named = recording.labels.get(column) or states

    def spans(state: str) -> tuple[tuple[int, int, str], ...]:
        of = [s for s, kind in zip(named, states, strict=True) if kind.label == state]
        return tuple((s.start, s.stop, s.label) for s in of)

    return ScoredLog(
        recording.name,
        recording.group,
        float(recording.rate_hz or 0.0),
        len(recording),
        scores.astype(np.int64),
        end.astype(np.int64),
        truth,
        spans(NORMAL),
        spans(ANOMALY),
    )


def settled(log: ScoredLog) -> ScoredLog:
    """Leave the first window out of the judgement, where there are enough.

    Filters of the machine learning core start from zero in it, as they do once on the sensor: that is no
    state of the machine.
    """
    if len(log.truth) < SETTLED:
        return log
    return replace(log, truth=np.r_[np.int64(-1), log.truth[1:]])
