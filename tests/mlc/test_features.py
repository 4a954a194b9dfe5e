"""Every feature, filter, norm and window rule against the integer reference, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensorai.errors import ConfigError, DataError
from sensorai.mlc import half
from sensorai.mlc.config import (
    ABSOLUTE_KINDS,
    FEATURE_CODES,
    THRESHOLD_KINDS,
    Feature,
    Filter,
    MlcConfig,
    Source,
)
from sensorai.mlc.features import FeatureStream, inputs, numeric_style, table
from sensorai.recording import Channel, Recording
from tests.mlc import reference

CHANNELS = tuple(Channel(f"{s}_{a}", u) for s, u in (("acc", "mg"), ("gyro", "dps")) for a in "xyz")
FILTERS = (
    Filter("HP", "acc", "V"),
    Filter("BP", "acc", "V2", (half.nearest(-1.66), half.nearest(0.81), half.nearest(0.09))),
    Filter("IIR1", "acc", "XYZ", tuple(half.nearest(c) for c in (0.2, 0.1, -0.7))),
    Filter("IIR2", "gyro", "V", tuple(half.nearest(c) for c in (0.3, 0.2, 0.1, -0.4, 0.3))),
    Filter("HP", "gyro", "XYZ"),
)


def every_feature(threshold: float) -> tuple[Feature, ...]:
    sources = [Source("acc", a) for a in ("X", "Y", "Z", "V", "V2")] + [Source("gyro", a) for a in ("Z", "V")]
    sources += [Source(f.sensor, a, i) for i, f in enumerate(FILTERS) for a in f.outputs]
    out = []
    for source in sources:
        for kind in FEATURE_CODES:
            bits = half.nearest(threshold) if kind in THRESHOLD_KINDS else None
            out.append(Feature(kind, source, threshold=bits))
            if kind in ABSOLUTE_KINDS:
                out.append(Feature(kind, source, absolute=True))
    return tuple(out)


def configuration(features: tuple[Feature, ...], window: int, device: str = "LSM6DSV16X") -> MlcConfig:
    return MlcConfig(device, window, 30.0, ("acc", "gyro"), FILTERS, features, ())


def log(samples: Any, **more: Any) -> Recording:
    return Recording(np.asarray(samples, float), CHANNELS, 30.0, **more)


def noise(n: int, seed: int, size: float = 1500.0) -> Recording:
    rng = np.random.default_rng(seed)
    rows = rng.normal(0, size, (n, 6)) + np.array([0, 0, 1000, 0, 0, 0])
    rows[n // 3 : n // 2] = rows[n // 3]  # a constant stretch
    return log(np.round(rows, 1))


def signals(recording: Recording, feature: Feature) -> list[int]:
    block = inputs(configuration((feature,), 10), recording, numeric_style("current"))
    full = {s: [half.values_to_bits(row).tolist() for row in b] for s, b in block.items()}
    source = feature.source
    if source.axis in ("X", "Y", "Z"):
        plain = full[source.sensor]["XYZ".index(source.axis)]
    else:
        combine = reference.norm if source.axis == "V" else reference.squared_norm
        plain = [combine(*xyz) for xyz in zip(*full[source.sensor], strict=True)]
    return plain if source.filter is None else reference.filtered(plain, FILTERS[source.filter])


@pytest.mark.parametrize(
    ("window", "threshold", "size"), [(13, 0.0, 1500.0), (7, 0.5, 300.0), (40, 0.125, 40000.0)]
)
def test_every_feature_equals_the_integer_reference(window: int, threshold: float, size: float) -> None:
    recording = noise(3 * window + 5, window, size)
    features = every_feature(threshold)
    got = half.values_to_bits(table(configuration(features, window), recording).values)
    assert got.shape == (3, len(features))
    for i, feature in enumerate(features):
        expected = reference.windows(signals(recording, feature), feature, window)
        same = [
            g == e or (g & 0x7C00 == 0x7C00 and e & 0x7C00 == 0x7C00)
            for g, e in zip(got[:, i], expected, strict=True)
        ]
        assert all(same), (feature, got[:, i].tolist(), expected)


@pytest.mark.parametrize("chunk", [1, 3, 13, 14, 100])
def test_pieces_give_the_rows_of_the_whole(chunk: int) -> None:
    recording = noise(60, 3)
    config = configuration(every_feature(0.25), 13)
    whole = table(config, recording).values
    stream = FeatureStream(config)
    style = numeric_style("current")
    parts = [stream.push(inputs(config, recording.slice(i, i + chunk), style)) for i in range(0, 60, chunk)]
    assert np.array_equal(np.concatenate(parts).view(np.int64), whole.view(np.int64))


def test_constant_window() -> None:
    rows = np.tile([0.0, 0.0, 1000.0, 0.0, 0.0, 0.0], (20, 1))
    kinds = tuple(
        Feature(k, Source("acc", "Z"), threshold=0 if k in THRESHOLD_KINDS else None) for k in FEATURE_CODES
    )
    values = table(configuration(kinds, 10), log(rows)).values
    one_g = half.to_float(0x3C01)  # 16,393 steps of 0.061 mg
    by_kind = dict(zip(FEATURE_CODES, values.T.tolist(), strict=True))
    assert by_kind["PEAK_TO_PEAK"] == [0.0, 0.0]
    assert by_kind["MINIMUM"] == by_kind["MAXIMUM"] == [one_g, one_g]
    assert by_kind["VARIANCE"][1] == pytest.approx(0.0, abs=2e-3)
    # the rise from 0 at the start counts for no crossing (a touch does not count)
    assert by_kind["ZERO_CROSSING"][0] == 0.0
    # but the buffer of the peak detector starts at 0 too: a dip before the rise, a peak (q >= s) after it
    assert by_kind["PEAK_DETECTOR"] == [2.0, 0.0]


def test_window_of_one_sample_and_empty_log() -> None:
    features = (Feature("MEAN", Source("acc", "X")),)
    values = table(configuration(features, 1), log(np.full((3, 6), 500.0))).values
    assert values.shape == (3, 1)
    assert table(configuration(features, 5), log(np.zeros((0, 6)))).values.shape == (0, 1)
    assert table(configuration(features, 5), log(np.zeros((4, 6)))).values.shape == (0, 1)


def test_saturation_gives_infinity_not_nonsense() -> None:
    rows = np.full((10, 6), 250000.0)
    features = (Feature("ENERGY", Source("acc", "V2")), Feature("MAXIMUM", Source("acc", "V2")))
    values = table(configuration(features, 10), log(rows)).values
    assert values[0].tolist() == [np.inf, np.inf]


def test_zero_crossings_count_twice_without_hysteresis() -> None:
    rows = np.zeros((20, 6))
    rows[:, 0] = np.where(np.arange(20) % 2, 100.0, -100.0)
    both = Feature("ZERO_CROSSING", Source("acc", "X"), threshold=0)
    values = table(configuration((both,), 10), log(rows)).values[:, 0]
    assert values.tolist() == [18.0, 20.0]  # nine and ten crossings


def test_units_of_the_device() -> None:
    mean = (Feature("MEAN", Source("acc", "X")),)
    rows = np.full((10, 6), 1000.0)
    plain = table(configuration(mean, 1), log(rows)).values[0, 0]
    wide = table(configuration(mean, 1, "LSM6DSO32X"), log(rows)).values[0, 0]
    assert wide == plain / 2
    gyro = table(configuration((Feature("MEAN", Source("gyro", "X")),), 1), log(rows)).values[0, 0]
    assert gyro == half.to_float(half.toward_zero(1000 * np.pi / 180))


@pytest.mark.parametrize(
    ("style", "rows"), [("current", 4), ("unico-c", 4), ("unico-b", 3), ("unico", 3), ("stedgeai", 2)]
)
def test_window_policies(style: str, rows: int) -> None:
    minimum = (Feature("MINIMUM", Source("acc", "V")),)
    recording = log(np.full((43, 6), 800.0))
    config = configuration(minimum, 10)
    assert len(table(config, recording, style=style).values) == rows
    later = table(config, recording, style=style, first=False).values
    assert len(later) == rows
    # the inserted zero sample of the oldest tool shows in the minimum
    assert (later[0, 0] == 0.0) == (style == "unico")


def test_refusals() -> None:
    config = configuration((Feature("MEAN", Source("gyro", "X")),), 10)
    acc_only = Recording(np.zeros((20, 3)), CHANNELS[:3], 30.0)
    with pytest.raises(DataError, match=r"gyroscope.*gyro_x"):
        table(config, acc_only)
    with pytest.raises(ConfigError, match="unknown numeric style"):
        table(config, acc_only, style="unicorn")
