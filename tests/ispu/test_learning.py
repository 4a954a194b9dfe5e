"""A program that learns, on the virtual ISPU: commands through a register, knowledge through data RAM."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from sensorai.errors import ConfigError, DataError, ToolMissing
from sensorai.ispu.devices import IspuDevice, device
from sensorai.ispu.emit import emit_ispu
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
AGAIN = 0x100
Steps = Sequence[tuple[int, int]]


def agree(
    pipeline: Pipeline, one: IspuDevice, steps: Steps, seed: int = 3, exchange: bytes | None = None
) -> bytes:
    """Run commands for so many samples each, on the virtual core and the reference; what lies in exchange."""
    app, files = emit_ispu(pipeline, one)
    core = VirtualIspu(app, files)
    if exchange is not None:
        core.exchange[:] = np.frombuffer(exchange, np.uint8)
    samples = signal(seed, 1 + sum(count for _, count in steps), 800.0)
    commands = np.repeat([0, *(c for c, _ in steps)], [1, *(n for _, n in steps)]).astype(np.uint16)
    got = core.run(samples, commands=commands)
    status = got.registers.view("<u4")[:, 3]
    session, at, mode, code, last = Session(pipeline), 1, DETECT, 0, 0
    lies = exchange or bytes(app.blob)
    results: list[list[int]] = []
    for command, count in steps:
        if command != last:
            last, kind = command, command & 0xFF
            code = 0
            if kind in (DETECT, LEARN):
                mode = kind
            elif kind == FREEZE:
                code, mode = 0 if session.freeze() else -2, DETECT
            elif kind == SAVE:
                lies = session.save()
            elif kind == RESTORE:
                try:
                    session.restore(lies)
                except DataError:
                    code = int(np.int8(status[at + count - 1] >> 8 & 0xFF))
                    assert code in (-3, -4, -5)
            elif kind == FORGET:
                session.forget()
            else:
                code = -1
        piece = samples[at : at + count]
        if mode == LEARN:
            session.learn(piece)
        else:
            trace = session.detect(piece)
            rows = np.stack(
                [trace.end, trace.scores[:, 0], trace.scores[:, 1], trace.answer, trace.decided], 1
            )
            results += rows.tolist()
        at += count
        learnt = session.knowledge.moments.count
        assert status[at - 1] == last & 0xFF | (code & 0xFF) << 8 | learnt << 16
    found = got.results
    mine = np.stack([found, *got.scores[found].T, got.answer[found], got.decided[found]], 1)
    assert mine.tolist() == results
    assert got.windows[-1] == len(results)
    assert core.exchange.tobytes() == lies
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
    for command in COMMANDS.values():
        assert f'="{command}"' in files["meta.txt"]


def test_it_fits_the_smallest_core() -> None:
    app, files = emit_ispu(learning(16), device("LSM6DSO16IS"))
    need("arm-none-eabi-gcc")
    try:
        found = stand_in(app, files)
    except ToolMissing as error:
        pytest.skip(str(error))
    assert found.problems(app) == []
    assert not [name for name in found.library_calls if "aeabi" in name or name.startswith("__")]
