"""Nothing in the package goes around the writers: this is looked for in its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path

import pytest

ROOT = Path(str(resources.files("sensorai")))
MODULES = {path.relative_to(ROOT).as_posix(): path for path in sorted(ROOT.rglob("*.py"))}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text("utf-8"))


def called(node: ast.AST) -> str:
    """Last name of what a call calls; empty for anything but a call of something that has a name."""
    func = node.func if isinstance(node, ast.Call) else None
    return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""


@cache
def every_call() -> list[tuple[str, str, ast.Call]]:
    """Every call in the package: module, last name of what is called, the call."""
    return [
        (module, called(node), node)
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call)
    ]


def calls(*names: str) -> list[tuple[str, ast.Call]]:
    """Every call of a function whose last name is one of these."""
    return [(module, node) for module, name, node in every_call() if name in names]


def keyword(call: ast.Call, name: str) -> str:
    return next((ast.unparse(one.value) for one in call.keywords if one.arg == name), "")


def test_every_jinja_environment_has_a_writer() -> None:
    found = dict(calls("Environment", "Template", "from_string"))
    assert sorted(found) == ["report/page.py", "writing/templates.py"]
    assert keyword(found["report/page.py"], "autoescape") == "True"
    assert keyword(found["writing/templates.py"], "finalize") == "language.finalize"


def test_no_template_turns_its_writer_off() -> None:
    templates = sorted(ROOT.rglob("*.jinja"))
    assert len(templates) > 15
    for path in templates:
        text = path.read_text("utf-8")
        for word in ("| safe", "|safe", "autoescape", "Markup"):
            assert word not in text, (path.name, word)


def test_types_of_writers_are_made_in_their_rooms() -> None:
    makers = {
        module
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ImportFrom) and any(one.name == "made" for one in node.names)
    }
    assert makers == {f"writing/{one}.py" for one in ("clang", "markdown")}
    assert {module for module, _ in calls("Markup")} == {"report/page.py", "writing/markup.py"}
    # the style sheet of the package, nothing else
    (style,) = [ast.unparse(node) for module, node in calls("Markup") if module == "report/page.py"]
    assert "page.css" in style
    # what emitters put together from names and numbers
    assert {module for module, _ in calls("emitted")} == {
        f"codegen/{one}.py"
        for one in ("fields", "netpools", "netproject", "project", "pushes", "slot", "stai")
    }
    # facts and names of ours
    codegen = {
        f"codegen/{one}.py"
        for one in (
            *("chip", "fields", "netpools", "netproject", "project", "pushes", "scales", "slot", "stai"),
        )
    }
    assert {module for module, _ in calls("inert") if not module.startswith("writing/")} == {
        *codegen,
        *("ispu/project.py", "ispu/bare.py"),
    }


#: Attributes that hold text from outside.
OUTSIDE = {
    *("label", "labels", "classes", "class_names", "column", "group", "subject", "comments", "unit"),
    *("description", "tool", "device", "also", "date", "outputs", "results", "summary", "register_name"),
}
#: Modules that write languages; their writers are imported by name.
EMITTERS = [
    *(m for m in MODULES if m.startswith("codegen/")),
    *("ispu/project.py", "ispu/bare.py", "ispu/emit.py", "ispu/meta.py"),
    *("regfile/headerout.py", "regfile/ucf.py"),
]
WRITERS = {
    *("string", "strings", "comment", "aside", "enumerators", "one_line", "in_quotes", "result_name"),
    *("shown", "inert", "hexadecimal", "identifier", "prefix", "upper", "real", "len", "_prose", "_known"),
}


def spoken(node: ast.AST) -> Iterator[str]:
    """Attributes of ``OUTSIDE`` below a node that no writer is given."""
    if isinstance(node, ast.Call) and called(node) in WRITERS:
        return
    if isinstance(node, ast.Attribute) and node.attr in OUTSIDE and isinstance(node.ctx, ast.Load):
        yield ast.unparse(node)
    for child in ast.iter_child_nodes(node):
        yield from spoken(child)


#: Text that is written by whoever it is given to, or is a choice of the device's facts.
ALLOWED = {
    # Markdown's writer, and the description of meta.txt, get it as it is
    "codegen/fields.py": {"pipeline.classes", "pipeline.model.kind"},
    # messages to the user
    "ispu/project.py": {"self.device.name"},
}


@pytest.mark.parametrize("module", EMITTERS)
def test_no_text_of_code_is_composed_of_words_from_outside(module: str) -> None:
    """f-strings name labels, units and the like only as the argument of a writer; errors may tell them."""
    whole = tree(module)
    written = {
        id(inner)
        for node in ast.walk(whole)
        if isinstance(node, ast.Raise) or called(node) in WRITERS
        for inner in ast.walk(node)
    }
    bad = [
        f"line {node.lineno}: {text}"
        for node in ast.walk(whole)
        if isinstance(node, ast.JoinedStr) and id(node) not in written
        for text in spoken(node)
    ]
    allowed = ALLOWED.get(module, set())
    assert [one for one in bad if not any(text in one for text in allowed)] == []


def test_the_check_itself_sees_them() -> None:
    """It would not be worth much otherwise."""
    assert list(spoken(ast.parse("f'/* {one.classes[0]} */'"))) == ["one.classes"]
    assert list(spoken(ast.parse("f'/* {c.name}: {c.unit} */'"))) == ["c.unit"]
    assert not list(spoken(ast.parse("f'{comment(one.classes[0])}'")))


def test_the_terminal_has_one_door() -> None:
    """Rich prints on the console that cleans; Rich's markup is not used."""
    doors = {"cli/live.py", "cli/out.py", "report/value.py"}
    assert {module for module, _ in calls("Console", "Screen")} == doors
    # text of a report: laid out in memory, cleaned on its way out
    assert "return shown(out.getvalue())" in ast.unparse(tree("report/value.py"))
    (live,) = {
        ast.unparse(node.func) for module, node in calls("Console", "Screen") if module == "cli/live.py"
    }
    assert live == "Screen"  # its own: lines that change, on a console that it is given
    for module in MODULES:
        text = MODULES[module].read_text("utf-8")
        assert "rich.markup" not in text, module
        assert "from_markup" not in text, module
        assert "markup=True" not in text, module
    main = ast.unparse(tree("cli/__init__.py"))
    assert "with clean_streams():" in main


def test_json_for_files_has_one_writer() -> None:
    """What is dumped elsewhere is hashed, or numbers alone, or the metadata of a table."""
    elsewhere = {m for m, node in calls("dumps", "dump") if ast.unparse(node.func).startswith("json.")}
    assert elsewhere == {
        *("board/parquet.py", "formats/writers.py", "model/knowledge.py", "writing/jsontext.py"),
    }


def test_tables_for_people_have_one_writer() -> None:
    assert {module for module, _ in calls("to_csv")} == {"files.py"}
    assert {module for module, node in calls("writer") if ast.unparse(node.func) == "csv.writer"} == {
        *("board/logfile.py", "formats/write.py"),
    }
