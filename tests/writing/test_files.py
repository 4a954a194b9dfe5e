"""Files of the machine learning core and logs mean the same whatever classes, groups and logs are called."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensorai.formats import LiveCsv, read_log, write_csv
from sensorai.formats.write import to_csv
from sensorai.mlc.arff import Arff, arff_text, parse_arff
from sensorai.mlc.regfile import parse_register_file
from sensorai.mlc.treetext import parse_tree_text, write_tree_text
from sensorai.model.forest import Tree
from sensorai.recording import Recording, Span
from sensorai.regfile import Identifier, Output, RegisterFile, Write, to_header, to_json, to_ucf
from sensorai.writing.plainline import tree_names
from sensorai.writing.terminal import shown, whole, without_controls
from tests.learn.make import ACC
from tests.need import need
from tests.writing.hostile import TEXTS, texts
from tests.writing.structure import c_tokens, shape

Writer = Callable[[Path, Sequence[str]], None]
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
three = st.lists(texts, min_size=3, max_size=3, unique=True)
#: Every hostile text comes by, three at a time.
ALL = [TEXTS[i : i + 3] for i in range(0, len(TEXTS) - 2, 3)]
OPS = (Write(0x10, 0), Write(0x01, 0x80), Write(0x17, 0xFF))


def register_file(words: Sequence[str]) -> RegisterFile:
    """A register file with these texts wherever it has some."""
    a, b, c = words
    outputs = (
        Output("Categorical output", "MLC1_SRC", ((0, a), (4, b), (12, c)), register=0x70),
        Output(c, "MLC2_SRC", ((1, b),), register=0x71),
    )
    return RegisterFile(
        ops=OPS,
        device="LSM6DSV16X",
        tool=f"MLC Tool {a}",
        outputs=outputs,
        identifiers=(Identifier(0x1B, 0x3B6, b), Identifier(0x1C, 0x3B8, c)),
        comments=(a, c),
        description=b,
        date=c,
        also=(a,),
    )


def check_register_files(words: Sequence[str]) -> None:
    plain, made = register_file(("aa", "bb", "cc")), register_file(words)
    for write in (to_ucf, to_json, _st, _plain):
        read = parse_register_file(write(made).encode(), "f")
        assert read.ops == OPS
        assert len(read.outputs) >= 1
        first = read.outputs[0]
        assert [code for code, _ in first.results] == [0, 4, 12], write
    assert [line for line in to_ucf(made).split("\n") if not line.startswith("--")] == [
        line for line in to_ucf(plain).split("\n") if not line.startswith("--")
    ]
    assert len(to_ucf(made).splitlines()) == len(to_ucf(plain).splitlines())
    assert shape(json.loads(to_json(made))) == shape(json.loads(to_json(plain)))
    back = parse_register_file(to_json(made).encode(), "f")
    assert [label for _, label in back.outputs[0].results] == list(words)
    headers = {"a.h": _st(made), "b.h": _plain(made)}
    assert c_tokens(headers) == c_tokens({"a.h": _st(plain), "b.h": _plain(plain)})
    assert all(text.isascii() for text in headers.values())


def _st(rf: RegisterFile) -> str:
    return to_header(rf, "walk")


def _plain(rf: RegisterFile) -> str:
    return to_header(rf, "walk", plain=True)


@pytest.mark.parametrize("words", ALL, ids=range(len(ALL)))
def test_register_files(words: Sequence[str]) -> None:
    need("gcc")
    check_register_files([word or "empty" for word in words])


@given(three)
@settings(QUICK, max_examples=20)
def test_register_files_of_any_words(words: list[str]) -> None:
    need("gcc")
    check_register_files([word or "empty" for word in words])


TREE = Tree.from_nodes([(0, 0.5, 1, ~2), (1, 2.0, ~0, ~1)])


def check_tree(words: Sequence[str]) -> None:
    text = write_tree_text(TREE, ("F1_MEAN_ACC_X", "F2_MEAN_ACC_Y"), words, {0: "3/1.0"})
    read = parse_tree_text(text)
    assert read.classes == tuple(tree_names(words))
    assert len(set(read.classes)) == 3
    assert list(read.tree.rows()) == list(TREE.rows())


@pytest.mark.parametrize("words", ALL, ids=range(len(ALL)))
def test_tree_text(words: Sequence[str]) -> None:
    check_tree(words)


@given(three)
@QUICK
def test_tree_text_of_any_words(words: list[str]) -> None:
    check_tree(words)


def check_arff(words: Sequence[str]) -> None:
    words = [word or "empty" for word in words]
    table = Arff(("F1", words[0]), tuple(words), np.array([[1.0, 2.0], [3.0, 4.0]]), (words[2], words[1]))
    read = parse_arff(arff_text(table))
    assert read.features == ("F1", whole(words[0]))
    assert read.classes == tuple(map(whole, words))
    assert read.labels == (whole(words[2]), whole(words[1]))
    assert read.values.tolist() == table.values.tolist()


@pytest.mark.parametrize("words", ALL, ids=range(len(ALL)))
def test_arff(words: Sequence[str]) -> None:
    check_arff(words)


@given(three)
@QUICK
def test_arff_of_any_words(words: list[str]) -> None:
    check_arff(words)


def recording(words: Sequence[str]) -> Recording:
    a, b, c = words
    spans = (Span(0, 4, a), Span(4, 8, b))
    return Recording(
        np.arange(24.0).reshape(8, 3),
        ACC,
        52.0,
        {"label": spans},
        group=c,
        name=b,
        source="x",
        history=(a, c),
    )


def usable(words: Sequence[str]) -> list[str]:
    """Labels as a reader of logs gives them: no blanks around, not empty, no line ends."""
    lines = [" ".join(without_controls(word).split()) for word in words]
    return [line or f"{i}" for i, line in enumerate(lines)]


def write_whole(path: Path, words: Sequence[str]) -> None:
    write_csv(path, [recording(words)])


def write_live(path: Path, words: Sequence[str]) -> None:
    a, b, c = words
    with path.open("wb") as file:
        out = LiveCsv(file, ACC, rate_hz=52.0, subject=c)
        out.write(np.arange(12.0).reshape(4, 3), labels={"label": a})
        out.write(np.arange(12.0, 24.0).reshape(4, 3), labels={"label": b})


@pytest.mark.parametrize("write", [write_whole, write_live])
@pytest.mark.parametrize("words", ALL, ids=range(len(ALL)))
def test_logs_read_back(words: Sequence[str], write: Writer, tmp_path: Path) -> None:
    words = usable(words)
    if write is write_live:
        words = [shown(word) for word in words]
    path = tmp_path / "log.csv"
    write(path, words)
    (read,) = read_log(path)
    assert read.samples.tolist() == np.arange(24.0).reshape(8, 3).tolist()
    assert [span.label for span in read.labels["label"]] == list(words[:2])
    # a comment loses the separators that spreadsheets put behind it
    assert read.group == (words[2].rstrip(" ,;") if write is write_live else words[2])
    for line in path.read_text().splitlines():
        assert not any(cell.strip('"').startswith(("=", "@", "\t")) for cell in line.split(","))


def test_logs_without_formulas_are_not_marked() -> None:
    assert "marked" not in to_csv([recording(("walk", "-1", "anna"))])
    assert "# marked" in to_csv([recording(("walk", "=1", "anna"))])


def test_an_apostrophe_of_a_foreign_log_stays(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("# rate_hz: 52\nacc_x[mg],acc_y[mg],acc_z[mg],label\n" + "1,2,3,'=x\n" * 4)
    (read,) = read_log(path)
    assert read.labels["label"][0].label == "'=x"


def test_a_core_that_a_header_cannot_name() -> None:
    from sensorai.errors import ConfigError

    one = register_file("abc").outputs[0]
    for output in (replace(one, core="MLC; int x"), replace(one, type="uint8_t; int x")):
        bad = replace(register_file("abc"), outputs=(output,))
        with pytest.raises(ConfigError, match="has no place in a header"):
            _st(bad)
