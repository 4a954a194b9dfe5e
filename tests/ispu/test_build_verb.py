"""``sensorai build``: what it prints, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.call import call
from tests.ispu import stub
from tests.ispu.make import elf, pattern


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in stub.files(stub.app()).items():
        (tmp_path / name).write_text(text)
    (tmp_path / "given.elf").write_bytes(elf([(0, pattern(96)), (0x10000, pattern(0x2100))], [(96, 900)]))
    return tmp_path


def test_a_given_program(folder: Path) -> None:
    done = call("build", folder, "--program", folder / "given.elf")
    assert done.code == 0
    assert "code and constants: 8448 of 32768 bytes" in done.out
    assert "variables: 996 of 8192 bytes, 512 kept for the stack" in done.out
    assert "stub_load.json: 8" in done.out
    first = (folder / "stub_load.json").read_bytes()
    found = json.loads(call("build", folder, "--program", folder / "given.elf", "--json").out)
    assert (found["code_bytes"], found["data_bytes"], found["compiler"]) == (8448, 996, "")
    assert (folder / "stub_load.json").read_bytes() == first
    assert "algo 0 enable" in call("decode", folder).out


def test_messages(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(path.name for path in folder.iterdir())
    monkeypatch.setenv("PATH", str(folder))
    done = call("build", folder)
    assert done.code == 2
    assert "neither stred-gcc nor reisc-gcc is on PATH" in done.err
    assert "ISPU-Toolchain" in done.err
    assert "no ISPU project" in call("build", folder / "none").err
    assert "cannot read none.elf" in call("build", folder, "--program", folder / "none.elf").err
    (folder / "given.elf").write_bytes(b"\x7fELF" + bytes(100))
    done = call("build", folder, "--program", folder / "given.elf")
    assert done.code == 2
    assert "not a 32-bit little-endian ELF file" in done.err
    assert sorted(path.name for path in folder.iterdir()) == before
