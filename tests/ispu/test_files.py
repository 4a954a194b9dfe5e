"""What only ISPU files have in the shared syntaxes: remarks among the operations, several devices, types."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from sensorai.errors import DataError
from sensorai.ispu.conf import parse_conf
from sensorai.ispu.devices import device
from sensorai.ispu.loader import files, load
from sensorai.ispu.meta import parse_meta
from sensorai.ispu.unload import ispu_device, unload
from sensorai.regfile import RegisterFile, Write, parse_register_file, read_register_file, to_header, to_json
from tests.ispu.make import program

LSM = device("LSM6DSO16IS")
META = parse_meta('output "a" float 3\noutput "b" int16_t\noutput "c" uint8_t\n\t2="two"\n', LSM)


def rf() -> RegisterFile:
    return load(program(LSM), parse_conf("algo 0 enable", LSM), LSM, meta=META)


def test_remarks_among_the_operations() -> None:
    text = files(rf(), "x")["x.json"].decode()
    line = '\t\t\t\t{ "type": "write", "address": "0x18", "data": "0x00" },\n'
    assert text.count(line) == 1
    found = parse_register_file(
        text.replace(line, '\t\t\t\t{ "comment": "Boot ISPU" },\n' + line).encode(), "x"
    )
    assert found.ops == rf().ops
    assert found.comments == ("Boot ISPU",)
    assert unload(found).image == unload(rf()).image
    with pytest.raises(DataError, match="unknown operation None"):
        parse_register_file(text.replace(line, '{ "remark": "x" },' + line).encode(), "x")
    with pytest.raises(DataError, match="'comment' is no text"):
        parse_register_file(text.replace(line, '{ "comment": 5 },' + line).encode(), "x")


def test_several_devices_and_types_stay() -> None:
    for text in (to_json(rf()), to_header(rf(), "x")):
        found = parse_register_file(text.encode(), "x")
        assert (found.device, found.also) == ("ISM330IS", ("LSM6DSO16IS",))
        assert found.outputs == META.outputs
        assert (to_json(found), to_header(found, "x")) == (to_json(rf()), to_header(rf(), "x"))
    one = RegisterFile((Write(1, 2),), device="A", also=())
    assert '"name": [ "A" ]' in to_json(one)


@pytest.mark.parametrize("name", ["x.h", "x_plain.h"])
def test_headers_are_c(tmp_path: Path, name: str) -> None:
    compiler = shutil.which("gcc")
    assert compiler
    (tmp_path / name).write_bytes(files(rf(), "x")[name])
    (tmp_path / "main.c").write_text(f'#include "{name}"\nint main(void) {{ return 0; }}\n')
    done = subprocess.run(
        [compiler, "-std=c99", "-Wall", "-Wno-unused", "-pedantic", "-Werror", "-fsyntax-only", "main.c"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.conformance
def test_no_file_of_the_machine_learning_core_is_taken_for_a_program(shared: Path) -> None:
    seen = 0
    for suffix in ("ucf", "json", "h"):
        for path in sorted((shared / "data" / "mlc-reference").rglob(f"*.{suffix}")):
            try:
                found = read_register_file(path)
            except DataError:
                continue  # settings of the tools and other JSON
            seen += 1
            assert ispu_device(found) is None, path.name
    assert seen > 150
