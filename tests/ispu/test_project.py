"""Templates: clean C for host and stand-in, the linker script, settings; and the way to register files."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sensorai.errors import ConfigError, DataError, SensoraiError, TargetError, ToolMissing
from sensorai.ispu.build import build
from sensorai.ispu.conf import parse_conf
from sensorai.ispu.devices import device
from sensorai.ispu.meta import parse_meta
from sensorai.ispu.project import App, conf_text, parse_index, project_files
from sensorai.ispu.unload import unload
from sensorai.regfile import read_register_file
from sensorai.toolchain.compilers import BuildError
from tests.ispu import stub
from tests.ispu.make import elf, pattern, srec

NAMES = ["LSM6DSO16IS", "ISM330IS", "IIS3DWB10IS"]
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wdouble-promotion", "-Wshadow", "-pedantic",
            "-Wstrict-prototypes", "-Wmissing-prototypes", "-Werror")  # fmt: skip


def need(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"{program} is missing")
        pytest.skip(f"{program} is not installed")
    return found


def write(folder: Path, one: App) -> None:
    for name, text in stub.files(one).items():
        (folder / name).write_text(text)


def sh(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("compiler", ["gcc", "arm-none-eabi-gcc"])
def test_c_is_clean(tmp_path: Path, name: str, compiler: str) -> None:
    write(tmp_path, stub.app(name))
    core = ("-mcpu=cortex-m0plus", "-mthumb", "-ffreestanding") if "arm" in compiler else ("-fsyntax-only",)
    for source in ("ispu_main.c", "ispu_boot.c", "stub_ispu.c", "stub.c"):
        done = sh(tmp_path, need(compiler), *WARNINGS, *core, "-DISPU_STAND_IN", "-O2", "-c", source)
        assert done.returncode == 0, done.stderr


VECTORS = """
        .section .init, "ax"
        .globl ispu_vectors
ispu_vectors:
        .word ispu_boot
        .word algo_00
        .word algo_00_init
        .word ispu_unused
"""


@pytest.mark.parametrize("name", ["LSM6DSO16IS", "IIS3DWB10IS"])
def test_linker_script_places_everything_and_keeps_the_stack_free(tmp_path: Path, name: str) -> None:
    compiler = need("arm-none-eabi-gcc")
    one = stub.app(name)
    write(tmp_path, one)
    (tmp_path / "vectors.S").write_text(VECTORS)
    (tmp_path / "more.c").write_text(
        "int loaded = 7; extern int used; int used; const int table[3] = {1, 2, 3};\n"
        "int touch(int i); int touch(int i) { used = i; return loaded + table[i]; }\n"
    )
    sources = ["vectors.S", "ispu_main.c", "ispu_boot.c", "stub_ispu.c", "stub.c", "more.c"]
    flags = ["-mcpu=cortex-m0plus", "-mthumb", "-Os", "-DISPU_STAND_IN", "-nostdlib", "-Wl,--fatal-warnings"]
    command = [compiler, *flags, "-T", "ispu.ld", "-o", "out.elf", *sources, "-lgcc"]
    done = sh(tmp_path, *command)
    assert done.returncode == 0, done.stderr
    symbols = {
        line.split()[2]: int(line.split()[0], 16)
        for line in sh(tmp_path, need("arm-none-eabi-nm"), "out.elf").stdout.splitlines()
    }
    code, data = one.device.code, one.device.data
    assert symbols["ispu_vectors"] == code.address
    for symbol in ("ispu_boot", "algo_00", "main", "table"):
        assert code.address < symbols[symbol] < code.end
    for symbol in ("loaded", "used", "model"):
        assert data.address <= symbols[symbol] < data.end
    assert symbols["ispu_zero_begin"] <= symbols["used"] < symbols["ispu_zero_end"]
    assert not symbols["ispu_zero_begin"] <= symbols["loaded"] < symbols["ispu_zero_end"]
    assert symbols["ispu_stack_top"] == data.end
    room = data.size - one.stack
    (tmp_path / "big.c").write_text(f"char big[{room - (symbols['ispu_zero_end'] - data.address) + 4}];\n")
    done = sh(tmp_path, *command, "big.c", "-Wl,--undefined=big")
    assert "variables leave too little of data RAM for the stack" in done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_vectors(name: str) -> None:
    one = stub.app(name)
    table = project_files(one)["ispu_vectors.S"].split("ispu_vectors:\n")[1].split(".size")[0]
    found = re.findall(r"^ +(\S+) +(\S+) +/\* ([0-9A-F]{2}) \*/$", table, re.MULTILINE)
    entries = [[mnemonic, target] for mnemonic, target, _ in found]
    facts = one.device.groups["vectors"]
    assert len(entries) == len(table.strip().splitlines()) == facts.integer("entries")
    assert [int(offset, 16) for *_, offset in found] == [4 * i for i in range(len(entries))]
    assert entries[facts.integer("boot") // 4] == ["jpia", "ispu_reset"]
    assert entries[facts.integer("algorithm") // 4] == ["jpia", "algo_00"]
    assert entries[facts.integer("init") // 4] == ["jpia", "algo_00_init"]
    assert entries[facts.integer("init") // 4 + one.device.algorithms - 1] == ["jpia", "ispu_unused"]
    reserved = 0x7C // 4
    assert entries[reserved] == [".long", "0"]
    assert sum(entry[1] == "ispu_reset" for entry in entries) == 1


def test_settings_of_both_families() -> None:
    lsm = stub.app("LSM6DSO16IS", channels=6)
    assert parse_conf(conf_text(lsm), lsm.device).user == {
        0x10: 0x48, 0x11: 0x40, 0x15: 0, 0x16: 0, 0x18: 0x40, 0x5E: 2,
    }  # fmt: skip
    assert parse_conf(conf_text(lsm), lsm.device).page == {0x02: 1, 0x50: 1, 0x70: 1}
    iis = stub.app("IIS3DWB10IS")
    assert parse_conf(conf_text(iis), iis.device).user == {0x10: 2, 0x11: 0, 0x12: 0x5C, 0x18: 0x21, 0x6E: 2}
    gyro = App("g", device("lsm"), ("gyro_z",), ("a",), 26, None, 2000)
    assert parse_conf(conf_text(gyro), gyro.device).user == {0x11: 0x2C, 0x16: 0, 0x18: 0x20, 0x5E: 2}


@pytest.mark.parametrize("name", NAMES)
def test_outputs_say_what_the_program_writes(name: str) -> None:
    one = stub.app(name, classes=3)
    outputs = parse_meta(project_files(one)["meta.txt"], one.device).outputs
    assert [(o.name, o.register, o.type, o.length) for o in outputs] == [
        ("decision", 0x10, "uint8_t", 1),
        ("answer", 0x11, "uint8_t", 1),
        ("windows", 0x12, "uint16_t", 1),
        ("scores", 0x14, "int32_t", 3),
    ]
    assert outputs[0].results == ((0, "class 0"), (1, "class 1"), (2, "class 2"), (255, "none"))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_every_time_and_nothing_of_this_machine(name: str) -> None:
    one = stub.app(name)
    assert project_files(one) == project_files(one)
    text = "\n".join(project_files(one).values())
    assert "STMicroelectronics" not in text
    assert str(Path.home()) not in text
    assert parse_index(project_files(one)["ispu.toml"], "ispu.toml") == one


BAD_APPS = [
    ({"channels": ("acc_w",)}, "has no channel 'acc_w'"),
    ({"channels": ()}, "needs channels"),
    ({"rate_hz": 100.0}, "has no rate of 100 Hz"),
    ({"rate_hz": 0.0}, "has no rate of 0 Hz"),
    ({"acc_full_scale": 6.0}, "no acc full scale of 6"),
    ({"acc_full_scale": None}, "acc channels are used, but no full scale is given"),
    ({"gyro_full_scale": 250.0}, "gyro channels are not used"),
    ({"name": "a-b"}, "'a-b' cannot be a name in C"),
    ({"stack": -1}, "-1 bytes of stack"),
    ({"classes": tuple("x" for _ in range(255))}, "from 1 to 254 classes"),
]


@pytest.mark.parametrize(("change", "message"), BAD_APPS, ids=[m for _, m in BAD_APPS])
def test_what_an_app_refuses(change: dict[str, object], message: str) -> None:
    good: dict[str, object] = {
        "name": "a", "device": device("lsm"), "channels": ("acc_x",), "classes": ("c",), "rate_hz": 104.0,
        "acc_full_scale": 4.0,
    }  # fmt: skip
    with pytest.raises(ConfigError) as caught:
        App(**{**good, **change})  # type: ignore[arg-type]
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "stub"', "name = 5", "'name' is unknown or of the wrong kind"),
        ('name = "stub"\n', "", "'name' is missing"),
        ("stack = 512", "stack = true", "'stack' is unknown"),
        ("stack = 512", "stick = 512", "'stick' is unknown"),
        ("stack = 512", "stack = ", "not valid TOML"),
        ("104.0", "100.0", "no rate of 100 Hz"),
        ("LSM6DSO16IS", "LSM6DSOX", "unknown device"),
        ('"acc_x"', "7", "'channels' is unknown or of the wrong kind"),
    ],
)
def test_a_damaged_index(old: str, new: str, message: str) -> None:
    text = project_files(stub.app())["ispu.toml"]
    assert old in text
    with pytest.raises(DataError) as caught:
        parse_index(text.replace(old, new), "dir/ispu.toml")
    assert message in caught.value.message
    assert caught.value.where == "dir/ispu.toml"


def test_without_the_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, stub.app())
    before = sorted(path.name for path in tmp_path.iterdir())
    make = need("make")
    folder = tmp_path.parent / "only"
    folder.mkdir(exist_ok=True)
    for program in ("sh", "rm", "echo"):
        if not (folder / program).exists():
            (folder / program).symlink_to(need(program))
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(ToolMissing) as caught:
        build(tmp_path)
    assert "neither stred-gcc nor reisc-gcc" in caught.value.message
    assert "linked elsewhere" in caught.value.hint
    done = subprocess.run([make], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "ST's ISPU compiler is not on PATH" in done.stderr
    assert subprocess.run([make, "clean"], cwd=tmp_path, capture_output=True, check=False).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == before


#: Stands for ST's compiler: no compiler at all, it notes how it was called and leaves a program ready-made.
FAKE = """#!{python}
import pathlib, sys
words = sys.argv[1:]
if words == ["--version"]:
    print("fake-gcc 1.0"); sys.exit()
if {fail}:
    print("stub.c:1:1: error: no", file=sys.stderr); sys.exit(1)
pathlib.Path("called.txt").write_text(" ".join(words))
out = pathlib.Path(words[words.index("-o") + 1])
out.write_bytes(pathlib.Path({program!r}).read_bytes())
"""


def fake(folder: Path, prefix: str, program: Path, fail: bool = False) -> None:
    folder.mkdir(exist_ok=True)
    scripts = {
        "gcc": FAKE.format(python=sys.executable, program=str(program), fail=fail),
        "size": "#!/bin/sh\n",
        "objcopy": "#!/bin/sh\ncp $3 $4\n",
    }
    for name, text in scripts.items():
        path = folder / f"{prefix}-{name}"
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize(
    ("name", "prefix", "cpu", "flags"),
    [
        ("LSM6DSO16IS", "stred", "-mcpu=stredl ", 0x64),
        ("ISM330IS", "reisc", "-mcpu=reiscl ", 0x64),
        ("IIS3DWB10IS", "stred", "-mcpu=stredlp ", 0x6F),
    ],
)
def test_make_calls_the_compiler_it_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, prefix: str, cpu: str, flags: int
) -> None:
    need("make")
    project, tools = tmp_path / "project", tmp_path / "bin"
    project.mkdir()
    one = stub.app(name)
    write(project, one)
    chunks = [(one.device.data.address, pattern(96)), (one.device.code.address, pattern(0x2100))]
    (tmp_path / "ready.elf").write_bytes(elf(chunks, [(one.device.data.address + 96, 100)], flags=flags))
    fake(tools, prefix, tmp_path / "ready.elf")
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    built = build(project)
    called = (project / "called.txt").read_text()
    assert cpu in called
    for words in (
        "-T ispu.ld",
        "-nostartfiles",
        "-Os",
        "ispu_vectors.S ispu_boot.c ispu_main.c stub_ispu.c stub.c",
    ):
        assert words in called
    assert (built.compiler, built.code_bytes, built.data_bytes) == ("fake-gcc 1.0", 0x2100, 196)
    found = unload(read_register_file(project / "stub_load.json"))
    assert [(s.address, s.data) for s in found.image.segments] == sorted(chunks)
    assert found.algorithms == (0,)
    assert [o.name for o in found.outputs] == ["decision", "answer", "windows", "scores"]
    assert found.device.family == one.device.family


def test_the_compilers_complaint_is_the_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("make")
    write(tmp_path, stub.app())
    fake(tmp_path / "bin", "stred", tmp_path / "x", fail=True)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    with pytest.raises(BuildError) as caught:
        build(tmp_path)
    assert "stub.c:1:1: error: no" in caught.value.message


@pytest.mark.parametrize("form", [elf, srec])
def test_a_given_program_is_packed(tmp_path: Path, form) -> None:  # type: ignore[no-untyped-def]
    write(tmp_path, stub.app())
    chunks = [(0, pattern(96)), (0x10000, pattern(0x2100))]
    given = tmp_path / "other.out"
    given.write_bytes(form(chunks))
    (tmp_path / "shub.txt").write_text("shub_odr 104\nr 0x3C 0x68 6\n")
    built = build(tmp_path, given)
    assert [path.name for path in built.paths] == [
        "stub_load.json", "stub_load.ucf", "stub_load.h", "stub_load_plain.h",
    ]  # fmt: skip
    images = [unload(read_register_file(path)).image for path in built.paths]
    assert images == [built.program.image] * 4
    assert unload(read_register_file(built.paths[0])).hub
    assert built.compiler == ""


def test_a_program_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    write(tmp_path, stub.app())
    given = tmp_path / "big.elf"
    given.write_bytes(elf([(0x10000, pattern(0x100))], [(0, 8000)]))
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(TargetError) as caught:
        build(tmp_path, given)
    assert "variables and 512 bytes of stack need 8512 bytes of 8192 in data RAM: 320 too many" in str(
        caught.value
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("name", "text", "message", "where"),
    [
        ("conf.txt", "acc_odr 99\n", "acc_odr cannot be '99'", "conf.txt:1"),
        ("meta.txt", "\n\nnonsense\n", "unknown line 'nonsense'", "meta.txt:3"),
        ("shub.txt", "x\n", "unknown line 'x'", "shub.txt:1"),
        ("conf.txt", None, "has no conf.txt", ""),
        ("ispu.toml", None, "no ispu.toml", ""),
        ("conf.txt", b"\xff\xfe\xff", "cannot be read as text", "conf.txt"),
    ],
)
def test_damaged_projects(
    tmp_path: Path, name: str, text: str | bytes | None, message: str, where: str
) -> None:
    write(tmp_path, stub.app())
    (tmp_path / "a.elf").write_bytes(elf([(0x10000, pattern(0x100))]))
    if text is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(SensoraiError) as caught:
        build(tmp_path, tmp_path / "a.elf")
    assert message in caught.value.message
    assert caught.value.where.endswith(where)
