"""``sensorai inspect``: what is in a log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sensorai.cli import logs as given
from sensorai.cli import out as printing

if TYPE_CHECKING:
    from sensorai.formats import Inspection


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
    json: printing.Json = False,
) -> None:
    """Show what is in logs: rate, jitter, gaps, repeats, saturation, units, labels, groups.

    Nothing is changed and nothing is resampled.
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
    else:
        _print_many(found)


def _print(one: Inspection) -> None:
    from rich.text import Text

    screen = printing.console()
    screen.print(Text.assemble((one.name, "bold"), "  ", (one.source, "dim")), soft_wrap=True)
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
        screen.print(f"  {key:10s} {value}")
    for note in one.notes:
        screen.print(f"  note: {note}")


def _print_many(found: list[Inspection]) -> None:
    from rich.table import Table

    table = Table(box=None)
    for heading in ("recording", "samples", "Hz", "group", "label", "gaps", "sat.", "notes"):
        table.add_column(heading, justify="right" if heading in ("samples", "Hz", "gaps", "sat.") else "left")
    for one in found:
        labels: dict[str, Any] = dict(next(iter(one.labels.values()), {}))
        table.add_row(
            one.name,
            str(one.rows),
            f"{one.rate_hz:g}" if one.rate_hz else "?",
            one.group,
            ", ".join(k or "(none)" for k in labels) or "-",
            str(len(one.gaps)),
            str(sum(one.saturated.values())),
            str(len(one.notes)) if one.notes else "",
        )
    screen = printing.console()
    screen.print(table)
    notes = dict.fromkeys(note for one in found for note in one.notes)
    for note in list(notes)[:20]:
        screen.print(f"note: {note}")
    if len(notes) > 20:
        screen.print(f"and {len(notes) - 20} further notes: --json shows all")
