"""The list of operators is whole, and nobody else knows them by name."""

from __future__ import annotations

import ast
import pkgutil
from importlib import import_module
from pathlib import Path

import pytest

import sensorai
from sensorai import ops
from sensorai.errors import ConfigError
from sensorai.graph.operator import Operator
from sensorai.ops.table import OPERATORS, operator, settings
from tests.codegen.nets import random_net

ROOT = Path(sensorai.__file__).parent


def test_every_operator_is_in_the_table_under_its_module() -> None:
    found = set()
    for module in pkgutil.iter_modules(ops.__path__):
        held = vars(import_module(f"sensorai.ops.{module.name}")).values()
        own = [v for v in held if isinstance(v, type) and issubclass(v, Operator)]
        found |= {v for v in own if "NAME" in vars(v) and v.__module__.endswith(f".{module.name}")}
    assert set(OPERATORS.values()) == found
    for name, op in OPERATORS.items():
        assert name == op.NAME
        assert op.__module__ == f"sensorai.ops.{name}"


def test_no_operator_is_known_by_its_name_elsewhere() -> None:
    #: Words that mean something else too.
    words = {"add", "relu", "sign", "quantize"}
    # what nets made elsewhere call theirs, and operators of any number of axes, have words of their own
    apart = ROOT / "importers", ROOT / "ops" / "nd"
    for path in sorted(ROOT.rglob("*.py")):
        if any(path.is_relative_to(folder) for folder in apart):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in set(OPERATORS) - words:
                assert path == ROOT / "ops" / f"{node.value}.py", (path, node.lineno, node.value)


@pytest.mark.parametrize("name", OPERATORS)
def test_settings_and_back(name: str) -> None:
    graphs = [graph for _, graph in OPERATORS[name].cases()] or [random_net(1, "int8")]
    for node in (node for graph in graphs for node in graph.nodes):
        given = settings(node.op)
        assert operator(node.op.NAME, given) == node.op
        for key in given:
            with pytest.raises(ConfigError, match=key):
                operator(node.op.NAME, {**given, key: []})
        with pytest.raises(ConfigError, match="settings"):
            operator(node.op.NAME, {**given, "more": 1})
