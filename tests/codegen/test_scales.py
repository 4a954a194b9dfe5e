"""What the header says of rate, full scale and counts: exact, and usable by integer code."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from sensorai.codegen.project import emit_project
from sensorai.codegen.scales import exact, nominal, scales
from sensorai.cproject.scales import TYPICAL, UNITS
from sensorai.ispu.devices import devices as ispu_devices
from sensorai.model.pipeline import Count
from tests.need import need
from tests.verify.pipelines import forest


@pytest.mark.parametrize("sensor", TYPICAL)
def test_every_scale_of_the_training(sensor: str) -> None:
    for full_scale, lsb in TYPICAL[sensor]:
        assert nominal(UNITS[sensor], lsb) == (full_scale, {"acc": "G", "gyro": "DPS"}[sensor])


@pytest.mark.parametrize("device", ispu_devices(), ids=lambda one: one.name)
def test_every_scale_of_an_ispu(device: object) -> None:
    from sensorai.ispu.devices import IspuDevice

    assert isinstance(device, IspuDevice)
    for sensor, unit, per in (("acc", "mg", 1.0), ("gyro", "dps", 1000.0)):
        for full_scale in device.full_scales(sensor):
            assert nominal(unit, device.lsb(sensor, full_scale) / per)[0] == full_scale


def test_units_without_usual_ranges() -> None:
    assert nominal("uT", 0.1) == (0, "")
    assert nominal("mg", 0.09)[0] == 0


@pytest.mark.parametrize(
    ("rate", "numbers"), [(52.0, (52, 1)), (12.5, (25, 2)), (1.625, (13, 8)), (0.1, (1, 10))]
)
def test_rates_are_exact(rate: float, numbers: tuple[int, int]) -> None:
    assert exact(rate) == Fraction(*numbers)
    header = emit_project(replace(forest(), rate_hz=rate)).files["demo.h"]
    assert f"#define DEMO_RATE_HZ_NUM {numbers[0]}\n" in header
    assert f"#define DEMO_RATE_HZ_DEN {numbers[1]}\n" in header


def test_channels_of_a_sensor_that_differ_have_their_own() -> None:
    channels = (Count("acc_x", "mg", 0.061), Count("acc_y", "mg", 0.122), Count("temp a", "°C", 1e-7))
    found = scales((*channels, Count("temp-a", "°C", 0.5)))
    assert [str(one.name) for one in found] == ["ACC_X", "ACC_Y", "TEMP_A", "TEMP_A_2"]
    assert [one.full_scale for one in found] == [2, 4, 0, 0]
    assert found[2].fraction == Fraction(1, 10**7)
    assert scales([Count("acc_x", "mg", 1e-12)])[0].fraction is None


CHECK = """#include "demo.h"

#if DEMO_ACC_FULL_SCALE_G != 4 || DEMO_RATE_MILLIHZ != 52000 || DEMO_WINDOW != 26 || DEMO_STRIDE != 13
#error "not what was trained"
#endif

int check(void);
int check(void)
{
    /* the scale is the same as a fraction and with a point */
    return DEMO_ACC_LSB * DEMO_ACC_LSB_DEN != DEMO_ACC_LSB_NUM || DEMO_RATE_HZ_NUM != 52 * DEMO_RATE_HZ_DEN;
}

int main(void) { return check(); }
"""


def test_macros_in_a_program(tmp_path: Path) -> None:
    need("gcc")
    (tmp_path / "demo.h").write_text(emit_project(forest()).files["demo.h"])
    (tmp_path / "check.c").write_text(CHECK)
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    subprocess.run(["gcc", *flags, "check.c", "-o", "check"], cwd=tmp_path, check=True)
    assert subprocess.run([str(tmp_path / "check")], check=False).returncode == 0


def test_the_readme_says_what_to_set() -> None:
    text = emit_project(forest()).files["README.md"]
    assert (
        "| acc_x, acc_y, acc_z | ±4 g | 0.122 mg | `DEMO_ACC_FULL_SCALE_G`, `DEMO_ACC_LSB_NUM, _DEN` |"
        in text
    )
    assert "`result.saturated`" in text
