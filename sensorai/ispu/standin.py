"""Sizes of a project on a Cortex-M0+, which stands in for the ISPU where ST's compiler is absent.

Both are small 32-bit cores without a wide multiply, but they are not the same: code, stack and variables
on the ISPU are *not measured here*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sensorai.errors import Problem
from sensorai.ispu.devices import devices
from sensorai.ispu.project import App
from sensorai.toolchain.arm import Image, build_elf
from sensorai.toolchain.cpu import cpu
from sensorai.toolchain.host import STRICT

#: How every figure of this module must be named.
SOURCE = "Cortex-M0+ stand-in, not measured on the ISPU"


@dataclass(frozen=True, slots=True)
class StandIn:
    """What the whole program takes on a Cortex-M0+ at ``-Os``.

    Attributes
    ----------
    code_bytes : int
        Code and constants, run loop and application included, vectors and start-up not.
    data_bytes : int
        Variables; the state of the model is most of them.
    stack_bytes : int
        Run loop, then handler, then model, as the compiler states their frames.
    stack_unknown : tuple of str
        Why ``stack_bytes`` is no upper bound; empty where it is.
    compiler : str
    library_calls : tuple of str
        Functions of the compiler's library that the program calls; float and 64-bit helpers would show.
    """

    code_bytes: int
    data_bytes: int
    stack_bytes: int
    stack_unknown: tuple[str, ...]
    compiler: str
    library_calls: tuple[str, ...]

    def data_with_stack(self, app: App) -> int:
        """Bytes of data RAM: variables, and the stack or what the linker keeps free for it."""
        return self.data_bytes + max(self.stack_bytes, app.stack)

    def problems(self, app: App, source: str = SOURCE) -> list[Problem]:
        """What would not fit if the ISPU needed as much; ``source`` says where the sizes come from."""
        code, data = self.code_bytes, self.data_with_stack(app)
        roomy = [
            one.name
            for one in devices()
            if code <= one.code.size and data <= one.data.size and set(app.channels) <= set(one.channels)
        ]
        other = (
            f"a device with room: {', '.join(roomy)}" if roomy else "no device with these sensors has room"
        )
        return [
            Problem(
                f"{what} need about {used} bytes of {memory.size} in {memory.name}: "
                f"{used - memory.size} too many ({source})",
                app.device.name,
                f"choose a smaller model or window; {other}",
            )
            for what, used, memory in (
                ("code and constants", code, app.device.code),
                ("variables and stack", data, app.device.data),
            )
            if used > memory.size
        ]


def build(app: App, files: Mapping[str, str]) -> Image:
    """Build the project for a Cortex-M0+, as it stands.

    Raises
    ------
    ToolMissing, BuildError
        No Arm compiler, or it refuses the project.
    """
    return build_elf(
        app.compiled(files),
        cpu("cortex-m0plus"),
        opt="-Os",
        flags=(*STRICT, "-fno-strict-aliasing", "-DISPU_STAND_IN"),
        keep=("main", "algo_00", "algo_00_init"),
    )


def stand_in(app: App, files: Mapping[str, str]) -> StandIn:
    """Build the project for a Cortex-M0+ and add up what it takes; errors as of ``build``."""
    image = build(app, files)
    loop, handlers = image.stack.bound("main"), [image.stack.bound(n) for n in ("algo_00", "algo_00_init")]
    return StandIn(
        code_bytes=image.flash,
        data_bytes=image.ram,
        stack_bytes=loop.bytes + max(one.bytes for one in handlers),
        stack_unknown=tuple(sorted({*loop.unknown, *(u for one in handlers for u in one.unknown)})),
        compiler=image.compiler,
        library_calls=image.library_calls,
    )
