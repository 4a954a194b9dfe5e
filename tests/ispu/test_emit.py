"""Whole pipelines on the virtual ISPU: reference = host C, to the bit; and the Cortex-M0+ as stand-in."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from sensorai.errors import ConfigError, ToolMissing
from sensorai.features.catalogue import IntFeature
from sensorai.features.filters import Biquad, IntFilter
from sensorai.ispu.devices import IspuDevice, device
from sensorai.ispu.emit import emit_ispu, full_scale
from sensorai.ispu.standin import SOURCE, StandIn, stand_in
from sensorai.ispu.virtual import VirtualIspu, open_virtual
from sensorai.model.detector import KINDS
from sensorai.model.ensemble import build
from sensorai.model.forest import Tree
from sensorai.model.pipeline import Count, Pipeline, run
from sensorai.model.scaling import Scaling
from tests.codegen.nets import random_net
from tests.verify.pipelines import detector
from tests.verify.pipelines import samples as counts

LSM, IIS = device("LSM6DSO16IS"), device("IIS3DWB10IS")
FEATURES = (IntFeature("MEAN", (0,)), IntFeature("PEAK_TO_PEAK", (1,)), IntFeature("VARIANCE", (2,)))
FOREST = build(
    [
        Tree.from_nodes([(0, 900.0, 1, -3), (1, 400.0, -1, -2)]),
        Tree.from_nodes([(2, 5000.0, -1, 1), (1, -1.0, -4, 2), (0, 0.0, -2, -3)]),
    ],
    np.array([[5.0, 1, 0], [1, 4, 1], [0, 1, 6], [2, 2, 2]]),
    ("rest", "walk", "run"),
    3,
)


def pipeline(one: IspuDevice = LSM, **change: object) -> Pipeline:
    """Three features of acceleration, a forest of two small trees."""
    full = one.family == "imu_22"
    fields: dict[str, object] = {
        "name": "app",
        "channels": tuple(Count(f"acc_{axis}", "mg", one.lsb("acc", 4 if full else 50)) for axis in "xyz"),
        "rate_hz": 104.0 if full else 2500.0,
        "window": 8,
        "stride": 4,
        "filters": (),
        "features": FEATURES,
        "scaling": None,
        "model": FOREST,
        "classes": ("rest", "walk", "run"),
        "wins": 2,
    }
    return Pipeline(**{**fields, **change})  # type: ignore[arg-type]


def agree(one: Pipeline, target: IspuDevice, samples: NDArray[np.int16]) -> None:
    """Registers of the virtual ISPU against the reference on the samples behind the first."""
    app, files = emit_ispu(one, target)
    found = VirtualIspu(app, files).run(samples)
    expected = run(one, samples[1:])
    at = found.results
    assert at.tolist() == expected.end.tolist()
    assert np.array_equal(found.scores[at], expected.scores)
    assert found.answer[at].tolist() == expected.answer.tolist()
    assert found.decided[at].tolist() == expected.decided.tolist()
    changes = np.diff(np.concatenate([[255], expected.decided])) != 0
    assert np.flatnonzero(found.pins).tolist() == at[changes].tolist()


@pytest.mark.parametrize("target", [LSM, IIS], ids=lambda one: one.family)
@settings(max_examples=15, deadline=None)
@given(hnp.arrays(np.int16, st.tuples(st.integers(1, 60), st.just(3))))
def test_any_samples(target: IspuDevice, samples: NDArray[np.int16]) -> None:
    agree(pipeline(target), target, samples)


@pytest.mark.parametrize("stride", [1, 3, 8])
@pytest.mark.parametrize("wins", [0, 5])
def test_strides_and_decision_filters(stride: int, wins: int) -> None:
    rng = np.random.default_rng(5)
    samples = (rng.integers(-2000, 2000, (400, 3)) // [1, 8, 24]).astype(np.int16)
    samples[40:80] //= 50
    agree(pipeline(stride=stride, wins=wins), LSM, samples)


@pytest.mark.parametrize("level", [-32768, -1, 0, 32767])
def test_constant_and_saturated_input(level: int) -> None:
    agree(pipeline(), LSM, np.full((30, 3), level, np.int16))


def test_a_filter_before_the_window() -> None:
    rng = np.random.default_rng(6)
    band = IntFilter(1, (Biquad((3000, 0, -3000), (-20000, 9000), 0),))
    agree(pipeline(filters=(band,)), LSM, rng.integers(-32768, 32768, (70, 3)).astype(np.int16))


def test_a_folder_from_emission_to_run(tmp_path: Path) -> None:
    _, files = emit_ispu(pipeline(), LSM, summary="Gait of a walker")
    assert emit_ispu(pipeline(), LSM, summary="Gait of a walker")[1] == files
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert sorted(files) == sorted(
        {*files, "app.c", "app.h", "app_data.c", "app_ispu.c", "ispu.h", "ispu.ld", "ispu.toml", "conf.txt"}
    )
    assert "main.c" not in files
    assert "Gait of a walker" in files["README.md"]
    samples = np.random.default_rng(7).integers(-999, 999, (50, 3)).astype(np.int16)
    expected = run(pipeline(), samples[1:])
    assert open_virtual(tmp_path).run(samples).answer[-1] == expected.answer[-1]


def test_full_scales_come_from_the_counts() -> None:
    one = pipeline()
    assert full_scale(one, LSM, "acc") == 4
    assert full_scale(one, LSM, "gyro") is None
    both = (*one.channels, *(Count(f"gyro_{axis}", "dps", 0.07) for axis in "xyz"))
    assert full_scale(pipeline(channels=both), LSM, "gyro") == 2000
    app, files = emit_ispu(pipeline(channels=both), LSM)
    assert app.gyro_full_scale == 2000
    assert "gyr_fs 2000" in files["conf.txt"]
    for change, target, message in (
        ({"channels": both}, IIS, "IIS3DWB10IS has no acc full scale with 0.122 mg per count"),
        ({"channels": (Count("acc_x", "mg", 0.1), *one.channels[1:])}, LSM, "no acc full scale with 0.1 mg"),
        ({"channels": (Count("mag_x", "uT", 0.1), *one.channels[1:])}, LSM, "has no channel 'mag_x'"),
        ({"rate_hz": 100.0}, LSM, "has no rate of 100 Hz"),
    ):
        with pytest.raises(ConfigError) as caught:
            emit_ispu(pipeline(**change), target)
        assert message in caught.value.message


def test_the_stand_in() -> None:
    app, files = emit_ispu(pipeline(), LSM)
    try:
        found = stand_in(app, files)
    except ToolMissing as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    assert 500 < found.code_bytes < 3000
    # the window of 8 samples, 3 channels, and the last result
    assert 48 + 24 < found.data_bytes < 200
    assert 50 < found.stack_bytes < app.stack
    assert found.stack_unknown == ()
    # integers only: no float and no 64-bit helper on a core that has neither
    assert not [name for name in found.library_calls if "aeabi" in name or name.startswith("__")]
    assert found.problems(app) == []
    large = StandIn(40000, 8000, 300, (), "", ())
    code, data = large.problems(app)
    assert "code and constants need about 40000 bytes of 32768 in code RAM: 7232 too many" in code.message
    assert "variables and stack need about 9024 bytes of 8192 in data RAM: 832 too many" in data.message
    assert SOURCE in code.message
    assert "not measured" in SOURCE


@pytest.mark.parametrize("precision", ["int8", "multiplier", "binary"])
def test_nets_on_raw_windows(precision: str) -> None:
    nets = (random_net(seed, precision) for seed in range(100))
    net = next(one for one in nets if one.tensors["input"].shape[1] == 3)
    window = net.tensors["input"].shape[0]
    classes = tuple(f"c{i}" for i in range(net.tensors[net.outputs[0]].shape[-1]))
    scaling = Scaling((0, 5, -9), (4, 3, 5))
    one = pipeline(model=net, features=(), scaling=scaling, window=window, stride=5, classes=classes)
    samples = np.random.default_rng(8).integers(-3000, 3000, (150, 3)).astype(np.int16)
    samples[70:90] = 32767
    agree(one, LSM, samples)


@pytest.mark.parametrize("kind", KINDS)
def test_detectors(kind: str) -> None:
    """The anomaly score is in the second output register, beside the threshold; the alarm is class 1."""
    one = detector(kind)
    agree(one, LSM, counts(1))
    agree(one, LSM, counts(2, 130))
    decided = run(one, counts(1)[1:]).decided
    assert {0, 1} <= set(decided.tolist())
    app, files = emit_ispu(one, LSM)
    try:
        found = stand_in(app, files)
    except ToolMissing as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    assert found.problems(app) == []
    assert not [name for name in found.library_calls if "aeabi" in name or name.startswith("__")]


# one change each to the program around the model; every one must be seen
MUTANTS = [
    ("app_ispu.c", "(void)app_init(&model);", "(void)app_init(&model); algo_00();"),
    ("app_ispu.c", "ISPU_SAMPLE(ISPU_ACC_Y)", "ISPU_SAMPLE(ISPU_ACC_X)"),
    ("app_ispu.c", "    windows++;\n", ""),
    ("app_ispu.c", "ISPU_DOUT(i + 1U)", "ISPU_DOUT(i + 2U)"),
    ("app_ispu.c", "result.changed != 0U", "result.changed == 0U"),
    ("app_ispu.c", "publish(result.decided, result.answer)", "publish(result.answer, result.decided)"),
    ("ispu_main.c", "    ispu_flags = 0;\n", ""),
    ("ispu_main.c", "flags & ISPU_INT1", "flags & ISPU_INT2"),
    ("ispu.h", "#define ISPU_ACC_Z 0x88U", "#define ISPU_ACC_Z 0x84U"),
]


@pytest.mark.parametrize(("file", "old", "new"), MUTANTS, ids=[old.strip() for _, old, _ in MUTANTS])
def test_a_change_around_the_model_is_seen(
    monkeypatch: pytest.MonkeyPatch, file: str, old: str, new: str
) -> None:
    app, files = emit_ispu(pipeline(), LSM)
    assert files[file].count(old) == 1
    changed = {**files, file: files[file].replace(old, new)}
    monkeypatch.setattr("tests.ispu.test_emit.emit_ispu", lambda *_: (app, changed))
    rng = np.random.default_rng(5)
    samples = (rng.integers(-2000, 2000, (400, 3)) // [1, 8, 24]).astype(np.int16)
    samples[40:80] //= 50
    with pytest.raises(AssertionError):
        agree(pipeline(), LSM, samples)
