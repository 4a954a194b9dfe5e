"""Everything in a model file that no rule reads, at once, before any of it is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sensorai.errors import Problem
from sensorai.importers.libraries import library

#: Most layers that are looked at.
_LAYERS = 10_000
#: Nets that an operator of TensorFlow Lite runs, as its options name them.
_SUBGRAPHS: Mapping[str, tuple[str, ...]] = {"IF": ("Then", "Else"), "WHILE": ("Cond", "Body")}


def unknown(path: Path, kind: str) -> list[Problem]:
    """Return a problem for every node whose operator has no rule.

    A file that cannot be looked through has none: its reader says what is wrong with it.
    """
    try:
        if kind == "onnx":
            return _problems(_onnx(path), kind, str(path))
        if kind == "tflite":
            return _problems(_tflite(path), kind, str(path))
        if kind == "keras":
            return _problems(_keras(path), kind, str(path))
    except ImportError:
        return []
    except Exception as error:  # of the libraries, which have many kinds; the reader meets it again
        if hasattr(error, "exit_code"):
            raise
    return []


def _problems(nodes: Iterable[tuple[str, str]], kind: str, where: str) -> list[Problem]:
    rules = rules_of(kind)
    out: list[Problem] = []
    for label, operator in nodes:
        if operator not in rules:
            said, hint = (
                "this operator is not supported",
                f"'sensorai supported-ops {kind}' lists those that are",
            )
            if kind == "keras":
                said, hint = _keras_words(operator)
            elif kind == "tflite":
                hint = _tflite_hint(operator)
            out.append(Problem(f"{label} ({operator}): {said}", where, hint))
    return out


def _tflite_hint(operator: str) -> str:
    from sensorai.importers.tflite.refused import instead

    return instead(operator)


def _keras_words(operator: str) -> tuple[str, str]:
    """What is wrong with a layer, and what to do about it."""
    from sensorai.importers.keras.refused import NOT_READ, REFUSED, instead

    return REFUSED.get(operator, NOT_READ), instead(operator)


def rules_of(kind: str) -> Mapping[str, Any]:
    """Operators that are read, of one kind of file."""
    if kind == "onnx":
        from sensorai.importers.onnx.walk import known_operators

        return known_operators()
    if kind == "tflite":
        from sensorai.importers.tflite.branches import BRANCHES as TURNS
        from sensorai.importers.tflite.table import RULES as TFLITE
        from sensorai.importers.tflite.variables import VARIABLES

        return {**TFLITE, **dict.fromkeys(VARIABLES), **dict.fromkeys(TURNS)}
    if kind == "keras":
        from sensorai.importers.keras.table import RULES as KERAS

        return KERAS
    return {}


def _onnx(path: Path) -> list[tuple[str, str]]:
    from sensorai.importers.onnx.walk import called

    onnx = library("onnx")
    model = onnx.load_model_from_string(path.read_bytes())
    own = ("", "ai.onnx")
    functions = {(one.domain, one.name) for one in model.functions}
    return [
        (
            f"node {called(node)}",
            node.op_type if node.domain in own else f"{node.domain}.{node.op_type}",
        )
        for node in model.graph.node
        if (node.domain, node.op_type) not in functions
    ]


def _tflite(path: Path) -> list[tuple[str, str]]:
    tflite = library("tflite")
    data = path.read_bytes()
    if data[4:8] != b"TFL3":
        return []
    model = tflite.Model.GetRootAs(data)
    out: list[tuple[str, str]] = []
    waiting, seen = [0], {0}
    while waiting and len(out) < _LAYERS:
        sub = model.Subgraphs(waiting.pop(0))
        for k in range(sub.OperatorsLength()):
            one = sub.Operators(k)
            kind = _tflite_kind(tflite, model, one)
            made = int(one.Outputs(0)) if one.OutputsLength() else -1
            name = (sub.Tensors(made).Name() or b"").decode("utf-8", errors="replace") if made >= 0 else ""
            out.append((f"operator {name}", kind))
            # nets that run in branches and loops
            for which in _SUBGRAPHS.get(kind, ()):
                options = getattr(tflite, f"{kind.title()}Options")()
                options.Init(one.BuiltinOptions().Bytes, one.BuiltinOptions().Pos)
                number = getattr(options, f"{which}SubgraphIndex")()
                if number not in seen and 0 <= number < model.SubgraphsLength():
                    seen.add(number)
                    waiting.append(number)
    return out


def _tflite_kind(tflite: Any, model: Any, one: Any) -> str:
    code = model.OperatorCodes(one.OpcodeIndex())
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if number == tflite.BuiltinOperator.CUSTOM:
        return str((code.CustomCode() or b"").decode("utf-8", errors="replace"))
    return str(tflite.BUILTIN_OPCODE2NAME.get(number, f"operator {number}"))


def _keras(path: Path) -> list[tuple[str, str]]:
    from sensorai.importers.keras.calls import CLASSES
    from sensorai.importers.keras.files import opened
    from sensorai.importers.keras.functions import is_function

    out: list[tuple[str, str]] = []
    with opened(path) as file:
        waiting: list[Any] = [file.config]
        while waiting and len(out) < _LAYERS:
            one = waiting.pop(0)
            kind, config = str(one.get("class_name", "")), one.get("config")
            if kind in CLASSES:
                layers = config.get("layers", ()) if isinstance(config, dict) else config
                waiting[:0] = [layer for layer in layers or () if isinstance(layer, dict)]
            elif kind != "InputLayer" and not is_function(one, kind, file.version):
                name = config.get("name", "") if isinstance(config, dict) else ""
                registered = str(one.get("registered_name") or "")
                out.append((f"layer {name}", registered if ">" in registered else kind))
    return out
