"""A log that arrives as arrays, not as a text table: one sensor, or what its parts were put together to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.formats.header import channel, split_unit
from sensorai.formats.options import ReadOptions
from sensorai.recording import LABEL

#: float64 (n,), or object (n,) of str.
Values = npt.NDArray[np.float64] | npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True, eq=False)
class Arrays:
    """Columns of one sensor.

    Attributes
    ----------
    names : tuple of str
        Columns as a text table would name them, units in brackets: ``acc_x[g]``, ``time[s]``, ``label``.
    columns : tuple of ndarray, each shape (n,)
        Numbers (float64) or text (object).
    part : str
        Name of the sensor where the log has several.
    device : str
        What parts that belong together have in common (the chip, the place on the body).
    rate_hz : float or None
        What the log says of the rate; None: by the time stamps.
    label_columns : tuple of str
        Columns reserved for labels beside the main one.
    group, piece : str
        Group of the whole entry; what its recording is called after the log's name.
    cuts : tuple of int
        Samples before which something is missing, whatever the time stamps say.
    paired : bool
        The parts of the device have as many samples as each other, taken together whatever their stamps say.
    notes, history : tuple of str
        What was out of the ordinary; what was done to the samples before.
    """

    names: tuple[str, ...]
    columns: tuple[Values, ...] = field(repr=False)
    part: str = ""
    device: str = ""
    rate_hz: float | None = None
    label_columns: tuple[str, ...] = ()
    group: str = ""
    piece: str = ""
    cuts: tuple[int, ...] = ()
    paired: bool = False
    notes: tuple[str, ...] = ()
    history: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    @property
    def inertial(self) -> bool:
        """Whether any column is an axis of an accelerometer, gyroscope or magnetometer."""
        return any(channel(split_unit(name)[0]) for name in self.names)

    def time(self) -> npt.NDArray[np.float64] | None:
        """Return the time column in seconds, or None."""
        if "time[s]" not in self.names:
            return None
        return np.asarray(self.columns[self.names.index("time[s]")], dtype=np.float64)

    def head(self, count: int) -> Arrays:
        """Return the first ``count`` samples."""
        return replace(
            self,
            columns=tuple(c[:count] for c in self.columns),
            cuts=tuple(c for c in self.cuts if c < count),
        )


def choose(parts: Sequence[Arrays], options: ReadOptions, where: str) -> list[Arrays]:
    """Return the sensors to read, each with the parts of one device together where they fit.

    Raises
    ------
    DataError
        When several sensors could be meant, or the one asked for is not there; the message lists them.
    ConfigError
        When several are asked for without ``align``.
    """
    wanted = [w.strip() for w in options.sensor.split(",") if w.strip()] if options.sensor else []
    if not any(p.part for p in parts):
        if wanted:
            raise DataError(
                f"the log does not name its sensors, so {options.sensor!r} cannot be chosen", where=where
            )
        return list(parts)
    found = _by_device(parts)
    if wanted:
        chosen = [one for name in wanted for one in _named(name, parts, found, where)]
        if len({p.part for p in chosen}) > 1 and not options.align:
            raise ConfigError(
                f"{len({p.part for p in chosen})} sensors are chosen ({options.sensor}), one is read",
                where=where,
                hint="'sensorai convert --align' puts several sensors into one log",
            )
        return chosen
    able = [one for one in found if one.inertial]
    if not able:
        raise DataError(
            f"the log has no accelerometer, gyroscope or magnetometer (it has {_list(found)})", where=where
        )
    if len({p.part for p in able}) > 1 and not options.align:
        raise DataError(
            f"the log has {len({p.part for p in able})} sensors: {_list(able)}",
            where=where,
            hint=f"choose one, as in --log-sensor {able[0].part}, or convert it with --align",
        )
    left = list(dict.fromkeys(p.part for p in found if p not in able))
    if left:
        note = f"left out, as no motion sensor: {', '.join(left)}"
        able = [replace(p, notes=(*p.notes, note)) for p in able]
    return able


def _named(name: str, parts: Sequence[Arrays], found: Sequence[Arrays], where: str) -> list[Arrays]:
    """Entries of the sensor called ``name``; a whole device is asked for by the name of the device."""
    key = name.casefold()
    for pool in (found, parts):
        hits = [p for p in pool if p.part.casefold() == key]
        if hits:
            return hits
    if hits := [p for p in found if p.device.casefold() == key]:
        return hits
    raise DataError(f"the log has no sensor {name!r} (it has {_list(found)})", where=where)


def _list(parts: Sequence[Arrays]) -> str:
    """Sensors with their rates, each once."""
    seen: dict[str, str] = {}
    for p in parts:
        seen.setdefault(p.part, f"{p.part} ({p.rate_hz:.4g} Hz)" if p.rate_hz else p.part)
    return ", ".join(seen.values()) or "none"


def _by_device(parts: Sequence[Arrays]) -> list[Arrays]:
    """Put parts of one device together when they were sampled together; keep the order."""
    groups: dict[str, list[Arrays]] = {}
    for i, p in enumerate(parts):
        groups.setdefault(p.device or f"\0{i}", []).append(p)
    out: list[Arrays] = []
    for device, members in groups.items():
        motion = [p for p in members if p.inertial]
        whole = _together(device, motion) if len(motion) > 1 else None
        if whole is None:
            out += members
        else:
            out += [whole, *(p for p in members if p not in motion)]
    return out


def _together(device: str, parts: Sequence[Arrays]) -> Arrays | None:
    """Columns of all parts side by side, or None when their samples do not belong together.

    They do when every sample's time stamps differ by less than half a step, or the format says so. The
    longer ones lose their end, which is said.
    """
    count = min(map(len, parts))
    first = parts[0]
    start = first.time()
    if count < 2 or start is None or len({p.cuts for p in parts}) > 1:
        return None
    notes = list(dict.fromkeys(note for p in parts for note in p.notes))
    step = float(np.median(np.diff(start[:count])))
    for other in parts[1:]:
        stamps = other.time()
        if stamps is None:
            return None
        apart = float(np.abs(stamps[:count] - start[:count]).max())
        if apart < max(step, 0.0) / 2:
            continue
        if not (first.paired and other.paired):
            return None
        notes.append(f"{other.part}: stamps up to {apart:.3g} s from those of {first.part}; paired by order")
    # a different rate shows in the number of samples long before it shows in the stamps
    if max(map(len, parts)) - count > max(8, count // 10):
        return None
    for p in parts:
        if len(p) > count:
            notes.append(f"{p.part}: the last {len(p) - count} samples are left out, the others end before")
    names = list(first.names)
    columns = list(first.head(count).columns)
    for other in parts[1:]:
        for name, values in zip(other.names, other.columns, strict=True):
            if name not in names and name not in ("time[s]", LABEL, *other.label_columns):
                names.append(name)
                columns.append(values[:count])
    cuts = tuple(c for c in first.cuts if c < count)
    return replace(
        first, names=tuple(names), columns=tuple(columns), part=device, cuts=cuts, notes=tuple(notes)
    )
