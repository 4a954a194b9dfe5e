"""Names, comments and literals of C made of hostile text."""

from __future__ import annotations

import pytest

from sensorai.errors import ConfigError
from sensorai.writing import clang


@pytest.mark.parametrize(
    "name", ["", "1a", "a-b", "while", "int8_t", "sa_x", "a" * 32, "ä", "_x", "a b", "main\n"]
)
def test_names_that_c_cannot_have(name: str) -> None:
    with pytest.raises(ConfigError):
        clang.identifier(name)


def test_names_that_it_can() -> None:
    assert clang.identifier("har_1") == "har_1"


@pytest.mark.parametrize("name", ["har", "short", "sa_x", "_2024_walk", "___", "a" * 40, "int", "_9" * 20])
def test_a_free_name_is_one_that_c_can_have(name: str) -> None:
    free = clang.free_identifier(name)
    assert clang.identifier(free) == free
    assert free == name or not name.isalpha() or name in ("short", "int") or len(name) > 31
