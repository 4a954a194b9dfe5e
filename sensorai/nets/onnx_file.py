"""Writes a net as an ONNX file that other tools run.

Integers with a scale are written as pairs of quantise and dequantise round the operators, as such tools
expect them; what only moves numbers moves integers. Our own reader and passes make an integer net of it.
"""

from __future__ import annotations

from sensorai.errors import Refused
from sensorai.graph.graph import Graph
from sensorai.importers.libraries import library
from sensorai.nets.onnx_layers import since, write_layer
from sensorai.nets.onnx_writer import OPSET, OnnxWriter


def export(graph: Graph) -> bytes:
    """Write a net.

    Raises
    ------
    ConfigError
        The net keeps states, or holds types that ONNX does not have.
    Refused
        Layers have no counterpart in ONNX that is known here: all of them are named.
    ToolMissing
        The library ``onnx`` is not installed.
    """
    return bytes(_writer(graph).model(write_layer).SerializeToString())


def counted(content: bytes) -> int:
    """Nodes of a file, which are more than layers of its net where integers are pairs round operators."""
    return len(library("onnx").load_from_string(content).graph.node)


def writable(graph: Graph) -> None:
    """Raise what ``export`` would raise of the layers of a net."""
    if problems := _writer(graph).problems(write_layer):
        raise Refused(problems)


def _writer(graph: Graph) -> OnnxWriter:
    return OnnxWriter(graph, max((since(node) for node in graph.nodes), default=OPSET))
