"""Every file of a C project means the same whatever its classes and channels are called."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sensorai.codegen.project import WARNINGS, emit_project
from sensorai.ispu.devices import device
from sensorai.ispu.emit import emit_ispu
from sensorai.ispu.meta import parse_meta
from sensorai.ispu.project import parse_index
from sensorai.mcu.devices import device as mcu_device
from sensorai.model.pipeline import Pipeline
from sensorai.writing import clang
from sensorai.writing.terminal import whole
from tests.ispu import test_emit
from tests.need import need
from tests.verify.learning import learning
from tests.verify.pipelines import detector, forest, net
from tests.writing.hostile import TEXTS, texts
from tests.writing.structure import c_tokens, markdown

CHIP = mcu_device("stm32l4").chip()
CHANNELS = ("acc_x", "acc_y", "acc_z")
#: Pipelines of every kind of model, with three or two classes.
PIPELINES = {
    "forest": forest(),
    "net": net("demo"),
    "detector": detector("mahalanobis", "demo"),
    "learner": replace(learning(5), name="demo"),
}
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
three = st.lists(texts, min_size=3, max_size=3, unique=True)


def renamed(one: Pipeline, labels: Sequence[str], more: Sequence[str] | None = None) -> Pipeline:
    """The pipeline with other names of classes and, for ``more``, of the units of its channels."""
    channels = one.channels
    if more is not None:
        channels = tuple(replace(c, unit=unit) for c, unit in zip(channels, more, strict=True))
    return replace(one, classes=tuple(labels[: len(one.classes)]), channels=channels)


def labels_of(start: int) -> list[str]:
    return [TEXTS[(start + k) % len(TEXTS)] for k in range(3)]


def check_project(one: Pipeline, labels: Sequence[str], units: Sequence[str] | None) -> None:
    """Hold the files of a project with hostile names against those with plain ones."""
    plain = emit_project(renamed(one, ("aa", "bb", "cc"), units and ("u", "v", "w")), CHIP).files
    made = emit_project(renamed(one, labels, units), CHIP).files
    assert made.keys() == plain.keys()
    same = {name for name in made if made[name] == plain[name]}
    # nothing from outside stands there at all
    assert {"Makefile", "CMakeLists.txt", "demo.ld", "startup.c", "main.c", "demo.c"} <= same
    assert {name for name in made if name.startswith("sa_")} <= same
    assert c_tokens({k: v for k, v in made.items() if k.endswith((".c", ".h"))}) == c_tokens(
        {k: v for k, v in plain.items() if k.endswith((".c", ".h"))}
    )
    assert markdown(made["README.md"]) == markdown(plain["README.md"])
    for name in ("demo.h", "demo_data.c"):
        assert made[name].isascii()
        assert max(map(len, made[name].splitlines())) < 4095


@pytest.mark.parametrize(
    ("kind", "start"),
    [(kind, start) for kind in PIPELINES for start in range(0, len(TEXTS), 3 if kind == "forest" else 21)],
)
def test_hostile_classes_one_by_one(kind: str, start: int) -> None:
    need("gcc")
    check_project(PIPELINES[kind], labels_of(start), None)


@given(three, three)
@example(["*/ int x; /*", "a */", "/"], ["*/ int y; /*", "\\", "??/"])
@QUICK
def test_hostile_classes_and_units(labels: list[str], units: list[str]) -> None:
    need("gcc")
    check_project(PIPELINES["forest"], labels, units)


@pytest.mark.parametrize("standard", ["-std=c99", "-std=gnu17"])
def test_every_hostile_class_at_once_compiles(standard: str, tmp_path: Path) -> None:
    """Under the strict flags; enumerators are all different, and no macro of a header is one."""
    need("gcc")
    for name, text in emit_project(renamed(PIPELINES["forest"], TEXTS)).files.items():
        (tmp_path / name).write_text(text)
    names = clang.enumerators(clang.identifier("every"), TEXTS)
    assert len(set(names)) == len(TEXTS)
    strings = ",\n".join(clang.string(label) for label in TEXTS)
    comments = "\n".join(f"/*{clang.comment(label)}*/ /* {clang.comment(label)} */" for label in TEXTS)
    lines = [
        '#include "demo.h"',
        f"enum all {{ {', '.join(names)} }};",
        "extern const char *const all_names[];",
        f"const char *const all_names[] = {{\n{strings}\n}};",
        comments,
        "extern int all_end;",
        f"int all_end = {names[-1]};",
    ]
    (tmp_path / "all.c").write_text("\n".join(lines) + "\n")
    flags = ["gcc", *WARNINGS.replace("-std=c99", standard).split()]
    done = subprocess.run([*flags, "-c", "all.c"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_literals_are_the_labels(tmp_path: Path) -> None:
    """What C prints is what the log said, as far as UTF-8 and the longest literal go."""
    need("gcc")
    labels = [label for label in TEXTS if "\0" not in label]
    strings = ",\n".join(clang.string(label) for label in labels)
    (tmp_path / "main.c").write_text(
        f"#include <stdio.h>\nstatic const char *const all[] = {{\n{strings}\n}};\n"
        "int main(void) { unsigned i; for (i = 0; i < sizeof all / sizeof all[0]; i++) "
        '{ printf("%s%c", all[i], 0); } return 0; }\n'
    )
    subprocess.run(["gcc", "-std=c99", "main.c", "-o", "main"], cwd=tmp_path, check=True)
    said = subprocess.run([str(tmp_path / "main")], capture_output=True, check=True).stdout.split(b"\0")[:-1]
    for label, got in zip(labels, said, strict=True):
        wanted = label.encode("utf-8", "replace")
        assert got == wanted or (len(wanted) > clang.STRING and wanted.startswith(got) and len(got) > 990)


@given(three)
@example(["*/ int x; /*", '"; int x; "', "??/\n"])
@example(labels_of(30))
@QUICK
def test_ispu_projects(labels: list[str]) -> None:
    need("gcc")
    part = device("LSM6DSO16IS")
    one = replace(test_emit.pipeline(part), name="demo")
    _, plain = emit_ispu(renamed(one, ("aa", "bb", "cc")), part)
    _, made = emit_ispu(renamed(one, labels), part)
    texts_of = {"demo.h", "demo_data.c", "meta.txt", "ispu.toml", "README.md"}
    assert {name for name in made if made[name] != plain[name]} <= texts_of
    sources = {k: v for k, v in made.items() if k.endswith((".c", ".h"))}
    assert c_tokens(sources) == c_tokens({k: v for k, v in plain.items() if k.endswith((".c", ".h"))})
    assert markdown(made["README.md"]) == markdown(plain["README.md"])
    meant, said = parse_meta(plain["meta.txt"], part), parse_meta(made["meta.txt"], part)
    assert [(o.register, o.type, o.length) for o in said.outputs] == [
        (o.register, o.type, o.length) for o in meant.outputs
    ]
    codes = [[[code for code, _ in o.results] for o in one.outputs] for one in (said, meant)]
    assert codes[0] == codes[1]
    assert tomllib.loads(made["ispu.toml"]).keys() == tomllib.loads(plain["ispu.toml"]).keys()
    assert parse_index(made["ispu.toml"], "ispu.toml").classes == tuple(whole(label) for label in labels)


def test_make_in_a_hostile_folder(tmp_path: Path) -> None:
    """Paths are relative, so the name of the folder means nothing to make."""
    need("gcc", "make")
    folder = tmp_path / "a $(shell touch pwned) #\"' %"
    folder.mkdir()
    for name, text in emit_project(renamed(forest(), labels_of(0)), CHIP).files.items():
        (folder / name).write_text(text)
    done = subprocess.run(["make", "-s"], cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert not list(tmp_path.rglob("pwned"))
    plain = tmp_path / "plain"
    plain.mkdir()
    for name, text in emit_project(forest(), CHIP).files.items():
        (plain / name).write_text(text)
    assert variables(folder) == variables(plain)
    assert variables(plain)["OBJECTS"].endswith("/demo.o " + variables(plain)["BUILD"] + "/demo_data.o")


def variables(folder: Path) -> dict[str, str]:
    """Variables that make has after the Makefile of a folder, but those of make and of the environment."""
    command = ["env", "-i", f"PATH={os.environ['PATH']}", "make", "-pn"]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout
    found = re.findall(r"^# makefile \(from.*\n(\w+) :?= ?(.*)$", said, re.MULTILINE)
    return {name: value for name, value in found if not name.startswith("MAKE")}
