"""What is learnt from, what decides on the way, and what is kept for the test: one split for every target.

The split is made on recordings as they were read, from groups, labels and seconds alone, before anything is
resampled or cut into windows. So the same data set, share and seed hold out the same groups for registers,
for C and for detectors of anomalies.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.formats.filenames import plain
from sensorai.learn import balance
from sensorai.learn.copies import fingerprint, without_copies
from sensorai.recording import Dataset, Recording, Span

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

#: Seconds by (label column, class), then group.
Seconds = dict[tuple[str, str], dict[str, float]]
#: Share of the time in the test where nothing is said.
TEST = 0.25
#: Parts that recordings are cut into where they are split in time.
PARTS = 5
#: Groups that a message lists.
SHOWN = 12
OPTIMISTIC = "split in time: training and test come from the same sessions, so the scores are optimistic"
LESS = "split each log in time with --split time (which says less)"


@dataclass(frozen=True, slots=True)
class Split:
    """A data set with what each group is for.

    Attributes
    ----------
    dataset : Dataset
        All recordings: without copies, cut where the split is in time, those of a separate test set last.
    how : str
        ``group``, ``time``, or ``set`` for a separate test set.
    test_groups : tuple of str
        Kept for the test alone; where none are kept, those whose recordings are shown and proved.
    kept : bool
        Whether the test groups are kept from learning. Else all groups are learnt from, and folds judge.
    notes : tuple of str
        What is to be said of it.
    time : mapping of (column, class) to seconds by group, optional
        How much there is of what, by the recordings as they were read: folds are dealt by it, so that what a
        target makes of the recordings does not move a group to another fold.
    """

    dataset: Dataset
    how: str
    test_groups: tuple[str, ...]
    kept: bool = True
    notes: tuple[str, ...] = ()
    time: Seconds | None = None

    @property
    def recordings(self) -> Dataset:
        """All recordings."""
        return self.dataset

    def of(self, recordings: Dataset) -> Split:
        """Return the same split of recordings that were made, one by one, from ``self.recordings``."""
        return replace(self, dataset=recordings)

    @property
    def train_groups(self) -> tuple[str, ...]:
        """Groups that are learnt from."""
        return tuple(g for g in self.dataset.groups() if not self.kept or g not in self.test_groups)


def share(
    dataset: Dataset,
    columns: Sequence[str],
    how: str = "group",
    test_share: float | None = None,
    seed: int = 0,
    test_groups: Sequence[str] = (),
    extra_test: Dataset | None = None,
) -> Split:
    """Share the recordings of a data set out.

    Parameters
    ----------
    dataset : Dataset
        Recordings with labels, as they were read.
    columns : sequence of str
        Label columns that are learnt: every class of each is learnt and tested.
    how : {"group", "time"}
        Keep whole groups for the test, or parts of every recording.
    test_share : float, optional
        Wanted share of the labelled time in the test, which is then kept from learning. Where nothing is
        said, all groups are learnt from.
    seed : int
    test_groups : sequence of str
        The groups for the test, where the user names them: kept from learning, too.
    extra_test : Dataset, optional
        A separate test set: then nothing of ``dataset`` is held out.

    Raises
    ------
    ConfigError
        Options that contradict each other, or a group that does not exist.
    DataError
        A split that cannot be made (`needs_time_split` says so before), the same samples under two labels or
        on both sides, or labels in the test set that are not learnt.
    """
    if extra_test is not None and (test_groups or how == "time"):
        given = "--test-groups" if test_groups else "--split time"
        raise ConfigError(
            f"a test set of its own (--test) and {given}: only one of them can say what the test is",
            hint="drop one of them",
        )
    if test_groups and how == "time":
        raise ConfigError(
            "--test-groups names groups, but --split time cuts every log", hint="drop one of them"
        )
    dataset, notes = without_copies(dataset, columns)
    if extra_test is not None:
        return _with_test_set(dataset, columns, extra_test, seed, notes)
    if how == "time":
        dataset = cut_in_time(dataset, columns)
        notes.append(OPTIMISTIC)
    else:
        notes = [*unknown_subjects(dataset), *notes]
    time = class_seconds(dataset, columns)
    if test_groups:
        test = named_groups(dataset, test_groups)
        _check_named(time, test)
    else:
        if reason := _too_few(time, dataset.groups()):
            raise DataError(reason, hint=_way_out(how))
        chosen = _choose(time, dataset.groups(), TEST if test_share is None else test_share, seed)
        if chosen is None:
            raise DataError(NO_CHOICE, hint=_way_out(how))
        test = chosen
    kept = bool(test_groups) or test_share is not None
    return Split(dataset, how, test, kept, tuple(notes), time)


def unknown_subjects(dataset: Dataset) -> list[str]:
    """Say that logs are groups because nothing tells whose they are: the test may hold no new person."""
    alone = [r for r in dataset if r.own_group]
    if not alone:
        return []
    of = "" if len(alone) == len(dataset) else f" of {len(alone)} of {len(dataset)} recordings"
    # a file may hold several recordings, by a column of their names
    what = "log file" if len({r.group for r in alone}) == len({r.source for r in alone}) else "recording"
    return [
        f"no subject is known{of}: each {what} is taken as a group of its own, so that one person may be in "
        f"training and test; {_by_folder(alone, dataset)}a column 'subject', or --group-path, says who is who"
    ]


def _by_folder(recordings: Sequence[Recording], dataset: Dataset) -> str:
    """Say how folders become groups, where there are some above the files that are not named like classes."""
    paths = list(dict.fromkeys(os.path.abspath(r.source) for r in recordings if r.source))
    if len(paths) < 2:
        return ""
    root = os.path.commonpath([os.path.dirname(path) for path in paths])
    folders = [Path(path).relative_to(root).parts[:-1] for path in paths]
    classes = {plain(label) for r in dataset for c in r.labels for label in dataset.label_set(c)}
    if len({len(names) for names in folders}) > 1:
        return ""
    for depth, level in enumerate(zip(*folders, strict=True)):
        names = list(dict.fromkeys(level))
        # "0_walking" is a class, too
        if len(names) > 1 and not any({plain(n), plain(n.lstrip("0123456789_"))} & classes for n in names):
            below = "/[^/]+" * (len(folders[0]) - depth)
            shown = ", ".join(names[:2]) + (", ..." if len(names) > 2 else "")
            return f"if the folders ({shown}) are subjects, --group-path '([^/]+){below}$' takes them; "
    return ""


def needs_time_split(
    dataset: Dataset, columns: Sequence[str], test_share: float = TEST, seed: int = 0
) -> str | None:
    """Return why whole groups cannot be held out, in words for the user; None where they can be."""
    time = class_seconds(dataset, columns)
    groups = dataset.groups()
    if reason := _too_few(time, groups):
        return reason
    return NO_CHOICE if _choose(time, groups, test_share, seed) is None else None


def held_out(
    dataset: Dataset, columns: Sequence[str], test_share: float, seed: int
) -> tuple[str, ...] | None:
    """Return the groups that `share` would keep for the test; None where it cannot."""
    time = class_seconds(dataset, columns)
    groups = dataset.groups()
    return None if _too_few(time, groups) else _choose(time, groups, test_share, seed)


# ---------------------------------------------------------------- time of classes and groups

NO_CHOICE = "no choice of test groups leaves every class on both sides"


def class_seconds(dataset: Dataset, columns: Sequence[str]) -> Seconds:
    """Seconds of every class in every group that has it, classes in order of first appearance.

    A recording without a rate counts as one at the usual rate of the others.
    """
    rates = [r.rate_hz for r in dataset if r.rate_hz]
    usual = float(np.median(rates)) if rates else 1.0
    out: Seconds = {(column, label): {} for column in columns for label in dataset.label_set(column)}
    for r in dataset:
        for column in columns:
            for span in r.labels.get(column, ()):
                of = out[column, span.label]
                seconds = (span.stop - span.start) / (r.rate_hz or usual)
                if seconds > 0:
                    of[r.group] = of.get(r.group, 0.0) + seconds
    return out


def _too_few(time: Seconds, groups: Sequence[str]) -> str | None:
    if len(groups) < 2:
        only = repr(groups[0]) if groups else "none"
        return f"all logs belong to one group ({only}): nothing is left to test on"
    for (_, name), of in time.items():
        if not of:
            return f"class {name!r} has no sample"
        if len(of) == 1:
            only = repr(next(iter(of)))
            return f"class {name!r} is only in one group ({only}): it cannot be both learnt and tested"
    return None


def _way_out(how: str) -> str:
    if how == "time":
        return "record longer logs of every class"
    return f"add logs of another subject or session, say what a group is with --group-column, or {LESS}"


def _choose(time: Seconds, groups: Sequence[str], share: float, seed: int) -> tuple[str, ...] | None:
    """Groups with about ``share`` of every class's time, in the order of ``groups``; or None."""
    # by name, so that the order in which logs were named does not matter
    names = sorted(g for g in groups if any(g in of for of in time.values()))
    if len(names) < 2:
        return None
    table = np.array([[of.get(g, 0.0) for of in time.values()] for g in names])
    chosen = balance.choose(table, share, seed)
    if chosen is None:
        return None
    inside = {g for g, taken in zip(names, chosen.tolist(), strict=True) if taken}
    return tuple(g for g in groups if g in inside)


# ---------------------------------------------------------------- groups by name, a separate test set


def named_groups(dataset: Dataset, wanted: Sequence[str]) -> tuple[str, ...]:
    """Groups that the user names for the test, in the order of the data; a ConfigError for others."""
    groups = dataset.groups()
    for name in wanted:
        if name not in groups:
            near = get_close_matches(name, groups, 1)
            listed = ", ".join(groups[:SHOWN]) + (
                f" and {len(groups) - SHOWN} more" if len(groups) > SHOWN else ""
            )
            raise ConfigError(
                f"--test-groups {name!r}: no log belongs to such a group",
                hint=(f"did you mean {near[0]!r}? " if near else "") + f"the groups are {listed}",
            )
    if set(wanted) >= set(groups):
        raise ConfigError(
            "--test-groups names every group: none is left to learn from", hint="leave some out"
        )
    return tuple(g for g in groups if g in wanted)


def _check_named(time: Seconds, test: Sequence[str]) -> None:
    """Refuse named test groups that leave a class unlearnt."""
    for (_, name), of in time.items():
        if of and all(g in test for g in of):
            raise ConfigError(
                f"with these --test-groups class {name!r} is only in the test: it cannot be learnt",
                hint="leave a group with that class to learn from",
            )


def beside(dataset: Dataset, extra: Dataset, columns: Sequence[str]) -> tuple[Dataset, list[str]]:
    """Recordings of a test set, fit to stand beside those that are learnt from; also what is to be said.

    Raises
    ------
    DataError
        The same samples stand on both sides.
    """
    extra, notes = without_copies(extra, columns)
    learnt = {key: r for r in dataset if (key := fingerprint(r)) is not None}
    for r in extra:
        key = fingerprint(r)
        if key is not None and key in learnt:
            raise DataError(
                f"{r.name} of the test set holds the samples of {learnt[key].name}, which is learnt from",
                where=r.source,
                hint="leave it out of one of the two",
            )
    shared = [g for g in extra.groups() if g in dataset.groups()]
    if shared:
        notes.append(
            f"the test set shares {'a group' if len(shared) == 1 else 'groups'} with the training "
            f"({', '.join(shared[:SHOWN])}): the scores say little about others"
        )
    return _renamed(dataset, extra), notes


def _with_test_set(
    dataset: Dataset, columns: Sequence[str], extra: Dataset, seed: int, notes: list[str]
) -> Split:
    """Learn from all of ``dataset``, test on ``extra``."""
    for column in columns:
        classes = dataset.label_set(column)
        if unknown := [name for name in extra.label_set(column) if name not in classes]:
            raise DataError(
                f"the test set has the label {unknown[0]!r}, which is not learnt",
                hint=f"the classes are {', '.join(classes)}; name the label alike, or leave those logs out",
            )
        if not extra.label_set(column):
            raise DataError(
                f"no log of the test set has labels in the column {column!r}", hint="see sensorai inspect"
            )
    test, more = beside(dataset, extra, columns)
    together = Dataset((*dataset.recordings, *test.recordings))
    notes += more
    return Split(together, "set", test.groups(), True, tuple(notes), class_seconds(dataset, columns))


def _renamed(dataset: Dataset, extra: Dataset) -> Dataset:
    """Recordings of a test set under names and groups of their own: nobody takes one for the other."""
    names, groups = {r.name for r in dataset}, set(dataset.groups())

    def free(name: str, taken: set[str]) -> str:
        while name in taken:
            name += " (test)"
        return name

    out = []
    for r in extra:
        out.append(replace(r, name=free(r.name, names), group=free(r.group, groups)))
        names.add(out[-1].name)
    return Dataset(tuple(out))


# ---------------------------------------------------------------- in time


def cut_in_time(dataset: Dataset, columns: Sequence[str], parts: int = PARTS) -> Dataset:
    """Cut every recording into consecutive parts, each a group of its own.

    For data with one recording per class. It says less than a split by subject: all parts come from the same
    session. Where a class would be in one part only, as in a log that holds one class after the other, every
    labelled stretch is cut instead.
    """
    whole = Dataset(tuple(p for r in dataset for p in _cut(r, [(0, len(r))], parts)))
    if all(len(of) > 1 for of in class_seconds(whole, columns).values()):
        return whole
    return Dataset(tuple(p for r in dataset for p in _cut(r, _stretches(r, columns), parts)))


def _cut(recording: Recording, stretches: Sequence[tuple[int, int]], parts: int) -> list[Recording]:
    out = []
    for n, (first, last) in enumerate(stretches):
        edges = np.linspace(first, last, parts + 1).astype(int).tolist()
        for k, (start, stop) in enumerate(pairwise(edges)):
            name = f"{recording.name}#{n * parts + k + 1}"
            out.append(replace(recording.slice(start, stop), name=name, group=f"part {k + 1}"))
    return out


def _stretches(recording: Recording, columns: Sequence[str]) -> list[tuple[int, int]]:
    """Stretches of one combination of labels, with at least one."""
    spans: list[Span] = [s for c in columns for s in recording.labels.get(c, ())]
    edges = sorted({s.start for s in spans} | {s.stop for s in spans})
    return [(a, b) for a, b in pairwise(edges) if any(s.start <= a and b <= s.stop for s in spans)]
