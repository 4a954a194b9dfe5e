"""A whole C project from a pipeline: header, source, tables, runtime files, build files, example.

Pure: the same pipeline gives the same bytes; nothing touches the disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sensorai import runtime
from sensorai.codegen.blob import Blob
from sensorai.codegen.chip import Chip, chip_fields, chip_files
from sensorai.codegen.detector import emit_detector
from sensorai.codegen.events import event_fields
from sensorai.codegen.features import emit_features, emit_filters
from sensorai.codegen.fields import learning, names, readme_words, sizes, types
from sensorai.codegen.forest import emit_forest
from sensorai.codegen.learner import emit_learner
from sensorai.codegen.panes import Overlap, overlap
from sensorai.codegen.parts import Call, CodeParts, Constant, LayerCost, Table
from sensorai.codegen.pushes import stream_fields, streamed
from sensorai.codegen.scaling import emit_scaling, fits_samples
from sensorai.model.detector import Detector
from sensorai.model.ensemble import Ensemble
from sensorai.model.pipeline import Pipeline
from sensorai.writing import clang, templates
from sensorai.writing.written import inert

#: Flags that every emitted file is clean under.
WARNINGS = "-std=c99 -Wall -Wextra -Wconversion -Wdouble-promotion -pedantic -Werror"

#: Sources of a project that are not part of its library.
EXAMPLE = ("main.c", "startup.c")
#: Package of the templates.
_ROOM = "sensorai.codegen"


@dataclass(frozen=True, slots=True)
class Project:
    """Files by name, and what the model in them costs by its shape.

    Attributes
    ----------
    files : mapping of name to text
    arena_bytes : int
    layers : tuple of LayerCost
    calls : tuple of Call
        Statements that run the layers of a net, in order; none where the model is no net.
    blob : Blob or None
        The net as a blob, where it is one.
    parts : CodeParts or None
        Of a net made elsewhere: what its function is made of.
    """

    files: Mapping[str, str]
    arena_bytes: int
    layers: tuple[LayerCost, ...]
    calls: tuple[Call, ...] = ()
    blob: Blob | None = None
    parts: CodeParts | None = None

    def sources(self) -> dict[str, str]:
        """Only what the library is compiled from: no example, no build files."""
        return {
            name: text
            for name, text in self.files.items()
            if name.endswith((".c", ".h")) and name not in EXAMPLE
        }


def emit_project(pipeline: Pipeline, chip: Chip | None = None, *, small: bool = False) -> Project:
    """Emit the C project of a pipeline.

    Parameters
    ----------
    pipeline : Pipeline
    chip : Chip, optional
        Microcontroller that its Makefile builds for, beside any other compiler.
    small : bool
        For little memory: where a net takes samples that are only scaled, its window holds them as it takes
        them, instead of those of the sensor and a copy on the stack.

    Raises
    ------
    ConfigError
        Its name cannot begin names in C.
    """
    narrow = small and holds_inputs(pipeline)
    shared = None
    if pipeline.event is None:
        shared = overlap(pipeline.features, pipeline.window, pipeline.stride, len(pipeline.channels))
    parts = [
        p
        for p in (
            _filters(pipeline),
            _features(pipeline, shared),
            _scaling(pipeline, narrow),
            _model(pipeline, small),
        )
        if p
    ]
    used = sorted({file for p in parts for file in p.runtime})
    arena = max(max((p.arena_bytes for p in parts), default=0), 4)
    fields = {
        **names(pipeline),
        **sizes(pipeline, arena),
        **types(pipeline, shared, narrow),
        **stream_fields(pipeline),
        "event": event_fields(pipeline),
        **learning(pipeline),
        **_tables(parts),
        **_runtime(used),
        **chip_fields(chip),
        "state": clang.emitted("\n".join(p.header for p in parts if p.header.strip())),
        "sources": [clang.emitted(p.source.strip()) for p in parts if p.source.strip()],
        "arena_bits": 8 * max(4, *(p.arena_align for p in parts)),
        "warnings": inert(WARNINGS),
        "readme": readme_words(pipeline),
    }
    name = fields["name"]
    wanted = {**_files(name), **chip_files(chip, name)}
    made = {target: templates.fill(_ROOM, template, fields) for target, template in wanted.items()}
    files = {file.rpartition("/")[2]: runtime.text(file) for file in used}
    return Project(
        {**made, **files}, arena, tuple(layer for p in parts for layer in p.layers), parts[-1].calls
    )


def holds_inputs(pipeline: Pipeline) -> bool:
    """Whether a window may hold its samples as the net takes them: each by itself, and scaled to less."""
    plain = not (pipeline.features or pipeline.filters or pipeline.stream or pipeline.learn or pipeline.event)
    scaling = pipeline.scaling
    return plain and scaling is not None and scaling.type == "int8" and fits_samples(scaling)


def _files(name: str) -> dict[str, str]:
    """Files of a project by name, with their templates."""
    return {
        f"{name}.h": "model.h.jinja",
        f"{name}.c": "model.c.jinja",
        f"{name}_data.c": "model_data.c.jinja",
        "main.c": "main.c.jinja",
        "Makefile": "Makefile.jinja",
        "CMakeLists.txt": "CMakeLists.txt.jinja",
        "README.md": "README.md.jinja",
    }


def _tables(parts: Sequence[CodeParts]) -> dict[str, Any]:
    """Tables of a project, their declarations beside the code, and constants, which stay there."""
    defined = [one for p in parts for one in p.definitions]
    arrays = [one for one in defined if isinstance(one, Table)]
    tables = "\n\n".join(one.shared.rstrip() for one in arrays)
    constants = "\n\n".join(one.text.rstrip() for one in defined if isinstance(one, Constant))
    return {
        "declared": clang.emitted("\n".join(f"extern {one.declaration};" for one in arrays)),
        "data": clang.emitted(tables),
        "constants": clang.emitted(constants),
        # the attribute of net tables is defined there
        "table_includes": [inert("sa_nn.h")] if "SA_NN_TABLE" in tables else [],
    }


def _runtime(used: Sequence[str]) -> dict[str, Any]:
    files = [inert(file.rpartition("/")[2]) for file in used]
    sources = [file for file in files if file.endswith(".c")]
    return {
        "includes": [file for file in files if file.endswith(".h")],
        "runtime_c": sources,
        "runtime_o": [inert(f"{file[:-2]}.o") for file in sources],
    }


def _filters(pipeline: Pipeline) -> CodeParts | None:
    return emit_filters(pipeline.filters, len(pipeline.channels), pipeline.name) if pipeline.filters else None


def _features(pipeline: Pipeline, shared: Overlap | None) -> CodeParts | None:
    if not pipeline.features:
        return None
    return emit_features(pipeline.features, pipeline.window, len(pipeline.channels), pipeline.name, shared)


def _scaling(pipeline: Pipeline, narrow: bool) -> CodeParts | None:
    if pipeline.scaling is None:
        return None
    return emit_scaling(pipeline.scaling, pipeline.name, samples=narrow)


def _model(pipeline: Pipeline, small: bool) -> CodeParts:
    if isinstance(pipeline.model, Ensemble):
        return emit_forest(pipeline.model, pipeline.name)
    if pipeline.learn is not None:
        return emit_learner(pipeline)
    if isinstance(pipeline.model, Detector):
        return emit_detector(pipeline.model, pipeline.name)
    from sensorai.codegen.net import emit_net, emit_tensors

    if pipeline.raw:
        made = streamed(pipeline)
        return emit_tensors(pipeline.model if made is None else made.graph, pipeline.name)
    return emit_net(replace(pipeline.model, isa="ispu") if small else pipeline.model, pipeline.name)
