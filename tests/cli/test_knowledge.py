"""``sensorai knowledge``: shown, checked, turned into C; and every refusal."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sensorai.codegen.project import emit_project
from sensorai.model import knowledge as saved
from sensorai.model.pipeline import Pipeline, to_dict
from sensorai.model.session import Session
from tests.cli.call import call, refused, unchanged
from tests.need import need
from tests.verify.learning import learning, signal


def project(folder: Path, pipeline: Pipeline) -> Path:
    """A project folder as ``train`` writes it, as far as its model goes."""
    files = emit_project(pipeline).files
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    index: dict[str, object] = {
        "target": "stm32",
        "device": "stm32l4",
        "column": "label",
        "files": sorted(files),
    }
    index |= {"test_groups": [], "train_groups": [], "pipeline": to_dict(pipeline)}
    (folder / "model.sai").write_text(json.dumps(index))
    return folder


def write_log(path: Path, pipeline: Pipeline) -> Path:
    """A log of normal windows with an anomaly in the middle, in the counts of the pipeline."""
    x = np.concatenate([signal(8, 900), signal(9, 300, 3000.0), signal(10, 900)])
    lines = ["time[us],acc_x[mg],acc_y[mg],acc_z[mg],label"]
    for i, row in enumerate(x.tolist()):
        label = "anomaly" if 900 <= i < 1200 else "normal"
        values = ",".join(f"{v * c.lsb:.3f}" for v, c in zip(row, pipeline.channels, strict=True))
        lines.append(f"{round(i * 1e6 / pipeline.rate_hz)},{values},{label}")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_validate_proves_learning_too(tmp_path: Path) -> None:
    need("gcc", "arm-none-eabi-gcc", "unicorn")
    one = learning(5)
    folder = project(tmp_path / "fan", one)
    log = write_log(tmp_path / "log.csv", one)
    result = call("validate", folder, log, "--on", "host", "--on", "emulator", "--json")
    assert result.code == 0, result.err
    levels = {level["level"]: level for level in json.loads(result.out)["proof"]["levels"]}
    assert {"this machine, with sanitizers, learning", "cortex-m4, emulated, learning"} <= set(levels)
    assert all(level["windows"] > 200 and level["first_divergence"] is None for level in levels.values())
    text = (folder / "sa_learn.h").read_text()
    assert "*to++ += z[i] * 256;" in text
    (folder / "sa_learn.h").write_text(text.replace("*to++ += z[i] * 256;", "*to++ += z[i] * 257;"))
    result = call("validate", folder, log, "--on", "host")
    assert result.code == 3
    assert "levels part: this machine, with sanitizers, learning: command 6: saved byte" in result.err


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("knowledge")
    one = learning(5)
    project(folder / "fan", one)
    project(folder / "other", learning(5, window=20))
    project(folder / "plain", Pipeline(**{f: getattr(one, f) for f in one.__slots__ if f != "learn"}))
    session = Session(one)
    session.learn(signal(8, 1000))
    session.freeze()
    blob = session.save()
    (folder / "fan.bin").write_bytes(blob)
    (folder / "fan.hex").write_text("\n".join(blob[i : i + 16].hex(" ") for i in range(0, len(blob), 16)))
    (folder / "fan.txt").write_text(", ".join(f"0x{byte:02X}" for byte in blob))
    (folder / "bad.bin").write_bytes(blob[:70] + bytes([blob[70] ^ 8]) + blob[71:])
    (folder / "cut.bin").write_bytes(blob[:-3])
    (folder / "noise.bin").write_bytes(np.random.default_rng(1).bytes(200))
    (folder / "empty.bin").write_bytes(b"")
    (folder / "long.bin").write_bytes(b"SALK" * 20000)
    return folder


def test_shown(place: Path) -> None:
    with unchanged(place):
        result = call("knowledge", place / "fan.bin", "--model", place / "fan")
        assert result.code == 0, result.err
        bare = call("knowledge", place / "fan.bin")
    learnt = saved.unpack((place / "fan.bin").read_bytes())
    windows = learnt.moments.windows
    assert f"{windows} windows learnt, {windows} of them count" in result.out
    assert "frozen on the device" in result.out
    assert "PEAK_TO_PEAK_acc_x" in result.out
    assert "correlation" in result.out
    assert "z0" in bare.out
    assert "acc_x" not in bare.out


@pytest.mark.parametrize("name", ["fan.bin", "fan.hex", "fan.txt"])
def test_json(place: Path, name: str) -> None:
    result = call("knowledge", place / name, "--model", place / "fan", "--json")
    got = json.loads(result.out)
    assert got["frozen"] is True
    assert len(got["inputs"]) == len(got["correlations"]) == 5
    assert set(got["inputs"][0]) == {"name", "mean", "deviation", "table_mean", "table_deviation"}
    assert got["windows"] > got["windows_counting"] > 20 or got["windows"] == got["windows_counting"]


def test_a_project_shows_what_it_starts_with(place: Path) -> None:
    result = call("knowledge", place / "fan", "--json")
    got = json.loads(result.out)
    assert got["frozen"] is False
    assert got["inputs"][0]["name"] == "VARIANCE_acc_x"


def test_c_header_starts_a_device(place: Path, tmp_path: Path) -> None:
    """The header that comes out is compiled, and the device knows what the other learnt."""
    need("gcc")
    from sensorai.toolchain.host import build_program

    header = tmp_path / "fan_17.h"
    words = ("knowledge", place / "fan.hex", "--model", place / "fan", "--out", header)
    assert call(*words).code == 0
    text = header.read_text()
    assert call(*words).code == 0
    assert header.read_text() == text
    assert "lrn_restore(&ctx, fan_17)" in text
    main = """#include "lrn.h"
#include "fan_17.h"
#include "harness.h"

int main(void)
{
    static lrn_t ctx;
    static uint8_t blob[LRN_BLOB_BYTES];

    if (lrn_init(&ctx) != 0 || lrn_restore(&ctx, fan_17) != 0 || lrn_save(&ctx, blob) != 0) {
        return 1;
    }
    harness_write(blob, sizeof blob);
    return 0;
}
"""
    sources = {**emit_project(learning(5)).sources(), "fan_17.h": text, "main.c": main}
    assert build_program(sources, sanitize=True, harness=True).run() == (place / "fan.bin").read_bytes()
    again = tmp_path / "again.bin"
    assert call("knowledge", place / "fan.txt", "--out", again).code == 0
    assert again.read_bytes() == (place / "fan.bin").read_bytes()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("bad.bin",), ("damaged", "CRC", "bad.bin")),
        (("cut.bin",), ("bytes for 5 inputs", "cut.bin")),
        (("noise.bin",), ("no saved knowledge", "SALK", "noise.bin")),
        (("empty.bin",), ("no saved knowledge",)),
        (("long.bin",), ("too long",)),
        (("none.bin",), ("cannot read none.bin",)),
        (("fan.bin", "--model", "other"), ("belongs to another model", "fan.bin")),
        (("fan.bin", "--model", "plain"), ("does not learn on the device", "plain")),
        (("plain",), ("does not learn on the device",)),
        (("fan.bin", "--model", "nothing"), ("nothing",)),
        (("fan", "--model", "other"), ("belongs to another model",)),
        (("fan.bin", "--out", "fan.c"), ("cannot write fan.c", ".h or .bin")),
        (("fan.bin", "--out", "1 fan.h"), ("cannot be a name in C",)),
    ],
)
def test_refused(place: Path, words: tuple[str, ...], parts: tuple[str, ...]) -> None:
    paths = [word if word.startswith("--") else place / word for word in words]
    with unchanged(place):
        refused(call("knowledge", *paths), *parts)
