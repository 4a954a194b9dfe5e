"""C projects from the command line: train, validate, simulate, build, and their refusals."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.call import call, refused, snapshot, unchanged
from tests.cli.logs import write_log
from tests.need import need

SMALL = ("--window", "26", "--stride", "26", "--folds", "2")
NET = "sizes = [8]\nfeatures = 4\nepochs = 3\ntune_epochs = 2\ntaught = false\n"


@pytest.fixture(scope="module")
def project(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree for a Cortex-M4."""
    need("gcc", "arm-none-eabi-gcc", "unicorn")
    out = tmp_path_factory.mktemp("project") / "toy"
    result = call(
        "train", log, "--target", "stm32", "--device", "stm32l4", "--model", "tree", "--out", out, *SMALL
    )
    assert (result.code, result.err) == (0, ""), result.err
    return out


def test_files_and_report(project: Path) -> None:
    names = set(snapshot(project))
    assert {"log.h", "log.c", "log_data.c", "main.c", "Makefile", "CMakeLists.txt", "README.md"} <= names
    assert {"model.sai", "report.json", "report.html", "sensorai.toml"} <= names
    report = json.loads((project / "report.json").read_text())
    assert [level["first_divergence"] for level in report["proof"]["levels"]] == [None, None]
    assert report["cost"]["library"]["core"] == "cortex-m4"
    assert report["classifiers"][0]["held_out"]["answer"]["balanced_accuracy"] > 0.8
    index = json.loads((project / "model.sai").read_text())
    assert sorted(index["files"]) == sorted(names)


def test_the_makefile_builds_the_example(project: Path, tmp_path: Path) -> None:
    need("gcc", "make")
    for path in project.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    done = subprocess.run(
        ["make", "-s", "example"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert subprocess.run([str(tmp_path / "example")], check=False).returncode in (0, 1)


def test_same_seed_same_bytes(project: Path, log: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    result = call(
        "train", log, "--target", "stm32", "--device", "stm32l4", "--model", "tree", "--out", again, *SMALL
    )
    assert result.code == 0, result.err
    files, before = snapshot(again), snapshot(project)
    assert sorted(files) == sorted(before)
    # where the logs lie, seen from the folder, is all that may differ
    assert {name for name, data in files.items() if data != before[name]} <= {"sensorai.toml"}
    made = call("train", project / "sensorai.toml", "-q")
    assert (made.code, made.err) == (0, "")
    assert snapshot(project) == before


def test_validate_on_every_level(project: Path, log: Path, tmp_path: Path) -> None:
    html = tmp_path / "page.html"
    result = call("validate", project, log, "--on", "host", "--on", "emulator", "--json", "--html", html)
    assert (result.code, result.err) == (0, ""), result.err
    report = json.loads(result.out)
    assert len(report["proof"]["levels"]) == 2
    assert all(level["windows"] > 0 for level in report["proof"]["levels"])
    page = html.read_text()
    assert "signals, truth and results over time" in page
    assert page.count("equal in every bit") == 2
    assert "training did not see" not in page


def test_validate_names_the_first_divergence(project: Path, log: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    changed.mkdir()
    for path in project.iterdir():
        (changed / path.name).write_bytes(path.read_bytes())
    source = changed / "log.c"
    text = source.read_text()
    assert "score[i] > score[best]" in text
    source.write_text(text.replace("score[i] > score[best]", "score[i] < score[best]"))
    result = call("validate", changed, log)
    assert result.code == 3
    assert "error: levels part: this machine, with sanitizers: log" in result.err
    assert "window 0" in result.err


def test_simulate_writes_a_trace(project: Path, log: Path, tmp_path: Path) -> None:
    result = call("simulate", project, log, "--out", tmp_path / "t.csv")
    assert (result.code, result.err) == (0, ""), result.err
    head = (tmp_path / "t.csv").read_text().splitlines()[0]
    assert head.startswith("recording,time_s,sample,score_")
    assert head.endswith("answer,decided")


def test_ispu_tree(log: Path, tmp_path: Path) -> None:
    need("gcc", "arm-none-eabi-gcc", "unicorn")
    out = tmp_path / "ispu"
    result = call("train", log, "--target", "ispu", "--model", "tree", "--out", out, "--json", *SMALL)
    assert (result.code, result.err) == (0, ""), result.err
    report = json.loads(result.out)
    assert any("virtual ISPU" in level["level"] for level in report["proof"]["levels"])
    assert {"conf.txt", "ispu.ld", "ispu_main.c", "ispu.toml"} <= set(snapshot(out))
    assert call("validate", out, log).code == 0
    with unchanged(out):
        refused(call("build", out), "ISPU compiler is not installed", "ISPU-Toolchain")


@pytest.mark.parametrize(("target", "levels"), [("stm32", 2), ("ispu", 3)])
def test_small_net_from_a_description(target: str, levels: int, log: Path, tmp_path: Path) -> None:
    need("gcc", "arm-none-eabi-gcc", "unicorn", "jax")
    (tmp_path / "net.toml").write_text(NET)
    out = tmp_path / "net"
    result = call(
        "train", log, "--target", target, "--net", tmp_path / "net.toml", "--out", out, "--json", *SMALL
    )
    assert (result.code, result.err) == (0, ""), result.err
    report = json.loads(result.out)
    assert report["model"]["kind"] == "mlp"
    assert [level["first_divergence"] for level in report["proof"]["levels"]] == [None] * levels
    assert all(layer["instructions"] > 0 for layer in report["cost"]["layers"])
    assert len(report["learning"]["curve"]) >= 3


@pytest.mark.parametrize(
    ("words", "text", "said"),
    [
        ((), 'family = "cnn"\nsizes = [2]\nprecision = "binary"\nseed = 9\n', ("cnn", "binary", 9)),
        (("--seeds", "1", "--precision", "float32", "--seed", "4"), "epochs = 2\n", ("mlp", "float32", 4)),
        (("--model", "forest"), "leaves = 3\ntrees = 2\n", ("forest", "int32 thresholds", 0)),
        (("--model", "tree", "--seed", "3"), "spectra = true\nseed = 5\n", ("tree", "int32 thresholds", 3)),
    ],
)
def test_a_description_counts_where_no_option_says_otherwise(
    log: Path, tmp_path: Path, words: tuple[str, ...], text: str, said: tuple[str, str, int]
) -> None:
    need("gcc", "jax")
    if "--model" not in words:
        text += "features = 4\ntune_epochs = 1\ntaught = false\n"
        text += "" if "sizes" in text else "sizes = [3]\n"
        text += "" if "epochs = 2" in text else "epochs = 1\n"
    (tmp_path / "net.toml").write_text(text)
    result = call(
        *("train", "--target", "stm32", "--json", *words, *SMALL),
        *(log, "--net", tmp_path / "net.toml", "--out", tmp_path / "out"),
    )
    assert (result.code, result.err) == (0, ""), result.err
    report = json.loads(result.out)
    model = report["model"]
    kind, precision, seed = said
    assert (model["kind"], model["precision"]) == (kind, precision)
    # that of the table is the net's alone; the split has that of the experiment
    assert report["settings"]["seed"] == (int(words[-1]) if "--seed" in words else 0)
    assert kind in ("tree", "forest") or f"seed {seed}" in report["notes"]
    assert report["choices"]["size"]["why"].startswith("the usual size" if "spectra" in text else "given")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--target", "stm32", "--model", "forest", "--precision", "int8"), ("--precision is for nets",)),
        (("--target", "stm32", "--model", "tree", "--name", "short"), ("'short' is reserved",)),
        (("--target", "stm32", "--seed", "-1"), ("--seed -1 is outside",)),
        (("--target", "stm32", "--model", "tree", "--seed", "4294967296"), ("is outside 0 to",)),
        (("--target", "ispu", "--device", "lsm6dsox"), ("LSM6DSOX", "LSM6DSO16IS")),
        (("--target", "stm32", "--device", "stm33"), ("stm33",)),
        (("--target", "ispu", "--max-nodes", "5"), ("--max-nodes is for --target mlc",)),
        (("--target", "mlc", "--model", "cnn"), ("--model cnn does not run on mlc",)),
        (("--target", "stm32", "--model", "tree", "--window", "0"), ("window",)),
        (("--target", "stm32", "--model", "tree", "--window", "9", "--stride", "10"), ("stride of 10",)),
        (("--target", "ispu", "--model", "tree", "--rate", "50"), ("no rate of 50 Hz",)),
        (("--target", "stm32", "--net", "missing.toml"), ("cannot read --net", "missing.toml")),
        (("--target", "stm32", "--model", "tree", "--wins", "99"), ("99 wins",)),
        (("--target", "mlc", "--model", "cnn", "--task", "anomaly"), ("--model cnn does not run on mlc",)),
    ],
)
def test_refusals(log: Path, tmp_path: Path, words: tuple[str, ...], parts: tuple[str, ...]) -> None:
    with unchanged(tmp_path):
        result = call("train", log, *words, "--out", tmp_path / "out")
        message = refused(result)
    assert any(part in message for part in parts), message


def test_one_class(tmp_path: Path) -> None:
    log = write_log(tmp_path / "one.csv", ["rest"])
    with unchanged(tmp_path):
        refused(
            call("train", log, "--target", "stm32", "--model", "tree", "--out", tmp_path / "o"),
            "only one class",
        )


def test_missing_tools_are_said_in_the_report(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensorai.cproject.backend.available", lambda name: False)
    result = call(
        "train", log, "--target", "stm32", "--model", "tree", "--out", tmp_path / "o", "--json", *SMALL
    )
    assert result.code == 0, result.err
    report = json.loads(result.out)
    assert report["cost"]["library"] is None
    assert all(re.search("apt install", level["missing"]) for level in report["proof"]["levels"])


def test_a_log_named_as_a_word_of_c(log: Path, tmp_path: Path) -> None:
    (tmp_path / "short.csv").write_bytes(log.read_bytes())
    out = tmp_path / "out"
    result = call(
        "train", tmp_path / "short.csv", "--target", "stm32", "--model", "tree", "--out", out, *SMALL
    )
    assert (result.code, result.err) == (0, ""), result.err
    assert (out / "my_short.h").is_file()


N6 = ("--target", "stm32", "--device", "stm32n6", "--model", "tree", *SMALL)


def test_a_core_that_unicorn_lacks_runs_in_qemu(log: Path, tmp_path: Path) -> None:
    need("gcc", "arm-none-eabi-gcc", "qemu-system-arm")
    out = tmp_path / "n6"
    result = call("train", log, *N6, "--out", out)
    assert (result.code, result.err) == (0, ""), result.err
    report = json.loads((out / "report.json").read_text())
    assert report["sources"]["run"] == "emulated, QEMU"
    assert report["proof"]["levels"][1]["level"] == "cortex-m55, emulated, QEMU"
    assert report["proof"]["levels"][1]["windows"] == report["proof"]["levels"][0]["windows"] > 0
    cost = report["cost"]["library"]
    assert cost["instructions_most"] >= cost["instructions_mean"] > 0
    assert (cost["cycles"], cost["seconds"]) == (None, None)
    result = call("validate", out, log, "--on", "emulator")
    assert (result.code, result.err) == (0, ""), result.err
    said = " ".join(result.out.split())
    assert re.search(r"cortex-m55, emulated, QEMU +\d+ +equal in every bit", said)
    assert f"stack, most {cost['stack']:,} B emulated, QEMU" in said


def test_a_core_that_nothing_runs_still_has_sizes(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("gcc", "arm-none-eabi-gcc")
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("gcc", "arm-none-eabi-gcc"):
        (tools / name).symlink_to(Path(shutil.which(name) or "").resolve())
    monkeypatch.setenv("PATH", str(tools))
    out = tmp_path / "n6"
    result = call("train", log, *N6, "--out", out)
    assert (result.code, result.err) == (0, ""), result.err
    assert "not run: apt install qemu-system-arm" in " ".join(result.out.split())
    report = json.loads((out / "report.json").read_text())
    cost = report["cost"]["library"]
    assert cost["flash"] > 500
    assert cost["stack"] > 0
    assert (cost["instructions_mean"], cost["seconds"]) == (None, None)
    assert report["sources"]["run"].startswith("compiled")
    assert f"| flash: code and tables | {cost['flash']:,} | compiled |" in (out / "README.md").read_text()
    result = call("validate", out, log, "--on", "emulator")
    assert result.code == 2
    assert "qemu-system-arm is not installed" in result.err


def test_a_project_too_large_for_its_device_is_refused() -> None:
    from sensorai.codegen.parts import LayerCost
    from sensorai.codegen.project import Project
    from sensorai.cproject.need import COMPILED
    from sensorai.errors import TargetError
    from sensorai.mcu.backend import mcu_need
    from sensorai.mcu.devices import device

    layers = (LayerCost("dense_0", 1000, 60000, 10), LayerCost("dense_1", 10, 90000, 10))
    project = Project({}, 0, layers)
    part = device("stm32l0")
    assert mcu_need(part, 1000, 110, project, COMPILED).problems == ()
    # 128 KiB, of which a program is linked into 96
    (split,) = mcu_need(device("stm32l4"), 1000, 100_000, project, COMPILED).problems
    assert f"{100_000 - 96 * 1024} more than STM32L476RG has in one piece" in split.message
    text = str(TargetError(mcu_need(part, 150_000, 9_010, project, COMPILED).problems))
    assert f"{150_000 - 64 * 1024} more than STM32L053R8 has" in text
    assert "dense_1 with 90000 bytes" in text
    assert "devices with room: " in text
    assert "bytes of RAM" in text
    assert "most activations is dense_0" in text


def test_a_table_may_not_contradict_an_option(log: Path, tmp_path: Path) -> None:
    (tmp_path / "net.toml").write_text('precision = "binary"\nfamily = "cnn"\n')
    words = ("--precision", "float32", "--model", "mlp", "--net", tmp_path / "net.toml")
    with unchanged(tmp_path):
        refused(
            call("train", log, "--target", "stm32", *words, "--out", tmp_path / "out"),
            "--net says precision = 'binary', --precision says 'float32'",
            "also: --net says family = 'cnn', --model says 'mlp'",
        )
