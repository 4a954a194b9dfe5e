"""Arrows between modules go one way: no circle in the package, none in the C it carries."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sensorai
from tests.circles import Arrows, calls, circles, imports

ROOT = Path(sensorai.__file__).parent
#: Folders of C, each a library of its own.
C = sorted({path.parent.relative_to(ROOT) for path in ROOT.rglob("*.c")} | {Path("runtime/nn")})


def test_no_circle_of_imports() -> None:
    assert circles(imports(ROOT)[0]) == []


def test_no_circle_of_imports_for_types() -> None:
    running, typing = imports(ROOT)
    both = {name: running[name] | typing[name] for name in running}
    assert circles(both) == []


@pytest.mark.parametrize("folder", C, ids=str)
def test_no_circle_of_c(folder: Path) -> None:
    arrows = calls(ROOT / folder)
    assert sum(map(len, arrows.values())) > 0
    assert circles(arrows) == []


def test_nothing_in_the_package_names_its_tests() -> None:
    for path in sorted(ROOT.rglob("*")):
        if path.suffix in (".py", ".c", ".h"):
            text = path.read_text(encoding="utf-8")
            assert "from tests" not in text, path
            assert "import tests" not in text, path
    # the harness calls the program that it is given, none by its name
    assert not re.search(r"\bmain\(", (ROOT / "toolchain" / "support" / "qemu.c").read_text(encoding="utf-8"))


# -- the finder finds


def package(folder: Path, **texts: str) -> Path:
    root = folder / "made"
    for name, text in {"__init__": "", **texts}.items():
        path = root / f"{name.replace('__in__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


CIRCLES = {
    "at the top": ("import made.b", "from made import a"),
    "in a function": ("def f():\n    import made.b", "from made.a import f"),
    "in a class in a try": (
        "class A:\n    try:\n        from made.b import x\n    except ImportError:\n        pass",
        "from made import a",
    ),
}


@pytest.mark.parametrize("name", CIRCLES)
def test_a_circle_of_imports_is_seen(name: str, tmp_path: Path) -> None:
    a, b = CIRCLES[name]
    assert circles(imports(package(tmp_path, a=a, b=b))[0]) == [frozenset({"made.a", "made.b"})]


def test_imports_for_types_are_told_apart(tmp_path: Path) -> None:
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from made import b\n"
    running, typing = imports(package(tmp_path, a=typed, b="import made.a"))
    assert running["made.a"] == frozenset()
    assert typing["made.a"] == {"made.b"}
    assert circles(running) == []
    assert circles({m: running[m] | typing[m] for m in running}) == [frozenset({"made.a", "made.b"})]


@pytest.mark.parametrize(
    ("arrows", "want"),
    [
        ({"a": "b", "b": "c", "c": "a"}, [{"a", "b", "c"}]),
        ({"a": "bc", "b": "d", "c": "d", "d": ""}, []),
        ({"a": "b", "b": "a", "c": "ad", "d": "c"}, [{"a", "b"}, {"c", "d"}]),
        ({"a": "bd", "b": "c", "c": "b", "d": "c"}, [{"b", "c"}]),
    ],
)
def test_circles_of_any_length(arrows: dict[str, str], want: list[set[str]]) -> None:
    drawn: Arrows = {name: frozenset(others) for name, others in arrows.items()}
    assert [set(found) for found in circles(drawn)] == want


def test_a_circle_of_c_is_seen(tmp_path: Path) -> None:
    (tmp_path / "all.h").write_text("void up(void);\nvoid down(void);\n")
    (tmp_path / "a.c").write_text('#include "all.h"\nvoid up(void)\n{\n    down();\n}\n')
    (tmp_path / "b.c").write_text('#include "all.h"\n/* up() */\nvoid down(void)\n{\n}\n')
    assert circles(calls(tmp_path)) == []
    (tmp_path / "b.c").write_text('#include "all.h"\nvoid down(void)\n{\n    up();\n}\n')
    assert circles(calls(tmp_path)) == [frozenset({"a", "b"})]
