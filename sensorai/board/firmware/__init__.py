"""Sources of the board's side: C99, to be compiled by the user; read here, never run."""

from __future__ import annotations

from importlib import resources

from sensorai import runtime
from sensorai.toolchain.arm import linker_script
from sensorai.toolchain.cpu import cpu
from sensorai.toolchain.host import support

#: What every board needs, whatever its main.
LIBRARY = (
    *("sa_frames.h", "sa_frames.c", "sa_state.h", "sa_messages.h", "sa_send.h", "sa_send.c"),
    *("sa_operations.h", "sa_operations.c", "sa_stream.h", "sa_stream.c", "sa_board.h", "sa_board.c"),
)
#: A net that the host replaces: of this folder, and of the C that generated projects have.
NET = ("sa_netload.h", "sa_netload.c")
LOADER = ("sa_blob.h", "sa_blob.c", "sa_update.h", "sa_update.c")
#: Mains: one for a board of the user's, one for QEMU's mps2-an386.
MAINS = ("main_nucleo.c", "main_mps2.c")

_CORE = "cortex-m4"


def text(name: str) -> str:
    """Text of one file."""
    return resources.files("sensorai.board.firmware").joinpath(name).read_text(encoding="utf-8")


def sources(*more: str) -> dict[str, str]:
    """Files of the library and ``more`` of this folder: name to text."""
    return {name: text(name) for name in (*LIBRARY, *more)}


def net_sources() -> dict[str, str]:
    """Files for a net that the host replaces."""
    return {name: text(name) for name in NET} | {name: runtime.text(f"update/{name}") for name in LOADER}


def project() -> dict[str, bytes]:
    """Everything a user needs: library, examples, and what QEMU's board needs to start."""
    files = net_sources() | sources(*MAINS, "README.md", "Makefile")
    files["mps2_reset.c"] = support("reset.c")
    files["mps2.ld"] = linker_script(cpu(_CORE))
    return {name: content.encode() for name, content in files.items()}
