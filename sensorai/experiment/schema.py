"""The JSON Schema of ``sensorai.toml``, for editors; made from the options.

``python -m sensorai.experiment.schema > docs/sensorai.schema.json``
"""

from __future__ import annotations

import sys
from typing import Any

from sensorai.experiment.experiment import Experiment, options
from sensorai.experiment.option import Option
from sensorai.writing.jsontext import document

_TEXT = {"type": "string", "minLength": 1}
_TEXTS = {"type": "array", "items": _TEXT}
_ABOVE = {"type": "number", "exclusiveMinimum": 0}


def _table(value: dict[str, Any], several: bool = False) -> dict[str, Any]:
    """A table of names with values, or a list of such pairs."""
    many = {"anyOf": [value, {"type": "array", "items": value, "minItems": 1}]} if several else value
    pair = {"type": "array", "prefixItems": [_TEXT, value], "minItems": 2, "maxItems": 2}
    return {
        "anyOf": [
            {"type": "object", "propertyNames": {"minLength": 1}, "additionalProperties": many},
            {"type": "array", "items": pair},
        ]
    }


_TYPES: dict[str, dict[str, Any]] = {
    "text": _TEXT,
    "choice": {"type": "string"},
    "integer": {"type": "integer"},
    "auto": {"type": "integer"},
    "number": {"type": "number"},
    "flag": {"type": "boolean"},
    "path": _TEXT,
    "paths": {"anyOf": [_TEXT, _TEXTS]},
    "names": {"anyOf": [_TEXT, _TEXTS]},
    "list": {"anyOf": [_TEXT, _TEXTS]},
    "pairs": _table(_TEXT),
    "scales": _table(_ABOVE),
    "globs": _table(_TEXT, several=True),
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
    elif told.kind == "number":
        out["exclusiveMinimum"] = 0
    if told.most is not None:
        out["maximum"] = told.most
    if default not in (None, "", ()):
        out["default"] = default
    return out


def text() -> str:
    """Return the schema as JSON text."""
    return document(schema())


if __name__ == "__main__":
    sys.stdout.write(text())
