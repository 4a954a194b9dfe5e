"""Capture at the highest rate that sensors of this kind have: no sample lost, and what it costs.

    python -m benchmarks.capture [--seconds 600] [--rate 1666] [--text | --firmware] [--terminal]

A board made of Python in a process of its own sends six axes of int16 through a pseudo terminal; ``sensorai
capture`` records them in another. Every sample of the log is compared with what was sent. Shown is the CPU
share of the capture: its CPU time by the time it ran. With ``--firmware`` the board is the firmware, for a
Cortex-M4, in QEMU with a virtual sensor (at most two minutes: the samples lie in its flash).
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import pty
import resource
import subprocess
import sys
import tempfile
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensorai.board.description import Channel, Description, split_parts
from sensorai.board.frames import Decoder, encode
from sensorai.board.messages import Data, Describe, Reply, Start, Stop
from sensorai.formats import read_log

AXES = ("acc_x", "acc_y", "acc_z", "gyro_x", "gyro_y", "gyro_z")
PER_FRAME = 16
#: Seconds of samples that the firmware's flash holds at 1666 Hz.
FIRMWARE_S = 120
CHANNELS = tuple(
    Channel(axis, "g" if axis[0] == "a" else "dps", 0.000061 if axis[0] == "a" else 0.0175) for axis in AXES
)


def samples(count: int) -> npt.NDArray[np.int16]:
    """Values that repeat late and differ from neighbour to neighbour."""
    rng = np.random.default_rng(1)
    return rng.integers(-32768, 32768, (count, len(AXES))).astype(np.int16)


def board(end: int, rate: float, count: int, text: bool) -> None:
    """Send ``count`` samples at ``rate``; frames wait for START."""
    data = samples(count)
    if text:
        time.sleep(1.0)
    else:
        answer(end, rate)
    begun = time.monotonic()
    for number, at in enumerate(range(0, count, PER_FRAME)):
        piece = data[at : at + PER_FRAME]
        if text:
            raw = "".join(",".join(map(str, row)) + "\r\n" for row in piece.tolist()).encode()
        else:
            message = Data(number & 0xFFFF, round(at / rate * 1e6) & 0xFFFFFFFF, len(AXES), piece.tobytes())
            raw = encode(message.kind, message.body())
        due = begun + (at + len(piece)) / rate
        if (left := due - time.monotonic()) > 0.003:
            time.sleep(left)
        while raw:
            raw = raw[os.write(end, raw) :]
    time.sleep(2.0)


def answer(end: int, rate: float) -> None:
    """Answer requests until START."""
    description = Description(1, "benchmark", "", rate, CHANNELS)
    decoder = Decoder()
    while True:
        for message in decoder.feed(os.read(end, 4096)):
            if isinstance(message, Start):
                reply = Reply(message.id, 0)
                os.write(end, encode(reply.kind, reply.body()))
                return
            if isinstance(message, Stop):
                reply = Reply(message.id, 0)
                os.write(end, encode(reply.kind, reply.body()))
            elif isinstance(message, Describe):
                for part in split_parts(message.id, description.text()):
                    os.write(end, encode(part.kind, part.body()))


def compare(folder: Path, sent: npt.NDArray[np.int16], text: bool) -> tuple[int, int]:
    """Samples in the log, and how many of them are equal to those sent, in order."""
    recordings = read_log(next(folder.glob("*.csv")))
    got = np.concatenate([r.samples for r in recordings])
    scales = np.array([1.0] * 6 if text else [0.000061] * 3 + [0.0175] * 3)
    counts = np.round(got / scales).astype(np.int64)
    # text may begin with a later line: the first ones pass before the port is open
    start = int(np.flatnonzero((sent == counts[0]).all(axis=1))[0]) if text else 0
    part = sent[start : start + len(counts)]
    return len(got), int((part == counts[: len(part)]).all(axis=1).sum())


@contextlib.contextmanager
def python_board(rate: float, count: int, text: bool) -> Iterator[str]:
    """Port of a board made of Python."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    sender = multiprocessing.Process(target=board, args=(ours, rate, count, text))
    sender.start()
    try:
        yield os.ttyname(theirs)
    finally:
        sender.terminate()


@contextlib.contextmanager
def firmware_board(rate: float, count: int) -> Iterator[str]:
    """Port of the firmware in QEMU."""
    from tests.board.virtual import Sensor, running

    with running(Sensor(samples=samples(count).tolist(), channels=CHANNELS, rate_hz=rate)) as there:
        yield there.port


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--rate", type=float, default=1666.0)
    parser.add_argument("--text", action="store_true", help="text lines instead of frames")
    parser.add_argument("--firmware", action="store_true", help="the firmware in QEMU")
    parser.add_argument("--terminal", action="store_true", help="with the live view, on a pseudo terminal")
    told = parser.parse_args()
    if told.firmware:
        told.seconds = min(told.seconds, FIRMWARE_S)
    count = round((told.seconds + 2) * told.rate)
    there = firmware_board(told.rate, count) if told.firmware else python_board(told.rate, count, told.text)
    with tempfile.TemporaryDirectory() as temporary, there as port:
        folder = Path(temporary) / "logs"
        command = [sys.executable, "-m", "sensorai", "capture", port, "--out", str(folder)]
        command += ["--seconds", str(told.seconds), "--label", "test"]
        if told.text:
            command += ["--channels", ",".join(AXES), "--unit", "acc=LSB", "--unit", "gyro=LSB"]
        begun = time.monotonic()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        if told.terminal:
            code = os.waitstatus_to_exitcode(pty.spawn(command))
        else:
            code = subprocess.run(command, check=False).returncode
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took = time.monotonic() - begun
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        got, equal = compare(folder, samples(count), told.text)
    kind = "text lines" if told.text else "frames of the firmware" if told.firmware else "frames"
    print(f"{kind}, 6 axes at {told.rate:g} Hz for {took:.0f} s: exit code {code}")
    print(f"{got} samples in the log, {equal} equal to those sent, {got - equal} wrong")
    print(f"CPU {cpu:.1f} s of {took:.1f} s: {cpu / took:.1%}, start of the program included")
    sys.exit(code or (got != equal))


if __name__ == "__main__":
    main()
