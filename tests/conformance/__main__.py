"""Print the conformance tables: ``python -m tests.conformance [TABLE ...]``, all of them by default.

Exit code 0 when everything in the reference folder is reproduced, 1 otherwise.
"""

from __future__ import annotations

import importlib
import sys

from tests.conftest import shared_dir

SECTIONS = {
    "logs": "2. logs: every log opens; raw HSDatalog beside its text",
    "datasets": "2. data sets: every file of every folder opens, files and samples counted",
    "features": "3. features: every published feature table",
    "regfiles": "4. syntax: every register file read, written in each syntax, read again",
    "registers": "4. register files: decoded, re-encoded, compared",
    "trees": "4. trees: published text against decoded registers, node by node",
    "rebuild": "4. rebuilt: settings and tree text against the published file",
    "simulation": "6. simulation: published configurations on their own logs",
}


def main(wanted: list[str]) -> int:
    """Print the wanted tables, or all of them."""
    shared = shared_dir()
    if not shared.is_dir():
        print(f"reference data not found at {shared}; set SENSORAI_SHARED", file=sys.stderr)
        return 2
    unknown = [name for name in wanted if name not in SECTIONS]
    if unknown:
        print(f"unknown table {unknown[0]!r}; one of: {', '.join(SECTIONS)}", file=sys.stderr)
        return 2
    good = True
    for name in wanted or SECTIONS:
        print(f"\n== {SECTIONS[name]}\n")
        good = bool(importlib.import_module(f"tests.conformance.{name}").print_table(shared)) and good
    print("\neverything is reproduced" if good else "\nsomething is not reproduced: see the marked lines")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
