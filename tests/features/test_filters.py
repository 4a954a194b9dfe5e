"""Integer biquads: equal to whole-number arithmetic, near their design, refused where they could overflow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from sensorai.errors import ConfigError
from sensorai.features.filters import Biquad, IntFilter, butterworth, quantise, resonator, run_filters


def plain(sections: tuple[Biquad, ...], x: list[int]) -> list[int]:
    """By the definition, in Python's whole numbers; the sum must fit int32 at every step."""
    for s in sections:
        past, out, rest = [0, 0, 0, 0], [], 4096
        for v in x:
            forward = s.b[0] * v + s.b[1] * past[0] + s.b[2] * past[1]
            back = -(s.a[0] * past[2] + s.a[1] * past[3])
            forward = (forward + (1 << s.shift) // 2) // (1 << s.shift)
            p = forward + (back + 1) // 2 + rest
            assert max(abs(forward), abs(back), abs(p)) < 2**31
            rest = p % 8192
            y = max(-32768, min(32767, p // 8192))
            past = [v, past[0], y, past[2]]
            out.append(y)
        x = out
    return x


FILTERS = (
    butterworth(2, 5.0, 104.0),
    butterworth(1, 20.0, 52.0),
    butterworth(4, 2.0, 104.0),
    butterworth(2, 0.5, 104.0, "highpass"),
    butterworth(4, (2.0, 10.0), 104.0, "bandpass"),
    butterworth(2, (12.0, 14.0), 104.0, "bandstop"),
    resonator(10.0, 4.0, 104.0),
)


@pytest.mark.parametrize("sections", FILTERS)
def test_equals_whole_numbers(sections: tuple[Biquad, ...]) -> None:
    rng = np.random.default_rng(3)
    steps = np.where(rng.random(400) < 0.1, 1, 0).cumsum() % 2 * 65535 - 32768
    for x in (steps, rng.integers(-32768, 32768, 400), rng.integers(-3, 4, 400), np.full(400, -32768)):
        samples = np.stack([x, x[::-1]], axis=1).astype(np.int16)
        got = run_filters([IntFilter(1, sections)], samples)
        assert got[:, 0].tolist() == samples[:, 0].tolist()
        assert got[:, 1].tolist() == plain(sections, samples[:, 1].tolist())


@pytest.mark.parametrize("sections", FILTERS)
def test_near_the_float_filter(sections: tuple[Biquad, ...]) -> None:
    rng = np.random.default_rng(4)
    samples = np.rint(rng.normal(0, 2000, (600, 1))).astype(np.int16)
    sos = np.array([[*np.array(s.b) / 2.0 ** (13 + s.shift), 1, *np.array(s.a) / 2.0**14] for s in sections])
    want = signal.sosfilt(sos, samples[:, 0].astype(float))
    got = run_filters([IntFilter(0, sections)], samples)[:, 0]
    assert np.abs(got - want).max() < 8 * len(sections)


@settings(max_examples=40, deadline=None)
@given(
    a2=st.integers(-16383, 16383),
    a1=st.floats(-0.999, 0.999),
    b=st.lists(st.integers(-32768, 32767), min_size=3),
)
def test_no_overflow_where_accepted(a2: int, a1: float, b: list[int]) -> None:
    """Whatever section is accepted, the signal that drives it hardest keeps within int32."""
    try:
        section = Biquad((b[0], b[1], b[2]), (int(np.clip(a1 * (16384 + a2), -32768, 32767)), a2), 0)
    except ConfigError:
        return
    worst = [-32768 if c > 0 else 32767 for c in section.b] * 12
    assert run_filters([IntFilter(0, (section,))], np.array([worst], np.int16).T)[:, 0].tolist() == plain(
        (section,), worst
    )


def test_mean_of_the_output_is_exact() -> None:
    """What a small input adds up to is not lost below the last bit: no dead zone."""
    sections = butterworth(2, 2.0, 104.0)
    for level in (1, -1, 3, 100):
        out = run_filters([IntFilter(0, sections)], np.full((2000, 1), level, np.int16))[1000:, 0]
        (s,) = sections
        gain = sum(s.b) / 2.0 ** (13 + s.shift) / ((16384 + sum(s.a)) / 16384)
        assert out.mean() == pytest.approx(level * gain, abs=0.01)


def test_design_meets_the_response() -> None:
    angle = np.linspace(0.01, 3.1, 300)
    wanted = signal.sosfreqz(signal.butter(4, (2.0, 10.0), "bandpass", fs=104.0, output="sos"), angle)[1]
    got = np.prod([s.response(angle) for s in butterworth(4, (2.0, 10.0), 104.0, "bandpass")], axis=0)
    assert np.abs(np.abs(got) - np.abs(wanted)).max() < 0.05


def test_two_filters_of_one_channel_follow_each_other() -> None:
    x = np.arange(-50, 50, dtype=np.int16)[:, None]
    a, b = FILTERS[0], FILTERS[6]
    both = run_filters([IntFilter(0, a), IntFilter(0, b)], x)
    assert both.tolist() == run_filters([IntFilter(0, a + b)], x).tolist()


def test_refusals() -> None:
    with pytest.raises(ConfigError, match="int16"):
        Biquad((32768, 0, 0), (0, 0), 0)
    with pytest.raises(ConfigError, match="int16"):
        Biquad((1, 0, 0), (0, 0), 16)
    with pytest.raises(ConfigError, match="gain too large"):
        Biquad((32767, 32767, 32767), (0, 0), 15)
    with pytest.raises(ConfigError, match="not stable"):
        Biquad((1, 0, 0), (0, 16384), 0)
    with pytest.raises(ConfigError, match="not stable"):
        Biquad((1, 0, 0), (-16384, 0), 0)
    Biquad((1, 0, 0), (-16383, 0), 0)
    with pytest.raises(ConfigError, match="between 0 and 52 Hz"):
        butterworth(2, 52.0, 104.0)
    with pytest.raises(ConfigError, match="between 0 and 52 Hz"):
        butterworth(2, (10.0, 2.0), 104.0, "bandpass")
    with pytest.raises(ConfigError, match="one cut-off, or two"):
        butterworth(2, 2.0, 104.0, "bandpass")
    with pytest.raises(ConfigError, match="14 fraction bits"):
        butterworth(4, 0.05, 104.0)
    with pytest.raises(ConfigError, match="quality above 0"):
        resonator(10.0, 0.0, 104.0)
    with pytest.raises(ConfigError, match="at least one section"):
        IntFilter(0, ())
    with pytest.raises(ConfigError, match="channel 2 of 1"):
        run_filters([IntFilter(2, FILTERS[0])], np.zeros((1, 1), np.int16))
    assert quantise([1.0, 0.0, 0.0], [0.0, 0.0]).b[0] == 2 ** (13 + quantise([1.0, 0, 0], [0, 0]).shift)
