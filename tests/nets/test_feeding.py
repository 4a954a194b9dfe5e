"""A window of sensor samples before a net: on logs, on every level, the same bits as net and numbers say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from sensorai.errors import ConfigError
from sensorai.graph.interpret import output
from sensorai.model.pipeline import Count, from_dict, run, to_dict
from sensorai.nets.feeding import Feed, parse_feed, pipeline_of
from sensorai.nets.model import open_model
from sensorai.nets.target import target
from tests.cli.call import call, refused
from tests.cli.logs import write_log
from tests.need import need
from tests.nets.models import save

TOML = """rate = 52
window = 26
stride = 13
columns = ["acc_x", "acc_y", "acc_z"]
units = {acc = "g"}
full_scale = {acc = 4}
factor = [1.0, 0.5, 2.0]
offset = 0.25
layout = LAYOUT
classes = ["rest", "walk", "shake"]
"""


def net(path: Path, shape: tuple[int, ...] = (1, 26, 3)) -> Path:
    """Softmax of products with fixed weights."""
    weights = np.sin(np.arange(78 * 3, dtype=np.float32)).reshape(78, 3)
    nodes = [
        helper.make_node("Reshape", ["x", "s"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w", "b"], ["z"]),
        helper.make_node("Softmax", ["z"], ["y"]),
    ]
    known = {"s": np.array([1, 78]), "w": weights, "b": np.array([0.5, 0, 0], np.float32)}
    return save(path, nodes, [("x", shape)], [("y", (1, 3))], known)


def feed(layout: list[object]) -> Feed:
    import tomllib

    return parse_feed(tomllib.loads(TOML.replace("LAYOUT", json.dumps(layout))), "pipeline.toml")


@pytest.mark.parametrize(
    "layout, shape", [([1, "time", "axes"], (1, 26, 3)), ([1, "axes", "time", 1], (1, 3, 26, 1))]
)
def test_what_goes_into_the_net(layout: list[object], shape: tuple[int, ...], tmp_path: Path) -> None:
    graph = open_model(net(tmp_path / "n.onnx", shape)).graph
    pipeline = pipeline_of(graph, feed(layout), target("stm32", None), "net")
    assert pipeline.channels == tuple(Count(f"acc_{a}", "mg", 0.122) for a in "xyz")
    counts = np.random.default_rng(0).integers(-(2**15), 2**15, (60, 3)).astype(np.int16)
    factor = np.array([0.122 * 1e-3 * f for f in (1.0, 0.5, 2.0)], np.float32)
    made = run(pipeline, counts)
    assert len(made) == 3
    for k in range(3):
        x = counts[13 * k : 13 * k + 26].astype(np.float32) * factor + np.float32(0.25)
        turned = x.T if layout.index("axes") < layout.index("time") else x
        assert np.array_equal(made.scores[k], output(graph, turned.reshape(shape)).reshape(3))


def test_a_pipeline_is_read_again(tmp_path: Path) -> None:
    pipeline = pipeline_of(
        open_model(net(tmp_path / "n.onnx")).graph, feed([1, "time", "axes"]), target("ispu", None), "net"
    )
    text = json.dumps(to_dict(pipeline))
    again = from_dict(json.loads(text), "file")
    assert json.dumps(to_dict(again)) == text
    counts = np.arange(78 * 3, dtype=np.int16).reshape(-1, 3)
    assert np.array_equal(run(again, counts).scores, run(pipeline, counts).scores)


@pytest.mark.parametrize("name", ["stm32", "ispu"])
def test_simulate_and_validate_on_logs(name: str, tmp_path: Path) -> None:
    need("gcc", "arm-none-eabi-gcc")
    (tmp_path / "p.toml").write_text(TOML.replace("LAYOUT", '[1, "time", "axes"]'))
    log = write_log(tmp_path / "log.csv")
    folder = tmp_path / "fed"
    done = call(
        *("generate", net(tmp_path / "n.onnx"), "--target", name, "--pipeline", tmp_path / "p.toml"),
        *("--out", folder, "--name", "fed"),
    )
    assert done.code == 0, done.err
    done = call("simulate", folder, log)
    assert done.code == 0, done.err
    assert "window of 26 samples at 52 Hz" in done.out
    done = call("validate", folder, log, "--on", "host", "--on", "emulator", "--json")
    assert done.code == 0, done.err
    levels = json.loads(done.out)["proof"]["levels"]
    assert all(one["windows"] for one in levels)
    assert len(levels) == (3 if name == "ispu" else 2)


def seen(path: Path) -> Path:
    """Softmax of the mean of a convolution over time."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
        helper.make_node("Conv", ["t", "w"], ["c"]),
        helper.make_node("GlobalAveragePool", ["c"], ["m"]),
        helper.make_node("Flatten", ["m"], ["z"]),
        helper.make_node("Softmax", ["z"], ["y"]),
    ]
    weights = rng.normal(0, 1, (3, 3, 5)).astype(np.float32)
    return save(path, nodes, [("x", (1, 26, 3))], [("y", (1, 3))], {"w": weights})


@pytest.mark.parametrize("stride", [3, 26])
def test_only_what_is_new_in_a_window(stride: int, tmp_path: Path) -> None:
    """Windows end where they do without; 26 samples are no multiple of the stride."""
    need("gcc")
    text = TOML.replace("LAYOUT", '[1, "time", "axes"]').replace("stride = 13", f"stride = {stride}")
    (tmp_path / "p.toml").write_text(text)
    model, log, folder = seen(tmp_path / "n.onnx"), write_log(tmp_path / "log.csv"), tmp_path / "fed"
    words = ("generate", model, "--target", "stm32", "--pipeline", tmp_path / "p.toml", "--name", "fed")
    if stride == 26:
        refused(call(*words, "--stream", "26", "--out", folder), "whole window")
        refused(call(*words, "--stream", "2", "--out", folder), "move by 26 samples", "--stream 26")
        refused(call(*words, "--stream", "26", "--stateful", "--out", folder), "--pipeline", "--stateful")
        assert not folder.exists()
        return
    done = call(*words, "--stream", "3", "--out", folder)
    assert done.code == 0, done.err
    assert "outputs from push 9 on" in done.out
    assert from_dict(json.loads((folder / "model.sai").read_text())["pipeline"]).stream
    done = call("validate", folder, log, "--json")
    assert done.code == 0, done.err
    assert [one["windows"] > 5 for one in json.loads(done.out)["proof"]["levels"]] == [True]


@pytest.mark.parametrize(
    "change, parts",
    [
        ("rate = 52", ("rate = -1", "rate")),
        ("window = 26", ("window = 0", "window")),
        ("window = 26", ("window = 27", "(1, 27, 3)")),
        ("stride = 13", ("stride = 40", "stride")),
        ("stride = 13", ("strides = 13", "'strides'")),
        ("units = {acc", ("units = {gyro", "acc")),
        ('"g"', ('"feet"', "feet")),
        ("acc = 4", ("acc = 5", "full scale of 5")),
        ("[1.0, 0.5, 2.0]", ("[1.0, 0.5]", "factor")),
        ("0.25", ('"a"', "offset")),
        ('"acc_z"]', ('"acc_w"]', "columns")),
        ('[1, "time", "axes"]', ('[1, "time"]', "layout")),
        ('"shake"]', ('"shake", "jump"]', "4 classes")),
        ("rate = 52", ("rate = ", "TOML")),
        ("rate = 52", ('output = "z"\nrate = 52', "'z'")),
    ],
)
def test_what_a_pipeline_cannot_say(change: str, parts: tuple[str, str], tmp_path: Path) -> None:
    text = TOML.replace("LAYOUT", '[1, "time", "axes"]')
    (tmp_path / "p.toml").write_text(text.replace(change, parts[0]))
    words = ("generate", net(tmp_path / "n.onnx"), "--target", "stm32", "--pipeline", tmp_path / "p.toml")
    refused(call(*words, "--out", tmp_path / "o"), parts[1], "where: ")
    assert not (tmp_path / "o").exists()


def test_a_net_that_takes_no_windows(tmp_path: Path) -> None:
    from tests.nets.models import two

    with pytest.raises(ConfigError, match="2 inputs"):
        pipeline_of(
            open_model(two(tmp_path / "t.onnx")).graph, feed([1, "time", "axes"]), target("stm32", None), "n"
        )
