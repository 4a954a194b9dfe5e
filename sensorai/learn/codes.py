"""Result codes and end counters: what the meta-classifier is given to work with."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError
from sensorai.experiment.words import end_counters
from sensorai.mlc.devices import MlcDevice

IntArray = npt.NDArray[np.int64]

#: Largest end counter that the search tries: beyond six windows an output is late for most uses.
MOST = 6
#: Windows (share) that may turn wrong for a steadier output.
PRICE = 0.005


def check_room(device: MlcDevice, classes: int, use_zero: bool = False) -> None:
    """Raise a ConfigError with the ways out when ``device`` has not that many results per tree."""
    limits = device.limits
    first = 0 if use_zero else 1
    if classes > limits.results - first:
        raise ConfigError(
            f"{classes} classes do not fit: {device.name} has {limits.results} results per tree"
            + ("" if use_zero else ", and 0 is kept for 'no result yet'"),
            hint="merge classes"
            + (", or allow --use-code-0" if not use_zero and classes == limits.results else "")
            + (
                ", or choose a device with 256 results (LSM6DSRX, ISM330DHCX ...)"
                if limits.results < 256
                else ""
            ),
        )


def assign(device: MlcDevice, confusion: IntArray, use_zero: bool = False) -> tuple[int, ...]:
    """Choose a result code for every class.

    The meta-classifier counts per group of codes, so classes that are mistaken for one another must
    stand in different groups: only then does it filter the jumps between them. With no more classes
    than groups every class has a group (and an end counter) of its own.

    Parameters
    ----------
    device : MlcDevice
    confusion : ndarray, shape (classes, classes), int64
        Windows by true class and result; says which classes are mistaken for one another.
    use_zero : bool
        Code 0 also means "no result yet" and is used for a class only when asked for.

    Returns
    -------
    tuple of int
        Code of each class.
    """
    limits = device.limits
    classes = len(confusion)
    check_room(device, classes, use_zero)
    first = 0 if use_zero else 1
    mixed = (confusion + confusion.T).astype(np.int64)
    room = [limits.group_width - (first if g == 0 else 0) for g in range(limits.groups)]
    groups: list[list[int]] = [[] for _ in room]
    outside: list[int] = []
    # the classes that are mixed up most choose first
    for c in sorted(range(classes), key=lambda c: (-int(mixed[c].sum() - mixed[c, c]), c)):
        free = [g for g in range(len(room)) if len(groups[g]) < room[g]]
        if free:
            best = min(free, key=lambda g: (sum(int(mixed[c, o]) for o in groups[g]), len(groups[g]), g))
            groups[best].append(c)
        else:
            outside.append(c)
    codes = [0] * classes
    # groups in the order of their first class, so that codes rise with the classes where possible
    filled = sorted((sorted(g) for g in groups if g), key=lambda g: g[0])
    small = next((i for i, g in enumerate(filled) if len(g) <= room[0]), 0)
    if filled and len(filled[0]) > room[0]:
        filled.insert(0, filled.pop(small))
    for g, members in enumerate(filled):
        start = g * limits.group_width + (first if g == 0 else 0)
        for i, c in enumerate(members):
            codes[c] = start + i
    beyond = itertools.count(limits.groups * limits.group_width)
    for c in sorted(outside):
        codes[c] = next(beyond)
    return tuple(codes)


def filtered(results: IntArray, end_counters: Sequence[int], group_width: int) -> IntArray:
    """Run the meta-classifier over result codes of one recording, shape (rows,) -> (rows,)."""
    from sensorai.mlc import kernel

    out = np.empty(len(results), np.uint8)
    kernel.run_meta_classifier(
        results.astype(np.uint8),
        np.array(end_counters, np.int64),
        group_width,
        np.zeros(len(end_counters), np.int64),
        0,
        out,
    )
    return out.astype(np.int64)


def given_end_counters(device: MlcDevice, text: str) -> tuple[int, ...]:
    """End counters of all result groups as the user gives them: off, one number for all, or one for each."""
    given = end_counters(text)
    if not isinstance(given, tuple):
        return (0,) * device.limits.groups
    return given if len(given) > 1 else given * device.limits.groups


def choose_end_counters(
    device: MlcDevice,
    runs: Sequence[tuple[IntArray, IntArray]],
    codes: Sequence[int],
) -> tuple[tuple[int, ...], list[tuple[int, float, int]]]:
    """Choose end counters on validation results: the steadiest output that costs next to nothing.

    Every used group gets the same counter, then each group is lowered or raised by itself. An end
    counter delays a true change as well, which costs right windows: a setting is allowed as long as the
    share of right windows is within ``PRICE`` of the best, and of those the one with the fewest wrong
    switches wins; of equal ones the lowest. A setting under which a class that is found without counters is
    never put out is not allowed: a class of short spells costs few windows, but it is why the model is made.

    Parameters
    ----------
    runs : sequence of (truth, results)
        Per recording, codes of every window in order, shape (rows,); truth -1 where there is no label.
    codes : sequence of int
        Codes in use.

    Returns
    -------
    end_counters : tuple of int
        One for each group of the device.
    table : list of (counter, share of right windows, wrong switches)
        The common settings that were tried.
    """
    limits = device.limits
    used = sorted({c // limits.group_width for c in codes if c // limits.group_width < limits.groups})

    def counters(values: Sequence[int]) -> tuple[int, ...]:
        row = [0] * limits.groups
        for g, v in zip(used, values, strict=True):
            row[g] = v
        return tuple(row)

    found = {c for truth, results in runs for c in truth[(truth >= 0) & (truth == results)].tolist()}
    lossy: set[tuple[int, ...]] = set()

    def judge(row: tuple[int, ...]) -> tuple[float, int]:
        right = total = switches = 0
        lost = set(found)
        for truth, results in runs:
            out = filtered(results, row, limits.group_width)
            known = truth >= 0
            hit = known & (out == truth)
            lost -= set(truth[hit].tolist())
            right += int(hit.sum())
            total += int(known.sum())
            changed = np.diff(out, prepend=0) != 0
            switches += int((changed & known & (out != truth)).sum())
        if lost:
            lossy.add(row)
        return right / max(total, 1), switches

    table = [(n, *judge(counters([n] * len(used)))) for n in range(MOST + 1)]
    seen = {counters([n] * len(used)): (share, wrong) for n, share, wrong in table}
    start = _best(seen, lossy)
    # one sweep over single groups around the best common setting
    for i in range(len(used)):
        for n in range(MOST + 1):
            values = [start[g] for g in used]
            values[i] = n
            row = counters(values)
            if row not in seen:
                seen[row] = judge(row)
        start = _best(seen, lossy)
    return start, table


def _best(seen: dict[tuple[int, ...], tuple[float, int]], lossy: set[tuple[int, ...]]) -> tuple[int, ...]:
    # never empty: without counters no class is lost
    kept = {row: of for row, of in seen.items() if row not in lossy}
    top = max(share for share, _ in kept.values())
    allowed = [row for row, (share, _) in kept.items() if share >= top - PRICE]
    return min(allowed, key=lambda row: (kept[row][1], sum(row), -kept[row][0], row))
