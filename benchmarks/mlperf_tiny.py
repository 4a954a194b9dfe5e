"""Nets of MLPerf Tiny as C on emulated cores, beside what others published.

``python benchmarks/mlperf_tiny.py [PART OF A NAME] [--cores m4,m0plus,...] [--opt -O2]``

Of each net and core: multiply-accumulates, instructions of one call counted by QEMU (``-icount shift=10``,
timers of the board around the call, the branch of the call included), arena, code without the net's numbers.
The bits of every output are held against the reference first; a difference ends the run. Needs the shared
reference data (``SENSORAI_SHARED``), arm-none-eabi-gcc and QEMU. The figures of others are those of
facts/peers_measured.csv, measured in the same way, and cycles on a board that MLCommons published; nothing of
others is built here.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sensorai.codegen.net import emit_tensors
from sensorai.codegen.netproject import About, emit_net_project
from sensorai.codegen.parts import Table
from sensorai.errors import VerifyMismatch
from sensorai.nets.costs import costs, lying
from sensorai.nets.inputs import spread
from sensorai.nets.model import Asked, open_model
from sensorai.nets.port import ports
from sensorai.nets.references import one_by_one
from sensorai.nets.running import Program
from sensorai.nets.validating import parting
from sensorai.toolchain.arm import build_elf
from sensorai.toolchain.cpu import cpu
from sensorai.toolchain.qemu import build, run_image

SHARED = Path(os.environ.get("SENSORAI_SHARED", Path(__file__).resolve().parents[2] / "shared"))
CORES = ("m0plus", "m3", "m4", "m7", "m33", "m55")
#: Names, files, and what is to be reached: instructions by core, bytes of arena; code: CODE.
NETS: Mapping[str, tuple[str, Mapping[str, float], int]] = {
    "AD": ("ad01_int8", {"m4": 400e3, "m55": 170e3, "m0plus": 1.1e6}, 800),
    "KWS": ("kws_ref_model", {"m4": 4.3e6, "m55": 1.3e6, "m0plus": 13e6}, 9500),
    "IC": ("pretrainedResnet_quant", {"m4": 17.5e6, "m55": 3.8e6, "m0plus": 58e6}, 36000),
    "VWW": ("vww_96_int8", {"m4": 10.3e6, "m55": 4.0e6, "m0plus": 38e6}, 40000),
}
CODE = 6000
#: Cycles of ST's library 9.0 on a Cortex-M4 board, results of MLPerf Tiny 1.2 (facts/peers.md).
ST_CYCLES = {"AD": 631_247, "KWS": 5_182_466, "IC": 19_815_059, "VWW": 10_671_410}
#: Cores as the measurements of others call them.
_THEIRS = {"m4": "M4F", "m55": "M55 MVE", "m0plus": "M0+"}


@dataclass(frozen=True)
class Row:
    """One engine on one core."""

    engine: str
    macs: int
    instructions: int
    arena: int | None
    code: int | None
    target: float | None = None

    def __str__(self) -> str:
        numbers = [self.instructions, self.arena, self.code]
        shown = [f"{'' if n is None else format(n, ',d'):>12}" for n in numbers]
        each = f"{self.instructions / self.macs:8.2f}"
        to = "" if self.target is None else f"   {self.instructions / self.target:5.2f} x {self.target:,.0f}"
        return f"  {self.engine:26}{shown[0]}{each}{shown[1]}{shown[2]}{to}"


def measure(path: Path, core: str, opt: str) -> Row:
    """Build for a core, run one call, compare it with the reference."""
    model = open_model(path, Asked())
    graph = replace(model.graph, isa=cpu(core).isa)
    # as with others, inputs and outputs lie in the arena
    ends = lying(graph, (True, True))
    project = emit_net_project(graph, "network", About("", "", ""), inside=ends)
    ins, outs = ports(graph, graph.inputs), ports(graph, graph.outputs)
    program = Program("network", "native", project.sources(), ins, outs, None, (True, True))
    given = spread(ins, 1)
    image = build({**program.sources, "run_main.c": program.main()}, cpu(core), opt=opt)
    ran = run_image(image, program.stream(given), timeout=600)
    found = parting(core, graph.outputs, one_by_one(model.graph, given), program.read(ran.output, given))
    if found is not None:
        raise VerifyMismatch(f"levels part: {found}", where=path.name)
    alone = build_elf(program.sources, cpu(core), opt=opt, keep=("network_init", "network_run"))
    tables = {
        one.declaration.partition("[")[0].split()[-1]
        for one in emit_tensors(graph, "network", inside=ends).definitions
        if isinstance(one, Table)
    }
    numbers = sum(size for name, size in alone.sizes().items() if name in tables)
    return Row("sensorai", costs(graph).macs, ran.instructions[0], project.arena_bytes, alone.flash - numbers)


def published(name: str, core: str, opt: str, facts: Path) -> Iterable[Row]:
    """Figures of others for a net and core."""
    file = facts / "peers_measured.csv"
    with file.open(encoding="utf-8") as text:
        for row in csv.DictReader(text):
            if (row["model"], row["core"], row["opt"]) == (NETS[name][0], _THEIRS.get(core), opt):
                code = row["code_bytes_without_model"]
                yield Row(
                    f"* {row['engine']}",
                    int(row["macs"]),
                    int(row["instructions"]),
                    int(row["arena_bytes"]),
                    int(code) if code else None,
                )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables."""
    asked = argparse.ArgumentParser(description="MLPerf Tiny on emulated cores")
    asked.add_argument("part", nargs="?", default="")
    asked.add_argument("--cores", default=",".join(CORES))
    asked.add_argument("--opt", default="-O2")
    given = asked.parse_args(arguments)
    models, facts = SHARED / "data" / "models", SHARED / "facts"
    if not models.is_dir():
        sys.exit("the models are not here: set SENSORAI_SHARED")
    for name, (file, targets, arena) in NETS.items():
        if given.part.upper() not in name:
            continue
        (path,) = models.rglob(f"{file}.tflite")
        for core in given.cores.split(","):
            row = measure(path, core, given.opt)
            print(f"\n{name} ({file}), {row.macs:,} MACs, Cortex-{core.upper()}, GCC {given.opt}")
            print(f"  {'':26}{'instructions':>12}{'/MAC':>8}{'arena':>12}{'code':>12}   of what is to reach")
            print(Row(row.engine, row.macs, row.instructions, row.arena, row.code, targets.get(core)))
            for other in published(name, core, given.opt, facts):
                print(other)
            if core == "m4":
                print(
                    f"  * ST 9.0, cycles on a board {ST_CYCLES[name]:11,.0f}{ST_CYCLES[name] / row.macs:8.2f}"
                )
            print(f"  to reach: arena {arena:,}, code 6,000", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
