"""Many inspections as one: what there is of each class, and which recordings are unlike the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sensorai.formats.inspection import Inspection
from sensorai.formats.resample import same_rate
from sensorai.recording import LABEL

#: A recording that is so many times shorter or longer than the median one is odd.
ODD_LENGTH = 5.0
#: What this share of the recordings has, or more, is no exception.
USUAL = 0.25


@dataclass(frozen=True, slots=True)
class ClassRow:
    """What there is of one class.

    Attributes
    ----------
    label : str
        Empty for samples without label.
    recordings, groups, samples : int
    seconds : float or None
        None where the rate of a recording is not known.
    rates : tuple of (float or None, int)
        Rates in Hz, those that differ by no more than the tolerance as one, with the number of recordings.
    formats : tuple of str
    """

    label: str
    recordings: int
    groups: int
    samples: int
    seconds: float | None
    rates: tuple[tuple[float | None, int], ...]
    formats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """A data set at a glance.

    Attributes
    ----------
    total : ClassRow
        All recordings, as if of one class.
    classes : tuple of ClassRow
    group_sizes : tuple of int
        Fewest and most recordings in a group.
    odd : tuple of (str, tuple of str)
        Recordings unlike the rest, the oddest first, and in what.
    usual : tuple of (str, int)
        What so many recordings have that it is no exception, with their number.
    """

    total: ClassRow
    classes: tuple[ClassRow, ...]
    group_sizes: tuple[int, int]
    odd: tuple[tuple[str, tuple[str, ...]], ...]
    usual: tuple[tuple[str, int], ...]


def overview(found: Sequence[Inspection], formats: Mapping[str, str]) -> Overview:
    """Sum inspections up.

    Parameters
    ----------
    found : sequence of Inspection
        At least one.
    formats : mapping of source to the name of its format
    """
    members: dict[str, list[tuple[Inspection, int]]] = {}
    for one in found:
        for label, samples in _labels(one).items():
            members.setdefault(label, []).append((one, samples))
    odd, usual = _odd(found)
    sizes = Counter(one.group for one in found).values()
    return Overview(
        _row("", [(one, one.rows) for one in found], formats),
        tuple(_row(label, rows, formats) for label, rows in members.items()),
        (min(sizes), max(sizes)),
        odd,
        usual,
    )


def _labels(one: Inspection) -> Mapping[str, int]:
    """Samples of each label in the main column, or in the first there is."""
    return one.labels.get(LABEL) or next(iter(one.labels.values()), {"": one.rows})


def _row(label: str, rows: Sequence[tuple[Inspection, int]], formats: Mapping[str, str]) -> ClassRow:
    seconds = [samples / one.rate_hz if one.rate_hz else None for one, samples in rows]
    known = [s for s in seconds if s is not None]
    return ClassRow(
        label,
        len(rows),
        len({one.group for one, _ in rows}),
        sum(samples for _, samples in rows),
        sum(known) if len(known) == len(seconds) else None,
        _rates([one.rate_hz for one, _ in rows]),
        tuple(dict.fromkeys(formats.get(one.source, "") for one, _ in rows)),
    )


def _rates(rates: Sequence[float | None]) -> tuple[tuple[float | None, int], ...]:
    """Rates with the number of recordings, the commonest first; those alike count as the first of them."""
    counts: dict[float | None, int] = {}
    for rate in rates:
        like = next((r for r in counts if r is not None and rate is not None and same_rate(r, rate)), rate)
        counts[like] = counts.get(like, 0) + 1
    return tuple(sorted(counts.items(), key=lambda pair: -pair[1]))


def _odd(
    found: Sequence[Inspection],
) -> tuple[tuple[tuple[str, tuple[str, ...]], ...], tuple[tuple[str, int], ...]]:
    """Recordings unlike the rest, and what is no exception."""
    rate = _rates([one.rate_hz for one in found])[0][0]
    units = Counter(tuple(one.units.items()) for one in found).most_common(1)[0][0]
    length = float(np.median([one.rows for one in found]))
    faults = [_faults(one, rate, dict(units), length) for one in found]
    counts = Counter(kind for kinds in faults for kind in kinds)
    usual = {kind: count for kind, count in counts.items() if count >= USUAL * len(found)}
    odd = [
        (one.name, tuple(text for kind, text in kinds.items() if kind not in usual))
        for one, kinds in zip(found, faults, strict=True)
    ]
    odd = sorted((pair for pair in odd if pair[1]), key=lambda pair: -len(pair[1]))
    return tuple(odd), tuple(usual.items())


def _faults(one: Inspection, rate: float | None, units: Mapping[str, str], length: float) -> dict[str, str]:
    """What is out of the ordinary in a recording, by kind."""
    out: dict[str, str] = {}
    if one.rate_hz is None and rate is not None:
        out["rate not known"] = "rate not known"
    elif one.rate_hz is not None and rate is not None and not same_rate(one.rate_hz, rate):
        out["another rate"] = f"{one.rate_hz:g} Hz, not {rate:g}"
    if dict(one.units) != units:
        names = [n for n in {**units, **one.units} if units.get(n) != one.units.get(n)]
        out["other channels or units"] = f"other channels or units: {', '.join(names[:3])}"
    if one.rows * ODD_LENGTH < length or one.rows > ODD_LENGTH * length:
        out["much shorter or longer"] = f"{one.rows} samples, the median is {length:g}"
    if one.gaps:
        out["gaps"] = f"{len(one.gaps)} gaps, the longest {max(step for _, step in one.gaps):.3g} s"
    if one.backwards:
        out["time runs backwards"] = f"time runs backwards {one.backwards} times"
    if one.saturated:
        out["saturated"] = f"saturated: {', '.join(f'{n} {k}' for n, k in one.saturated.items())}"
    if one.resting_g is not None and abs(one.resting_g - 1) > 0.1:
        out["not 1 g at rest"] = f"{one.resting_g:.3g} g at rest"
    return out
