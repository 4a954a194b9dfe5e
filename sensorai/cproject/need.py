"""What a pipeline takes as C, held against the memories of its device."""

from __future__ import annotations

from collections.abc import Sequence

from sensorai.codegen.parts import LayerCost
from sensorai.codegen.project import Project
from sensorai.codegen.pushes import streamed
from sensorai.model.pipeline import Pipeline

#: Where the bytes come from when an Arm compiler is there, and when none is.
COMPILED = "compiled; stack as the compiler states it"
COUNTED = "counted: constants and buffers alone, as no Arm compiler is installed"


def counted(pipeline: Pipeline, project: Project, width: int = 2) -> tuple[int, int]:
    """Least flash and RAM: constants of layers; working memory and the window, ``width`` bytes a number."""
    made = streamed(pipeline)
    samples, kept = (pipeline.window, 0) if made is None else (pipeline.stride, made.kept)
    window = width * samples * len(pipeline.channels) + kept
    return sum(layer.weight_bytes for layer in project.layers), project.arena_bytes + window


def largest(layers: Sequence[LayerCost], of: str) -> str:
    """Name the layer with most bytes of what does not fit: ``flash`` or ``RAM``."""
    if not layers:
        return ""
    if of == "flash":
        one = max(layers, key=lambda layer: layer.weight_bytes)
        return f"; the largest layer is {one.name} with {one.weight_bytes} bytes"
    one = max(layers, key=lambda layer: layer.activation_bytes)
    return f"; the layer with most activations is {one.name} with {one.activation_bytes} bytes"
