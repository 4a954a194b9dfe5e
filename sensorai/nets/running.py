"""The emitted C on this machine and on emulated cores: call after call, as a program would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sensorai.codegen.stai import driver
from sensorai.errors import DataError, InternalError
from sensorai.graph.tensor import Array
from sensorai.nets.inputs import Inputs
from sensorai.nets.port import Port
from sensorai.writing import clang

#: Seconds that a program may take.
SECONDS = 1800.0
#: Cores on which ``emulator`` runs.
CORES = ("cortex-m4", "cortex-m0plus")

_NATIVE = """#include "NAME.h"
#include "harness.h"

static NAME_t context;
ARRAYS
int main(void)
{
    if (NAME_init(&context) != 0) {
        return 1;
    }
    while (harness_read(in_1, sizeof in_1) == sizeof in_1) {
READS        harness_begin();
        if (NAME_run(&contextARGUMENTS) != 0) {
            return 1;
        }
        harness_end();
WRITES    }
    NAME_deinit(&context);
    return 0;
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
    """

    name: str
    api: str
    sources: Mapping[str, str]
    inputs: Sequence[Port]
    outputs: Sequence[Port]

    def main(self) -> str:
        """C that reads inputs, runs the net and writes outputs."""
        name = clang.identifier(self.name)
        if self.api == "stai":
            return driver(name)
        ins = [f"in_{k}" for k in range(1, len(self.inputs) + 1)]
        outs = [f"out_{k}" for k in range(1, len(self.outputs) + 1)]
        ports = [*zip(ins, self.inputs, strict=True), *zip(outs, self.outputs, strict=True)]
        arrays = [f"static {_C[p.dtype]} {n}[{name.upper()}_{n.upper()}_SIZE];" for n, p in ports]
        reads = "".join(f"        (void)harness_read({n}, sizeof {n});\n" for n in ins[1:])
        return clang.filled(
            _NATIVE,
            NAME=name,
            ARRAYS="\n".join(arrays) + "\n",
            READS=reads,
            WRITES="".join(f"        harness_write({n}, sizeof {n});\n" for n in outs),
            ARGUMENTS="".join(f", {n}" for n in (*ins, *outs)),
        )

    def on_host(self, given: Inputs) -> list[list[Array]]:
        """Run on this machine, with address and undefined-behaviour sanitizers.

        Raises
        ------
        ToolMissing, BuildError, RunError
        """
        from sensorai.toolchain.host import build_program

        program = build_program({**self.sources, "run_main.c": self.main()}, sanitize=True, harness=True)
        return self._read(program.run(self._stream(given), timeout=SECONDS), given)

    def on_core(self, given: Inputs, core: str) -> list[list[Array]]:
        """Run as code of a Cortex-M in QEMU.

        Raises
        ------
        ToolMissing, BuildError, RunError
        """
        from sensorai.toolchain.cpu import cpu
        from sensorai.toolchain.qemu import build, run_image

        image = build({**self.sources, "run_main.c": self.main()}, cpu(core))
        return self._read(run_image(image, self._stream(given), timeout=SECONDS).output, given)

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
        bound = image.stack.bound(f"{'stai_' if self.api == 'stai' else ''}{self.name}_run")
        return {"stack": bound.bytes, "stack_open": list(bound.unknown)}

    def _stream(self, given: Inputs) -> bytes:
        return b"".join(
            np.ascontiguousarray(array[i]).tobytes() for i in range(given.count) for array in given.arrays
        )

    def _read(self, output: bytes, given: Inputs) -> list[list[Array]]:
        """Take the output apart."""
        at, out = 0, []
        for _ in range(given.count):
            call = []
            for port in self.outputs:
                size = int(np.prod(port.shape, dtype=np.int64))
                if at + size * port.kind.itemsize > len(output):
                    raise InternalError(f"the program gave {len(output)} bytes only")
                call.append(np.frombuffer(output, port.kind, size, at).reshape(port.shape))
                at += size * port.kind.itemsize
            out.append(call)
        if at != len(output):
            raise InternalError(f"the program gave {len(output)} bytes, {at} were awaited")
        return out


#: Types of C by types of tensors.
_C: Mapping[str, str] = {
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
        if port.dtype not in _C:
            raise DataError(f"the tensor {port.name} is {port.dtype}, which has no type in C")
    return ports
