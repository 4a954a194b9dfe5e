"""Units that cannot be right, for every sensor and unit; and logs that must not be refused."""

from __future__ import annotations

import numpy as np
import pytest

from sensorai.errors import DataError
from sensorai.formats.inspection import inspect
from sensorai.formats.plausible import check_told, check_units, doubts, misfits
from sensorai.recording import Channel, FloatArray, Recording


def log(values: FloatArray, sensor: str, unit: str) -> Recording:
    channels = tuple(Channel(f"{sensor}_{a}", unit) for a in "xyz")
    return Recording(values, channels, 50.0, name="log", source="log.csv")


def moving(size: float = 0.4, rows: int = 500) -> FloatArray:
    """Acceleration in g, around 1 g and never at rest."""
    rng = np.random.default_rng(0)
    out: FloatArray = rng.normal(0, size, (rows, 3)) + np.array([0.0, 0.0, 1.0])
    return out


def turning(size: float = 200.0) -> FloatArray:
    """Angular rate in dps."""
    return np.random.default_rng(1).normal(0, size, (500, 3))


@pytest.mark.parametrize(("true", "factor"), [("mg", 1000.0), ("m/s2", 9.80665)])
def test_acceleration_taken_as_g(true: str, factor: float) -> None:
    # shaken enough that m/s2 leave every full scale as well
    values = moving(0.4 if true == "mg" else 3.0) * factor
    if true == "m/s2":
        values[:100] = [0, 0, factor]  # a rest shows which unit it is
    one = log(values, "acc", "g")
    (found,) = misfits(one, {"acc": 16.0})
    assert (found.sensor, found.likely) == ("acc", true)
    assert found.share == pytest.approx(float((np.abs(values).max(axis=1) > 24).mean()))
    with pytest.raises(DataError, match="far beyond the 16 g that X can measure") as error:
        check_units([one], {"acc": 16.0}, "X")
    assert f"--unit acc={true} fits" in error.value.hint
    assert error.value.where == "log.csv"
    assert any("any known sensor" in note and f"--unit acc={true}" in note for note in inspect(one).notes)


def test_a_unit_that_is_not_clear_is_not_named() -> None:
    (found,) = misfits(log(moving() * 137.0, "acc", "g"))
    assert found.likely == ""
    assert "--unit acc=mg (mg|g|m/s2)" in found.hint


@pytest.mark.parametrize(("true", "said", "factor"), [("mdps", "dps", 1000.0), ("dps", "rad/s", 1.0)])
def test_angular_rates(true: str, said: str, factor: float) -> None:
    (found,) = misfits(log(turning() * factor, "gyro", said))
    assert found.likely == true


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("g", 1.0), ("mg", 1000.0), ("m/s2", 9.80665), ("", 1000.0), ("LSB", 16384.0), ("uT", 1e9)],
)
def test_right_units_and_unknown_ones_pass(unit: str, factor: float) -> None:
    one = log(moving() * factor, "acc", unit)
    check_units([one, log(turning(), "gyro", "dps"), log(turning() / 57.3, "gyro", "rad/s")])
    assert not any("far beyond" in note for note in inspect(one).notes)


def test_a_few_broken_rows_and_hard_shocks_pass() -> None:
    values = moving()
    values[7] = 1e9
    values[8] = np.nan
    values[9:19] = 23.0
    check_units([log(values, "acc", "g")], {"acc": 16.0})
    values[20:23] = 1000.0
    assert misfits(log(values, "acc", "g"), {"acc": 16.0}) == []  # four of 499: less than one in a hundred
    values[23] = 1000.0
    assert len(misfits(log(values, "acc", "g"), {"acc": 16.0})) == 1
    # half as much again as the full scale is the border
    check_units([log(np.full((50, 3), 24.0), "acc", "g")], {"acc": 16.0})
    with pytest.raises(DataError):
        check_units([log(np.full((50, 3), 24.1), "acc", "g")], {"acc": 16.0})
    check_units([log(np.zeros((0, 3)), "acc", "g")])


def test_the_worst_recording_is_named() -> None:
    good, some, all_ = moving(), moving(), moving() * 1000
    some[:50] = 500.0
    logs = [log(v, "acc", "g") for v in (good, some, all_)]
    with pytest.raises(DataError, match=r"in \d\d\d?% of the samples") as error:
        check_units(logs)
    assert "in 100%" in error.value.message or "in 9" in error.value.message


def test_doubts_are_said_once() -> None:
    still = np.tile([0.0, 0.0, 9.81], (50, 1))
    (text,) = doubts([log(still, "acc", "g"), log(still, "acc", "g"), log(still, "acc", "m/s2")])
    assert text.startswith("log and 1 more: at rest the acceleration is 9.81 g")


def both(acc: FloatArray, gyro: FloatArray, unit: str = "") -> Recording:
    channels = tuple(Channel(f"{s}_{a}", unit if s == "acc" else "") for s in ("acc", "gyro") for a in "xyz")
    return Recording(np.hstack([acc, gyro]), channels, 50.0, name="log", source="log.csv")


def test_all_units_that_are_missing_are_asked_for_at_once() -> None:
    still = both(moving() * 9.80665, turning(0.001))
    one = both(moving() * 9.80665, turning() / 57.3)
    with pytest.raises(DataError, match="the logs name no unit for acc and gyro") as error:
        check_told([still, one], ["acc", "gyro"])
    assert (
        error.value.hint
        == "say it with --unit acc=m/s2 --unit gyro=rad/s: the values look like m/s2 (acc) and rad/s (gyro)"
    )
    assert error.value.where == "log.csv"
    with pytest.raises(DataError, match="no unit for acc\n") as error:
        check_told([one], ["acc"])
    assert error.value.hint == "say it with --unit acc=m/s2: the values look like m/s2 (acc)"
    with pytest.raises(DataError, match="no unit for acc and gyro") as error:
        check_told([both(moving() * 137.0, turning())], ["acc", "gyro"])
    assert (
        error.value.hint
        == "say it with --unit acc=UNIT (mg|g|m/s2) --unit gyro=dps: the values look like dps (gyro)"
    )
    check_told([both(moving(), turning(), "g")], ["acc"])
