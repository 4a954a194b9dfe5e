"""A whole C project from a pipeline: header, source, tables, runtime files, build files, example.

Pure: the same pipeline gives the same bytes; nothing touches the disk.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from sensorai import __version__, runtime
from sensorai.codegen.detector import emit_detector
from sensorai.codegen.features import emit_features, emit_filters
from sensorai.codegen.forest import emit_forest
from sensorai.codegen.learner import emit_learner, learner_functions, learner_prototypes
from sensorai.codegen.panes import Overlap, overlap
from sensorai.codegen.parts import Call, CodeParts, Constant, LayerCost, Table
from sensorai.codegen.scaling import emit_scaling
from sensorai.model.detector import Detector
from sensorai.model.ensemble import Ensemble
from sensorai.model.knowledge import blob_bytes
from sensorai.model.learner import LEAST
from sensorai.model.pipeline import Pipeline
from sensorai.model.scaling import LIMITS

#: Flags that every emitted file is clean under.
WARNINGS = "-std=c99 -Wall -Wextra -Wconversion -Wdouble-promotion -pedantic -Werror"


@dataclass(frozen=True, slots=True)
class Project:
    """Files by name, and what the model in them costs by its shape.

    Attributes
    ----------
    files : mapping of name to text
    arena_bytes : int
    layers : tuple of LayerCost
    """

    files: Mapping[str, str]
    arena_bytes: int
    layers: tuple[LayerCost, ...]

    def sources(self) -> dict[str, str]:
        """Only what the library is compiled from: no example, no build files."""
        return {
            name: text
            for name, text in self.files.items()
            if name.endswith((".c", ".h")) and name != "main.c"
        }


def emit_project(pipeline: Pipeline) -> Project:
    """Emit the C project of a pipeline."""
    name = pipeline.name
    shared = overlap(pipeline.features, pipeline.window, pipeline.stride, len(pipeline.channels))
    parts = [
        p
        for p in (_filters(pipeline), _features(pipeline, shared), _scaling(pipeline), _model(pipeline))
        if p
    ]
    defined = [one for p in parts for one in p.definitions]
    arrays = [one for one in defined if isinstance(one, Table)]
    declared = "\n".join(f"extern {one.declaration};" for one in arrays)
    tables = "\n\n".join(one.shared.rstrip() for one in arrays)
    constants = "\n\n".join(one.text.rstrip() for one in defined if isinstance(one, Constant))
    arena = max((p.arena_bytes for p in parts), default=0)
    fields = {
        "name": name,
        "macro": name.upper(),
        "version": __version__,
        "summary": summary(pipeline),
        "detector": pipeline.model.kind if isinstance(pipeline.model, Detector) else "",
        "channels": pipeline.channels,
        "rate_millihz": round(pipeline.rate_hz * 1000),
        "rate_hz": pipeline.rate_hz,
        "window": pipeline.window,
        "stride": pipeline.stride,
        "inputs": pipeline.inputs,
        "classes": pipeline.classes,
        "class_names": class_identifiers(pipeline),
        "wins": pipeline.wins,
        "arena": max(arena, 4),
        "input_type": f"{pipeline.input_type}_t",
        # values beyond it would overflow sums; those of narrower types cannot be
        "input_limit": LIMITS["int16"][1] if pipeline.input_type == "int16" else 0,
        "score_type": "float" if pipeline.float_scores else "int32_t",
        "features": pipeline.features,
        "learns": pipeline.learn is not None,
        "blob_bytes": blob_bytes(pipeline.inputs),
        "least_windows": LEAST * pipeline.inputs,
        "learner_functions": "" if pipeline.learn is None else learner_functions(pipeline),
        "learner_prototypes": "" if pipeline.learn is None else learner_prototypes(pipeline),
        "shared": shared,
        "width": f"{name.upper()}_CHANNELS" if shared is None or not shared.norms else f"{shared.width}U",
        "window_arguments": ", ".join(
            (["ctx->window"] if shared is None or shared.held else []) + (["&ctx->panes"] if shared else [])
        ),
        "scaled": pipeline.scaling is not None,
        "filtered": bool(pipeline.filters),
        "state": "\n".join(p.header for p in parts if p.header.strip()),
        "sources": [p.source.strip() for p in parts if p.source.strip()],
        "declared": declared,
        "data": tables,
        "constants": constants,
        "strings": [c_string(label) for label in pipeline.classes],
        "warnings": WARNINGS,
    }
    used = sorted({file for p in parts for file in p.runtime})
    fields["includes"] = [file.rpartition("/")[2] for file in used if file.endswith(".h")]
    # the attribute of net tables is defined there
    fields["table_includes"] = ["sa_nn.h"] if "SA_NN_TABLE" in tables else []
    fields["runtime_c"] = [file.rpartition("/")[2] for file in used if file.endswith(".c")]
    files = {
        f"{name}.h": _render("model.h.jinja", fields),
        f"{name}.c": _render("model.c.jinja", fields),
        f"{name}_data.c": _render("model_data.c.jinja", fields),
        **{file.rpartition("/")[2]: runtime.text(file) for file in used},
        "main.c": _render("main.c.jinja", fields),
        "Makefile": _render("Makefile.jinja", fields),
        "CMakeLists.txt": _render("CMakeLists.txt.jinja", fields),
        "README.md": _render("README.md.jinja", fields),
    }
    return Project(files, max(arena, 4), tuple(layer for p in parts for layer in p.layers))


def summary(pipeline: Pipeline) -> str:
    """What a pipeline tells from what, in one line."""
    kind = f" ({pipeline.model.kind})" if isinstance(pipeline.model, Detector) else ""
    return f"{', '.join(pipeline.classes)}{kind} from {len(pipeline.channels)} channels"


def class_identifiers(pipeline: Pipeline) -> list[str]:
    """Return a C enumerator for every class; equal ones get a number."""
    out: list[str] = []
    for label in pipeline.classes:
        base = f"{pipeline.name}_{re.sub(r'[^A-Za-z0-9]+', '_', label).strip('_') or 'class'}".upper()
        name, k = base, 2
        while name in out:
            name, k = f"{base}_{k}", k + 1
        out.append(name)
    return out


def c_string(text: str) -> str:
    """Return ``text`` as the inside of a C string literal (UTF-8 bytes as octal escapes)."""
    out = []
    for byte in text.encode():
        char = chr(byte)
        out.append(char if 32 <= byte < 127 and char not in '"\\?' else f"\\{byte:03o}")
    return "".join(out)


def _filters(pipeline: Pipeline) -> CodeParts | None:
    return emit_filters(pipeline.filters, len(pipeline.channels), pipeline.name) if pipeline.filters else None


def _features(pipeline: Pipeline, shared: Overlap | None) -> CodeParts | None:
    if not pipeline.features:
        return None
    return emit_features(pipeline.features, pipeline.window, len(pipeline.channels), pipeline.name, shared)


def _scaling(pipeline: Pipeline) -> CodeParts | None:
    return None if pipeline.scaling is None else emit_scaling(pipeline.scaling, pipeline.name)


def model_calls(pipeline: Pipeline) -> tuple[Call, ...]:
    """Statements that run the layers of a net, in order; none where the model is no net."""
    return _model(pipeline).calls


def _model(pipeline: Pipeline) -> CodeParts:
    if isinstance(pipeline.model, Ensemble):
        return emit_forest(pipeline.model, pipeline.name)
    if pipeline.learn is not None:
        return emit_learner(pipeline)
    if isinstance(pipeline.model, Detector):
        return emit_detector(pipeline.model, pipeline.name)
    from sensorai.codegen.net import emit_net

    return emit_net(pipeline.model, pipeline.name)


def _render(template: str, fields: Mapping[str, Any]) -> str:
    from jinja2 import Environment, StrictUndefined

    text = (resources.files("sensorai.codegen") / template).read_text(encoding="utf-8")
    # the output is C and make, not HTML: nothing is to be escaped
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return environment.from_string(text).render(fields)
