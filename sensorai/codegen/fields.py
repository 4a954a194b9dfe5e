"""What the templates of a C project are filled with: names, sizes and types of a pipeline.

Labels, units and channel names are written here, by the writers of ``sensorai.writing``; a template takes
nothing else.
"""

from __future__ import annotations

from typing import Any

from sensorai.codegen.learner import learner_functions, learner_prototypes
from sensorai.codegen.panes import Overlap
from sensorai.codegen.scales import exact, scales
from sensorai.model.detector import Detector
from sensorai.model.knowledge import blob_bytes
from sensorai.model.learner import LEAST
from sensorai.model.pipeline import Pipeline
from sensorai.model.scaling import LIMITS
from sensorai.version import __version__
from sensorai.writing import clang
from sensorai.writing.written import inert

_NOTHING = inert("")


def summary(pipeline: Pipeline) -> str:
    """What a pipeline tells from what, in one line; as unwritten as the names of its classes."""
    kind = f" ({pipeline.model.kind})" if isinstance(pipeline.model, Detector) else ""
    return f"{', '.join(pipeline.classes)}{kind} from {len(pipeline.channels)} channels"


def names(pipeline: Pipeline) -> dict[str, Any]:
    """Names of the project, its classes and channels, as C takes them."""
    name = clang.identifier(pipeline.name)
    detector = isinstance(pipeline.model, Detector)
    return {
        "name": name,
        "macro": clang.upper(name),
        "version": inert(__version__),
        "summary": clang.comment(summary(pipeline)),
        "detector": detector,
        "alarm": clang.comment(pipeline.classes[1]) if detector else _NOTHING,
        "class_names": clang.enumerators(name, pipeline.classes),
        "strings": [clang.string(label) for label in pipeline.classes],
        "channel_lines": [
            clang.comment(f"{i}: {c.name}, {c.lsb} {c.unit} per count")
            for i, c in enumerate(pipeline.channels)
        ],
    }


def sizes(pipeline: Pipeline, arena: int) -> dict[str, Any]:
    """Numbers of the header."""
    return {
        "channels": len(pipeline.channels),
        "scales": scales(pipeline.channels),
        "rate": exact(pipeline.rate_hz),
        "rate_millihz": round(pipeline.rate_hz * 1000),
        "window": pipeline.window,
        "stride": pipeline.stride,
        "inputs": pipeline.inputs,
        "classes": len(pipeline.classes),
        "wins": pipeline.wins,
        "arena": arena,
    }


def types(pipeline: Pipeline, shared: Overlap | None, narrow: bool = False) -> dict[str, Any]:
    """Types of inputs and scores, and the steps from a sample to the model."""
    # values beyond it would overflow sums; those of narrower types cannot be
    limit = LIMITS["int16"][1] if pipeline.input_type == "int16" and not pipeline.raw else 0
    macro = clang.upper(clang.identifier(pipeline.name))
    norms = shared is not None and shared.norms
    arguments = ["ctx->window"] if shared is None or shared.held else []
    arguments += ["&ctx->panes"] if shared else []
    return {
        "input_type": inert(f"{pipeline.input_type}_t"),
        "input_limit": limit,
        "input_note": clang.aside(f"-{limit} to {limit}") if limit else _NOTHING,
        "score_type": inert("float" if pipeline.float_scores else "int32_t"),
        "features": bool(pipeline.features),
        "filtered": bool(pipeline.filters),
        "scaled": pipeline.scaling is not None,
        "narrow": narrow,
        "window_type": inert(f"{pipeline.input_type}_t" if narrow else "int16_t"),
        "shared": shared,
        "held": inert("WINDOW" if shared is None or shared.held else "STRIDE"),
        "width": inert(f"{shared.width}U" if shared is not None and norms else f"{macro}_CHANNELS"),
        "window_arguments": clang.emitted(", ".join(arguments)),
    }


def learning(pipeline: Pipeline) -> dict[str, Any]:
    """Functions and sizes of a detector that learns on the device."""
    learns = pipeline.learn is not None
    return {
        "learns": learns,
        "context": inert("ctx, " if learns else ""),
        "blob_bytes": blob_bytes(pipeline.inputs),
        "least_windows": LEAST * pipeline.inputs,
        "learner_functions": clang.emitted(learner_functions(pipeline) if learns else ""),
        "learner_prototypes": clang.emitted(learner_prototypes(pipeline) if learns else ""),
    }


def readme_words(pipeline: Pipeline) -> dict[str, Any]:
    """Text of the README, which Markdown's writer writes where it stands."""
    return {
        "summary": summary(pipeline),
        "kind": pipeline.model.kind if isinstance(pipeline.model, Detector) else "",
        "classes": pipeline.classes,
        "order": ", ".join(channel.name for channel in pipeline.channels),
        "scales": scales(pipeline.channels),
        "rate_hz": pipeline.rate_hz,
    }
