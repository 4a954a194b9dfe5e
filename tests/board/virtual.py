"""The firmware with a virtual sensor behind its bus, in QEMU, at the far end of a serial line."""

from __future__ import annotations

import os
import select
import subprocess
import termios
import threading
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from sensorai.board.description import Channel, Description
from sensorai.board.firmware import sources, text
from sensorai.toolchain.arm import Image, build_elf
from sensorai.toolchain.compilers import find
from sensorai.toolchain.cpu import cpu

HERE = Path(__file__).parent
#: What happens to bytes on their way; None: nothing.
Change = Callable[[bytes], bytes] | None


@dataclass(frozen=True, slots=True)
class Sensor:
    """What the virtual sensor is and what it says. Facts as in the device tables, stated again on purpose."""

    name: str = "LSM6DSOX"
    ispu: bool = False
    who_am_i: int = 0x6C
    bank: int = 0x01
    status: int = 0x1E
    data: int = 0x28
    rate_hz: float = 0.0
    channels: tuple[Channel, ...] = tuple(Channel(f"acc_{axis}", "g", 6.1e-05) for axis in "xyz")
    samples: Sequence[Sequence[int]] = field(default=((1, 2, 3),))
    result: int = 0x70
    #: (after so many samples, bytes of the result registers)
    results: Sequence[tuple[int, Sequence[int]]] = ()
    result_bytes: int = 8
    stuck: tuple[int, int, int] = (0x100, 0, 0)
    stuck_page: int = -1

    @property
    def description(self) -> Description:
        """What the board will say of itself."""
        return Description(1, "mps2-an386", self.name, self.rate_hz, self.channels, {"note": "virtual"})

    def header(self) -> str:
        """C for ``virtual_sensor.c``."""
        says = self.description.text().replace("\n", "\\n")
        rows = [f"{{{', '.join(str(value) for value in row)}}}" for row in self.samples]
        results = [f"{{{', '.join(map(str, (after, *values)))}}}" for after, values in self.results]
        width = len(self.channels)
        numbers = {
            "KIND": 2 if self.ispu else 1,
            "WHO_AM_I": self.who_am_i,
            "BANK": self.bank,
            "STATUS": self.status,
            "DATA": self.data,
            "RATE_UHZ": f"{round(self.rate_hz * 1e6)}u",
            "CHANNELS": width,
            "SAMPLES": f"{len(rows)}u",
            "RESULT": self.result,
            "RESULT_BYTES": self.result_bytes,
            "RESULTS": f"{len(results)}u",
            "STUCK": self.stuck[0],
            "STUCK_BANK": self.stuck[1],
            "STUCK_VALUE": self.stuck[2],
            "STUCK_PAGE": f"({self.stuck_page})",
        }
        lines = [f"#define VIRTUAL_{name} {value}" for name, value in numbers.items()]
        lines.append(f'#define VIRTUAL_DESCRIPTION "{says}"')
        lines.append(f"static const int16_t virtual_samples[][{width}] = {{{', '.join(rows)}}};")
        empty = f"{{{', '.join(['0'] * (1 + self.result_bytes))}}}"
        lines.append(
            f"static const uint32_t virtual_results[][{1 + self.result_bytes}] = "
            f"{{{', '.join(results) or empty}}};"
        )
        return "\n".join([*lines, ""])


def build(sensor: Sensor, core: str = "cortex-m4") -> Image:
    """The firmware for QEMU's board, with the sensor behind its bus."""
    behind = {
        "virtual_sensor.c": (HERE / "virtual_sensor.c").read_text(),
        "virtual_lists.h": sensor.header(),
        "sa_board.h": text("sa_board.h"),
        "sa_frames.h": text("sa_frames.h"),
    }
    main = ("harness_main",)
    return build_elf(sources("main_mps2.c"), cpu(core), opt="-Os", keep=main, harness=behind)


class Line:
    """A pseudo terminal with something at its far end; bytes may be changed on the way."""

    def __init__(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        attributes = termios.tcgetattr(slave)
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        self.port = os.ttyname(slave)
        # kept open, so that the far end does not hang up when a program closes the port
        self._slave = slave
        self.to_board: Change = None
        self.to_host: Change = None
        self.cut_after: int | None = None

    def cut(self) -> None:
        """Pull the cable out: the port is gone for whoever holds it."""
        for end in (self.master, self._slave):
            with suppress(OSError):
                os.close(end)
        self.master = self._slave = -1


class Board(Line):
    """QEMU running an image, its UART on a pseudo terminal."""

    def __init__(self, image: Image, folder: Path, *, own_time: bool = False) -> None:
        super().__init__()
        kernel = folder / "image.elf"
        kernel.write_bytes(image.data)
        command = [str(find("qemu-system-arm")), "-M", image.cpu.machine, "-nographic", "-monitor", "none"]
        command += ["-chardev", "stdio,id=line,signal=off", "-serial", "chardev:line", "-kernel", str(kernel)]
        if own_time:
            # its time is that of its instructions: a busy host makes it slow, not late for its sensor
            command += ["-icount", "shift=5,align=on"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._stopping = False
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def _carry(self) -> None:
        """Carry bytes both ways until one end is gone."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        board_in, board_out = self.process.stdin.fileno(), self.process.stdout.fileno()
        carried = 0
        with suppress(OSError, ValueError):
            while not self._stopping:
                ready, _, _ = select.select([self.master, board_out], [], [], 0.1)
                if self.master in ready:
                    data = os.read(self.master, 4096)
                    carried += len(data)
                    os.write(board_in, self.to_board(data) if self.to_board else data)
                    if self.cut_after is not None and carried >= self.cut_after:
                        break
                if board_out in ready:
                    data = os.read(board_out, 65536)
                    if not data:
                        break
                    self._give(self.to_host(data) if self.to_host else data)
        if not self._stopping:
            self.cut()

    def _give(self, data: bytes) -> None:
        """Write to the host, a little at a time: a pseudo terminal throws away what does not fit."""
        while data and not self._stopping:
            _, ready, _ = select.select([], [self.master], [], 0.1)
            if ready:
                data = data[os.write(self.master, data[:512]) :]

    def kill(self) -> None:
        """End QEMU: the board has lost its power."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End everything."""
        self._stopping = True
        self._thread.join()
        self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()
        self.cut()


@contextmanager
def running(sensor: Sensor, core: str = "cortex-m4", *, own_time: bool = False) -> Iterator[Board]:
    """A board with this sensor, for the time of a ``with`` block."""
    with TemporaryDirectory(prefix="sensorai-") as name:
        board = Board(build(sensor, core), Path(name), own_time=own_time)
        try:
            yield board
        finally:
            board.stop()
