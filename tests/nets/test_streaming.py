"""Nets that get columns: which axis is time, what is saved, pushes that are whole windows bit by bit."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.nets import validating
from sensorai.nets.emitting import emit
from sensorai.nets.model import Asked, open_model
from sensorai.nets.places import places
from sensorai.nets.port import ports
from sensorai.nets.references import made_pushes, pushes
from sensorai.nets.running import Program
from sensorai.nets.streaming import Asked as Columns
from sensorai.nets.streaming import Stream, could, stream
from sensorai.nets.target import target
from sensorai.nets.validating import Verdict, validate_model
from tests.cli.call import call, refused, unchanged
from tests.nd import test_recurrent_tflite as tflite_nets
from tests.need import need
from tests.nets.models import reshape, save, two
from tests.nets.test_feeding import net as dense

RNG = np.random.default_rng(0)


def real(*shape: int) -> Any:
    return RNG.normal(0, 0.5, shape).astype(np.float32)


def conv(path: Path, *, channels: int = 3, stride: int = 1, tall: int = 1) -> Path:
    """Convolutions over 20 columns, a mean over them; ``tall``: with a second axis of space."""
    kernel, shape = ([3], (1, channels, 20)) if tall == 1 else ([3, 3], (1, channels, 20, tall))
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], strides=[stride] * len(kernel)),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("GlobalAveragePool", ["b"], ["c"]),
        helper.make_node("Flatten", ["c"], ["y"]),
    ]
    return save(path, nodes, [("x", shape)], [("y", (1, 4))], {"w": real(4, channels, *kernel)})


def recurrent(path: Path, kind: str, direction: str = "forward", whole: bool = False) -> Path:
    """A recurrent layer over 6 steps of 3 numbers, its last outputs or all of them."""
    gates, sides = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind], 1 + (direction == "bidirectional")
    outs = ["all", ""] if whole else ["", "last"]
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        helper.make_node(kind, ["t", "w", "r"], outs, hidden_size=4, direction=direction),
        helper.make_node("Reshape", [outs[0] or "last", "s"], ["y"]),
    ]
    size = 6 if whole else 1
    known = {"w": real(sides, gates * 4, 3), "r": real(sides, gates * 4, 4), "s": np.array([size, sides * 4])}
    return save(path, nodes, [("x", (1, 6, 3))], [("y", (size, sides * 4))], known)


def graph_of(path: Path) -> Graph:
    return open_model(path).graph


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without frameworks, which take longer than all else."""
    monkeypatch.setattr(validating, "run_all", lambda *_: [])


def judged(path: Path, columns: Columns, on: Sequence[str] = ("host",)) -> tuple[Stream, Verdict]:
    """Pushes in C beside the reference."""
    model = open_model(path)
    made = stream(model.graph, columns)
    emitted = emit(model, target("stm32", None), "net", Asked(), stream=made)
    ins, outs = ports(made.graph, made.graph.inputs), ports(made.graph, made.graph.outputs)
    program = Program("net", "native", emitted.project.sources(), ins, outs, made.pushing.warm_up)
    given = made_pushes(ins, made.pushing, None, None)
    return made, validate_model(model, program, given, places(on), stream=made)


@pytest.mark.usefixtures("alone")
def test_a_project_of_pushes(tmp_path: Path) -> None:
    need("gcc", "arm-none-eabi-gcc", "qemu-system-arm")
    model, folder = conv(tmp_path / "c.onnx"), tmp_path / "p"
    words = ("generate", model, "--target", "stm32", "--stream", "2", "--out", folder, "--name", "net")
    done = call(*words)
    assert done.code == 0, done.err
    assert (
        "2 columns a push of a window of 20, along axis 2 of the input; outputs from push 10 on" in done.out
    )
    said = json.loads((folder / "model.json").read_text())
    assert said["stream"] == {"hop": 2, "axis": 2, "window": 20, "warm_up": 9, "stateful": False}
    assert said["inputs"][0]["shape"] == [1, 3, 2]
    for name in ("README.md", "main.c", "net.h"):
        assert "net_push(&ctx, in_1, out_1)" in (folder / name).read_text()
    done = call("validate", folder, "--on", "host", "--on", "emulator")
    assert done.code == 0, done.err
    for part in (
        "13 made pushes",
        "noted outputs of the reference: 4 calls",
        "C on cortex-m4, emulated: 4",
    ):
        assert part in done.out
    x = RNG.normal(0, 1, (12, 1, 3, 2)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    done = call("validate", folder, tmp_path / "x.npy", "--model", model)
    assert done.code == 0, done.err
    assert "reference on whole windows: 3 calls" in done.out
    np.save(tmp_path / "few.npy", x[:9])
    refused(call("validate", folder, tmp_path / "few.npy"), "9 pushes", "with push 10")


@pytest.mark.usefixtures("alone")
def test_pushes_that_part_are_found(tmp_path: Path) -> None:
    need("gcc")
    model, folder = conv(tmp_path / "c.onnx"), tmp_path / "p"
    call("generate", model, "--target", "stm32", "--stream", "5", "--out", folder, "--name", "net")
    source = (folder / "net.c").read_text()
    (folder / "net.c").write_text(source.replace("    return 1;\n", "    out_1[1] = 7.0F;\n    return 1;\n"))
    done = call("validate", folder, "--model", model)
    assert (done.code, "y[1] is 7.0 where" in done.err) == (3, True)
    (folder / "net.c").write_text(source)
    header = (folder / "net.h").read_text()
    (folder / "net.h").write_text(header.replace("NET_WARM_UP 3", "NET_WARM_UP 2"))
    done = call("validate", folder)
    assert (done.code, "push 2 says that outputs are there" in done.err) == (3, True)
    said = json.loads((folder / "model.json").read_text())
    said["stream"]["hop"] = 4
    (folder / "model.json").write_text(json.dumps(said))
    refused(call("validate", folder, "--model", model), "stream is not that of the model")
    said["stream"] |= {"hop": 1, "window": 1 << 28, "warm_up": (1 << 28) - 1}
    (folder / "model.json").write_text(json.dumps(said))
    refused(call("validate", folder), "more than are made")
    said["stream"]["hop"] = -1
    (folder / "model.json").write_text(json.dumps(said))
    refused(call("validate", folder), "makes no sense")


def test_two_instances_and_a_reset(tmp_path: Path) -> None:
    need("gcc")
    from sensorai.toolchain.host import build_program

    model = open_model(conv(tmp_path / "c.onnx"))
    made = stream(model.graph, Columns(5))
    main = """#include "net.h"
static float x[NET_IN_1_SIZE], y[2][NET_OUT_1_SIZE];
int main(void)
{
    static net_t one, two;
    int k;
    if (net_init(&one) || net_init(&two)) return 1;
    for (k = 0; k < 8; k++) {
        x[0] = (float)k;
        if (net_push(&one, x, y[0]) != (k >= 3)) return 2;
        if (k >= 4 && net_push(&two, x, y[1]) != (k >= 7)) return 3;
    }
    for (k = 0; k < 4; k++) if (y[0][k] != y[1][k]) return 4;
    if (net_reset(&one) || net_push(&one, x, y[0]) != 0) return 5;
    if (net_push(0, x, y[0]) != NET_ERROR_ARGUMENT || net_push(&one, x, 0) != NET_ERROR_ARGUMENT) return 6;
    return 0;
}
"""
    emitted = emit(model, target("stm32", None), "net", Asked(), stream=made)
    assert build_program({**emitted.project.sources(), "try.c": main}, sanitize=True).run() == b""
    example = {n: t for n, t in emitted.files.items() if n.endswith((".c", ".h"))}
    assert build_program(example, sanitize=True).run() == b""


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_recurrent_layers_go_on(kind: str, tmp_path: Path) -> None:
    need("gcc")
    made, found = judged(recurrent(tmp_path / "r.onnx", kind, whole=kind == "GRU"), Columns(1, stateful=True))
    assert found.parting is None
    assert [one["level"] for one in found.levels][:2] == [
        "reference, push by push",
        "reference on the first window",
    ]
    assert found.levels[2] == {"level": "C on this machine", "calls": 10}
    assert made.pushing.warm_up == 0
    assert made.after.macs * 6 == made.before.macs


def test_too_few_pushes_say_how_many_a_window_takes(tmp_path: Path) -> None:
    graph = graph_of(recurrent(tmp_path / "r.onnx", "GRU"))
    made = stream(graph, Columns(2, stateful=True))
    ins = ports(made.graph, made.graph.inputs)
    skipped = pushes(graph, made, made_pushes(ins, made.pushing, 2, None)).levels[1]["skipped"]
    assert skipped.startswith("2 pushes are too few, a window of 6 columns takes 3: --count 3")
    assert pushes(graph, made, made_pushes(ins, made.pushing, 3, None)).levels[1]["calls"] == 1


def test_states_of_tensorflow_lite_go_on(tmp_path: Path) -> None:
    """The pushes of an int8 layer, the reference and tflite-micro on the whole window."""
    need("gcc")
    (tmp_path / "l.tflite").write_bytes(tflite_nets.lstm8(3, major=True))
    made, found = judged(tmp_path / "l.tflite", Columns(2, stateful=True))
    assert found.parting is None
    assert made.pushing.axis == 0
    assert len(made.graph.states) == 2
    micro = next(one for one in found.frameworks if one["framework"] == "tflite-micro")
    assert micro["outputs"][0]["equal"]


def test_the_axis_of_time(tmp_path: Path) -> None:
    assert stream(graph_of(conv(tmp_path / "c.onnx")), Columns(1)).pushing.axis == 2
    both = graph_of(conv(tmp_path / "d.onnx", tall=20))
    with pytest.raises(ConfigError, match=r"2 \(20 columns, .* fewer MACs\), 3 \(20 columns") as error:
        stream(both, Columns(1))
    assert error.value.hint == "say which: --stream-axis 2"
    assert stream(both, Columns(1, 3)).pushing.axis == 3


@pytest.mark.parametrize(
    ("make", "columns", "message", "hint"),
    [
        (lambda p: conv(p, stride=2), Columns(1), "a.conv (conv) moves by 2 columns", "--stream 2"),
        (lambda p: conv(p, stride=4), Columns(3), "but a hop brings 3", "--stream 4, or a multiple of it"),
        (lambda p: conv(p, stride=4), Columns(6), "hop brings 6", "--stream 8, or another multiple of 4"),
        (lambda p: conv(p), Columns(20), "20 columns is a whole window", "smaller"),
        (lambda p: conv(p), Columns(21), "the input has 20 columns", "at most --stream 20"),
        (lambda p: conv(p), Columns(1, 7), "--stream-axis 7", ""),
        (lambda p: conv(p), Columns(1, stateful=True), "y (reshape) takes all columns", "drop --stateful"),
        (lambda p: reshape(p), Columns(1), "no multiply-accumulates", "without --stream"),
        (lambda p: dense(p), Columns(1), "flat (reshape) takes the whole window", "convolutions"),
        (lambda p: two(p), Columns(1), "2 inputs", "all channels in one input"),
        (lambda p: recurrent(p, "LSTM"), Columns(1), "last (lstm) starts from nothing", "--stateful carries"),
        (lambda p: recurrent(p, "RNN", "bidirectional"), Columns(1), "starts from nothing", "backwards"),
        (
            lambda p: recurrent(p, "GRU", "reverse"),
            Columns(1, stateful=True),
            "(gru) goes backwards",
            "forward layer",
        ),
        (lambda p: recurrent(p, "GRU"), Columns(4, stateful=True), "not a multiple of the hop", "divide"),
    ],
)
def test_one_message_names_the_layer(
    make: Any, columns: Columns, message: str, hint: str, tmp_path: Path
) -> None:
    graph = graph_of(make(tmp_path / "m.onnx"))
    with pytest.raises(ConfigError, match=re.escape(message)) as error:
        stream(graph, columns)
    assert hint in error.value.hint


def test_layers_that_keep_states_themselves(tmp_path: Path) -> None:
    (tmp_path / "l.tflite").write_bytes(tflite_nets.lstm8(3))
    with pytest.raises(ConfigError, match=r"\(lstm\) keeps its state from call to call") as error:
        stream(graph_of(tmp_path / "l.tflite"), Columns(1))
    assert "--stateful" in error.value.hint
    (tmp_path / "s.tflite").write_bytes(tflite_nets.svdf("int8", 2))
    with pytest.raises(ConfigError, match=r"\(svdf\) keeps a state of its own") as error:
        stream(graph_of(tmp_path / "s.tflite"), Columns(1, stateful=True))
    assert "without --stream" in error.value.hint


def test_analyze_says_what_is_saved(tmp_path: Path) -> None:
    need("arm-none-eabi-gcc", "unicorn")
    model = conv(tmp_path / "c.onnx")
    done = call("analyze", model, "--stream", "1", "--out", tmp_path / "st")
    assert done.code == 0, done.err
    words = "stream: 36 MACs a push instead of 648 (94% fewer)"
    assert words in done.out
    assert words in (tmp_path / "st" / "network_analyze_report.txt").read_text()
    whole = json.loads(call("analyze", model, "--stream", "1", "--device", "m4", "--count", "--json").out)
    found = whole["stream"]
    # what a push computes is what is counted
    assert (whole["macs"], whole["inputs"][0]["bytes"]) == (36, 12)
    assert len(whole["device"]["layers"]) == len(whole["layers"])
    assert whole["device"]["instructions"] < 10_000
    assert (found["macs"], found["macs_before"], found["warm_up"]) == (36, 648, 19)
    assert found["ram_bytes"] == found["arena_bytes"] + found["state_bytes"] + 12 + 16
    # whole windows may run over what is no longer read of them: columns save operations, and not always bytes
    assert found["ram_bytes_before"] < 640
    assert "can stream: --stream 1 computes 94% fewer MACs for every new column" in call("analyze", model).out


def test_what_could_stream(tmp_path: Path) -> None:
    assert "--stream 2 " in could(graph_of(conv(tmp_path / "a.onnx", stride=2)))
    assert "--stream 1 --stateful" in could(graph_of(recurrent(tmp_path / "b.onnx", "LSTM")))
    for path in (
        conv(tmp_path / "c.onnx", tall=20),
        reshape(tmp_path / "d.onnx"),
        two(tmp_path / "e.onnx"),
        recurrent(tmp_path / "f.onnx", "LSTM", "reverse"),
    ):
        assert could(graph_of(path)) == ""


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--stateful",), "--stateful needs --stream"),
        (("--stream-axis", "1"), "--stream-axis needs --stream"),
        (("--stream", "1", "--api", "stai"), "--api stai"),
        (("--stream", "1", "--allocate-inputs"), "with --stream the caller keeps the columns of a push"),
        (("--stream", "1", "--stateful", "--stream-axis", "9"), "--stream-axis 9"),
        (("--stream", "20"), "whole window"),
    ],
)
def test_what_does_not_go_with_it(words: tuple[str, ...], part: str, tmp_path: Path) -> None:
    model = conv(tmp_path / "c.onnx")
    with unchanged(tmp_path):
        refused(call("generate", model, "--target", "stm32", "--out", tmp_path / "p", *words), part)
