"""``sensorai monitor`` with a board made of Python: classes, times, faults, and logs that validate reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorai.board import connect, recorder
from sensorai.board import monitor as monitoring
from sensorai.board.description import Channel, Description
from sensorai.board.watched import Register, Watched, read_watched, scaled
from sensorai.formats import read_log
from sensorai.mlc.config import SensorSetting
from sensorai.mlc.encode import encode
from sensorai.regfile import to_json, to_ucf
from tests.board.fakeboard import FrameBoard, Pty, TextBoard, counts, text_lines
from tests.cli.call import Outcome, call, refused
from tests.ispu import stub
from tests.ispu.make import elf, pattern
from tests.mlc import worked

FACE_UP, FACE_DOWN, SHAKING = 0, 4, 8


@pytest.fixture
def line() -> Iterator[Pty]:
    with Pty() as found:
        yield found


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "WAIT_S", 1.0)
    monkeypatch.setattr(recorder, "GIVE_UP_S", 1.0)
    monkeypatch.setattr(monitoring, "SILENT_S", 0.3)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The worked example as a register file."""
    path = tmp_path_factory.mktemp("own") / "own.json"
    path.write_text(to_json(encode(worked.config())))
    return path


def board(line: Pty, **more: Any) -> FrameBoard:
    """26 Hz on the board's clock, twenty times as fast on ours."""
    codes = more.pop("codes", {0: 0, 100: SHAKING, 200: FACE_DOWN, 250: 0x0C})
    return FrameBoard(line, counts(4000, 3), 26.0, codes=codes, speed=20.0, per_frame=3, **more)


def result(outcome: Outcome) -> dict[str, Any]:
    assert outcome.code == 0, outcome.err
    (one,) = json.loads(outcome.out)["results"]
    assert isinstance(one, dict)
    return one


def test_classes_by_name_with_counts_and_times(line: Pty, own: Path, tmp_path: Path) -> None:
    virtual = board(line)
    done = call("monitor", line.name, "--config", own, "--record", tmp_path, "--seconds", "0.8", "--json")
    one = result(done)
    assert virtual.watched is not None
    assert one["register"] == "MLC0_SRC"
    assert one["now"] == "code 12"
    found = {c["name"]: (c["code"], c["entered"], round(c["seconds"], 1)) for c in one["classes"]}
    assert found["face_up"] == (0, 1, round(100 / 26, 1))
    assert found["shaking"] == (8, 1, round(100 / 26, 1))
    assert found["face_down"] == (4, 1, round(50 / 26, 1))
    assert found["code 12"][:2] == (12, 1)
    (recording,) = read_log(next(tmp_path.glob("*.csv")))
    said = recording.samples[:, recording.column("MLC0_SRC")]
    assert said.tolist() == [virtual._code(i) for i in range(len(said))]
    assert len(said) > 300


def test_without_recording_registers_are_polled(line: Pty, own: Path) -> None:
    virtual = board(line)
    done = call("monitor", line.name, "--config", own, "--seconds", "0.8")
    assert done.code == 0, done.err
    assert "result: shaking (8)" in done.out
    assert "result: code 12 (12)" in done.out
    requests = [m for m in virtual.heard if type(m).__name__ in ("Start", "Watch")]
    assert [type(m).__name__ for m in requests] == ["Watch", "Watch"]
    assert requests[0].entries == ((0x80, 0x70, 1),)  # type: ignore[union-attr]
    assert requests[0].bank == 1  # type: ignore[union-attr]
    # at the end the board is told to stop
    assert requests[1].entries == ()  # type: ignore[union-attr]


def test_validate_names_the_first_divergence(line: Pty, own: Path, tmp_path: Path) -> None:
    # what the fake board says has nothing to do with its samples
    board(line)
    call("monitor", line.name, "--config", own, "--record", tmp_path, "--seconds", "0.8", "--json")
    done = call("validate", own, tmp_path)
    assert done.code == 3
    assert "MLC0_SRC of the sensor is" in done.err
    assert "windows of the sensor begin at sample" in done.out.replace("\n", " ")


def test_results_that_get_lost_are_counted(line: Pty, own: Path) -> None:
    virtual = board(line)
    dropped = 0
    send = virtual._send

    def lossy(message: Any) -> bool:
        nonlocal dropped
        if type(message).__name__ == "Result" and message.sequence in (1, 2, 4):
            dropped += 1
            return True
        return send(message)

    virtual._send = lossy  # type: ignore[method-assign]
    done = call("monitor", line.name, "--config", own, "--seconds", "0.6", "--json")
    assert json.loads(done.out)["lost"] == dropped == 3


def test_a_cut_cable_keeps_what_came(line: Pty, own: Path, tmp_path: Path) -> None:
    board(line, cut_at=60)
    done = call("monitor", line.name, "--config", own, "--record", tmp_path)
    assert done.code == 2
    (recording,) = read_log(next(tmp_path.glob("*.csv")))
    assert len(recording) == 180
    assert "180 samples are in" in done.err


def test_a_board_of_text_lines_is_refused(line: Pty, own: Path) -> None:
    TextBoard(line, text_lines(counts(3000, 3)), 1000)
    refused(call("monitor", line.name, "--config", own), "only the sensorai firmware", "firmware")


def test_a_silent_board(line: Pty, own: Path) -> None:
    refused(call("monitor", line.name, "--config", own), "nothing came from")


def test_a_board_without_results(line: Pty, own: Path) -> None:
    virtual = board(line)
    virtual._poll = lambda: None  # type: ignore[method-assign]
    done = call("monitor", line.name, "--config", own)
    assert done.code == 2
    assert "sends no results" in done.err
    assert "sensorai load" in done.err


def test_a_board_with_no_samples(line: Pty, own: Path, tmp_path: Path) -> None:
    virtual = board(line)
    virtual.samples = virtual.samples[:0]
    done = call("monitor", line.name, "--config", own, "--record", tmp_path, "--seconds", "0.3")
    assert done.code == 2
    assert "no sample came" in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_sensor_that_does_not_answer(line: Pty, own: Path) -> None:
    board(line, status=3)
    assert "cannot watch" in call("monitor", line.name, "--config", own).err


def test_another_sensor_than_the_file_is_for(line: Pty, own: Path) -> None:
    board(line, sensor="LSM6DSV16X")
    done = call("monitor", line.name, "--config", own, "--seconds", "0.3", "--json")
    (note,) = json.loads(done.out)["notes"]
    assert "is for LSM6DSOX" in note
    assert "LSM6DSV16X" in note


def test_files_that_name_no_results(line: Pty, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("acc_x[g]\n1\n")
    refused(call("monitor", line.name, "--config", log), "log.csv")
    refused(call("monitor", line.name, "--config", tmp_path / "none.json"), "none.json")


def test_labels_of_every_syntax(tmp_path: Path) -> None:
    for name, text in (
        ("a.json", to_json(encode(worked.config()))),
        ("a.ucf", to_ucf(encode(worked.config()))),
    ):
        (tmp_path / name).write_text(text)
        watched = read_watched(tmp_path / name)
        assert (watched.core, watched.bank, watched.page, watched.rate_hz) == ("MLC", 1, 0x80, 26.0)
        (register,) = watched.registers
        assert (register.name, register.address) == ("MLC0_SRC", 0x70)
        words = [register.word(c) for c in (0, 4, 8, 9)]
        assert words == ["face_up", "face_down", "shaking", "code 9"]


def test_neighbouring_registers_are_read_together() -> None:
    def at(*addresses: int) -> list[tuple[int, int, int]]:
        registers = tuple(Register(f"R{a}", a, "", {}) for a in addresses)
        return Watched("X", "MLC", 1, 0x80, registers, {}, None).entries()

    assert at(0x70, 0x71, 0x72) == [(0x80, 0x70, 3)]
    assert at(0x10, 0x30, 0x11) == [(0x80, 0x10, 2), (0x80, 0x30, 1)]
    assert at(*range(0x10, 0x22)) == [(0x80, 0x10, 16), (0x80, 0x20, 2)]


def test_the_full_scale_of_the_register_file_wins() -> None:
    channels = (Channel("acc_x", "g", 6.1e-05), Channel("gyr_x", "dps", 0.0175), Channel("temp", "C", 0.01))
    description = Description(1, "b", "s", 26.0, channels)
    watched = Watched("X", "MLC", 1, 0x80, (), {"acc": 8.0, "gyro": 500.0}, 26.0)
    changed, notes = scaled(description, watched)
    assert [c.scale for c in changed.channels] == [pytest.approx(2.44e-4), 0.0175, 0.01]
    (note,) = notes
    assert "full scale of 8 g" in note
    assert "4 times" in note
    same, none = scaled(description, replace(watched, full_scales={"acc": 2.0, "gyro": 500.0}))
    assert (same, none) == (description, [])
    milli = replace(description, channels=(Channel("acc_x", "mg", 0.061),))
    assert scaled(milli, watched)[0].channels[0].scale == pytest.approx(0.244)


def test_a_recording_has_the_scale_of_the_register_file(line: Pty, tmp_path: Path) -> None:
    path = tmp_path / "own.ucf"
    four = {"acc": SensorSetting(26.0, 4.0), "gyro": SensorSetting(0.0, 250.0)}
    path.write_text(to_ucf(encode(replace(worked.config(), settings=four))))
    virtual = board(line)
    done = call("monitor", line.name, "--config", path, "--record", tmp_path / "r", "--seconds", "0.3")
    assert "full scale of 4 g" in done.out.replace("\n", " ")
    (recording,) = read_log(next((tmp_path / "r").glob("*.csv")))
    assert np.array_equal(np.round(recording.samples[:, :3] / 0.000122), virtual.samples[: len(recording)])


def test_an_ispu_program(line: Pty, tmp_path: Path) -> None:
    folder = tmp_path / "stub"
    folder.mkdir()
    for name, text in stub.files(stub.app()).items():
        (folder / name).write_text(text)
    (folder / "given.elf").write_bytes(elf([(0, pattern(96)), (0x10000, pattern(0x2100))], [(96, 900)]))
    refused(call("monitor", line.name, "--config", folder), "no register file yet")
    assert call("build", folder, "--program", folder / "given.elf").code == 0
    virtual = board(line, codes={0: 255, 60: 1, 120: 0}, sensor="LSM6DSO16IS")
    done = call(
        "monitor", line.name, "--config", folder, "--record", tmp_path / "r", "--seconds", "0.5", "--json"
    )
    assert done.code == 0, done.err
    assert virtual.watched is not None
    decision, answer = json.loads(done.out)["results"]
    assert (decision["register"], answer["register"]) == ("ISPU_DOUT_00_L", "ISPU_DOUT_00_H")
    classes = stub.app().classes
    assert [c["name"] for c in decision["classes"]] == [classes[0], classes[1], "none"]
    (recording,) = read_log(next((tmp_path / "r").glob("*.csv")))
    said = recording.samples[:, recording.column("ISPU_DOUT_00_L")]
    assert said[:121].tolist() == [255] * 60 + [1] * 60 + [0]
