"""Dumps of serial consoles, as a mapping says."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensorai.errors import ConfigError, DataError
from sensorai.formats import ReadOptions, read_log, read_mapping
from sensorai.formats.console import matches, without_escapes
from tests.formats.test_dataset import put

DUMP = (
    b"\x1b]0;COM3\x07\x1b[2J\x1b[1;1H\x1b[32mboot ok\x1b[0m\r\n"
    b"-,-,-\r\nx,y,z\r\n-,-,-\r\n\x1b[33m1\x1b[0m,2,3\r\n\x07-,-,-\r\n[INFO] battery 80 %\r\n4,5,\x1b(B6\r\n"
)
MAPPING = """
rate_hz = 50
strip_escapes = true
skip_rows = ["-,-,-", "boot*", "[INFO]*%"]
[columns]
acc_x = { column = "x", unit = "g" }
acc_y = { column = "y", unit = "g" }
acc_z = { column = "z", unit = "g" }
"""


def test_a_dump(tmp_path: Path) -> None:
    path = tmp_path / "dump.log"
    path.write_bytes(DUMP)
    mapping = read_mapping(put(tmp_path, "m.toml", MAPPING))
    (one,) = read_log(path, ReadOptions(mapping=mapping))
    assert one.samples.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert "5 lines left out, as skip_rows of the mapping says" in one.notes


def test_without_the_mapping_the_way_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "dump.log"
    path.write_bytes(DUMP)
    with pytest.raises(DataError, match="escape codes of a terminal") as caught:
        read_log(path)
    assert "strip_escapes = true" in caught.value.hint


def test_a_fault_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "dump.log"
    path.write_bytes(DUMP.replace(b"4,5,", b"4,oops,"))
    with pytest.raises(DataError, match="'oops' in column 'y'") as caught:
        read_log(path, ReadOptions(mapping=read_mapping(put(tmp_path, "m.toml", MAPPING))))
    assert caught.value.where.endswith("dump.log:8:2")


@pytest.mark.parametrize(
    ("line", "pattern", "fits"),
    [
        ("-,-,-", "-,-,-", True),
        ("  -,-,-  ", "-,-,-", True),
        ("-,-,-,", "-,-,-", False),
        ("boot ok", "boot*", True),
        ("reboot", "boot*", False),
        ("a-b-c", "a*b*c", True),
        ("ac", "a*b*c", False),
        ("aa", "a*a", True),
        ("a", "a*a", False),
        ("abab", "a*ab*b", False),
        ("[INFO] 1", "[INFO]*", True),
        ("I 1", "[INFO]*", False),
        ("", "*", True),
    ],
)
def test_patterns(line: str, pattern: str, fits: bool) -> None:
    assert matches(line, pattern) is fits


def test_escapes() -> None:
    assert without_escapes(b"\x1b[1;31mred\x1b[m\ta\x08b\x1b[?25l\x1b]0;t\x1b\\c\x1bM\x1b=\r\n\xc2\xb5") == (
        b"red\tabc\r\n\xc2\xb5"
    )
    assert without_escapes(b"1\x1b") == b"1"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('skip_rows = "-"', "skip_rows: must be a list of texts"),
        ('skip_rows = ["-", 3]', "skip_rows: must be a list of texts"),
        ('skip_rows = [" "]', "skip_rows: must be a list of texts"),
        ("strip_escapes = 1", "strip_escapes: must be true or false"),
        ('skip_row = ["-"]', "skip_row: unknown key"),
    ],
)
def test_faults_of_the_mapping(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        read_mapping(put(tmp_path, "m.toml", f"{line}\n[columns]\nacc_x = 1\n"))
    if "unknown" in message:
        assert caught.value.hint == "did you mean skip_rows?"
