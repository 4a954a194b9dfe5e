"""Versions of operators: which ones the rules are written for, and what changed before and after them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sensorai.errors import ConfigError
from sensorai.importers.libraries import library

#: Operators of ONNX that readers know: from this version on.
OLDEST = 7
#: Up to which version they are known, by domain; tests hold this against the library.
NEWEST: Mapping[str, int] = {"": 28, "ai.onnx.ml": 5}


def no_unknown(model: Any) -> None:
    """Raise a ConfigError where operators are of a version that neither the rules nor the library know."""
    sets = [*model.opset_import, *(one for body in model.functions for one in body.opset_import)]
    for one in sets:
        domain = "" if one.domain == "ai.onnx" else one.domain
        most = NEWEST.get(domain)
        if most is not None and one.version > max(most, _known(domain)):
            raise ConfigError(
                f"the model has version {one.version} of {domain or 'ai.onnx'}, and {most} is "
                "the newest that is known: what changed since then would be read wrongly",
                hint=f"export it with opset_version={most}, or convert it with onnx.version_converter",
            )


def newer(domain: str, kind: str, version: int) -> bool:
    """Whether an operator has changed since the newest version that the rules know."""
    domain = "" if domain == "ai.onnx" else domain
    if version <= NEWEST.get(domain, version):
        return False
    return _since(kind, domain, version) != _since(kind, domain, NEWEST[domain])


def older(kind: str, version: int) -> bool:
    """Whether an operator of an old version is not what it is from ``OLDEST`` on."""
    then, since = _since(kind, "", max(version, 1)), _since(kind, "", OLDEST)
    return then != since or since is None


def _since(kind: str, domain: str, version: int) -> int | None:
    """Version that an operator of this version has had since; None where there is no such operator."""
    onnx = library("onnx")
    try:
        return int(onnx.defs.get_schema(kind, version, domain).since_version)
    except onnx.defs.SchemaError:
        return None


def _known(domain: str) -> int:
    """Newest version that the library knows."""
    schemas = library("onnx").defs.get_all_schemas()
    return max(int(one.since_version) for one in schemas if one.domain == domain)
