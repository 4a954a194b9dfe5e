"""``sensorai inspect``: what is in a log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorai.cli import logs as given
from sensorai.cli import out as printing

if TYPE_CHECKING:
    from sensorai.formats import Inspection
    from sensorai.formats.overview import ClassRow

#: Recordings that are shown a row each, and notes beside them; more are summed up.
_MOST = 20
#: Lines of one kind in a summary, and classes in it.
_FEW, _CLASSES = 6, 14


def run(
    logs: given.Logs,
    label: given.Label = [],  # noqa: B006
    label_column: given.LabelColumn = None,
    group_column: given.GroupColumn = None,
    group_path: given.GroupPath = None,
    column: given.Column = [],  # noqa: B006
    unit: given.Unit = [],  # noqa: B006
    log_rate: given.LogRate = None,
    log_sensor: given.LogSensor = None,
    mapping: given.Mapping = None,
    header: given.Header = None,
    short_rows: given.ShortRows = "refuse",
    all_: Annotated[
        bool, typer.Option("--all", help="A row for every recording, however many there are.")
    ] = False,
    json: printing.Json = False,
) -> None:
    """Show what is in logs: rate, jitter, gaps, repeats, saturation, units, labels, groups.

    Nothing is changed and nothing is resampled. Of many recordings it shows a summary by class, those that
    are unlike the rest first; --json always shows everything.
    """
    from sensorai.formats import inspect

    reading = given.Reading(
        label,
        label_column,
        group_column,
        group_path,
        column,
        unit,
        log_rate,
        header,
        short_rows,
        log_sensor,
        mapping,
    )
    found = [inspect(recording) for recording in reading.dataset(logs, split_at_breaks=False)]
    if json:
        printing.print_json([printing.plain(one) for one in found])
    elif len(found) <= 3:
        for one in found:
            _print(one)
    elif all_ or len(found) <= _MOST:
        _print_many(found)
    else:
        _print_overview(found, _formats(found, mapping is not None))


def _print(one: Inspection) -> None:
    from rich.markup import escape

    screen = printing.console()
    screen.print(f"[bold]{escape(one.name)}[/bold]  [dim]{escape(one.source)}[/dim]", soft_wrap=True)
    rows: list[tuple[str, str]] = [
        ("samples", f"{one.rows}" + (f", {one.duration_s:.1f} s" if one.duration_s else ""))
    ]
    rate = "not known: give --log-rate" if one.rate_hz is None else f"{one.rate_hz:g} Hz"
    if one.measured_hz:
        rate += f" (time stamps: {one.measured_hz:.4g} Hz"
        rate += f", jitter {one.jitter_s * 1000:.2g} ms)" if one.jitter_s is not None else ")"
    rows.append(("rate", rate))
    faults = [
        f"{len(one.gaps)} gaps" + (f" (longest {max(s for _, s in one.gaps):.3g} s)" if one.gaps else ""),
        f"{one.repeats} repeated time stamps",
        f"{one.backwards} backwards",
    ]
    if one.measured_hz:
        rows.append(("time", ", ".join(faults)))
    if one.repeated_rows:
        rows.append(("same row", f"{one.repeated_rows + 1} times in a row"))
    rows.append(("group", one.group))
    for name, (low, high) in one.ranges.items():
        top = f", {one.saturated[name]} samples at full scale" if one.saturated.get(name) else ""
        rows.append((name, f"{low:g} to {high:g} {one.units[name]}{top}"))
    if one.resting_g is not None:
        rows.append(("at rest", f"{one.resting_g:.3f} g"))
    for name, counts in one.labels.items():
        rows.append((name, ", ".join(f"{k or '(none)'} {v}" for k, v in counts.items()) + " samples"))
    for key, value in rows:
        screen.print(f"  {key:10s} {value}", markup=False)
    for note in one.notes:
        screen.print(f"  note: {note}", markup=False)


def _print_many(found: list[Inspection]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None)
    for heading in ("recording", "samples", "Hz", "group", "label", "gaps", "sat.", "notes"):
        table.add_column(heading, justify="right" if heading in ("samples", "Hz", "gaps", "sat.") else "left")
    for one in found:
        labels: dict[str, Any] = dict(next(iter(one.labels.values()), {}))
        table.add_row(
            escape(one.name),
            str(one.rows),
            f"{one.rate_hz:g}" if one.rate_hz else "?",
            escape(one.group),
            escape(", ".join(k or "(none)" for k in labels) or "-"),
            str(len(one.gaps)),
            str(sum(one.saturated.values())),
            str(len(one.notes)) if one.notes else "",
        )
    printing.console().print(table)
    _print_notes(found, _MOST)


def _print_overview(found: list[Inspection], formats: dict[str, str]) -> None:
    """Print a screen: the whole, what is unlike the rest, the classes, notes."""
    from rich.markup import escape
    from rich.table import Table

    from sensorai.formats import overview

    screen = printing.console()
    seen = overview(found, formats)
    total, (fewest, most) = seen.total, seen.group_sizes
    each = str(fewest) if fewest == most else f"{fewest} to {most}"
    screen.print(
        f"{total.recordings} recordings, {_long(total)}, {_rates(total)}, {', '.join(total.formats)}; "
        f"{total.groups} groups of {each} {'recording' if each == '1' else 'recordings'}",
        markup=False,
    )
    for what, count in seen.usual:
        screen.print(f"  {count} of {total.recordings}: {what}", markup=False)
    for name, faults in seen.odd[:_FEW]:
        screen.print(f"  odd: {name}: {'; '.join(faults)}", markup=False)
    if len(seen.odd) > _FEW:
        screen.print(f"  and {len(seen.odd) - _FEW} more odd ones: --all shows every recording")
    table = Table(box=None)
    for heading in ("class", "recordings", "groups", "length", "Hz", "format"):
        table.add_column(heading, justify="right" if heading in ("recordings", "groups") else "left")
    for row in seen.classes[:_CLASSES]:
        formats_ = escape(", ".join(row.formats))
        table.add_row(
            escape(row.label or "(none)"),
            str(row.recordings),
            str(row.groups),
            _long(row),
            _rates(row),
            formats_,
        )
    screen.print(table)
    if len(seen.classes) > _CLASSES:
        screen.print(f"and {len(seen.classes) - _CLASSES} more classes: --json shows all")
    _print_notes(found, _FEW)


def _long(row: ClassRow) -> str:
    """Length of what there is, in a unit that suits it."""
    if row.seconds is None:
        return f"{row.samples} samples"
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if row.seconds >= 2 * size:
            return f"{row.seconds / size:.1f} {unit}"
    return f"{row.seconds:.1f} s"


def _rates(row: ClassRow) -> str:
    rates = [f"{hz:g} Hz" if hz else "rate not known" for hz, _ in row.rates[:3]]
    return ", ".join(rates) + (", ..." if len(row.rates) > 3 else "")


def _print_notes(found: list[Inspection], most: int) -> None:
    from sensorai.notes import grouped

    screen = printing.console()
    notes = grouped([(one.name, one.notes) for one in found])
    for note in notes[:most]:
        screen.print(f"note: {note}", markup=False)
    if len(notes) > most:
        screen.print(f"and {len(notes) - most} further notes: --json shows all")


def _formats(found: list[Inspection], mapped: bool) -> dict[str, str]:
    """Name of the format of each log."""
    from sensorai.errors import UserError
    from sensorai.formats import detect

    out = {}
    for source in dict.fromkeys(one.source for one in found):
        try:
            out[source] = "mapping" if mapped else detect(source)
        except UserError:
            # read with a hint that the sniffer does not have
            out[source] = "plain"
    return out
