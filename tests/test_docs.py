"""Docs cannot drift: generated pages are current, and the README's console blocks do what they show."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import sensorai
from sensorai.cli.reference import markdown as cli_markdown
from sensorai.codegen.featuredoc import markdown as feature_markdown
from sensorai.experiment import options
from sensorai.experiment.option import SECTIONS, Option
from sensorai.experiment.schema import text as schema_text
from sensorai.mlc.devicedoc import markdown as device_markdown
from sensorai.nets.supported import markdown as operator_markdown
from tests.cli.call import call
from tests.cli.logs import write_log
from tests.need import need


def test_command_line_reference_is_current(repo: Path) -> None:
    assert (repo / "docs" / "cli.md").read_text() == cli_markdown(), "run: make docs"


def test_device_tables_are_current(repo: Path) -> None:
    assert (repo / "docs" / "devices.md").read_text() == device_markdown(), "run: make docs"


def test_features_are_up_to_date(repo: Path) -> None:
    assert (repo / "docs" / "features.md").read_text() == feature_markdown(), "run: make docs"


def test_operators_are_current(repo: Path) -> None:
    assert (repo / "docs" / "operators.md").read_text() == operator_markdown(), "run: make docs"


def test_the_schema_is_current(repo: Path) -> None:
    assert (repo / "docs" / "sensorai.schema.json").read_text() == schema_text(), "run: make docs"


def test_make_docs_writes_every_generated_page(repo: Path) -> None:
    written = re.findall(r"> docs/(\S+)", (repo / "Makefile").read_text())
    assert sorted(written) == [
        *("cli.md", "devices.md", "features.md", "operators.md", "power.md", "sensorai.schema.json")
    ]


def test_every_option_is_in_the_reference(repo: Path) -> None:
    _, _, rest = (repo / "docs" / "cli.md").read_text().partition("\n## train\n")
    train = rest.partition("\n## ")[0]
    headings = re.findall(r"^### (.*)$", train, re.MULTILINE)
    assert headings == [SECTIONS[key] for key in dict.fromkeys(o.section for o in later())]
    for name, told in options().items():
        if name != "logs":
            assert f"- `{told.flag(name)}" in train, name
    # the five that matter first stand before every heading
    first = train.partition("\n### ")[0]
    assert re.findall(r"^- `(--\S+)", first, re.MULTILINE) == [
        *("--target", "--device", "--model", "--task", "--out")
    ]


def later() -> list[Option]:
    """Options that stand in the panel of their section."""
    return [o for name, o in options().items() if not o.first and name != "logs"]


def test_hints_name_only_extras_that_exist(repo: Path) -> None:
    told = tomllib.loads((repo / "pyproject.toml").read_text())["project"]
    extras = set(told["optional-dependencies"])
    pages = [repo / "README.md", repo / "Makefile", *(repo / "docs").glob("*.md")]
    code = [p for p in (repo / "sensorai").rglob("*") if p.suffix in (".py", ".jinja", ".c", ".h", ".md")]
    found = {
        (path.name, one)
        for path in (*pages, *code)
        for names in re.findall(r"(?:sensorai|'\.|\"\.)\[([a-z, ]+)\]'", path.read_text())
        for one in names.replace(" ", "").split(",")
    }
    assert ("parquet.py", "parquet") in found
    assert {(file, one) for file, one in found if one not in extras} == set()


def test_packages_that_the_code_imports_are_installed_with_it(repo: Path) -> None:
    """What is imported anywhere is a dependency, or an extra whose absence is said in a hint."""
    told = tomllib.loads((repo / "pyproject.toml").read_text())["project"]
    extra = [one for names in told["optional-dependencies"].values() for one in names]
    stated = {re.split(r"[<>=[]", one)[0] for one in (*told["dependencies"], *extra)}
    known = {"sklearn": "scikit-learn", "serial": "pyserial", "elftools": "pyelftools"}
    known |= {"llvmlite": "numba", "markupsafe": "jinja2"}  # these come with them
    imported = set()
    for path in (repo / "sensorai").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {one.name.partition(".")[0] for one in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.partition(".")[0])
    outside = imported - set(sys.stdlib_module_names) - {"sensorai"}
    assert {known.get(name, name).replace("_", "-") for name in outside} <= stated


def steps(readme: str) -> list[tuple[str, str]]:
    """Commands of the console blocks, each with what is shown for it."""
    out: list[tuple[str, str]] = []
    for block in re.findall(r"```console\n(.*?)```", readme, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            out.append((command, shown))
    return out


def matches(shown: str, got: str) -> bool:
    """Whether ``got`` is what is shown; ``...`` stands for anything."""
    pattern = ".*".join(re.escape(piece) for piece in shown.split("..."))
    return re.fullmatch(pattern.replace("\\\n.*\\\n", "\\\n.*"), got, re.DOTALL) is not None


def test_matching_is_strict() -> None:
    assert matches("a ... b\n", "a 1 2 b\n")
    assert matches("a\n...\n", "a\nb\nc\n")
    assert not matches("a\n...\nz\n", "a\nb\nc\n")
    assert not matches("a\n", "a\nb\n")


@pytest.mark.parametrize("page, least", [("README.md", 8), ("docs/nets.md", 6)])
def test_console_blocks(
    repo: Path, tmp_path: Path, page: str, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(repo / "datalogs", tmp_path / "datalogs")
    commands = steps((repo / page).read_text())
    assert len(commands) >= least
    for command, shown in commands:
        words = shlex.split(command)
        assert words[0] == "sensorai", command
        done = call(*words[1:])
        assert done.code == 0, f"{command}\n{done.err}"
        assert matches(shown, done.out), f"{command}\nshown:\n{shown}\ngot:\n{done.out}"


def test_the_pipeline_of_the_page_is_the_one_that_is_shipped(repo: Path) -> None:
    shown = re.findall(r"```toml\n(.*?)```", (repo / "docs" / "nets.md").read_text(), re.DOTALL)
    # the other one lists memories
    shown = [one for one in shown if "[[pool]]" not in one]
    assert shown == [(repo / "datalogs" / "har_net.toml").read_text().partition("\n")[2]]


@pytest.mark.parametrize("page", ["README.md", *sorted(str(p) for p in Path("docs").glob("*.md"))])
def test_links_lead_somewhere(repo: Path, page: str) -> None:
    path = repo / page
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        if "://" not in target:
            assert (path.parent / target).exists(), target


def test_help_loads_nothing_heavy() -> None:
    heavy = "numpy pandas scipy sklearn numba jax matplotlib pyarrow unicorn jinja2"
    code = (
        "import sys, contextlib, io\n"
        "sys.argv = ['sensorai', '--help']\n"
        "from sensorai.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main()\n"
        f"print([m for m in '{heavy}'.split() if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_python_blocks(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("gcc")
    monkeypatch.chdir(tmp_path)
    for kind in ("rest", "walk"):
        for k, subject in enumerate("abcd"):
            path = write_log(
                tmp_path / "logs" / f"{kind}_{subject}.csv",
                [kind],
                subjects=[subject],
                scale=0.00980665 * (1 + k / 50),
            )
            # a log that does not say its unit
            path.write_text(path.read_text().replace("[mg]", ""))
    shutil.copy(tmp_path / "logs" / "walk_a.csv", tmp_path / "new.csv")
    sensorai.train("logs", unit={"acc": "m/s2"}, target="mlc", window=26, name="st_file").save("earlier")
    shutil.copy(tmp_path / "earlier" / "st_file.json", tmp_path)
    page = (repo / "docs" / "python.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), names)
    assert set(names["rows"].decided) <= {"(none)", "walk"}
    assert len(names["trace"].recording.unique()) == 8
    assert list(names["table"].target) == ["mlc", "ispu"]
    assert names["registers"].figures
    assert (tmp_path / "best" / "sensorai.toml").is_file()
