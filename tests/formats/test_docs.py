"""The page about formats names every format, in order, and its examples are what the program takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sensorai.formats import read_mapping
from sensorai.formats.convert import FORMATS
from sensorai.formats.dataset import SUFFIXES
from sensorai.formats.readers import NAMES


@pytest.fixture(scope="module")
def page(repo: Path) -> str:
    return (repo / "docs" / "formats.md").read_text()


def first_cells(section: str) -> list[str]:
    """Names in the first column of the table of a section."""
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


def test_every_reader_and_writer_is_named(page: str) -> None:
    read, written = page.split("## Written")
    assert tuple(first_cells(read)) == NAMES
    assert first_cells(written) == list(FORMATS)
    for name, suffixes in FORMATS.items():
        (row,) = re.findall(rf"^\| `{name}` \|([^|]*)\|", written, re.MULTILINE)
        assert tuple(re.findall(r"`([^`]+)`", row)) == suffixes


def test_suffixes_are_those_of_folders(page: str) -> None:
    said = page.partition("files ending in ")[2].partition(" are taken")[0]
    assert tuple(re.findall(r"\.\w+", said)) == SUFFIXES


def test_the_mapping_on_the_page_is_one(page: str, tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "m.toml"
    path.write_text(text)
    mapping = read_mapping(path)
    assert list(mapping.columns) == ["acc_x", "acc_y", "acc_z"]
    assert mapping.label_names == {"1": "walking"}


def test_the_examples_are_mappings(repo: Path) -> None:
    files = sorted((repo / "docs" / "mappings").glob("*.toml"))
    assert len(files) >= 3
    for file in files:
        assert read_mapping(file).columns
