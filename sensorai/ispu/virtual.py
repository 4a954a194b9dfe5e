"""A virtual ISPU: the project's own C on this machine, with a register block and the core's call order.

What agrees here is everything that C defines. Stack, code size and time on the real core are *not
measured here*: only ST's compiler and a sensor can tell them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from sensorai.errors import ConfigError, DataError, InternalError
from sensorai.ispu.conf import Configuration, parse_conf
from sensorai.ispu.project import NONE, App, host_file, read_index
from sensorai.toolchain.host import STRICT, HostLibrary, build_shared

#: Flags of the host build. Registers of several widths share memory, so types may alias.
FLAGS = (*STRICT, "-fno-strict-aliasing", "-DISPU_HOST")


@dataclass(frozen=True, slots=True)
class IspuTrace:
    """What a host would read after every sample.

    Attributes
    ----------
    decided, answer : uint8 array, (samples,)
        Class, or 255 before the first one.
    windows : uint16 array, (samples,)
        Windows so far.
    scores : int32 array, (samples, scores)
    flags : uint32 array, (samples,)
        Interrupt flags of this sample; bit 0 is a new decision.
    pins : uint8 array, (samples,)
        Bit 0: INT1, bit 1: INT2.
    registers : uint8 array, (samples, bytes)
        All output registers.
    """

    decided: NDArray[np.uint8]
    answer: NDArray[np.uint8]
    windows: NDArray[np.uint16]
    scores: NDArray[np.int32]
    flags: NDArray[np.uint32]
    pins: NDArray[np.uint8]
    registers: NDArray[np.uint8]

    @property
    def results(self) -> NDArray[np.intp]:
        """Samples at which a window was complete."""
        before = np.concatenate([self.windows[:1] * 0, self.windows[:-1]])
        # a new start sets the count back as well, with no answer
        return np.flatnonzero((self.windows != before) & (self.answer != NONE))


class VirtualIspu:
    """A project on this machine; every run starts the core anew.

    Parameters
    ----------
    app : App
    files : mapping of name to text
        The whole project: the model's files and those of ``project_files``.
    conf : Configuration, optional
        Settings the host writes after loading; by default the project's ``conf.txt``.

    Raises
    ------
    ToolMissing, BuildError
        No C compiler on this machine, or it refuses the project.
    """

    def __init__(self, app: App, files: Mapping[str, str | bytes], conf: Configuration | None = None) -> None:
        self.app = app
        missing = sorted({*app.units, "ispu.h", *(() if conf else ("conf.txt",))} - set(files))
        if missing:
            raise DataError(f"the project lacks {missing[0]}", hint="emit the project again")
        text = files.get("conf.txt", "")
        self.conf = conf or parse_conf(text if isinstance(text, str) else text.decode(), app.device)
        sources = {
            name: content
            for name, content in files.items()
            if name in app.units or PurePosixPath(name).suffix in (".h", ".inc")
        }
        sources["ispu_host.c"] = host_file(app)
        self.library: HostLibrary = build_shared(sources, FLAGS)

    @property
    def exchange(self) -> NDArray[np.uint8]:
        """Data RAM through which knowledge goes, (bytes,): a view, to be read after a run or written before.

        Raises
        ------
        ConfigError
            The program does not learn.
        """
        if not self.app.blob:
            raise ConfigError(f"{self.app.name} does not learn on the core")
        memory = (ctypes.c_uint8 * self.app.blob).in_dll(self.library.library, f"{self.app.name}_exchange")
        return np.ctypeslib.as_array(memory)

    def run(
        self,
        samples: NDArray[np.int16],
        enabled: NDArray[np.bool_] | None = None,
        commands: NDArray[np.uint16] | None = None,
    ) -> IspuTrace:
        """Start the core and feed samples, one per turn of the run loop.

        Parameters
        ----------
        samples : int16 array, (samples, channels)
            Sensor counts. The first one goes to the init handler and is part of no window.
        enabled : bool array, (samples,), optional
            Whether the host has the algorithm enabled at that sample; after a pause the next sample goes
            to the init handler again. By default as the settings say, all the time.
        commands : uint16 array, (samples,), optional
            What the command registers hold at that sample, of a program that learns; by default 0.
        """
        if samples.dtype != np.int16 or samples.ndim != 2 or samples.shape[1] != len(self.app.channels):
            raise ConfigError(
                f"samples are {samples.dtype} of shape {samples.shape}",
                hint=f"int16 with {len(self.app.channels)} columns: {', '.join(self.app.channels)}",
            )
        count = len(samples)
        run = self.app.device.groups["run"]
        settings = np.zeros((count, 4 if self.app.blob else 3), np.uint32)
        settings[:, :3] = [self._word(run.integer(key)) for key in ("algorithm", "int1", "int2")]
        if enabled is not None:
            settings[:, 0] *= np.asarray(enabled, np.uint32)
        if commands is not None:
            if not self.app.blob:
                raise ConfigError(f"{self.app.name} does not learn on the core, so it takes no commands")
            settings[:, 3] = commands
        size = run.integer("dout_bytes")
        dout = np.zeros((count, size), np.uint8)
        flags, pins = np.zeros(count, np.uint32), np.zeros(count, np.uint8)
        if count:
            data = np.ascontiguousarray(samples)
            booted = self.library.call("ispu_host_run", data, count, settings, dout, flags, pins).value
            if booted != run.integer("boot_done"):
                raise InternalError("the program does not report the end of its start")
        words = dout.view("<u4") if count else np.zeros((0, size // 4), np.uint32)
        return IspuTrace(
            decided=dout[:, 0].copy(),
            answer=dout[:, 1].copy(),
            windows=(words[:, 0] >> 16).astype(np.uint16),
            scores=words[:, 1 : 1 + self.app.scores].astype(np.int32),
            flags=flags,
            pins=pins,
            registers=dout,
        )

    def _word(self, register: int) -> int:
        """Four registers of the ISPU page as the settings leave them."""
        return sum(self.conf.page.get(register + place, 0) << 8 * place for place in range(4))


def open_virtual(folder: Path) -> VirtualIspu:
    """Open the project in ``folder`` (as ``sensorai train --target ispu`` writes it) on this machine."""
    app = read_index(folder)
    files: dict[str, str | bytes] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and (path.suffix in (".c", ".h", ".inc") or name == "conf.txt"):
            try:
                files[name] = path.read_bytes()
            except OSError as error:
                raise DataError(f"cannot read {name}: {error.strerror}", where=str(path)) from None
    return VirtualIspu(app, files)
