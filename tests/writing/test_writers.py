"""One writer after the other: what it writes reads back, and means nothing else."""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib

import pandas as pd
import pytest
from hypothesis import given

from sensorai.errors import ConfigError, InternalError
from sensorai.files import write_table
from sensorai.writing import cells, clang, jsontext, plainline, templates, terminal, tomltext
from sensorai.writing.markdown import Markdown
from sensorai.writing.markup import drawn
from sensorai.writing.written import Identifier, Inert, Written, inert
from tests.writing.hostile import TEXTS, texts
from tests.writing.structure import markdown

#: What a terminal, an editor or a reader of lines would obey.
OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


@pytest.mark.parametrize("kind", [Written, Inert, Identifier, clang.C, Markdown])
def test_only_writers_make_their_types(kind: type[Written]) -> None:
    with pytest.raises(InternalError, match="made by its writer"):
        kind("int x;")
    assert type(clang.identifier("har") + " int x;") is str
    assert type(f"{clang.comment('a')}") is str


@pytest.mark.parametrize(
    "language",
    [templates.C, templates.MAKE, templates.CMAKE, templates.LINKER, templates.ASSEMBLER],
    ids=lambda one: one.name,
)
def test_a_template_of_code_refuses_text(language: templates.Language) -> None:
    for value in ("walk", "", 1.5, True, None, ["a"], b"a"):
        with pytest.raises(InternalError, match="no writer made"):
            language.finalize(value)
    assert language.finalize(7) == "7"
    assert language.finalize(inert("a-b.c")) == "a-b.c"
    code = clang.comment("a")
    if language is templates.C:
        assert language.finalize(code) == "a"
    else:
        with pytest.raises(InternalError):
            language.finalize(code)


@pytest.mark.parametrize("text", ["a;b", "a\nb", "$(x)", "a*b", "a/b", "(", '"', "ä", "a#", "{"])
def test_what_is_not_inert(text: str) -> None:
    with pytest.raises(InternalError):
        inert(text)


@given(texts)
def test_comments(text: str) -> None:
    words = clang.comment(text)
    assert words.isascii()
    assert words.isprintable()
    # it stands beside stars and slashes, too
    beside = f"/*{words}*/"
    assert beside.index("*/") == len(beside) - 2
    assert "/*" not in beside[1:]
    assert "??" not in beside
    assert "\\" not in beside
    assert len(words) < clang.COMMENT * 10


@given(texts)
def test_json(text: str) -> None:
    written = jsontext.document({"a": [text], text: 1})
    assert json.loads(written) == {"a": [text], text: 1}
    assert not OBEYED.search(written)
    assert json.loads(jsontext.string(text)) == text


def test_json_has_no_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        jsontext.document(float("nan"))


@given(texts)
def test_toml(text: str) -> None:
    assert tomllib.loads(f"a = {tomltext.string(text)}")["a"] == terminal.whole(text)
    assert tomllib.loads(f"a = {tomltext.strings([text, text])}")["a"] == [terminal.whole(text)] * 2


@given(texts)
def test_terminal(text: str) -> None:
    said = terminal.shown(text)
    assert len(said) == len(text)
    assert not OBEYED.search(said)
    assert said.count("\n") == text.count("\n")
    assert terminal.shown(said) == said


@given(texts)
def test_lines(text: str) -> None:
    for line in (plainline.one_line(text), plainline.in_quotes(text), plainline.result_name(text)):
        assert len(line.splitlines()) <= 1
        assert not OBEYED.search(line)
    assert '"' not in plainline.in_quotes(text)


@given(texts)
def test_results_of_a_ucf_comment(text: str) -> None:
    from sensorai.regfile.content import Comments

    comments = Comments()
    comments.take(f" <MLC0_SRC>DT1,0='{plainline.result_name(text)}',4='end'")
    (output,) = comments.outputs
    assert [code for code, _ in output.results] == [0, 4]
    assert output.results[1][1] == "end"


@given(texts)
def test_cells(text: str) -> None:
    cell = cells.cell(text)
    assert cells.read(cell) == terminal.without_controls(text)
    number = re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text)
    assert number or not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d"))


@pytest.mark.parametrize("text", ["-1", "+0.5", "-1e-3", "walk", "'quoted'", "it's", "a=b", "5-6"])
def test_cells_that_stay(text: str) -> None:
    assert cells.cell(text) == text


def test_tables(tmp_path: pytest.TempPathFactory) -> None:
    """Traces: headings and text cells, whatever pandas calls their type; numbers stay numbers."""
    frame = pd.DataFrame(
        {"=a": ["=1", None, "x"], "n": [-1.5, 2.0, 3.0], "s": pd.Series(["@x", "y", "-z"], dtype="str")}
    )
    path = tmp_path / "t.csv"  # type: ignore[operator]
    write_table(frame, path)
    rows = list(csv.reader(io.StringIO(path.read_text())))
    assert rows == [["'=a", "n", "s"], ["'=1", "-1.5", "'@x"], ["", "2.0", "y"], ["x", "3.0", "'-z"]]


@given(texts)
def test_markdown(text: str) -> None:
    from sensorai.writing.markdown import text as write

    plain = "word" if plainline.one_line(text) else ""
    for frame in ("{} and more", "- a {}, b", "| a | b |\n|---|---|\n| {} | c |", "a ({}) `code`"):
        assert markdown(frame.format(write(text))) == markdown(frame.format(plain)), frame


@pytest.mark.parametrize(
    "text",
    [
        "<script>x</script>",
        "<svg onload='x'></svg>",
        "<svg><a href='x'>y</a></svg>",
        "<svg><text>a</svg>",
        "<svg></svg></div>",
        "<svg><!-- a --></svg>",
        "<svg><![CDATA[a]]></svg>",
        "<?xml version='1.0'?><svg></svg>",
        "<!DOCTYPE svg><svg></svg>",
        "<svg><path style='x'></path></svg>",
        "<svg><image src='x'></image></svg>",
        ' class="a" onload="x"',
        '<svg></svg>" onload="x',
    ],
)
def test_markup_that_is_no_drawing(text: str) -> None:
    with pytest.raises(InternalError):
        drawn(text)


def test_drawings() -> None:
    text = '<svg viewBox="0 0 1 1"><g><title>a &lt;b&gt;</title><path d="M0 0"></path></g></svg>'
    assert drawn(text) == text
    assert drawn(' class="warn"') == ' class="warn"'


@pytest.mark.parametrize("label", TEXTS)
def test_names(label: str) -> None:
    """A name is an identifier or refused, never mended."""
    try:
        name = clang.identifier(label)
    except ConfigError:
        return
    assert re.fullmatch(r"[A-Za-z]\w{0,30}", name, re.ASCII)
    assert name == label
