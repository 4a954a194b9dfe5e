"""Recording and Dataset: samples with rate, units, labels and group, as they were read.

A Recording never resamples and never converts units behind the caller's back: ``in_unit`` and the
functions of ``sensorai.formats`` that resample do so on request and say so in ``notes``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from sensorai.errors import DataError
from sensorai.kept import rest

FloatArray = npt.NDArray[np.float64]

#: The label column used when nothing else is said.
LABEL = "label"

#: The name of code 0 where no class has it: the sensor has not decided yet.
NO_RESULT = "(none)"

#: Labels that are taken for the normal state where nobody says.
NORMAL_NAMES = ("normal", "ok", "good", "healthy", "baseline")

#: Factor to the base unit of each quantity, as an exact ratio (multiply, divide). Base units: mg for
#: acceleration (what ST's logs use), dps for angular rate, mG for magnetic field.
UNITS: Mapping[str, tuple[str, float, float]] = {
    "mg": ("acceleration", 1.0, 1.0),
    "g": ("acceleration", 1000.0, 1.0),
    "m/s2": ("acceleration", 1000.0, 9.80665),
    "dps": ("angular rate", 1.0, 1.0),
    "mdps": ("angular rate", 1.0, 1000.0),
    "rad/s": ("angular rate", 180.0, np.pi),
    "mG": ("magnetic field", 1.0, 1.0),
    "G": ("magnetic field", 1000.0, 1.0),
    "uT": ("magnetic field", 10.0, 1.0),
}

#: The sensors a channel name can start with, and the quantity they measure.
SENSORS: Mapping[str, str] = {
    "acc": "acceleration",
    "acch": "acceleration",
    "gyro": "angular rate",
    "mag": "magnetic field",
}


@dataclass(frozen=True, slots=True)
class Channel:
    """One column of a recording.

    ``name`` is canonical for inertial data: ``acc_x``, ``gyro_y``, ``mag_z``, ``acch_x`` (high-g
    accelerometer); other columns keep the name of the log. ``unit`` is one of ``UNITS``, ``LSB``, or
    whatever the log says for other quantities; empty when the log says nothing.
    """

    name: str
    unit: str

    @property
    def sensor(self) -> str:
        """``acc``, ``gyro``, ``mag``, ``acch``, or the whole name for other channels."""
        head, _, axis = self.name.rpartition("_")
        return head if axis in ("x", "y", "z") and head in SENSORS else self.name


@dataclass(frozen=True, slots=True)
class Span:
    """Samples ``start`` (included) to ``stop`` (excluded) carry ``label``."""

    start: int
    stop: int
    label: str


@dataclass(frozen=True, slots=True)
class Recording:
    """One uninterrupted log.

    Attributes
    ----------
    samples : ndarray, shape (n, channels), float64
        Values in the unit of each channel, as read.
    channels : tuple of Channel
    rate_hz : float or None
        Nominal or measured sample rate; None when the log does not say and nobody told.
    labels : mapping of column name to spans
        Spans are ordered, do not overlap, and may leave samples unlabelled. The main column is
        ``"label"``.
    group : str
        What must not be split between training and test: the subject, else the recording.
    name : str
        Short and unique inside a dataset (file name, plus a part number when a file holds several).
    source : str
        The file it came from.
    time_s : ndarray, shape (n,), float64, or None
        Time stamps in seconds where the log has them.
    notes : tuple of str
        What reading did or found (columns dropped, resampling, cut header ...), in plain words.
    history : tuple of str
        What was done to the samples themselves since the sensor (resampling, alignment), in order; it is
        kept in the files we write.
    own_group : bool
        Whether ``group`` is but the name of the recording, as nothing says whose it is.
    """

    samples: FloatArray
    channels: tuple[Channel, ...]
    rate_hz: float | None
    labels: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    group: str = ""
    name: str = ""
    source: str = ""
    time_s: FloatArray | None = None
    notes: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    own_group: bool = False

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or self.samples.shape[1] != len(self.channels):
            raise DataError(
                f"{self.samples.shape} samples do not fit {len(self.channels)} channels", where=self.source
            )

    def __len__(self) -> int:
        return int(self.samples.shape[0])

    @property
    def duration_s(self) -> float:
        """Length in seconds; NaN when the rate is unknown."""
        return len(self) / self.rate_hz if self.rate_hz else float("nan")

    @property
    def sensors(self) -> tuple[str, ...]:
        """The sensors that have all three axes, in the order of ``SENSORS``."""
        names = {c.name for c in self.channels}
        return tuple(s for s in SENSORS if all(f"{s}_{a}" in names for a in "xyz"))

    def column(self, name: str) -> int:
        """Index of the channel ``name``; a DataError that lists what there is otherwise."""
        for i, channel in enumerate(self.channels):
            if channel.name == name:
                return i
        have = ", ".join(c.name for c in self.channels) or "no channels"
        raise DataError(f"the log has no channel {name!r} (it has {have})", where=self.source)

    def in_unit(self, name: str, unit: str) -> FloatArray:
        """Return channel ``name`` converted to ``unit``, shape (n,), float64.

        The conversion is a single correctly rounded multiplication or division wherever the units
        differ by a power of ten, so decimal text keeps its value.
        """
        i = self.column(name)
        have = self.channels[i].unit
        values = self.samples[:, i]
        if have == unit:
            return values
        if have not in UNITS or unit not in UNITS:
            raise DataError(
                f"channel {name!r} is in {have or 'no unit'!r}, which cannot be converted to {unit}",
                where=self.source,
                hint="name the unit in the header, as in acc_x[mg], or with --unit acc=mg",
            )
        (kind, num, den), (want_kind, want_num, want_den) = UNITS[have], UNITS[unit]
        if kind != want_kind:
            raise DataError(f"channel {name!r} is {kind} ({have}); {unit} is {want_kind}", where=self.source)
        up, down = num * want_den, den * want_num
        if down == 1.0 or up == 1.0 or up % down == 0 or down % up == 0:
            return values * (up / down) if up >= down else values / (down / up)
        return values * up / down

    def xyz(self, sensor: str, unit: str) -> FloatArray:
        """Return the three axes of ``sensor`` in ``unit``, shape (n, 3), float64."""
        return np.stack([self.in_unit(f"{sensor}_{a}", unit) for a in "xyz"], axis=1)

    def slice(self, start: int, stop: int) -> Recording:
        """Samples ``start:stop`` as a recording of its own, labels cut to fit."""
        labels = {
            column: tuple(
                Span(max(s.start, start) - start, min(s.stop, stop) - start, s.label)
                for s in spans
                if s.start < stop and s.stop > start
            )
            for column, spans in self.labels.items()
        }
        time = None if self.time_s is None else self.time_s[start:stop]
        return replace(self, samples=self.samples[start:stop], labels=labels, time_s=time)

    def rest(self) -> None:
        """Give back the memory of samples that are kept in a file (``sensorai.kept``)."""
        rest(self.samples, self.time_s)

    def window_labels(self, window: int, column: str = LABEL) -> list[str | None]:
        """Label of each back-to-back window ``[k*window, (k+1)*window)``.

        None where the window is not wholly inside one label (a window never crosses a border).
        """
        out: list[str | None] = [None] * (len(self) // window)
        for span in self.labels.get(column, ()):
            for k in range(-(-span.start // window), min(span.stop // window, len(out))):
                out[k] = span.label
        return out


@dataclass(frozen=True, slots=True)
class Dataset:
    """Recordings that belong together."""

    recordings: tuple[Recording, ...]

    def __iter__(self) -> Iterator[Recording]:
        """Yield each recording; samples that are kept in a file rest once it is left behind."""
        for recording in self.recordings:
            yield recording
            recording.rest()

    def __len__(self) -> int:
        return len(self.recordings)

    def label_set(self, column: str = LABEL) -> tuple[str, ...]:
        """Every label of ``column``, in order of first appearance."""
        seen: dict[str, None] = {}
        for recording in self.recordings:
            for span in recording.labels.get(column, ()):
                seen.setdefault(span.label)
        return tuple(seen)

    def groups(self) -> tuple[str, ...]:
        """Every group, in order of first appearance."""
        return tuple(dict.fromkeys(r.group for r in self.recordings))

    def label_groups(self, column: str = LABEL) -> dict[str, tuple[str, ...]]:
        """Groups that each label of ``column`` occurs in: with one alone, no group can be kept for a test."""
        found: dict[str, dict[str, None]] = {label: {} for label in self.label_set(column)}
        for recording in self.recordings:
            for span in recording.labels.get(column, ()):
                found[span.label].setdefault(recording.group)
        return {label: tuple(groups) for label, groups in found.items()}

    def only_groups(self, groups: Iterable[str]) -> Dataset:
        """Return the recordings of these groups."""
        wanted = set(groups)
        return Dataset(tuple(r for r in self.recordings if r.group in wanted))
