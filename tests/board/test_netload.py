"""``load`` of nets: the firmware in QEMU on a pseudo terminal takes another one, and computes with it."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pytest

from sensorai.board import operations as on_board
from sensorai.board.firmware import net_sources, sources
from sensorai.board.line import Line
from sensorai.board.ports import open_port
from sensorai.board.session import Session
from sensorai.toolchain.arm import Image, build_elf
from sensorai.toolchain.cpu import cpu
from tests.board.virtual import Board, Sensor, running
from tests.cli.call import call, refused
from tests.need import need
from tests.nets.updates import SHAPE, forged, graph_of, integer, outputs, project

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two nets of one form, and one of another."""
    folder = tmp_path_factory.mktemp("nets")
    return [integer(folder / f"net{k}.onnx", k, 4 if k == 2 else 3) for k in range(3)]


def image(path: Path) -> Image:
    """The firmware with a net of a file."""
    everything = {**sources("main_mps2.c"), **project(path).sources(), **net_sources()}
    everything["net_board.c"] = (HERE / "net_board.c").read_text()
    return build_elf(everything, cpu("cortex-m4"), opt="-Os", keep=("harness_main", "board_configure"))


@contextmanager
def board_of(path: Path) -> Iterator[Board]:
    """A board that runs it."""
    with TemporaryDirectory(prefix="sensorai-") as name:
        board = Board(image(path), Path(name))
        try:
            yield board
        finally:
            board.stop()


def computed(board: Board, x: npt.NDArray[np.float32], size: int) -> bytes:
    """What the net on the board gives."""
    with Line(open_port(board.port), pace=0.0) as line:
        asked = Session(line)
        asked.describe()
        steps: list[on_board.Operation] = [
            on_board.Write(0x42, 0),
            on_board.WritePort(0x40, x.tobytes()),
            on_board.Write(0x43, 1),
        ]
        steps += [on_board.Write(0x42, 0), on_board.ReadPort(0x41, size)]
        return asked.operate(b"".join(step.coded() for step in steps), 0.0).read


def test_a_board_gets_another_net(files: list[Path], tmp_path: Path) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm")
    x = np.random.default_rng(3).normal(0, 1, SHAPE).astype(np.float32)
    wanted = [outputs(graph_of(path), [x])[0] for path in files]
    blobs = [one.packed() for k in range(3) if (one := project(files[k], k + 1).blob)]
    at = [tmp_path / f"net{k}.blob" for k in range(3)]
    for path, data in zip(at, blobs, strict=True):
        path.write_bytes(data)
    with board_of(files[0]) as board:
        size = len(wanted[0])
        assert computed(board, x, size) == wanted[0]
        refused(call("load", board.port, at[2]), "is for another program", "--update DIR")
        (tmp_path / "big.blob").write_bytes(forged(blobs[1], {28: struct.pack("<I", 9)}))
        refused(call("load", board.port, tmp_path / "big.blob"), "9 bytes of working memory", "0")
        # the first piece is damaged on its way: it comes again
        noise = iter([0, 0, 0, 1] + [0] * 1000)
        board.to_board = lambda data: data[:40] + b"\x55" + data[41:] if next(noise) else data
        done = call("load", board.port, at[1], "--json")
        board.to_board = None
        assert done.code == 0, done.err
        said = json.loads(done.out)
        assert (said["version"], said["before"], said["sent"], said["kept"]) == (2, None, len(blobs[1]), 0)
        assert said["repeated"] > 0
        assert computed(board, x, size) == wanted[1]
        done = call("load", board.port, at[1])
        assert "in use on mps2-an386 already" in done.out
        # a session that ends in the middle: what came need not come again
        with Line(open_port(board.port), pace=0.0) as line:
            asked = Session(line)
            asked.describe()
            data, other = blobs[0], forged(blobs[0], {16: struct.pack("<I", 9)})
            asked.net_load(b"\1" + struct.pack("<I", len(data)) + other[:96], 5.0)
            asked.net_load(b"\2" + struct.pack("<I", 0) + other[:100])
            # of another blob with the same numbers nothing is kept
            again = asked.net_load(b"\1" + struct.pack("<I", len(data)) + other[:96])
            assert again.payload[1:5] == b"\x64\0\0\0"
            told = asked.net_load(b"\1" + struct.pack("<I", len(data)) + data[:96], 5.0)
            assert told.payload == bytes(5)
            asked.net_load(b"\2" + struct.pack("<I", 0) + data[:200])
        assert computed(board, x, size) == wanted[1]
        done = call("load", board.port, at[0])
        assert done.code == 0, done.err
        assert f"in place of version 2; {len(data) - 200} bytes sent, 200 had come before" in done.out
        assert computed(board, x, size) == wanted[0]
        refused(
            call("load", board.port, at[0], "--device", "lsm6dsox"), "--device is for register files", "drop"
        )
    with running(Sensor()) as board:
        refused(call("load", board.port, at[0]), "no net that can be replaced", "sa_netload.h")
    (tmp_path / "bad.blob").write_bytes(blobs[0][:-1])
    refused(call("load", "/dev/null", tmp_path / "bad.blob"), "damaged", "")
