"""The recipes of CONTRIBUTING.md: what they show is put where they say, and goes the whole road."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sensorai
from tests.cli.logs import write_log
from tests.need import need

#: ``path``: and a block, or In ``TABLE`` of ``path``...: and a block.
FILE = re.compile(r"^`([\w./]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"^In `(\w+)` of `([\w./]+)`[^\n]*:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def add(table: str, path: Path, line: str) -> None:
    """Put a line into a literal table, where it begins."""
    text = path.read_text(encoding="utf-8")
    made, count = re.subn(rf"(?m)^({table}\b[^\n]*[{{(]\n)", lambda m: m.group(1) + line, text)
    assert count == 1, (table, path)
    path.write_text(made, encoding="utf-8")


@pytest.fixture(scope="module")
def house(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with everything that the recipes add."""
    root = tmp_path_factory.mktemp("house")
    package = Path(sensorai.__file__).parent
    shutil.copytree(package, root / "sensorai", ignore=shutil.ignore_patterns("__pycache__"))
    page = (repo / "CONTRIBUTING.md").read_text(encoding="utf-8")
    files, lines = FILE.findall(page), LINE.findall(page)
    assert len(files) == 6
    assert {table for table, _, _ in lines} == {"FAMILIES", "TASKS", "TARGETS", "ORDER"}
    assert page.count("```") == 2 * (len(files) + len(lines))
    for path, text in files:
        assert not (root / path).exists(), path
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    for table, path, line in lines:
        add(table, root / path, line)
    return root


def python(house: Path, code: str, folder: Path) -> str:
    """Run code in the house that was added to."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(house), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


ROAD = """
import sensorai as sai, sys
from sensorai.cli import main
logs = sai.read("moves.csv")
result = sai.train(logs, target="written", model="stump", task="steady", window=26)
found = result.report.figures
assert (found["target"], found["task"], found["model"]["kind"]) == ("written", "steady", "stump")
[level] = found["proof"]["levels"]
assert level["windows"] > 0 and level["first_divergence"] is None
assert 0 < found["steadiness"]["same"] <= found["steadiness"]["windows"]
assert "windows have the answer of the window before" in result.page()
rows = result.simulate(logs)
result.save("out")
opened = sai.open("out")
assert opened.simulate(logs).equals(rows) and len(rows)
again = opened.validate(logs, all_groups=True)
assert again.divergence is None
assert again.report.figures["task"] == "steady" and again.report.figures["steadiness"]["windows"]
assert again.report.figures["proof"]["levels"][0]["windows"] == len(rows)

# a file that was changed is a divergence, and is named
from sensorai.opening import open_result, validate
from dataclasses import replace
made = open_result("out")
text = made.artifact.files["moves.json"]
wins = made.artifact.model.wins
spoilt = text.replace(b'"wins": %d' % wins, b'"wins": %d' % (wins + 3))
assert spoilt != text
broken = replace(made, artifact=replace(made.artifact, files={"moves.json": spoilt}))
assert "decided" in str(validate(broken, logs, all_groups=True).divergence)

# new families run on old targets, and old ones on new targets
mixed = sai.train(logs, target="stm32", model="stump", window=26)
assert mixed.report.figures["model"]["kind"] == "stump"
for model in ("forest", "mahalanobis"):
    other = {"task": "anomaly", "normal": ["rest"]} if model == "mahalanobis" else {"net": {"trees": 2}}
    told = {"window": 16, "features": ["STD"]} if model == "mahalanobis" else {"window": 26}
    done = sai.train(logs, target="written", model=model, **told, **other)
    assert not [one for one in done.report.figures["proof"]["levels"] if one["first_divergence"]]

def verb(*words):
    sys.argv = ["sensorai", *words]
    try:
        main()
    except SystemExit as stop:
        assert stop.code == 0, words

verb("train", "moves.csv", "--target", "written", "--model", "stump", "--task", "steady", "--window", "26",
     "--out", "flags")
verb("simulate", "flags", "moves.csv")
verb("validate", "flags", "moves.csv", "--all")
from pathlib import Path
for name in ("report.json", "report.html", "moves.json", "model.sai"):
    assert Path("flags", name).read_bytes() == Path("out", name).read_bytes(), name
"""


def test_the_whole_road_with_what_the_recipes_add(house: Path, tmp_path: Path) -> None:
    need("gcc")
    write_log(tmp_path / "moves.csv", ["rest", "walk"], seconds=16)
    said = python(house, ROAD, tmp_path)
    assert "moves written on paper" in said
    assert said.count("windows answer as the last") == 2
    assert "the file, read back" in said


def test_what_is_added_is_known_everywhere(house: Path, tmp_path: Path) -> None:
    code = """
import sensorai as sai
from sensorai.errors import ExperimentError
from sensorai.experiment import check
from sensorai.experiment.schema import schema
assert "written" in schema()["properties"]["target"]["enum"]
assert "stump" in sai.SensorClassifier.__doc__ and "written" in sai.Experiment.__doc__
[wrong] = check(sai.Experiment(target="mlc", model="stump"))
assert "does not run on mlc" in wrong.message
[wrong] = check(sai.Experiment(target="written", model="gmm", task="steady"))
assert "--task anomaly" in wrong.message
from sensorai.cli import main
import sys
sys.argv = ["sensorai", "train", "--help"]
main()
"""
    said = " ".join(python(house, code, tmp_path).split())
    assert "a pipeline, written down" in said
    assert "steady: how steady answers are" in said


def test_a_new_target_shows_up_in_lists_and_helps(house: Path, tmp_path: Path) -> None:
    code = """
import sys
from sensorai.cli import main
from sensorai.experiment.option import SECTIONS
from sensorai.opening import target_of
assert "written" in SECTIONS["code"] and "written" not in SECTIONS["trees"]
assert target_of({}) == "mlc"
for words in (["devices"], ["devices", "paper"], ["devices", "--json"]):
    sys.argv = ["sensorai", *words]
    try:
        main()
    except SystemExit as stop:
        assert stop.code == 0, words
"""
    said = python(house, code, tmp_path)
    assert "written: sheets" in said
    assert "paper, --target written" in said
    assert '"name": "paper"' in said


def test_the_recipes_are_in_our_style(house: Path, repo: Path) -> None:
    page = (repo / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = [path for path, _ in FILE.findall(page) if path.endswith(".py")]
    for words in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *words, "--config", str(repo / "pyproject.toml"), *paths],
            cwd=house,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
