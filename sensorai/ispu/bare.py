"""A net that no window of samples lies before, as a program for the ISPU, and that program on a virtual core.

The project's code, or the host through data RAM, fills the inputs; a sample calls the net.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sensorai.errors import InternalError
from sensorai.ispu.conf import parse_conf
from sensorai.ispu.devices import IspuDevice
from sensorai.ispu.meta import SIZES, Meta, meta_text, place_outputs
from sensorai.ispu.project import App, fields_of, host_file, project_files, render
from sensorai.ispu.virtual import FLAGS
from sensorai.regfile import Output
from sensorai.toolchain.host import build_shared
from sensorai.writing import clang
from sensorai.writing.written import inert

#: Makefile of the program; the one named Makefile builds the library for any machine.
MAKEFILE = "ispu.mk"
#: Rate that ``conf.txt`` begins with, where the device has it, and full scale of its acceleration.
_RATE, _ACC = 26.0, 4.0


@dataclass(frozen=True, slots=True)
class NetPort:
    """An input or output.

    Attributes
    ----------
    name : str
        Text from outside.
    kind : str
        Type of C.
    size : int
        How many numbers.
    """

    name: str
    kind: str
    size: int

    @property
    def bytes(self) -> int:
        """Bytes that it takes."""
        return self.size * SIZES[self.kind]


def net_app(name: str, device: IspuDevice, sources: Sequence[str]) -> App:
    """Return the program around a net: acceleration wakes it; rate and full scale are what is usual.

    Parameters
    ----------
    sources : sequence of str
        C files of the library.
    """
    rates = [hz for hz in device.rates if hz]
    scales = sorted(device.full_scales("acc"))
    return App(
        name=clang.identifier(name),
        device=device,
        channels=tuple(one for one in device.channels if one.startswith("acc_")),
        classes=(),
        rate_hz=min(rates, key=lambda hz: (abs(hz - _RATE), hz)),
        acc_full_scale=min(scales, key=lambda full: (abs(full - _ACC), full)),
        sources=tuple(sorted(sources)),
        summary=f"outputs of {name}",
    )


def net_files(
    app: App, api: str, inputs: Sequence[NetPort], outputs: Sequence[NetPort], *, pushes: bool = False
) -> dict[str, str]:
    """Files around the library; pure, the same bytes every time.

    Parameters
    ----------
    api : str
        How the library is called: ``native`` or ``stai``.
    pushes : bool
        The library has ``NAME_push``, which returns 1 where it has outputs, in place of ``NAME_run``.
    """
    room = app.device.integer("run", "dout_bytes") - 4
    fields = {
        **fields_of(app),
        "api": inert(api),
        "pushes": pushes,
        "inputs": [_fields(one, f"in_{k}") for k, one in enumerate(inputs, 1)],
        "outputs": [_fields(one, f"out_{k}") for k, one in enumerate(outputs, 1)],
        "most": max(len(inputs), len(outputs)),
        "shown": min(room, sum(one.bytes for one in outputs)),
    }
    made = project_files(app)
    del made["Makefile"]
    made[MAKEFILE] = render("Makefile.jinja", {**fields, "make": inert(f"make -f {MAKEFILE}")})
    made[f"{app.name}_ispu.c"] = render("net.c.jinja", fields)
    made["meta.txt"] = meta_text(_meta(app, outputs, room))
    return made


def _fields(one: NetPort, called: str) -> Mapping[str, object]:
    return {
        "called": inert(called),
        "type": inert(one.kind),
        "size": one.size,
        "bytes": one.bytes,
        "words": clang.comment(one.name),
    }


def _meta(app: App, outputs: Sequence[NetPort], room: int) -> Meta:
    """What the output registers show: whole numbers only, until the first output that does not fit."""
    shown = [Output("results", "", (), "ISPU", None, "uint32_t")]
    for one in outputs:
        count = min(one.size, room // SIZES[one.kind])
        if count:
            shown.append(Output(" ".join(one.name.split())[:60], "", (), "ISPU", None, one.kind, count))
        room -= count * SIZES[one.kind]
        if count < one.size:
            break
    return Meta(app.summary, place_outputs(tuple(shown), app.device))


class VirtualNet:
    """The program on this machine, turned sample by sample; a host writes inputs into its memory.

    Parameters
    ----------
    app : App
    files : mapping of name to text
        Library and program.
    inputs, outputs : sequence of NetPort

    Raises
    ------
    ToolMissing, BuildError
        No C compiler on this machine, or it refuses the project.
    """

    def __init__(
        self, app: App, files: Mapping[str, str], inputs: Sequence[NetPort], outputs: Sequence[NetPort]
    ) -> None:
        self.app, self.inputs, self.outputs = app, inputs, outputs
        self.conf = parse_conf(files["conf.txt"], app.device)
        self.library = build_shared({**app.compiled(files), "ispu_host.c": host_file(app)}, FLAGS)

    def run(self, calls: Sequence[Sequence[bytes]]) -> list[list[bytes]]:
        """Start the core and call the net, sample after sample.

        Parameters
        ----------
        calls : sequence of sequence of bytes
            Of each call every input, as C has it.

        Returns
        -------
        list of list of bytes
            Of each call every output; nothing of one that had none yet.
        """
        facts = self.app.device.groups["run"]
        dout = facts.integer("dout")
        memory = self.app.device.groups["memory"]
        size = memory.integer("extended") - memory.integer("control") + 0x100
        block = self._memory("ispu_block", size)
        ctypes.memset(block, 0, len(block))
        self.library.call("ispu_begin", returns="void")
        if not block[facts.integer("status")] & facts.integer("boot_done"):
            raise InternalError("the program does not report the end of its start")
        # a turn without algorithms: the next one is the first for the handler, after an earlier run as well
        self.library.call("ispu_turn", returns="void")
        for key in ("algorithm", "int1", "int2"):
            for place in range(facts.integer("interrupt_bits") // 8):
                at = facts.integer(key) + place
                block[at] = self.conf.page.get(at, 0)
        self.library.call("ispu_turn", returns="void")
        made: list[list[bytes]] = []
        count = 0
        for number, given in enumerate(calls):
            for address, raw in zip(self._places("inputs", len(self.inputs)), given, strict=True):
                ctypes.memmove(address, raw, len(raw))
            self.library.call("ispu_turn", returns="void")
            places = zip(self._places("outputs", len(self.outputs)), self.outputs, strict=True)
            outputs = [ctypes.string_at(address, one.bytes) for address, one in places]
            if int.from_bytes(bytes(block[dout : dout + 4]), "little") == count:
                made.append([])
                continue
            count += 1
            shown = bytes(block[dout : dout + facts.integer("dout_bytes")])
            whole = b"".join(outputs)[: len(shown) - 4]
            if shown[: 4 + len(whole)] != count.to_bytes(4, "little") + whole:
                raise InternalError(f"output registers do not show the result of call {number}")
            made.append(outputs)
        return made

    def _memory(self, name: str, size: int) -> ctypes.Array[ctypes.c_uint8]:
        return (ctypes.c_uint8 * size).in_dll(self.library.library, name)

    def _places(self, side: str, count: int) -> list[int]:
        """Addresses that the program tells."""
        table = (ctypes.c_void_p * count).in_dll(self.library.library, f"{self.app.name}_{side}")
        return [address or 0 for address in table]
