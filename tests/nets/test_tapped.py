"""The first wrong layer of the C of a project, as it lies in its folder: changed tables, code and kernels."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from sensorai.codegen.netproject import About, emit_net_project
from sensorai.nets.costs import lying
from sensorai.nets.inputs import spread
from sensorai.nets.places import Place, places
from sensorai.nets.port import ports
from sensorai.nets.running import Program
from sensorai.nets.tapped import changes, first_wrong
from tests.cli.call import call
from tests.need import need
from tests.nets.test_counting import dense
from tests.nets.test_pools import POOLS
from tests.plan.chains import level

TABLE = ("net_data.c", "net_c0[48] = {\n    ", "net_c0[48] = {\n    9.0F + ")


def changed(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))


def test_a_changed_project_is_wrong_in_a_layer(tmp_path: Path) -> None:
    need("gcc")
    model, folder = dense(tmp_path / "d.onnx"), tmp_path / "p"
    assert (
        call("generate", model, "--device", "m4", "--out", folder, "--name", "net", "--api", "stai").code == 0
    )
    changed(folder, *TABLE)
    done = call("validate", folder)
    assert done.code == 3
    assert "first layer: h[0] is " in done.out
    assert "not as it is made of the model: net_data.c, line " in done.out
    assert f"the model of the project: {model}" in done.out.replace("\n", "")
    model.rename(tmp_path / "elsewhere.onnx")
    done = call("validate", folder)
    assert done.code == 3
    assert "--model MODEL names the first layer" in done.err


def test_a_stream_is_wrong_in_a_layer_of_a_push(repo: Path, tmp_path: Path) -> None:
    need("gcc")
    folder = tmp_path / "p"
    shutil.copy(repo / "datalogs" / "har_conv.onnx", tmp_path)
    words = ("--device", "m4", "--out", folder, "--name", "net", "--stream", "13")
    assert call("generate", tmp_path / "har_conv.onnx", *words).code == 0
    changed(folder, "net_data.c", "net_c2[8] = {", "net_c2[8] = {9.0F + ")
    done = call("validate", folder, "--json")
    assert done.code == 3
    (reference, level) = json.loads(done.out)["levels"]
    assert reference["level"] == "reference on whole windows"
    assert level["layer"].startswith("call 0, conv2[0] is ")
    assert level["changed"][0].startswith("net_data.c, line ")


def test_two_memories_and_a_place_that_cannot_show() -> None:
    need("gcc")
    graph = level()
    made = emit_net_project(
        graph, "net", About("", "", ""), inside=lying(graph, (True, True)), optimize="time", pools=POOLS
    )
    sources = made.sources()
    ins, outs = ports(graph, graph.inputs), ports(graph, graph.outputs)
    given = spread(ins, 3)
    right = Program("net", "native", sources, ins, outs, None, (True, True))
    (host,) = places(["host"])
    board = Place("board", lambda *_: [], shows=False)
    assert "no layer by itself" in first_wrong(graph, right, given, 1, host, made).layer
    assert "no layer of this C on this machine" in first_wrong(graph, right, given, 1, board, made).layer
    # without the second layer
    second = next(c.text for c in made.parts.calls if c.layer == 1) if made.parts else ""
    wrong = replace(
        right, sources={**sources, "net.c": sources["net.c"].replace(second, f"if (arena == 0) {second}")}
    )
    found = first_wrong(graph, wrong, given, 1, board, made)
    assert found.layer.startswith(f"{graph.nodes[1].output}[")
    assert found.layer.endswith(" (on this machine)")
    assert len(found.changed) == 1
    other = replace(
        right, sources={**sources, "net.h": sources["net.h"].replace("ARENA_BYTES ", "ARENA_BYTES 1")}
    )
    assert "not looked for" in first_wrong(graph, other, given, 1, host, made).layer
    gone = replace(right, sources={**sources, "net.c": ""})
    assert "net_model is not in net.c" in first_wrong(graph, gone, given, 1, host, made).layer


def test_what_changed_is_said_by_file_and_line() -> None:
    made = {f"f{k}.c": f"/* by\n * us */\na\nb{k}\n" for k in range(8)}
    assert changes("net", made, made) == ()
    assert changes("net", {**made, "f3.c": "/* by\n * me */\na\nb3\n"}, made) == ()
    assert changes("net", {**made, "f3.c": "/* by\n * us */\na\nc  d\n"}, made) == ("f3.c, line 4: 'c d'",)
    assert changes("net", {"f0.c": made["f0.c"]}, made)[-1] == "and 2 more"
    assert changes("net", {**made, "g.c": ""}, made) == ("g.c is not of the model",)
