"""``sensorai doctor``: what is installed, and what each missing part disables."""

from __future__ import annotations

import platform
import shutil
from importlib import metadata

from sensorai.cli import out as printing

#: Packages that read nets made elsewhere, and those that run them beside our C.
_READERS = (
    ("onnx", "ONNX, and writing it"),
    ("tflite", "TensorFlow Lite"),
    ("flatbuffers", "TensorFlow Lite"),
    ("h5py", "Keras"),
)
_FRAMEWORKS = (
    ("onnxruntime", "ONNX beside ours"),
    ("tflite-micro", "TensorFlow Lite beside ours"),
    ("ai-edge-litert", "TensorFlow Lite beside ours"),
)
#: Package, what it is for; those with an install line are not in the plain install.
PACKAGES = (
    ("numpy", "arrays everywhere"),
    ("numba", "the compiled kernel of the simulator"),
    ("pandas", "reading logs, writing traces"),
    ("scipy", "resampling"),
    ("scikit-learn", "training"),
    ("jinja2", "the HTML report"),
    ("tomli-w", "writing sensorai.toml"),
    ("typer", "the command line"),
    ("rich", "tables in the terminal"),
    ("pyarrow", "traces as Parquet: pip install 'sensorai[parquet]'"),
    ("optuna", "searches: pip install 'sensorai[search]'"),
    ("jax", "training nets"),
    ("optax", "training nets"),
    ("unicorn", "C projects in the emulator"),
    *((name, f"reading {what}: pip install 'sensorai[import]'") for name, what in _READERS),
    *((name, f"{what} in validate: pip install {name}") for name, what in _FRAMEWORKS),
)
#: Program, what it is for.
PROGRAMS = (
    ("gcc", "C projects on this machine, the virtual ISPU: apt install gcc libc6-dev"),
    (
        "arm-none-eabi-gcc",
        "C projects for Cortex-M: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi",
    ),
    ("qemu-system-arm", "a second opinion on Cortex-M code: apt install qemu-system-arm"),
    ("stred-gcc", "building ISPU projects: ST's ISPU-Toolchain 1.5 or newer"),
    ("reisc-gcc", "building ISPU projects: older ISPU-Toolchain"),
)


def run(json: printing.Json = False) -> None:
    """Show what is installed and what each missing part disables."""
    rows = []
    for name, use in PACKAGES:
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            found = ""
        rows.append({"part": name, "found": found, "use": use})
    rows += [{"part": name, "found": shutil.which(name) or "", "use": use} for name, use in PROGRAMS]
    if json:
        printing.print_json({"python": platform.python_version(), "parts": rows})
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"Python {platform.python_version()}", box=None, title_justify="left")
    for heading in ("part", "found", "for"):
        table.add_column(heading)
    for row in rows:
        table.add_row(row["part"], row["found"] or Text("missing", "yellow"), row["use"])
    printing.console().print(table)
