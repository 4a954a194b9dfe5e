"""``sensorai doctor``: what is installed, and what each missing part disables."""

from __future__ import annotations

import platform
import shutil
from importlib import metadata

from sensorai.cli import out as printing

#: Package, what it is for; all but the last are installed with sensorai.
PACKAGES = (
    ("numpy", "arrays everywhere"),
    ("numba", "the compiled kernel of the simulator"),
    ("pandas", "reading logs, writing traces"),
    ("scipy", "resampling"),
    ("scikit-learn", "training"),
    ("jinja2", "the HTML report"),
    ("typer", "the command line"),
    ("rich", "tables in the terminal"),
    ("pyarrow", "traces as Parquet: pip install sensorai[parquet]"),
)
#: Program, what it is for.
PROGRAMS = (("gcc", "tests of the emitted C headers (apt install gcc)"),)


def run(json: printing.Json = False) -> None:
    """Show what is installed and what each missing part disables."""
    rows = []
    for name, use in PACKAGES:
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            found = ""
        rows.append({"part": name, "found": found, "use": use})
    rows += [{"part": name, "found": shutil.which(name) or "", "use": use} for name, use in PROGRAMS]
    if json:
        printing.print_json({"python": platform.python_version(), "parts": rows})
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"Python {platform.python_version()}", box=None, title_justify="left")
    for heading in ("part", "found", "for"):
        table.add_column(heading)
    for row in rows:
        table.add_row(row["part"], row["found"] or "[yellow]missing[/yellow]", escape(row["use"]))
    printing.console().print(table)
