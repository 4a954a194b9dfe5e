"""Programs that change their net: power that goes anywhere, blobs that do not fit, other numbers."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from sensorai.codegen.blob import read_blob
from sensorai.codegen.netproject import emit_net_project
from sensorai.errors import DataError
from sensorai.nets.description import read_description
from sensorai.nets.model import Asked, open_model
from sensorai.nets.port import ports as ports_of
from sensorai.nets.tapped import changes
from sensorai.nets.updating import made_anew
from sensorai.toolchain import qemu
from sensorai.toolchain.cpu import cpu
from sensorai.toolchain.host import build_program
from tests.cli.call import call, refused
from tests.need import need
from tests.nets.updates import (
    ABOUT,
    SHAPE,
    SLOT_BYTES,
    Script,
    Taken,
    forged,
    graph_of,
    holder,
    integer,
    outputs,
    program,
    project,
    with_code,
)

F32 = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three nets of one form, and one of another."""
    folder = tmp_path_factory.mktemp("nets")
    return [integer(folder / f"net{k}.onnx", k, 4 if k == 3 else 3) for k in range(4)]


@pytest.fixture(scope="module")
def blobs(files: list[Path]) -> list[bytes]:
    """Their blobs."""
    made = [project(path, 1 + k).blob for k, path in enumerate(files)]
    return [one.packed() for one in made if one is not None]


@pytest.fixture(scope="module")
def x() -> F32:
    """An input that the nets tell apart."""
    return np.random.default_rng(3).normal(0, 1, SHAPE).astype(np.float32)


@pytest.fixture(scope="module")
def wanted(files: list[Path], x: F32) -> list[bytes]:
    """What the reference says of it."""
    out = [outputs(graph_of(path), [x])[0] for path in files]
    assert len(set(out)) == len(files)
    return out


def test_the_form_is_the_interface_and_the_numbers_are_the_blob(
    files: list[Path], blobs: list[bytes]
) -> None:
    read = [read_blob(data, "blob") for data in blobs]
    assert len({one.interface for one in read[:3]}) == 1
    assert read[3].interface != read[0].interface
    assert len({one.content for one in read}) == 4
    texts = [project(path, 1 + k).files["net.c"] for k, path in enumerate(files)]
    assert texts[0] == texts[1] == texts[2]
    # scales of inputs and outputs go with the numbers
    border = [open_model(path, Asked(inputs=("int8",), outputs=("int8",))) for path in files[:2]]
    made = [emit_net_project(one.graph, "net", ABOUT, version=1) for one in border]
    assert made[0].files["net.c"] == made[1].files["net.c"]
    assert "float net_in_1_scale(const net_t *ctx)" in made[0].files["net.c"]
    for one, model in zip(made, border, strict=True):
        assert one.blob is not None
        ports = ports_of(model.graph, (*model.graph.inputs, *model.graph.outputs))
        found = [
            (p.dtype, p.size, np.float32(p.scale), p.zero) for p in (*one.blob.inputs, *one.blob.outputs)
        ]
        assert found == [(p.dtype, int(np.prod(p.shape)), np.float32(p.scale or 0), p.zero) for p in ports]
    for k in (0, 17, 90, len(blobs[0]) - 1):
        with pytest.raises(DataError, match=r"damaged|no blob"):
            read_blob(forged(blobs[0], {k: bytes([blobs[0][k] ^ 4])}, whole=False), "blob")


@pytest.mark.parametrize("unit", [1, 8, 32])
def test_the_power_may_go_anywhere(
    unit: int, files: list[Path], blobs: list[bytes], x: F32, wanted: list[bytes]
) -> None:
    need("gcc")
    built = build_program(program(project(files[0])), opt="-O0", sanitize=True, harness=True)
    whole = Script().fresh(unit).start().take(blobs[1]).take(blobs[2])
    _, first, second = whole.read(built.run(whole.commands))
    assert (first.code, second.code) == (0, 0)
    # every step of a small number of them; of many those at both ends and some between
    steps = range(1, second.steps + 1)
    cuts = [k for k in steps if len(steps) < 120 or k < 20 or k > len(steps) - 40 or k % 37 == 0]
    script = Script()
    for k in cuts:
        script.fresh(unit).start().take(blobs[1]).take(blobs[2], cut=k).start().run(x)
        # and it can be tried again
        script.take(blobs[2]).run(x).start().run(x)
    said = script.read(built.run(script.commands))
    for k, (none, one, cut, code, ran, again, before, found, after) in zip(
        cuts, zip(*[iter(said)] * 9, strict=True), strict=True
    ):
        assert (none, one.code) == (-19, 0)
        assert cut.code == -17, f"step {k}"
        assert cut.words == "the flash did not take the bytes"
        # the last steps write what makes it count: whole or not, one of both nets runs
        assert code == 0, f"step {k}"
        assert ran in wanted[1:3], f"step {k}"
        assert ran == wanted[1] or k > second.steps - 32 // unit, f"step {k}"
        assert again.code == 0, f"step {k}"
        assert (before, found, after) == (ran, 0, wanted[2]), f"step {k}"


def test_a_power_cut_of_the_first_net_leaves_that_of_the_program(
    files: list[Path], blobs: list[bytes], x: F32, wanted: list[bytes]
) -> None:
    need("gcc")
    built = build_program(program(project(files[0])), opt="-O0", sanitize=True, harness=True)
    script = Script().start().run(x).fresh().start().take(blobs[1], cut=30).start().run(x)
    # memory that nobody erased holds no net
    wild, first, code, cut, found, ran = script.read(built.run(script.commands))
    assert (wild, code, found) == (-19, -19, -19)
    assert cut.code == -17
    assert first == ran == wanted[0]


def refusals(blobs: list[bytes]) -> list[tuple[bytes, int, str]]:
    """Blobs that do not fit, codes, and words."""
    good = blobs[1]
    half = len(good) // 2
    return [
        (blobs[3], -4, "interfaces differ"),
        (forged(good, {48: b"\0"}), -4, "interfaces differ"),
        (forged(good, {20: struct.pack("<I", 16)}), -5, "instructions that the core lacks"),
        (forged(good, {28: struct.pack("<I", 1 << 20)}), -6, "working memory"),
        (good + bytes(1024), -8, "damaged"),
        (forged(good + bytes(1024), {8: struct.pack("<I", len(good) + 1024)}), -3, "larger than its slot"),
        (forged(good, {half: b"\x55\xaa"}, whole=False), -8, "damaged"),
        (forged(good, {24: struct.pack("<I", len(good) - 8)}), -8, "damaged"),
        (forged(good, {4: b"\2"}), -2, "format"),
        (b"SNOT" + good[4:], -1, "no blob"),
    ]


def test_a_board_changes_its_net(files: list[Path], x: F32, wanted: list[bytes]) -> None:
    """In QEMU: other numbers, a cut in the middle, blobs that do not fit; outputs of the reference."""
    need("arm-none-eabi-gcc", "qemu-system-arm")
    image = qemu.build(program(project(files[0], isa="dsp")), cpu("cortex-m4"))
    assert "sa_nd_fast_dsp.h" in project(files[0], isa="dsp").files
    blobs = [one.packed() for k in range(4) if (one := project(files[k], 1 + k, "dsp").blob)]
    assert not image.helpers("memory")
    script = Script().fresh().start().run(x)
    script.take(blobs[1]).start().run(x)
    script.take(blobs[2], cut=60).start().run(x)
    for data, _, _ in refusals(blobs):
        script.take(data)
    script.start().run(x)
    script.take(blobs[2]).start().run(x)
    said = script.read(qemu.run_image(image, script.commands).output)
    assert said[:3] == [-19, wanted[0], said[2]]
    assert (said[2].code, said[2].words, said[3], said[4]) == (0, "done", 0, wanted[1])
    assert (said[5].code, said[6], said[7]) == (-17, 0, wanted[1])
    found: list[Taken] = said[8:18]
    for (_, code, words), taken in zip(refusals(blobs), found, strict=True):
        assert taken.code == code
        assert words in taken.words
        # what the header tells is told before anything is erased
        assert taken.erased == (8 if words == "damaged" and taken.steps else 0)
    assert said[18:20] == [0, wanted[1]]
    assert (said[20].code, said[21], said[22]) == (0, 0, wanted[2])


def test_a_board_runs_code_that_it_never_saw(files: list[Path], tmp_path: Path, x: F32) -> None:
    """In QEMU: nets with their code, of other layers, for another core, at two addresses, through a cut."""
    need("arm-none-eabi-gcc", "qemu-system-arm")
    other = integer(tmp_path / "short.onnx", 9, short=True)
    first, second, alien = with_code(files[0]), with_code(other), with_code(files[3])
    wanted = [outputs(graph_of(path), [x])[0] for path in (files[0], other)]
    one, two = first.blob.packed(), second.blob.packed()
    assert first.blob.interface == second.blob.interface != alien.blob.interface
    image = qemu.build(holder(first), cpu("cortex-m4"))
    assert not image.helpers("memory")
    script = Script().fresh(16).start().run(x)
    # the same bytes in one slot, then in the other
    script.take(one).start().run(x).take(one).start().run(x)
    script.take(two, cut=150).start().run(x).take(two).start().run(x)
    script.take(with_code(files[0], "cortex-m55").blob.packed()).take(alien.blob.packed())
    script.take(forged(two, {28: struct.pack("<I", SLOT_BYTES + 1)})).start().run(x)
    said = script.read(qemu.run_image(image, script.commands).output)
    assert said[0] == -19
    assert np.frombuffer(said[1], np.float32)[0] == -77
    assert [said[2].code, *said[3:5], said[5].code, *said[6:8]] == [0, 0, wanted[0], 0, 0, wanted[0]]
    assert [said[8].code, *said[9:11]] == [-17, 0, wanted[0]]
    assert [said[11].code, *said[12:14]] == [0, 0, wanted[1]]
    assert [one.code for one in said[14:17]] == [-5, -4, -6]
    assert all(one.erased == 0 for one in said[14:17])
    assert said[17:] == [0, wanted[1]]


def test_the_verb_makes_blobs_for_a_project(files: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "net"
    what = ("generate", files[0], "--target", "stm32", "--device", "stm32f401re")
    make = (*what, "--out", folder, "--name", "net", "--updatable")
    done = call(*make, "--net-version", "7")
    assert done.code == 0, done.err
    assert "net.blob: " in done.out
    assert "version 7" in done.out
    assert read_blob((folder / "net.blob").read_bytes(), "net.blob").version == 7
    out = tmp_path / "two.blob"
    done = call("generate", files[2], "--update", folder, "--out", out, "--net-version", "8")
    assert done.code == 0, done.err
    same = project(files[2], 8, "dsp", inside=True).blob
    assert same is not None
    first, second = (read_blob(path.read_bytes(), "blob") for path in (folder / "net.blob", out))
    assert (second.payload, second.version) == (same.payload, 8)
    assert second.interface == first.interface
    short = integer(tmp_path / "short.onnx", 0, short=True)
    text = refused(
        call("generate", short, "--update", folder), "another form than the program's", "train the same"
    )
    assert "line " in text
    # what differs outside is said first
    refused(call("generate", files[3], "--update", folder), "has other inputs and outputs", "float32 1x4")
    refused(call("generate", files[0], "--update", folder, "--name", "y"), "--name is in the project", "drop")
    refused(call(*make, "--api", "stai"), "native interface", "")
    refused(call(*make, "--memory-pool", "x"), "blobs bring those of others", "--updatable")


def test_a_blob_with_code_is_validated_itself(files: list[Path], tmp_path: Path) -> None:
    """From two places; another net in its place is found, and a damaged one."""
    need("arm-none-eabi-gcc", "qemu-system-arm")
    folder = tmp_path / "net"
    make = ("generate", files[0], "--target", "stm32", "--device", "stm32f401re", "--out", folder)
    done = call(*make, "--name", "net", "--relocatable", "--slot-bytes", "300")
    assert done.code == 0, done.err
    assert "code for a core with Thumb, Thumb-2, DSP instructions, an FPU" in done.out
    done = call("validate", folder, "--on", "emulator")
    assert done.code == 0, done.err
    assert "the blob on cortex-m4 of STM32F401RE, emulated, from two places: 4 calls" in done.out
    done = call("generate", files[1], "--update", folder, "--out", folder / "net.blob", "--net-version", "2")
    assert done.code == 0, done.err
    done = call("validate", folder, "--on", "emulator")
    assert done.code == 3
    assert "the blob on cortex-m4 of STM32F401RE, emulated, from two places" in done.err
    refused(call("generate", files[3], "--update", folder), "has other inputs and outputs", "float32 1x4")
    data = (folder / "net.blob").read_bytes()
    (folder / "net.blob").write_bytes(forged(data, {200: b"\xff\x00"}, whole=False))
    refused(call("validate", folder, "--on", "emulator"), "damaged", "make it again")
    both = call(*make, "--updatable", "--relocatable")
    refused(both, "--relocatable brings the numbers with the code", "drop --updatable")
    refused(call(*make, "--relocatable", "--allocate-inputs"), "changes with the net", "drop")
    refused(call(*make, "--slot-bytes", "9"), "--slot-bytes is of programs for --relocatable nets", "drop")
    refused(call(*make, "--net-version", "9"), "--net-version is of a blob", "--update")
    ispu = call("generate", files[0], "--target", "ispu", "--out", tmp_path / "i", "--updatable")
    refused(ispu, "memories of an ISPU", "drop --updatable")


def test_weights_that_the_kernels_of_a_program_do_not_take(files: list[Path], tmp_path: Path) -> None:
    """Of -128 there are none in fast kernels of an M4: refused by layer; any other way round they go."""
    low = onnx.load(str(files[0]))
    (weights,) = (one for one in low.graph.initializer if one.name == "w3")
    values = onnx.numpy_helper.to_array(weights).copy()
    values[:2, 0] = -128
    weights.CopyFrom(onnx.numpy_helper.from_array(values, "w3"))
    path = tmp_path / "low.onnx"
    onnx.save(low, str(path))
    made = ("--device", "stm32f401re", "--name", "net", "--updatable")
    folders = [tmp_path / name for name in ("fast", "plain", "any")]
    for folder, source, more in zip(
        folders, (files[0], path, files[0]), ((), (), ("--any-weights",)), strict=True
    ):
        done = call("generate", source, *made, *more, "--out", folder)
        assert done.code == 0, done.err
    assert "sa_nd_dense_dsp" in (folders[0] / "net.c").read_text()
    for folder in folders[1:]:
        assert "sa_nd_dense_dsp" not in (folder / "net.c").read_text()
    text = refused(call("generate", path, "--update", folders[0]), "of y_q in low.onnx", "--any-weights")
    assert "line " not in text
    for folder, source in ((folders[0], files[2]), (folders[1], files[2]), (folders[2], path)):
        out = tmp_path / "x.blob"
        done = call("generate", source, "--update", folder, "--out", out)
        assert done.code == 0, done.err
        said = read_description(folder)
        assert read_blob(out.read_bytes(), "x").interface.hex() == said.interface
    # as it is made anew, for 'validate'
    assert changes("net", said.sources, made_anew(said, open_model(files[0]).on("dsp"), None).sources()) == ()
    assert said.kernels == ()
    refused(call("generate", path, "--device", "m4", "--any-weights"), "--updatable")
