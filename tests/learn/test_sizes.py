"""The size of a model: what fits, what is learnt, which is taken; on devices with little room."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from sensorai.cproject import runs
from sensorai.errors import Problem, TargetError
from sensorai.learn.sizes import first_that_fits
from sensorai.mcu import devices as mcu_devices
from sensorai.mcu.backend import BACKEND, McuBackend
from sensorai.model.pipeline import Pipeline
from sensorai.recording import Dataset
from sensorai.road import Need
from tests import roads
from tests.learn.make import dataset as make_dataset
from tests.need import need

LADDER = (64, 32, 16, 8, 4)


def needed(room: int) -> Callable[[int], Need]:
    """Sizes that take ten bytes a unit."""

    def need(size: int) -> Need:
        over = 10 * size - room
        problems = (Problem(f"{over} bytes too many", "here", "a larger device"),) if over > 0 else ()
        return Need(10 * size, 5, "counted", problems)

    return need


def test_the_largest_that_fits() -> None:
    learnt: list[int] = []

    def learn(size: int) -> int:
        learnt.append(size)
        return size

    size, why = first_that_fits(LADDER, str, needed(170), learn, 7, "because")
    assert (size, learnt) == (16, [16])
    assert [one.verdict for one in why.tried] == [
        "does not fit: 470 bytes too many",
        "does not fit: 150 bytes too many",
        "taken",
    ]
    assert [one.flash for one in why.tried] == [640, 320, 160]
    assert {one.seed for one in why.tried} == {7}
    assert why.why == "the largest that fits; because"
    assert first_that_fits(LADDER, str, needed(640), lambda n: n, 7, "it")[1].why.startswith("the usual size")


def test_where_memories_are_unknown_the_usual_is_taken() -> None:
    size, why = first_that_fits(LADDER, str, lambda n: None, lambda n: n, 7, "it")
    assert (size, why.tried[0].flash, why.source) == (64, None, "")


def test_nothing_fits() -> None:
    with pytest.raises(TargetError) as refusal:
        first_that_fits(LADDER, str, needed(39), lambda n: n, 0, "no reason")
    text = str(refusal.value)
    assert "even with 4, the smallest: 1 bytes too many" in text
    assert "a larger device" in text
    with pytest.raises(TargetError, match="even with 4"):
        first_that_fits(
            LADDER, str, lambda n: Need(n, 0, "", (Problem("too many"),)), lambda n: n, 0, "no reason"
        )


# ---------------------------------------------------------------- on devices

TINY = """
[device]
name = "TINY"
stands_for = []
source = "made up for this test"
mark = "inferred"

[core]
cpu = "cortex-m4"
source = "made up for this test"
mark = "inferred"

[memory]
flash_kib = {flash}
ram_kib = {ram}
source = "made up for this test"
mark = "inferred"
"""


def tiny(monkeypatch: pytest.MonkeyPatch, flash: int, ram: int = 4) -> None:
    """Put a device of so many KiB before all others."""
    part = mcu_devices.parse(TINY.format(flash=flash, ram=ram), "tiny.toml")
    known = (part, *mcu_devices.devices())
    monkeypatch.setattr(mcu_devices, "devices", lambda: known)


@pytest.fixture(scope="module")
def logs() -> Dataset:
    return make_dataset("abcdef", count=208)


def trained(logs: Dataset, model: str, net: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """The report of a training for the tiny device."""
    options: dict[str, Any] = {"target": "stm32", "device": "TINY", "window": 26, "stride": 26, "net": net}
    options["folds"] = 2
    return roads.made(logs, model=model, **options).report.figures


QUICK = {"features": 4, "epochs": 2, "tune_epochs": 1, "taught": False}


def test_a_net_for_a_device_with_little_flash(logs: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    need("gcc", "arm-none-eabi-gcc", "unicorn", "jax")
    tiny(monkeypatch, flash=4)
    report = trained(logs, "mlp", QUICK)
    cost, size = report["cost"]["library"], report["choices"]["size"]
    assert cost["flash"] <= 4096
    assert cost["ram"] + cost["stack"] <= 4096
    tried = {one["size"]: one for one in size["tried"]}
    assert size["chosen"] in tried
    assert tried[size["chosen"]]["verdict"] == "taken"
    # what was foreseen from the first weights is what the learnt net takes
    foreseen = tried[size["chosen"]]["flash"]
    assert abs(foreseen - cost["flash"]) <= 0.1 * foreseen


@pytest.mark.parametrize("model", ["tree", "mlp"])
def test_no_size_fits(logs: Dataset, monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    need("gcc", "arm-none-eabi-gcc", "unicorn", "jax")
    tiny(monkeypatch, flash=0)
    given = QUICK if model == "mlp" else None
    with pytest.raises(TargetError) as refusal:
        trained(logs, model, given)
    text = str(refusal.value)
    assert "the smallest: " in text
    assert "bytes of flash are" in text
    assert "more than TINY has; the largest layer is" in text
    assert "devices with room: " in text


def test_a_given_size_wins_and_is_refused_where_it_does_not_fit(
    logs: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("gcc", "arm-none-eabi-gcc", "unicorn", "jax")
    tiny(monkeypatch, flash=8, ram=8)
    report = trained(logs, "mlp", {**QUICK, "sizes": [9]})
    assert report["choices"]["size"] == {"chosen": "layers of 9", "why": "given", "source": "", "tried": ()}
    with pytest.raises(TargetError, match="more than TINY has; the largest layer is dense_2 with"):
        trained(logs, "mlp", {**QUICK, "sizes": [256, 64]})


def test_a_forest_gets_smaller_with_the_flash(logs: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    need("gcc", "arm-none-eabi-gcc", "unicorn")
    tiny(monkeypatch, flash=64)
    roomy = trained(logs, "forest")["choices"]["size"]
    assert roomy["tried"][0]["size"] == "10 trees of at most 32 leaves"
    needed = {one["size"]: one["flash"] for one in roomy["tried"]}

    def little(backend: McuBackend, pipeline: Pipeline, device: str) -> Need:
        got = need_of(backend, pipeline, device)
        over = got.flash >= max(needed.values())
        return replace(got, problems=(Problem("no room"),) if over else ())

    need_of = McuBackend.need
    monkeypatch.setattr(McuBackend, "need", little)
    size = trained(logs, "forest")["choices"]["size"]
    assert size["chosen"] != "10 trees of at most 32 leaves"
    size = trained(logs, "forest", {"trees": 3, "leaves": 5})["choices"]["size"]
    assert size["chosen"] == "3 trees of at most 5 leaves"
    assert size["why"] == "given"


def test_without_a_compiler_bytes_are_counted(logs: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    need("jax")
    monkeypatch.setattr("sensorai.cproject.backend.available", lambda name: False)
    monkeypatch.setattr("sensorai.mcu.backend.available", lambda name: False)
    tiny(monkeypatch, flash=1)
    report = trained(logs, "mlp", {**QUICK, "features": 24})
    size = report["choices"]["size"]
    assert size["source"].startswith("counted")
    assert "does not fit" in size["tried"][0]["verdict"]
    assert all("apt install" in level["missing"] for level in report["proof"]["levels"])
    assert report["cost"]["library"] is None


@pytest.mark.parametrize(("stack", "fits"), [(4036, True), (4037, False)])
def test_the_stack_is_part_of_the_ram(
    logs: Dataset, monkeypatch: pytest.MonkeyPatch, stack: int, fits: bool
) -> None:
    need("arm-none-eabi-gcc")
    tiny(monkeypatch, flash=64)
    options: dict[str, Any] = {"target": "stm32", "device": "TINY", "window": 26, "net": {"leaves": 4}}
    pipeline = roads.learnt(logs, model="tree", **options).model
    sizes = runs.Sizes("cortex-m4", 10, 60, stack, ())
    monkeypatch.setattr(runs, "sizes", lambda *_: sizes)
    got = BACKEND.need(pipeline, "TINY")
    assert (got.flash, got.ram) == (10, 60 + stack)
    assert (not got.problems) == fits
