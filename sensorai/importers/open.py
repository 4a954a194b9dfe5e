"""Reads a net from a file of any kind that is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sensorai.errors import ConfigError, DataError
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array, Shape

#: Kinds of files by the ends of their names.
KINDS: Mapping[str, tuple[str, ...]] = {
    "onnx": (".onnx",),
    "tflite": (".tflite",),
    "keras": (".h5", ".hdf5", ".keras"),
}
#: What to do with files of other kinds, by the ends of their names.
_OTHERS: Mapping[str, str] = {
    ".pb": "convert it: tf.lite.TFLiteConverter makes a .tflite of it",
    ".pt": "export the model with torch.onnx.export",
    ".pth": "export the model with torch.onnx.export",
    ".pt2": "export the model with torch.onnx.export",
    ".pkl": "convert the model with skl2onnx",
    ".joblib": "convert the model with skl2onnx",
    ".task": "unzip it: it holds .tflite files",
    ".json": "save the whole model with its weights: model.save(FILE.keras)",
}


def no_folder(path: Path) -> None:
    """Raise a ConfigError for a folder, which is where TensorFlow keeps a SavedModel."""
    if not path.is_dir():
        return
    saved = any((path / name).exists() for name in ("saved_model.pb", "saved_model.pbtxt"))
    said = "a SavedModel of TensorFlow, which is not read" if saved else "a folder, no model"
    hint = "convert it: tf.lite.TFLiteConverter.from_saved_model(FOLDER), or save the model as .keras"
    raise ConfigError(f"this is {said}", where=str(path), hint=hint if saved else "name a file")


def kind_of(path: Path) -> str:
    """Kind of a model file: by its content, else by the end of its name."""
    no_folder(path)
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise DataError(f"cannot read the model: {error.strerror}", where=str(path)) from None
    if head[4:8] == b"TFL3":
        return "tflite"
    if head == b"\x89HDF\r\n\x1a\n":
        return "keras"
    for kind, ends in KINDS.items():
        if path.suffix.lower() in ends:
            return kind
    known = ", ".join(end for ends in KINDS.values() for end in ends)
    hint = _OTHERS.get(path.suffix.lower(), f"known: {known}")
    raise DataError("this is no model of a kind that is known", where=str(path), hint=hint)


def read_net(
    path: Path,
    *,
    kind: str = "",
    shapes: Mapping[str, Shape] | None = None,
    frozen: Mapping[str, Array] | None = None,
    float32: bool = False,
) -> Graph:
    """Read a net.

    Parameters
    ----------
    path : Path
    kind : str
        One of ``KINDS``; "" looks at the file.
    shapes : mapping of input name to shape, optional
        For inputs whose extents the file leaves open.
    frozen : mapping of input name to array, optional
        ONNX: inputs that are constants.
    float32 : bool
        Whether all that is float16 or float64 in the file becomes float32.

    Raises
    ------
    DataError, ConfigError, ToolMissing
    """
    found = kind or kind_of(path)
    if found == "onnx":
        from sensorai.importers.onnx import reader as onnx_reader

        return onnx_reader.read(path, shapes, frozen, float32)
    if frozen:
        raise ConfigError("only inputs of ONNX models can be frozen")
    if found == "tflite":
        from sensorai.importers.tflite import reader as tflite_reader

        return tflite_reader.read(path, shapes, float32)
    if found == "keras":
        from sensorai.importers.keras import reader as keras_reader

        return keras_reader.read(path, shapes, float32)
    raise ConfigError(f"models of kind {found} are not read")
