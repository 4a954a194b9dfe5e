"""What projects and verbs say of a net holds: where things lie, what was counted, how it is built."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from sensorai.codegen.netproject import About, emit_net_project
from sensorai.codegen.parts import wrapped
from sensorai.mcu.devices import device
from sensorai.nets import benchmarking
from sensorai.nets.costs import lying
from sensorai.nets.model import open_model
from sensorai.nets.room import shortened
from tests.cli.call import call, refused
from tests.need import need
from tests.nets.models import reshape
from tests.nets.test_counting import dense
from tests.nets.test_pools import POOLS
from tests.plan.chains import level


def test_the_header_says_whose_memory_it_is() -> None:
    graph = level()
    inside = lying(graph, (True, True))
    own = emit_net_project(graph, "net", About("", "", ""), inside=inside).files
    assert "any number of them" in own["net.h"]
    assert "lies in the context" in own["net.h"]
    about = About("", "", "")
    placed = emit_net_project(graph, "net", about, inside=inside, optimize="time", pools=POOLS).files
    for file in ("net.h", "README.md"):
        assert "any number of them" not in placed[file]
        assert "lies in the context" not in placed[file]
        assert "lies in the memory tight" in placed[file] or "lies in the memory large" in placed[file]
    for files in (own, placed):
        assert "\n\n\n" not in files["net.h"]
        assert max(map(len, files["net.c"].split("\n"))) <= 120
        names = re.findall(r"^(?:NET_POOL_\w+ )?extern .*?(\w+)\[", files["net_data.h"], re.MULTILINE)
        assert names
        assert "extern" not in files["net.c"] + files["net_data.c"]


def test_long_statements_are_several_lines() -> None:
    text = f"f({', '.join(f'argument{k}' for k in range(30))});"
    assert max(map(len, wrapped(text).split("\n"))) <= 108
    assert " ".join(wrapped(text).split()) == text
    assert wrapped("f(a, b);") == "f(a, b);"


def test_what_lies_where_is_told(tmp_path: Path) -> None:
    words = (dense(tmp_path / "d.onnx"), "--device", "stm32h743", "--memory-pool", "device")
    for verb in (("generate", *words, "--out", tmp_path / "p", "--name", "net"), ("analyze", *words)):
        done = call(*verb)
        assert done.code == 0, done.err
        (dtcm,) = [line for line in done.out.split("\n") if line.startswith("memory dtcm")]
        assert dtcm.endswith("of the arena, with in_1, out_1")
        used = re.search(r"memory flash \(flash\): ([\d,]+) of", done.out)
        assert used is not None
        assert "in_1, out_1 in dtcm, which DMA1, DMA2, BDMA of STM32H743ZI do not reach" in done.out
        if verb[0] == "generate":
            assert f"Memory `flash`: {used[1]} of" in (tmp_path / "p" / "README.md").read_text()
        kept = call(*verb, "--no-allocate-inputs", "--no-allocate-outputs")
        assert "do not reach" not in kept.out


def test_one_number_for_what_a_blob_replaces(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    done = call("generate", dense(tmp_path / "d.onnx"), "--device", "m4", "--out", folder, "--updatable")
    assert done.code == 0, done.err
    size = re.search(r"weights ([\d,]+) bytes", done.out)
    assert size is not None
    assert f"{size[1]} bytes of constants" in (folder / "README.md").read_text()
    assert f"{size[1].replace(',', '')}U" in (folder / "d_tables.h").read_text()
    refused(call("validate", folder / "d.blob"), "a net as a blob", "the project")
    refused(call("validate", folder / "d.blob", "--count", "3"), "a net as a blob")


def test_a_device_says_its_target(tmp_path: Path) -> None:
    model = reshape(tmp_path / "r.onnx")
    done = call("analyze", model, "--device", "LSM6DSO16IS")
    assert "8,192 bytes of LSM6DSO16IS" in done.out
    done = call("analyze", model, "--device", "cortex-m55")
    assert "flash: not checked, cortex-m55 is a core: --device CHIP" in done.out
    done = call("generate", model, "--device", "stm32n6", "--out", tmp_path / "p")
    assert "flash: not checked, the facts of STM32N657X0 state none on the chip" in done.out


@pytest.mark.parametrize("file", ["Makefile", "CMakeLists.txt"])
def test_both_ways_to_build_have_the_flags(file: str) -> None:
    text = emit_net_project(level(), "net", About("", "", "")).files[file]
    assert "-ffp-contract=off" in text
    chip = emit_net_project(level(), "net", About("", "", ""), device("stm32f4").chip()).files[file]
    assert "-fno-tree-loop-distribute-patterns" in chip


def test_other_flags_build_anew(tmp_path: Path) -> None:
    need("gcc", "make")
    for name, text in emit_net_project(level(), "net", About("", "", "")).files.items():
        (tmp_path / name).write_text(text)

    def made(*words: str) -> int:
        command = ["make", *words]
        done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout.count(" -c -o ")

    some = made("CFLAGS=-O0")
    assert some >= 3
    assert made("CFLAGS=-O0") == 0
    assert made("CFLAGS=-O0 -DX='\"a b\"'") == some
    assert made("CFLAGS=-O0 -DX='\"a b\"'") == 0


def test_code_counts_where_it_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("arm-none-eabi-gcc")
    words = ("--device", "STM32L053R8", "--name", "net", "--out", tmp_path / "p")
    near, over = dense(tmp_path / "near.onnx", 1500), dense(tmp_path / "over.onnx", 2040)
    done = call("generate", near, *words)
    assert done.code == 0, done.err
    found = re.search(r"([\d,]+) left: 48,000 of numbers and ([\d,]+) of code", done.out)
    assert found is not None
    left, code = (int(n.replace(",", "")) for n in found.groups())
    assert 200 < code < 4000
    assert left == 65536 - 48000 - code
    assert found[0] in call("analyze", near, *words[:2]).out
    # the numbers fit, the code does not
    done = call("generate", over, *words)
    assert done.code == 3
    assert "of the 65,536 of STM32L053R8, 65,280 of numbers" in done.out.replace("than the", "of the")
    assert call("generate", near, "--device", "STM32F401RE", *words[2:]).out.count("left for code") == 1
    monkeypatch.setattr("sensorai.nets.emitting.code_bytes", lambda *_: None)
    assert "17,536 left for code" in call("generate", near, *words).out


def test_devices_are_compared_as_the_c_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = open_model(dense(tmp_path / "d.onnx", 400))
    asked: list[str] = []

    def tried(*_: object, optimize: str, layers: bool, inside: tuple[bool, bool]) -> tuple[None, str]:
        asked.append(optimize)
        return None, "not here"

    monkeypatch.setattr(benchmarking, "tried", tried)
    some = benchmarking.asked("STM32H743ZI,STM32L053R8,LSM6DSO16IS,cortex-m4")

    def ram(settings: benchmarking.Settings) -> list[tuple[int, bool | None]]:
        rows = benchmarking.benchmark(model, some, lambda _: None, settings)
        return [(row.ram, row.fits) for row in rows]

    apart = 1600 + 24 + 8
    assert ram(benchmarking.Settings(False, False, "ram")) == [
        (apart, True),
        (apart, True),
        (apart, True),
        (apart, None),
    ]
    assert set(asked) == {"ram"}
    pools = tmp_path / "p.toml"
    pools.write_text('[[pool]]\nname = "all"\nkind = "ram"\nbytes = 512\n')
    assert [fits for _, fits in ram(benchmarking.Settings(pools=pools))] == [False, False, True, False]
    named = ram(benchmarking.Settings(pools=Path("device")))
    assert [fits for _, fits in named] == [True, True, True, None]
    done = call("benchmark", tmp_path / "d.onnx", "--devices", "m4", "--optimize", "quick")
    refused(done, "--optimize 'quick'")


def test_long_names_keep_both_ends() -> None:
    assert shortened("short", 12) == "short"
    assert shortened("first/layer_1/Relu;first/norm_1/Folded", 30) == "first/layer_1/Relu"
    names = [shortened(f"net/block_{k}/conv/Relu_output_0_Quantized", 24) for k in range(9)]
    assert len(set(names)) == 9
    assert all(len(name) == 24 for name in names)
