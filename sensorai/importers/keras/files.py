"""Opens files of Keras: HDF5 with the configuration in an attribute, or a zip of JSON and HDF5.

Files come from anywhere, so sizes are looked at before anything is read, links lead nowhere else, and what
holds no data is not filled with zeros.
"""

from __future__ import annotations

import faulthandler
import io
import json
import os
import signal
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sensorai.errors import ConfigError, DataError, SensoraiError
from sensorai.graph.tensor import Array
from sensorai.importers.libraries import library

#: Most bytes of a configuration, of a file of weights, and elements of one array.
CONFIGURATION, WEIGHTS, ELEMENTS = 1 << 26, 1 << 29, 1 << 26
#: Seconds that reading a file may take, and those of a processor.
SECONDS, PROCESSOR = 60, 20
#: Most names of weights that a layer lists.
NAMES = 10_000


@dataclass(frozen=True, slots=True)
class KerasFile:
    """What a file holds.

    Attributes
    ----------
    config : mapping
        Configuration of the model: ``class_name``, ``config``.
    version : int
        2 or 3: the major number of the Keras that wrote it; some functions changed.
    weights : group of h5py
    legacy : bool
        Whether weights are listed by the layers' names, as in ``.h5``, and not by attributes.
    """

    config: Mapping[str, Any]
    version: int
    weights: Any
    legacy: bool


def tried(action: Callable[[], object], path: Path) -> None:
    """Do something in a child process first, since the HDF5 library ends a process on some damaged files.

    Where there are no child processes of this kind, or the child says anything at all, nothing happens here.

    Raises
    ------
    DataError
        The child was ended by a signal.
    """
    if not hasattr(os, "fork"):
        return
    with warnings.catch_warnings():
        # the child runs nothing but this
        warnings.simplefilter("ignore")
        child_process = os.fork()
    if child_process == 0:
        try:
            faulthandler.disable()
            _limited()
            action()
        finally:
            os._exit(0)
    _, status = os.waitpid(child_process, 0)
    if os.WIFSIGNALED(status):
        raise DataError(
            "the model is damaged: the HDF5 library fails on it, or finds no end", where=str(path)
        )


def _limited() -> None:
    """End this process where it takes too long: the library turns in circles on some damaged files."""
    import resource

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(SECONDS)
    # counts only what it works, and goes on counting when nobody waits for it any more
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR, PROCESSOR))


@contextmanager
def opened(path: Path) -> Iterator[KerasFile]:
    """Open a file; whatever is wrong with it is a DataError."""
    h5py = library("h5py")
    try:
        with path.open("rb") as file:
            head = file.read(4)
            file.seek(0)
            if head == b"PK\x03\x04":
                with _zipped(h5py, file) as found:
                    yield found
            else:
                with h5py.File(file, "r") as whole:
                    yield _plain(h5py, whole)
    except SensoraiError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, zipfile.BadZipFile, EOFError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"this is no Keras model that can be read: {text}", where=str(path)) from None
    except (RecursionError, NotImplementedError, AttributeError, OverflowError, MemoryError) as error:
        raise DataError(f"the model is damaged: {type(error).__name__}", where=str(path)) from None


@contextmanager
def _zipped(h5py: Any, file: Any) -> Iterator[KerasFile]:
    with zipfile.ZipFile(file) as box:
        config = _parsed(_member(box, "config.json", CONFIGURATION))
        said = (
            _parsed(_member(box, "metadata.json", CONFIGURATION)) if "metadata.json" in box.namelist() else {}
        )
        data = _member(box, "model.weights.h5", WEIGHTS)
    with h5py.File(io.BytesIO(data), "r") as weights:
        yield KerasFile(config, _version(said.get("keras_version"), 3), weights, False)


def _member(box: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Bytes of a file in the zip, at most ``most`` whatever its header says."""
    if name not in box.namelist():
        raise DataError(f"the model holds no {name}", hint="save the whole model, not its weights alone")
    with box.open(name) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise DataError(f"{name} in the model has more than {most} bytes")
    return data


def _plain(h5py: Any, whole: Any) -> KerasFile:
    if "model_config" not in whole.attrs:
        raise DataError(
            "the file holds weights, but no model_config", hint="save the whole model: model.save(FILE)"
        )
    config = _parsed(_attribute(whole, "model_config"))
    version = _attribute(whole, "keras_version").decode() if "keras_version" in whole.attrs else None
    weights = child(h5py, whole, "model_weights")
    return KerasFile(config, _version(version, 2), weights, True)


def _attribute(group: Any, name: str) -> bytes:
    """Text of an attribute, not more than a configuration may have."""
    if group.attrs.get_id(name).get_storage_size() > CONFIGURATION:
        raise DataError(f"the attribute {name} has more than {CONFIGURATION} bytes")
    value = group.attrs[name]
    if isinstance(value, np.ndarray):
        value = value.reshape(-1)[0]
    text = value.encode() if isinstance(value, str) else bytes(value)
    if len(text) > CONFIGURATION:
        raise DataError(f"the attribute {name} has more than {CONFIGURATION} bytes")
    return text


def _parsed(text: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise DataError("the configuration of the model is no JSON that can be read") from None
    if not isinstance(found, dict):
        raise DataError("the configuration of the model is no JSON object")
    return found


def _version(text: Any, usual: int) -> int:
    head = str(text or "").split(".")[0]
    return (2 if int(head) < 3 else 3) if head.isdigit() and len(head) < 4 else usual


def child(h5py: Any, group: Any, path: str) -> Any:
    """Group or array under a path; a DataError for links that lead elsewhere."""
    at = group
    for name in path.split("/"):
        if not isinstance(at, h5py.Group) or name not in at:
            raise DataError(f"the model's weights have no {path}")
        if not isinstance(at.get(name, getlink=True), h5py.HardLink):
            raise DataError(f"the model's weights under {path} lie elsewhere")
        at = at[name]
    return at


def listed(group: Any, name: str) -> list[str]:
    """Names in an attribute, also where it is cut into parts."""
    keys = [name] if name in group.attrs else []
    while not keys or (keys[0] != name and f"{name}{len(keys)}" in group.attrs):
        if f"{name}{len(keys)}" not in group.attrs:
            raise DataError(f"the model's weights have no {name}")
        keys.append(f"{name}{len(keys)}")
    found: list[str] = []
    for key in keys:
        if 0 in group.attrs.get_id(key).shape:
            # a list of none, whose size the library does not say
            continue
        if group.attrs.get_id(key).get_storage_size() > CONFIGURATION:
            raise DataError(f"the attribute {key} has more than {CONFIGURATION} bytes")
        for one in np.asarray(group.attrs[key]).reshape(-1):
            found.append(one.decode("utf-8", errors="replace") if isinstance(one, bytes) else str(one))
        if len(found) > NAMES:
            raise DataError(f"more than {NAMES} names in {key}")
    return found


def array(h5py: Any, found: Any, where: str) -> Array:
    """Numbers of a data set, floats as float32; a DataError where there is less in the file than it says."""
    if not isinstance(found, h5py.Dataset):
        raise DataError(f"{where} is no array")
    if found.shape is None or found.size > ELEMENTS:
        raise DataError(f"{where} has the shape {found.shape}, more than {ELEMENTS} numbers or none")
    if found.external or found.is_virtual:
        raise DataError(f"{where} lies in another file")
    if found.dtype.kind not in "fiu" or found.dtype.itemsize > 8:
        raise ConfigError(f"{where} is {found.dtype}, which is not supported")
    plain = found.compression is None and not found.scaleoffset and not found.shuffle
    stored = found.id.get_storage_size()
    if found.size and (stored == 0 or (plain and stored < found.size * found.dtype.itemsize)):
        raise DataError(f"{where} has the shape {found.shape}, but the file holds fewer numbers")
    values = np.asarray(found[()])
    return values.astype(np.float32) if values.dtype.kind == "f" else values
