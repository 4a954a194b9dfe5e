"""One net over many devices."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sensorai.mcu import devices as mcu
from sensorai.nets import benchmarking, counting
from sensorai.nets.counting import Counted, Ran
from sensorai.nets.model import open_model
from sensorai.report.farm import farm_page, picture
from tests.cli.call import call, refused
from tests.need import need
from tests.nets.test_counting import dense


def test_a_few_devices(tmp_path: Path) -> None:
    need("arm-none-eabi-gcc")
    model = dense(tmp_path / "<b>.onnx")
    names = "STM32F411RE,STM32F401RE,LSM6DSO16IS"
    done = call("benchmark", model, "--devices", names, "--out", tmp_path / "farm", "--json")
    assert done.code == 0, done.err
    fast, slow, sensor = json.loads(done.out)["devices"]
    # the same core: the same call, slower by the clock
    assert fast["instructions"] == slow["instructions"]
    assert slow["seconds"] / fast["seconds"] == pytest.approx(100 / 84)
    assert fast["joules"] == pytest.approx(fast["cycles"] * 100e-12 * 3.0)
    assert (sensor["stand_in"], sensor["cycles"], sensor["seconds"]) == (True, None, None)
    assert sensor["instructions"] > fast["instructions"]
    page = (tmp_path / "farm" / "benchmark.html").read_text()
    assert "<b>.onnx" not in page
    assert "Arm DDI 0439" in page
    assert (tmp_path / "farm" / "benchmark.svg").read_text().startswith("<svg")
    refused(call("benchmark", model, "--devices", "STM32F411RE,STM32F4"), "named twice")
    refused(call("benchmark", model, "--devices", "nothing"), "nothing")
    refused(call("benchmark", model, "--devices", ","), "no device is named")


def test_every_device_of_the_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cores are counted once each; what is not known is not drawn."""
    model = open_model(dense(tmp_path / "d.onnx"))
    asked: list[tuple[str, str]] = []

    def count(
        graph: object, core: object, *, layers: bool, optimize: str, inside: tuple[bool, bool]
    ) -> Counted:
        assert not layers
        assert optimize == "balanced"
        asked.append((core.name, graph.isa))  # type: ignore[attr-defined]
        cycles = None if core.name == "cortex-m55" else 3e6  # type: ignore[attr-defined]
        return Counted(core.name, Ran(2_000_000, cycles), (), 70_000, 30_000, 100, ())  # type: ignore[attr-defined]

    monkeypatch.setattr(counting, "count", count)
    rows = benchmarking.benchmark(model, benchmarking.asked("all"), lambda _: None)
    assert len(rows) > len(mcu.devices())
    assert len(asked) == len(set(asked))
    assert {row.at.core for row in rows} == {core for core, _ in asked}
    by_name = {row.at.device: row for row in rows}
    assert by_name["STM32L053R8"].fits is False
    assert by_name["STM32F411RE"].fits is True
    assert by_name["cortex-m4"].fits is None
    drawing = picture("d.onnx", rows)
    assert drawing.count("estimated</title>") == sum(
        row.seconds is not None and row.at.flash is not None for row in rows
    )
    assert "STM32N657X0" not in drawing
    assert "STM32N657X0" in farm_page("d.onnx", rows)


def test_what_is_not_counted_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    # one that was not built before: builds are kept
    model = dense(tmp_path / "d.onnx", 7)
    done = call("benchmark", model, "--devices", "STM32F411RE", "--out", tmp_path / "farm")
    assert done.code == 0, done.err
    assert "cortex-m4: not counted: arm-none-eabi-gcc" in done.out
    assert not (tmp_path / "farm" / "benchmark.svg").exists()
    assert "not counted on cortex-m4" in (tmp_path / "farm" / "benchmark.html").read_text()
