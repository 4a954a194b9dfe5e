"""The name under which the rooms above know nets."""

from sensorai.graph.graph import Graph

__all__ = ["Graph"]
