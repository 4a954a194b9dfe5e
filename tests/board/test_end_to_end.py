"""Capture, load and monitor with the firmware in QEMU: samples, registers, results as they must be."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from sensorai.board.description import Channel
from sensorai.board.firmware import project
from sensorai.board.line import Line
from sensorai.board.messages import Data, Result
from sensorai.board.ports import open_port
from sensorai.board.session import Session
from sensorai.files import write_folder
from sensorai.mlc.config import SensorSetting
from sensorai.mlc.encode import encode
from sensorai.regfile import to_ucf
from sensorai.toolchain.compilers import find
from tests.board.virtual import Sensor, running
from tests.cli.call import call, refused
from tests.mlc import worked
from tests.need import need

Counts = npt.NDArray[np.int16]
SCALE = 6.1e-05


@pytest.fixture(scope="module", autouse=True)
def _tools() -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm")


def frame(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, comment="#")


def test_capture_equals_the_recording(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    counts = rng.integers(-32768, 32768, (900, 6)).astype(np.int16)
    counts[3], counts[4] = 32767, -32768
    axes = [("acc", "g", SCALE), ("gyr", "dps", 0.0175)]
    channels = tuple(Channel(f"{name}_{axis}", unit, scale) for name, unit, scale in axes for axis in "xyz")
    with running(Sensor(samples=counts.tolist(), channels=channels, rate_hz=208.0)) as board:
        done = call(
            "capture",
            board.port,
            "--out",
            tmp_path / "logs",
            "--label",
            "noise",
            "--seconds",
            "1.5",
            "--json",
        )
        assert done.code == 0, done.err
    (log,) = json.loads(done.out)["logs"]
    # not "lost": an emulator that was held up looks, by its clock, like a sensor whose samples went by unread
    assert log["damaged"] == 0
    assert log["samples"] > 200
    got = frame(tmp_path / "logs" / log["file"])
    values = got[[name for name in got.columns if name.startswith(("acc", "gyr"))]].to_numpy()
    scales = np.array([channel.scale for channel in channels])
    assert np.array_equal(np.rint(values / scales), counts[: len(values)])
    assert set(got["label"]) == {"noise"}


def still_turned_shaken(windows: int, length: int = 26) -> Counts:
    """Two windows each of three classes, in turn."""
    rng = np.random.default_rng(5)
    kind = np.repeat((np.arange(windows) // 2) % 3, length)
    counts = rng.integers(-150, 150, (len(kind), 3))
    counts[:, 2] += np.where(kind == 1, -16384, 16384)
    counts[kind == 2] += rng.integers(-9000, 9000, (int((kind == 2).sum()), 3))
    return counts.astype(np.int16)


def test_monitor_says_what_simulate_says(tmp_path: Path) -> None:
    counts, own, log = still_turned_shaken(12), tmp_path / "own.ucf", tmp_path / "log.csv"
    fast = {"acc": SensorSetting(104.0, 2.0), "gyro": SensorSetting(0.0, 250.0)}
    own.write_text(to_ucf(encode(replace(worked.config(), mlc_rate_hz=104.0, settings=fast))))
    rows = [",".join(f"{round(int(value) * SCALE, 6):.6f}" for value in row) for row in counts]
    log.write_text("\n".join(["# rate_hz: 104", "acc_x[g],acc_y[g],acc_z[g]", *rows, ""]))
    assert call("simulate", own, log, "--out", tmp_path / "trace.csv").code == 0
    trace = frame(tmp_path / "trace.csv")
    codes = trace["MLC0_SRC"].tolist()
    assert set(codes) == {0, 4, 8}
    results = [(int(at), [code] + [0] * 7) for at, code in zip(trace["sample"], codes, strict=True)]

    # a result is put beside the sample that was read with it, by time: not with samples read late, in a heap
    with running(Sensor(samples=counts.tolist(), rate_hz=104.0, results=results), own_time=True) as board:
        assert call("load", board.port, own).code == 0
        record = tmp_path / "record"
        words = f"monitor {board.port} --config {own} --record {record} --seconds 5 --label shaking --json"
        done = call(*words.split())
        assert done.code == 0, done.err
    recorded = next(record.glob("*.csv"))
    got = frame(recorded)
    values = got[["acc_x[g]", "acc_y[g]", "acc_z[g]"]].to_numpy()
    assert len(values) > 240
    assert np.array_equal(np.rint(values / SCALE), counts[: len(values)])
    # beside each sample the register as it was then: the last window that had ended
    expected = [[0, *codes][(at + 1) // 26] for at in range(len(values))]
    assert got["MLC0_SRC"].tolist() == expected
    (register,) = json.loads(done.out)["results"]
    names = {0: "face_up", 4: "face_down", 8: "shaking"}
    entered = [names[code] for code, _ in itertools.groupby(expected)]
    assert {one["name"]: one["entered"] for one in register["classes"]} == Counter(entered)

    checked = call("validate", own, record)
    assert checked.code == 0, checked.err
    # another class in the seventh window: validate names it
    text = recorded.read_text()
    column = got.columns.get_loc("MLC0_SRC")
    lines = text.splitlines()
    first = len(lines) - len(got)
    for at in range(first + 7 * 26, first + 8 * 26):
        cells = lines[at].split(",")
        cells[column] = "4" if cells[column] != "4" else "8"
        lines[at] = ",".join(cells)
    recorded.write_text("\n".join([*lines, ""]))
    differs = call("validate", own, record)
    assert differs.code == 3
    assert "window 6" in differs.out + differs.err


def test_outputs_of_an_ispu_come_with_their_samples() -> None:
    results = [(3, b"\1\0\0\x80"), (6, b"\2\0\0\x80"), (7, b"\2\0\0\x80"), (9, b"\xff\xff\xff\xff")]
    sensor = Sensor(
        "ISM330IS", ispu=True, who_am_i=0x22, result=0x10, result_bytes=4, results=results,
        samples=[(i, -i, 2 * i) for i in range(12)],
    )  # fmt: skip
    samples: list[list[int]] = []
    outputs: dict[int, bytes] = {}
    with running(sensor) as board, Line(open_port(board.port), pace=0.0) as line:
        asked = Session(line)
        assert asked.describe() == sensor.description
        asked.watch(0, 0x01, [(0x80, 0x10, 4)])
        asked.start()
        for _ in range(200):
            if len(samples) >= 12 and len(outputs) >= 4:
                break
            for chunk in line.take(0.2):
                for message in asked.feed(chunk):
                    if isinstance(message, Data):
                        samples += message.samples.tolist()
                    elif isinstance(message, Result):
                        outputs[message.time_us] = message.values
    assert samples == [[i, -i, 2 * i] for i in range(12)]
    # sent when they differ: nothing at 7, where the bytes stay what they are
    assert list(outputs.values()) == [bytes(4), *(results[at][1] for at in (0, 1, 3))]


def test_the_folder_of_firmware_builds_and_runs(tmp_path: Path) -> None:
    """As a user does it: make, QEMU with its own pseudo terminal, no sensor behind the bus."""
    need("make")
    write_folder(tmp_path / "fw", project())
    subprocess.run(["make", "-s"], cwd=tmp_path / "fw", check=True, capture_output=True)
    command = [str(find("qemu-system-arm")), "-M", "mps2-an386", "-nographic", "-monitor", "none"]
    own = tmp_path / "own.ucf"
    own.write_text(to_ucf(encode(worked.config())))
    with subprocess.Popen(
        [*command, "-serial", "pty", "-kernel", str(tmp_path / "fw" / "board.elf")],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        port = next(word for line in process.stdout for word in line.split() if word.startswith("/dev/"))
        try:
            text = refused(call("load", port, own), "the sensor does not answer on the board's bus", "wiring")
        finally:
            process.kill()
    assert "status bus" in text


def test_the_verb_writes_the_folder(tmp_path: Path) -> None:
    done = call("firmware", "--out", tmp_path / "fw")
    assert done.code == 0
    assert {path.name for path in (tmp_path / "fw").iterdir()} == set(project())
    assert "README.md" in done.out
