"""The emitted C on this machine, emulated and on a virtual ISPU: call after call, as a program would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sensorai.codegen.stai import driver
from sensorai.errors import DataError, InternalError
from sensorai.graph.tensor import Array
from sensorai.nets.inputs import Inputs
from sensorai.nets.port import Port
from sensorai.writing import clang

if TYPE_CHECKING:
    from sensorai.ispu.bare import NetPort
    from sensorai.ispu.devices import IspuDevice
    from sensorai.ispu.project import App

#: Seconds that a program may take.
SECONDS = 1800.0

#: What a call is: of a whole window, or of new columns, whose outputs may not be there yet.
_RUN = """        harness_begin();
        if (NAME_run(&contextARGUMENTS) != 0) {
            return 1;
        }
        harness_end();
WRITES"""
_PUSH = """        harness_begin();
        status = NAME_push(&contextARGUMENTS);
        if (status < 0) {
            return 1;
        }
        harness_end();
        there = (uint8_t)status;
        harness_write(&there, sizeof there);
        if (there == 0U) {
            continue;
        }
WRITES"""
_NATIVE = """#include "NAME.h"
#include "harness.h"

static NAME_t context;
ARRAYS
int main(void)
{
    if (NAME_init(&context) != 0) {
        return 1;
    }
    while (harness_read(in_1, FIRST) == FIRST) {
READSCALL    }
    NAME_deinit(&context);
    return 0;
}
"""

#: Takes results of layers.
_TAP = """
void sa_tap(const void *place, uint32_t size);
void sa_tap(const void *place, uint32_t size)
{
    harness_write(place, size);
}
"""


@dataclass(frozen=True, slots=True)
class Program:
    """C of a project, as it is run.

    Attributes
    ----------
    name, api : str
    sources : mapping of str to str
        The library.
    inputs, outputs : sequence of Port
    warm_up : int or None
        Pushes without outputs at the start; None where every call is a run.
    inside : (bool, bool)
        Whether inputs, and outputs, lie in the context.
    taps : sequence of Port
        Results of layers that the C brings out by ``sa_tap`` in each call, before its outputs.
    """

    name: str
    api: str
    sources: Mapping[str, str]
    inputs: Sequence[Port]
    outputs: Sequence[Port]
    warm_up: int | None = None
    inside: tuple[bool, bool] = (False, False)
    taps: Sequence[Port] = ()

    def main(self) -> str:
        """C that reads inputs, runs the net and writes outputs, and before these what ``taps`` are."""
        return self._main() + (_TAP if self.taps else "")

    def _main(self) -> str:
        name = clang.identifier(self.name)
        if self.api == "stai":
            return driver(name)
        ins = [f"in_{k}" for k in range(1, len(self.inputs) + 1)]
        outs = [f"out_{k}" for k in range(1, len(self.outputs) + 1)]
        ports = [*zip(ins, self.inputs, strict=True), *zip(outs, self.outputs, strict=True)]
        within = {*(ins if self.inside[0] else ()), *(outs if self.inside[1] else ())}
        size = {n: f"{name.upper()}_{n.upper()}_BYTES" for n, _ in ports}
        arrays = [
            f"#define {n} {name}_{n}(&context)"
            if n in within
            else f"static {C_TYPES[p.dtype]} {n}[{name.upper()}_{n.upper()}_SIZE];"
            for n, p in ports
        ]
        reads = "".join(f"        (void)harness_read({n}, {size[n]});\n" for n in ins[1:])
        if self.warm_up is not None:
            arrays += ["static uint8_t there;", "static int status;"]
        whole = _NATIVE.replace("CALL", _RUN if self.warm_up is None else _PUSH)
        return clang.filled(
            whole,
            NAME=name,
            ARRAYS="\n".join(arrays) + "\n",
            READS=reads,
            WRITES="".join(f"        harness_write({n}, {size[n]});\n" for n in outs),
            FIRST=size[ins[0]],
            ARGUMENTS="".join(f", {n}" for n in (*ins, *outs) if n not in within),
        )

    def on_host(self, given: Inputs) -> list[list[Array]]:
        """Run on this machine, with address and undefined-behaviour sanitizers; a push may have no outputs.

        Raises
        ------
        ToolMissing, BuildError, RunError
        """
        from sensorai.toolchain.host import build_program

        program = build_program({**self.sources, "run_main.c": self.main()}, sanitize=True, harness=True)
        return self.read(program.run(self.stream(given), timeout=SECONDS), given)

    def on_core(self, given: Inputs, core: str) -> list[list[Array]]:
        """Run as code of a Cortex-M in QEMU.

        Raises
        ------
        ToolMissing, BuildError, RunError
        """
        from sensorai.toolchain.cpu import cpu
        from sensorai.toolchain.qemu import build, run_image

        image = build({**self.sources, "run_main.c": self.main()}, cpu(core))
        return self.read(run_image(image, self.stream(given), timeout=SECONDS).output, given)

    def stack(self, core: str) -> dict[str, Any]:
        """Bytes of stack of a call on a core: ``stack``; ``stack_open`` says what is not in it.

        Raises
        ------
        ToolMissing, BuildError
        """
        from sensorai.toolchain.cpu import cpu
        from sensorai.toolchain.qemu import build

        # the image that was just run: it is built once
        image = build({**self.sources, "run_main.c": self.main()}, cpu(core))
        verb = "run" if self.warm_up is None else "push"
        bound = image.stack.bound(f"{'stai_' if self.api == 'stai' else ''}{self.name}_{verb}")
        return {"stack": bound.bytes, "stack_open": list(bound.unknown)}

    def on_ispu(self, given: Inputs, device: str) -> list[list[Array]]:
        """Run within the program of a virtual ISPU, whose memory a host writes and reads.

        Raises
        ------
        ToolMissing, BuildError
        """
        from sensorai.ispu.bare import VirtualNet
        from sensorai.ispu.devices import device as part

        app, around = self.ispu_files(part(device))
        core = VirtualNet(app, {**self.sources, **around}, *self._ports())
        calls = [[a[i].tobytes() for a in given.arrays] for i in range(given.count)]
        made = core.run(calls)
        if self.warm_up is None and not all(made):
            raise InternalError("the program gave no result of a call")
        both = [zip(self.outputs if call else (), call, strict=True) for call in made]
        return [[np.frombuffer(raw, p.kind).reshape(p.shape) for p, raw in call] for call in both]

    def ispu_files(self, device: IspuDevice) -> tuple[App, dict[str, str]]:
        """Program around the net on an ISPU."""
        from sensorai.ispu.bare import net_app, net_files

        app = net_app(self.name, device, [name for name in self.sources if name.endswith(".c")])
        return app, net_files(app, self.api, *self._ports(), pushes=self.warm_up is not None)

    def _ports(self) -> tuple[list[NetPort], list[NetPort]]:
        """Inputs and outputs as the program of an ISPU has them."""
        from sensorai.ispu.bare import NetPort

        sides = (
            [NetPort(p.name, C_TYPES[p.dtype], int(np.prod(p.shape, dtype=np.int64))) for p in checked(side)]
            for side in (self.inputs, self.outputs)
        )
        ins, outs = sides
        return ins, outs

    def stream(self, given: Inputs) -> bytes:
        """Inputs as the program reads them."""
        return b"".join(
            np.ascontiguousarray(array[i]).tobytes() for i in range(given.count) for array in given.arrays
        )

    def read(self, output: bytes, given: Inputs) -> list[list[Array]]:
        """Take what the program wrote apart: outputs of every call, none of a push that has none.

        An InternalError where it is not of the right length.
        """
        at, out = 0, []
        for _ in range(given.count):
            call: list[Array] = []

            def take(some: Sequence[Port], call: list[Array] = call) -> None:
                nonlocal at
                for port in some:
                    size = int(np.prod(port.shape, dtype=np.int64))
                    if at + size * port.kind.itemsize > len(output):
                        raise InternalError(f"the program gave {len(output)} bytes only")
                    call.append(np.frombuffer(output, port.kind, size, at).reshape(port.shape))
                    at += size * port.kind.itemsize

            take(self.taps)
            there = True
            if self.warm_up is not None:
                there, at = output[at : at + 1] != b"\0", at + 1
            take(self.outputs if there else ())
            out.append(call)
        if at != len(output):
            raise InternalError(f"the program gave {len(output)} bytes, {at} were awaited")
        return out


#: Types of C by types of tensors.
C_TYPES: Mapping[str, str] = {
    "float32": "float",
    "float64": "double",
    "bool": "uint8_t",
    "int4": "int8_t",
    "int2": "int8_t",
    "uint4": "uint8_t",
    "uint2": "uint8_t",
    **{f"{sign}int{bits}": f"{sign}int{bits}_t" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}


def checked(ports: Sequence[Port]) -> Sequence[Port]:
    """Ports whose types C has; a DataError for others."""
    for port in ports:
        if port.dtype not in C_TYPES:
            raise DataError(f"the tensor {port.name} is {port.dtype}, which has no type in C")
    return ports
