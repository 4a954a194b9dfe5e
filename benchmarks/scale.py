"""How time and memory grow with the hours of logs, and what a second process buys.

``python -m benchmarks.scale HOURS [--target mlc|stm32|ispu] [--model NAME] [--jobs 1,2]`` makes logs of so
many hours (6 axes at 100 Hz, four classes, Parquet, an hour a file) in a temporary folder and trains on them,
once for each number of processes. It says the wall time, the processor time, the largest memory of all
processes together (pages that several share count once), and whether the folders of results are equal byte
for byte.
Run it by hand on an idle machine; 200 hours need 6 GB of disk.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

RATE = 100
CLASSES = ("still", "walk", "jog", "run")
PEOPLE = 20


def log(number: int, seconds: float, folder: Path) -> None:
    """Write a log: somebody moves in one of four ways for one to three minutes, then in another."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(number)
    count, person = int(seconds * RATE), number % PEOPLE
    lengths = random.integers(60 * RATE, 180 * RATE, count // (60 * RATE) + 1)
    code = np.repeat(random.integers(0, len(CLASSES), len(lengths)), lengths)[:count]
    step = np.array([0, 1.4, 2.2, 3.1])[code] * (0.9 + 0.01 * person)
    size = np.array([0, 180, 350, 600])[code] * (1 + 0.01 * person)
    phase = 2 * np.pi * np.cumsum(step) / RATE
    columns: dict[str, object] = {}
    for k, axis in enumerate("xyz"):
        noise = random.normal(0, 15 + 15 * (code > 0))
        columns[f"acc_{axis}[mg]"] = np.round((k == 2) * 1000 + size * np.sin(phase + k) + noise, 3)
    for k, axis in enumerate("xyz"):
        turns = 0.2 * size * np.cos(phase + k) + random.normal(0, 2 + 5 * (code > 0))
        columns[f"gyro_{axis}[dps]"] = np.round(turns, 3)
    columns["label"] = pa.DictionaryArray.from_arrays(code, list(CLASSES))
    columns["subject"] = pa.DictionaryArray.from_arrays(np.zeros(count, np.int8), [f"p{person:02d}"])
    table = pa.table(columns).replace_schema_metadata({"sensorai": json.dumps({"rate_hz": RATE})})
    pq.write_table(table, folder / f"log{number:04d}.parquet")


def memory(process: int) -> int:
    """Bytes of a process and those it started; shared pages are divided among who shares them."""
    total = 0
    for one in (process, *_children(process)):
        try:
            text = Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) << 10
    return total


def _children(process: int) -> list[int]:
    out = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            found = [int(one) for one in task.read_text().split()]
        except OSError:
            continue
        out += [*found, *(grand for one in found for grand in _children(one))]
    return out


def trained(logs: Path, out: Path, told: list[str]) -> dict[str, float]:
    """Train in a process of its own."""
    begun, before = time.perf_counter(), os.times()
    command = [sys.executable, "-m", "sensorai", "train", str(logs), "--out", str(out), *told]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            peak[0] = max(peak[0], memory(run.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = run.wait()
    done.set()
    watcher.join()
    if code not in (0, 3):
        sys.exit(f"{' '.join(command)} ended with {code}")
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return {"seconds": time.perf_counter() - begun, "processor": used, "memory": peak[0] / 1e6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hours", type=float)
    parser.add_argument("--target", default="stm32")
    parser.add_argument("--model", default="")
    parser.add_argument("--jobs", default="1,2")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        logs = Path(temporary) / "logs"
        logs.mkdir()
        files = max(round(asked.hours), 4)
        for number in range(files):
            log(number, asked.hours * 3600 / files, logs)
        said: dict[str, dict[str, float]] = {}
        for jobs in asked.jobs.split(","):
            told = ["--target", asked.target, "--name", "scale", "--jobs", jobs]
            told += ["--model", asked.model] if asked.model else []
            said[jobs] = trained(logs, Path(temporary) / f"made{jobs}", told)
            one = said[jobs]
            print(
                f"{asked.hours:g} h, {jobs} process(es): {one['seconds']:.0f} s, {one['processor']:.0f} s of "
                f"processor, {one['memory']:.0f} MB",
                flush=True,
            )
        first, *others = asked.jobs.split(",")
        for jobs in others:
            ours, theirs = Path(temporary) / f"made{first}", Path(temporary) / f"made{jobs}"
            names = sorted(p.name for p in ours.iterdir())
            same = names == sorted(p.name for p in theirs.iterdir())
            same = same and not any(filecmp.cmpfiles(ours, theirs, names, shallow=False)[1:])
            print(
                f"{jobs} in place of {first}: {said[first]['seconds'] / said[jobs]['seconds']:.2f} times as "
                f"fast; folders {'equal' if same else 'DIFFER'}"
            )


if __name__ == "__main__":
    main()
