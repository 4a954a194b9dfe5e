"""Several memories: what is used most in the fastest, the same bits, and the file formats."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sensorai.codegen.netpools import Pool, homes
from sensorai.codegen.netproject import About, emit_net_project
from sensorai.errors import ConfigError, DataError
from sensorai.nets.costs import costs, lying
from sensorai.nets.inputs import spread
from sensorai.nets.pools import pools_asked, read_pools
from sensorai.nets.port import ports
from sensorai.nets.references import one_by_one
from sensorai.nets.running import Program
from sensorai.nets.validating import parting
from sensorai.toolchain.cpu import cpu
from sensorai.toolchain.host import STRICT
from sensorai.toolchain.qemu import build, run_image
from tests.need import need
from tests.plan.chains import level

POOLS = (
    Pool("tight", 380, True, 1, 0x2000_0000),
    Pool("large", 4000, True, 2, 0x6000_0000, weights=True),
    Pool("near", 500, False, 1),
    Pool("far", 9000, False, 2, 0x9000_0000),
)
ST = """{"memory": {"mempools": [
 {"name": "DTCMRAM", "prop": {"rights": "ACC_WRITE", "throughput": "HIGH", "latency": "LOW"},
  "size": {"value": "120", "magnitude": "KBYTES"}, "offset": {"value": "0", "magnitude": "BYTES"}},
 {"name": "SDRAM", "prop": {"rights": "ACC_WRITE", "throughput": "MID", "latency": "HIGH"},
  "size": {"value": "20", "magnitude": "MBYTES"}, "offset": {"value": "0xD0000000", "magnitude": "BYTES"}},
 {"name": "AXIRAM", "prop": {"throughput": "HIGH", "latency": "MID"},
  "size": {"value": "440", "magnitude": "KBYTES"}, "offset": {"value": "0x24000000", "magnitude": "BYTES"}},
 {"name": "flash", "prop": {"rights": "ACC_READ", "throughput": "LOW", "latency": "HIGH"},
  "size": {"value": "2", "magnitude": "MBYTES"}}]}}
"""


def test_the_same_bits_in_two_memories_of_a_board() -> None:
    """On this machine, and on a board whose SRAM and PSRAM hold an arena each."""
    need("arm-none-eabi-gcc", "qemu-system-arm")
    graph = level()
    project = emit_net_project(
        graph, "net", About("", "", ""), inside=lying(graph, (True, True)), optimize="time", pools=POOLS
    )
    ins, outs = ports(graph, graph.inputs), ports(graph, graph.outputs)
    program = Program("net", "native", project.sources(), ins, outs, None, (True, True))
    given = spread(ins, 3)
    want = one_by_one(graph, given)
    assert parting("C", graph.outputs, want, program.on_host(given)) is None
    core = cpu("m7")
    flags = (*STRICT, '-DNET_POOL_LARGE=__attribute__((section(".bss.pool")))')
    image = build({**program.sources, "run_main.c": program.main()}, core, flags=flags)
    at = {one.name: one.address for one in image.elf.symbols}
    assert core.ram[0] <= at["net_pool_tight"] < core.ram[0] + core.ram[1]
    assert core.bulk[0] <= at["net_pool_large"] < core.bulk[0] + core.bulk[1]
    ran = run_image(image, program.stream(given))
    assert parting("M7", graph.outputs, want, program.read(ran.output, given)) is None
    # weights lie in the fast RAM, too, where there was room
    assert "_stored, (uint8_t *)net_" in project.files["net.c"]


def test_what_is_used_most_lies_in_the_fastest() -> None:
    counted = costs(level(), (True, True), "time", POOLS)
    used = {one.name: n for one, n in counted.pools}
    assert 256 <= used["tight"] <= 380
    # the rest of the arena, and copies of all weights
    assert used["large"] > 256 + counted.weights
    found = homes([("hot", 300, 9000), ("cold", 300, 30), ("warm", 300, 900)], (100, 3300), POOLS)
    assert found.ram == {"hot": "large", "warm": "large"}
    assert found.flash == {"hot": "far", "warm": "far", "cold": "near"}
    with pytest.raises(ConfigError, match="no place"):
        costs(level(), (True, True), "time", (Pool("tiny", 200, True),))
    with pytest.raises(ConfigError, match="constants hold too little"):
        homes([("all", 9999, 1)], (0, 0), POOLS)


def test_files_of_both_kinds(tmp_path: Path) -> None:
    (tmp_path / "st.json").write_text(ST)
    found = sorted(read_pools(tmp_path / "st.json"), key=lambda p: p.speed)
    assert [(p.name, p.size, p.writable) for p in found] == [
        ("DTCMRAM", 120 << 10, True),
        ("AXIRAM", 440 << 10, True),
        ("SDRAM", 20 << 20, True),
        ("flash", 2 << 20, False),
    ]
    assert [p.address for p in found] == [0, 0x2400_0000, 0xD000_0000, None]
    (tmp_path / "own.toml").write_text(
        '[[pool]]\nname = "dtcm"\nkind = "ram"\nbytes = 4096\naddress = 0x20000000\nweights = true\n'
    )
    assert read_pools(tmp_path / "own.toml") == (Pool("dtcm", 4096, True, 1, 0x2000_0000, True),)


def test_memories_of_a_device() -> None:
    found = {p.name: p for p in pools_asked(Path("device"), "stm32h743")}
    assert (found["dtcm"].size, found["dtcm"].address, found["dtcm"].speed) == (128 << 10, 0x2000_0000, 1)
    assert found["sram"].speed > 1
    assert not found["flash"].writable
    assert pools_asked(None, None) == ()
    for name in (None, "m4"):
        with pytest.raises(ConfigError, match="memory map"):
            pools_asked(Path("device"), name)


@pytest.mark.parametrize(
    "text",
    [
        '[[pool]]\nname = "a"\n',
        '[[pool]]\nname = "a"\nkind = "ram"\nbytes = 8\nwho = 1\n',
        '[[pool]]\nname = "a"\nkind = "ram"\nbytes = -8\n',
        '[[pool]]\nname = "a"\nkind = "ram"\nbytes = true\n',
        '[[pool]]\nname = "a"\nkind = "flash"\nbytes = 8\nweights = true\n',
        "pool = 3\n",
        "[[[",
        '[[pool]]\nname = "a; x"\nkind = "ram"\nbytes = 8\n',
        '[[pool]]\nname = "a"\nkind = "flash"\nbytes = 8\n',
        '[[pool]]\nname = "a"\nkind = "ram"\nbytes = 8\n[[pool]]\nname = "A"\nkind = "ram"\nbytes = 8\n',
    ],
)
def test_files_that_list_no_memories(text: str, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(text)
    with pytest.raises((DataError, ConfigError)) as error:
        read_pools(path)
    assert error.value.where == str(path)


@pytest.mark.parametrize(
    "change", [("KBYTES", "MILES"), ("HIGH", "QUICK"), ('"120"', '"x"'), ("mempools", "m")]
)
def test_damaged_json(change: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(ST.replace(*change))
    with pytest.raises(DataError):
        read_pools(path)
    assert json.loads(ST)


def test_the_memories_of_the_page(repo: Path, tmp_path: Path) -> None:
    shown = re.findall(r"```toml\n(\[\[pool\]\].*?)```", (repo / "docs" / "nets.md").read_text(), re.DOTALL)
    (tmp_path / "page.toml").write_text(shown[0])
    (found,) = read_pools(tmp_path / "page.toml")
    assert (found.name, found.writable, found.weights) == ("dtcm", True, True)
