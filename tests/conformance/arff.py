"""Every published ARFF file: read, written again, compared byte for byte."""

from __future__ import annotations

from pathlib import Path

from sensorai.mlc.arff import arff_text, read_arff


def rows(shared: Path) -> list[tuple[str, int, int, bool]]:
    """Path, rows, features, and whether the bytes are the same."""
    out = []
    for path in sorted((shared / "data").rglob("*.arff")):
        table = read_arff(path)
        same = arff_text(table).encode() == path.read_bytes()
        out.append((str(path.relative_to(shared / "data")), *table.values.shape, same))
    return out


def print_table(shared: Path) -> bool:
    """Print one line per file and the sum; True when every file keeps its bytes."""
    table = rows(shared)
    for name, count, features, same in table:
        print(f"{'same bytes' if same else 'DIFFERENT':10}  {count:5} x {features:2}  {name}")
    print(f"ARFF files read and written to the same bytes: {sum(r[3] for r in table)} of {len(table)}")
    return all(r[3] for r in table)
