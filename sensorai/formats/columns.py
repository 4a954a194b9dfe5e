"""Which column of a log is what: channel, time, label, group, recording, or nothing we use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from sensorai.errors import ConfigError, DataError
from sensorai.formats.header import channel, sensor_unit, split_unit, time_unit, unit_name
from sensorai.formats.layout import Layout
from sensorai.formats.mapping import AXES
from sensorai.formats.options import ReadOptions
from sensorai.recording import LABEL, SENSORS, Channel


@dataclass(frozen=True, slots=True)
class Roles:
    """Column numbers by role.

    ``channels`` holds inertial axes, ``others`` further columns that may be numbers, ``labels`` the label
    columns under the names recordings know them by.
    """

    channels: dict[int, Channel]
    others: dict[int, Channel]
    labels: dict[str, int]
    time: int | None
    time_unit: str
    group: int | None
    recording: int | None
    notes: tuple[str, ...]


def find(names: tuple[str, ...], wanted: str, what: str, where: str) -> int:
    """Index of the column called ``wanted`` (with or without its unit).

    Raises
    ------
    DataError
        When there is none; the message lists what there is.
    """
    bare = [split_unit(name)[0] for name in names]
    for pool in (names, bare, [n.lower() for n in bare]):
        for candidate in (wanted, wanted.lower()):
            if candidate in pool:
                return list(pool).index(candidate)
    close = get_close_matches(wanted, bare, 1)
    have = ", ".join(n or "(unnamed)" for n in names)
    raise DataError(
        f"the log has no column {wanted!r} for the {what} (it has {have})",
        where=where,
        hint=f"did you mean {close[0]!r}?" if close else "",
    )


def _optional(names: tuple[str, ...], wanted: tuple[str, ...]) -> int | None:
    bare = [split_unit(name)[0].lower() for name in names]
    return next((bare.index(w) for w in wanted if w in bare), None)


def shows_motion(names: Iterable[str], wanted: Sequence[str]) -> bool:
    """Whether a header shows an inertial axis, or a column of ``wanted``, even where it was split wrongly."""
    bare = [split_unit(name)[0] for name in names]
    words = {*bare, *(word for name in bare for word in re.split(r"[\s,;|\"]+", name))}
    asked = {column.lower() for column in wanted} | {split_unit(column)[0].lower() for column in wanted}
    return any(channel(word) is not None or word.lower() in asked for word in words)


def check_options(options: ReadOptions) -> None:
    """Refuse options without meaning, whatever the log.

    Raises
    ------
    ConfigError
        Rate not positive, channel or sensor unknown.
    """
    rate = options.rate_hz
    if rate is not None and not 0 < rate < float("inf"):
        raise ConfigError(f"the sample rate must be positive, not {rate:g}", where="rate")
    for key in options.columns:
        if key not in AXES:
            raise ConfigError(
                f"{key!r} is no channel to map a column to",
                where="columns",
                hint=f"channels: {', '.join(AXES)}",
            )
    for key in options.units:
        if key not in (*SENSORS, *AXES, "time"):
            raise ConfigError(
                f"{key!r} is no sensor or channel to give a unit to",
                where="units",
                hint=f"sensors: {', '.join(SENSORS)}; channels such as acc_x; time",
            )
    if options.short_rows not in ("refuse", "zero"):
        raise ConfigError(f"short_rows is refuse or zero, not {options.short_rows!r}", where="short_rows")


def assign(layout: Layout, options: ReadOptions, path: str) -> Roles:
    """Give every column its role.

    Raises
    ------
    DataError
        A column asked for is absent, two columns are the same channel, a unit is unknown or does not fit,
        or no column is an inertial axis.
    """
    names = layout.names
    where = (
        "header option" if layout.headless else f"{path}:{layout.header_line}" if layout.header_line else path
    )
    notes: list[str] = []

    labels: dict[str, int] = {}
    main = find(names, options.label, "label", where) if options.label else _optional(names, (LABEL,))
    if main is not None:
        labels[LABEL] = main
    for name in dict.fromkeys((*layout.label_columns, *options.label_columns)):
        i = find(names, name, "label", where)
        if i != main:
            labels[name] = i
    group = (
        find(names, options.group, "group", where)
        if options.group
        else _optional(names, ("group", "subject"))
    )
    recording = (
        find(names, options.recording, "recording", where)
        if options.recording
        else _optional(names, ("recording",))
    )
    taken = {*labels.values(), group, recording}

    time, unit_of_time = None, ""
    if options.time:
        time = find(names, options.time, "time", where)
        name, unit = split_unit(names[time])
        unit_of_time = time_unit("time", unit) or time_unit(name, "") or ""
    else:
        for i, text in enumerate(names):
            found = time_unit(*split_unit(text))
            if found is not None and i not in taken:
                time, unit_of_time = i, found
                break
    unit_of_time = options.units.get("time", unit_of_time)
    taken.add(time)

    channels = _channels(names, options, taken, where, notes)
    if not channels:
        raise DataError(
            f"no accelerometer, gyroscope or magnetometer axis among the columns "
            f"({', '.join(n or '(unnamed)' for n in names[:20])})",
            where=where,
            hint="map the columns, as in --column acc_x=NAME",
        )
    others = _others(names, {i for i in taken if i is not None} | set(channels), channels, notes)
    return Roles(channels, others, labels, time, unit_of_time, group, recording, tuple(notes))


def _channels(
    names: tuple[str, ...], options: ReadOptions, taken: set[int | None], where: str, notes: list[str]
) -> dict[int, Channel]:
    candidates: dict[str, list[int]] = {}
    implied: dict[int, str] = {}
    mapped = {find(names, column, key, where): key for key, column in options.columns.items()}
    if len(mapped) < len(options.columns):
        raise ConfigError("one column is mapped to two channels", where="columns")
    for i, text in enumerate(names):
        if i in taken:
            continue
        found = channel(split_unit(text)[0])
        if i in mapped:
            candidates.setdefault(mapped[i], []).append(i)
            implied[i] = found[1] if found else ""
        elif found and found[0] not in mapped.values():
            candidates.setdefault(found[0], []).append(i)
            implied[i] = found[1]
    out: dict[int, Channel] = {}
    raw: list[str] = []
    for name, columns in candidates.items():
        best = columns
        if len(columns) > 1:
            # raw counts beside engineering units: the latter say what they mean
            best = [i for i in columns if unit_name(split_unit(names[i])[1]) != "LSB"]
            raw += [names[i] for i in columns if i not in best]
        if len(best) != 1:
            raise DataError(
                f"{len(columns)} columns are {name}: {', '.join(repr(names[i]) for i in columns)}",
                where=where,
                hint=f"choose one, as in --column {name}={split_unit(names[columns[0]])[0]}",
            )
        i = best[0]
        said = split_unit(names[i])[1] or implied[i]
        told = options.units.get(name, options.units.get(name.rpartition("_")[0]))
        unit = sensor_unit(said if told is None else told, name, f"{where}:{i + 1}")
        if told is not None and said and unit_name(said) != unit:
            notes.append(f"{name}: the log says {said}, read as {unit} because told so")
        out[i] = Channel(name, unit)
    if raw:
        notes.append(f"raw columns left out: {', '.join(raw)}")
    return dict(sorted(out.items()))


def _others(
    names: tuple[str, ...], taken: set[int], channels: dict[int, Channel], notes: list[str]
) -> dict[int, Channel]:
    """Columns that are nothing else and may hold numbers; a name that comes twice is kept once."""
    used = {c.name for c in channels.values()}
    columns: dict[str, list[int]] = {}
    for i, text in enumerate(names):
        name = split_unit(text)[0]
        inertial = channel(name)
        if i not in taken and name and not (inertial and inertial[0] in used):
            columns.setdefault(name, []).append(i)
    out: dict[int, Channel] = {}
    for name, same in columns.items():
        units = {i: unit_name(split_unit(names[i])[1]) for i in same}
        best = next((i for i in same if units[i] != "LSB"), same[0])
        rest = [names[i] for i in same if i != best]
        if rest or name in used:
            notes.append(f"left out, as the name comes twice: {', '.join(rest or [names[best]])}")
        if name not in used:
            out[best] = Channel(name, units[best])
    return dict(sorted(out.items()))
