"""C for the instructions of a device's core: every way of emitting gives the same numbers there and here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from sensorai.nets import validating
from sensorai.nets.costs import costs
from sensorai.nets.model import open_model
from sensorai.nets.target import target
from tests.cli.call import call
from tests.cli.logs import write_log
from tests.need import need
from tests.nets.models import save
from tests.nets.test_feeding import TOML

#: A kernel of these instructions.
_FAST = "sa_nd_matrix_dsp"


@pytest.fixture(scope="module")
def integer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An int8 net: a convolution over 26 columns of 3 numbers, scores of 3 classes."""
    folder = tmp_path_factory.mktemp("int8")
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
        helper.make_node("Conv", ["t", "w"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["m"]),
        helper.make_node("Flatten", ["m"], ["f"]),
        helper.make_node("Gemm", ["f", "v"], ["y"]),
    ]
    known = {"w": rng.normal(0, 0.3, (4, 3, 5)), "v": rng.normal(0, 1, (4, 3))}
    net = save(
        folder / "float.onnx",
        nodes,
        [("x", (1, 26, 3))],
        [("y", (1, 3))],
        {name: values.astype(np.float32) for name, values in known.items()},
    )
    np.savez(folder / "x.npz", x=rng.normal(0, 1, (20, 1, 26, 3)).astype(np.float32))
    done = call("quantize", net, "--data", folder / "x.npz", "--out", folder / "net.onnx")
    assert done.code == 0, done.err
    return folder / "net.onnx"


@pytest.mark.parametrize("more", [("--api", "stai"), ("--stream", "2")])
def test_every_way_of_calling(
    more: tuple[str, ...], integer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("gcc", "arm-none-eabi-gcc", "qemu-system-arm")
    monkeypatch.setattr(validating, "run_all", lambda *_: [])
    folder = tmp_path / "p"
    words = ("generate", integer, "--target", "stm32", "--out", folder, "--name", "net")
    done = call(*words, "--device", "STM32F411RE", *more, "--json")
    assert done.code == 0, done.err
    assert any(_FAST in path.name for path in folder.iterdir())
    on = ("--on", "emulator") if "stai" in more else ()
    done = call("validate", folder, "--on", "host", *on, "--model", integer)
    assert done.code == 0, done.err
    assert "all of these agree bit by bit" in done.out
    assert not on or "C on cortex-m4 of STM32F411RE" in done.out


def test_samples_of_a_sensor(integer: Path, tmp_path: Path) -> None:
    need("gcc")
    (tmp_path / "p.toml").write_text(TOML.replace("LAYOUT", '[1, "time", "axes"]'))
    log, folder = write_log(tmp_path / "log.csv"), tmp_path / "fed"
    words = ("generate", integer, "--pipeline", tmp_path / "p.toml", "--name", "fed", "--out", folder)
    done = call(*words, "--target", "stm32", "--device", "STM32F411RE", "--stream", "13")
    assert done.code == 0, done.err
    assert any(_FAST in path.name for path in folder.iterdir())
    assert json.loads((folder / "model.sai").read_text())["pipeline"]["model"]["isa"] == "dsp"
    done = call("validate", folder, log)
    assert done.code == 0, done.err


def test_other_cores_get_other_kernels(integer: Path, tmp_path: Path) -> None:
    for words, wanted in ((("stm32", "--device", "cortex-m3"), "_thumb1.h"), (("ispu",), "_ispu.h")):
        folder = tmp_path / words[0]
        assert call("generate", integer, "--target", *words, "--name", "net", "--out", folder).code == 0
        names = [path.name for path in folder.iterdir()]
        assert not any(_FAST in name for name in names)
        assert any(name.startswith("sa_nd_") and name.endswith(wanted) for name in names)
        assert ("sa_nd_16bit.h" in names) == (words[0] == "ispu")
    assert target("ispu", None).isa == "ispu"


def test_working_memory_of_kernels_is_counted(integer: Path) -> None:
    plain = open_model(integer)
    fast = plain.on("dsp")
    sizes = [costs(model.graph).arena or 0 for model in (plain, fast)]
    assert sizes[1] > sizes[0]
    # with inputs and outputs in it
    whole = costs(fast.graph, (True, True)).arena
    words = ("analyze", integer, "--target", "stm32", "--device", "STM32F411RE", "--json")
    assert json.loads(call(*words).out)["arena_bytes"] == whole
