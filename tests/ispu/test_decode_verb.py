"""``sensorai decode`` on ISPU files: told by content, as text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sensorai.ispu.conf import parse_conf
from sensorai.ispu.devices import device
from sensorai.ispu.loader import files, load
from tests.cli.call import call
from tests.ispu import stub
from tests.ispu.make import pattern, program

LSM = device("LSM6DSO16IS")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rf = load(program(LSM, code=0x2100), parse_conf("acc_odr 26\nalgo 0 enable", LSM), LSM)
    for name, data in files(rf, "stub_load").items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


@pytest.mark.parametrize("name", ["stub_load.json", "stub_load.ucf", "stub_load.h", "stub_load_plain.h"])
def test_every_syntax(folder: Path, name: str) -> None:
    done = call("decode", folder / name)
    assert done.code == 0
    assert "ISPU program for ISM330IS / LSM6DSO16IS" in done.out
    assert "code RAM: 8448 of 32768 bytes loaded" in done.out
    found = json.loads(call("decode", folder / name, "--as", "json").out)
    assert found["segments"][1] == {"address": 0x10000, "bytes": 0x2100, "data": pattern(0x2100).hex()}
    assert (found["kind"], found["algorithms"]) == ("ispu", [0])


def test_a_project_folder(folder: Path) -> None:
    for name, text in stub.files(stub.app()).items():
        (folder / name).write_text(text)
    out = folder / "out.txt"
    assert call("decode", folder, "--out", out).code == 0
    assert "Algorithms called: 0 (of 30)" in out.read_text()
    (folder / "stub_load.json").unlink()
    done = call("decode", folder)
    assert done.code == 2
    assert "this ISPU project has no register file yet" in done.err


def test_messages(folder: Path) -> None:
    file = folder / "stub_load.json"
    assert "has no trees to show" in call("decode", file, "--as", "tree").err
    assert "loads no program into IIS3DWB10IS" in call("decode", file, "--device", "iis").err
    text = file.read_text()
    file.write_text(text[: len(text) // 2])
    done = call("decode", file)
    assert done.code == 2
    assert "cut off" in done.err
