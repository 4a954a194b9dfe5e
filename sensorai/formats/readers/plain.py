"""Any other text table with a header."""

from __future__ import annotations

from sensorai.errors import DataError
from sensorai.formats.layout import Layout, is_number, table_layout
from sensorai.formats.source import Source

NAME = "plain"


def sniff(source: Source) -> bool:
    """Everything that is text; ``layout`` refuses what is not a table."""
    return True


def layout(source: Source) -> Layout:
    """Layout of the table; a first row of numbers means that the header is missing.

    Raises
    ------
    DataError
        When there is no header.
    """
    found = table_layout(source)
    if all(is_number(name) for name in found.names if name):
        raise DataError(
            "the log has no header: its first row holds only numbers",
            where=f"{source.path}:{found.header_line}",
            hint="name the columns, as in --header 'acc_x[mg],acc_y[mg],acc_z[mg]'",
        )
    return found
