"""Writes a net as an ONNX file that other tools run.

Integers with a scale are written as pairs of quantise and dequantise round the operators, as such tools
expect them; what only moves numbers moves integers. Our own reader and passes make an integer net of it.
"""

from __future__ import annotations

from sensorai.graph.graph import Graph
from sensorai.nets.onnx_layers import write_layer
from sensorai.nets.onnx_writer import OnnxWriter


def export(graph: Graph) -> bytes:
    """Write a net.

    Raises
    ------
    ConfigError
        A layer has no counterpart in ONNX that is known here.
    ToolMissing
        The library ``onnx`` is not installed.
    """
    return bytes(OnnxWriter(graph).model(write_layer).SerializeToString())
