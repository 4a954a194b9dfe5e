"""``sensorai capture`` on pseudo terminals: both wire formats, and everything that goes wrong on a line."""

from __future__ import annotations

import json
import os
import pty as ptys
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from sensorai.board import connect, recorder
from sensorai.formats import read_dataset, read_log
from tests.board.fakeboard import FrameBoard, Pty, TextBoard, counts, text_lines
from tests.cli.call import Outcome, call, refused
from tests.cli.conftest import QUICK
from tests.cli.logs import signal as movement

AXES = ("--channels", "acc_x,acc_y,acc_z", "--unit", "acc=LSB")


@pytest.fixture
def line() -> Iterator[Pty]:
    with Pty() as found:
        yield found


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silent boards and garbage are given up sooner than in life."""
    monkeypatch.setattr(connect, "WAIT_S", 1.0)
    monkeypatch.setattr(connect, "GARBAGE_S", 1.0)
    monkeypatch.setattr(recorder, "GIVE_UP_S", 1.0)


def entry(result: Outcome) -> dict[str, Any]:
    """The account of the one log of a run with --json."""
    (found,) = json.loads(result.out)["logs"]
    assert isinstance(found, dict)
    return found


def only(folder: Path) -> Path:
    (found,) = [p for p in folder.iterdir() if p.suffix in (".csv", ".parquet")]
    return found


def part_of(got: npt.NDArray[np.float64], sent: npt.NDArray[np.int16]) -> bool:
    """Whether ``got`` stands in ``sent`` as it is."""
    starts = np.flatnonzero((sent == got[0]).all(axis=1))
    return any(np.array_equal(sent[s : s + len(got)], got) for s in starts)


@pytest.mark.parametrize("separator", [",", "\t", " ", "; "])
def test_text_lines_sample_for_sample(line: Pty, tmp_path: Path, separator: str) -> None:
    sent = counts(4000, 3)
    TextBoard(line, text_lines(sent, separator), 1000)
    out = tmp_path / "logs"
    result = call("capture", line.name, "--out", out, "--seconds", "0.6", "--label", "walk", *AXES, "--json")
    assert result.code == 0, result.err
    one = entry(result)
    (recording,) = read_log(only(out))
    assert one["samples"] == len(recording) > 500
    assert (one["lost"], one["gaps"], one["damaged"], one["state"]) == (0, 0, 0, "complete")
    assert part_of(recording.samples, sent)
    assert recording.rate_hz == pytest.approx(1000, rel=0.05)
    assert [c.name for c in recording.channels] == ["acc_x", "acc_y", "acc_z"]
    assert {s.label for s in recording.labels["label"]} == {"walk"}


def test_frames_sample_for_sample(line: Pty, tmp_path: Path) -> None:
    sent = counts(4000)
    FrameBoard(line, sent, 1000, per_frame=16, jitter=0.3)
    out = tmp_path / "logs"
    result = call(
        "capture", line.name, "--out", out, "--seconds", "1", "--subject", "anna", "--session", "am", "--json"
    )
    assert result.code == 0, result.err
    one = entry(result)
    assert (one["lost"], one["gaps"], one["damaged"]) == (0, 0, 0)
    path = only(out)
    assert path.name == "anna_am_log_001.csv"
    assert "# session: am\n" in path.read_text()
    (recording,) = read_log(path)
    assert recording.group == "anna"
    assert recording.rate_hz == pytest.approx(1000, rel=0.001)
    names = [(c.name, c.unit) for c in recording.channels]
    assert names == [(f"acc_{a}", "g") for a in "xyz"] + [(f"gyro_{a}", "dps") for a in "xyz"]
    scale = np.array([0.000061] * 3 + [0.0175] * 3)
    assert np.array_equal(np.round(recording.samples / scale), sent[: len(recording)])
    # exact decimals, not products of binary fractions
    assert recording.samples[1, 0] == float(f"{int(sent[1, 0]) * 61 / 1e6:.6f}")
    assert recording.time_s is not None
    assert np.diff(recording.time_s).min() > 0
    assert np.abs(recording.time_s - np.arange(len(recording)) / 1000).max() < 0.002


def test_parquet(line: Pty, tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    FrameBoard(line, counts(2000), 1000, skip=frozenset({40}))
    result = call(
        "capture", line.name, "--out", tmp_path, "--seconds", "0.6", "--format", "parquet", "--json"
    )
    assert result.code == 0, result.err
    one = entry(result)
    assert one["file"] == "log_001.parquet"
    recordings = read_log(only(tmp_path))
    assert sum(len(r) for r in recordings) == one["samples"]
    assert [c.name for c in recordings[0].channels][:3] == ["acc_x", "acc_y", "acc_z"]
    assert (len(recordings), {r.group for r in recordings}) == (2, {"log_001"})
    assert all(r.labels["label"] == () for r in recordings)
    table = pq.read_table(only(tmp_path))
    assert table.num_rows == one["samples"]
    assert table.column_names[:2] == ["time[s]", "acc_x[g]"]
    assert set(table["recording"].to_pylist()) == {"1", "2"}
    assert json.loads(table.schema.metadata[b"sensorai"])["rate_hz"] == pytest.approx(1000, rel=0.01)


def test_names_and_units_from_the_header(line: Pty, tmp_path: Path) -> None:
    lines = text_lines(counts(3000, 3), "\t", "A_X [mg]\tA_Y [mg]\tA_Z [mg]")
    TextBoard(line, lines[:300] + lines, 1000, waits=True)
    result = call("capture", line.name, "--out", tmp_path, "--seconds", "0.5")
    assert result.code == 0, result.err
    (recording,) = read_log(only(tmp_path))
    assert [(c.name, c.unit) for c in recording.channels] == [(f"acc_{a}", "mg") for a in "xyz"]
    assert "damaged" not in result.out


def test_lines_without_names_are_recorded_and_said(line: Pty, tmp_path: Path) -> None:
    TextBoard(line, text_lines(counts(2000, 2)), 1000)
    result = call("capture", line.name, "--out", tmp_path, "--seconds", "0.3")
    assert result.code == 0, result.err
    assert "called ch1 to ch2" in result.out
    assert "--channels" in result.out
    assert only(tmp_path).read_text().splitlines()[2] == "ch1,ch2,label,group,recording"


def test_a_rate_that_is_not_the_expected_one_is_said(line: Pty, tmp_path: Path) -> None:
    TextBoard(line, text_lines(counts(3000, 3)), 1000)
    result = call("capture", line.name, "--out", tmp_path, "--seconds", "0.9", "--rate", "500", *AXES)
    assert result.code == 0, result.err
    assert "Hz were measured where 500 Hz were expected" in result.out


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--channels", "acc_x,acc_y"), ("2 names for lines of 3 values",)),
        (("--unit", "gyro=dps"), ("--unit gyro=... fits no column",)),
        (("--channels", "acc_x,ax,acc_z"), ("two columns are acc_x",)),
        (("--channels", "acc_x,acc_y,acc_z", "--unit", "acc=dps"), ("dps",)),
    ],
)
def test_names_that_do_not_fit(
    line: Pty, tmp_path: Path, words: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    TextBoard(line, text_lines(counts(2000, 3)), 1000)
    out = tmp_path / "logs"
    refused(call("capture", line.name, "--out", out, *words), *parts)
    assert not out.exists()


def test_damaged_lines_are_gaps(line: Pty, tmp_path: Path) -> None:
    spoilt = {200: b"12,\xff3,4\r\n", 500: b"1,2\r\n"}
    sent = counts(3000, 3)
    TextBoard(line, text_lines(sent), 1000, spoil=lambda i, raw: spoilt.get(i % 1000, raw))
    result = call("capture", line.name, "--out", tmp_path, "--seconds", "1", *AXES, "--json")
    one = entry(result)
    assert one["damaged"] >= 1
    assert one["gaps"] == one["damaged"]
    recordings = list(read_dataset([only(tmp_path)]))
    assert len(recordings) == one["gaps"] + 1
    assert all(part_of(r.samples, sent) for r in recordings)
    assert len({r.group for r in recordings}) == 1


def test_a_silent_stretch_of_lines_is_a_gap(line: Pty, tmp_path: Path) -> None:
    sent = counts(4000, 3)
    # samples 1600 to 2099 are never sent: the board goes on after half a second
    lines = text_lines(sent)
    TextBoard(line, lines[:1600] + lines[2100:], 1000, pause={1600: 0.5})
    result = call("capture", line.name, "--out", tmp_path, "--seconds", "2.4", *AXES, "--json")
    one = entry(result)
    assert one["gaps"] == 1
    assert 200 < one["lost"] < 900
    a, b = read_dataset([only(tmp_path)])
    assert part_of(a.samples, sent)
    assert part_of(b.samples, sent)
    assert b.samples[0].tolist() == sent[2100].tolist()


def test_a_time_column_tells_rate_and_gaps(line: Pty, tmp_path: Path) -> None:
    sent = counts(4000, 3)
    header = "time[ms],acc_x[g],acc_y[g],acc_z[g]"
    rows = [f"{i * 10},{','.join(map(str, row))}\n".encode() for i, row in enumerate(sent.tolist())]
    del rows[1000:1007]
    TextBoard(line, [f"{header}\n".encode(), *rows], 2000, waits=True)
    result = call("capture", line.name, "--out", tmp_path, "--seconds", "1", "--json")
    one = entry(result)
    assert (one["gaps"], one["damaged"]) == (1, 0)
    assert one["lost"] == 7
    # the board's own clock, not that of the arrivals
    assert one["rate_hz"] == pytest.approx(100.0)
    a, b = read_dataset([only(tmp_path)])
    assert part_of(a.samples, sent)
    assert part_of(b.samples, sent)
    assert a.time_s is not None


def test_a_slow_board_is_waited_for(line: Pty, tmp_path: Path) -> None:
    TextBoard(line, text_lines(counts(60, 3)), 3)
    result = call("capture", line.name, "--out", tmp_path, "--seconds", "0.5", *AXES)
    assert result.code == 0, result.err


def test_lost_and_damaged_frames_are_gaps(line: Pty, tmp_path: Path) -> None:
    sent = counts(3000)
    rng = random.Random(2)

    def noise(number: int, frame: bytes) -> bytes:
        if number == 60:
            at = rng.randrange(2, len(frame) - 2)
            return frame[:at] + bytes([frame[at] ^ 0x10]) + frame[at + 1 :]
        if number == 90:
            return frame[:7] + frame[8:]
        return frame

    FrameBoard(line, sent, 1000, spoil=noise, skip=frozenset({30, 31}))
    result = call("capture", line.name, "--out", tmp_path, "--seconds", "0.8", "--json")
    one = entry(result)
    assert (one["lost"], one["gaps"], one["damaged"]) == (20, 3, 2)
    scale = np.array([0.000061] * 3 + [0.0175] * 3)
    recordings = list(read_dataset([only(tmp_path)]))
    got = [np.round(r.samples / scale) for r in recordings]
    cuts = [0, 150, 160, 300, 305, 450, 455]
    assert [len(x) for x in got[:3]] == [150, 140, 145]
    for x, start in zip(got, cuts[::2], strict=True):
        assert np.array_equal(x, sent[start : start + len(x)])


def test_a_board_that_starts_anew(line: Pty, tmp_path: Path) -> None:
    sent = counts(400)
    board = FrameBoard(line, np.concatenate([sent, sent]), 1000, clock0=10.0)
    frames = 400 // board.per_frame

    def restart(number: int, frame: bytes) -> bytes:
        from sensorai.board.frames import Decoder, encode
        from sensorai.board.messages import Data

        (data,) = Decoder().feed(frame)
        assert isinstance(data, Data)
        again = Data(number % frames, (data.time_us - (number // frames) * 390_000), 6, data.values)
        return encode(again.kind, again.body())

    board.spoil = restart
    result = call("capture", line.name, "--out", tmp_path, "--seconds", "0.7", "--json")
    one = entry(result)
    assert one["gaps"] == 1
    assert next(len(r) for r in read_dataset([only(tmp_path)])) == 400


def test_a_cut_cable_keeps_what_came(line: Pty, tmp_path: Path) -> None:
    sent = counts(4000)
    FrameBoard(line, sent, 1000, cut_at=120)
    message = refused_after(call("capture", line.name, "--out", tmp_path, "--seconds", "5"))
    assert "went away after" in message
    assert "600 samples" in message
    (recording,) = read_log(only(tmp_path))
    assert len(recording) == 600
    noted = json.loads((tmp_path / "capture.jsonl").read_text())
    assert (noted["state"], noted["samples"]) == ("lost", 600)


def test_a_cut_cable_of_a_text_board(line: Pty, tmp_path: Path) -> None:
    TextBoard(line, text_lines(counts(4000, 3)), 1000, cut_at=700, waits=True)
    message = refused_after(call("capture", line.name, "--out", tmp_path, *AXES))
    assert "went away" in message
    # a last line may still come: nothing says that it ended
    assert len(read_log(only(tmp_path))[0]) >= 699


def refused_after(result: Outcome) -> str:
    """Exit 2 with one message, though something was printed and recorded before."""
    assert result.code == 2, result
    assert "Traceback" not in result.err
    assert result.err.startswith("error: ")
    return result.err


def test_a_wrong_baud_rate(line: Pty, tmp_path: Path) -> None:
    rng = random.Random(4)
    noise = [bytes(rng.choice(b"\x80\xf8\xfe\xe0\x06\x66\x98\x00") for _ in range(12)) for _ in range(4000)]
    TextBoard(line, noise, 1000)
    out = tmp_path / "logs"
    refused(
        call("capture", line.name, "--out", out), "neither lines of numbers nor frames", "--baud", "bytes"
    )
    assert not out.exists()


def test_a_board_that_never_answers(line: Pty, tmp_path: Path) -> None:
    refused(call("capture", line.name, "--out", tmp_path / "logs"), "nothing came from", "powered")
    assert not (tmp_path / "logs").exists()


def test_a_board_that_describes_itself_and_sends_nothing(line: Pty, tmp_path: Path) -> None:
    FrameBoard(line, counts(0 + 1)[:0], 1000)
    result = call("capture", line.name, "--out", tmp_path, "--seconds", "0.2")
    assert "no sample came from" in refused_after(result)
    assert list(tmp_path.iterdir()) == []


def test_a_board_whose_sensor_does_not_answer(line: Pty, tmp_path: Path) -> None:
    FrameBoard(line, counts(100), 1000, status=3)
    assert "sensor does not answer on the bus" in refused_after(call("capture", line.name, "--out", tmp_path))


def test_ports_that_do_not_open(tmp_path: Path) -> None:
    refused(
        call("capture", "/dev/ttyNONE7", "--out", tmp_path), "there is no port /dev/ttyNONE7", "plugged in"
    )
    plain = tmp_path / "file"
    plain.write_text("1,2,3\n")
    refused(call("capture", plain, "--out", tmp_path), "is no serial port")
    refused(call("capture", tmp_path, "--out", tmp_path), "serial port")


def test_a_port_without_permission(line: Pty) -> None:
    os.chmod(line.name, 0)
    # the super-user may open everything, so this process becomes somebody else first
    code = (
        "import os, serial\n"
        "from sensorai.board.ports import open_port\n"
        "from sensorai.errors import UserError\n"
        "if os.geteuid() == 0:\n"
        "    os.setegid(65534); os.seteuid(65534)\n"
        "try:\n"
        f"    open_port({line.name!r})\n"
        "except UserError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"no permission to open {line.name}" in done.stdout
    assert "dialout" in done.stdout


def test_a_port_in_use(line: Pty, tmp_path: Path) -> None:
    from sensorai.board.ports import open_port

    with open_port(line.name):
        refused(call("capture", line.name, "--out", tmp_path), "in use by another program")


def test_options_without_sense(tmp_path: Path) -> None:
    refused(call("capture", "x", "--label", "a"), "no folder", "--out")
    refused(call("capture", "x", "--out", tmp_path, "--seconds", "0"), "--seconds")
    refused(call("capture", "x", "--out", tmp_path, "--label", "a,b"), "label 'a,b'")
    refused(call("capture", "x", "--out", tmp_path, "--labels", "a,a"), "twice")
    refused(call("capture", "x", "--out", tmp_path, "--baud", "-1"), "baud")
    refused(call("capture", "x", "--out", tmp_path, "--rate", "0"), "--rate")


def test_without_a_port_the_ports_are_listed() -> None:
    result = call("capture")
    assert result.code == 0
    assert result.out
    assert isinstance(json.loads(call("capture", "--json").out), list)


def start(line: Pty, out: Path, *words: str) -> subprocess.Popen[str]:
    """Run the command in a process of its own, and wait until it has written rows."""
    command = [sys.executable, "-m", "sensorai", "capture", line.name, "--out", str(out), *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 30
    while not list(out.glob("*.csv")) and time.monotonic() < until:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    return process


def test_ctrl_c_ends_a_recording_well(line: Pty, tmp_path: Path) -> None:
    sent = counts(30000, 3)
    TextBoard(line, text_lines(sent), 1000)
    process = start(line, tmp_path, *AXES, "--label", "walk")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    (recording,) = read_log(only(tmp_path))
    assert f"{len(recording)} samples" in out
    assert part_of(recording.samples, sent)
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["capture.jsonl", "walk_001.csv"]


def test_ctrl_c_before_the_time_is_over_is_said(line: Pty, tmp_path: Path) -> None:
    FrameBoard(line, counts(30000), 1000)
    process = start(line, tmp_path, "--seconds", "60")
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "samples in" in out
    assert json.loads((tmp_path / "capture.jsonl").read_text())["state"] == "stopped"


def test_kill_9_leaves_a_valid_log(line: Pty, tmp_path: Path) -> None:
    sent = counts(30000)
    FrameBoard(line, sent, 1000, per_frame=16)
    process = start(line, tmp_path)
    time.sleep(0.7)
    process.kill()
    process.communicate()
    (recording,) = read_log(only(tmp_path))
    assert len(recording) > 500
    assert recording.rate_hz == pytest.approx(1000, rel=0.02)
    scale = np.array([0.000061] * 3 + [0.0175] * 3)
    assert np.array_equal(np.round(recording.samples / scale), sent[: len(recording)])


def test_a_disk_that_fills_up(line: Pty, tmp_path: Path) -> None:
    FrameBoard(line, counts(30000), 1000)
    code = (
        "import resource, signal, sys\n"
        "from sensorai.cli import main\n"
        "import sensorai.board.capture, sensorai.cli.live\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000))\n"
        f"sys.argv = ['sensorai', 'capture', {line.name!r}, '--out', {str(tmp_path)!r}]\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    (recording,) = read_log(only(tmp_path))
    assert f"File too large; {len(recording)} samples are in the file" in done.stderr
    assert "are lost" in done.stderr
    assert 29000 < only(tmp_path).stat().st_size <= 30000


PLAN = """
session = "lab"
seconds = 0.3
pause = 0.1
[[step]]
label = "walking"
repeat = 2
[[step]]
label = "sitting"
say = "sit down"
"""


def test_a_plan_is_recorded_and_resumed(line: Pty, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN)
    out = tmp_path / "logs"
    words = ("capture", line.name, "--out", out, "--plan", plan, "--subject", "anna")
    FrameBoard(line, counts(60000), 1000)
    first = call(*words)
    assert first.code == 0, first.err
    assert "2 of 3: walking" in first.out
    assert "3 of 3: sit down" in first.out
    names = sorted(p.name for p in out.glob("*.csv"))
    assert names == [f"anna_lab_{n}.csv" for n in ("sitting_001", "walking_001", "walking_002")]
    dataset = read_dataset([out])
    assert {r.group for r in dataset} == {"anna"}
    assert {s.label for r in dataset for s in r.labels["label"]} == {"walking", "sitting"}

    again = call(*words)
    assert again.code == 0
    assert "3 of 3 recordings are there already" in again.out
    assert sorted(p.name for p in out.glob("*.csv")) == names

    # a bad recording was thrown away, another one was stopped in the middle
    (out / "anna_lab_walking_001.csv").unlink()
    journal = out / "capture.jsonl"
    lines = [json.loads(text) for text in journal.read_text().splitlines()]
    for line_of in lines:
        if line_of["file"] == "anna_lab_sitting_001.csv":
            line_of["state"] = "stopped"
    journal.write_text("\n".join(map(json.dumps, lines)) + '\n{"file": "cut o')
    third = call(*words)
    assert third.code == 0, third.err
    assert "1 of 3 recordings are there already" in third.out
    assert sorted(p.name for p in out.glob("*.csv")) == [
        f"anna_lab_{n}.csv" for n in ("sitting_001", "sitting_002", "walking_001", "walking_002")
    ]
    # the line that was cut off has swallowed none of the next
    assert "3 of 3 recordings are there already" in call(*words).out


def test_keys_switch_the_label_on_a_terminal(line: Pty, tmp_path: Path) -> None:
    FrameBoard(line, counts(60000), 1000)
    words = ["capture", line.name, "--out", str(tmp_path), "--labels", "walk,sit,stand", "--label", "walk"]
    child, screen = ptys.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-m", "sensorai", *words])
    shown = b""

    def watch(seconds: float, until: bytes) -> None:
        nonlocal shown
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([screen], [], [], 0.1)[0]:
                try:
                    shown += os.read(screen, 65536)
                except OSError:
                    return
            if until and until in shown:
                return

    import termios

    before = termios.tcgetattr(screen)
    watch(30, b"samples")
    raw = termios.tcgetattr(screen)
    assert raw[3] & termios.ICANON == 0
    for key in (b"2", b"w", b"3", b"0"):
        watch(0.5, b"")
        os.write(screen, key)
    watch(0.5, b"")
    os.write(screen, b"q")
    watch(15, b"in the end nothing")
    assert termios.tcgetattr(screen)[3] == before[3] if not os.waitpid(child, 0)[1] else False
    assert "acc_x" in shown.decode()
    assert "1000" in shown.decode()
    os.close(screen)
    (recording,) = read_log(only(tmp_path))
    found = [s.label for s in recording.labels["label"]]
    assert found == ["walk", "sit", "walk", "stand"]
    assert recording.labels["label"][-1].stop < len(recording)


def test_a_unit_that_gravity_contradicts_is_said(line: Pty, tmp_path: Path) -> None:
    still = [b"0.01,0.02,0.99\n"] * 3000
    TextBoard(line, still, 1000)
    words = ("--channels", "acc_x,acc_y,acc_z", "--unit", "acc=m/s2")
    result = call("capture", line.name, "--out", tmp_path, "--seconds", "0.4", *words)
    assert result.code == 0, result.err
    assert "the values look like g (--unit acc=g)" in result.out


def test_what_is_captured_can_be_trained_on(tmp_path: Path) -> None:
    out = tmp_path / "logs"
    for seed, subject in enumerate("abcd"):
        for label in ("rest", "shake"):
            with Pty() as line:
                sent = (
                    np.round(movement(label, 1500, 52.0, seed) / 0.061).clip(-32768, 32767).astype(np.int16)
                )
                FrameBoard(line, sent[:, :3], 52.0, speed=25.0)
                words = ("--label", label, "--subject", subject, "--seconds", "0.3", "--json")
                assert entry(call("capture", line.name, "--out", out, *words))["samples"] > 300
    done = call("train", out, "--target", "mlc", "--device", "LSM6DSOX", "--out", tmp_path / "har", *QUICK)
    assert done.code == 0, done.err
    assert "rest" in done.out
    report = json.loads((tmp_path / "har" / "report.json").read_text())
    assert sorted(report["data"]["groups"]) == ["a", "b", "c", "d"]
    assert report["classifiers"][0]["held_out"]["decided"]["balanced_accuracy"] > 0.98
