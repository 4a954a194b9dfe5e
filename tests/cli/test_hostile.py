"""Hostile labels, subjects and file names from end to end: every file means what it means with plain ones.

What is compared is what a reader makes of a file: tokens of C, elements of a page, operations of a register
file, shapes of JSON. The names begin with a figure, so that they sort as the plain ones do.
"""

from __future__ import annotations

import csv
import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from sensorai.mlc.arff import read_arff
from sensorai.mlc.regfile import read_register_file
from sensorai.mlc.treetext import read_tree_text
from tests.cli.call import call
from tests.cli.logs import CLASSES, signal
from tests.need import need
from tests.writing.structure import c_tokens, dom, markdown, shape

LABELS = {
    "rest": '0 */ __attribute__((constructor)) void f(void) { } /* ??/ " \\ %s $(shell touch pwned)',
    "walk": "1</script><script>alert(1)</script> '+' <!-- ]]> \u202e\u2028 {{ 7*7 }} | [x](y) \x9b31m',4='z",
    "shake": "2 #define int long, ${PATH} `id` [bold]x[/bold] =1+1 \u00e9 -- # @data F1 <= 0.5 : x",
}
#: As long, so that drawings have the same layout.
PLAIN = {kind: f"{i} {'x' * (len(label) - 2)}" for i, (kind, label) in enumerate(LABELS.items())}
SUBJECTS = ["0 <b>*/", "1 $(id)", '2 "\\', "3 {x}", "4 [red]", "5 %n", "6 ' onload='", "7 \u202e"]
#: What a terminal obeys.
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
FILE = "0 <img src=x> $(touch pwned) *∕ [red] %s # '\u202e.csv"


def write_logs(folder: Path, names: Mapping[str, str], subjects: list[str], file: str) -> Path:
    """Eight subjects, three classes, 52 Hz."""
    path = folder / file
    with path.open("w", newline="") as out:
        out.write("# rate_hz: 52\n")
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(["acc_x[mg]", "acc_y[mg]", "acc_z[mg]", "label", "subject"])
        for s, subject in enumerate(subjects):
            for c, kind in enumerate(CLASSES):
                for row in signal(kind, 624, 52.0, 100 * s + c)[:, :3]:
                    rows.writerow([*(f"{v:.1f}" for v in row), names[kind], subject])
    return path


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("logs")
    plain = write_logs(folder, PLAIN, [f"{i} x" for i in range(8)], "0 x.csv")
    return plain, write_logs(folder, LABELS, SUBJECTS, FILE)


#: Targets and tasks; one small model each.
ROADS: Mapping[str, tuple[str, ...]] = {
    "mlc": ("--target", "mlc", "--device", "LSM6DSOX", "--max-features", "2"),
    "mlc, anomaly": ("--target", "mlc", "--device", "LSM6DSOX", "--task", "anomaly"),
    "stm32": ("--target", "stm32", "--device", "stm32l4", "--model", "tree", "--stride", "26"),
    "stm32, anomaly": ("--target", "stm32", "--device", "stm32l4", "--task", "anomaly", "--stride", "26"),
    "ispu": ("--target", "ispu", "--device", "LSM6DSO16IS", "--model", "tree", "--stride", "26"),
    "ispu, anomaly": (
        *("--target", "ispu", "--device", "LSM6DSO16IS", "--task", "anomaly", "--stride", "26"),
        *("--model", "mahalanobis", "--learn", "on-device"),
    ),
}

#: How a file is read by what its name ends in; all other files must be the same in every byte.
READERS: Mapping[str, Callable[[Path], Any]] = {
    ".json": lambda path: shape(json.loads(path.read_text())),
    ".sai": lambda path: shape(json.loads(path.read_text())),
    ".html": lambda path: sorted(set(dom(path.read_text()))),
    ".ucf": lambda path: (
        read_register_file(path).ops,
        [[code for code, _ in one.results] for one in read_register_file(path).outputs],
    ),
    ".md": lambda path: markdown(path.read_text()),
    ".arff": lambda path: (read_arff(path).features, read_arff(path).values.tolist()),
    "tree_1.txt": lambda path: list(read_tree_text(path).tree.rows()),
    "meta.txt": lambda path: [re.sub(r'"[^"]*"', "", line) for line in path.read_text().split("\n")],
    ".toml": lambda path: shape(tomllib.loads(path.read_text())),
}


def read(folder: Path) -> dict[str, Any]:
    """Every file of a folder as its reader takes it."""
    sources = {p.name: p.read_text() for p in folder.iterdir() if p.suffix in (".c", ".h")}
    found: dict[str, Any] = dict(c_tokens(sources))
    for path in folder.iterdir():
        if path.name not in sources:
            of = next((reader for end, reader in READERS.items() if path.name.endswith(end)), Path.read_bytes)
            found[path.name] = of(path)
    return found


@pytest.mark.parametrize("road", ROADS)
def test_every_file_of_every_road(road: str, logs: tuple[Path, Path], tmp_path: Path) -> None:
    need("gcc", "arm-none-eabi-gcc", "unicorn")
    said = []
    for log, folder, names in ((logs[0], "plain", PLAIN), (logs[1], "hostile", LABELS)):
        normal = ("--normal", names["rest"], "--normal", names["walk"])
        more = normal if "anomaly" in road else ("--folds", "2")
        words: tuple[str | Path, ...] = (
            *ROADS[road],
            "--window",
            "26",
            "--name",
            "toy",
            *more,
            "--out",
            tmp_path / folder,
        )
        result = call("train", log, *words)
        assert (result.code, result.err) == (0, "")
        said.append(result.out)
    # nothing that a terminal obeys
    assert not OBEYED.search(said[1])
    plain, hostile = read(tmp_path / "plain"), read(tmp_path / "hostile")
    assert plain.keys() == hostile.keys()
    for name in plain:
        assert hostile[name] == plain[name], name
    page = (tmp_path / "hostile" / "report.html").read_text()
    assert page.count("<script") == (tmp_path / "plain" / "report.html").read_text().count("<script")
    assert not [p for p in (*tmp_path.rglob("pwned"), Path("pwned")) if p.exists()]


@pytest.fixture(scope="module")
def toy(logs: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a training on the hostile log left."""
    folder = tmp_path_factory.mktemp("trained") / "toy"
    words: tuple[str | Path, ...] = (
        *ROADS["mlc"],
        "--window",
        "26",
        "--folds",
        "2",
        "--name",
        "toy",
        "--out",
        folder,
    )
    assert call("train", logs[1], *words).code == 0
    return folder


@pytest.mark.parametrize("verb", ["inspect", "simulate", "validate", "features", "convert"])
def test_other_verbs(verb: str, logs: tuple[Path, Path], toy: Path, tmp_path: Path) -> None:
    """They run on the same logs, print nothing that a terminal obeys, and write tables without formulas."""
    table = tmp_path / "table.csv"
    line: tuple[str | Path, ...] = {
        "inspect": ("inspect", logs[1]),
        "simulate": ("simulate", toy, logs[1], "--out", table),
        "validate": ("validate", toy, logs[1]),
        "features": ("features", toy, logs[1], "--out", table),
        "convert": ("convert", logs[1], "--out", table),
    }[verb]
    for more in ((), ("--json",)):
        if verb in ("features", "convert") and more:
            continue
        result = call(*line, *more)
        assert result.code == 0, result.err
        assert not OBEYED.search(result.out + result.err)
    if table.exists():
        with table.open(newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "@", "+", "\t"))]


def test_file_names_that_are_no_text(tmp_path: Path) -> None:
    """Undecodable bytes, escapes and line ends in the name of a log."""
    name = os.fsdecode(b"a\xff\x1b[31m\n[red].csv")
    log = write_logs(tmp_path, PLAIN, ["a", "b"], name)
    for line in (("inspect", log), ("inspect", log, "--json"), ("inspect", log.with_suffix(".no"))):
        result = call(*line)
        assert result.code in (0, 2)
        assert not OBEYED.search(result.out + result.err)
    out = tmp_path / "out.csv"
    assert call("convert", log, "--out", out).code == 0
    assert call("inspect", out).code == 0
