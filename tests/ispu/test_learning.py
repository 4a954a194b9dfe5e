"""A program that learns, on the virtual ISPU: commands through a register, knowledge through data RAM."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from sensorai.errors import ConfigError, ToolMissing
from sensorai.ispu.devices import IspuDevice, device
from sensorai.ispu.emit import emit_ispu
from sensorai.ispu.learning import AGAIN, Step, compare, exercise, first_difference
from sensorai.ispu.meta import parse_meta
from sensorai.ispu.project import COMMANDS, parse_index
from sensorai.ispu.standin import stand_in
from sensorai.ispu.virtual import VirtualIspu
from sensorai.model.knowledge import blob_bytes, pack
from sensorai.model.pipeline import Pipeline
from sensorai.model.session import Session
from tests.need import need
from tests.verify.learning import learning, signal

TARGETS = {
    "LSM6DSO16IS": learning(filtered=True),
    "IIS3DWB10IS": learning(5, lsb=1.52, rate_hz=2500.0, started=False),
}
targets = pytest.mark.parametrize("name", TARGETS)

DETECT, LEARN, FREEZE, SAVE, RESTORE, FORGET = range(6)


def agree(
    pipeline: Pipeline, one: IspuDevice, steps: Sequence[Step], seed: int = 3, exchange: bytes = b""
) -> bytes:
    """Assert that the virtual core does what the reference does; return what lies in data RAM."""
    app, files = emit_ispu(pipeline, one)
    samples = signal(seed, 1 + sum(count for _, count in steps), 800.0)
    difference, lies = first_difference(pipeline, app, files, steps, samples, exchange)
    assert difference == ""
    return lies


@targets
def test_every_command(name: str) -> None:
    need("gcc")
    steps = [
        *((DETECT, 90), (LEARN, 700), (DETECT, 60), (SAVE, 1), (FREEZE, 200), (LEARN, 333), (FORGET, 100)),
        *((FREEZE, 40), (LEARN, 500), (FREEZE, 90), (RESTORE, 77), (FREEZE, 50), (LEARN, 90), (SAVE, 40)),
        *((SAVE | AGAIN, 30), (DETECT, 40), (99, 30), (FREEZE, 50), (FREEZE | AGAIN, 50), (SAVE, 60)),
    ]
    agree(TARGETS[name], device(name), steps)


@targets
def test_knowledge_of_one_device_starts_another(name: str) -> None:
    need("gcc")
    pipeline = TARGETS[name]
    blob = agree(pipeline, device(name), [(FORGET, 1), (LEARN, 900), (FREEZE, 100), (SAVE, 1)])
    assert len(blob) == blob_bytes(pipeline.inputs)
    assert agree(pipeline, device(name), [(RESTORE, 300), (SAVE, 1)], 5, blob) != pack(
        Session(pipeline).knowledge
    )


@pytest.mark.parametrize(
    ("byte", "value", "code"),
    [(0, 1, -3), (4, 9, -3), (5, 3, -4), (9, 255, -4), (30, 77, -5), (-1, 0x5A, -5)],
)
def test_damaged_and_foreign_knowledge_changes_nothing(byte: int, value: int, code: int) -> None:
    need("gcc")
    pipeline, one = TARGETS["LSM6DSO16IS"], device("LSM6DSO16IS")
    blob = bytearray(Session(pipeline).save())
    assert blob[byte] != value
    blob[byte] = value
    agree(pipeline, one, [(LEARN, 200), (RESTORE, 100), (FREEZE, 100)], 5, bytes(blob))
    app, files = emit_ispu(pipeline, one)
    core = VirtualIspu(app, files)
    core.exchange[:] = np.frombuffer(bytes(blob), np.uint8)
    got = core.run(signal(1, 5), commands=np.array([0, 0, 4, 4, 4], np.uint16))
    assert np.int8(got.registers[-1, 13]) == code


def test_what_does_not_learn_takes_no_commands() -> None:
    need("gcc")
    from tests.ispu.test_emit import LSM
    from tests.ispu.test_emit import pipeline as plain

    app, files = emit_ispu(plain(), LSM)
    core = VirtualIspu(app, files)
    with pytest.raises(ConfigError, match="takes no commands"):
        core.run(np.zeros((3, 3), np.int16), commands=np.zeros(3, np.uint16))
    with pytest.raises(ConfigError, match="does not learn"):
        _ = core.exchange
    assert "exchange" not in files["app_ispu.c"]
    assert "Learning" not in files["README.md"]


@targets
def test_project_says_what_a_host_needs(name: str) -> None:
    app, files = emit_ispu(TARGETS[name], device(name))
    assert parse_index(files["ispu.toml"], "ispu.toml") == app
    registers = {"LSM6DSO16IS": ("73h", "0Bh", "1Ch"), "IIS3DWB10IS": ("52h", "0Ah", "1Ch")}[name]
    assert all(one in files["README.md"] for one in registers)
    assert f"{app.blob} bytes of data RAM" in files["README.md"]
    assert "None" not in files["README.md"] + files["lrn_ispu.c"]
    outputs = {one.name: one for one in parse_meta(files["meta.txt"], app.device).outputs}
    assert [outputs[n].register for n in ("command", "command result", "knowledge address")] == [28, 29, 32]
    assert dict(outputs["command"].results) == COMMANDS


def test_it_fits_the_smallest_core() -> None:
    app, files = emit_ispu(learning(16), device("LSM6DSO16IS"))
    need("arm-none-eabi-gcc")
    try:
        found = stand_in(app, files)
    except ToolMissing as error:
        pytest.skip(str(error))
    assert found.problems(app) == []
    assert not [name for name in found.library_calls if "aeabi" in name or name.startswith("__")]


@targets
def test_a_recording_is_enough_for_a_proof(name: str) -> None:
    need("gcc")
    app, files = emit_ispu(TARGETS[name], device(name))
    windows, difference = compare(TARGETS[name], app, files, signal(4, 3000))
    assert difference == ""
    assert windows > 300
    assert compare(TARGETS[name], app, files, signal(4, 9)) == (0, "")


# one change each around the model; every one must be seen
MUTANTS = [
    ("learning = (uint8_t)(given == 1U);", "learning = (uint8_t)(given != 0U);"),
    ("outcome = (int8_t)result;", "outcome = (int8_t)(result & 0);"),
    ("    command = given;\n", ""),
    ("        if (lrn_learn(&model, sample) == 1) {", "        if (lrn_learn(&model, sample) == 2) {"),
    ("result = lrn_forget(&model);", "result = 0;"),
    ("result = lrn_restore(&model, lrn_exchange);", "result = 0;"),
    ("lrn_save(&model, lrn_exchange);", "lrn_save(&model, lrn_exchange);\n        lrn_exchange[9] ^= 1U;"),
    ("        return;\n    }\n    if (lrn_push", "    }\n    if (lrn_push"),
]


@pytest.mark.parametrize(("old", "new"), MUTANTS, ids=[old.strip() for old, _ in MUTANTS])
def test_a_change_around_learning_is_seen(old: str, new: str) -> None:
    need("gcc")
    pipeline, one = TARGETS["IIS3DWB10IS"], device("IIS3DWB10IS")
    app, files = emit_ispu(pipeline, one)
    steps, samples = exercise(signal(3, 3000))
    steps = [*steps, (FORGET, 20), (FREEZE, 30), (77, 9)]
    samples = signal(3, 1 + sum(count for _, count in steps))
    assert first_difference(pipeline, app, files, steps, samples)[0] == ""
    assert files["lrn_ispu.c"].count(old) == 1
    changed = {**files, "lrn_ispu.c": files["lrn_ispu.c"].replace(old, new)}
    assert first_difference(pipeline, app, changed, steps, samples)[0] != ""
