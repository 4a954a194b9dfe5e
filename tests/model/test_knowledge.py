"""Saved knowledge: bytes and back, refusals, and what people are shown."""

from __future__ import annotations

from dataclasses import replace
from zlib import crc32

import numpy as np
import pytest

from sensorai.errors import ConfigError, DataError
from sensorai.features import catalogue
from sensorai.features.catalogue import table
from sensorai.model import knowledge as saved
from sensorai.model import learner
from sensorai.model.gaussians import Gaussians
from sensorai.model.pipeline import model_inputs, windows
from sensorai.model.session import Session
from tests.verify.learning import learning, signal

ONE = learning(6)


def known() -> saved.Knowledge:
    session = Session(ONE)
    session.forget()
    session.learn(signal(5, 2000))
    session.freeze()
    return session.knowledge


@pytest.mark.parametrize("d", [1, 3, 16])
def test_bytes_and_back(d: int) -> None:
    before = saved.start(learning(d))
    blob = saved.pack(before)
    assert len(blob) == saved.blob_bytes(d) == 24 + 7 * d + 6 * d * (d + 1) // 2
    after = saved.unpack(blob)
    assert (after.moments, after.frozen, after.model) == (before.moments, before.frozen, before.model)
    for name in ("mean", "weight", "shift", "bias"):
        assert np.array_equal(getattr(after.tables, name), getattr(before.tables, name))
    assert saved.pack(after) == blob


def test_the_layout_is_fixed() -> None:
    """Byte for byte: a blob of today must be read by the devices of tomorrow."""
    moments = learner.Moments(0x01020304, 3, (1, -2), (5, -6, 7))
    tables = Gaussians(
        np.array([[8, -9]], np.int16),
        np.array([[[10, 0], [-11, 12]]], np.int16),
        np.array([[13, 14]], np.uint8),
        np.zeros(1, np.int32),
    )
    blob = saved.pack(saved.Knowledge(moments, tables, True, 0xA0B0C0D0))
    assert blob[:-4].hex(" ", 4) == " ".join(
        [
            *("53414c4b", "01020100", "d0c0b0a0", "04030201", "03000000"),
            *("01000000", "feffffff", "05000000", "faffffff", "07000000"),
            *("0800f7ff", "0a00f5ff", "0c000d0e"),
        ]
    )
    assert int.from_bytes(blob[-4:], "little") == crc32(blob[:-4])


def test_every_truncation_and_every_byte() -> None:
    blob = saved.pack(known())
    for end in range(len(blob)):
        with pytest.raises(DataError, match=r"no saved knowledge|damaged"):
            saved.unpack(blob[:end], "file")
    for place in range(len(blob)):
        changed = bytearray(blob)
        changed[place] ^= 0x40
        with pytest.raises(DataError, match=r"no saved knowledge|damaged") as caught:
            saved.unpack(bytes(changed), "file")
        assert caught.value.where == "file"
    with pytest.raises(DataError, match="no saved knowledge"):
        saved.unpack(blob + b"\0")


def test_messages_name_the_reason() -> None:
    blob = saved.pack(known())
    with pytest.raises(DataError, match="this is no saved knowledge") as caught:
        saved.unpack(b"PNG" + blob)
    assert "begins with SALK" in caught.value.hint
    with pytest.raises(DataError, match="of version 1, but of version 2"):
        saved.unpack(blob[:4] + b"\2" + blob[5:])
    with pytest.raises(DataError, match="its CRC is wrong"):
        saved.unpack(blob[:-1] + bytes([blob[-1] ^ 1]))
    with pytest.raises(DataError, match=f"{len(blob)} bytes for 7 inputs") as caught:
        saved.unpack(blob[:5] + b"\7" + blob[6:])
    assert str(saved.blob_bytes(7)) in caught.value.hint


def test_the_model_must_be_the_same() -> None:
    state = known()
    saved.check_model(state, ONE)
    saved.check_model(state, replace(ONE, name="b", wins=9, stride=3))
    with pytest.raises(DataError, match="is of 6 inputs, the model has 5"):
        saved.check_model(state, learning(5), "x")
    assert ONE.scaling is not None
    changed = (
        replace(ONE, window=20),
        replace(ONE, rate_hz=26.0),
        replace(ONE, channels=(replace(ONE.channels[0], lsb=0.1), *ONE.channels[1:])),
        replace(ONE, features=(replace(ONE.features[0], inputs=(1,)), *ONE.features[1:])),
        replace(ONE, scaling=replace(ONE.scaling, offset=(9, *ONE.scaling.offset[1:]))),
        learning(6, filtered=True),
    )
    assert len({saved.model_id(one) for one in (ONE, *changed)}) == 1 + len(changed)
    for other in changed:
        with pytest.raises(DataError, match="belongs to another model"):
            saved.check_model(state, other)
    with pytest.raises(ConfigError, match="does not learn"):
        saved.check_model(state, replace(ONE, learn=None))


def test_what_is_shown_is_what_the_features_were() -> None:
    """Means, deviations and correlations of the features themselves, in textbook units."""
    state = known()
    values = table(ONE.features, windows(signal(5, 2000), ONE.window, ONE.stride)).astype(np.float64)
    values *= [catalogue.factor(feature, ONE.window) for feature in ONE.features]
    shown = saved.inspect(state, ONE)
    assert [one.name for one in shown][:3] == ["VARIANCE_acc_x", "MEAN_acc_x", "PEAK_TO_PEAK_acc_x"]
    deviation = values.std(axis=0)
    # the grid has 16 steps in a deviation, and ends 16 of them from the middle
    inside = [one.deviation for one in shown]
    assert np.allclose(inside, deviation, rtol=0.05)
    assert (np.abs(np.array([one.mean for one in shown]) - values.mean(axis=0)) < 0.05 * deviation).all()
    got = np.array(saved.correlations(state.moments))
    assert np.abs(got - np.corrcoef(values.T)).max() < 0.03
    # the first row of the tables stands alone: its deviation is the whole one, but for the ridge
    assert abs(shown[0].table_deviation / shown[0].deviation - np.sqrt(1 + 1 / 64)) < 0.01
    assert all(abs(a.table_mean - a.mean) < 0.05 * a.deviation for a in shown)
    bare = saved.inspect(state)
    assert [one.name for one in bare] == [f"z{i}" for i in range(6)]


def test_nothing_learnt() -> None:
    session = Session(learning(2, started=False))
    assert [one.mean != one.mean for one in saved.inspect(session.knowledge)] == [True, True]
    assert saved.correlations(session.knowledge.moments) == [[1.0, 0.0], [0.0, 1.0]]
    assert not session.freeze()


def test_a_taught_pipeline_judges_as_the_device_would() -> None:
    """What training hands over is what a device that learnt the same windows would have frozen."""
    x = signal(11, 3000)
    inputs = model_inputs(ONE, windows(x, ONE.window, ONE.stride))[1]
    made = saved.taught(replace(ONE, learn=None), inputs)
    session = Session(ONE)
    session.forget()
    session.learn(x)
    session.freeze()
    assert made.learn == session.knowledge.moments
    fresh = Session(made)
    assert fresh.knowledge.tables.scores(inputs).tolist() == session.knowledge.tables.scores(inputs).tolist()
    with pytest.raises(DataError, match="too few"):
        saved.taught(ONE, inputs[:20])
