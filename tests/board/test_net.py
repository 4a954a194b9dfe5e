"""A net on a board: the emitted firmware in QEMU, the verb on the other end of the line."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from sensorai.board import session
from sensorai.board.frames import Decoder
from sensorai.board.messages import NetRead, NetRestart, NetRun, NetWrite, Reply, parse
from sensorai.board.netfirmware import LIBRARY, net_project
from sensorai.files import write_folder
from sensorai.nets import validating
from sensorai.nets.description import read_description
from sensorai.toolchain.arm import Image, build_elf
from sensorai.toolchain.compilers import find
from sensorai.toolchain.cpu import cpu
from tests.board.virtual import Board
from tests.cli.call import call, refused
from tests.need import need
from tests.nets.models import two
from tests.nets.test_streaming import conv


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """QEMU may take seconds to begin where others work, too."""
    monkeypatch.setattr(session, "PATIENCE", 2.0)


def generated(folder: Path, model: Path, *more: str) -> Path:
    words = ("generate", model, "--target", "stm32", "--device", "STM32F411RE", "--name", "small")
    done = call(*words, "--out", folder, *more)
    assert done.code == 0, done.err
    return folder


def image(project: Path, **changed: tuple[str, str]) -> Image:
    """The firmware for QEMU; ``changed``: a text of a file, by its name without the ending, and another."""
    files = {n: c.decode() for n, c in net_project(read_description(project)).items()}
    for stem, (old, new) in changed.items():
        assert files[f"{stem}.c"].count(old) == 1
        files[f"{stem}.c"] = files[f"{stem}.c"].replace(old, new)
    own = {n: t for n, t in files.items() if n not in ("main_net.c", "mps2_reset.c")}
    # start-up is the same, and with it the main is the harness
    harness = {"mps2.c": own.pop("main_net_mps2.c")}
    headers = {n: t for n, t in own.items() if n.endswith(".h")}
    code = {n: t for n, t in own.items() if n.endswith((".c", ".h"))}
    return build_elf(code, cpu("cortex-m4"), keep=("harness_main",), harness={**harness, **headers})


def test_messages_go_both_ways() -> None:
    for message in (NetRestart(7), NetWrite(8, 70000, b"\0\1"), NetRun(9), NetRead(10, 1 << 20, 200)):
        assert parse(message.kind, message.body()) == message
    assert parse(NetRead.kind, b"\1\2") is None
    assert parse(NetWrite.kind, b"\1\2") is None


def test_columns_on_a_board_whose_answers_get_lost(tmp_path: Path) -> None:
    """A call whose reply is lost is not made twice: states would be those of a later one."""
    need("arm-none-eabi-gcc", "qemu-system-arm", "gcc")
    project = generated(tmp_path / "p", conv(tmp_path / "c.onnx"), "--stream", "10")
    lost: list[int] = []
    decoder = Decoder()

    def change(data: bytes) -> bytes:
        for message in decoder.feed(data):
            if isinstance(message, Reply) and len(message.payload) == 5:
                lost.append(message.id)
                if len(lost) == 2:
                    return b""
        return data

    board = Board(image(project), tmp_path)
    board.to_host = change
    try:
        done = call("validate", project, "--on", "host", "--on", "board", "--port", board.port, "--json")
    finally:
        board.stop()
    assert done.code == 0, done.err
    assert len(lost) > len(set(lost))
    level = json.loads(done.out)["levels"][-1]
    assert level["level"].startswith("C on the board at")
    assert level["calls"] == 4
    assert 0 < level["cycles"]["min"] <= level["cycles"]["mean"] <= level["cycles"]["max"]
    assert level["milliseconds"] == pytest.approx(level["cycles"]["mean"] / 25e6 * 1e3)


def test_a_board_that_computes_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm", "gcc")
    apart = ("--no-allocate-inputs", "--no-allocate-outputs")
    project = generated(tmp_path / "p", two(tmp_path / "two.onnx"), *apart)
    monkeypatch.setattr(validating, "run_all", lambda *_: [])
    run = "small_run(&context, in_1, in_2, out_1, out_2, out_3)"
    after = f"const int done = {run};\n    out_2[3] = 7.0F;\n    return done"
    wrong = (f"return {run}", after)
    board = Board(image(project, board_net=wrong), tmp_path)
    try:
        words = ("validate", project, "--on", "board", "--port", board.port)
        done = call(*words, "--model", tmp_path / "two.onnx")
        assert done.code == 3, done.err
        assert "call 0, z[3] is 7.0 where" in done.err
        assert "no layer of this C on this machine" in done.out
        (project / "small.c").write_text((project / "small.c").read_text() + "/* another */\n")
        refused(call(*words), "runs the net small of another project", "firmware --net")
    finally:
        board.stop()
    refused(call("validate", tmp_path / "two.onnx", "--on", "board", "--port", "x"), "is for a project")
    refused(call("validate", project, "--on", "board"), "--port")
    refused(call("validate", project, "--port", "x"), "--on board")


def test_the_folder_builds_and_other_cores_do(tmp_path: Path) -> None:
    need("make", "arm-none-eabi-gcc")
    project = generated(tmp_path / "p", two(tmp_path / "two.onnx"), "--allocate-inputs", "--allocate-outputs")
    done = call("firmware", "--net", project, "--out", tmp_path / "fw")
    assert done.code == 0, done.err
    subprocess.run(["make", "-s"], cwd=tmp_path / "fw", check=True, capture_output=True)
    files = {n: c.decode() for n, c in net_project(read_description(project)).items()}
    mains = {n: t for n, t in files.items() if n in (*LIBRARY, "main_net.c", "board_net.c") or ".h" in n}
    for core in ("cortex-m0plus", "cortex-m33"):
        code = mains | {n: t for n, t in files.items() if n.startswith("small")}
        build_elf(code, cpu(core), keep=("main",))
    write_folder(tmp_path / "again", {n: t.encode() for n, t in files.items()})
    assert find("arm-none-eabi-gcc")
    stai = generated(tmp_path / "s", two(tmp_path / "two.onnx"), "--api", "stai")
    refused(call("firmware", "--net", stai, "--out", tmp_path / "no"), "native interface")
