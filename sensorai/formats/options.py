"""What a caller can tell the readers that a log does not say itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sensorai.formats.mapping import TableMapping


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Choices for reading logs; the default needs no hint for any format with a header.

    Attributes
    ----------
    rate_hz : float or None
        Sample rate; wins over what the log says.
    units : mapping
        Unit of a sensor (``acc``), of one channel (``acc_x``) or of the time stamps (``time``); wins
        over the header.
    columns : mapping
        Channel name to the column's name in the log, as in ``{"acc_x": "a1"}``.
    label, group, recording, time : str or None
        Column with the main label, the group, the recording's name, the time stamps. None: a column
        named ``label``; ``group`` or ``subject``; ``recording``; ``time`` or ``timestamp``.
    label_columns : tuple of str
        Further columns that hold labels, each an independent question.
    group_path : str or None
        Regular expression searched in the file's path; the first group (or the whole) of its last match
        names the group of logs that have no group column.
    header : str or None
        Header line for logs without one.
    short_rows : {"refuse", "zero"}
        What to do with a row that has too few fields. ``zero`` is what ST's old tools did: the missing
        fields read as 0 (facts: mlc-numerics, short rows).
    split_at_breaks : bool
        Start a new recording where time stamps run backwards or jump by more than ten steps.
    sensor : str or None
        Which sensor to read where a log has several, by the name the log gives it; several names with
        commas between them (with ``align``). None: the only one with inertial axes.
    align : bool
        Put the channels of all chosen sensors on one grid of evenly spaced samples.
    align_hz : float or None
        Rate of that grid; None: the highest rate among the sensors.
    mapping : Mapping or None
        What the columns of a table mean, where its header does not say it (``read_mapping``).
    """

    rate_hz: float | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    label: str | None = None
    group: str | None = None
    recording: str | None = None
    time: str | None = None
    label_columns: tuple[str, ...] = ()
    group_path: str | None = None
    header: str | None = None
    short_rows: Literal["refuse", "zero"] = "refuse"
    split_at_breaks: bool = True
    sensor: str | None = None
    align: bool = False
    align_hz: float | None = None
    mapping: TableMapping | None = None
