"""``analyze``, ``generate``, ``validate`` and ``supported-ops`` of nets made elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.call import call, refused, unchanged
from tests.need import need
from tests.nets.models import reshape, two, unknown


def test_analyze_says_what_a_model_is(tmp_path: Path) -> None:
    model = reshape(tmp_path / "r.onnx")
    done = call("analyze", model, "--target", "stm32", "--device", "STM32F401RE")
    assert done.code == 0, done.err
    for part in ("ONNX", "x: float32 1x4x3, 48 bytes", "reshape", "RAM 48 bytes", "fits into the 524,288"):
        assert part in done.out
    found = json.loads(call("analyze", model, "--json", "--target", "ispu").out)
    assert found["fit"]["device"] == "LSM6DSO16IS"
    assert found["fit"]["ram_room"] == 8192 - 96
    assert [layer["operator"] for layer in found["layers"]] == ["reshape"]


def test_analyze_writes_st_like_reports(tmp_path: Path) -> None:
    model = reshape(tmp_path / "r.onnx")
    done = call("analyze", model, "--out", tmp_path / "st", "--name", "har")
    assert done.code == 0, done.err
    text = (tmp_path / "st" / "har_analyze_report.txt").read_text()
    assert "input 1/1          :   'x', f32(1x4x3), 48 Bytes, user" in text
    assert str(tmp_path) not in text
    info = json.loads((tmp_path / "st" / "har_c_info.json").read_text())
    assert info["json_schema_version"] == "2.0"
    assert info["graphs"][0]["nodes"][0]["mapping"] == "NODE_SW"


def test_everything_that_is_not_supported_is_said_at_once(tmp_path: Path) -> None:
    model = unknown(tmp_path / "u.onnx")
    with unchanged(tmp_path):
        for verb in (("analyze",), ("generate", "--target", "stm32", "--out", tmp_path / "o"), ("validate",)):
            refused(call(verb[0], model, *verb[1:]), "Strange", "Stranger", "node a", "node y")


def test_generate_and_validate(tmp_path: Path) -> None:
    need("gcc")
    model = two(tmp_path / "two.onnx")
    folder = tmp_path / "p"
    done = call("generate", model, "--target", "stm32", "--out", folder, "--name", "two")
    assert done.code == 0, done.err
    for words in ((folder,), (folder, "--model", model), (model,), (model, "--count", "3", "--seed", "7")):
        done = call("validate", *words)
        assert done.code == 0, done.err
        assert "all of these agree bit by bit" in done.out
    assert json.loads(call("validate", model, "--json").out)["frameworks"][0]["framework"] == "onnxruntime"


def test_a_project_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    model, folder = reshape(tmp_path / "r.onnx"), tmp_path / "p"
    words = ("generate", model, "--target", "stm32", "--out", folder)
    assert call(*words, "--name", "old", "--device", "STM32F401RE").code == 0
    (folder / "mine.txt").write_text("stays")
    assert call(*words, "--name", "new", "--api", "stai").code == 0
    names = {path.name for path in folder.iterdir()}
    assert {"mine.txt", "new.c", "stai.h", "model.json"} <= names
    assert not [name for name in names if name.startswith("old") or name == "startup.c"]
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("stays")
    with unchanged(tmp_path):
        refused(call("generate", model, "--target", "stm32", "--out", other), "not empty")


def test_a_net_without_room_is_written_and_ends_with_3(tmp_path: Path) -> None:
    model = reshape(tmp_path / "r.onnx", shape=(1, 4, 1100))
    words = ("generate", model, "--target", "stm32", "--device", "STM32F072RB", "--out", tmp_path / "p")
    for more in ((), ("--json",)):
        done = call(*words, *more)
        assert done.code == 3
        assert "STM32F072RB lacks 1,216 bytes of RAM" in done.err
        assert (tmp_path / "p" / "model.json").is_file()
    assert json.loads(done.out)["fit"]["ram_room"] == -1216


def test_inputs_from_files(tmp_path: Path) -> None:
    need("gcc")
    model = reshape(tmp_path / "r.onnx")
    x = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    np.savez(tmp_path / "a.npz", x_test=x, y_test=x.reshape(2, 12))
    np.save(tmp_path / "b.npy", x)
    np.savetxt(tmp_path / "c.csv", x.reshape(2, 12), delimiter=",", header="dtype=float32")
    for name in ("a.npz", "b.npy", "c.csv"):
        done = call("validate", model, tmp_path / name)
        assert done.code == 0, done.err
        assert "C on this machine: 2 calls" in done.out
    np.save(tmp_path / "bad.npy", x[:, :3])
    refused(call("validate", model, tmp_path / "bad.npy"), "shape (2, 3, 3)", "takes (1, 4, 3)")


def test_a_changed_number_is_found(tmp_path: Path) -> None:
    need("gcc")
    model = reshape(tmp_path / "r.onnx")
    folder = tmp_path / "p"
    call("generate", model, "--target", "stm32", "--out", folder, "--name", "net")
    source, end = (folder / "net.c").read_text(), "    return 0;\n}\n\nfloat *net_in_1"
    (folder / "net.c").write_text(source.replace(end, "    net_out_1(ctx)[5] = 7.0F;\n" + end))
    done = call("validate", folder)
    assert done.code == 3
    assert "call 0" in done.err
    done = call("validate", folder, "--model", model)
    assert done.code == 3
    assert "y[5] is 7.0 where" in done.err
    assert "no layer by itself" in done.out


@pytest.mark.parametrize(
    "words, parts",
    [
        (("generate", "{m}"), ("for what target",)),
        (("generate", "{m}", "--target", "mlc"), ("'mlc'", "stm32")),
        (("generate", "{m}", "--target", "stm32", "--device", "nothing"), ("nothing",)),
        (("generate", "{m}", "--target", "stm32", "--name", "for"), ("reserved",)),
        (("generate", "{m}", "--target", "stm32", "--api", "old"), ("--api",)),
        (("generate", "{m}", "--target", "stm32", "--style", "block"), ("--style",)),
        (("generate", "{m}", "--target", "stm32", "--shape", "x=1x"), ("--shape",)),
        (("generate", "{m}", "--target", "stm32", "--shape", "other=1x4"), ("other",)),
        (("generate", "{m}", "--target", "stm32", "--freeze", "x"), ("--freeze",)),
        (("generate", "{m}", "--type", "features", "--target", "stm32"), ("--target", "settings")),
        (("generate", "{log}", "--target", "stm32"), ("log.csv", "a log")),
        (("analyze", "{m}", "--device", "cortex-m44"), ("cortex-m44",)),
        (("analyze", "{log}"), ("no model",)),
        (("analyze", "{m}", "--type", "torch"), ("torch",)),
        (("validate", "{m}", "--map", "a=b"), ("--map",)),
        (("validate", "{m}", "{m}", "{m}"), ("one file",)),
        (("validate", "{m}", "--model", "{m}"), ("--model",)),
        (("validate", "{log}"), ("no recordings",)),
        (("validate", "{m}.none", "--model", "{m}"), ("no such file or folder", "r.onnx.none")),
        (("validate", "{m}.none", "--count", "3"), ("no such file or folder", "r.onnx.none")),
        (("validate", "{log}", "{log}", "--count", "3"), ("--count",)),
        (("supported-ops", "torch"), ("torch",)),
    ],
)
def test_what_does_not_go_together(words: tuple[str, ...], parts: tuple[str, ...], tmp_path: Path) -> None:
    model = reshape(tmp_path / "r.onnx")
    log = tmp_path / "log.csv"
    log.write_text("acc_x[mg],acc_y[mg],acc_z[mg]\n1,2,3\n1,2,3\n")
    with unchanged(tmp_path):
        refused(call(*(w.replace("{m}", str(model)).replace("{log}", str(log)) for w in words)), *parts)


def test_the_interface_of_sts_tool(tmp_path: Path) -> None:
    need("gcc")
    model, folder = two(tmp_path / "t.onnx"), tmp_path / "p"
    assert call("generate", model, "--target", "ispu", "--api", "stai", "--out", folder).code == 0
    assert "mcpu=stredl" in (folder / "README.md").read_text()
    for words in ((folder,), (folder, "--model", model)):
        done = call("validate", *words)
        assert done.code == 0, done.err
        assert "all of these agree bit by bit" in done.out


def test_damaged_models_are_one_message(tmp_path: Path) -> None:
    data = reshape(tmp_path / "r.onnx").read_bytes()
    for k in range(1, len(data), 7):
        path = tmp_path / "cut.onnx"
        path.write_bytes(data[:k])
        done = call("analyze", path)
        assert done.code in (0, 2), (k, done.err)
        assert "Traceback" not in done.err


@pytest.mark.parametrize("name", ["net.tflite", "net.onnx", "net.keras"])
@pytest.mark.parametrize("content", [b"", b"TFL3", b"\x08\x0a no model"])
def test_a_file_called_a_model_is_judged_as_one(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    for more in ((), ("--count", "2")):
        refused(call("validate", path, *more), "model", str(path))


def test_names_from_models_reach_no_code(tmp_path: Path) -> None:
    hostile = 'x"; */ #error \x1b[31m \u202e ??/ \n$(touch hit)`|'
    model = reshape(tmp_path / "r.onnx", hostile)
    done = call("generate", model, "--target", "stm32", "--out", tmp_path / "p", "--name", "net")
    assert done.code == 0, done.err
    for path in (tmp_path / "p").iterdir():
        text = path.read_text()
        assert "\x1b" not in text
        if path.suffix in (".c", ".h"):
            assert 'x"; */' not in text
    need("gcc")
    assert call("validate", tmp_path / "p").code == 0
    assert "\x1b" not in call("analyze", model).out


def test_the_list_of_operators() -> None:
    assert "Reshape" in call("supported-ops", "onnx").out
    found = json.loads(call("supported-ops", "--json").out)
    keys = {"name", "what", "types", "reference", "c", "quantized", "quantized_forms", "onnx"}
    assert keys == set(found["operators"][0])
    assert call("supported-ops", "--markdown").out.startswith("# Operators")
