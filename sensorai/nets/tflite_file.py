"""Writes a net as a TensorFlow Lite file that other tools run.

Operators go by their names, tensors keep theirs, integers their scales. Sums of nets that were read from
ONNX are rounded once here and twice in TensorFlow Lite: a number may differ by a step where it lies next to
a tie. A net that was read from TensorFlow Lite computes the same to the bit.
"""

from __future__ import annotations

from sensorai.graph.graph import Graph
from sensorai.nets.tflite_layers import write_layer
from sensorai.nets.tflite_writer import TfliteWriter


def export(graph: Graph) -> bytes:
    """Write a net.

    Raises
    ------
    ConfigError
        A layer or a type has no counterpart in TensorFlow Lite that is known here.
    ToolMissing
        The libraries ``tflite`` and ``flatbuffers`` are not installed.
    """
    file = TfliteWriter(graph)
    for node in graph.nodes:
        write_layer(file, node)
    return file.file()
