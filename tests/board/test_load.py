"""``sensorai load`` over a real serial line: the firmware in QEMU, a virtual sensor behind its bus."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

from sensorai.board import operations as on_board
from sensorai.board import session as session_module
from sensorai.board.line import Line as HostLine
from sensorai.board.ports import open_port
from sensorai.board.session import Session
from sensorai.ispu.conf import parse_conf
from sensorai.ispu.devices import device as ispu_device
from sensorai.ispu.loader import files, load
from sensorai.ispu.unload import unload
from sensorai.mlc.decode import Decoded, decode
from sensorai.mlc.encode import encode
from sensorai.mlc.regfile import read_register_file
from sensorai.regfile import RegisterFile, to_header, to_json, to_ucf
from tests.board.virtual import Board, Line, Sensor, running
from tests.cli.call import call, refused
from tests.ispu.make import program
from tests.mlc import worked
from tests.need import need

ISPU = Sensor("LSM6DSO16IS", ispu=True, who_am_i=0x22, result=0x10, result_bytes=4)


@pytest.fixture(scope="module", autouse=True)
def _tools() -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm")


@pytest.fixture(scope="module")
def lsm6dsox() -> Iterator[Board]:
    """One board for all tests that leave it alive; every load begins from whatever the last one left."""
    with running(Sensor()) as board:
        yield board


@pytest.fixture
def board(lsm6dsox: Board) -> Iterator[Board]:
    yield lsm6dsox
    lsm6dsox.to_board = lsm6dsox.to_host = None


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less patience, so that lost answers do not make the tests slow."""
    monkeypatch.setattr(session_module, "PATIENCE", 0.15)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A configuration of ours as UCF."""
    path = tmp_path / "own.ucf"
    path.write_text(to_ucf(encode(worked.config())))
    return path


@contextmanager
def session(port: str) -> Iterator[Session]:
    with HostLine(open_port(port), pace=0.0) as line:
        yield Session(line)


def read_bytes(asked: Session, *steps: on_board.Operation) -> bytes:
    outcome = asked.operate(b"".join(step.coded() for step in steps), 0.0)
    assert outcome.status == 0
    return outcome.read


def registers(board: Board, bank: int, page: int, addresses: Mapping[int, int]) -> dict[int, int]:
    """Registers of a page as the sensor has them."""
    with session(board.port) as asked:
        found = {}
        for address in addresses:
            read = on_board.Read(address, 1)
            (found[address],) = read_bytes(asked, on_board.Write(bank, page), read, on_board.Write(bank, 0))
        return found


def pages(board: Board, bank: int, addresses: Mapping[int, int], *, tree: bool = False) -> dict[int, int]:
    """Bytes of page memory or tree memory, through the sensor's own page access."""
    with session(board.port) as asked:
        found = {}
        for address in addresses:
            where = [(bank, 0x80), (0x17, 0x20), (0x02, address >> 8 << 4 | (9 if tree else 1))]
            steps = [on_board.Write(*one) for one in (*where, (0x08, address & 0xFF))]
            back = [on_board.Write(0x17, 0), on_board.Write(bank, 0)]
            (found[address],) = read_bytes(asked, *steps, on_board.Read(0x09, 1), *back)
        return found


def memory(board: Board, begin: int, end: int, select: int) -> bytes:
    """Bytes of an ISPU memory, address by address."""
    out = b""
    with session(board.port) as asked:
        read_bytes(asked, on_board.Write(0x01, 0x80), on_board.Write(0x02, 0x02))
        for at in range(begin, end):
            where = [(0x08, 0x40 | select), (0x09, at >> 8), (0x0A, at & 0xFF)]
            out += read_bytes(asked, *(on_board.Write(*one) for one in where), on_board.ReadPort(0x0B, 2))[1:]
        read_bytes(asked, on_board.Write(0x02, 0x01), on_board.Write(0x01, 0x00))
    return out


def check_mlc(board: Board, decoded: Decoded) -> None:
    """The sensor holds what `decode` reads from the file."""
    bank = decoded.device.registers.bank
    assert len(decoded.pages) + len(decoded.tree_ram) > 40
    assert pages(board, bank, decoded.pages) == dict(decoded.pages)
    assert pages(board, bank, decoded.tree_ram, tree=True) == dict(decoded.tree_ram)
    assert registers(board, bank, 0, decoded.user) == dict(decoded.user)
    settings = {at: value for at, value in decoded.embedded.items() if at in (0x04, 0x05, 0x0D, 0x60, 0x3A)}
    assert registers(board, bank, 0x80, settings) == settings


# ---------------------------------------------------------------- what is loaded is what the file says


@pytest.mark.parametrize(
    ("sensor", "file"),
    [
        (
            Sensor(),
            "STMems_Machine_Learning_Core/configuration_examples/example_0_profi_unico_weka/"
            "4_LSM6DSOX_configuration.ucf",
        ),
        (Sensor("ISM330DHCX", who_am_i=0x6B), "A2"),
        (Sensor("LSM6DSV16X", who_am_i=0x70, result_bytes=4), "B"),
        (Sensor("LIS2DUX12", who_am_i=0x47, bank=0x3F, status=0x25, result=0x34, result_bytes=4), "C"),
    ],
    ids=["A", "A2", "B", "C"],
)
def test_published_configurations(shared: Path, sensor: Sensor, file: str) -> None:
    folder = shared / "data" / "mlc-reference"
    path = folder / file if "/" in file else published(folder, sensor.name)
    with running(sensor) as board:
        done = call("load", board.port, path)
        assert done.code == 0, done.err
        assert f"loaded into {sensor.name} on mps2-an386" in done.out
        check_mlc(board, decode(read_register_file(path)))
    if sensor.name == "ISM330DHCX":
        assert "not read back: tree memory" in done.err
    else:
        assert done.err == ""


def published(folder: Path, device: str) -> Path:
    """The first JSON file for a device, by name."""
    for path in sorted(folder.glob("st-mems-machine-learning-core/examples/**/*.json")):
        if device.lower() in path.name.lower():
            return path
    raise AssertionError(device)


@pytest.mark.parametrize("syntax", ["ucf", "json", "h"])
def test_own_configuration(board: Board, tmp_path: Path, syntax: str) -> None:
    rf = encode(worked.config())
    text = {"ucf": to_ucf(rf), "json": to_json(rf), "h": to_header(rf, "own")}[syntax]
    path = tmp_path / f"own.{syntax}"
    path.write_text(text)
    before = call("load", board.port, published_by_hand(tmp_path))
    assert before.code == 0
    done = call("load", board.port, path, "--json")
    assert done.code == 0, done.err
    assert '"names": [\n    "LSM6DSOX"' in done.out
    check_mlc(board, decode(read_register_file(path)))


def published_by_hand(folder: Path) -> Path:
    """A configuration typed from the reference's tables, to be replaced by the one under test."""
    path = folder / "typed.ucf"
    lines = [f"Ac {register:02X} {value:02X}" for register, value in worked.writes()]
    path.write_text("\n".join(["-- Machine Learning Core Tool v9.8.1.0, LSM6DSOX", *lines, ""]))
    return path


def test_code_of_the_smallest_core(own: Path) -> None:
    """An M0+ has fewer instructions; QEMU runs its code on an M3."""
    with running(Sensor(), "cortex-m0plus") as board:
        assert call("load", board.port, own).code == 0
        check_mlc(board, decode(read_register_file(own)))


def ispu_file(folder: Path, code: int = 0x100) -> tuple[Path, RegisterFile]:
    device = ispu_device("LSM6DSO16IS")
    conf = parse_conf(
        "acc_odr 26\nacc_fs 8\nispu_irq_rate 26\nispu_int1 enable\nalgo 0 enable\nalgo_int1 0 enable", device
    )
    rf = load(program(device, code), conf, device)
    path = folder / "program.json"
    path.write_bytes(files(rf, "program")["program.json"])
    return path, rf


def test_ispu_program_over_a_bank_of_code_memory(tmp_path: Path) -> None:
    path, rf = ispu_file(tmp_path, 0x2400)
    with running(ISPU) as board:
        done = call("load", board.port, path)
        assert done.code == 0, done.err
        assert "loaded into ISM330IS / LSM6DSO16IS" in done.out
        data, code = (one.data for one in unload(rf).image.segments)
        assert memory(board, 0, len(data), 0) == data
        assert memory(board, 0x1F80, 0x2080, 1) == code[0x1F80:0x2080]
        assert registers(board, 0x01, 0x80, {0x50: 0, 0x70: 0}) == {0x50: 1, 0x70: 1}


# ---------------------------------------------------------------- what the sensor does not take


def test_a_register_that_does_not_take_its_value(own: Path) -> None:
    with running(Sensor(stuck=(0x10, 0, 0x27))) as board:
        done = call("load", board.port, own)
    assert done.code == 3
    line = 1 + [text.startswith("Ac 10 2") for text in own.read_text().splitlines()].index(True)
    assert "register 10h reads 27h, the file has 20h" in done.err
    assert f"own.ucf:{line}" in done.err


def test_a_page_byte_that_does_not_take_its_value(own: Path) -> None:
    with running(Sensor(stuck_page=0x343)) as board:
        done = call("load", board.port, own)
        assert done.code == 3
        assert "page address 343h reads 00h, the file has 0Ch" in done.err
        assert "own.ucf:" in done.err
        # it stopped before the core was switched on, and without reading back nothing is noticed
        assert registers(board, 0x01, 0x80, {0x05: 0}) == {0x05: 0}
        blind = call("load", board.port, own, "--no-read-back")
        assert blind.code == 0
        assert "nothing was read back" in blind.out


def test_an_ispu_byte_that_does_not_take_its_value(tmp_path: Path) -> None:
    path, _ = ispu_file(tmp_path)
    with running(replace(ISPU, stuck=(0x70, 0x80, 0x55))) as board:
        done = call("load", board.port, path)
    assert done.code == 3
    assert "register 70h reads 55h, the file has 01h" in done.err
    assert "program.json:" in done.err


def test_another_sensor(own: Path) -> None:
    with running(Sensor("LSM6DSV16X", who_am_i=0x70)) as board:
        text = refused(call("load", board.port, own), "is for LSM6DSOX (WHO_AM_I 6Ch)", "the sensor says 70h")
        assert "70h is LSM6DSV16X, LSM6DSV32X" in text
        # nothing but the bank register was written
        assert registers(board, 0x01, 0, {0x10: 0, 0x12: 0}) == {0x10: 0, 0x12: 0}


def test_a_sibling_with_the_same_identity_is_said_aloud(own: Path) -> None:
    with running(Sensor("LSM6DSO32X")) as board:
        done = call("load", board.port, own)
    assert done.code == 0
    assert "the board calls its sensor LSM6DSO32X, the file is for LSM6DSOX" in done.err


def test_a_file_that_does_not_say_its_device(board: Board, tmp_path: Path) -> None:
    path = tmp_path / "bare.ucf"
    path.write_text("Ac 10 20\nAc 11 00\n")
    refused(call("load", board.port, path), "does not say which sensor", "--device")
    assert call("load", board.port, path, "--device", "lsm6dsox").code == 0
    refused(call("load", board.port, path, "--device", "lsm6"), "not unique")


def test_a_poll_that_never_comes_true(board: Board, tmp_path: Path) -> None:
    path = tmp_path / "poll.json"
    rf = encode(worked.config())
    text = to_json(rf).replace(
        '"configuration": [',
        '"configuration": [{ "type": "poll_set", "address": "0x33", "data": "0x04" },',
        1,
    )
    path.write_text(text)
    refused(call("load", board.port, path), "register 33h stays 00h instead of 04h for 1000 ms", "poll.json:")


# ---------------------------------------------------------------- the line


def broken(seed: int, every: int, how: str) -> Callable[[bytes], bytes]:
    """Change or drop one byte in about `every`."""
    rng = random.Random(seed)

    def change(data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            hit = rng.randrange(every) == 0
            if not hit:
                out.append(byte)
            elif how == "noise":
                out.append(byte ^ rng.randrange(1, 256))
        return bytes(out)

    return change


@pytest.mark.parametrize("how", ["noise", "drop"])
@pytest.mark.usefixtures("hurry")
def test_a_line_with_some_noise_is_no_harm(board: Board, own: Path, how: str) -> None:
    board.to_board = broken(1, 900, how)
    board.to_host = broken(2, 60, how)
    done = call("load", board.port, own)
    board.to_board = board.to_host = None
    assert done.code == 0, done.err
    assert "the line is not clean" in done.err
    # requests were sent again, and executed once
    check_mlc(board, decode(read_register_file(own)))


@pytest.mark.parametrize("how", ["noise", "drop"])
@pytest.mark.usefixtures("hurry")
def test_a_line_with_much_noise(board: Board, own: Path, how: str) -> None:
    board.to_host = broken(3, 14, how)
    text = refused(call("load", board.port, own))
    assert "too noisy" in text or "makes no sense" in text


@pytest.mark.usefixtures("hurry")
def test_the_wrong_baud_rate(board: Board, own: Path) -> None:
    def garbled(data: bytes) -> bytes:
        return bytes((byte * 37 & 0xE0 | 0x06) for byte in data for _ in range(2))

    board.to_host = garbled
    text = refused(call("load", board.port, own, "--baud", "9600"), "makes no sense", "no whole frame")
    assert "--baud" in text


@pytest.mark.usefixtures("hurry")
def test_a_board_that_never_answers(own: Path) -> None:
    line = Line()
    refused(call("load", line.port, own), f"the board on {line.port} does not answer", "--baud")
    line.cut()


@pytest.mark.usefixtures("hurry")
def test_a_program_that_sends_text(own: Path) -> None:
    line = Line()
    ended = threading.Event()

    def talk() -> None:
        while not ended.wait(0.02):
            os.write(line.master, b"acc 0.1 0.2 0.98\r\n")

    talking = threading.Thread(target=talk)
    talking.start()
    refused(call("load", line.port, own), "makes no sense", "is it the sensorai firmware")
    ended.set()
    talking.join()
    line.cut()


def test_the_cable_is_cut(own: Path) -> None:
    with running(Sensor()) as board:
        board.cut_after = 400
        refused(call("load", board.port, own), "went away", "after", "half loaded")


@pytest.mark.usefixtures("hurry")
def test_the_board_loses_its_power(own: Path) -> None:
    with running(Sensor()) as board:
        seen = 0

        def until(data: bytes) -> bytes:
            nonlocal seen
            seen += len(data)
            return data if seen < 400 else b""

        board.to_board = until
        refused(call("load", board.port, own), "answers no more", "operations", "half loaded")


def test_qemu_is_killed(own: Path) -> None:
    with running(Sensor()) as board:
        killer = threading.Timer(0.4, board.kill)
        killer.start()
        while (done := call("load", board.port, own)).code == 0:
            time.sleep(0.01)
        killer.join()
    refused(done)


def test_interrupted_by_the_user(board: Board, own: Path) -> None:
    real, calls = Session.operate, 0

    def operate(self: Session, operations: bytes, wait_s: float) -> on_board.Outcome:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return real(self, operations, wait_s)

    with mock.patch.object(Session, "operate", operate):
        done = call("load", board.port, own)
    assert done.code == 130
    assert done.out == ""
    assert "interrupted after" in done.err
    assert "half loaded" in done.err


def test_a_board_that_is_still_sending(own: Path) -> None:
    """Whoever recorded before was killed: data come all the time, and a lot of them."""
    with running(Sensor(samples=[(1, 2, 3)] * 4000, rate_hz=1600.0)) as board:
        with session(board.port) as asked:
            asked.start()
        done = call("load", board.port, own)
        assert done.code == 0, done.err
        check_mlc(board, decode(read_register_file(own)))


def test_no_such_port(own: Path) -> None:
    refused(call("load", "/dev/ttyNOWHERE7", own), "there is no port /dev/ttyNOWHERE7")


def test_no_permission(own: Path) -> None:
    line = Line()
    real = os.open

    def forbidden(path: str, *rest: int) -> int:
        if path == line.port:
            raise PermissionError(13, "Permission denied", path)
        return real(path, *rest)

    with mock.patch("os.open", forbidden):
        refused(call("load", line.port, own), "no permission", "dialout")
    line.cut()


def test_no_serial_port(own: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    refused(call("load", file, own), "no serial port")


def test_what_is_no_register_file(tmp_path: Path) -> None:
    path = tmp_path / "x.ucf"
    path.write_text("hello\n")
    refused(call("load", "/dev/null", path))
    refused(call("load", "/dev/null", tmp_path), "no register file")
    refused(call("load", "/dev/null", tmp_path / "gone.json"), "gone.json")
