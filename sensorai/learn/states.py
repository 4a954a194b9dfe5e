"""Which recordings are normal, and which of them are learnt from, set the threshold, and test.

A detector of anomalies learns from normal windows alone. Labels other than the normal ones are anomalies:
they are only tested on, so none of them can shape the detector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.learn.copies import without_copies
from sensorai.learn.split import beside, held_out, named_groups, unknown_subjects
from sensorai.model.detector import CLASSES
from sensorai.recording import NORMAL_NAMES, Dataset, Recording, Span
from sensorai.verify.alarms import ScoredLog

#: Label column that says normal or anomaly.
STATE = "state"
NORMAL, ANOMALY = CLASSES
#: Between the name of a recording and that of its part.
CUT = "#"
#: Windows of a recording from which on its first one is left out.
SETTLED = 4
FILTER_OFF = "the decision filter is off: the recordings hold too few windows each to judge one"
#: Share of the normal time left after the test that sets the threshold.
CALIBRATE = 1 / 3


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

    def labels(self) -> dict[str, list[str]]:
        """What the report says of the labels: normal ones, those of the test only, anomalies."""
        return {"normal": list(self.normal), "unseen": list(self.unseen), "faults": list(self.faults)}

    @property
    def recordings(self) -> Dataset:
        """All of them: to learn, to calibrate, to test."""
        return Dataset((*self.learn, *self.calibrate, *self.test))

    def of(self, recordings: Dataset) -> Parts:
        """Return the same parts of recordings that were made, one by one, from ``self.recordings``."""
        a = len(self.learn)
        b = a + len(self.calibrate)
        every = recordings.recordings
        return replace(self, learn=every[:a], calibrate=every[a:b], test=every[b:])

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
    """Labels of the normal state in a data set; see `normal_names`."""
    return normal_names(dataset.label_set(column), given)


def normal_names(have: Sequence[str], given: Sequence[str]) -> tuple[str, ...]:
    """Names of the normal state: the given ones, or those that are called so, or the only one.

    Raises
    ------
    ConfigError
        A given label does not occur, or nothing says which labels are normal.
    """
    known = ", ".join(have) or "no labels"
    if missing := [name for name in given if name not in have]:
        raise ConfigError(f"--normal {missing[0]!r}: no log has that label", hint=f"the logs have {known}")
    if given:
        return tuple(dict.fromkeys(given))
    if len(have) <= 1:
        return tuple(have)
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
    how: str = "auto",
    test_share: float = 0.25,
    test_groups: Sequence[str] = (),
    test_set: Dataset | None = None,
) -> Parts:
    """Share whole groups out over learning, calibration and test.

    The test has the groups that a classifier of the same labels would hold out with this seed
    (``sensorai.learn.split``), as long as normal groups of every kind are among the others; else it is
    chosen of the normal groups alone. Of the normal groups left, a third sets the threshold. Groups without
    a normal recording are tested on, too.

    Parameters
    ----------
    dataset : Dataset
    column : str
        Label column of the logs.
    normal : sequence of str
        See `normal_labels`; ``unseen`` ones need not be repeated here.
    unseen : sequence of str
        Normal states that only the test has: what must not alarm although it was never learnt.
    how : {"auto", "group", "time"}
        Keep whole groups apart, or cut every normal recording in time; auto: in time for too few groups.
    test_share : float
        Wanted share of the normal time in the test.
    test_groups : sequence of str
        The groups of the test, where the user names them.
    test_set : Dataset, optional
        Logs that only test; then nothing else does.

    Raises
    ------
    ConfigError, DataError
        No normal recording, or labels that do not occur.
    """
    tested = dataset if test_set is None else test_set
    have = dict.fromkeys((*dataset.label_set(column), *tested.label_set(column)))
    if missing := [name for name in unseen if name not in have]:
        known = ", ".join(have) or "no labels"
        raise ConfigError(
            f"--normal-unseen {missing[0]!r}: no log has that label", hint=f"the logs have {known}"
        )
    seen = tuple(n for n in normal_labels(dataset, column, normal) if n not in unseen)
    names = (*seen, *unseen)
    faults = tuple(x for x in tested.label_set(column) if x not in names)
    dataset, notes = without_copies(dataset, [column])
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
    if test_set is not None:
        made = _with_test_set(learnable, test_set, column, names, seed, test_groups or how == "time")
        notes += made.notes
    elif how == "time" or (how == "auto" and not test_groups and _too_few(learnable, column, groups)):
        made = _in_time(learnable, rest, test_share)
        notes.append(IN_TIME)
    else:
        if len(groups) < 3:
            raise DataError(
                f"the normal logs are of {len(groups)} group{'s' if len(groups) > 1 else ''}: to learn, to "
                "set the threshold and to test takes three",
                hint="add normal logs of another session, or split each log in time with --split time (which "
                "says less)",
            )
        which = _assign(states, learnable, column, seed, test_share, _named(states, test_groups))
        made = _in_groups(which, learnable, rest, column, faults)
        notes = [*unknown_subjects(dataset), *notes, *made.notes]
    return Parts(made.learn, made.calibrate, made.test, seen, tuple(unseen), faults, tuple(notes))


#: What a cut in time means for a detector.
IN_TIME = (
    "normal recordings are cut in time: the detector is tested on the same sessions that it learnt "
    "from, so false alarms look rarer than they will be on another day or machine"
)


@dataclass(frozen=True, slots=True, eq=False)
class _Shared:
    """Recordings by what they are for, and what is to be said of it."""

    learn: tuple[Recording, ...]
    calibrate: tuple[Recording, ...]
    test: tuple[Recording, ...]
    notes: tuple[str, ...] = ()


def _too_few(learnable: Sequence[Recording], column: str, groups: Sequence[str]) -> bool:
    return len(groups) < 3 or _single(learnable, column, groups)


def _in_time(learnable: Sequence[Recording], rest: Sequence[Recording], test_share: float) -> _Shared:
    left = 1.0 - test_share
    learn, calibrate, test = _cut(learnable, (left * (1 - CALIBRATE), left * CALIBRATE, test_share))
    return _Shared(tuple(learn), tuple(calibrate), (*test, *rest))


def _in_groups(
    which: Mapping[str, int],
    learnable: Sequence[Recording],
    rest: Sequence[Recording],
    column: str,
    faults: Sequence[str],
) -> _Shared:
    """Recordings by the part of their group; anomalies of groups that are learnt from are no fair test."""
    notes = []
    used = {g for g, part in which.items() if part < 2}
    tested = [r for r in (*learnable, *rest) if r.group not in used]
    dropped = sum(1 for r in rest if r.group in used)
    if faults and not any(_has(r, column, faults) for r in tested):
        tested, dropped = [*tested, *(r for r in rest if r.group in used)], 0
        notes.append("anomalies come from groups that were learnt from: there are no others")
    if dropped:
        notes.append(f"{dropped} recordings of groups that were learnt from are left out of the test")
    learn = tuple(r for r in learnable if which[r.group] == 0)
    calibrate = tuple(r for r in learnable if which[r.group] == 1)
    return _Shared(learn, calibrate, tuple(tested), tuple(notes))


def _named(states: Dataset, wanted: Sequence[str]) -> tuple[str, ...]:
    return named_groups(states, wanted) if wanted else ()


def _with_test_set(
    learnable: Sequence[Recording],
    test_set: Dataset,
    column: str,
    normal: Sequence[str],
    seed: int,
    contradicts: object,
) -> _Shared:
    """Learn and calibrate on all normal recordings, test on the others."""
    if contradicts:
        raise ConfigError(
            "a test set of its own (--test) and --test-groups or --split time: only one of them can say what "
            "the test is",
            hint="drop one of them",
        )
    everything = Dataset(tuple(learnable))
    test, notes = beside(everything, with_states(test_set, column, normal), [column])
    calibrate = held_out(everything, [STATE], CALIBRATE, seed)
    if calibrate is None:
        learn, threshold, _ = _cut(learnable, (1 - CALIBRATE, CALIBRATE, 0.0))
        return _Shared(tuple(learn), tuple(threshold), test.recordings, (*notes, IN_TIME_CALIBRATED))
    return _Shared(
        tuple(r for r in learnable if r.group not in calibrate),
        tuple(r for r in learnable if r.group in calibrate),
        test.recordings,
        tuple(notes),
    )


#: What a cut in time means where only the threshold was set on it.
IN_TIME_CALIBRATED = (
    "normal recordings are cut in time: the threshold was set on the sessions that were learnt from, so more "
    "false alarms are to be expected than it stands for"
)


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


def _cut(
    recordings: Sequence[Recording], shares: tuple[float, float, float]
) -> tuple[list[Recording], list[Recording], list[Recording]]:
    """Three parts of every recording in time order: to learn, to calibrate, to test."""
    parts: tuple[list[Recording], list[Recording], list[Recording]] = ([], [], [])
    edges = np.cumsum([0.0, *shares])
    for r in recordings:
        at = (edges * len(r)).round().astype(int).tolist()
        for k, part in enumerate(parts):
            name = ("learn", "calibrate", "test")[k]
            cut = r.slice(at[k], at[k + 1])
            part.append(replace(cut, name=f"{r.name}{CUT}{name}", group=f"{r.group}{CUT}{name}"))
    return parts


def _assign(
    states: Dataset,
    learnable: Sequence[Recording],
    column: str,
    seed: int,
    test_share: float,
    named: Sequence[str] = (),
) -> dict[str, int]:
    """Part of each group with normal recordings: 0 to learn, 1 to calibrate, 2 to test."""
    columns = [column if states.label_set(column) else STATE]
    normal = Dataset(tuple(learnable))
    groups = normal.groups()
    test = set(named or held_out(states, columns, test_share, seed) or ()) & set(groups)
    left = normal.only_groups(g for g in groups if g not in test)
    every = set(normal.label_set(columns[0]))
    if named and len(left.groups()) < 2:
        raise ConfigError(
            "with these --test-groups fewer than two groups with normal logs are left: one to learn from, "
            "one to set the threshold",
            hint="name fewer groups",
        )
    if not named and (not test or len(left.groups()) < 2 or set(left.label_set(columns[0])) != every):
        # what a classifier would hold out leaves no normal state on one side
        test = set(held_out(normal, columns, test_share, seed) or groups[-1:])
        left = normal.only_groups(g for g in groups if g not in test)
    calibrate = held_out(left, columns, CALIBRATE, seed) or held_out(left, [STATE], CALIBRATE, seed) or ()
    return {g: 2 if g in test else int(g in calibrate) for g in groups}


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
