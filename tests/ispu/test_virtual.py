"""The virtual ISPU: the core's call order, registers, interrupts, against a model known in Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from sensorai.errors import ConfigError, DataError
from sensorai.ispu.conf import Configuration
from sensorai.ispu.virtual import IspuTrace, VirtualIspu, open_virtual
from sensorai.toolchain.compilers import BuildError
from tests.ispu import stub

NAMES = ["LSM6DSO16IS", "IIS3DWB10IS"]


def run(name: str, samples: NDArray[np.int16], classes: int = 3, **more: NDArray[np.bool_]) -> IspuTrace:
    one = stub.app(name, classes, samples.shape[1])
    return VirtualIspu(one, stub.files(one)).run(samples, **more)


@pytest.mark.parametrize("name", NAMES)
def test_the_first_sample_starts_and_is_in_no_window(name: str) -> None:
    samples = np.arange(9 * 3, dtype=np.int16).reshape(9, 3)
    found = run(name, samples)
    assert found.windows.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2]
    assert found.results.tolist() == [4, 8]
    assert found.decided[:4].tolist() == found.answer[:4].tolist() == [255] * 4
    assert found.scores[4].tolist() == stub.scores(samples[1:], 3)[0].tolist()
    assert found.scores[3].tolist() == [0, 0, 0]
    assert found.registers.shape == (9, 64 if name == "LSM6DSO16IS" else 32)


@settings(max_examples=20, deadline=None)
@given(
    hnp.arrays(np.int16, st.tuples(st.integers(0, 40), st.just(3))),
    st.sampled_from(NAMES),
)
def test_any_samples(samples: NDArray[np.int16], name: str) -> None:
    found = run(name, samples)
    expected = stub.scores(samples[1:], 3)
    at = found.results
    assert np.array_equal(found.scores[at], expected)
    answers = expected.argmax(axis=1)  # the first of equal ones, as in C
    assert found.decided[at].tolist() == answers.tolist()
    changes = np.flatnonzero(np.diff(np.concatenate([[-1], answers])))
    assert np.flatnonzero(found.flags).tolist() == at[changes].tolist()
    assert np.array_equal(found.pins, (found.flags & 1).astype(np.uint8))


@pytest.mark.parametrize("name", NAMES)
def test_extremes_pass_the_registers_unharmed(name: str) -> None:
    samples = np.array([[0, 0, 0], *[[-32768, 32767, -1]] * 4], np.int16)
    assert run(name, samples).scores[4].tolist() == [4 * -32768, 2 * 4 * 32767, 3 * 4 * -1]


def test_gyro_channels() -> None:
    samples = np.arange(5 * 6, dtype=np.int16).reshape(5, 6)
    found = run("LSM6DSO16IS", samples, classes=6)
    assert found.scores[4].tolist() == stub.scores(samples[1:], 6)[0].tolist()


@pytest.mark.parametrize(("name", "shown"), [("LSM6DSO16IS", 15), ("IIS3DWB10IS", 7)])
def test_only_the_scores_that_fit_are_shown(name: str, shown: int) -> None:
    samples = np.arange(5 * 3, dtype=np.int16).reshape(5, 3)
    found = run(name, samples, classes=20)
    assert found.scores.shape == (5, shown)
    assert found.scores[4].tolist() == stub.scores(samples[1:], 20)[0, :shown].tolist()
    # the largest score may lie beyond them; the decision knows it
    assert found.decided[4] == stub.scores(samples[1:], 20)[0].argmax()


def test_a_pause_leads_to_the_init_handler_again() -> None:
    samples = np.ones((12, 3), np.int16)
    enabled = np.ones(12, bool)
    enabled[6] = False
    found = run("LSM6DSO16IS", samples, enabled=enabled)
    assert found.windows.tolist() == [0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 1]
    assert np.flatnonzero(found.flags).tolist() == [4, 11]
    assert found.results.tolist() == [4, 11]


def test_runs_do_not_know_of_each_other() -> None:
    one = stub.app()
    virtual = VirtualIspu(one, stub.files(one))
    rng = np.random.default_rng(3)
    first = rng.integers(-32768, 32767, (23, 3)).astype(np.int16)
    alone = virtual.run(first)
    virtual.run(first[:10] + np.int16(1))
    again = virtual.run(first)
    for field in alone.__slots__:
        assert np.array_equal(getattr(alone, field), getattr(again, field))


def test_interrupts_follow_the_settings() -> None:
    one = stub.app()
    samples = np.ones((5, 3), np.int16)
    files = stub.files(one)
    for page, pins in (
        ({0x70: 1}, 0),
        ({0x70: 1, 0x54: 1}, 2),
        ({0x70: 1, 0x50: 1, 0x54: 1}, 3),
        ({0x70: 1, 0x50: 2}, 0),
    ):
        found = VirtualIspu(one, files, Configuration({}, page)).run(samples)
        assert (found.flags[4], found.pins[4]) == (1, pins)
    off = VirtualIspu(one, files, Configuration({}, {0x70: 2})).run(samples)
    assert not off.flags.any()
    assert off.windows.max() == 0


def test_messages(tmp_path: Path) -> None:
    one = stub.app()
    virtual = VirtualIspu(one, stub.files(one))
    with pytest.raises(ConfigError) as caught:
        virtual.run(np.zeros((3, 2), np.int16))
    assert "acc_x, acc_y, acc_z" in caught.value.hint
    with pytest.raises(ConfigError):
        virtual.run(np.zeros((3, 3), np.int32))
    files = stub.files(one)
    del files["stub.c"]
    with pytest.raises(DataError, match=r"lacks stub\.c"):
        VirtualIspu(one, files)
    wrong = {**stub.files(one), "stub.h": stub.HEADER % (3, 4)}
    with pytest.raises(BuildError) as build:
        VirtualIspu(one, wrong)
    assert "do not belong together" in build.value.message
    with pytest.raises(DataError, match=r"no ispu\.toml"):
        open_virtual(tmp_path)


def test_a_folder_is_opened(tmp_path: Path) -> None:
    one = stub.app()
    for name, text in stub.files(one).items():
        (tmp_path / name).write_text(text)
    (tmp_path / "main.c").write_text("#error not for the core\n")
    found = open_virtual(tmp_path)
    assert found.app == one
    assert found.run(np.ones((5, 3), np.int16)).windows[-1] == 1
