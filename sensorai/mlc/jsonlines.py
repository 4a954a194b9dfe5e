"""JSON whose every value knows its line, for messages about files that people edit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sensorai.errors import DataError
from sensorai.targets import closest

Value = dict[str, "Node"] | list["Node"] | str | int | float | bool | None

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]\n]|[^\s{}\[\],:"]+')


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a JSON file: what it is, the path of keys to it, and ``file:line``."""

    value: Value
    key: str
    where: str

    def fail(self, message: str, hint: str = "") -> DataError:
        """Return an error about this value."""
        place = f"{self.where} ({self.key})" if self.key else self.where
        return DataError(message, where=place, hint=hint)

    def items(self, known: Iterable[str]) -> dict[str, Node]:
        """Members of an object; a key that is not in ``known`` is an error."""
        if not isinstance(self.value, dict):
            raise self.fail("an object {...} is expected here")
        names = list(known)
        for key, node in self.value.items():
            if key not in names:
                near = closest(key, names)
                raise node.fail(f"unknown key {key!r}", near if near.startswith("did") else "")
        return self.value

    def elements(self) -> list[Node]:
        """Elements of an array."""
        if not isinstance(self.value, list):
            raise self.fail("a list [...] is expected here")
        return self.value

    def text(self) -> str:
        """Value of a text."""
        if not isinstance(self.value, str):
            raise self.fail("text in quotes is expected here")
        return self.value

    def number(self) -> float:
        """Value of a finite number, which may stand in quotes."""
        value = self.value
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                value = None
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e300:
            raise self.fail(f"{self.value!r} is not a number")
        return float(value)

    def integer(self, low: int, high: int) -> int:
        """Value of a whole number from ``low`` to ``high``, which may stand in quotes."""
        value = self.number()
        if value != int(value) or not low <= value <= high:
            raise self.fail(f"{self.value!r} is not a whole number from {low} to {high}")
        return int(value)

    def boolean(self) -> bool:
        """Value of ``true`` or ``false``, which may stand in quotes."""
        if isinstance(self.value, bool):
            return self.value
        if self.value in ("true", "false"):
            return self.value == "true"
        raise self.fail(f"{self.value!r} is neither true nor false")


def load(text: str, source: str) -> Node:
    """Parse JSON text.

    Raises
    ------
    DataError
        Broken JSON, with line and column; a key that stands twice; nesting beyond all reason.
    """
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"broken JSON: {error.msg}", where=f"{source}:{error.lineno} column {error.colno}"
        ) from None
    except (RecursionError, ValueError) as error:
        raise DataError(f"broken JSON: {error}", where=source) from None
    line = 1
    # what is open: the container under way, its key path and line, and the key that waits for its value
    stack: list[tuple[dict[str, Node] | list[Node], str, str]] = []
    waiting: list[str | None] = [None]
    top: list[Node] = []

    def put(value: Value, where: str) -> None:
        if not stack:
            top.append(Node(value, "", where))
            return
        container = stack[-1][0]
        node = Node(value, path_of(), where)
        if isinstance(container, list):
            container.append(node)
            return
        key = waiting[-1] or ""
        if key in container:
            raise node.fail(f"the key {key!r} stands twice")
        container[key] = node
        waiting[-1] = None

    def path_of() -> str:
        if not stack:
            return ""
        container, path, _ = stack[-1]
        if isinstance(container, list):
            return f"{path}[{len(container)}]"
        return f"{path}.{waiting[-1]}" if path else str(waiting[-1])

    for token in _TOKEN.findall(text):
        if token == "\n":
            line += 1
        elif token in "{[":
            stack.append(({} if token == "{" else [], path_of(), f"{source}:{line}"))
            waiting.append(None)
        elif token in "}]":
            container, _, where = stack.pop()
            waiting.pop()
            put(container, where)
        elif stack and isinstance(stack[-1][0], Mapping) and waiting[-1] is None:
            waiting[-1] = json.loads(token)
        else:
            put(json.loads(token), f"{source}:{line}")
    return top[0]
