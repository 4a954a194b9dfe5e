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
from sensorai.ispu.project import host_file
from sensorai.ispu.virtual import FLAGS, IspuTrace, VirtualIspu, open_virtual
from sensorai.toolchain.compilers import BuildError
from sensorai.toolchain.host import build_program
from tests.ispu import stub

NAMES = ["LSM6DSO16IS", "IIS3DWB10IS"]


def run(
    name: str, samples: NDArray[np.int16], classes: int = 3, enabled: NDArray[np.bool_] | None = None
) -> IspuTrace:
    one = stub.app(name, classes, samples.shape[1])
    return VirtualIspu(one, stub.files(one)).run(samples, enabled)


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
    del files["conf.txt"]
    with pytest.raises(DataError, match=r"lacks conf\.txt"):
        VirtualIspu(one, files)
    del files["stub.c"]
    with pytest.raises(DataError, match=r"lacks (conf\.txt|stub\.c)"):
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


DRIVER = """\
#include <stdio.h>
#include "ispu.h"
int32_t ispu_host_run(const int16_t *samples, uint32_t count, const uint32_t *settings, uint8_t *dout,
                      uint32_t *flags, uint8_t *pins);
#define N 40
int main(void)
{
    static int16_t samples[N * 3];
    static uint32_t settings[N * 3];
    static uint32_t flags[N];
    static uint8_t dout[N * 4U * ISPU_DOUT_WORDS];
    static uint8_t pins[N];
    int i;
    if (fread(samples, sizeof samples[0], N * 3, stdin) != N * 3) {
        return 1;
    }
    for (i = 0; i < N; i++) {
        settings[3 * i] = 0xFFFFFFFFU;
        settings[3 * i + 1] = 1;
    }
    ispu_host_run(samples, N, settings, dout, flags, pins);
    fwrite(dout, 1, sizeof dout, stdout);
    return 0;
}
"""


@pytest.mark.parametrize("name", NAMES)
def test_no_undefined_behaviour(name: str) -> None:
    one = stub.app(name)
    files = stub.files(one)
    sources = {n: files[n] for n in ("stub.h", "stub.c", "ispu.h", "ispu_main.c", "stub_ispu.c")}
    program = build_program(
        {**sources, "ispu_host.c": host_file(one), "driver.c": DRIVER}, FLAGS, sanitize=True
    )
    samples = np.random.default_rng(9).choice(np.array([-32768, -1, 0, 32767], np.int16), (40, 3))
    expected = VirtualIspu(one, files).run(samples).registers
    assert program.run(samples.tobytes()) == expected.tobytes()
