"""Damaged models: every reader answers with one message of ours, in bounded time and memory.

``python -m tests.nd.fuzz BYTES [SEED]`` feeds so many bytes of damaged files and prints what came of them.
"""

from __future__ import annotations

import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import numpy as np

from sensorai.errors import InternalError, SensoraiError
from sensorai.importers.open import read_net
from sensorai.nets.compiling import compiled

#: Seconds that one file may take, and bytes of memory that the process may have.
SECONDS, MEMORY = 5, 2 << 30
#: Largest file that is taken as a seed.
LARGEST = 40_000


class Hang(Exception):
    """A file took too long."""


def seeds(folder: Path) -> list[Path]:
    """Small nets of each kind."""
    ends = (".tflite", ".onnx", ".h5", ".keras")
    found = [p for p in sorted(folder.rglob("*")) if p.suffix in ends and p.stat().st_size < LARGEST]
    # one of each folder, so that no family of nets outweighs the others
    return list({p.parent: p for p in found}.values())


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """Copy with a few bytes turned, numbers at their ends, parts cut, doubled or moved."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        if not out:
            break
        at = int(rng.integers(0, len(out)))
        # headers say what the rest is: half of the damage goes there
        at = min(at, int(rng.integers(0, 4096))) if rng.random() < 0.5 else at
        way = int(rng.integers(0, 6))
        if way == 0:
            out[at] ^= 1 << int(rng.integers(0, 8))
        elif way == 1:
            out[at : at + 4] = rng.choice(
                [b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\0\0\0\x80"]
            )
        elif way == 2:
            del out[at : at + int(rng.integers(1, 64))]
        elif way == 3:
            out[at:at] = out[at : at + int(rng.integers(1, 64))]
        elif way == 4:
            del out[at:]
        else:
            size = int(rng.integers(1, 16))
            out[at : at + size] = rng.bytes(size)
    return bytes(out)


def files(folder: Path, total: int, seed: int) -> Iterator[tuple[Path, bytes]]:
    """Damaged files until they have ``total`` bytes."""
    rng, done, found = np.random.default_rng(seed), 0, seeds(folder)
    while done < total:
        path = found[int(rng.integers(0, len(found)))]
        data = damaged(path.read_bytes(), rng)
        done += len(data)
        yield path, data


def _late(_signal: int, _frame: FrameType | None) -> None:
    raise Hang


def feed(path: Path) -> str:
    """Kind of what a reader says to a file: "read", or the name of the error."""
    signal.signal(signal.SIGALRM, _late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        compiled(read_net(path))
    except InternalError:
        raise
    except SensoraiError as error:
        text = str(error).splitlines()[0]
        if not text or len(text) > 2000:
            raise ValueError(f"a message of {len(text)} characters") from None
        return type(error).__name__
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return "read"


def run(folder: Path, total: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Feed damaged files; what was said, and what must not have been."""
    said: Counter[str] = Counter()
    faults = []
    with tempfile.TemporaryDirectory() as name:
        for k, (origin, data) in enumerate(files(folder, total, seed)):
            path = Path(name) / f"model{origin.suffix}"
            path.write_bytes(data)
            begin = time.perf_counter()
            try:
                said[feed(path)] += 1
            except BaseException as error:
                faults.append(f"{origin.name}, file {k} of seed {seed}: {type(error).__name__}: {error}")
                (Path(tempfile.gettempdir()) / f"fuzz_{seed}_{k}{origin.suffix}").write_bytes(data)
            said["slowest, ms"] = max(said["slowest, ms"], round(1000 * (time.perf_counter() - begin)))
    return said, faults


def main(arguments: list[str]) -> int:
    """Feed and print."""
    from tests.conftest import shared_dir

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    total = int(arguments[0]) if arguments else 1_000_000
    said, faults = run(
        shared_dir() / "data" / "models", total, int(arguments[1]) if len(arguments) > 1 else 0
    )
    print(dict(said))
    print("\n".join(faults) or "no fault")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
