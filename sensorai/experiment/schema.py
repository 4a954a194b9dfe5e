"""The JSON Schema of ``sensorai.toml``, for editors; made from the options.

``python -m sensorai.experiment.schema > docs/sensorai.schema.json``
"""

from __future__ import annotations

import json
import sys
from typing import Any

from sensorai.experiment.experiment import Experiment, options
from sensorai.experiment.option import Option

_TEXT = {"type": "string", "minLength": 1}
_TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "choice": {"type": "string"},
    "integer": {"type": "integer"},
    "auto": {"type": "integer"},
    "number": {"type": "number"},
    "flag": {"type": "boolean"},
    "path": {"type": "string", "minLength": 1},
    "paths": {"type": "array", "items": _TEXT},
    "names": {"type": "array", "items": _TEXT},
    "list": {"type": "array", "items": _TEXT},
    "pairs": {"type": "object", "additionalProperties": _TEXT},
    "scales": {"type": "object", "additionalProperties": {"type": "number", "exclusiveMinimum": 0}},
    "globs": {
        "type": "object",
        "additionalProperties": {"oneOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]},
    },
    "table": {"type": "object"},
}


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of an experiment."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "sensorai experiment",
        "type": "object",
        "additionalProperties": False,
        "required": ["target"],
        "properties": {name: _property(name, told) for name, told in options().items()},
    }


def _property(name: str, told: Option) -> dict[str, Any]:
    out: dict[str, Any] = {**_TYPES[told.kind], "description": told.help}
    default = Experiment.__dataclass_fields__[name].default
    if told.choices is not None:
        out["enum"] = list(told.choices())
    if told.least is not None:
        out["minimum"] = told.least
    if told.most is not None:
        out["maximum"] = told.most
    if default not in (None, "", ()):
        out["default"] = default
    return out


def text() -> str:
    """Return the schema as JSON text."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
