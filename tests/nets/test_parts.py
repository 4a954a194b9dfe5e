"""Kinds of files, figures, inputs, frameworks and reports of nets."""

from __future__ import annotations

import math
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from sensorai.errors import DataError, Refused, UserError
from sensorai.formats.netfile import net_kind
from sensorai.importers.onnx.reader import read_model
from sensorai.kinds import Kind, look
from sensorai.nets.costs import costs
from sensorai.nets.fitting import calls, typed
from sensorai.nets.frameworks import run_all
from sensorai.nets.inputs import Inputs, read_inputs, spread
from sensorai.nets.labels import classes_of
from sensorai.nets.metrics import compare
from sensorai.nets.model import Asked, open_model
from sensorai.nets.onnx_file import export
from sensorai.nets.port import Port
from sensorai.nets.quantizing import Settings, quantize
from sensorai.nets.stated import c_info, report
from sensorai.nets.target import NAMES, fit, fit_words, target
from sensorai.nets.validating import truth
from tests.nets.models import reshape, save, two, unknown


def test_kinds_are_told_by_content(tmp_path: Path) -> None:
    data = reshape(tmp_path / "a.onnx").read_bytes()
    (tmp_path / "b.bin").write_bytes(data)
    (tmp_path / "c.bin").write_bytes(b"\x1c\0\0\0TFL3" + bytes(20))
    (tmp_path / "d.bin").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(20))
    with zipfile.ZipFile(tmp_path / "e.bin", "w") as box:
        box.writestr("config.json", "{}")
        box.writestr("model.weights.h5", "")
    with zipfile.ZipFile(tmp_path / "f.bin", "w") as box:
        box.writestr("other.json", "{}")
    kinds = {one: net_kind(tmp_path / f"{one}.bin") for one in "bcdef"}
    assert kinds == {"b": "onnx", "c": "tflite", "d": "keras", "e": "keras", "f": ""}
    assert look(tmp_path / "b.bin").kind is Kind.NET
    assert net_kind(tmp_path / "none") == ""


@pytest.mark.parametrize(
    "data", [b"", b"\x08", b"\x08\x09", b"\x08\x09\x3a\xff\xff\xff\xff\x7f", b"\x08\x09\x3b"]
)
def test_what_only_begins_like_a_model(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(data)
    assert net_kind(tmp_path / "x.bin") == ""


def test_figures() -> None:
    a = np.array([[0.0, 1.0], [2.0, 0.0]])
    same = compare(a, a)
    assert (same["acc"], same["rmse"], same["l2r"], same["cos"], same["nse"], same["snr"]) == (
        1,
        0,
        0,
        1,
        1,
        None,
    )
    b = np.array([[0.0, 2.0], [0.0, 1.0]])
    found = compare(a, b)
    gap = a - b
    assert found["acc"] == 0.5
    assert found["rmse"] == pytest.approx(math.sqrt((gap**2).mean()))
    assert found["mae"] == pytest.approx(np.abs(gap).mean())
    assert found["l2r"] == pytest.approx(np.linalg.norm(gap) / np.linalg.norm(b))
    assert found["mean"] == pytest.approx(gap.mean())
    assert found["std"] == pytest.approx(gap.std())
    assert found["nse"] == pytest.approx(1 - (gap**2).sum() / ((a - a.mean()) ** 2).sum())
    assert found["cos"] == pytest.approx((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b))
    assert found["snr"] == pytest.approx(20 * math.log10(np.linalg.norm(a) / np.linalg.norm(gap)))


def test_figures_of_odd_values() -> None:
    odd = np.array([[np.nan, np.inf, -np.inf]])
    assert compare(odd, odd)["rmse"] == 0
    for other in (np.zeros((1, 3)), np.full((1, 3), np.nan)):
        assert {k: v for k, v in compare(other, odd).items() if v is not None}.keys() == {"acc"}
    gone = compare(np.array([[1.0, 2.0, 3.0]]), np.array([[np.nan, 2.0, 3.0]]))
    assert [gone[name] for name in ("cos", "snr", "l2r", "nse")] == [None] * 4
    assert compare(np.zeros((2, 1)), np.ones((2, 1)))["acc"] is None


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "int32", "int64", "uint64", "bool", "int4", "float32"]
)
def test_made_inputs_fill_their_type(dtype: str) -> None:
    (array,) = spread([Port("x", dtype, (50, 40))], 3).arrays
    again = spread([Port("x", dtype, (50, 40))], 3).arrays[0]
    other = spread([Port("x", dtype, (50, 40))], 3, seed=1).arrays[0]
    assert np.array_equal(array, again)
    assert not np.array_equal(array, other)
    if dtype == "float32":
        assert 0 <= array.min() < 0.01
        assert 0.99 < array.max() < 1
    elif dtype == "int4":
        assert (array.min(), array.max()) == (-8, 7)
    elif dtype == "int8":
        assert (array.min(), array.max()) == (-128, 127)


def test_these_inputs_are_always_the_same() -> None:
    assert spread([Port("x", "int8", (4,))], 1).arrays[0].tolist() == [[7, 18, -52, -20]]


@pytest.mark.parametrize(
    "name, content, said",
    [
        ("a.npy", b"no", "read"),
        ("a.npz", b"PK\x03\x04", "read"),
        ("a.csv", b"1,2\n3\n", "different lengths"),
        ("a.csv", b"1,a\n", "read"),
        ("a.csv", b"1e9,2\n", "beyond int8"),
        ("a.csv", b"# dtype=int8\n1.5,2\n", "no whole numbers"),
        ("a.txt", b"1,2\n", ".npz, .npy or .csv"),
    ],
)
def test_inputs_that_are_none(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    port = Port("x", "int8", (2,))
    with pytest.raises(DataError, match=said):
        read_inputs(tmp_path / name, [port])


def test_no_pickle_is_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(DataError):
        read_inputs(tmp_path / "a.npy", [Port("x", "float32", (1,))])


def test_real_inputs_are_quantised(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_test=np.array([[0.5, -9.0]]))
    found = read_inputs(tmp_path / "a.npz", [Port("x", "int8", (2,), 0.25, 3)])
    assert found.arrays[0].tolist() == [[5, -33]]


@pytest.mark.parametrize(
    "shape, count",
    [
        ((5, 1, 3, 8, 16), 5),
        ((5, 3, 8, 16), 5),
        ((5, 384), 5),
        ((3, 8, 16), 1),
        ((1, 3, 8, 16), 1),
        ((384,), 1),
        ((5, 3, 1, 8, 16), 5),
    ],
)
def test_shapes_of_calls(shape: tuple[int, ...], count: int) -> None:
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    made = calls(array, (1, 3, 8, 16), "x", "")
    assert made.shape == (count, 1, 3, 8, 16)
    assert np.array_equal(made.reshape(-1), array.reshape(-1))


@pytest.mark.parametrize(
    "shape, said",
    [
        ((4, 3, 4, 16), "(N, 3, 8, 16)"),
        ((768,), "row of numbers"),
        ((384, 1), "row of numbers"),
        ((0, 3, 8, 16), "row of numbers"),
        ((4, 8, 16, 3), "channels last, which the net takes first: x.transpose(0, 3, 1, 2)"),
        ((4, 16, 3, 8), "channels first, which the net takes last: x.transpose(0, 2, 3, 1)"),
        ((4, 3, 16, 8), "another order: x.transpose(0, 1, 3, 2)"),
    ],
)
def test_no_array_is_cut_into_other_calls(shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(DataError) as found:
        calls(np.zeros(shape, np.float32), (1, 3, 8, 16), "the array for x", "a.npz")
    assert str(shape) in found.value.message
    assert "(1, 3, 8, 16)" in found.value.message
    assert said in found.value.hint


@pytest.mark.parametrize(
    "array, made, note",
    [
        # whole numbers of a real type are real
        (np.array([[0.0, 255.0, 300.0]], np.float32), [-128, 127, 127], "scale 1, zero -128; 1 of 3 clipped"),
        (np.array([[0, -128, 127]], np.int64), [0, -128, 127], ""),
    ],
)
def test_floats_are_quantised_and_integers_stay(array: Any, made: list[int], note: str) -> None:
    got, said = typed(array, Port("x", "int8", (3,), 1.0, -128), "")
    assert got.tolist() == [made]
    assert note in said
    assert bool(said) == bool(note)


@pytest.mark.parametrize(
    "array, port, said",
    [
        (np.array([[200]], np.uint8), Port("x", "int8", (1,), 1.0, 0), "beyond int8"),
        (np.array([[8]], np.int8), Port("x", "int4", (1,)), "beyond int4"),
        (np.array([[np.nan]]), Port("x", "int8", (1,), 1.0, 0), "not finite"),
        (np.array([[0.5]]), Port("x", "int8", (1,)), "whole numbers"),
        (np.array([[1e300]]), Port("x", "float32", (1,)), "beyond float32"),
        (np.array([[0]]), Port("x", "binary", (1,)), "-1 or 1"),
    ],
)
def test_numbers_that_a_type_does_not_hold(array: Any, port: Port, said: str) -> None:
    with pytest.raises(DataError, match=said):
        typed(array, port, "a.npz")


def test_what_is_not_read_is_said(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 3), np.uint8), y_train=np.zeros(2))
    notes = read_inputs(tmp_path / "a.npz", [Port("x", "float32", (3,))]).notes
    assert notes == ("x: uint8 taken as float32, not scaled", "not read: y_train")


def test_a_csv_says_its_type(tmp_path: Path) -> None:
    port = Port("x", "int8", (2,), 0.5, 0)
    for text, made in (("1,2\n", [1, 2]), ("1.0,2\n", [2, 4]), ("# dtype=float32\n1,2\n", [2, 4])):
        (tmp_path / "a.csv").write_text(text)
        assert read_inputs(tmp_path / "a.csv", [port]).arrays[0].tolist() == [made]


@pytest.mark.parametrize(
    "wanted, made",
    [
        (np.array([1.0, 0.0]), [1, 0]),
        (np.array([[1], [2]]), [1, 2]),
        (np.array([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]]), [2, 0]),
        (np.array(["a", "b"]), "no numbers"),
        (np.array([0.5, 1]), "no whole"),
        (np.array([0, 3]), "3 scores"),
        (np.array([0, 1, 2]), "for 2 calls"),
    ],
)
def test_labels(wanted: Any, made: Any) -> None:
    given = Inputs((np.zeros((2, 1)),), 2, "a.npz", (wanted,))
    if isinstance(made, str):
        with pytest.raises(DataError, match=made):
            classes_of(given, 3)
    else:
        assert classes_of(given, 3).tolist() == made


def test_classes_judge_as_outputs_do() -> None:
    """What quantize takes for labels, validate takes, too."""
    x, scores = np.zeros((2, 1)), np.array([[[0.1, 0.9]], [[0.2, 0.8]]])

    def judged(*wanted: Any) -> dict[str, Any]:
        return truth(Inputs((x,), 2, "a.npz", wanted), [scores], [None], ["y"])

    found = judged(np.array([1, 0]))
    assert found["framework"] == "classes in a.npz"
    assert {k: v for k, v in found["outputs"][0].items() if v is not None} == {"output": "y", "acc": 0.5}
    assert "2 scores" in judged(np.array([1, 2]))["skipped"]
    assert judged(scores.reshape(2, 2))["outputs"][0]["rmse"] == 0
    assert "shape (2, 3)" in judged(np.zeros((2, 3)))["skipped"]
    assert "name one as each output" in judged(np.zeros(2), np.zeros(2))["skipped"]


def test_every_output_has_labels_by_its_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", x=np.zeros((2, 1)), b=np.array([0, 1]), a=np.array([1, 1]))
    given = read_inputs(tmp_path / "in.npz", [Port("x", "float32", (1, 1))], ["a", "b"])
    scores = np.array([[[0.1, 0.9]], [[0.8, 0.2]]])
    found = truth(given, [scores, scores], [None, None], ["a", "b"])
    assert found["framework"] == "classes in in.npz"
    assert [(row["output"], row["acc"]) for row in found["outputs"]] == [("a", 0.5), ("b", 0.0)]
    mixed = truth(replace(given, wanted=(scores, given.wanted[1])), [scores] * 2, [None] * 2, ["a", "b"])
    assert mixed["framework"] == "outputs in in.npz"
    assert [row["rmse"] for row in mixed["outputs"]] == [0, None]
    beyond = truth(replace(given, wanted=(np.array([0, 2]),) * 2), [scores] * 2, [None] * 2, ["a", "b"])
    assert beyond["skipped"].startswith("a: labels are from 0 to 2")


def test_a_framework_that_falls_takes_nothing_with_it(tmp_path: Path) -> None:
    model = open_model(reshape(tmp_path / "r.onnx"))
    ports = [Port("x", "float32", (1, 4, 3))]
    (tmp_path / "r.onnx").write_bytes(b"\x08\x09")
    ran = run_all(model, spread(ports, 1))
    assert [one.name for one in ran] == ["onnxruntime", "onnx reference"]
    assert all(one.failure and not one.outputs for one in ran)


def test_everything_unknown_is_one_refusal(tmp_path: Path) -> None:
    with pytest.raises(Refused) as found:
        open_model(unknown(tmp_path / "u.onnx"))
    assert [p.message.split(":")[0] for p in found.value.problems] == [
        "node a (Strange)",
        "node y (Stranger)",
    ]
    # the same hint is said once
    assert str(found.value).count("supported-ops") == 1


def test_errors_have_the_names_that_other_tools_show(tmp_path: Path) -> None:
    path = save(
        tmp_path / "n.onnx",
        [helper.make_node("Strange", ["x"], ["y"], name="/layer/Strange")],
        [("x", (1, 4))],
        [("y", (1, 4))],
    )
    with pytest.raises(Refused, match=r"node /layer/Strange \(Strange\)"):
        open_model(path)
    path = save(
        tmp_path / "o.onnx",
        [helper.make_node("Relu", ["x"], ["y"])],
        [("x", ("N", 3, "T"))],
        [("y", ("N", 3, "T"))],
    )
    with pytest.raises(UserError, match="axis 2") as open_axis:
        open_model(path)
    assert open_axis.value.hint == "say --shape x=1x3x<T>"
    assert open_axis.value.where == str(path)


def test_shapes_of_inputs_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no input z"):
        open_model(reshape(tmp_path / "r.onnx"), Asked(shapes={"z": (1,)}))


def test_reports_have_no_date_and_no_path(tmp_path: Path) -> None:
    model = open_model(two(tmp_path / "two.onnx"))
    counted = costs(model.graph)
    texts = [report(model, counted, target("stm32", None), "network", "analyze") for _ in range(2)]
    assert texts[0] == texts[1]
    assert str(tmp_path) not in texts[0]
    info = c_info(model, counted, None, "network")
    assert {"buffers", "environment", "graphs", "memory_footprint", "memory_pools"} <= set(info)
    (graph,) = info["graphs"]
    assert len(graph["nodes"]) == len(model.graph.nodes)
    assert len(info["buffers"]) == len(model.graph.tensors)


def test_what_fits_and_what_does_not(tmp_path: Path) -> None:
    counted = costs(open_model(reshape(tmp_path / "r.onnx", shape=(1, 40, 60))).graph)
    found = fit(counted, target("ispu", "ISM330IS"))
    assert found["fits"] is False
    assert found["ram_room"] == 8192 - 2 * 9600
    assert "11,008 bytes more" in fit_words(found)[1]
    unknown_size = fit(counted, target("stm32", "cortex-m4"))
    assert unknown_size["fits"] is None
    assert all("--device CHIP" in line for line in fit_words(unknown_size))
    assert NAMES == ("ispu", "stm32")


def test_layers_have_the_names_of_the_file(tmp_path: Path) -> None:
    """Before and after quantising: what passes and pairs add to names is not shown."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a.b"]),
        helper.make_node("Relu", ["a.b"], ["r"]),
        helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[2]),
        helper.make_node("Flatten", ["p"], ["f_1"]),
    ]
    known = {"w": rng.normal(0, 1, (3, 2, 2)).astype(np.float32)}
    path = save(tmp_path / "n.onnx", nodes, [("x", (1, 2, 9))], [("f_1", (1, 12))], known)
    model = open_model(path)
    assert {one.name for one in costs(model.graph).layers} <= {"x", "a.b", "r", "p", "f_1"}
    given = Inputs((rng.normal(0, 1, (4, 1, 2, 9)).astype(np.float32),), 4, "made")
    made = quantize(model.graph, given, Settings(ranges="minmax"))
    (tmp_path / "q.onnx").write_bytes(export(made.graph))
    again = open_model(tmp_path / "q.onnx")
    counted = costs(again.graph).layers
    assert {one.name for one in counted} <= {"x", "a.b", "r", "p", "f_1"}
    assert len({one.tensor for one in counted}) == len(counted)
    assert again.graph.called("f_1_2") == "f_1"
    assert again.graph.called("strange.name") == "strange.name"
    onnx_model = onnx.load(str(tmp_path / "q.onnx"))
    for text in ("[", "{}", "[1, [2]]", "[" * 100_000):
        onnx.helper.set_model_props(onnx_model, {"sensorai.layers": text})
        assert read_model(onnx_model).outputs == again.read.outputs
